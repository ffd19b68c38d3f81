//! Rooms, people, and what is told of them.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{
    model::{Answer, Event, Role},
    wire::{Form, Line, Wire, an_answer, an_event},
};

/// What `ask` sends, and what comes of it if the server replies `reply`.
fn asked<'a, T>(
    ask: impl AsyncFnOnce(&Client<FakeIo>) -> Result<T, ClientError> + 'a,
    reply: &str,
) -> (String, Result<T, ClientError>)
where
    T: 'a,
{
    let (far, client) = connect();
    let task = Task::waiting(async { ask(&client).await });
    let heard = far.hear();
    far.say(format!("{reply}\n"));
    let answer = task.finish();
    assert!(drain(&mut client.incoming()).is_empty());
    (heard, answer)
}

/// The same for what is only acknowledged.
fn changed(ask: impl AsyncFnOnce(&Client<FakeIo>) -> Result<(), ClientError>) -> String {
    let (heard, done) = asked(ask, "ack");
    done.unwrap();
    heard
}

#[test]
fn what_is_acknowledged() {
    type C = Client<FakeIo>;
    let kick = async |c: &C| c.kick("#r", "bob", None).await;
    let kick_for = async |c: &C| c.kick("#r", "bob", Some("no, no")).await;
    let role = async |c: &C| c.role("#r", "bob", Role::Moderator).await;
    let secret = async |c: &C| c.register_with("ada", "a, b").await;
    assert_eq!(changed(secret), "register,ada,a, b\n");
    assert_eq!(changed(async |c: &C| c.join("#r").await), "join,#r\n");
    assert_eq!(changed(async |c: &C| c.leave("#r").await), "leave,#r\n");
    let topic = async |c: &C| c.set_topic("#r", "a, b").await;
    assert_eq!(changed(topic), "topic,#r,a, b\n");
    let no_topic = async |c: &C| c.set_topic("#r", "").await;
    assert_eq!(changed(no_topic), "topic,#r,\n");
    assert_eq!(changed(kick), "kick,#r,bob\n");
    assert_eq!(changed(kick_for), "kick,#r,bob,no, no\n");
    let ban = async |c: &C| c.ban("#r", "bob").await;
    assert_eq!(changed(ban), "ban,#r,bob\n");
    let unban = async |c: &C| c.unban("#r", "bob").await;
    assert_eq!(changed(unban), "unban,#r,bob\n");
    assert_eq!(changed(role), "role,#r,bob,moderator\n");
    let invite = async |c: &C| c.invite("#r", "bob").await;
    assert_eq!(changed(invite), "invite,#r,bob\n");
    let on = async |c: &C| c.invite_only("#r", true).await;
    assert_eq!(changed(on), "invite-only,#r,on\n");
    let off = async |c: &C| c.invite_only("#r", false).await;
    assert_eq!(changed(off), "invite-only,#r,off\n");
    assert_eq!(changed(async |c: &C| c.away("tea").await), "away,tea\n");
    assert_eq!(changed(async |c: &C| c.away("").await), "away,\n");
    assert_eq!(changed(async |c: &C| c.back().await), "away\n");
}

#[test]
fn what_is_answered() {
    type C = Client<FakeIo>;
    for (reply, rooms) in [("", &[][..]), ("#a", &["#a"]), ("#a,#b", &["#a", "#b"])] {
        let (heard, answer) = asked(async |c: &C| c.rooms().await, reply);
        assert_eq!((&*heard, answer.unwrap()), ("list,rooms\n", own(rooms)));
    }
    for (reply, names) in [
        ("ada", &["ada"][..]),
        ("ack,pong", &["ack", "pong"]),
        ("bye", &["bye"]),
        ("missed,5", &["missed", "5"]),
        ("whois,topic", &["whois", "topic"]),
    ] {
        let (heard, answer) = asked(async |c: &C| c.members("#r").await, reply);
        assert_eq!((&*heard, answer.unwrap()), ("list,#r\n", own(names)));
    }
    for (reply, topic) in [
        ("topic,#r,", ""),
        ("topic,#r,tea", "tea"),
        ("topic,#r,a, b says c", "a, b says c"),
    ] {
        let (heard, answer) = asked(async |c: &C| c.topic("#r").await, reply);
        assert_eq!((&*heard, &*answer.unwrap()), ("topic,#r\n", topic));
    }
    let user = |rooms: &[&str], away: Option<&str>| UserInfo {
        name: "bob".into(),
        connected: Duration::from_secs(61),
        idle: Duration::from_secs(2),
        rooms: own(rooms),
        away: away.map(Into::into),
    };
    for (reply, user) in [
        ("rooms=", user(&[], None)),
        ("rooms=#a #b", user(&["#a", "#b"], None)),
        ("rooms=#a,away=", user(&["#a"], Some(""))),
        ("rooms=,away=tea, then=x", user(&[], Some("tea, then=x"))),
        ("rooms=,new=1 2,away=x", user(&[], Some("x"))),
    ] {
        let reply = format!("whois,bob,connected=61,idle=2,{reply}");
        let (heard, answer) = asked(async |c: &C| c.whois("bob").await, &reply);
        assert_eq!((&*heard, answer.unwrap()), ("whois,bob\n", user));
    }
}

