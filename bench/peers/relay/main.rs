//! The limit of what the kernel lets anybody do: bytes go from one connection to others, as they are, in a bare
//! epoll loop.
//!
//! `register,NAME`, then `join,#ROOM` or `to,NAME`, each a line that is answered `ack`. From then on whatever
//! comes is forwarded to all who are in that room, its sender included, or to that one user. All that is looked
//! at is whether a read ends with a line end: what is left of a line waits for the rest of it, or lines of
//! several senders would mix.
//!
//! With `--batched` it first reads from all connections that have something, then writes once to each receiver.

#[cfg(target_os = "linux")]
mod connection;
#[cfg(target_os = "linux")]
mod room;
#[cfg(target_os = "linux")]
mod server;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let batched = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--batched") => true,
        Some(other) => {
            eprintln!("relay: `{other}` is not known; there is only --batched");
            return ExitCode::from(2);
        }
    };
    let Err(error) = server::Server::listen(batched).and_then(server::Server::run);
    eprintln!("relay: {error}");
    ExitCode::FAILURE
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("relay: it is made of epoll, which only Linux has");
    ExitCode::FAILURE
}
