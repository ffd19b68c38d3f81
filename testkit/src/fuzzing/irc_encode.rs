//! What the wire of IRC writes, whatever it is told to: see `fuzz/README.md`.

use std::{sync::Arc, time::Duration, time::SystemTime};

use chinwag_core::{
    Answer, Asked, ErrorCode, Event, HubError, Kind, Limits, MaskEntry, MaskList, Past, Person,
    QuitReason, Role, RoomInfo, RoomName, RoomSetting, RoomSettings, Stamp, Topic, UserName, Verb,
    Whois,
    wire::{Form, Hearing, Reading, Wire},
};

use chinwag_wire_irc::Irc;

/// The most bytes of a line with its CRLF, and of the tags before it with the `@` and the space, as the specifications
/// have it.
const MAX_LINE: usize = 512;
const MAX_TAGS: usize = 8191;

/// The most bytes that the state of a connection takes when it is written down.
const MAX_STATE: usize = 64 * 1024;

/// Whatever one connection sends, is answered and told, in whatever order: all that it gets is lines, none too long and
/// no character cut; a long text comes in pieces that are the text when they are joined; nothing that it asks for holds
/// what ends a line; and no more is kept than there may be.
pub fn irc_encode(data: &[u8]) {
    let mut choices = Choices(data);
    let irc = Irc::builder().server_name("irc.example.org").sasl(true);
    let mut irc = irc.build().expect("a wire");
    // Nothing is answered before something was asked for.
    let first = irc.decode(b"PING", &mut Reading::default());
    first.expect("the wire answers by itself");
    while !choices.is_empty() {
        match choices.byte() % 6 {
            0 | 1 => decode(&mut irc, &mut choices),
            2 => {
                let answer = answer(&mut choices);
                let mut out = Vec::new();
                irc.answer(&answer, &mut out);
                lines(&out);
            }
            3 => {
                let event = event(&mut choices);
                let mut out = Vec::new();
                Irc::encode(&event, Form(choices.byte()), &mut out);
                is_told(&event, &lines(&out));
            }
            _ => {
                let event = event(&mut choices);
                let mut out = Vec::new();
                match irc.hear(&event) {
                    Hearing::Shared(form) => Irc::encode(&event, form, &mut out),
                    Hearing::Alone => irc.tell(&event, &mut out),
                    Hearing::Nothing => continue,
                }
                is_told(&event, &lines(&out));
            }
        }
        let state = format!("{irc:?}");
        assert!(state.len() < MAX_STATE, "{state}");
    }
}

/// Reads a line, or what is none.
fn decode(irc: &mut Irc, choices: &mut Choices<'_>) {
    const COMMANDS: [&str; 12] = [
        "CAP REQ :",
        "CAP ",
        "NICK ",
        "USER a 0 * :",
        "AUTHENTICATE ",
        "JOIN ",
        "MODE ",
        "WHO ",
        "@label=a PRIVMSG ",
        "@label=b;+c ",
        "MONITOR + ",
        "",
    ];
    let length = usize::from(choices.byte());
    let mut line = choices.one(COMMANDS).as_bytes().to_vec();
    line.extend_from_slice(choices.bytes(length));
    // Where it ends is for others to find.
    if let Some(end) = irc.frame_end(&line) {
        line.truncate(end - 1);
    }
    let mut reading = Reading::default();
    let command = irc.decode(&line, &mut reading);
    let asked = format!("{:?}", command.expect("the wire answers by itself"));
    // What is written as a backslash is none of these.
    let written = asked.replace(r"\\", "");
    let ends = [r"\n", r"\r", r"\0"];
    assert!(!ends.iter().any(|end| written.contains(end)), "{asked}");
    lines(reading.answer());
}

/// The lines in `bytes`, without their tags.
fn lines(bytes: &[u8]) -> Vec<&str> {
    let text = str::from_utf8(bytes).expect("text");
    if text.is_empty() {
        return Vec::new();
    }
    let text = text.strip_suffix("\r\n").expect("whole lines");
    let lines = text.split("\r\n").map(|line| {
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
        let rest = match line.starts_with('@') {
            true => {
                let (tags, rest) = line.split_once(' ').expect("something behind the tags");
                assert!(tags.len() < MAX_TAGS, "{line:?}");
                rest
            }
            false => line,
        };
        assert!(rest.len() + "\r\n".len() <= MAX_LINE, "{rest:?}");
        let command = match rest.strip_prefix(':') {
            Some(sourced) => sourced.split_once(' ').expect("a command").1,
            None => rest,
        };
        let command = command.split(' ').next().unwrap_or_default();
        let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        assert!(
            !command.is_empty() && command.bytes().all(is_letter),
            "{line:?}"
        );
        rest
    });
    lines.collect()
}

