//! What a connection is answered.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    Asked, ErrorCode, Event, MaskEntry, MaskList, Person, Role, RoomInfo, RoomName, RoomSettings,
    Topic, UserName, Verb,
};
use crate::{config::Limits, error::HubError, hub::Stats};

/// What a connection is answered to a request, which nobody else is told.
///
/// A message in a room has no answer, unless it is refused; nor has a direct one, unless the wire
/// [wants a receipt](crate::wire::Wire::WANTS_RECEIPTS).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer<'a> {
    /// The connection has its first name, and is a part of the chat.
    Welcome {
        /// Who it is for the others.
        name: Person,
        /// The rooms that the user is in already, on another connection.
        rooms: Vec<RoomName>,
        /// The number of the connection, as [`MessageId::connection`](super::MessageId::connection) has it.
        connection: u32,
        /// What there may be here.
        limits: Limits,
    },
    /// The request was granted.
    Granted {
        /// What was asked for.
        verb: Verb,
        /// What others are told of it, if this connection is not. `None` also if all is as it was before.
        event: Option<Event>,
    },
    /// A part of the list of everyone who has a name, in the order in which they registered.
    ///
    /// A long list comes in several parts, with nothing between them, as fast as the peer reads.
    Users {
        /// The users; none only if there is none at all, or at the end.
        users: Vec<Person>,
        /// The list begins here.
        first: bool,
        /// The list ends here.
        last: bool,
    },
    /// A part of the list of the members of a room, in the order in which they joined. In parts like
    /// [`Users`](Self::Users).
    Members {
        /// Which room.
        room: RoomName,
        /// Whether it is [secret](super::RoomSetting::Secret).
        secret: bool,
        /// The members; none only if there is none at all, or at the end.
        members: Vec<(Person, Role)>,
        /// The list begins here.
        first: bool,
        /// The list ends here.
        last: bool,
    },
    /// A part of the list of all rooms, in the order in which they were made. In parts like [`Users`](Self::Users).
    Rooms {
        /// The rooms; none only if there is none at all, or at the end. Those that are
        /// [secret](super::RoomSetting::Secret) are left out, unless one is a member.
        rooms: Vec<RoomInfo>,
        /// The list begins here.
        first: bool,
        /// The list ends here.
        last: bool,
    },
    /// What the topic of a room is.
    Topic {
        /// Which room.
        room: RoomName,
        /// What it is.
        topic: Topic,
    },
    /// How a room is.
    Settings {
        /// Which room.
        room: RoomName,
        /// How it is. Who is no member is not told the key.
        settings: RoomSettings,
        /// When it was made.
        created: SystemTime,
    },
    /// A list of masks, the oldest first.
    Masks {
        /// Of which room.
        room: RoomName,
        /// Which list.
        list: MaskList,
        /// What is on it.
        masks: Vec<MaskEntry>,
    },
    /// A direct message was sent.
    Sent {
        /// Who got it.
        to: Person,
        /// What the user's other connections are told, if it has any.
        event: Event,
    },
    /// Who somebody is.
    Whois(Box<Whois>),
    /// Who had a name last, the latest first, and no more than a few.
    Whowas {
        /// Which name, as it was written.
        name: &'a str,
        /// Who had it.
        past: Vec<Past>,
    },
    /// Who has a name, if anybody.
    Found {
        /// The name, as it was written.
        name: &'a str,
        /// Who has it.
        person: Option<Person>,
    },
    /// Somebody is watched.
    Watched {
        /// Who.
        name: UserName,
        /// The same, if they are here.
        person: Option<Person>,
    },
    /// All who are watched.
    AllWatched(Vec<(UserName, Option<Person>)>),
    /// What there is in all.
    Stats(Box<Stats>),
    /// The answer to a ping.
    Pong,
    /// The request was refused, because of a rule of the chat.
    Refused {
        /// What was asked for.
        asked: Asked<'a>,
        /// Which rule it was.
        rule: HubError,
    },
    /// The request was refused for another reason: it could not be read, it came too early, or the program does not
    /// allow it.
    Error {
        /// What was asked for.
        verb: Verb,
        /// Which reason it was; stable, for programs.
        code: ErrorCode,
        /// What happened, for people: not empty, without a line end.
        explanation: Cow<'a, str>,
    },
}

/// What there is to know about a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whois {
    /// Who it is.
    pub name: Person,
    /// For how long they have been here.
    pub connected: Duration,
    /// For how long they have said nothing, in a room or to anybody.
    pub idle: Duration,
    /// Since when they have been here.
    pub since: SystemTime,
    /// The rooms that they have in common with who asks, and what they are there.
    pub rooms: Vec<(RoomName, Role)>,
    /// Why they are away, if they are.
    pub away: Option<Arc<str>>,
}

/// Somebody who had a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Who they were.
    pub person: Person,
    /// Until when.
    pub until: SystemTime,
}

impl Answer<'_> {
    /// Why the request was refused, if it was, as a wire says it that has words for codes.
    pub fn error(&self) -> Option<(ErrorCode, Cow<'_, str>)> {
        match self {
            Self::Refused { rule, .. } => Some((rule.code(), rule.to_string().into())),
            Self::Error {
                code, explanation, ..
            } => Some((*code, (&**explanation).into())),
            _ => None,
        }
    }
}
