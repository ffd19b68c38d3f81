use proptest::{collection::vec, prelude::*};

use super::*;
use crate::message::{MAX_LINE, Message};

const ADA: Source<'static> = Source {
    nick: "ada",
    user: "~a",
    host: "example.org",
};

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

/// The lines of what was written, which ends in a CRLF.
fn lines(text: &str) -> Vec<&str> {
    text.strip_suffix("\r\n").unwrap().split("\r\n").collect()
}

#[test]
fn lines_of_all_kinds() {
    let text = written(|out| {
        Line::new(out, ADA, "PRIVMSG").param("#a").trailing("b c");
        Line::new(out, ADA, "JOIN").param("#a").end();
        Line::bare(out, "PING").trailing("");
        let welcome = Line::numeric(out, "irc.example.org", 1, "ada");
        welcome.trailing_fmt(format_args!("Welcome, {}\n", "ada"));
        let created = Line::numeric(out, "irc", 329, "*").param("#a");
        created.number(u64::MAX).end();
        let mut tags = TagWriter::new(out);
        tags.tag("label", "x");
        Line::tagged_numeric(tags, "irc", 42, "ada").end();
    });
    assert_eq!(
        lines(&text),
        [
            ":ada!~a@example.org PRIVMSG #a :b c",
            ":ada!~a@example.org JOIN #a",
            "PING :",
            ":irc.example.org 001 ada :Welcome, ada ",
            ":irc 329 * #a 18446744073709551615",
            "@label=x :irc 042 ada",
        ]
    );
}

#[test]
fn a_host_may_begin_with_a_colon() {
    let source = Source { host: "::1", ..ADA };
    let text = written(|out| Line::new(out, source, "QUIT").end());
    assert_eq!(text, ":ada!~a@::1 QUIT\r\n");
}

#[test]
fn what_cannot_be_a_param_is_a_star() {
    for text in ["", ":a", "a b", "a\rb", "a\nb", "a\0b", "\r\nQUIT"] {
        assert!(!is_middle(text));
        let line = written(|out| Line::new(out, ADA, "X").echo(text).echo("y").end());
        assert_eq!(line, ":ada!~a@example.org X * y\r\n", "{text:?}");
    }
}

#[test]
fn texts_have_no_line_end() {
    let line = written(|out| Line::bare(out, "X").trailing("a\r\nQUIT\0\n"));
    assert_eq!(line, "X :a  QUIT  \r\n");
}

#[test]
#[cfg(debug_assertions)]
#[should_panic = "no param"]
fn a_param_of_our_own_is_good() {
    written(|out| Line::bare(out, "X").param("a b").end());
}

#[test]
#[cfg(not(debug_assertions))]
fn a_param_of_our_own_that_is_bad_is_a_star() {
    let source = Source { user: "a b", ..ADA };
    let line = written(|out| Line::new(out, source, "X\r\n").param(":a").end());
    assert_eq!(line, ":ada!*@example.org * *\r\n");
}

#[test]
fn a_line_is_cut_between_characters() {
    for c in ["a", "é", "€", "🦀"] {
        for offset in 0..4 {
            let text = "x".repeat(offset) + &c.repeat(MAX_LINE);
            let text = written(|out| {
                out.extend_from_slice("before 🦀".as_bytes());
                Line::bare(out, "X").trailing(&text);
            });
            let line = text.strip_prefix("before 🦀").unwrap();
            assert!(line.len() <= MAX_LINE);
            assert!(line.len() > MAX_LINE - c.len());
        }
    }
    // The tags do not count, and are not cut.
    let text = written(|out| {
        let mut tags = TagWriter::new(out);
        tags.tag("a", &"x".repeat(1000));
        Line::tagged(tags, ADA, "X").trailing(&"x".repeat(1000));
    });
    assert_eq!(text.len(), "@a= ".len() + 1000 + MAX_LINE);
}

#[test]
fn names_take_as_many_lines_as_they_need() {
    let names: Vec<_> = (0..200).map(|n| format!("łukasz{n}")).collect();
    let text = written(|out| {
        let mut tags = TagWriter::new(out);
        tags.tag("label", "x");
        let head = Line::tagged_numeric(tags, "irc", 353, "ada");
        let mut list = head.param("=").param("#a").list(' ');
        for name in &names {
            assert!(list.token(&["@", name]));
        }
        list.end();
    });
    let mut found = Vec::new();
    for line in lines(&text) {
        let body = line.strip_prefix("@label=x ").unwrap();
        assert!(body.len() <= MAX_TEXT);
        // Full, unless it is the last one.
        assert!(body.len() > MAX_TEXT - 12 || line.ends_with(&names[199]));
        let message = Message::parse(line).unwrap();
        assert_eq!(message.params()[..3], ["ada", "=", "#a"]);
        let names = message.params()[3].split(' ');
        found.extend(names.map(|name| name.strip_prefix('@').unwrap().to_owned()));
    }
    assert_eq!(found, names);
}

#[test]
fn no_line_has_more_params_than_it_may() {
    let text = written(|out| {
        let mut list = Line::numeric(out, "irc", 5, "ada").tokens("are supported");
        for n in 0..30 {
            assert!(list.token(&["TOKEN=", &n.to_string()]));
        }
        list.end();
    });
    let lines = lines(&text);
    assert_eq!(lines.len(), 3);
    assert_eq!(
        lines[2],
        ":irc 005 ada TOKEN=26 TOKEN=27 TOKEN=28 TOKEN=29 :are supported"
    );
    for line in &lines[..2] {
        let message = Message::parse(line).unwrap();
        assert_eq!(message.params().len(), MAX_PARAMS);
        assert_eq!(message.params()[14], "are supported");
    }
}

