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

/// Makes of each function that takes the name of a runtime a test for every runtime.
macro_rules! on_every_runtime {
    ($($test:ident)*) => {
        on_every_runtime! { tokio "tokio" $($test)* }
        on_every_runtime! { async_std "async-std" $($test)* }
        on_every_runtime! { smol "smol" $($test)* }
        on_every_runtime! { threads "threads" $($test)* }
    };
    ($module:ident $runtime:literal $($test:ident)*) => {
        mod $module {
            $(#[test]
            fn $test() {
                super::$test($runtime);
            })*
        }
    };
}

mod accounts;
mod irc;
mod limits;
mod load;
mod logs;
mod peer;
mod policies;
mod process;
mod rooms;
mod runtimes;
mod serve;
mod settings;
mod shutdown;
