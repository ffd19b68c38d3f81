//! The original protocol, as unframed as it was.

use std::borrow::Cow;

use super::{
    Form, Hearing, Reading, Wire, WireError, actor, append, append_direct, append_error,
    append_names, text,
};
use crate::model::{Answer, Command, ErrorCode, Event, Role, RoomName, Style, Verb};

/// The `seed` protocol: exactly what the original chat server spoke.
///
/// One read is one command, without a terminator, and replies carry none either. Two commands that
/// arrive in one segment are one bad command; whoever can choose should speak [`Line`](super::Line).
///
/// Only a refused `register` is answered with an error, because its sender waits for some reply; every
/// other mistake is logged by the server and its sender hears nothing. `docs/protocol.md` in the
/// repository has the details and what differs from the original.
///
/// It has no words for joining a room. With [`in_room`](Self::in_room) its users are in one from the start.
#[derive(Debug, Clone, Default)]
pub struct Seed {
    room: Option<RoomName>,
    /// The connection has a name.
    has_name: bool,
}

impl Seed {
    /// Who registers joins `room`, if it lets them in. They are told what is said there, as
    /// `#ROOM SENDER says TEXT`, and with `chat,#ROOM` they say hi.
    ///
    /// ```
    /// # extern crate chinwag_core as chinwag;
    /// use chinwag::wire::Seed;
    ///
    /// let wire = Seed::default().in_room("#lobby".parse()?);
    /// # Ok::<(), chinwag::NameError>(())
    /// ```
    #[must_use]
    pub fn in_room(mut self, room: RoomName) -> Self {
        self.room = Some(room);
        self
    }

    /// How what is said in its room is told: by these words, and to others not at all.
    const IN_ROOM: Form = Form(1);
}

impl Wire for Seed {
    fn frame_end(&self, input: &[u8]) -> Option<usize> {
        Some(input.len())
    }

    fn verb(&self, start: &[u8]) -> Verb {
        match start.starts_with(b"register,") {
            true => Verb::Register,
            false => Verb::Unknown,
        }
    }

