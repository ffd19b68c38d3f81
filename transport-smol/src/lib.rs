//! Binds the chat server chinwag to [smol](https://docs.rs/smol): a runtime, listeners for TCP and Unix
//! sockets, and `connect` for clients.
//!
//! Programs use it through the crate `chinwag`, as `chinwag::smol`.

#![forbid(unsafe_code)]

mod io;
mod listener;
mod runtime;

use std::{io::Result, net::TcpStream};

use chinwag_core::{
    Client,
    sockets::{self, Target},
};

pub use io::SmolIo;
pub use runtime::{SmolRuntime, SmolSleep};

/// [`SmolRuntime`], by the name that every runtime has in its module, so that a program changes runtimes by changing
/// one path.
pub type Runtime = SmolRuntime;

/// Listens on a TCP socket: made by `bind("127.0.0.1:4000").await`, given to `Server::listen`. Its
/// `local_addr` tells the port, if it was 0.
///
/// [`sockets::TcpListener`] has all methods, and the socket options that it sets.
pub type TcpListener = sockets::TcpListener<SmolRuntime>;

/// Listens on a Unix socket: made by `bind(path)`, given to `Server::listen`. A dead server's file is
/// replaced, and its own removed when it is dropped.
///
/// See [`sockets::UnixListener`].
#[cfg(unix)]
pub type UnixListener = sockets::UnixListener<SmolRuntime>;

/// Connects a [`Client`] to a server's `line` listener.
///
/// It has no time limit of its own; race it against a `smol::Timer` for one.
///
/// # Cancellation
///
/// Dropping the future drops the connection; the thread that looks a host name up goes on to its end. Nothing else is
/// left of it.
///
/// # Errors
///
/// Whatever the system says of the address or the connection.
pub async fn connect(target: impl Into<Target>) -> Result<Client<SmolIo<TcpStream>>> {
    sockets::connect::<SmolRuntime>(target).await
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
) -> Result<Client<SmolIo<std::os::unix::net::UnixStream>>> {
    sockets::connect_unix::<SmolRuntime>(path).await
}
