//! The goals: CPU time a delivery, against the limit of the kernel, the peers, and what was promised.

use super::{
    number,
    results::{Piece, Results, Spread, Who},
    table::{NONE, Show, Table},
};
use crate::record::Figures;

/// The two that do nothing but read and write; the cheaper of them is the limit.
const LIMITS: [&str; 2] = ["relay", "relay-batched"];

/// The columns after the limit.
const PEERS: [&str; 9] = [
    "tokio-drain",
    "tokio-mpsc",
    "redis",
    "asyncio",
    "threads",
    JUDGED,
    "chinwagd-smol",
    "chinwagd-async-std",
    "chinwagd-threads",
];

/// Whose figures are held against the goals.
const JUDGED: &str = "chinwagd-tokio";

/// A row: some work, and what it may cost.
#[derive(Debug)]
pub(super) struct Goal {
    pub(super) title: &'static str,
    pub(super) piece: Piece,
    pub(super) bound: Bound,
}

/// What it may cost.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound {
    /// So many microseconds, set on a machine where the limit was that.
    Micros { most: f64, limit_there: f64 },
    /// So many times the limit.
    Ratio(f64),
}

/// All of them, in the order of the table.
pub(super) fn all() -> Vec<Goal> {
    let room = |title, members, senders, window, bound| Goal {
        title,
        piece: Piece::new(
            "room",
            &[
                ("members", members),
                ("senders", senders),
                ("window", window),
            ],
        ),
        bound,
    };
    let direct = |title, window, bound| Goal {
        title,
        piece: Piece::new("direct", &[("users", 100), ("window", window)]),
        bound,
    };
    let micros = |most, limit_there| Bound::Micros { most, limit_there };
    vec![
        room("room of 100, 4×16", 100, 4, 16, micros(0.26, 0.22)),
        room("room of 1,000, 4×16", 1_000, 4, 16, micros(0.31, 0.26)),
        direct("direct, 100 users, window 16", 16, micros(0.8, 0.60)),
        direct("direct, 100 users, window 1", 1, Bound::Ratio(1.1)),
        room("room of 100, 1×1", 100, 1, 1, Bound::Ratio(1.05)),
        room("room of 1,000, 1×1", 1_000, 1, 1, Bound::Ratio(1.05)),
        Goal {
            title: "connect, register, close",
            piece: Piece::new("connect", &[]),
            bound: Bound::Ratio(1.1),
        },
    ]
}

pub(super) fn part(results: &Results) -> String {
    let head = ["CPU µs per delivery", "limit"].into_iter().chain(PEERS);
    let judged = ["goal", "÷ limit", "chinwagd-tokio has it"];
    let mut table = Table::new(head.chain(judged));
    for goal in all() {
        let limit = limit(results, &goal, &mut table);
        let mut row = vec![goal.title.to_owned()];
        row.push(limit.map_or(NONE.to_owned(), |(name, spread)| {
            format!("{}<br><sub>{name}</sub>", number::spread(&spread))
        }));
        for peer in PEERS {
            let who = Who::new(peer, None);
            let turns = results.turns(&who, &goal.piece);
            row.push(table.cell(&turns, Show::Value(cpu), &who, goal.title));
        }
        let limit = limit.map(|(_, spread)| spread.median);
        let who = Who::new(JUDGED, None);
        let turns = results.turns(&who, &goal.piece);
        let cost = turns.sound(cpu).map(|spread| spread.median);
        row.push(goal.bound.text(limit));
        row.push(match (cost, limit) {
            (Some(cost), Some(limit)) => format!("{:.2}", cost / limit),
            _ => NONE.to_owned(),
        });
        row.push(match turns.failed.is_empty() {
            true => goal.bound.verdict(cost, limit),
            false => "missed: it failed".to_owned(),
        });
        table.row(row);
    }
    table.to_string()
}

fn cpu(figures: &Figures) -> Option<f64> {
    figures.cpu_us
}

/// The cheaper one of those that did it right.
fn limit(results: &Results, goal: &Goal, table: &mut Table) -> Option<(&'static str, Spread)> {
    let mut best: Option<(&'static str, Spread)> = None;
    for name in LIMITS {
        let who = Who::new(name, None);
        let turns = results.turns(&who, &goal.piece);
        table.failed(&turns, &who, goal.title);
        if let Some(spread) = turns.sound(cpu)
            && best.is_none_or(|(_, best)| spread.median < best.median)
        {
            best = Some((name, spread));
        }
    }
    best
}

impl Bound {
    /// The goal, as far as it can be said without or with the limit of this run.
    pub(super) fn text(self, limit: Option<f64>) -> String {
        let here = |ratio: f64| {
            limit.map_or(String::new(), |limit| {
                format!(" = {}", number::short(ratio * limit))
            })
        };
        match self {
            Self::Micros { most, .. } => {
                let ratio = self.ratio();
                format!(
                    "≤ {most:.2}<br><sub>≤ {ratio:.2} × limit{}</sub>",
                    here(ratio)
                )
            }
            Self::Ratio(ratio) => format!("≤ {ratio} × limit{}", here(ratio)),
        }
    }

    /// Whether that cost is within it; both ways for what was set in microseconds on another machine.
    pub(super) fn verdict(self, cost: Option<f64>, limit: Option<f64>) -> String {
        let Some(cost) = cost else {
            return NONE.to_owned();
        };
        let word = |is_met| if is_met { "met" } else { "missed" };
        let ratio = limit.map(|limit| word(cost <= self.ratio() * limit));
        match (self, ratio) {
            (Self::Ratio(_), None) => NONE.to_owned(),
            (Self::Ratio(_), Some(ratio)) => format!("**{ratio}**"),
            (Self::Micros { most, .. }, None) => format!("**{}**", word(cost <= most)),
            (Self::Micros { most, .. }, Some(ratio)) => {
                format!(
                    "**{}**<br><sub>as a ratio: {ratio}</sub>",
                    word(cost <= most)
                )
            }
        }
    }

    fn ratio(self) -> f64 {
        match self {
            // As it was written down, with two decimals.
            Self::Micros { most, limit_there } => (most / limit_there * 100.0).round() / 100.0,
            Self::Ratio(ratio) => ratio,
        }
    }
}
