//! Users: who they are, on which connections, and in which rooms.

mod messages;
mod names;
mod rooms;

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Inner,
    effects::Effects,
    mailbox::{Item, Mailbox, Manner, Reader},
    room::{Room, RoomState, Stop},
    roster::Position,
};
use crate::{
    error::HubError,
    model::{Event, Outbound, Person, Profile},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

/// Somebody who has a name, on one connection or several.
///
/// Locks are taken in this order: a user's, that of a part of the names or rooms, rooms' in the order of
/// their positions, a mailbox's. The locks of two users are never held together.
#[derive(Debug)]
pub(crate) struct User {
    reader: Reader,
    since: Instant,
    /// When they last said something, in milliseconds after `since`.
    spoken: AtomicU64,
    /// Changes whenever `state` does, for whoever has a copy of it.
    version: AtomicU64,
    state: Mutex<UserState>,
}

#[derive(Debug)]
pub(crate) struct UserState {
    pub(crate) person: Person,
    /// Where they are in the list of all.
    position: Position,
    /// The mailboxes of their connections; none once they are gone.
    devices: Vec<Arc<Mailbox>>,
    /// Those of them whose peers have proved that they may be operators.
    elevated: Vec<Arc<Mailbox>>,
    pub(crate) rooms: Vec<Joined>,
}

/// A room that a user is in.
#[derive(Debug, Clone)]
pub(crate) struct Joined {
    pub(crate) room: Arc<Room>,
    pub(crate) position: Position,
}

/// What the map of all names has for one.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) user: Arc<User>,
    pub(crate) devices: Devices,
}

/// The mailboxes of a user. Most have one.
#[derive(Debug, Clone)]
pub(crate) enum Devices {
    One(Arc<Mailbox>),
    Many(Arc<[Arc<Mailbox>]>),
}

impl Devices {
    pub(crate) fn as_slice(&self) -> &[Arc<Mailbox>] {
        match self {
            Self::One(mailbox) => std::slice::from_ref(mailbox),
            Self::Many(mailboxes) => mailboxes,
        }
    }

    fn of(mailboxes: &[Arc<Mailbox>]) -> Self {
        match mailboxes {
            [one] => Self::One(one.clone()),
            many => Self::Many(many.into()),
        }
    }
}

