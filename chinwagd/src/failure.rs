//! What keeps the server from running, and the exit code for it.

use std::{io, path::PathBuf, process::ExitCode};

use chinwag::{HubError, RoomName, ServerError, wire::irc::IrcError};
use futures::channel::oneshot::Canceled;
use thiserror::Error;

use crate::{config::Unfit, listen::Endpoint};

/// Why the process ends with an error.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("{0}; see chinwagd --help")]
    Usage(String),
    #[error("RUST_LOG: {0}")]
    LogFilter(String),
    #[error("{0}")]
    Unfit(#[source] Unfit),
    #[error("the password: {0}")]
    BadPassword(&'static str),
    #[error("cannot read {}: {}", path.display(), plain(source))]
    NoFile { path: PathBuf, source: io::Error },
    #[error("{}: line {line}: {message}", path.display())]
    BadFile {
        path: PathBuf,
        line: usize,
        message: String,
    },
    #[error("{}: {source}", path.display())]
    BadMotd { path: PathBuf, source: IrcError },
    #[error("cannot speak irc: {0}")]
    Irc(#[from] IrcError),
    #[error("{}: {source}", path.display())]
    UnfitInFile { path: PathBuf, source: Unfit },
    #[error("cannot make the room {room}: {source}")]
    Room { room: RoomName, source: HubError },
    #[error("cannot listen on {endpoint}: {}", plain(source))]
    Listen {
        endpoint: Endpoint,
        source: io::Error,
    },
    #[error(
        "cannot listen on {endpoint}: {}; choose another with --listen",
        plain(source)
    )]
    PortInUse {
        endpoint: Endpoint,
        source: io::Error,
    },
    #[error("cannot listen on {endpoint}: there is a file at that path that is no socket")]
    NoSocket { endpoint: Endpoint },
    #[error("cannot start: {}", plain(.0))]
    System(#[source] io::Error),
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The task that serves is gone without a result. The log has the panic's own words.
    #[error("the server broke down: its task panicked")]
    Crashed(#[from] Canceled),
}

impl Failure {
    /// 2 for what the command line or the environment got wrong, 1 for all else.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) | Self::LogFilter(_) | Self::Unfit(_) => 2,
            Self::NoFile { .. }
            | Self::BadFile { .. }
            | Self::BadMotd { .. }
            | Self::Irc(_)
            | Self::UnfitInFile { .. }
            | Self::BadPassword(_)
            | Self::Room { .. }
            | Self::Listen { .. }
            | Self::PortInUse { .. }
            | Self::NoSocket { .. }
            | Self::System(_)
            | Self::Server(_)
            | Self::Crashed(_) => 1,
        })
    }
}

/// What the system said, without the number of the error behind it.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((text, _number)) => text.to_owned(),
        None => text,
    }
}
