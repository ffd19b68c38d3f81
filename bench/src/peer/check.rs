//! A short conversation with each peer, which shows that it does what it will be measured at.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use std::{fmt, fs};

use rustix::process::Pid;

use crate::load::{
    irc,
    speech::{self, Step},
};

use super::{Dialect, Error, Peer, Running, Spent, cannot, ticks_per_second};

/// What was seen of its accounts.
#[derive(Debug)]
pub(super) struct Seen {
    spent: Spent,
    resident_bytes: u64,
    calls: Result<u64, String>,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |ticks| ticks * 1_000 / ticks_per_second();
        write!(
            f,
            "{} µs of CPU (in ticks: user {} ms, system {} ms), ",
            self.spent.cpu_ns / 1_000,
            milliseconds(self.spent.user_ticks),
            milliseconds(self.spent.system_ticks),
        )?;
        match self.spent.switches {
            Some(switches) => write!(f, "{switches} switches, ")?,
            None => write!(f, "switches of threads that ended are lost, ")?,
        }
        match &self.calls {
            Ok(calls) => write!(f, "{calls} system calls, ")?,
            Err(why) => write!(f, "{why}, ")?,
        }
        write!(f, "{} KiB resident", self.resident_bytes / 1_024)
    }
}

/// Starts it, talks to it twice, the second time with its system calls counted, and stops it.
pub(super) fn check(peer: &Peer, core: usize) -> Result<Seen, Error> {
    let failed = |why: String| Error::Answer {
        name: peer.name,
        why,
    };
    let mut running = peer.start(Some(core))?;
    let pid = running.pid();
    if allowed_cores(pid)? != core.to_string() {
        return Err(failed("it is not on its core".to_owned()));
    }

    let before = running.account()?;
    converse(peer, &running, "a").map_err(failed)?;
    let after = running.account()?;
    let spent = after.since(&before);
    if spent.cpu_ns == 0 || after.resident_bytes == 0 {
        return Err(failed(format!("its accounts are empty: {after:?}")));
    }

    let calls = match running.count_syscalls() {
        Ok(counting) => {
            converse(peer, &running, "b").map_err(failed)?;
            Ok(counting.stop()?)
        }
        Err(error @ Error::NotCounted(_)) => Err(error.to_string()),
        Err(error) => return Err(error),
    };
    if let Some(end) = running.has_ended() {
        return Err(failed(end));
    }
    drop(running);
    if fs::exists(format!("/proc/{}", pid.as_raw_nonzero())).unwrap_or(true) {
        return Err(failed("it has not ended".to_owned()));
    }
    Ok(Seen {
        spent,
        resident_bytes: after.resident_bytes,
        calls,
    })
}

fn allowed_cores(pid: Pid) -> Result<String, Error> {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()))
        .map_err(cannot("read on which cores it may run"))?;
    let mut cores = (status.lines()).filter_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    Ok(cores.next().unwrap_or_default().trim().to_owned())
}

/// Names and rooms begin with `prefix`.
fn converse(peer: &Peer, running: &Running, prefix: &str) -> Result<(), String> {
    let address = running.address;
    let connect = || Client::connect(address).map_err(|error| error.to_string());
    let (mut ada, mut bob) = (connect()?, connect()?);
    let talk = match running.dialect {
        Dialect::Line => line(&mut ada, &mut bob, prefix, peer.can("room").is_ok()),
        Dialect::Seed => seed(&mut ada, &mut bob, prefix),
        Dialect::Relay => relay(&mut ada, &mut bob, prefix).and_then(|()| {
            let (mut ada, mut bob) = (Client::connect(address)?, Client::connect(address)?);
            relay_pair(&mut ada, &mut bob, prefix)
        }),
        Dialect::Redis => redis(&mut ada, &mut bob, prefix),
        Dialect::Irc => irc(&mut ada, &mut bob, prefix),
    };
    talk.map_err(|error| error.to_string())
}

