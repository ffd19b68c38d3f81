//! Bounds, waits, rates and policies, checked when they are set.

mod limits;
mod rates;
mod timeouts;

use std::{fmt, str::FromStr};

use thiserror::Error;

pub use limits::{Limits, LimitsBuilder};
pub use rates::{Rate, Rates, RatesBuilder};
pub use timeouts::{Timeouts, TimeoutsBuilder};

/// What becomes of a connection whose mailbox ([`Limits::mailbox_bytes`]) is full when the talkers have
/// waited for it long enough ([`Timeouts::patience`]).
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::SlowReader;
///
/// assert_eq!("drop-oldest".parse(), Ok(SlowReader::DropOldest));
/// assert_eq!(SlowReader::default().to_string(), "disconnect");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SlowReader {
    /// It is disconnected. What waits in its mailbox is lost; the last that it is told is how much.
    #[default]
    Disconnect,
    /// The oldest events that wait for it make room for new ones. It stays connected, and an
    /// `Event::Missed` at the place where they were says how many it lost.
    DropOldest,
    /// New events are dropped until it has read. It stays connected, and an `Event::Missed` at the place
    /// where they would have been says how many it lost.
    DropNewest,
}

impl SlowReader {
    const ALL: [Self; 3] = [Self::Disconnect, Self::DropOldest, Self::DropNewest];

    /// The policy as settings write it: `disconnect`, `drop-oldest` or `drop-newest`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disconnect => "disconnect",
            Self::DropOldest => "drop-oldest",
            Self::DropNewest => "drop-newest",
        }
    }
}

impl fmt::Display for SlowReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SlowReader {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        let found = Self::ALL.into_iter().find(|policy| policy.as_str() == text);
        found.ok_or(UnknownPolicy {
            known: "disconnect, drop-oldest or drop-newest",
        })
    }
}

/// What happens when a connection registers a name that somebody has.
///
/// Without an `Authenticator`, which asks for proof, [`Replace`](Self::Replace) lets anybody take over
/// anybody's name, and [`Share`](Self::Share) lets anybody read and write along.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::TakenName;
///
/// assert_eq!("share".parse(), Ok(TakenName::Share));
/// assert_eq!(TakenName::default().to_string(), "refuse");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum TakenName {
    /// It gets the error `name-taken`.
    #[default]
    Refuse,
    /// The older connection is closed with `replaced` and its user quits; the newer one begins afresh,
    /// without the other's rooms.
    Replace,
    /// It becomes another device of the same user: what the user is told, all of its connections are, at
    /// most [`Limits::max_devices`] of them.
    Share,
}

impl TakenName {
    const ALL: [Self; 3] = [Self::Refuse, Self::Replace, Self::Share];

    /// The policy as settings write it: `refuse`, `replace` or `share`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Replace => "replace",
            Self::Share => "share",
        }
    }
}

impl fmt::Display for TakenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TakenName {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        let found = Self::ALL.into_iter().find(|policy| policy.as_str() == text);
        found.ok_or(UnknownPolicy {
            known: "refuse, replace or share",
        })
    }
}

/// A text that is no [`SlowReader`] or no [`TakenName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it must be {known}")]
pub struct UnknownPolicy {
    known: &'static str,
}

/// A limit, a wait or a rate that nothing could work with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A limit is too small or too large.
    #[error("{key} is {value}, but must be from {min} to {max}")]
    OutOfRange {
        /// Which limit, spelled like a setting of `chinwagd`.
        key: &'static str,
        /// What it was set to.
        value: usize,
        /// The smallest that works.
        min: usize,
        /// The largest that works.
        max: usize,
    },
    /// A wait is zero.
    #[error("{key} is zero, so that no connection could work")]
    ZeroWait {
        /// Which wait, spelled like a setting of `chinwagd`.
        key: &'static str,
    },
    /// The time in which so much is allowed is zero.
    #[error("{key} is for a time of zero")]
    ZeroPeriod {
        /// Which rate, spelled like a setting of `chinwagd`.
        key: &'static str,
    },
}

fn in_range(key: &'static str, value: usize, min: usize, max: usize) -> Result<(), ConfigError> {
    match (min..=max).contains(&value) {
        true => Ok(()),
        false => Err(ConfigError::OutOfRange {
            key,
            value,
            min,
            max,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_as_they_are_written() {
        for policy in SlowReader::ALL {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        for policy in TakenName::ALL {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        let error = "Refuse".parse::<TakenName>().unwrap_err();
        assert_eq!(error.to_string(), "it must be refuse, replace or share");
        let error = "".parse::<SlowReader>().unwrap_err();
        let known = "it must be disconnect, drop-oldest or drop-newest";
        assert_eq!(error.to_string(), known);
    }
}
