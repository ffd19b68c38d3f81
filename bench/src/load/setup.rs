//! Getting users there: each connects, gets a name and joins, a bounded number of them at a time.

use std::time::Duration;

use super::{
    clock::nanos,
    error::{Failure, shown},
    net::{Conns, Handler, Id, Net},
    speech::{Step, is_presence},
};
use crate::peer::Dialect;

/// How long nothing at all may come before that is a failure.
pub(crate) const SILENCE: Duration = Duration::from_secs(15);

/// How many are at it at once. It is bounded so that neither the server's queue of connections nor what
/// waits for a reader, with the news of so many others, overflows.
const AT_ONCE: usize = 200;

/// Lets `count` users each do one step. `begin` says on which connection, which it may open.
///
/// News of other users that comes meanwhile is read and dropped.
pub(crate) fn each(
    net: &mut Net,
    dialect: Dialect,
    count: usize,
    mut begin: impl FnMut(usize, &mut Conns) -> Result<Id, Failure>,
    step: impl Fn(usize) -> Step,
) -> Result<Vec<Id>, Failure> {
    let mut waiting = Waiting {
        dialect,
        due: Vec::new(),
        done: 0,
    };
    let mut ids = Vec::with_capacity(count);
    let mut last = (0, net.conns.clock.now());
    while waiting.done < count {
        while ids.len() < count && ids.len() - waiting.done < AT_ONCE {
            let id = begin(ids.len(), &mut net.conns)?;
            let step = step(ids.len());
            net.conns.out(id).extend_from_slice(&step.request);
            if waiting.due.len() <= id {
                waiting.due.resize(id + 1, None);
            }
            waiting.due[id] = Some(step.reply);
            ids.push(id);
        }
        net.turn(Duration::from_millis(100), &mut waiting)?;
        let now = net.conns.clock.now();
        if waiting.done > last.0 {
            last = (waiting.done, now);
        } else if now - last.1 > nanos(SILENCE) {
            return Err(Failure::Silent {
                seconds: SILENCE.as_secs(),
                missing: format!(
                    "{} of {count} users were answered while setting up",
                    waiting.done
                ),
            });
        }
    }
    Ok(ids)
}

struct Waiting {
    dialect: Dialect,
    /// What answers each connection, if it has not come.
    due: Vec<Option<Vec<u8>>>,
    done: usize,
}

impl Waiting {
    /// One line. News is dropped.
    fn line(&mut self, id: Id, line: &[u8]) -> Result<(), Failure> {
        if is_presence(&line[..line.len() - 1]) {
            return Ok(());
        }
        match &mut self.due[id] {
            Some(reply) if *reply == line => {
                self.due[id] = None;
                self.done += 1;
                Ok(())
            }
            _ => Err(self.refused(id, line)),
        }
    }

    fn refused(&self, id: Id, line: &[u8]) -> Failure {
        Failure::Refused {
            who: self.name(id),
            line: shown(line),
        }
    }
}

impl Handler for Waiting {
    fn read(
        &mut self,
        id: Id,
        bytes: &[u8],
        _now: u64,
        _conns: &mut Conns,
    ) -> Result<usize, Failure> {
        if self.due.len() <= id {
            self.due.resize(id + 1, None);
        }
        if matches!(self.dialect, Dialect::Redis | Dialect::Seed) {
            // No lines, but nothing else comes either.
            return match &self.due[id] {
                Some(reply) if bytes == reply => {
                    self.due[id] = None;
                    self.done += 1;
                    Ok(bytes.len())
                }
                Some(reply) if reply.starts_with(bytes) => Ok(0),
                _ => Err(self.refused(id, bytes)),
            };
        }
        let whole = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let mut lines = bytes[..whole].split_inclusive(|&byte| byte == b'\n');
        if self.due[id].is_some() {
            lines.try_for_each(|line| self.line(id, line))?;
        } else if let Some(last) = lines.next_back() {
            // In a large room there are millions of these, so only what could be a last word is looked at.
            self.line(id, last)?;
        }
        Ok(whole)
    }

    fn name(&self, id: Id) -> String {
        format!("connection {id}, setting up")
    }
}
