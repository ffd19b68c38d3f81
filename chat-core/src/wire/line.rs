//! The line protocol.

mod encode;
#[cfg(test)]
pub(super) mod tests;

use memchr::{memchr, memchr2};

use super::{Form, Reading, Wire, WireError, text};
use crate::model::{
    Answer, Command, ErrorCode, Event, Role, RoleChange, RoomSetting, Secret, Style, Verb,
};

/// The `line` protocol, which a person can type: UTF-8 lines that end in LF or CRLF, fields separated
/// by commas.
///
/// `docs/protocol.md` in the repository specifies it in full.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Line;

impl Wire for Line {
    fn frame_end(&self, input: &[u8]) -> Option<usize> {
        Some(memchr(b'\n', input)? + 1)
    }

    fn verb(&self, start: &[u8]) -> Verb {
        let word = self.payload(start).split(|&byte| byte == b',').next();
        VERBS
            .iter()
            .find(|(name, _)| word == Some(name.as_bytes()))
            .map_or(Verb::Unknown, |&(_, verb)| verb)
    }

    fn decode<'a>(
        &mut self,
        payload: &'a [u8],
        _: &mut Reading,
    ) -> Result<Option<Command<'a>>, WireError> {
        if payload.is_empty() {
            return Ok(None);
        }
        // A bare carriage return would let a message draw over the one before it on a terminal, and so
        // pass for somebody else's.
        if memchr2(b'\0', b'\r', payload).is_some() {
            let explanation = "a line may not hold NUL, nor CR except before its LF";
            return Err(refused(Verb::Unknown, explanation));
        }
        let line = text(payload)?;
        // By far the most frequent ones, and so the first.
        if let Some(fields) = line.strip_prefix("say,") {
            let (room, text) = split_name(fields).ok_or_else(say_form)?;
            return Ok(Some(Command::Say {
                room,
                text,
                least: Role::Member,
                style: Style::default(),
            }));
        }
        if let Some(fields) = line.strip_prefix("chat,") {
            let (to, text) = split_name(fields).unwrap_or((fields, "hi"));
            let style = Style::default();
            return Ok(Some(Command::Chat { to, text, style }));
        }
        other(line).map(Some)
    }

    fn answer(&mut self, answer: &Answer<'_>, out: &mut Vec<u8>) {
        encode::answer(answer, out);
    }

    fn encode(event: &Event, _: Form, out: &mut Vec<u8>) {
        encode::line(event, out);
    }
}

/// Reads a line that is neither a whole `chat` nor a whole `say`.
fn other(line: &str) -> Result<Command<'_>, WireError> {
    let (verb, fields) = match line.split_once(',') {
        Some((verb, fields)) => (verb, Some(fields)),
        None => (line, None),
    };
    match verb {
        "chat" => Err(refused(Verb::Chat, "it is chat,NAME or chat,NAME,TEXT")),
        "say" => Err(say_form()),
        "register" => {
            // No name at all is refused like any other text that is none.
            let fields = fields.unwrap_or_default();
            let (name, secret) = first(fields);
            let secret = secret.map(Secret);
            Ok(Command::Register { name, secret })
        }
        "list" => list(fields),
        "join" => {
            let form = "it is join,#ROOM or join,#ROOM,KEY";
            let fields = fields.ok_or_else(|| refused(Verb::Join, form))?;
            let (room, key) = first(fields);
            let room = room.into();
            Ok(Command::Join { room, key })
        }
        "leave" => {
            let room = one(fields).ok_or_else(|| refused(Verb::Leave, "it is leave,#ROOM"))?;
            Ok(Command::Leave { room, reason: None })
        }
        "topic" => {
            let form = "it is topic,#ROOM to ask for it or topic,#ROOM,TEXT to set it";
            let fields = fields.ok_or_else(|| refused(Verb::Topic, form))?;
            let (room, text) = first(fields);
            let room = room.into();
            Ok(Command::Topic { room, text })
        }
        "kick" => {
            let form = "it is kick,#ROOM,NAME or kick,#ROOM,NAME,REASON";
            let (room, rest) = fields
                .and_then(|fields| fields.split_once(','))
                .ok_or_else(|| refused(Verb::Kick, form))?;
            let (name, reason) = first(rest);
            Ok(Command::Kick { room, name, reason })
        }
        "ban" => {
            let (room, name) =
                two(fields).ok_or_else(|| refused(Verb::Ban, "it is ban,#ROOM,NAME"))?;
            Ok(Command::Ban { room, name })
        }
        "unban" => {
            let (room, name) =
                two(fields).ok_or_else(|| refused(Verb::Unban, "it is unban,#ROOM,NAME"))?;
            Ok(Command::Unban { room, name })
        }
        "role" => role(fields).ok_or_else(|| {
            let form = "it is role,#ROOM,NAME,ROLE and ROLE is member, voiced, moderator or owner";
            refused(Verb::Role, form)
        }),
        "invite" => {
            let (room, name) =
                two(fields).ok_or_else(|| refused(Verb::Invite, "it is invite,#ROOM,NAME"))?;
            Ok(Command::Invite { room, name })
        }
        "invite-only" => match two(fields) {
            Some((room, on @ ("on" | "off"))) => Ok(Command::Set {
                room,
                setting: RoomSetting::InviteOnly(on == "on"),
            }),
            _ => Err(refused(
                Verb::InviteOnly,
                "it is invite-only,#ROOM,on or invite-only,#ROOM,off",
            )),
        },
        "whois" => {
            let name = one(fields).ok_or_else(|| refused(Verb::Whois, "it is whois,NAME"))?;
            Ok(Command::Whois { name })
        }
        "away" => Ok(Command::Away { text: fields }),
        "ping" => match fields {
            None => Ok(Command::Ping),
            Some(_) => Err(refused(Verb::Ping, "ping takes no fields")),
        },
        "quit" => match fields {
            None => Ok(Command::Quit { reason: None }),
            Some(_) => Err(refused(Verb::Quit, "quit takes no fields")),
        },
        _ => Err(WireError::new(
            Verb::Unknown,
            ErrorCode::UnknownCommand,
            "try register,NAME  list,friends  chat,NAME,TEXT  join,#ROOM  say,#ROOM,TEXT  quit",
        )),
    }
}

