//! smol's sockets, as far as [`chinwag_core::sockets`] asks for them.

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener, TcpStream},
};
#[cfg(unix)]
use std::{
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
};

use async_io::Async;
use chinwag_core::sockets::Network;

use crate::{SmolIo, SmolRuntime};

impl Network for SmolRuntime {
    type TcpListener = Async<TcpListener>;
    type TcpStream = SmolIo<TcpStream>;
    #[cfg(unix)]
    type UnixListener = Async<UnixListener>;
    #[cfg(unix)]
    type UnixStream = SmolIo<UnixStream>;

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        self.run(main)
    }

    fn tcp_listener(listener: TcpListener) -> io::Result<Self::TcpListener> {
        Async::new_nonblocking(listener)
    }

    async fn accept_tcp(listener: &Self::TcpListener) -> io::Result<(Self::TcpStream, SocketAddr)> {
        let (stream, addr) = listener.accept().await?;
        Ok((SmolIo::new(stream), addr))
    }

    async fn connect_tcp(addr: SocketAddr) -> io::Result<Self::TcpStream> {
        Async::<TcpStream>::connect(addr).await.map(SmolIo::new)
    }

    #[cfg(unix)]
    fn unix_listener(listener: UnixListener) -> io::Result<Self::UnixListener> {
        Async::new_nonblocking(listener)
    }

    #[cfg(unix)]
    async fn accept_unix(
        listener: &Self::UnixListener,
    ) -> io::Result<(Self::UnixStream, Option<Box<Path>>)> {
        let (stream, addr) = listener.accept().await?;
        Ok((SmolIo::new(stream), addr.as_pathname().map(Into::into)))
    }

    #[cfg(unix)]
    async fn connect_unix(path: &Path) -> io::Result<Self::UnixStream> {
        Async::<UnixStream>::connect(path).await.map(SmolIo::new)
    }
}
