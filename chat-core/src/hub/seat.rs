//! One connection's place in a hub.

use std::{
    cell::Cell,
    mem,
    sync::Arc,
    time::{Instant, SystemTime},
};

use super::{
    Inner,
    effects::{Effects, Told, discard},
    mailbox::{Item, Mailbox, Manner, Reader, wake_all},
    names::NameMap,
    room::{Actor, Message, Room, Speaker, Stop},
    roster::Position,
    user::{Devices, Entry, Joined, User},
};
use crate::{
    config::SlowReader,
    error::HubError,
    model::{
        Answer, Event, MaskList, MessageId, Person, Profile, QuitReason, Role, RoleChange,
        RoomInfo, RoomName, RoomSetting, Stamp, Style, Topic, UserName, Verb, Whois, same_name,
    },
};

/// One connection's place in a hub: a mailbox, and a user once it has registered.
///
/// Dropping it ends the mailbox, whatever happened to the connection, and the user with it, unless they have
/// another connection.
pub(crate) struct Seat {
    hub: Arc<Inner>,
    mailbox: Arc<Mailbox>,
    registered: Option<Box<Registered>>,
    /// The number of this connection in the hub, and how many messages it has sent.
    number: u32,
    sent: Cell<u32>,
    /// What few have.
    more: Option<Box<More>>,
}

/// What few connections have.
#[derive(Default)]
struct More {
    /// The account that its peer has proved to be its own.
    account: Option<UserName>,
    /// Its peer has proved that it may be an operator. Another connection of the same user has not by that.
    is_elevated: bool,
    /// Whose coming and going it is told of.
    watched: Vec<UserName>,
}

