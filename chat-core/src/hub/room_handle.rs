//! A room, as the program that the chat is part of sees it.

use std::{fmt, sync::Arc, time::Duration};

use super::{Effects, Inner, Room, Stop};
use crate::{
    error::HubError,
    model::{
        Mask, MaskEntry, MaskList, Role, RoleChange, RoomName, RoomSetting, RoomSettings, UserName,
    },
    plug::one_line,
    rt::{Runtime, deadline_after},
};

/// A room of a [`Hub`](crate::Hub), which the program may do everything with.
///
/// What it does is told to the members as done by `*`. A handle does not keep its room: once the last member
/// has left a room that is not permanent, every method that can fail fails with [`HubError::NoSuchRoom`], also when a
/// new room of that name has been made.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::{Hub, Role};
///
/// let hub = Hub::new();
/// let room = hub.open_room("#dev")?;
/// room.set_topic("what we build")?;
///
/// let mut ada = hub.connect("ada")?;
/// ada.join("#dev")?;
/// room.set_role("ada", Role::Moderator)?;
/// assert_eq!(room.members()[0].1, Role::Moderator);
/// # Ok::<(), chinwag::HubError>(())
/// ```
#[derive(Clone)]
pub struct RoomHandle {
    hub: Arc<Inner>,
    room: Arc<Room>,
}

impl RoomHandle {
    pub(super) fn new(hub: Arc<Inner>, room: Arc<Room>) -> Self {
        Self { hub, room }
    }

    /// What it is called.
    pub fn name(&self) -> &RoomName {
        self.room.name()
    }

    /// The members and their roles, in the order in which they joined.
    pub fn members(&self) -> Vec<(UserName, Role)> {
        let room = self.room.lock();
        let members = room.members();
        members
            .map(|(member, role)| (member.name().clone(), role))
            .collect()
    }

    /// Whether the room stays when it is empty.
    pub fn is_permanent(&self) -> bool {
        self.room.lock().is_permanent()
    }

    /// Says whether the room stays when it is empty. One that is empty and shall not stay is gone at once.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchRoom`].
    pub fn set_permanent(&self, permanent: bool) -> Result<(), HubError> {
        let mut effects = Effects::default();
        let mut room = self.room.lock();
        if room.is_gone() {
            return Err(HubError::NoSuchRoom);
        }
        room.set_permanent(permanent);
        room.keep_owned(self.room.name(), &mut effects);
        let gone = room.close_if_empty();
        drop(room);
        if gone {
            self.hub.forget(&self.room);
        }
        Ok(())
    }

    /// How many messages there have been, which is the number of the last one.
    pub fn messages(&self) -> u64 {
        self.room.lock().messages()
    }

    /// The topic; empty for none.
    pub fn topic(&self) -> Arc<str> {
        self.room.lock().topic().text.clone()
    }

    /// Sets the topic. A line end or NUL in it becomes a space.
    ///
    /// # Errors
    ///
    /// [`HubError::TextTooLong`].
    pub fn set_topic(&self, text: &str) -> Result<(), HubError> {
        let text = self.hub.short(&one_line(text))?;
        self.act(|hub, room, effects| hub.set_topic(None, room, text.clone(), effects))
    }

