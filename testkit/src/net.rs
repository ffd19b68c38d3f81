//! A network in memory.

use std::{
    collections::{HashMap, VecDeque},
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use chinwag_core::{Addr, Incoming, Listener};
use futures::{
    future::poll_fn,
    io::{AsyncRead, AsyncWrite},
};

/// A network of listeners that are called by name.
#[derive(Clone, Default)]
pub struct MemoryNet {
    state: Arc<Mutex<NetState>>,
}

#[derive(Default)]
struct NetState {
    listeners: HashMap<String, Arc<Mutex<Backlog>>>,
    next: u64,
}

/// How a stream behaves, in either direction.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// How many bytes fit between a writer and its reader.
    pub capacity: usize,
    /// The most bytes that one read or one write moves.
    pub chunk: usize,
}

impl Default for Link {
    /// 64 KiB, and as much as fits in one go.
    fn default() -> Self {
        Self {
            capacity: 64 * 1024,
            chunk: usize::MAX,
        }
    }
}

impl MemoryNet {
    /// An empty network.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens under `name`, in place of whoever did so before.
    pub fn listen(&self, name: &str) -> MemoryListener {
        let backlog = Arc::new(Mutex::new(Backlog::default()));
        let mut state = lock(&self.state);
        state.listeners.insert(name.to_owned(), backlog.clone());
        MemoryListener { backlog }
    }

    /// Connects to `name` with a plain [`Link`].
    ///
    /// # Panics
    ///
    /// If nobody listens there.
    pub fn connect(&self, name: &str) -> MemoryStream {
        self.try_connect(name, Link::default())
            .expect("somebody listens")
    }

    /// Connects to `name`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::ConnectionRefused`] if nobody listens there.
    pub fn try_connect(&self, name: &str, link: Link) -> io::Result<MemoryStream> {
        let mut state = lock(&self.state);
        state.next += 1;
        let number = state.next;
        let backlog = state.listeners.get(name).cloned();
        drop(state);
        let backlog = backlog.ok_or(io::ErrorKind::ConnectionRefused)?;
        let (ours, theirs) = MemoryStream::pair(link);
        let mut backlog = lock(&backlog);
        if backlog.closed {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        backlog.push(Ok((theirs, number)));
        Ok(ours)
    }

    /// Makes the next `accept` at `name` fail with `error`.
    pub fn fail_accept(&self, name: &str, error: io::Error) {
        if let Some(backlog) = lock(&self.state).listeners.get(name) {
            lock(backlog).push(Err(error));
        }
    }
}

impl fmt::Debug for MemoryNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryNet").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Backlog {
    waiting: VecDeque<io::Result<(MemoryStream, u64)>>,
    acceptor: Option<Waker>,
    closed: bool,
}

impl Backlog {
    fn push(&mut self, incoming: io::Result<(MemoryStream, u64)>) {
        self.waiting.push_back(incoming);
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.wake();
        }
    }
}

/// A listener of a [`MemoryNet`].
pub struct MemoryListener {
    backlog: Arc<Mutex<Backlog>>,
}

impl Listener for MemoryListener {
    type Io = MemoryStream;

    async fn accept(&mut self) -> io::Result<Incoming<MemoryStream>> {
        let (io, number) = poll_fn(|cx| {
            let mut backlog = lock(&self.backlog);
            match backlog.waiting.pop_front() {
                Some(incoming) => Poll::Ready(incoming),
                None => {
                    backlog.acceptor = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await?;
        Ok(Incoming::new(io, Addr::Memory(number)))
    }

    fn local_addr(&self) -> io::Result<Addr> {
        Ok(Addr::Memory(0))
    }
}

impl Drop for MemoryListener {
    fn drop(&mut self) {
        let mut backlog = lock(&self.backlog);
        backlog.closed = true;
        backlog.waiting.clear();
    }
}

impl fmt::Debug for MemoryListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryListener").finish_non_exhaustive()
    }
}

/// One end of a stream in memory.
///
/// Closing it ends the direction that it writes to. Dropping it ends both, and if it is dropped with bytes
/// unread it resets the stream, as TCP does: what the other end has not read by then is gone.
pub struct MemoryStream {
    from: Arc<Mutex<Pipe>>,
    to: Arc<Mutex<Pipe>>,
    chunk: usize,
}

#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The writer is done.
    ended: bool,
    /// The reader is gone: there is no use in writing.
    broken: bool,
    reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl MemoryStream {
    /// Two ends of one stream.
    pub fn pair(link: Link) -> (Self, Self) {
        let pipe = || {
            Arc::new(Mutex::new(Pipe {
                capacity: link.capacity,
                ..Pipe::default()
            }))
        };
        let (up, down) = (pipe(), pipe());
        let end = |from: &Arc<_>, to: &Arc<_>| Self {
            from: Arc::clone(from),
            to: Arc::clone(to),
            chunk: link.chunk,
        };
        (end(&down, &up), end(&up, &down))
    }

    /// Ends both directions with an error, and throws away what is under way.
    pub fn reset(self) {
        for pipe in [&self.from, &self.to] {
            lock(pipe).reset();
        }
    }
}

impl Pipe {
    fn reset(&mut self) {
        self.reset = true;
        self.bytes.clear();
        self.wake();
    }

    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()]
            .into_iter()
            .flatten()
        {
            waker.wake();
        }
    }
}

impl AsyncRead for MemoryStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.from);
        if pipe.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let count = buf.len().min(self.chunk).min(pipe.bytes.len());
        if count == 0 && !pipe.ended {
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        io::Read::read_exact(&mut pipe.bytes, &mut buf[..count])?;
        if let Some(writer) = pipe.writer.take() {
            writer.wake();
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.to);
        if pipe.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if pipe.broken || pipe.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = pipe.capacity - pipe.bytes.len();
        let count = buf.len().min(self.chunk).min(room);
        if count == 0 && !buf.is_empty() {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        pipe.bytes.extend(&buf[..count]);
        if let Some(reader) = pipe.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pipe = lock(&self.to);
        pipe.ended = true;
        pipe.wake();
        Poll::Ready(Ok(()))
    }
}

impl Drop for MemoryStream {
    fn drop(&mut self) {
        let mut from = lock(&self.from);
        let unread = !from.bytes.is_empty();
        from.broken = true;
        from.wake();
        drop(from);
        let mut to = lock(&self.to);
        match unread {
            true => to.reset(),
            false => {
                to.ended = true;
                to.wake();
            }
        }
    }
}

impl fmt::Debug for MemoryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStream").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
