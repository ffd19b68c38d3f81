//! smol's byte streams, with a close that the peer hears.

#[cfg(unix)]
use std::os::fd::{AsFd as AsSocket, BorrowedFd};
#[cfg(windows)]
use std::os::windows::io::{AsSocket, BorrowedSocket};
use std::{
    io::{self, IoSlice, Read, Write},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_io::{Async, IoSafe};
use chinwag_core::sockets::shut_down_write;
use futures::io::{AsyncRead, AsyncWrite};

/// A socket of smol's that closes like TCP does: `poll_close` shuts the writing half down, and reading
/// goes on. That of [`Async`] itself only flushes.
#[derive(Debug)]
pub struct SmolIo<T> {
    socket: Async<T>,
    /// The last read has taken all that there was.
    drained: bool,
    /// The reactor was asked to tell when there is something to read, and has not been asked since whether it has.
    waits: bool,
}

impl<T> SmolIo<T> {
    /// Wraps `socket`.
    pub fn new(socket: Async<T>) -> Self {
        Self {
            socket,
            drained: false,
            waits: false,
        }
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ready = self.socket.poll_readable(cx);
        self.waits = ready.is_pending();
        ready
    }

    /// The socket.
    pub fn into_inner(self) -> Async<T> {
        self.socket
    }
}

impl<T: AsSocket> AsSocket for SmolIo<T> {
    #[cfg(unix)]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    #[cfg(windows)]
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.socket.as_socket()
    }
}

impl<T> AsyncRead for SmolIo<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        // What the reactor has told by now must not be taken for what comes in after the read.
        if self.waits
            && let Poll::Ready(Err(error)) = self.poll_readable(cx)
        {
            return Poll::Ready(Err(error));
        }
        // What comes in after a short read is told by the reactor, which saves asking for nothing. Only the
        // first time: that the reactor is silent again does not mean that it has been so all the while.
        if mem::take(&mut self.drained) {
            ready!(self.poll_readable(cx))?;
        }
        loop {
            match self.socket.get_ref().read(buf) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.poll_readable(cx))?;
                }
                Ok(count) => {
                    self.drained = 0 < count && count < buf.len();
                    return Poll::Ready(Ok(count));
                }
                error => return Poll::Ready(error),
            }
        }
    }
}

impl<T: IoSafe + Write + AsSocket> AsyncWrite for SmolIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
        Poll::Ready(shut_down_write(&self.socket))
    }
}
