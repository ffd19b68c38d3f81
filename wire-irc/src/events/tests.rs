use std::sync::Arc;

use chinwag_core::{MaskList, RoomName, RoomSetting, UserName};
use proptest::prelude::*;

use super::*;
use crate::{
    caps::Caps,
    message::{MAX_TEXT, Message, privmsg},
};

const SERVER: &str = "irc.example.org";

fn room(name: &str) -> RoomName {
    name.parse().unwrap()
}

fn person(name: &str) -> Person {
    name.parse().unwrap()
}

fn lines_in(shape: Shape, event: &Event) -> Vec<String> {
    let mut out = Vec::new();
    let manner = Manner {
        shape,
        server: SERVER,
    };
    write(event, manner, &mut out);
    let text = String::from_utf8(out).unwrap();
    text.split_terminator("\r\n").map(str::to_owned).collect()
}

fn lines(event: &Event) -> Vec<String> {
    lines_in(Shape::default(), event)
}

fn said(text: &str) -> Event {
    Event::said(room("#a"), 1, Some(person("ada")), text)
}

#[test]
fn what_happens_in_a_channel_is_a_line() {
    let (room, ada, bob) = (room("#a"), person("ada"), person("bob"));
    let by = Some(ada.clone());
    let reason: Option<Arc<str>> = Some("so".into());
    let role = |was, role| Event::Role {
        room: room.clone(),
        name: bob.clone(),
        role,
        was,
        by: None,
    };
    let set = |setting| Event::Set {
        room: room.clone(),
        setting,
        by: by.clone(),
    };
    let kicked = |banned, reason| Event::Kicked {
        room: room.clone(),
        name: bob.clone(),
        by: by.clone(),
        banned,
        reason,
    };
    for (event, right) in [
        (said("hi"), ":ada!u@localhost PRIVMSG #a :hi"),
        (
            kicked(false, reason.clone()),
            ":ada!u@localhost KICK #a bob :so",
        ),
        (kicked(false, None), ":ada!u@localhost KICK #a bob :ada"),
        (
            role(Role::Member, Role::Owner),
            ":irc.example.org MODE #a +o bob",
        ),
        (
            role(Role::Voiced, Role::Moderator),
            ":irc.example.org MODE #a -v+h bob bob",
        ),
        (
            role(Role::Owner, Role::Member),
            ":irc.example.org MODE #a -o bob",
        ),
        (
            set(RoomSetting::Key(Some("a b".into()))),
            ":ada!u@localhost MODE #a +k *",
        ),
        (set(RoomSetting::Limit(None)), ":ada!u@localhost MODE #a -l"),
        (
            Event::Mask {
                room: room.clone(),
                list: MaskList::BanExceptions,
                mask: "bob".parse().unwrap(),
                on: false,
                by: by.clone(),
            },
            ":ada!u@localhost MODE #a -e bob!*@*",
        ),
        (
            Event::Quit {
                name: bob.clone(),
                reason: QuitReason::Closed,
                text: reason.clone(),
            },
            ":bob!u@localhost QUIT :Quit: so",
        ),
        (
            Event::Quit {
                name: bob.clone(),
                reason: QuitReason::TimedOut,
                text: None,
            },
            ":bob!u@localhost QUIT :Ping timeout",
        ),
        (
            Event::Away {
                name: bob.clone(),
                text: None,
            },
            ":bob!u@localhost AWAY",
        ),
    ] {
        assert_eq!(lines(&event), [right]);
    }
    assert_eq!(
        lines(&kicked(true, reason)),
        [
            ":ada!u@localhost MODE #a +b bob!*@*",
            ":ada!u@localhost KICK #a bob :so"
        ]
    );
    for nothing in [
        Event::Bye,
        Event::Missed { count: 1 },
        Event::Online { name: bob.clone() },
    ] {
        assert_eq!(lines(&nothing), [""; 0]);
    }
}

#[test]
fn a_message_has_the_tags_that_are_wanted() {
    let Event::Said { stamp, .. } = said("") else {
        panic!()
    };
    let event = Event::Said {
        room: room("#a"),
        seq: 1,
        from: Some(person("ada")),
        text: "hi".into(),
        kind: Kind::Notice,
        least: Role::Owner,
        extra: Some("+a=b;label=x;c".into()),
        stamp,
    };
    let all = Shape::of(crate::caps::Caps::offered(true));
    for (shape, tags) in [
        (Shape::default(), ""),
        (Shape::TIME, "@time=1970-01-01T00:00:00.000Z "),
        (Shape::TAGS, "@msgid=0-0-0;+a=b "),
        (all, "@time=1970-01-01T00:00:00.000Z;msgid=0-0-0;+a=b "),
    ] {
        let right = format!("{tags}:ada!u@localhost NOTICE @#a :hi");
        assert_eq!(lines_in(shape, &event), [right]);
    }
}

