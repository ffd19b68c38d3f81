//! What one connection is told, and whether it may be.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem,
};

use chinwag_core::Role;

use super::{
    book::{Book, Clock, GREETING, Id, To, fold},
    line::{Happening, Heard, parse},
    request::{self, Request},
    stay::Stay,
};

/// A request that is answered, and the messages that were sent right before it, which are not.
#[derive(Debug)]
struct Unit {
    talk: Vec<Id>,
    /// How many events it had missed when it began to say that.
    missed_before_talk: u64,
    refused: usize,
    request: Request,
    /// How many events it had missed when it asked.
    missed: u64,
    /// All were told that it is done.
    is_told: bool,
}

/// Something of a room, or of one sender, as a connection hears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Message(Id),
    /// Something else happens, which is told in these words.
    Done(u32),
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
    missed_before_talk: u64,
    talk_refused: usize,
    stays: BTreeMap<String, Stay>,
    pub(super) rooms: BTreeMap<String, Vec<Entry>>,
    pub(super) directs: BTreeMap<Option<usize>, Vec<Entry>>,
    ids: BTreeSet<Id>,
    /// How often clients of `seed` have greeted it.
    greeted: BTreeMap<String, u64>,
    /// What comes before that which it hears next.
    clock: Clock,
    /// It has been told that it ends, or something that says so if nothing follows.
    last_word: Option<String>,
    /// Nothing may follow the last word.
    is_over: bool,
    /// It would be wrong if anything followed.
    suspicion: Option<String>,
    /// A message that was refused, unless the refusal was the last word about something else.
    refusal: Option<Id>,
    /// It would be wrong if it went on. Somebody who is put out may still ask for what they see then.
    doubt: Option<Wrong>,
    /// Others may act in its name, so that less can be said of what it is told.
    pub(super) is_shared: bool,
    pub(super) has_heard_anything: bool,
    /// How many events it was told.
    pub(super) events: u64,
    /// How many of those may have been none.
    pub(super) unsure: u64,
    /// How many it was told to have missed.
    pub(super) missed: u64,
    pub(super) renames: usize,
    /// It is not told where something is missing.
    pub(super) may_miss: bool,
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
        if self.talk.is_empty() {
            self.missed_before_talk = self.missed;
        }
        self.talk.extend(talk);
        let Some(request) = request else {
            return;
        };
        if let Request::Register(name) = &request {
            book.asks(self.who, name);
        }
        self.units.push_back(Unit {
            talk: mem::take(&mut self.talk),
            missed_before_talk: self.missed_before_talk,
            refused: mem::take(&mut self.talk_refused),
            request,
            missed: self.missed,
            is_told: false,
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

    /// What it knows of the rooms that it is in.
    pub(super) fn stays(&self) -> &BTreeMap<String, Stay> {
        &self.stays
    }

    /// Whether it has heard the message `id`.
    pub(super) fn has_heard(&self, id: Id) -> bool {
        self.ids.contains(&id)
    }

    /// What would be wrong, now that it goes on.
    pub(super) fn doubt(&self) -> Result<(), Wrong> {
        self.doubt.clone().map_or(Ok(()), Err)
    }

    /// What it was told last, if that may have been the end.
    pub(super) fn last_word(&self) -> Option<&str> {
        self.last_word.as_deref()
    }

    /// It is told `line`.
    pub(super) fn hears(&mut self, line: &str, book: &mut Book) -> Result<(), Wrong> {
        self.has_heard_anything = true;
        if let Some(wrong) = self.suspicion.take() {
            return Err(wrong);
        }
        if let Some(id) = self.refusal.take() {
            book.messages[id as usize].refused = Some(true);
        }
        if let Some(last) = self.last_word.take()
            && (last == "bye" || self.is_over)
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
            Heard::Error { code, explanation } => self.refused(line, code, explanation, book),
            _ if self.doubt.is_some() => self.doubt(),
            Heard::Missed(count) => {
                if count == 0 {
                    return Err("missed nothing".to_owned());
                }
                self.missed += count;
                self.has_missed();
                Ok(())
            }
            Heard::Direct { from, text } => self.hears_from(from, text, book),
            Heard::Sent { to, text } => {
                self.events += 1;
                self.has_sent(&fold(to), text, line, book)
            }
            Heard::InRoom {
                room,
                by,
                what,
                all,
            } => {
                self.events += 1;
                let (room, by) = (fold(room), fold(by));
                self.has_done(&room, &by, all);
                self.in_room((&room, &by, all), what, line, book)
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
            *stay = Stay::in_doubt();
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
            Request::Register(_)
            | Request::Join(_)
            | Request::Leave(_)
            | Request::Away
            | Request::Change(_) => reply == "ack",
            // Nobody is called so, and it is that of a shutdown.
            Request::Members(_) | Request::List => reply != "bye",
            Request::Ping => reply == "pong",
            Request::Topic(_) => reply.starts_with("topic,"),
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
            let is_for_it = match &message.to {
                To::Room(_) => true,
                To::User(to) => !self.is_shared && self.name.as_ref() == Some(to),
            };
            if is_for_it && self.missed == unit.missed_before_talk && !self.ids.contains(id) {
                return Err(format!("heard {reply:?} before its own m{id}"));
            }
        }
        match unit.request {
            Request::Register(name) => {
                book.answered(self.who, &name, true);
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
            Request::Members(room) => self.listed(&room, reply),
            Request::Topic(room) => self.sees_topic(&room, reply),
            Request::Quit => self.last_word = Some(reply.to_owned()),
            Request::Change(change) => {
                let was_told = unit.is_told || self.is_shared || self.missed != unit.missed;
                if let Some(what) = change.told
                    && !was_told
                {
                    let room = change.room;
                    return Err(format!("heard {reply:?} before {room} was told {what:?}"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Something happens in `room`, perhaps because of what it has asked for.
    fn has_done(&mut self, room: &str, by: &str, all: &str) {
        if self.name.as_deref() == Some(by)
            && let Some(unit) = self.units.front_mut()
            && let Request::Change(change) = &unit.request
            && let Some(what) = &change.told
        {
            // Names are told as they are spelled by those who have them.
            unit.is_told |= change.room == room && fold(all).starts_with(&fold(what));
        }
    }

    fn listed(&mut self, room: &str, list: &str) {
        let there: BTreeSet<_> = list.split(',').map(fold).collect();
        let Some(stay) = self.stays.get_mut(room) else {
            return;
        };
        if stay.may_be_over
            && let Some(name) = self.name.as_ref().filter(|_| !self.is_shared)
        {
            if !there.contains(name) {
                // It was put out, and has missed that.
                return self.left(room);
            }
            stay.may_be_over = false;
        }
        if let Some((name, was_there)) = stay.listed(there)
            && !self.is_shared
        {
            self.doubt = Some(format!(
                "the members of {room} are {list:?}, but {name} was there: {was_there}"
            ));
        }
    }

    /// It is shown who is in `room`, and as what.
    pub(super) fn sees_members(&mut self, room: &str, members: Vec<(String, Role)>) {
        let names: Vec<_> = members.iter().map(|(name, _)| &**name).collect();
        self.listed(room, &names.join(","));
        let Some(stay) = self.stays.get_mut(room) else {
            return;
        };
        for (name, role) in members {
            let name = fold(name);
            if let Some(known) = stay.role(&name).filter(|known| *known != role)
                && !self.is_shared
            {
                let doubt = format!("{name} is a {role} in {room}, but was a {known}");
                self.doubt.get_or_insert(doubt);
            }
            stay.has_role(&name, role);
        }
    }

    pub(super) fn sees_topic(&mut self, room: &str, reply: &str) {
        let topic = reply.splitn(3, ',').nth(2);
        if let Some(stay) = self.stays.get(room)
            && let Some(known) = &stay.topic
            && topic != Some(known)
            && !self.is_shared
        {
            self.doubt = Some(format!("heard {reply:?}, but was told {known:?}"));
        }
    }

    fn refused(
        &mut self,
        line: &str,
        code: &str,
        explanation: &str,
        book: &mut Book,
    ) -> Result<(), Wrong> {
        if request::may_end(code) {
            self.last_word = Some(line.to_owned());
        }
        if request::ends(code) {
            self.is_over = true;
            return Ok(());
        }
        if code == "not-registered" && self.name.is_some() {
            return Err(format!("heard {line:?}, but has a name"));
        }
        let Some(unit) = self.units.front_mut() else {
            if self.talk_refused < self.talk.len() && request::may_refuse_talk(code) {
                self.talk_refused += 1;
                return Ok(());
            }
            self.suspicion = Some(format!("heard {line:?}, but nothing was asked for"));
            return self.unless_it_ends(code);
        };
        let is_about_talk = match code {
            "rate-limited" => explanation.starts_with("say:") || explanation.starts_with("chat:"),
            _ => unit.refused < unit.talk.len(),
        };
        if is_about_talk && request::may_refuse_talk(code) {
            unit.refused += 1;
            // With several there is no telling which.
            if unit.talk.len() == 1 {
                self.refusal = Some(unit.talk[0]);
            }
            return Ok(());
        }
        if is_about_talk || !unit.request.may_be_refused(code) {
            let request = &unit.request;
            self.suspicion = Some(format!("heard {line:?} in answer to {request:?}"));
            return self.unless_it_ends(code);
        }
        if let Some(Unit {
            request: Request::Register(name),
            ..
        }) = self.units.pop_front()
        {
            book.answered(self.who, &name, false);
        }
        Ok(())
    }

    /// What it suspects is wrong, unless the connection may end with an error of this `code`.
    fn unless_it_ends(&mut self, code: &str) -> Result<(), Wrong> {
        match request::may_end(code) {
            true => Ok(()),
            false => self.suspicion.take().map_or(Ok(()), Err),
        }
    }

    fn left(&mut self, room: &str) {
        self.stays.remove(room);
        if let Some(heard) = self.rooms.get_mut(room) {
            heard.push(Entry::Gap);
        }
    }

    /// `line` is about something that happens in `room`: `by` does `all`.
    fn in_room(
        &mut self,
        (room, by, all): (&str, &str, &str),
        what: Happening<'_>,
        line: &str,
        book: &mut Book,
    ) -> Result<(), Wrong> {
        if let Happening::Invited = what {
            return Ok(());
        }
        if !self.stays.contains_key(room) {
            if !self.is_shared {
                return Err(format!("heard {line:?}, without being a member"));
            }
            // Another device has joined.
            self.stays.insert(room.to_owned(), Stay::default());
        }
        if let Some(words) = what.words(by) {
            let heard = self.rooms.entry(room.to_owned()).or_default();
            heard.push(Entry::Done(book.happening(words)));
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
                self.is_there(room, by, line)
            }
            Happening::Joined => {
                self.is_not_there(room, by, line)?;
                self.stay(room).comes(by);
                Ok(())
            }
            Happening::Left => self.goes(room, by, line),
            Happening::PutOut(name) => {
                let name = fold(name);
                self.may_do(room, by, all, Role::Moderator, Some(&name))?;
                if Some(&name) == self.name.as_ref() {
                    self.left(room);
                    return Ok(());
                }
                self.goes(room, &name, line)
            }
            Happening::Role(name, role) => {
                let name = fold(name);
                // Everybody may be less than they are; moderators let others talk, and owners do all else.
                let was = self.stay(room).role(&name).unwrap_or_default();
                let least = match was.max(role) {
                    _ if by == name && role < was => Role::Member,
                    Role::Member | Role::Voiced => Role::Moderator,
                    _ => Role::Owner,
                };
                self.may_do(room, by, all, least, None)?;
                self.is_there(room, &name, line)?;
                self.stay(room).has_role(&name, role);
                Ok(())
            }
            Happening::Topic(topic) => {
                self.may_do(room, by, all, Role::Moderator, None)?;
                self.stay(room).topic = Some(topic.to_owned());
                self.is_there(room, by, line)
            }
            Happening::InviteOnly(on) => {
                self.may_do(room, by, all, Role::Moderator, None)?;
                self.stay(room).is_invite_only = Some(on);
                self.is_there(room, by, line)
            }
            Happening::Bans => {
                self.may_do(room, by, all, Role::Moderator, None)?;
                self.is_there(room, by, line)
            }
            Happening::Invited => Ok(()),
        }
    }

    fn stay(&mut self, room: &str) -> &mut Stay {
        self.stays.entry(room.to_owned()).or_default()
    }

    /// Checks that `by` may do `all` in `room`, which takes the role `least`, to `whom`, as far as the roles are known.
    fn may_do(
        &mut self,
        room: &str,
        by: &str,
        all: &str,
        least: Role,
        whom: Option<&str>,
    ) -> Result<(), Wrong> {
        if self.is_shared {
            return Ok(());
        }
        let who = self.who;
        let stay = self.stay(room);
        let Some(role) = stay.role(by) else {
            return Ok(());
        };
        let other = whom.and_then(|whom| stay.role(whom));
        match role >= least && other.is_none_or(|other| other < role) {
            true => Ok(()),
            false => Err(format!(
                "{who} sees {by}, a {role}, do {all:?} in {room}, to a {other:?}"
            )),
        }
    }

    /// Which message `text` is, if whoever is called `by` can have said it, and it is heard once and in order.
    fn message(&mut self, by: &str, text: &str, book: &mut Book) -> Result<Id, Wrong> {
        let Some((id, message)) = book.said(by, text) else {
            return Err(format!("{by} says {text:?}, which they have not said"));
        };
        if !self.ids.insert(id) {
            return Err(format!("heard {text:?} of {by} twice"));
        }
        if !self.clock.hears(id, message) {
            return Err(format!("heard {text:?} of {by} after what comes after it"));
        }
        book.heard(self.who, id);
        Ok(id)
    }

    /// Another device has said `text` to somebody.
    fn has_sent(&mut self, to: &str, text: &str, line: &str, book: &Book) -> Result<(), Wrong> {
        let Some((id, message)) = book.find(text) else {
            return Err(format!("heard {line:?}, which nobody has said"));
        };
        let is_other = |by: usize| by != self.who && book.shared.contains(&by);
        match message.by.is_some_and(is_other) && message.to == To::User(to.to_owned()) {
            true if !self.is_shared => Err(format!("heard {line:?}, without another device")),
            true if self.ids.insert(id) => Ok(()),
            true => Err(format!("heard {line:?} twice")),
            false => Err(format!("heard {line:?}, which no other device has said")),
        }
    }

    /// `from` says `text` to it.
    pub(super) fn hears_from(
        &mut self,
        from: &str,
        text: &str,
        book: &mut Book,
    ) -> Result<(), Wrong> {
        self.events += 1;
        let from = fold(from);
        if text != GREETING {
            return self.direct(&from, text, book);
        }
        let greeted = self.greeted.entry(from.clone()).or_default();
        *greeted += 1;
        match *greeted <= book.greeted(&from, self.who) {
            true => Ok(()),
            false => Err(format!(
                "{from} greets it {greeted} times, which is too often"
            )),
        }
    }

    /// How often `from`, a client of `seed`, has greeted it.
    pub(super) fn greetings(&self, from: &str) -> u64 {
        self.greeted.get(from).copied().unwrap_or_default()
    }

    fn direct(&mut self, from: &str, text: &str, book: &mut Book) -> Result<(), Wrong> {
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

    /// Checks that `name` is in `room`, as far as that is known; from now on it is known.
    fn is_there(&mut self, room: &str, name: &str, line: &str) -> Result<(), Wrong> {
        self.was_there(room, name, true, line)?;
        if name != "*" {
            self.stay(room).is_there(name);
        }
        Ok(())
    }

    fn is_not_there(&mut self, room: &str, name: &str, line: &str) -> Result<(), Wrong> {
        self.was_there(room, name, false, line)
    }

    /// Checks that `name` was in `room`, as far as that is known; from now on it is not.
    fn goes(&mut self, room: &str, name: &str, line: &str) -> Result<(), Wrong> {
        self.was_there(room, name, true, line)?;
        self.stay(room).goes(name);
        Ok(())
    }

    fn was_there(&mut self, room: &str, name: &str, there: bool, line: &str) -> Result<(), Wrong> {
        if name == "*" || self.is_shared {
            return Ok(());
        }
        match self.stay(room).has(name) {
            Some(known) if known != there => {
                Err(format!("heard {line:?}, but {name} was there: {known}"))
            }
            _ => Ok(()),
        }
    }

    /// Whether `name` shares a room with it, as far as it knows.
    fn knows(&mut self, name: &str, line: &str) -> Result<(), Wrong> {
        let mut stays = self.stays.values();
        let may_share = stays.any(|stay| stay.has(name).unwrap_or(true));
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
        for stay in self.stays.values_mut() {
            stay.is_renamed(old, new);
        }
    }

    fn has_quit(&mut self, name: &str) -> Result<(), Wrong> {
        self.knows(name, &format!("{name} quit"))?;
        for stay in self.stays.values_mut() {
            stay.goes(name);
        }
        Ok(())
    }
}
