//! The results as a table for a terminal: medians, with the least and the most in parentheses.

use std::fmt::Write as _;

use crate::record::{Figures, Measured};

/// A column: its heading, what it shows, and with how many decimals.
type Column = (&'static str, fn(&Figures) -> Option<f64>, usize);

const COLUMNS: [Column; 8] = [
    ("CPU µs each", |figures| figures.cpu_us, 3),
    ("each/s", |figures| figures.per_second, 0),
    ("calls each", |figures| figures.syscalls, 3),
    ("switches each", |figures| figures.switches, 4),
    ("bytes each", |figures| figures.bytes_per_connection, 0),
    (
        "p50 µs",
        |figures| figures.latency_us.map(|times| times.p50),
        0,
    ),
    (
        "p99 µs",
        |figures| figures.latency_us.map(|times| times.p99),
        0,
    ),
    (
        "last p50 µs",
        |figures| figures.last_us.map(|times| times.p50),
        0,
    ),
];

/// One block for each piece of work, with a line for each peer.
pub(super) fn of(all: &[Measured]) -> String {
    let mut text = String::new();
    for (number, first) in all.iter().enumerate() {
        let same = |other: &&Measured| is_same_work(first, other);
        if all[..number].iter().any(|other| is_same_work(first, other)) {
            continue;
        }
        let work = first
            .work
            .iter()
            .map(|(key, value)| format!(" {key}={value}"));
        let _ = writeln!(text, "\n{}{}", first.scenario, work.collect::<String>());
        let all: Vec<_> = all.iter().filter(same).collect();
        block(&all, &mut text);
    }
    text
}

fn is_same_work(one: &Measured, other: &Measured) -> bool {
    (&one.scenario, &one.work) == (&other.scenario, &other.work)
}

fn block(all: &[&Measured], text: &mut String) {
    let shown = |column: &&Column| {
        all.iter()
            .any(|measured| column.1(&measured.figures).is_some())
    };
    let columns: Vec<_> = COLUMNS.iter().filter(shown).collect();
    let mut rows = vec![vec![String::new()]];
    rows[0].extend(columns.iter().map(|column| column.0.to_owned()));
    let mut failures = Vec::new();
    let mut names: Vec<String> = all.iter().map(|measured| who(measured)).collect();
    names.sort();
    names.dedup();
    for name in names {
        let its: Vec<_> = all
            .iter()
            .filter(|measured| who(measured) == name)
            .collect();
        let good = its.iter().filter(|measured| measured.failed.is_none());
        let good: Vec<_> = good.map(|measured| &measured.figures).collect();
        let mut row = vec![name.clone()];
        row.extend(columns.iter().map(|column| cell(column, &good)));
        rows.push(row);
        let failed = its
            .iter()
            .filter_map(|measured| Some((measured.round, measured.failed.as_ref()?)));
        failures.extend(
            failed.map(|(round, why)| format!("  {name}, round {}: FAILED: {why}\n", round + 1)),
        );
    }
    align(&rows, text);
    text.extend(failures);
}

fn who(measured: &Measured) -> String {
    match &measured.wire {
        Some(wire) => format!("{} ({wire})", measured.peer),
        None => measured.peer.clone(),
    }
}

fn cell(column: &Column, figures: &[&Figures]) -> String {
    let (_, value, decimals) = *column;
    let mut values: Vec<_> = figures
        .iter()
        .filter_map(|figures| value(figures))
        .collect();
    values.sort_by(f64::total_cmp);
    match values[..] {
        [] => "-".to_owned(),
        [only] => format!("{only:.decimals$}"),
        [least, .., most] => format!(
            "{:.decimals$} ({least:.decimals$}-{most:.decimals$})",
            median(&values)
        ),
    }
}

/// Of sorted values, of which there is at least one.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

/// Names to the left, numbers to the right.
fn align(rows: &[Vec<String>], text: &mut String) {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<_> = (0..rows[0].len()).map(width).collect();
    for row in rows {
        let _ = write!(text, "  {:<1$}", row[0], widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(peer: &str, round: usize, cpu_us: f64) -> Measured {
        Measured {
            scenario: "room".to_owned(),
            work: [("members".to_owned(), 10)].into(),
            peer: peer.to_owned(),
            round,
            figures: Figures {
                cpu_us: Some(cpu_us),
                ..Figures::default()
            },
            ..Measured::default()
        }
    }

    #[test]
    fn medians_stand_with_the_least_and_the_most() {
        let all = [
            measured("b", 0, 3.0),
            measured("a", 0, 0.5),
            measured("b", 1, 1.0),
            measured("b", 2, 2.0),
        ];
        let table = of(&all);
        assert!(table.contains("room members=10\n"), "{table}");
        assert!(table.contains("2.000 (1.000-3.000)"), "{table}");
        assert_eq!(median(&[1.0, 2.0]), 1.5);
    }

    #[test]
    fn a_failure_has_its_reason_and_no_figures() {
        let mut failed = measured("a", 0, 9.0);
        failed.failed = Some("one is lost".to_owned());
        let table = of(&[failed]);
        assert!(table.contains("a, round 1: FAILED: one is lost"), "{table}");
        assert!(!table.contains("9.000"), "{table}");
    }
}
