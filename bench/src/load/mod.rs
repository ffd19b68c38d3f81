//! The load generator: one thread that speaks for thousands of users, and checks all that they hear.
//!
//! It must never be what limits a measurement. So there is one loop on readiness events, one large buffer that
//! everything is read into and looked at in place, and one write for all that a socket is to be sent in a turn.
//! Most of what the members of a room hear is compared as bytes with what the first of them heard, see
//! [`journal`]; only that first copy is taken apart.

pub(crate) mod clock;
pub(crate) mod error;
pub(crate) mod histogram;
pub(crate) mod irc;
pub(crate) mod journal;
pub(crate) mod net;
pub(crate) mod payload;
pub(crate) mod presence;
pub(crate) mod setup;
pub(crate) mod sources;
pub(crate) mod speech;