fn list(fields: Option<&str>) -> Result<Command<'_>, WireError> {
    match one(fields) {
        Some("friends") => Ok(Command::ListUsers),
        Some("rooms") => Ok(Command::ListRooms),
        Some(room) if room.starts_with('#') => {
            let room = room.into();
            Ok(Command::ListMembers { room })
        }
        _ => Err(refused(
            Verb::List,
            "it is list,friends or list,rooms or list,#ROOM",
        )),
    }
}

fn role(fields: Option<&str>) -> Option<Command<'_>> {
    let (room, rest) = fields?.split_once(',')?;
    let (name, role) = rest.split_once(',')?;
    let change = RoleChange::To(role.parse().ok()?);
    Some(Command::Role { room, name, change })
}

/// What is before the first comma, and what is behind it. Names are short, and a plain loop is then the
/// fastest search.
fn split_name(fields: &str) -> Option<(&str, &str)> {
    let comma = fields.bytes().position(|byte| byte == b',')?;
    Some((&fields[..comma], &fields[comma + 1..]))
}

/// The first field, and the rest of the line, which may be free text, if there is one.
fn first(fields: &str) -> (&str, Option<&str>) {
    match split_name(fields) {
        Some((first, rest)) => (first, Some(rest)),
        None => (fields, None),
    }
}

/// The only field.
fn one(fields: Option<&str>) -> Option<&str> {
    fields.filter(|fields| !fields.contains(','))
}

/// The only two fields.
fn two(fields: Option<&str>) -> Option<(&str, &str)> {
    let two = fields?.split_once(',')?;
    (!two.1.contains(',')).then_some(two)
}

#[cold]
fn say_form() -> WireError {
    refused(
        Verb::Say,
        "it is say,#ROOM,TEXT and the text may be empty, but not its comma",
    )
}

fn refused(verb: Verb, explanation: &'static str) -> WireError {
    WireError::new(verb, ErrorCode::BadArguments, explanation)
}

/// All verbs, as they are written.
const VERBS: [(&str, Verb); 17] = [
    ("say", Verb::Say),
    ("chat", Verb::Chat),
    ("register", Verb::Register),
    ("list", Verb::List),
    ("join", Verb::Join),
    ("leave", Verb::Leave),
    ("topic", Verb::Topic),
    ("kick", Verb::Kick),
    ("ban", Verb::Ban),
    ("unban", Verb::Unban),
    ("role", Verb::Role),
    ("invite", Verb::Invite),
    ("invite-only", Verb::InviteOnly),
    ("whois", Verb::Whois),
    ("away", Verb::Away),
    ("ping", Verb::Ping),
    ("quit", Verb::Quit),
];
