//! In-process users: what their stream says, when it ends, and what talking too fast does.

use std::{pin::pin, time::Duration};

use chinwag::{
    Event, Hub, HubError, Limits, LocalUser, QuitReason, SlowReader, TakenName, Timeouts,
};
use chinwag_testkit::{Link, VirtualRuntime};
use futures::{FutureExt, StreamExt, future::select};

use crate::chat::Chat;

/// A hub that has the clock of `rt`, and small mailboxes.
fn hub_on(rt: &VirtualRuntime) -> Hub {
    let clock = rt.clone();
    let limits = Limits::builder().mailbox_bytes(16 * 1024).build().unwrap();
    chinwag_testkit::unthrottled()
        .limits(limits)
        .clock(move || chinwag::Runtime::now(&clock))
        .build()
}

/// Runs `test` on such a hub, in several orders.
fn on_clock(test: impl AsyncFn(Chat)) {
    Chat::run_with(|rt| (hub_on(rt), ()), async |chat, ()| test(chat).await);
}

/// What has arrived and what ended it, as the wire would say it.
fn heard(user: &mut LocalUser) -> Vec<String> {
    let mut heard = Vec::new();
    while let Some(event) = user.next().now_or_never() {
        heard.push(match event {
            None => {
                heard.push("(end)".to_owned());
                return heard;
            }
            Some(Event::Direct {
                from: Some(from),
                text,
                ..
            }) => format!("{from} says {text}"),
            Some(Event::Direct {
                from: None, text, ..
            }) => format!("* says {text}"),
            Some(Event::Error { code, .. }) => format!("error,{code}"),
            Some(Event::Quit { name, reason, .. }) => format!("{name} quit {reason}"),
            Some(Event::Renamed { old, new }) => format!("{old} is now {new}"),
            Some(Event::Joined { room, name }) => format!("{room} {name} joined"),
            Some(Event::Said { room, text, .. }) => format!("{room} says {text}"),
            Some(Event::Role { room, name, .. }) => format!("{room} role {name}"),
            Some(other) => panic!("{other:?}"),
        });
    }
    heard
}

/// One that holds others back: it has more than half of a mailbox to read.
fn fill(talker: &mut LocalUser, to: &str) -> usize {
    let text = "x".repeat(1000);
    for n in 0.. {
        match talker.send(to, &text) {
            Ok(()) => {}
            Err(error) => {
                assert_eq!(error, HubError::Busy);
                return n;
            }
        }
    }
    unreachable!("a mailbox has a bound")
}

#[test]
fn it_has_a_name_and_may_change_it() {
    let hub = crate::unthrottled();
    let mut bot = hub.connect("bot").unwrap();
    assert_eq!(bot.name().unwrap(), "bot");
    assert!(matches!(hub.connect("BOT"), Err(HubError::NameTaken)));
    assert!(matches!(hub.connect("a b"), Err(HubError::BadName(_))));
    assert!(matches!(bot.rename("#bot"), Err(HubError::BadName(_))));
    let mut other = hub.connect("other").unwrap();
    for user in [&mut bot, &mut other] {
        user.join("#a").unwrap();
        user.join("#b").unwrap();
    }
    assert_eq!(other.rename("bot"), Err(HubError::NameTaken));
    bot.rename("robot").unwrap();
    assert_eq!(bot.name().unwrap().as_str(), "robot");
    bot.rename("Robot").unwrap();
    assert_eq!(bot.name().unwrap().as_str(), "Robot");
    assert_eq!(
        heard(&mut other),
        ["bot is now robot", "robot is now Robot"]
    );
    assert_eq!(heard(&mut bot), ["#a other joined", "#b other joined"]);
    assert_eq!(hub.users(), ["other", "Robot"]);
    assert_eq!(hub.connections(), 0, "it counts as no connection");
    drop(bot);
    assert_eq!(heard(&mut other)[0], "Robot quit closed");
    assert_eq!(hub.users(), ["other"]);
}

