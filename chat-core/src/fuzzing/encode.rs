//! Events on the wire: one line each, which a client reads as what it was.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::Choices;
use crate::{
    client::{
        Received,
        received::event_line,
        replies::{Reply, Request, error_line},
    },
    config::Limits,
    error::HubError,
    model::{
        Answer, Asked, ErrorCode, Event, Kind, MaskList, Person, QuitReason, Role, RoomInfo,
        RoomName, RoomSetting, Stamp, Topic, Verb, Whois,
    },
    plug::one_line,
    wire::{Form, Line, Seed, Wire},
};

/// Whatever is said is one line on `line`, without anything else that ends one, and a client reads it as what it was.
/// On `seed` it holds no line end at all, and most of it is not said.
pub fn encode(data: &[u8]) {
    let mut choices = Choices(data);
    while !choices.is_empty() {
        match choices.byte() % 4 {
            0 => list(&mut choices),
            1 => is_understood_answer(&answer(&mut choices)),
            _ => is_understood(&event(&mut choices)),
        }
    }
}

/// Encodes `event` on both wires, and reads it.
pub(super) fn is_understood(event: &Event) {
    let mut bytes = Vec::new();
    Line::encode(event, Form::default(), &mut bytes);
    match bytes.is_empty() {
        true => assert!(has_no_line(event), "{event:?}"),
        false => read(event, line(&bytes)),
    }
    bytes.clear();
    Seed::encode(event, Form::default(), &mut bytes);
    holds_no_end(&bytes, matches!(event, Event::Direct { .. }));
}

/// Whether nobody on `line` is told of it.
fn has_no_line(event: &Event) -> bool {
    match event {
        Event::Set { setting, .. } => !matches!(setting, RoomSetting::InviteOnly(_)),
        Event::Mask { list, .. } => *list != MaskList::Bans,
        Event::Signal { .. }
        | Event::Described { .. }
        | Event::Online { .. }
        | Event::Offline { .. } => true,
        _ => false,
    }
}

/// The same for an answer.
pub(super) fn is_understood_answer(answer: &Answer<'_>) {
    let mut bytes = Vec::new();
    Line::default().answer(answer, &mut bytes);
    is_reply(answer, line(&bytes));
    bytes.clear();
    Seed::default().answer(answer, &mut bytes);
    let has_words = match answer {
        Answer::Refused { asked, .. } => asked.verb == Verb::Register,
        Answer::Error { verb, .. } => *verb == Verb::Register,
        Answer::Welcome { .. } | Answer::Granted { .. } => true,
        _ => false,
    };
    holds_no_end(&bytes, has_words);
}

/// What is said on `seed` holds no line end, and is nothing where that has no words.
fn holds_no_end(bytes: &[u8], has_words: bool) {
    let said = str::from_utf8(bytes).expect("text");
    assert!(!said.contains(ENDS), "{said:?}");
    assert_eq!(!said.is_empty(), has_words, "{said:?}");
}

/// What no line holds.
const ENDS: [char; 3] = ['\r', '\n', '\0'];

/// The only line in `bytes`.
fn line(bytes: &[u8]) -> &str {
    let line = bytes.strip_suffix(b"\n").expect("a line");
    let line = str::from_utf8(line).expect("text");
    assert!(!line.contains(ENDS), "{line:?}");
    line
}

/// A list in parts is one line, whatever the parts.
fn list(choices: &mut Choices<'_>) {
    let of_rooms = choices.flag();
    let parts = usize::from(choices.byte() % 4) + 1;
    let mut said = [Vec::new(), Vec::new()];
    let mut due = Vec::new();
    for part in 1..=parts {
        let (first, last) = (part == 1, part == parts);
        // Only at the ends, or alone, may there be none.
        let least = usize::from(!first && !last);
        let count = usize::from(choices.byte() % 4).max(least);
        let answer = match of_rooms {
            true => {
                let rooms: Vec<_> = (0..count).map(|_| room(choices)).collect();
                due.extend(rooms.iter().map(RoomName::to_string));
                let rooms = rooms.into_iter().map(RoomInfo::from).collect();
                Answer::Rooms { rooms, first, last }
            }
            false => {
                let users: Vec<_> = (0..count).map(|_| name(choices)).collect();
                due.extend(users.iter().map(Person::to_string));
                Answer::Users { users, first, last }
            }
        };
        // What comes first has at least one.
        if first && count == 0 && !last {
            return;
        }
        Line::default().answer(&answer, &mut said[0]);
        Seed::default().answer(&answer, &mut said[1]);
    }
    let request = match of_rooms {
        true => Request::Rooms,
        false => Request::Members,
    };
    let reply = request.reply(line(&said[0]), false).expect("a reply");
    assert_eq!(reply.into_names(), due);
    let due = if of_rooms {
        String::new()
    } else {
        due.join(",")
    };
    assert_eq!(said[1], due.into_bytes());
}

