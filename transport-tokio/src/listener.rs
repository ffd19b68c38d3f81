//! tokio's sockets, as far as [`chinwag_core::sockets`] asks for them.

use std::{
    future::Future,
    io,
    net::{self, SocketAddr},
};
#[cfg(unix)]
use std::{os::unix, path::Path};

use chinwag_core::sockets::Network;
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::RuntimeFlavor;

use crate::{TokioRuntime, TokioSocket};

impl Network for TokioRuntime {
    type TcpListener = TcpListener;
    type TcpStream = TokioSocket<TcpStream>;
    #[cfg(unix)]
    type UnixListener = UnixListener;
    #[cfg(unix)]
    type UnixStream = TokioSocket<UnixStream>;

    /// Runs `main` to its end, on this thread.
    ///
    /// # Panics
    ///
    /// On a runtime of one thread, whose sockets and timers only its own `block_on` serves; and inside of
    /// any runtime.
    fn block_on<F: Future>(&self, main: F) -> F::Output {
        assert_ne!(
            self.handle().runtime_flavor(),
            RuntimeFlavor::CurrentThread,
            "a runtime of one thread needs its own `block_on`"
        );
        self.handle().block_on(main)
    }

    fn tcp_listener(listener: net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }

    async fn accept_tcp(listener: &TcpListener) -> io::Result<(Self::TcpStream, SocketAddr)> {
        let (stream, addr) = listener.accept().await?;
        Ok((TokioSocket::new(stream), addr))
    }

    async fn connect_tcp(addr: SocketAddr) -> io::Result<Self::TcpStream> {
        TcpStream::connect(addr).await.map(TokioSocket::new)
    }

    #[cfg(unix)]
    fn unix_listener(listener: unix::net::UnixListener) -> io::Result<UnixListener> {
        UnixListener::from_std(listener)
    }

    #[cfg(unix)]
    async fn accept_unix(
        listener: &UnixListener,
    ) -> io::Result<(Self::UnixStream, Option<Box<Path>>)> {
        let (stream, addr) = listener.accept().await?;
        Ok((TokioSocket::new(stream), addr.as_pathname().map(Into::into)))
    }

    #[cfg(unix)]
    async fn connect_unix(path: &Path) -> io::Result<Self::UnixStream> {
        UnixStream::connect(path).await.map(TokioSocket::new)
    }
}
