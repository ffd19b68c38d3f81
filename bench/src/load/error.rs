//! Why a measurement failed.

use std::io;

/// Why a measurement failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Something was received that should not have been, or in the wrong place.
    #[error("{who}: {what}")]
    Violation { who: String, what: String },
    /// Something was never received.
    #[error("nothing came for {seconds} s: {missing}")]
    Silent { seconds: u64, missing: String },
    #[error("{who}: the server closed the connection; its last words: {last}")]
    Closed { who: String, last: String },
    #[error("{who}: the server sent {line}")]
    Refused { who: String, line: String },
    #[error("the server ended: {0}")]
    Ended(String),
    #[error("{0}: {1}")]
    Io(&'static str, #[source] io::Error),
    #[error("{0}")]
    Peer(#[from] crate::peer::Error),
    /// No fault of what was received: the peer cannot do so much.
    #[error("saturated: {waiting} messages wait at {rate} a second")]
    Saturated { waiting: u64, rate: u64 },
}

impl Failure {
    /// Whether something was not as it must be. That a server cannot keep up is a result.
    pub(crate) fn is_wrong(&self) -> bool {
        !matches!(self, Self::Saturated { .. })
    }

    pub(crate) fn violation(who: &str, what: impl Into<String>) -> Self {
        Self::Violation {
            who: who.to_owned(),
            what: what.into(),
        }
    }
}

/// Bytes for a person to read, and not too many of them.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 160;
    let more = if bytes.len() > MOST { "…" } else { "" };
    format!(
        "\"{}\"{more}",
        bytes[..bytes.len().min(MOST)].escape_ascii()
    )
}
