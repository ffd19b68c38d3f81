//! Whole conversations with a hub: what is sent, and what comes back.
//!
//! Each is a file in `scripts`. What is sent stands as it is; what is heard is indented. To write down what is heard
//! now, and to look at it, run the tests with `TRANSCRIPTS=write`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod chat;
mod storm;

use std::{env, fs, path::Path};

use chat::{Setup, talk};
use chinwag_core::TakenName;
use chinwag_wire_irc::Irc;

/// Runs a script, and compares what is heard with what is written down.
fn check(name: &str, setup: Setup) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/transcript/scripts")
        .join(name);
    let written = fs::read_to_string(&path).unwrap();
    let is_sent = |line: &&str| !line.starts_with(' ');
    let script: Vec<_> = written.lines().filter(is_sent).collect();
    let heard = talk(setup, &script.join("\n"));
    if env::var_os("TRANSCRIPTS").is_some_and(|how| how == "write") {
        fs::write(&path, heard).unwrap();
        return;
    }
    for (index, (heard, written)) in heard.lines().zip(written.lines()).enumerate() {
        assert_eq!(heard, written, "{name}, line {}", index + 1);
    }
    assert_eq!(heard.lines().count(), written.lines().count(), "{name}");
}

macro_rules! scripts {
    ($($test:ident: $setup:expr;)*) => {
        $(
            #[test]
            fn $test() {
                check(concat!(stringify!($test), ".txt"), $setup);
            }
        )*
    };
}

scripts! {
    registration: Setup::default();
    channels: Setup::default();
    modes: Setup::default();
    messages: Setup::default();
    users: Setup::default();
    capabilities: Setup::default();
    labels: Setup::default();
    operators: Setup::default();
    server: Setup { irc: example(), ..Setup::default() };
    password: Setup { irc: example().password("open"), ..Setup::default() };
    other_wires: Setup::default();
    several_devices: Setup { taken_name: TakenName::Share, ..Setup::default() };
}

fn example() -> chinwag_wire_irc::IrcBuilder {
    Irc::builder()
        .server_name("irc.example.org")
        .network_name("Example")
        .motd("Welcome.\nBe kind.")
        .admin(["Somewhere", "A test", "nobody@example.org"])
        .no_keep_alive()
}
