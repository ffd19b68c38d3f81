//! From events to bytes. (That a room's message is encoded once for all its readers is part of `paths`.)

#![allow(clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::{hint::black_box, sync::Arc};

use chinwag_core::{
    Answer, ErrorCode, Event, Kind, Limits, Person, QuitReason, Role, RoomName, RoomSetting, Stamp,
    Verb,
    wire::{Form, Line, Seed, Wire},
};
use criterion::{Criterion, criterion_group, criterion_main};

const TEXT: &str = "the quick brown fox jumps over the lazy dog, and again and again";

fn user(number: usize) -> Person {
    format!("user{number:03}").parse().expect("a name")
}

fn room() -> RoomName {
    "#lounge".parse().expect("a name")
}

fn events() -> Vec<(&'static str, Event)> {
    let (room, name, by, text) = (room(), user(42), Some(user(7)), Arc::<str>::from(TEXT));
    let from = by.clone();
    vec![
        ("direct", { Event::direct(from.clone(), text.clone()) }),
        ("sent", {
            let (to, from) = (name.clone(), user(7));
            Event::Sent {
                to: to.into(),
                from,
                text: text.clone(),
                kind: Kind::Message,
                extra: None,
                stamp: Stamp::default(),
            }
        }),
        ("said", {
            Event::said(room.clone(), 123_456, from, text.clone())
        }),
        ("joined", {
            let (room, name) = (room.clone(), name.clone());
            Event::Joined { room, name }
        }),
        ("left", {
            let (room, name) = (room.clone(), name.clone());
            let reason = None;
            Event::Left { room, name, reason }
        }),
        ("kicked", {
            let (room, name, by) = (room.clone(), name.clone(), by.clone());
            let (banned, reason) = (false, Some("be nice".into()));
            Event::Kicked {
                room,
                name,
                by,
                banned,
                reason,
            }
        }),
        ("topic", {
            let (room, by, text) = (room.clone(), by.clone(), text.clone());
            Event::Topic { room, by, text }
        }),
        ("role", {
            let (room, name, by) = (room.clone(), name.clone(), by.clone());
            let (role, was) = (Role::Moderator, Role::Member);
            Event::Role {
                room,
                name,
                role,
                was,
                by,
            }
        }),
        ("invite-only", {
            let (room, by) = (room.clone(), by.clone());
            let setting = RoomSetting::InviteOnly(true);
            Event::Set { room, setting, by }
        }),
        ("invited", {
            let name = name.clone();
            Event::Invited { room, name, by }
        }),
        ("renamed", {
            let (old, new) = (name.clone(), user(43));
            Event::Renamed { old, new }
        }),
        ("quit", {
            let (name, reason) = (name.clone(), QuitReason::Closed);
            let text = None;
            Event::Quit { name, reason, text }
        }),
        ("away", {
            let text = Some("lunch".into());
            Event::Away { name, text }
        }),
        ("missed", Event::Missed { count: 17 }),
        ("bye", Event::Bye),
        ("error", {
            let explanation = "nothing was heard for too long".into();
            Event::Error {
                code: ErrorCode::TimedOut,
                explanation,
            }
        }),
    ]
}

fn answers() -> Vec<(&'static str, Answer<'static>)> {
    let (room, name) = (room(), user(42));
    let (first, last) = (true, true);
    vec![
        (
            "welcome",
            Answer::Welcome {
                name,
                rooms: Vec::new(),
                connection: 1,
                limits: Limits::default(),
            },
        ),
        ("users, 100", {
            let users = (0..100).map(user).collect();
            Answer::Users { users, first, last }
        }),
        ("rooms, 1", {
            let rooms = vec![room.clone().into()];
            Answer::Rooms { rooms, first, last }
        }),
        ("topic is", {
            let topic = TEXT.into();
            Answer::Topic { room, topic }
        }),
        ("pong", Answer::Pong),
        ("refusal", {
            let (verb, code) = (Verb::Chat, ErrorCode::NoSuchUser);
            let explanation = "there is nobody of that name".into();
            Answer::Error {
                verb,
                code,
                explanation,
            }
        }),
    ]
}

fn encode<W: Wire>(criterion: &mut Criterion, mut wire: W, called: &str) {
    let mut group = criterion.benchmark_group(format!("encode/{called}"));
    let mut out = Vec::with_capacity(4096);
    for (name, answer) in answers() {
        out.clear();
        wire.answer(&answer, &mut out);
        if out.is_empty() {
            // It has no words for it.
            continue;
        }
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                wire.answer(black_box(&answer), &mut out);
                out.len()
            });
        });
    }
    for (name, event) in events() {
        out.clear();
        W::encode(&event, Form::default(), &mut out);
        if out.is_empty() {
            // It has no words for it.
            continue;
        }
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                W::encode(black_box(&event), Form::default(), &mut out);
                out.len()
            });
        });
    }
}

fn line(criterion: &mut Criterion) {
    encode(criterion, Line::default(), "line");
}

fn seed(criterion: &mut Criterion) {
    encode(criterion, Seed::default(), "seed");
}

criterion_group!(benches, line, seed);
criterion_main!(benches);
