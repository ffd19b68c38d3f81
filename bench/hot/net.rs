//! The least that is a network: a stream is two byte vectors, which users fill and look at from outside.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use chinwag_core::{Addr, Incoming, Listener};
use futures::io::{AsyncRead, AsyncWrite};

use crate::executor::lock;

/// Where users connect.
#[derive(Clone, Default)]
pub(crate) struct Net(Arc<Mutex<Backlog>>);

#[derive(Default)]
struct Backlog {
    waiting: VecDeque<ServerEnd>,
    acceptor: Option<Waker>,
}

/// The server's end of a stream.
pub(crate) struct ServerEnd(Arc<Mutex<Stream>>);

/// The user's end of a stream. The server never has to wait for it: there is room for everything.
pub(crate) struct User(Arc<Mutex<Stream>>);

#[derive(Default)]
struct Stream {
    /// What the user has sent, and how much of it was read.
    requests: Vec<u8>,
    read: usize,
    /// What the server has sent.
    replies: Vec<u8>,
    user_is_done: bool,
    server_is_done: bool,
    reader: Option<Waker>,
}

impl Net {
    pub(crate) fn connect(&self) -> User {
        let stream = Arc::new(Mutex::new(Stream::default()));
        let mut backlog = lock(&self.0);
        backlog.waiting.push_back(ServerEnd(stream.clone()));
        if let Some(acceptor) = backlog.acceptor.take() {
            acceptor.wake();
        }
        User(stream)
    }
}

impl Listener for Net {
    type Io = ServerEnd;

    async fn accept(&mut self) -> io::Result<Incoming<ServerEnd>> {
        let io = poll_fn(|cx| {
            let mut backlog = lock(&self.0);
            match backlog.waiting.pop_front() {
                Some(io) => Poll::Ready(io),
                None => {
                    backlog.acceptor = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await;
        Ok(Incoming::new(io, Addr::Memory(0)))
    }

    fn local_addr(&self) -> io::Result<Addr> {
        Ok(Addr::Memory(0))
    }
}

impl User {
    /// Sends `requests`, whole.
    pub(crate) fn send(&self, requests: &[u8]) {
        let mut stream = lock(&self.0);
        stream.requests.extend_from_slice(requests);
        stream.wake();
    }

    /// Tells the server to look, although there is nothing new.
    pub(crate) fn nudge(&self) {
        lock(&self.0).wake();
    }

    /// Sends nothing more.
    pub(crate) fn close(&self) {
        let mut stream = lock(&self.0);
        stream.user_is_done = true;
        stream.wake();
    }

    /// Takes what has come, which has to be `expected`, to the byte.
    pub(crate) fn hears(&self, expected: &[u8]) {
        let mut stream = lock(&self.0);
        assert!(
            stream.replies == expected,
            "{:?} came instead of {:?}",
            String::from_utf8_lossy(&stream.replies),
            String::from_utf8_lossy(expected),
        );
        stream.replies.clear();
    }

    /// What has come, which is then no longer there.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut lock(&self.0).replies)
    }

    /// Whether the server has closed its side, and read all that was sent.
    pub(crate) fn is_over(&self) -> bool {
        let stream = lock(&self.0);
        stream.server_is_done && stream.requests.is_empty()
    }
}

impl Stream {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl AsyncRead for ServerEnd {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut stream = lock(&self.0);
        let unread = &stream.requests[stream.read..];
        let count = unread.len().min(buf.len());
        if count == 0 && !stream.user_is_done {
            stream.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        buf[..count].copy_from_slice(&unread[..count]);
        stream.read += count;
        if stream.read == stream.requests.len() {
            stream.requests.clear();
            stream.read = 0;
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for ServerEnd {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        lock(&self.0).replies.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut stream = lock(&self.0);
        let before = stream.replies.len();
        for buf in bufs {
            stream.replies.extend_from_slice(buf);
        }
        Poll::Ready(Ok(stream.replies.len() - before))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).server_is_done = true;
        Poll::Ready(Ok(()))
    }
}
