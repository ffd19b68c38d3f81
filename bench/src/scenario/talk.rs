//! Talk in rooms: what is said by whom and when, and the check of what all members hear.

use std::ops::{Range, RangeInclusive};

use crate::{
    load::{
        error::{Failure, shown},
        irc,
        journal::{Journal, Times},
        net::{Conns, Handler, Id},
        payload::Payload,
        presence::Presence,
        speech::{self, Heard, Spoken, is_presence},
    },
    peer::Dialect,
};

mod work;

/// When a sender sends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// Whenever fewer than so many of its messages have not been heard by all who are to, itself included where it
    /// hears itself. Not as soon as they are back at the sender: where it is served first, it would be far ahead of
    /// the others, and what is called one message in flight would be hundreds.
    Window(u32),
    /// So many times a second, whatever comes back.
    Rate(u64),
}

/// What is to be made of lines that tell what became of others, once talk has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// There is nothing to tell.
    None,
    /// They are counted, and all must hear the same.
    Counted,
}

/// What is said in rooms, and who has heard how much of it.
#[derive(Debug)]
pub(crate) struct Talk {
    dialect: Dialect,
    bytes: usize,
    pace: Pace,
    news: News,
    rooms: Vec<Room>,
    /// Who is on which connection.
    seats: Vec<Seat>,
    senders: Vec<Sender>,
    goes_on: bool,
    /// When the next message is due, with [`Pace::Rate`].
    due: u64,
    pub(crate) times: Times,
    deliveries: u64,
    /// Lines that tell what became of others, all members together.
    news_heard: u64,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, Default)]
enum Seat {
    #[default]
    Nobody,
    Member {
        room: usize,
        member: usize,
        spoken_to: bool,
        presence: Presence,
    },
    /// On which a sender speaks, but does not listen.
    Mouth(usize),
}

#[derive(Debug)]
struct Room {
    journal: Journal,
    /// Who speaks there.
    senders: Range<usize>,
}

#[derive(Debug)]
struct Sender {
    speaks: Id,
    room: usize,
    /// Its number among the senders of the room.
    number: usize,
    /// How many hear it: those who read, and perhaps those who do not.
    audience: RangeInclusive<u64>,
    spoken: Spoken,
    sent: u32,
    /// How many the server has said it passed on, in a dialect in which it does.
    passed_on: u32,
}

impl Talk {
    pub(crate) fn new(dialect: Dialect, bytes: usize, pace: Pace, news: News) -> Self {
        Self {
            dialect,
            bytes,
            pace,
            news,
            rooms: Vec::new(),
            seats: Vec::new(),
            senders: Vec::new(),
            goes_on: false,
            due: 0,
            times: Times::default(),
            deliveries: 0,
            news_heard: 0,
        }
    }

    /// Adds a room with its members, of which the first ones speak, on the connections `mouths`. There may be
    /// `others` in it that do not count. `from` says from whom a message of one of the first comes.
    pub(crate) fn add_room(
        &mut self,
        members: &[Id],
        mouths: &[Id],
        others: usize,
        from: impl Fn(usize) -> String,
    ) {
        let room = self.rooms.len();
        let target = speech::room(room);
        let heard = |sender| Heard::new(self.dialect, &from(sender), &target, self.bytes);
        let heard = (0..mouths.len()).map(heard).collect();
        let first = self.senders.len();
        self.rooms.push(Room {
            journal: Journal::new(members.len(), heard, speech::receivers(self.dialect)),
            senders: first..first + mouths.len(),
        });
        for (number, &speaks) in mouths.iter().enumerate() {
            self.seat(speaks, Seat::Mouth(self.senders.len()));
            self.senders.push(Sender {
                speaks,
                room,
                number,
                audience: members.len() as u64..=(members.len() + others) as u64,
                spoken: Spoken::new(self.dialect, &target, self.bytes),
                sent: 0,
                passed_on: 0,
            });
        }
        for (member, &id) in members.iter().enumerate() {
            self.seat(
                id,
                Seat::Member {
                    room,
                    member,
                    spoken_to: false,
                    presence: Presence::default(),
                },
            );
        }
    }

    fn seat(&mut self, id: Id, seat: Seat) {
        if self.seats.len() <= id {
            self.seats.resize(id + 1, Seat::Nobody);
        }
        self.seats[id] = seat;
    }

    fn say(&mut self, sender: usize, time: u64, conns: &mut Conns) {
        let sender = &mut self.senders[sender];
        let payload = Payload {
            sender: sender.number as u32,
            sequence: sender.sent,
            time,
        };
        sender.sent += 1;
        sender.spoken.write(&payload, conns.out(sender.speaks));
    }

    /// Fills the windows of those who speak in a room.
    fn go_on(&mut self, room: usize, now: u64, conns: &mut Conns) {
        let (true, Pace::Window(window)) = (self.goes_on, self.pace) else {
            return;
        };
        for sender in self.rooms[room].senders.clone() {
            while self.senders[sender].sent - self.complete_of(sender) < window {
                self.say(sender, now, conns);
            }
        }
    }

