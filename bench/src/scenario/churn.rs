//! A room in which others come and go while somebody talks: they join, leave, join again, get another name and
//! end, and everybody in the room is told all of it, exactly once.

use super::{
    stage::{self, Effort, Outcome, Work},
    talk::{News, Pace, Talk},
    users,
};
use crate::{
    load::{
        error::{Failure, shown},
        net::{Conns, Handler, Id, Net, Reader},
        payload::Payload,
        presence::Presence,
        sources::Sources,
        speech::{self, Heard, is_presence},
    },
    peer::{Dialect, Running},
    record::Figures,
};

/// How many come and go at once.
const AT_ONCE: usize = 16;

/// How many messages a second somebody says meanwhile.
const RATE: u64 = 20;

/// What one who comes and goes does, each when the one before is answered. Then it ends.
const STEPS: usize = 5;

/// An operation is a life of one who comes and goes, with what the members are told of it.
pub(crate) fn measure(
    members: usize,
    bytes: usize,
    server: &mut Running,
    net: &mut Net,
    sources: &mut Sources,
    effort: Effort,
) -> Result<Outcome, Failure> {
    let open = |conns: &mut Conns, _| conns.open(sources, Reader::Eager);
    let ids = users::joined(net, Dialect::Line, members, open, |_| 0)?;
    let mut talk = Talk::new(Dialect::Line, bytes, Pace::Rate(RATE), News::Counted);
    talk.add_room(&ids, &ids[..1], 0, speech::user);
    let mut churn = Churn {
        talk,
        heard: Heard::new(Dialect::Line, &speech::user(0), &speech::room(0), bytes),
        members: members as u64,
        sources,
        alive: Vec::new(),
        told: Presence::default(),
        begun: 0,
        lived: 0,
        has_talked: false,
        goes_on: false,
    };
    stage::measure(server, net, &mut churn, effort)
}

struct Churn<'a> {
    /// The members that stay.
    talk: Talk,
    /// How a message looks.
    heard: Heard,
    members: u64,
    sources: &'a mut Sources,
    /// Those who come and go, by their connections.
    alive: Vec<Option<Life>>,
    /// What every member that stays must have been told.
    told: Presence,
    begun: u32,
    lived: u64,
    /// Whether everybody has heard something: the news before that is how they all came.
    has_talked: bool,
    goes_on: bool,
}

/// One who comes and goes.
#[derive(Debug, Clone, Copy)]
struct Life {
    number: u32,
    /// How many of its requests were answered.
    done: usize,
    /// Which message it must hear next, if it has heard one since it joined.
    next: Option<u32>,
}

impl Life {
    fn request(self) -> String {
        let (name, later, room) = (self.name(), self.later_name(), speech::room(0));
        match self.done {
            0 => format!("register,{name}\n"),
            1 | 3 => format!("join,{room}\n"),
            2 => format!("leave,{room}\n"),
            _ => format!("register,{later}\n"),
        }
    }

    /// What the members are told of its life.
    fn news(self) -> [String; STEPS] {
        let (name, later, room) = (self.name(), self.later_name(), speech::room(0));
        [
            format!("{room} {name} joined"),
            format!("{room} {name} left"),
            format!("{room} {name} joined"),
            format!("{name} is now {later}"),
            format!("{later} quit closed"),
        ]
    }

    fn name(self) -> String {
        format!("c{:08}", self.number)
    }

    fn later_name(self) -> String {
        format!("d{:08}", self.number)
    }

    /// Whether it is in the room, or its request to leave may not have arrived.
    fn is_in_room(self) -> bool {
        matches!(self.done, 2 | 4..)
    }
}

