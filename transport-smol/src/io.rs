//! smol's byte streams, with a close that the peer hears.

#[cfg(unix)]
use std::os::fd::{AsFd as AsSocket, BorrowedFd};
#[cfg(windows)]
use std::os::windows::io::{AsSocket, BorrowedSocket};
use std::{
    io::{self, IoSlice, Read, Write},
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_io::{Async, IoSafe};
use chinwag_core::sockets::shut_down_write;
use futures::io::{AsyncRead, AsyncWrite};

/// A socket of smol's that closes like TCP does: `poll_close` shuts the writing half down, and reading
/// goes on. That of [`Async`] itself only flushes.
#[derive(Debug)]
pub struct SmolIo<T>(Async<T>);

impl<T> SmolIo<T> {
    /// Wraps `socket`.
    pub fn new(socket: Async<T>) -> Self {
        Self(socket)
    }

    /// The socket.
    pub fn into_inner(self) -> Async<T> {
        self.0
    }
}

impl<T: AsSocket> AsSocket for SmolIo<T> {
    #[cfg(unix)]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    #[cfg(windows)]
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.0.as_socket()
    }
}

impl<T: IoSafe + Read> AsyncRead for SmolIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<T: IoSafe + Write + AsSocket> AsyncWrite for SmolIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.0).poll_flush(cx))?;
        Poll::Ready(shut_down_write(&self.0))
    }
}
