use std::time::{Duration, SystemTime};

use proptest::{prelude::*, test_runner::TestCaseError};

use super::*;
use crate::{
    config::Limits,
    error::HubError,
    model::{Asked, Kind, Person, QuitReason, Role, RoomName, RoomSetting, Stamp, Topic, Whois},
};

fn decode(line: &[u8]) -> Result<Option<Command<'_>>, ErrorCode> {
    let mut wire = Line;
    wire.decode(wire.payload(line), &mut Reading::default())
        .map_err(|error| error.code)
}

fn encode(event: Event) -> String {
    let mut out = Vec::new();
    Line::encode(&event, Form::default(), &mut out);
    String::from_utf8(out).unwrap()
}

fn answer(answer: Answer<'_>) -> String {
    let mut out = Vec::new();
    Line.answer(&answer, &mut out);
    String::from_utf8(out).unwrap()
}

fn name(name: &str) -> Person {
    name.parse().unwrap()
}

fn room(room: &str) -> RoomName {
    room.parse().unwrap()
}

fn chat<'a>(to: &'a str, text: &'a str) -> Result<Option<Command<'a>>, ErrorCode> {
    let style = Style::default();
    Ok(Some(Command::Chat { to, text, style }))
}

fn register<'a>(name: &'a str, secret: Option<&'a str>) -> Result<Option<Command<'a>>, ErrorCode> {
    let secret = secret.map(Secret);
    Ok(Some(Command::Register { name, secret }))
}

#[test]
fn every_command() {
    assert_eq!(decode(b"register,ada\n"), register("ada", None));
    assert_eq!(decode(b"register,ada,x\r\n"), register("ada", Some("x")));
    assert_eq!(decode(b"register,a,b,c\n"), register("a", Some("b,c")));
    assert_eq!(decode(b"register,a,\n"), register("a", Some("")));
    assert_eq!(decode(b"list,friends\n"), Ok(Some(Command::ListUsers)));
    assert_eq!(decode(b"chat,ada\n"), chat("ada", "hi"));
    assert_eq!(decode(b"chat,ada,\n"), chat("ada", ""));
    assert_eq!(decode(b"chat,ada,a,b, c\n"), chat("ada", "a,b, c"));
    assert_eq!(decode("chat,łu,zażółć\n".as_bytes()), chat("łu", "zażółć"));
    assert_eq!(decode(b"ping\r\n"), Ok(Some(Command::Ping)));
    assert_eq!(decode(b"quit\n"), Ok(Some(Command::Quit { reason: None })));
    assert_eq!(decode(b"\n"), Ok(None));
    assert_eq!(decode(b"\r\n"), Ok(None));
}

#[test]
fn every_command_about_rooms_and_people() {
    let (room, name) = ("#r", "ada");
    let kick = |reason| Command::Kick { room, name, reason };
    let topic = |text| Command::Topic {
        room: room.into(),
        text,
    };
    let role = |role| Command::Role {
        room,
        name,
        change: RoleChange::To(role),
    };
    let list = |room: &'static str| Command::ListMembers { room: room.into() };
    let join = |room: &'static str, key| Command::Join {
        room: room.into(),
        key,
    };
    let say = |text| Command::Say {
        room,
        text,
        least: Role::Member,
        style: Style::default(),
    };
    let invite_only = |on| Command::Set {
        room,
        setting: RoomSetting::InviteOnly(on),
    };
    for (line, command) in [
        ("list,rooms", Command::ListRooms),
        ("list,#r", list(room)),
        ("list,#", list("#")),
        ("join,#r", join("#r", None)),
        ("join,r", join("r", None)),
        ("join,", join("", None)),
        ("join,#r,key", join("#r", Some("key"))),
        ("leave,#r", Command::Leave { room, reason: None }),
        ("say,#r,hi", say("hi")),
        ("say,#r,", say("")),
        ("say,#r,a, b,", say("a, b,")),
        ("topic,#r", topic(None)),
        ("topic,#r,", topic(Some(""))),
        ("topic,#r,a, b", topic(Some("a, b"))),
        ("kick,#r,ada", kick(None)),
        ("kick,#r,ada,", kick(Some(""))),
        ("kick,#r,ada,no, no", kick(Some("no, no"))),
        ("ban,#r,ada", Command::Ban { room, name }),
        ("unban,#r,ada", Command::Unban { room, name }),
        ("role,#r,ada,member", role(Role::Member)),
        ("role,#r,ada,voiced", role(Role::Voiced)),
        ("role,#r,ada,moderator", role(Role::Moderator)),
        ("role,#r,ada,owner", role(Role::Owner)),
        ("invite,#r,ada", Command::Invite { room, name }),
        ("invite-only,#r,on", invite_only(true)),
        ("invite-only,#r,off", invite_only(false)),
        ("whois,ada", Command::Whois { name }),
        ("away", Command::Away { text: None }),
        ("away,", Command::Away { text: Some("") }),
        (
            "away,tea, then",
            Command::Away {
                text: Some("tea, then"),
            },
        ),
    ] {
        assert_eq!(Line.verb(line.as_bytes()), command.verb());
        let command = Ok(Some(command));
        assert_eq!(decode(format!("{line}\n").as_bytes()), command);
        assert_eq!(decode(format!("{line}\r\n").as_bytes()), command);
    }
}

