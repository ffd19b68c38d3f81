//! What one connection is told, and whether it may be.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem,
};

use super::line::{Happening, Heard, parse};

/// The number of a message. Every message of a simulation has one, in its text.
pub(super) type Id = u32;

/// A message, as whoever says it knows it.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// Which connection says it; `None` for the program.
    pub(super) by: Option<usize>,
    pub(super) to: To,
    /// Whether it was refused, if that is known.
    pub(super) refused: Option<bool>,
}

/// What everybody has said, and under which names.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) messages: Vec<Message>,
    /// All names that a connection has asked for. What it says may be heard under any of them, because others may
    /// hear it before it hears that a name is granted.
    pub(super) names: Vec<BTreeSet<String>>,
    /// Connections that may be devices of one user. Any of them may change the name of all.
    pub(super) shared: BTreeSet<usize>,
}

impl Book {
    /// Writes a message down.
    pub(super) fn add(&mut self, by: Option<usize>, to: To) -> Id {
        self.messages.push(Message {
            by,
            to,
            refused: None,
        });
        (self.messages.len() - 1) as Id
    }

    /// Notes that a connection asks for a name.
    pub(super) fn name(&mut self, who: usize, name: &str) {
        if self.names.len() <= who {
            self.names.resize_with(who + 1, BTreeSet::new);
        }
        self.names[who].insert(fold(name));
    }

    fn may_be(&self, who: Option<usize>, name: &str) -> bool {
        match who {
            Some(who) if self.shared.contains(&who) => true,
            Some(who) => self
                .names
                .get(who)
                .is_some_and(|names| names.contains(name)),
            None => name == "*",
        }
    }
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum To {
    Room(String),
    User(String),
}

/// What a client asks for, as far as the answer depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    /// The connection takes this name.
    Register(String),
    Join(String),
    Leave(String),
    /// The members of a room.
    Members(String),
    /// A list whose names do not matter.
    List,
    Ping,
    /// It is answered `ack`.
    Act,
    /// The topic of a room.
    Topic,
    Whois,
    Quit,
    /// Nothing that there is: it is answered with an error.
    Garbage,
}

/// A request that is answered, and the messages that were sent right before it, which are not.
#[derive(Debug)]
struct Unit {
    talk: Vec<Id>,
    refused: usize,
    request: Request,
    /// How many events it had missed when it asked.
    missed: u64,
}

/// What a member of a room knows of it.
#[derive(Debug, Default)]
struct Stay {
    /// Who is there, and who is not, as far as that is known.
    known: BTreeMap<String, bool>,
    /// Whoever is not known is not there.
    is_complete: bool,
    /// That it was put out may be among what it has missed.
    may_be_over: bool,
}

/// Something of a room, or of one sender, as a connection hears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Message(Id),
    /// Something may be missing here.
    Gap,
}

/// One connection of the line protocol, and what it has been told so far.
#[derive(Debug, Default)]
pub(super) struct Witness {
    /// Its number.
    pub(super) who: usize,
    pub(super) name: Option<String>,
    units: VecDeque<Unit>,
    /// What was said since the last request, and how much of it was refused.
    talk: Vec<Id>,
    talk_refused: usize,
    stays: BTreeMap<String, Stay>,
    pub(super) rooms: BTreeMap<String, Vec<Entry>>,
    pub(super) directs: BTreeMap<Option<usize>, Vec<Entry>>,
    ids: BTreeSet<Id>,
    /// It has been told that it ends, or something that says so if nothing follows.
    last_word: Option<String>,
    /// It would be wrong if anything followed.
    suspicion: Option<String>,
    /// A message that was refused, unless the refusal was the last word about something else.
    refusal: Option<Id>,
    /// It would be wrong if it went on. Somebody who is put out may still ask for what they see then.
    doubt: Option<Wrong>,
    /// Others may act in its name, so that less can be said of what it is told.
    pub(super) is_shared: bool,
    /// How many events it was told.
    pub(super) events: u64,
    /// How many it was told to have missed.
    pub(super) missed: u64,
    pub(super) renames: usize,
}

/// What is wrong.
pub(super) type Wrong = String;

impl Witness {
    /// A connection of the number `who`, that has heard nothing yet.
    pub(super) fn new(who: usize) -> Self {
        Self {
            who,
            ..Self::default()
        }
    }

