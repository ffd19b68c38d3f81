//! What is said in a room, in the one order in which all of its members must hear it.
//!
//! Whichever member is first to hear a message has it taken apart and checked, and it is added to the journal.
//! What the others hear must be the same bytes in the same order, which is compared many messages at a time.
//!
//! Where a sender does not hear itself, what it hears does not tell where its own messages belong. It adds nothing to
//! the journal then: what it hears before anybody else waits until it is there.

use std::collections::VecDeque;

use super::{
    error::shown,
    histogram::Histogram,
    payload::Payload,
    speech::{Heard, Receivers},
};

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
    /// For each sender that does not hear itself the messages that it alone has heard, by sender and sequence. If
    /// there are any, it has heard all of the journal.
    ahead: Vec<VecDeque<(u32, u32)>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    sender: u32,
    /// How many members have not heard it and are to.
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
    pub(crate) fn new(members: usize, heard: Vec<Heard>, receivers: Receivers) -> Self {
        let ahead = match receivers {
            Receivers::All => Vec::new(),
            Receivers::Others => vec![VecDeque::new(); heard.len()],
        };
        Self {
            ahead,
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
            if known == 0 && member < self.ahead.len() {
                match self.hear_ahead(member, rest, now, times)? {
                    true => taken.messages += 1,
                    false => return Ok(taken),
                }
                taken.bytes += self.frame;
                continue;
            }
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

    /// Adds what nobody has heard before, but perhaps senders who do not hear themselves. Says no if it is no message
    /// at all.
    fn add(&mut self, rest: &[u8]) -> Result<bool, String> {
        let Some(payload) = self.read(rest)? else {
            return Ok(false);
        };
        let next = &mut self.next[payload.sender as usize];
        if payload.sequence != *next {
            let sender = payload.sender as usize;
            return Err(wrong_sequence(sender, *next, payload.sequence));
        }
        *next += 1;
        let frame = &rest[..self.frame];
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
        (0..self.ahead.len()).try_for_each(|member| self.settle(member, payload))?;
        Ok(true)
    }

    /// Takes a message apart. Nothing, if it is none.
    fn read(&self, rest: &[u8]) -> Result<Option<Payload>, String> {
        let frame = &rest[..self.frame];
        let Some(first) = self.heard.first() else {
            return Ok(None);
        };
        let Some(payload) = Payload::read(&frame[first.payload()]) else {
            return match self.is_message(rest) {
                true => Err(format!("the message is damaged: {}", shown(frame))),
                false => Ok(None),
            };
        };
        let sender = payload.sender as usize;
        let Some(heard) = self.heard.get(sender) else {
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
        Ok(Some(payload))
    }

    /// A sender that does not hear itself hears something before it is in the journal. Says no if it is no message.
    fn hear_ahead(
        &mut self,
        member: usize,
        rest: &[u8],
        now: u64,
        times: &mut Times,
    ) -> Result<bool, String> {
        let Some(payload) = self.read(rest)? else {
            return Ok(false);
        };
        let sender = payload.sender as usize;
        if sender == member {
            let frame = shown(&rest[..self.frame]);
            return Err(format!("it hears itself: {frame}"));
        }
        let ahead = &mut self.ahead[member];
        let its = ahead.iter().filter(|(other, _)| *other == payload.sender);
        let due = self.next[sender] + its.count() as u32;
        if payload.sequence != due {
            return Err(wrong_sequence(sender, due, payload.sequence));
        }
        ahead.push_back((payload.sender, payload.sequence));
        times.each.record(now.saturating_sub(payload.time));
        Ok(true)
    }

    /// The newest message is in the journal: what that is to a sender which does not hear itself.
    fn settle(&mut self, member: usize, payload: Payload) -> Result<(), String> {
        let number = self.newest - 1;
        let place = self.place(number);
        let is_own = payload.sender as usize == member;
        if is_own {
            self.entries[place].lacking -= 1;
        }
        if self.members[member] != number {
            return Ok(());
        }
        let heard = (payload.sender, payload.sequence);
        match self.ahead[member].front() {
            _ if is_own => {}
            None => return Ok(()),
            Some(first) if *first == heard => {
                self.ahead[member].pop_front();
                self.entries[place].lacking -= 1;
            }
            Some((sender, sequence)) => {
                return Err(format!(
                    "member {member} heard message {sequence} of sender {sender} before message {} of sender {}, \
                     which is out of order",
                    payload.sequence, payload.sender
                ));
            }
        }
        self.members[member] += 1;
        Ok(())
    }

    /// How many of the next messages of a member, at most `most`, come before one that it does not hear.
    fn of_others(&self, member: usize, most: u64) -> u64 {
        let next = self.members[member];
        let own = (next..next + most).find(|&number| self.is_unheard(member, number));
        own.map_or(most, |own| own - next)
    }

    /// Whether that message of the journal is one that a member does not hear, because it is its own.
    fn is_unheard(&self, member: usize, number: u64) -> bool {
        member < self.ahead.len() && self.entries[self.place(number)].sender as usize == member
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
        let most = match member < self.ahead.len() {
            true => self.of_others(member, most),
            false => most,
        };
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
        let mut complete = 0;
        for number in next..next + count {
            let place = self.place(number);
            let entry = &mut self.entries[place];
            let took = now.saturating_sub(entry.time);
            times.each.record(took);
            entry.lacking -= 1;
            if entry.lacking == 0 {
                times.last.record(took);
                self.complete[entry.sender as usize] += 1;
                complete += 1;
            }
        }
        let mut next = next + count;
        while next < self.newest && self.is_unheard(member, next) {
            next += 1;
        }
        self.members[member] = next;
        // A sender that does not hear itself may lack one that is older than what all have heard.
        while self.oldest < self.newest && self.entries[self.place(self.oldest)].lacking == 0 {
            self.oldest += 1;
        }
        complete
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
