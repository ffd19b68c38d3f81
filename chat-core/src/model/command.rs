//! What a client may ask.

use std::{fmt, str::FromStr};

/// A request, as a [`Wire`](crate::wire::Wire) read it: well formed, but not yet checked.
///
/// It borrows from the bytes that it was read from. Names are still plain text here; whether they are
/// names, and whose, is for the session to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// List everyone who has a name.
    ListUsers,
    /// List all rooms.
    ListRooms,
    /// List the members of a room.
    ListMembers {
        /// Which room.
        room: &'a str,
    },
    /// Send a direct message.
    Chat {
        /// Who shall get it.
        to: &'a str,
        /// What they shall read, without a line end.
        text: &'a str,
    },
    /// Become a member of a room, which is made if there is none of that name.
    Join {
        /// Which room.
        room: &'a str,
    },
    /// Be a member no longer.
    Leave {
        /// Which room.
        room: &'a str,
    },
    /// Send a message to all members of a room.
    Say {
        /// Which room.
        room: &'a str,
        /// What they shall read, without a line end.
        text: &'a str,
    },
    /// Ask for the topic of a room, or set it.
    Topic {
        /// Which room.
        room: &'a str,
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
        role: Role,
    },
    /// Tell somebody that they may join a room.
    Invite {
        /// Which room.
        room: &'a str,
        /// Whom.
        name: &'a str,
    },
    /// Say whether only who was invited may join a room.
    InviteOnly {
        /// Which room.
        room: &'a str,
        /// Whether it is so.
        on: bool,
    },
    /// Ask about somebody.
    Whois {
        /// About whom.
        name: &'a str,
    },
    /// Say that one is away, or back.
    Away {
        /// Why one is away; `None` for back.
        text: Option<&'a str>,
    },
    /// Ask for a sign of life.
    Ping,
    /// Say good-bye.
    Quit,
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

impl<'a> Command<'a> {
    /// What it asks for, without its texts.
    pub fn asked(&self) -> Asked<'a> {
        let (room, name) = match *self {
            Self::Register { name, .. } | Self::Whois { name } | Self::Chat { to: name, .. } => {
                (None, Some(name))
            }
            Self::ListMembers { room }
            | Self::Join { room }
            | Self::Leave { room }
            | Self::Say { room, .. }
            | Self::Topic { room, .. }
            | Self::InviteOnly { room, .. } => (Some(room), None),
            Self::Kick { room, name, .. }
            | Self::Ban { room, name }
            | Self::Unban { room, name }
            | Self::Role { room, name, .. }
            | Self::Invite { room, name } => (Some(room), Some(name)),
            Self::ListUsers | Self::ListRooms | Self::Away { .. } | Self::Ping | Self::Quit => {
                (None, None)
            }
        };
        let verb = self.verb();
        Asked { verb, room, name }
    }

    /// What kind of a request it is.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Register { .. } => Verb::Register,
            Self::ListUsers | Self::ListRooms | Self::ListMembers { .. } => Verb::List,
            Self::Chat { .. } => Verb::Chat,
            Self::Join { .. } => Verb::Join,
            Self::Leave { .. } => Verb::Leave,
            Self::Say { .. } => Verb::Say,
            Self::Topic { .. } => Verb::Topic,
            Self::Kick { .. } => Verb::Kick,
            Self::Ban { .. } => Verb::Ban,
            Self::Unban { .. } => Verb::Unban,
            Self::Role { .. } => Verb::Role,
            Self::Invite { .. } => Verb::Invite,
            Self::InviteOnly { .. } => Verb::InviteOnly,
            Self::Whois { .. } => Verb::Whois,
            Self::Away { .. } => Verb::Away,
            Self::Ping => Verb::Ping,
            Self::Quit => Verb::Quit,
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

/// The kind of a request, for errors that must say what was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// [`Command::Register`].
    Register,
    /// [`Command::ListUsers`], [`Command::ListRooms`], [`Command::ListMembers`].
    List,
    /// [`Command::Chat`].
    Chat,
    /// [`Command::Join`].
    Join,
    /// [`Command::Leave`].
    Leave,
    /// [`Command::Say`].
    Say,
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
    /// [`Command::InviteOnly`].
    InviteOnly,
    /// [`Command::Whois`].
    Whois,
    /// [`Command::Away`].
    Away,
    /// [`Command::Ping`].
    Ping,
    /// [`Command::Quit`].
    Quit,
    /// Something that could not be read far enough to tell.
    Unknown,
}

/// What a member may do in a room. A larger one may all that a smaller one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Role {
    /// Talk.
    #[default]
    Member,
    /// Also set the topic, invite, and kick, ban and unban members.
    Moderator,
    /// Also kick and ban moderators, and give roles. Whoever makes a room by joining it is one.
    Owner,
}

impl Role {
    /// `member`, `moderator` or `owner`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
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
        [Self::Member, Self::Moderator, Self::Owner]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(UnknownRole)
    }
}

/// A text that is no [`Role`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is member, moderator or owner")]
pub struct UnknownRole;
