//! What users do to rooms at once: to several of them, to those that come and go, and to each other.

use futures::StreamExt;
use shuttle::{future::block_on, thread};

use super::{check, hub};
use crate::{Event, Hub, HubError, Limits, LocalUser};

/// A user who is in `rooms`, which it has joined in this order.
fn member<const N: usize>(hub: &Hub, name: &str, rooms: [&str; N]) -> LocalUser {
    let mut user = hub.connect(name).unwrap();
    for room in rooms {
        user.join(room).unwrap();
    }
    user
}

fn is_member(hub: &Hub, room: &str, name: &str) -> bool {
    let members = hub.members(room).unwrap_or_default();
    members.iter().any(|member| *member == *name)
}

/// Two are in the same two rooms, which they have joined in different orders, and tell both of them something at
/// once: that they are called otherwise, that they are away, that they go. Nobody waits for the other for ever, and a
/// third one is told everything once, by those who are there and by the names that they have then.
#[test]
fn those_who_share_several_rooms_do_not_wait_for_each_other() {
    check(10_000, || {
        let hub = hub().build();
        let mut watcher = member(&hub, "watcher", ["#a", "#b"]);
        let acts = [["#a", "#b"], ["#b", "#a"]].map(|rooms| {
            let old = format!("old{}", &rooms[0][1..]);
            let new = format!("new{}", &rooms[0][1..]);
            let mut user = member(&hub, &old, rooms);
            let act = thread::spawn(move || {
                user.rename(&new).unwrap();
                user.set_away(Some("for a while")).unwrap();
            });
            (old, act)
        });
        let names = acts.map(|(old, act)| {
            act.join().unwrap();
            old
        });
        hub.tell("watcher", "the end").unwrap();
        let mut heard = Vec::new();
        loop {
            match block_on(watcher.next()).unwrap() {
                Event::Renamed { old, new } => heard.push(format!("{old} is {new}")),
                Event::Away { name, .. } => heard.push(format!("{name} is away")),
                Event::Quit { name, .. } => heard.push(format!("{name} goes")),
                Event::Joined { .. } => {}
                Event::Direct { .. } => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(heard.len(), 6, "{heard:?}");
        for old in names {
            let new = old.replace("old", "new");
            let its = heard.iter().filter(|line| line.contains(&new));
            let due = [
                format!("{old} is {new}"),
                format!("{new} is away"),
                format!("{new} goes"),
            ];
            assert!(its.eq(&due), "{heard:?}");
        }
        assert_eq!(hub.members("#a").unwrap().len(), 1);
    });
}

/// Somebody is banned while they join, and while another one takes that name. Whoever is banned is not in the room.
#[test]
fn nobody_who_is_banned_is_in_the_room() {
    check(10_000, || {
        let hub = hub().build();
        let mut owner = member(&hub, "owner", ["#a"]);
        let mut guest = hub.connect("guest").unwrap();
        let joins = thread::spawn(move || {
            let joined = guest.join("#a");
            assert!(matches!(joined, Ok(()) | Err(HubError::Banned)));
            let renamed = guest.rename("elsewhere");
            assert!(matches!(renamed, Ok(())));
            guest
        });
        let mut other = member(&hub, "other", ["#a"]);
        let renames = thread::spawn(move || {
            let renamed = other.rename("guest");
            assert!(matches!(
                renamed,
                Ok(()) | Err(HubError::NameTaken | HubError::Banned)
            ));
            other
        });
        owner.ban("#a", "guest").unwrap();
        assert!(!is_member(&hub, "#a", "guest"));
        let users = [joins, renames].map(|user| user.join().unwrap());
        assert!(!is_member(&hub, "#a", "guest"));
        // What a user may do is what the room has.
        for mut user in users {
            let name = user.name().unwrap().to_string();
            let told = user.say("#a", "hello");
            assert_eq!(told.is_ok(), is_member(&hub, "#a", &name), "{told:?}");
        }
    });
}

/// The program puts somebody out who just changes their name, and another one asks who that is. Either they are gone, or
/// there was a moment when nobody was called so.
#[test]
fn whoever_is_put_out_is_gone() {
    check(10_000, || {
        let hub = hub().build();
        let mut ada = hub.connect("ada").unwrap();
        let mut other = hub.connect("other").unwrap();
        let renames = thread::spawn(move || {
            let renamed = ada.rename("dora");
            assert!(matches!(renamed, Ok(()) | Err(HubError::Closed)));
            ada
        });
        let asks = thread::spawn(move || match other.whois("ada") {
            Ok(whois) => assert_eq!(whois.name, *"ada"),
            Err(error) => assert_eq!(error, HubError::NoSuchUser),
        });
        let kicked = hub.kick("ada", "for no reason");
        let ada = renames.join().unwrap();
        asks.join().unwrap();
        match kicked {
            Ok(()) => assert!(hub.users().is_empty(), "{:?}", hub.users()),
            Err(error) => {
                assert_eq!(error, HubError::NoSuchUser);
                assert_eq!(hub.users(), ["dora"]);
            }
        }
        drop(ada);
    });
}

/// Two join the only room that there may be, which neither finds: it is one room for both.
#[test]
fn the_last_room_that_there_may_be_is_for_all() {
    check(10_000, || {
        let limits = Limits::builder().max_rooms(1).build().unwrap();
        let hub = hub().limits(limits).build();
        let joins = ["ada", "bob"].map(|name| {
            let mut user = hub.connect(name).unwrap();
            thread::spawn(move || {
                user.join("#a").unwrap();
                user
            })
        });
        let mut users = joins.map(|join| join.join().unwrap());
        assert_eq!(hub.members("#a").unwrap().len(), 2);
        let full = users[0].join("#b").unwrap_err();
        assert_eq!(full, HubError::TooManyRoomsInAll(1));
        drop(users);
        assert!(hub.rooms().is_empty());
        member(&hub, "cleo", ["#b"]);
    });
}

/// The program makes a room permanent while its last member leaves it and another one joins, and takes that back. It
/// is there while anybody says so, and gone when nobody does.
#[test]
fn a_room_is_there_while_it_is_to_stay() {
    check(10_000, || {
        let hub = hub().build();
        let mut last = member(&hub, "last", ["#a"]);
        let leaves = thread::spawn(move || last.leave("#a").unwrap());
        let opens = {
            let hub = hub.clone();
            thread::spawn(move || {
                let room = hub.open_room("#a").unwrap();
                room.publish("it is open").unwrap();
                assert_eq!(hub.rooms(), ["#a"]);
                room.set_permanent(false).unwrap();
            })
        };
        let mut guest = member(&hub, "guest", ["#a"]);
        guest.say("#a", "hello").unwrap();
        leaves.join().unwrap();
        opens.join().unwrap();
        assert_eq!(hub.members("#a").unwrap(), ["guest"]);
        guest.leave("#a").unwrap();
        assert!(hub.rooms().is_empty());
    });
}

/// What a user has been told of its room up to now.
fn told(user: &mut LocalUser) -> Vec<String> {
    let name = user.name().unwrap().to_string();
    user.hub().tell(&name, "the end").unwrap();
    let mut told = Vec::new();
    loop {
        told.push(match block_on(user.next()).unwrap() {
            Event::Said { text, .. } => text.to_string(),
            Event::Topic { text, .. } => format!("topic {text}"),
            Event::Joined { name, .. } => format!("{name} comes"),
            Event::Left { name, .. } => format!("{name} goes"),
            Event::Direct { .. } => return told,
            other => panic!("{other:?}"),
        });
    }
}

/// Two watch a room while its owner says something and sets a topic, somebody else comes, talks and goes, and the
/// program sets a topic as well: both are told all of it, in one order, and what one has done in the order of that one.
#[test]
fn all_that_happens_in_a_room_has_one_order() {
    check(10_000, || {
        let hub = hub().build();
        let mut owner = member(&hub, "owner", ["#a"]);
        let room = hub.room("#a").unwrap();
        let mut watchers = ["one", "two"].map(|name| member(&hub, name, ["#a"]));
        let two_comes = block_on(watchers[0].next()).unwrap();
        assert!(matches!(two_comes, Event::Joined { .. }));
        let mut guest = hub.connect("guest").unwrap();
        let owns = thread::spawn(move || {
            owner.say("#a", "hello").unwrap();
            owner.set_topic("#a", "news").unwrap();
            owner
        });
        let visits = thread::spawn(move || {
            guest.join("#a").unwrap();
            guest.say("#a", "hi").unwrap();
            guest.leave("#a").unwrap();
            guest
        });
        room.set_topic("rules").unwrap();
        let _users = [owns, visits].map(|user| user.join().unwrap());
        let topic = format!("topic {}", room.topic());
        let [one, two] = watchers.each_mut().map(told);
        assert_eq!(one, two);
        assert_eq!(one.len(), 6, "{one:?}");
        for its in [
            &["hello", "topic news"][..],
            &["guest comes", "hi", "guest goes"],
            &["topic rules"],
        ] {
            let told = one.iter().filter(|line| its.contains(&line.as_str()));
            assert!(told.eq(its), "{one:?}");
        }
        let last = one.iter().rfind(|line| line.starts_with("topic"));
        assert_eq!(last, Some(&topic));
    });
}
