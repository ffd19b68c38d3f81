//! Talk in rooms: one or many, of any size, as fast as it goes or at a rate, and with some who do not read.

use super::{
    stage::{self, Effort, Outcome},
    talk::{News, Pace, Talk},
    users,
};
use crate::{
    load::{
        error::Failure,
        net::{Net, Reader},
        sources::Sources,
        speech,
    },
    peer::{Dialect, Running},
};

/// What makes it this piece of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rooms {
    pub(crate) rooms: usize,
    /// Of each room, those who read.
    pub(crate) members: usize,
    /// Of each room, of those who read.
    pub(crate) senders: usize,
    pub(crate) pace: Pace,
    /// In all, members of the first room who never read.
    pub(crate) stuck: usize,
    pub(crate) bytes: usize,
}

impl Rooms {
    pub(crate) fn measure(
        self,
        server: &mut Running,
        net: &mut Net,
        sources: &mut Sources,
        effort: Effort,
    ) -> Result<Outcome, Failure> {
        let dialect = server.dialect;
        let count = self.rooms * self.members;
        let ids = users::joined(
            net,
            dialect,
            count + self.stuck,
            |conns, number| {
                let reader = if number < count {
                    Reader::Eager
                } else {
                    Reader::Small
                };
                conns.open(sources, reader)
            },
            |number| {
                if number < count {
                    number / self.members
                } else {
                    0
                }
            },
        )?;
        let (eager, stuck) = ids.split_at(count);
        stuck.iter().try_for_each(|&id| net.conns.ignore(id))?;

        // Those who are stuck are thrown out sooner or later, which the others are told.
        let news = if self.stuck > 0 {
            News::Counted
        } else {
            News::None
        };
        let speakers: Vec<_> = (eager.iter().copied().enumerate())
            .filter(|(number, _)| number % self.members < self.senders)
            .collect();
        let from = users::sources(net, dialect, &speakers)?;
        let mut talk = Talk::new(dialect, self.bytes, self.pace, news);
        for (room, members) in eager.chunks(self.members).enumerate() {
            let mut mouths = members[..self.senders].to_vec();
            if speech::speaks_elsewhere(dialect) {
                for mouth in &mut mouths {
                    *mouth = net.conns.open(sources, Reader::Eager)?;
                }
            }
            talk.add_room(members, &mouths, self.stuck, |member| {
                from[room * self.senders + member].clone()
            });
        }
        let mut outcome = stage::measure(server, net, &mut talk, effort)?;
        if self.stuck > 0 {
            let told = talk.same_news()?.lines;
            outcome.notes.push(format!(
                "{told} lines told each of the others what became of them"
            ));
        }
        Ok(outcome)
    }

    /// How many connections it takes.
    pub(crate) fn connections(self, dialect: Dialect) -> usize {
        let mouths = if speech::speaks_elsewhere(dialect) {
            self.senders
        } else {
            0
        };
        self.rooms * (self.members + mouths) + self.stuck
    }
}