/// Whether `lines` tell `event`, if they must.
fn is_told(event: &Event, lines: &[&str]) {
    let command = match event {
        Event::Direct { text, kind, .. }
        | Event::Sent { text, kind, .. }
        | Event::Said { text, kind, .. } => {
            let command = if *kind == Kind::Notice {
                "NOTICE"
            } else {
                "PRIVMSG"
            };
            let pieces = lines.iter().map(|line| {
                assert_eq!(line.split(' ').nth(1), Some(command), "{line:?}");
                let texts = line.splitn(4, ' ').nth(3).expect("a text");
                texts.strip_prefix(':').expect("a text of any kind")
            });
            // One that is nobody's is told by `tell` alone, and where that was not asked none is.
            let is_unheard = lines.is_empty() && matches!(event, Event::Direct { .. });
            assert!(
                is_unheard || pieces.collect::<String>() == **text,
                "{lines:?}"
            );
            return;
        }
        Event::Joined { .. } => "JOIN",
        Event::Left { .. } => "PART",
        Event::Kicked { .. } => "KICK",
        Event::Topic { .. } => "TOPIC",
        Event::Role { .. } | Event::Set { .. } | Event::Mask { .. } => "MODE",
        Event::Invited { .. } | Event::Invitation { .. } => "INVITE",
        Event::Renamed { .. } => "NICK",
        Event::Quit { .. } => "QUIT",
        Event::Away { .. } => "AWAY",
        _ => return,
    };
    if let (Event::Topic { text, .. }, [line]) = (event, lines) {
        let told = line.splitn(4, ' ').nth(3).expect("a text");
        let told = told.strip_prefix(':').expect("a text of any kind");
        // What is not all of it says so.
        let is_begun = |begun: &str| text.starts_with(begun);
        assert!(
            told == &**text || told.strip_suffix('…').is_some_and(is_begun),
            "{line:?}"
        );
    }
    let is_it = |line: &&&str| line.split(' ').nth(1) == Some(command);
    assert!(
        lines.iter().any(|line| is_it(&line)),
        "{event:?}: {lines:?}"
    );
}

fn event(choices: &mut Choices<'_>) -> Event {
    let kind = choices.byte();
    let (room, name) = (room(choices), name(choices));
    let by = choices.flag().then(|| self::name(choices));
    let (extra, stamp) = (some_text(choices), Stamp::default());
    let message = choices.one([Kind::Message, Kind::Notice]);
    match kind % 21 {
        0 => Event::Direct {
            from: by,
            text: text(choices),
            kind: message,
            extra,
            stamp,
        },
        1 => Event::Sent {
            to: name.clone().into(),
            from: name,
            text: text(choices),
            kind: message,
            extra,
            stamp,
        },
        2 | 3 => Event::Said {
            room,
            seq: 1,
            from: by,
            text: text(choices),
            kind: message,
            least: role(choices),
            extra,
            stamp,
        },
        4 => Event::Signal {
            room: choices.flag().then_some(room),
            to: choices.flag().then(|| name.clone().into()),
            from: name,
            extra: text(choices),
            stamp,
        },
        5 => Event::Joined { room, name },
        6 => Event::Left {
            room,
            name,
            reason: some_text(choices),
        },
        7 => Event::Kicked {
            room,
            name,
            by,
            banned: choices.flag(),
            reason: some_text(choices),
        },
        8 => Event::Topic {
            room,
            by,
            text: text(choices),
        },
        9 => Event::Role {
            room,
            name,
            by,
            was: role(choices),
            role: role(choices),
        },
        10 => Event::Set {
            room,
            by,
            setting: match choices.byte() % 8 {
                0 => RoomSetting::InviteOnly(choices.flag()),
                1 => RoomSetting::Moderated(choices.flag()),
                2 => RoomSetting::MembersOnly(choices.flag()),
                3 => RoomSetting::TopicLocked(choices.flag()),
                4 => RoomSetting::Secret(choices.flag()),
                5 => RoomSetting::Limit(choices.flag().then_some(7)),
                _ => RoomSetting::Key(some_text(choices)),
            },
        },
        11 => Event::Mask {
            room,
            by,
            list: list(choices),
            mask: text(choices)
                .parse()
                .unwrap_or_else(|_| "*".parse().expect("a mask")),
            on: choices.flag(),
        },
        12 => Event::Invited { room, name, by },
        13 => Event::Invitation { room, name, by },
        14 => Event::Renamed {
            old: name,
            new: self::name(choices),
        },
        15 => Event::Quit {
            name,
            reason: choices.one([
                QuitReason::Closed,
                QuitReason::TimedOut,
                QuitReason::Slow,
                QuitReason::Kicked,
            ]),
            text: some_text(choices),
        },
        16 => Event::Away {
            name,
            text: some_text(choices),
        },
        17 => Event::Online { name },
        18 => Event::Offline { name: name.into() },
        19 => Event::Announced {
            from: name,
            text: text(choices),
        },
        _ => match choices.byte() % 4 {
            0 => Event::Bye,
            1 => Event::Missed {
                count: u64::from(choices.byte()) << (choices.byte() % 57),
            },
            2 => Event::Described {
                old: name,
                new: self::name(choices),
            },
            _ => Event::Error {
                code: code(choices),
                explanation: (*text(choices)).into(),
            },
        },
    }
}

