//! One connection's place in a hub.

use std::{mem, sync::Arc, time::Instant};

use super::{
    Inner,
    effects::{Effects, Told, discard},
    mailbox::{Item, Mailbox, Manner, Reader, wake_all},
    names::NameMap,
    room::{Actor, Room, Stop},
    roster::Position,
    user::{Devices, Entry, Joined, User},
};
use crate::{
    config::SlowReader,
    error::HubError,
    model::{Answer, Event, Person, QuitReason, Role, RoomName, UserName, Verb, Whois, same_name},
};

/// One connection's place in a hub: a mailbox, and a user once it has registered.
///
/// Dropping it ends the mailbox, whatever happened to the connection, and the user with it, unless they have
/// another connection.
pub(crate) struct Seat {
    hub: Arc<Inner>,
    mailbox: Arc<Mailbox>,
    registered: Option<Box<Registered>>,
}

/// Who a connection belongs to, with a copy of what its messages need, so that they lock nothing for it.
struct Registered {
    user: Arc<User>,
    /// The version of the user's state that the rest is a copy of.
    version: u64,
    person: Person,
    /// They still have it.
    is_here: bool,
    rooms: Vec<Joined>,
    /// The user's other connections.
    others: Vec<Arc<Mailbox>>,
    /// To whom the last direct message went: the next one often does, too.
    recipient: Option<Box<Recipient>>,
}

/// Who was found by a name.
struct Recipient {
    /// The name, as it was written.
    name: String,
    user: Arc<User>,
    /// The version of the user that this is true of.
    version: u64,
    devices: Devices,
}

impl Registered {
    fn new(user: Arc<User>, me: &Arc<Mailbox>) -> Self {
        let person = user.lock().person.clone();
        let mut registered = Self {
            version: user.version(),
            person,
            user,
            is_here: true,
            rooms: Vec::new(),
            others: Vec::new(),
            recipient: None,
        };
        registered.copy(me);
        registered
    }

    /// Looks whether the user has changed.
    fn refresh(&mut self, me: &Arc<Mailbox>) {
        if self.user.version() != self.version {
            self.copy(me);
        }
    }

    fn copy(&mut self, me: &Arc<Mailbox>) {
        let state = self.user.lock();
        self.version = self.user.version();
        self.person = state.person.clone();
        self.is_here = state.is_here();
        self.rooms.clone_from(&state.rooms);
        self.others.clear();
        let others = state.devices().iter().filter(|d| !Arc::ptr_eq(d, me));
        self.others.extend(others.cloned());
    }
}

impl Recipient {
    /// Who has the name `name`. If it is who had it last time, `last` is used again.
    fn find<'a>(
        last: &'a mut Option<Box<Self>>,
        names: &NameMap<UserName, Entry>,
        name: &str,
    ) -> Result<&'a Devices, HubError> {
        let is_known = |last: &Self| last.name == name && last.user.version() == last.version;
        if !last.as_deref().is_some_and(is_known) {
            // The version first: whoever changes an entry changes the version after it.
            let look = |entry: &Entry| (entry.user.version(), entry.clone());
            let (version, Entry { user, devices }) =
                names.get(name, look).ok_or(HubError::NoSuchUser)?;
            let mut text = match last.take() {
                Some(last) => last.name,
                None => String::new(),
            };
            text.clear();
            text.push_str(name);
            *last = Some(Box::new(Self {
                name: text,
                user,
                version,
                devices,
            }));
        }
        let last = last.as_ref().ok_or(HubError::NoSuchUser)?;
        Ok(&last.devices)
    }
}

/// A list that is handed out in parts, from `next` on, without those who came after it was asked for.
#[derive(Debug)]
pub(crate) struct Listing {
    of: ListOf,
    next: Position,
    end: Position,
    first: bool,
}

/// What is listed.
#[derive(Debug)]
enum ListOf {
    Users,
    Rooms,
    Members(Arc<Room>),
}

