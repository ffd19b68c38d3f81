//! The original protocol from outside.

use chinwag::{Runtime, Server, wire::Seed};
use chinwag_testkit::Peer;

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

/// Who has no words for joining a room is in one, and everything in it has one order for all.
#[test]
fn clients_are_in_a_room_if_the_server_says_so() {
    Chat::run(crate::unthrottled, async |chat| {
        let wire = Seed::default().in_room("#Lobby".parse().unwrap());
        let server = Server::new(chat.hub.clone()).listen(chat.net.listen("old"), wire);
        let serving = server.run_until(std::future::pending::<()>(), chat.rt.clone());
        let (serving, end) = futures::future::abortable(serving);
        chat.rt.spawn(async move { drop(serving.await) }).unwrap();
        chat.rt.settle().await;
        let mut ada = chat.user("ada").await;
        ada.ask("join,#lobby", "ack").await;
        let mut old = Peer::new(chat.net.connect("old"));
        ask(
            &chat,
            &mut old,
            "register,ada",
            "error,name-taken,somebody else has that name",
        )
        .await;
        ask(&chat, &mut old, "register,old", "ack").await;
        ada.hears("#lobby old joined").await;
        ada.ask("say,#lobby,welcome", "#lobby ada says welcome")
            .await;
        assert_eq!(old.bytes(23).await, b"#lobby ada says welcome");
        ask(&chat, &mut old, "chat,#LOBBY", "#lobby old says hi").await;
        ada.hears("#lobby old says hi").await;
        ask(&chat, &mut old, "register,older", "ack").await;
        ada.hears("old is now older").await;
        send(&chat, &mut old, "chat,ada").await;
        ada.hears("older says hi").await;
        drop(old);
        ada.hears("older quit closed").await;
        end.abort();
        chat.rt.settle().await;
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
        let bad_name =
            "error,bad-name,a name has only letters, digits, and marks such as '_', '-' and '.'";
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
