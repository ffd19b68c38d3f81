//! What is said in a room, in the one order in which all of its members must hear it.
//!
//! Whichever member is first to hear a message has it taken apart and checked, and it is added to the journal.
//! What the others hear must be the same bytes in the same order, which is compared many messages at a time.

use super::{error::shown, histogram::Histogram, payload::Payload, speech::Heard};

/// More messages than this that some member lacks are a failure: it would get them in minutes.
const MOST_BEHIND: u64 = 1 << 20;

/// How long messages took.
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// To each receiver.
    pub(crate) each: Histogram,
    /// To the last of the receivers.
    pub(crate) last: Histogram,
}

/// What was said in a room, and who has heard how much of it.
#[derive(Debug)]
pub(crate) struct Journal {
    /// How the messages of each sender look, all of the same length.
    heard: Vec<Heard>,
    frame: usize,
    /// How many messages of each sender somebody has heard, and how many all have heard.
    next: Vec<u32>,
    complete: Vec<u32>,
    /// The messages that not all have heard, each in the place of its number modulo the number of places.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// The number of the oldest message that somebody lacks, and of the next one.
    oldest: u64,
    newest: u64,
    /// For each member the number of the message that it hears next.
    members: Vec<u64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    sender: u32,
    /// How many members have not heard it.
    lacking: u32,
    time: u64,
}

/// What a member has heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// How many bytes of messages that were.
    pub(crate) bytes: usize,
    pub(crate) messages: u64,
    /// How many messages have now been heard by all, because this was the last one to.
    pub(crate) complete: u64,
}

impl Journal {
    /// Of so many members, of which the first ones are the senders.
    pub(crate) fn new(members: usize, heard: Vec<Heard>) -> Self {
        Self {
            frame: heard.first().map_or(0, Heard::len),
            next: vec![0; heard.len()],
            complete: vec![0; heard.len()],
            bytes: Vec::new(),
            entries: Vec::new(),
            oldest: 0,
            newest: 0,
            members: vec![0; members],
            heard,
        }
    }

    /// Checks what a member hears, as far as it is whole messages. It stops where something else begins.
    pub(crate) fn take(
        &mut self,
        member: usize,
        bytes: &[u8],
        now: u64,
        times: &mut Times,
    ) -> Result<Taken, String> {
        let mut taken = Taken::default();
        loop {
            let rest = &bytes[taken.bytes..];
            let whole = (rest.len() / self.frame) as u64;
            if whole == 0 {
                return Ok(taken);
            }
            let known = self.newest - self.members[member];
            let count = match known {
                0 if !self.add(rest)? => return Ok(taken),
                0 => 1,
                _ => self.same(member, rest, whole.min(known)),
            };
            if count == 0 {
                return match self.is_message(rest) {
                    true => Err(self.unlike(member, &rest[..self.frame])),
                    false => Ok(taken),
                };
            }
            taken.complete += self.heard_by(member, count, now, times);
            taken.messages += count;
            taken.bytes += count as usize * self.frame;
        }
    }

    /// Adds what nobody has heard before. Says no if it is no message at all.
    fn add(&mut self, rest: &[u8]) -> Result<bool, String> {
        let frame = &rest[..self.frame];
        let Some(first) = self.heard.first() else {
            return Ok(false);
        };
        let Some(payload) = Payload::read(&frame[first.payload()]) else {
            return match self.is_message(rest) {
                true => Err(format!("the message is damaged: {}", shown(frame))),
                false => Ok(false),
            };
        };
        let sender = payload.sender as usize;
        let (Some(heard), Some(next)) = (self.heard.get(sender), self.next.get_mut(sender)) else {
            return Err(format!(
                "a message of nobody who speaks here: {}",
                shown(frame)
            ));
        };
        if !heard.surrounds(frame) {
            return Err(format!(
                "it is not framed as a message of sender {sender}: {}",
                shown(frame)
            ));
        }
        if payload.sequence != *next {
            return Err(wrong_sequence(sender, *next, payload.sequence));
        }
        *next += 1;
        self.push(
            frame.len(),
            Entry {
                sender: payload.sender,
                lacking: self.members.len() as u32,
                time: payload.time,
            },
        )?;
        let place = self.place(self.newest - 1);
        self.bytes[place * self.frame..][..self.frame].copy_from_slice(frame);
        Ok(true)
    }

