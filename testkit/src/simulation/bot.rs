//! In-process users, who see the numbers of messages.

use chinwag_core::{Event, LocalUser};

use super::{
    line,
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
        let Event::Said {
            room, seq, text, ..
        } = event
        else {
            return None;
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
