//! Labels: which of a client's messages something answers.
//!
//! See the specification [labeled-response](https://ircv3.net/specs/extensions/labeled-response).

use crate::{source::Source, tags::TagWriter, write::Line};

/// The most bytes of a label, as it is written. A longer one is none.
const MAX_LABEL: usize = 64;

/// What the batch of a labelled response is called. A connection has one at a time.
const BATCH: &str = "1";

/// The label of the message that is being dealt with, and how far its response is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    /// As it was sent, escaped.
    label: Box<str>,
    state: State,
    /// The same, before the part of the message that is being read.
    before: State,
    /// More may come than what is being said now.
    pub(crate) more: bool,
    /// What answers it comes by itself, as the echo of a message.
    pub(crate) is_echoed: bool,
    /// A batch is to be begun before anything comes.
    pub(crate) begins_batch: bool,
    /// The part of the message in which its response ends.
    pub(crate) ends_at: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was said.
    Silent,
    /// One line was, and all of it.
    Said,
    /// A batch was begun.
    Batch,
    /// It is over.
    Over,
    /// It is over, and was a batch. What was said before that may yet be written before its end is.
    BatchOver,
}

impl Label {
    /// The label, unless it is too long.
    pub(crate) fn new(label: &str) -> Option<Box<Self>> {
        let is_good = !label.is_empty() && label.len() <= MAX_LABEL;
        is_good.then(|| {
            Box::new(Self {
                label: label.into(),
                state: State::Silent,
                before: State::Silent,
                more: false,
                is_echoed: false,
                begins_batch: false,
                ends_at: u32::MAX,
            })
        })
    }

    /// Begins with a part of the message.
    pub(crate) fn begin_part(&mut self) {
        self.before = self.state;
    }

    /// What was said to the part that was begun with last was not told, and nothing more is said.
    pub(crate) fn take_back(&mut self) {
        self.state = self.before;
        self.more = false;
    }

    /// Whether the response may go on.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.state, State::Over | State::BatchOver)
    }

    /// Marks the lines from `start` on as a part of the response: as all of it if it is one line, and the `last`.
    pub(crate) fn mark(&mut self, server: &str, out: &mut Vec<u8>, start: usize, last: bool) {
        if std::mem::take(&mut self.begins_batch) && self.state == State::Silent {
            self.state = State::Batch;
            return begin_batch(&self.label, server, out);
        }
        let lines = count_lines(out, start);
        match self.state {
            _ if lines == 0 => {}
            State::Silent if lines == 1 && last && !self.more => {
                self.state = State::Said;
                add_tag(out, start, "label", &self.label);
            }
            State::Silent => {
                self.state = State::Batch;
                add_tag(out, start, "batch", BATCH);
                let lines = out.split_off(start);
                begin_batch(&self.label, server, out);
                out.extend_from_slice(&lines);
            }
            State::Batch | State::BatchOver => add_tag(out, start, "batch", BATCH),
            State::Said | State::Over => {}
        }
    }

    /// Marks the echo of a message that was labelled `label`, which is perhaps the one that is being dealt with.
    pub(crate) fn mark_echo(
        current: Option<&mut Self>,
        label: &str,
        out: &mut Vec<u8>,
        start: usize,
    ) {
        match current {
            Some(current)
                if *current.label == *label
                    && matches!(current.state, State::Batch | State::BatchOver) =>
            {
                add_tag(out, start, "batch", BATCH);
            }
            _ => add_tag(out, start, "label", label),
        }
    }

    /// Ends the response. Where nothing was to be said, that is said.
    pub(crate) fn end(&mut self, server: &str, out: &mut Vec<u8>) {
        let state = self.state;
        self.state = State::Over;
        match state {
            State::Batch => {
                self.state = State::BatchOver;
                let end = Line::new(out, Source::server(server), "BATCH");
                end.param(&format!("-{BATCH}")).end();
            }
            State::Silent if !self.is_echoed => {
                let start = out.len();
                Line::new(out, Source::server(server), "ACK").end();
                add_tag(out, start, "label", &self.label);
            }
            _ => {}
        }
    }
}

