//! How much and how fast: what is past a limit is refused, and what is not is served.

use crate::process::{ANYWHERE, Chinwagd, Folder, command};

/// How many requests are more than may come at once by default, but not so many that it disconnects.
const BURST: usize = 300;

/// What so many pings are answered with, up to the first refusal.
fn burst_of_pings(chinwagd: &Chinwagd) -> Option<String> {
    let mut ada = chinwagd.user("ada");
    ada.say(&"ping\n".repeat(BURST));
    (0..BURST)
        .map(|_| ada.hear())
        .find(|answer| answer != "pong")
}

#[test]
fn only_without_a_throttle_all_of_a_burst_is_served() {
    let refused = burst_of_pings(&Chinwagd::start(&[])).unwrap();
    assert!(refused.starts_with("error,rate-limited,ping"), "{refused}");

    assert_eq!(burst_of_pings(&Chinwagd::start(&["--no-throttle"])), None);
    let mut by_variable = command(&ANYWHERE);
    by_variable.env("CHINWAG_NO_THROTTLE", "1");
    assert_eq!(burst_of_pings(&Chinwagd::spawn(&mut by_variable, 2)), None);
    // A flag covers what the file says of rates.
    let folder = Folder::new("throttle");
    let file = folder.file("c.toml", "message-rate = '1/h'\nmessage-burst = 2");
    let chinwagd = Chinwagd::start(&["--config", &file, "--no-throttle"]);
    assert_eq!(burst_of_pings(&chinwagd), None);
    let chinwagd = Chinwagd::start(&["--config", &file, "--message-rate", "off"]);
    assert_eq!(burst_of_pings(&chinwagd), None);
    let chinwagd = Chinwagd::start(&["--config", &file, "--message-burst", "1000"]);
    assert_eq!(burst_of_pings(&chinwagd), None);
}

#[test]
fn what_is_past_a_limit_is_refused() {
    for (flags, requests, refusal) in [
        (
            &["--max-rooms", "1"][..],
            &["join,#a", "join,#b"][..],
            "error,full,",
        ),
        (
            &["--max-rooms-per-user", "1"],
            &["join,#a", "join,#b"],
            "error,full,",
        ),
        (
            &["--max-topic", "5"],
            &["join,#a", "topic,#a,longer"],
            "error,too-long,",
        ),
        (
            &["--max-bans", "1"],
            &["join,#a", "ban,#a,eve", "ban,#a,mallory"],
            "error,full,",
        ),
        (
            &["--message-rate", "1/day", "--message-burst", "2"],
            &["ping", "ping"],
            "error,rate-limited,ping",
        ),
        (
            &["--byte-rate", "1/day", "--byte-burst", "30"],
            &["ping", "ping", "chat,ada,I have said enough"],
            "error,rate-limited,chat",
        ),
        (
            &["--join-rate", "1/day", "--join-burst", "1"],
            &["join,#a", "join,#b"],
            "error,rate-limited,join",
        ),
    ] {
        let chinwagd = Chinwagd::start(flags);
        let mut ada = chinwagd.user("ada");
        let (last, others) = requests.split_last().unwrap();
        for request in others {
            let mut answer = ada.ask(request);
            // What the room is told comes first.
            while answer.starts_with('#') {
                answer = ada.hear();
            }
            assert!(!answer.starts_with("error"), "{flags:?}: {answer}");
        }
        let answer = ada.ask(last);
        assert!(answer.starts_with(refusal), "{flags:?}: {answer}");
    }
}

#[test]
fn a_room_that_is_full_takes_nobody() {
    let chinwagd = Chinwagd::start(&["--max-members", "1"]);
    let mut ada = chinwagd.user("ada");
    assert_eq!(ada.ask("join,#a"), "ack");
    let refused = chinwagd.user("bob").ask("join,#a");
    assert!(refused.starts_with("error,full,"), "{refused}");
}

#[test]
fn an_address_has_its_limits_and_this_machine_too_if_it_is_said() {
    for (limit, refusal) in [
        (&["--max-connections-per-address", "1"][..], "error,full,"),
        (
            &["--connection-rate", "1/day", "--connection-burst", "1"],
            "error,rate-limited,",
        ),
    ] {
        let chinwagd = Chinwagd::start(limit);
        let _ada = chinwagd.user("ada");
        chinwagd.user("bob");

        let chinwagd = Chinwagd::start(&[limit, &["--limit-loopback"]].concat());
        let _ada = chinwagd.user("ada");
        let mut bob = chinwagd.line();
        let refused = bob.hear();
        assert!(refused.starts_with(refusal), "{limit:?}: {refused}");
        bob.hears_the_end();
    }
    let off = ["--max-connections-per-address", "off", "--limit-loopback"];
    let chinwagd = Chinwagd::start(&off);
    let _ada = chinwagd.user("ada");
    chinwagd.user("bob");
}
