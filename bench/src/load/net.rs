//! The loop: sockets that are ready are read, and what is to be sent is written at the end of each turn.

use std::{
    io::{self, Read, Write},
    mem,
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    fd::OwnedFd,
};
use slab::Slab;
use socket2::{Domain, SockRef, Socket, Type};

use super::{
    clock::Clock,
    error::{Failure, shown},
    sources::Sources,
};

/// What one read may bring: more than a socket holds for us, in nearly all cases.
const READ: usize = 1 << 20;
/// How many sockets are looked at in a turn. More would delay what is sent at its end.
const EVENTS: usize = 256;

/// How many users are at it at once while they come. It is bounded so that neither the server's queue of connections
/// nor what waits for a reader, with the news of so many others, overflows.
const AT_ONCE: usize = 200;

/// Which connection.
pub(crate) type Id = usize;

/// Whoever decides what to say, and judges what is heard.
pub(crate) trait Handler {
    /// `bytes` came, and before them what was left over the last time. Returns how many of them are done with;
    /// the rest, which should be the beginning of something, comes again with what follows it.
    fn read(&mut self, id: Id, bytes: &[u8], now: u64, conns: &mut Conns)
    -> Result<usize, Failure>;

    /// How that connection is called in messages.
    fn name(&self, id: Id) -> String;

    /// The server closed it, with `rest` as what was left over. That is a failure, unless it was to be expected.
    fn closed(&mut self, id: Id, rest: &[u8], _conns: &mut Conns) -> Result<(), Failure> {
        Err(Failure::Closed {
            who: self.name(id),
            last: shown(rest),
        })
    }
}

/// A connection, with what is on its way.
#[derive(Debug)]
struct Conn {
    stream: TcpStream,
    /// The beginning of what has not come whole yet.
    left_over: Vec<u8>,
    out: Vec<u8>,
    /// In the list of those that have something to send.
    dirty: bool,
    /// The socket took no more; it tells when it does.
    full: bool,
    closing: bool,
}

/// All connections.
#[derive(Debug)]
pub(crate) struct Conns {
    epoll: OwnedFd,
    slab: Slab<Conn>,
    dirty: Vec<Id>,
    /// They end with the turn, so that no other connection gets their number in the middle of it.
    closing: Vec<Id>,
    server: SocketAddr,
    pub(crate) clock: Clock,
}

/// The loop and its memory.
pub(crate) struct Net {
    pub(crate) conns: Conns,
    /// How many may come at once.
    pub(crate) at_once: usize,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
}

/// How a connection differs from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// It reads whatever comes.
    Eager,
    /// It reads until it is told to stop, and its system keeps little for it: small segments and a small window,
    /// so that the server's system keeps little as well.
    Small,
}

impl Net {
    pub(crate) fn new(server: SocketAddr, clock: Clock) -> Result<Self, Failure> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)
            .map_err(|error| Failure::Io("epoll", error.into()))?;
        Ok(Self {
            conns: Conns {
                epoll,
                slab: Slab::new(),
                dirty: Vec::new(),
                closing: Vec::new(),
                server,
                clock,
            },
            at_once: AT_ONCE,
            events: Vec::with_capacity(EVENTS),
            buffer: vec![0; READ],
        })
    }

    /// One turn: send, wait until something is ready or `wait` is over, read, and send what that led to.
    pub(crate) fn turn(
        &mut self,
        wait: Duration,
        handler: &mut impl Handler,
    ) -> Result<(), Failure> {
        self.conns.flush(handler)?;
        let wait = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        let mut events = mem::take(&mut self.events);
        events.clear();
        match epoll::wait(&self.conns.epoll, spare_capacity(&mut events), Some(&wait)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Failure::Io("epoll", error.into())),
        }
        for event in &events {
            let (flags, id) = (event.flags, event.data.u64() as Id);
            if flags.contains(epoll::EventFlags::OUT) {
                self.conns.writable(id);
            }
            if flags != epoll::EventFlags::OUT {
                self.read(id, handler)?;
            }
        }
        self.events = events;
        self.conns.flush(handler)?;
        self.conns.bury();
        Ok(())
    }

    fn read(&mut self, id: Id, handler: &mut impl Handler) -> Result<(), Failure> {
        let Some(conn) = self.conns.slab.get_mut(id).filter(|conn| !conn.closing) else {
            return Ok(());
        };
        let before = conn.left_over.len();
        if before + READ / 2 > self.buffer.len() {
            self.buffer.resize(before + READ, 0);
        }
        self.buffer[..before].copy_from_slice(&conn.left_over);
        let end = match conn.stream.read(&mut self.buffer[before..]) {
            Ok(count) => before + count,
            Err(error) if is_not_yet(&error) => return Ok(()),
            Err(error) if is_gone(&error) => before,
            Err(error) => return Err(Failure::Io("read", error)),
        };
        if end == before {
            handler.closed(id, &self.buffer[..before], &mut self.conns)?;
            self.conns.close(id);
            return Ok(());
        }
        let now = self.conns.clock.now();
        let used = handler.read(id, &self.buffer[..end], now, &mut self.conns)?;
        if let Some(conn) = self.conns.slab.get_mut(id) {
            conn.left_over.clear();
            conn.left_over.extend_from_slice(&self.buffer[used..end]);
        }
        Ok(())
    }
}

