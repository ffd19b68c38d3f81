use proptest::prelude::*;

use super::*;

fn params(line: &str) -> Vec<&str> {
    Message::parse(line).unwrap().params().to_vec()
}

fn error(line: &str) -> ParseError {
    Message::parse(line).unwrap_err()
}

#[test]
fn limits_are_those_of_the_specifications() {
    assert_eq!(MAX_TEXT, 510);
    assert_eq!(MAX_CLIENT_TAGS, 4096);
    assert_eq!(MAX_TAGS, 8191);
}

#[test]
fn params_may_have_several_spaces_between_them() {
    assert_eq!(params("X   a  b   :c  d "), ["a", "b", "c  d "]);
    assert_eq!(params("X a  "), ["a"]);
    assert_eq!(params("X"), [""; 0]);
    assert_eq!(params("X :"), [""]);
    assert_eq!(params("X a:b c:"), ["a:b", "c:"]);
    assert_eq!(params("X \t a"), ["\t", "a"]);
    let message = Message::parse("@a  :s   X  y").unwrap();
    assert_eq!((message.source, message.command), (Some("s"), "X"));
    assert_eq!(message.params(), ["y"]);
}

#[test]
fn the_fifteenth_param_takes_the_rest() {
    let fourteen = "1 2 3 4 5 6 7 8 9 10 11 12 13 14";
    for (rest, last) in [
        ("15", "15"),
        ("15 16  17 ", "15 16  17 "),
        (":15 16", "15 16"),
        ("15 :16", "15 :16"),
        (":", ""),
    ] {
        let line = format!("X {fourteen}  {rest}");
        let params = params(&line);
        assert_eq!(params.len(), MAX_PARAMS);
        assert_eq!(params[..14].join(" "), fourteen);
        assert_eq!(params[14], last);
    }
    assert_eq!(params(&format!("X {fourteen}   ")).len(), 14);
}

#[test]
fn lines_that_are_no_message() {
    use ParseError::*;

    for (line, why) in [
        ("", Empty),
        ("   ", Empty),
        ("@", NoCommand),
        ("@a", NoCommand),
        ("@a  ", NoCommand),
        (":", NoCommand),
        (":s", NoCommand),
        (":s  ", NoCommand),
        ("@a :s", NoCommand),
        (" X", NoCommand),
        (" @a X", NoCommand),
        (" :s X", NoCommand),
        ("/join #a", BadCommand),
        (":a :b", BadCommand),
        ("ŻET", BadCommand),
        ("X a\0b", Forbidden),
        ("X a\rb", Forbidden),
        ("X a\nb", Forbidden),
        ("@a=\r X", Forbidden),
    ] {
        assert_eq!(error(line), why, "{line:?}");
    }
}

#[test]
fn what_is_too_long() {
    let text = |len: usize| "X :".to_owned() + &"x".repeat(len - 3);
    let tags = |len: usize| format!("@{} ", "x".repeat(len - 2));

    assert!(Message::parse(&text(MAX_TEXT)).is_ok());
    assert_eq!(error(&text(MAX_TEXT + 1)), ParseError::TooLong);
    assert!(Message::parse(&(tags(MAX_CLIENT_TAGS) + &text(MAX_TEXT))).is_ok());
    let line = tags(MAX_CLIENT_TAGS) + &text(MAX_TEXT + 1);
    assert_eq!(error(&line), ParseError::TooLong);
    let line = tags(MAX_CLIENT_TAGS + 1) + "X";
    assert_eq!(error(&line), ParseError::TagsTooLong);
    assert_eq!(error(&line.replace(' ', "")), ParseError::TagsTooLong);

    let line = format!("PRIVMSG #a :{}", "x".repeat(MAX_TEXT - 12));
    assert!(privmsg(&line).is_some());
    assert!(privmsg(&(line + "x")).is_none());
}

#[test]
fn the_short_way() {
    assert_eq!(privmsg("PRIVMSG #a :b c"), Some(("#a", "b c")));
    assert_eq!(privmsg("PRIVMSG a ::) "), Some(("a", ":) ")));
    for other in [
        "PRIVMSG #a b",
        "PRIVMSG #a  :b",
        "PRIVMSG  #a :b",
        "PRIVMSG :#a :b",
        "PRIVMSG #a",
        "PRIVMSG",
        "privmsg #a :b",
        "@a PRIVMSG #a :b",
        "PRIVMSG #a :b\0",
        "NOTICE #a :b",
    ] {
        assert_eq!(privmsg(other), None, "{other:?}");
    }
}

/// Lines that are likely to be almost a message.
fn a_line() -> impl Strategy<Value = String> {
    prop_oneof![
        "(@[a;=+\\\\ ]{0,6} )?(:[a!@ ]{0,4} )?(PRIVMSG|X|)[ :a#é]{0,20}",
        any::<String>()
    ]
}

proptest! {
    #[test]
    fn any_line_is_read(line in a_line()) {
        if let Ok(message) = Message::parse(&line) {
            let (last, others) = message.params().split_last().unwrap_or((&"", &[]));
            prop_assert!(!last.contains(['\0', '\r', '\n']));
            for param in others {
                prop_assert!(!param.is_empty());
                prop_assert!(!param.starts_with(':'));
                prop_assert!(!param.contains([' ', '\0', '\r', '\n']));
            }
        }
    }

    #[test]
    fn the_short_way_leads_to_the_same(target in "[:#aé ]{0,4}", text in "[ :aé\r]{0,8}") {
        let line = format!("PRIVMSG {target} {text}");
        if let Some((target, text)) = privmsg(&line) {
            let message = Message::parse(&line).unwrap();
            prop_assert_eq!(message.command, "PRIVMSG");
            prop_assert_eq!(message.params(), [target, text]);
        }
    }
}
