//! Messages as they come in: what the parts of a line are.

#[cfg(test)]
mod tests;

use memchr::memchr3;

use crate::tags::Tags;

/// The most bytes of a message, its CRLF counted and its tags not.
pub(crate) const MAX_LINE: usize = 512;

/// The bytes of that which are no line end.
pub(crate) const MAX_TEXT: usize = MAX_LINE - "\r\n".len();

/// The most bytes of tags that a client may send, the `@` before and the space behind them not counted. It is
/// also the most that a server may add.
pub(crate) const MAX_TAG_DATA: usize = 4094;

/// The same, with the `@` and the space.
pub(crate) const MAX_CLIENT_TAGS: usize = MAX_TAG_DATA + "@ ".len();

/// The most bytes of tags towards a client, with the `@` and the space: what a client sent, and what the server
/// added to it.
pub(crate) const MAX_TAGS: usize = 2 * MAX_TAG_DATA + "@; ".len();

/// The most params of a message. The last of them takes the rest of the line, whatever it is.
pub(crate) const MAX_PARAMS: usize = 15;

/// One message of a client, read in place.
///
/// It follows the section *Message Format* of Modern IRC. What must be known of it:
///
/// - Between two parts there may be several spaces, but the line begins with none.
/// - A param behind a colon is the last one and has spaces as they are. Nothing else tells it from the others, so
///   nothing here does.
/// - Whoever sent it, a line without NUL, CR and LF is in good order; names and numbers of params are not looked
///   at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// The tags, still escaped.
    pub(crate) tags: Tags<'a>,
    /// Whom the message says that it is from. A client is not believed: the server knows who it is.
    pub(crate) source: Option<&'a str>,
    /// The command, ASCII letters and digits in whatever case.
    pub(crate) command: &'a str,
    params: [&'a str; MAX_PARAMS],
    count: usize,
}

/// Why a line is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParseError {
    /// There is nothing in it but perhaps spaces. Modern IRC asks to ignore it.
    Empty,
    /// Its tags are longer than [`MAX_TAG_DATA`]. It must be answered with 417, and never be cut.
    TagsTooLong,
    /// What is behind the tags is longer than [`MAX_TEXT`]. Answered with 417 as well.
    TooLong,
    /// It holds NUL, CR or LF.
    Forbidden,
    /// It has tags, a source or a space where its command should be.
    NoCommand,
    /// Its command has something else than ASCII letters and digits.
    BadCommand,
}

impl<'a> Message<'a> {
    /// Reads `line`, which has no line end.
    pub(crate) fn parse(line: &'a str) -> Result<Self, ParseError> {
        let (tags, rest) = match line.strip_prefix('@') {
            Some(tagged) => {
                let (tags, rest) = split_word(tagged);
                (Some(tags), rest)
            }
            None => (None, line),
        };
        if tags.is_some_and(|tags| tags.len() > MAX_TAG_DATA) {
            return Err(ParseError::TagsTooLong);
        }
        if rest.len() > MAX_TEXT {
            return Err(ParseError::TooLong);
        }
        if is_forbidden(line) {
            return Err(ParseError::Forbidden);
        }
        let rest = match tags {
            Some(_) => skip_spaces(rest),
            None if skip_spaces(rest).is_empty() => return Err(ParseError::Empty),
            None => rest,
        };
        let (source, rest) = match rest.strip_prefix(':') {
            Some(sourced) => {
                let (source, rest) = split_word(sourced);
                (Some(source), skip_spaces(rest))
            }
            None => (None, rest),
        };
        let (command, rest) = split_word(rest);
        if command.is_empty() {
            return Err(ParseError::NoCommand);
        }
        if !command.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(ParseError::BadCommand);
        }
        let (params, count) = split_params(rest);
        Ok(Self {
            tags: Tags::new(tags.unwrap_or_default()),
            source,
            command,
            params,
            count,
        })
    }

    /// The params, at most [`MAX_PARAMS`].
    pub(crate) fn params(&self) -> &[&'a str] {
        &self.params[..self.count]
    }
}

/// The target and the text, if `line` is `PRIVMSG target :text` as nearly all clients write it; otherwise
/// [`Message::parse`] tells what it is.
///
/// This is what a chat consists of, and here it costs no table of params.
pub(crate) fn privmsg(line: &str) -> Option<(&str, &str)> {
    let params = line.strip_prefix("PRIVMSG ")?;
    let (target, text) = split_word(params);
    let text = text.strip_prefix(':')?;
    let is_whole = !target.is_empty() && !target.starts_with(':');
    (is_whole && line.len() <= MAX_TEXT && !is_forbidden(line)).then_some((target, text))
}

fn is_forbidden(line: &str) -> bool {
    memchr3(b'\0', b'\r', b'\n', line.as_bytes()).is_some()
}

fn split_params(mut rest: &str) -> ([&str; MAX_PARAMS], usize) {
    let mut params = [""; MAX_PARAMS];
    let mut count = 0;
    for param in &mut params {
        rest = skip_spaces(rest);
        if rest.is_empty() {
            break;
        }
        count += 1;
        if let Some(trailing) = rest.strip_prefix(':') {
            *param = trailing;
            break;
        }
        if count == MAX_PARAMS {
            *param = rest;
            break;
        }
        (*param, rest) = split_word(rest);
    }
    (params, count)
}

/// What is before the first space, and what is behind it. Words are short, and a plain loop is then the fastest
/// search.
fn split_word(text: &str) -> (&str, &str) {
    match text.bytes().position(|byte| byte == b' ') {
        Some(space) => (&text[..space], &text[space + 1..]),
        None => (text, ""),
    }
}

fn skip_spaces(text: &str) -> &str {
    text.trim_start_matches(' ')
}