    /// How many messages of a sender all have heard who are to.
    fn complete_of(&self, sender: usize) -> u32 {
        let Sender { room, number, .. } = self.senders[sender];
        self.rooms[room].journal.complete_of(number)
    }

    /// Something else than a message. Returns how long it is, or nothing if it has not come whole.
    fn other(&mut self, id: Id, rest: &[u8], conns: &mut Conns) -> Result<usize, Failure> {
        if !matches!(self.dialect, Dialect::Line | Dialect::Irc) {
            return Err(self.refused(id, rest));
        }
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
            return match rest.len() > self.bytes + 1_000 {
                true => Err(self.refused(id, rest)),
                false => Ok(0),
            };
        };
        let line = &rest[..end];
        if self.dialect == Dialect::Irc
            && let Some(pong) = irc::pong(line)
        {
            conns.out(id).extend_from_slice(&pong);
            return Ok(end + 1);
        }
        let (news, is_presence) = (self.news, is_presence(self.dialect, line));
        match &mut self.seats[id] {
            Seat::Member {
                spoken_to: false, ..
            } if is_presence => Ok(end + 1),
            Seat::Member { presence, .. } if news == News::Counted && is_presence => {
                presence.hear(line);
                self.news_heard += 1;
                Ok(end + 1)
            }
            _ => Err(self.refused(id, line)),
        }
    }

    fn refused(&self, id: Id, line: &[u8]) -> Failure {
        Failure::Refused {
            who: self.name(id),
            line: shown(line),
        }
    }

    fn hears(
        &mut self,
        id: Id,
        bytes: &[u8],
        now: u64,
        conns: &mut Conns,
    ) -> Result<usize, Failure> {
        let Seat::Member { room, member, .. } = self.seats[id] else {
            return Err(self.refused(id, bytes));
        };
        let mut used = 0;
        loop {
            let taken = self.rooms[room]
                .journal
                .take(member, &bytes[used..], now, &mut self.times)
                .map_err(|what| Failure::violation(&self.name(id), what))?;
            used += taken.bytes;
            self.deliveries += taken.messages;
            if taken.messages > 0
                && let Seat::Member { spoken_to, .. } = &mut self.seats[id]
            {
                *spoken_to = true;
            }
            if taken.complete > 0 {
                self.go_on(room, now, conns);
            }
            // What is left is something else, or the beginning of a message.
            let rest = &bytes[used..];
            let begins = rest.is_empty() || self.rooms[room].journal.may_begin(rest);
            match begins {
                true => return Ok(used),
                false => match self.other(id, rest, conns)? {
                    0 => return Ok(used),
                    size => used += size,
                },
            }
        }
    }

    /// Each message that was sent is answered by how many have heard it, as `:N`.
    fn passed_on(&mut self, id: Id, sender: usize, bytes: &[u8]) -> Result<usize, Failure> {
        let mut used = 0;
        while let Some(size) = bytes[used..].iter().position(|&byte| byte == b'\n') {
            let reply = &bytes[used..=used + size];
            let number = std::str::from_utf8(reply)
                .ok()
                .and_then(|reply| reply.strip_prefix(':'));
            let heard_by = number.and_then(|number| number.trim_end().parse().ok());
            if heard_by.is_none_or(|number| !self.senders[sender].audience.contains(&number)) {
                return Err(self.refused(id, reply));
            }
            self.senders[sender].passed_on += 1;
            used += reply.len();
        }
        Ok(used)
    }

    /// How many lines of news all members together have heard.
    pub(crate) fn news_heard(&self) -> u64 {
        self.news_heard
    }

    /// What news each member has heard; an error if they have not heard the same.
    pub(crate) fn same_news(&self) -> Result<Presence, Failure> {
        let mut first = None;
        for (id, seat) in self.seats.iter().enumerate() {
            let Seat::Member { presence, .. } = seat else {
                continue;
            };
            let first = first.get_or_insert(*presence);
            if presence != first {
                let what =
                    format!("it has heard other news than others: {presence:?}, not {first:?}");
                return Err(Failure::violation(&self.name(id), what));
            }
        }
        Ok(first.unwrap_or_default())
    }
}

impl Handler for Talk {
    fn read(
        &mut self,
        id: Id,
        bytes: &[u8],
        now: u64,
        conns: &mut Conns,
    ) -> Result<usize, Failure> {
        match self.seats.get(id).copied().unwrap_or_default() {
            Seat::Member { .. } => self.hears(id, bytes, now, conns),
            Seat::Mouth(sender) if speech::speaks_elsewhere(self.dialect) => {
                self.passed_on(id, sender, bytes)
            }
            Seat::Mouth(_) | Seat::Nobody => Err(self.refused(id, bytes)),
        }
    }

    fn name(&self, id: Id) -> String {
        match self.seats.get(id) {
            Some(Seat::Member { room, member, .. }) => format!("member {member} of room {room}"),
            Some(Seat::Mouth(sender)) => format!("sender {sender}, where it speaks"),
            _ => format!("connection {id}"),
        }
    }
}

#[cfg(test)]
mod tests;
