//! What a client may ask.

use std::{borrow::Cow, fmt, str::FromStr};

use super::{MaskList, RoomSetting};

/// A request, as a [`Wire`](crate::wire::Wire) read it: well formed, but not yet checked.
///
/// It borrows from the bytes that it was read from, unless what it asks for came in several frames or is what the wire
/// itself wants to know, such as who is in a room of which it has just told the peer. Names are still
/// plain text here; whether they are names, and whose, is for the session to find out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command<'a> {
    /// Take a name, or exchange one's name for another.
    Register {
        /// The wanted name.
        name: &'a str,
        /// What proves that the name is the sender's, for the
        /// [`Authenticator`](crate::Authenticator).
        secret: Option<Secret<'a>>,
    },
    /// Take a first name, and say who one is.
    Enter(Box<Entrance>),
    /// Prove that an account is one's own, for [`Authenticator::log_in`](crate::Authenticator::log_in).
    LogIn(Box<Credentials>),
    /// Become an operator, for [`Authenticator::elevate`](crate::Authenticator::elevate).
    Elevate {
        /// As whom.
        name: &'a str,
        /// What proves that one may.
        secret: Secret<'a>,
    },
    /// Be an operator no longer.
    StepDown,
    /// Say something else of oneself.
    Describe {
        /// The name in full; `None` to leave it as it is.
        real_name: Option<&'a str>,
        /// Whether one is a program; `None` to leave it as it is.
        bot: Option<bool>,
    },
    /// List everyone who has a name.
    ListUsers,
    /// List all rooms.
    ListRooms,
    /// List the members of a room.
    ListMembers {
        /// Which room.
        room: Cow<'a, str>,
    },
    /// Send a direct message.
    Chat {
        /// Who shall get it.
        to: &'a str,
        /// What they shall read, without a line end.
        text: &'a str,
        /// What is special about it.
        style: Style<'a>,
    },
    /// Become a member of a room, which is made if there is none of that name.
    Join {
        /// Which room.
        room: Cow<'a, str>,
        /// What opens the room, if it has a key.
        key: Option<&'a str>,
    },
    /// Be a member no longer.
    Leave {
        /// Which room.
        room: &'a str,
        /// Why, for people.
        reason: Option<&'a str>,
    },
    /// Be no longer a member of one of one's rooms, whichever; refused where there is none. For a protocol in which all
    /// are left at once, and a wire that does not keep a list of them.
    LeaveAny,
    /// Send a message to all members of a room.
    Say {
        /// Which room.
        room: &'a str,
        /// What they shall read, without a line end.
        text: &'a str,
        /// Only members of at least this role shall get it.
        least: Role,
        /// What is special about it.
        style: Style<'a>,
    },
    /// Send something that nobody reads, such as that one is typing.
    Signal {
        /// A room or a user.
        to: &'a str,
        /// See [`Style::extra`].
        extra: &'a str,
    },
    /// Ask for the topic of a room, or set it.
    Topic {
        /// Which room.
        room: Cow<'a, str>,
        /// What it shall be; empty for none.
        text: Option<&'a str>,
    },
    /// Put somebody out of a room.
    Kick {
        /// Which room.
        room: &'a str,
        /// Whom.
        name: &'a str,
        /// Why, for people.
        reason: Option<&'a str>,
    },
    /// Put a name out of a room for good, whether it is in it or not.
    Ban {
        /// Which room.
        room: &'a str,
        /// Whom.
        name: &'a str,
    },
    /// Take a ban back.
    Unban {
        /// Which room.
        room: &'a str,
        /// Whose.
        name: &'a str,
    },
    /// Change what a member may do.
    Role {
        /// In which room.
        room: &'a str,
        /// Who.
        name: &'a str,
        /// What they shall be.
        change: RoleChange,
    },
    /// Tell somebody that they may join a room.
    Invite {
        /// Which room.
        room: &'a str,
        /// Whom.
        name: &'a str,
    },
    /// Change how a room is.
    Set {
        /// Which room.
        room: &'a str,
        /// What shall be so.
        setting: RoomSetting<&'a str>,
    },
    /// Ask how a room is.
    Settings {
        /// Which room.
        room: &'a str,
    },
    /// Put a mask on a list of a room, or take it off. Nobody is put out by it.
    Mask {
        /// Which room.
        room: &'a str,
        /// Which list.
        list: MaskList,
        /// The mask, as it was written.
        mask: &'a str,
        /// Whether it shall be on the list.
        on: bool,
    },
    /// Ask for a list of masks of a room.
    ListMasks {
        /// Which room.
        room: &'a str,
        /// Which list.
        list: MaskList,
    },
    /// Ask about somebody.
    Whois {
        /// About whom.
        name: &'a str,
    },
    /// Ask who had a name last.
    Whowas {
        /// Which name.
        name: &'a str,
    },
    /// Ask who has a name, if anybody.
    Find {
        /// Which name.
        name: &'a str,
    },
    /// Be told when somebody comes and goes, or no longer. One connection watches at most
    /// [`MAX_WATCHED`](crate::MAX_WATCHED).
    Watch {
        /// Who.
        name: &'a str,
        /// Whether one wants to be told.
        on: bool,
        /// Also that they are away, or say something else of themselves, without being in one room with them.
        changes: bool,
    },
    /// Be told of nobody's coming and going any more.
    WatchNobody,
    /// Ask of whose coming and going one is told, and which of them are here.
    ListWatched,
    /// Ask what there is in all.
    Stats,
    /// Say that one is away, or back.
    Away {
        /// Why one is away; `None` for back.
        text: Option<&'a str>,
    },
    /// As an operator, put somebody out of the chat.
    Kill {
        /// Whom.
        name: &'a str,
        /// Why, for people.
        reason: &'a str,
    },
    /// As an operator, tell everybody something.
    Announce {
        /// What they shall read.
        text: &'a str,
    },
    /// Ask for a sign of life.
    Ping,
    /// Say good-bye.
    Quit {
        /// Why, for people.
        reason: Option<&'a str>,
    },
}

