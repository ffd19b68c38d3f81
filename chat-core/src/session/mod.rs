//! One connection, from its first byte to its last.
//!
//! `machine` is what its bytes mean, without any I/O; `conversation` what goes on between it and the hub, with
//! `hook` for what the program is asked and `rate` for how fast it may go; `driver` is the one future that
//! owns the socket; `outbox` and `scratch` are its buffers.

mod conversation;
mod driver;
mod hook;
mod machine;
mod outbox;
mod rate;
mod scratch;
mod task;

pub(crate) use conversation::End;
pub(crate) use driver::Connection;
pub(crate) use rate::Bucket;
pub(crate) use scratch::Scratch;
pub(crate) use task::serve;
