//! Who is in which room, and what those who are there do about it and about each other.

use std::sync::Arc;

use super::{Joined, User, UserState};
use crate::{
    error::HubError,
    hub::{
        Inner,
        effects::Effects,
        mailbox::{Item, Mailbox, Manner},
        room::{Actor, Room, RoomState, Stop},
        roster::Position,
    },
    model::{
        Event, Mask, MaskEntry, MaskList, Outbound, Person, Role, RoleChange, RoomName,
        RoomSetting, UserName,
    },
    sync::MutexGuard,
};

impl Inner {
    /// Puts `user` into the room `name`, which is made if there is none. Returns what others are told of it, if it is
    /// news.
    pub(crate) fn join(
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
    pub(crate) fn leave(
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
    pub(crate) fn kick(
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
    pub(crate) fn ban(
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
    pub(crate) fn set_mask(
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
    pub(crate) fn set_role(
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
    pub(crate) fn set_topic(
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
    pub(crate) fn set(
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
    pub(crate) fn invite(
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
            locked.invite(state.person.name().clone(), self.limits.max_bans());
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
