//! Binds the chat server chinwag to [tokio](https://docs.rs/tokio): a runtime, listeners for TCP and Unix
//! sockets, and the byte stream between them.
//!
//! Programs use it through the crate `chinwag`, as `chinwag::tokio`.

#![forbid(unsafe_code)]

mod io;
mod listener;
mod runtime;

use std::io::Result;

use chinwag_core::{
    Client,
    sockets::{self, Target},
};
use tokio::net::TcpStream;

pub use io::TokioIo;
pub use runtime::{TokioRuntime, TokioSleep};

/// [`TokioRuntime`], by the name that the runtime has in the module of each.
pub type Runtime = TokioRuntime;

/// Listens on a TCP socket. It is made, and used, on a tokio runtime.
pub type TcpListener = sockets::TcpListener<TokioRuntime>;

/// Listens on a Unix socket. It is made, and used, on a tokio runtime.
#[cfg(unix)]
pub type UnixListener = sockets::UnixListener<TokioRuntime>;

/// Connects a [`Client`] to a server's `line` listener.
///
/// It has no time limit of its own; wrap it in `tokio::time::timeout` for one. Dropping the future
/// drops the connection.
///
/// # Errors
///
/// Whatever the system says of the address or the connection.
pub async fn connect(target: impl Into<Target>) -> Result<Client<TokioIo<TcpStream>>> {
    sockets::connect::<TokioRuntime>(target).await
}
