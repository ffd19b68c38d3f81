//! What is said and heard in each of the dialects.

use std::ops::Range;

use super::{irc, payload::Payload};
use crate::peer::Dialect;

/// How a user is called. All names are of one length, so that all frames are.
pub(crate) fn user(number: usize) -> String {
    format!("u{number:05}")
}

pub(crate) fn room(number: usize) -> String {
    format!("#r{number:04}")
}

/// A request, and what answers it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) request: Vec<u8>,
    pub(crate) reply: Reply,
}

/// What answers a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A line of IRC with one of these numerics; the words in it are the server's own.
    Numeric(&'static [&'static [u8]]),
    /// What this user has said to itself, in IRC.
    Own(String),
}

impl Reply {
    /// Whether this is it, with its end.
    pub(crate) fn is(&self, said: &[u8]) -> bool {
        match self {
            Self::Bytes(bytes) => bytes == said,
            Self::Numeric(numerics) => irc::is_numeric(said, numerics),
            Self::Own(name) => irc::is_own(said, name),
        }
    }

    /// Whether it may be that of which this is the beginning. Of lines none is a beginning.
    pub(crate) fn may_begin(&self, said: &[u8]) -> bool {
        matches!(self, Self::Bytes(bytes) if bytes.starts_with(said))
    }
}

/// A connection gets a name, by which it can be spoken to.
pub(crate) fn register(dialect: Dialect, name: &str) -> Step {
    match dialect {
        Dialect::Line | Dialect::Relay => step(format!("register,{name}\n"), "ack\n"),
        Dialect::Seed => step(format!("register,{name}"), "ack"),
        // Whoever listens where nobody else does can be spoken to.
        Dialect::Redis => join(dialect, name),
        // The end of the message of the day, or that there is none, is the last that a server says by itself.
        Dialect::Irc => numeric(
            format!("NICK {name}\r\nUSER {name} 0 * :{name}\r\n"),
            &[b"376", b"422"],
        ),
    }
}

pub(crate) fn join(dialect: Dialect, room: &str) -> Step {
    match dialect {
        Dialect::Line | Dialect::Relay | Dialect::Seed => step(format!("join,{room}\n"), "ack\n"),
        Dialect::Redis => step(
            format!("*2\r\n$9\r\nSUBSCRIBE\r\n${}\r\n{room}\r\n", room.len()),
            &format!(
                "*3\r\n$9\r\nsubscribe\r\n${}\r\n{room}\r\n:1\r\n",
                room.len()
            ),
        ),
        // The end of the list of names, which comes last.
        Dialect::Irc => numeric(format!("JOIN {room}\r\n"), &[b"366"]),
    }
}

/// In [`Dialect::Irc`]: what a user says to itself comes back as others hear it.
pub(crate) fn to_oneself(name: &str) -> Step {
    Step {
        request: format!("PRIVMSG {name} :who am I\r\n").into_bytes(),
        reply: Reply::Own(name.to_owned()),
    }
}

/// In [`Dialect::Relay`]: from now on everything goes to that user.
pub(crate) fn to(name: &str) -> Step {
    step(format!("to,{name}\n"), "ack\n")
}

fn step(request: String, reply: &str) -> Step {
    Step {
        request: request.into_bytes(),
        reply: Reply::Bytes(reply.as_bytes().to_vec()),
    }
}

fn numeric(request: String, numerics: &'static [&'static [u8]]) -> Step {
    Step {
        request: request.into_bytes(),
        reply: Reply::Numeric(numerics),
    }
}

/// Whether who speaks needs a connection for it beside the one that it listens on.
pub(crate) fn speaks_elsewhere(dialect: Dialect) -> bool {
    dialect == Dialect::Redis
}

/// Whether who speaks in a room is among those who hear it there.
pub(crate) fn receivers(dialect: Dialect) -> Receivers {
    match dialect {
        Dialect::Irc => Receivers::Others,
        _ => Receivers::All,
    }
}

/// Who hears what is said in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receivers {
    /// All members.
    All,
    /// All but who said it.
    Others,
}

/// How messages to one target look, on their way to the server.
#[derive(Debug, Clone)]
pub(crate) struct Spoken {
    before: Vec<u8>,
    payload: Option<usize>,
    after: &'static [u8],
}

impl Spoken {
    /// To a user or a room, with so many bytes of payload.
    pub(crate) fn new(dialect: Dialect, target: &str, bytes: usize) -> Self {
        let (before, after): (_, &[u8]) = match dialect {
            Dialect::Line if target.starts_with('#') => (format!("say,{target},"), b"\n"),
            Dialect::Line => (format!("chat,{target},"), b"\n"),
            Dialect::Relay => (String::new(), b"\n"),
            Dialect::Seed => (format!("chat,{target}"), b""),
            Dialect::Irc => (format!("PRIVMSG {target} :"), b"\r\n"),
            Dialect::Redis => (
                format!(
                    "*3\r\n$7\r\nPUBLISH\r\n${}\r\n{target}\r\n${bytes}\r\n",
                    target.len()
                ),
                b"\r\n",
            ),
        };
        Self {
            before: before.into_bytes(),
            payload: carried(dialect, bytes),
            after,
        }
    }