#[test]
fn who_is_kicked_is_told_and_then_it_is_over() {
    let hub = crate::unthrottled();
    let mut bot = hub.connect("bot").unwrap();
    let mut ada = hub.connect("ada").unwrap();
    for user in [&mut ada, &mut bot] {
        user.join("#a").unwrap();
    }
    ada.send("bot", "before").unwrap();
    hub.kick("bot", "enough").unwrap();
    assert_eq!(ada.send("bot", "after"), Err(HubError::NoSuchUser));
    assert_eq!(hub.kick("bot", "enough"), Err(HubError::NoSuchUser));
    assert_eq!(bot.say("#a", "but"), Err(HubError::Closed));
    // The name is free at once, also while it has not looked.
    let mut again = hub.connect("bot").unwrap();
    assert_eq!(
        heard(&mut bot),
        ["ada says before", "error,kicked", "(end)"]
    );
    assert_eq!(heard(&mut bot), ["(end)"]);
    assert_eq!(bot.name(), None);
    drop(bot);
    assert_eq!(again.say("#a", "it is me"), Err(HubError::NotAMember));
    assert_eq!(heard(&mut ada), ["#a bot joined", "bot quit kicked"]);
    ada.send("bot", "welcome").unwrap();
    assert_eq!(heard(&mut again), ["ada says welcome"]);
}

#[test]
fn who_is_replaced_is_over() {
    let hub = crate::unthrottled_with(|hub| hub.taken_name(TakenName::Replace));
    let mut ada = hub.connect("ada").unwrap();
    let mut old = hub.connect("bot").unwrap();
    for user in [&mut ada, &mut old] {
        user.join("#a").unwrap();
    }
    let new = hub.connect("Bot").unwrap();
    assert_eq!(heard(&mut old), ["error,replaced", "(end)"]);
    assert_eq!(old.say("#a", "but"), Err(HubError::Closed));
    drop(old);
    assert_eq!(heard(&mut ada), ["#a bot joined", "bot quit replaced"]);
    assert_eq!(hub.users(), ["ada", "Bot"]);
    drop(new);
    assert_eq!(hub.users(), ["ada"]);
    assert!(heard(&mut ada).is_empty(), "they share no room");
}

#[test]
fn one_that_is_shared_has_its_name_from_the_last_call() {
    let hub = crate::unthrottled_with(|hub| hub.taken_name(TakenName::Share));
    let mut desk = hub.connect("ada").unwrap();
    let mut phone = hub.connect("ADA").unwrap();
    desk.join("#a").unwrap();
    assert_eq!(heard(&mut phone), ["#a ada joined"]);
    desk.rename("ida").unwrap();
    phone.say("#a", "hello").unwrap();
    assert_eq!(phone.name().unwrap(), "ida");
    assert_eq!(heard(&mut phone), ["ada is now ida", "#a says hello"]);
    assert_eq!(heard(&mut desk), ["#a says hello"]);
    drop(desk);
    assert_eq!(hub.users(), ["ida"]);
    phone.say("#a", "still here").unwrap();
    drop(phone);
    assert!(hub.users().is_empty() && hub.rooms().is_empty());
}

#[test]
fn one_that_may_not_miss_anything_ends_when_it_would() {
    let rt = VirtualRuntime::new(1);
    let hub = hub_on(&rt);
    let mut ada = hub.connect("ada").unwrap();
    let mut bot = hub
        .local_user()
        .slow_reader(SlowReader::Disconnect)
        .connect("bot")
        .unwrap();
    for user in [&mut ada, &mut bot] {
        user.join("#a").unwrap();
    }
    assert_eq!(heard(&mut ada), ["#a bot joined"]);
    let text = "x".repeat(1000);
    while ada.send("bot", "are you there") != Err(HubError::NoSuchUser) {
        hub.publish("#a", &text).unwrap();
        assert_eq!(heard(&mut ada).len(), 1);
    }
    assert_eq!(bot.say("#a", "but"), Err(HubError::Closed));
    assert_eq!(heard(&mut bot), ["error,full", "(end)"]);
    assert_eq!(hub.users(), ["ada"]);
    assert_eq!(heard(&mut ada), ["bot quit slow"]);
    assert_eq!((hub.stats().slow, bot.name()), (1, None));
    drop(bot);
    assert_eq!(heard(&mut ada), [""; 0]);
}