/// Reads `line` as a client does. It is told from a list, which may be due, by its first word.
fn read(event: &Event, line: &str) {
    let is_event = line
        .split_once(' ')
        .is_some_and(|(word, _)| !word.contains(','));
    let read = event_line(line);
    let due = match event.clone() {
        Event::Direct { from, text, .. } => Received::Message {
            from: by(from),
            text: text.to_string(),
        },
        Event::Sent { to, text, .. } => Received::Sent {
            to: to.to_string(),
            text: text.to_string(),
        },
        Event::Said {
            room, from, text, ..
        } => Received::Said {
            room: room.to_string(),
            from: by(from),
            text: text.to_string(),
        },
        Event::Joined { room, name } => Received::Joined {
            room: room.to_string(),
            name: name.to_string(),
        },
        Event::Left { room, name, .. } => Received::Left {
            room: room.to_string(),
            name: name.to_string(),
        },
        Event::Kicked {
            room,
            name,
            by: actor,
            banned,
            reason,
        } => Received::Kicked {
            room: room.to_string(),
            name: name.to_string(),
            by: by(actor),
            banned,
            reason: reason.as_deref().map(Into::into),
        },
        Event::Topic {
            room,
            by: actor,
            text,
        } => Received::Topic {
            room: room.to_string(),
            by: by(actor),
            text: text.to_string(),
        },
        Event::Role {
            room,
            name,
            role,
            by: actor,
            ..
        } => Received::Role {
            room: room.to_string(),
            name: name.to_string(),
            role,
            by: by(actor),
        },
        Event::Set {
            room,
            setting: RoomSetting::InviteOnly(on),
            by: actor,
        } => Received::InviteOnly {
            room: room.to_string(),
            on,
            by: by(actor),
        },
        Event::Invited {
            room,
            name,
            by: actor,
        }
        | Event::Invitation {
            room,
            name,
            by: actor,
        } => Received::Invited {
            room: room.to_string(),
            name: name.to_string(),
            by: by(actor),
        },
        Event::Renamed { old, new } => Received::Renamed {
            old: old.to_string(),
            new: new.to_string(),
        },
        Event::Quit { name, reason, .. } => Received::Quit {
            name: name.to_string(),
            reason: reason.to_string(),
        },
        Event::Away { name, text } => Received::Away {
            name: name.to_string(),
            text: text.as_deref().map(Into::into),
        },
        Event::Missed { count } => {
            assert_eq!(read, Some(Received::Missed { count }));
            return;
        }
        Event::Bye => {
            assert!(read.is_none() && !is_event, "{line:?}");
            assert!(Request::Quit.reply(line, false).is_some());
            return;
        }
        Event::Error { code, explanation } => {
            assert!(read.is_none() && !is_event, "{line:?}");
            return is_error(line, code, &explanation);
        }
        Event::Mask {
            room,
            mask,
            on,
            by: actor,
            ..
        } => Received::Bans {
            room: room.to_string(),
            mask: mask.only_name().unwrap_or(mask.as_str()).into(),
            on,
            by: by(actor),
        },
        other => panic!("{other:?} has no line, but {line:?}"),
    };
    assert!(is_event, "{line:?}");
    assert_eq!(read, Some(due));
}

/// Reads a reply, or an error.
fn is_reply(answer: &Answer<'_>, line: &str) {
    assert!(event_line(line).is_none(), "{line:?}");
    let reply = |request: Request| request.reply(line, false).expect("a reply");
    match answer {
        Answer::Welcome { .. } => drop(reply(Request::Register)),
        Answer::Granted { .. } => drop(reply(Request::Change)),
        Answer::Pong => drop(reply(Request::Ping)),
        Answer::Topic { topic, .. } => {
            assert!(matches!(reply(Request::Topic), Reply::Topic(read) if *read == *topic.text));
        }
        Answer::Whois(about) => {
            let Reply::User(read) = reply(Request::Whois) else {
                panic!("{line:?}");
            };
            assert_eq!(read.name, about.name.as_str());
            assert_eq!(read.connected.as_secs(), about.connected.as_secs());
            assert_eq!(read.idle.as_secs(), about.idle.as_secs());
            assert!(
                read.rooms
                    .iter()
                    .eq(about.rooms.iter().map(|(room, _)| room.as_str()))
            );
            assert_eq!(read.away.as_deref(), about.away.as_deref());
        }
        _ => match answer.error() {
            Some((code, explanation)) => is_error(line, code, &explanation),
            None => panic!("{answer:?} has another test"),
        },
    }
}