/// The most users that one connection watches.
const MAX_WATCHED: usize = 100;

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
    person: Person,
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
    ) -> Result<&'a Self, HubError> {
        let is_known = |last: &Self| last.name == name && last.user.version() == last.version;
        if !last.as_deref().is_some_and(is_known) {
            // The version first: whoever changes an entry changes the version after it.
            let look = |entry: &Entry| (entry.user.version(), entry.clone());
            let (version, Entry { user, devices }) =
                names.get(name, look).ok_or(HubError::NoSuchUser)?;
            let person = user.lock_as(name)?.person.clone();
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
                person,
                devices,
            }));
        }
        last.as_deref().ok_or(HubError::NoSuchUser)
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
            number: hub.next_connection(),
            hub,
            mailbox,
            registered: None,
            sent: Cell::new(0),
            more: None,
        }
    }

    /// Marks a message of this connection's.
    pub(super) fn next_stamp(&self, at: Stamp) -> Stamp {
        let stamp = self.stamp(at);
        self.sent.set(stamp.id().number.wrapping_add(1));
        stamp
    }

    fn stamp(&self, at: Stamp) -> Stamp {
        at.of(MessageId {
            connection: self.number,
            number: self.sent.get(),
        })
    }

    /// The account that the peer has proved to be its own.
    pub(crate) fn account(&self) -> Option<&UserName> {
        self.more.as_ref()?.account.as_ref()
    }

    /// The peer has proved that the account is its own. Returns what others are told of it, if it is news.
    pub(crate) fn log_in(
        &mut self,
        account: UserName,
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        let event = match &self.registered {
            Some(_) => {
                let known = Some(account.clone());
                self.describe(|profile| profile.account = known, effects)?
            }
            None => None,
        };
        self.more.get_or_insert_default().account = Some(account);
        Ok(event)
    }

    /// Changes what the user says of themselves. Returns what others are told of it, if it is news.
    pub(crate) fn describe(
        &mut self,
        change: impl FnOnce(&mut Profile),
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        let (hub, me) = (self.hub.clone(), self.mailbox.clone());
        let registered = self.registered()?;
        let event = hub.describe(&registered.user, &me, change, effects)?;
        registered.refresh(&me);
        Ok(event)
    }

    /// The peer has proved that it may be an operator. Returns what others are told of it, if it is news.
    pub(crate) fn elevate(&mut self, effects: &mut Effects) -> Result<Option<Event>, Stop> {
        let event = self.describe(|profile| profile.operator = true, effects)?;
        self.more.get_or_insert_default().is_elevated = true;
        Ok(event)
    }

    /// The user is no operator any more, on whatever connection. Returns what others are told of it, if it is news.
    pub(crate) fn step_down(&mut self, effects: &mut Effects) -> Result<Option<Event>, Stop> {
        let event = self.describe(|profile| profile.operator = false, effects)?;
        if let Some(more) = &mut self.more {
            more.is_elevated = false;
        }
        Ok(event)
    }

    /// Whether the user is an operator, and has become one on this connection.
    fn check_operator(&self) -> Result<&Person, HubError> {
        let registered = self.registered.as_ref().ok_or(HubError::NotRegistered)?;
        let is_elevated = self.more.as_ref().is_some_and(|more| more.is_elevated);
        match is_elevated && registered.person.is_operator() {
            true => Ok(&registered.person),
            false => Err(HubError::NotOperator),
        }
    }

    /// As an operator, puts somebody out of the chat.
    pub(crate) fn kill(
        &self,
        name: &str,
        reason: &str,
        effects: &mut Effects,
    ) -> Result<(), HubError> {
        let by = self.check_operator()?;
        self.hub.short(reason)?;
        self.hub
            .put_out(name, &format!("killed by {by}: {reason}"), effects)
    }

    /// As an operator, tells everybody something.
    pub(crate) fn announce(&self, text: &str, effects: &mut Effects) -> Result<(), HubError> {
        let by = self.check_operator()?;
        self.hub.check_text(text)?;
        self.hub.announce_to_all(by, text, effects);
        Ok(())
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
                let rooms = registered.rooms.iter();
                let rooms = rooms.map(|joined| joined.room.name().clone()).collect();
                self.registered = Some(Box::new(registered));
                Ok(Answer::Welcome {
                    name,
                    rooms,
                    connection: self.number,
                    limits: self.hub.limits,
                })
            }
        }
    }

    /// Sends a message to whoever has the name `to`. Returns who got it, and what the user's other connections are told,
    /// if the sender wants a `receipt`.
    pub(crate) fn send(
        &mut self,
        to: &str,
        text: &str,
        style: Style<'_>,
        receipt: bool,
        effects: &mut Effects,
    ) -> Result<Option<(Person, Event)>, Stop> {
        if let Some(registered) = &mut self.registered {
            // Another connection of the same user may have changed the name by now.
            registered.refresh(&self.mailbox);
        }
        let stamp = self.stamp(effects.at);
        let registered = self.registered.as_mut().filter(|r| r.is_here);
        let registered = registered.ok_or(HubError::NotRegistered)?;
        self.hub.check_text(text)?;
        let Registered {
            person: me,
            others,
            recipient,
            ..
        } = &mut **registered;
        let recipient = Recipient::find(recipient, &self.hub.names, to)?;
        let Message {
            text,
            kind,
            extra,
            stamp,
        } = Message::new(text, style, stamp);
        let direct = || Event::Direct {
            from: Some(me.clone()),
            text: text.clone(),
            kind,
            extra: extra.clone(),
            stamp,
        };
        let mut told = Told::Never;
        let devices = recipient.devices.as_slice();
        if let [mailbox] = devices {
            told = effects.push(mailbox, Item::Own(direct()), Manner::Patient);
        } else {
            let before = effects.behind.len();
            let behind = devices.iter().filter(|d| d.is_behind());
            effects.behind.extend(behind.cloned());
            if effects.behind.len() > before {
                return Err(Stop::Held);
            }
            for device in devices {
                if effects.push(device, Item::Own(direct()), Manner::Urgent) == Told::Yes {
                    told = Told::Yes;
                }
            }
        }
        match told {
            Told::Yes => {}
            Told::NotYet => return Err(Stop::Held),
            // Their connection is about to be closed, and their name to be free.
            Told::Never => return Err(HubError::NoSuchUser.into()),
        }
        self.sent.set(self.sent.get().wrapping_add(1));
        if others.is_empty() && !receipt {
            return Ok(None);
        }
        // To oneself: they have got it already.
        let others = match recipient.person == *me {
            true => &[][..],
            false => others,
        };
        let sent = Event::Sent {
            to: recipient.person.name().clone(),
            from: me.clone(),
            text,
            kind,
            extra,
            stamp,
        };
        for other in others {
            let _ = effects.push(other, Item::Own(sent.clone()), Manner::Urgent);
        }
        Ok(receipt.then(|| (recipient.person.clone(), sent)))
    }

    /// Sends something that nobody reads to a room or a user. Returns what a user is told; in a room one hears it
    /// oneself.
    pub(crate) fn signal(
        &mut self,
        to: &str,
        extra: &str,
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        self.refresh();
        let registered = self.registered.as_ref().filter(|r| r.is_here);
        let registered = registered.ok_or(HubError::NotRegistered)?;
        let stamp = self.next_stamp(effects.at);
        if to.starts_with('#') {
            let (room, speaker) = self.speaker(to)?;
            room.signal(speaker, extra.into(), stamp, effects)?;
            return Ok(None);
        }
        let from = registered.person.clone();
        let event = self.hub.signal(from, to, extra.into(), stamp, effects)?;
        Ok(Some(event))
    }

    /// Sends a message to all members of `room` of at least that role.
    pub(crate) fn say(
        &mut self,
        room: &str,
        text: &str,
        least: Role,
        style: Style<'_>,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        self.hub.check_text(text)?;
        let (room, speaker) = self.speaker(room)?;
        let message = Message::new(text, style, self.next_stamp(effects.at));
        room.publish(speaker, least, message, effects)
    }

    /// Who talks in the room `name`, as a member or from outside.
    fn speaker(&self, name: &str) -> Result<(Arc<Room>, Speaker<'_>), HubError> {
        let registered = self.registered.as_ref().filter(|r| r.is_here);
        let registered = registered.ok_or(HubError::NotRegistered)?;
        let (room, actor) = match self.joined(name) {
            Ok((room, actor)) => (room.clone(), Some(actor)),
            Err(HubError::NotAMember | HubError::NoSuchRoom) => {
                (self.hub.existing_room(name)?, None)
            }
            Err(error) => return Err(error),
        };
        let speaker = Speaker {
            person: &registered.person,
            mailbox: &self.mailbox,
            actor,
        };
        Ok((room, speaker))
    }

    /// Whether one is a member of the room `name`.
    pub(crate) fn is_member(&self, name: &str) -> bool {
        self.joined(name).is_ok()
    }

    /// The name of the room `room`, of which one is a member.
    pub(crate) fn room_name(&self, room: &str) -> Result<&RoomName, HubError> {
        Ok(self.joined(room)?.0.name())
    }

    /// Returns what others are told of it, if it is news.
    pub(crate) fn join(
        &mut self,
        room: RoomName,
        key: Option<&str>,
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        let (hub, me) = (self.hub.clone(), self.mailbox.clone());
        let registered = self.registered()?;
        let event = hub.join(&registered.user, &me, room, key, effects)?;
        registered.refresh(&me);
        Ok(event)
    }

    /// Returns what others are told of it.
    pub(crate) fn leave(
        &mut self,
        room: &str,
        reason: Option<&str>,
        effects: &mut Effects,
    ) -> Result<Event, Stop> {
        let (room, actor) = self.joined(room)?;
        let reason = reason.map(|reason| self.hub.short(reason)).transpose()?;
        let event = (self.hub).leave(actor.user, &self.mailbox, room, reason, effects)?;
        self.refresh();
        Ok(event)
    }

    /// One of the rooms that one is in.
    pub(crate) fn any_room(&self) -> Result<RoomName, HubError> {
        let registered = self.registered.as_ref().ok_or(HubError::NotRegistered)?;
        let joined = registered.rooms.first().ok_or(HubError::NotAMember)?;
        Ok(joined.room.name().clone())
    }

    pub(crate) fn topic(&self, room: &str) -> Result<Answer<'static>, HubError> {
        self.name().ok_or(HubError::NotRegistered)?;
        let room = self.visible(room)?;
        let topic = room.lock().topic().clone();
        Ok(Answer::Topic {
            room: room.name().clone(),
            topic,
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

    pub(crate) fn unban(&self, room: &str, name: &str, effects: &mut Effects) -> Result<(), Stop> {
        let (room, actor) = self.joined(room)?;
        let name: UserName = name.parse().map_err(HubError::BadName)?;
        let mask = name.as_str();
        (self.hub).set_mask(Some(actor), room, MaskList::Bans, mask, false, effects)
    }

    pub(crate) fn set_mask(
        &self,
        room: &str,
        list: MaskList,
        mask: &str,
        on: bool,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        let (room, actor) = self.joined(room)?;
        (self.hub).set_mask(Some(actor), room, list, mask, on, effects)
    }

    /// What is on a list. Only moderators may know the exceptions.
    pub(crate) fn masks(&self, room: &str, list: MaskList) -> Result<Answer<'static>, HubError> {
        self.name().ok_or(HubError::NotRegistered)?;
        let found = self.visible(room)?;
        if list != MaskList::Bans {
            let (_, actor) = self.joined(room)?;
            found.lock().allow(Some(actor), Role::Moderator)?;
        }
        let masks = found.lock().masks(list).to_vec();
        Ok(Answer::Masks {
            room: found.name().clone(),
            list,
            masks,
        })
    }

    /// How a room is.
    pub(crate) fn settings(&self, room: &str) -> Result<Answer<'static>, HubError> {
        self.name().ok_or(HubError::NotRegistered)?;
        let actor = self.joined(room).ok().map(|(_, actor)| actor);
        let room = self.visible(room)?;
        let state = room.lock();
        let mut settings = state.settings().clone();
        // Whether they still are, whatever this connection knows.
        let is_member = actor.is_some_and(|actor| state.member(actor).is_ok());
        drop(state);
        if !is_member && settings.key.is_some() {
            settings.key = Some("*".into());
        }
        Ok(Answer::Settings {
            room: room.name().clone(),
            settings,
            created: room.created(),
        })
    }

    pub(crate) fn set_role(
        &self,
        room: &str,
        name: &str,
        change: RoleChange,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        let (room, actor) = self.joined(room)?;
        self.hub.set_role(Some(actor), room, name, change, effects)
    }

    /// Returns what the one who is invited is told, if they are not there already.
    pub(crate) fn invite(
        &self,
        room: &str,
        name: &str,
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        let (room, actor) = self.joined(room)?;
        self.hub.invite(Some(actor), room, name, effects)
    }

    pub(crate) fn set(
        &self,
        room: &str,
        setting: RoomSetting<&str>,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        let (room, actor) = self.joined(room)?;
        let setting = match setting {
            RoomSetting::InviteOnly(on) => RoomSetting::InviteOnly(on),
            RoomSetting::Moderated(on) => RoomSetting::Moderated(on),
            RoomSetting::MembersOnly(on) => RoomSetting::MembersOnly(on),
            RoomSetting::TopicLocked(on) => RoomSetting::TopicLocked(on),
            RoomSetting::Secret(on) => RoomSetting::Secret(on),
            RoomSetting::Key(key) => {
                RoomSetting::Key(key.map(|key| self.hub.short(key)).transpose()?)
            }
            RoomSetting::Limit(limit) => RoomSetting::Limit(limit),
        };
        self.hub.set(Some(actor), room, setting, effects)
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
        let since = (self.hub.system_time())
            .checked_sub(connected)
            .unwrap_or(SystemTime::UNIX_EPOCH);
        let shared = |joined: &&Joined| {
            let mine = &registered.rooms;
            mine.iter()
                .any(|mine| Arc::ptr_eq(&mine.room, &joined.room))
        };
        let rooms = state.rooms.iter().filter(shared);
        let role = |joined: &Joined| {
            let role = joined.room.lock().role(joined.position);
            (joined.room.name().clone(), role.unwrap_or_default())
        };
        Ok(Whois {
            name: state.person.clone(),
            connected,
            idle,
            since,
            rooms: rooms.map(role).collect(),
            away: state.person.away().cloned(),
        })
    }

    /// Who has a name, if anybody.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Person>, HubError> {
        self.name().ok_or(HubError::NotRegistered)?;
        Ok(self.hub.person(name))
    }

    /// Is told when `name` comes and goes, or no longer. Returns who that is, and whether they are here.
    pub(crate) fn watch(&mut self, name: &str, on: bool) -> Result<Answer<'static>, HubError> {
        self.name().ok_or(HubError::NotRegistered)?;
        let name: UserName = name.parse().map_err(HubError::BadName)?;
        let watched = &mut self.more.get_or_insert_default().watched;
        let there = watched.iter().position(|watched| *watched == name);
        match (there, on) {
            (None, true) if watched.len() >= MAX_WATCHED => {
                return Err(HubError::TooManyWatched(MAX_WATCHED));
            }
            (None, true) => {
                watched.push(name.clone());
                self.hub.watchers.add(&name, &self.mailbox);
            }
            (Some(index), false) => {
                watched.swap_remove(index);
                self.hub.watchers.remove(&name, &self.mailbox);
            }
            _ => {}
        }
        // Looked up after it is watched, so that nobody comes unseen.
        let person = self.hub.person(name.as_str());
        Ok(Answer::Watched { name, person })
    }

    /// Is told of nobody's coming and going any more.
    pub(crate) fn watch_nobody(&mut self) {
        let more = self.more.as_mut();
        for name in more
            .map(|more| mem::take(&mut more.watched))
            .unwrap_or_default()
        {
            self.hub.watchers.remove(&name, &self.mailbox);
        }
    }

    /// All who are watched.
    pub(crate) fn watched(&self) -> Answer<'static> {
        let watched = self.more.iter().flat_map(|more| &more.watched);
        let look = |name: &UserName| (name.clone(), self.hub.person(name.as_str()));
        Answer::AllWatched(watched.map(look).collect())
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
                let state = room.lock();
                let (members, go_on) = state.page(*next, *end, most);
                let answer = Answer::Members {
                    room: room.name().clone(),
                    secret: state.settings().secret,
                    members,
                    first,
                    last: go_on.is_none(),
                };
                (answer, go_on)
            }
            ListOf::Rooms => {
                let (names, go_on) = self.hub.room_list.page(*next, *end, most);
                let rooms = names.iter().filter_map(|name| self.listed(name)).collect();
                let last = go_on.is_none();
                (Answer::Rooms { rooms, first, last }, go_on)
            }
        };
        *next = go_on.unwrap_or_default();
        (answer, go_on.is_none())
    }

    /// How a room is listed, if one may know of it.
    fn listed(&self, name: &RoomName) -> Option<RoomInfo> {
        let is_member = |room| {
            let registered = self.registered.as_ref();
            registered.is_some_and(|r| r.rooms.iter().any(|joined| Arc::ptr_eq(&joined.room, room)))
        };
        let room = self.hub.existing_room(name.as_str()).ok()?;
        let state = room.lock();
        let is_member = is_member(&room);
        let is_listed = !state.settings().secret || is_member;
        let mut info = is_listed.then(|| room.info(&state))?;
        if !is_member && !state.is_open() {
            info.topic = Topic::from("");
        }
        Some(info)
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
    pub(crate) fn quit(
        &mut self,
        reason: QuitReason,
        text: Option<Arc<str>>,
        effects: &mut Effects,
    ) -> Option<UserName> {
        self.watch_nobody();
        let registered = self.registered.take()?;
        self.hub
            .detach(&registered.user, &self.mailbox, reason, text, effects);
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
                let room = self.hub.existing_room(name)?;
                Err(room.lock().to_strangers())
            }
        }
    }

    /// The room `name`, if one may look into it.
    fn visible(&self, name: &str) -> Result<Arc<Room>, HubError> {
        if let Ok((room, _)) = self.joined(name) {
            return Ok(room.clone());
        }
        let room = self.hub.existing_room(name)?;
        let state = room.lock();
        match state.is_open() {
            true => Ok(room.clone()),
            false => Err(state.to_strangers()),
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

    /// The name of the room `name`, if who is no member may talk in it.
    pub(crate) fn open_to_others(&self, name: &str) -> Result<RoomName, HubError> {
        let room = self.existing_room(name)?;
        let state = room.lock();
        match state.settings().members_only {
            true => Err(state.to_strangers()),
            false => Ok(room.name().clone()),
        }
    }

    /// A text that is shown beside a name, if it is not too long.
    pub(crate) fn short(&self, text: &str) -> Result<Arc<str>, HubError> {
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
        self.quit(QuitReason::Closed, None, &mut effects);
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
        ada.send(
            "bob",
            "one",
            Style::default(),
            false,
            &mut Effects::default(),
        )
        .unwrap();
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
            let sent = ada.send(
                "bob",
                "two",
                Style::default(),
                false,
                &mut Effects::default(),
            );
            assert_eq!(sent, Err(HubError::NoSuchUser.into()));
            assert_eq!(mailbox.bytes(), bytes);
            drop(held);
        });
    }
}
