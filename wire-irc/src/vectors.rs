//! What the public test vectors for IRC parsers say: <https://github.com/ircdocs/parser-tests>, which its authors
//! have put into the public domain (CC0).

use std::collections::BTreeMap;

use chinwag_core::wildcard_matches;

use crate::{message::Message, source::Source, tags::TagWriter, write::Line};

/// Tags with their values unescaped, source, command, params.
type Atoms<'a> = (
    &'a [(&'a str, &'a str)],
    Option<&'a str>,
    &'a str,
    &'a [&'a str],
);

/// `tests/msg-split.yaml`: a line, and what is in it.
const SPLIT: &[(&str, Atoms<'static>)] = &[
    (
        "foo bar baz asdf",
        (&[], None, "foo", &["bar", "baz", "asdf"]),
    ),
    (
        ":coolguy foo bar baz asdf",
        (&[], Some("coolguy"), "foo", &["bar", "baz", "asdf"]),
    ),
    (
        "foo bar baz :asdf quux",
        (&[], None, "foo", &["bar", "baz", "asdf quux"]),
    ),
    ("foo bar baz :", (&[], None, "foo", &["bar", "baz", ""])),
    (
        "foo bar baz ::asdf",
        (&[], None, "foo", &["bar", "baz", ":asdf"]),
    ),
    (
        ":coolguy foo bar baz :asdf quux",
        (&[], Some("coolguy"), "foo", &["bar", "baz", "asdf quux"]),
    ),
    (
        ":coolguy foo bar baz :  asdf quux ",
        (&[], Some("coolguy"), "foo", &["bar", "baz", "  asdf quux "]),
    ),
    (
        ":coolguy PRIVMSG bar :lol :) ",
        (&[], Some("coolguy"), "PRIVMSG", &["bar", "lol :) "]),
    ),
    (
        ":coolguy foo bar baz :",
        (&[], Some("coolguy"), "foo", &["bar", "baz", ""]),
    ),
    (
        ":coolguy foo bar baz :  ",
        (&[], Some("coolguy"), "foo", &["bar", "baz", "  "]),
    ),
    (
        "@a=b;c=32;k;rt=ql7 foo",
        (
            &[("a", "b"), ("c", "32"), ("k", ""), ("rt", "ql7")],
            None,
            "foo",
            &[],
        ),
    ),
    (
        r"@a=b\\and\nk;c=72\s45;d=gh\:764 foo",
        (
            &[("a", "b\\and\nk"), ("c", "72 45"), ("d", "gh;764")],
            None,
            "foo",
            &[],
        ),
    ),
    (
        "@c;h=;a=b :quux ab cd",
        (
            &[("c", ""), ("h", ""), ("a", "b")],
            Some("quux"),
            "ab",
            &["cd"],
        ),
    ),
    (":src JOIN #chan", (&[], Some("src"), "JOIN", &["#chan"])),
    (":src JOIN :#chan", (&[], Some("src"), "JOIN", &["#chan"])),
    (":src AWAY", (&[], Some("src"), "AWAY", &[])),
    (":src AWAY ", (&[], Some("src"), "AWAY", &[])),
    (
        ":cool\tguy foo bar baz",
        (&[], Some("cool\tguy"), "foo", &["bar", "baz"]),
    ),
    (
        ":coolguy!ag@net\x035w\x03ork.admin PRIVMSG foo :bar baz",
        (
            &[],
            Some("coolguy!ag@net\x035w\x03ork.admin"),
            "PRIVMSG",
            &["foo", "bar baz"],
        ),
    ),
    (
        ":coolguy!~ag@n\x02et\x0305w\x0fork.admin PRIVMSG foo :bar baz",
        (
            &[],
            Some("coolguy!~ag@n\x02et\x0305w\x0fork.admin"),
            "PRIVMSG",
            &["foo", "bar baz"],
        ),
    ),
    (
        "@tag1=value1;tag2;vendor1/tag3=value2;vendor2/tag4= :irc.example.com COMMAND param1 param2 :param3 param3",
        (
            &[
                ("tag1", "value1"),
                ("tag2", ""),
                ("vendor1/tag3", "value2"),
                ("vendor2/tag4", ""),
            ],
            Some("irc.example.com"),
            "COMMAND",
            &["param1", "param2", "param3 param3"],
        ),
    ),
    (
        ":irc.example.com COMMAND param1 param2 :param3 param3",
        (
            &[],
            Some("irc.example.com"),
            "COMMAND",
            &["param1", "param2", "param3 param3"],
        ),
    ),
    (
        "@tag1=value1;tag2;vendor1/tag3=value2;vendor2/tag4 COMMAND param1 param2 :param3 param3",
        (
            &[
                ("tag1", "value1"),
                ("tag2", ""),
                ("vendor1/tag3", "value2"),
                ("vendor2/tag4", ""),
            ],
            None,
            "COMMAND",
            &["param1", "param2", "param3 param3"],
        ),
    ),
    ("COMMAND", (&[], None, "COMMAND", &[])),
    (
        r"@foo=\\\\\:\\s\s\r\n COMMAND",
        (&[("foo", "\\\\;\\s \r\n")], None, "COMMAND", &[]),
    ),
    (
        ":gravel.mozilla.org 432  #momo :Erroneous Nickname: Illegal characters",
        (
            &[],
            Some("gravel.mozilla.org"),
            "432",
            &["#momo", "Erroneous Nickname: Illegal characters"],
        ),
    ),
    (
        ":gravel.mozilla.org MODE #tckk +n ",
        (&[], Some("gravel.mozilla.org"), "MODE", &["#tckk", "+n"]),
    ),
    (
        ":services.esper.net MODE #foo-bar +o foobar  ",
        (
            &[],
            Some("services.esper.net"),
            "MODE",
            &["#foo-bar", "+o", "foobar"],
        ),
    ),
    (
        r"@tag1=value\\ntest COMMAND",
        (&[("tag1", "value\\ntest")], None, "COMMAND", &[]),
    ),
    (
        r"@tag1=value\1 COMMAND",
        (&[("tag1", "value1")], None, "COMMAND", &[]),
    ),
    (
        r"@tag1=value1\ COMMAND",
        (&[("tag1", "value1")], None, "COMMAND", &[]),
    ),
    (
        "@tag1=1;tag2=3;tag3=4;tag1=5 COMMAND",
        (
            &[("tag1", "5"), ("tag2", "3"), ("tag3", "4")],
            None,
            "COMMAND",
            &[],
        ),
    ),
    (
        "@tag1=1;tag2=3;tag3=4;tag1=5;vendor/tag2=8 COMMAND",
        (
            &[
                ("tag1", "5"),
                ("tag2", "3"),
                ("tag3", "4"),
                ("vendor/tag2", "8"),
            ],
            None,
            "COMMAND",
            &[],
        ),
    ),
    (
        ":SomeOp MODE #channel :+i",
        (&[], Some("SomeOp"), "MODE", &["#channel", "+i"]),
    ),
    (
        ":SomeOp MODE #channel +oo SomeUser :AnotherUser",
        (
            &[],
            Some("SomeOp"),
            "MODE",
            &["#channel", "+oo", "SomeUser", "AnotherUser"],
        ),
    ),
];

/// `tests/msg-join.yaml`: what a line is made of, and the lines that are right.
const JOIN: &[(Atoms<'static>, &[&str])] = &[
    (
        (&[], None, "foo", &["bar", "baz", "asdf"]),
        &["foo bar baz asdf", "foo bar baz :asdf"],
    ),
    ((&[], Some("src"), "AWAY", &[]), &[":src AWAY"]),
    ((&[], Some("src"), "AWAY", &[""]), &[":src AWAY :"]),
    (
        (&[], Some("coolguy"), "foo", &["bar", "baz", "asdf"]),
        &[":coolguy foo bar baz asdf", ":coolguy foo bar baz :asdf"],
    ),
    (
        (&[], None, "foo", &["bar", "baz", "asdf quux"]),
        &["foo bar baz :asdf quux"],
    ),
    ((&[], None, "foo", &["bar", "baz", ""]), &["foo bar baz :"]),
    (
        (&[], None, "foo", &["bar", "baz", ":asdf"]),
        &["foo bar baz ::asdf"],
    ),
    (
        (&[], Some("coolguy"), "foo", &["bar", "baz", "asdf quux"]),
        &[":coolguy foo bar baz :asdf quux"],
    ),
    (
        (&[], Some("coolguy"), "foo", &["bar", "baz", "  asdf quux "]),
        &[":coolguy foo bar baz :  asdf quux "],
    ),
    (
        (&[], Some("coolguy"), "PRIVMSG", &["bar", "lol :) "]),
        &[":coolguy PRIVMSG bar :lol :) "],
    ),
    (
        (&[], Some("coolguy"), "foo", &["bar", "baz", ""]),
        &[":coolguy foo bar baz :"],
    ),
    (
        (&[], Some("coolguy"), "foo", &["bar", "baz", "  "]),
        &[":coolguy foo bar baz :  "],
    ),
    (
        (&[], Some("coolguy"), "foo", &["b\tar", "baz"]),
        &[":coolguy foo b\tar baz", ":coolguy foo b\tar :baz"],
    ),
    (
        (
            &[("asd", "")],
            Some("coolguy"),
            "foo",
            &["bar", "baz", "  "],
        ),
        &["@asd :coolguy foo bar baz :  "],
    ),
    (
        (&[("a", "b\\and\nk"), ("d", "gh;764")], None, "foo", &[]),
        &[r"@a=b\\and\nk;d=gh\:764 foo", r"@d=gh\:764;a=b\\and\nk foo"],
    ),
    (
        (
            &[("a", "b\\and\nk"), ("d", "gh;764")],
            None,
            "foo",
            &["par1", "par2"],
        ),
        &[
            r"@a=b\\and\nk;d=gh\:764 foo par1 par2",
            r"@a=b\\and\nk;d=gh\:764 foo par1 :par2",
            r"@d=gh\:764;a=b\\and\nk foo par1 par2",
            r"@d=gh\:764;a=b\\and\nk foo par1 :par2",
        ],
    ),
    (
        (&[("foo", "\\\\;\\s \r\n")], None, "COMMAND", &[]),
        &[r"@foo=\\\\\:\\s\s\r\n COMMAND"],
    ),
];

/// `tests/mask-match.yaml`: a mask, what it matches, and what it does not.
const MASKS: &[(&str, &[&str], &[&str])] = &[
    (
        "*@127.0.0.1",
        &["coolguy!ab@127.0.0.1", "cooldud3!~bc@127.0.0.1"],
        &["coolguy!ab@127.0.0.5", "cooldud3!~d@124.0.0.1"],
    ),
    (
        "cool*@*",
        &[
            "coolguy!ab@127.0.0.1",
            "cooldud3!~bc@127.0.0.1",
            "cool132!ab@example.com",
        ],
        &["koolguy!ab@127.0.0.5", "cooodud3!~d@124.0.0.1"],
    ),
    (
        "cool!*@*",
        &[
            "cool!guyab@127.0.0.1",
            "cool!~dudebc@127.0.0.1",
            "cool!312ab@example.com",
        ],
        &[
            "coolguy!ab@127.0.0.1",
            "cooldud3!~bc@127.0.0.1",
            "koolguy!ab@127.0.0.5",
            "cooodud3!~d@124.0.0.1",
        ],
    ),
    (
        "cool!?username@*",
        &["cool!ausername@127.0.0.1", "cool!~username@127.0.0.1"],
        &["cool!username@127.0.0.1"],
    ),
    (
        "cool!a?*@*",
        &["cool!ab@127.0.0.1", "cool!abc@127.0.0.1"],
        &["cool!a@127.0.0.1"],
    ),
    (
        "cool[guy]!*@*",
        &["cool[guy]!guy@127.0.0.1", "cool[guy]!a@example.com"],
        &["coolg!ab@127.0.0.1", "cool[!ac@127.0.1.1"],
    ),
];

/// `tests/userhost-split.yaml`: a source, and its nick, user and host.
const USERHOSTS: &[(&str, [&str; 3])] = &[
    ("coolguy!ag@127.0.0.1", ["coolguy", "ag", "127.0.0.1"]),
    ("coolguy!~ag@localhost", ["coolguy", "~ag", "localhost"]),
    ("coolguy@127.0.0.1", ["coolguy", "", "127.0.0.1"]),
    ("coolguy!ag", ["coolguy", "ag", ""]),
    (
        "coolguy!ag@net\x035w\x03ork.admin",
        ["coolguy", "ag", "net\x035w\x03ork.admin"],
    ),
    (
        "coolguy!~ag@n\x02et\x0305w\x0fork.admin",
        ["coolguy", "~ag", "n\x02et\x0305w\x0fork.admin"],
    ),
];

#[test]
fn messages_are_split() {
    for (line, (tags, source, command, params)) in SPLIT {
        let message = Message::parse(line).unwrap();
        let last_ones: BTreeMap<_, _> = message
            .tags
            .iter()
            .map(|tag| (tag.key, tag.value().into_owned()))
            .collect();
        let expected: BTreeMap<_, _> = tags
            .iter()
            .map(|&(key, value)| (key, value.to_owned()))
            .collect();
        assert_eq!(last_ones, expected, "{line}");
        for (key, value) in *tags {
            assert_eq!(message.tags.find(key).unwrap().value(), *value, "{line}");
        }
        assert_eq!(message.source, *source, "{line}");
        assert_eq!(message.command, *command, "{line}");
        assert_eq!(message.params(), *params, "{line}");
    }
}

#[test]
fn messages_are_joined() {
    for ((tags, source, command, params), right) in JOIN {
        let mut out = Vec::new();
        let mut writer = TagWriter::new(&mut out);
        for (key, value) in *tags {
            assert!(writer.tag(key, value));
        }
        let mut line = match source {
            Some(source) => Line::tagged(writer, Source::split(source), command),
            None => {
                writer.end();
                Line::bare(&mut out, command)
            }
        };
        match params.split_last() {
            Some((last, others)) => {
                for param in others {
                    line = line.param(param);
                }
                line.trailing(last);
            }
            None => line.end(),
        }
        let out = String::from_utf8(out).unwrap();
        let line = out.strip_suffix("\r\n").unwrap();
        assert!(right.contains(&line), "{line:?} is none of {right:?}");
    }
}

#[test]
fn masks_match() {
    for (mask, right, wrong) in MASKS {
        for text in *right {
            assert!(wildcard_matches(mask, text), "{mask} {text}");
        }
        for text in *wrong {
            assert!(!wildcard_matches(mask, text), "{mask} {text}");
        }
    }
}

#[test]
fn userhosts_are_split() {
    for &(text, [nick, user, host]) in USERHOSTS {
        let source = Source::split(text);
        assert_eq!(source, Source { nick, user, host });
        let written: String = source
            .parts()
            .flat_map(|(mark, part)| [mark, part])
            .collect();
        assert_eq!(written, text);
        assert_eq!(source.len(), text.len());
    }
}
