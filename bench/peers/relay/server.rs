//! The loop.

use std::convert::Infallible;
use std::io;
use std::mem;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::fd::{AsRawFd as _, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};

use crate::connection::{Broken, Connection, Target};
use crate::room::{Names, Room};

const EVENTS: usize = 1024;
const READ: usize = 1 << 16;
const BACKLOG: i32 = 1 << 15;

/// Connections are numbered by their descriptors, so that there is no list of free numbers.
#[derive(Debug)]
pub(crate) struct Server {
    epoll: OwnedFd,
    listener: TcpListener,
    batched: bool,
    connections: Vec<Option<Connection>>,
    rooms: Vec<Room>,
    names: Names,
    /// Batched: for whom something waits, once each.
    touched: Vec<Target>,
    /// Who must go, which cannot be in the middle of what is being written.
    broken: Vec<(u32, Broken)>,
    /// For lines that did not come in one read.
    spare: Vec<u8>,
}

impl Server {
    pub(crate) fn listen(batched: bool) -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        // What is accepted inherits it, which saves a system call each.
        rustix::net::sockopt::set_tcp_nodelay(&socket, true)?;
        rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        rustix::net::listen(&socket, BACKLOG)?;
        let listener = TcpListener::from(socket);

        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let data = EventData::new_u64(listener.as_raw_fd() as u64);
        epoll::add(&epoll, &listener, data, EventFlags::IN)?;
        println!("listening relay://{}", listener.local_addr()?);
        Ok(Self {
            epoll,
            listener,
            batched,
            connections: Vec::new(),
            rooms: Vec::new(),
            names: Names::default(),
            touched: Vec::new(),
            broken: Vec::new(),
            spare: Vec::new(),
        })
    }

    pub(crate) fn run(mut self) -> io::Result<Infallible> {
        let listener = self.listener.as_raw_fd() as u64;
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        let mut buffer = vec![0; READ];
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let (number, flags) = (event.data.u64(), event.flags);
                if number == listener {
                    self.accept()?;
                    continue;
                }
                if flags.contains(EventFlags::OUT) {
                    self.flush(number as u32);
                }
                if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                    self.read(number as u32, &mut buffer);
                }
                if !self.broken.is_empty() {
                    self.drop_broken();
                }
            }
            if !self.touched.is_empty() {
                self.write_touched();
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let socket = match rustix::net::accept_with(&self.listener, flags) {
                Ok(socket) => socket,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::CONNABORTED | Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let number = socket.as_raw_fd() as usize;
            let data = EventData::new_u64(number as u64);
            epoll::add(&self.epoll, &socket, data, EventFlags::IN)?;
            if number >= self.connections.len() {
                self.connections.resize_with(number + 1, || None);
            }
            self.connections[number] = Some(Connection::new(socket));
        }
    }

    /// One read: if there is more, the next round of events says so.
    #[inline]
    fn read(&mut self, number: u32, buffer: &mut [u8]) {
        let Some(connection) = &mut self.connections[number as usize] else {
            return;
        };
        let count = match rustix::net::recv(&connection.socket, &mut *buffer, RecvFlags::empty()) {
            Ok((0, _)) => return self.close(number),
            Ok((count, _)) => count,
            Err(Errno::AGAIN | Errno::INTR) => return,
            Err(_) => return self.close(number),
        };
        let mut spare = mem::take(&mut self.spare);
        match connection.lines(&buffer[..count], &mut spare) {
            Ok(lines) => match connection.target {
                Target::Nobody => self.set_up(number, lines),
                target => self.forward(target, lines),
            },
            Err(broken) => self.broken.push((number, broken)),
        }
        self.spare = spare;
    }

    #[inline]
    fn forward(&mut self, target: Target, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match target {
            Target::Room(room) if self.batched => {
                let said = &mut self.rooms[room as usize].said;
                if said.is_empty() {
                    self.touched.push(target);
                }
                said.extend_from_slice(bytes);
            }
            Target::Room(room) => self.send_to_room(room, bytes),
            Target::User(user) if self.batched => {
                let Some(connection) = &mut self.connections[user as usize] else {
                    return;
                };
                if !connection.has_unsent() {
                    self.touched.push(target);
                }
                if let Err(broken) = connection.put(bytes) {
                    self.broken.push((user, broken));
                }
            }
            Target::User(user) => self.send(user, bytes),
            Target::Nobody | Target::Gone => {}
        }
    }

    #[inline]
    fn send_to_room(&mut self, room: u32, bytes: &[u8]) {
        for place in 0..self.rooms[room as usize].members.len() {
            self.send(self.rooms[room as usize].members[place], bytes);
        }
    }

    #[inline]
    fn send(&mut self, number: u32, bytes: &[u8]) {
        let Some(connection) = &mut self.connections[number as usize] else {
            return;
        };
        match connection.send(bytes) {
            Ok(false) => {}
            Ok(true) => self.watch(number, true),
            Err(broken) => self.broken.push((number, broken)),
        }
    }

    fn write_touched(&mut self) {
        let mut touched = mem::take(&mut self.touched);
        for target in touched.drain(..) {
            match target {
                Target::Room(room) => {
                    let mut said = mem::take(&mut self.rooms[room as usize].said);
                    self.send_to_room(room, &said);
                    said.clear();
                    self.rooms[room as usize].said = said;
                }
                Target::User(user) => self.flush(user),
                Target::Nobody | Target::Gone => {}
            }
        }
        self.touched = touched;
        self.drop_broken();
    }

    fn flush(&mut self, number: u32) {
        let Some(connection) = &mut self.connections[number as usize] else {
            return;
        };
        match connection.flush() {
            Ok(blocked) if blocked != connection.is_blocked => self.watch(number, blocked),
            Ok(_) => {}
            Err(broken) => self.broken.push((number, broken)),
        }
    }

    /// From now on it is also looked whether it can be written to, or not any more.
    fn watch(&mut self, number: u32, blocked: bool) {
        let Some(connection) = &mut self.connections[number as usize] else {
            return;
        };
        connection.is_blocked = blocked;
        let out = if blocked {
            EventFlags::OUT
        } else {
            EventFlags::empty()
        };
        let data = EventData::new_u64(u64::from(number));
        if let Err(error) =
            epoll::modify(&self.epoll, &connection.socket, data, EventFlags::IN | out)
        {
            self.broken.push((number, Broken::Socket(error)));
        }
    }

    /// Reads lines until it is known where the rest goes.
    fn set_up(&mut self, number: u32, mut lines: &[u8]) {
        while let Some(end) = lines.iter().position(|&byte| byte == b'\n') {
            let answer = self.answer(number, &lines[..end]);
            lines = &lines[end + 1..];
            self.send(number, answer);
            let target =
                (self.connections[number as usize].as_ref()).map(|connection| connection.target);
            if let Some(target @ (Target::Room(_) | Target::User(_))) = target {
                return self.forward(target, lines);
            }
        }
    }

    fn answer(&mut self, number: u32, line: &[u8]) -> &'static [u8] {
        let Some(connection) = &mut self.connections[number as usize] else {
            return b"";
        };
        if let Some(name) = line.strip_prefix(b"register,") {
            let Some(name) = self.names.register(name, number) else {
                return b"error,name-taken,somebody else has that name\n";
            };
            if let Some(old) = connection.name.replace(name) {
                self.names.free(&old);
            }
        } else if let Some(room) = line.strip_prefix(b"join,") {
            let room = self.names.room(room, &mut self.rooms);
            self.rooms[room as usize].members.push(number);
            connection.target = Target::Room(room);
        } else if let Some(name) = line.strip_prefix(b"to,") {
            let Some(user) = self.names.user(name) else {
                return b"error,no-such-user,nobody has that name\n";
            };
            connection.target = Target::User(user);
            if let Some(user) = &mut self.connections[user as usize] {
                user.is_target = true;
            }
        } else {
            return b"error,unknown-command,there are register, join and to\n";
        }
        b"ack\n"
    }

    fn drop_broken(&mut self) {
        while let Some((number, why)) = self.broken.pop() {
            // One that was closed is not in the list any more; one may be there twice.
            let Some(connection) = &self.connections[number as usize] else {
                continue;
            };
            let name = connection.name.as_deref().unwrap_or_default();
            let name = String::from_utf8_lossy(name);
            match why {
                Broken::Slow => eprintln!("relay: {name} is dropped: it reads too slowly"),
                Broken::Endless => eprintln!("relay: {name} is dropped: it sends no line end"),
                Broken::Socket(Errno::PIPE | Errno::CONNRESET) => {}
                Broken::Socket(error) => eprintln!("relay: {name} is dropped: {error}"),
            }
            self.close(number);
        }
    }

    fn close(&mut self, number: u32) {
        let Some(connection) = self.connections[number as usize].take() else {
            return;
        };
        if let Some(name) = &connection.name {
            self.names.free(name);
        }
        if let Target::Room(room) = connection.target {
            let members = &mut self.rooms[room as usize].members;
            if let Some(place) = members.iter().position(|&member| member == number) {
                members.swap_remove(place);
            }
        }
        if connection.is_target {
            // Its number may be somebody else's soon.
            for other in self.connections.iter_mut().flatten() {
                if other.target == Target::User(number) {
                    other.target = Target::Gone;
                }
            }
        }
    }
}
