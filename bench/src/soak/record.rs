//! What a soak writes down: the machine, samples, checkpoints and findings, one JSON object a line.

use std::fmt;

use serde::Serialize;

use super::{
    crowd::{Counts, Crowd},
    verdict::{Calm, Finding},
};
use crate::{
    load::clock::own_cpu,
    peer::Account,
    record::{Latency, Machine},
    report::Curve,
};

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Line {
    Machine(Machine),
    Sample(Sample),
    Checkpoint(Checkpoint),
    Finding {
        what: &'static str,
        /// Absent if it could not be told.
        #[serde(skip_serializing_if = "Option::is_none")]
        good: Option<bool>,
        why: String,
    },
}

impl From<&Finding> for Line {
    fn from(finding: &Finding) -> Self {
        let Finding { what, good, why } = finding.clone();
        Self::Finding { what, good, why }
    }
}

/// The server at one moment.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Sample {
    /// In nanoseconds since the start.
    pub(super) at: u64,
    pub(super) resident_bytes: u64,
    pub(super) descriptors: usize,
    threads: usize,
    /// How many connections there are, as the generator knows.
    connections: usize,
    /// CPU time so far, of the server and of the generator.
    cpu_ns: u64,
    generator_ns: u64,
}

impl Sample {
    pub(super) fn new(at: u64, account: &Account, crowd: &Crowd) -> Self {
        Self {
            at,
            resident_bytes: account.resident_bytes,
            descriptors: account.descriptors,
            threads: account.threads(),
            connections: crowd.here(),
            cpu_ns: account.cpu_ns,
            generator_ns: own_cpu(),
        }
    }

    fn seconds(&self) -> f64 {
        self.at as f64 / 1e9
    }
}

/// A calm, and what was before it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Checkpoint {
    #[serde(flatten)]
    calm: Sample,
    /// The most that was in memory, since the calm before.
    most_bytes: u64,
    /// The share of a processor, since the calm before.
    cpu: f64,
    generator: f64,
    /// So far.
    counts: Counts,
    /// From saying to hearing, at witnesses, since the calm before.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_us: Option<Latency>,
}

impl Checkpoint {
    pub(super) const HEADING: &str = "    time  resident     most  descr.  threads  connections       lines    checked  \
        put out  told  slow out  server  generator   p50 ms  p99 ms  max ms";

    pub(super) fn new(
        calm: &Sample,
        before: Option<&Self>,
        samples: &[Sample],
        crowd: &mut Crowd,
    ) -> Self {
        let start = before
            .map(|before| &before.calm)
            .or(samples.first())
            .unwrap_or(calm);
        let its = samples.iter().filter(|sample| sample.at > start.at);
        let seconds = (calm.seconds() - start.seconds()).max(1e-9);
        let share = |now: u64, before: u64| now.saturating_sub(before) as f64 / 1e9 / seconds;
        let latency_us = crowd.times.latency();
        crowd.times.clear();
        Self {
            most_bytes: its
                .map(|sample| sample.resident_bytes)
                .max()
                .unwrap_or(calm.resident_bytes),
            cpu: share(calm.cpu_ns, start.cpu_ns),
            generator: share(calm.generator_ns, start.generator_ns),
            counts: crowd.counts.clone(),
            latency_us,
            calm: calm.clone(),
        }
    }

    pub(super) fn calm(&self) -> Calm {
        Calm {
            seconds: self.calm.seconds(),
            resident_bytes: self.calm.resident_bytes,
            descriptors: self.calm.descriptors,
            threads: self.calm.threads,
            lives: self.counts.lives,
        }
    }
}

/// A line of the table under [`Checkpoint::HEADING`].
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calm, counts, .. } = self;
        let kib = |bytes: u64| format!("{} K", bytes / 1024);
        let latency = self.latency_us.unwrap_or_default();
        write!(
            f,
            "{:>6.0} s {:>9} {:>8} {:>7} {:>8} {:>12} {:>11} {:>10} {:>8} {:>5} {:>9} {:>6.0}% {:>9.0}% {:>8.2} {:>7.1} {:>7.0}",
            calm.seconds(),
            kib(calm.resident_bytes),
            kib(self.most_bytes),
            calm.descriptors,
            calm.threads,
            counts.lives,
            counts.lines,
            counts.checked,
            counts.put_out,
            counts.told,
            counts.slow_out,
            self.cpu * 100.0,
            self.generator * 100.0,
            latency.p50 / 1e3,
            latency.p99 / 1e3,
            latency.max / 1e3,
        )
    }
}

/// What is drawn.
pub(super) fn curves(samples: &[Sample]) -> [Curve; 3] {
    let curve = |title, value: fn(&Sample) -> f64| Curve {
        title,
        points: samples
            .iter()
            .map(|sample| (sample.seconds() / 60.0, value(sample)))
            .collect(),
    };
    [
        curve("Resident memory, MiB", |sample| {
            sample.resident_bytes as f64 / f64::from(1 << 20)
        }),
        curve("Descriptors", |sample| sample.descriptors as f64),
        curve("Connections", |sample| sample.connections as f64),
    ]
}
