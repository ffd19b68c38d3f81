//! The protocols that clients speak: `Line`, which a person can type, `Seed`, and with the feature `irc` `Irc`. And
//! [`Wire`], for one of your own.
//!
//! [`Server::listen`](crate::Server::listen) takes one for each listener. What one user tells another arrives whatever
//! wires the two speak.

pub use chinwag_core::wire::*;

#[cfg(feature = "irc")]
pub use self::irc::Irc;

/// The wire for clients of IRC.
#[cfg(feature = "irc")]
pub mod irc {
    pub use chinwag_wire_irc::*;
}
