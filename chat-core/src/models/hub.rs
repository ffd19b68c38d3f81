//! What users of one hub do at once.

use futures::StreamExt;
use shuttle::{future::block_on, thread};

use super::{LONG, Tasks, check, check_all, epoch, hub};
use crate::{
    Answer, Event, Hub, HubError, Limits, LocalUser, TakenName,
    hub::{Effects, Item},
    model::Profile,
};

/// The texts of what a user is told until `count` messages have come, which it waits for.
fn hears(user: &mut LocalUser, count: usize) -> Vec<(Option<u64>, String)> {
    let mut heard = Vec::new();
    while heard.len() < count {
        match block_on(user.next()) {
            Some(Event::Said { seq, text, .. }) => heard.push((Some(seq), text.to_string())),
            Some(Event::Direct { text, .. }) => heard.push((None, text.to_string())),
            Some(_) => {}
            None => panic!("the end, after {heard:?}"),
        }
    }
    heard
}

/// The messages in rooms that a user is told until a direct one comes, which it waits for.
fn until_the_end(user: &mut LocalUser) -> Vec<(u64, String)> {
    let mut heard = Vec::new();
    while let (Some(seq), text) = hears(user, 1).remove(0) {
        heard.push((seq, text));
    }
    heard
}

/// A user who sees who comes to the room and who goes.
struct Watcher(LocalUser);

impl Watcher {
    fn new(hub: &Hub) -> Self {
        let mut user = hub.connect("watcher").unwrap();
        user.join("#a").unwrap();
        Self(user)
    }

    /// Whether `name` is there in the end. It came and went in turns: nobody else had it before it was gone.
    fn sees(mut self, name: &str) -> bool {
        let hub = self.0.hub().clone();
        hub.tell("watcher", "the end").unwrap();
        let mut is_there = false;
        loop {
            match block_on(self.0.next()).unwrap() {
                Event::Joined { name: who, .. } if who == *name => {
                    assert!(!is_there, "two are called {name}");
                    is_there = true;
                }
                Event::Quit { name: who, .. } if who == *name => {
                    assert!(is_there, "{name} goes twice");
                    is_there = false;
                }
                Event::Direct { .. } => return is_there,
                _ => {}
            }
        }
    }
}

/// The wake-up of a mailbox: two push while its reader takes what there is and goes to sleep. It wakes up for each,
/// and hears everything once, each sender's in order.
#[test]
fn nothing_is_pushed_to_a_sleeper_that_stays_asleep() {
    check(20_000, || {
        let hub = hub().build();
        let mut ada = hub.connect("ada").unwrap();
        let pushers = ["a", "b"].map(|sender| {
            let hub = hub.clone();
            thread::spawn(move || {
                for i in 0..2 {
                    hub.tell("ada", &format!("{sender}{i}")).unwrap();
                }
            })
        });
        let heard = hears(&mut ada, 4);
        for pusher in pushers {
            pusher.join().unwrap();
        }
        for sender in ["a", "b"] {
            let its = heard.iter().filter(|(_, text)| text.starts_with(sender));
            let its: Vec<_> = its.map(|(_, text)| text.as_str()).collect();
            assert_eq!(its, [format!("{sender}0"), format!("{sender}1")]);
        }
    });
}

/// The smallest of that, with one that pushes once: small enough to try each schedule that there is.
#[test]
fn nothing_is_pushed_to_a_sleeper_in_any_order() {
    check_all(|| {
        let hub = hub().build();
        let mut ada = hub.connect("ada").unwrap();
        let pusher = thread::spawn(move || {
            hub.tell("ada", "hello").unwrap();
        });
        assert_eq!(hears(&mut ada, 1).len(), 1);
        pusher.join().unwrap();
    });
}