impl User {
    fn new(person: Person, mailbox: Arc<Mailbox>, now: Instant) -> Self {
        Self {
            reader: mailbox.reader(),
            since: now,
            spoken: AtomicU64::new(0),
            version: AtomicU64::new(0),
            state: Mutex::new(UserState {
                person,
                position: Position::default(),
                devices: vec![mailbox],
                elevated: Vec::new(),
                rooms: Vec::new(),
            }),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, UserState> {
        // No code that runs under the lock panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks them if they are still called `name`: since they were found by it they may have got another.
    pub(super) fn lock_as(&self, name: &str) -> Result<MutexGuard<'_, UserState>, HubError> {
        let state = self.lock();
        match state.is_called(name) {
            true => Ok(state),
            false => Err(HubError::NoSuchUser),
        }
    }

    /// Changes whenever the state does.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Says that the state has changed, which is locked.
    fn changed(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Says that they say something.
    pub(crate) fn spoke(&self, now: Instant) {
        let after = now.saturating_duration_since(self.since).as_millis();
        let after = u64::try_from(after).unwrap_or(u64::MAX);
        self.spoken.store(after, Ordering::Relaxed);
    }

    /// For how long they have been here, and for how long they have said nothing.
    pub(crate) fn times(&self, now: Instant) -> (Duration, Duration) {
        let connected = now.saturating_duration_since(self.since);
        let spoken = Duration::from_millis(self.spoken.load(Ordering::Relaxed));
        (connected, connected.saturating_sub(spoken))
    }
}

impl UserState {
    /// Whether they still have their name.
    pub(crate) fn is_here(&self) -> bool {
        !self.devices.is_empty()
    }

    /// Whether they still have their name, and it is this one.
    fn is_called(&self, name: &str) -> bool {
        self.is_here() && self.person == *name
    }

    pub(crate) fn devices(&self) -> &[Arc<Mailbox>] {
        &self.devices
    }

    /// Whether the peer of that connection has proved that it may be an operator.
    pub(crate) fn is_elevated(&self, device: &Arc<Mailbox>) -> bool {
        self.elevated.iter().any(|d| Arc::ptr_eq(d, device))
    }

    /// Who they are after a change to what they say of themselves, and what others are told of it; `None` if it is no
    /// news.
    fn described(&self, change: impl FnOnce(&mut Profile)) -> Option<(Person, Event)> {
        let old = self.person.clone();
        let new = old.described(change);
        // Who has said nothing of themselves is as who has taken it all back.
        let nothing = Profile::default();
        let is_news = old.profile().unwrap_or(&nothing) != new.profile().unwrap_or(&nothing);
        let event = Event::Described {
            old,
            new: new.clone(),
        };
        is_news.then_some((new, event))
    }

    fn joined(&self, room: &Arc<Room>) -> Option<Position> {
        let joined = self.rooms.iter().find(|j| Arc::ptr_eq(&j.room, room));
        joined.map(|joined| joined.position)
    }

    /// The rooms, in the order in which they are locked.
    fn in_order(&mut self) -> &[Joined] {
        self.rooms
            .sort_unstable_by_key(|joined| joined.room.position());
        &self.rooms
    }
}

/// Locks all of `rooms`, which are in order.
fn lock_all(rooms: &[Joined]) -> Vec<(&Joined, MutexGuard<'_, RoomState>)> {
    let lock = |joined| -> (&Joined, MutexGuard<'_, RoomState>) { (joined, joined.room.lock()) };
    rooms.iter().map(lock).collect()
}

/// Tells everybody in `rooms` once, however many of them they are in, and `others`; not the connections of `told`.
fn tell_all<'a>(
    rooms: &mut [(&Joined, MutexGuard<'_, RoomState>)],
    event: Event,
    told: impl IntoIterator<Item = &'a Arc<Mailbox>>,
    others: &[Arc<Mailbox>],
    effects: &mut Effects,
) {
    let mut told: HashSet<_> = told.into_iter().map(Arc::as_ptr).collect();
    let outbound = Arc::new(Outbound::new(event));
    if let [(_, room)] = rooms
        && others.is_empty()
    {
        // Each connection is there once, so that it need not be remembered.
        let is_other = |outlet: &Arc<Mailbox>| !told.contains(&Arc::as_ptr(outlet));
        return room.tell_those(&outbound, Manner::Urgent, is_other, effects);
    }
    for (_, room) in rooms {
        let is_first = |outlet: &Arc<Mailbox>| told.insert(Arc::as_ptr(outlet));
        room.tell_those(&outbound, Manner::Urgent, is_first, effects);
    }
    for other in others {
        if told.insert(Arc::as_ptr(other)) {
            let _ = effects.push(other, Item::Shared(outbound.clone()), Manner::Urgent);
        }
    }
}

impl Inner {
    /// Says that `user` is away, or back. Returns what others are told of it, if it is news.
    pub(super) fn set_away(
        &self,
        user: &Arc<User>,
        acting: &Arc<Mailbox>,
        text: Option<Arc<str>>,
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        let mut state = user.lock();
        if state.person.away() == text.as_ref() {
            return Ok(None);
        }
        let person = state.person.with_away(text.clone());
        let event = Event::Away {
            name: person.clone(),
            text,
        };
        self.wait_in_rooms(&mut state, effects)?;
        self.reintroduce(user, &mut state, acting, person, &event, effects);
        Ok(Some(event))
    }

    /// Changes what `user` says of themselves. Returns what others are told of it, if it is news.
    pub(super) fn describe(
        &self,
        user: &Arc<User>,
        acting: &Arc<Mailbox>,
        change: impl FnOnce(&mut Profile),
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        self.describe_locked(user, &mut user.lock(), acting, change, effects)
    }

    /// Makes the connection behind `acting` an operator's, or all of `user`'s those of no operator. Returns what others
    /// are told of it, if it is news.
    pub(super) fn set_operator(
        &self,
        user: &Arc<User>,
        acting: &Arc<Mailbox>,
        on: bool,
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        let mut state = user.lock();
        // One who is gone keeps nothing, least of all that.
        if !state.is_here() {
            return Err(HubError::NotRegistered.into());
        }
        let change = |profile: &mut Profile| profile.operator = on;
        let event = self.describe_locked(user, &mut state, acting, change, effects)?;
        match on {
            true if !state.is_elevated(acting) => state.elevated.push(acting.clone()),
            true => {}
            false => state.elevated.clear(),
        }
        user.changed();
        Ok(event)
    }

    fn describe_locked(
        &self,
        user: &User,
        state: &mut UserState,
        acting: &Arc<Mailbox>,
        change: impl FnOnce(&mut Profile),
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        let Some((person, event)) = state.described(change) else {
            return Ok(None);
        };
        self.wait_in_rooms(state, effects)?;
        self.reintroduce(user, state, acting, person, &event, effects);
        Ok(Some(event))
    }

    /// Whether all who share a room with somebody who is here can be told something of them now.
    fn wait_in_rooms(&self, state: &mut UserState, effects: &mut Effects) -> Result<(), Stop> {
        // One who is gone is told of, and listed, no more.
        if !state.is_here() {
            return Err(HubError::NotRegistered.into());
        }
        for joined in state.in_order() {
            joined.room.lock().wait(effects)?;
        }
        Ok(())
    }

    /// Makes `user` the `person` that they say they are, under the same name, and tells who shares a room with them
    /// or watches them.
    fn reintroduce(
        &self,
        user: &User,
        state: &mut UserState,
        acting: &Arc<Mailbox>,
        person: Person,
        event: &Event,
        effects: &mut Effects,
    ) {
        let watchers = self.watchers.of_changes(person.name());
        let mut locked = lock_all(state.in_order());
        for (joined, room) in &mut locked {
            room.reintroduce(joined.position, &person);
        }
        tell_all(&mut locked, event.clone(), [acting], &watchers, effects);
        drop(locked);
        self.roster.respell(state.position, person.clone());
        // Under the lock, or the end of an operator could be counted before the beginning.
        match (state.person.is_operator(), person.is_operator()) {
            (false, true) => drop(self.operators.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(self.operators.fetch_sub(1, Ordering::Relaxed)),
            _ => {}
        }
        state.person = person;
        user.changed();
    }

    /// Whoever has the name `name`.
    pub(super) fn user(&self, name: &str) -> Option<Arc<User>> {
        self.names.get(name, |entry| entry.user.clone())
    }
}

impl UserState {
    /// Tells the other connections of the same user.
    fn tell_others(&self, acting: &Arc<Mailbox>, event: &Event, effects: &mut Effects) {
        let others = self.devices.iter().filter(|d| !Arc::ptr_eq(d, acting));
        for device in others {
            let _ = effects.push(device, Item::Own(event.clone()), Manner::Urgent);
        }
    }
}
