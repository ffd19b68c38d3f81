//! Message tags, as the specification [message-tags](https://ircv3.net/specs/extensions/message-tags) of IRCv3 has
//! them.

#[cfg(test)]
mod tests;

#[cfg(test)]
use std::borrow::Cow;
use std::collections::HashSet;

use memchr::memchr;

use crate::message::{MAX_TAG_DATA, MAX_TAGS};

/// The tags of one message, as they stood between `@` and space: `key=value;key`, the values escaped.
///
/// A key is whatever stands before the `=`. The specification forbids to refuse one for its characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tags<'a>(&'a str);

/// One tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    /// Its key, never empty, with the `+` if it has one.
    pub(crate) key: &'a str,
    /// Its value as it was sent, escaped. No value and an empty one mean the same, so both are empty here.
    pub(crate) raw: &'a str,
}

impl<'a> Tags<'a> {
    /// The tags in `data`, which must hold no space, NUL, CR or LF.
    pub(crate) fn new(data: &'a str) -> Self {
        Self(data)
    }

    /// The same as text.
    pub(crate) fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether there is a tag that is meant for other clients.
    pub(crate) fn has_client_only(self) -> bool {
        self.iter().any(Tag::is_client_only)
    }

    /// All tags in their order, those that come twice included.
    pub(crate) fn iter(self) -> impl DoubleEndedIterator<Item = Tag<'a>> {
        self.0
            .split(';')
            .map(|tag| {
                let (key, raw) = tag.split_once('=').unwrap_or((tag, ""));
                Tag { key, raw }
            })
            .filter(|tag| !tag.key.is_empty())
    }

    /// The tag with this key. Of several the last one counts.
    pub(crate) fn find(self, key: &str) -> Option<Tag<'a>> {
        self.iter().rev().find(|tag| tag.key == key)
    }

    /// What the client wants the answers to be labelled with, escaped as it was sent and so ready to be sent back;
    /// an empty label is none. See the specification labeled-response.
    pub(crate) fn label(self) -> Option<&'a str> {
        let label = self.find("label")?.raw;
        (!label.is_empty()).then_some(label)
    }

    /// The tag with the label, as it was sent.
    pub(crate) fn label_tag(self) -> Option<&'a str> {
        self.0.rsplit(';').find(|tag| tag.starts_with("label="))
    }

    /// The tags that are meant for other clients, the last of each key, in no particular order.
    ///
    /// All others must not be relayed: a client that gets them may believe that they are the server's.
    pub(crate) fn client_only(self) -> impl Iterator<Item = Tag<'a>> {
        let is_single = memchr(b';', self.0.as_bytes()).is_none();
        // A set, because thousands of tags fit in a message, and to compare each with each would take long.
        let mut seen = HashSet::new();
        self.iter()
            .rev()
            .filter(|tag| tag.is_client_only())
            .filter(move |tag| is_single || seen.insert(tag.key))
    }
}

impl<'a> Tag<'a> {
    /// Whether it is meant for other clients, and relayed as it is.
    pub(crate) fn is_client_only(self) -> bool {
        self.key.len() > 1 && self.key.starts_with('+')
    }

    /// Its value, unescaped.
    #[cfg(test)]
    pub(crate) fn value(self) -> Cow<'a, str> {
        unescape(self.raw)
    }
}

/// The value that `raw` stands for. Nothing is wrong: a backslash that escapes nothing is left out.
#[cfg(test)]
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    if memchr(b'\\', raw.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut value = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|escaped| match escaped {
                ':' => ';',
                's' => ' ',
                'r' => '\r',
                'n' => '\n',
                other => other,
            })),
            other => value.push(other),
        }
    }
    Cow::Owned(value)
}

/// Appends `value`, escaped. NUL, which has no escape and may not be in a message, is left out.
pub(crate) fn escape(value: &str, out: &mut Vec<u8>) {
    for byte in value.bytes() {
        match byte {
            b';' => out.extend_from_slice(b"\\:"),
            b' ' => out.extend_from_slice(b"\\s"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\0' => {}
            other => out.push(other),
        }
    }
}

/// Appends the tags of one message, with the `@` before and the space behind them; without any tag, nothing.
///
/// The server's own come first, as the specification asks, and then those that a client is relayed with. A tag
/// that goes past the limits is left out, because none may be cut.
#[derive(Debug)]
#[must_use = "the line that the tags belong to is begun with it"]
pub(crate) struct TagWriter<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
}

impl<'o> TagWriter<'o> {
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start }
    }

    /// Adds a tag of the server's. Tells whether there was room for it.
    pub(crate) fn tag(&mut self, key: &str, value: &str) -> bool {
        let is_good = !key.is_empty() && !key.contains([';', '=', ' ', '\0', '\r', '\n']);
        debug_assert!(is_good, "no key of a tag: {key:?}");
        let end = self.start + "@".len() + MAX_TAG_DATA;
        is_good
            && self.add(end, key, !value.is_empty(), |out| {
                escape(value, out);
            })
    }

    /// Adds a tag as it came. Tells whether there was room for it, which there is for all that a client can send.
    pub(crate) fn relay(&mut self, tag: Tag<'_>) -> bool {
        let end = self.start + MAX_TAGS - " ".len();
        self.add(end, tag.key, !tag.raw.is_empty(), |out| {
            out.extend_from_slice(tag.raw.as_bytes());
        })
    }

    /// Ends the tags, and tells where they begin.
    pub(crate) fn end(self) -> (&'o mut Vec<u8>, usize) {
        if self.out.len() > self.start {
            self.out.push(b' ');
        }
        (self.out, self.start)
    }

    fn add(
        &mut self,
        end: usize,
        key: &str,
        has_value: bool,
        value: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        let before = self.out.len();
        let mark = if before == self.start { b'@' } else { b';' };
        self.out.push(mark);
        self.out.extend_from_slice(key.as_bytes());
        if has_value {
            self.out.push(b'=');
            value(self.out);
        }
        let fits = self.out.len() <= end;
        if !fits {
            self.out.truncate(before);
        }
        fits
    }
}
