//! How a room is, and what is known of it.

use std::{sync::Arc, time::SystemTime};

use super::{Mask, RoomName, UserName};

/// One thing that may be so of a room, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomSetting<T = Arc<str>> {
    /// One must have been invited to join.
    InviteOnly(bool),
    /// Only who is at least [`Role::Voiced`](super::Role::Voiced) may talk.
    Moderated(bool),
    /// Only members may talk. So it is in a new room.
    MembersOnly(bool),
    /// Only moderators may set the topic. So it is in a new room.
    TopicLocked(bool),
    /// Who is not a member cannot find out that there is such a room, except by joining it.
    Secret(bool),
    /// One must know this to join.
    Key(Option<T>),
    /// It has at most so many members.
    Limit(Option<usize>),
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoomSettings {
    /// See [`RoomSetting::InviteOnly`].
    pub invite_only: bool,
    /// See [`RoomSetting::Moderated`].
    pub moderated: bool,
    /// See [`RoomSetting::MembersOnly`].
    pub members_only: bool,
    /// See [`RoomSetting::TopicLocked`].
    pub topic_locked: bool,
    /// See [`RoomSetting::Secret`].
    pub secret: bool,
    /// See [`RoomSetting::Key`].
    pub key: Option<Arc<str>>,
    /// See [`RoomSetting::Limit`].
    pub limit: Option<usize>,
}

impl Default for RoomSettings {
    fn default() -> Self {
        Self {
            invite_only: false,
            moderated: false,
            members_only: true,
            topic_locked: true,
            secret: false,
            key: None,
            limit: None,
        }
    }
}

impl RoomSettings {
    /// Makes that so. `false` if it was.
    pub(crate) fn set(&mut self, setting: RoomSetting) -> bool {
        let mut after = self.clone();
        match setting {
            RoomSetting::InviteOnly(on) => after.invite_only = on,
            RoomSetting::Moderated(on) => after.moderated = on,
            RoomSetting::MembersOnly(on) => after.members_only = on,
            RoomSetting::TopicLocked(on) => after.topic_locked = on,
            RoomSetting::Secret(on) => after.secret = on,
            RoomSetting::Key(key) => after.key = key,
            RoomSetting::Limit(limit) => after.limit = limit,
        }
        let is_news = after != *self;
        *self = after;
        is_news
    }
}

/// A list of masks that a room has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MaskList {
    /// Who may not join.
    Bans,
    /// Who may join although they are banned.
    BanExceptions,
    /// Who may join although they were not invited.
    InviteExceptions,
}

/// A mask on a list of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskEntry {
    /// The mask.
    pub mask: Mask,
    /// Who put it there; `None` for the program.
    pub by: Option<UserName>,
    /// When.
    pub at: SystemTime,
}

/// A room, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomInfo {
    /// What it is called.
    pub name: RoomName,
    /// How many members it has.
    pub members: usize,
    /// The topic.
    pub topic: Topic,
    /// When it was made.
    pub created: SystemTime,
}

impl From<RoomName> for RoomInfo {
    /// One that is empty, and of which nothing else is known.
    fn from(name: RoomName) -> Self {
        Self {
            name,
            members: 0,
            topic: Topic::from(""),
            created: SystemTime::UNIX_EPOCH,
        }
    }
}

impl AsRef<str> for RoomInfo {
    fn as_ref(&self) -> &str {
        self.name.as_str()
    }
}

/// The topic of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// What it is; empty for none.
    pub text: Arc<str>,
    /// Who set it, and when; `None` if nobody has. Of the program, there is only when.
    pub set: Option<(Option<UserName>, SystemTime)>,
}

impl From<&str> for Topic {
    /// One that nobody has set.
    fn from(text: &str) -> Self {
        Self {
            text: text.into(),
            set: None,
        }
    }
}