fn line(ada: &mut Client, bob: &mut Client, prefix: &str, rooms: bool) -> io::Result<()> {
    ada.asks(&format!("register,{prefix}ada\n"), "ack\n")?;
    bob.asks(&format!("register,{prefix}bob\n"), "ack\n")?;
    // Two at once, and half of a third.
    ada.says(&format!(
        "chat,{prefix}bob,one, two\nchat,{prefix}bob,three\nchat,{prefix}b"
    ))?;
    bob.hears(&format!(
        "{prefix}ada says one, two\n{prefix}ada says three\n"
    ))?;
    ada.says("ob,four\n")?;
    bob.hears(&format!("{prefix}ada says four\n"))?;
    bob.says(&format!("chat,{prefix}ada,five\n"))?;
    ada.hears(&format!("{prefix}bob says five\n"))?;
    if !rooms {
        return ada.asks("list,friends\n", &format!("{prefix}ada,{prefix}bob\n"));
    }
    // Bob first: who is in a room may be told who joins it.
    bob.asks(&format!("join,#{prefix}\n"), "ack\n")?;
    ada.asks(&format!("join,#{prefix}\n"), "ack\n")?;
    ada.says(&format!("say,#{prefix},six, seven\nsay,#{prefix},eight\n"))?;
    let said = format!("#{prefix} {prefix}ada says six, seven\n#{prefix} {prefix}ada says eight\n");
    ada.hears(&said)?;
    bob.skips(&format!("#{prefix} {prefix}ada joined\n"))?;
    bob.hears(&said)
}

/// Without frames: what the other one does not wait for must not be sent.
fn seed(ada: &mut Client, bob: &mut Client, prefix: &str) -> io::Result<()> {
    ada.asks(&format!("register,{prefix}ada"), "ack")?;
    bob.asks(&format!("register,{prefix}bob"), "ack")?;
    ada.says(&format!("chat,{prefix}bob"))?;
    bob.hears(&format!("{prefix}ada says hi"))
}

fn relay(ada: &mut Client, bob: &mut Client, prefix: &str) -> io::Result<()> {
    ada.asks(&format!("register,{prefix}ada\n"), "ack\n")?;
    bob.asks(&format!("register,{prefix}bob\n"), "ack\n")?;
    bob.asks(&format!("join,#{prefix}\n"), "ack\n")?;
    ada.asks(&format!("join,#{prefix}\n"), "ack\n")?;
    ada.says("one\ntwo\n")?;
    ada.hears("one\ntwo\n")?;
    bob.hears("one\ntwo\n")
}

fn relay_pair(ada: &mut Client, bob: &mut Client, prefix: &str) -> io::Result<()> {
    ada.asks(&format!("register,{prefix}cleo\n"), "ack\n")?;
    bob.asks(&format!("register,{prefix}dan\n"), "ack\n")?;
    ada.asks(&format!("to,{prefix}dan\n"), "ack\n")?;
    bob.asks(&format!("to,{prefix}cleo\n"), "ack\n")?;
    ada.says("to,all\n")?;
    bob.hears("to,all\n")?;
    bob.says("three\n")?;
    ada.hears("three\n")
}

/// Ada subscribes, Bob publishes.
fn redis(ada: &mut Client, bob: &mut Client, prefix: &str) -> io::Result<()> {
    ada.asks(
        &format!("*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\n{prefix}\r\n"),
        &format!("*3\r\n$9\r\nsubscribe\r\n$1\r\n{prefix}\r\n:1\r\n"),
    )?;
    bob.asks(
        &format!("*3\r\n$7\r\nPUBLISH\r\n$1\r\n{prefix}\r\n$3\r\none\r\n"),
        ":1\r\n",
    )?;
    ada.hears(&format!(
        "*3\r\n$7\r\nmessage\r\n$1\r\n{prefix}\r\n$3\r\none\r\n"
    ))
}