    /// Notes that `talk` is said, and then `request` asked, if that is all.
    pub(super) fn asks(&mut self, talk: Vec<Id>, request: Option<Request>, book: &mut Book) {
        self.talk.extend(talk);
        let Some(request) = request else {
            return;
        };
        if let Request::Register(name) = &request {
            book.name(self.who, name);
        }
        self.units.push_back(Unit {
            talk: mem::take(&mut self.talk),
            refused: mem::take(&mut self.talk_refused),
            request,
            missed: self.missed,
        });
    }

    /// Whether it has said something that no request has followed yet. A ping has to, because an error could not
    /// be told from that of another request.
    pub(super) fn owes_a_ping(&self) -> bool {
        !self.talk.is_empty()
    }

    /// How many requests have not been answered.
    pub(super) fn unanswered(&self) -> usize {
        self.units.len()
    }

    /// Its rooms, as far as it has heard.
    pub(super) fn is_in(&self) -> impl Iterator<Item = &String> {
        self.stays.keys()
    }

    /// Who is in `room`, if it can tell.
    pub(super) fn members(&self, room: &str) -> Option<BTreeSet<&str>> {
        let stay = self.stays.get(room).filter(|stay| stay.is_complete)?;
        let there = stay.known.iter().filter(|&(_, &there)| there);
        Some(there.map(|(name, _)| name.as_str()).collect())
    }

    /// What would be wrong, now that it goes on.
    pub(super) fn doubt(&self) -> Result<(), Wrong> {
        self.doubt.clone().map_or(Ok(()), Err)
    }

    /// What it was told last, if that was the end.
    pub(super) fn last_word(&self) -> Option<&str> {
        self.last_word.as_deref()
    }

    /// It is told `line`.
    pub(super) fn hears(&mut self, line: &str, book: &mut Book) -> Result<(), Wrong> {
        if let Some(wrong) = self.suspicion.take() {
            return Err(wrong);
        }
        if let Some(id) = self.refusal.take() {
            book.messages[id as usize].refused = Some(true);
        }
        if let Some(last) = self.last_word.take()
            && last == "bye"
        {
            return Err(format!("heard {line:?} after {last:?}"));
        }
        if line.contains(['\r', '\0']) {
            return Err(format!("heard {line:?}"));
        }
        let list_is_due = matches!(
            self.units.front(),
            Some(Unit {
                request: Request::List | Request::Members(_),
                ..
            })
        );
        match parse(line, list_is_due).ok_or_else(|| format!("heard {line:?}, which is nothing"))? {
            Heard::Reply(reply) => self.replied(reply, book),
            Heard::Error { code, explanation } => {
                self.refused(line, code, explanation);
                Ok(())
            }
            _ if self.doubt.is_some() => self.doubt(),
            Heard::Missed(count) => {
                if count == 0 {
                    return Err("missed nothing".to_owned());
                }
                self.missed += count;
                self.has_missed();
                Ok(())
            }
            Heard::Direct { from, text } => {
                self.events += 1;
                self.direct(&fold(from), text, book)
            }
            Heard::Sent => {
                self.events += 1;
                match self.is_shared {
                    true => Ok(()),
                    false => Err(format!("{line:?}, without another device")),
                }
            }
            Heard::InRoom { room, by, what } => {
                self.events += 1;
                self.in_room(&fold(room), &fold(by), what, line, book)
            }
            Heard::Renamed { old, new } => {
                self.events += 1;
                self.renamed(&fold(old), &fold(new))
            }
            Heard::Quit { name } => {
                self.events += 1;
                self.has_quit(&fold(name))
            }
            Heard::Presence { name } => {
                self.events += 1;
                self.knows(&fold(name), line)
            }
        }
    }

    /// Something may be missing from here on.
    fn has_missed(&mut self) {
        for stay in self.stays.values_mut() {
            *stay = Stay {
                may_be_over: true,
                ..Stay::default()
            };
        }
        for heard in self.rooms.values_mut().chain(self.directs.values_mut()) {
            heard.push(Entry::Gap);
        }
    }

