//! A network in memory.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    future::{Future, poll_fn},
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use chinwag_core::{Addr, Incoming, Listener, Runtime};
use fastrand::Rng;
use futures::io::{AsyncRead, AsyncWrite};

use crate::runtime::{VirtualRuntime, VirtualSleep};

/// A network of listeners that are called by name.
#[derive(Clone, Default)]
pub struct MemoryNet {
    state: Arc<Mutex<NetState>>,
    clock: Option<VirtualRuntime>,
}

#[derive(Default)]
struct NetState {
    listeners: HashMap<String, Arc<Mutex<Backlog>>>,
    next: u64,
    rng: Rng,
}

/// How a stream behaves, in either direction.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// How many bytes fit between a writer and its reader.
    pub capacity: usize,
    /// The most bytes that one read or one write moves.
    pub chunk: usize,
    /// Whether a read or write moves any number of bytes up to that, as the network's seed has it, rather
    /// than as many as it can.
    pub chop: bool,
    /// How long bytes are under way, and an end of them. It needs a network with a clock.
    pub latency: Duration,
}

impl Default for Link {
    /// 64 KiB, as much as fits in one go, and at once.
    fn default() -> Self {
        Self {
            capacity: 64 * 1024,
            chunk: usize::MAX,
            chop: false,
            latency: Duration::ZERO,
        }
    }
}

impl MemoryNet {
    /// An empty network.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty network that has the clock of `rt`, and draws what it draws from `seed`.
    pub fn on(rt: &VirtualRuntime, seed: u64) -> Self {
        let net = Self {
            clock: Some(rt.clone()),
            ..Self::default()
        };
        lock(&net.state).rng = Rng::with_seed(seed);
        net
    }

    /// A link whose capacity, chunks and latency are drawn from the network's seed. A third have no latency.
    ///
    /// # Panics
    ///
    /// If the network has no clock.
    pub fn any_link(&self) -> Link {
        assert!(self.clock.is_some(), "latency needs a clock");
        let mut state = lock(&self.state);
        let rng = &mut state.rng;
        Link {
            capacity: 1 << rng.u32(11..=16),
            chunk: 1 << rng.u32(4..=16),
            chop: rng.bool(),
            latency: Duration::from_micros(rng.u64(0..3) * rng.u64(0..=2000)),
        }
    }

    /// Listens under `name`, in place of whoever did so before.
    pub fn listen(&self, name: &str) -> MemoryListener {
        self.listen_as(name, Addr::Memory(0))
    }

    /// Listens under the name that `addr` has as a text, and says that it does so at `addr`.
    pub fn listen_at(&self, addr: Addr) -> MemoryListener {
        self.listen_as(&addr.to_string(), addr)
    }

    fn listen_as(&self, name: &str, addr: Addr) -> MemoryListener {
        let backlog = Arc::new(Mutex::new(Backlog::default()));
        let mut state = lock(&self.state);
        state.listeners.insert(name.to_owned(), backlog.clone());
        MemoryListener { backlog, addr }
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
        self.connect_as(name, link, Addr::Memory)
    }

    /// Connects to `name` with a plain [`Link`], as somebody at `addr`.
    ///
    /// # Panics
    ///
    /// If nobody listens there.
    pub fn connect_from(&self, name: &str, addr: Addr) -> MemoryStream {
        self.connect_as(name, Link::default(), |_| addr)
            .expect("somebody listens")
    }

    fn connect_as(
        &self,
        name: &str,
        link: Link,
        from: impl FnOnce(u64) -> Addr,
    ) -> io::Result<MemoryStream> {
        let mut state = lock(&self.state);
        state.next += 1;
        let number = state.next;
        let rngs = [state.rng.fork(), state.rng.fork()];
        let backlog = state.listeners.get(name).cloned();
        drop(state);
        let backlog = backlog.ok_or(io::ErrorKind::ConnectionRefused)?;
        let (ours, theirs) = MemoryStream::connected(link, rngs, self.clock.as_ref());
        let mut backlog = lock(&backlog);
        if backlog.closed {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        backlog.push(Ok((theirs, from(number))));
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
    waiting: VecDeque<io::Result<(MemoryStream, Addr)>>,
    acceptor: Option<Waker>,
    closed: bool,
}

impl Backlog {
    fn push(&mut self, incoming: io::Result<(MemoryStream, Addr)>) {
        self.waiting.push_back(incoming);
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.wake();
        }
    }
}

/// A listener of a [`MemoryNet`].
pub struct MemoryListener {
    backlog: Arc<Mutex<Backlog>>,
    addr: Addr,
}

impl Listener for MemoryListener {
    type Io = MemoryStream;

