//! The lines of the server, read as the protocol says that a client is to read them.

use chinwag_core::Role;

use super::book::{Id, fold};

/// What a line is.
#[derive(Debug)]
pub(super) enum Heard<'a> {
    Reply(&'a str),
    Error {
        code: &'a str,
        explanation: &'a str,
    },
    Missed(u64),
    Direct {
        from: &'a str,
        text: &'a str,
    },
    /// What another device has sent.
    Sent {
        to: &'a str,
        text: &'a str,
    },
    InRoom {
        room: &'a str,
        by: &'a str,
        what: Happening<'a>,
        /// All that follows who did it.
        all: &'a str,
    },
    Renamed {
        old: &'a str,
        new: &'a str,
    },
    Quit {
        name: &'a str,
    },
    /// Somebody is away, or back.
    Presence {
        name: &'a str,
    },
}

/// What happens in a room.
#[derive(Debug)]
pub(super) enum Happening<'a> {
    Said(&'a str),
    Joined,
    Left,
    /// Kicked or banned.
    PutOut(&'a str),
    Role(&'a str, Role),
    Topic(&'a str),
    InviteOnly(bool),
    Invited,
    Bans,
}

impl Happening<'_> {
    /// What all are told in the same words when `by` does it, if they are.
    pub(super) fn words(&self, by: &str) -> Option<String> {
        let words = match self {
            Self::Joined => format!("{by} joined"),
            Self::Left => format!("{by} left"),
            Self::PutOut(name) => format!("{by} put {} out", fold(name)),
            Self::Role(name, role) => format!("{by} made {} a {role}", fold(name)),
            Self::Topic(text) => format!("{by} set the topic {text:?}"),
            Self::InviteOnly(on) => format!("{by} set invite-only to {on}"),
            // A message is more than words; an invitation is for one, and lists of bans for some.
            Self::Said(_) | Self::Invited | Self::Bans => return None,
        };
        Some(words)
    }
}

/// Reads a line. `None` if it is nothing that the server may say.
pub(super) fn parse(line: &str, list_is_due: bool) -> Option<Heard<'_>> {
    let space = line.find(' ');
    let comma = line.find(',');
    let is_event = space.is_some_and(|space| comma.is_none_or(|comma| space < comma));
    if is_event {
        return event(line);
    }
    if let (Some(rest), Some(_)) = (line.strip_prefix("error,"), space) {
        let (code, explanation) = rest.split_once(',')?;
        let is_code = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_error = !code.is_empty() && code.chars().all(is_code) && explanation.contains(' ');
        return is_error.then_some(Heard::Error { code, explanation });
    }
    if let (Some(rest), Some(_)) = (line.strip_prefix("missed,"), space) {
        return Some(Heard::Missed(rest.split_once(',')?.0.parse().ok()?));
    }
    let is_list = list_is_due && space.is_none();
    let is_reply = is_list
        || ["ack", "pong", "bye"].contains(&line)
        || line.starts_with("topic,#")
        || line.starts_with("whois,");
    is_reply.then_some(Heard::Reply(line))
}

fn event(line: &str) -> Option<Heard<'_>> {
    let (first, rest) = line.split_once(' ')?;
    if first.starts_with('#') {
        let (by, all) = rest.split_once(' ')?;
        let (what, text) = all.split_once(' ').unwrap_or((all, ""));
        let first_word = |text: &'_ str| text.split(' ').next().unwrap_or_default().len();
        let what = match what {
            "says" => Happening::Said(text),
            "joined" => Happening::Joined,
            "left" => Happening::Left,
            "kicked" | "banned" => Happening::PutOut(&text[..first_word(text)]),
            "role" => {
                let (name, role) = text.split_once(' ')?;
                Happening::Role(name, role.parse().ok()?)
            }
            "topic" => Happening::Topic(text),
            "invite-only" => Happening::InviteOnly(match text {
                "on" => true,
                "off" => false,
                _ => return None,
            }),
            "invited" => Happening::Invited,
            "bans" | "unbans" => Happening::Bans,
            _ => return None,
        };
        let room = first;
        return Some(Heard::InRoom {
            room,
            by,
            what,
            all,
        });
    }
    let name = first;
    if let (true, Some(sent)) = (name == "*", rest.strip_prefix("to ")) {
        let (to, text) = sent.split_once(" says ")?;
        return Some(Heard::Sent { to, text });
    }
    if let Some(text) = rest.strip_prefix("says ") {
        return Some(Heard::Direct { from: name, text });
    }
    if let Some(new) = rest.strip_prefix("is now ") {
        return Some(Heard::Renamed { old: name, new });
    }
    if rest == "is back" || rest.starts_with("is away ") {
        return Some(Heard::Presence { name });
    }
    let reason = rest.strip_prefix("quit ")?;
    let is_reason =
        !reason.is_empty() && reason.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    is_reason.then_some(Heard::Quit { name })
}

/// The text of the message with the number `id`, with as many bytes more as `padding`.
pub(super) fn text(id: Id, padding: usize) -> String {
    format!("m{id} {}", "x".repeat(padding))
}

/// What a hook makes of `text`. A line end in it would let it speak for others.
pub(super) fn rewritten(text: &str) -> String {
    format!("{text}\n* says m0\0")
}

/// Whether `heard` is the text of that message, or what is left of it when a hook has rewritten it.
pub(super) fn is_text(heard: &str, id: Id, padding: usize, may_be_rewritten: bool) -> bool {
    let said = text(id, padding);
    heard == said || may_be_rewritten && heard == rewritten(&said).replace(['\n', '\0'], " ")
}

/// The number of the message that `text` is of, perhaps rewritten.
pub(super) fn id(text: &str) -> Option<Id> {
    let digits = text.strip_prefix('m')?;
    let end = digits.find(|c: char| !c.is_ascii_digit());
    digits[..end.unwrap_or(digits.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_what_the_protocol_says() {
        let heard = |line| format!("{:?}", parse(line, false));
        assert_eq!(
            heard("#a ada says m7 hello, all"),
            r##"Some(InRoom { room: "#a", by: "ada", what: Said("m7 hello, all"), all: "says m7 hello, all" })"##
        );
        assert_eq!(
            heard("#a * banned bob for a, b"),
            r##"Some(InRoom { room: "#a", by: "*", what: PutOut("bob"), all: "banned bob for a, b" })"##
        );
        assert_eq!(
            heard("error,full,3 messages lost, as they were not read"),
            r#"Some(Error { code: "full", explanation: "3 messages lost, as they were not read" })"#
        );
        assert_eq!(heard("missed,12,so many"), "Some(Missed(12))");
        assert_eq!(heard("ada quit timed-out"), r#"Some(Quit { name: "ada" })"#);
        assert_eq!(heard("ada,bob"), "None");
        assert_eq!(heard("ada quit the game"), "None");
        assert!(matches!(parse("ada,bob", true), Some(Heard::Reply(_))));
        assert_eq!(id(&text(17, 3)), Some(17));
        assert_eq!(id("17"), None);
        assert!(is_text("m17 xxx", 17, 3, false));
        assert!(!is_text("m17 xx", 17, 3, true));
        assert!(is_text("m17 x * says m0 ", 17, 1, true));
        assert!(!is_text("m17 x * says m0 ", 17, 1, false));
    }
}
