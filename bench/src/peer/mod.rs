//! The servers that are measured: which there are, which of them are here, and how one is started, watched
//! and stopped.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

pub(crate) use self::account::{Account, Spent, ticks_per_second};
pub(crate) use self::command::Cli;
pub(crate) use self::launch::{Launch, raise_descriptors};
pub(crate) use self::list::{all, beside};
pub(crate) use self::running::Running;
pub(crate) use self::syscalls::Counting;

mod account;
mod build;
mod check;
mod command;
mod irc;
mod launch;
mod list;
mod plan;
mod running;
mod syscalls;
mod wait;

/// How the generator speaks to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Dialect {
    /// The protocol `line` of `docs/protocol.md`; some peers speak only a part of it.
    Line,
    /// The protocol `seed` of `docs/protocol.md`.
    Seed,
    /// RESP2, and in it publish and subscribe.
    Redis,
    /// IRC, as clients speak it.
    Irc,
    /// A few lines to set up with, and then bytes that are forwarded as they are.
    Relay,
}

impl Dialect {
    /// As in `listening line://127.0.0.1:4000`.
    pub(crate) fn scheme(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Seed => "seed",
            Self::Redis => "redis",
            Self::Irc => "irc",
            Self::Relay => "relay",
        }
    }
}

/// Something that can be measured.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// As it stands in tables.
    pub(crate) name: &'static str,
    /// The one that it listens for when it is started, of [`Self::dialects`].
    pub(crate) dialect: Dialect,
    /// What it is, in one line.
    pub(crate) what: &'static str,
    kind: Kind,
    program: PathBuf,
}

/// How to start it.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Chinwagd {
        runtime: &'static str,
        settings: &'static [&'static str],
    },
    Own {
        arguments: &'static [&'static str],
    },
    Python {
        script: &'static str,
    },
    Redis,
    Ngircd,
    Inspircd,
}

/// A peer, and its version or why it cannot be measured here.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) peer: Peer,
    pub(crate) state: Result<String, String>,
}

impl Peer {
    /// Which scenarios it can do at all; what it cannot do is left out, with the reason.
    pub(crate) fn can(&self, scenario: &str) -> Result<(), &'static str> {
        let rooms = ["room", "rooms", "paced", "stuck"].contains(&scenario);
        match self.kind {
            Kind::Python { .. } if rooms => Err("it has direct messages only, no rooms"),
            Kind::Chinwagd { .. } if scenario == "churn" && self.dialect == Dialect::Line => Ok(()),
            _ if scenario == "churn" && self.dialect == Dialect::Irc => {
                Err("what becomes of others is checked in `line` only")
            }
            _ if scenario == "churn" => Err("there is no news of others, and no leaving"),
            _ if rooms && self.dialect == Dialect::Seed => Err("`seed` has no words for rooms"),
            _ => Ok(()),
        }
    }

    /// How many descriptors it takes for a connection.
    pub(crate) fn descriptors(&self) -> usize {
        match self.kind {
            Kind::Chinwagd {
                runtime: "threads", ..
            } => 2,
            _ => 1,
        }
    }

    /// How many connections wait for it at most until it accepts them, if that is few. Those beyond are dropped, and
    /// come again after a second or more, many of them at once.
    pub(super) fn backlog(&self) -> Option<usize> {
        matches!(self.kind, Kind::Ngircd).then_some(10)
    }

    /// In which dialects it can be spoken to; the first is its own.
    pub(crate) fn dialects(&self) -> Vec<Dialect> {
        match self.kind {
            // To hold its cost against those of other servers of IRC it is a peer of its own.
            Kind::Chinwagd { .. } if self.dialect != Dialect::Irc => {
                vec![Dialect::Line, Dialect::Seed]
            }
            _ => vec![self.dialect],
        }
    }

    /// The same, spoken to in another of its dialects.
    pub(crate) fn speaking(&self, dialect: Dialect) -> Self {
        Self {
            dialect,
            ..self.clone()
        }
    }

    /// The same, with other settings than those of measurements, if it is chinwagd.
    pub(crate) fn with_settings(&self, settings: &'static [&'static str]) -> Self {
        let kind = match self.kind {
            Kind::Chinwagd { runtime, .. } => Kind::Chinwagd { runtime, settings },
            other => other,
        };
        Self {
            kind,
            ..self.clone()
        }
    }

    /// Starts it on `core`, or wherever there is room, listening on loopback, in a fresh directory; waits until it
    /// accepts.
    pub(crate) fn start(&self, core: Option<usize>) -> Result<Running, Error> {
        Running::start(self, core)
    }
}

/// Why a peer cannot be started, watched or counted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum Error {
    #[error("cannot {what}")]
    Io {
        what: String,
        #[source]
        source: io::Error,
    },
    #[error("{name} did not start: {why}")]
    Start { name: &'static str, why: String },
    #[error("{path} is not as expected: {why}")]
    Proc { path: PathBuf, why: &'static str },
    #[error("system calls cannot be counted: {0}")]
    NotCounted(String),
    #[error("{name} did not answer as it must: {why}")]
    Answer { name: &'static str, why: String },
}

/// Says what could not be done, for `map_err`.
fn cannot<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> Error {
    move |error| Error::Io {
        what: what.into(),
        source: error.into(),
    }
}
