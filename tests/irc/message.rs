//! Messages of IRC, read as a client reads them.

use std::collections::BTreeMap;

/// A message in its parts. Whether the last param has a colon before it does not count, nor the order of tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) source: Option<String>,
    pub(crate) command: String,
    pub(crate) params: Vec<String>,
}

/// The most bytes of a message with its line end, and of the tags that a server adds and relays, with `@` and space.
const MAX_LINE: usize = 512;
const MAX_TAGS: usize = 4607;

impl Message {
    /// Reads a line without its line end. `None` if it is no message.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (tags, rest) = match line.strip_prefix('@') {
            Some(tagged) => tagged.split_once(' ')?,
            None => ("", line),
        };
        let (source, rest) = match rest.strip_prefix(':') {
            Some(sourced) => {
                let (source, rest) = sourced.split_once(' ')?;
                (Some(source.to_owned()), rest)
            }
            None => (None, rest),
        };
        let (words, trailing) = match rest.split_once(" :") {
            Some((words, trailing)) => (words, Some(trailing)),
            None => (rest, None),
        };
        let mut words = words.split(' ').map(str::to_owned);
        let command = words.next().filter(|command| !command.is_empty())?;
        let params: Vec<_> = words.chain(trailing.map(str::to_owned)).collect();
        let tag = |tag: &str| {
            let (key, value) = tag.split_once('=').unwrap_or((tag, ""));
            (key.to_owned(), value.to_owned())
        };
        Some(Self {
            tags: tags.split(';').filter(|t| !t.is_empty()).map(tag).collect(),
            source,
            command,
            params,
        })
    }

    /// Reads a line of the server's, and says what is wrong with it if no client should be sent it.
    pub(crate) fn check(line: &str) -> Result<Self, &'static str> {
        let (tags, rest) = match line.split_once(' ') {
            Some((tags, rest)) if tags.starts_with('@') => (tags.len() + 1, rest),
            _ => (0, line),
        };
        let message = Self::parse(line).ok_or("it is no message")?;
        let middle = message
            .params
            .split_last()
            .map_or(&[][..], |(_, rest)| rest);
        let is_command = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase();
        match () {
            () if line.contains(['\0', '\r', '\n']) => Err("it holds NUL, CR or LF"),
            () if rest.len() + "\r\n".len() > MAX_LINE => Err("it is longer than 512 bytes"),
            () if tags > MAX_TAGS => Err("its tags are longer than 4607 bytes"),
            () if middle.iter().any(String::is_empty) => Err("it has an empty param"),
            () if message.params.len() > 15 => Err("it has more than 15 params"),
            () if !message.command.chars().all(is_command) => Err("its command is no command"),
            () => Ok(message),
        }
    }
}