/// What a server says around all this differs, and so does how it writes whom something comes from.
fn irc(ada: &mut Client, bob: &mut Client, prefix: &str) -> io::Result<()> {
    let (a, b, room) = (
        format!("{prefix}ada"),
        format!("{prefix}bob"),
        format!("#{prefix}"),
    );
    for (client, name) in [(&mut *ada, &a), (&mut *bob, &b)] {
        client.does(&speech::register(Dialect::Irc, name))?;
    }
    let from_ada = source(&ada.does(&speech::to_oneself(&a))?)?;
    let from_bob = source(&bob.does(&speech::to_oneself(&b))?)?;
    // Two at once, and half of a third.
    ada.says(&format!(
        "PRIVMSG {b} :one, two\r\nPRIVMSG {b} :three\r\nPRIVMSG {prefix}b"
    ))?;
    bob.hears(&format!(
        ":{from_ada} PRIVMSG {b} :one, two\r\n:{from_ada} PRIVMSG {b} :three\r\n"
    ))?;
    ada.says("ob :four\r\n")?;
    bob.hears(&format!(":{from_ada} PRIVMSG {b} :four\r\n"))?;
    // Bob first, so that he is told who joins.
    bob.does(&speech::join(Dialect::Irc, &room))?;
    ada.does(&speech::join(Dialect::Irc, &room))?;
    let joined = bob.line()?;
    if !speech::is_presence(Dialect::Irc, joined.as_bytes()) {
        return Err(io::Error::other(format!("{joined:?} is not that she came")));
    }
    ada.says(&format!(
        "PRIVMSG {room} :five, six\r\nPRIVMSG {room} :seven\r\n"
    ))?;
    bob.hears(&format!(
        ":{from_ada} PRIVMSG {room} :five, six\r\n:{from_ada} PRIVMSG {room} :seven\r\n"
    ))?;
    // Nothing of her own comes before it.
    bob.says(&format!("PRIVMSG {room} :eight\r\n"))?;
    ada.hears(&format!(":{from_bob} PRIVMSG {room} :eight\r\n"))
}

fn source(line: &str) -> io::Result<String> {
    let source = irc::source(line.as_bytes());
    let none = || io::Error::other(format!("{line:?} has no source"));
    source.map(ToOwned::to_owned).ok_or_else(none)
}

#[derive(Debug)]
struct Client {
    stream: TcpStream,
}

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(Self { stream })
    }

    fn says(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes())
    }

    fn asks(&mut self, text: &str, answer: &str) -> io::Result<()> {
        self.says(text)?;
        self.hears(answer)
    }

    /// Says what a step is, and waits for the line that answers it. What comes before it is read and dropped.
    fn does(&mut self, step: &Step) -> io::Result<String> {
        self.stream.write_all(&step.request)?;
        loop {
            let line = self.line()?;
            if step.reply.is(line.as_bytes()) {
                return Ok(line);
            }
            if irc::is_refusal(line.as_bytes()) {
                return Err(io::Error::other(line));
            }
            if let Some(pong) = irc::pong(line.as_bytes()) {
                self.stream.write_all(&pong)?;
            }
        }
    }

    /// The next line, with its end.
    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            line.extend(byte);
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// Exactly this, and as yet nothing else.
    fn hears(&mut self, text: &str) -> io::Result<()> {
        let mut heard = vec![0; text.len()];
        let result = self.stream.read_exact(&mut heard);
        let heard = String::from_utf8_lossy(&heard);
        match result {
            Ok(()) if heard == text => Ok(()),
            Ok(()) => Err(io::Error::other(format!("{heard:?} instead of {text:?}"))),
            Err(error) => Err(io::Error::other(format!("{error} instead of {text:?}"))),
        }
    }

    /// Reads this only if it comes next.
    fn skips(&mut self, text: &str) -> io::Result<()> {
        let mut next = vec![0; text.len()];
        let count = self.stream.peek(&mut next)?;
        if next[..count] == *text.as_bytes() {
            self.hears(text)?;
        }
        Ok(())
    }
}