fn is_error(line: &str, code: ErrorCode, explanation: &str) {
    let (read, why) = error_line(line).expect("an error");
    assert_eq!(read, code.as_str());
    assert!(why.ends_with(explanation), "{line:?}");
}

fn by(actor: Option<Person>) -> String {
    actor.map_or("*".into(), |name| name.to_string())
}

fn event(choices: &mut Choices<'_>) -> Event {
    let kind = choices.byte();
    let (room, name) = (room(choices), name(choices));
    let by = choices.flag().then(|| self::name(choices));
    match kind % 17 {
        0 => Event::Direct {
            from: by,
            text: text(choices),
            kind: Kind::Message,
            extra: None,
            stamp: Stamp::default(),
        },
        1 => Event::Sent {
            to: name.clone().into(),
            from: name,
            text: text(choices),
            kind: Kind::Message,
            extra: None,
            stamp: Stamp::default(),
        },
        2 => Event::Said {
            room,
            seq: 1,
            from: by,
            text: text(choices),
            kind: Kind::Notice,
            least: Role::Member,
            extra: None,
            stamp: Stamp::default(),
        },
        3 => Event::Joined { room, name },
        4 => Event::Left {
            room,
            name,
            reason: some_text(choices),
        },
        5 => Event::Kicked {
            room,
            name,
            by,
            banned: choices.flag(),
            reason: some_text(choices),
        },
        6 => Event::Topic {
            room,
            by,
            text: text(choices),
        },
        8 => Event::Role {
            room,
            name,
            by,
            was: Role::Member,
            role: choices.one([Role::Member, Role::Voiced, Role::Moderator, Role::Owner]),
        },
        9 => Event::Set {
            room,
            by,
            setting: RoomSetting::InviteOnly(choices.flag()),
        },
        10 => Event::Invited { room, name, by },
        11 => Event::Renamed {
            old: name,
            new: self::name(choices),
        },
        12 => Event::Quit {
            name,
            reason: choices.one([QuitReason::Closed, QuitReason::TimedOut, QuitReason::Slow]),
            text: some_text(choices),
        },
        13 => Event::Away {
            name,
            text: some_text(choices),
        },
        14 => Event::Missed {
            count: u64::from(choices.byte()) << (choices.byte() % 57),
        },
        15 => Event::Bye,
        _ => Event::error(one_code(choices), text(choices).to_string()),
    }
}

fn answer(choices: &mut Choices<'_>) -> Answer<'static> {
    let kind = choices.byte();
    let (room, name) = (room(choices), name(choices));
    let verb = choices.one([Verb::Register, Verb::Say, Verb::Unknown]);
    match kind % 7 {
        0 => Answer::Welcome {
            name,
            rooms: vec![room],
            connection: 1,
            limits: Limits::default(),
        },
        1 => {
            let event = choices.flag().then(|| event(choices));
            Answer::Granted { verb, event }
        }
        2 => Answer::Pong,
        3 => Answer::Topic {
            room,
            topic: Topic::from(&*text(choices)),
        },
        4 => Answer::Whois(Box::new(Whois {
            name,
            connected: Duration::from_millis(u64::from(choices.byte()) << (choices.byte() % 57)),
            idle: Duration::from_millis(u64::from(choices.byte()) * 100),
            since: SystemTime::UNIX_EPOCH,
            rooms: (0..choices.byte() % 4)
                .map(|_| (self::room(choices), Role::Member))
                .collect(),
            away: some_text(choices),
        })),
        5 => Answer::Refused {
            asked: Asked {
                verb,
                room: None,
                name: None,
            },
            rule: match choices.byte() % 3 {
                0 => HubError::NameTaken,
                1 => HubError::NotRegistered,
                _ => HubError::RoomFull(7),
            },
        },
        _ => Answer::Error {
            verb,
            code: one_code(choices),
            explanation: text(choices).to_string().into(),
        },
    }
}

fn one_code(choices: &mut Choices<'_>) -> ErrorCode {
    choices.one([
        ErrorCode::Denied,
        ErrorCode::RateLimited,
        ErrorCode::BadUtf8,
    ])
}

fn some_text(choices: &mut Choices<'_>) -> Option<Arc<str>> {
    choices.flag().then(|| text(choices))
}

/// A text as the hub takes it: of one line.
fn text(choices: &mut Choices<'_>) -> Arc<str> {
    let length = usize::from(choices.byte());
    let text = String::from_utf8_lossy(choices.bytes(length));
    one_line(&text).into()
}

/// What of the next bytes can be a name, or some name.
fn name(choices: &mut Choices<'_>) -> Person {
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
