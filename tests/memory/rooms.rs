//! Rooms on the `line` wire: what members get, who may do what, and the bounds.

use std::time::Duration;

use chinwag::{HubError, Limits, TakenName, Timeouts};

use crate::chat::{Chat, MemoryPeer};

/// Everybody says what they hear.
async fn all_hear<const N: usize>(peers: [&mut MemoryPeer; N], line: &str) {
    for peer in peers {
        peer.hears(line).await;
    }
}

#[test]
fn what_is_said_reaches_all_members_and_nobody_else() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        let mut cleo = chat.user("cleo").await;
        ada.ask("join,#Lobby", "ack").await;
        ada.ask("list,rooms", "#Lobby").await;
        bob.ask("join,#lobby", "ack").await;
        ada.hears("#Lobby bob joined").await;
        bob.ask("join,#LOBBY", "ack").await;
        ada.say("say,#lobby,hello, all").await;
        all_hear([&mut ada, &mut bob], "#Lobby ada says hello, all").await;
        cleo.ask("say,#lobby,me too", "error,not-a-member,*").await;
        cleo.ask("list,#lobby", "ada,bob").await;
        bob.ask("leave,#lobby", "ack").await;
        ada.hears("#Lobby bob left").await;
        ada.say("say,#lobby,alone").await;
        ada.hears("#Lobby ada says alone").await;
        bob.ask("ping", "pong").await;
        cleo.ask("ping", "pong").await;
        ada.ask("leave,#lobby", "ack").await;
        ada.ask("list,rooms", "").await;
        ada.ask("say,#lobby,x", "error,no-such-room,*").await;
    });
}

/// Messages to one room that come in one piece are published together, and nothing else may notice.
#[test]
fn what_comes_in_one_piece_keeps_its_order() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        for room in ["#a", "#b"] {
            ada.ask(&format!("join,{room}"), "ack").await;
            bob.ask(&format!("join,{room}"), "ack").await;
            ada.hears(&format!("{room} bob joined")).await;
        }
        ada.say(
            "say,#a,1\nsay,#a,2\nping\nsay,#a,3\nchat,bob,4\nsay,#b,5\nsay,#a,6\nsay,#c,7\nsay,#b,8\n\
             say,#b,9\nnonsense\nsay,#b,10\nregister,eve\nsay,#b,11\nleave,#b\nsay,#b,12\nsay,#a,13\nquit",
        )
        .await;
        for line in [
            "#a ada says 1",
            "#a ada says 2",
            "pong",
            "#a ada says 3",
            "#b ada says 5",
            "#a ada says 6",
            "error,no-such-room,*",
            "#b ada says 8",
            "#b ada says 9",
            "error,unknown-command,*",
            "#b ada says 10",
            "ack",
            "#b eve says 11",
            "ack",
            "error,not-a-member,*",
            "#a eve says 13",
            "bye",
        ] {
            ada.hears(line).await;
        }
        for line in [
            "#a ada says 1",
            "#a ada says 2",
            "#a ada says 3",
            "ada says 4",
            "#b ada says 5",
            "#a ada says 6",
            "#b ada says 8",
            "#b ada says 9",
            "#b ada says 10",
            "ada is now eve",
            "#b eve says 11",
            "#b eve left",
            "#b * role bob owner",
            "#a eve says 13",
        ] {
            bob.hears(line).await;
        }
    });
}

/// Who talks in bursts is held back for a reader that is behind, and goes on when it is not.
#[test]
fn bursts_fit_into_small_mailboxes() {
    let limits = Limits::builder().mailbox_bytes(16 * 1024).build().unwrap();
    let endless = Timeouts::builder().patience(Duration::from_secs(3600));
    let endless = endless.build().unwrap();
    let hub = || crate::unthrottled_with(|hub| hub.limits(limits).timeouts(endless));
    Chat::run(hub, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        ada.ask("join,#a", "ack").await;
        bob.ask("join,#a", "ack").await;
        ada.hears("#a bob joined").await;
        let many: Vec<_> = (0..500).map(|i| format!("say,#a,{i}")).collect();
        ada.say(&many.join("\n")).await;
        for i in 0..500 {
            all_hear([&mut ada, &mut bob], &format!("#a ada says {i}")).await;
        }
    });
}

/// Whoever writes it: the task of the one who is told, or that of the one who brings it about.
#[test]
fn what_is_told_is_counted() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        let mut cleo = chat.user("cleo").await;
        for peer in [&mut ada, &mut bob, &mut cleo] {
            peer.ask("join,#a", "ack").await;
        }
        ada.hears("#a bob joined").await;
        all_hear([&mut ada, &mut bob], "#a cleo joined").await;
        let before = chat.hub.stats().delivered;
        for _ in 0..10 {
            ada.say("chat,bob").await;
            bob.hears("ada says hi").await;
            bob.say("say,#a,hi").await;
            all_hear([&mut ada, &mut bob, &mut cleo], "#a bob says hi").await;
        }
        assert_eq!(chat.hub.stats().delivered - before, 40);
    });
}

