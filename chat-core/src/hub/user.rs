//! Users: who has which name, on which connections, and is in which rooms.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Inner,
    effects::Effects,
    mailbox::{CloseReason, Item, Mailbox, Manner, Reader},
    room::{Actor, Room, RoomState, Stop},
    roster::Position,
};
use crate::{
    config::TakenName,
    error::HubError,
    model::{Event, Outbound, Person, QuitReason, Role, RoomName, UserName},
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
    /// When they last asked for something, in milliseconds after `since`.
    active: AtomicU64,
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
    pub(crate) rooms: Vec<Joined>,
    pub(crate) away: Option<Arc<str>>,
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
            active: AtomicU64::new(0),
            version: AtomicU64::new(0),
            state: Mutex::new(UserState {
                person,
                position: Position::default(),
                devices: vec![mailbox],
                rooms: Vec::new(),
                away: None,
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

    /// Says that they ask for something.
    pub(crate) fn touch(&self, now: Instant) {
        let after = now.saturating_duration_since(self.since).as_millis();
        let after = u64::try_from(after).unwrap_or(u64::MAX);
        self.active.store(after, Ordering::Relaxed);
    }

    /// For how long they have been here, and for how long they have asked for nothing.
    pub(crate) fn times(&self, now: Instant) -> (Duration, Duration) {
        let connected = now.saturating_duration_since(self.since);
        let active = Duration::from_millis(self.active.load(Ordering::Relaxed));
        (connected, connected.saturating_sub(active))
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

/// Tells everybody in `rooms` once, however many of them they are in; not the connections of `told`.
fn tell_all<'a>(
    rooms: &mut [(&Joined, MutexGuard<'_, RoomState>)],
    event: Event,
    told: impl IntoIterator<Item = &'a Arc<Mailbox>>,
    effects: &mut Effects,
) {
    let mut told: HashSet<_> = told.into_iter().map(Arc::as_ptr).collect();
    let outbound = Arc::new(Outbound::new(event));
    if let [(_, room)] = rooms {
        // Each connection is there once, so that it need not be remembered.
        let is_other = |outlet: &Arc<Mailbox>| !told.contains(&Arc::as_ptr(outlet));
        return room.tell_those(&outbound, Manner::Urgent, is_other, effects);
    }
    for (_, room) in rooms {
        let is_first = |outlet: &Arc<Mailbox>| told.insert(Arc::as_ptr(outlet));
        room.tell_those(&outbound, Manner::Urgent, is_first, effects);
    }
}

impl Inner {
    /// Gives their name to `person` on the connection behind `mailbox`, as the policy for taken names has it.
    pub(super) fn claim(
        &self,
        person: Person,
        mailbox: &Arc<Mailbox>,
        now: Instant,
        effects: &mut Effects,
    ) -> Result<Arc<User>, HubError> {
        let user = Arc::new(User::new(person.clone(), mailbox.clone(), now));
        let name = person.name();
        loop {
            let mut state = user.lock();
            let claimed = self.names.claim(name, || Entry {
                user: user.clone(),
                devices: Devices::One(mailbox.clone()),
            });
            let there = match claimed {
                Ok(_) => {
                    state.position = self.roster.enter(person.clone(), None);
                    drop(state);
                    return Ok(user);
                }
                Err(there) => there.user,
            };
            drop(state);
            let policy = match there.reader == user.reader {
                true => self.taken_name,
                // What the program does is not taken over from outside.
                false => TakenName::Refuse,
            };
            match policy {
                TakenName::Refuse => return Err(HubError::NameTaken),
                TakenName::Replace => {
                    let state = there.lock();
                    if state.is_called(name.as_str()) {
                        for device in self.end(&there, state, QuitReason::Replaced, effects) {
                            effects.add_wake(device.close(CloseReason::Replaced));
                        }
                    }
                }
                TakenName::Share => {
                    if self.attach(&there, name, mailbox)? {
                        return Ok(there);
                    }
                }
            }
        }
    }

    /// Adds a connection to `user`. `false` if they are gone, or not called `name` any more.
    fn attach(
        &self,
        user: &Arc<User>,
        name: &UserName,
        mailbox: &Arc<Mailbox>,
    ) -> Result<bool, HubError> {
        let mut state = user.lock();
        if !state.is_called(name.as_str()) {
            return Ok(false);
        }
        let max = self.limits.max_devices();
        if state.devices.len() >= max {
            return Err(HubError::TooManyDevices(max));
        }
        state.devices.push(mailbox.clone());
        for joined in &state.rooms {
            joined.room.lock().attach(joined.position, mailbox);
        }
        self.set_devices(&state);
        user.changed();
        Ok(true)
    }

    /// Takes a connection from `user`, who is gone if it was the last one.
    pub(super) fn detach(
        &self,
        user: &Arc<User>,
        mailbox: &Arc<Mailbox>,
        reason: QuitReason,
        effects: &mut Effects,
    ) {
        let mut state = user.lock();
        let is = |device: &Arc<Mailbox>| Arc::ptr_eq(device, mailbox);
        let Some(index) = state.devices.iter().position(is) else {
            return;
        };
        if state.devices.len() == 1 {
            self.end(user, state, reason, effects);
            return;
        }
        state.devices.remove(index);
        for joined in &state.rooms {
            joined.room.lock().detach(joined.position, mailbox);
        }
        self.set_devices(&state);
        user.changed();
    }

    fn set_devices(&self, state: &UserState) {
        self.names.update(state.person.name(), |entry| {
            entry.devices = Devices::of(&state.devices);
        });
    }

    /// Takes `user`, who is called `name`, out of all rooms and frees the name. Returns the connections that they
    /// had.
    pub(super) fn quit(
        &self,
        user: &Arc<User>,
        name: &str,
        reason: QuitReason,
        effects: &mut Effects,
    ) -> Result<Vec<Arc<Mailbox>>, HubError> {
        let state = user.lock_as(name)?;
        Ok(self.end(user, state, reason, effects))
    }

    fn end(
        &self,
        user: &Arc<User>,
        mut state: MutexGuard<'_, UserState>,
        reason: QuitReason,
        effects: &mut Effects,
    ) -> Vec<Arc<Mailbox>> {
        let devices = std::mem::take(&mut state.devices);
        let mut rooms = std::mem::take(&mut state.rooms);
        rooms.sort_unstable_by_key(|joined| joined.room.position());
        let mut locked = lock_all(&rooms);
        for (joined, room) in &mut locked {
            room.leave(joined.position);
        }
        let event = Event::Quit {
            name: state.person.clone(),
            reason,
        };
        tell_all(&mut locked, event, &devices, effects);
        let mut gone = Vec::new();
        for (joined, mut room) in locked {
            room.keep_owned(joined.room.name(), effects);
            if room.close_if_empty() {
                gone.push(&joined.room);
            }
        }
        for room in gone {
            self.forget(room);
        }
        self.roster.leave(state.position);
        self.free(state.person.name(), user);
        user.changed();
        devices
    }

    /// Takes `name` from `user`, who is locked. Whoever has found them by it looks again, and no later than when
    /// somebody else can have it.
    fn free(&self, name: &UserName, user: &Arc<User>) {
        self.names.remove(name, |entry| {
            let is = Arc::ptr_eq(&entry.user, user);
            if is {
                user.changed();
            }
            is
        });
    }

    /// Gives `user` another name. Returns what others are told of it, if it is news.
    pub(super) fn rename(
        &self,
        user: &Arc<User>,
        acting: &Arc<Mailbox>,
        name: UserName,
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        let mut state = user.lock();
        if !state.is_here() {
            return Err(HubError::NotRegistered.into());
        }
        if state.person.as_str() == name.as_str() {
            return Ok(None);
        }
        let respelled = state.person == name;
        if !respelled {
            let claimed = self.names.claim(&name, || Entry {
                user: user.clone(),
                devices: Devices::of(&state.devices),
            });
            claimed.map_err(|_| HubError::NameTaken)?;
        }
        let person = state.person.renamed(name);
        let told = self.rename_in_rooms(&mut state, acting, &person, effects);
        let unused = match told {
            Ok(_) => &state.person,
            Err(_) => &person,
        };
        if !respelled {
            self.free(unused.name(), user);
        }
        let event = told?;
        match respelled {
            true => self.roster.respell(state.position, person.clone()),
            false => state.position = self.roster.enter(person.clone(), Some(state.position)),
        }
        state.person = person;
        user.changed();
        Ok(Some(event))
    }

    fn rename_in_rooms(
        &self,
        state: &mut UserState,
        acting: &Arc<Mailbox>,
        person: &Person,
        effects: &mut Effects,
    ) -> Result<Event, Stop> {
        let event = Event::Renamed {
            old: state.person.clone(),
            new: person.clone(),
        };
        let mut locked = lock_all(state.in_order());
        let name = person.name();
        if locked.iter().any(|(_, room)| room.is_banned(name)) {
            return Err(HubError::Banned.into());
        }
        for (_, room) in &mut locked {
            room.wait(effects)?;
        }
        for (joined, room) in &mut locked {
            room.rename(joined.position, person);
        }
        tell_all(&mut locked, event.clone(), [acting], effects);
        if locked.is_empty() {
            drop(locked);
            state.tell_others(acting, &event, effects);
        }
        Ok(event)
    }

    /// Says that `user` is away, or back. Returns what others are told of it, if it is news.
    pub(super) fn set_away(
        &self,
        user: &Arc<User>,
        acting: &Arc<Mailbox>,
        text: Option<Arc<str>>,
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        let mut state = user.lock();
        if state.away == text {
            return Ok(None);
        }
        let event = Event::Away {
            name: state.person.clone(),
            text: text.clone(),
        };
        let mut locked = lock_all(state.in_order());
        for (_, room) in &mut locked {
            room.wait(effects)?;
        }
        tell_all(&mut locked, event.clone(), [acting], effects);
        drop(locked);
        state.away = text;
        user.changed();
        Ok(Some(event))
    }

    /// Puts `user` into the room `name`, which is made if there is none. Returns what others are told of it, if it is
    /// news.
    pub(super) fn join(
        &self,
        user: &Arc<User>,
        acting: &Arc<Mailbox>,
        name: RoomName,
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        let mut state = user.lock();
        if !state.is_here() {
            return Err(HubError::NotRegistered.into());
        }
        if state.rooms.iter().any(|j| *j.room.name() == name) {
            return Ok(None);
        }
        let max = self.limits.max_user_rooms();
        if state.rooms.len() >= max {
            return Err(HubError::TooManyRooms(max).into());
        }
        loop {
            let room = self.room(&name)?;
            let mut locked = room.lock();
            if locked.is_gone() {
                drop(locked);
                self.forget(&room);
                continue;
            }
            locked.wait(effects)?;
            locked.admit(state.person.name(), self.limits.max_members())?;
            let position = locked.enter(user.clone(), state.person.clone(), &state.devices);
            let event = Event::Joined {
                room: room.name().clone(),
                name: state.person.clone(),
            };
            locked.tell(event.clone(), Some(acting), effects);
            drop(locked);
            state.rooms.push(Joined { room, position });
            user.changed();
            return Ok(Some(event));
        }
    }

    /// Takes `user` out of `room`. Returns what others are told of it.
    pub(super) fn leave(
        &self,
        user: &Arc<User>,
        acting: &Arc<Mailbox>,
        room: &Arc<Room>,
        effects: &mut Effects,
    ) -> Result<Event, Stop> {
        let mut state = user.lock();
        let position = state.joined(room).ok_or(HubError::NotAMember)?;
        // Nobody has to wait to leave, least of all who is behind themselves.
        let mut locked = room.lock();
        let event = Event::Left {
            room: room.name().clone(),
            name: state.person.clone(),
        };
        // Before they are out, so that their other connections know of it.
        locked.tell(event.clone(), Some(acting), effects);
        self.take_out(user, &mut state, room, locked, position, effects);
        Ok(event)
    }

    /// Takes the member at `position` out of `room`, which is locked, and of whose leaving everybody knows.
    fn take_out(
        &self,
        user: &User,
        state: &mut UserState,
        room: &Arc<Room>,
        mut locked: MutexGuard<'_, RoomState>,
        position: Position,
        effects: &mut Effects,
    ) {
        locked.leave(position);
        locked.keep_owned(room.name(), effects);
        let gone = locked.close_if_empty();
        drop(locked);
        if gone {
            self.forget(room);
        }
        state
            .rooms
            .retain(|joined| !Arc::ptr_eq(&joined.room, room));
        user.changed();
    }

    /// Puts `name` out of `room`.
    pub(super) fn kick(
        &self,
        actor: Option<Actor<'_>>,
        room: &Arc<Room>,
        name: &str,
        reason: Option<Arc<str>>,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        room.lock().allow(actor, Role::Moderator)?;
        let user = self.user(name).ok_or(HubError::NoSuchUser)?;
        let mut state = user.lock_as(name)?;
        let mut locked = room.lock();
        let by = locked.begin(actor, Role::Moderator, effects)?;
        let position = state.joined(room).ok_or(HubError::NotThere)?;
        locked.outranks(actor, position)?;
        let event = Event::Kicked {
            room: room.name().clone(),
            name: state.person.clone(),
            by,
            banned: false,
            reason,
        };
        locked.tell(event, None, effects);
        self.take_out(&user, &mut state, room, locked, position, effects);
        Ok(())
    }

    /// Puts `name` out of `room` for good.
    pub(super) fn ban(
        &self,
        actor: Option<Actor<'_>>,
        room: &Arc<Room>,
        name: UserName,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        let max = self.limits.max_bans();
        loop {
            let user = self.user(name.as_str());
            let mut state = user.as_ref().map(|user| user.lock());
            let mut locked = room.lock();
            let by = locked.begin(actor, Role::Moderator, effects)?;
            let there = state.as_ref().filter(|state| state.person == name);
            let there = there.and_then(|state| state.joined(room));
            let (Some(user), Some(state), Some(position)) = (&user, &mut state, there) else {
                if locked.members().any(|(member, _)| *member == name) {
                    // They came in while the room was not locked yet.
                    continue;
                }
                locked.ban(name, max)?;
                return Ok(());
            };
            locked.outranks(actor, position)?;
            locked.ban(name, max)?;
            let event = Event::Kicked {
                room: room.name().clone(),
                name: state.person.clone(),
                by,
                banned: true,
                reason: None,
            };
            locked.tell(event, None, effects);
            self.take_out(user, state, room, locked, position, effects);
            return Ok(());
        }
    }

    /// Gives `name` a role in `room`.
    pub(super) fn set_role(
        &self,
        actor: Option<Actor<'_>>,
        room: &Arc<Room>,
        name: &str,
        role: Role,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        room.lock().allow(actor, Role::Owner)?;
        let user = self.user(name).ok_or(HubError::NoSuchUser)?;
        let state = user.lock_as(name)?;
        let mut locked = room.lock();
        let by = locked.begin(actor, Role::Owner, effects)?;
        let position = state.joined(room).ok_or(HubError::NotThere)?;
        if locked.set_role(position, role)? {
            let event = Event::Role {
                room: room.name().clone(),
                name: state.person.clone(),
                role,
                by,
            };
            locked.tell(event, None, effects);
        }
        Ok(())
    }

    /// Sets the topic of `room`.
    pub(super) fn set_topic(
        &self,
        actor: Option<Actor<'_>>,
        room: &Arc<Room>,
        text: Arc<str>,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        let mut locked = room.lock();
        let by = locked.begin(actor, Role::Moderator, effects)?;
        locked.set_topic(text.clone());
        let room = room.name().clone();
        locked.tell(Event::Topic { room, by, text }, None, effects);
        Ok(())
    }

    /// Says whether one must be invited to `room`.
    pub(super) fn set_invite_only(
        &self,
        actor: Option<Actor<'_>>,
        room: &Arc<Room>,
        on: bool,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        let mut locked = room.lock();
        let by = locked.begin(actor, Role::Moderator, effects)?;
        if locked.is_invite_only() == on {
            return Ok(());
        }
        locked.set_invite_only(on);
        let room = room.name().clone();
        locked.tell(Event::InviteOnly { room, on, by }, None, effects);
        Ok(())
    }

    /// Invites `name` to `room`.
    pub(super) fn invite(
        &self,
        actor: Option<Actor<'_>>,
        room: &Arc<Room>,
        name: &str,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        room.lock().allow(actor, Role::Moderator)?;
        let user = self.user(name).ok_or(HubError::NoSuchUser)?;
        let state = user.lock_as(name)?;
        let by = {
            let mut locked = room.lock();
            let by = locked.allow(actor, Role::Moderator)?;
            if state.joined(room).is_some() {
                return Ok(());
            }
            locked.invite(state.person.name().clone(), self.limits.max_bans())?;
            by
        };
        let outbound = Arc::new(Outbound::new(Event::Invited {
            room: room.name().clone(),
            name: state.person.clone(),
            by,
        }));
        for device in &state.devices {
            let _ = effects.push(device, Item::Shared(outbound.clone()), Manner::Urgent);
        }
        Ok(())
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