fn own(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn a_reply_to_something_else_breaks_the_protocol() {
    fn is_left<T: fmt::Debug>(
        ask: impl AsyncFn(&Client<FakeIo>) -> Result<T, ClientError>,
        replies: &[&str],
    ) {
        for reply in replies {
            let (far, client) = connect();
            let task = Task::waiting(ask(&client));
            far.say(format!("{reply}\n"));
            let error = task.finish().unwrap_err();
            assert!(matches!(error, ClientError::Protocol(_)), "{reply}");
        }
    }
    type C = Client<FakeIo>;
    is_left(
        async |c: &C| c.join("#r").await,
        &["pong", "", "#r", "topic,#r,x"],
    );
    is_left(
        async |c: &C| c.rooms().await,
        &["ack", "ada", "#", "#a,", "#a,b"],
    );
    is_left(async |c: &C| c.members("#r").await, &["#a", "topic,#r,x"]);
    let topics = ["ack", "topic,r,x", "topic,#r", "topic,#,x", "topic"];
    is_left(async |c: &C| c.topic("#r").await, &topics);
    let whois = [
        "ack",
        "whois,bob",
        "whois,bob,",
        "whois,,connected=1",
        "whois,bob,connected=x,idle=1,rooms=",
        "whois,bob,connected=1,idle=-1,rooms=",
        "whois,bob,connected=1,idle=1,rooms=#a  #b",
        "whois,bob,connected=1,idle=1,rooms=a",
    ];
    is_left(async |c: &C| c.whois("bob").await, &whois);
}

#[test]
fn a_shutdown_is_told_whatever_is_due() {
    let (far, client) = connect();
    let rooms = Task::waiting(client.rooms());
    far.say("bye\n");
    assert!(matches!(rooms.finish(), Err(ClientError::Closed)));
    assert_eq!(drain(&mut client.incoming()), [Received::Bye]);
    let (far, client) = connect();
    let whois = Task::waiting(client.whois("bob"));
    far.say("bye\n");
    assert!(matches!(whois.finish(), Err(ClientError::Closed)));
    assert_eq!(drain(&mut client.incoming()), [Received::Bye]);
}

#[test]
fn whoever_is_called_bye_may_prove_it() {
    let (far, client) = connect();
    let register = Task::waiting(client.register_with("bye", "secret"));
    far.say("ack\n");
    register.finish().unwrap();
    let list = Task::waiting(client.list());
    far.say("bye\n");
    assert_eq!(list.finish().unwrap(), ["bye"]);
}

#[test]
fn every_event() {
    let s = |text: &str| text.to_owned();
    let (far, client) = connect();
    let mut inbox = client.incoming();
    let kicked = |by, banned, reason: Option<&str>| Received::Kicked {
        room: s("#r"),
        name: s("bob"),
        by: s(by),
        banned,
        reason: reason.map(s),
    };
    let said = |from, text| Received::Said {
        room: s("#r"),
        from: s(from),
        text: s(text),
    };
    let topic = |by, text| Received::Topic {
        room: s("#r"),
        by: s(by),
        text: s(text),
    };
    let invite_only = |on| Received::InviteOnly {
        room: s("#r"),
        on,
        by: s("ada"),
    };
    let away = |text: Option<&str>| Received::Away {
        name: s("bob"),
        text: text.map(s),
    };
    let sent = |to, text| Received::Sent {
        to: s(to),
        text: s(text),
    };
    let unknown = |line| Received::Unknown { line: s(line) };
    let (r, bob) = (s("#r"), s("bob"));
    for (line, event) in [
        ("* says hi", message("*", "hi")),
        ("missed says 5", message("missed", "5")),
        ("* to bob says hi", sent("bob", "hi")),
        ("* to bob says ", sent("bob", "")),
        ("* to bob says a says b", sent("bob", "a says b")),
        ("#r ada says a, b", said("ada", "a, b")),
        ("#r * says ", said("*", "")),
        ("#r ada says #x bob joined", said("ada", "#x bob joined")),
        (
            "#r bob joined",
            Received::Joined {
                room: r.clone(),
                name: bob.clone(),
            },
        ),
        (
            "#r bob left",
            Received::Left {
                room: r.clone(),
                name: bob.clone(),
            },
        ),
        ("#r ada kicked bob", kicked("ada", false, None)),
        ("#r * kicked bob no, no", kicked("*", false, Some("no, no"))),
        ("#r ada banned bob", kicked("ada", true, None)),
        ("#r ada banned bob ", kicked("ada", true, Some(""))),
        ("#r ada topic tea time", topic("ada", "tea time")),
        ("#r * topic ", topic("*", "")),
        (
            "#r * role bob owner",
            Received::Role {
                room: r.clone(),
                name: bob.clone(),
                role: Role::Owner,
                by: s("*"),
            },
        ),
        ("#r ada invite-only on", invite_only(true)),
        ("#r ada invite-only off", invite_only(false)),
        (
            "#r ada invited bob",
            Received::Invited {
                room: r,
                name: bob.clone(),
                by: s("ada"),
            },
        ),
        (
            "bob is now rob",
            Received::Renamed {
                old: bob.clone(),
                new: s("rob"),
            },
        ),
        (
            "bob quit timed-out",
            Received::Quit {
                name: bob,
                reason: s("timed-out"),
            },
        ),
        ("bob is away tea, then", away(Some("tea, then"))),
        ("bob is away ", away(Some(""))),
        ("bob is back", away(None)),
        ("missed,12,not read in time", Received::Missed { count: 12 }),
        // A server that is newer.
        ("#r bob sings la", unknown("#r bob sings la")),
        ("#r bob joined late", unknown("#r bob joined late")),
        ("#r ada role bob king", unknown("#r ada role bob king")),
        ("#r locked", unknown("#r locked")),
        ("bob is", unknown("bob is")),
        ("bob is typing", unknown("bob is typing")),
        ("bob says", unknown("bob says")),
        ("* missed many", unknown("* missed many")),
    ] {
        far.say(format!("{line}\n"));
        assert_eq!(drain(&mut inbox), [event]);
    }
}

#[test]
fn events_may_come_before_any_reply() {
    let (far, client) = connect();
    let join = Task::waiting(client.join("#r"));
    let members = Task::waiting(client.members("#r"));
    let set = Task::waiting(client.set_topic("#r", "tea"));
    let topic = Task::waiting(client.topic("#r"));
    far.say("#x eve says ack\nack\n#r bob says a,b\nada,bob\n#r ada topic tea\nack\n");
    far.say("#r bob left\ntopic,#r,tea\nmissed,3,not read in time\n");
    join.finish().unwrap();
    assert_eq!(members.finish().unwrap(), ["ada", "bob"]);
    set.finish().unwrap();
    assert_eq!(topic.finish().unwrap(), "tea");
    assert_eq!(drain(&mut client.incoming()).len(), 5);
}

#[test]
fn a_say_waits_for_no_reply() {
    let (far, client) = connect();
    now(client.say("#r", "a, b")).unwrap();
    now(client.say("#r", "")).unwrap();
    assert_eq!(far.hear(), "say,#r,a, b\nsay,#r,\n");
    far.say("error,not-a-member,join it first\n");
    let refusal = refused("not-a-member", "join it first");
    assert_eq!(drain(&mut client.incoming()), [refusal]);
}

#[test]
fn a_refusal_is_told_from_that_of_a_message_before_it() {
    let (far, client) = connect();
    let mut inbox = client.incoming();
    now(client.send("eve", "hi")).unwrap();
    now(client.say("#x", "hi")).unwrap();
    let whois = Task::waiting(client.whois("bob"));
    let join = Task::waiting(client.join("#r"));
    assert_eq!(
        far.hear(),
        "chat,eve,hi\nsay,#x,hi\nping\nwhois,bob\njoin,#r\n"
    );
    let lines = [
        "error,no-such-user,no eve",
        "error,not-a-member,not there",
        "pong",
        "error,no-such-user,no bob",
        "error,denied,not you",
    ];
    far.say(lines.map(|line| format!("{line}\n")).concat());
    assert!(matches!(
        whois.finish(),
        Err(ClientError::Refused { explanation, .. }) if explanation == "no bob"
    ));
    assert_eq!(code(join.finish()), "denied");
    assert_eq!(
        drain(&mut inbox),
        [
            refused("no-such-user", "no eve"),
            refused("not-a-member", "not there")
        ]
    );

    // Only behind a message, and only if it may be refused in the same words.
    let join = Task::waiting(client.join("#r"));
    far.say("ack\n");
    join.finish().unwrap();
    now(client.say("#r", "hi")).unwrap();
    let rooms = Task::waiting(client.rooms());
    let leave = Task::waiting(client.leave("#r"));
    assert_eq!(far.hear(), "join,#r\nsay,#r,hi\nlist,rooms\nleave,#r\n");
    far.say("error,not-a-member,not there\n#r\nerror,not-a-member,nor here\n");
    assert_eq!(rooms.finish().unwrap(), ["#r"]);
    assert_eq!(code(leave.finish()), "not-a-member");
    assert_eq!(drain(&mut inbox), [refused("not-a-member", "not there")]);
}

#[test]
fn every_refusal_of_a_request_is_its_own() {
    for mine in [
        "not-registered",
        "no-such-user",
        "no-such-room",
        "not-a-member",
        "banned",
        "invite-only",
        "needs-role",
        "denied",
        "unavailable",
        "rate-limited",
        "full",
        "bad-name",
        "bad-arguments",
        "unknown-command",
        "too-long",
        "what-comes-next",
    ] {
        let reply = format!("error,{mine},not now");
        let (_, answer) = asked(async |c| c.invite("#r", "bob").await, &reply);
        assert_eq!(code(answer), mine);
    }
    let (far, client) = connect();
    let join = Task::waiting(client.join("#r"));
    for end in ["timed-out", "kicked", "replaced"] {
        far.say(format!("error,{end},so long, then\n"));
    }
    assert_eq!(drain(&mut client.incoming()).len(), 3);
    far.close();
    assert!(matches!(join.finish(), Err(ClientError::Closed)));
}

#[test]
fn a_rate_says_what_it_limits() {
    let (far, client) = connect();
    let mut inbox = client.incoming();
    now(client.say("#r", "hi")).unwrap();
    let ping = Task::waiting(client.ping());
    let join = Task::waiting(client.join("#r"));
    now(client.send("bob", "hi")).unwrap();
    // This one has a fence, which is refused as well.
    let leave = Task::waiting(client.leave("#r"));
    let away = Task::waiting(client.back());
    let lines = [
        "error,rate-limited,say: wait 1 s",
        "error,rate-limited,ping: wait 2 s",
        "error,rate-limited,join: wait 3 s",
        "error,rate-limited,chat: wait 4 s",
        "error,rate-limited,ping: wait 5 s",
        "error,rate-limited,leave: wait 6 s",
        "ack",
    ];
    far.say(lines.map(|line| format!("{line}\n")).concat());
    assert_eq!(code(ping.finish()), "rate-limited");
    assert_eq!(code(join.finish()), "rate-limited");
    assert!(matches!(
        leave.finish(),
        Err(ClientError::Refused { explanation, .. }) if explanation == "leave: wait 6 s"
    ));
    away.finish().unwrap();
    assert_eq!(
        drain(&mut inbox),
        [
            refused("rate-limited", "say: wait 1 s"),
            refused("rate-limited", "chat: wait 4 s")
        ]
    );
}

#[test]
fn nothing_can_be_injected_into_the_new_ones() {
    let (far, client) = connect();
    for bad in ["", "#", "r", "#a,b", "#a b", "#a\n", "#\0", "##\r"] {
        for error in [
            now(client.join(bad)).unwrap_err(),
            now(client.leave(bad)).unwrap_err(),
            now(client.say(bad, "x")).unwrap_err(),
            now(client.topic(bad)).unwrap_err(),
            now(client.set_topic(bad, "x")).unwrap_err(),
            now(client.members(bad)).unwrap_err(),
            now(client.kick(bad, "x", None)).unwrap_err(),
            now(client.ban(bad, "x")).unwrap_err(),
            now(client.unban(bad, "x")).unwrap_err(),
            now(client.role(bad, "x", Role::Owner)).unwrap_err(),
            now(client.invite(bad, "x")).unwrap_err(),
            now(client.invite_only(bad, true)).unwrap_err(),
        ] {
            assert!(matches!(error, ClientError::BadRoom), "{bad:?}");
        }
    }
    for bad in ["", "a,b", "a b", "a\nquit", "\r", "\0"] {
        for error in [
            now(client.register_with(bad, "x")).unwrap_err(),
            now(client.whois(bad)).unwrap_err(),
            now(client.kick("#r", bad, None)).unwrap_err(),
            now(client.ban("#r", bad)).unwrap_err(),
            now(client.unban("#r", bad)).unwrap_err(),
            now(client.role("#r", bad, Role::Owner)).unwrap_err(),
            now(client.invite("#r", bad)).unwrap_err(),
        ] {
            assert!(matches!(error, ClientError::BadName), "{bad:?}");
        }
    }
    for bad in ["\n", "a\nquit", "a\r", "\0"] {
        for error in [
            now(client.register_with("a", bad)).unwrap_err(),
            now(client.say("#r", bad)).unwrap_err(),
            now(client.set_topic("#r", bad)).unwrap_err(),
            now(client.kick("#r", "a", Some(bad))).unwrap_err(),
            now(client.away(bad)).unwrap_err(),
        ] {
            assert!(matches!(error, ClientError::BadText), "{bad:?}");
        }
    }
    assert_eq!(far.hear(), "");
}

proptest! {
    /// Whatever the server encodes, the client knows, and takes for nothing else, even where a list is due, which may
    /// hold any names.
    #[test]
    fn whatever_a_server_says_is_understood(event in an_event()) {
        let mut line = Vec::new();
        Line::encode(&event, Form::default(), &mut line);
        let (far, client) = connect();
        let mut inbox = client.incoming();
        let _list = Task::waiting(client.members("#r"));
        far.say(&line);
        let got = drain(&mut inbox);
        if let Event::Error { .. } = event {
            prop_assert!(got.is_empty());
        } else {
            prop_assert_eq!(got.len(), 1);
            let is_unknown = matches!(got[0], Received::Unknown { .. });
            prop_assert!(!is_unknown);
        }
    }

    #[test]
    fn whatever_a_server_answers_is_understood(answer in an_answer()) {
        let mut line = Vec::new();
        Line::default().answer(&answer, &mut line);
        let (far, client) = connect();
        match &answer {
            Answer::Members { members, first: true, .. } => {
                let list = Task::waiting(client.members("#r"));
                far.say(&line);
                prop_assert_eq!(list.finish().unwrap(), own(&[members[0].0.as_str()]));
            }
            Answer::Rooms { rooms, first: true, .. } => {
                let list = Task::waiting(client.rooms());
                far.say(&line);
                prop_assert_eq!(list.finish().unwrap(), own(&[rooms[0].name.as_str()]));
            }
            Answer::Topic { topic: of, .. } => {
                let topic = Task::waiting(client.topic("#r"));
                far.say(&line);
                prop_assert_eq!(&*topic.finish().unwrap(), &*of.text);
            }
            Answer::Whois(user) => {
                let whois = Task::waiting(client.whois("bob"));
                far.say(&line);
                let read = whois.finish().unwrap();
                prop_assert_eq!(&*read.name, user.name.as_str());
                prop_assert_eq!(read.connected, user.connected);
                prop_assert_eq!(read.rooms.len(), user.rooms.len());
                prop_assert_eq!(read.away.as_deref(), user.away.as_deref());
            }
            Answer::Error { .. } => {
                let list = Task::waiting(client.members("#r"));
                far.say(&line);
                let is_refused = matches!(list.finish(), Err(ClientError::Refused { .. }));
                prop_assert!(is_refused);
            }
            // Where it is a list, its rest.
            _ => {}
        }
    }

    #[test]
    fn no_line_is_too_odd(line in "[#*a-c]{0,3}( |,)?(says|is|to|kicked|role|whois|topic)?[ ,=#a-z]{0,12}") {
        let (far, client) = connect();
        let _tasks = [
            Task::waiting(client.whois("bob").boxed_local().map(|_| ())),
            Task::waiting(client.topic("#r").boxed_local().map(|_| ())),
        ];
        far.say(format!("{line}\n"));
        let _ = client.incoming().next().now_or_never();
    }
}