#[test]
fn every_mistake() {
    use ErrorCode::*;
    for (line, code) in [
        (&b"chat,ada,a\0b\n"[..], BadArguments),
        (b"chat,ada,a\rbob says b\n", BadArguments),
        (b"chat,ada,\r\r\n", BadArguments),
        (b"say,#r,a\r#r bob says b\n", BadArguments),
        (b"chat,ada,\xff\n", BadUtf8),
        (b"say,#r,\xff\n", BadUtf8),
        (b"\xc3\n", BadUtf8),
        (b"Register,ada\n", UnknownCommand),
        (b" list,friends\n", UnknownCommand),
        (b"shout,#lobby,hello\n", UnknownCommand),
        (b"says,#lobby,hello\n", UnknownCommand),
        (b"joins\n", UnknownCommand),
        (b",\n", UnknownCommand),
    ] {
        assert_eq!(decode(line).unwrap_err(), code, "{line:?}");
    }
    // No field at all is an empty name, which the session refuses as a name.
    assert_eq!(decode(b"register\n"), register("", None));
}

#[test]
fn wrong_fields_are_told_with_the_right_form() {
    for (verb, lines) in [
        (Verb::Chat, &["chat"][..]),
        (
            Verb::List,
            &[
                "list",
                "list,",
                "list,enemies",
                "list,friends,",
                "list,#a,b",
            ],
        ),
        (Verb::Join, &["join"]),
        (Verb::Leave, &["leave", "leave,#a,bye"]),
        (Verb::Say, &["say", "say,", "say,#r"]),
        (Verb::Topic, &["topic"]),
        (Verb::Kick, &["kick", "kick,#r"]),
        (Verb::Ban, &["ban", "ban,#r", "ban,#r,a,b"]),
        (Verb::Unban, &["unban", "unban,#r", "unban,#r,a,b"]),
        (
            Verb::Role,
            &[
                "role",
                "role,#r",
                "role,#r,a",
                "role,#r,a,king",
                "role,#r,a,owner,",
            ],
        ),
        (Verb::Invite, &["invite", "invite,#r", "invite,#r,a,b"]),
        (
            Verb::InviteOnly,
            &[
                "invite-only",
                "invite-only,#r",
                "invite-only,#r,yes",
                "invite-only,#r,on,",
            ],
        ),
        (Verb::Whois, &["whois", "whois,a,b"]),
        (Verb::Ping, &["ping,"]),
        (Verb::Quit, &["quit,now"]),
    ] {
        for line in lines {
            let error = Line
                .decode(line.as_bytes(), &mut Reading::default())
                .unwrap_err();
            assert_eq!((error.verb, error.code), (verb, ErrorCode::BadArguments));
            let word = line.split(',').next().unwrap();
            assert!(error.explanation.contains(word), "{}", error.explanation);
            assert_eq!(Line.verb(format!("{line}\n").as_bytes()), verb);
        }
    }
    let kick = Line
        .decode(b"kick,#r", &mut Reading::default())
        .unwrap_err();
    let form = "it is kick,#ROOM,NAME or kick,#ROOM,NAME,REASON";
    assert_eq!(kick.explanation, form);
}

#[test]
fn help_is_one_short_line() {
    let error = Line.decode(b"help", &mut Reading::default()).unwrap_err();
    assert!(error.explanation.len() < 100, "{}", error.explanation);
    assert_eq!(error.verb, Verb::Unknown);
}

