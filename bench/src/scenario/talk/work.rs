//! When what is said, and when all of it has been heard.

use super::{News, Pace, Room, Sender, Talk};
use crate::{
    load::{error::Failure, net::Conns, speech},
    record::Figures,
    scenario::stage::Work,
};

impl Work for Talk {
    fn start(&mut self, conns: &mut Conns) -> Result<(), Failure> {
        self.goes_on = true;
        let now = conns.clock.now();
        self.due = now;
        (0..self.rooms.len()).for_each(|room| self.go_on(room, now, conns));
        Ok(())
    }

    fn stop(&mut self) {
        self.goes_on = false;
    }

    fn tick(&mut self, now: u64, conns: &mut Conns) -> Result<u64, Failure> {
        let Pace::Rate(rate) = self.pace else {
            return Ok(u64::MAX);
        };
        if !self.goes_on {
            return Ok(u64::MAX);
        }
        // What is late bears the time at which it was due: a wait of ours or the server's is not hidden.
        while self.due <= now {
            let due = self.due;
            (0..self.senders.len()).for_each(|sender| self.say(sender, due, conns));
            self.due += 1_000_000_000 / rate;
        }
        let waiting =
            |(number, sender): (usize, &Sender)| u64::from(sender.sent - self.complete_of(number));
        let waiting = self.senders.iter().enumerate().map(waiting).max();
        match waiting.filter(|waiting| *waiting > rate) {
            Some(waiting) => Err(Failure::Saturated { waiting, rate }),
            None => Ok(self.due - now),
        }
    }

    fn operations(&self) -> u64 {
        self.deliveries
    }

    fn is_done(&self) -> bool {
        let elsewhere = speech::speaks_elsewhere(self.dialect);
        let is_done = |(number, sender): (usize, &Sender)| {
            let answered = !elsewhere || sender.passed_on == sender.sent;
            answered && self.complete_of(number) == sender.sent
        };
        self.senders.iter().enumerate().all(is_done)
    }

    fn missing(&self) -> String {
        let mut missing = Vec::new();
        for (number, sender) in self.senders.iter().enumerate() {
            let heard = self.rooms[sender.room].journal.heard_of(sender.number);
            if heard != sender.sent {
                missing.push(format!(
                    "of sender {number} {heard} of {} messages were heard",
                    sender.sent
                ));
            } else if speech::speaks_elsewhere(self.dialect) && sender.passed_on != sender.sent {
                let answered = sender.passed_on;
                missing.push(format!(
                    "to sender {number} {answered} of {} were answered",
                    sender.sent
                ));
            }
        }
        for (room, Room { journal, .. }) in self.rooms.iter().enumerate() {
            if let Some((member, lacks)) = journal.most_behind() {
                missing.push(format!(
                    "member {member} of room {room} lacks {lacks} messages"
                ));
            }
        }
        missing.truncate(3);
        missing.join("; ")
    }

    fn check(&self) -> Result<(), Failure> {
        let missing = self.missing();
        if !missing.is_empty() {
            return Err(Failure::violation("at the end", missing));
        }
        match self.news {
            News::None => Ok(()),
            News::Counted => self.same_news().map(drop),
        }
    }

    fn forget_times(&mut self) {
        self.times.each.clear();
        self.times.last.clear();
    }

    fn tell_times(&self, figures: &mut Figures) {
        figures.latency_us = self.times.each.latency();
        figures.last_us = self.times.last.latency();
    }
}
