//! A stream whose far end is in the hands of a test, and futures that are polled by hand.

use std::{
    collections::VecDeque,
    future::Future,
    io, mem,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use futures::{
    FutureExt,
    future::LocalBoxFuture,
    io::{AsyncRead, AsyncWrite},
    task::{ArcWake, waker},
};

/// The far end of a stream, and everything that can go wrong with one.
#[derive(Default)]
pub(super) struct Net {
    pub(super) input: VecDeque<u8>,
    pub(super) eof: bool,
    pub(super) read_error: Option<io::ErrorKind>,
    pub(super) write_error: Option<io::ErrorKind>,
    pub(super) output: Vec<u8>,
    /// How many bytes may still be written.
    pub(super) room: usize,
    /// How many bytes one read or write moves at most.
    pub(super) chunk: usize,
    pub(super) flush_blocked: bool,
    pub(super) reads: usize,
    pub(super) dropped: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// The test's hand on it.
#[derive(Clone)]
pub(super) struct Far(Arc<Mutex<Net>>);

pub(super) struct FakeIo(Arc<Mutex<Net>>);

impl Far {
    pub(super) fn new() -> (Self, FakeIo) {
        let net = Arc::new(Mutex::new(Net {
            room: usize::MAX,
            chunk: usize::MAX,
            ..Net::default()
        }));
        (Self(net.clone()), FakeIo(net))
    }

    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Net) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    /// Changes something, and wakes whoever waits for it.
    pub(super) fn change(&self, change: impl FnOnce(&mut Net)) {
        self.with(change);
        self.react();
    }

    /// Wakes whoever waits for what can be done now, like a level-triggered reactor. Whether it did.
    pub(super) fn react(&self) -> bool {
        let (reader, writer) = self.with(|net| {
            let ended = net.eof || net.read_error.is_some();
            let readable = ended || !net.input.is_empty();
            let writable = net.room > 0;
            (
                net.reader.take_if(|_| readable),
                net.writer.take_if(|_| writable),
            )
        });
        let any = reader.is_some() || writer.is_some();
        reader.into_iter().chain(writer).for_each(Waker::wake);
        any
    }

    pub(super) fn say(&self, bytes: impl AsRef<[u8]>) {
        self.change(|net| net.input.extend(bytes.as_ref()));
    }

    pub(super) fn close(&self) {
        self.change(|net| net.eof = true);
    }

    pub(super) fn hear(&self) -> String {
        self.with(|net| String::from_utf8(mem::take(&mut net.output)).unwrap())
    }
}

impl AsyncRead for FakeIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut net = self.0.lock().unwrap();
        net.reads += 1;
        let n = net.input.len().min(buf.len()).min(net.chunk);
        for (to, from) in buf.iter_mut().zip(net.input.drain(..n)) {
            *to = from;
        }
        match net.read_error {
            _ if n > 0 => Poll::Ready(Ok(n)),
            Some(kind) => Poll::Ready(Err(kind.into())),
            None if net.eof => Poll::Ready(Ok(0)),
            None => {
                net.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for FakeIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut net = self.0.lock().unwrap();
        if let Some(kind) = net.write_error {
            return Poll::Ready(Err(kind.into()));
        }
        let n = buf.len().min(net.room).min(net.chunk);
        if n == 0 {
            net.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        net.output.extend_from_slice(&buf[..n]);
        net.room -= n;
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut net = self.0.lock().unwrap();
        if let Some(kind) = net.write_error {
            return Poll::Ready(Err(kind.into()));
        }
        if net.flush_blocked {
            net.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for FakeIo {
    fn drop(&mut self) {
        self.0.lock().unwrap().dropped = true;
    }
}

#[derive(Default)]
pub(super) struct Wakes(pub(super) AtomicUsize);

impl ArcWake for Wakes {
    fn wake_by_ref(wakes: &Arc<Self>) {
        wakes.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A future that is polled by hand, and knows whether it has been woken since.
pub(super) struct Task<'a, T> {
    future: LocalBoxFuture<'a, T>,
    pub(super) wakes: Arc<Wakes>,
}

impl<'a, T> Task<'a, T> {
    pub(super) fn new(future: impl Future<Output = T> + 'a) -> Self {
        let wakes = Arc::default();
        let future = future.boxed_local();
        Self { future, wakes }
    }

    /// One that has been polled once, and waits.
    pub(super) fn waiting(future: impl Future<Output = T> + 'a) -> Self {
        let mut task = Self::new(future);
        assert!(task.poll().is_pending());
        task
    }

    pub(super) fn poll(&mut self) -> Poll<T> {
        self.wakes.0.store(0, Ordering::Relaxed);
        let waker = waker(self.wakes.clone());
        self.future.poll_unpin(&mut Context::from_waker(&waker))
    }

    pub(super) fn is_woken(&self) -> bool {
        self.wakes.0.load(Ordering::Relaxed) > 0
    }

    /// Polls it as often as it is woken, like an executor.
    pub(super) fn run(&mut self) -> Poll<T> {
        loop {
            let outcome = self.poll();
            if outcome.is_ready() || !self.is_woken() {
                return outcome;
            }
        }
    }

    #[track_caller]
    pub(super) fn finish(mut self) -> T {
        match self.run() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it still waits"),
        }
    }
}