    fn replied(&mut self, reply: &str, book: &mut Book) -> Result<(), Wrong> {
        let Some(unit) = self.units.pop_front() else {
            if reply == "bye" {
                self.last_word = Some(reply.to_owned());
                return Ok(());
            }
            return Err(format!("heard {reply:?}, which nothing was asked for"));
        };
        let as_expected = match &unit.request {
            Request::Register(_) | Request::Join(_) | Request::Leave(_) | Request::Act => {
                reply == "ack"
            }
            Request::Members(_) | Request::List => true,
            Request::Ping => reply == "pong",
            Request::Topic => reply.starts_with("topic,"),
            Request::Whois => reply.starts_with("whois,"),
            Request::Quit => reply == "bye",
            Request::Garbage => false,
        };
        if !as_expected && reply == "bye" {
            // That of a shutdown, which nothing follows.
            self.last_word = Some(reply.to_owned());
            return Ok(());
        }
        if !as_expected {
            return Err(format!("heard {reply:?} in answer to {:?}", unit.request));
        }
        for id in unit.talk.iter().filter(|_| unit.refused == 0) {
            let message = &mut book.messages[*id as usize];
            message.refused = Some(false);
            let is_for_all = matches!(message.to, To::Room(_));
            if is_for_all && self.missed == unit.missed && !self.ids.contains(id) {
                return Err(format!("heard {reply:?} before its own m{id}"));
            }
        }
        match unit.request {
            Request::Register(name) => {
                let name = fold(&name);
                if let Some(old) = self.name.replace(name.clone()) {
                    self.renames += 1;
                    self.is_renamed(&old, &name);
                }
            }
            Request::Join(room) => {
                // To join again is answered as well, and changes nothing.
                let stay = self.stays.get(&room);
                if stay.is_none_or(|stay| stay.may_be_over) {
                    self.stays.insert(room.clone(), Stay::default());
                    self.rooms.entry(room).or_default().push(Entry::Gap);
                }
            }
            Request::Leave(room) => self.left(&room),
            Request::Members(room) => return self.listed(&room, reply),
            Request::Quit => self.last_word = Some(reply.to_owned()),
            _ => {}
        }
        Ok(())
    }

    fn listed(&mut self, room: &str, list: &str) -> Result<(), Wrong> {
        let there: BTreeSet<_> = list.split(',').map(fold).collect();
        let Some(stay) = self.stays.get_mut(room) else {
            return Ok(());
        };
        if !self.is_shared {
            for (name, was_there) in &stay.known {
                if there.contains(name) != *was_there {
                    self.doubt = Some(format!(
                        "the members of {room} are {list:?}, but {name} was there: {was_there}"
                    ));
                }
            }
        }
        stay.known = there.into_iter().map(|name| (name, true)).collect();
        stay.is_complete = true;
        Ok(())
    }

    fn refused(&mut self, line: &str, code: &str, explanation: &str) {
        self.last_word = Some(line.to_owned());
        let Some(unit) = self.units.front_mut() else {
            if self.talk_refused < self.talk.len() {
                self.talk_refused += 1;
                return;
            }
            self.suspicion = Some(format!("heard {line:?}, but nothing was asked for"));
            return;
        };
        let is_about_talk = match code {
            "rate-limited" => explanation.starts_with("say:") || explanation.starts_with("chat:"),
            _ => unit.refused < unit.talk.len(),
        };
        if is_about_talk {
            unit.refused += 1;
            // With several there is no telling which.
            if unit.talk.len() == 1 {
                self.refusal = Some(unit.talk[0]);
            }
            return;
        }
        if unit.request == Request::Ping && code != "rate-limited" {
            self.suspicion = Some(format!("heard {line:?} in answer to a ping"));
        }
        self.units.pop_front();
    }

    fn left(&mut self, room: &str) {
        self.stays.remove(room);
        if let Some(heard) = self.rooms.get_mut(room) {
            heard.push(Entry::Gap);
        }
    }

    /// `line` is about something that happens in `room`.
    fn in_room(
        &mut self,
        room: &str,
        by: &str,
        what: Happening<'_>,
        line: &str,
        book: &Book,
    ) -> Result<(), Wrong> {
        if let Happening::Invited = what {
            return Ok(());
        }
        if !self.stays.contains_key(room) {
            return match self.is_shared {
                // Another device has joined.
                true => {
                    self.stays.insert(room.to_owned(), Stay::default());
                    self.in_room(room, by, what, line, book)
                }
                false => Err(format!("heard {line:?}, without being a member")),
            };
        }
        match what {
            Happening::Said(text) => {
                let id = self.message(by, text, book)?;
                let to = &book.messages[id as usize].to;
                if *to != To::Room(room.to_owned()) {
                    return Err(format!("heard {line:?}, which was said to {to:?}"));
                }
                let heard = self.rooms.entry(room.to_owned()).or_default();
                heard.push(Entry::Message(id));
                self.is_there(room, by, true, line)
            }
            Happening::Joined => self.comes(room, by, line),
            Happening::Left => self.goes(room, by, line),
            Happening::PutOut(name) => {
                let name = fold(name);
                if Some(&name) == self.name.as_ref() {
                    self.left(room);
                    return Ok(());
                }
                self.goes(room, &name, line)
            }
            Happening::Role(name) => self.is_there(room, &fold(name), true, line),
            Happening::Changed => self.is_there(room, by, true, line),
            Happening::Invited => Ok(()),
        }
    }

