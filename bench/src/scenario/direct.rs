//! Users in pairs that talk to each other: when one has heard a message, the other one sends the next.

use super::{
    stage::{self, Effort, Outcome, Work},
    users,
};
use crate::{
    load::{
        error::{Failure, shown},
        histogram::Histogram,
        journal::wrong_sequence,
        net::{Conns, Handler, Id, Net, Reader},
        payload::Payload,
        setup,
        sources::Sources,
        speech::{self, Heard, Spoken},
    },
    peer::{Dialect, Running},
    record::Figures,
};

/// What makes it this piece of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Direct {
    /// An even number.
    pub(crate) users: usize,
    /// How many messages each keeps on their way to the other.
    pub(crate) window: u32,
    pub(crate) bytes: usize,
}

impl Direct {
    pub(crate) fn measure(
        self,
        server: &mut Running,
        net: &mut Net,
        sources: &mut Sources,
        effort: Effort,
    ) -> Result<Outcome, Failure> {
        let dialect = server.dialect;
        let ids = users::registered(net, dialect, self.users, |conns, _| {
            conns.open(sources, Reader::Eager)
        })?;
        if dialect == Dialect::Relay {
            let to = |number: usize| speech::to(&speech::user(number ^ 1));
            setup::each(net, dialect, ids.len(), |number, _| Ok(ids[number]), to)?;
        }
        let mut talk = Talk::new(self, dialect);
        for (number, &id) in ids.iter().enumerate() {
            let speaks = match speech::speaks_elsewhere(dialect) {
                true => net.conns.open(sources, Reader::Eager)?,
                false => id,
            };
            talk.add(number, id, speaks);
        }
        stage::measure(server, net, &mut talk, effort)
    }
}

/// A user, who speaks to `number ^ 1` and hears from it.
#[derive(Debug)]
struct User {
    /// The connection on which it speaks.
    speaks: Id,
    spoken: Spoken,
    /// How what it hears looks.
    heard: Heard,
    sent: u32,
    /// When it sent the last one.
    sent_at: u64,
    received: u32,
}

#[derive(Debug)]
struct Talk {
    work: Direct,
    dialect: Dialect,
    users: Vec<User>,
    /// Which user each connection is, and whether it listens there.
    seats: Vec<Option<(usize, bool)>>,
    goes_on: bool,
    received: u64,
    sent: u64,
    /// Messages that the server has said it passed on, in a dialect in which it does.
    passed_on: u64,
    times: Histogram,
}

impl Talk {
    fn new(work: Direct, dialect: Dialect) -> Self {
        Self {
            work,
            dialect,
            users: Vec::new(),
            seats: Vec::new(),
            goes_on: false,
            received: 0,
            sent: 0,
            passed_on: 0,
            times: Histogram::default(),
        }
    }

    fn add(&mut self, number: usize, listens: Id, speaks: Id) {
        let (name, other) = (speech::user(number), speech::user(number ^ 1));
        self.users.push(User {
            speaks,
            spoken: Spoken::new(self.dialect, &other, self.work.bytes),
            heard: Heard::new(self.dialect, &other, &name, self.work.bytes),
            sent: 0,
            sent_at: 0,
            received: 0,
        });
        let most = self.seats.len().max(listens + 1).max(speaks + 1);
        self.seats.resize(most, None);
        self.seats[speaks] = Some((number, false));
        self.seats[listens] = Some((number, true));
    }

    fn say(&mut self, number: usize, now: u64, conns: &mut Conns) {
        let user = &mut self.users[number];
        let payload = Payload {
            sender: number as u32,
            sequence: user.sent,
            time: now,
        };
        user.sent += 1;
        user.sent_at = now;
        self.sent += 1;
        user.spoken.write(&payload, conns.out(user.speaks));
    }