impl Seat {
    pub(super) fn new(hub: Arc<Inner>, reader: Reader, slow_reader: SlowReader) -> Self {
        let bytes = hub.limits.mailbox_bytes();
        let mailbox = Arc::new(Mailbox::new(bytes, reader, slow_reader));
        Self {
            hub,
            mailbox,
            registered: None,
        }
    }

    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    pub(crate) fn hub(&self) -> &Arc<Inner> {
        &self.hub
    }

    /// The name, as far as this connection knows.
    pub(crate) fn name(&self) -> Option<&UserName> {
        let registered = self.registered.as_ref();
        registered.map(|registered| registered.person.name())
    }

    /// Says that this connection asks for something.
    pub(crate) fn touch(&mut self, now: Instant) {
        if let Some(registered) = &mut self.registered {
            registered.user.touch(now);
            registered.refresh(&self.mailbox);
        }
    }

    /// Takes the name of `person`, and frees the one that this user had. One who is here stays otherwise who they are.
    ///
    /// A new name goes to the end of the list, unless it is the old one in another case.
    ///
    /// Returns what they are answered.
    pub(crate) fn register(
        &mut self,
        person: Person,
        now: Instant,
        effects: &mut Effects,
    ) -> Result<Answer<'static>, Stop> {
        match &mut self.registered {
            Some(registered) => {
                let name = person.into();
                let event = self
                    .hub
                    .rename(&registered.user, &self.mailbox, name, effects)?;
                registered.refresh(&self.mailbox);
                let verb = Verb::Register;
                Ok(Answer::Granted { verb, event })
            }
            None => {
                let user = self.hub.claim(person, &self.mailbox, now, effects)?;
                let registered = Registered::new(user, &self.mailbox);
                let name = registered.person.clone();
                self.registered = Some(Box::new(registered));
                Ok(Answer::Welcome { name })
            }
        }
    }

    /// Sends `text` to whoever has the name `to`.
    pub(crate) fn send(&mut self, to: &str, text: &str, effects: &mut Effects) -> Result<(), Stop> {
        if let Some(registered) = &mut self.registered {
            // Another connection of the same user may have changed the name by now.
            registered.refresh(&self.mailbox);
        }
        let registered = self.registered.as_mut().filter(|r| r.is_here);
        let registered = registered.ok_or(HubError::NotRegistered)?;
        self.hub.check_text(text)?;
        let alone = registered.others.is_empty();
        let devices = Recipient::find(&mut registered.recipient, &self.hub.names, to)?;
        let from = Some(registered.person.clone());
        let text: Arc<str> = text.into();
        let mut told = Told::Never;
        if let [mailbox] = devices.as_slice() {
            let item = Item::Own(Event::Direct {
                from,
                text: text.clone(),
            });
            told = effects.push(mailbox, item, Manner::Patient);
        } else {
            let before = effects.behind.len();
            let behind = devices.as_slice().iter().filter(|d| d.is_behind());
            effects.behind.extend(behind.cloned());
            if effects.behind.len() > before {
                return Err(Stop::Held);
            }
            for device in devices.as_slice() {
                let event = Event::Direct {
                    from: from.clone(),
                    text: text.clone(),
                };
                if effects.push(device, Item::Own(event), Manner::Urgent) == Told::Yes {
                    told = Told::Yes;
                }
            }
        }
        match told {
            Told::Yes if alone => Ok(()),
            Told::Yes => {
                self.tell_others(to, text, effects);
                Ok(())
            }
            Told::NotYet => Err(Stop::Held),
            // Their connection is about to be closed, and their name to be free.
            Told::Never => Err(HubError::NoSuchUser.into()),
        }
    }

    /// Tells the user's other connections what this one has sent.
    fn tell_others(&self, to: &str, text: Arc<str>, effects: &mut Effects) {
        let (Some(registered), Ok(to)) = (&self.registered, to.parse::<UserName>()) else {
            return;
        };
        // To oneself: they have got it already.
        if registered.person == to {
            return;
        }
        for other in &registered.others {
            let event = Event::Sent {
                to: to.clone(),
                text: text.clone(),
            };
            let _ = effects.push(other, Item::Own(event), Manner::Urgent);
        }
    }

    /// Sends `text` to all members of `room`.
    pub(crate) fn say(
        &mut self,
        room: &str,
        text: &str,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        self.hub.check_text(text)?;
        let (room, actor) = self.joined(room)?;
        room.publish(actor, text, effects)
    }

    /// The name of the room `room`, of which one is a member.
    pub(crate) fn room_name(&self, room: &str) -> Result<&RoomName, HubError> {
        Ok(self.joined(room)?.0.name())
    }

    /// Returns what others are told of it, if it is news.
    pub(crate) fn join(
        &mut self,
        room: RoomName,
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        let (hub, me) = (self.hub.clone(), self.mailbox.clone());
        let registered = self.registered()?;
        let event = hub.join(&registered.user, &me, room, effects)?;
        registered.refresh(&me);
        Ok(event)
    }

    /// Returns what others are told of it.
    pub(crate) fn leave(&mut self, room: &str, effects: &mut Effects) -> Result<Event, Stop> {
        let (room, actor) = self.joined(room)?;
        let event = self.hub.leave(actor.user, &self.mailbox, room, effects)?;
        self.refresh();
        Ok(event)
    }

    pub(crate) fn topic(&self, room: &str) -> Result<Answer<'static>, HubError> {
        self.name().ok_or(HubError::NotRegistered)?;
        let room = self.visible(room)?;
        let text = room.lock().topic().clone();
        Ok(Answer::Topic {
            room: room.name().clone(),
            text,
        })
    }

    pub(crate) fn set_topic(
        &self,
        room: &str,
        text: &str,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        let (room, actor) = self.joined(room)?;
        let text = self.hub.short(text)?;
        self.hub.set_topic(Some(actor), room, text, effects)
    }

    pub(crate) fn kick(
        &self,
        room: &str,
        name: &str,
        reason: Option<&str>,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        let (room, actor) = self.joined(room)?;
        let reason = reason.map(|reason| self.hub.short(reason)).transpose()?;
        self.hub.kick(Some(actor), room, name, reason, effects)
    }

    pub(crate) fn ban(&self, room: &str, name: &str, effects: &mut Effects) -> Result<(), Stop> {
        let (room, actor) = self.joined(room)?;
        let name = name.parse().map_err(HubError::BadName)?;
        self.hub.ban(Some(actor), room, name, effects)
    }

    pub(crate) fn unban(&self, room: &str, name: &str) -> Result<(), HubError> {
        let (room, actor) = self.joined(room)?;
        let name = name.parse().map_err(HubError::BadName)?;
        let mut room = room.lock();
        room.allow(Some(actor), Role::Moderator)?;
        room.unban(&name);
        Ok(())
    }

    pub(crate) fn set_role(
        &self,
        room: &str,
        name: &str,
        role: Role,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        let (room, actor) = self.joined(room)?;
        self.hub.set_role(Some(actor), room, name, role, effects)
    }

    pub(crate) fn invite(&self, room: &str, name: &str, effects: &mut Effects) -> Result<(), Stop> {
        let (room, actor) = self.joined(room)?;
        self.hub.invite(Some(actor), room, name, effects)
    }

    pub(crate) fn set_invite_only(
        &self,
        room: &str,
        on: bool,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        let (room, actor) = self.joined(room)?;
        self.hub.set_invite_only(Some(actor), room, on, effects)
    }

    /// Returns what others are told of it, if it is news.
    pub(crate) fn set_away(
        &self,
        text: Option<&str>,
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        let registered = self.registered.as_ref().ok_or(HubError::NotRegistered)?;
        let text = text.map(|text| self.hub.short(text)).transpose()?;
        self.hub
            .set_away(&registered.user, &self.mailbox, text, effects)
    }

    pub(crate) fn whois(&self, name: &str, now: Instant) -> Result<Whois, HubError> {
        let registered = self.registered.as_ref().ok_or(HubError::NotRegistered)?;
        let user = self.hub.user(name).ok_or(HubError::NoSuchUser)?;
        let state = user.lock_as(name)?;
        let (connected, idle) = user.times(now);
        let shared = |joined: &&Joined| {
            let mine = &registered.rooms;
            mine.iter()
                .any(|mine| Arc::ptr_eq(&mine.room, &joined.room))
        };
        let rooms = state.rooms.iter().filter(shared);
        Ok(Whois {
            name: state.person.clone(),
            connected,
            idle,
            rooms: rooms.map(|joined| joined.room.name().clone()).collect(),
            away: state.away.clone(),
        })
    }

    /// The list of everyone who has a name.
    pub(crate) fn list_users(&self) -> Listing {
        Listing::new(ListOf::Users, self.hub.roster.end())
    }

    /// The list of all rooms.
    pub(crate) fn list_rooms(&self) -> Listing {
        Listing::new(ListOf::Rooms, self.hub.room_list.end())
    }

    /// The list of a room's members.
    pub(crate) fn list_members(&self, room: &str) -> Result<Listing, HubError> {
        let room = self.visible(room)?;
        let end = room.lock().end();
        Ok(Listing::new(ListOf::Members(room), end))
    }

    /// The next part of a list, of at most `most` names. It is over when that is the last one.
    pub(crate) fn page(&self, listing: &mut Listing, most: usize) -> (Answer<'static>, bool) {
        let Listing { of, next, end, .. } = listing;
        let first = mem::take(&mut listing.first);
        let (answer, go_on) = match of {
            ListOf::Users => {
                let (users, go_on) = self.hub.roster.page(*next, *end, most);
                let last = go_on.is_none();
                (Answer::Users { users, first, last }, go_on)
            }
            ListOf::Members(room) => {
                let (members, go_on) = room.lock().page(*next, *end, most);
                let answer = Answer::Members {
                    room: room.name().clone(),
                    members,
                    first,
                    last: go_on.is_none(),
                };
                (answer, go_on)
            }
            ListOf::Rooms => {
                let (rooms, go_on) = self.hub.room_list.page(*next, *end, most);
                let last = go_on.is_none();
                (Answer::Rooms { rooms, first, last }, go_on)
            }
        };
        *next = go_on.unwrap_or_default();
        (answer, go_on.is_none())
    }

    /// Moves events from the mailbox to `into`, until they cost `budget` bytes.
    pub(crate) fn take(&self, budget: usize, into: &mut Vec<Item>) {
        let before = into.len();
        let waiting = self.mailbox.take(budget, into);
        if !waiting.is_empty() {
            wake_all(waiting);
        }
        if into.len() > before {
            self.hub.counters.took(&into[before..]);
        }
    }

    /// Gives the name back, if there is one, and tells those who share a room why. The mailbox stays.
    pub(crate) fn quit(&mut self, reason: QuitReason, effects: &mut Effects) -> Option<UserName> {
        let registered = self.registered.take()?;
        self.hub
            .detach(&registered.user, &self.mailbox, reason, effects);
        Some(registered.person.into())
    }

    fn registered(&mut self) -> Result<&mut Registered, HubError> {
        self.registered
            .as_deref_mut()
            .ok_or(HubError::NotRegistered)
    }

    fn refresh(&mut self) {
        if let Some(registered) = &mut self.registered {
            registered.refresh(&self.mailbox);
        }
    }

    /// The room `name`, of which one is a member.
    pub(super) fn joined(&self, name: &str) -> Result<(&Arc<Room>, Actor<'_>), HubError> {
        let registered = self.registered.as_ref().ok_or(HubError::NotRegistered)?;
        let text = |joined: &Joined| joined.room.name().as_str() == name;
        let is = |joined: &Joined| same_name(joined.room.name().as_str(), name);
        let rooms = &registered.rooms;
        // Most write a name as it is, which is faster to see.
        let found = rooms.iter().find(|j| text(j));
        match found.or_else(|| rooms.iter().find(|j| is(j))) {
            Some(joined) => {
                let actor = Actor {
                    user: &registered.user,
                    position: joined.position,
                };
                Ok((&joined.room, actor))
            }
            None => {
                self.hub.existing_room(name)?;
                Err(HubError::NotAMember)
            }
        }
    }

    /// The room `name`, if one may look into it.
    fn visible(&self, name: &str) -> Result<Arc<Room>, HubError> {
        if let Ok((room, _)) = self.joined(name) {
            return Ok(room.clone());
        }
        let room = self.hub.existing_room(name)?;
        match room.lock().is_invite_only() {
            true => Err(HubError::NotAMember),
            false => Ok(room.clone()),
        }
    }
}

