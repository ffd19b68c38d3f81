//! One connection, from its first byte to its last.
//!
//! `machine` is what its bytes mean, without any I/O; `conversation` what goes on between it and the hub, with
//! `hook` for what the program is asked and `rate` for how fast it may go; `driver` moves the bytes, `task` is
//! the future that does so, and `backlog` what it does for other connections; `outbox` and `scratch` are the
//! buffers.

mod backlog;
mod conversation;
mod driver;
mod hook;
pub(crate) mod machine;
mod outbox;
mod rate;
mod scratch;
mod task;

pub(crate) use backlog::Backlog;
pub(crate) use conversation::End;
pub(crate) use driver::Connection;
pub(crate) use rate::Bucket;
pub(crate) use scratch::Scratch;
pub(crate) use task::serve;