/// A call that fails for being too fast tells nobody anything, and the one after `ready` is done once.
#[test]
fn a_talker_waits_until_the_reader_has_read() {
    on_clock(async |chat| {
        let narrow = Link {
            capacity: 1024,
            ..Link::default()
        };
        let mut reader = chat.line_over(narrow);
        reader.ask("register,reader", "ack").await;
        let mut bot = chat.hub.connect("bot").unwrap();
        let from = chat.rt.elapsed();
        let talk = async {
            let mut waits = 0;
            for n in 0..300 {
                let text = format!("{n} {}", "x".repeat(500));
                while let Err(error) = bot.send("reader", &text) {
                    assert_eq!(error, HubError::Busy);
                    bot.ready(&chat.rt).await;
                    waits += 1;
                }
            }
            waits
        };
        let listen = async {
            for n in 0..300 {
                reader.hears(&format!("bot says {n} x*")).await;
            }
        };
        let (waits, ()) = futures::join!(talk, listen);
        assert!(waits > 3, "{waits}");
        assert_eq!(chat.rt.elapsed(), from, "somebody waited for a timer");
        // Nothing to wait for.
        bot.ready(&chat.rt).await;
        assert_eq!(chat.rt.elapsed(), from);
        drop(bot);
    });
}

/// For a reader on a socket that does not read, one waits for as long as anybody does, once.
#[test]
fn a_talker_waits_no_longer_than_patience_for_a_stuck_socket() {
    on_clock(async |chat| {
        let narrow = Link {
            capacity: 64,
            ..Link::default()
        };
        let mut stuck = chat.line_over(narrow);
        stuck.ask("register,stuck", "ack").await;
        let mut bot = chat.hub.connect("bot").unwrap();
        let patience = chat.hub.timeouts().patience();
        let text = "x".repeat(1000);
        // Its socket takes some of it, and then no more; that was some time ago.
        bot.send("stuck", &text).unwrap();
        chat.rt.sleep(Duration::from_secs(1)).await;
        let (mut waited, mut last) = (Vec::new(), chat.rt.elapsed());
        loop {
            match bot.send("stuck", &text) {
                Ok(()) => {}
                Err(HubError::Busy) => {
                    bot.ready(&chat.rt).await;
                    waited.push(chat.rt.elapsed() - last);
                    last = chat.rt.elapsed();
                }
                Err(error) => {
                    assert_eq!(error, HubError::NoSuchUser);
                    break;
                }
            }
        }
        waited.retain(|wait| !wait.is_zero());
        assert_eq!(waited, [patience]);
        drop((bot, stuck));
    });
}

#[test]
fn waiting_may_be_given_up_and_begun_again() {
    on_clock(async |chat| {
        let mut talker = chat.hub.connect("talker").unwrap();
        let mut reader = chat.hub.connect("reader").unwrap();
        let sent = fill(&mut talker, "reader");
        {
            let ready = pin!(talker.ready(&chat.rt));
            let moment = pin!(chat.rt.sleep(Duration::from_millis(10)));
            let given_up = select(ready, moment).await;
            assert!(matches!(given_up, futures::future::Either::Right(_)));
        }
        let text = "x".repeat(1000);
        assert_eq!(talker.send("reader", &text), Err(HubError::Busy));
        let from = chat.rt.elapsed();
        let read = async {
            chat.rt.sleep(Duration::from_millis(10)).await;
            let heard = heard(&mut reader);
            assert_eq!(heard.len(), sent, "a refused one was told");
        };
        futures::join!(talker.ready(&chat.rt), read);
        assert_eq!(chat.rt.elapsed() - from, Duration::from_millis(10));
        talker.send("reader", "at last").unwrap();
        assert_eq!(heard(&mut reader), ["talker says at last"]);
        assert_eq!(heard(&mut talker), [""; 0]);
        drop((talker, reader));
    });
}

