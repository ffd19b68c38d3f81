//! Sockets: what the listeners of all runtimes have in common.
//!
//! A transport implements [`Network`] for its runtime, which takes about as many lines as it has methods. From
//! that come a [`TcpListener`] and a [`UnixListener`] that bind, tune and tidy up in the same way on every
//! runtime, and [`connect`].

mod target;
mod tcp;
#[cfg(unix)]
mod unix;

#[cfg(unix)]
use std::os::fd::AsFd as AsSocket;
#[cfg(windows)]
use std::os::windows::io::AsSocket;
use std::{
    fmt::Debug,
    future::Future,
    io,
    net::{self, Shutdown, SocketAddr},
};
#[cfg(unix)]
use std::{os::unix::net as unix_net, path::Path};

use futures::io::{AsyncRead, AsyncWrite};
use socket2::SockRef;

use crate::{client::Client, rt::Runtime};

pub use target::Target;
pub use tcp::TcpListener;
#[cfg(unix)]
pub use unix::UnixListener;

/// A runtime that has sockets.
///
/// Programs that choose their runtime when they are built use the types of its module and have no need of
/// this. One that chooses when it starts, like `chinwagd --runtime`, is generic over it:
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::{Hub, Server, sockets::{Network, TcpListener}, wire::Line};
///
/// fn serve<N: Network>(runtime: N) -> Result<(), Box<dyn std::error::Error>> {
///     runtime.block_on(async {
///         let listener = TcpListener::<N>::bind("127.0.0.1:4000").await?;
///         let ctrl_c = std::future::pending::<()>();
///         Server::new(Hub::new())
///             .listen(listener, Line::default())
///             .run_until(ctrl_c, runtime.clone())
///             .await?;
///         Ok(())
///     })
/// }
/// ```
///
/// The functions without `self` are called only by futures that [`block_on`](Self::block_on) or
/// [`spawn`](Runtime::spawn) runs. Sockets that are passed to them are in non-blocking mode already.
pub trait Network: Runtime {
    /// A TCP socket that listens.
    type TcpListener: Debug + Send + Sync + 'static;
    /// A TCP connection.
    type TcpStream: Socket;
    /// A Unix socket that listens.
    #[cfg(unix)]
    type UnixListener: Debug + Send + Sync + 'static;
    /// A connection through a Unix socket.
    #[cfg(unix)]
    type UnixStream: Socket;

    /// Runs `main` to its end, on this thread. What it spawns runs on the runtime.
    ///
    /// # Panics
    ///
    /// It may, if it is called by a task of the runtime.
    fn block_on<F: Future>(&self, main: F) -> F::Output;

    /// Takes over `listener`.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn tcp_listener(listener: net::TcpListener) -> io::Result<Self::TcpListener>;

    /// Waits for the next connection. There is one such future at a time.
    ///
    /// # Cancellation
    ///
    /// Dropping the future must lose no connection.
    ///
    /// # Errors
    ///
    /// See [`Listener::accept`](crate::Listener::accept): no error ends a server.
    fn accept_tcp(
        listener: &Self::TcpListener,
    ) -> impl Future<Output = io::Result<(Self::TcpStream, SocketAddr)>> + Send;

    /// Connects to `addr`.
    ///
    /// # Cancellation
    ///
    /// Dropping the future must close the connection.
    ///
    /// # Errors
    ///
    /// Whatever the system says, such as `ConnectionRefused` where nobody listens.
    fn connect_tcp(addr: SocketAddr) -> impl Future<Output = io::Result<Self::TcpStream>> + Send;

    /// Takes over `listener`.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    #[cfg(unix)]
    fn unix_listener(listener: unix_net::UnixListener) -> io::Result<Self::UnixListener>;

    /// Waits for the next connection, and says at which path its other end is, if at any. There is one such future
    /// at a time.
    ///
    /// # Cancellation
    ///
    /// Dropping the future must lose no connection.
    ///
    /// # Errors
    ///
    /// See [`Listener::accept`](crate::Listener::accept): no error ends a server.
    #[cfg(unix)]
    fn accept_unix(
        listener: &Self::UnixListener,
    ) -> impl Future<Output = io::Result<(Self::UnixStream, Option<Box<Path>>)>> + Send;

    /// Connects to the socket at `path`.
    ///
    /// # Cancellation
    ///
    /// Dropping the future must close the connection.
    ///
    /// # Errors
    ///
    /// Whatever the system says, such as `NotFound`, or `ConnectionRefused` where nobody listens.
    #[cfg(unix)]
    fn connect_unix(path: &Path) -> impl Future<Output = io::Result<Self::UnixStream>> + Send;
}

/// What [`Listener::Io`](crate::Listener::Io) needs, and a descriptor, through which the socket's options are
/// set. Every type that qualifies implements it.
pub trait Socket: AsyncRead + AsyncWrite + AsSocket + Debug + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + AsSocket + Debug + Unpin + Send + 'static> Socket for T {}

/// Connects a [`Client`] to a server's `line` listener.
///
/// It has no time limit of its own.
///
/// # Cancellation
///
/// Dropping the future drops the connection, and a server that has accepted it sees its end; the thread that looks
/// a host name up goes on to its end. Nothing else is left.
///
/// # Errors
///
/// `InvalidInput` if the target is not `HOST:PORT`; what the look-up says, if the host is not known; or
/// what the system says of the last address that was tried.
pub async fn connect<N: Network>(target: impl Into<Target>) -> io::Result<Client<N::TcpStream>> {
    let mut last_error = io::ErrorKind::AddrNotAvailable.into();
    for addr in target.into().look_up().await? {
        match N::connect_tcp(addr).await {
            Ok(stream) => {
                // Whole requests are written at once. If it is refused, the connection is gone already, and
                // will say so.
                let _ = SockRef::from(&stream).set_tcp_nodelay(true);
                return Ok(Client::new(stream));
            }
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

/// Connects a [`Client`] to the `line` listener on the Unix socket at `path`.
///
/// It has no time limit of its own.
///
/// # Cancellation
///
/// That of [`connect`].
///
/// # Errors
///
/// Whatever the system says, such as `NotFound`, or `ConnectionRefused` where nobody listens.
#[cfg(unix)]
pub async fn connect_unix<N: Network>(path: impl AsRef<Path>) -> io::Result<Client<N::UnixStream>> {
    N::connect_unix(path.as_ref()).await.map(Client::new)
}

/// Tells the peer that nothing more will come, and leaves the reading half open. It is what `poll_close`
/// of a [`Listener::Io`](crate::Listener::Io) does, for transports whose own does not.
///
/// # Errors
///
/// Whatever the system says, but nothing if the connection is gone already.
pub fn shut_down_write(socket: &impl AsSocket) -> io::Result<()> {
    match SockRef::from(socket).shutdown(Shutdown::Write) {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        other => other,
    }
}