#[test]
fn topic_and_roles() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        ada.ask("join,#a", "ack").await;
        bob.ask("join,#a", "ack").await;
        ada.hears("#a bob joined").await;
        bob.ask("topic,#a,mine", "error,needs-role,*").await;
        ada.say("topic,#a,ours, all").await;
        all_hear([&mut ada, &mut bob], "#a ada topic ours, all").await;
        ada.hears("ack").await;
        bob.ask("topic,#a", "topic,#a,ours, all").await;
        let long = "x".repeat(513);
        ada.ask(&format!("topic,#a,{long}"), "error,too-long,*")
            .await;

        bob.ask("role,#a,bob,owner", "error,needs-role,*").await;
        ada.say("role,#a,bob,moderator").await;
        all_hear([&mut ada, &mut bob], "#a ada role bob moderator").await;
        ada.hears("ack").await;
        bob.ask("kick,#a,ada", "error,needs-role,*").await;
        ada.ask("role,#a,ada,member", "error,needs-role,*").await;

        // Who owned it leaves, and the longest-standing of the highest role follows.
        let mut cleo = chat.user("cleo").await;
        cleo.ask("join,#a", "ack").await;
        all_hear([&mut ada, &mut bob], "#a cleo joined").await;
        ada.ask("leave,#a", "ack").await;
        all_hear([&mut bob, &mut cleo], "#a ada left").await;
        all_hear([&mut bob, &mut cleo], "#a * role bob owner").await;

        // Of equals, the longest-standing.
        let mut dan = chat.user("dan").await;
        dan.ask("join,#a", "ack").await;
        all_hear([&mut bob, &mut cleo], "#a dan joined").await;
        bob.ask("leave,#a", "ack").await;
        all_hear([&mut cleo, &mut dan], "#a bob left").await;
        all_hear([&mut cleo, &mut dan], "#a * role cleo owner").await;
    });
}

#[test]
fn moderation() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        ada.ask("join,#a", "ack").await;
        bob.ask("join,#a", "ack").await;
        ada.hears("#a bob joined").await;
        ada.ask("kick,#a,nobody", "error,no-such-user,*").await;
        ada.say("kick,#a,BOB,be nice").await;
        all_hear([&mut ada, &mut bob], "#a ada kicked bob be nice").await;
        ada.hears("ack").await;
        ada.ask(
            "kick,#a,bob",
            "error,no-such-user,they are not in that room",
        )
        .await;
        bob.ask("say,#a,x", "error,not-a-member,*").await;
        bob.ask("join,#a", "ack").await;
        ada.hears("#a bob joined").await;

        ada.say("ban,#a,bob").await;
        all_hear([&mut ada, &mut bob], "#a ada banned bob").await;
        ada.hears("ack").await;
        bob.ask("join,#a", "error,banned,*").await;
        ada.ask("unban,#a,cleo", "ack").await;
        ada.ask("unban,#a,bob", "#a ada unbans bob").await;
        ada.hears("ack").await;
        ada.ask("ban,#a,eve", "#a ada bans eve").await;
        ada.hears("ack").await;
        bob.ask("join,#a", "ack").await;
        ada.hears("#a bob joined").await;
        bob.ask("register,EVE", "error,banned,*").await;
        bob.ask("list,friends", "ada,bob").await;

        ada.say("invite-only,#a,on").await;
        all_hear([&mut ada, &mut bob], "#a ada invite-only on").await;
        ada.hears("ack").await;
        let mut cleo = chat.user("cleo").await;
        cleo.ask("join,#a", "error,invite-only,*").await;
        cleo.ask("list,#a", "error,not-a-member,*").await;
        bob.ask("invite,#a,cleo", "error,needs-role,*").await;
        ada.ask("invite,#a,cleo", "ack").await;
        cleo.hears("#a ada invited cleo").await;
        cleo.ask("join,#a", "ack").await;
        all_hear([&mut ada, &mut bob], "#a cleo joined").await;
        cleo.ask("leave,#a", "ack").await;
        cleo.ask("join,#a", "error,invite-only,*").await;
    });
}

