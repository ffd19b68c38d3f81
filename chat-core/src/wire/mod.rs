//! Wire protocols: bytes to commands, events to bytes, and nothing else.
//!
//! A wire holds no socket, no clock and no buffer. It says where a frame ends, reads one whole frame in
//! place, and writes events; the session does the rest, in the same way for every wire. The bytes of a
//! frame may arrive in any number of pieces; collecting them, and refusing those that grow too long, is
//! the session's task as well.
//!
//! What many are told is encoded once for all of them who are told it in the same [`Form`], and without any of
//! them; what one alone is told is written by the value that stands for its connection.

mod line;
mod seed;

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use thiserror::Error;

use crate::model::{Answer, Command, ErrorCode, Event, Person, Verb};

pub use line::Line;
#[cfg(test)]
pub(crate) use line::tests::{an_answer, an_event};
pub use seed::Seed;

/// A wire protocol.
///
/// The value is the state of one connection; the server clones the one that it was given for each
/// connection that it accepts.
pub trait Wire: Clone + Send + 'static {
    /// Finds the end of a frame: how many bytes of `input` belong to the frame that `input` begins or
    /// continues, its terminator included, and at least one. `None` if it does not end here.
    ///
    /// The session calls it with the bytes of each read once, so that a frame which arrives byte by
    /// byte is still searched only once.
    fn frame_end(&self, input: &[u8]) -> Option<usize>;

    /// The bytes of a frame that count against the limit on its length: all but the terminator, which has
    /// at most two bytes. Unless said otherwise that is one LF or CRLF.
    fn payload<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        let line = frame.strip_suffix(b"\n").unwrap_or(frame);
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    /// What the frame that begins with `start` asks for, as far as that can be told without reading it.
    ///
    /// It matters for frames that are refused unread: some wires answer some refusals and not others, and
    /// some say what it was that they refuse.
    fn verb(&self, start: &[u8]) -> Verb {
        let _ = start;
        Verb::Unknown
    }

    /// The longest frame that a peer may send, in bytes, its terminator not counted, if
    /// [`Limits::max_line`](crate::Limits::max_line) is `limit`: a protocol may have a limit of its own.
    fn max_frame(&self, limit: usize) -> usize {
        limit
    }

    /// Whether a silent peer is asked for a sign of life, and how long it has for that. `None` if it may be silent as
    /// long as [`Timeouts::idle`](crate::Timeouts::idle) has it.
    fn keep_alive(&self) -> Option<KeepAlive> {
        None
    }

    /// Appends what asks the peer for a sign of life.
    fn probe(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// Whether a direct message that was sent is answered with [`Answer::Sent`].
    const WANTS_RECEIPTS: bool = false;

    /// Reads the payload of one whole frame. `None` if it asks for nothing.
    ///
    /// A frame that asks for several things is read in parts, one for each, see [`Reading::expect_more`].
    ///
    /// # Errors
    ///
    /// A [`WireError`] if it is malformed; the session answers it and goes on with the next part or frame.
    fn decode<'a>(
        &mut self,
        payload: &'a [u8],
        reading: &mut Reading,
    ) -> Result<Option<Command<'a>>, WireError>;

    /// Looks at something that several are told, and says how this one is.
    ///
    /// Of events that are written together, such as what one talker says in one room in one go, it is shown the
    /// first.
    fn hear(&mut self, event: &Event) -> Hearing {
        let _ = event;
        Hearing::Shared(Form::default())
    }

    /// Appends the bytes of `answer` to `out`; none if this protocol has no words for it.
    fn answer(&mut self, answer: &Answer<'_>, out: &mut Vec<u8>);

    /// Appends the bytes of `event` to `out`, for this connection alone: a direct message, the last word, or what
    /// [`hear`](Self::hear) does not want to share.
    fn tell(&mut self, event: &Event, out: &mut Vec<u8>) {
        Self::encode(event, Form::default(), out);
    }

    /// The peer has been told that it has missed events ([`Event::Missed`]), and `me` is who its user is by now: another
    /// connection of the same user may have changed that in what it has missed. Appends what it has to be told of that.
    fn catch_up(&mut self, me: &Person, out: &mut Vec<u8>) {
        let _ = (me, out);
    }

    /// Appends the bytes of `event` to `out`, as all are told it who hear it in this `form`; none if this protocol
    /// has no words for it.
    fn encode(event: &Event, form: Form, out: &mut Vec<u8>);
}

/// What a wire that reads a frame may say about it besides what it asks for.
#[derive(Debug, Default)]
pub struct Reading {
    part: u32,
    more: bool,
    free: bool,
    now: Option<SystemTime>,
    answer: Vec<u8>,
}

