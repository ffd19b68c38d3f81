//! Everything that is seen of the chat, as one story.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use super::{
    book::Book,
    client,
    irc::{Irc, Told},
    line, order,
    request::Request,
    seed::Seed,
    witness::{Witness, Wrong},
};

/// All witnesses, and what they have in common.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) witnesses: Vec<Witness>,
    pub(super) habits: Vec<Habits>,
    pub(super) book: Book,
    /// Those of the witnesses who are clients of `seed`.
    pub(super) seeds: BTreeMap<usize, Seed>,
    /// Those who are clients of IRC.
    pub(super) ircs: BTreeMap<usize, Irc>,
    /// What the messages are called on IRC, and when they were said, by their texts.
    stamps: BTreeMap<String, (String, Option<String>)>,
    /// What messages are called so.
    msgids: BTreeMap<String, String>,
    /// Masks that clients of IRC may have put on lists of rooms.
    pub(super) masks: BTreeSet<(String, String)>,
    /// The first thing that was wrong.
    wrong: Option<Wrong>,
    pub(super) lines: u64,
    hasher: DefaultHasher,
    pub(super) trace: Option<Vec<String>>,
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// Readers that always read are never too slow.
    is_gentle: bool,
    /// How many events may not have been heard although they were told: nobody is told on IRC what another device of
    /// theirs says of them.
    pub(super) unheard: u64,
}

/// What can be asked of a connection, as its client behaves.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Habits {
    /// It has not always read, or nothing came through for a while.
    pub(super) is_unreliable: bool,
    /// It may end without a word.
    pub(super) may_end: bool,
}

impl World {
    pub(super) fn new(is_gentle: bool, has_trace: bool) -> Self {
        Self {
            is_gentle,
            trace: has_trace.then(Vec::new),
            ..Self::default()
        }
    }

    /// A new connection, or a user of the program's.
    pub(super) fn witness(&mut self) -> usize {
        let who = self.witnesses.len();
        self.witnesses.push(Witness::new(who));
        self.habits.push(Habits::default());
        who
    }

    /// Notes that others may act in the name of `who`.
    pub(super) fn share(&mut self, who: usize) {
        self.witnesses[who].is_shared = true;
        if let Some(irc) = self.ircs.get_mut(&who) {
            irc.is_shared = true;
        }
        self.book.shared.insert(who);
    }

    /// Notes that `who` asks for something.
    pub(super) fn asks(&mut self, who: usize, talk: Vec<u32>, request: Option<Request>) {
        if request == Some(Request::Away) && self.witnesses[who].is_shared {
            let others = self.ircs.iter().filter(|(_, irc)| irc.is_shared);
            self.unheard += others.count() as u64;
        }
        self.witnesses[who].asks(talk, request, &mut self.book);
    }

    /// `who` hears something.
    pub(super) fn hears(&mut self, who: usize, heard: &client::Heard<'_>, at: Duration) {
        let result = match heard {
            client::Heard::Line(bytes) => {
                self.lines += 1;
                let Ok(line) = str::from_utf8(bytes) else {
                    return self.is_wrong(format!("{at:?} {who}: heard {bytes:?}"));
                };
                (who, line, at).hash(&mut self.hasher);
                self.note(|| format!("{at:?} {who}< {line}"));
                match self.ircs.get_mut(&who) {
                    Some(irc) => {
                        let told = irc.hears(line);
                        told.and_then(|told| self.is_told(who, told))
                    }
                    None => self.witnesses[who].hears(line, &mut self.book),
                }
            }
            client::Heard::Bytes(bytes) => {
                self.note(|| format!("{at:?} {who}< {}", bytes.escape_ascii()));
                (who, bytes, at).hash(&mut self.hasher);
                match self.seeds.get_mut(&who) {
                    Some(seed) => seed.hears(bytes, &mut self.witnesses[who], &mut self.book),
                    None => Ok(()),
                }
            }
            client::Heard::End { is_cut } => {
                self.note(|| format!("{at:?} {who}< (end)"));
                let rest = self.ircs.get_mut(&who).map(Irc::ends);
                self.is_told(who, rest.unwrap_or_default())
                    .and_then(|()| self.ends(who, *is_cut))
            }
            client::Heard::Broken => {
                self.note(|| format!("{at:?} {who}< (broken)"));
                self.breaks(who)
            }
        };
        (who, at).hash(&mut self.hasher);
        if let Err(wrong) = result {
            self.is_wrong(format!("{at:?} {who}: {wrong}"));
        }
    }

