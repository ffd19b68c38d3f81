//! Requests, and what a server replies to them.

use std::time::Duration;

use super::{
    ClientError,
    received::{is_word, word},
};

/// What comes of a request.
pub(super) type Answer = Result<Reply, ClientError>;

/// What a request that was granted is answered.
#[derive(Debug)]
pub(crate) enum Reply {
    Done,
    Names(Vec<String>),
    Topic(String),
    User(Box<UserInfo>),
}

/// A request that has a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    Register,
    Users,
    Rooms,
    Members,
    /// Anything else that is only acknowledged.
    Change,
    Topic,
    Whois,
    Ping,
    Quit,
    /// A ping of our own between chats and a request, so that the errors of the ones are told from those of
    /// the other.
    Fence,
}

impl Request {
    /// Whether it may be refused in the same words as a chat.
    pub(super) fn is_like_chat(self) -> bool {
        match self {
            Self::Register | Self::Members | Self::Change | Self::Topic | Self::Whois => true,
            Self::Users | Self::Rooms | Self::Ping | Self::Quit | Self::Fence => false,
        }
    }

    /// Whether an error answers it, whose turn it is. The line does not say; but between a chat and a request
    /// that may be refused like one, there is a fence. `may_be_chat` says whether there was a chat before this
    /// one, and nothing else between.
    pub(super) fn may_be_refused(self, code: &str, explanation: &str, may_be_chat: bool) -> bool {
        match code {
            // Nothing was asked; the connection ends.
            "timed-out" | "kicked" | "replaced" => false,
            // The one error that says what it answers, if the server knows.
            "rate-limited" => match explanation.split_once(": ") {
                Some(("chat" | "say", _)) => false,
                Some((verb, _)) if !verb.contains(' ') => true,
                // It may be either. Chats are by far the more frequent.
                _ => !may_be_chat,
            },
            // No chat of this client is.
            "bad-arguments" => self != Self::Fence,
            _ if may_be_chat => false,
            "no-such-user" | "not-registered" if self == Self::Register => false,
            "full" => matches!(self, Self::Register | Self::Change),
            "no-such-user" | "no-such-room" | "not-a-member" | "needs-role" | "invite-only"
            | "banned" | "not-registered" | "name-taken" | "bad-name" | "denied" | "too-long" => {
                self.is_like_chat()
            }
            _ => true,
        }
    }

    /// What `line` answers it; `None` if that is no reply to it. `is_bye` says whether one is called so.
    pub(crate) fn reply(self, line: &str, is_bye: bool) -> Option<Reply> {
        match (self, line) {
            // A list of everyone holds one's own name, so that `bye` alone is the end of the server, unless
            // one is called so. A list of members may be just that.
            (Self::Users, "bye") if !is_bye => None,
            // Whatever it is when a list is due, because somebody may be called `ack` or `pong`.
            (Self::Users | Self::Members, names) => names_line(names).map(Reply::Names),
            (Self::Rooms, rooms) => rooms_line(rooms).map(Reply::Names),
            (Self::Topic, topic) => topic_line(topic).map(Reply::Topic),
            (Self::Whois, user) => whois_line(user).map(Box::new).map(Reply::User),
            (Self::Register | Self::Change, "ack")
            | (Self::Ping | Self::Fence, "pong")
            | (Self::Quit, "bye") => Some(Reply::Done),
            _ => None,
        }
    }
}

impl Reply {
    pub(crate) fn into_names(self) -> Vec<String> {
        match self {
            Self::Names(names) => names,
            _ => Vec::new(),
        }
    }
}

/// What there is to know about a user; see [`Client::whois`](super::Client::whois).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserInfo {
    /// Who it is.
    pub name: String,
    /// For how long they have been here, in whole seconds.
    pub connected: Duration,
    /// For how long they have not asked for anything, in whole seconds.
    pub idle: Duration,
    /// The rooms that one has in common with them.
    pub rooms: Vec<String>,
    /// Why they are away, if they are.
    pub away: Option<String>,
}

/// `error,CODE,explanation`; an explanation has several words, which is how it differs from names.
pub(crate) fn error_line(line: &str) -> Option<(&str, &str)> {
    let (code, explanation) = line.strip_prefix("error,")?.split_once(',')?;
    (!code.contains(' ') && explanation.contains(' ')).then_some((code, explanation))
}

/// Names, separated by commas.
fn names_line(line: &str) -> Option<Vec<String>> {
    list(line, |name| is_word(name) && !name.starts_with('#'))
}

/// The names of rooms, separated by commas.
fn rooms_line(line: &str) -> Option<Vec<String>> {
    list(line, is_room)
}

fn list(line: &str, is_good: impl Fn(&str) -> bool) -> Option<Vec<String>> {
    if line.is_empty() {
        return Some(Vec::new());
    }
    line.split(',')
        .map(|name| is_good(name).then(|| name.to_owned()))
        .collect()
}

/// `topic,#ROOM,TEXT`.
fn topic_line(line: &str) -> Option<String> {
    let (room, text) = line.strip_prefix("topic,")?.split_once(',')?;
    is_room(room).then(|| text.to_owned())
}

/// `whois,NAME,connected=SECONDS,idle=SECONDS,rooms=#A #B`, perhaps with more such fields, and perhaps with
/// `,away=TEXT` at the end.
fn whois_line(line: &str) -> Option<UserInfo> {
    let (name, mut fields) = line.strip_prefix("whois,")?.split_once(',')?;
    let mut user = UserInfo {
        name: word(name)?,
        ..UserInfo::default()
    };
    let seconds = |value: &str| value.parse().ok().map(Duration::from_secs);
    loop {
        if let Some(text) = fields.strip_prefix("away=") {
            user.away = Some(text.to_owned());
            return Some(user);
        }
        let (field, rest) = match fields.split_once(',') {
            Some((field, rest)) => (field, Some(rest)),
            None => (fields, None),
        };
        match field.split_once('=')? {
            ("connected", value) => user.connected = seconds(value)?,
            ("idle", value) => user.idle = seconds(value)?,
            ("rooms", "") => {}
            ("rooms", rooms) => {
                user.rooms = rooms
                    .split(' ')
                    .map(|room| is_room(room).then(|| room.to_owned()))
                    .collect::<Option<_>>()?;
            }
            _ => {}
        }
        match rest {
            Some(rest) => fields = rest,
            None => return Some(user),
        }
    }
}

fn is_room(text: &str) -> bool {
    text.len() > 1 && text.starts_with('#') && is_word(text)
}
