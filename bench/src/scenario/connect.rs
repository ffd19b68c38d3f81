//! Connections that come, get a name and go again, one life after the other.

use super::stage::{self, Effort, Outcome, Work};
use crate::{
    load::{
        error::{Failure, shown},
        histogram::Histogram,
        irc,
        net::{Conns, Handler, Id, Net, Reader},
        sources::Sources,
        speech::{self, Reply},
    },
    peer::{Dialect, Running},
    record::Figures,
};

/// How many are alive at once, if so many may come at once.
const AT_ONCE: usize = 64;

/// An operation is a life: connect, register, close.
pub(crate) fn measure(
    server: &mut Running,
    net: &mut Net,
    sources: &mut Sources,
    effort: Effort,
) -> Result<Outcome, Failure> {
    let mut lives = Lives {
        reply: speech::register(server.dialect, &name(0)).reply,
        dialect: server.dialect,
        at_once: net.at_once.min(AT_ONCE),
        sources,
        alive: Vec::new(),
        begun: 0,
        lived: 0,
        goes_on: false,
        times: Histogram::default(),
    };
    stage::measure(server, net, &mut lives, effort)
}

/// A name that nobody else has ever had: the last one's may not be free yet.
fn name(number: u32) -> String {
    format!("c{number:08}")
}

struct Lives<'a> {
    reply: Reply,
    dialect: Dialect,
    at_once: usize,
    sources: &'a mut Sources,
    /// Of each connection the number of its life, and when it began.
    alive: Vec<Option<(u32, u64)>>,
    begun: u32,
    lived: u64,
    goes_on: bool,
    times: Histogram,
}

impl Lives<'_> {
    fn begin(&mut self, conns: &mut Conns) -> Result<(), Failure> {
        let began = conns.clock.now();
        let id = conns.open(self.sources, Reader::Eager)?;
        let step = speech::register(self.dialect, &name(self.begun));
        conns.out(id).extend_from_slice(&step.request);
        if self.alive.len() <= id {
            self.alive.resize(id + 1, None);
        }
        self.alive[id] = Some((self.begun, began));
        self.begun += 1;
        Ok(())
    }

    /// Looks for the reply to a life's only request.
    fn look(&self, id: Id, number: u32, bytes: &[u8]) -> Result<Answer, Failure> {
        let is_right = match self.dialect {
            // It holds the name.
            Dialect::Redis => (speech::register(self.dialect, &name(number)).reply).is(bytes),
            _ => self.reply.is(bytes),
        };
        match is_right {
            true => Ok(Answer::Came),
            // So short a reply comes in one piece.
            false => Err(self.refused(id, bytes)),
        }
    }

    /// Looks for it among all that a server of IRC says to somebody new.
    fn look_in_welcome(&self, id: Id, bytes: &[u8], conns: &mut Conns) -> Result<Answer, Failure> {
        let mut used = 0;
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            if !line.ends_with(b"\n") {
                break;
            }
            if self.reply.is(line) {
                return Ok(Answer::Came);
            }
            if irc::is_refusal(line) {
                return Err(self.refused(id, line));
            }
            if let Some(pong) = irc::pong(line) {
                conns.out(id).extend_from_slice(&pong);
            }
            used += line.len();
        }
        Ok(Answer::IsDue { used })
    }

    fn refused(&self, id: Id, bytes: &[u8]) -> Failure {
        Failure::Refused {
            who: self.name(id),
            line: shown(bytes),
        }
    }
}

/// Whether a life has its name.
#[derive(Debug)]
enum Answer {
    Came,
    /// So many bytes that came before it are done with.
    IsDue {
        used: usize,
    },
}

impl Handler for Lives<'_> {
    fn read(
        &mut self,
        id: Id,
        bytes: &[u8],
        now: u64,
        conns: &mut Conns,
    ) -> Result<usize, Failure> {
        let Some((number, began)) = self.alive[id] else {
            return Err(Failure::violation(&self.name(id), "it came after the end"));
        };
        let answer = match self.dialect {
            Dialect::Irc => self.look_in_welcome(id, bytes, conns)?,
            _ => self.look(id, number, bytes)?,
        };
        if let Answer::IsDue { used } = answer {
            return Ok(used);
        }
        self.times.record(now - began);
        self.alive[id] = None;
        self.lived += 1;
        conns.close(id);
        if self.goes_on {
            self.begin(conns)?;
        }
        Ok(bytes.len())
    }

    fn name(&self, id: Id) -> String {
        match self.alive.get(id) {
            Some(Some((number, _))) => format!("life {number}"),
            _ => format!("connection {id}"),
        }
    }
}

impl Work for Lives<'_> {
    fn start(&mut self, conns: &mut Conns) -> Result<(), Failure> {
        self.goes_on = true;
        (0..self.at_once).try_for_each(|_| self.begin(conns))
    }

    fn stop(&mut self) {
        self.goes_on = false;
    }

    fn operations(&self) -> u64 {
        self.lived
    }

    fn is_done(&self) -> bool {
        self.lived == u64::from(self.begun)
    }

    fn missing(&self) -> String {
        format!(
            "{} of {} connections got their name",
            self.lived, self.begun
        )
    }

    fn check(&self) -> Result<(), Failure> {
        match self.is_done() {
            true => Ok(()),
            false => Err(Failure::violation("at the end", self.missing())),
        }
    }

    fn forget_times(&mut self) {
        self.times.clear();
    }

    fn tell_times(&self, figures: &mut Figures) {
        figures.latency_us = self.times.latency();
    }
}
