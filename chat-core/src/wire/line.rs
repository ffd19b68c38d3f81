//! The line protocol.

use memchr::{memchr, memchr2};

use super::{Wire, WireError, append_direct, append_error, append_names, text};
use crate::model::{Command, ErrorCode, Event, Verb};

/// The `line` protocol, which a person can type: UTF-8 lines that end in LF or CRLF, fields separated
/// by commas.
///
/// `docs/protocol.md` in the repository specifies it in full.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Line;

impl Wire for Line {
    fn frame_end(&self, input: &[u8]) -> Option<usize> {
        Some(memchr(b'\n', input)? + 1)
    }

    fn decode<'a>(&mut self, payload: &'a [u8]) -> Result<Option<Command<'a>>, WireError> {
        if payload.is_empty() {
            return Ok(None);
        }
        // A bare carriage return would let a message draw over the one before it on a terminal, and so
        // pass for somebody else's.
        if memchr2(b'\0', b'\r', payload).is_some() {
            let explanation = "a line may not hold NUL, nor CR except before its LF";
            return Err(refused(Verb::Unknown, explanation));
        }
        let line = text(payload)?;
        let (verb, fields) = match line.split_once(',') {
            Some((verb, fields)) => (verb, Some(fields)),
            None => (line, None),
        };
        match (verb, fields) {
            ("chat", Some(fields)) => {
                let (to, text) = fields.split_once(',').unwrap_or((fields, "hi"));
                Ok(Some(Command::Chat { to, text }))
            }
            ("chat", None) => Err(refused(Verb::Chat, "it is chat,NAME or chat,NAME,TEXT")),
            ("register", fields) => register(fields.unwrap_or_default()),
            ("list", Some("friends")) => Ok(Some(Command::ListUsers)),
            ("list", _) => Err(refused(Verb::List, "it is list,friends")),
            ("ping", None) => Ok(Some(Command::Ping)),
            ("ping", _) => Err(refused(Verb::Ping, "ping takes no fields")),
            ("quit", None) => Ok(Some(Command::Quit)),
            ("quit", _) => Err(refused(Verb::Quit, "quit takes no fields")),
            _ => Err(WireError::new(
                Verb::Unknown,
                ErrorCode::UnknownCommand,
                "try register,NAME  list,friends  chat,NAME,TEXT  ping  quit",
            )),
        }
    }

    fn encode(event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Ack => out.extend_from_slice(b"ack"),
            Event::Names { names, first, last } => {
                append_names(names, *first, out);
                if !last {
                    return;
                }
            }
            Event::Direct { from, text } => append_direct(from, text, out),
            Event::Pong => out.extend_from_slice(b"pong"),
            Event::Bye => out.extend_from_slice(b"bye"),
            Event::Error {
                code, explanation, ..
            } => append_error(*code, explanation, out),
        }
        out.push(b'\n');
    }
}

fn register(fields: &str) -> Result<Option<Command<'_>>, WireError> {
    let mut fields = fields.split(',');
    match (fields.next(), fields.next(), fields.next()) {
        (Some(name), secret, None) => Ok(Some(Command::Register { name, secret })),
        _ => Err(refused(
            Verb::Register,
            "it is register,NAME or register,NAME,SECRET",
        )),
    }
}