#[test]
fn rename_quit_and_away_are_told_once_whatever_is_shared() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        for room in ["#a", "#b", "#c"] {
            ada.ask(&format!("join,{room}"), "ack").await;
            bob.ask(&format!("join,{room}"), "ack").await;
            ada.hears(&format!("{room} bob joined")).await;
        }
        bob.ask("register,rob", "ack").await;
        ada.hears("bob is now rob").await;
        bob.ask("away,lunch, then a walk", "ack").await;
        ada.hears("rob is away lunch, then a walk").await;
        chat.rt.sleep(Duration::from_secs(90)).await;
        ada.ask(
            "whois,ROB",
            "whois,rob,connected=90,idle=90,rooms=#a #b #c,away=lunch, then a walk",
        )
        .await;
        bob.ask("away", "ack").await;
        ada.hears("rob is back").await;
        bob.ask("quit", "bye").await;
        ada.hears("rob quit closed").await;
        ada.ask("ping", "pong").await;
    });
}

#[test]
fn every_quit_has_its_reason() {
    Chat::run(
        || crate::unthrottled_with(|hub| hub.taken_name(TakenName::Replace)),
        async |chat| {
            let mut ada = chat.user("ada").await;
            ada.ask("join,#a", "ack").await;
            let mut silent = chat.user("silent").await;
            silent.ask("join,#a", "ack").await;
            ada.hears("#a silent joined").await;
            chat.rt.sleep(Duration::from_secs(1800)).await;
            ada.ask("ping", "pong").await;
            chat.rt.sleep(Duration::from_secs(1801)).await;
            ada.hears("silent quit timed-out").await;

            let mut bob = chat.user("bob").await;
            bob.ask("join,#a", "ack").await;
            ada.hears("#a bob joined").await;
            chat.hub.kick("bob", "enough").unwrap();
            ada.hears("bob quit kicked").await;
            bob.hears("error,kicked,you were put out: enough").await;
            bob.is_closed().await;

            let mut old = chat.user("cleo").await;
            old.ask("join,#a", "ack").await;
            ada.hears("#a cleo joined").await;
            let mut new = chat.user("CLEO").await;
            ada.hears("cleo quit replaced").await;
            old.hears("error,replaced,*").await;
            old.is_closed().await;
            new.ask("list,friends", "ada,CLEO").await;
            new.ask("say,#a,hi", "error,not-a-member,*").await;
            drop(silent);
        },
    );
}

#[test]
fn a_user_with_several_connections_is_one_user() {
    Chat::run(
        || {
            let limits = Limits::builder().max_devices(2).build().unwrap();
            crate::unthrottled_with(|hub| hub.taken_name(TakenName::Share).limits(limits))
        },
        async |chat| {
            let mut desk = chat.user("ada").await;
            let mut bob = chat.user("bob").await;
            desk.ask("join,#a", "ack").await;
            bob.ask("join,#a", "ack").await;
            desk.hears("#a bob joined").await;
            let mut phone = chat.user("ADA").await;
            let mut third = chat.line();
            third.ask("register,ada", "error,full,*").await;

            phone.say("chat,bob,from the phone").await;
            bob.hears("ada says from the phone").await;
            desk.hears("* to bob says from the phone").await;
            bob.say("chat,ada,to both").await;
            all_hear([&mut desk, &mut phone], "bob says to both").await;
            phone.say("say,#a,once each").await;
            all_hear([&mut desk, &mut phone, &mut bob], "#a ada says once each").await;
            phone.ask("join,#b", "ack").await;
            desk.hears("#b ada joined").await;
            desk.say("say,#b,here").await;
            all_hear([&mut desk, &mut phone], "#b ada says here").await;
            desk.ask("register,ida", "ack").await;
            all_hear([&mut phone, &mut bob], "ada is now ida").await;
            bob.ask("list,friends", "bob,ida").await;

            // One of them leaves, and nobody notices; with the last one the user is gone.
            desk.ask("quit", "bye").await;
            bob.ask("list,#a", "ida,bob").await;
            phone.ask("leave,#a", "ack").await;
            bob.hears("#a ida left").await;
            bob.hears("#a * role bob owner").await;
            phone.ask("quit", "bye").await;
            bob.ask("list,friends", "bob").await;
            bob.ask("list,rooms", "#a").await;
        },
    );
}

#[test]
fn bounds_are_told() {
    let limits = || {
        let limits = Limits::builder()
            .max_rooms(3)
            .max_user_rooms(2)
            .max_members(2)
            .max_bans(1);
        crate::unthrottled_with(|hub| hub.limits(limits.clone().build().unwrap()))
    };
    Chat::run(limits, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        let mut cleo = chat.user("cleo").await;
        ada.ask("join,#a", "ack").await;
        ada.ask("join,#b", "ack").await;
        ada.ask("join,#c", "error,full,one can be in 2 rooms, and no more")
            .await;
        bob.ask("join,#c", "ack").await;
        bob.ask(
            "join,#d",
            "error,full,there are 3 rooms, and no more are made",
        )
        .await;
        bob.ask("join,#a", "ack").await;
        ada.hears("#a bob joined").await;
        cleo.ask(
            "join,#a",
            "error,full,the room has 2 members and takes no more",
        )
        .await;
        ada.ask("ban,#b,x", "#b ada bans x").await;
        ada.hears("ack").await;
        ada.ask("ban,#b,X", "ack").await;
        ada.ask("ban,#b,y", "error,full,*").await;
        ada.ask("leave,#b", "ack").await;
        cleo.ask("join,#d", "ack").await;
    });
}

