//! What may go wrong.

use std::{io, sync::Arc};

use thiserror::Error;

#[cfg(doc)]
use super::{ClientBuilder, Inbox};

/// Why a call failed.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The name was not sent, because no line could carry it.
    #[error("a name is not empty and has no comma, space, line end or NUL")]
    BadName,
    /// The name of a room was not sent, because no line could carry it.
    #[error(
        "the name of a room begins with '#', and has no comma, space, line end or NUL after it"
    )]
    BadRoom,
    /// The text was not sent, because no line could carry it.
    #[error("a text has no line end and no NUL")]
    BadText,
    /// The line was not sent, because the server would not take it.
    #[error("the line has {bytes} bytes, and the server takes {max}")]
    LineTooLong {
        /// The length of the line in bytes, its end not counted.
        bytes: usize,
        /// The most bytes, see [`ClientBuilder::max_line`].
        max: usize,
    },
    /// The server refused the request.
    #[error("refused as {code}: {explanation}")]
    Refused {
        /// Which rule it was, such as `name-taken`.
        code: String,
        /// What happened, for people.
        explanation: String,
    },
    /// A reply cannot be read before somebody takes from the [`Inbox`]: nobody does, or not as fast as the
    /// server sends. The connection is still good.
    ///
    /// If the request was sent before the inbox was full, its reply will be thrown away.
    #[error("too many messages wait to be taken from the inbox")]
    InboxFull,
    /// The server has closed the connection.
    #[error("the server has closed the connection")]
    Closed,
    /// The server said what the protocol does not allow; the connection was closed.
    #[error("the server broke the protocol")]
    Protocol(#[from] ProtocolError),
    /// The connection broke.
    #[error("the connection broke")]
    Io(#[source] Arc<io::Error>),
}

/// How a server broke the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A line that is no message, no error and no reply to the request that is next in order.
    #[error("the line {start:?} answers nothing")]
    Unexpected {
        /// The first 80 characters of the line.
        start: String,
    },
    /// A line with more bytes than [`ClientBuilder::max_reply`].
    #[error("a line has more than {max} bytes")]
    LineTooLong {
        /// The most bytes.
        max: usize,
    },
    /// A line that is not UTF-8.
    #[error("a line is not UTF-8")]
    NotUtf8,
    /// The connection ended in the middle of a line.
    #[error("the connection ended in the middle of a line")]
    Unfinished,
}
