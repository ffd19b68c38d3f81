//! Binds the chat server chinwag to plain threads: one for each connection, and no async runtime.
//!
//! Programs use it through the crate `chinwag`, as `chinwag::threads`.
//!
//! A thread runs its connection's future, and while that has nothing to do it sleeps in `poll(2)` until its
//! socket is ready, another thread has something for it, or it is time. So a connection costs a thread with a
//! small stack, about 18 KB of memory, and two file descriptors (three where there is no `eventfd`), for its
//! socket and for what wakes the thread: this suits hundreds of users, not tens of thousands.
//!
//! The sockets and timers here, and so servers and clients, work inside of [`block_on`], in tasks of a
//! [`ThreadRuntime`] too, and panic when another executor polls them.

#![forbid(unsafe_code)]
#![cfg(unix)]

mod bell;
mod io;
mod listener;
mod reactor;
mod runtime;

use std::{io::Result, net::TcpStream};

use chinwag_core::{
    Client,
    sockets::{self, Target},
};

pub use io::ThreadIo;
pub use reactor::{ThreadSleep, block_on};
pub use runtime::{ThreadRuntime, ThreadRuntimeBuilder};

/// [`ThreadRuntime`], by the name that every runtime has in its module, so that a program changes runtimes by changing
/// one path.
pub type Runtime = ThreadRuntime;

/// Listens on a TCP socket: made by `bind("127.0.0.1:4000").await`, given to `Server::listen`. Its
/// `local_addr` tells the port, if it was 0.
///
/// [`sockets::TcpListener`] has all methods, and the socket options that it sets.
pub type TcpListener = sockets::TcpListener<ThreadRuntime>;

/// Listens on a Unix socket: made by `bind(path)`, given to `Server::listen`. A dead server's file is
/// replaced, and its own removed when it is dropped.
///
/// See [`sockets::UnixListener`].
pub type UnixListener = sockets::UnixListener<ThreadRuntime>;

/// Connects a [`Client`] to a server's `line` listener.
///
/// It has no time limit of its own.
///
/// # Cancellation
///
/// Dropping the future drops the connection; the thread that looks a host name up goes on to its end. Nothing else is
/// left of it.
///
/// # Errors
///
/// Whatever the system says of the address or the connection.
pub async fn connect(target: impl Into<Target>) -> Result<Client<ThreadIo<TcpStream>>> {
    sockets::connect::<ThreadRuntime>(target).await
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
pub async fn connect_unix(
    path: impl AsRef<std::path::Path>,
) -> Result<Client<ThreadIo<std::os::unix::net::UnixStream>>> {
    sockets::connect_unix::<ThreadRuntime>(path).await
}