#[test]
fn every_reply() {
    let joined = Event::Joined {
        room: room("#r"),
        name: name("ada"),
    };
    for event in [None, Some(joined)] {
        let verb = Verb::Join;
        assert_eq!(answer(Answer::Granted { verb, event }), "ack\n");
    }
    let welcome = Answer::Welcome {
        name: name("ada"),
        rooms: vec![room("#r")],
        connection: 1,
        limits: Limits::default(),
    };
    assert_eq!(answer(welcome), "ack\n");
    assert_eq!(answer(Answer::Pong), "pong\n");
    let users = |users: &[&str], first, last| Answer::Users {
        users: users.iter().copied().map(name).collect(),
        first,
        last,
    };
    assert_eq!(answer(users(&[], true, true)), "\n");
    assert_eq!(answer(users(&["b", "a"], true, true)), "b,a\n");
    assert_eq!(answer(users(&["b", "a"], true, false)), "b,a");
    assert_eq!(answer(users(&["c"], false, true)), ",c\n");
    let members = |members: &[&str], first, last| Answer::Members {
        room: room("#r"),
        secret: false,
        members: members
            .iter()
            .map(|member| (name(member), Role::Member))
            .collect(),
        first,
        last,
    };
    assert_eq!(answer(members(&["b", "a"], true, false)), "b,a");
    assert_eq!(answer(members(&["c"], false, true)), ",c\n");
    let rooms = |rooms: &[&str], first, last| Answer::Rooms {
        rooms: rooms.iter().map(|name| room(name).into()).collect(),
        first,
        last,
    };
    assert_eq!(answer(rooms(&[], true, true)), "\n");
    assert_eq!(answer(rooms(&["#b", "#a"], true, false)), "#b,#a");
    assert_eq!(answer(rooms(&["#c"], false, true)), ",#c\n");
    assert_eq!(answer(rooms(&[], false, true)), "\n");
    let topic = |text: &str| Answer::Topic {
        room: room("#r"),
        topic: text.into(),
    };
    assert_eq!(answer(topic("a, b")), "topic,#r,a, b\n");
    assert_eq!(answer(topic("")), "topic,#r,\n");
    let whois = |rooms: &[&str], away: Option<&str>| {
        Answer::Whois(Box::new(Whois {
            name: name("ada"),
            connected: Duration::from_millis(61_999),
            idle: Duration::from_millis(999),
            since: SystemTime::UNIX_EPOCH,
            rooms: rooms
                .iter()
                .map(|name| (room(name), Role::Member))
                .collect(),
            away: away.map(Into::into),
        }))
    };
    assert_eq!(
        answer(whois(&[], None)),
        "whois,ada,connected=61,idle=0,rooms=\n"
    );
    assert_eq!(
        answer(whois(&["#a", "#b"], Some("tea, then"))),
        "whois,ada,connected=61,idle=0,rooms=#a #b,away=tea, then\n"
    );
}

#[test]
fn every_event() {
    let ada = || Some(name("ada"));
    let r = || room("#r");
    let kicked = |by, banned, reason: Option<&str>| Event::Kicked {
        room: r(),
        name: name("bob"),
        by,
        banned,
        reason: reason.map(Into::into),
    };
    let topic = |by, text: &str| Event::Topic {
        room: r(),
        by,
        text: text.into(),
    };
    let said = |from| Event::said(r(), 7, from, "a, b");
    let told = Event::Said {
        room: r(),
        seq: 0,
        from: ada(),
        text: "psst".into(),
        kind: Kind::Message,
        least: Role::Moderator,
        extra: None,
        stamp: Stamp::default(),
    };
    let direct = |from| Event::direct(from, "hi");
    let sent = Event::Sent {
        to: name("bob").into(),
        from: name("ada"),
        text: "hi".into(),
        kind: Kind::Message,
        extra: None,
        stamp: Stamp::default(),
    };
    let announced = Event::Announced {
        from: name("ada"),
        text: "tea".into(),
    };
    let joined = Event::Joined {
        room: r(),
        name: name("bob"),
    };
    let left = Event::Left {
        room: r(),
        name: name("bob"),
        reason: Some("late".into()),
    };
    let role = |by| Event::Role {
        room: r(),
        name: name("bob"),
        role: Role::Moderator,
        was: Role::Member,
        by,
    };
    let invite_only = |on| Event::Set {
        room: r(),
        setting: RoomSetting::InviteOnly(on),
        by: ada(),
    };
    let invited = |by| Event::Invited {
        room: r(),
        name: name("bob"),
        by,
    };
    let renamed = Event::Renamed {
        old: name("bob"),
        new: name("rob"),
    };
    let quit = Event::Quit {
        name: name("bob"),
        reason: QuitReason::TimedOut,
        text: Some("bye".into()),
    };
    let away = |text: Option<&str>| Event::Away {
        name: name("bob"),
        text: text.map(Into::into),
    };
    for (event, line) in [
        (told, "#r ada tells moderator psst"),
        (announced, "* ada announces tea"),
        (direct(ada()), "ada says hi"),
        (direct(None), "* says hi"),
        (sent, "* to bob says hi"),
        (said(ada()), "#r ada says a, b"),
        (said(None), "#r * says a, b"),
        (joined, "#r bob joined"),
        (left, "#r bob left"),
        (kicked(ada(), false, None), "#r ada kicked bob"),
        (
            kicked(None, false, Some("no, no")),
            "#r * kicked bob no, no",
        ),
        (kicked(ada(), true, None), "#r ada banned bob"),
        (kicked(None, true, Some("")), "#r * banned bob "),
        (topic(ada(), "tea"), "#r ada topic tea"),
        (topic(None, ""), "#r * topic "),
        (role(ada()), "#r ada role bob moderator"),
        (role(None), "#r * role bob moderator"),
        (invite_only(true), "#r ada invite-only on"),
        (invite_only(false), "#r ada invite-only off"),
        (invited(ada()), "#r ada invited bob"),
        (invited(None), "#r * invited bob"),
        (renamed, "bob is now rob"),
        (quit, "bob quit timed-out"),
        (away(Some("tea")), "bob is away tea"),
        (away(Some("")), "bob is away "),
        (away(None), "bob is back"),
        (Event::Missed { count: 12 }, "missed,12,not read in time"),
        (Event::Bye, "bye"),
    ] {
        assert_eq!(encode(event), format!("{line}\n"));
    }
}