impl Churn<'_> {
    fn begin(&mut self, conns: &mut Conns) -> Result<(), Failure> {
        let life = Life {
            number: self.begun,
            done: 0,
            next: None,
        };
        self.begun += 1;
        let id = conns.open(self.sources, Reader::Eager)?;
        conns.out(id).extend_from_slice(life.request().as_bytes());
        if self.alive.len() <= id {
            self.alive.resize(id + 1, None);
        }
        self.alive[id] = Some(life);
        Ok(())
    }

    /// A line that one who comes and goes has heard.
    fn line(&mut self, id: Id, line: &[u8], conns: &mut Conns) -> Result<(), Failure> {
        let Some(Some(life)) = self.alive.get_mut(id) else {
            // It has ended, and what was already on its way to it says nothing.
            return Ok(());
        };
        if line == b"ack\n" {
            life.done += 1;
            life.next = None;
            return self.go_on(id, conns);
        }
        if is_presence(Dialect::Line, &line[..line.len() - 1]) {
            return Ok(());
        }
        let payload = match line.len() == self.heard.len() && self.heard.surrounds(line) {
            true => Payload::read(&line[self.heard.payload()]),
            false => None,
        };
        let what = match payload {
            Some(_) if !life.is_in_room() => "it is not in the room",
            Some(payload) if life.next.is_none_or(|next| next == payload.sequence) => {
                life.next = Some(payload.sequence + 1);
                return Ok(());
            }
            Some(_) => "a message is lost, doubled or out of order",
            None => "it is no message",
        };
        Err(Failure::violation(
            &self.name(id),
            format!("{what}: {}", shown(line)),
        ))
    }

    /// Its last request was answered.
    fn go_on(&mut self, id: Id, conns: &mut Conns) -> Result<(), Failure> {
        let Some(life) = self.alive[id] else {
            return Ok(());
        };
        if life.done < STEPS {
            conns.out(id).extend_from_slice(life.request().as_bytes());
            return Ok(());
        }
        life.news()
            .iter()
            .for_each(|line| self.told.hear(line.as_bytes()));
        self.alive[id] = None;
        self.lived += 1;
        conns.close(id);
        match self.goes_on {
            true => self.begin(conns),
            false => Ok(()),
        }
    }
}

impl Handler for Churn<'_> {
    fn read(
        &mut self,
        id: Id,
        bytes: &[u8],
        now: u64,
        conns: &mut Conns,
    ) -> Result<usize, Failure> {
        if !matches!(self.alive.get(id), Some(Some(_))) {
            return self.talk.read(id, bytes, now, conns);
        }
        let whole = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let mut lines = bytes[..whole].split_inclusive(|&byte| byte == b'\n');
        lines.try_for_each(|line| self.line(id, line, conns))?;
        Ok(whole)
    }

    fn name(&self, id: Id) -> String {
        match self.alive.get(id) {
            Some(Some(life)) => format!("life {}, after {} answers", life.number, life.done),
            _ => self.talk.name(id),
        }
    }
}

impl Work for Churn<'_> {
    fn start(&mut self, conns: &mut Conns) -> Result<(), Failure> {
        self.talk.start(conns)?;
        self.goes_on = self.has_talked;
        self.has_talked = true;
        match self.goes_on {
            true => (0..AT_ONCE).try_for_each(|_| self.begin(conns)),
            false => Ok(()),
        }
    }

    fn stop(&mut self) {
        self.goes_on = false;
        self.talk.stop();
    }

    fn tick(&mut self, now: u64, conns: &mut Conns) -> Result<u64, Failure> {
        self.talk.tick(now, conns)
    }

    fn operations(&self) -> u64 {
        self.lived
    }

    fn is_done(&self) -> bool {
        let news = self.told.lines * self.members;
        self.talk.is_done() && self.lived == u64::from(self.begun) && self.talk.news_heard() >= news
    }

    fn missing(&self) -> String {
        let (heard, news) = (self.talk.news_heard(), self.told.lines * self.members);
        let lives = format!("{} of {} came and went", self.lived, self.begun);
        format!(
            "{lives}; members heard {heard} of {news} lines of news; {}",
            self.talk.missing()
        )
    }

    fn check(&self) -> Result<(), Failure> {
        self.talk.check()?;
        let heard = self.talk.same_news()?;
        if heard != self.told {
            let what = format!(
                "all heard the news {heard:?}, but what happened was {:?}",
                self.told
            );
            return Err(Failure::violation("at the end", what));
        }
        Ok(())
    }

    fn forget_times(&mut self) {
        self.talk.forget_times();
    }

    fn tell_times(&self, figures: &mut Figures) {
        self.talk.tell_times(figures);
    }
}
