use proptest::prelude::*;

use super::*;

fn keys<'a>(tags: impl Iterator<Item = Tag<'a>>) -> Vec<&'a str> {
    let mut keys: Vec<_> = tags.map(|tag| tag.key).collect();
    keys.sort_unstable();
    keys
}

fn written(write: impl FnOnce(&mut TagWriter<'_>)) -> String {
    let mut out = Vec::new();
    let mut tags = TagWriter::new(&mut out);
    write(&mut tags);
    tags.end();
    String::from_utf8(out).unwrap()
}

#[test]
fn what_stands_for_what() {
    // The examples of the specification, and every row of its table.
    for (raw, value) in [
        (r"raw+:=,escaped\:\s\\", "raw+:=,escaped; \\"),
        (r"a\r\nb", "a\r\nb"),
        ("zażółć", "zażółć"),
        ("", ""),
    ] {
        assert_eq!(unescape(raw), value);
        let mut out = Vec::new();
        escape(value, &mut out);
        assert_eq!(out, raw.as_bytes());
    }
    assert_eq!(unescape("test\\"), "test");
    assert_eq!(unescape(r"\b"), "b");
    assert_eq!(unescape(r"\ż\\\"), "ż\\");
    assert!(matches!(unescape("plain"), Cow::Borrowed("plain")));
}

#[test]
fn tags_of_all_kinds() {
    let tags = Tags::new("a=1;;=x;+b=2=3;c;+d/e;+;a=4;label=x\\:y");
    assert_eq!(
        keys(tags.iter()),
        ["+", "+b", "+d/e", "a", "a", "c", "label"]
    );
    assert_eq!(tags.find("a").unwrap().raw, "4");
    assert_eq!(tags.find("+b").unwrap().raw, "2=3");
    assert_eq!(tags.find("b"), None);
    assert_eq!(tags.find("A"), None);
    assert_eq!(tags.label(), Some("x\\:y"));
    assert_eq!(keys(tags.client_only()), ["+b", "+d/e"]);

    assert_eq!(Tags::default().iter().next(), None);
    assert_eq!(Tags::new("label").label(), None);
    assert_eq!(Tags::new("label=a;label=").label(), None);
    assert_eq!(keys(Tags::new("+a").client_only()), ["+a"]);
}

#[test]
fn of_a_client_only_tag_that_comes_twice_the_last_is_relayed() {
    let tags = Tags::new("+a=1;+b=2;+a=3");
    let relayed = written(|writer| {
        writer.tag("time", "12:00");
        for tag in tags.client_only() {
            assert!(writer.relay(tag));
        }
    });
    assert_eq!(relayed, "@time=12:00;+a=3;+b=2 ");
}

#[test]
fn tags_are_written_whole_or_not_at_all() {
    assert_eq!(written(|_| {}), "");
    assert_eq!(written(|tags| assert!(tags.tag("a", ""))), "@a ");
    assert_eq!(written(|tags| assert!(tags.tag("a", "b\0 c"))), "@a=b\\sc ");

    let most = "x".repeat(MAX_TAG_DATA - 2);
    let more = "x".repeat(MAX_TAG_DATA - 1);
    let section = written(|tags| {
        assert!(!tags.tag("a", &more));
        assert!(tags.tag("a", &most));
        assert!(!tags.tag("b", ""));
        // All that a client can send goes in beside all that a server can add.
        let data = format!("+={most}");
        let tag = Tags::new(&data).iter().next().unwrap();
        let longer = format!("+={more}");
        assert!(!tags.relay(Tags::new(&longer).iter().next().unwrap()));
        assert!(tags.relay(tag));
        assert!(!tags.relay(tag));
    });
    assert_eq!(section.len(), MAX_TAGS);
    assert!(section.ends_with("x "));
}

#[test]
#[cfg(debug_assertions)]
#[should_panic = "no key of a tag"]
fn a_key_of_our_own_is_good() {
    written(|tags| assert!(!tags.tag("a b", "")));
}

#[test]
fn thousands_of_tags() {
    let data: String = (0..1300).map(|_| "+a;").collect();
    assert_eq!(Tags::new(&data).client_only().count(), 1);
    let data: String = ('\u{4e00}'..'\u{5000}').map(|c| format!("+{c};")).collect();
    assert_eq!(Tags::new(&data).client_only().count(), 0x200);
}

proptest! {
    #[test]
    fn what_is_escaped_is_unescaped(value in any::<String>()) {
        let value = value.replace('\0', "");
        let mut out = Vec::new();
        escape(&value, &mut out);
        let raw = String::from_utf8(out).unwrap();
        prop_assert!(!raw.contains([';', ' ', '\r', '\n']));
        prop_assert_eq!(unescape(&raw), value);
    }

    #[test]
    fn any_value_is_unescaped(raw in "(\\\\|[:srn;a é]){0,20}") {
        prop_assert!(unescape(&raw).len() <= raw.len());
    }

    #[test]
    fn what_is_relayed_is_what_came(data in "([+]?[ab]{0,2}(=[a\\\\:=]{0,3})?;){0,8}") {
        let tags = Tags::new(&data);
        let relayed = written(|writer| {
            for tag in tags.client_only() {
                writer.relay(tag);
            }
        });
        let relayed = Tags::new(relayed.trim_matches(['@', ' ']));
        prop_assert_eq!(relayed.iter().count(), tags.client_only().count());
        for tag in tags.iter() {
            let expected = tags.find(tag.key).filter(|tag| tag.is_client_only());
            prop_assert_eq!(relayed.find(tag.key), expected);
        }
    }
}
