//! The real process, started, talked to over sockets, and ended by signals.
//!
//! Nothing here sleeps to be right: a test waits for a line, for the end of a stream, or for the end of
//! the process. Time limits only keep a broken server from hanging the tests.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that is surprised should fail"
)]

mod logs;
mod peer;
mod process;
mod serve;
mod settings;
mod shutdown;
