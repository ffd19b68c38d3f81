//! Slow readers in rooms: each policy, and that nobody else notices.

use std::time::Duration;

use chinwag::{Event, Hub, Limits, LocalUser, SlowReader, Timeouts};
use chinwag_testkit::Link;
use futures::{FutureExt, StreamExt};

use crate::chat::{Chat, MemoryPeer, lost};

/// A link that takes little, so that a reader that does not read is behind at once.
fn narrow() -> Link {
    Link {
        capacity: 4096,
        ..Link::default()
    }
}

fn hub(policy: SlowReader) -> Hub {
    let limits = Limits::builder().mailbox_bytes(64 * 1024).build().unwrap();
    crate::unthrottled_with(|hub| hub.limits(limits).slow_reader(policy))
}

fn patience() -> Duration {
    Timeouts::default().patience()
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// What has arrived for an in-process user, and how much was missed where.
fn heard(user: &mut LocalUser) -> Vec<String> {
    let mut heard = Vec::new();
    while let Some(Some(event)) = user.next().now_or_never() {
        heard.push(match event {
            Event::Said { text, .. } => text.to_string(),
            Event::Missed { count } => format!("missed {count}"),
            Event::Error { code, .. } => format!("error {code}"),
            other => panic!("{other:?}"),
        });
    }
    heard
}

/// Twelve texts of which a mailbox holds ten, as the program says them, which nobody can hold back.
fn overfill(policy: SlowReader) -> (Hub, LocalUser, Vec<String>) {
    let text = |i| format!("{i:0>2}{}", "x".repeat(1000 - 2));
    let cost = {
        let hub = hub(policy);
        let mut probe = hub.connect("probe").unwrap();
        probe.join("#a").unwrap();
        hub.publish("#a", &text(0)).unwrap();
        hub.stats().queue_bytes
    };
    let limits = Limits::builder().mailbox_bytes(10 * cost).build().unwrap();
    let hub = chinwag_testkit::unthrottled().limits(limits).build();
    let mut reader = hub
        .local_user()
        .slow_reader(policy)
        .connect("reader")
        .unwrap();
    reader.join("#a").unwrap();
    let texts: Vec<_> = (0..12).map(text).collect();
    for text in &texts {
        hub.publish("#a", text).unwrap();
    }
    (hub, reader, texts)
}

#[test]
fn drop_oldest_keeps_the_last_ones_and_says_so_first() {
    let (hub, mut reader, texts) = overfill(SlowReader::DropOldest);
    assert_eq!(
        heard(&mut reader),
        [&["missed 2".to_owned()], &texts[2..]].concat()
    );
    let stats = hub.stats();
    assert_eq!((stats.missed, stats.delivered, stats.lost), (2, 10, 0));
}

#[test]
fn drop_newest_keeps_the_first_ones_and_says_so_where_it_is() {
    let (hub, mut reader, texts) = overfill(SlowReader::DropNewest);
    let first = &texts[..10];
    assert_eq!(
        heard(&mut reader),
        [first, &["missed 2".to_owned()]].concat()
    );
    hub.publish("#a", "later").unwrap();
    assert_eq!(heard(&mut reader), ["later"]);
    let stats = hub.stats();
    assert_eq!((stats.missed, stats.delivered, stats.lost), (2, 11, 0));
}

#[test]
fn disconnect_ends_it_with_the_number_that_was_lost() {
    let (hub, mut reader, _) = overfill(SlowReader::Disconnect);
    assert_eq!(heard(&mut reader), ["error full"]);
    assert!(hub.users().is_empty());
    assert!(hub.rooms().is_empty());
    let stats = hub.stats();
    // The eleventh found no room, and it was a member still when the twelfth came.
    assert_eq!((stats.slow, stats.lost, stats.delivered), (1, 12, 0));
}

/// A reader that was cut hears the beginning of what was said, and how much it has lost. Both together are all that was
/// said until the others were told that it is `gone`. Returns how much that is.
async fn all_but_what_is_lost(stuck: &mut MemoryPeer, gone: Option<usize>) -> u64 {
    let rest = stuck.rest().await;
    let (said, notice) = rest.trim_end().rsplit_once('\n').unwrap();
    for (n, line) in said.lines().enumerate() {
        assert_eq!(line, format!("#a talker says {n}"));
    }
    let lost = lost(notice);
    assert_eq!(Some(said.lines().count() + lost), gone);
    lost as u64
}

/// Sends as fast as it can, and reads what comes back.
async fn talk(talker: &mut MemoryPeer, count: usize) {
    for batch in 0..count / 100 {
        let lines = (batch * 100..).take(100).map(|i| format!("say,#a,{i}\n"));
        talker.send(lines.collect::<String>()).await;
        for i in (batch * 100..).take(100) {
            talker.hears(&format!("#a talker says {i}")).await;
        }
    }
}

async fn in_room(mut peer: MemoryPeer, name: &str) -> MemoryPeer {
    peer.ask(&format!("register,{name}"), "ack").await;
    peer.ask("join,#a", "ack").await;
    peer
}

/// One talker at full speed in a room with a reader that is stuck: a healthy one gets everything, whatever
/// becomes of the stuck one.
#[test]
fn a_stuck_reader_in_a_room_costs_a_healthy_one_nothing() {
    const COUNT: usize = 40_000;
    for policy in [
        SlowReader::Disconnect,
        SlowReader::DropOldest,
        SlowReader::DropNewest,
    ] {
        Chat::run_orders(
            1,
            || hub(policy),
            async |chat| {
                let mut talker = in_room(chat.line(), "talker").await;
                let mut stuck = in_room(chat.line_over(narrow()), "stuck").await;
                let mut healthy = in_room(chat.line_over(narrow()), "healthy").await;
                stuck.hears("#a healthy joined").await;
                talker.hears("#a stuck joined").await;
                talker.hears("#a healthy joined").await;
                let listen = async {
                    let (mut heard, mut gone) = (0, None);
                    while heard < COUNT {
                        let line = healthy.line().await;
                        if line == "stuck quit slow" {
                            gone = Some(heard);
                            continue;
                        }
                        assert_eq!(line, format!("#a talker says {heard}"));
                        heard += 1;
                    }
                    gone
                };
                let talk = async {
                    for batch in 0..COUNT / 100 {
                        let lines = (batch * 100..).take(100).map(|i| format!("say,#a,{i}\n"));
                        talker.send(lines.collect::<String>()).await;
                        for i in (batch * 100..).take(100) {
                            let line = talker.line().await;
                            if line != format!("#a talker says {i}") {
                                assert_eq!(line, "stuck quit slow");
                                talker.hears(&format!("#a talker says {i}")).await;
                            }
                        }
                    }
                };
                let from = chat.rt.elapsed();
                let ((), gone) = futures::join!(talk, listen);
                // Nothing takes time here but waiting. What has just filled its socket may be slow only.
                let took = chat.rt.elapsed() - from;
                assert!(took <= 10 * patience() + seconds(0.001), "{took:?}");
                let stats = chat.hub.stats();
                assert!(stats.queue_bytes <= 64 * 1024, "{}", stats.queue_bytes);
                if policy == SlowReader::Disconnect {
                    assert_eq!(stats.slow, 1);
                    let lost = all_but_what_is_lost(&mut stuck, gone).await;
                    assert_eq!(stats.lost, lost);
                    return;
                }
                // What the stuck one then reads is everything, in order, with what it missed where it was.
                assert_eq!(chat.hub.users().len(), 3);
                let (mut next, mut runs) = (0, 0);
                while next < COUNT as u64 {
                    let line = stuck.line().await;
                    match line.strip_prefix("missed,") {
                        Some(count) => {
                            next += count
                                .strip_suffix(",not read in time")
                                .unwrap()
                                .parse::<u64>()
                                .unwrap();
                            runs += 1;
                        }
                        None => {
                            assert_eq!(line, format!("#a talker says {next}"));
                            next += 1;
                        }
                    }
                }
                assert_eq!((next, runs), (COUNT as u64, 1));
                talk_again(&mut talker, &mut stuck, &mut healthy).await;
            },
        );
    }
}

/// Who has read nothing for a while costs those in the room patience, once.
#[test]
fn a_reader_that_has_been_stuck_for_long_costs_patience_once() {
    for policy in [
        SlowReader::Disconnect,
        SlowReader::DropOldest,
        SlowReader::DropNewest,
    ] {
        Chat::run(
            || hub(policy),
            async |chat| {
                let mut talker = in_room(chat.line(), "talker").await;
                let mut stuck = in_room(chat.line_over(narrow()), "stuck").await;
                talker.hears("#a stuck joined").await;
                talk(&mut talker, 300).await;
                chat.rt.sleep(seconds(1.0)).await;
                let from = chat.rt.elapsed();
                let mut gone = None;
                for i in 0..3000 {
                    talker.say(&format!("say,#a,{i}")).await;
                    let line = talker.line().await;
                    if line == "stuck quit slow" {
                        gone = Some(300 + i);
                        talker.hears(&format!("#a talker says {i}")).await;
                    }
                }
                let took = chat.rt.elapsed() - from;
                assert!(took <= patience() + seconds(0.001), "{took:?}");
                assert!(took > seconds(0.0), "nobody was waited for");
                if policy == SlowReader::Disconnect {
                    let lost = all_but_what_is_lost(&mut stuck, gone).await;
                    assert_eq!(chat.hub.stats().lost, lost);
                }
            },
        );
    }
}

/// Each talker would fill more than its share before anybody can hold back: a room lets one event past the
/// mark of a reader, and then all who talk in it wait.
#[test]
fn a_healthy_reader_in_a_room_is_never_cut_because_many_talk_at_once() {
    Chat::run(
        || hub(SlowReader::Disconnect),
        async |chat| {
            let mut healthy = chat.hub.local_user();
            healthy = healthy.slow_reader(SlowReader::Disconnect);
            let mut healthy = healthy.connect("healthy").unwrap();
            healthy.join("#a").unwrap();
            let mut talkers = Vec::new();
            for i in 0..40 {
                // Its own copies of what is said fit into the socket.
                let link = Link {
                    capacity: 1 << 20,
                    ..Link::default()
                };
                talkers.push(in_room(chat.line_over(link), &format!("talker{i}")).await);
            }
            while let Some(Some(Event::Joined { .. })) = healthy.next().now_or_never() {}
            let text = "x".repeat(4000);
            for talker in &mut talkers {
                talker.say(&format!("say,#a,{text}\nsay,#a,{text}")).await;
            }
            let from = chat.rt.elapsed();
            chat.rt.settle().await;
            for seq in 1..=80 {
                let event = healthy.next().await;
                let Some(Event::Said { seq: heard, .. }) = event else {
                    panic!("{event:?} instead of the message {seq}");
                };
                assert_eq!(heard, seq);
                chat.rt.settle().await;
            }
            let waited = chat.rt.elapsed() - from;
            assert!(
                waited < Duration::from_millis(1),
                "somebody waited for a timer"
            );
        },
    );
}

/// A message that takes the mailbox of somebody who sleeps past its mark wakes them as any other does.
#[test]
fn a_large_message_wakes_its_reader() {
    let small = || {
        let limits = Limits::builder().mailbox_bytes(1024).build().unwrap();
        crate::unthrottled_with(|hub| hub.limits(limits))
    };
    Chat::run(small, async |chat| {
        let mut ada = in_room(chat.line(), "ada").await;
        let mut bob = in_room(chat.line(), "bob").await;
        ada.hears("#a bob joined").await;
        chat.rt.settle().await;
        let from = chat.rt.elapsed();
        let text = "x".repeat(3000);
        ada.say(&format!("chat,bob,{text}")).await;
        bob.hears(&format!("ada says {text}")).await;
        bob.say(&format!("say,#a,{text}")).await;
        for peer in [&mut ada, &mut bob] {
            peer.hears(&format!("#a bob says {text}")).await;
        }
        assert!(chat.rt.elapsed() - from < Duration::from_millis(1));
    });
}

/// Nobody is slow who has had no chance to read: fifty rooms that talk at once, with the default bounds.
#[test]
fn a_healthy_reader_of_many_rooms_is_not_cut() {
    Chat::run(
        || crate::unthrottled_with(|hub| hub),
        async |chat| {
            let mut reader = chat.user("reader").await;
            let mut talkers = Vec::new();
            for i in 0..50 {
                reader.ask(&format!("join,#{i}"), "ack").await;
                let mut talker = chat.user(&format!("talker{i}")).await;
                talker.ask(&format!("join,#{i}"), "ack").await;
                reader.hears(&format!("#{i} talker{i} joined")).await;
                talkers.push(talker);
            }
            let text = "x".repeat(4000);
            for (i, talker) in talkers.iter_mut().enumerate() {
                let line = format!("say,#{i},{text}\n");
                talker.send(line.repeat(3)).await;
            }
            for _ in 0..150 {
                let line = reader.line().await;
                assert!(line.ends_with(&text), "{line}");
            }
            reader.ask("ping", "pong").await;
        },
    );
}

/// A mailbox that is smaller than a line takes one line behind another all the same.
#[test]
fn a_small_line_and_a_large_one_cut_nobody() {
    let small = || {
        let limits = Limits::builder().mailbox_bytes(1024).build().unwrap();
        crate::unthrottled_with(|hub| hub.limits(limits))
    };
    Chat::run(small, async |chat| {
        let mut ada = in_room(chat.line(), "ada").await;
        let mut bob = in_room(chat.line(), "bob").await;
        ada.hears("#a bob joined").await;
        let text = "x".repeat(4000);
        ada.say(&format!("say,#a,small\nsay,#a,{text}\nsay,#a,small"))
            .await;
        for peer in [&mut ada, &mut bob] {
            peer.hears("#a ada says small").await;
            peer.hears(&format!("#a ada says {text}")).await;
            peer.hears("#a ada says small").await;
        }
        assert_eq!(chat.hub.stats().slow, 0);
    });
}

/// Whoever has caught up is served like before.
async fn talk_again(talker: &mut MemoryPeer, stuck: &mut MemoryPeer, healthy: &mut MemoryPeer) {
    let listen = async |peer: &mut MemoryPeer| {
        for i in 0..1000 {
            peer.hears(&format!("#a talker says {i}")).await;
        }
    };
    futures::join!(talk(talker, 1000), listen(stuck), listen(healthy));
}

/// What a socket takes of a message counts as read, whoever writes it: the task of its connection or another.
#[test]
fn a_reader_that_took_a_part_is_waited_for() {
    for line in ["chat,slow", "say,#a"] {
        Chat::run(
            || hub(SlowReader::Disconnect),
            async |chat| {
                let mut slow = in_room(chat.line_over(narrow()), "slow").await;
                let wide = Link {
                    capacity: 1 << 20,
                    ..Link::default()
                };
                let mut talker = in_room(chat.line_over(wide), "talker").await;
                slow.hears("#a talker joined").await;
                chat.rt.settle().await;
                // The second one fits in part, and then there is more than its outbox and its mailbox hold.
                let line = format!("{line},{}", "x".repeat(3000));
                for _ in 0..2 {
                    talker.say(&line).await;
                    chat.rt.settle().await;
                }
                talker.send(format!("{line}\n").repeat(78)).await;
                // Several patiences, and less than ten.
                chat.rt.sleep(Duration::from_millis(200)).await;
                assert_eq!(chat.hub.stats().slow, 0, "{}", &line[..4]);
                for _ in 0..80 {
                    let heard = slow.line().await;
                    assert!(heard.ends_with("xxx"), "{heard}");
                }
            },
        );
    }
}
