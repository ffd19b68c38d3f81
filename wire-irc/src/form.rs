//! The forms of an event: what differs between the connections that are told it.

use chinwag_core::{Event, Person, wire::Form};

use crate::{
    author::{account, is_bot, real_name},
    caps::Caps,
};

/// What a line has for those who have asked for it. One bit each.
///
/// In the form of an event are only those that make a difference for it, so that there are few: two connections that
/// would be told the same bytes are told them in the same form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shape(u8);

impl Shape {
    /// The tag `time`.
    pub(crate) const TIME: Self = Self(1);
    /// The tags `msgid` and `bot`, and those of other clients.
    pub(crate) const TAGS: Self = Self(1 << 1);
    /// The tag `account`.
    pub(crate) const ACCOUNT: Self = Self(1 << 2);
    /// Who joins says as whom they are logged in, and their name in full.
    pub(crate) const EXTENDED_JOIN: Self = Self(1 << 3);
    /// Who joins and is away says so.
    pub(crate) const AWAY: Self = Self(1 << 4);
    /// A new name in full is told.
    pub(crate) const SETNAME: Self = Self(1 << 5);
    /// A new account is told.
    pub(crate) const ACCOUNT_NOTIFY: Self = Self(1 << 6);

    /// What a connection has asked for.
    pub(crate) fn of(caps: Caps) -> Self {
        let wanted = [
            (Caps::SERVER_TIME, Self::TIME),
            (Caps::MESSAGE_TAGS, Self::TAGS),
            (Caps::ACCOUNT_TAG, Self::ACCOUNT),
            (Caps::EXTENDED_JOIN, Self::EXTENDED_JOIN),
            (Caps::AWAY_NOTIFY, Self::AWAY),
            (Caps::SETNAME, Self::SETNAME),
            (Caps::ACCOUNT_NOTIFY, Self::ACCOUNT_NOTIFY),
        ];
        let wanted = wanted.into_iter().filter(|&(cap, _)| caps.has(cap));
        wanted.fold(Self::default(), |shape, (_, bit)| shape.with(bit))
    }

    pub(crate) fn has(self, bit: Self) -> bool {
        self.0 & bit.0 != 0
    }

    fn with(self, bits: Self) -> Self {
        Self(self.0 | bits.0)
    }

    /// What of it makes a difference for `event`, which is by `author`.
    pub(crate) fn for_event(self, event: &Event, author: &Person) -> Self {
        let mut matters = Self::default();
        if account(author).is_some() {
            matters = matters.with(Self::ACCOUNT);
        }
        if is_bot(author) {
            matters = matters.with(Self::TAGS);
        }
        let more = match event {
            Event::Said { .. }
            | Event::Direct { .. }
            | Event::Sent { .. }
            | Event::Signal { .. } => Self::TIME.with(Self::TAGS),
            Event::Joined { name, .. } if name.away().is_some() => {
                Self::EXTENDED_JOIN.with(Self::AWAY)
            }
            Event::Joined { .. } => Self::EXTENDED_JOIN,
            Event::Described { old, new } => {
                let mut more = Self::default();
                if real_name(old) != real_name(new) {
                    more = more.with(Self::SETNAME);
                }
                if account(old) != account(new) {
                    more = more.with(Self::ACCOUNT_NOTIFY);
                }
                more
            }
            _ => Self::default(),
        };
        Self(self.0 & matters.with(more).0)
    }
}

impl From<Shape> for Form {
    fn from(shape: Shape) -> Self {
        Self(shape.0)
    }
}

impl From<Form> for Shape {
    fn from(form: Form) -> Self {
        Self(form.0)
    }
}