impl Reading {
    /// Which part of the frame is asked for: 0 at first. The same part may be asked for again, if somebody had to be
    /// waited for.
    pub fn part(&self) -> u32 {
        self.part
    }

    /// Says that the frame asks for more, whatever becomes of this part: when it is dealt with,
    /// [`decode`](Wire::decode) is called again with the same payload, for the next part.
    ///
    /// Each part that asks for something counts as a request of its own when requests are limited.
    pub fn expect_more(&mut self) {
        self.more = true;
    }

    /// Says that this part is no request of its own when requests are limited, because it belongs to one before it.
    pub fn for_free(&mut self) {
        self.free = true;
    }

    /// What time it is.
    pub fn now(&self) -> SystemTime {
        self.now.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// What the wire itself answers, to be appended to. It comes behind everything that the peer is told by now. A part
    /// that is answered so counts as a request, and [`decode`](Wire::decode) returns no command for it.
    pub fn answer(&mut self) -> &mut Vec<u8> {
        &mut self.answer
    }

    /// Says what time it is.
    pub(crate) fn set_now(&mut self, now: SystemTime) {
        self.now = Some(now);
    }

    /// Whether this part is charged for.
    pub(crate) fn is_charged(&self) -> bool {
        !self.free
    }

    /// Begins with this part.
    pub(crate) fn begin(&mut self, part: u32) {
        self.part = part;
        self.more = false;
        self.free = false;
        self.answer.clear();
    }

    /// Which part is next, if there is one.
    pub(crate) fn next_part(&self) -> Option<u32> {
        self.more.then_some(self.part + 1)
    }

    /// What the wire itself has answered.
    pub(crate) fn answered(&self) -> Option<&[u8]> {
        (!self.answer.is_empty()).then_some(&self.answer)
    }
}

/// How a silent peer is asked for a sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAlive {
    /// After how long a silence it is asked. Not zero.
    pub after: Duration,
    /// How long it may take then, before it is closed.
    pub within: Duration,
}

/// Which of the encodings that a wire has for an event: what differs between its connections, such as extensions that
/// some have asked for, in as few forms as there can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Form(pub u8);

/// How a connection is told something that others are told as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    /// Like all who are told it in this form: it is encoded once for all of them.
    Shared(Form),
    /// In its own words, by [`Wire::tell`].
    Alone,
    /// Not at all.
    Nothing,
}

/// Why a frame could not be read: the peer's mistake, to be told to the peer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{code}: {explanation}")]
pub struct WireError {
    /// What was asked for, as far as it could be told.
    pub verb: Verb,
    /// Which rule it breaks.
    pub code: ErrorCode,
    /// What is wrong, for people: several words, without a line end.
    pub explanation: Cow<'static, str>,
}

impl WireError {
    /// The peer's mistake.
    pub fn new(verb: Verb, code: ErrorCode, explanation: impl Into<Cow<'static, str>>) -> Self {
        Self {
            verb,
            code,
            explanation: explanation.into(),
        }
    }
}

/// The payload as text, or the error that tells why it is none.
fn text(payload: &[u8]) -> Result<&str, WireError> {
    std::str::from_utf8(payload).map_err(|error| {
        WireError::new(
            Verb::Unknown,
            ErrorCode::BadUtf8,
            format!("not UTF-8 from byte {} on", error.valid_up_to()),
        )
    })
}

/// Appends `names`, separated by commas, also from what was appended before unless they are the `first`.
fn append_names<'a, N: AsRef<str> + 'a>(
    names: impl IntoIterator<Item = &'a N>,
    first: bool,
    out: &mut Vec<u8>,
) {
    for (i, name) in names.into_iter().enumerate() {
        if i > 0 || !first {
            out.push(b',');
        }
        out.extend_from_slice(name.as_ref().as_bytes());
    }
}

/// Who did something: a name, or what can be none, for the program that the chat is part of.
fn actor(by: &Option<Person>) -> &str {
    by.as_ref().map_or("*", Person::as_str)
}

/// Appends `NAME says TEXT`.
fn append_direct(from: &Option<Person>, text: &str, out: &mut Vec<u8>) {
    append(out, [actor(from), " says ", text]);
}

/// Appends `error,CODE,EXPLANATION`.
fn append_error(code: ErrorCode, explanation: &str, out: &mut Vec<u8>) {
    // An error is told from a list by its space. A reason that the program gives may have none.
    let space = match explanation.contains(' ') {
        true => "",
        false => "refused: ",
    };
    append(out, ["error,", code.as_str(), ",", space, explanation]);
}

fn append<const N: usize>(out: &mut Vec<u8>, parts: [&str; N]) {
    // One more than they need, for the terminator that some wires add.
    out.reserve(parts.iter().map(|part| part.len()).sum::<usize>() + 1);
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}
