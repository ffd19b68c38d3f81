//! Messages as they go out: lines that hold what they were meant to hold, and nothing else.

#[cfg(test)]
mod tests;

use std::{fmt, io::Write};

use memchr::memchr3;

use crate::{
    list::List,
    message::{MAX_PARAMS, MAX_TEXT},
    source::Source,
    tags::TagWriter,
};

/// What stands for the rest of a text.
const ELLIPSIS: &str = "…";

/// A line that is being appended to a buffer.
///
/// Whatever texts it is given, it becomes one line: at most [`MAX_LINE`](crate::message::MAX_LINE) bytes behind its
/// tags, with one CRLF, at its end, and no NUL. Each method says what it does with a text that could not be in
/// such a line. What is too long is cut, between two characters; whoever must not cut asks [`line_len`] before.
///
/// ```text
/// Line::numeric(out, "irc.example.org", 401, "ada").echo(target).trailing("No such nick or channel")
/// ```
#[derive(Debug)]
#[must_use = "a line has no end before `end`, `trailing` or that of a list"]
pub(crate) struct Line<'o> {
    pub(crate) out: &'o mut Vec<u8>,
    /// Where the line begins.
    pub(crate) start: usize,
    /// Where it begins behind its tags.
    pub(crate) body: usize,
    /// How many params it has.
    pub(crate) params: usize,
}

impl<'o> Line<'o> {
    /// Begins a line without tags.
    pub(crate) fn new(out: &'o mut Vec<u8>, source: Source<'_>, command: &str) -> Self {
        Self::tagged(TagWriter::new(out), source, command)
    }

    /// Begins a line with neither tags nor source.
    pub(crate) fn bare(out: &'o mut Vec<u8>, command: &str) -> Self {
        let start = out.len();
        out.extend_from_slice(good(command).as_bytes());
        Self {
            out,
            start,
            body: start,
            params: 0,
        }
    }

    /// Begins a numeric: an answer of three digits to `target`, a nick, or `*` for who has none yet.
    pub(crate) fn numeric(out: &'o mut Vec<u8>, server: &str, numeric: u16, target: &str) -> Self {
        Self::tagged_numeric(TagWriter::new(out), server, numeric, target)
    }

    /// Begins a line behind its tags.
    pub(crate) fn tagged(tags: TagWriter<'o>, source: Source<'_>, command: &str) -> Self {
        let line = Self::sourced(tags, source);
        line.out.extend_from_slice(good(command).as_bytes());
        line
    }

    /// Begins a numeric behind its tags.
    pub(crate) fn tagged_numeric(
        tags: TagWriter<'o>,
        server: &str,
        numeric: u16,
        target: &str,
    ) -> Self {
        debug_assert!(numeric < 1000, "no numeric: {numeric}");
        let line = Self::sourced(tags, Source::server(server));
        let digits =
            [numeric / 100, numeric / 10, numeric].map(|n| b"0123456789"[usize::from(n % 10)]);
        line.out.extend_from_slice(&digits);
        line.param(target)
    }

    fn sourced(tags: TagWriter<'o>, source: Source<'_>) -> Self {
        let (out, start) = tags.end();
        let body = out.len();
        out.push(b':');
        for (mark, part) in source.parts() {
            out.extend_from_slice(mark.as_bytes());
            // An address of IPv6 may well begin with a colon.
            let is_good = !part.is_empty() && !part.bytes().any(is_bound);
            debug_assert!(is_good, "no part of a source: {part:?}");
            out.extend_from_slice(if is_good { part } else { "*" }.as_bytes());
        }
        out.push(b' ');
        Self {
            out,
            start,
            body,
            params: 0,
        }
    }

    /// Adds a param that is known to be one. To give it a text that cannot be one is a mistake in the program; it
    /// becomes `*` then.
    pub(crate) fn param(self, text: &str) -> Self {
        self.add(good(text))
    }

    /// Adds a param that may be anything, such as one that a client has sent. It becomes `*` if it is empty, begins
    /// with a colon, or holds a space, NUL, CR or LF.
    pub(crate) fn echo(self, text: &str) -> Self {
        self.add(if is_middle(text) { text } else { "*" })
    }

    /// Adds a number.
    pub(crate) fn number(mut self, number: u64) -> Self {
        self.out.push(b' ');
        self.params += 1;
        // A vector takes all that is written.
        let _ = write!(self.out, "{number}");
        self
    }

