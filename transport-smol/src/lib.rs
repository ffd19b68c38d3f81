//! Binds the chat server chinwag to [smol](https://docs.rs/smol): a runtime, listeners for TCP and Unix
//! sockets, and the byte stream between them.
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

/// [`SmolRuntime`], by the name that the runtime has in the module of each.
pub type Runtime = SmolRuntime;

/// Listens on a TCP socket.
pub type TcpListener = sockets::TcpListener<SmolRuntime>;

/// Listens on a Unix socket.
#[cfg(unix)]
pub type UnixListener = sockets::UnixListener<SmolRuntime>;

/// Connects a [`Client`] to a server's `line` listener.
///
/// It has no time limit of its own; race it against a `smol::Timer` for one. Dropping the future
/// drops the connection.
///
/// # Errors
///
/// Whatever the system says of the address or the connection.
pub async fn connect(target: impl Into<Target>) -> Result<Client<SmolIo<TcpStream>>> {
    sockets::connect::<SmolRuntime>(target).await
}
