//! Every server that needs no installation is started, talked to and stopped, as `chinwag-bench peers --check`
//! does it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::process::Command;

const OWN: [&str; 6] = [
    "relay",
    "relay-batched",
    "tokio-drain",
    "tokio-mpsc",
    "asyncio",
    "threads",
];

fn check(names: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_chinwag-bench"))
        .args(["peers", "--no-build", "--check"])
        .args(names)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text.into_owned())
}

#[test]
fn the_servers_written_for_it_do_what_they_are_measured_at() {
    let (success, text) = check(&OWN);
    assert!(success, "{text}");
    for name in OWN {
        assert!(
            text.contains(&format!("\n{name} (")),
            "{name} is not here: {text}"
        );
    }
    assert_eq!(text.matches(": ok, ").count(), OWN.len(), "{text}");
}

/// It is beside this program if the whole workspace is tested, and has tests of its own in any case.
#[test]
fn chinwagd_does_so_too_or_is_named_as_absent() {
    let names = ["tokio", "smol", "async-std", "threads"].map(|name| format!("chinwagd-{name}"));
    let names = names.each_ref().map(String::as_str);
    let (success, text) = check(&names);
    assert!(success, "{text}");
    let absent = text
        .matches("absent: there is no program `chinwagd`")
        .count();
    let passed = text.matches(": ok, ").count();
    assert_eq!(absent * 2 + passed, names.len() * 2, "{text}");
}

/// It is here if that chinwagd has the wire.
#[test]
fn chinwagd_does_so_in_irc_or_is_named_as_absent() {
    let (success, text) = check(&["chinwagd-irc"]);
    assert!(success, "{text}");
    let absent = [
        "there is no program `chinwagd`",
        "this chinwagd has no wire `irc`",
    ]
    .iter()
    .any(|why| text.contains(&format!("absent: {why}")));
    assert!(
        absent != text.contains("chinwagd-irc (irc): ok, "),
        "{text}"
    );
}

/// They are here if they are installed.
#[test]
fn servers_of_irc_do_so_or_are_named_as_absent() {
    let names = ["ngircd", "inspircd"];
    let (success, text) = check(&names);
    assert!(success, "{text}");
    for name in names {
        let absent = text.contains(&format!("absent: there is no {name} "));
        assert!(
            absent != text.contains(&format!("{name} (irc): ok, ")),
            "{text}"
        );
    }
}

#[test]
fn a_peer_that_does_not_exist_is_refused() {
    let (success, text) = check(&["irssi"]);
    assert!(
        !success && text.contains("there is no peer `irssi`"),
        "{text}"
    );
}