/// What is special about a message. By default nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style<'a> {
    /// What kind of a message it is.
    pub kind: Kind,
    /// What the sender's wire adds to it for others of its kind, in its own words; the chat does not look at it.
    pub extra: Option<&'a str>,
}

/// What kind of a message something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Kind {
    /// One that may be answered.
    #[default]
    Message,
    /// One that no program may answer by itself, so that two of them do not talk to each other for ever.
    Notice,
}

/// Who wants to enter, as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrance {
    /// The wanted name.
    pub name: Box<str>,
    /// What proves that the name is the sender's, for the [`Authenticator`](crate::Authenticator).
    pub secret: Option<OwnedSecret>,
    /// What they are called where they come from.
    pub login: Box<str>,
    /// Their name in full, or whatever else.
    pub real_name: Box<str>,
    /// They are a program, and say so.
    pub bot: bool,
}

/// An account, and what shall prove that it is one's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name of the account.
    pub account: Box<str>,
    /// The proof.
    pub secret: OwnedSecret,
}

/// What was asked for, and of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked<'a> {
    /// What.
    pub verb: Verb,
    /// Of which room, as it was written.
    pub room: Option<&'a str>,
    /// Of whom, or the name that was asked for, as it was written.
    pub name: Option<&'a str>,
}

impl Asked<'_> {
    /// Something of nothing and nobody in particular.
    pub fn of(verb: Verb) -> Self {
        Self {
            verb,
            room: None,
            name: None,
        }
    }
}

impl Command<'_> {
    /// What it asks for, without its texts, and without what did not come in one frame with it.
    pub fn asked(&self) -> Asked<'_> {
        let (room, name) = match self {
            Self::Register { name, .. }
            | Self::Elevate { name, .. }
            | Self::Whois { name }
            | Self::Whowas { name }
            | Self::Find { name }
            | Self::Watch { name, .. }
            | Self::Kill { name, .. }
            | Self::Chat { to: name, .. } => (None, Some(*name)),
            Self::Signal { to, .. } if to.starts_with('#') => (Some(*to), None),
            Self::Signal { to, .. } => (None, Some(*to)),
            Self::ListMembers { room } | Self::Join { room, .. } | Self::Topic { room, .. } => {
                (Some(&**room), None)
            }
            Self::Leave { room, .. }
            | Self::Say { room, .. }
            | Self::Set { room, .. }
            | Self::Settings { room }
            | Self::Mask { room, .. }
            | Self::ListMasks { room, .. } => (Some(*room), None),
            Self::Kick { room, name, .. }
            | Self::Ban { room, name }
            | Self::Unban { room, name }
            | Self::Role { room, name, .. }
            | Self::Invite { room, name } => (Some(*room), Some(*name)),
            Self::Enter(_)
            | Self::LogIn(_)
            | Self::LeaveAny
            | Self::StepDown
            | Self::Describe { .. }
            | Self::ListUsers
            | Self::ListRooms
            | Self::WatchNobody
            | Self::ListWatched
            | Self::Stats
            | Self::Away { .. }
            | Self::Announce { .. }
            | Self::Ping
            | Self::Quit { .. } => (None, None),
        };
        let verb = self.verb();
        Asked { verb, room, name }
    }

    /// What kind of a request it is.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Register { .. } | Self::Enter(_) => Verb::Register,
            Self::LogIn(_) => Verb::LogIn,
            Self::Elevate { .. } | Self::StepDown => Verb::Elevate,
            Self::Describe { .. } => Verb::Describe,
            Self::ListUsers | Self::ListRooms | Self::ListMembers { .. } => Verb::List,
            Self::Chat { .. } => Verb::Chat,
            Self::Join { .. } => Verb::Join,
            Self::Leave { .. } | Self::LeaveAny => Verb::Leave,
            Self::Say { .. } => Verb::Say,
            Self::Signal { .. } => Verb::Signal,
            Self::Topic { .. } => Verb::Topic,
            Self::Kick { .. } => Verb::Kick,
            Self::Ban { .. } => Verb::Ban,
            Self::Unban { .. } => Verb::Unban,
            Self::Role { .. } => Verb::Role,
            Self::Invite { .. } => Verb::Invite,
            Self::Set {
                setting: RoomSetting::InviteOnly(_),
                ..
            } => Verb::InviteOnly,
            Self::Set { .. } | Self::Settings { .. } => Verb::Set,
            Self::Mask { .. } | Self::ListMasks { .. } => Verb::Mask,
            Self::Whois { .. } | Self::Whowas { .. } | Self::Find { .. } => Verb::Whois,
            Self::Watch { .. } | Self::WatchNobody | Self::ListWatched => Verb::Watch,
            Self::Stats => Verb::Stats,
            Self::Away { .. } => Verb::Away,
            Self::Kill { .. } => Verb::Kill,
            Self::Announce { .. } => Verb::Announce,
            Self::Ping => Verb::Ping,
            Self::Quit { .. } => Verb::Quit,
        }
    }
}

