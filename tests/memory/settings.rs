//! How a room is: who may come in, talk, find it, and change its topic.

use chinwag::{HubError, MaskError, MaskList, Role, RoomSetting};

use crate::chat::Chat;

#[test]
fn a_room_with_a_key_and_a_limit() {
    Chat::run(crate::unthrottled, async |chat| {
        let room = chat.hub.open_room("#vault").unwrap();
        room.set(RoomSetting::Key(Some("xyzzy".into()))).unwrap();
        room.set(RoomSetting::Limit(Some(2))).unwrap();
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        let mut cleo = chat.user("cleo").await;
        for wrong in ["join,#vault", "join,#vault,", "join,#vault,XYZZY"] {
            ada.ask(wrong, "error,bad-key,*").await;
        }
        ada.ask("join,#vault,xyzzy", "ack").await;
        ada.ask("join,#vault", "ack").await;
        bob.ask("join,#vault,xyzzy", "ack").await;
        ada.hears("#vault bob joined").await;
        cleo.ask("join,#vault,xyzzy", "error,full,*").await;
        // Who was invited needs no key, and is no matter of the limit.
        room.invite("cleo").unwrap();
        cleo.hears("#vault * invited cleo").await;
        cleo.ask("join,#vault", "ack").await;
        assert_eq!(room.members().len(), 3);

        room.set(RoomSetting::Key(None)).unwrap();
        room.set(RoomSetting::Limit(None)).unwrap();
        chat.user("dora").await.ask("join,#vault", "ack").await;
        room.set_permanent(false).unwrap();
    });
}

#[test]
fn a_moderated_room_is_for_those_who_are_let_talk() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        let mut cleo = chat.user("cleo").await;
        ada.ask("join,#a", "ack").await;
        bob.ask("join,#a", "ack").await;
        cleo.ask("join,#a", "ack").await;
        ada.hears("#a bob joined").await;
        for peer in [&mut ada, &mut bob] {
            peer.hears("#a cleo joined").await;
        }
        let room = chat.hub.room("#a").unwrap();
        room.set(RoomSetting::Moderated(true)).unwrap();
        bob.ask("say,#a,hello?", "error,needs-role,*").await;
        // The owner talks, and lets others.
        ada.say("say,#a,one at a time").await;
        ada.say("role,#a,bob,voiced").await;
        for peer in [&mut ada, &mut bob, &mut cleo] {
            peer.hears("#a ada says one at a time").await;
            peer.hears("#a ada role bob voiced").await;
        }
        ada.hears("ack").await;
        bob.say("say,#a,thanks").await;
        cleo.hears("#a bob says thanks").await;
        cleo.ask("say,#a,me?", "error,needs-role,*").await;
        // To let others talk takes a moderator, to make one an owner.
        bob.hears("#a bob says thanks").await;
        bob.ask("role,#a,cleo,voiced", "error,needs-role,*").await;
        room.set_role("bob", Role::Moderator).unwrap();
        bob.hears("#a * role bob moderator").await;
        bob.ask("role,#a,cleo,voiced", "#a bob role cleo voiced")
            .await;
        bob.hears("ack").await;
        bob.ask("role,#a,cleo,moderator", "error,needs-role,*")
            .await;
        bob.ask("role,#a,ada,voiced", "error,needs-role,*").await;
    });
}

#[test]
fn a_secret_room_is_known_to_its_members() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        ada.ask("join,#open", "ack").await;
        ada.ask("join,#secret", "ack").await;
        let room = chat.hub.room("#secret").unwrap();
        room.set(RoomSetting::Secret(true)).unwrap();
        ada.ask("list,rooms", "#open,#secret").await;
        bob.ask("list,rooms", "#open").await;
        bob.ask("list,#secret", "error,no-such-room,*").await;
        bob.ask("topic,#secret", "error,no-such-room,*").await;
        bob.ask("whois,ada", "whois,ada,connected=0,idle=0,rooms=")
            .await;
        // But who knows its name may join.
        bob.ask("join,#secret", "ack").await;
        bob.ask("list,#secret", "ada,bob").await;
        bob.ask("list,rooms", "#open,#secret").await;
    });
}

#[test]
fn a_room_that_lets_others_talk_and_set_the_topic() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        ada.ask("join,#a", "ack").await;
        let room = chat.hub.room("#a").unwrap();
        bob.ask("say,#a,from outside", "error,not-a-member,*").await;
        room.set(RoomSetting::MembersOnly(false)).unwrap();
        room.set(RoomSetting::TopicLocked(false)).unwrap();
        // Who talks from outside hears what they say, as everybody does, and nothing else.
        bob.ask("say,#a,from outside", "#a bob says from outside")
            .await;
        ada.hears("#a bob says from outside").await;
        ada.ask("say,#a,who is there?", "#a ada says who is there?")
            .await;
        bob.ask("ping", "pong").await;
        bob.ask("topic,#a,mine", "error,not-a-member,*").await;
        room.ban("bob").unwrap();
        ada.hears("#a * bans bob").await;
        bob.ask("say,#a,still here", "error,banned,*").await;
        room.unban("bob").unwrap();
        ada.hears("#a * unbans bob").await;
        room.set(RoomSetting::Moderated(true)).unwrap();
        bob.ask("say,#a,still here", "error,needs-role,*").await;
        bob.ask("join,#a", "ack").await;
        ada.hears("#a bob joined").await;
        bob.ask("topic,#a,mine", "#a bob topic mine").await;
        bob.hears("ack").await;
    });
}

#[test]
fn masks_keep_out_and_exceptions_let_in() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        ada.ask("join,#a", "ack").await;
        let room = chat.hub.room("#a").unwrap();
        // In memory nobody has an address.
        room.set_mask(MaskList::Bans, "*@localhost", true).unwrap();
        ada.hears("#a * bans *!*@localhost").await;
        bob.ask("join,#a", "error,banned,*").await;
        room.set_mask(MaskList::BanExceptions, "B?B", true).unwrap();
        bob.ask("join,#a", "ack").await;
        ada.hears("#a bob joined").await;
        chat.user("cleo")
            .await
            .ask("join,#a", "error,banned,*")
            .await;
        room.set_mask(MaskList::Bans, "*!*@LOCALHOST", false)
            .unwrap();
        ada.hears("#a * unbans *!*@localhost").await;

        room.set_invite_only(true).unwrap();
        ada.hears("#a * invite-only on").await;
        let mut dora = chat.user("dora").await;
        dora.ask("join,#a", "error,invite-only,*").await;
        room.set_mask(MaskList::InviteExceptions, "dor*", true)
            .unwrap();
        dora.ask("join,#a", "ack").await;

        let bad = room.set_mask(MaskList::Bans, "a b", true);
        assert_eq!(bad, Err(HubError::BadMask(MaskError::Forbidden)));
        assert!(room.bans().is_empty());
        assert_eq!(room.masks(MaskList::BanExceptions).len(), 1);
    });
}