#[test]
fn what_a_program_makes_of_tags_is_no_line_of_its_own() {
    for extra in ["+a b", "+a\r\nQUIT", "+a=\0", " ", ""] {
        let event = Event::Signal {
            room: Some(room("#a")),
            to: None,
            from: person("ada"),
            extra: extra.into(),
            stamp: Stamp::default(),
        };
        let lines = lines_in(Shape::TAGS, &event);
        assert_eq!(lines, ["@msgid=0-0-0 :ada!u@localhost TAGMSG #a"]);
    }
}

#[test]
fn only_what_matters_makes_a_form() {
    let all = Shape::of(crate::caps::Caps::offered(true));
    let ada = person("ada");
    let joined = Event::Joined {
        room: room("#a"),
        name: ada.clone(),
    };
    assert_eq!(all.for_event(&joined, &ada), Shape::EXTENDED_JOIN);
    let left = Event::Left {
        room: room("#a"),
        name: ada.clone(),
        reason: None,
    };
    assert_eq!(all.for_event(&left, &ada), Shape::default());
    let described = Event::Described {
        old: ada.clone(),
        new: ada.clone(),
    };
    assert_eq!(all.for_event(&described, &ada), Shape::default());
    assert_eq!(lines_in(all, &joined), [":ada!u@localhost JOIN #a * :"]);
}

#[test]
fn a_long_reason_says_that_it_goes_on() {
    let topic = |text: String| Event::Topic {
        room: room("#a"),
        by: Some(person("ada")),
        text: text.into(),
    };
    let room = MAX_TEXT - ":ada!u@localhost TOPIC #a :".len();
    let whole = &lines(&topic("x".repeat(room)))[0];
    assert_eq!(whole.len(), MAX_TEXT);
    assert!(whole.ends_with('x'));
    for text in ["x".repeat(room + 1), "é".repeat(room)] {
        let cut = &lines(&topic(text))[0];
        assert!(cut.ends_with('…'), "{cut}");
        assert!((MAX_TEXT - 1..=MAX_TEXT).contains(&cut.len()));
    }
}

/// The longest names that there can be.
fn longest() -> (RoomName, Person, UserName) {
    let name = "𝕏".repeat(32);
    let room = format!("#{}", "𝕏".repeat(63));
    (
        room.parse().unwrap(),
        name.parse().unwrap(),
        name.parse().unwrap(),
    )
}

#[test]
fn there_is_room_for_text_beside_the_longest_names() {
    let (room, from, to) = longest();
    let text: String = ('a'..='z').cycle().take(2000).collect();
    let said = Event::said(room, 1, Some(from.clone()), &*text);
    let sent = Event::Sent {
        to,
        from,
        text: text.clone().into(),
        kind: Kind::Message,
        extra: None,
        stamp: Stamp::default(),
    };
    for event in [said, sent] {
        let lines = lines(&event);
        let pieces = lines.iter().map(|line| {
            assert!(line.len() <= MAX_TEXT);
            let message = Message::parse(line).unwrap();
            message.params()[1].to_owned()
        });
        assert_eq!(pieces.collect::<String>(), text);
    }
}

proptest! {
    #[test]
    fn a_long_message_comes_whole_in_several_lines(text in "[^\r\n\0]{0,2000}") {
        let lines = lines_in(Shape::TAGS, &said(&text));
        let mut pieces = String::new();
        for (index, line) in lines.iter().enumerate() {
            let (tags, line) = match line.strip_prefix('@') {
                Some(tagged) => tagged.split_once(' ').unwrap(),
                None => ("", &**line),
            };
            prop_assert_eq!(tags.contains("msgid="), index == 0);
            prop_assert!(line.len() <= MAX_TEXT);
            let line = line.strip_prefix(":ada!u@localhost ").unwrap();
            let (target, piece) = privmsg(line).unwrap();
            prop_assert_eq!(target, "#a");
            prop_assert!(!piece.is_empty() || lines.len() == 1);
            pieces.push_str(piece);
        }
        prop_assert_eq!(pieces, text);
    }
}

/// Clients keep by them who is there and what they are.
#[test]
fn the_longest_names_are_whole() {
    let nick = "𝔞".repeat(UserName::MAX_CHARS);
    let channel = format!("#{}", "𝔟".repeat(RoomName::MAX_CHARS));
    let (room, name) = (room(&channel), person(&nick));
    let by = Some(person(&"𝔠".repeat(UserName::MAX_CHARS)));
    let events = [
        Event::Joined {
            room: room.clone(),
            name: name.clone(),
        },
        Event::Kicked {
            room: room.clone(),
            name: name.clone(),
            by: by.clone(),
            banned: true,
            reason: Some("so".into()),
        },
        Event::Invited {
            room: room.clone(),
            name: name.clone(),
            by: by.clone(),
        },
        Event::Role {
            room,
            name,
            role: Role::Owner,
            was: Role::Voiced,
            by,
        },
    ];
    for event in events {
        for shape in [Shape::default(), Shape::of(Caps::EXTENDED_JOIN)] {
            for line in lines_in(shape, &event) {
                assert!(line.len() <= MAX_TEXT, "{line}");
                assert!(line.contains(&channel), "{line}");
                assert!(line.contains(&nick), "{line}");
                assert!(!line.ends_with('𝔞') || line.ends_with(&nick), "{line}");
            }
        }
    }
}
