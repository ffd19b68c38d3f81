//! The plots: what is in each of them.

use self::{
    dots::Row,
    lines::{Panel, Plot, Series},
};
use super::{
    number, parts,
    results::{Piece, Results, Spread, Who},
};
use crate::record::Figures;

pub(crate) use self::time::{Curve, draw as over_time};

mod canvas;
mod dots;
mod lines;
mod scale;
mod style;
mod time;

/// All plots, by the names of their files.
pub(super) fn all(results: &Results) -> Result<Vec<(&'static str, String)>, String> {
    Ok(vec![
        ("room-cost.svg", lines::draw(&room_cost(results))?),
        ("latency.svg", lines::draw(&latency(results))?),
        ("memory.svg", lines::draw(&memory(results))?),
        ("direct-cost.svg", direct_cost(results)?),
    ])
}

fn room_cost(results: &Results) -> Plot {
    let sizes = results.values("room", "members");
    let panel = |title: &str, senders, window| {
        let point = |&members: &u64| (members, parts::room(members, senders, window));
        panel(
            results,
            title,
            sizes.iter().map(point).collect(),
            |figures| figures.cpu_us,
        )
    };
    Plot {
        x: "members of the room",
        y: "server CPU per delivery, µs",
        panels: vec![
            panel("One sender, one message in flight", 1, 1),
            panel("Four senders, 16 messages in flight each", 4, 16),
        ],
    }
}

fn latency(results: &Results) -> Plot {
    let rates = results.values("paced", "rate");
    let panel = |title: &str, value: fn(&Figures) -> Option<f64>| {
        let point = |&rate: &u64| (rate, Piece::new("paced", &[("rate", rate)]));
        panel(results, title, rates.iter().map(point).collect(), value)
    };
    Plot {
        x: "messages a second to a room of 100",
        y: "from sending to receipt, µs",
        panels: vec![
            panel("Median", |figures| Some(figures.latency_us?.p50)),
            panel("99th percentile", |figures| Some(figures.latency_us?.p99)),
        ],
    }
}

fn memory(results: &Results) -> Plot {
    let counts = results.values("idle", "connections");
    let point = |&count: &u64| (count, Piece::new("idle", &[("connections", count)]));
    let points = counts.iter().map(point).collect();
    Plot {
        x: "idle connections",
        y: "resident bytes per connection",
        panels: vec![panel(
            results,
            "Memory of idle connections",
            points,
            |figures| figures.bytes_per_connection,
        )],
    }
}

/// A line for each peer, spoken to in its own way. What failed is not in it.
fn panel(
    results: &Results,
    title: &str,
    points: Vec<(u64, Piece)>,
    value: impl Fn(&Figures) -> Option<f64>,
) -> Panel {
    let pieces: Vec<_> = points.iter().map(|(_, piece)| piece).collect();
    let series = |who: Who| {
        let known = |(x, piece): &(u64, Piece)| Some((*x, sound(results, &who, piece, &value)?));
        let points: Vec<_> = points.iter().filter_map(known).collect();
        (!points.is_empty()).then_some(Series { who, points })
    };
    let all = results.who(&pieces).into_iter();
    Panel {
        title: title.to_owned(),
        series: all
            .filter(|who| who.wire.is_none())
            .filter_map(series)
            .collect(),
    }
}

/// What can be drawn where an axis may be logarithmic.
fn sound(
    results: &Results,
    who: &Who,
    piece: &Piece,
    value: impl Fn(&Figures) -> Option<f64>,
) -> Option<Spread> {
    let spread = results.turns(who, piece).sound(value)?;
    (spread.least > 0.0).then_some(spread)
}

fn direct_cost(results: &Results) -> Result<String, String> {
    let piece = |window| Piece::new("direct", &[("users", 100), ("window", window)]);
    let (one, many) = (piece(1), piece(16));
    let all = results.who(&[&one, &many]).into_iter();
    let mut rows: Vec<_> = all
        .filter(|who| who.wire.is_none())
        .map(|who| Row {
            one: sound(results, &who, &one, |figures| figures.cpu_us),
            many: sound(results, &who, &many, |figures| figures.cpu_us),
            who,
        })
        .filter(|row| row.one.is_some() || row.many.is_some())
        .collect();
    // The cheapest on top; those with one of the two only by that one.
    let cost = |row: &Row| row.many.or(row.one).map_or(0.0, |spread| spread.median);
    rows.sort_by(|one, other| cost(one).total_cmp(&cost(other)));
    dots::draw(&rows)
}

/// At the end of a line or beside a dot.
fn label(spread: &Spread) -> String {
    number::short(spread.median)
}
