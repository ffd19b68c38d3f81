//! What the server may say.

use std::{fmt, sync::Arc};

use super::{Kind, Mask, MaskList, Person, Role, RoomName, RoomSetting, Stamp, UserName};

/// Something that happens, and that a connection or an in-process user is told. What one has asked for is answered with
/// an [`Answer`](super::Answer) instead.
///
/// Names and texts are shared: a clone copies none of them. Where an event has a `by`, that is who brought
/// it about; `None` is the program that the chat is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A direct message.
    Direct {
        /// Who sent it; `None` for the program.
        from: Option<Person>,
        /// What they say, without a line end.
        text: Arc<str>,
        /// What kind of a message it is.
        kind: Kind,
        /// What the sender's wire has added for others of its kind.
        extra: Option<Arc<str>>,
        /// Which message it is, and when it was sent.
        stamp: Stamp,
    },
    /// A direct message that the same user has sent from another connection.
    Sent {
        /// Who got it.
        to: UserName,
        /// Who sent it: the user that is told.
        from: Person,
        /// What they were told.
        text: Arc<str>,
        /// What kind of a message it is.
        kind: Kind,
        /// What the sender's wire has added for others of its kind.
        extra: Option<Arc<str>>,
        /// Which message it is, and when it was sent.
        stamp: Stamp,
    },
    /// A message in a room. Its sender gets it as well.
    Said {
        /// Which room.
        room: RoomName,
        /// The number of the message in the room: the first has 1, and each further one has one more. One that not
        /// all members are told is not counted, and has 0.
        seq: u64,
        /// Who sent it; `None` for the program. They may be no member, if the room lets others talk.
        from: Option<Person>,
        /// What they say, without a line end.
        text: Arc<str>,
        /// What kind of a message it is.
        kind: Kind,
        /// Only members of at least this role are told, and who sent it.
        least: Role,
        /// What the sender's wire has added for others of its kind.
        extra: Option<Arc<str>>,
        /// Which message it is, and when it was sent.
        stamp: Stamp,
    },
    /// Something to a room or to the user that is told, which nobody reads, such as that somebody is typing. Who sent
    /// it to a room gets it as well.
    Signal {
        /// To which room; `None` if it is to a user.
        room: Option<RoomName>,
        /// To which user; `None` if it is to a room.
        to: Option<UserName>,
        /// Who sent it.
        from: Person,
        /// What it is, as the sender's wire has it.
        extra: Arc<str>,
        /// Which one it is, and when it was sent.
        stamp: Stamp,
    },
    /// Somebody has become a member of a room. The connection that asked for it is not told.
    Joined {
        /// Which room.
        room: RoomName,
        /// Who.
        name: Person,
    },
    /// Somebody has left a room. The connection that asked for it is not told.
    Left {
        /// Which room.
        room: RoomName,
        /// Who.
        name: Person,
        /// Why, for people.
        reason: Option<Arc<str>>,
    },
    /// Somebody was put out of a room. They are told as well.
    Kicked {
        /// Which room.
        room: RoomName,
        /// Who.
        name: Person,
        /// By whom.
        by: Option<Person>,
        /// Whether they may not come back.
        banned: bool,
        /// Why, for people.
        reason: Option<Arc<str>>,
    },
    /// A room's topic was changed.
    Topic {
        /// Which room.
        room: RoomName,
        /// By whom.
        by: Option<Person>,
        /// What it is now; empty for none.
        text: Arc<str>,
    },
    /// A member's role was changed.
    Role {
        /// In which room.
        room: RoomName,
        /// Whose.
        name: Person,
        /// What it is now.
        role: Role,
        /// What it was.
        was: Role,
        /// By whom; `None` also for the member who became the owner because the last one left.
        by: Option<Person>,
    },
    /// How a room is was changed.
    Set {
        /// Which room.
        room: RoomName,
        /// What is so now.
        setting: RoomSetting,
        /// By whom.
        by: Option<Person>,
    },
    /// A mask was put on a list of a room, or taken off.
    Mask {
        /// Which room.
        room: RoomName,
        /// Which list.
        list: MaskList,
        /// The mask.
        mask: Mask,
        /// Whether it is on the list now.
        on: bool,
        /// By whom.
        by: Option<Person>,
    },
    /// The user that is told has been invited to a room.
    Invited {
        /// Which room.
        room: RoomName,
        /// The user that is told.
        name: Person,
        /// By whom.
        by: Option<Person>,
    },
    /// Somebody else has been invited to a room of which the user that is told is a moderator.
    Invitation {
        /// Which room.
        room: RoomName,
        /// Who was invited.
        name: Person,
        /// By whom.
        by: Option<Person>,
    },
    /// Somebody who shares a room has another name now.
    Renamed {
        /// What they were called.
        old: Person,
        /// What they are called.
        new: Person,
    },
    /// Somebody who shared a room is gone, from all rooms.
    Quit {
        /// Who.
        name: Person,
        /// Why.
        reason: QuitReason,
        /// What they said, or was said of them, for people.
        text: Option<Arc<str>>,
    },
    /// Somebody who shares a room is away, or back.
    Away {
        /// Who.
        name: Person,
        /// Why they are away; `None` for back.
        text: Option<Arc<str>>,
    },
    /// Somebody who shares a room says something else of themselves.
    Described {
        /// Who they were.
        old: Person,
        /// Who they are.
        new: Person,
    },
    /// Somebody whom the connection that is told watches is here.
    Online {
        /// Who.
        name: Person,
    },
    /// Somebody whom the connection that is told watches is gone.
    Offline {
        /// Who.
        name: UserName,
    },
    /// An operator tells everybody something.
    Announced {
        /// Who.
        from: Person,
        /// What.
        text: Arc<str>,
    },
    /// Here, as many events were dropped, because they were not read in time.
    Missed {
        /// How many; at least one.
        count: u64,
    },
    /// This is the last of all, and the one who is told may have asked for it.
    Bye,
    /// This is the last of all, for a reason.
    Error {
        /// Which one; stable, for programs.
        code: ErrorCode,
        /// What happened, for people: not empty, several words, without a line end.
        explanation: Box<str>,
    },
}