/// Who waits is let go when the reader leaves, is put out, or the hub is closed; not only by the clock.
#[test]
fn waiting_ends_with_the_reader() {
    for kicked in [false, true] {
        on_clock(async |chat| {
            let mut talker = chat.hub.connect("talker").unwrap();
            let mut reader = Some(chat.hub.connect("reader").unwrap());
            fill(&mut talker, "reader");
            let from = chat.rt.elapsed();
            let leave = async {
                chat.rt.sleep(Duration::from_millis(10)).await;
                match kicked {
                    true => {
                        chat.hub.kick("reader", "enough").unwrap();
                        heard(reader.as_mut().unwrap());
                    }
                    false => drop(reader.take()),
                }
            };
            futures::join!(talker.ready(&chat.rt), leave);
            assert_eq!(chat.rt.elapsed() - from, Duration::from_millis(10));
            assert_eq!(talker.send("reader", "x"), Err(HubError::NoSuchUser));
            drop((talker, reader));
        });
    }
}

#[test]
fn waiting_ends_with_the_one_who_waits() {
    on_clock(async |chat| {
        let mut talker = chat.hub.connect("talker").unwrap();
        let reader = chat.hub.connect("reader").unwrap();
        fill(&mut talker, "reader");
        let from = chat.rt.elapsed();
        let kick = async {
            chat.rt.sleep(Duration::from_millis(10)).await;
            chat.hub.kick("talker", "enough").unwrap();
        };
        futures::join!(talker.ready(&chat.rt), kick);
        assert_eq!(chat.rt.elapsed() - from, Duration::from_millis(10));
        assert_eq!(talker.send("reader", "x"), Err(HubError::Closed));
        assert_eq!(heard(&mut talker), ["error,kicked", "(end)"]);
        drop((talker, reader));
    });
}

/// Without patience nobody waits: what a reader has no room for is missed.
#[test]
fn without_patience_nobody_waits() {
    let timeouts = Timeouts::builder()
        .patience(Duration::ZERO)
        .build()
        .unwrap();
    let limits = Limits::builder().mailbox_bytes(16 * 1024).build().unwrap();
    let hub = crate::unthrottled_with(|hub| hub.timeouts(timeouts).limits(limits));
    let mut talker = hub.connect("talker").unwrap();
    let mut reader = hub.connect("reader").unwrap();
    for n in 0..100 {
        let text = format!("{n} {}", "x".repeat(1000));
        talker.send("reader", &text).unwrap();
    }
    let Some(Some(Event::Missed { count })) = reader.next().now_or_never() else {
        panic!("something is missed");
    };
    assert_eq!(count as usize + heard(&mut reader).len(), 100);
}

#[test]
fn a_reason_is_told_to_those_who_share_a_room() {
    let hub = crate::unthrottled();
    let mut ada = hub.connect("ada").unwrap();
    ada.join("#a").unwrap();
    for reason in [QuitReason::Closed, QuitReason::Kicked] {
        let mut bot = hub.connect("bot").unwrap();
        bot.join("#a").unwrap();
        if reason == QuitReason::Kicked {
            hub.kick("bot", "enough").unwrap();
        }
        drop(bot);
        let quit = format!("bot quit {reason}");
        assert_eq!(heard(&mut ada), ["#a bot joined".to_owned(), quit]);
    }
}