    /// `who`, a client of IRC, is told something.
    fn is_told(&mut self, who: usize, told: Vec<Told>) -> Result<(), Wrong> {
        for told in told {
            let witness = &mut self.witnesses[who];
            match told {
                Told::Line(line) => {
                    if let Some(trace) = &mut self.trace {
                        trace.push(format!("    {who}: {line}"));
                    }
                    witness.hears(&line, &mut self.book)?;
                }
                Told::NoEvent => witness.events -= 1,
                Told::MaybeNoEvent => witness.unsure += 1,
                Told::Stamp { text, msgid, time } => self.is_stamped(text, msgid, time)?,
                Told::Members(room, members) => witness.sees_members(&room, members),
                Told::Topic(room, reply) => witness.sees_topic(&room, &reply),
            }
        }
        Ok(())
    }

    /// Everybody is told one name of a message, and one time, and no other message is called so.
    fn is_stamped(&mut self, text: String, msgid: String, time: String) -> Result<(), Wrong> {
        if line::id(&text).is_some() {
            self.has_one_stamp(&text, &msgid, &time)?;
        }
        let known = self.msgids.entry(msgid);
        let known = known.or_insert(text.clone());
        match *known == text {
            true => Ok(()),
            false => Err(format!("{text:?} is called like {known:?}")),
        }
    }

    fn has_one_stamp(&mut self, text: &str, msgid: &str, time: &str) -> Result<(), Wrong> {
        let known = self.stamps.entry(text.to_owned());
        let (known, known_time) = known.or_insert_with(|| (msgid.to_owned(), None));
        if known != msgid {
            return Err(format!("{text:?} is {msgid}, and {known}"));
        }
        if time.is_empty() {
            return Ok(());
        }
        let known = known_time.get_or_insert_with(|| time.to_owned());
        match known == time {
            true => Ok(()),
            false => Err(format!("{text:?} was said at {time}, and at {known}")),
        }
    }

    /// What `who` sends without being asked to.
    pub(super) fn replies(&mut self, who: usize) -> String {
        let irc = self.ircs.get_mut(&who);
        let replies = irc.map(Irc::replies).unwrap_or_default();
        if !replies.is_empty() {
            self.note(|| format!("{who}> {}", replies.trim_end()));
        }
        replies
    }

    fn ends(&mut self, who: usize, is_cut: bool) -> Result<(), Wrong> {
        let habits = self.habits[who];
        if is_cut && !habits.may_end && !habits.is_unreliable {
            return Err("cut off in the middle of a line".to_owned());
        }
        let last_word = self.witnesses[who].last_word();
        let Some(last_word) = last_word else {
            return match habits.may_end || habits.is_unreliable {
                true => Ok(()),
                false => Err("closed without a word".to_owned()),
            };
        };
        let is_slow = last_word.contains("were not read in time");
        *self.counts.entry("ended with a word").or_default() += 1;
        match is_slow && self.is_gentle && !habits.is_unreliable {
            true => Err(format!("closed with {last_word:?}, but it has always read")),
            false => Ok(()),
        }
    }

    fn breaks(&mut self, who: usize) -> Result<(), Wrong> {
        let habits = self.habits[who];
        match habits.may_end || habits.is_unreliable || self.witnesses[who].last_word().is_some() {
            true => Ok(()),
            false => Err("the connection broke".to_owned()),
        }
    }

    /// Notes that something is wrong. Only the first thing counts.
    pub(super) fn is_wrong(&mut self, wrong: Wrong) {
        self.wrong.get_or_insert(wrong);
    }

    /// Writes something down, if anybody will read it.
    pub(super) fn note(&mut self, text: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(text());
        }
    }

    pub(super) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Fails if anything was wrong until now.
    pub(super) fn look(&mut self) -> Result<(), Wrong> {
        self.wrong.take().map_or(Ok(()), Err)
    }

    /// Fails if what all have heard does not fit together.
    pub(super) fn compare(&self) -> Result<(), Wrong> {
        order::check(&self.witnesses, &self.book)
    }

    pub(super) fn hash(&self) -> u64 {
        self.hasher.finish()
    }
}