#[test]
fn a_permanent_room_stays_and_nobody_owns_it() {
    Chat::run(crate::unthrottled, async |chat| {
        let room = chat.hub.open_room("#news").unwrap();
        let mut ada = chat.user("ada").await;
        ada.ask("list,rooms", "#news").await;
        ada.ask("join,#news", "ack").await;
        ada.ask("topic,#news,mine", "error,needs-role,*").await;
        room.set_topic("what happens").unwrap();
        ada.hears("#news * topic what happens").await;
        assert_eq!(chat.hub.publish("#news", "it\nbegins").unwrap(), 1);
        ada.hears("#news * says it begins").await;
        chat.hub.tell("ada", "psst").unwrap();
        ada.hears("* says psst").await;
        ada.ask("leave,#news", "ack").await;
        ada.ask("list,rooms", "#news").await;
        ada.ask("topic,#news", "topic,#news,what happens").await;
        room.set_permanent(false).unwrap();
        ada.ask("list,rooms", "").await;
    });
}

/// A long list of members comes whole, and nothing gets into the middle of it.
#[test]
fn a_long_list_of_members_is_whole() {
    Chat::run_orders(1, crate::unthrottled, async |chat| {
        let mut users = Vec::new();
        for i in 0..1000 {
            let mut user = chat.user(&format!("user{i}")).await;
            user.ask("join,#a", "ack").await;
            users.push(user);
        }
        let mut asker = chat.user("asker").await;
        let expected: Vec<_> = (0..1000).map(|i| format!("user{i}")).collect();
        asker.ask("list,#a", &expected.join(",")).await;
    });
}

/// Nobody who left, was put out or vanished is told anything more.
#[test]
fn the_ack_of_a_leave_is_the_last_of_the_room() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        ada.ask("join,#a", "ack").await;
        bob.ask("join,#a", "ack").await;
        ada.hears("#a bob joined").await;
        let talk: String = (0..500).map(|i| format!("say,#a,{i}\n")).collect();
        ada.send(talk).await;
        bob.say("leave,#a\nping").await;
        let mut left = false;
        loop {
            match &*bob.line().await {
                "ack" => left = true,
                "pong" => break,
                line => assert!(!left && line.starts_with("#a ada says "), "{line}"),
            }
        }
    });
}

/// A program that publishes in a loop, without letting anybody run, loses no reader by it.
#[test]
fn a_program_that_publishes_a_lot_at_once_cuts_nobody_who_reads() {
    Chat::run(crate::unthrottled, async |chat| {
        let news = chat.hub.open_room("#news").unwrap();
        let mut ada = chat.user("ada").await;
        ada.ask("join,#news", "ack").await;
        chat.rt.settle().await;
        let text = "x".repeat(100);
        let published = (0..10_000)
            .take_while(|_| news.publish(&text).is_ok())
            .count();
        assert!((500..5000).contains(&published), "{published}");
        assert_eq!(news.publish(&text), Err(HubError::Busy));
        let publish = async {
            for i in published..5000 {
                news.publish_when_ready(&chat.rt, &format!("{i}"))
                    .await
                    .unwrap();
            }
        };
        let listen = async {
            for _ in 0..published {
                ada.hears(&format!("#news * says {text}")).await;
            }
            for i in published..5000 {
                ada.hears(&format!("#news * says {i}")).await;
            }
        };
        futures::join!(publish, listen);
        let long = "x".repeat(5000);
        assert_eq!(news.publish(&long), Err(HubError::TextTooLong(4096)));
        assert_eq!(
            chat.hub.tell("ada", &long),
            Err(HubError::TextTooLong(4096))
        );
        news.set_permanent(false).unwrap();
    });
}

/// What the program does in its own chat cannot be taken over from outside.
#[test]
fn the_name_of_an_in_process_user_is_its_own() {
    for policy in [TakenName::Replace, TakenName::Share] {
        Chat::run(
            || crate::unthrottled_with(|hub| hub.taken_name(policy)),
            async |chat| {
                let bot = chat.hub.connect("bot").unwrap();
                let mut ada = chat.line();
                ada.ask("register,bot", "error,name-taken,*").await;
                ada.ask("register,ada", "ack").await;
                assert!(matches!(chat.hub.connect("ada"), Err(HubError::NameTaken)));
                assert_eq!(chat.hub.users(), ["bot", "ada"]);
                drop(bot);
            },
        );
    }
}