    pub(crate) fn write(&self, payload: &Payload, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.before);
        if let Some(size) = self.payload {
            payload.write(size, out);
        }
        out.extend_from_slice(self.after);
    }
}

/// How messages look that come from one sender to one target. All of one target have one length, whoever sends.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    before: Vec<u8>,
    payload: Option<usize>,
    after: &'static [u8],
}

impl Heard {
    /// The sender as receivers see it: a name, or in IRC `NICK!LOGIN@HOST`.
    pub(crate) fn new(dialect: Dialect, sender: &str, target: &str, bytes: usize) -> Self {
        let (before, after): (_, &[u8]) = match dialect {
            Dialect::Line if target.starts_with('#') => (format!("{target} {sender} says "), b"\n"),
            Dialect::Line => (format!("{sender} says "), b"\n"),
            Dialect::Relay => (String::new(), b"\n"),
            Dialect::Seed => (format!("{sender} says hi"), b""),
            Dialect::Irc => (format!(":{sender} PRIVMSG {target} :"), b"\r\n"),
            Dialect::Redis => (
                format!(
                    "*3\r\n$7\r\nmessage\r\n${}\r\n{target}\r\n${bytes}\r\n",
                    target.len()
                ),
                b"\r\n",
            ),
        };
        Self {
            before: before.into_bytes(),
            payload: carried(dialect, bytes),
            after,
        }
    }

    /// How long a frame is.
    pub(crate) fn len(&self) -> usize {
        self.payload().end + self.after.len()
    }

    /// Where in a frame its payload is; it is empty in a dialect that carries none.
    pub(crate) fn payload(&self) -> Range<usize> {
        self.before.len()..self.before.len() + self.payload.unwrap_or(0)
    }

    /// Whether something that is shorter than a frame may be the beginning of one.
    pub(crate) fn may_begin(&self, rest: &[u8]) -> bool {
        let known = rest.len().min(self.before.len());
        // Where a frame has a line end behind its payload, that is its last byte, which is not there yet.
        rest[..known] == self.before[..known] && !rest[known..].contains(&b'\n')
    }

    /// Whether what is around the payload is right.
    pub(crate) fn surrounds(&self, frame: &[u8]) -> bool {
        frame.starts_with(&self.before) && frame.ends_with(self.after)
    }
}

fn carried(dialect: Dialect, bytes: usize) -> Option<usize> {
    (dialect != Dialect::Seed).then_some(bytes)
}

/// Whether a line tells what became of somebody, rather than what somebody said.
pub(crate) fn is_presence(dialect: Dialect, line: &[u8]) -> bool {
    match dialect {
        Dialect::Line | Dialect::Relay => is_news(line),
        Dialect::Irc => irc::is_presence(line),
        Dialect::Seed | Dialect::Redis => false,
    }
}

fn is_news(line: &[u8]) -> bool {
    // A name has neither comma nor space: see "How to read what the server sends" in docs/protocol.md.
    let mut words = line.split(|&byte| byte == b' ');
    let first = words.next().unwrap_or_default();
    let what = if first.starts_with(b"#") {
        words.nth(1)
    } else {
        words.next()
    };
    !first.contains(&b',') && what.is_some_and(|what| what != b"says")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presence_is_told_from_the_rest() {
        for line in [
            "#r0001 u00003 joined",
            "#r0001 * role u00003 owner",
            "u00003 quit slow",
            "u1 is now u2",
        ] {
            assert!(is_presence(Dialect::Line, line.as_bytes()), "{line}");
        }
        for line in [
            "ack",
            "#r0001 u00003 says joined",
            "u00003 says quit",
            "error,full,no more room",
            "missed,3,some",
        ] {
            assert!(!is_presence(Dialect::Line, line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn what_is_heard_has_the_length_that_it_says() {
        let payload = Payload {
            sender: 1,
            sequence: 2,
            time: 3,
        };
        let heard = Heard::new(Dialect::Line, "u00001", "#r0000", 64);
        let mut frame = b"#r0000 u00001 says ".to_vec();
        payload.write(64, &mut frame);
        frame.push(b'\n');
        assert_eq!(frame.len(), heard.len());
        assert!(heard.surrounds(&frame));
        assert_eq!(Payload::read(&frame[heard.payload()]), Some(payload));
    }

    #[test]
    fn a_frame_of_irc_may_begin_with_any_part_of_it_and_no_other_line() {
        let (source, room) = ("u00001!~u00001@127.0.0.100", "#r0000");
        let heard = Heard::new(Dialect::Irc, source, room, 64);
        let mut frame = format!(":{source} PRIVMSG {room} :").into_bytes();
        let payload = Payload {
            sender: 1,
            sequence: 2,
            time: 3,
        };
        payload.write(64, &mut frame);
        frame.extend_from_slice(b"\r\n");
        assert_eq!(frame.len(), heard.len());
        assert!(heard.surrounds(&frame));
        for end in 0..frame.len() {
            assert!(heard.may_begin(&frame[..end]), "{end}");
        }
        let short = format!(":{source} PRIVMSG {room} :short\r\n");
        assert!(!heard.may_begin(short.as_bytes()));
        let left = format!(":{source} PART {room}\r\n");
        assert!(!heard.may_begin(left.as_bytes()));
    }
}
