//! Bytes of a peer: what they ask for, and that it does not depend on how they come.

use std::time::{Duration, Instant};

use super::Choices;
use crate::{
    config::{Limits, Timeouts},
    session::machine::Machine,
    wire::{Line, Seed, Wire},
};

const MAX_LINE: usize = 64;

/// The same comes of the bytes in whatever pieces they come; no text holds what ends a line for somebody; nothing but
/// an unfinished line is kept.
pub fn line_decode(data: &[u8]) {
    let mut choices = Choices(data);
    let count = usize::from(choices.byte() % 16);
    let cuts = choices.bytes(count).to_vec();
    let bytes = choices.0;
    let whole = actions(Line, [bytes]);
    let mut pieces = Vec::new();
    let mut rest = bytes;
    for cut in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((usize::from(*cut % 80) + 1).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    if !cuts.is_empty() {
        assert_eq!(actions(Line, pieces), whole);
    }
    assert_eq!(actions(Line, bytes.chunks(1)), whole);
    let lines = bytes.split(|&byte| byte == b'\n').count();
    assert!(whole.len() <= lines);
    for action in whole.iter().filter(|action| action.starts_with("Do")) {
        // What is written as a backslash is none of these.
        let written = action.replace(r"\\", "");
        let ends = [r"\n", r"\r", r"\0"];
        assert!(!ends.iter().any(|end| written.contains(end)), "{action}");
    }
}

/// Each piece asks for one thing at most.
pub fn seed_decode(data: &[u8]) {
    let mut choices = Choices(data);
    let mut pieces = Vec::new();
    while !choices.is_empty() {
        let length = usize::from(choices.byte());
        pieces.push(choices.bytes(length));
    }
    let count = pieces.iter().filter(|piece| !piece.is_empty()).count();
    assert!(actions(Seed::default(), pieces).len() <= count);
}

/// Everything that comes of `pieces`, written down, while time passes.
fn actions<'a>(wire: impl Wire, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let limits = Limits::builder().max_line(MAX_LINE).build();
    let timeouts = Timeouts::default();
    let mut now = epoch();
    let mut machine = Machine::new(wire, &limits.expect("limits"), &timeouts, now);
    let mut actions = Vec::new();
    for mut rest in pieces {
        now += Duration::from_secs(1);
        machine.heard(now);
        assert!(machine.deadline(true) > Some(now));
        assert!(machine.expired(now, true).is_none());
        while !rest.is_empty() {
            let fed = machine.feed(rest);
            assert!((1..=rest.len()).contains(&fed.used));
            actions.extend(fed.action.map(|action| format!("{action:?}")));
            rest = &rest[fed.used..];
        }
        machine.pause();
        // A vector doubles.
        assert!(machine.kept() <= 2 * (MAX_LINE + 2));
    }
    actions
}

#[expect(clippy::disallowed_methods, reason = "any moment will do")]
fn epoch() -> Instant {
    Instant::now()
}
