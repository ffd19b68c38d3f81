//! What a run writes down: one JSON object a line, the machine first, then one figure set a measurement.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A line of a results file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Line {
    /// The first line.
    Machine(Machine),
    /// A peer that is not measured in this run, and why.
    Absent { peer: String, why: String },
    /// One measurement.
    Measured(Measured),
}

/// Where and when a run was made.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The day, as `2026-11-23`.
    pub(crate) date: String,
    /// The commit that chinwag was built from, with `-dirty` if the tree had changes.
    pub(crate) commit: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
    /// How many times each measurement is repeated.
    pub(crate) rounds: usize,
    /// The versions of the peers, by name.
    pub(crate) peers: BTreeMap<String, String>,
    /// The arguments of the run.
    pub(crate) arguments: Vec<String>,
}

/// One peer at one piece of work, once.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// The scenario: `direct`, `room`, `rooms`, `paced`, `idle`, `connect`, `churn`, `stuck`.
    pub(crate) scenario: String,
    /// The wire, when it is not the peer's own or `line`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wire: Option<String>,
    /// What makes it this piece of work and no other, such as `members`, `senders`, `window`, `rate`,
    /// `connections`, `stuck`, `bytes`.
    pub(crate) work: BTreeMap<String, u64>,
    pub(crate) peer: String,
    /// Counted from 0; in a round each peer has its turn.
    pub(crate) round: usize,
    pub(crate) figures: Figures,
    /// Why there are no figures, when the peer failed at it: what was violated, or that it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failed: Option<String>,
}

/// What was measured. What a scenario does not measure is absent.
///
/// An operation is a delivery, or for `connect` and `churn` a whole life of a connection.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Figures {
    /// How long the measured part took, in seconds.
    pub(crate) seconds: f64,
    /// How many operations were seen and checked.
    pub(crate) operations: u64,
    /// Operations a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) per_second: Option<f64>,
    /// The server's CPU time an operation, in microseconds: all threads, user and system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_us: Option<f64>,
    /// Its part in user mode. The two parts are coarser than the sum, see the method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_us: Option<f64>,
    /// Its part in the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) system_us: Option<f64>,
    /// System calls an operation, counted in a turn of its own because counting slows a server down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) syscalls: Option<f64>,
    /// How often a thread of the server was switched off the processor, an operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) switches: Option<f64>,
    /// Resident bytes that each connection adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes_per_connection: Option<f64>,
    /// From sending to each receipt, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency_us: Option<Latency>,
    /// From sending to the receipt of the last receiver, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_us: Option<Latency>,
}

/// A distribution of times in microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}