/// A mailbox that is full after a few messages: who talks holds back, and goes on when the reader has caught up, for
/// patience never ends here.
#[test]
fn who_holds_back_for_a_reader_goes_on() {
    check(10_000, || {
        let limits = Limits::builder().mailbox_bytes(1024).build().unwrap();
        let hub = hub().limits(limits).build();
        let mut reader = hub.connect("reader").unwrap();
        let talkers = ["a", "b"].map(|name| {
            let mut user = hub.connect(name).unwrap();
            thread::spawn(move || {
                for i in 0..3 {
                    let text = format!("{i}{}", "x".repeat(300));
                    let send = |user: &mut LocalUser| user.send("reader", &text);
                    block_on(user.when_ready(&Tasks::new(), send)).unwrap();
                }
            })
        });
        let heard = hears(&mut reader, 6);
        for talker in talkers {
            talker.join().unwrap();
        }
        for i in ["0", "1", "2"] {
            let times = heard.iter().filter(|(_, text)| text.starts_with(i));
            assert_eq!(times.count(), 2, "{heard:?}");
        }
    });
}

/// Two want a name while its owner goes. One of them has it at a time, and it is free at the end.
#[test]
fn a_name_has_one_owner() {
    check(20_000, || {
        let hub = hub().build();
        let watcher = Watcher::new(&hub);
        let mut owner = hub.connect("ada").unwrap();
        owner.join("#a").unwrap();
        let claims = [0, 1].map(|_| {
            let hub = hub.clone();
            thread::spawn(move || match hub.connect("ADA") {
                Ok(mut user) => {
                    user.join("#a").unwrap();
                    // Nobody else has it meanwhile.
                    assert_eq!(hub.connect("ada").unwrap_err(), HubError::NameTaken);
                    assert_eq!(hub.users().len(), 2);
                    drop(user);
                    true
                }
                Err(error) => {
                    assert_eq!(error, HubError::NameTaken);
                    false
                }
            })
        });
        drop(owner);
        let got: Vec<_> = claims.into_iter().map(|c| c.join().unwrap()).collect();
        // Whoever comes when all others are gone gets it.
        assert_eq!(hub.users().len(), 1, "{got:?}");
        drop(hub.connect("ada").unwrap());
        assert!(!watcher.sees("ada"));
    });
}

/// Two take a name over, from its owner who goes and from each other. Both get it, the one after the other, and
/// what is sent to it is heard by the last one.
#[test]
fn a_name_that_is_taken_over_has_one_owner() {
    check(10_000, || {
        let hub = hub().taken_name(TakenName::Replace).build();
        let watcher = Watcher::new(&hub);
        let mut owner = hub.connect("ada").unwrap();
        owner.join("#a").unwrap();
        let claims = [0, 1].map(|_| {
            let hub = hub.clone();
            thread::spawn(move || {
                let mut user = hub.connect("ada").unwrap();
                // It may be another's by now.
                if let Err(error) = user.join("#a") {
                    assert!(matches!(error, HubError::NotRegistered | HubError::Closed));
                }
                user
            })
        });
        drop(owner);
        let users = claims.map(|claim| claim.join().unwrap());
        assert_eq!(hub.users().len(), 2);
        assert_eq!(hub.members("#a").unwrap().len(), 2);
        hub.tell("ada", "hello").unwrap();
        let mut heard = 0;
        for mut user in users {
            while let Some(event) = block_on(user.next()) {
                if matches!(event, Event::Direct { .. }) {
                    heard += 1;
                    break;
                }
            }
            drop(user);
        }
        assert_eq!(heard, 1);
        assert!(!watcher.sees("ada"));
        assert_eq!(hub.users().len(), 0);
    });
}