impl Listing {
    fn new(of: ListOf, end: Position) -> Self {
        Self {
            of,
            next: Position::default(),
            end,
            first: true,
        }
    }
}

impl Inner {
    /// A message is no longer than a line may be, wherever it comes from.
    pub(super) fn check_text(&self, text: &str) -> Result<(), HubError> {
        let max = self.limits.max_line();
        match text.len() <= max {
            true => Ok(()),
            false => Err(HubError::TextTooLong(max)),
        }
    }

    /// A text that is shown beside a name, if it is not too long.
    pub(super) fn short(&self, text: &str) -> Result<Arc<str>, HubError> {
        let max = self.limits.max_topic();
        match text.len() <= max {
            true => Ok(text.into()),
            false => Err(HubError::TextTooLong(max)),
        }
    }

    /// The room `name`, if there is one.
    pub(super) fn existing_room(&self, name: &str) -> Result<Arc<Room>, HubError> {
        match self.rooms.get(name, Arc::clone) {
            Some(room) => Ok(room),
            None => match name.parse::<RoomName>() {
                Ok(_) => Err(HubError::NoSuchRoom),
                Err(error) => Err(HubError::BadName(error)),
            },
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut effects = Effects::default();
        self.quit(QuitReason::Closed, &mut effects);
        let lost = discard(&self.mailbox);
        self.hub.counters.lost(lost);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::Hub;

    fn registered(hub: &Hub, name: &str, now: Instant) -> Seat {
        let mut seat = hub.enter();
        let person = name.parse().unwrap();
        seat.register(person, now, &mut Effects::default()).unwrap();
        seat
    }

    /// From the moment when somebody else can have a name, nothing that is sent to it goes to who had it before,
    /// also from one who has just sent them something.
    #[test]
    fn a_name_that_is_free_leads_nowhere() {
        #[expect(clippy::disallowed_methods, reason = "nothing depends on it")]
        let now = Instant::now();
        let hub = Hub::new();
        let mut ada = registered(&hub, "ada", now);
        let mut bob = registered(&hub, "bob", now);
        ada.send("bob", "one", &mut Effects::default()).unwrap();
        let mailbox = bob.mailbox.clone();
        let bytes = mailbox.bytes();
        thread::scope(|scope| {
            // It stops half-way: the old name is free, and the new one not on the list.
            let held = hub.inner().roster.hold();
            scope.spawn(move || {
                let person = "bobby".parse().unwrap();
                bob.register(person, now, &mut Effects::default()).unwrap();
            });
            while hub.inner().user("bob").is_some() {
                thread::yield_now();
            }
            let sent = ada.send("bob", "two", &mut Effects::default());
            assert_eq!(sent, Err(HubError::NoSuchUser.into()));
            assert_eq!(mailbox.bytes(), bytes);
            drop(held);
        });
    }
}
