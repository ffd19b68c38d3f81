//! From bytes to requests.

use std::hint::black_box;

use chinwag_core::wire::{Line, Reading, Seed, Wire};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const TEXT: &str = "the quick brown fox jumps over the lazy dog, and again and again";

/// One line of each verb.
fn verbs(criterion: &mut Criterion) {
    let lines = [
        ("say", format!("say,#lounge,{TEXT}")),
        ("chat", format!("chat,user042,{TEXT}")),
        ("register", "register,user042".into()),
        ("list", "list,friends".into()),
        ("join", "join,#lounge".into()),
        ("leave", "leave,#lounge".into()),
        ("topic", format!("topic,#lounge,{TEXT}")),
        ("kick", "kick,#lounge,user042,be nice".into()),
        ("ban", "ban,#lounge,user042".into()),
        ("unban", "unban,#lounge,user042".into()),
        ("role", "role,#lounge,user042,moderator".into()),
        ("invite", "invite,#lounge,user042".into()),
        ("invite-only", "invite-only,#lounge,on".into()),
        ("whois", "whois,user042".into()),
        ("away", "away,lunch".into()),
        ("ping", "ping".into()),
        ("quit", "quit".into()),
        ("nonsense", "hello, is this the weather service?".into()),
    ];
    let mut group = criterion.benchmark_group("decode/line");
    for (verb, line) in &lines {
        let (mut wire, mut reading) = (Line::default(), Reading::default());
        group.bench_function(*verb, |bencher| {
            bencher.iter(|| {
                wire.decode(black_box(line.as_bytes()), &mut reading)
                    .is_ok()
            });
        });
    }
}

/// What one read brings under load.
fn batch(criterion: &mut Criterion) {
    let lines = format!("say,#lounge,{TEXT}\nchat,user042,{TEXT}\n").repeat(32);
    let mut group = criterion.benchmark_group("decode/64 lines");
    group.throughput(Throughput::Elements(64));
    group.bench_function("line", |bencher| {
        bencher.iter(|| frames(Line::default(), black_box(lines.as_bytes())));
    });
    let message = format!("chat,user042,{TEXT}");
    group.bench_function("seed", |bencher| {
        // Each read is a frame there.
        let read = || frames(Seed::default(), black_box(message.as_bytes()));
        bencher.iter(|| (0..64).map(|_| read()).sum::<usize>());
    });
}

fn frames(mut wire: impl Wire, mut input: &[u8]) -> usize {
    let (mut reading, mut read) = (Reading::default(), 0);
    while !input.is_empty()
        && let Some(end) = wire.frame_end(input)
    {
        let (frame, rest) = input.split_at(end);
        let payload = wire.payload(frame);
        read += usize::from(matches!(
            black_box(wire.decode(payload, &mut reading)),
            Ok(Some(_))
        ));
        input = rest;
    }
    read
}

criterion_group!(benches, verbs, batch);
criterion_main!(benches);
