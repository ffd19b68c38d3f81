//! `chinwagd`, the chat server that an operator runs.
//!
//! It listens where it is told to, says so on stdout, logs to stderr, and serves one chat on all its
//! listeners until it gets a signal. `chinwagd --help` has the rest.
//!
//! `config` is what can be set and where it comes from, `listen` the addresses, `runtime` what there is
//! to run on, `run` the server's life, `accounts` who is who, `signals` what ends it, `logging` the way to
//! stderr, and `failure` what keeps it from running.

#![forbid(unsafe_code)]

mod accounts;
mod config;
mod failure;
mod listen;
mod logging;
mod run;
mod runtime;
mod signals;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use crate::{config::Order, failure::Failure};

/// glibc's allocator keeps what thousands who came and went have used, and slowly more of it. This one gives it
/// back, from a thread of its own, once it is free for a second: `.cargo/config.toml` says so, and
/// `docs/performance.md` what it costs.
#[cfg(all(target_os = "linux", target_env = "gnu", feature = "jemalloc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    start().unwrap_or_else(|failure| {
        // A supervisor that reads stderr line by line gets all of it in one.
        let _ = writeln!(io::stderr(), "chinwagd: {}", one_line(&failure));
        failure.exit_code()
    })
}

fn start() -> Result<ExitCode, Failure> {
    let config = match config::load()? {
        Order::Serve(config) => config,
        Order::HashPassword(name) => {
            print(&accounts::hash_from_stdin(name.as_ref())?);
            return Ok(ExitCode::SUCCESS);
        }
        Order::Print(text) => {
            print(&text);
            return Ok(ExitCode::SUCCESS);
        }
    };
    let _log = logging::start(logging::filter()?)?;
    runtime::run(&config)
}

/// Prints, and does not mind if nobody is there to read it.
fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

fn one_line(failure: &Failure) -> String {
    let text = failure.to_string();
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    lines.join(" ").replace(char::is_control, " ")
}