    /// Sends `text` to all members. See [`Hub::publish`](crate::Hub::publish).
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchRoom`], [`HubError::TextTooLong`], [`HubError::Closed`] and [`HubError::Busy`].
    pub fn publish(&self, text: &str) -> Result<u64, HubError> {
        self.hub.check_open()?;
        self.hub.check_text(text)?;
        let mut effects = Effects::default();
        self.room
            .announce(self.hub.program_message(text), &mut effects)
    }

    /// Like [`publish`](Self::publish), but lets readers' tasks run when it has published more than they have
    /// room for, instead of failing with [`HubError::Busy`].
    ///
    /// # Cancellation
    ///
    /// Dropping the future leaves the message unsent: it is as if it was never started.
    ///
    /// # Errors
    ///
    /// Those of [`publish`](Self::publish), but not [`HubError::Busy`].
    pub async fn publish_when_ready<R: Runtime>(
        &self,
        runtime: &R,
        text: &str,
    ) -> Result<u64, HubError> {
        loop {
            match self.publish(text) {
                Err(HubError::Busy) => {
                    let soon = deadline_after(runtime.now(), Duration::from_millis(1));
                    runtime.sleep_until(soon).await;
                }
                done => return done,
            }
        }
    }

    /// Puts a member out. They may come back.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchUser`], [`HubError::NotThere`] and [`HubError::TextTooLong`].
    pub fn kick(&self, name: &str, reason: Option<&str>) -> Result<(), HubError> {
        let reason = reason.map(|reason| self.hub.short(&one_line(reason)));
        let reason = reason.transpose()?;
        self.act(|hub, room, effects| hub.kick(None, room, name, reason.clone(), effects))
    }

    /// Keeps `name` out, whether they are in the room now or not.
    ///
    /// # Errors
    ///
    /// [`HubError::BadName`] and [`HubError::TooManyNames`].
    pub fn ban(&self, name: &str) -> Result<(), HubError> {
        let name: UserName = name.parse()?;
        self.act(|hub, room, effects| hub.ban(None, room, name.clone(), effects))
    }

    /// Takes a ban back, if there is one.
    ///
    /// # Errors
    ///
    /// [`HubError::BadName`].
    pub fn unban(&self, name: &str) -> Result<(), HubError> {
        let name: UserName = name.parse()?;
        self.set_mask(MaskList::Bans, name.as_str(), false)
    }

    /// Who is banned, in the order in which they were.
    pub fn bans(&self) -> Vec<Mask> {
        let bans = self.masks(MaskList::Bans).into_iter();
        bans.map(|entry| entry.mask).collect()
    }

    /// What is on a list, the oldest first.
    pub fn masks(&self, list: MaskList) -> Vec<MaskEntry> {
        self.room.lock().masks(list).to_vec()
    }

    /// Puts `mask` on a list, or takes it off. Who is in the room stays.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchRoom`], [`HubError::BadMask`] and [`HubError::TooManyNames`].
    pub fn set_mask(&self, list: MaskList, mask: &str, on: bool) -> Result<(), HubError> {
        self.act(|hub, room, effects| hub.set_mask(None, room, list, mask, on, effects))
    }

    /// Gives a member a role.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchUser`], [`HubError::NotThere`] and, in a room that is not permanent,
    /// [`HubError::LastOwner`].
    pub fn set_role(&self, name: &str, role: Role) -> Result<(), HubError> {
        self.act(|hub, room, effects| hub.set_role(None, room, name, RoleChange::To(role), effects))
    }

    /// Whether one must have been invited to join.
    pub fn is_invite_only(&self) -> bool {
        self.room.lock().settings().invite_only
    }

    /// How the room is.
    pub fn settings(&self) -> RoomSettings {
        self.room.lock().settings().clone()
    }

    /// Changes how the room is. Who is in it stays.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchRoom`].
    pub fn set(&self, setting: RoomSetting) -> Result<(), HubError> {
        self.act(|hub, room, effects| hub.set(None, room, setting.clone(), effects))
    }

    /// Says whether one must have been invited to join. Who is in the room stays.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchRoom`].
    pub fn set_invite_only(&self, on: bool) -> Result<(), HubError> {
        self.set(RoomSetting::InviteOnly(on))
    }

    /// Lets `name` join once, although one must have been invited, and tells them. Of more than
    /// [`Limits::max_bans`](crate::Limits::max_bans) who have not come, the one who was invited first is forgotten.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchUser`].
    pub fn invite(&self, name: &str) -> Result<(), HubError> {
        self.act(|hub, room, effects| hub.invite(None, room, name, effects).map(drop))
    }

    /// Does something for the program.
    fn act(
        &self,
        act: impl Fn(&Inner, &Arc<Room>, &mut Effects) -> Result<(), Stop>,
    ) -> Result<(), HubError> {
        match act(&self.hub, &self.room, &mut Effects::default()) {
            Ok(()) => Ok(()),
            Err(Stop::Refused(error)) => Err(error),
            // The program is never held back.
            Err(Stop::Held) => Err(HubError::Busy),
        }
    }
}

impl fmt::Debug for RoomHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RoomHandle").field(self.name()).finish()
    }
}
