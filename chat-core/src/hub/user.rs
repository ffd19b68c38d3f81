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
    model::{
        ErrorCode, Event, Looks, Mask, MaskEntry, MaskList, Outbound, Person, Profile, QuitReason,
        Role, RoleChange, RoomName, RoomSetting, Stamp, UserName,
    },
    plug::one_line,
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
                    self.most_users
                        .fetch_max(self.roster.len(), Ordering::Relaxed);
                    // While they are locked, so that nobody hears first that they are gone.
                    self.watchers.came(&person, effects);
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
                        for device in self.end(&there, state, QuitReason::Replaced, None, effects) {
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
        text: Option<Arc<str>>,
        effects: &mut Effects,
    ) {
        let mut state = user.lock();
        let is = |device: &Arc<Mailbox>| Arc::ptr_eq(device, mailbox);
        let Some(index) = state.devices.iter().position(is) else {
            return;
        };
        if state.devices.len() == 1 {
            self.end(user, state, reason, text, effects);
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
        text: Option<Arc<str>>,
        effects: &mut Effects,
    ) -> Result<Vec<Arc<Mailbox>>, HubError> {
        let state = user.lock_as(name)?;
        Ok(self.end(user, state, reason, text, effects))
    }

    /// Puts `name` out of the chat, and tells them `why`, which others hear as well.
    pub(super) fn put_out(
        &self,
        name: &str,
        why: &str,
        effects: &mut Effects,
    ) -> Result<(), HubError> {
        let user = self.user(name).ok_or(HubError::NoSuchUser)?;
        let why = one_line(why);
        let devices = self.quit(
            &user,
            name,
            QuitReason::Kicked,
            Some((*why).into()),
            effects,
        )?;
        let notice: Box<str> = format!("you were put out: {why}").into();
        for device in devices {
            let event = Event::error(ErrorCode::Kicked, notice.clone());
            effects.add_wake(device.kick(event));
        }
        Ok(())
    }

    fn end(
        &self,
        user: &Arc<User>,
        mut state: MutexGuard<'_, UserState>,
        reason: QuitReason,
        text: Option<Arc<str>>,
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
            text,
        };
        tell_all(&mut locked, event, &devices, &[], effects);
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
        if state.person.is_operator() {
            self.operators.fetch_sub(1, Ordering::Relaxed);
        }
        self.went(&state.person, effects);
        self.free(state.person.name(), user);
        user.changed();
        devices
    }

    /// Notes, and tells, that `person` gives up their name. To be called before it is free, so that nobody hears first
    /// of somebody else who has it.
    fn went(&self, person: &Person, effects: &mut Effects) {
        self.gone.note(person.clone(), self.system_time());
        self.watchers.went(person.name(), effects);
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
            if told.is_ok() {
                self.went(unused, effects);
            }
            self.free(unused.name(), user);
        }
        let event = told?;
        match respelled {
            true => self.roster.respell(state.position, person.clone()),
            false => state.position = self.roster.enter(person.clone(), Some(state.position)),
        }
        state.person = person;
        user.changed();
        if !respelled {
            self.watchers.came(&state.person, effects);
        }
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
        let looks = Looks::of(person);
        let mut locked = lock_all(state.in_order());
        if locked.iter().any(|(_, room)| room.is_banned(&looks)) {
            return Err(HubError::Banned.into());
        }
        for (_, room) in &mut locked {
            room.wait(effects)?;
        }
        for (joined, room) in &mut locked {
            room.reintroduce(joined.position, person);
        }
        tell_all(&mut locked, event.clone(), [acting], &[], effects);
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
        let state = user.lock();
        if state.person.away() == text.as_ref() {
            return Ok(None);
        }
        let person = state.person.with_away(text.clone());
        let event = Event::Away {
            name: person.clone(),
            text,
        };
        self.reintroduce(user, state, acting, person, event, effects)
    }

    /// Changes what `user` says of themselves. Returns what others are told of it, if it is news.
    pub(super) fn describe(
        &self,
        user: &Arc<User>,
        acting: &Arc<Mailbox>,
        change: impl FnOnce(&mut Profile),
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        let state = user.lock();
        let old = state.person.clone();
        let new = old.described(change);
        if old.profile() == new.profile() {
            return Ok(None);
        }
        let event = Event::Described {
            old,
            new: new.clone(),
        };
        self.reintroduce(user, state, acting, new, event, effects)
    }

    /// Makes `user` the `person` that they say they are, under the same name, and tells who shares a room with them
    /// or watches them.
    fn reintroduce(
        &self,
        user: &User,
        mut state: MutexGuard<'_, UserState>,
        acting: &Arc<Mailbox>,
        person: Person,
        event: Event,
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        // Else the name of one who is gone would be back in the list.
        if !state.is_here() {
            return Err(HubError::NotRegistered.into());
        }
        let watchers = self.watchers.of(person.name());
        let mut locked = lock_all(state.in_order());
        for (_, room) in &mut locked {
            room.wait(effects)?;
        }
        for (joined, room) in &mut locked {
            room.reintroduce(joined.position, &person);
        }
        tell_all(&mut locked, event.clone(), [acting], &watchers, effects);
        drop(locked);
        self.roster.respell(state.position, person.clone());
        // While they are locked: who is counted may go at once.
        match (state.person.is_operator(), person.is_operator()) {
            (false, true) => drop(self.operators.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(self.operators.fetch_sub(1, Ordering::Relaxed)),
            _ => {}
        }
        state.person = person;
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
        key: Option<&str>,
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
            locked.admit(&state.person, key, self.limits.max_members())?;
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
        reason: Option<Arc<str>>,
        effects: &mut Effects,
    ) -> Result<Event, Stop> {
        let mut state = user.lock();
        let position = state.joined(room).ok_or(HubError::NotAMember)?;
        // Nobody has to wait to leave, least of all who is behind themselves.
        let mut locked = room.lock();
        let event = Event::Left {
            room: room.name().clone(),
            name: state.person.clone(),
            reason,
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
        let mask: Mask = name.as_str().parse().map_err(HubError::BadMask)?;
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
                if locked.add_mask(MaskList::Bans, self.mask_entry(&mask, &by), max)? {
                    locked.tell(banned(room, &mask, by), None, effects);
                }
                return Ok(());
            };
            locked.outranks(actor, position)?;
            locked.add_mask(MaskList::Bans, self.mask_entry(&mask, &by), max)?;
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

    /// An entry that `by` puts on a list now.
    fn mask_entry(&self, mask: &Mask, by: &Option<Person>) -> MaskEntry {
        MaskEntry {
            mask: mask.clone(),
            by: by.as_ref().map(|by| by.name().clone()),
            at: self.system_time(),
        }
    }

    /// Puts `mask` on a list of `room`, or takes it off.
    pub(super) fn set_mask(
        &self,
        actor: Option<Actor<'_>>,
        room: &Arc<Room>,
        list: MaskList,
        mask: &str,
        on: bool,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        let mask: Mask = mask.parse().map_err(HubError::BadMask)?;
        let mut locked = room.lock();
        let by = locked.begin(actor, Role::Moderator, effects)?;
        let changed = match on {
            true => {
                let entry = self.mask_entry(&mask, &by);
                let is_news = locked.add_mask(list, entry, self.limits.max_bans())?;
                is_news.then_some(mask)
            }
            false => locked.remove_mask(list, &mask),
        };
        if let Some(mask) = changed {
            let event = Event::Mask {
                room: room.name().clone(),
                list,
                mask,
                on,
                by,
            };
            locked.tell(event, None, effects);
        }
        Ok(())
    }

    /// Changes the role of `name` in `room`.
    pub(super) fn set_role(
        &self,
        actor: Option<Actor<'_>>,
        room: &Arc<Room>,
        name: &str,
        change: RoleChange,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        room.lock().allow(actor, Role::Moderator)?;
        let user = self.user(name).ok_or(HubError::NoSuchUser)?;
        let state = user.lock_as(name)?;
        let mut locked = room.lock();
        let by = locked.begin(actor, Role::Moderator, effects)?;
        let position = state.joined(room).ok_or(HubError::NotThere)?;
        let was = locked.role(position)?;
        let role = change.of(was);
        // To let somebody talk takes no owner, nor to give up what one is.
        let is_own = actor.is_some_and(|actor| Arc::ptr_eq(actor.user, &user));
        let is_lower = is_own && role < was;
        if was.max(role) > Role::Voiced && !is_lower {
            locked.allow(actor, Role::Owner)?;
        }
        if role != was {
            locked.set_role(position, role)?;
            let event = Event::Role {
                room: room.name().clone(),
                name: state.person.clone(),
                role,
                was,
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
        let role = match locked.settings().topic_locked {
            true => Role::Moderator,
            false => Role::Member,
        };
        let by = locked.begin(actor, role, effects)?;
        let who = by.as_ref().map(|by| by.name().clone());
        locked.set_topic(text.clone(), who, self.system_time());
        let room = room.name().clone();
        locked.tell(Event::Topic { room, by, text }, None, effects);
        Ok(())
    }

    /// Changes how `room` is.
    pub(super) fn set(
        &self,
        actor: Option<Actor<'_>>,
        room: &Arc<Room>,
        setting: RoomSetting,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        let mut locked = room.lock();
        let by = locked.begin(actor, Role::Moderator, effects)?;
        if locked.set(setting.clone()) {
            let room = room.name().clone();
            locked.tell(Event::Set { room, setting, by }, None, effects);
        }
        Ok(())
    }

    /// Invites `name` to `room`. Returns what they are told of it, if they are not there already.
    pub(super) fn invite(
        &self,
        actor: Option<Actor<'_>>,
        room: &Arc<Room>,
        name: &str,
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        room.lock().allow(actor, Role::Moderator)?;
        let user = self.user(name).ok_or(HubError::NoSuchUser)?;
        let state = user.lock_as(name)?;
        let by = {
            let mut locked = room.lock();
            let by = locked.allow(actor, Role::Moderator)?;
            if state.joined(room).is_some() {
                return Ok(None);
            }
            locked.invite(state.person.name().clone(), self.limits.max_bans())?;
            let event = Event::Invitation {
                room: room.name().clone(),
                name: state.person.clone(),
                by: by.clone(),
            };
            locked.tell_moderators(event, actor, effects);
            by
        };
        let event = Event::Invited {
            room: room.name().clone(),
            name: state.person.clone(),
            by,
        };
        let outbound = Arc::new(Outbound::new(event.clone()));
        for device in &state.devices {
            let _ = effects.push(device, Item::Shared(outbound.clone()), Manner::Urgent);
        }
        Ok(Some(event))
    }

    /// Sends something that nobody reads to `name`. Returns what they are told.
    pub(super) fn signal(
        &self,
        from: Person,
        name: &str,
        extra: Arc<str>,
        stamp: Stamp,
        effects: &mut Effects,
    ) -> Result<Event, Stop> {
        let user = self.user(name).ok_or(HubError::NoSuchUser)?;
        let state = user.lock_as(name)?;
        let event = Event::Signal {
            room: None,
            to: Some(state.person.name().clone()),
            from,
            extra,
            stamp,
        };
        let devices = state.devices.clone();
        drop(state);
        let behind = devices.iter().filter(|device| device.is_behind());
        let before = effects.behind.len();
        effects.behind.extend(behind.cloned());
        if effects.behind.len() > before {
            return Err(Stop::Held);
        }
        for device in &devices {
            let _ = effects.push(device, Item::Own(event.clone()), Manner::Urgent);
        }
        Ok(event)
    }

    /// Tells everybody something.
    pub(super) fn announce_to_all(&self, from: &Person, text: &str, effects: &mut Effects) {
        let outbound = Arc::new(Outbound::new(Event::Announced {
            from: from.clone(),
            text: text.into(),
        }));
        let mut devices = Vec::new();
        self.names
            .each(|entry| devices.extend_from_slice(entry.devices.as_slice()));
        // Whoever is just changing their name has two.
        devices.sort_unstable_by_key(Arc::as_ptr);
        devices.dedup_by(|a, b| Arc::ptr_eq(a, b));
        for device in &devices {
            let _ = effects.push(device, Item::Shared(outbound.clone()), Manner::Urgent);
        }
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

/// What members are told of a ban that puts nobody out.
fn banned(room: &Room, mask: &Mask, by: Option<Person>) -> Event {
    Event::Mask {
        room: room.name().clone(),
        list: MaskList::Bans,
        mask: mask.clone(),
        on: true,
        by,
    }
}
