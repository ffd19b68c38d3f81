//! From who talks to the mailboxes of those who are told, and out of them, without wires and connections:
//! those who take part are in-process users.

#![allow(clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::{cell::RefCell, hint::black_box};

use chinwag_core::{Event, Hub, LocalUser};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::{FutureExt, StreamExt};

const TEXT: &str = "the quick brown fox jumps over the lazy dog, and again and again";

/// How many messages wait at most. It is far from where a mailbox holds anybody back.
const WAITING: u64 = 64;

fn users(hub: &Hub, count: usize) -> Vec<LocalUser> {
    let user = |number| {
        hub.connect(&format!("user{number:04}"))
            .expect("the name is free")
    };
    (0..count).map(user).collect()
}

/// Takes all that waits, and then waits itself, so that the next message wakes it.
fn drain(user: &mut LocalUser) -> u64 {
    let mut taken = 0;
    while let Some(event) = user.next().now_or_never() {
        assert!(
            !matches!(event, None | Some(Event::Missed { .. })),
            "{event:?}"
        );
        taken += 1;
    }
    taken
}

fn drain_all(users: &mut [LocalUser]) {
    for user in users {
        drain(user);
    }
}

/// Somebody says something in a room: all its mailboxes get it. They are emptied in between, uncounted.
fn say(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route/say in a room of");
    for members in [10, 100, 1000] {
        let hub = Hub::new();
        let mut all = users(&hub, members);
        for member in &mut all {
            member.join("#lounge").expect("there is room");
        }
        drain_all(&mut all);
        let all = RefCell::new(all);
        group.throughput(Throughput::Elements(members as u64));
        group.bench_function(BenchmarkId::from_parameter(members), |bencher| {
            bencher.iter_batched(
                || drain_all(&mut all.borrow_mut()),
                |()| {
                    all.borrow_mut()[0]
                        .say("#lounge", black_box(TEXT))
                        .expect("there is room")
                },
                BatchSize::NumIterations(WAITING),
            );
        });
    }
}

/// Somebody sends something to one of a hundred.
fn direct(criterion: &mut Criterion) {
    let hub = Hub::new();
    let all = RefCell::new(users(&hub, 100));
    criterion.bench_function("route/direct", |bencher| {
        bencher.iter_batched(
            || drain(&mut all.borrow_mut()[42]),
            |_| {
                all.borrow_mut()[0]
                    .send("user0042", black_box(TEXT))
                    .expect("there is room")
            },
            BatchSize::NumIterations(WAITING),
        );
    });
}

/// Into one mailbox: by the program, which is asked for least. And out of it.
fn mailbox(criterion: &mut Criterion) {
    let hub = Hub::new();
    let reader = RefCell::new(hub.connect("reader").expect("the name is free"));
    let mut group = criterion.benchmark_group("mailbox");
    group.throughput(Throughput::Elements(1));
    group.bench_function("push", |bencher| {
        bencher.iter_batched(
            || drain(&mut reader.borrow_mut()),
            |_| hub.tell("reader", black_box(TEXT)).expect("there is room"),
            BatchSize::NumIterations(WAITING),
        );
    });
    group.throughput(Throughput::Elements(WAITING));
    group.bench_function("drain 64", |bencher| {
        let fill = || (0..WAITING).for_each(|_| hub.tell("reader", TEXT).expect("there is room"));
        drain(&mut reader.borrow_mut());
        bencher.iter_batched(
            fill,
            |()| assert_eq!(drain(&mut reader.borrow_mut()), WAITING),
            BatchSize::PerIteration,
        );
    });
}

criterion_group!(benches, say, direct, mailbox);
criterion_main!(benches);
