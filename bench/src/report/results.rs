//! The results of one run or more, and how to find in them what a table or a plot shows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::record::{Figures, Line, Machine, Measured};

/// In this order they stand in tables; others follow by name.
const ORDER: [&str; 14] = [
    "chinwagd-tokio",
    "chinwagd-smol",
    "chinwagd-async-std",
    "chinwagd-threads",
    "chinwagd-irc",
    "relay",
    "relay-batched",
    "tokio-drain",
    "tokio-mpsc",
    "redis",
    "asyncio",
    "threads",
    "ngircd",
    "inspircd",
];

/// All that was read.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// One for each file.
    pub(super) machines: Vec<Machine>,
    /// The peers that none of the runs measured, and why.
    pub(super) absent: BTreeMap<String, String>,
    measured: Vec<Measured>,
}

/// A peer, and how it was spoken to where that is not its own way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Who {
    rank: usize,
    pub(super) peer: String,
    pub(super) wire: Option<String>,
}

/// A piece of work: the scenario, and what identifies it there as far as it matters.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) scenario: &'static str,
    pub(super) work: Vec<(&'static str, u64)>,
}

/// All rounds of one peer at one piece of work.
#[derive(Debug, Default)]
pub(super) struct Turns<'a> {
    pub(super) good: Vec<&'a Figures>,
    /// The rounds that failed, counted from 1, and why.
    pub(super) failed: Vec<(usize, &'a str)>,
}

/// What the rounds gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
    pub(super) count: usize,
}

impl Results {
    /// Reads files, each with its name for what is wrong with it.
    pub(super) fn parse(texts: &[(String, String)]) -> Result<Self, String> {
        let mut results = Self::default();
        for (name, text) in texts {
            let before = results.machines.len();
            let mut measured = Vec::new();
            for (number, line) in text.lines().enumerate() {
                let line = serde_json::from_str(line)
                    .map_err(|error| format!("{name}, line {}: {error}", number + 1))?;
                match line {
                    Line::Machine(machine) => results.machines.push(machine),
                    Line::Absent { peer, why } => {
                        results.absent.insert(peer, why);
                    }
                    Line::Measured(one) => measured.push(one),
                }
            }
            if results.machines.len() != before + 1 {
                return Err(format!("{name}: there must be one line about the machine"));
            }
            // Rounds of two runs are not rounds of one: the later run counts.
            results
                .measured
                .retain(|old| !measured.iter().any(|new| is_same(old, new)));
            results.measured.append(&mut measured);
        }
        let measured = &results.measured;
        results
            .absent
            .retain(|peer, _| !measured.iter().any(|one| one.peer == *peer));
        results.check_bytes()?;
        Ok(results)
    }

    /// Messages of different lengths must not end up in one median.
    fn check_bytes(&self) -> Result<(), String> {
        let lengths: BTreeSet<_> = (self.measured.iter())
            .filter_map(|measured| measured.work.get("bytes"))
            .collect();
        match lengths.len() {
            0 | 1 => Ok(()),
            _ => Err(format!(
                "the results are of messages of different lengths, {lengths:?} bytes"
            )),
        }
    }

    /// Who was measured at any of this, in the order of tables.
    pub(super) fn who(&self, pieces: &[&Piece]) -> Vec<Who> {
        let all = self.measured.iter();
        let its = all.filter(|measured| pieces.iter().any(|piece| piece.is(measured)));
        let all: BTreeSet<_> = its
            .map(|one| Who::new(&one.peer, one.wire.clone()))
            .collect();
        all.into_iter().collect()
    }

    pub(super) fn turns(&self, who: &Who, piece: &Piece) -> Turns<'_> {
        let mut turns = Turns::default();
        for measured in &self.measured {
            if measured.peer != who.peer || measured.wire != who.wire || !piece.is(measured) {
                continue;
            }
            match &measured.failed {
                Some(why) => turns.failed.push((measured.round + 1, why)),
                None => turns.good.push(&measured.figures),
            }
        }
        turns
    }

    /// Which values of `key` were measured in a scenario, such as the sizes of rooms.
    pub(super) fn values(&self, scenario: &str, key: &str) -> Vec<u64> {
        let all = self.measured.iter();
        let its = all.filter(|measured| measured.scenario == scenario);
        let all: BTreeSet<_> = its.filter_map(|one| one.work.get(key).copied()).collect();
        all.into_iter().collect()
    }
}

fn is_same(one: &Measured, other: &Measured) -> bool {
    (&one.scenario, &one.wire, &one.work, &one.peer)
        == (&other.scenario, &other.wire, &other.work, &other.peer)
}

impl Who {
    pub(super) fn new(peer: &str, wire: Option<String>) -> Self {
        let rank = ORDER.iter().position(|known| *known == peer);
        Self {
            rank: rank.unwrap_or(ORDER.len()),
            peer: peer.to_owned(),
            wire,
        }
    }

    pub(super) fn is_ours(&self) -> bool {
        self.peer.starts_with("chinwagd")
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.peer)?;
        match &self.wire {
            Some(wire) => write!(f, " ({wire})"),
            None => Ok(()),
        }
    }
}

impl Piece {
    pub(super) fn new(scenario: &'static str, work: &[(&'static str, u64)]) -> Self {
        Self {
            scenario,
            work: work.to_vec(),
        }
    }

    fn is(&self, measured: &Measured) -> bool {
        measured.scenario == self.scenario
            && (self.work.iter()).all(|(key, value)| measured.work.get(*key) == Some(value))
    }
}

impl Turns<'_> {
    pub(super) fn spread(&self, value: impl Fn(&Figures) -> Option<f64>) -> Option<Spread> {
        Spread::of(
            self.good
                .iter()
                .filter_map(|figures| value(figures))
                .collect(),
        )
    }

    /// The same, but nothing where a round failed: then the others are no proof of anything.
    pub(super) fn sound(&self, value: impl Fn(&Figures) -> Option<f64>) -> Option<Spread> {
        match self.failed.is_empty() {
            true => self.spread(value),
            false => None,
        }
    }
}

impl Spread {
    pub(super) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (&least, &most) = (values.first()?, values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => f64::midpoint(values[middle - 1], values[middle]),
            _ => values[middle],
        };
        Some(Self {
            median,
            least,
            most,
            count: values.len(),
        })
    }
}
