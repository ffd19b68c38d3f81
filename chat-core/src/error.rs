//! What can go wrong, apart from a peer's mistakes: those are answered, not returned.

use thiserror::Error;

/// Why a [`Server`](crate::Server) could not run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// It has nothing to listen on.
    #[error("the server has no listener")]
    NoListener,
}

/// Why the hub refused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum HubError {
    #[error("register a name first")]
    NotRegistered,
    #[error("somebody else has that name")]
    NameTaken,
    #[error("nobody has that name")]
    NoSuchUser,
}