    /// Adds the last param, which may be any text, and ends the line. NUL, CR and LF become spaces.
    pub(crate) fn trailing(self, text: &str) {
        push_trailing(self.out, text);
        self.end();
    }

    /// The same with `format_args!`.
    pub(crate) fn trailing_fmt(self, text: fmt::Arguments<'_>) {
        self.out.extend_from_slice(b" :");
        let begin = self.out.len();
        // As above; and a `Display` that fails has said what it could.
        let _ = self.out.write_fmt(text);
        blank(&mut self.out[begin..]);
        self.end();
    }

    /// Adds the last param, which may be any text, and ends the line. Of a text for which there is no room as much is
    /// there as there is room for, with `…` behind it, so that nobody takes it for the whole.
    pub(crate) fn abridged(self, text: &str) {
        let used = self.out.len() - self.body + " :".len();
        let room = MAX_TEXT.saturating_sub(used);
        if text.len() <= room {
            return self.trailing(text);
        }
        let room = room.saturating_sub(ELLIPSIS.len());
        push_trailing(self.out, &text[..floor(text, room)]);
        self.out.extend_from_slice(ELLIPSIS.as_bytes());
        self.end();
    }

    /// Makes the last param a list, as long as it may be: the line is repeated as often as it takes. Between two
    /// tokens is `separator`, which is no character that a token may have.
    pub(crate) fn list(self, separator: char) -> List<'o> {
        List::trailing(self, separator)
    }

    /// The same with a param for each token, and `tail` behind them.
    pub(crate) fn tokens(self, tail: &'o str) -> List<'o> {
        List::middle(self, tail)
    }

    /// Ends the line.
    pub(crate) fn end(self) {
        end_line(self.out, self.body);
    }

    fn add(mut self, param: &str) -> Self {
        debug_assert!(self.params < MAX_PARAMS, "too many params");
        self.out.push(b' ');
        self.out.extend_from_slice(param.as_bytes());
        self.params += 1;
        self
    }
}

/// How many bytes a line has, its CRLF included, that [`Line`] writes with these parts.
///
/// What a client sends may fit in a message, and no longer fit when the server has put a source before it. Rather
/// than relay less than was said, it is then refused with 417.
pub(crate) fn line_len(
    source: Source<'_>,
    command: &str,
    params: &[&str],
    trailing: Option<&str>,
) -> usize {
    let params: usize = params.iter().map(|param| " ".len() + param.len()).sum();
    let trailing = trailing.map_or(0, |text| " :".len() + text.len());
    ": \r\n".len() + source.len() + command.len() + params + trailing
}

/// The last boundary between two characters of `text` that is not behind `at`.
pub(crate) fn floor(text: &str, mut at: usize) -> usize {
    if at >= text.len() {
        return text.len();
    }
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Whether `text` can be a param that is not the last, or the last without a colon.
pub(crate) fn is_middle(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(':') && !text.bytes().any(is_bound)
}

/// Whether a byte would end a param or the line.
pub(crate) fn is_bound(byte: u8) -> bool {
    matches!(byte, b' ' | b'\0' | b'\r' | b'\n')
}

/// Appends the last param.
pub(crate) fn push_trailing(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b" :");
    let begin = out.len();
    out.extend_from_slice(text.as_bytes());
    blank(&mut out[begin..]);
}

/// Ends the line that begins at `body`, and cuts it before if it is too long.
pub(crate) fn end_line(out: &mut Vec<u8>, body: usize) {
    let mut end = body + MAX_TEXT;
    if out.len() > end {
        while out[end] & 0b1100_0000 == 0b1000_0000 {
            end -= 1;
        }
        out.truncate(end);
    }
    out.extend_from_slice(b"\r\n");
}

/// What the program itself gives for a command or a param.
fn good(text: &str) -> &str {
    let is_good = is_middle(text);
    debug_assert!(is_good, "no param: {text:?}");
    if is_good { text } else { "*" }
}

/// Makes a space of all that no message may hold.
fn blank(mut text: &mut [u8]) {
    while let Some(at) = memchr3(b'\0', b'\r', b'\n', text) {
        text[at] = b' ';
        text = &mut text[at + 1..];
    }
}
