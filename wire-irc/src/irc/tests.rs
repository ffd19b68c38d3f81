use chinwag_core::{ErrorCode, Kind, Limits, Role, RoomName, Stamp, Style};

use super::*;

/// A connection whose user is `ada`, and that has asked for that.
fn client(caps: Caps) -> Irc {
    let mut irc = Irc::builder()
        .server_name("irc.example.org")
        .build()
        .unwrap();
    let welcome = Answer::Welcome {
        name: person("ada"),
        rooms: Vec::new(),
        connection: 7,
        limits: Limits::default(),
    };
    irc.answer(&welcome, &mut Vec::new());
    irc.client.set_caps(caps);
    irc
}

fn person(name: &str) -> Person {
    name.parse().unwrap()
}

fn room() -> RoomName {
    "#a".parse().unwrap()
}

/// What is asked for with a line, and what it is answered at once.
fn decoded<'a>(irc: &mut Irc, line: &'a [u8]) -> (Option<Command<'a>>, String) {
    let mut reading = Reading::default();
    let command = irc.decode(line, &mut reading).unwrap();
    let answer = String::from_utf8(reading.answer().clone()).unwrap();
    (command, answer)
}

fn told(irc: &mut Irc, event: &Event) -> String {
    let mut out = Vec::new();
    irc.tell(event, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn an_idle_connection_is_small() {
    assert!(size_of::<Irc>() <= 16);
    assert!(size_of::<Client>() <= 160, "{}", size_of::<Client>());
}

#[test]
fn a_clone_is_another_connection() {
    let irc = client(Caps::BATCH);
    let other = irc.clone();
    assert!(irc.client.is_registered());
    assert!(!other.client.is_registered());
    assert!(!other.client.has(Caps::BATCH));
}

#[test]
fn each_connection_knows_the_hub_that_it_is_on() {
    let wire = Irc::default();
    let told = |irc: &mut Irc, bans| {
        let limits = Limits::builder().max_bans(bans).build().unwrap();
        let welcome = Answer::Welcome {
            name: person("ada"),
            rooms: Vec::new(),
            connection: 1,
            limits,
        };
        irc.answer(&welcome, &mut Vec::new());
        decoded(irc, b"VERSION").1
    };
    let (mut one, mut other) = (wire.clone(), wire.clone());
    assert!(told(&mut one, 3).contains("MAXLIST=b:3,e:3,I:3 "));
    assert!(told(&mut other, 4).contains("MAXLIST=b:4,e:4,I:4 "));
}

#[test]
fn messages_are_read_with_and_without_the_short_way() {
    let mut irc = client(Caps::NONE);
    let say = |text| Command::Say {
        room: "#a",
        text,
        least: Role::Member,
        style: Style::default(),
    };
    for (line, text) in [
        ("PRIVMSG #a :b c", "b c"),
        ("privmsg #a :b c", "b c"),
        ("PRIVMSG #a b", "b"),
        (":me PRIVMSG   #a :b", "b"),
    ] {
        let (command, answer) = decoded(&mut irc, line.as_bytes());
        assert_eq!((command, &*answer), (Some(say(text)), ""));
    }
    let (command, _) = decoded(&mut irc, b"NOTICE bob :b");
    let style = Style {
        kind: Kind::Notice,
        extra: None,
    };
    let to = "bob";
    let text = "b";
    assert_eq!(command, Some(Command::Chat { to, text, style }));
}

#[test]
fn what_would_not_fit_with_its_source_is_not_sent() {
    let mut irc = client(Caps::NONE);
    let room = 512 - ":ada!u@localhost PRIVMSG #a :\r\n".len();
    let line = format!("PRIVMSG #a :{}", "x".repeat(room));
    assert!(decoded(&mut irc, line.as_bytes()).0.is_some());
    let line = format!("PRIVMSG #a :{}", "x".repeat(room + 1));
    let (command, answer) = decoded(&mut irc, line.as_bytes());
    assert_eq!(command, None);
    assert_eq!(
        answer,
        ":irc.example.org 417 ada :Input line was too long\r\n"
    );
    // As any other error, that is not told of a notice.
    let line = format!("NOTICE #a :{}", "x".repeat(room + 2));
    assert_eq!(decoded(&mut irc, line.as_bytes()), (None, String::new()));
}

#[test]
fn lines_that_are_no_messages_are_refused_or_ignored() {
    let mut irc = client(Caps::NONE);
    for (line, right) in [
        (&b""[..], ""),
        (b"   ", ""),
        (b"PRIVMSG #a :\xff", "FAIL PRIVMSG INVALID_UTF8"),
        (b"@a=b :c privmsg #a :\xff", "FAIL PRIVMSG INVALID_UTF8"),
        (b"\xff", "FAIL * INVALID_UTF8"),
        (b"PRIVMSG #a :a\0b", "421 ada *"),
        (b"PRIVMSG #a :a\rb", "421 ada *"),
        (b"@a", "421 ada *"),
        (b"a-b", "421 ada *"),
        (&[b'x'; 511], "417 ada"),
    ] {
        let (command, answer) = decoded(&mut irc, line);
        assert_eq!(command, None);
        match right {
            "" => assert_eq!(answer, ""),
            right => assert!(answer.contains(right), "{answer}"),
        }
    }
    let tags = format!("@{} PING x", "a".repeat(4095));
    assert!(decoded(&mut irc, tags.as_bytes()).1.contains("417 ada"));
    let too_long = Answer::Error {
        verb: chinwag_core::Verb::Unknown,
        code: ErrorCode::TooLong,
        explanation: "too long".into(),
    };
    let mut out = Vec::new();
    irc.answer(&too_long, &mut out);
    assert!(out.starts_with(b":irc.example.org 417 ada"));
}

#[test]
fn what_is_not_utf8_is_refused_with_its_label() {
    let mut irc = client(Caps::LABELED_RESPONSE.with(Caps::BATCH));
    let (_, answer) = decoded(&mut irc, b"@label=x;a PRIVMSG #a :\xff");
    assert!(answer.starts_with("@label=x :irc.example.org FAIL PRIVMSG"));
    let (_, answer) = decoded(&mut irc, b"@label=\xff PRIVMSG #a :x");
    assert!(answer.starts_with(":irc.example.org FAIL PRIVMSG"));
}

fn said(from: Option<&str>, extra: Option<&str>) -> Event {
    Event::Said {
        room: room(),
        seq: 1,
        from: from.map(person),
        text: "hi".into(),
        kind: Kind::Message,
        least: Role::Member,
        extra: extra.map(Into::into),
        stamp: Stamp::default(),
    }
}

#[test]
fn many_are_told_the_same_bytes() {
    let event = said(Some("bob"), None);
    let plain = Hearing::Shared(Form(0));
    // A stamp that was not given by a hub is of the connection 0.
    for caps in [
        Caps::NONE,
        Caps::BATCH,
        Caps::ECHO_MESSAGE,
        Caps::AWAY_NOTIFY.with(Caps::SETNAME),
        // Bob has no account.
        Caps::ACCOUNT_TAG,
    ] {
        assert_eq!(client(caps).hear(&event), plain, "{caps:?}");
    }
    let with_time = client(Caps::SERVER_TIME).hear(&event);
    assert_ne!(with_time, plain);
    assert_eq!(client(Caps::SERVER_TIME).hear(&event), with_time);
    // Nobody but this connection knows what the server is called here.
    let mut irc = client(Caps::NONE);
    let event = said(None, None);
    assert_eq!(irc.hear(&event), Hearing::Alone);
    assert_eq!(
        told(&mut irc, &event),
        ":irc.example.org PRIVMSG #a :hi\r\n"
    );
}

#[test]
fn an_echo_is_heard_if_it_is_wanted() {
    let event = said(Some("ada"), Some("label=x"));
    let hears = |caps| {
        let mut irc = client(caps);
        irc.client.connection = 0;
        irc.hear(&event)
    };
    assert_eq!(hears(Caps::NONE), Hearing::Nothing);
    assert_eq!(hears(Caps::ECHO_MESSAGE), Hearing::Shared(Form(0)));
    let labels = Caps::LABELED_RESPONSE.with(Caps::BATCH);
    assert_eq!(hears(labels), Hearing::Nothing);
    assert_eq!(hears(labels.with(Caps::ECHO_MESSAGE)), Hearing::Alone);
    let mut irc = client(labels.with(Caps::ECHO_MESSAGE));
    irc.client.connection = 0;
    assert_eq!(
        told(&mut irc, &event),
        "@label=x :ada!u@localhost PRIVMSG #a :hi\r\n"
    );
    // To another connection of the same user it is a message like any other.
    assert_eq!(client(Caps::NONE).hear(&event), Hearing::Shared(Form(0)));
}

#[test]
fn some_hear_only_what_they_asked_for() {
    let away = Event::Away {
        name: person("bob"),
        text: Some("x".into()),
    };
    let invitation = Event::Invitation {
        room: room(),
        name: person("bob"),
        by: Some(person("cleo")),
    };
    let announced = Event::Announced {
        from: person("bob"),
        text: "x".into(),
    };
    let signal = Event::Signal {
        room: Some(room()),
        to: None,
        from: person("bob"),
        extra: "+x".into(),
        stamp: Stamp::default(),
    };
    for (event, caps) in [
        (&away, Caps::AWAY_NOTIFY),
        (&invitation, Caps::INVITE_NOTIFY),
        (&signal, Caps::MESSAGE_TAGS),
    ] {
        assert_eq!(client(Caps::NONE).hear(event), Hearing::Nothing);
        assert_ne!(client(caps).hear(event), Hearing::Nothing);
    }
    let mut irc = client(Caps::NONE);
    assert_eq!(irc.hear(&announced), Hearing::Nothing);
    irc.client.wants_wallops = true;
    assert_eq!(irc.hear(&announced), Hearing::Shared(Form(0)));
}

#[test]
fn whoever_is_renamed_elsewhere_knows_it() {
    let mut irc = client(Caps::NONE);
    let renamed = Event::Renamed {
        old: person("ada"),
        new: person("eve"),
    };
    assert_eq!(irc.hear(&renamed), Hearing::Shared(Form(0)));
    assert_eq!(irc.client.nick(), "eve");
}

#[test]
fn last_words() {
    let mut irc = client(Caps::NONE);
    let missed = told(&mut irc, &Event::Missed { count: 3 });
    assert!(missed.starts_with(":irc.example.org NOTICE ada :You have missed 3 messages"));
    decoded(&mut irc, b"QUIT :so\xc3\xa9");
    let bye = told(&mut irc, &Event::Bye);
    assert_eq!(bye, "ERROR :Closing link: localhost (Quit: soé)\r\n");
    let bye = told(&mut irc, &Event::Bye);
    assert_eq!(
        bye,
        "ERROR :Closing link: localhost (Server shutting down)\r\n"
    );
}
