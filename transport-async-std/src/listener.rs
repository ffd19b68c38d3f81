//! async-std's sockets, which are smol's: both stand on the same reactor.

use std::{
    future::Future,
    io,
    net::{self, SocketAddr},
};
#[cfg(unix)]
use std::{os::unix, path::Path};

use chinwag_core::sockets::Network;
use chinwag_transport_smol::SmolRuntime;

use crate::AsyncStdRuntime;

impl Network for AsyncStdRuntime {
    type TcpListener = <SmolRuntime as Network>::TcpListener;
    type TcpStream = <SmolRuntime as Network>::TcpStream;
    #[cfg(unix)]
    type UnixListener = <SmolRuntime as Network>::UnixListener;
    #[cfg(unix)]
    type UnixStream = <SmolRuntime as Network>::UnixStream;

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        async_std::task::block_on(main)
    }

    fn tcp_listener(listener: net::TcpListener) -> io::Result<Self::TcpListener> {
        SmolRuntime::tcp_listener(listener)
    }

    async fn accept_tcp(listener: &Self::TcpListener) -> io::Result<(Self::TcpStream, SocketAddr)> {
        SmolRuntime::accept_tcp(listener).await
    }

    async fn connect_tcp(addr: SocketAddr) -> io::Result<Self::TcpStream> {
        SmolRuntime::connect_tcp(addr).await
    }

    #[cfg(unix)]
    fn unix_listener(listener: unix::net::UnixListener) -> io::Result<Self::UnixListener> {
        SmolRuntime::unix_listener(listener)
    }

    #[cfg(unix)]
    async fn accept_unix(
        listener: &Self::UnixListener,
    ) -> io::Result<(Self::UnixStream, Option<Box<Path>>)> {
        SmolRuntime::accept_unix(listener).await
    }

    #[cfg(unix)]
    async fn connect_unix(path: &Path) -> io::Result<Self::UnixStream> {
        SmolRuntime::connect_unix(path).await
    }
}
