//! What a client asks for, and what it may be answered.

/// What a client asks for, as far as the answer depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    /// The connection takes this name.
    Register(String),
    Join(String),
    Leave(String),
    /// The members of a room.
    Members(String),
    /// A list whose names do not matter.
    List,
    Ping,
    /// To be away, or back.
    Away,
    /// The topic of a room.
    Topic(String),
    /// Something that takes a role in a room.
    Change(Change),
    Whois,
    Quit,
    /// Nothing that there is: it is answered with an error.
    Garbage,
}

/// Something that takes a role in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) room: String,
    /// All members are told this, and perhaps something behind it, before the one who does it is told that it is
    /// done.
    pub(super) told: Option<String>,
}

/// What a message without a reply may be refused with.
pub(super) fn may_refuse_talk(code: &str) -> bool {
    matches!(
        code,
        "not-registered" | "no-such-user" | "no-such-room" | "not-a-member"
    ) || may_refuse_anything(code)
}

/// What the program, or a rate, may refuse any request with.
fn may_refuse_anything(code: &str) -> bool {
    matches!(code, "denied" | "unavailable" | "rate-limited")
}

/// Whether a connection may end with this code.
pub(super) fn may_end(code: &str) -> bool {
    ends(code) || matches!(code, "full" | "rate-limited" | "denied" | "unavailable")
}

/// Whether a connection ends with this code always.
pub(super) fn ends(code: &str) -> bool {
    matches!(code, "timed-out" | "replaced" | "kicked")
}

impl Request {
    /// Something that takes a role in `room`, and that all there are `told`, if they are.
    pub(super) fn change(room: &str, told: Option<String>) -> Self {
        let room = room.to_owned();
        Self::Change(Change { room, told })
    }

    /// Whether it may be refused with `code`.
    pub(super) fn may_be_refused(&self, code: &str) -> bool {
        let codes: &[&str] = match self {
            Self::Register(_) => &["name-taken", "banned", "full"],
            Self::Join(_) => &["not-registered", "banned", "invite-only", "full"],
            Self::Leave(_) | Self::Topic(_) => &["not-registered", "no-such-room", "not-a-member"],
            // IRC shows nothing to those who have no nick.
            Self::Members(_) => &["not-registered", "no-such-room", "not-a-member"],
            Self::Change(_) => &[
                "not-registered",
                "no-such-room",
                "not-a-member",
                "needs-role",
                "no-such-user",
                "full",
            ],
            Self::Whois => &["not-registered", "no-such-user"],
            Self::Away => &["not-registered"],
            Self::List => &["not-registered"],
            Self::Ping | Self::Quit => &[],
            Self::Garbage => {
                return matches!(
                    code,
                    "unknown-command" | "bad-arguments" | "too-long" | "rate-limited"
                );
            }
        };
        codes.contains(&code) || may_refuse_anything(code)
    }
}
