//! One connection, from its first byte to its last.
//!
//! `machine` is what it means, without any I/O; `driver` is the one future that owns the socket;
//! `outbox` and `scratch` are its buffers.

mod driver;
mod machine;
mod outbox;
mod scratch;

pub(crate) use driver::Connection;
