//! What one connection does in rooms.

use super::Seat;
use crate::{
    error::HubError,
    hub::{Stop, effects::Effects},
    model::{Answer, Event, MaskList, Role, RoleChange, RoomName, RoomSetting, UserName},
};

impl Seat {
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
}