    /// Checks what one user hears. Returns when it was sent.
    fn check_one(&self, number: usize, frame: &[u8]) -> Result<u64, String> {
        let user = &self.users[number];
        let other = number ^ 1;
        if !user.heard.surrounds(frame) {
            return Err(format!(
                "it is no message of user {other}: {}",
                shown(frame)
            ));
        }
        if user.heard.payload().is_empty() {
            return match user.received < self.users[other].sent {
                true => Ok(self.users[other].sent_at),
                false => Err("a message that nobody sent".to_owned()),
            };
        }
        match Payload::read(&frame[user.heard.payload()]) {
            None => Err(format!("the message is damaged: {}", shown(frame))),
            Some(payload) if payload.sender as usize != other => {
                Err(format!("it is for somebody else: {}", shown(frame)))
            }
            Some(payload) if payload.sequence != user.received => {
                Err(wrong_sequence(other, user.received, payload.sequence))
            }
            Some(payload) => Ok(payload.time),
        }
    }

    /// Each message that was sent is answered `:1`: one has heard it.
    fn passed_on(&mut self, bytes: &[u8]) -> Result<usize, String> {
        const ONE: &[u8] = b":1\r\n";
        let whole = bytes.len() / ONE.len() * ONE.len();
        if let Some(other) = bytes[..whole].chunks(ONE.len()).find(|reply| *reply != ONE) {
            return Err(format!("{} instead of {}", shown(other), shown(ONE)));
        }
        self.passed_on += (whole / ONE.len()) as u64;
        Ok(whole)
    }
}

impl Handler for Talk {
    fn read(
        &mut self,
        id: Id,
        bytes: &[u8],
        now: u64,
        conns: &mut Conns,
    ) -> Result<usize, Failure> {
        let violation = |what: String| Failure::violation(&self.name(id), what);
        let Some((number, listens)) = self.seats[id] else {
            return Err(violation("nobody's connection".to_owned()));
        };
        if !listens {
            let name = self.name(id);
            return self
                .passed_on(bytes)
                .map_err(|what| Failure::violation(&name, what));
        }
        let size = self.users[number].heard.len();
        let whole = bytes.len() / size * size;
        for frame in bytes[..whole].chunks(size) {
            let sent_at = self
                .check_one(number, frame)
                .map_err(|what| Failure::violation(&self.name(id), what))?;
            self.users[number].received += 1;
            self.received += 1;
            self.times.record(now.saturating_sub(sent_at));
            if self.goes_on {
                self.say(number ^ 1, now, conns);
            }
        }
        // What is shorter than a message and yet a line is none.
        if self.dialect == Dialect::Line && bytes[whole..].ends_with(b"\n") {
            return Err(Failure::Refused {
                who: self.name(id),
                line: shown(&bytes[whole..]),
            });
        }
        Ok(whole)
    }

    fn name(&self, id: Id) -> String {
        match self.seats.get(id) {
            Some(Some((number, true))) => format!("user {number}"),
            Some(Some((number, false))) => format!("user {number}, where it speaks"),
            _ => format!("connection {id}"),
        }
    }
}

impl Work for Talk {
    fn start(&mut self, conns: &mut Conns) -> Result<(), Failure> {
        self.goes_on = true;
        let now = conns.clock.now();
        for number in 0..self.users.len() {
            (0..self.work.window).for_each(|_| self.say(number, now, conns));
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.goes_on = false;
    }

    fn operations(&self) -> u64 {
        self.received
    }

    fn is_done(&self) -> bool {
        let answered = !speech::speaks_elsewhere(self.dialect) || self.passed_on == self.sent;
        self.received == self.sent && answered
    }

    fn missing(&self) -> String {
        let lacking = |(number, user): (usize, &User)| {
            let sent = self.users[number ^ 1].sent;
            (user.received != sent).then(|| {
                format!(
                    "user {number} has heard {} of {sent} messages of user {}",
                    user.received,
                    number ^ 1
                )
            })
        };
        let all = self.users.iter().enumerate().filter_map(lacking);
        all.take(3).collect::<Vec<_>>().join("; ")
    }

    fn check(&self) -> Result<(), Failure> {
        // Each was checked to be the next one, so that the counts are all that is left to compare.
        let missing = self.missing();
        if !missing.is_empty() {
            return Err(Failure::violation("at the end", missing));
        }
        Ok(())
    }

    fn forget_times(&mut self) {
        self.times.clear();
    }

    fn tell_times(&self, figures: &mut Figures) {
        figures.latency_us = self.times.latency();
    }
}

#[cfg(test)]
mod tests;
