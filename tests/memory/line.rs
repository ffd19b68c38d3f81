//! The `line` protocol from outside: what is asked and what is answered.

use chinwag_testkit::Link;

use crate::chat::Chat;

#[test]
fn two_users_talk() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("Bob").await;
        ada.ask("list,friends", "ada,Bob").await;
        ada.say("chat,bob").await;
        bob.hears("ada says hi").await;
        bob.say("chat,ADA,well, well,\t hello! ").await;
        ada.hears("Bob says well, well,\t hello! ").await;
        bob.ask("ping", "pong").await;
        bob.ask("quit", "bye").await;
        bob.is_closed().await;
        ada.ask("list,friends", "ada").await;
    });
}

#[test]
fn a_list_is_answered_before_registering_too() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut nobody = chat.line();
        nobody.ask("list,friends", "").await;
        let _ada = chat.user("ada").await;
        nobody.ask("list,friends", "ada").await;
    });
}

#[test]
fn everything_in_one_segment() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.line();
        ada.send(
            "register,ada\r\n\n\r\nlist,friends\nchat,ada,1\nchat,ada,2\r\nping\nquit\nping\n",
        )
        .await;
        let heard = ada.rest().await;
        assert_eq!(heard, "ack\nada\nada says 1\nada says 2\npong\nbye\n");
    });
}

#[test]
fn split_at_every_byte() {
    let script = "register,ada\r\nlist,friends\nchat,ada,zażółć\n\nnonsense\nping\nquit\n";
    for cut in 0..script.len() {
        Chat::run(crate::unthrottled, async |chat| {
            let mut ada = chat.line();
            let (first, second) = script.as_bytes().split_at(cut);
            ada.send(first).await;
            chat.rt.settle().await;
            ada.send(second).await;
            let heard = ada.rest().await;
            let unknown = "error,unknown-command,try register,NAME  list,friends  chat,NAME,TEXT  \
                           join,#ROOM  say,#ROOM,TEXT  quit";
            assert_eq!(
                heard,
                format!("ack\nada\nada says zażółć\n{unknown}\npong\nbye\n")
            );
        });
    }
}

#[test]
fn one_byte_at_a_time_both_ways() {
    let slow = Link {
        capacity: 1,
        chunk: 1,
        ..Link::default()
    };
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.line_over(slow);
        ada.ask("register,ada", "ack").await;
        for i in 0..20 {
            ada.ask(&format!("chat,ada,{i}"), &format!("ada says {i}"))
                .await;
        }
        ada.ask("quit", "bye").await;
        ada.is_closed().await;
    });
}

#[test]
fn mistakes_are_told_and_cost_nothing() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.line();
        ada.ask("chat,ada", "error,not-registered,*").await;
        ada.ask("register", "error,bad-name,*").await;
        ada.ask("register,", "error,bad-name,*").await;
        ada.ask("register,a b", "error,bad-name,*").await;
        ada.ask("register,-a", "error,bad-name,*").await;
        ada.ask(&format!("register,{}", "x".repeat(33)), "error,bad-name,*")
            .await;
        ada.ask("register,ada,secret", "ack").await;
        ada.ask("chat", "error,bad-arguments,*").await;
        ada.ask("chat,bob,hi", "error,no-such-user,*").await;
        ada.ask("chat,#room,hi", "error,no-such-user,*").await;
        ada.ask("list", "error,bad-arguments,*").await;
        ada.ask("list,#room", "error,no-such-room,*").await;
        ada.ask("join,lobby", "error,bad-name,*").await;
        ada.ask("say,#room", "error,bad-arguments,*").await;
        ada.ask("say,#room,hi", "error,no-such-room,*").await;
        ada.ask("leave,#room", "error,no-such-room,*").await;
        ada.ask("kick,#room,ada", "error,no-such-room,*").await;
        ada.ask("whois,bob", "error,no-such-user,*").await;
        ada.ask("LIST,friends", "error,unknown-command,*").await;
        ada.ask("ping,1", "error,bad-arguments,*").await;
        ada.ask("chat,ada,a\0b", "error,bad-arguments,*").await;
        ada.ask("chat,ada,x\rbob says y", "error,bad-arguments,*")
            .await;
        ada.send(b"chat,ada,\xff\n").await;
        ada.hears("error,bad-utf8,*").await;
        ada.ask("chat,ada,still here", "ada says still here").await;
    });
}