#[test]
fn errors() {
    let error = |verb, code, explanation: &str| {
        let explanation = explanation.into();
        answer(Answer::Error {
            verb,
            code,
            explanation,
        })
    };
    use ErrorCode::*;
    let last = |code, explanation: &str| encode(Event::error(code, explanation));
    assert_eq!(last(Full, "no more room"), "error,full,no more room\n");
    assert_eq!(
        last(RateLimited, "too fast"),
        "error,rate-limited,too fast\n"
    );
    assert_eq!(
        error(Verb::Say, NotAMember, "join it first"),
        "error,not-a-member,join it first\n"
    );
    // Whatever the program gives as a reason, an error has a space.
    assert_eq!(
        error(Verb::Join, Denied, "no"),
        "error,denied,refused: no\n"
    );
    assert_eq!(
        error(Verb::InviteOnly, RateLimited, "wait 2 s"),
        "error,rate-limited,invite-only: wait 2 s\n"
    );
    assert_eq!(
        error(Verb::Unknown, RateLimited, "wait 2 s"),
        "error,rate-limited,wait 2 s\n"
    );
    let asked = Asked {
        verb: Verb::Kick,
        room: Some("#r"),
        name: Some("bob"),
    };
    let rule = HubError::NeedsRole(Role::Moderator);
    assert_eq!(
        answer(Answer::Refused { asked, rule }),
        "error,needs-role,only moderators and owners may do that
"
    );
}

/// Any text that a decoded line, or the program, may have brought.
fn a_text() -> impl Strategy<Value = String> {
    prop_oneof!["[^\r\n\0]{0,40}", "[a-z ,#*]{0,40}"]
}

fn a_name() -> impl Strategy<Value = Person> {
    "[a-zA-Zł0-9][a-z0-9_.-]{0,31}".prop_map(|text| text.parse().unwrap())
}

fn a_room() -> impl Strategy<Value = RoomName> {
    "#[a-zA-Zł0-9][a-z0-9_.-]{0,62}".prop_map(|text| text.parse().unwrap())
}

pub(crate) fn an_event() -> impl Strategy<Value = Event> {
    let words = (a_text(), proptest::option::of(a_text()), 0u64..100, 0..15);
    let by = proptest::option::of(a_name());
    (a_room(), a_name(), by, words).prop_map(|(room, name, by, (text, why, n, kind))| {
        let (text, why) = (text.into(), why.map(Into::into));
        let on = n % 2 == 0;
        match kind {
            0 => Event::Direct {
                from: by,
                text,
                kind: Kind::Message,
                extra: why,
                stamp: Stamp::default(),
            },
            1 => Event::Sent {
                to: name.clone().into(),
                from: name,
                text,
                kind: Kind::Notice,
                extra: why,
                stamp: Stamp::default(),
            },
            2 => Event::Said {
                room,
                seq: n,
                from: by,
                text,
                kind: Kind::Message,
                least: if on { Role::Member } else { Role::Moderator },
                extra: why,
                stamp: Stamp::default(),
            },
            3 => Event::Joined { room, name },
            4 => Event::Left {
                room,
                name,
                reason: why,
            },
            5 => Event::Kicked {
                room,
                name,
                by,
                banned: on,
                reason: why,
            },
            6 => Event::Topic { room, by, text },
            7 => Event::Role {
                room,
                name,
                role: Role::Owner,
                was: Role::Member,
                by,
            },
            8 => Event::Set {
                room,
                setting: RoomSetting::InviteOnly(on),
                by,
            },
            9 => Event::Invited { room, name, by },
            10 => Event::Renamed {
                old: name.clone(),
                new: by.unwrap_or(name),
            },
            11 => Event::Quit {
                name,
                reason: QuitReason::Slow,
                text: why,
            },
            12 => Event::Away { name, text: why },
            13 => Event::Missed { count: n },
            _ => Event::error(ErrorCode::Denied, &*text),
        }
    })
}