fn refused(verb: Verb, explanation: &'static str) -> WireError {
    WireError::new(verb, ErrorCode::BadArguments, explanation)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::UserName;

    fn decode(line: &[u8]) -> Result<Option<Command<'_>>, ErrorCode> {
        let mut wire = Line;
        wire.decode(wire.payload(line)).map_err(|error| error.code)
    }

    fn encode(event: Event) -> String {
        let mut out = Vec::new();
        Line::encode(&event, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn chat<'a>(to: &'a str, text: &'a str) -> Result<Option<Command<'a>>, ErrorCode> {
        Ok(Some(Command::Chat { to, text }))
    }

    fn register<'a>(
        name: &'a str,
        secret: Option<&'a str>,
    ) -> Result<Option<Command<'a>>, ErrorCode> {
        Ok(Some(Command::Register { name, secret }))
    }

    #[test]
    fn every_command() {
        assert_eq!(decode(b"register,ada\n"), register("ada", None));
        assert_eq!(decode(b"register,ada,x\r\n"), register("ada", Some("x")));
        assert_eq!(decode(b"list,friends\n"), Ok(Some(Command::ListUsers)));
        assert_eq!(decode(b"chat,ada\n"), chat("ada", "hi"));
        assert_eq!(decode(b"chat,ada,\n"), chat("ada", ""));
        assert_eq!(decode(b"chat,ada,a,b, c\n"), chat("ada", "a,b, c"));
        assert_eq!(decode("chat,łu,zażółć\n".as_bytes()), chat("łu", "zażółć"));
        assert_eq!(decode(b"ping\r\n"), Ok(Some(Command::Ping)));
        assert_eq!(decode(b"quit\n"), Ok(Some(Command::Quit)));
        assert_eq!(decode(b"\n"), Ok(None));
        assert_eq!(decode(b"\r\n"), Ok(None));
    }

    #[test]
    fn every_mistake() {
        use ErrorCode::*;
        for (line, code) in [
            (&b"register,a,b,c\n"[..], BadArguments),
            (b"chat\n", BadArguments),
            (b"list\n", BadArguments),
            (b"list,enemies\n", BadArguments),
            (b"list,friends,\n", BadArguments),
            (b"ping,\n", BadArguments),
            (b"quit,now\n", BadArguments),
            (b"chat,ada,a\0b\n", BadArguments),
            (b"chat,ada,a\rbob says b\n", BadArguments),
            (b"chat,ada,\r\r\n", BadArguments),
            (b"chat,ada,\xff\n", BadUtf8),
            (b"\xc3\n", BadUtf8),
            (b"Register,ada\n", UnknownCommand),
            (b" list,friends\n", UnknownCommand),
            (b"join,#lobby\n", UnknownCommand),
            (b"say,#lobby,hello\n", UnknownCommand),
            (b",\n", UnknownCommand),
        ] {
            assert_eq!(decode(line).unwrap_err(), code, "{line:?}");
        }
        // No field at all is an empty name, which the session refuses as a name.
        assert_eq!(decode(b"register\n"), register("", None));
    }

    #[test]
    fn every_event() {
        let name = |name: &str| name.parse::<UserName>().unwrap();
        assert_eq!(encode(Event::Ack), "ack\n");
        assert_eq!(encode(Event::Pong), "pong\n");
        assert_eq!(encode(Event::Bye), "bye\n");
        let names = |names: &[&str], first, last| Event::Names {
            names: names.iter().copied().map(name).collect(),
            first,
            last,
        };
        assert_eq!(encode(names(&[], true, true)), "\n");
        assert_eq!(encode(names(&["b", "a"], true, true)), "b,a\n");
        assert_eq!(encode(names(&["b", "a"], true, false)), "b,a");
        assert_eq!(encode(names(&["c"], false, true)), ",c\n");
        let direct = Event::Direct {
            from: name("ada"),
            text: "hi".into(),
        };
        assert_eq!(encode(direct), "ada says hi\n");
        let error = Event::Error {
            verb: None,
            code: ErrorCode::Full,
            explanation: "no more room".into(),
        };
        assert_eq!(encode(error), "error,full,no more room\n");
    }

    proptest! {
        #[test]
        fn any_line_is_answered_and_no_text_can_hold_a_line_end(
            verb in prop_oneof![Just("chat,"), Just("chat,ada,"), Just("")],
            fields in proptest::collection::vec(prop_oneof![any::<u8>(), b'a'..b'f', Just(b',')], 0..60)
        ) {
            let line = [verb.as_bytes(), &fields].concat();
            prop_assume!(!line.contains(&b'\n'));
            if let Ok(Some(Command::Chat { to, text })) = decode(&line) {
                prop_assert!(!to.contains(['\r', '\n', '\0', ',']));
                prop_assert!(!text.contains(['\r', '\n', '\0']));
            }
        }

        #[test]
        fn what_is_said_is_what_is_read(text in "[^\r\n\0]{0,100}") {
            let line = format!("chat,ada,{text}\n");
            prop_assert_eq!(decode(line.as_bytes()), chat("ada", &text));
        }
    }
}
