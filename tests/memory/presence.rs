//! Presence: what those who share a room are told of each other is what the hub itself would answer.

use std::collections::{BTreeMap, BTreeSet};

use chinwag::{Event, Hub, LocalUser, UserName};
use chinwag_testkit::Link;
use futures::{FutureExt, StreamExt};

use crate::chat::{Chat, MemoryPeer};

const ROOMS: [&str; 4] = ["#a", "#b", "#c", "#d"];
const USERS: usize = 12;

/// Who is where, as an in-process user knows it from what it was told.
struct Watcher {
    user: LocalUser,
    rooms: BTreeMap<String, BTreeSet<String>>,
    /// How many events it has seen, by what they were.
    seen: BTreeMap<&'static str, usize>,
}

impl Watcher {
    fn new(hub: &Hub, name: &str) -> Self {
        Self {
            user: hub.connect(name).unwrap(),
            rooms: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    fn name(&self) -> String {
        self.user.name().unwrap().to_string()
    }

    /// Joins, and asks who is there; from then on it only listens.
    fn join(&mut self, room: &str) {
        self.listen();
        self.user.join(room).unwrap();
        let members = self.user.hub().members(room).unwrap();
        let members = members.iter().map(ToString::to_string).collect();
        self.rooms.insert(room.to_owned(), members);
    }

    fn leave(&mut self, room: &str) {
        self.user.leave(room).unwrap();
        self.listen();
        self.rooms.remove(room);
    }

    /// Takes what it is told.
    fn listen(&mut self) {
        while let Some(Some(event)) = self.user.next().now_or_never() {
            let what = match &event {
                Event::Joined { room, name } => {
                    let is_news = self.room(room.as_str()).insert(name.to_string());
                    assert!(is_news, "{name} joined {room} twice");
                    "joined"
                }
                Event::Left { room, name, .. } => {
                    let was_there = self.room(room.as_str()).remove(name.as_str());
                    assert!(was_there, "{name} left {room} without being there");
                    "left"
                }
                Event::Kicked { room, name, .. } => {
                    let was_there = self.room(room.as_str()).remove(name.as_str());
                    assert!(
                        was_there,
                        "{name} was put out of {room} without being there"
                    );
                    "kicked"
                }
                Event::Renamed { old, new } => {
                    let shared = self.everywhere(old.name(), |members| {
                        members.insert(new.to_string());
                    });
                    assert!(shared, "{old}, who was nowhere, is now {new}");
                    "renamed"
                }
                Event::Quit { name, .. } => {
                    assert!(
                        self.everywhere(name.name(), |_| {}),
                        "{name}, who was nowhere, quit"
                    );
                    "quit"
                }
                Event::Role { .. } => "role",
                other => panic!("{other:?}"),
            };
            *self.seen.entry(what).or_default() += 1;
        }
    }

    fn room(&mut self, room: &str) -> &mut BTreeSet<String> {
        self.rooms.get_mut(room).expect("a room that it is in")
    }

    /// Takes `name` out of all rooms, and does `then` with each that they were in.
    fn everywhere(&mut self, name: &UserName, then: impl Fn(&mut BTreeSet<String>)) -> bool {
        let mut any = false;
        for members in self.rooms.values_mut() {
            if members.remove(name.as_str()) {
                then(members);
                any = true;
            }
        }
        any
    }

    /// What it knows is what the hub says.
    fn check(&mut self) {
        self.listen();
        for (room, members) in &self.rooms {
            let there = self.user.hub().members(room).unwrap();
            let there: BTreeSet<_> = there.iter().map(ToString::to_string).collect();
            assert_eq!(*members, there, "{room}, as {} sees it", self.name());
        }
    }
}

/// Somebody on a socket, who comes and goes.
struct Visitor {
    peer: MemoryPeer,
    name: String,
}

/// A number below `below`, drawn.
fn draw(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) % below as u64) as usize
}

/// A thousand and a quarter lifecycles in each of eight orders.
const LIFECYCLES: usize = 1250;

#[test]
fn what_is_told_is_what_is_so() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut everywhere = Watcher::new(&chat.hub, "watcher");
        for room in ROOMS {
            everywhere.join(room);
        }
        let mut somewhere = Watcher::new(&chat.hub, "wanderer");
        let mut random = 1;
        let mut visitors: Vec<Option<Visitor>> = (0..USERS).map(|_| None).collect();
        let (mut lives, mut names) = (0, 0);
        while lives < LIFECYCLES || visitors.iter().any(Option::is_some) {
            let slot = draw(&mut random, USERS);
            match visitors[slot].take() {
                None if lives < LIFECYCLES => {
                    lives += 1;
                    names += 1;
                    let name = format!("u{names}");
                    let mut peer = chat.line_over(Link::default());
                    peer.ask(&format!("register,{name}"), "ack").await;
                    visitors[slot] = Some(Visitor { peer, name });
                }
                None => {}
                Some(visitor) => {
                    visitors[slot] = step(&chat, visitor, &mut random, &mut names).await;
                }
            }
            if draw(&mut random, 4) == 0 {
                wander(&mut somewhere, &mut random);
            }
            chat.rt.settle().await;
            everywhere.check();
            somewhere.check();
        }
        let seen = |what| everywhere.seen.get(what).copied().unwrap_or(0);
        for what in ["joined", "left", "renamed", "quit", "kicked"] {
            assert!(seen(what) > 50, "{what}: {}", seen(what));
        }
        assert_eq!(chat.hub.users().len(), 2);
    });
}

fn wander(watcher: &mut Watcher, random: &mut u64) {
    let room = ROOMS[draw(random, ROOMS.len())];
    match watcher.rooms.contains_key(room) {
        true => watcher.leave(room),
        false => watcher.join(room),
    }
}

/// One thing that a visitor does. `None` if it was the last.
async fn step(
    chat: &Chat,
    mut visitor: Visitor,
    random: &mut u64,
    names: &mut usize,
) -> Option<Visitor> {
    let room = ROOMS[draw(random, ROOMS.len())];
    match draw(random, 10) {
        0..=3 => visitor.peer.say(&format!("join,{room}")).await,
        4 => visitor.peer.say(&format!("leave,{room}")).await,
        5 => {
            *names += 1;
            visitor.name = format!("u{names}");
            visitor
                .peer
                .say(&format!("register,{}", visitor.name))
                .await;
        }
        6 => {
            let room = chat.hub.room(room).unwrap();
            let _ = room.kick(&visitor.name, None);
        }
        7 => {
            visitor.peer.say("quit").await;
            return None;
        }
        8 => {
            visitor.peer.into_inner().reset();
            return None;
        }
        // Vanishes, with requests on their way.
        _ => {
            visitor
                .peer
                .say(&format!("join,{room}\nleave,{room}\njoin,{room}"))
                .await;
            return None;
        }
    }
    Some(visitor)
}