#[test]
fn every_explanation_has_a_space_and_no_name_has() {
    // A client tells lists, messages and errors apart by this.
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("error").await;
        for mistake in ["chat", "chat,x", "register,,", "register, ", "list", "x"] {
            ada.say(mistake).await;
            let line = ada.line().await;
            let explanation = line.splitn(3, ',').nth(2).unwrap();
            assert!(explanation.contains(' '), "{line}");
        }
    });
}

#[test]
fn registering_again_renames() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        ada.ask("register,countess", "ack").await;
        bob.ask("list,friends", "bob,countess").await;
        bob.ask("chat,ada", "error,no-such-user,*").await;
        bob.say("chat,countess,hello").await;
        ada.hears("bob says hello").await;
        bob.ask("register,ada", "ack").await;
        // The same name in another case is no other name: it keeps its place.
        ada.ask("register,COUNTESS", "ack").await;
        ada.ask("register,ADA", "error,name-taken,*").await;
        ada.ask("list,friends", "COUNTESS,ada").await;
    });
}

#[test]
fn a_name_is_free_at_once_when_its_connection_ends() {
    Chat::run(crate::unthrottled, async |chat| {
        for round in 0..20 {
            let mut ada = chat.line();
            ada.ask("register,ada", "ack").await;
            match round % 4 {
                // Whoever has read `bye` or the end can rely on it.
                0 => ada.ask("quit", "bye").await,
                1 => {
                    ada.done_sending().await;
                    ada.is_closed().await;
                }
                2 => {
                    ada.into_inner().reset();
                    chat.rt.settle().await;
                }
                _ => {
                    ada.send("chat,ada,half a li").await;
                    drop(ada);
                    chat.rt.settle().await;
                }
            }
        }
    });
}

#[test]
fn an_unfinished_line_is_not_obeyed() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        bob.send("chat,ada,pay 100").await;
        drop(bob);
        chat.rt.settle().await;
        ada.ask("ping", "pong").await;
    });
}

#[test]
fn who_stops_sending_still_gets_the_replies() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.line();
        ada.send("register,ada\nchat,ada,to myself\nlist,friends\nping\n")
            .await;
        ada.done_sending().await;
        assert_eq!(ada.rest().await, "ack\nada says to myself\nada\npong\n");
    });
}

#[test]
fn a_line_at_the_limit_and_one_past_it() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        for end in ["\n", "\r\n"] {
            for length in [4095, 4096, 4097] {
                let text = "x".repeat(length - "chat,ada,".len());
                ada.send(format!("chat,ada,{text}{end}")).await;
                match length {
                    4097 => ada.hears("error,too-long,*").await,
                    _ => ada.hears(&format!("ada says {text}")).await,
                }
            }
        }
        ada.send(vec![b'x'; 1 << 20]).await;
        ada.hears("error,too-long,*").await;
        ada.ask("\nping", "pong").await;
    });
}

#[test]
fn of_a_thousand_claims_of_one_name_one_wins() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut peers = Vec::new();
        for i in 0..1000 {
            let mut peer = chat.line();
            let name = ["ada", "Ada", "ADA", "aDA"][i % 4];
            peer.send(format!("register,{name}\n")).await;
            peers.push(peer);
        }
        let mut won = 0;
        for peer in &mut peers {
            match peer.line().await.as_str() {
                "ack" => won += 1,
                line => assert!(line.starts_with("error,name-taken,"), "{line}"),
            }
        }
        assert_eq!(won, 1);
    });
}