pub(crate) fn an_answer() -> impl Strategy<Value = Answer<'static>> {
    let words = (a_text(), proptest::option::of(a_text()), 0u64..100, 0..6);
    (a_room(), a_name(), words).prop_map(|(room, name, (text, why, n, kind))| {
        let (first, last) = (n % 2 == 0, true);
        match kind {
            0 => Answer::Error {
                verb: Verb::Unknown,
                code: ErrorCode::Denied,
                explanation: text.into(),
            },
            1 => Answer::Users {
                users: vec![name],
                first,
                last,
            },
            2 => Answer::Members {
                room,
                secret: first,
                members: vec![(name, Role::Member)],
                first,
                last,
            },
            3 => Answer::Rooms {
                rooms: vec![room.into()],
                first,
                last,
            },
            4 => Answer::Topic {
                room,
                topic: Topic::from(&*text),
            },
            _ => Answer::Whois(Box::new(Whois {
                name,
                connected: Duration::from_secs(n),
                idle: Duration::ZERO,
                since: SystemTime::UNIX_EPOCH,
                rooms: vec![(room, Role::Member); n as usize % 3],
                away: why.map(Into::into),
            })),
        }
    })
}

proptest! {
    #[test]
    fn any_line_is_answered_and_no_text_can_hold_a_line_end(
        verb in prop_oneof![
            Just("chat,"), Just("chat,ada,"), Just("say,#r,"), Just("kick,#r,ada,"), Just("")
        ],
        fields in proptest::collection::vec(prop_oneof![any::<u8>(), b'a'..b'f', Just(b',')], 0..60)
    ) {
        let line = [verb.as_bytes(), &fields].concat();
        prop_assume!(!line.contains(&b'\n'));
        match decode(&line) {
            Ok(Some(Command::Chat { to: name, text, .. })) | Ok(Some(Command::Say { room: name, text, .. }))
            | Ok(Some(Command::Kick { name, reason: Some(text), .. })) => {
                prop_assert!(!name.contains(['\r', '\n', '\0', ',']));
                prop_assert!(!text.contains(['\r', '\n', '\0']));
            }
            _ => {}
        }
    }

    #[test]
    fn what_is_said_is_what_is_read(text in "[^\r\n\0]{0,100}") {
        let line = format!("chat,ada,{text}\n");
        prop_assert_eq!(decode(line.as_bytes()), chat("ada", &text));
        let line = format!("say,#r,{text}\n");
        let say = Command::Say { room: "#r", text: &text, least: Role::Member, style: Style::default() };
        prop_assert_eq!(decode(line.as_bytes()), Ok(Some(say)));
    }

    #[test]
    fn any_line_has_the_verb_that_is_told_of_it(line in "[a-z-]{0,8}(,[a-z#]{0,4}){0,4}") {
        if let Ok(Some(command)) = decode(line.as_bytes()) {
            prop_assert_eq!(Line.verb(line.as_bytes()), command.verb());
        }
    }

    /// And by its first word, an event is told from a list.
    #[test]
    fn an_event_is_one_line(event in an_event()) {
        // These have commas in their first word, and are told by the space behind it.
        let is_error = matches!(event, Event::Error { .. } | Event::Missed { .. });
        let line = encode(event);
        is_one_line(&line, !is_error, is_error)?;
    }

    #[test]
    fn an_answer_is_one_line(given in an_answer()) {
        let is_error = given.error().is_some();
        let line = answer(given);
        is_one_line(&line, false, is_error)?;
    }
}

fn is_one_line(line: &str, is_event: bool, is_error: bool) -> Result<(), TestCaseError> {
    prop_assert_eq!(line.matches(['\n', '\r', '\0']).count(), 1);
    prop_assert!(line.ends_with('\n'));
    let seems = line
        .split_once(' ')
        .is_some_and(|(word, _)| !word.contains(','));
    prop_assert_eq!(seems, is_event, "{}", line);
    prop_assert!(!is_error || line.contains(' '), "{}", line);
    Ok(())
}
