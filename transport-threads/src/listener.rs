//! Plain sockets, as far as [`chinwag_core::sockets`] asks for them.

use std::{
    future::{Future, poll_fn},
    io,
    net::{self, SocketAddr, TcpStream},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::{self as unix_net, UnixStream},
    },
    path::Path,
    sync::Arc,
    task::{Context, Poll},
};

use chinwag_core::sockets::Network;
use rustix::io::Errno;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use crate::{
    ThreadIo, ThreadRuntime,
    io::attempt,
    reactor::{self, Direction},
};

/// A socket that listens.
#[derive(Debug)]
pub struct ListenSocket<S: AsFd + Send + Sync + 'static>(Arc<S>);

impl<S: AsFd + Send + Sync + 'static> ListenSocket<S> {
    async fn next<T>(&self, accept: impl Fn(&S) -> io::Result<T>) -> io::Result<T> {
        poll_fn(|cx| attempt(&self.0, Direction::Read, cx, &accept)).await
    }
}

impl<S: AsFd + Send + Sync + 'static> Drop for ListenSocket<S> {
    fn drop(&mut self) {
        reactor::let_go(&self.0);
    }
}

impl Network for ThreadRuntime {
    type TcpListener = ListenSocket<net::TcpListener>;
    type TcpStream = ThreadIo<TcpStream>;
    type UnixListener = ListenSocket<unix_net::UnixListener>;
    type UnixStream = ThreadIo<UnixStream>;

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        crate::block_on(main)
    }

    fn tcp_listener(listener: net::TcpListener) -> io::Result<Self::TcpListener> {
        Ok(ListenSocket(Arc::new(listener)))
    }

    async fn accept_tcp(listener: &Self::TcpListener) -> io::Result<(Self::TcpStream, SocketAddr)> {
        let (stream, addr) = listener.next(net::TcpListener::accept).await?;
        stream.set_nonblocking(true)?;
        Ok((ThreadIo::new(stream), addr))
    }

    async fn connect_tcp(addr: SocketAddr) -> io::Result<Self::TcpStream> {
        connect(Domain::for_address(addr), &addr.into()).await
    }

    fn unix_listener(listener: unix_net::UnixListener) -> io::Result<Self::UnixListener> {
        Ok(ListenSocket(Arc::new(listener)))
    }

    async fn accept_unix(
        listener: &Self::UnixListener,
    ) -> io::Result<(Self::UnixStream, Option<Box<Path>>)> {
        let (stream, addr) = listener.next(unix_net::UnixListener::accept).await?;
        stream.set_nonblocking(true)?;
        Ok((ThreadIo::new(stream), addr.as_pathname().map(Into::into)))
    }

    async fn connect_unix(path: &Path) -> io::Result<Self::UnixStream> {
        connect(Domain::UNIX, &SockAddr::unix(path)?).await
    }
}

/// Connects a new socket to `addr`.
async fn connect<S>(domain: Domain, addr: &SockAddr) -> io::Result<ThreadIo<S>>
where
    S: AsFd + From<OwnedFd> + Send + Sync + 'static,
{
    let socket = Socket::new(domain, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    let started = socket.connect(addr);
    let io = ThreadIo::new(S::from(OwnedFd::from(socket)));
    match started {
        Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {
            poll_fn(|cx| poll_connected(&io, cx)).await?;
            Ok(io)
        }
        other => other.map(|()| io),
    }
}

fn poll_connected<S>(io: &ThreadIo<S>, cx: &mut Context<'_>) -> Poll<io::Result<()>>
where
    S: AsFd + Send + Sync + 'static,
{
    let socket = SockRef::from(io);
    if let Some(error) = socket.take_error()? {
        return Poll::Ready(Err(error));
    }
    match socket.peer_addr() {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            reactor::watch(io.socket(), Direction::Write, cx.waker());
            Poll::Pending
        }
        other => Poll::Ready(other.map(drop)),
    }
}
