//! tokio's byte streams as `futures` knows them.

#[cfg(unix)]
use std::os::fd::{AsFd as AsSocket, BorrowedFd};
#[cfg(windows)]
use std::os::windows::io::{AsSocket, BorrowedSocket};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::io::{AsyncRead, AsyncWrite};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::{io::ReadBuf, net::TcpStream};

/// A tokio stream, read and written through the traits of `futures`.
///
/// It forwards vectored writes, so that a batch is one system call, and closes like TCP does: `poll_close`
/// shuts the writing half down, and reading goes on.
#[derive(Debug)]
pub struct TokioIo<T>(T);

impl<T> TokioIo<T> {
    /// Wraps `stream`.
    pub fn new(stream: T) -> Self {
        Self(stream)
    }

    /// The stream.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: AsSocket> AsSocket for TokioIo<T> {
    #[cfg(unix)]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    #[cfg(windows)]
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.0.as_socket()
    }
}

impl<T: tokio::io::AsyncRead + Unpin> AsyncRead for TokioIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl<T: tokio::io::AsyncWrite + Unpin> AsyncWrite for TokioIo<T> {
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
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// A socket of tokio's, like [`TokioIo`], but one that any number of may be written to in one poll.
///
/// tokio counts what a task does in one poll, and after so many operations says that sockets are full that
/// are not. A connection of chinwag's writes for others too, and bounds by itself what one poll does.
#[derive(Debug)]
pub struct TokioSocket<S>(TokioIo<S>);

/// What the sockets of tokio have in common.
pub trait Socket: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin {
    /// Writes as much as there is room for, without a task.
    ///
    /// # Errors
    ///
    /// Those of the system, and [`WouldBlock`](io::ErrorKind::WouldBlock).
    fn try_write(&self, buf: &[u8]) -> io::Result<usize>;
}

impl Socket for TcpStream {
    fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.try_write(buf)
    }
}

#[cfg(unix)]
impl Socket for UnixStream {
    fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.try_write(buf)
    }
}

impl<S> TokioSocket<S> {
    /// Wraps `socket`.
    pub fn new(socket: S) -> Self {
        Self(TokioIo::new(socket))
    }

    /// The socket.
    pub fn into_inner(self) -> S {
        self.0.into_inner()
    }
}

impl<S: AsSocket> AsSocket for TokioSocket<S> {
    #[cfg(unix)]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    #[cfg(windows)]
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.0.as_socket()
    }
}

impl<S: Socket> AsyncRead for TokioSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: Socket> AsyncWrite for TokioSocket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.0.0.try_write(buf) {
            // It is full, or not known yet to have room.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Pin::new(&mut self.0).poll_write(cx, buf)
            }
            written => Poll::Ready(written),
        }
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
        Pin::new(&mut self.0).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn slices_are_one_write_and_a_close_is_half_a_close() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut near = TokioIo::new(TcpStream::connect(listener.local_addr()?).await?);
        let mut far = TokioIo::new(listener.accept().await?.0);

        let slices = [b"one ", b"two ", b"six "].map(|bytes| IoSlice::new(bytes));
        let written = poll_fn(|cx| Pin::new(&mut near).poll_write_vectored(cx, &slices)).await?;
        assert_eq!(written, 12);
        near.close().await?;
        let mut read = String::new();
        far.read_to_string(&mut read).await?;
        assert_eq!(read, "one two six ");

        far.write_all(b"still here").await?;
        drop(far);
        read.clear();
        near.read_to_string(&mut read).await?;
        assert_eq!(read, "still here");
        Ok(())
    }
}
