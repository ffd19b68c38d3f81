//! Binds the chat server chinwag to [async-std](https://docs.rs/async-std): a runtime, listeners for TCP and
//! Unix sockets, and `connect` for clients.
//!
//! Programs use it through the crate `chinwag`, as `chinwag::async_std`.
//!
//! # Status
//!
//! async-std is discontinued ([RUSTSEC-2025-0052](https://rustsec.org/advisories/RUSTSEC-2025-0052.html)): it
//! gets no more fixes. This crate is for programs that run on it still, and will be kept for as long as it
//! builds and passes the same tests as the others. New programs should use `chinwag::smol`, to
//! which a program moves by changing a feature and the name of a module.
//!
//! async-std stands on the same reactor as smol, and so sockets and timers are those of
//! `chinwag-transport-smol`; what is async-std's own is where tasks run.

#![forbid(unsafe_code)]

mod listener;
mod runtime;

use std::{io::Result, net::TcpStream};

use chinwag_core::{
    Client,
    sockets::{self, Target},
};

pub use runtime::AsyncStdRuntime;

/// A stream socket. It is smol's, because both stand on the same reactor.
pub type AsyncStdIo<T> = chinwag_transport_smol::SmolIo<T>;

/// A timer of an [`AsyncStdRuntime`]. It is smol's, because both stand on the same reactor.
pub type AsyncStdSleep = chinwag_transport_smol::SmolSleep;

/// [`AsyncStdRuntime`], by the name that every runtime has in its module, so that a program changes runtimes by changing
/// one path.
pub type Runtime = AsyncStdRuntime;

/// Listens on a TCP socket: made by `bind("127.0.0.1:4000").await`, given to `Server::listen`. Its
/// `local_addr` tells the port, if it was 0.
///
/// [`sockets::TcpListener`] has all methods, and the socket options that it sets.
pub type TcpListener = sockets::TcpListener<AsyncStdRuntime>;

/// Listens on a Unix socket: made by `bind(path)`, given to `Server::listen`. A dead server's file is
/// replaced, and its own removed when it is dropped.
///
/// See [`sockets::UnixListener`].
#[cfg(unix)]
pub type UnixListener = sockets::UnixListener<AsyncStdRuntime>;

/// Connects a [`Client`] to a server's `line` listener.
///
/// It has no time limit of its own; wrap it in `async_std::future::timeout` for one.
///
/// # Cancellation
///
/// Dropping the future drops the connection; the thread that looks a host name up goes on to its end. Nothing else is
/// left of it.
///
/// # Errors
///
/// Whatever the system says of the address or the connection.
pub async fn connect(target: impl Into<Target>) -> Result<Client<AsyncStdIo<TcpStream>>> {
    sockets::connect::<AsyncStdRuntime>(target).await
}

/// Connects a [`Client`] to the `line` listener on the Unix socket at `path`.
///
/// Like [`connect`], it has no time limit of its own.
///
/// # Cancellation
///
/// That of [`connect`].
///
/// # Errors
///
/// Whatever the system says, such as `NotFound`, or `ConnectionRefused` where nobody listens.
#[cfg(unix)]
pub async fn connect_unix(
    path: impl AsRef<std::path::Path>,
) -> Result<Client<AsyncStdIo<std::os::unix::net::UnixStream>>> {
    sockets::connect_unix::<AsyncStdRuntime>(path).await
}