    /// Which message `text` is, if whoever is called `by` can have said it, and it has not been heard before.
    fn message(&mut self, by: &str, text: &str, book: &Book) -> Result<Id, Wrong> {
        let id = super::line::id(text);
        let said = id.and_then(|id| Some((id, book.messages.get(id as usize)?)));
        let Some((id, _)) = said.filter(|(_, message)| book.may_be(message.by, by)) else {
            return Err(format!("{by} says {text:?}, which they have not said"));
        };
        if !self.ids.insert(id) {
            return Err(format!("heard {text:?} of {by} twice"));
        }
        Ok(id)
    }

    fn direct(&mut self, from: &str, text: &str, book: &Book) -> Result<(), Wrong> {
        let id = self.message(from, text, book)?;
        let message = &book.messages[id as usize];
        match &message.to {
            To::User(to) if book.may_be(Some(self.who), to) => {}
            to => return Err(format!("{from} says {text:?}, which was said to {to:?}")),
        }
        if message.refused == Some(true) {
            return Err(format!("{from} says {text:?}, which was refused"));
        }
        let heard = self.directs.entry(message.by).or_default();
        heard.push(Entry::Message(id));
        Ok(())
    }

    /// Checks that `name` is in `room`, or not, as far as that is known; from now on it is.
    fn is_there(&mut self, room: &str, name: &str, there: bool, line: &str) -> Result<(), Wrong> {
        if name == "*" || self.is_shared {
            return Ok(());
        }
        let stay = self.stays.entry(room.to_owned()).or_default();
        let known = match stay.is_complete {
            true => Some(stay.known.get(name).copied().unwrap_or(false)),
            false => stay.known.get(name).copied(),
        };
        stay.known.insert(name.to_owned(), there);
        match known {
            Some(known) if known != there => {
                Err(format!("heard {line:?}, but {name} was there: {known}"))
            }
            _ => Ok(()),
        }
    }

    fn comes(&mut self, room: &str, name: &str, line: &str) -> Result<(), Wrong> {
        self.is_there(room, name, false, line)?;
        self.knows_in(room, name, true);
        Ok(())
    }

    fn goes(&mut self, room: &str, name: &str, line: &str) -> Result<(), Wrong> {
        self.is_there(room, name, true, line)?;
        self.knows_in(room, name, false);
        Ok(())
    }

    fn knows_in(&mut self, room: &str, name: &str, there: bool) {
        if let Some(stay) = self.stays.get_mut(room) {
            stay.known.insert(name.to_owned(), there);
        }
    }

    /// Whether `name` shares a room with it, as far as it knows.
    fn knows(&mut self, name: &str, line: &str) -> Result<(), Wrong> {
        let mut stays = self.stays.values();
        let may_share =
            stays.any(|stay| stay.known.get(name).copied().unwrap_or(!stay.is_complete));
        match may_share || self.is_shared {
            true => Ok(()),
            false => Err(format!("heard {line:?}, but shares no room with {name}")),
        }
    }

    fn renamed(&mut self, old: &str, new: &str) -> Result<(), Wrong> {
        self.knows(old, &format!("{old} is now {new}"))?;
        self.is_renamed(old, new);
        Ok(())
    }

    fn is_renamed(&mut self, old: &str, new: &str) {
        if old == new {
            return;
        }
        for stay in self.stays.values_mut() {
            match stay.known.insert(old.to_owned(), false) {
                Some(was_there) => {
                    stay.known.insert(new.to_owned(), was_there);
                }
                None if stay.is_complete => {}
                None => {
                    stay.known.remove(new);
                }
            }
        }
    }

    fn has_quit(&mut self, name: &str) -> Result<(), Wrong> {
        self.knows(name, &format!("{name} quit"))?;
        for stay in self.stays.values_mut() {
            stay.known.insert(name.to_owned(), false);
        }
        Ok(())
    }
}

/// A name as it is compared. The names of a simulation are of plain letters.
pub(super) fn fold(name: impl AsRef<str>) -> String {
    name.as_ref().to_ascii_lowercase()
}