/// One connection of a user goes while another one comes, and somebody talks in their room. The one that comes has
/// the name and what belongs to it, of the same user or of a new one.
#[test]
fn a_name_that_is_shared_lasts_as_long_as_a_connection() {
    check(10_000, || {
        let hub = hub().taken_name(TakenName::Share).build();
        let watcher = Watcher::new(&hub);
        let mut first = hub.connect("ada").unwrap();
        first.join("#a").unwrap();
        let talker = {
            let hub = hub.clone();
            thread::spawn(move || hub.publish("#a", "hello").unwrap())
        };
        let second = {
            let hub = hub.clone();
            thread::spawn(move || hub.connect("ada").unwrap())
        };
        drop(first);
        let mut second = second.join().unwrap();
        talker.join().unwrap();
        let members = hub.members("#a").unwrap();
        let is_member = members.iter().any(|member| *member == *"ada");
        assert_eq!(second.say("#a", "two").is_ok(), is_member);
        hub.tell("ada", "three").unwrap();
        let mut said = 0;
        while let (Some(_), _) = hears(&mut second, 1).remove(0) {
            said += 1;
        }
        let own = usize::from(is_member);
        assert!((own..=2 * own).contains(&said), "{said} of {own}");
        assert_eq!(watcher.sees("ada"), is_member);
        assert_eq!(hub.users(), ["ada"]);
        drop(second);
        assert_eq!(hub.users().len(), 0);
    });
}

/// A name comes, is put out, changes, and goes from one to another, while somebody watches it: in the end they know
/// whether it is here.
#[test]
fn who_watches_a_name_knows_in_the_end_whether_it_is_here() {
    check(30_000, || {
        let hub = hub().build();
        let mut watcher = hub.enter();
        let name = "watcher".parse().unwrap();
        watcher
            .register(name, epoch(), &mut Effects::default())
            .unwrap();
        let (one, other) = (hub.clone(), hub.clone());
        let one = thread::spawn(move || {
            let bob = one.connect("bob");
            let mut cleo = one.connect("cleo").unwrap();
            let renamed = cleo.rename("bob").is_ok();
            drop(bob);
            renamed.then_some(cleo)
        });
        let other = thread::spawn(move || {
            let _ = other.kick("bob", "no");
            other.connect("bob").ok()
        });
        let watched = watcher.watch("bob", true, false);
        let Ok(Answer::Watched { person, .. }) = watched else {
            panic!("{watched:?}");
        };
        let mut is_here = person.is_some();
        let _left = (one.join().unwrap(), other.join().unwrap());
        let mut heard = Vec::new();
        watcher.take(usize::MAX, &mut heard);
        for event in heard.into_iter().filter_map(Item::into_event) {
            is_here = matches!(event, Event::Online { .. });
        }
        assert_eq!(is_here, hub.users().iter().any(|user| user == "bob"));
    });
}

/// Somebody becomes an operator while they are put out: there is one, or none.
#[test]
fn there_are_never_fewer_operators_than_none() {
    check(10_000, || {
        let hub = hub().build();
        let mut ada = hub.enter();
        let name = "ada".parse().unwrap();
        ada.register(name, epoch(), &mut Effects::default())
            .unwrap();
        let elevates = thread::spawn(move || {
            let elevate = |profile: &mut Profile| profile.operator = true;
            let _ = ada.describe(elevate, &mut Effects::default());
            ada
        });
        let other = hub.clone();
        let kicks = thread::spawn(move || other.kick("ada", "no").unwrap());
        for _ in 0..3 {
            assert!(hub.stats().operators <= 1);
        }
        kicks.join().unwrap();
        assert!(hub.stats().operators <= 1);
        drop(elevates.join().unwrap());
        assert_eq!(hub.stats().operators, 0);
    });
}

/// Two change their names to one that a third gives up. Who has just sent something to it finds whoever has it then.
#[test]
fn a_name_that_changes_hands_leads_to_one_user() {
    check(10_000, || {
        let hub = hub().build();
        let mut ada = hub.connect("ada").unwrap();
        let mut talker = hub.connect("talker").unwrap();
        talker.send("ada", "hello").unwrap();
        let renames = ["bob", "cleo"].map(|name| {
            let mut user = hub.connect(name).unwrap();
            thread::spawn(move || {
                let renamed = user.rename("ada");
                assert!(matches!(renamed, Ok(()) | Err(HubError::NameTaken)));
                (user, renamed.is_ok())
            })
        });
        ada.rename("dora").unwrap();
        let users = renames.map(|user| user.join().unwrap());
        assert!(users.iter().filter(|(_, has_it)| *has_it).count() <= 1);
        let mut names: Vec<_> = hub.users().iter().map(ToString::to_string).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 4);
        for (user, has_it) in &users {
            assert_eq!(user.name().unwrap() == "ada", *has_it);
        }
        let is_taken = talker.send("ada", "hello").is_ok();
        assert_eq!(is_taken, users.iter().any(|(_, has_it)| *has_it));
    });
}