#[test]
fn lists_without_tokens() {
    let text = written(|out| {
        Line::numeric(out, "irc", 303, "ada").list(' ').end();
        Line::numeric(out, "irc", 319, "ada")
            .list(' ')
            .end_unless_empty();
        Line::numeric(out, "irc", 5, "ada").tokens("t").end();
        let mut list = Line::numeric(out, "irc", 731, "ada").list(',');
        list.token(&["a", "b"]);
        list.token(&["c"]);
        list.end_unless_empty();
    });
    let expected = [":irc 303 ada :", ":irc 005 ada :t", ":irc 731 ada :ab,c"];
    assert_eq!(lines(&text), expected);
}

#[test]
fn a_token_that_no_line_has_room_for_is_left_out() {
    let long = "x".repeat(MAX_TEXT);
    let text = written(|out| {
        let mut list = Line::bare(out, "X").list(' ');
        assert!(list.token(&["a"]));
        assert!(!list.token(&[&long]));
        assert!(!list.token(&[&long[..MAX_TEXT - 2]]));
        assert!(list.token(&[&long[..MAX_TEXT - 3]]));
        assert!(list.token(&["b"]));
        list.end();
        // Not one fits.
        let mut list = Line::bare(out, "X").param(&long).tokens("t");
        assert!(!list.token(&["a"]));
        list.end();
    });
    let lens: Vec<_> = lines(&text).iter().map(|line| line.len()).collect();
    assert_eq!(lens, [4, MAX_TEXT, 4, MAX_TEXT]);
}

/// Any text, and rather often one that wants to be more than it is.
fn a_text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a: é\r\n\0]{0,6}", "[a€🦀]{150,300}"]
}

/// Any text that can be a param and not the last.
fn a_param() -> impl Strategy<Value = String> {
    any::<String>().prop_filter("no param", |text| is_middle(text))
}

proptest! {
    #[test]
    fn any_texts_are_one_line(params in vec(a_text(), 0..5), text in a_text()) {
        let all = written(|out| {
            let mut line = Line::new(out, ADA, "X");
            for param in &params {
                line = line.echo(param);
            }
            line.trailing(&text);
        });
        prop_assert!(all.len() <= MAX_LINE);
        let line = all.strip_suffix("\r\n").unwrap();
        prop_assert!(!line.contains(['\0', '\r', '\n']));
        let message = Message::parse(line).unwrap();
        prop_assert_eq!(message.source, Some("ada!~a@example.org"));
        prop_assert_eq!(message.command, "X");
        prop_assert!(message.params().len() <= params.len() + 1);
    }

    #[test]
    fn what_is_written_is_read(
        tags in vec(("[+a-z/.-]{1,5}", "[^\0]{0,20}"), 0..4),
        command in "[A-Z]{1,8}|[0-9]{3}",
        params in vec(a_param(), 0..MAX_PARAMS - 1),
        text in "[^\0\r\n]{0,40}",
    ) {
        let middle: Vec<&str> = params.iter().map(String::as_str).collect();
        let len = line_len(ADA, &command, &middle, Some(&text));
        let mut tagged = 0;
        let all = written(|out| {
            let mut writer = TagWriter::new(out);
            for (key, value) in &tags {
                writer.tag(key, value);
            }
            let mut line = Line::tagged(writer, ADA, &command);
            tagged = line.body;
            for param in &params {
                line = line.param(param);
            }
            line.trailing(&text);
        });
        // Just what fits is not cut.
        prop_assert_eq!(all.len() - tagged, len.min(all.len() - tagged));
        prop_assert_eq!(all.len() - tagged == len, len <= MAX_LINE);
        prop_assume!(len <= MAX_LINE);
        let message = Message::parse(all.strip_suffix("\r\n").unwrap()).unwrap();
        for (key, _) in &tags {
            let last = tags.iter().rev().find(|tag| tag.0 == *key).unwrap();
            prop_assert_eq!(message.tags.find(key).unwrap().value(), last.1.as_str());
        }
        prop_assert_eq!(message.source, Some("ada!~a@example.org"));
        prop_assert_eq!(message.command, command);
        let (last, others) = message.params().split_last().unwrap();
        prop_assert_eq!(others, middle);
        prop_assert_eq!(*last, text);
    }

    #[test]
    fn what_is_listed_is_read(
        names in vec("[a-zé€🦀]{1,60}", 0..60), channel in "[a-z€]{1,170}", is_trailing in any::<bool>()
    ) {
        let mut expected = Vec::new();
        let all = written(|out| {
            let line = Line::numeric(out, "irc.example.org", 353, "ada").param(&channel);
            let mut list = if is_trailing { line.list(' ') } else { line.tokens("tail") };
            for name in &names {
                if list.token(&[name]) {
                    expected.push(name.as_str());
                }
            }
            list.end_unless_empty();
        });
        let mut found = Vec::new();
        for line in all.split_terminator("\r\n") {
            prop_assert!(line.len() <= MAX_TEXT);
            let message = Message::parse(line).unwrap();
            let params = message.params();
            prop_assert_eq!(params[0], "ada");
            prop_assert_eq!(params[1], channel.as_str());
            if is_trailing {
                found.extend(params[2].split(' '));
            } else {
                prop_assert_eq!(params[params.len() - 1], "tail");
                found.extend(&params[2..params.len() - 1]);
            }
        }
        prop_assert_eq!(found.join(" "), expected.join(" "));
        // Only a long head leaves too little room.
        prop_assert!(channel.len() > 200 || expected.len() == names.len());
    }
}
