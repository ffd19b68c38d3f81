//! Events on the wire: one line each, which a client reads as what it was.

use std::sync::Arc;

use super::Choices;
use crate::{
    client::{Received, received::event_line},
    model::{ErrorCode, Event, QuitReason, Role, RoomName, UserName},
    plug::one_line,
    wire::{Line, Seed, Wire},
};

/// Whatever happens is one line on `line`, without anything else that ends one, and a client reads it as what it was.
/// On `seed` it holds no line end at all.
pub fn encode(data: &[u8]) {
    let mut choices = Choices(data);
    while !choices.is_empty() {
        let event = event(&mut choices);
        let mut bytes = Vec::new();
        Line::encode(&event, &mut bytes);
        let line = bytes.strip_suffix(b"\n").expect("a line");
        let line = str::from_utf8(line).expect("text");
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
        read(&event, line);
        bytes.clear();
        Seed::encode(&event, &mut bytes);
        assert!(!bytes.iter().any(|byte| b"\r\n\0".contains(byte)));
    }
}

/// Reads `line` as a client does.
fn read(event: &Event, line: &str) {
    let read = event_line(line);
    match event {
        Event::Direct { from, text } => {
            let from = by(from);
            let text = text.to_string();
            assert_eq!(read, Some(Received::Message { from, text }));
        }
        Event::Sent { to, text } => {
            let (to, text) = (to.to_string(), text.to_string());
            assert_eq!(read, Some(Received::Sent { to, text }));
        }
        Event::Said {
            room, from, text, ..
        } => {
            let (room, from) = (room.to_string(), by(from));
            let text = text.to_string();
            assert_eq!(read, Some(Received::Said { room, from, text }));
        }
        Event::Topic {
            room,
            by: actor,
            text,
        } => {
            let (room, by) = (room.to_string(), by(actor));
            let text = text.to_string();
            assert_eq!(read, Some(Received::Topic { room, by, text }));
        }
        Event::Kicked { name, reason, .. } => {
            let Some(Received::Kicked {
                name: read,
                reason: why,
                ..
            }) = read
            else {
                panic!("{line:?} is read as {read:?}");
            };
            assert_eq!(read, name.as_str());
            assert_eq!(why.as_deref(), reason.as_deref());
        }
        Event::Error { .. } => {
            assert!(line.starts_with("error,") && line.contains(' '), "{line:?}");
            assert_eq!(read, None);
        }
        Event::TopicIs { .. } => {
            assert!(line.starts_with("topic,#"), "{line:?}");
            assert_eq!(read, None);
        }
        _ => assert!(read.is_some(), "{line:?}"),
    }
}

fn by(actor: &Option<UserName>) -> String {
    actor.as_ref().map_or("*", UserName::as_str).to_owned()
}

fn event(choices: &mut Choices<'_>) -> Event {
    let kind = choices.byte();
    let (room, name) = (room(choices), name(choices));
    let by = choices.flag().then(|| self::name(choices));
    match kind % 15 {
        0 => Event::Direct {
            from: by,
            text: text(choices),
        },
        1 => Event::Sent {
            to: name,
            text: text(choices),
        },
        2 => Event::Said {
            room,
            seq: 1,
            from: by,
            text: text(choices),
        },
        3 => Event::Joined { room, name },
        4 => Event::Left { room, name },
        5 => Event::Kicked {
            room,
            name,
            by,
            banned: choices.flag(),
            reason: choices.flag().then(|| text(choices)),
        },
        6 => Event::Topic {
            room,
            by,
            text: text(choices),
        },
        7 => Event::TopicIs {
            room,
            text: text(choices),
        },
        8 => Event::Role {
            room,
            name,
            by,
            role: [Role::Member, Role::Moderator, Role::Owner][usize::from(choices.byte() % 3)],
        },
        9 => Event::InviteOnly {
            room,
            by,
            on: choices.flag(),
        },
        10 => Event::Invited { room, name, by },
        11 => Event::Renamed {
            old: name,
            new: self::name(choices),
        },
        12 => Event::Quit {
            name,
            reason: [QuitReason::Closed, QuitReason::TimedOut, QuitReason::Slow]
                [usize::from(choices.byte() % 3)],
        },
        13 => Event::Away {
            name,
            text: choices.flag().then(|| text(choices)),
        },
        _ => {
            let codes = [ErrorCode::Denied, ErrorCode::Full, ErrorCode::BadUtf8];
            let code = codes[usize::from(choices.byte() % 3)];
            Event::error(None, code, text(choices).to_string())
        }
    }
}

/// A text as the hub takes it: of one line.
fn text(choices: &mut Choices<'_>) -> Arc<str> {
    let length = usize::from(choices.byte());
    let text = String::from_utf8_lossy(choices.bytes(length));
    one_line(&text).into()
}

/// What of the next bytes can be a name, or some name.
fn name(choices: &mut Choices<'_>) -> UserName {
    let length = usize::from(choices.byte() % 48);
    let text = String::from_utf8_lossy(choices.bytes(length));
    let name = text.parse().or_else(|_| "ada".parse());
    name.expect("a name")
}

fn room(choices: &mut Choices<'_>) -> RoomName {
    let length = usize::from(choices.byte() % 80);
    let text = format!("#{}", String::from_utf8_lossy(choices.bytes(length)));
    let name = text.parse().or_else(|_| "#a".parse());
    name.expect("a name")
}
