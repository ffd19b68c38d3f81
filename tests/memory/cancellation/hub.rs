//! The futures of those who are in the program itself.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chinwag::{Hub, HubError, Limits, LocalUser, Runtime};
use chinwag_testkit::{Link, VirtualRuntime, dropped_at};
use futures::{FutureExt, StreamExt};

use super::{Left, at_every_poll, hub_on};
use crate::chat::Chat;

/// A hub with small mailboxes.
fn small_hub_on(rt: &VirtualRuntime) -> Hub {
    let clock = rt.clone();
    let limits = Limits::builder().mailbox_bytes(16 * 1024).build().unwrap();
    chinwag_testkit::unthrottled()
        .limits(limits)
        .clock(move || chinwag::Runtime::now(&clock))
        .build()
}

/// What each reader has heard of anything but the filling.
type Heard = Arc<Mutex<Vec<Vec<String>>>>;

/// A talker in #a whom three readers on sockets hold back, each of whom reads a line every few milliseconds.
async fn held_back(chat: &Chat) -> (LocalUser, Heard) {
    let heard = Heard::default();
    heard.lock().unwrap().resize(3, Vec::new());
    for number in 0..3 {
        let narrow = Link {
            capacity: 512,
            ..Link::default()
        };
        let mut reader = chat.line_over(narrow);
        reader.ask(&format!("register,r{number}"), "ack").await;
        reader.ask("join,#a", "ack").await;
        let (heard, clock) = (heard.clone(), chat.rt.clone());
        let reading = async move {
            loop {
                let line = reader.line().await;
                let is_last = line.contains("the last");
                if line.contains("yyy") {
                    heard.lock().unwrap()[number].push(line);
                }
                if is_last {
                    return;
                }
                clock
                    .sleep(Duration::from_millis(3 + 3 * number as u64))
                    .await;
            }
        };
        chat.rt.spawn(reading).unwrap();
    }
    let mut talker = chat.hub.connect("talker").unwrap();
    talker.join("#a").unwrap();
    let text = "x".repeat(1000);
    // Until their tasks have taken what they take, and their sockets are full.
    loop {
        let mut sent = 0;
        while talker.say("#a", &text) != Err(HubError::Busy) {
            sent += 1;
            while talker.next().now_or_never().is_some() {}
        }
        if sent == 0 {
            break;
        }
        chat.rt.settle().await;
    }
    (talker, heard)
}

/// So much that it is not said while the reader is behind.
fn long(text: &str) -> String {
    format!("{text} {}", "y".repeat(1000))
}

/// Two talkers say something, as soon as they may, and then everybody has heard everything.
async fn go_on(chat: &Chat, mut talker: LocalUser) {
    let mut other = chat.hub.connect("other").unwrap();
    let from = chat.rt.elapsed();
    let joins = other.when_ready(&chat.rt, |other| other.join("#a"));
    joins.await.unwrap();
    let other_talks = other.when_ready(&chat.rt, |other| other.say("#a", &long("hello")));
    other_talks.await.unwrap();
    let again = talker.when_ready(&chat.rt, |talker| talker.say("#a", &long("the last")));
    again.await.unwrap();
    let most = chat.hub.timeouts().patience() * 10;
    assert!(chat.rt.elapsed() - from <= most, "somebody was held up");
    chat.rt.sleep(Duration::from_secs(2)).await;
}

#[test]
fn a_dropped_act_was_never_done() {
    at_every_poll(
        "LocalUser::when_ready",
        Left::Undone,
        4,
        small_hub_on,
        async |chat, cut| {
            let (mut talker, heard) = held_back(chat).await;
            let act = talker.when_ready(&chat.rt, |talker| talker.say("#a", &long("held")));
            let done = dropped_at(cut, act).await.is_some();
            go_on(chat, talker).await;
            let heard = heard.lock().unwrap().clone();
            (done, heard)
        },
    );
}

/// To wait, to give up and to wait again takes as long as to wait.
#[test]
fn a_dropped_wait_changes_nothing() {
    at_every_poll(
        "LocalUser::ready",
        Left::Undone,
        4,
        small_hub_on,
        async |chat, cut| {
            let (mut talker, heard) = held_back(chat).await;
            let done = dropped_at(cut, talker.ready(&chat.rt)).await.is_some();
            if !done {
                talker.ready(&chat.rt).await;
            }
            let ready_at = chat.rt.elapsed();
            go_on(chat, talker).await;
            let heard = heard.lock().unwrap().clone();
            (done, (ready_at, heard))
        },
    );
}

/// A talker who leaves while it is held back holds nobody else up.
#[test]
fn who_leaves_while_it_waits_leaves_nothing_behind() {
    at_every_poll(
        "LocalUser::when_ready, and gone",
        Left::Undone,
        4,
        small_hub_on,
        async |chat, cut| {
            let (mut talker, heard) = held_back(chat).await;
            let act = talker.when_ready(&chat.rt, |talker| talker.say("#a", &long("held")));
            let done = dropped_at(cut, act).await.is_some();
            drop(talker);
            let mut again = chat.hub.connect("talker").unwrap();
            let joins = again.when_ready(&chat.rt, |again| again.join("#a"));
            joins.await.unwrap();
            go_on(chat, again).await;
            let heard = heard.lock().unwrap().clone();
            (done, heard)
        },
    );
}

#[test]
fn a_dropped_publish_was_never_made() {
    at_every_poll(
        "RoomHandle::publish_when_ready",
        Left::Undone,
        2,
        small_hub_on,
        async |chat, cut| {
            let mut member = chat.user("member").await;
            member.ask("join,#a", "ack").await;
            let room = chat.hub.room("#a").unwrap();
            // Its task has no turn meanwhile.
            let text = "x".repeat(1000);
            let mut number = 0;
            while let Ok(published) = room.publish(&text) {
                number = published;
                assert!(number < 100, "a mailbox has a bound");
            }
            let publish = room.publish_when_ready(&chat.rt, "held");
            let done = dropped_at(cut, publish).await.is_some();
            let last = room.publish_when_ready(&chat.rt, "the last").await;
            assert_eq!(last, Ok(number + 1 + u64::from(done)));
            drop(room);
            let mut heard = Vec::new();
            while !heard
                .last()
                .is_some_and(|line: &String| line.ends_with("the last"))
            {
                heard.push(member.line().await);
            }
            (done, heard)
        },
    );
}

/// What a user in the program hears is heard once, in its order.
#[test]
fn a_dropped_wait_for_an_event_loses_none() {
    at_every_poll(
        "LocalUser::next",
        Left::Done,
        2,
        hub_on,
        async |chat, cut| {
            let mut reader = chat.hub.connect("reader").unwrap();
            let (mut talker, clock) = (chat.hub.connect("talker").unwrap(), chat.rt.clone());
            let talking = async move {
                for n in 0..10 {
                    talker.send("reader", &n.to_string()).unwrap();
                    talker.send("reader", &format!("{n} again")).unwrap();
                    clock.sleep(Duration::from_millis(1)).await;
                }
            };
            chat.rt.spawn(talking).unwrap();
            let (mut heard, mut drops) = (Vec::new(), 0);
            while heard.len() < 20 {
                let event = match dropped_at(cut, reader.next()).await {
                    Some(event) => event,
                    None => {
                        drops += 1;
                        reader.next().await
                    }
                };
                heard.push(format!("{event:?}"));
            }
            assert!(reader.next().now_or_never().is_none());
            (drops == 0, heard)
        },
    );
}
