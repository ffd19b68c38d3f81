use chinwag_core::Topic;

use super::*;

fn minutes(minutes: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(60 * minutes)
}

fn room(name: &str, members: usize, created: u64, topic: Option<u64>) -> RoomInfo {
    RoomInfo {
        members,
        created: minutes(created),
        topic: Topic {
            text: "t".into(),
            set: topic.map(|at| (None, minutes(at))),
        },
        ..RoomInfo::from(name.parse::<RoomName>().unwrap())
    }
}

#[test]
fn channels_are_filtered_by_all_that_is_said() {
    let rooms = [
        room("#rust", 10, 0, Some(95)),
        room("#rust-old", 2, 0, None),
        room("#go", 5, 95, Some(50)),
    ];
    let matching = |filter: &str| -> Vec<usize> {
        let wanted: Vec<_> = filter.split(',').collect();
        let filter = Filter::new(&wanted, minutes(100));
        (0..rooms.len())
            .filter(|&at| filter.matches(&rooms[at]))
            .collect()
    };
    for (filter, right) in [
        ("", &[0, 1, 2][..]),
        ("#rust", &[0]),
        ("#RUST,#go", &[0, 2]),
        ("#rust*", &[0, 1]),
        ("*o*", &[1, 2]),
        ("!*o*", &[0]),
        ("#rust*,!*-*", &[0]),
        (">4", &[0, 2]),
        ("<5", &[1]),
        (">2,<10", &[2]),
        ("C<10", &[2]),
        ("C>10", &[0, 1]),
        ("T<10", &[0]),
        ("t>10", &[2]),
        ("T<10,<10", &[]),
        ("<x", &[0, 1, 2]),
    ] {
        assert_eq!(matching(filter), right, "{filter}");
    }
}

#[test]
fn users_are_found_by_any_of_what_is_known_of_them() {
    let ada: Person = "ada".parse().unwrap();
    for (mask, is_right) in [
        ("*", true),
        ("0", true),
        ("A?a", true),
        ("b*", false),
        ("local*", true),
        ("irc.*", true),
        ("ada!*@*", true),
        ("*@localhost", true),
        ("bob!*@*", false),
    ] {
        let query = WhoQuery::new(mask, "");
        assert_eq!(query.matches(&ada, "irc.example.org"), is_right, "{mask}");
    }
    assert!(!WhoQuery::new("*", "o").matches(&ada, ""));
    assert!(WhoQuery::is_name("ada") && !WhoQuery::is_name("a*") && !WhoQuery::is_name("0"));
}

#[test]
fn fields_have_a_token_of_digits() {
    for (flags, token) in [
        ("%tna,42", "42"),
        ("%n", "0"),
        ("%n,x", "0"),
        ("%n,1234", "0"),
    ] {
        let query = WhoQuery::new("#a", flags);
        let fields = query.fields.unwrap();
        assert_eq!(&*fields.token, token);
        assert!(fields.has('n') && !fields.has('u'));
    }
    let query = WhoQuery::new("#a", "o%n");
    assert!(query.operators && query.fields.is_some());
}
