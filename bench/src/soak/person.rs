//! Who takes part, and what each of them sends.

use fastrand::Rng;

use super::ledger::Sender;
use crate::load::speech;

/// How somebody behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Stays to the end and checks all that it hears.
    Witness,
    /// Comes, talks, moves about and goes.
    Ordinary,
    /// Stops reading, until the server has put it out.
    Stuck,
    /// Reads a little now and then.
    Slow,
    /// Sends much more than it may.
    Flooder,
    /// Sends what is no request, and lines that are too long.
    Babbler,
    /// Never finishes its registration.
    Half,
    /// Is gone before it was there.
    Knock,
}

/// How far somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// So many of its first requests are not answered yet.
    Coming(usize),
    Here,
    /// It has said that it will go, and the server has to answer.
    Going,
    /// It is not in the chat any more, as others were told, and its connection is still open.
    PutOut,
}

/// A connection and whose it is.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) kind: Kind,
    pub(super) number: Sender,
    pub(super) stage: Stage,
    /// Since when it is in that stage.
    pub(super) since: u64,
    pub(super) rooms: Vec<u32>,
    /// Whether it does not read at the moment.
    pub(super) is_deaf: bool,
    /// Whether it has another name than the first one.
    pub(super) is_renamed: bool,
    /// The last line that it has read, if that was short.
    pub(super) last: Vec<u8>,
    /// Where it is in the list of those of its kind.
    pub(super) place: usize,
}

impl Person {
    pub(super) fn new(kind: Kind, number: Sender, rooms: Vec<u32>, now: u64) -> Self {
        Self {
            kind,
            number,
            stage: Stage::Coming(0),
            since: now,
            rooms,
            is_deaf: false,
            is_renamed: false,
            last: Vec::new(),
            place: 0,
        }
    }

    pub(super) fn enter(&mut self, stage: Stage, now: u64) {
        (self.stage, self.since) = (stage, now);
    }

    pub(super) fn name(&self) -> String {
        name(self.kind, self.number, self.is_renamed)
    }

    /// What it sends first. It is in the chat when all of it is answered.
    pub(super) fn arrival(&mut self, rng: &mut Rng) -> Vec<u8> {
        let name = self.name();
        if matches!(self.kind, Kind::Half | Kind::Knock) {
            self.stage = Stage::Here;
            let mut bytes = format!("register,{name}\nlist,fri").into_bytes();
            bytes.truncate(match self.kind {
                Kind::Half => "register,h".len(),
                _ => rng.usize(..bytes.len()),
            });
            return bytes;
        }
        self.stage = Stage::Coming(1 + self.rooms.len());
        let joins = self.rooms.iter().map(|&room| join(room));
        format!("register,{name}\n{}", joins.collect::<String>()).into_bytes()
    }
}

/// The first letter of a name says whose it is.
pub(super) fn name(kind: Kind, number: Sender, is_renamed: bool) -> String {
    let letter = match kind {
        Kind::Witness => 'w',
        Kind::Ordinary => 'u',
        Kind::Stuck => 's',
        Kind::Slow => 'l',
        Kind::Flooder => 'f',
        Kind::Babbler => 'g',
        Kind::Half => 'h',
        Kind::Knock => 'k',
    };
    let end = if is_renamed { "r" } else { "" };
    format!("{letter}{number:07}{end}")
}

/// Whose name that is, if it is one of these.
pub(super) fn number_of(name: &[u8]) -> Option<Sender> {
    std::str::from_utf8(name.get(1..8)?).ok()?.parse().ok()
}

pub(super) fn room_name(room: u32) -> String {
    speech::room(room as usize)
}

pub(super) fn join(room: u32) -> String {
    format!("join,{}\n", room_name(room))
}

/// What a babbler says: none of it is a request, and one line is longer than lines may be.
pub(super) fn babble(rng: &mut Rng) -> Vec<u8> {
    let mut bytes =
        b"\xff\xfe\x80 no text\nshout,loudly\nsay,#\nchat\nregister,\nGET / HTTP/1.1\r\n\n"
            .to_vec();
    bytes.extend((0..rng.usize(10..300)).map(|_| rng.u8(128..)));
    bytes.push(b'\n');
    bytes.resize(bytes.len() + rng.usize(5_000..20_000), b'x');
    bytes.extend_from_slice(b"\nquit\n");
    bytes
}

/// Many more messages than a connection may send at once, in a room.
pub(super) fn flood(room: u32) -> Vec<u8> {
    format!("say,{},again and again\n", room_name(room))
        .repeat(500)
        .into_bytes()
}
