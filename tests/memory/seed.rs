//! The original protocol from outside.

use crate::chat::{Chat, MemoryPeer};

/// Sends one command, and lets the server read it before the next.
async fn send(chat: &Chat, peer: &mut MemoryPeer, command: &str) {
    peer.send(command).await;
    chat.rt.settle().await;
}

/// Sends one command and expects exactly these bytes.
async fn ask(chat: &Chat, peer: &mut MemoryPeer, command: &str, answer: &str) {
    send(chat, peer, command).await;
    let heard = peer.bytes(answer.len()).await;
    assert_eq!(String::from_utf8(heard).unwrap(), answer);
}

#[test]
fn byte_for_byte() {
    Chat::run(crate::unthrottled, async |chat| {
        let (mut ada, mut bob) = (chat.seed(), chat.seed());
        // With no names there is nothing to send.
        send(&chat, &mut ada, "list,friends").await;
        ask(&chat, &mut ada, "register,ada", "ack").await;
        ask(&chat, &mut bob, "register,bob", "ack").await;
        ask(&chat, &mut bob, "list,friends", "ada,bob").await;
        send(&chat, &mut bob, "chat,ada").await;
        assert_eq!(ada.bytes(11).await, b"bob says hi");
        ask(&chat, &mut ada, "chat,ada", "ada says hi").await;
        ask(&chat, &mut ada, "list,whatever", "ada,bob").await;
        drop(ada);
        chat.rt.settle().await;
        ask(&chat, &mut bob, "list,friends", "bob").await;
    });
}

#[test]
fn only_register_is_answered_with_an_error() {
    Chat::run(crate::unthrottled, async |chat| {
        let _taken = chat.user("Taken").await;
        let mut ada = chat.seed();
        for silent in ["chat,ada", "nonsense", "chat", "\u{1}", "\n"] {
            send(&chat, &mut ada, silent).await;
        }
        let no_name = "error,bad-name,a name has at least one character";
        ask(&chat, &mut ada, "register", no_name).await;
        let taken = "error,name-taken,somebody else has that name";
        ask(&chat, &mut ada, "register,taken", taken).await;
        ask(&chat, &mut ada, "register,ada", "ack").await;
        send(&chat, &mut ada, "chat,nobody").await;
        // Two commands in one segment are one bad command.
        let bad_name = "error,bad-name,a name has only letters, digits, and marks such as '_', '-' and '.'";
        ask(&chat, &mut ada, "register,bobchat,ada", bad_name).await;
        ask(&chat, &mut ada, "list,friends", "Taken,ada").await;
    });
}

#[test]
fn both_wires_meet_in_one_chat() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut old = chat.seed();
        ask(&chat, &mut old, "register,old", "ack").await;
        let mut new = chat.user("new").await;
        new.ask("list,friends", "old,new").await;
        new.say("chat,old,good morning").await;
        assert_eq!(old.bytes(21).await, b"new says good morning");
        send(&chat, &mut old, "chat,NEW").await;
        new.hears("old says hi").await;
    });
}
