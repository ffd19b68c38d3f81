//! Users in pairs that talk to each other: when one has heard a message, the other one sends the next.

use super::{
    stage::{self, Effort, Outcome, Work},
    users,
};
use crate::{
    load::{
        error::{Failure, shown},
        histogram::Histogram,
        irc,
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
        let speakers: Vec<_> = ids.iter().copied().enumerate().collect();
        let from = users::sources(net, dialect, &speakers)?;
        let mut talk = Talk::new(self, dialect);
        for (number, &id) in ids.iter().enumerate() {
            let speaks = match speech::speaks_elsewhere(dialect) {
                true => net.conns.open(sources, Reader::Eager)?,
                false => id,
            };
            talk.add(number, &from[number ^ 1], id, speaks);
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

    /// What this user hears comes `from` the other one, as the server writes it.
    fn add(&mut self, number: usize, from: &str, listens: Id, speaks: Id) {
        let (name, other) = (speech::user(number), speech::user(number ^ 1));
        self.users.push(User {
            speaks,
            spoken: Spoken::new(self.dialect, &other, self.work.bytes),
            heard: Heard::new(self.dialect, from, &name, self.work.bytes),
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

    /// Answers the question of a server of IRC whether somebody is there. Returns how long it is, if it is what comes
    /// next.
    fn answer_ping(&self, id: Id, rest: &[u8], conns: &mut Conns) -> Option<usize> {
        if self.dialect != Dialect::Irc {
            return None;
        }
        let size = rest.iter().position(|&byte| byte == b'\n')? + 1;
        let pong = irc::pong(&rest[..size])?;
        conns.out(id).extend_from_slice(&pong);
        Some(size)
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
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            match rest.get(..size).map(|frame| self.check_one(number, frame)) {
                Some(Ok(sent_at)) => {
                    self.users[number].received += 1;
                    self.received += 1;
                    self.times.record(now.saturating_sub(sent_at));
                    if self.goes_on {
                        self.say(number ^ 1, now, conns);
                    }
                    used += size;
                }
                no_message => match (self.answer_ping(id, rest, conns), no_message) {
                    (Some(size), _) => used += size,
                    (None, Some(Err(what))) => {
                        return Err(Failure::violation(&self.name(id), what));
                    }
                    (None, _) => break,
                },
            }
        }
        // What is shorter than a message and yet a line is none.
        let is_line = bytes[used..].ends_with(b"\n");
        if is_line && matches!(self.dialect, Dialect::Line | Dialect::Irc) {
            return Err(Failure::Refused {
                who: self.name(id),
                line: shown(&bytes[used..]),
            });
        }
        Ok(used)
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