    fn push(&mut self, frame: usize, entry: Entry) -> Result<(), String> {
        let held = self.newest - self.oldest;
        if held > MOST_BEHIND {
            return Err(format!(
                "others are more than {MOST_BEHIND} messages behind"
            ));
        }
        if held == self.entries.len() as u64 {
            let (entries, bytes) = (self.entries.clone(), self.bytes.clone());
            let places = entries.len().max(4);
            self.entries.resize(places * 2, Entry::default());
            self.bytes.resize(places * 2 * frame, 0);
            for number in self.oldest..self.newest {
                let old = number as usize & (places - 1);
                let new = self.place(number);
                self.entries[new] = entries[old];
                self.bytes[new * frame..][..frame].copy_from_slice(&bytes[old * frame..][..frame]);
            }
        }
        let place = self.place(self.newest);
        self.entries[place] = entry;
        self.newest += 1;
        Ok(())
    }

    /// How many of the next messages of a member, at most `most`, are those of the journal.
    fn same(&self, member: usize, rest: &[u8], most: u64) -> u64 {
        let mut next = self.members[member];
        let end = next + most;
        let mut at = 0;
        while next < end {
            let place = self.place(next);
            let run = (end - next).min((self.entries.len() - place) as u64);
            let size = run as usize * self.frame;
            let mine = &self.bytes[place * self.frame..][..size];
            if mine != &rest[at..at + size] {
                let pairs = mine.chunks(self.frame).zip(rest[at..].chunks(self.frame));
                return next + pairs.take_while(|(mine, theirs)| mine == theirs).count() as u64
                    - self.members[member];
            }
            next += run;
            at += size;
        }
        most
    }

    /// A member has heard its next messages. Returns how many of them all have heard now.
    fn heard_by(&mut self, member: usize, count: u64, now: u64, times: &mut Times) -> u64 {
        let next = self.members[member];
        let before = self.oldest;
        for number in next..next + count {
            let place = self.place(number);
            let entry = &mut self.entries[place];
            let took = now.saturating_sub(entry.time);
            times.each.record(took);
            entry.lacking -= 1;
            if entry.lacking == 0 {
                times.last.record(took);
                self.complete[entry.sender as usize] += 1;
                // All hear them in one order, so none before it is lacking either.
                self.oldest = number + 1;
            }
        }
        self.members[member] += count;
        self.oldest - before
    }

    fn place(&self, number: u64) -> usize {
        // Their number is a power of two.
        number as usize & self.entries.len().wrapping_sub(1)
    }

    /// Whether what is shorter than a message, or no message, may become one when more comes.
    pub(crate) fn may_begin(&self, rest: &[u8]) -> bool {
        rest.len() < self.frame && self.heard.iter().any(|heard| heard.may_begin(rest))
    }

    /// Whether that is a message, perhaps a damaged one, and not a line of another kind.
    fn is_message(&self, rest: &[u8]) -> bool {
        self.heard
            .iter()
            .any(|heard| heard.surrounds(&rest[..self.frame]))
    }

    fn unlike(&self, member: usize, frame: &[u8]) -> String {
        let number = self.members[member];
        let place = self.place(number);
        let due = shown(&self.bytes[place * self.frame..][..self.frame]);
        let found = shown(frame);
        let why = match self
            .heard
            .first()
            .and_then(|heard| Payload::read(&frame[heard.payload()]))
        {
            None => "the message is damaged",
            Some(_) => "one is lost, doubled or out of order",
        };
        format!("message {number} of the room was {due} for others, and is {found}: {why}")
    }

    /// How many messages of a sender somebody has heard.
    pub(crate) fn heard_of(&self, sender: usize) -> u32 {
        self.next[sender]
    }

    /// How many messages of a sender all have heard.
    pub(crate) fn complete_of(&self, sender: usize) -> u32 {
        self.complete[sender]
    }

    /// Who lacks the most, and how many messages, if anybody lacks any.
    pub(crate) fn most_behind(&self) -> Option<(usize, u64)> {
        let behind = self.members.iter().map(|next| self.newest - next);
        let most = behind.enumerate().max_by_key(|(_, lacks)| *lacks);
        most.filter(|(_, lacks)| *lacks > 0)
    }
}

/// What to say of a message that is not the next one of its sender.
pub(crate) fn wrong_sequence(sender: usize, due: u32, found: u32) -> String {
    let why = if found < due {
        "doubled or out of order"
    } else {
        "one is lost or out of order"
    };
    format!("message {due} of sender {sender} was due, and {found} came: {why}")
}

#[cfg(test)]
mod tests;
