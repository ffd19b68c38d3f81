//! One connection's place in a hub.

mod listing;
mod messages;
mod people;
mod rooms;

use std::{cell::Cell, sync::Arc, time::Instant};

use super::{
    Inner,
    effects::{Effects, discard},
    mailbox::{Item, Mailbox, Reader, wake_all},
    room::{Actor, Room, Stop},
    user::{Joined, User},
};
use crate::{
    config::SlowReader,
    error::HubError,
    model::{
        Answer, Event, MessageId, Person, Profile, QuitReason, Stamp, UserName, Verb, same_name,
    },
};

pub(crate) use listing::Listing;
use messages::Recipient;
pub use people::MAX_WATCHED;

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
    /// What few connections need; boxed, so that it costs the others a pointer.
    more: Option<Box<More>>,
}

/// What few connections need.
#[derive(Default)]
struct More {
    /// The account that its peer has proved to be its own.
    account: Option<UserName>,
    /// Whose coming and going it is told of.
    watched: Vec<UserName>,
}

/// Who a connection belongs to, with a copy of what its messages need, so that they lock nothing for it.
struct Registered {
    user: Arc<User>,
    /// The version of the user's state that the rest is a copy of.
    version: u64,
    person: Person,
    /// Whether the user still has the name.
    is_here: bool,
    /// The peer has proved that it may be an operator. Another connection of the same user has not by that.
    is_elevated: bool,
    rooms: Vec<Joined>,
    /// The user's other connections.
    others: Vec<Arc<Mailbox>>,
    /// To whom the last direct message went: the next one often does, too.
    recipient: Option<Box<Recipient>>,
}

impl Registered {
    fn new(user: Arc<User>, me: &Arc<Mailbox>) -> Self {
        let person = user.lock().person.clone();
        let mut registered = Self {
            version: user.version(),
            person,
            user,
            is_here: true,
            is_elevated: false,
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
        self.is_elevated = state.is_elevated(me);
        self.rooms.clone_from(&state.rooms);
        self.others.clear();
        let others = state.devices().iter().filter(|d| !Arc::ptr_eq(d, me));
        self.others.extend(others.cloned());
    }
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
        self.set_operator(true, effects)
    }

    /// The user is no operator any more, on whatever connection. Returns what others are told of it, if it is news.
    pub(crate) fn step_down(&mut self, effects: &mut Effects) -> Result<Option<Event>, Stop> {
        self.set_operator(false, effects)
    }

    fn set_operator(&mut self, on: bool, effects: &mut Effects) -> Result<Option<Event>, Stop> {
        let (hub, me) = (self.hub.clone(), self.mailbox.clone());
        let registered = self.registered()?;
        let event = hub.set_operator(&registered.user, &me, on, effects)?;
        registered.refresh(&me);
        Ok(event)
    }

    /// Whether the user is an operator, and has become one on this connection.
    fn check_operator(&self) -> Result<&Person, HubError> {
        let registered = self.registered.as_ref().ok_or(HubError::NotRegistered)?;
        match registered.is_elevated {
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

    /// Who the user is by now.
    pub(crate) fn person_now(&mut self) -> Option<&Person> {
        let registered = self.registered.as_mut()?;
        registered.refresh(&self.mailbox);
        Some(&registered.person)
    }

    /// Says that the user says something.
    pub(crate) fn spoke(&self, now: Instant) {
        if let Some(registered) = &self.registered {
            registered.user.spoke(now);
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

    /// Moves events from the mailbox to `into`, until they cost `budget` bytes. `true` if one of them says that events
    /// were missed.
    pub(crate) fn take(&self, budget: usize, into: &mut Vec<Item>) -> bool {
        let before = into.len();
        let waiting = self.mailbox.take(budget, into);
        if !waiting.is_empty() {
            wake_all(waiting);
        }
        into.len() > before && self.hub.counters.took(&into[before..])
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

    /// Looks whether the user has changed.
    pub(crate) fn refresh(&mut self) {
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

impl Drop for Seat {
    fn drop(&mut self) {
        let mut effects = Effects::default();
        self.quit(QuitReason::Closed, None, &mut effects);
        let lost = discard(&self.mailbox);
        self.hub.counters.lost(lost);
    }
}
