//! What becomes of readers who are behind, and of names that somebody has.

use std::{net::TcpStream, process::Stdio};

use crate::{
    peer::Peer,
    process::{ANYWHERE, Chinwagd, command},
};

/// How many messages: far more than the system's buffers hold.
const MESSAGES: usize = 5000;

/// A server in which Bob has sent Ada, who does not read, [`MESSAGES`] or, if she is disconnected before,
/// fewer. Returns her, and whether she was.
fn flooded(policy: &str) -> (Chinwagd, Peer<TcpStream>, bool) {
    let flags = ["--slow-reader", policy, "--mailbox-bytes", "16384"];
    let flags = [&flags[..], &["--patience", "off", "--no-throttle"]].concat();
    let chinwagd = Chinwagd::start(&flags);
    let ada = chinwagd.user("ada");
    let mut bob = chinwagd.user("bob");
    let padding = "x".repeat(4000);
    for first in (0..MESSAGES).step_by(100) {
        let messages = (first..first + 100).map(|number| format!("chat,ada,{number} {padding}\n"));
        bob.say(&messages.collect::<String>());
        bob.say("ping\n");
        let answer = bob.hear();
        if answer != "pong" {
            assert!(answer.starts_with("error,no-such-user,"), "{answer}");
            return (chinwagd, ada, true);
        }
    }
    (chinwagd, ada, false)
}

/// Reads until all messages are there or said to be missing. Returns the numbers of those that are.
fn messages(ada: &mut Peer<TcpStream>) -> Vec<usize> {
    let mut numbers = Vec::new();
    let mut missed = 0;
    while numbers.len() + missed < MESSAGES {
        let line = ada.hear();
        let run = line
            .strip_prefix("missed,")
            .and_then(|run| run.split_once(','));
        match run {
            Some((count, _)) => missed += count.parse::<usize>().unwrap(),
            None => numbers.push(number(&line)),
        }
    }
    assert!(missed > 0 && numbers.is_sorted());
    assert_eq!(ada.ask("ping"), "pong");
    numbers
}

fn number(line: &str) -> usize {
    let message = line.strip_prefix("bob says ").unwrap();
    let (number, _) = message.split_once(' ').unwrap();
    number.parse().unwrap()
}

#[test]
fn a_slow_reader_is_disconnected() {
    let (_chinwagd, mut ada, was_disconnected) = flooded("disconnect");
    assert!(was_disconnected);
    let mut expected = 0;
    let last = loop {
        let line = ada.hear();
        if line.starts_with("error,") {
            break line;
        }
        assert_eq!(number(&line), expected);
        expected += 1;
    };
    assert!(last.starts_with("error,full,"), "{last}");
    ada.hears_the_end();
}

#[test]
fn a_slow_reader_loses_the_oldest() {
    let (_chinwagd, mut ada, was_disconnected) = flooded("drop-oldest");
    assert!(!was_disconnected);
    assert_eq!(messages(&mut ada).last(), Some(&(MESSAGES - 1)));
}

#[test]
fn a_slow_reader_loses_the_newest() {
    let (_chinwagd, mut ada, was_disconnected) = flooded("drop-newest");
    assert!(!was_disconnected);
    assert_eq!(messages(&mut ada).first(), Some(&0));
}

#[test]
fn a_taken_name_is_refused_unless_it_is_said() {
    let chinwagd = Chinwagd::start(&[]);
    let mut ada = chinwagd.user("ada");
    let refused = chinwagd.line().ask("register,Ada");
    assert!(refused.starts_with("error,name-taken,"), "{refused}");
    assert_eq!(ada.ask("ping"), "pong");
}

#[test]
fn a_taken_name_goes_to_the_newer_connection() {
    let chinwagd = Chinwagd::start(&["--taken-name", "replace"]);
    let mut older = chinwagd.user("ada");
    let mut newer = chinwagd.user("ada");
    let last = older.hear();
    assert!(last.starts_with("error,replaced,"), "{last}");
    older.hears_the_end();
    assert_eq!(newer.ask("list,friends"), "ada");
}

#[test]
fn a_shared_name_has_as_many_connections_as_it_may() {
    let chinwagd = Chinwagd::start(&["--taken-name", "share", "--max-devices", "2"]);
    let mut devices = [chinwagd.user("ada"), chinwagd.user("ada")];
    let full = chinwagd.line().ask("register,ada");
    assert!(full.starts_with("error,full,"), "{full}");
    chinwagd.user("bob").say("chat,ada,hello\n");
    for device in &mut devices {
        assert_eq!(device.hear(), "bob says hello");
    }
}

#[test]
fn a_warning_says_that_names_can_be_taken_over() {
    for (policy, warns) in [("refuse", false), ("replace", true), ("share", true)] {
        let mut command = command(&ANYWHERE);
        command
            .args(["--taken-name", policy])
            .stderr(Stdio::piped());
        let log = Chinwagd::spawn(&mut command, 2).stop_and_read_the_log();
        let said = format!("taken-name is {policy}, and without accounts: anybody can take over");
        assert_eq!(log.contains(&said), warns, "{log}");
        assert_eq!(log.contains("WARN"), warns, "{log}");
    }
}
