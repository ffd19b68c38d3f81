//! A table in Markdown, with what is to be said of its cells below it.

use std::fmt;

use super::{
    number,
    results::{Piece, Results, Turns, Who},
};
use crate::record::{Figures, Latency};

/// How much of a reason is shown; the rest is in the results.
const REASON: usize = 300;

/// Shown where nothing was measured.
pub(super) const NONE: &str = "–";

#[derive(Debug, Default)]
pub(super) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

/// A column of a table with a row for each peer.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) title: String,
    pub(super) piece: Piece,
    pub(super) show: Show,
}

/// What a cell shows of the rounds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Show {
    /// Its median, least and most.
    Value(fn(&Figures) -> Option<f64>),
    /// Median, 99th and 99.9th percentile, the median of the rounds each.
    Times(fn(&Figures) -> Option<Latency>),
}

impl Table {
    pub(super) fn new(head: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            head: head.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    pub(super) fn row(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// A row for each peer that was measured at any of it.
    pub(super) fn by_peer(results: &Results, columns: &[Column]) -> Self {
        let titles = columns.iter().map(|column| column.title.as_str());
        let mut table = Self::new([""].into_iter().chain(titles));
        let pieces: Vec<_> = columns.iter().map(|column| &column.piece).collect();
        for who in results.who(&pieces) {
            let mut row = vec![who.to_string()];
            for column in columns {
                let turns = results.turns(&who, &column.piece);
                row.push(table.cell(&turns, column.show, &who, &column.title));
            }
            table.row(row);
        }
        table
    }

    /// What a cell shows. The reason of a failure goes below the table.
    pub(super) fn cell(&mut self, turns: &Turns<'_>, show: Show, who: &Who, work: &str) -> String {
        if !turns.failed.is_empty() {
            self.failed(turns, who, work);
            return "failed".to_owned();
        }
        let text = match show {
            Show::Value(value) => turns.spread(value).as_ref().map(number::spread),
            Show::Times(times) => percentiles(turns, times),
        };
        text.unwrap_or_else(|| NONE.to_owned())
    }

    pub(super) fn failed(&mut self, turns: &Turns<'_>, who: &Who, work: &str) {
        let rounds = turns.failed.len() + turns.good.len();
        // One reason is enough to begin with; all of them are in the results.
        if let Some((round, why)) = turns.failed.first() {
            let failed = turns.failed.len();
            let work = work.replace("<br>", " ");
            self.note(format!(
                "failed: {who}, {work}, in {failed} of {rounds} rounds; round {round}: {}",
                code(why)
            ));
        }
    }

    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

fn percentiles(turns: &Turns<'_>, times: fn(&Figures) -> Option<Latency>) -> Option<String> {
    let p50 = turns.spread(|figures| Some(times(figures)?.p50))?;
    let p99 = turns.spread(|figures| Some(times(figures)?.p99))?;
    let p999 = turns.spread(|figures| Some(times(figures)?.p999))?;
    let [p50, short_p99, p999] = [p50, p99, p999].map(|spread| number::short(spread.median));
    let mut text = format!("{p50} / {short_p99} / {p999}");
    if p99.count > 1 {
        let (least, most) = (number::short(p99.least), number::short(p99.most));
        text += &format!("<br><sub>p99 {least}–{most}</sub>");
    }
    Some(text)
}

/// As it is, whatever is in it.
fn code(text: &str) -> String {
    let text = text.replace('`', "'");
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = text.char_indices().nth(REASON) {
        text.truncate(end);
        text.push('…');
    }
    format!("`{text}`")
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, cells: &[String]| {
            let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            writeln!(f, "| {} |", cells.join(" | "))
        };
        line(f, &self.head)?;
        let numbers = "---:|".repeat(self.head.len().saturating_sub(1));
        writeln!(f, "|:---|{numbers}")?;
        self.rows.iter().try_for_each(|row| line(f, row))?;
        if !self.notes.is_empty() {
            writeln!(f)?;
        }
        self.notes
            .iter()
            .try_for_each(|note| writeln!(f, "- {note}"))
    }
}
