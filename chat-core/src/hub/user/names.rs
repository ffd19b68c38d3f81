//! Who has which name, on which connections: from when it is taken until it is free.

use std::{sync::Arc, time::Instant};

use super::{Devices, Entry, User, UserState, lock_all, tell_all};
use crate::{
    config::TakenName,
    error::HubError,
    hub::{
        Inner, Stop,
        effects::Effects,
        mailbox::{CloseReason, Mailbox},
    },
    model::{ErrorCode, Event, Looks, Person, QuitReason, UserName},
    plug::one_line,
    sync::{MutexGuard, atomic::Ordering},
};

impl Inner {
    /// Gives their name to `person` on the connection behind `mailbox`, as the policy for taken names has it.
    pub(crate) fn claim(
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
    pub(crate) fn detach(
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
        // Nobody is an operator whose connections are none's.
        state.elevated.retain(|device| !is(device));
        if state.person.is_operator()
            && state.elevated.is_empty()
            && let Some((person, event)) = state.described(|profile| profile.operator = false)
        {
            self.reintroduce(user, &mut state, mailbox, person, &event, effects);
        }
        user.changed();
    }

    fn set_devices(&self, state: &UserState) {
        self.names.update(state.person.name(), |entry| {
            entry.devices = Devices::of(&state.devices);
        });
    }

    /// Takes `user`, who is called `name`, out of all rooms and frees the name. Returns the connections that they
    /// had.
    pub(crate) fn quit(
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
    pub(crate) fn put_out(
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
        state.elevated.clear();
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
    pub(crate) fn rename(
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
}
