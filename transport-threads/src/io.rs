//! Sockets that do not block, and what waits for them.

use std::{
    io::{self, IoSlice, Read, Write},
    os::fd::{AsFd, BorrowedFd},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use chinwag_core::sockets::shut_down_write;
use futures::io::{AsyncRead, AsyncWrite};

use crate::reactor::{self, Direction};

/// A stream socket of a [`ThreadRuntime`](crate::ThreadRuntime).
///
/// It may move from thread to thread between two operations.
#[derive(Debug)]
pub struct ThreadIo<S: AsFd + Send + Sync + 'static> {
    socket: Arc<S>,
    /// The last read has taken all that there was.
    drained: bool,
}

impl<S: AsFd + Send + Sync + 'static> ThreadIo<S> {
    /// Wraps a stream that does not block.
    pub(crate) fn new(socket: S) -> Self {
        Self {
            socket: Arc::new(socket),
            drained: false,
        }
    }

    /// The socket.
    pub(crate) fn socket(&self) -> &Arc<S> {
        &self.socket
    }
}

/// Does `work` on `socket`, unless it is known that it would block.
pub(crate) fn attempt<S: AsFd + Send + Sync + 'static, T>(
    socket: &Arc<S>,
    direction: Direction,
    cx: &mut Context<'_>,
    mut work: impl FnMut(&S) -> io::Result<T>,
) -> Poll<io::Result<T>> {
    if reactor::still_watches(socket, direction, cx.waker()) {
        return Poll::Pending;
    }
    loop {
        match work(socket) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                reactor::watch(socket, direction, cx.waker());
                return Poll::Pending;
            }
            done => return Poll::Ready(done),
        }
    }
}

impl<S: AsFd + Send + Sync + 'static> AsyncRead for ThreadIo<S>
where
    for<'a> &'a S: Read,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        // What comes in afterwards is told by `poll(2)`, which saves asking for nothing.
        if std::mem::take(&mut self.drained) {
            reactor::watch(&self.socket, Direction::Read, cx.waker());
            return Poll::Pending;
        }
        let count = ready!(attempt(&self.socket, Direction::Read, cx, |mut socket| {
            socket.read(buf)
        }))?;
        self.drained = 0 < count && count < buf.len();
        Poll::Ready(Ok(count))
    }
}

impl<S: AsFd + Send + Sync + 'static> AsyncWrite for ThreadIo<S>
where
    for<'a> &'a S: Write,
{
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        attempt(&self.socket, Direction::Write, cx, |mut socket| {
            socket.write(buf)
        })
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        attempt(&self.socket, Direction::Write, cx, |mut socket| {
            socket.write_vectored(bufs)
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(shut_down_write(&*self.socket))
    }
}

impl<S: AsFd + Send + Sync + 'static> AsFd for ThreadIo<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<S: AsFd + Send + Sync + 'static> Drop for ThreadIo<S> {
    fn drop(&mut self) {
        reactor::let_go(&self.socket);
    }
}
