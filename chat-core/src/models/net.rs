//! Byte streams between threads of a model.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use futures::{
    AsyncReadExt, AsyncWriteExt, StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    io::{AsyncRead, AsyncWrite},
};
use shuttle::sync::Mutex;

use crate::{Addr, Incoming, Listener};

/// One direction of a stream.
struct Pipe {
    bytes: VecDeque<u8>,
    /// How many bytes fit between the writer and the reader.
    capacity: usize,
    /// Nothing more is written.
    is_closed: bool,
    /// Nobody reads any more.
    is_dropped: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn new(capacity: usize) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            bytes: VecDeque::new(),
            capacity,
            is_closed: false,
            is_dropped: false,
            reader: None,
            writer: None,
        }))
    }
}

/// One end of a stream.
pub(super) struct End {
    inward: Arc<Mutex<Pipe>>,
    outward: Arc<Mutex<Pipe>>,
    /// A listener has handed it out.
    accepted: Arc<AtomicBool>,
}

/// Two ends; so many bytes fit between the second one and the first one, and any number the other way.
fn pair(capacity: usize) -> (End, End) {
    let (one, two) = (Pipe::new(capacity), Pipe::new(usize::MAX));
    let accepted = Arc::default();
    let end = |inward: &Arc<_>, outward: &Arc<_>| End {
        inward: Arc::clone(inward),
        outward: Arc::clone(outward),
        accepted: Arc::clone(&accepted),
    };
    (end(&one, &two), end(&two, &one))
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.inward.lock().unwrap();
        if pipe.bytes.is_empty() && !pipe.is_closed {
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = buf.len().min(pipe.bytes.len());
        for (to, from) in buf.iter_mut().zip(pipe.bytes.drain(..count)) {
            *to = from;
        }
        wake(pipe.writer.take());
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.outward.lock().unwrap();
        if pipe.is_dropped {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let count = buf.len().min(pipe.capacity - pipe.bytes.len());
        if count == 0 && !buf.is_empty() {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        pipe.bytes.extend(&buf[..count]);
        wake(pipe.reader.take());
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pipe = self.outward.lock().unwrap();
        pipe.is_closed = true;
        wake(pipe.reader.take());
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut outward = self.outward.lock().unwrap();
        outward.is_closed = true;
        wake(outward.reader.take());
        drop(outward);
        let mut inward = self.inward.lock().unwrap();
        inward.is_dropped = true;
        wake(inward.writer.take());
    }
}

fn wake(task: Option<Waker>) {
    if let Some(task) = task {
        task.wake();
    }
}

/// It accepts what is connected to it.
pub(super) struct Door(UnboundedReceiver<End>);

/// What connects to a [`Door`].
#[derive(Clone)]
pub(super) struct Bell {
    door: UnboundedSender<End>,
    capacity: usize,
}

/// A listener from whose sockets peers get so many bytes at a time.
pub(super) fn door(capacity: usize) -> (Bell, Door) {
    let (bell, door) = unbounded();
    let bell = Bell {
        door: bell,
        capacity,
    };
    (bell, Door(door))
}

impl Listener for Door {
    type Io = End;

    async fn accept(&mut self) -> io::Result<Incoming<End>> {
        match self.0.next().await {
            Some(end) => {
                end.accepted.store(true, Ordering::Relaxed);
                Ok(Incoming::new(end, Addr::Memory(0)))
            }
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Addr> {
        Ok(Addr::Memory(0))
    }
}

impl Bell {
    /// A connection. `None` if nobody listens any more.
    pub(super) fn connect(&self) -> Option<Peer> {
        let (ours, theirs) = pair(self.capacity);
        self.door.unbounded_send(theirs).ok()?;
        Some(Peer {
            io: ours,
            unread: Vec::new(),
        })
    }
}

/// A client.
pub(super) struct Peer {
    io: End,
    unread: Vec<u8>,
}

impl Peer {
    /// Sends a line.
    pub(super) async fn say(&mut self, line: &str) {
        // If it is broken, that is seen by reading.
        let _ = self.io.write_all(format!("{line}\n").as_bytes()).await;
    }

    /// Whether the server has accepted it.
    pub(super) fn was_accepted(&self) -> bool {
        self.io.accepted.load(Ordering::Relaxed)
    }

    /// Sends nothing more.
    pub(super) async fn done_sending(&mut self) {
        self.io.close().await.unwrap();
    }

    /// The next line. `None` at the end.
    pub(super) async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
                let line: Vec<_> = self.unread.drain(..=end).collect();
                return Some(String::from_utf8(line).unwrap().trim_end().to_owned());
            }
            let mut buf = [0; 256];
            match self.io.read(&mut buf).await {
                Ok(0) | Err(_) => {
                    assert!(self.unread.is_empty(), "a line is cut off");
                    return None;
                }
                Ok(count) => self.unread.extend_from_slice(&buf[..count]),
            }
        }
    }

    /// Sends a line, and expects this answer next.
    pub(super) async fn ask(&mut self, line: &str, answer: &str) {
        self.say(line).await;
        assert_eq!(self.line().await.as_deref(), Some(answer));
    }

    /// All lines to the end.
    pub(super) async fn rest(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.line().await {
            lines.push(line);
        }
        lines
    }
}
