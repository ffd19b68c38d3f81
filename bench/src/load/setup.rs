//! Getting users there: each connects, gets a name and joins, a bounded number of them at a time.

use std::time::Duration;

use super::{
    clock::nanos,
    error::{Failure, shown},
    irc,
    net::{Conns, Handler, Id, Net},
    speech::{Reply, Step, is_presence},
};
use crate::peer::Dialect;

/// How long nothing at all may come before that is a failure.
pub(crate) const SILENCE: Duration = Duration::from_secs(15);

/// Lets `count` users each do one step. `begin` says on which connection, which it may open.
///
/// News of other users that comes meanwhile is read and dropped.
pub(crate) fn each(
    net: &mut Net,
    dialect: Dialect,
    count: usize,
    begin: impl FnMut(usize, &mut Conns) -> Result<Id, Failure>,
    step: impl Fn(usize) -> Step,
) -> Result<Vec<Id>, Failure> {
    Ok(answers(net, dialect, count, begin, step)?.0)
}

/// The same, with what answered each.
pub(crate) fn answers(
    net: &mut Net,
    dialect: Dialect,
    count: usize,
    mut begin: impl FnMut(usize, &mut Conns) -> Result<Id, Failure>,
    step: impl Fn(usize) -> Step,
) -> Result<(Vec<Id>, Vec<Vec<u8>>), Failure> {
    let mut waiting = Waiting {
        dialect,
        due: Vec::new(),
        answers: vec![Vec::new(); count],
        done: 0,
    };
    let mut ids = Vec::with_capacity(count);
    let mut last = (0, net.conns.clock.now());
    while waiting.done < count {
        while ids.len() < count && ids.len() - waiting.done < net.at_once {
            let id = begin(ids.len(), &mut net.conns)?;
            let step = step(ids.len());
            net.conns.out(id).extend_from_slice(&step.request);
            if waiting.due.len() <= id {
                waiting.due.resize(id + 1, None);
            }
            waiting.due[id] = Some((ids.len(), step.reply));
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
    Ok((ids, waiting.answers))
}

struct Waiting {
    dialect: Dialect,
    /// For each connection which user it is and what answers it, if that has not come.
    due: Vec<Option<(usize, Reply)>>,
    /// What has answered each user.
    answers: Vec<Vec<u8>>,
    done: usize,
}

impl Waiting {
    /// One line. News is dropped.
    fn line(&mut self, id: Id, line: &[u8]) -> Result<(), Failure> {
        if is_presence(self.dialect, &line[..line.len() - 1]) || self.is_answer(id, line) {
            return Ok(());
        }
        Err(self.refused(id, line))
    }

    /// One line of IRC, in which servers tell a lot that nobody has asked for.
    fn irc(&mut self, id: Id, line: &[u8], conns: &mut Conns) -> Result<(), Failure> {
        if let Some(pong) = irc::pong(line) {
            conns.out(id).extend_from_slice(&pong);
        } else if !self.is_answer(id, line) && irc::is_refusal(line) {
            return Err(self.refused(id, line));
        }
        Ok(())
    }

    /// Whether it is what a connection waits for, which it then has.
    fn is_answer(&mut self, id: Id, said: &[u8]) -> bool {
        let due = self.due[id].take_if(|(_, reply)| reply.is(said));
        if let Some((number, _)) = due {
            self.answers[number] = said.to_vec();
            self.done += 1;
            return true;
        }
        false
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
        conns: &mut Conns,
    ) -> Result<usize, Failure> {
        if self.due.len() <= id {
            self.due.resize(id + 1, None);
        }
        if matches!(self.dialect, Dialect::Redis | Dialect::Seed) {
            // No lines, but nothing else comes either.
            let begins = |(_, reply): &(usize, Reply)| reply.may_begin(bytes);
            return match self.is_answer(id, bytes) {
                true => Ok(bytes.len()),
                false if self.due[id].as_ref().is_some_and(begins) => Ok(0),
                false => Err(self.refused(id, bytes)),
            };
        }
        let whole = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let mut lines = bytes[..whole].split_inclusive(|&byte| byte == b'\n');
        if self.dialect == Dialect::Irc {
            lines.try_for_each(|line| self.irc(id, line, conns))?;
        } else if self.due[id].is_some() {
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::load::{
        clock::Clock,
        net::Reader,
        sources::Sources,
        speech::{join, register},
    };

    const WELCOME: &str = "\
:irc.bench NOTICE * :*** Looking up nothing\r
PING :17\r
:irc.bench 001 u00001 :Welcome to the network u00001!~u00001@127.0.0.100\r
:irc.bench 005 u00001 NICKLEN=30 CHANTYPES=# :are supported on this server\r
:irc.bench 375 u00001 :- Message of the day -\r
:irc.bench 372 u00001 :- 376\r
:irc.bench 376 u00001 :End of MOTD command\r
:u00001 MODE u00001 +i\r
";

    const ROOM: &str = "\
:u00000!~u00000@127.0.0.100 JOIN :#r0000\r
:u00001!~u00001@127.0.0.100 JOIN #r0000\r
:irc.bench MODE #r0000 +nt\r
:irc.bench 332 u00001 #r0000 :the topic\r
:irc.bench 333 u00001 #r0000 u00000 1700000000\r
:irc.bench 353 u00001 = #r0000 :@u00000 u00001\r
:irc.bench 366 u00001 #r0000 :End of NAMES list\r
:u00002!~u00002@127.0.0.100 JOIN :#r0000\r
:u00000!~u00000@127.0.0.100 QUIT :gone\r
";

    /// One user on connection 0, who waits for the reply to a step and hears that in pieces of a size.
    fn hear(step: Step, said: &str, size: usize) -> Result<(Waiting, Net), Failure> {
        let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let mut net = Net::new(server.local_addr().unwrap(), Clock::start()).unwrap();
        let id = net.conns.open(&mut Sources::default(), Reader::Eager)?;
        let mut waiting = Waiting {
            dialect: Dialect::Irc,
            due: vec![Some((0, step.reply))],
            answers: vec![Vec::new()],
            done: 0,
        };
        let mut piece = Vec::new();
        for bytes in said.as_bytes().chunks(size) {
            piece.extend_from_slice(bytes);
            let used = waiting.read(id, &piece, 0, &mut net.conns)?;
            piece.drain(..used);
        }
        assert!(piece.is_empty());
        Ok((waiting, net))
    }

    #[test]
    fn all_that_a_server_of_irc_says_around_its_answer_is_dropped_in_any_pieces() {
        for size in [1, 7, 50, 10_000] {
            let step = register(Dialect::Irc, "u00001");
            let (waiting, mut net) = hear(step, WELCOME, size).unwrap();
            assert_eq!(waiting.done, 1);
            assert!(waiting.answers[0].starts_with(b":irc.bench 376 "));
            assert_eq!(net.conns.out(0), b"PONG :17\r\n");

            let (waiting, _) = hear(join(Dialect::Irc, "#r0000"), ROOM, size).unwrap();
            assert_eq!(waiting.done, 1);
            assert!(waiting.answers[0].starts_with(b":irc.bench 366 "));
        }
    }

    #[test]
    fn what_a_server_of_irc_refuses_is_told() {
        for refusal in [
            ":irc.bench 433 * u00001 :Nickname already in use\r\n",
            "ERROR :Too many connections\r\n",
        ] {
            let step = register(Dialect::Irc, "u00001");
            let error = hear(step, refusal, 10_000).map(drop).unwrap_err();
            assert!(error.to_string().contains(refusal.trim_end()), "{error}");
        }
    }
}
