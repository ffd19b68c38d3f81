//! What the server may say.

use std::fmt;

use super::{UserName, Verb};

/// Something that a connection is told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The request was granted.
    Ack,
    /// A part of the list of everyone who has a name, in the order in which the names were registered.
    ///
    /// A long list comes in several parts, with nothing between them, as fast as the peer reads.
    Names {
        /// The names; none only if there is none at all, or at the end.
        names: Vec<UserName>,
        /// The list begins here.
        first: bool,
        /// The list ends here.
        last: bool,
    },
    /// A direct message.
    Direct {
        /// Who sent it.
        from: UserName,
        /// What they say, without a line end.
        text: Box<str>,
    },
    /// The answer to a ping.
    Pong,
    /// The connection ends now, and the peer may have asked for it.
    Bye,
    /// A request was refused, or the connection is about to be closed.
    Error {
        /// What was refused; `None` when the connection itself is.
        verb: Option<Verb>,
        /// Which rule it was; stable, for programs.
        code: ErrorCode,
        /// What happened, for people: not empty, several words, without a line end.
        explanation: Box<str>,
    },
}

impl Event {
    pub(crate) fn error(
        verb: Option<Verb>,
        code: ErrorCode,
        explanation: impl Into<Box<str>>,
    ) -> Self {
        Self::Error {
            verb,
            code,
            explanation: explanation.into(),
        }
    }

    /// About how many bytes of memory it holds while it waits in a mailbox, and to write.
    pub(crate) fn cost(&self) -> usize {
        let text = match self {
            Self::Ack | Self::Pong | Self::Bye => 0,
            Self::Names { names, .. } => size_of_val::<[UserName]>(names),
            // The name is usually shared, but a sender may change it for every message.
            Self::Direct { from, text } => from.as_str().len() + text.len(),
            Self::Error { explanation, .. } => explanation.len(),
        };
        size_of::<Self>() + text
    }
}

/// Which rule a refused request broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// The request needs a name and the sender has none.
    NotRegistered,
    /// Somebody else has that name.
    NameTaken,
    /// That text cannot be a name.
    BadName,
    /// Nobody has that name.
    NoSuchUser,
    /// The line was longer than the server reads.
    TooLong,
    /// The line was not UTF-8.
    BadUtf8,
    /// There is no such verb.
    UnknownCommand,
    /// The verb takes other fields.
    BadArguments,
    /// The peer took longer than the server waits.
    TimedOut,
    /// The server, or the peer's mailbox, holds no more.
    Full,
}

impl ErrorCode {
    /// The code as wires write it, such as `name-taken`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRegistered => "not-registered",
            Self::NameTaken => "name-taken",
            Self::BadName => "bad-name",
            Self::NoSuchUser => "no-such-user",
            Self::TooLong => "too-long",
            Self::BadUtf8 => "bad-utf8",
            Self::UnknownCommand => "unknown-command",
            Self::BadArguments => "bad-arguments",
            Self::TimedOut => "timed-out",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
