//! What a server says unasked.

use crate::model::Role;

/// What a server says without being asked.
///
/// Names are as the server writes them. Whoever did something is `*` if it was not a user but the server
/// itself, or the program that it is part of. Texts may hold anything but a line end; escape them before
/// they go to a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received {
    /// A direct message.
    Message {
        /// Who sent it.
        from: String,
        /// What they say.
        text: String,
    },
    /// A direct message that one has sent from another connection with the same name.
    Sent {
        /// Who got it.
        to: String,
        /// What they were told.
        text: String,
    },
    /// A message in a room, perhaps one's own.
    Said {
        /// Which room.
        room: String,
        /// Who sent it.
        from: String,
        /// What they say.
        text: String,
    },
    /// A message in a room that only some of its members get, perhaps one's own.
    Told {
        /// Which room.
        room: String,
        /// Who sent it.
        from: String,
        /// The least role of those who get it.
        least: Role,
        /// What they say.
        text: String,
    },
    /// An operator tells everybody something.
    Announced {
        /// Who.
        from: String,
        /// What.
        text: String,
    },
    /// Who may not join a room was changed. Nobody is put out by that.
    Bans {
        /// Which room.
        room: String,
        /// Who is meant: a name, or a pattern `name!login@host` in which `*` and `?` stand for others.
        mask: String,
        /// Whether they may not join now.
        on: bool,
        /// By whom.
        by: String,
    },
    /// Somebody has joined a room.
    Joined {
        /// Which room.
        room: String,
        /// Who.
        name: String,
    },
    /// Somebody has left a room.
    Left {
        /// Which room.
        room: String,
        /// Who.
        name: String,
    },
    /// Somebody was put out of a room, perhaps oneself.
    Kicked {
        /// Which room.
        room: String,
        /// Who.
        name: String,
        /// By whom.
        by: String,
        /// Whether they may not come back.
        banned: bool,
        /// Why.
        reason: Option<String>,
    },
    /// A room's topic was changed.
    Topic {
        /// Which room.
        room: String,
        /// By whom.
        by: String,
        /// What it is now; empty for none.
        text: String,
    },
    /// A member's role was changed.
    Role {
        /// In which room.
        room: String,
        /// Whose.
        name: String,
        /// What it is now.
        role: Role,
        /// By whom.
        by: String,
    },
    /// Whether a room may be joined by anybody was changed.
    InviteOnly {
        /// Which room.
        room: String,
        /// Whether one must have been invited.
        on: bool,
        /// By whom.
        by: String,
    },
    /// Somebody was invited to a room: oneself, or somebody else, if one is a moderator there.
    Invited {
        /// Which room.
        room: String,
        /// Who.
        name: String,
        /// By whom.
        by: String,
    },
    /// Somebody who shares a room has another name now.
    Renamed {
        /// What they were called.
        old: String,
        /// What they are called.
        new: String,
    },
    /// Somebody who shared a room is gone.
    Quit {
        /// Who.
        name: String,
        /// Why, such as `closed` or `timed-out`.
        reason: String,
    },
    /// Somebody who shares a room is away, or back.
    Away {
        /// Who.
        name: String,
        /// Why they are away; `None` for back.
        text: Option<String>,
    },
    /// Here the server has left things out, because they were not read in time.
    Missed {
        /// How many.
        count: u64,
    },
    /// A line was refused to which no reply was awaited, such as a message to nobody; or the server
    /// says why it is about to close the connection.
    Refused {
        /// Which rule it was, such as `no-such-user`.
        code: String,
        /// What happened, for people.
        explanation: String,
    },
    /// Something that this client does not know, of a server that is newer.
    Unknown {
        /// The whole line.
        line: String,
    },
    /// The server says good-bye of its own accord. Nothing follows.
    Bye,
}

impl Received {
    /// About how many bytes of memory it holds.
    pub(super) fn cost(&self) -> usize {
        let text = match self {
            Self::Message { from: a, text: b }
            | Self::Sent { to: a, text: b }
            | Self::Joined { room: a, name: b }
            | Self::Left { room: a, name: b }
            | Self::InviteOnly { room: a, by: b, .. }
            | Self::Announced { from: a, text: b }
            | Self::Renamed { old: a, new: b }
            | Self::Quit { name: a, reason: b }
            | Self::Refused {
                code: a,
                explanation: b,
            } => a.len() + b.len(),
            Self::Said {
                room: a,
                from: b,
                text: c,
            }
            | Self::Told {
                room: a,
                from: b,
                text: c,
                ..
            }
            | Self::Bans {
                room: a,
                mask: b,
                by: c,
                ..
            }
            | Self::Topic {
                room: a,
                by: b,
                text: c,
            }
            | Self::Role {
                room: a,
                name: b,
                by: c,
                ..
            }
            | Self::Invited {
                room: a,
                name: b,
                by: c,
            } => a.len() + b.len() + c.len(),
            Self::Kicked {
                room,
                name,
                by,
                reason,
                ..
            } => room.len() + name.len() + by.len() + reason.as_ref().map_or(0, String::len),
            Self::Away { name, text } => name.len() + text.as_ref().map_or(0, String::len),
            Self::Unknown { line } => line.len(),
            Self::Missed { .. } | Self::Bye => 0,
        };
        text + size_of::<Self>()
    }
}