    async fn accept(&mut self) -> io::Result<Incoming<MemoryStream>> {
        let (io, from) = poll_fn(|cx| {
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
        Ok(Incoming::new(io, from))
    }

    fn local_addr(&self) -> io::Result<Addr> {
        Ok(self.addr.clone())
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
    link: Link,
    rng: Rng,
    clock: Option<VirtualRuntime>,
    /// When the next bytes arrive, if they are under way.
    arrival: Option<Pin<Box<VirtualSleep>>>,
}

#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// How many of the bytes arrive when, where they do not at once. The end is one more, which is no byte.
    under_way: VecDeque<(Instant, usize)>,
    /// Nothing arrives for now.
    stalled: bool,
    /// The writer is done.
    ended: bool,
    /// The reader is gone: there is no use in writing.
    broken: bool,
    reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl MemoryStream {
    /// Two ends of one stream, without latency.
    ///
    /// # Panics
    ///
    /// If the link has latency, which needs the clock of a [`MemoryNet`].
    pub fn pair(link: Link) -> (Self, Self) {
        Self::connected(link, [Rng::with_seed(1), Rng::with_seed(2)], None)
    }

    fn connected(link: Link, rngs: [Rng; 2], clock: Option<&VirtualRuntime>) -> (Self, Self) {
        assert!(
            link.latency.is_zero() || clock.is_some(),
            "latency needs a clock"
        );
        let pipe = || {
            Arc::new(Mutex::new(Pipe {
                capacity: link.capacity,
                ..Pipe::default()
            }))
        };
        let (up, down) = (pipe(), pipe());
        let end = |from: &Arc<_>, to: &Arc<_>, rng| Self {
            from: Arc::clone(from),
            to: Arc::clone(to),
            link,
            rng,
            clock: clock.cloned(),
            arrival: None,
        };
        let [ours, theirs] = rngs;
        (end(&down, &up, ours), end(&up, &down, theirs))
    }

    /// Lets nothing arrive at either end any more. What is written waits.
    pub fn stall(&self) {
        self.set_stalled(true);
    }

    /// Lets things arrive again.
    pub fn resume(&self) {
        self.set_stalled(false);
    }

    fn set_stalled(&self, stalled: bool) {
        for pipe in [&self.from, &self.to] {
            let mut pipe = lock(pipe);
            pipe.stalled = stalled;
            pipe.wake();
        }
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
        self.under_way.clear();
        self.wake();
    }

    /// How many bytes can be read, whether the end can, and when there will be more.
    fn arrived(&self, now: Option<Instant>) -> (usize, bool, Option<Instant>) {
        if self.stalled {
            return (0, false, None);
        }
        let is_under_way = |&&(at, _): &&(Instant, usize)| now.is_some_and(|now| now < at);
        let mut under_way = self.under_way.iter().filter(is_under_way).peekable();
        let next = under_way.peek().map(|(at, _)| *at);
        let absent: usize = under_way.map(|(_, count)| count).sum();
        let there = self.bytes.len() - absent.min(self.bytes.len());
        (there, self.ended && next.is_none(), next)
    }

    /// Notes that the writer is done.
    fn end(&mut self, arrival: Option<Instant>) {
        if !self.ended {
            self.ended = true;
            self.send(0, arrival);
        }
        self.wake();
    }

    /// Notes that `count` bytes more have been written, or the end.
    fn send(&mut self, count: usize, arrival: Option<Instant>) {
        if let Some(arrival) = arrival {
            self.under_way.push_back((arrival, count));
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
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

impl MemoryStream {
    fn now(&self) -> Option<Instant> {
        self.clock.as_ref().map(Runtime::now)
    }

    /// When what is written now arrives, if not at once.
    fn arrival(&self) -> Option<Instant> {
        let has_latency = !self.link.latency.is_zero();
        self.now()
            .filter(|_| has_latency)
            .map(|now| now + self.link.latency)
    }

    /// How much of `count` bytes is moved in one go.
    fn chop(&mut self, count: usize) -> usize {
        let count = count.min(self.link.chunk);
        match self.link.chop && count > 1 {
            true => self.rng.usize(1..=count),
            false => count,
        }
    }
}

impl AsyncRead for MemoryStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let (now, from) = (self.now(), self.from.clone());
        let mut pipe = lock(&from);
        if pipe.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let (there, ended, next) = pipe.arrived(now);
        let count = self.chop(buf.len().min(there));
        if count == 0 && !ended {
            pipe.reader = Some(cx.waker().clone());
            drop(pipe);
            self.arrival = None;
            if let (Some(clock), Some(next)) = (self.clock.clone(), next) {
                let mut arrival = Box::pin(clock.sleep_until(next));
                // It is not there yet, so this is `Pending`.
                let _ = arrival.as_mut().poll(cx);
                self.arrival = Some(arrival);
            }
            return Poll::Pending;
        }
        io::Read::read_exact(&mut pipe.bytes, &mut buf[..count])?;
        while pipe
            .under_way
            .front()
            .is_some_and(|(at, _)| now.is_some_and(|now| *at <= now))
        {
            pipe.under_way.pop_front();
        }
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
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let (arrival, to) = (self.arrival(), self.to.clone());
        let mut pipe = lock(&to);
        if pipe.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if pipe.broken || pipe.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let wanted = bufs.iter().map(|buf| buf.len()).sum::<usize>();
        let room = pipe.capacity - pipe.bytes.len();
        let count = self.chop(wanted.min(room));
        if count == 0 && wanted > 0 {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut left = count;
        for buf in bufs {
            let some = left.min(buf.len());
            pipe.bytes.extend(&buf[..some]);
            left -= some;
        }
        pipe.send(count, arrival);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let arrival = self.arrival();
        lock(&self.to).end(arrival);
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
        let arrival = self.arrival();
        let mut to = lock(&self.to);
        match unread {
            true => to.reset(),
            false => to.end(arrival),
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

#[cfg(test)]
mod tests {
    use futures::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn connected(link: Link) -> (VirtualRuntime, MemoryStream, MemoryStream) {
        let rt = VirtualRuntime::new(1);
        let net = MemoryNet::on(&rt, 1);
        let mut listener = net.listen("here");
        let near = net.try_connect("here", link).unwrap();
        let far = rt.block_on(listener.accept()).unwrap().io;
        (rt, near, far)
    }

    #[test]
    fn bytes_and_their_end_take_their_time() {
        let (rt, mut near, mut far) = connected(Link {
            latency: Duration::from_secs(1),
            ..Link::default()
        });
        rt.block_on(async {
            near.write_all(b"one").await.unwrap();
            rt.sleep(Duration::from_millis(300)).await;
            near.write_all(b"two").await.unwrap();
            near.close().await.unwrap();
            let mut read = [0; 10];
            assert_eq!(far.read(&mut read).await.unwrap(), 3);
            assert_eq!(rt.elapsed(), Duration::from_secs(1));
            assert_eq!(far.read(&mut read).await.unwrap(), 3);
            assert_eq!(far.read(&mut read).await.unwrap(), 0);
            assert_eq!(rt.elapsed(), Duration::from_millis(1300));
        });
    }

    #[test]
    fn a_chopped_stream_moves_any_number_of_bytes_and_the_seed_says_how_many() {
        let sizes = || {
            let (rt, mut near, mut far) = connected(Link {
                chop: true,
                ..Link::default()
            });
            rt.block_on(async {
                near.write_all(&[7; 1000]).await.unwrap();
                near.close().await.unwrap();
                let mut sizes = Vec::new();
                let mut read = [0; 100];
                loop {
                    match far.read(&mut read).await.unwrap() {
                        0 => return sizes,
                        size => sizes.push(size),
                    }
                }
            })
        };
        assert_eq!(sizes(), sizes());
        assert_eq!(sizes().iter().sum::<usize>(), 1000);
        assert!(sizes().iter().any(|&size| size < 100));
    }

    #[test]
    fn a_stalled_stream_loses_nothing() {
        let (rt, mut near, mut far) = connected(Link::default());
        rt.block_on(async {
            near.stall();
            near.write_all(b"late").await.unwrap();
            let resume = async {
                rt.sleep(Duration::from_secs(5)).await;
                near.resume();
            };
            let mut read = [0; 4];
            let (read_at, ()) = futures::join!(
                async {
                    far.read_exact(&mut read).await.unwrap();
                    rt.elapsed()
                },
                resume
            );
            assert_eq!(&read, b"late");
            assert_eq!(read_at, Duration::from_secs(5));
        });
    }
}
