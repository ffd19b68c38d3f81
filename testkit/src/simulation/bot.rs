//! In-process users, who see the numbers of messages.

use chinwag_core::{Event, LocalUser, Person, RoomName, RoomSetting};

use super::{
    book::fold,
    line::{self, Happening},
    witness::{Entry, Wrong},
    world::World,
};

/// An in-process user, who is in every permanent room.
pub(super) struct Bot {
    pub(super) who: usize,
    pub(super) user: LocalUser,
    /// The number of the last message that it has heard in each room; `None` after something was missed.
    pub(super) seqs: Vec<(String, Option<u64>)>,
}

impl Bot {
    pub(super) fn hears(&mut self, event: &Event, world: &mut World) -> Option<Wrong> {
        let who = self.who;
        match event {
            Event::Missed { count } => {
                world.witnesses[who].missed += count;
                for heard in world.witnesses[who].directs.values_mut() {
                    heard.push(Entry::Gap);
                }
                for (room, seq) in &mut self.seqs {
                    *seq = None;
                    let heard = world.witnesses[who].rooms.entry(room.clone()).or_default();
                    heard.push(Entry::Gap);
                }
                return None;
            }
            Event::Error { .. } | Event::Bye => return None,
            _ => world.witnesses[who].events += 1,
        }
        let (room, seq, text) = match event {
            Event::Said {
                room, seq, text, ..
            } => (room, seq, text),
            Event::Direct { from, text, .. } => {
                let from = from.as_ref().map_or("*", |from| from.name().as_str());
                // It is counted there.
                world.witnesses[who].events -= 1;
                return world.witnesses[who]
                    .hears_from(from, text, &mut world.book)
                    .err();
            }
            event => {
                let (room, words) = told(event)?;
                let heard = world.witnesses[who]
                    .rooms
                    .entry(room.to_string())
                    .or_default();
                heard.push(Entry::Done(world.book.happening(words)));
                return None;
            }
        };
        let known = self.seqs.iter_mut().find(|(r, _)| r == room.as_str());
        let Some((_, last)) = known else {
            return Some(format!("hears of {room}"));
        };
        let before = last.replace(*seq);
        if before.is_some_and(|before| before + 1 != *seq) {
            return Some(format!("hears number {seq} of {room} after {before:?}"));
        }
        let Some(id) = line::id(text) else {
            return Some(format!("hears {text:?}"));
        };
        world.book.heard(who, id);
        let heard = world.witnesses[who].rooms.entry(room.to_string());
        heard.or_default().push(Entry::Message(id));
        None
    }
}

/// What happens in which room, in the words in which clients are told of it.
fn told(event: &Event) -> Option<(&RoomName, String)> {
    let name_of = |person: &Person| fold(person.name().as_str());
    let by_of = |by: &Option<Person>| by.as_ref().map_or_else(|| "*".to_owned(), name_of);
    let (room, by, what) = match event {
        Event::Joined { room, name } => (room, name_of(name), Happening::Joined),
        Event::Left { room, name, .. } => (room, name_of(name), Happening::Left),
        Event::Kicked { room, name, by, .. } => {
            (room, by_of(by), Happening::PutOut(name.name().as_str()))
        }
        Event::Topic { room, by, text } => (room, by_of(by), Happening::Topic(text)),
        Event::Role {
            room,
            name,
            role,
            by,
            ..
        } => (
            room,
            by_of(by),
            Happening::Role(name.name().as_str(), *role),
        ),
        Event::Set {
            room,
            setting: RoomSetting::InviteOnly(on),
            by,
        } => (room, by_of(by), Happening::InviteOnly(*on)),
        _ => return None,
    };
    Some((room, what.words(&by)?))
}