/// An event: its first word has no comma, and another word follows it; or `missed,COUNT,WORDS`, whose words tell
/// it from names.
pub(crate) fn event_line(line: &str) -> Option<Received> {
    if let Some((count, words)) = line.strip_prefix("missed,").and_then(|m| m.split_once(','))
        && words.contains(' ')
    {
        let count = count.parse().ok()?;
        return Some(Received::Missed { count });
    }
    let (who, what) = line.split_once(' ')?;
    if !is_word(who) || what.is_empty() || what.starts_with(' ') {
        return None;
    }
    let known = match who.starts_with('#') {
        true => room_event(who, what),
        false => event(who, what),
    };
    let unknown = || Received::Unknown { line: line.into() };
    Some(known.unwrap_or_else(unknown))
}

/// `#ROOM` and `what` happened in it.
fn room_event(room: &str, what: &str) -> Option<Received> {
    let room = room.to_owned();
    let (who, what) = what.split_once(' ')?;
    let (verb, rest) = first_word(what);
    let by = is_word(who).then(|| who.to_owned())?;
    Some(match (verb, rest) {
        ("says", Some(text)) => Received::Said {
            room,
            from: by,
            text: text.into(),
        },
        ("tells", Some(rest)) => {
            let (least, text) = rest.split_once(' ')?;
            Received::Told {
                room,
                from: by,
                least: least.parse().ok()?,
                text: text.into(),
            }
        }
        ("bans" | "unbans", Some(mask)) if !mask.contains(' ') => Received::Bans {
            room,
            mask: mask.into(),
            on: verb == "bans",
            by,
        },
        ("joined", None) => Received::Joined { room, name: by },
        ("left", None) => Received::Left { room, name: by },
        ("kicked" | "banned", Some(rest)) => {
            let (name, reason) = first_word(rest);
            Received::Kicked {
                room,
                name: word(name)?,
                by,
                banned: verb == "banned",
                reason: reason.map(Into::into),
            }
        }
        ("topic", Some(text)) => Received::Topic {
            room,
            by,
            text: text.into(),
        },
        ("role", Some(rest)) => {
            let (name, role) = rest.split_once(' ')?;
            Received::Role {
                room,
                name: word(name)?,
                role: role.parse().ok()?,
                by,
            }
        }
        ("invite-only", Some("on")) => Received::InviteOnly { room, on: true, by },
        ("invite-only", Some("off")) => Received::InviteOnly {
            room,
            on: false,
            by,
        },
        ("invited", Some(name)) => Received::Invited {
            room,
            name: word(name)?,
            by,
        },
        _ => return None,
    })
}

/// `NAME`, or `*`, and `what` they did.
fn event(who: &str, what: &str) -> Option<Received> {
    let (verb, rest) = first_word(what);
    let rest = rest?;
    Some(match (who, verb) {
        (_, "says") => Received::Message {
            from: who.into(),
            text: rest.into(),
        },
        ("*", "to") => {
            let (to, text) = rest.split_once(" says ")?;
            Received::Sent {
                to: word(to)?,
                text: text.into(),
            }
        }
        ("*", from) => match first_word(rest) {
            ("announces", Some(text)) => Received::Announced {
                from: word(from)?,
                text: text.into(),
            },
            _ => return None,
        },
        (_, "quit") => Received::Quit {
            name: who.into(),
            reason: word(rest)?,
        },
        (_, "is") => match first_word(rest) {
            ("away", Some(text)) => Received::Away {
                name: who.into(),
                text: Some(text.into()),
            },
            ("back", None) => Received::Away {
                name: who.into(),
                text: None,
            },
            ("now", Some(new)) => Received::Renamed {
                old: who.into(),
                new: word(new)?,
            },
            _ => return None,
        },
        _ => return None,
    })
}

/// The first word, and what follows the space after it, if there is one.
fn first_word(text: &str) -> (&str, Option<&str>) {
    match text.split_once(' ') {
        Some((word, rest)) => (word, Some(rest)),
        None => (text, None),
    }
}

pub(super) fn word(text: &str) -> Option<String> {
    is_word(text).then(|| text.to_owned())
}

pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains([' ', ','])
}