fn begin_batch(label: &str, server: &str, out: &mut Vec<u8>) {
    let start = out.len();
    let line = Line::tagged(TagWriter::new(out), Source::server(server), "BATCH");
    line.param(&format!("+{BATCH}"))
        .param("labeled-response")
        .end();
    add_tag(out, start, "label", label);
}

fn count_lines(out: &[u8], start: usize) -> usize {
    let lines = out.get(start..).unwrap_or_default();
    memchr::memchr_iter(b'\n', lines).count()
}

/// Gives each line from `start` on a tag, whose value is escaped.
fn add_tag(out: &mut Vec<u8>, start: usize, key: &str, value: &str) {
    if start >= out.len() {
        return;
    }
    let lines = out.split_off(start);
    for line in lines.split_inclusive(|&byte| byte == b'\n') {
        let (end, rest) = match line.strip_prefix(b"@") {
            Some(rest) => (b';', rest),
            None => (b' ', line),
        };
        out.push(b'@');
        out.extend_from_slice(key.as_bytes());
        out.push(b'=');
        out.extend_from_slice(value.as_bytes());
        out.push(end);
        out.extend_from_slice(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "irc.example.org";

    fn said(label: &mut Label, out: &mut Vec<u8>, lines: &[&str], last: bool) {
        let start = out.len();
        for line in lines {
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        label.mark(SERVER, out, start, last);
    }

    fn text(out: &[u8]) -> Vec<&str> {
        let text = std::str::from_utf8(out).unwrap();
        text.split_terminator("\r\n").collect()
    }

    #[test]
    fn one_line_has_the_label_and_several_are_a_batch() {
        let mut out = Vec::new();
        let mut label = Label::new("x").unwrap();
        said(&mut label, &mut out, &[":s A"], true);
        label.end(SERVER, &mut out);
        assert_eq!(text(&out), ["@label=x :s A"]);

        out.clear();
        let mut label = Label::new("x").unwrap();
        said(&mut label, &mut out, &["@time=1 :s A", ":s B"], true);
        said(&mut label, &mut out, &[], true);
        said(&mut label, &mut out, &[":s C"], true);
        label.end(SERVER, &mut out);
        assert_eq!(
            text(&out),
            [
                "@label=x :irc.example.org BATCH +1 labeled-response",
                "@batch=1;time=1 :s A",
                "@batch=1 :s B",
                "@batch=1 :s C",
                ":irc.example.org BATCH -1",
            ]
        );
    }

    #[test]
    fn what_may_go_on_is_a_batch_from_its_first_line_on() {
        let mut out = Vec::new();
        let mut label = Label::new("x").unwrap();
        label.more = true;
        said(&mut label, &mut out, &[":s A"], true);
        label.end(SERVER, &mut out);
        assert_eq!(text(&out).len(), 3);
    }

    #[test]
    fn nothing_is_acknowledged_unless_there_is_an_echo() {
        let mut out = Vec::new();
        let mut label = Label::new("a\\sb").unwrap();
        label.end(SERVER, &mut out);
        assert_eq!(text(&out), ["@label=a\\sb :irc.example.org ACK"]);
        assert!(!label.is_open());

        out.clear();
        let mut label = Label::new("x").unwrap();
        label.is_echoed = true;
        label.end(SERVER, &mut out);
        assert!(out.is_empty());
        out.extend_from_slice(b":a PRIVMSG b :c\r\n");
        Label::mark_echo(Some(&mut label), "x", &mut out, 0);
        assert_eq!(text(&out), ["@label=x :a PRIVMSG b :c"]);
    }

    #[test]
    fn labels_have_a_limit() {
        assert!(Label::new(&"x".repeat(64)).is_some());
        assert!(Label::new(&"x".repeat(65)).is_none());
        assert!(Label::new("").is_none());
    }
}
