use std::cell::Cell;

use proptest::prelude::*;

use super::*;

fn mask(text: &str) -> Result<Mask, MaskError> {
    text.parse()
}

/// Whether a mask means one of these parts.
fn means_them(mask: &Mask, name: &str, login: &str, host: &str) -> bool {
    mask.matches_looks(&Looks::new(name, login, host.to_owned().into()))
}

fn completed(text: &str) -> String {
    mask(text).unwrap().to_string()
}

#[test]
fn short_forms_are_completed() {
    for (short, whole) in [
        ("ada", "ada!*@*"),
        ("10.0.0.1", "10.0.0.1!*@*"),
        ("ada!~a", "ada!~a@*"),
        ("~a@host", "*!~a@host"),
        ("@host", "*!*@host"),
        ("ada!", "ada!*@*"),
        ("!~a", "*!~a@*"),
        ("ada!@host", "ada!*@host"),
        ("ada!~a@host", "ada!~a@host"),
        ("!@", "*!*@*"),
        ("*", "*!*@*"),
        ("a!b@c@d", "a!b@c@d"),
        ("a@b!c", "a@b!c@*"),
        ("~a@::1", "*!~a@::1"),
    ] {
        assert_eq!(completed(short), whole);
        assert_eq!(completed(whole), whole);
    }
    for (text, why) in [
        (String::new(), MaskError::Empty),
        ("a b".into(), MaskError::Forbidden),
        (":a".into(), MaskError::Forbidden),
        ("a\0".into(), MaskError::Forbidden),
        ("a\r".into(), MaskError::Forbidden),
        ("a\n".into(), MaskError::Forbidden),
        ("*".repeat(MAX_MASK + 1), MaskError::TooLong(MAX_MASK)),
    ] {
        assert_eq!(mask(&text), Err(why), "{text:?}");
    }
    assert!(mask(&"*".repeat(MAX_MASK)).is_ok());
}

#[test]
fn a_mask_means_all_three_parts() {
    let all = mask("A*!~?@*.Example.org").unwrap();
    assert!(means_them(&all, "ada", "~x", "a.b.example.ORG"));
    assert!(!means_them(&all, "bob", "~x", "a.example.org"));
    assert!(!means_them(&all, "ada", "~xy", "a.example.org"));
    assert!(!means_them(&all, "ada", "~x", "example.org"));
    assert!(means_them(&mask("*").unwrap(), "", "", ""));
    assert_eq!(mask("ada"), mask("ADA!*@*"));
    assert_ne!(mask("ada"), mask("ada!~a"));
}

#[test]
fn letters_are_the_same_as_in_names() {
    for (pattern, text) in [
        ("ŁUKASZ", "łukasz"),
        ("ł*sz", "ŁUKASZ"),
        ("straße", "STRASSE"),
        ("STRASSE", "Straße"),
        ("οδο?", "ΟΔΟΣ"),
        ("*ς", "ΟΔΟΣ"),
        ("\u{212a}ai", "kai"),
        // What matches one spelling matches the others.
        ("stra??e", "straße"),
        ("stra??e", "strasse"),
    ] {
        assert!(matches(pattern, text, Fold::Name), "{pattern} {text}");
    }
    assert!(!matches("stra?e", "straße", Fold::Name));
    assert!(!matches("Ł", "ł", Fold::Ascii));
    assert!(matches("ŁA", "Ła", Fold::Ascii));
    assert!(matches("?", "ł", Fold::Ascii));
}

/// Otherwise a name could be a pattern in disguise, or a pattern mean something else than it seems to.
#[test]
fn wildcards_are_only_those_that_are_written() {
    for c in (0..=char::MAX as u32).filter_map(char::from_u32) {
        let is_wildcard = c == '*' || c == '?';
        let folded = fold_name(c).any(|folded| folded == '*' || folded == '?');
        assert_eq!(is_wildcard, folded, "{c:?}");
    }
    for byte in 0..=127 {
        let c = char::from(byte);
        assert!(fold_name(c).eq([c.to_ascii_lowercase()]), "{c:?}");
    }
}

#[test]
fn no_pattern_takes_long() {
    let text = "a".repeat(MAX_MASK);
    for pattern in [
        "*a".repeat(MAX_MASK / 2) + "b",
        "*".repeat(MAX_MASK),
        "*?".repeat(MAX_MASK / 2) + "b",
        "*".to_owned() + &"a".repeat(MAX_MASK / 2) + "b",
        ("*".to_owned() + &"a".repeat(MAX_MASK / 8 - 1) + "b").repeat(8),
        "a*".repeat(MAX_MASK / 2) + "b",
    ] {
        let looks = Cell::new(0);
        let counted = text.chars().inspect(|_| looks.set(looks.get() + 1));
        glob(pattern.chars(), counted);
        let longest = pattern.split('*').map(str::len).max().unwrap();
        let most = text.len() * (longest + 3);
        assert!(looks.get() <= most, "{pattern}: {} > {most}", looks.get());
    }
}

/// What a mask means, told without regard to how long it takes to find out.
fn means(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        (['*', behind @ ..], _) => (0..=text.len()).any(|len| means(behind, &text[len..])),
        (['?', behind @ ..], [_, rest @ ..]) => means(behind, rest),
        ([expected, behind @ ..], [found, rest @ ..]) => expected == found && means(behind, rest),
        _ => false,
    }
}

proptest! {
    #[test]
    fn a_mask_matches_what_it_means(pattern in "[ab*?]{0,10}", text in "[ab]{0,12}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let expected = means(&chars(&pattern), &chars(&text));
        prop_assert_eq!(matches(&pattern, &text, Fold::Ascii), expected);
        prop_assert_eq!(matches(&pattern, &text, Fold::Name), expected);
        prop_assert_eq!(Letters::new(&text).matches(&pattern), expected);
        // By the way that texts take which are not ASCII.
        let [pattern, text] = [pattern, text].map(|text| text.replace('a', "ł"));
        prop_assert_eq!(matches(&pattern, &text, Fold::Ascii), expected);
        prop_assert_eq!(matches(&pattern, &text, Fold::Name), expected);
        prop_assert_eq!(Letters::new(&text).matches(&pattern), expected);
    }

    /// However they are looked for, and however long they are.
    #[test]
    fn a_name_is_found_in_both_ways(pattern in "[aßΐ*?]{0,9}", text in "[aSßΐ]{0,9}", times in 1_usize..30) {
        let fold = |text: &str| text.chars().flat_map(fold_name).collect::<String>();
        let pattern = format!("{pattern}*");
        let text = text.repeat(times);
        let found = Letters::new(&text).matches(&fold(&pattern));
        prop_assert_eq!(found, matches(&pattern, &text, Fold::Name));
    }

    #[test]
    fn any_mask_is_read_and_matched(mask in any::<String>(), text in any::<String>()) {
        if let Ok(read) = super::tests::mask(&mask) {
            means_them(&read, &text, &text, &text);
            let whole = read.to_string();
            if whole.len() <= MAX_MASK {
                prop_assert_eq!(super::tests::mask(&whole), Ok(read));
            }
        }
        matches(&text, &mask, Fold::Name);
    }

    #[test]
    fn every_text_without_wildcards_means_itself(text in "[^*?]{0,40}") {
        prop_assert!(matches(&text, &text, Fold::Name));
        prop_assert!(matches(&text, &text, Fold::Ascii));
        prop_assert!(matches(&text.to_uppercase(), &text, Fold::Name));
        prop_assert!(matches(&text.to_ascii_uppercase(), &text, Fold::Ascii));
    }
}
