//! Lists that may take several lines.

use crate::{
    message::{MAX_PARAMS, MAX_TEXT},
    write::{Line, end_line, is_bound, push_trailing},
};

/// A list that is being appended, token by token: the names in a channel, or what a server supports.
///
/// When a line is full, the next one begins with all that the first one began with, its tags included. No token is
/// ever divided.
#[derive(Debug)]
#[must_use = "a list has no end before `end` or `end_unless_empty`"]
pub(crate) struct List<'o> {
    out: &'o mut Vec<u8>,
    /// Where the first line begins, where it begins behind its tags, and where its first token does.
    start: usize,
    body: usize,
    head: usize,
    /// Where the line that is being written begins behind its tags.
    line: usize,
    /// How many tokens are on that line, and on how many there may be.
    count: usize,
    max: usize,
    kind: Kind<'o>,
}

#[derive(Debug, Clone, Copy)]
enum Kind<'o> {
    /// All tokens of a line are its last param, with this between them.
    Trailing(char),
    /// Each token is a param, and this is the last one.
    Middle(&'o str),
}

impl<'o> List<'o> {
    pub(crate) fn trailing(line: Line<'o>, separator: char) -> Self {
        line.out.extend_from_slice(b" :");
        Self::new(line, usize::MAX, Kind::Trailing(separator))
    }

    pub(crate) fn middle(line: Line<'o>, tail: &'o str) -> Self {
        let max = MAX_PARAMS.saturating_sub(line.params + 1);
        Self::new(line, max, Kind::Middle(tail))
    }

    fn new(line: Line<'o>, max: usize, kind: Kind<'o>) -> Self {
        Self {
            start: line.start,
            body: line.body,
            head: line.out.len(),
            line: line.body,
            out: line.out,
            count: 0,
            max,
            kind,
        }
    }

    /// Adds the token that `parts` are, one behind the other. Tells whether it is in the list.
    ///
    /// A token is left out if a line has no room for it even without others, as may be if all the names in it are
    /// the longest possible; and if it is empty or holds what ends a token, which is a mistake in the program.
    pub(crate) fn token(&mut self, parts: &[&str]) -> bool {
        let is_good = self.is_good(parts);
        debug_assert!(is_good, "no token: {parts:?}");
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let is_possible = self.max > 0 && self.head - self.body + self.added(0, len) <= MAX_TEXT;
        if !is_good || !is_possible {
            return false;
        }
        let used = self.out.len() - self.line;
        if self.count == self.max || used + self.added(self.count, len) > MAX_TEXT {
            self.next_line();
        }
        match self.kind {
            Kind::Trailing(_) if self.count == 0 => {}
            Kind::Trailing(separator) => push(self.out, separator),
            Kind::Middle(_) => self.out.push(b' '),
        }
        for part in parts {
            self.out.extend_from_slice(part.as_bytes());
        }
        self.count += 1;
        true
    }

    /// Ends the list. Without any token it is one line with an empty list.
    pub(crate) fn end(mut self) {
        self.end_line();
    }

    /// Ends the list. Without any token there is no line at all.
    pub(crate) fn end_unless_empty(self) {
        if self.count == 0 {
            self.out.truncate(self.start);
        } else {
            self.end();
        }
    }

    fn next_line(&mut self) {
        self.end_line();
        self.line = self.out.len() + (self.body - self.start);
        self.out.extend_from_within(self.start..self.head);
        self.count = 0;
    }

    fn end_line(&mut self) {
        if let Kind::Middle(tail) = self.kind {
            push_trailing(self.out, tail);
        }
        end_line(self.out, self.line);
    }

    /// How many bytes a token of `len` bytes adds to a line with `count` tokens, and the end of the list to both.
    fn added(&self, count: usize, len: usize) -> usize {
        match self.kind {
            Kind::Trailing(_) if count == 0 => len,
            Kind::Trailing(separator) => separator.len_utf8() + len,
            Kind::Middle(tail) => " ".len() + len + " :".len() + tail.len(),
        }
    }

    fn is_good(&self, parts: &[&str]) -> bool {
        let first = parts.iter().find(|part| !part.is_empty());
        let Some(first) = first else { return false };
        let ends = match self.kind {
            Kind::Trailing(separator) => parts.iter().any(|part| part.contains(separator)),
            Kind::Middle(_) => first.starts_with(':'),
        };
        !ends && !parts.iter().any(|part| part.bytes().any(is_bound))
    }
}

fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}