impl Conns {
    /// Begins a connection. It may be sent to at once.
    pub(crate) fn open(&mut self, sources: &mut Sources, reader: Reader) -> Result<Id, Failure> {
        let stream =
            connect(self.server, sources, reader).map_err(|error| Failure::Io("connect", error))?;
        let entry = self.slab.vacant_entry();
        let id = entry.key();
        epoll::add(&self.epoll, &stream, data(id), epoll::EventFlags::IN)
            .map_err(|error| Failure::Io("epoll", error.into()))?;
        entry.insert(Conn {
            stream,
            left_over: Vec::new(),
            out: Vec::new(),
            dirty: false,
            full: false,
            closing: false,
        });
        Ok(id)
    }

    /// What is to be sent there at the end of the turn: add to it.
    ///
    /// To a connection that is being closed nothing is sent.
    pub(crate) fn out(&mut self, id: Id) -> &mut Vec<u8> {
        let conn = &mut self.slab[id];
        if !conn.dirty {
            conn.dirty = true;
            self.dirty.push(id);
        }
        &mut conn.out
    }

    /// Closes it at the end of the turn, after what it has to send.
    pub(crate) fn close(&mut self, id: Id) {
        if let Some(conn) = self.slab.get_mut(id)
            && !conn.closing
        {
            conn.closing = true;
            self.closing.push(id);
        }
    }

    /// Closes it at the end of the turn, with a reset.
    pub(crate) fn reset(&mut self, id: Id) -> Result<(), Failure> {
        SockRef::from(&self.slab[id].stream)
            .set_linger(Some(Duration::ZERO))
            .map_err(|error| Failure::Io("reset", error))?;
        self.close(id);
        Ok(())
    }

    /// Says that nothing more will be sent, unless something is still to be sent: then it does nothing and says no.
    pub(crate) fn half_close(&mut self, id: Id) -> bool {
        let conn = &self.slab[id];
        // Where it is not connected any more, its end is about to be read.
        conn.out.is_empty() && conn.stream.shutdown(Shutdown::Write).is_ok()
    }

    /// Never reads from it again, unless it is told to [heed](Self::heed) it.
    pub(crate) fn ignore(&mut self, id: Id) -> Result<(), Failure> {
        epoll::delete(&self.epoll, &self.slab[id].stream)
            .map_err(|error| Failure::Io("epoll", error.into()))
    }

    /// Reads from it again, after it was ignored.
    pub(crate) fn heed(&mut self, id: Id) -> Result<(), Failure> {
        let stream = &self.slab[id].stream;
        epoll::add(&self.epoll, stream, data(id), epoll::EventFlags::IN)
            .map_err(|error| Failure::Io("epoll", error.into()))
    }

    fn flush(&mut self, handler: &mut impl Handler) -> Result<(), Failure> {
        let mut dirty = mem::take(&mut self.dirty);
        for id in dirty.drain(..) {
            let Some(conn) = self.slab.get_mut(id) else {
                continue;
            };
            conn.dirty = false;
            if conn.full {
                continue;
            }
            match conn.stream.write(&conn.out) {
                Ok(count) if count == conn.out.len() => conn.out.clear(),
                Ok(count) => {
                    conn.out.drain(..count);
                    self.wait_for(id, epoll::EventFlags::IN | epoll::EventFlags::OUT)?;
                }
                Err(error) if is_not_yet(&error) => {
                    self.wait_for(id, epoll::EventFlags::IN | epoll::EventFlags::OUT)?;
                }
                Err(error) if is_gone(&error) => {
                    let rest = mem::take(&mut conn.left_over);
                    handler.closed(id, &rest, self)?;
                    self.close(id);
                }
                Err(error) => return Err(Failure::Io("write", error)),
            }
        }
        // The list keeps its memory, and what was added meanwhile.
        let added = mem::replace(&mut self.dirty, dirty);
        self.dirty.extend(added);
        Ok(())
    }

    fn writable(&mut self, id: Id) {
        if self.wait_for(id, epoll::EventFlags::IN).is_ok() {
            self.out(id);
        }
    }

    fn wait_for(&mut self, id: Id, flags: epoll::EventFlags) -> Result<(), Failure> {
        let Some(conn) = self.slab.get_mut(id) else {
            return Ok(());
        };
        conn.full = flags.contains(epoll::EventFlags::OUT);
        epoll::modify(&self.epoll, &conn.stream, data(id), flags)
            .map_err(|error| Failure::Io("epoll", error.into()))
    }

    fn bury(&mut self) {
        for id in self.closing.drain(..) {
            self.slab.try_remove(id);
        }
    }
}

fn data(id: Id) -> epoll::EventData {
    epoll::EventData::new_u64(id as u64)
}

fn connect(server: SocketAddr, sources: &mut Sources, reader: Reader) -> io::Result<TcpStream> {
    let mut tries = 0;
    loop {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_reuse_address(true)?;
        if reader == Reader::Small {
            socket.set_recv_buffer_size(2_048)?;
            socket.set_tcp_mss(536)?;
        }
        let done =
            (socket.bind(&sources.take().into())).and_then(|()| socket.connect(&server.into()));
        match done {
            Ok(()) => return Ok(socket.into()),
            Err(error) if is_under_way(&error) => return Ok(socket.into()),
            // Somebody else has that port.
            Err(error) if is_taken(&error) && tries < 1_000 => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable
    )
}

fn is_not_yet(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionRefused
    )
}
