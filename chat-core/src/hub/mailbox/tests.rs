use std::sync::atomic::{AtomicUsize, Ordering};

use futures::task::{ArcWake, waker};

use super::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl ArcWake for Count {
    fn wake_by_ref(count: &Arc<Self>) {
        count.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn event(text: &str) -> Item {
    Item::Own(Event::direct(Some("ada".parse().unwrap()), text))
}

fn push(mailbox: &Mailbox, item: Item) -> Pushed {
    mailbox.push(item, Manner::Patient)
}

fn urge(mailbox: &Mailbox, item: Item) -> Pushed {
    mailbox.push(item, Manner::Urgent)
}

fn publish(mailbox: &Mailbox, item: Item) -> Pushed {
    mailbox.push(item, Manner::Program)
}

/// What is taken out: the texts, and `-N` where N were missed.
fn taken(mailbox: &Mailbox, budget: usize) -> Vec<String> {
    let mut items = Vec::new();
    mailbox.take(budget, &mut items);
    let text = |item: Item| match item.into_event().unwrap() {
        Event::Direct { text, .. } => text.to_string(),
        Event::Missed { count } => format!("-{count}"),
        other => panic!("{other:?}"),
    };
    items.into_iter().map(text).collect()
}

/// A mailbox that is full with `events` of one byte of text each.
fn full_with(events: usize, policy: SlowReader) -> Arc<Mailbox> {
    Arc::new(Mailbox::new(
        events * event("x").cost(),
        Reader::Connection,
        policy,
    ))
}

fn room_for(events: usize) -> Arc<Mailbox> {
    full_with(events, SlowReader::Disconnect)
}

fn queued(pushed: Pushed) -> Option<Sleeper> {
    match pushed {
        Pushed::Queued(waker) | Pushed::Above(waker) => waker,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_goes_in_comes_out_in_order_and_by_budget() {
    let mailbox = room_for(10);
    for text in ["a", "b", "c"] {
        assert!(queued(push(&mailbox, event(text))).is_none());
    }
    assert_eq!(taken(&mailbox, event("x").cost() + 1), ["a", "b"]);
    assert_eq!(taken(&mailbox, usize::MAX), ["c"]);
    assert_eq!(mailbox.bytes(), 0);
}

#[test]
fn who_can_wait_does_so_before_it_is_full() {
    let mailbox = room_for(4);
    for _ in 0..3 {
        queued(push(&mailbox, event("x")));
    }
    assert!(matches!(push(&mailbox, event("x")), Pushed::NoRoom));
    // What cannot wait is not held against the reader before anybody has waited in vain.
    for _ in 3..4 * 4 {
        queued(urge(&mailbox, event("x")));
    }
    assert!(matches!(urge(&mailbox, event("x")), Pushed::Overflow(_)));
}

#[test]
fn past_patience_it_closes_at_the_limit_and_says_so_once() {
    let mailbox = room_for(4);
    for _ in 0..3 {
        queued(push(&mailbox, event("x")));
    }
    assert!(matches!(push(&mailbox, event("x")), Pushed::NoRoom));
    assert!(mailbox.lose_patience().is_empty());
    queued(push(&mailbox, event("x")));
    assert!(matches!(push(&mailbox, event("x")), Pushed::Overflow(None)));
    assert!(matches!(push(&mailbox, event("x")), Pushed::Closed));
    assert_eq!(mailbox.awake().closed, Some(CloseReason::Overflow));
    assert_eq!(mailbox.clear().0, 5, "with the one that found no room");
}

#[test]
fn the_oldest_make_room_and_are_missed_before_the_rest() {
    let mailbox = full_with(4, SlowReader::DropOldest);
    for text in ["a", "b", "c", "d", "e", "f"] {
        queued(publish(&mailbox, event(text)));
    }
    assert_eq!(mailbox.bytes(), 4 * event("x").cost());
    assert_eq!(taken(&mailbox, 1), ["-2", "c"]);
    queued(publish(&mailbox, event("g")));
    queued(publish(&mailbox, event("h")));
    assert_eq!(taken(&mailbox, usize::MAX), ["-1", "e", "f", "g", "h"]);
    assert_eq!(mailbox.bytes(), 0);
}

#[test]
fn the_newest_are_dropped_and_missed_where_they_would_have_been() {
    let mailbox = full_with(4, SlowReader::DropNewest);
    for text in ["a", "b", "c", "d", "e", "f"] {
        queued(publish(&mailbox, event(text)));
    }
    assert_eq!(taken(&mailbox, event("x").cost() + 1), ["a", "b"]);
    queued(publish(&mailbox, event("g")));
    assert_eq!(taken(&mailbox, usize::MAX), ["c", "d", "-2", "g"]);
    assert_eq!(mailbox.bytes(), 0);

    // The last ones were dropped, and nothing came behind them.
    for text in ["a", "b", "c", "d", "e"] {
        queued(publish(&mailbox, event(text)));
    }
    assert_eq!(taken(&mailbox, usize::MAX), ["a", "b", "c", "d", "-1"]);
    assert_eq!(taken(&mailbox, usize::MAX), [""; 0]);
}

#[test]
fn an_empty_mailbox_takes_an_event_of_any_size() {
    for policy in [
        SlowReader::Disconnect,
        SlowReader::DropOldest,
        SlowReader::DropNewest,
    ] {
        let mailbox = full_with(1, policy);
        queued(push(&mailbox, event(&"x".repeat(100_000))));
        assert!(matches!(push(&mailbox, event("")), Pushed::NoRoom));
    }
}

/// Five events in one item, of which three fit.
fn burst_into(of: Reader, policy: SlowReader, before: &[&str]) -> (Pushed, Vec<String>) {
    let events = ["a", "b", "c", "d", "e"].map(|text| event(text).into_event().unwrap());
    let mailbox = Mailbox::new(3 * event("a").cost(), of, policy);
    for text in before {
        queued(push(&mailbox, event(text)));
    }
    let burst = Item::Shared(Arc::new(Outbound::burst(events.to_vec())));
    let pushed = mailbox.push(burst, Manner::Program);
    let mut taken = Vec::new();
    mailbox.take(usize::MAX, &mut taken);
    let text = |event: &Event| match event {
        Event::Direct { text, .. } => text.to_string(),
        Event::Missed { count } => format!("-{count}"),
        other => panic!("{other:?}"),
    };
    let texts = taken.iter().flat_map(Item::events).map(text).collect();
    (pushed, texts)
}

#[test]
fn of_a_burst_as_much_is_kept_as_there_is_room_for() {
    for of in [Reader::Connection, Reader::Program] {
        let (_, newest) = burst_into(of, SlowReader::DropOldest, &["x"]);
        assert_eq!(newest, ["-3", "c", "d", "e"]);
        let (_, oldest) = burst_into(of, SlowReader::DropNewest, &["x"]);
        assert_eq!(oldest, ["x", "a", "b", "-3"]);
        let (pushed, kept) = burst_into(of, SlowReader::Disconnect, &["x"]);
        assert!(matches!(pushed, Pushed::Closed | Pushed::Overflow(_)));
        assert_eq!(kept, ["x", "a", "b"]);
    }
    // An empty mailbox takes any one item, but the program takes one event at a time.
    let (_, all) = burst_into(Reader::Connection, SlowReader::DropOldest, &[]);
    assert_eq!(all, ["a", "b", "c", "d", "e"]);
    let (_, newest) = burst_into(Reader::Program, SlowReader::DropOldest, &[]);
    assert_eq!(newest, ["-2", "c", "d", "e"]);
}

#[test]
fn a_burst_is_dropped_event_by_event() {
    let events = ["a", "b", "c"].map(|text| event(text).into_event().unwrap());
    let mailbox = Mailbox::new(
        3 * event("a").cost(),
        Reader::Connection,
        SlowReader::DropOldest,
    );
    let burst = Item::Shared(Arc::new(Outbound::burst(events.to_vec())));
    queued(mailbox.push(burst, Manner::Program));
    queued(mailbox.push(event("d"), Manner::Program));
    let mut taken = Vec::new();
    mailbox.take(usize::MAX, &mut taken);
    assert_eq!(taken.len(), 4, "the news, b, c, and d");
    assert_eq!(mailbox.bytes(), 0);
    assert!(matches!(taken[0].events(), [Event::Missed { count: 1 }]));
}

/// They are paid for by every connection, or for every message.
#[test]
fn sizes() {
    assert!(size_of::<Mailbox>() <= 200, "{}", size_of::<Mailbox>());
    assert!(size_of::<Item>() <= 88, "{}", size_of::<Item>());
    assert!(size_of::<Outbound>() <= 208, "{}", size_of::<Outbound>());
}

#[test]
fn a_sleeper_is_woken_once_and_only_for_what_it_wants() {
    let count = Arc::new(Count::default());
    let task = waker(count.clone());
    let mailbox = room_for(10);
    let sleep = |wants_events, seen| {
        let sleeper = Sleeper::new(&task);
        mailbox.sleep(sleeper, wants_events, seen).is_ok()
    };
    assert!(sleep(true, None));
    queued(push(&mailbox, event("a"))).unwrap().wake();
    assert!(queued(push(&mailbox, event("b"))).is_none());
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert!(!sleep(true, None), "there is something to take");

    assert!(sleep(false, None));
    assert!(queued(push(&mailbox, event("c"))).is_none());
    assert!(mailbox.close(CloseReason::Shutdown).is_some());
    assert!(!sleep(false, None), "it has ended");
    assert!(sleep(false, Some(CloseReason::Shutdown)));
    assert!(mailbox.close(CloseReason::Abort).is_some());
}

#[test]
fn talkers_hold_back_until_it_drains() {
    let (mailbox, me) = (room_for(4), room_for(1));
    queued(push(&mailbox, event("x")));
    queued(push(&mailbox, event("x")));
    assert!(!mailbox.is_behind(), "half is not above half");
    assert!(mailbox.hold_back(&me).is_none());
    assert!(matches!(push(&mailbox, event("x")), Pushed::Above(_)));
    assert!(mailbox.is_behind());
    let hold = mailbox.hold_back(&me).unwrap();
    assert!(mailbox.holds(hold));
    let released = mailbox.take(1, &mut Vec::new());
    assert!(Arc::ptr_eq(&released[0], &me));
    assert!(!mailbox.holds(hold));
}

/// Otherwise it would be pushed again and again, by a task that never sleeps.
#[test]
fn whatever_finds_no_room_can_be_held_back() {
    let (mailbox, me) = (room_for(4), room_for(1));
    let large = || event(&"x".repeat(1000));
    queued(push(&mailbox, event("x")));
    assert!(matches!(push(&mailbox, large()), Pushed::NoRoom));
    let hold = mailbox.hold_back(&me).unwrap();
    assert_eq!(mailbox.take(1, &mut Vec::new()).len(), 1);
    assert!(!mailbox.holds(hold));
    queued(push(&mailbox, large()));

    // And if nothing is taken, patience ends as it does at the mark.
    assert!(matches!(push(&mailbox, large()), Pushed::NoRoom));
    assert_eq!(mailbox.lose_patience().len(), 0);
    assert!(matches!(push(&mailbox, large()), Pushed::Overflow(_)));

    let mailbox = room_for(4);
    queued(push(&mailbox, event("x")));
    assert!(matches!(push(&mailbox, large()), Pushed::NoRoom));
    assert_eq!(mailbox.lose_patience().len(), 0);
    assert!(matches!(push(&mailbox, large()), Pushed::Overflow(_)));
}

#[test]
fn patience_ends_once_until_it_has_drained() {
    let (mailbox, me) = (room_for(4), room_for(1));
    for _ in 0..3 {
        queued(push(&mailbox, event("x")));
    }
    let hold = mailbox.hold_back(&me).unwrap();
    assert_eq!(mailbox.lose_patience().len(), 1);
    assert!(!mailbox.holds(hold));
    assert!(mailbox.hold_back(&me).is_none());
    assert!(!mailbox.is_behind());
    assert!(matches!(push(&mailbox, event("x")), Pushed::Queued(_)));
    mailbox.take(usize::MAX, &mut Vec::new());
    for _ in 0..2 {
        queued(push(&mailbox, event("x")));
    }
    assert!(matches!(push(&mailbox, event("x")), Pushed::Above(_)));
}

#[test]
fn only_what_is_alone_and_held_back_for_by_nobody_is_taken_alone() {
    let (mailbox, me) = (room_for(4), room_for(1));
    let large = || event(&"x".repeat(1000));
    assert!(mailbox.take_only().is_none());

    // It is above the mark, and so somebody waits, who would not be told.
    assert!(matches!(push(&mailbox, large()), Pushed::Above(_)));
    let hold = mailbox.hold_back(&me).unwrap();
    assert!(mailbox.take_only().is_none());
    mailbox.forget(&me);
    assert!(mailbox.take_only().is_some());
    assert_eq!(mailbox.bytes(), 0);
    let since = mailbox.lock().takes;
    assert_ne!(since, hold.takes, "it counts as taken");

    queued(push(&mailbox, event("a")));
    queued(push(&mailbox, event("b")));
    assert!(mailbox.take_only().is_none(), "there are two");
    assert_eq!(taken(&mailbox, usize::MAX), ["a", "b"]);

    // What found no room is forgotten with what took it, and so is that somebody lost patience.
    queued(push(&mailbox, event("x")));
    assert!(matches!(push(&mailbox, large()), Pushed::NoRoom));
    assert!(mailbox.lose_patience().is_empty());
    assert!(mailbox.take_only().is_some());
    assert!(matches!(push(&mailbox, large()), Pushed::Above(_)));
    assert!(mailbox.take_only().is_some());

    // The news of those that were missed come first.
    let mailbox = full_with(1, SlowReader::DropOldest);
    queued(publish(&mailbox, event("a")));
    queued(publish(&mailbox, event("b")));
    assert!(mailbox.take_only().is_none());
    assert_eq!(taken(&mailbox, usize::MAX), ["-1", "b"]);
}

#[test]
fn a_drained_mailbox_gives_its_memory_back() {
    let mailbox = room_for(1000);
    for _ in 0..500 {
        queued(push(&mailbox, event("x")));
    }
    mailbox.take(usize::MAX, &mut Vec::new());
    assert_eq!(mailbox.lock().queue.capacity(), 0);
}