    fn decode<'a>(
        &mut self,
        payload: &'a [u8],
        reading: &mut Reading,
    ) -> Result<Option<Command<'a>>, WireError> {
        // A person with a terminal cannot help to send a line end.
        if payload.is_empty() {
            return Ok(None);
        }
        if reading.part() > 0 {
            // What comes behind a `register`, if that was granted.
            reading.for_free();
            let room = self.room.clone().filter(|_| self.has_name);
            return Ok(room.map(|room| Command::Join {
                room: Cow::Owned(room.as_str().to_owned()),
                key: None,
            }));
        }
        let command = text(payload).map_err(|error| WireError {
            verb: self.verb(payload),
            ..error
        })?;
        let (verb, field) = command.split_once(',').unwrap_or((command, ""));
        match verb {
            "register" => {
                if self.room.is_some() {
                    reading.expect_more();
                }
                Ok(Some(Command::Register {
                    name: field,
                    secret: None,
                }))
            }
            "list" => Ok(Some(Command::ListUsers)),
            "chat" if self.room.as_ref().is_some_and(|room| *room == *field) => {
                Ok(Some(Command::Say {
                    room: field,
                    text: "hi",
                    least: Role::Member,
                    style: Style::default(),
                }))
            }
            "chat" => Ok(Some(Command::Chat {
                to: field,
                text: "hi",
                style: Style::default(),
            })),
            _ => Err(WireError::new(
                Verb::Unknown,
                ErrorCode::UnknownCommand,
                "the commands are register, list and chat",
            )),
        }
    }

    fn answer(&mut self, answer: &Answer<'_>, out: &mut Vec<u8>) {
        match answer {
            Answer::Welcome { .. } => {
                self.has_name = true;
                out.extend_from_slice(b"ack");
            }
            // That it is in a room, it has not asked for.
            Answer::Granted {
                verb: Verb::Join, ..
            } => {}
            Answer::Granted { .. } => out.extend_from_slice(b"ack"),
            Answer::Users { users, first, .. } => append_names(users, *first, out),
            Answer::Refused { asked, rule } if asked.verb == Verb::Register => {
                append_error(rule.code(), &rule.to_string(), out);
            }
            Answer::Error {
                verb: Verb::Register,
                code,
                explanation,
            } => append_error(*code, explanation, out),
            // It has no words for anything else.
            _ => {}
        }
    }

    fn hear(&mut self, event: &Event) -> Hearing {
        match (event, &self.room) {
            (Event::Said { room, .. }, Some(own)) if room == own => Hearing::Shared(Self::IN_ROOM),
            _ => Hearing::Shared(Form::default()),
        }
    }

    fn encode(event: &Event, form: Form, out: &mut Vec<u8>) {
        match event {
            Event::Direct { from, text, .. } => append_direct(from, text, out),
            Event::Said {
                room, from, text, ..
            } if form == Self::IN_ROOM => {
                append(out, [room.as_str(), " ", actor(from), " says ", text]);
            }
            // It has no words for anything else.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Limits,
        error::HubError,
        model::{Asked, Kind, Person, Stamp, UserName},
    };

    fn decode(read: &[u8]) -> Result<Option<Command<'_>>, ErrorCode> {
        let mut wire = Seed::default();
        wire.decode(wire.payload(read), &mut Reading::default())
            .map_err(|error| error.code)
    }

    #[test]
    fn every_command() {
        let register = Command::Register {
            name: "ada",
            secret: None,
        };
        let chat = Command::Chat {
            to: "ada",
            text: "hi",
            style: Style::default(),
        };
        assert_eq!(decode(b"register,ada"), Ok(Some(register.clone())));
        assert_eq!(decode(b"register,ada\r\n"), Ok(Some(register)));
        assert_eq!(decode(b"list,friends"), Ok(Some(Command::ListUsers)));
        assert_eq!(decode(b"list,whatever"), Ok(Some(Command::ListUsers)));
        assert_eq!(decode(b"chat,ada"), Ok(Some(chat)));
        assert_eq!(decode(b"\n"), Ok(None));
        assert_eq!(decode(b"ping"), Err(ErrorCode::UnknownCommand));
        assert_eq!(decode(b"chat,\xff"), Err(ErrorCode::BadUtf8));
    }

    #[test]
    fn a_register_that_cannot_be_read_is_still_a_register() {
        let error = Seed::default()
            .decode(b"register,\xff", &mut Reading::default())
            .unwrap_err();
        assert_eq!(error.verb, Verb::Register);
    }

    #[test]
    fn a_whole_read_is_one_frame() {
        assert_eq!(
            Seed::default().frame_end(b"register,ada\nlist,friends"),
            Some(25)
        );
        let two = decode(b"register,adalist,friends").unwrap().unwrap();
        assert!(matches!(two, Command::Register { name, .. } if name == "adalist,friends"));
    }

    #[test]
    fn only_a_refused_register_is_told() {
        let error = |verb| Answer::Error {
            verb,
            code: ErrorCode::Denied,
            explanation: "not for you".into(),
        };
        let refused = |verb| Answer::Refused {
            asked: Asked {
                verb,
                room: None,
                name: Some("ada"),
            },
            rule: HubError::NameTaken,
        };
        let mut out = Vec::new();
        for answer in [error(Verb::Chat), refused(Verb::Chat), Answer::Pong] {
            Seed::default().answer(&answer, &mut out);
        }
        let ends = [Event::error(ErrorCode::Full, "no room"), Event::Bye];
        for event in ends {
            Seed::encode(&event, Form::default(), &mut out);
        }
        assert_eq!(out, b"");
        let name = "ada".parse().unwrap();
        for answer in [
            error(Verb::Register),
            refused(Verb::Register),
            Answer::Welcome {
                name,
                rooms: Vec::new(),
                connection: 1,
                limits: Limits::default(),
            },
        ] {
            Seed::default().answer(&answer, &mut out);
            out.push(b'|');
        }
        let said = "error,denied,not for you|error,name-taken,somebody else has that name|ack|";
        assert_eq!(out, said.as_bytes());
    }

    #[test]
    fn it_has_words_for_messages_to_oneself_and_for_nothing_that_is_newer() {
        let room = || "#r".parse().unwrap();
        let ada = || "ada".parse::<Person>().unwrap();
        let mut out = Vec::new();
        for event in [
            Event::Joined {
                room: room(),
                name: ada(),
            },
            Event::said(room(), 1, Some(ada()), "hi"),
            Event::Sent {
                to: UserName::from(ada()),
                from: ada(),
                text: "hi".into(),
                kind: Kind::Message,
                extra: None,
                stamp: Stamp::default(),
            },
            Event::Missed { count: 1 },
        ] {
            Seed::encode(&event, Form::default(), &mut out);
        }
        let rooms = Answer::Rooms {
            rooms: vec![RoomName::into(room())],
            first: true,
            last: true,
        };
        Seed::default().answer(&rooms, &mut out);
        assert_eq!(out, b"");
        for from in [Some(ada()), None] {
            Seed::encode(&Event::direct(from, "hi"), Form::default(), &mut out);
        }
        assert_eq!(out, b"ada says hi* says hi");
    }
}
