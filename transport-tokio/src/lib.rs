//! Binds the chat server chinwag to [tokio](https://docs.rs/tokio): a runtime, listeners for TCP and Unix
//! sockets, and the byte stream between them.
//!
//! Programs use it through the crate `chinwag`, as `chinwag::tokio`.

#![forbid(unsafe_code)]

mod io;
mod listener;
mod runtime;

use std::io::Result;

use chinwag_core::Client;
use tokio::net::{TcpStream, ToSocketAddrs};

pub use io::TokioIo;
pub use listener::TcpListener;
#[cfg(unix)]
pub use listener::UnixListener;
pub use runtime::{TokioRuntime, TokioSleep};

/// Connects a [`Client`] to a server's `line` listener.
///
/// It has no time limit of its own; wrap it in `tokio::time::timeout` for one. Dropping the future
/// drops the connection.
///
/// # Errors
///
/// Whatever the system says of the address or the connection.
pub async fn connect(addr: impl ToSocketAddrs) -> Result<Client<TokioIo<TcpStream>>> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(Client::new(TokioIo::new(stream)))
}
