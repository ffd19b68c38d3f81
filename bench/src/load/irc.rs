//! As much of IRC as it takes to set up and to tell a message from the rest of what a server says.

/// What a line of IRC may hold beside the text of a message, with room to spare for long addresses.
const AROUND: usize = 112;

/// The longest text that is sure to arrive whole: a line is 512 bytes, with the source and the target in it.
pub(crate) const LONGEST: usize = 512 - AROUND;

/// There is no message of the day, which ends the welcome like the end of one.
const NO_MOTD: &[u8] = b"422";

/// What is said of others, and perhaps of oneself.
const PRESENCE: [&[u8]; 5] = [b"JOIN", b"PART", b"QUIT", b"NICK", b"MODE"];

/// A line, as far as it is looked at.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    source: Option<&'a [u8]>,
    command: &'a [u8],
    /// As it stands there.
    parameters: &'a [u8],
}

impl<'a> Line<'a> {
    /// With or without its end.
    fn new(line: &'a [u8]) -> Self {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (source, rest) = match line.strip_prefix(b":") {
            Some(line) => {
                let (source, rest) = word(line);
                (Some(source), rest)
            }
            None => (None, line),
        };
        let (command, parameters) = word(rest);
        Self {
            source,
            command,
            parameters,
        }
    }
}

/// The first word, and what follows the space behind it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

/// What to answer, if the server asks whether somebody is there.
pub(crate) fn pong(line: &[u8]) -> Option<Vec<u8>> {
    let line = Line::new(line);
    (line.command == b"PING").then(|| [b"PONG ", line.parameters, b"\r\n"].concat())
}

/// Whether it has one of these numerics.
pub(crate) fn is_numeric(line: &[u8], numerics: &[&[u8]]) -> bool {
    let line = Line::new(line);
    line.source.is_some() && numerics.contains(&line.command)
}

/// Whether it says that something is not done, or that all is over.
pub(crate) fn is_refusal(line: &[u8]) -> bool {
    match Line::new(line).command {
        b"ERROR" => true,
        numeric @ [b'4' | b'5', b'0'..=b'9', b'0'..=b'9'] => numeric != NO_MOTD,
        _ => false,
    }
}

/// Whether it tells what became of somebody.
pub(crate) fn is_presence(line: &[u8]) -> bool {
    let line = Line::new(line);
    line.source.is_some() && PRESENCE.contains(&line.command)
}

/// Who a line comes from: `NICK!LOGIN@HOST`, as the server writes it.
pub(crate) fn source(line: &[u8]) -> Option<&str> {
    std::str::from_utf8(Line::new(line).source?).ok()
}

/// Whether it is a message of `nick` to itself.
pub(crate) fn is_own(line: &[u8], nick: &str) -> bool {
    let Line {
        source: Some(source),
        command: b"PRIVMSG",
        parameters,
    } = Line::new(line)
    else {
        return false;
    };
    let is_from = source
        .strip_prefix(nick.as_bytes())
        .is_some_and(|rest| rest.starts_with(b"!"));
    is_from && word(parameters).0 == nick.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_answered_with_what_it_holds() {
        for ping in ["PING :irc.bench\r\n", ":irc.bench PING :irc.bench\r\n"] {
            let pong = pong(ping.as_bytes()).unwrap();
            assert_eq!(pong, b"PONG :irc.bench\r\n", "{ping}");
        }
        assert_eq!(pong(b":u1!~u1@127.0.0.100 PRIVMSG u2 :PING\r\n"), None);
    }

    #[test]
    fn what_tells_the_end_of_the_welcome_is_no_refusal() {
        let ends: [&[u8]; 2] = [b"376", b"422"];
        for line in [
            ":irc.bench 376 u1 :End of MOTD command\r\n",
            ":irc.bench 422 u1 :Message of the day file is missing.\r\n",
        ] {
            assert!(is_numeric(line.as_bytes(), &ends), "{line}");
            assert!(!is_refusal(line.as_bytes()), "{line}");
        }
        assert!(!is_numeric(b":irc.bench 001 u1 :376\r\n", &ends));
    }

    #[test]
    fn refusals_are_told_from_the_rest() {
        for line in [
            ":irc.bench 433 * u1 :Nickname already in use\r\n",
            ":irc.bench 502 u1 :Users don't match\r\n",
            "ERROR :Closing link: (u1@127.0.0.100) [Excess flood]\r\n",
        ] {
            assert!(is_refusal(line.as_bytes()), "{line}");
        }
        for line in [
            ":irc.bench 001 u1 :Welcome\r\n",
            ":irc.bench 353 u1 = #r1 :@u1 400\r\n",
            ":irc.bench NOTICE u1 :*** 433\r\n",
            ":u1!~u1@127.0.0.100 JOIN :#r1\r\n",
        ] {
            assert!(!is_refusal(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn presence_is_told_from_the_rest() {
        for line in [
            ":u1!~u1@127.0.0.100 JOIN #r1",
            ":u1!~u1@127.0.0.100 JOIN :#r1\r\n",
            ":u1!~u1@127.0.0.100 QUIT :gone",
            ":u1!~u1@127.0.0.100 NICK u2",
            ":irc.bench MODE #r1 +o u1",
        ] {
            assert!(is_presence(line.as_bytes()), "{line}");
        }
        for line in [
            ":u1!~u1@127.0.0.100 PRIVMSG #r1 :JOIN",
            ":irc.bench 366 u1 #r1 :End",
            "QUIT",
        ] {
            assert!(!is_presence(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn who_says_something_to_itself_learns_its_source() {
        let line = b":u1!~u1@127.0.0.100 PRIVMSG u1 :x\r\n";
        assert!(is_own(line, "u1"));
        assert_eq!(source(line), Some("u1!~u1@127.0.0.100"));
        for other in [
            ":u1!~u1@127.0.0.100 PRIVMSG u2 :x\r\n",
            ":u11!~u11@127.0.0.100 PRIVMSG u1 :x\r\n",
            ":u1!~u1@127.0.0.100 NOTICE u1 :x\r\n",
        ] {
            assert!(!is_own(other.as_bytes(), "u1"), "{other}");
        }
    }
}