/// The last member leaves a room while another one comes and talks: who is in a room is in the one that the hub has,
/// and its messages are numbered without gaps.
#[test]
fn nobody_is_in_a_room_that_is_gone() {
    check(20_000, || {
        let hub = hub().build();
        let mut last = hub.connect("last").unwrap();
        last.join("#a").unwrap();
        let others = ["bob", "cleo"].map(|name| {
            let hub = hub.clone();
            thread::spawn(move || {
                let mut user = hub.connect(name).unwrap();
                user.join("#a").unwrap();
                user.say("#a", name).unwrap();
                let members = hub.members("#a").unwrap();
                assert!(members.iter().any(|member| *member == *name));
                user
            })
        });
        last.leave("#a").unwrap();
        let mut users = others.map(|user| user.join().unwrap());
        assert_eq!(hub.members("#a").unwrap().len(), 2);
        let mut named: Vec<_> = users.iter_mut().zip(["bob", "cleo"]).collect();
        let heard = named.iter_mut().map(|(user, name)| {
            hub.tell(name, "the end").unwrap();
            until_the_end(user)
        });
        let heard: Vec<_> = heard.collect();
        let all = heard.iter().max_by_key(|heard| heard.len()).unwrap();
        let numbers: Vec<_> = all.iter().map(|(seq, _)| *seq).collect();
        assert_eq!(numbers, [1, 2]);
        // Each has heard itself, and the other one unless it came after that.
        for ((_, name), heard) in named.iter().zip(&heard) {
            assert!(all.ends_with(heard), "{heard:?} of {all:?}");
            assert!(heard.iter().any(|(_, text)| text == name), "{heard:?}");
        }
        drop(users);
        assert!(hub.rooms().is_empty());
    });
}

/// Two come while the hub is closed: each is refused, or its events come to an end.
#[test]
fn whoever_comes_to_a_hub_that_closes_is_told_so() {
    check(10_000, || {
        let hub = hub().build();
        let comes = ["ada", "bob"].map(|name| {
            let hub = hub.clone();
            thread::spawn(move || match hub.connect(name) {
                Ok(mut user) => while block_on(user.next()).is_some() {},
                Err(error) => assert_eq!(error, HubError::Closed),
            })
        });
        hub.close(LONG);
        for come in comes {
            come.join().unwrap();
        }
        assert!(hub.users().is_empty());
    });
}

/// Two talk in a room while a third one comes and goes: all hear one order, numbered without gaps, and who is not
/// there hears nothing.
#[test]
fn a_room_has_one_order() {
    check(10_000, || {
        let hub = hub().build();
        let talkers = ["ada", "bob"].map(|name| {
            let mut user = hub.connect(name).unwrap();
            user.join("#a").unwrap();
            user
        });
        let guest = {
            let mut guest = hub.connect("guest").unwrap();
            thread::spawn(move || {
                guest.join("#a").unwrap();
                guest.leave("#a").unwrap();
                guest
            })
        };
        let heard = talkers.map(|mut user| {
            thread::spawn(move || {
                let name = user.name().unwrap().to_string();
                for i in 0..2 {
                    user.say("#a", &format!("{name}{i}")).unwrap();
                }
                hears(&mut user, 4)
            })
        });
        let [first, second] = heard.map(|heard| heard.join().unwrap());
        assert_eq!(first, second);
        let numbers: Vec<_> = first.iter().map(|(seq, _)| seq.unwrap()).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        let mut guest = guest.join().unwrap();
        // What it has heard is a part of that, without gaps, and nothing comes any more.
        hub.tell("guest", "the end").unwrap();
        let mut last = None;
        for (seq, text) in until_the_end(&mut guest) {
            assert!(first.contains(&(Some(seq), text)));
            assert!(last.is_none_or(|last| last + 1 == seq));
            last = Some(seq);
        }
    });
}