fn answer(choices: &mut Choices<'_>) -> Answer<'static> {
    let kind = choices.byte();
    let (room, name) = (room(choices), name(choices));
    let verb = choices.one([
        Verb::Register,
        Verb::Say,
        Verb::Chat,
        Verb::Join,
        Verb::Away,
        Verb::Invite,
        Verb::LogIn,
        Verb::Describe,
        Verb::Other,
        Verb::Unknown,
    ]);
    let count = usize::from(choices.byte() % 12);
    let (first, last) = (choices.flag(), choices.flag());
    match kind % 16 {
        0 => Answer::Welcome {
            name,
            rooms: vec![room; count],
            connection: 1,
            limits: Limits::default(),
        },
        1 => Answer::Granted {
            verb,
            event: choices.flag().then(|| event(choices)),
        },
        2 => Answer::Users {
            users: (0..count).map(|_| self::name(choices)).collect(),
            first,
            last,
        },
        3 => Answer::Members {
            room,
            secret: choices.flag(),
            members: (0..count)
                .map(|_| (self::name(choices), role(choices)))
                .collect(),
            first,
            last,
        },
        4 => Answer::Rooms {
            rooms: (0..count)
                .map(|_| RoomInfo {
                    topic: Topic::from(&*text(choices)),
                    ..RoomInfo::from(self::room(choices))
                })
                .collect(),
            first,
            last,
        },
        5 => Answer::Topic {
            room,
            topic: Topic::from(&*text(choices)),
        },
        6 => Answer::Settings {
            room,
            settings: RoomSettings::default(),
            created: SystemTime::UNIX_EPOCH,
        },
        7 => Answer::Masks {
            room,
            list: list(choices),
            masks: (0..count)
                .filter_map(|_| {
                    Some(MaskEntry {
                        mask: text(choices).parse().ok()?,
                        by: choices.flag().then(|| UserName::from(self::name(choices))),
                        at: SystemTime::UNIX_EPOCH,
                    })
                })
                .collect(),
        },
        8 => Answer::Sent {
            to: name,
            event: event(choices),
        },
        9 => Answer::Whois(Box::new(Whois {
            name,
            connected: Duration::ZERO,
            idle: Duration::from_secs(u64::from(choices.byte()) << (choices.byte() % 57)),
            since: SystemTime::UNIX_EPOCH,
            rooms: (0..count)
                .map(|_| (self::room(choices), role(choices)))
                .collect(),
            away: some_text(choices),
        })),
        10 => Answer::Whowas {
            name: choices.one(["ada", "", ":a b", "é"]),
            past: (0..count)
                .map(|_| Past {
                    person: self::name(choices),
                    until: SystemTime::UNIX_EPOCH,
                })
                .collect(),
        },
        11 => Answer::Found {
            name: "ada",
            person: choices.flag().then_some(name),
        },
        12 => Answer::Watched {
            person: choices.flag().then(|| name.clone()),
            name: name.into(),
        },
        13 => Answer::AllWatched(
            (0..count)
                .map(|_| {
                    let name = self::name(choices);
                    let person = choices.flag().then(|| name.clone());
                    (name.into(), person)
                })
                .collect(),
        ),
        14 => Answer::Refused {
            asked: asked(verb, choices),
            rule: choices.one([
                HubError::NameTaken,
                HubError::NotRegistered,
                HubError::RoomFull(7),
                HubError::NoSuchUser,
                HubError::NoSuchRoom,
                HubError::NotThere,
                HubError::Banned,
                HubError::NeedsRole(Role::Owner),
                HubError::TooManyWatched(7),
                HubError::TooManyNames(7),
                HubError::TextTooLong(7),
                HubError::TooManyDevices(7),
            ]),
        },
        _ => Answer::Error {
            verb,
            code: code(choices),
            explanation: text(choices).to_string().into(),
        },
    }
}

/// What is refused, as whoever asked for it has written it.
fn asked(verb: Verb, choices: &mut Choices<'_>) -> Asked<'static> {
    const WRITTEN: [Option<&str>; 5] = [None, Some("#a"), Some(""), Some(":a b"), Some("ünïcode")];
    let mut asked = Asked::of(verb);
    asked.room = choices.one(WRITTEN);
    asked.name = choices.one(WRITTEN);
    asked
}

fn code(choices: &mut Choices<'_>) -> ErrorCode {
    choices.one([
        ErrorCode::Denied,
        ErrorCode::RateLimited,
        ErrorCode::TooLong,
        ErrorCode::TimedOut,
        ErrorCode::Unavailable,
        ErrorCode::Full,
    ])
}

fn role(choices: &mut Choices<'_>) -> Role {
    choices.one([Role::Member, Role::Voiced, Role::Moderator, Role::Owner])
}

fn list(choices: &mut Choices<'_>) -> MaskList {
    choices.one([
        MaskList::Bans,
        MaskList::BanExceptions,
        MaskList::InviteExceptions,
    ])
}

fn some_text(choices: &mut Choices<'_>) -> Option<Arc<str>> {
    choices.flag().then(|| text(choices))
}

/// A text as the hub takes it, of one line, which may be long.
fn text(choices: &mut Choices<'_>) -> Arc<str> {
    let length = usize::from(choices.byte());
    let times = usize::from(choices.byte() % 24).max(1);
    let text = String::from_utf8_lossy(choices.bytes(length));
    let text = text.replace(['\r', '\n', '\0'], " ");
    text.repeat(times).into()
}

/// What of the next bytes can be a name, or some name, which may be as long as names are.
fn name(choices: &mut Choices<'_>) -> Person {
    let length = usize::from(choices.byte() % 48);
    let text = String::from_utf8_lossy(choices.bytes(length));
    let other = choices.one(["ada", "𐐀𐐁𐐂𐐃𐐀𐐁𐐂𐐃𐐀𐐁𐐂𐐃𐐀𐐁𐐂𐐃𐐀𐐁𐐂𐐃𐐀𐐁𐐂𐐃𐐀𐐁𐐂𐐃𐐀𐐁𐐂𐐃"]);
    text.parse()
        .unwrap_or_else(|_| other.parse().expect("a name"))
}

fn room(choices: &mut Choices<'_>) -> RoomName {
    let length = usize::from(choices.byte() % 80);
    let text = format!("#{}", String::from_utf8_lossy(choices.bytes(length)));
    let other = match choices.flag() {
        true => "#a".to_owned(),
        false => format!("#{}", "𐐀".repeat(63)),
    };
    text.parse()
        .unwrap_or_else(|_| other.parse().expect("a name"))
}

/// Bytes that decide something, one after the other; zeros when there are no more.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or_default()
    }

    fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    fn one<T: Clone, const N: usize>(&mut self, of: [T; N]) -> T {
        of[usize::from(self.byte()) % N].clone()
    }

    /// At most so many.
    fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}
