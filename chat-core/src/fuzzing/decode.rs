//! Bytes of a peer: what they ask for, and that it does not depend on how they come.

use std::time::{Duration, Instant};

use super::{Choices, epoch};
use crate::{
    config::{Limits, Timeouts},
    model::{ErrorCode, Verb},
    session::machine::{Action, Machine},
    wire::{Line, Reading, Seed, Wire, WireError},
};

const MAX_LINE: usize = 64;
/// The longest line with its CRLF.
const MAX_FRAME: usize = MAX_LINE + 2;
const REGISTER: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(60);

/// What comes of the bytes is what comes of their lines one by one, in whatever pieces they come; no text holds what
/// ends a line for somebody; nothing but an unfinished line is kept.
pub fn line_decode(data: &[u8]) {
    let mut choices = Choices(data);
    let count = usize::from(choices.byte() % 16);
    let cuts = choices.bytes(count).to_vec();
    let bytes = choices.0;
    let due = lines(bytes);
    assert_eq!(actions(Line, [bytes]), due);
    assert_eq!(actions(Line, bytes.chunks(1)), due);
    if !cuts.is_empty() {
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
        assert_eq!(actions(Line, pieces), due);
    }
    for action in due.iter().filter(|action| action.starts_with("Do")) {
        // What is written as a backslash is none of these.
        let written = action.replace(r"\\", "");
        let ends = [r"\n", r"\r", r"\0"];
        assert!(!ends.iter().any(|end| written.contains(end)), "{action}");
    }
}

/// Each piece asks for what it would ask for alone.
pub fn seed_decode(data: &[u8]) {
    let mut choices = Choices(data);
    let mut pieces = Vec::new();
    while !choices.is_empty() {
        let length = usize::from(choices.byte());
        pieces.push(choices.bytes(length));
    }
    let due: Vec<_> = pieces
        .iter()
        .filter_map(|piece| one(Seed::default(), Seed::default().payload(piece)))
        .collect();
    assert_eq!(actions(Seed::default(), pieces), due);
}

/// Bytes come at any times, some frames are put back and come again, a name comes and goes: the same comes of the
/// bytes, and whoever is silent for too long, or has no name for too long, is told so, at the time that was said before.
pub fn machine(data: &[u8]) {
    let start = epoch();
    let (mut machine, mut reading) = (new(start), Reading::default());
    let mut choices = Choices(data);
    let (mut now, mut heard) = (start, start);
    let mut has_name = false;
    let (mut bytes, mut actions) = (Vec::new(), Vec::new());
    while !choices.is_empty() {
        let what = choices.byte();
        match what % 8 {
            0..4 => {
                let length = usize::from(choices.byte() % 96);
                let mut rest = choices.bytes(length).to_vec();
                bytes.extend_from_slice(&rest);
                let mut again = what & 0x80 != 0;
                machine.heard(now);
                heard = now;
                while !rest.is_empty() {
                    let fed = machine.feed(&mut Line, &rest, &mut reading);
                    assert!((1..=rest.len()).contains(&fed.used));
                    let after = rest[fed.used..].to_vec();
                    let is_command = matches!(fed.action, Some(Action::Do(_)));
                    let action = fed.action.as_ref().map(written);
                    rest = if is_command && again {
                        machine.put_back(&rest, &after)
                    } else {
                        actions.extend(action);
                        after
                    };
                    again = !again && what & 0x40 != 0;
                }
                machine.pause();
                assert!(machine.kept() <= 2 * MAX_FRAME, "a vector doubles");
                let is_whole = bytes.last().is_none_or(|&byte| byte == b'\n');
                assert!(!is_whole || machine.kept() == 0);
            }
            4..6 => now += Duration::from_millis(u64::from(choices.byte()) * 100),
            6 => has_name = !has_name,
            _ => now += Duration::from_secs(u64::from(choices.byte())),
        }
        let idle = heard + IDLE;
        let due = match has_name {
            true => idle,
            false => idle.min(start + REGISTER),
        };
        assert_eq!(machine.deadline(&Line, has_name), Some(due));
        assert_eq!(machine.overdue(&Line, now, has_name).is_some(), due <= now);
    }
    assert_eq!(actions, lines(&bytes));
}

/// What comes of the lines in `bytes`, each of which is read by itself.
fn lines(bytes: &[u8]) -> Vec<String> {
    let mut due = Vec::new();
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        if line.ends_with(b"\n") {
            due.extend(one(Line, Line.payload(line)));
        } else if line.len() >= MAX_FRAME {
            // It is too long however it ends.
            due.push(too_long(Line.verb(line)));
        }
    }
    due
}

/// What comes of one frame.
fn one(mut wire: impl Wire, payload: &[u8]) -> Option<String> {
    if payload.len() > MAX_LINE {
        return Some(too_long(wire.verb(payload)));
    }
    match wire.decode(payload, &mut Reading::default()) {
        Ok(command) => {
            let command = command?;
            let verb = command.verb();
            let told = wire.clone().verb(payload);
            assert!(told == verb || told == Verb::Unknown, "{command:?}");
            Some(written(&Action::Do(command)))
        }
        Err(error) => Some(written(&Action::Refuse(error))),
    }
}

fn too_long(verb: Verb) -> String {
    let explanation = format!("a line has at most {MAX_LINE} bytes");
    written(&Action::Refuse(WireError {
        verb,
        code: ErrorCode::TooLong,
        explanation: explanation.into(),
    }))
}

fn written(action: &Action<'_>) -> String {
    format!("{action:?}")
}

/// Everything that comes of `pieces`.
fn actions<'a>(mut wire: impl Wire, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let (mut machine, mut reading) = (new(epoch()), Reading::default());
    let mut actions = Vec::new();
    for mut rest in pieces {
        while !rest.is_empty() {
            let fed = machine.feed(&mut wire, rest, &mut reading);
            assert!((1..=rest.len()).contains(&fed.used));
            actions.extend(fed.action.as_ref().map(written));
            rest = &rest[fed.used..];
        }
        machine.pause();
        assert!(machine.kept() <= 2 * MAX_FRAME, "a vector doubles");
    }
    actions
}

fn new(now: Instant) -> Machine {
    let limits = Limits::builder().max_line(MAX_LINE).build();
    let timeouts = Timeouts::builder().register(REGISTER).idle(IDLE).build();
    Machine::new(
        &limits.expect("limits"),
        &timeouts.expect("timeouts"),
        &Line,
        now,
    )
}
