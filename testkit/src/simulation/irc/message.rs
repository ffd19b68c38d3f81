//! The lines of an IRC server, read as a client reads them.

/// The most bytes of a line, its end counted and its tags not.
pub(super) const MAX_LINE: usize = 512;

/// A line.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// Which message it is.
    pub(super) msgid: Option<&'a str>,
    /// When it was sent.
    pub(super) time: Option<&'a str>,
    /// The nick of whom it is from, or the name of the server.
    pub(super) nick: &'a str,
    pub(super) command: &'a str,
    params: Vec<&'a str>,
    /// There is no room for another character.
    pub(super) is_full: bool,
}

impl<'a> Message<'a> {
    /// Reads a line, of which only the LF is missing. `None` if it is none that may be.
    pub(super) fn parse(line: &'a str) -> Option<Self> {
        let line = line.strip_suffix('\r')?;
        if line.contains(['\r', '\n', '\0']) {
            return None;
        }
        let (tags, rest) = match line.strip_prefix('@') {
            Some(tagged) => tagged.split_once(' ')?,
            None => ("", line),
        };
        let tag = |name| {
            let mut tags = tags.split(';').filter_map(|tag| tag.split_once('='));
            tags.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let length = rest.len() + "\r\n".len();
        if length > MAX_LINE {
            return None;
        }
        let (source, mut rest) = match rest.strip_prefix(':') {
            Some(sourced) => sourced.split_once(' ')?,
            None => ("", rest),
        };
        let mut words = Vec::new();
        while !rest.is_empty() {
            if let Some(last) = rest.strip_prefix(':').filter(|_| !words.is_empty()) {
                words.push(last);
                break;
            }
            let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
            if word.is_empty() {
                return None;
            }
            words.push(word);
            rest = after;
        }
        if words.is_empty() {
            return None;
        }
        let command = words.remove(0);
        Some(Self {
            msgid: tag("msgid"),
            time: tag("time"),
            nick: source.split('!').next().unwrap_or_default(),
            command,
            params: words,
            is_full: MAX_LINE - length < char::MAX.len_utf8(),
        })
    }

    /// A param; empty if there are not so many.
    pub(super) fn param(&self, index: usize) -> &'a str {
        self.params.get(index).copied().unwrap_or_default()
    }

    pub(super) fn params(&self) -> &[&'a str] {
        &self.params
    }

    /// The number of a numeric.
    pub(super) fn numeric(&self) -> Option<u16> {
        let is_numeric = self.command.len() == 3;
        self.command.parse().ok().filter(|_| is_numeric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_the_specification_has_it() {
        let line = "@time=now;msgid=a-1 :ada!~a@b.c PRIVMSG #a :m7 hello :all\r";
        let message = Message::parse(line).expect("a line");
        assert_eq!((message.msgid, message.time), (Some("a-1"), Some("now")));
        assert_eq!((message.nick, message.command), ("ada", "PRIVMSG"));
        assert_eq!(message.params(), ["#a", "m7 hello :all"]);
        assert!(!message.is_full && message.numeric().is_none());
        let numeric = Message::parse(":a.b 366 ada #a :End\r").expect("a line");
        assert_eq!((numeric.numeric(), numeric.param(1)), (Some(366), "#a"));
        assert_eq!(numeric.param(7), "");
        for bad in [
            "PING :a",
            "",
            "\r",
            ":a\r",
            "PING  a\r",
            "PING \0\r",
            "PI\rNG\r",
        ] {
            assert!(Message::parse(bad).is_none(), "{bad:?}");
        }
        let longest = format!("PING :{}\r", "x".repeat(MAX_LINE - 8));
        assert!(Message::parse(&longest).is_some_and(|longest| longest.is_full));
        assert!(Message::parse(&format!("{}x\r", &longest[..longest.len() - 1])).is_none());
    }
}
