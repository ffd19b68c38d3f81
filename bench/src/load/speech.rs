//! What is said and heard in each of the dialects.

use std::ops::Range;

use super::payload::Payload;
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
    pub(crate) reply: Vec<u8>,
}

/// A connection gets a name, by which it can be spoken to.
pub(crate) fn register(dialect: Dialect, name: &str) -> Step {
    match dialect {
        Dialect::Line | Dialect::Relay => step(format!("register,{name}\n"), "ack\n"),
        Dialect::Seed => step(format!("register,{name}"), "ack"),
        // Whoever listens where nobody else does can be spoken to.
        Dialect::Redis => join(dialect, name),
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
    }
}

/// In [`Dialect::Relay`]: from now on everything goes to that user.
pub(crate) fn to(name: &str) -> Step {
    step(format!("to,{name}\n"), "ack\n")
}

fn step(request: String, reply: &str) -> Step {
    Step {
        request: request.into_bytes(),
        reply: reply.as_bytes().to_vec(),
    }
}

/// Whether who speaks needs a connection for it beside the one that it listens on.
pub(crate) fn speaks_elsewhere(dialect: Dialect) -> bool {
    dialect == Dialect::Redis
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
    pub(crate) fn new(dialect: Dialect, sender: &str, target: &str, bytes: usize) -> Self {
        let (before, after): (_, &[u8]) = match dialect {
            Dialect::Line if target.starts_with('#') => (format!("{target} {sender} says "), b"\n"),
            Dialect::Line => (format!("{sender} says "), b"\n"),
            Dialect::Relay => (String::new(), b"\n"),
            Dialect::Seed => (format!("{sender} says hi"), b""),
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
        rest[..known] == self.before[..known] && !(self.after == b"\n" && rest.contains(&b'\n'))
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
pub(crate) fn is_presence(line: &[u8]) -> bool {
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
            assert!(is_presence(line.as_bytes()), "{line}");
        }
        for line in [
            "ack",
            "#r0001 u00003 says joined",
            "u00003 says quit",
            "error,full,no more room",
            "missed,3,some",
        ] {
            assert!(!is_presence(line.as_bytes()), "{line}");
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
}