/// Why a user is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QuitReason {
    /// They said good-bye, or their connection was closed or lost.
    Closed,
    /// They were silent for too long.
    TimedOut,
    /// They were put out of the chat.
    Kicked,
    /// They did not read what they were told in time.
    Slow,
    /// They asked for too much too fast.
    Flooding,
    /// They came back on another connection, which took over the name.
    Replaced,
    /// The server shuts down.
    Shutdown,
}

impl QuitReason {
    /// The reason as wires write it, such as `timed-out`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::TimedOut => "timed-out",
            Self::Kicked => "kicked",
            Self::Slow => "slow",
            Self::Flooding => "flooding",
            Self::Replaced => "replaced",
            Self::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for QuitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Event {
    /// A direct message that nothing is special about.
    pub fn direct(from: Option<Person>, text: impl Into<Arc<str>>) -> Self {
        Self::Direct {
            from,
            text: text.into(),
            kind: Kind::default(),
            extra: None,
            stamp: Stamp::default(),
        }
    }

    /// A message in a room that nothing is special about.
    pub fn said(room: RoomName, seq: u64, from: Option<Person>, text: impl Into<Arc<str>>) -> Self {
        Self::Said {
            room,
            seq,
            from,
            text: text.into(),
            kind: Kind::default(),
            least: Role::default(),
            extra: None,
            stamp: Stamp::default(),
        }
    }

    pub(crate) fn error(code: ErrorCode, explanation: impl Into<Box<str>>) -> Self {
        Self::Error {
            code,
            explanation: explanation.into(),
        }
    }

    /// About how many bytes of memory it holds while it waits in a mailbox, and to write.
    pub(crate) fn cost(&self) -> usize {
        let len = |text: &Option<Arc<str>>| text.as_ref().map_or(0, |text| text.len());
        let name = |name: &Option<Person>| name.as_ref().map_or(1, |name| name.as_str().len());
        // Names are usually shared, but a sender may change one for every message.
        let text = match self {
            Self::Bye | Self::Missed { .. } => 0,
            Self::Direct {
                from, text, extra, ..
            } => name(from) + text.len() + len(extra),
            Self::Sent {
                to, text, extra, ..
            } => to.as_str().len() + text.len() + len(extra),
            Self::Said {
                room,
                from,
                text,
                extra,
                ..
            } => room.as_str().len() + name(from) + text.len() + len(extra),
            Self::Signal { from, extra, .. } => from.as_str().len() + extra.len(),
            Self::Joined { room, name } => room.as_str().len() + name.as_str().len(),
            Self::Left { room, name, reason } => {
                room.as_str().len() + name.as_str().len() + len(reason)
            }
            Self::Kicked {
                room,
                name: who,
                by,
                reason,
                ..
            } => room.as_str().len() + who.as_str().len() + name(by) + len(reason),
            Self::Topic { room, by, text } => room.as_str().len() + name(by) + text.len(),
            Self::Role {
                room,
                name: who,
                by,
                ..
            }
            | Self::Invited {
                room,
                name: who,
                by,
            }
            | Self::Invitation {
                room,
                name: who,
                by,
            } => room.as_str().len() + who.as_str().len() + name(by),
            Self::Set { room, setting, by } => {
                let key = match setting {
                    RoomSetting::Key(key) => len(key),
                    _ => 0,
                };
                room.as_str().len() + name(by) + key
            }
            Self::Mask { room, mask, by, .. } => {
                room.as_str().len() + mask.as_str().len() + name(by)
            }
            Self::Renamed { old, new } => old.as_str().len() + new.as_str().len(),
            Self::Described { new, .. } => {
                let said = new.profile().map_or(0, |profile| profile.real_name.len());
                new.as_str().len() + said
            }
            Self::Quit { name, text, .. } => name.as_str().len() + len(text),
            Self::Away { name, text } => name.as_str().len() + len(text),
            Self::Online { name } => name.as_str().len(),
            Self::Offline { name } => name.as_str().len(),
            Self::Announced { from, text } => from.as_str().len() + text.len(),
            Self::Error { explanation, .. } => explanation.len(),
        };
        size_of::<Self>() + text
    }
}

/// Which rule a refused request broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// The request needs a name and the sender has none.
    NotRegistered,
    /// Somebody else has that name.
    NameTaken,
    /// That text cannot be a name.
    BadName,
    /// Nobody has that name.
    NoSuchUser,
    /// There is no room of that name.
    NoSuchRoom,
    /// One has to be a member of that room.
    NotAMember,
    /// One was put out of that room for good.
    Banned,
    /// One has to be invited to that room.
    InviteOnly,
    /// One has to know the key of that room.
    BadKey,
    /// One has to have another role in that room.
    NeedsRole,
    /// Whoever runs the chat does not allow it.
    Denied,
    /// It could not be found out whether it is allowed.
    Unavailable,
    /// The line was longer than the server reads.
    TooLong,
    /// The line was not UTF-8.
    BadUtf8,
    /// There is no such verb.
    UnknownCommand,
    /// The verb takes other fields.
    BadArguments,
    /// The peer took longer than the server waits.
    TimedOut,
    /// The peer asks for too much too fast.
    RateLimited,
    /// The server, a room, or the peer's mailbox, holds no more.
    Full,
    /// The name was taken over by another connection.
    Replaced,
    /// Whoever runs the chat has put the peer out.
    Kicked,
}

impl ErrorCode {
    /// The code as wires write it, such as `name-taken`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRegistered => "not-registered",
            Self::NameTaken => "name-taken",
            Self::BadName => "bad-name",
            Self::NoSuchUser => "no-such-user",
            Self::NoSuchRoom => "no-such-room",
            Self::NotAMember => "not-a-member",
            Self::Banned => "banned",
            Self::InviteOnly => "invite-only",
            Self::BadKey => "bad-key",
            Self::NeedsRole => "needs-role",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
            Self::TooLong => "too-long",
            Self::BadUtf8 => "bad-utf8",
            Self::UnknownCommand => "unknown-command",
            Self::BadArguments => "bad-arguments",
            Self::TimedOut => "timed-out",
            Self::RateLimited => "rate-limited",
            Self::Full => "full",
            Self::Replaced => "replaced",
            Self::Kicked => "kicked",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