/// A secret, which no log shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret<'a>(pub &'a str);

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// A secret that did not come in one frame with what it is for. No log shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedSecret(pub Box<str>);

impl fmt::Debug for OwnedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// The kind of a request, for errors that must say what was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// [`Command::Register`] and [`Command::Enter`].
    Register,
    /// [`Command::LogIn`].
    LogIn,
    /// [`Command::Elevate`] and [`Command::StepDown`].
    Elevate,
    /// [`Command::Describe`].
    Describe,
    /// [`Command::ListUsers`], [`Command::ListRooms`], [`Command::ListMembers`].
    List,
    /// [`Command::Chat`].
    Chat,
    /// [`Command::Join`].
    Join,
    /// [`Command::Leave`] and [`Command::LeaveAny`].
    Leave,
    /// [`Command::Say`].
    Say,
    /// [`Command::Signal`].
    Signal,
    /// [`Command::Topic`].
    Topic,
    /// [`Command::Kick`].
    Kick,
    /// [`Command::Ban`].
    Ban,
    /// [`Command::Unban`].
    Unban,
    /// [`Command::Role`].
    Role,
    /// [`Command::Invite`].
    Invite,
    /// [`Command::Set`] of [`RoomSetting::InviteOnly`].
    InviteOnly,
    /// [`Command::Set`] of anything else, and [`Command::Settings`].
    Set,
    /// [`Command::Mask`] and [`Command::ListMasks`].
    Mask,
    /// [`Command::Whois`], [`Command::Whowas`] and [`Command::Find`].
    Whois,
    /// [`Command::Watch`], [`Command::WatchNobody`] and [`Command::ListWatched`].
    Watch,
    /// [`Command::Stats`].
    Stats,
    /// [`Command::Away`].
    Away,
    /// [`Command::Kill`].
    Kill,
    /// [`Command::Announce`].
    Announce,
    /// [`Command::Ping`].
    Ping,
    /// [`Command::Quit`].
    Quit,
    /// Something that the wire answers by itself.
    Other,
    /// Something that could not be read far enough to tell.
    Unknown,
}

/// What a member may do in a room. A larger one may all that a smaller one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Role {
    /// Talk, unless the room is [moderated](RoomSetting::Moderated).
    #[default]
    Member,
    /// Talk, also where that is moderated.
    Voiced,
    /// Also set the topic, invite, change how the room is, kick, ban and unban members, and let them talk.
    Moderator,
    /// Also kick and ban moderators, and give roles. Whoever makes a room by joining it is one.
    Owner,
}

impl Role {
    /// `member`, `voiced`, `moderator` or `owner`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Voiced => "voiced",
            Self::Moderator => "moderator",
            Self::Owner => "owner",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        [Self::Member, Self::Voiced, Self::Moderator, Self::Owner]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(UnknownRole)
    }
}

/// A text that is no [`Role`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is member, voiced, moderator or owner")]
pub struct UnknownRole;

/// What a member's role shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoleChange {
    /// Just this.
    To(Role),
    /// At least this: one who has a higher one keeps it.
    AtLeast(Role),
    /// That of a plain member, if it is this.
    NoLonger(Role),
}

impl RoleChange {
    /// What comes of it for one who has that role.
    pub fn of(self, role: Role) -> Role {
        match self {
            Self::To(wanted) => wanted,
            Self::AtLeast(wanted) => role.max(wanted),
            Self::NoLonger(unwanted) if unwanted == role => Role::Member,
            Self::NoLonger(_) => role,
        }
    }
}
