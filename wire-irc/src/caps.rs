//! Capabilities: what a client may ask for beyond the IRC of 1993.

/// A set of capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Caps(u32);

impl Caps {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ACCOUNT_NOTIFY: Self = Self(1);
    pub(crate) const ACCOUNT_TAG: Self = Self(1 << 1);
    pub(crate) const AWAY_NOTIFY: Self = Self(1 << 2);
    pub(crate) const BATCH: Self = Self(1 << 3);
    pub(crate) const CAP_NOTIFY: Self = Self(1 << 4);
    pub(crate) const CHGHOST: Self = Self(1 << 5);
    pub(crate) const ECHO_MESSAGE: Self = Self(1 << 6);
    pub(crate) const EXTENDED_JOIN: Self = Self(1 << 7);
    pub(crate) const EXTENDED_MONITOR: Self = Self(1 << 8);
    pub(crate) const INVITE_NOTIFY: Self = Self(1 << 9);
    pub(crate) const LABELED_RESPONSE: Self = Self(1 << 10);
    pub(crate) const MESSAGE_TAGS: Self = Self(1 << 11);
    pub(crate) const MULTI_PREFIX: Self = Self(1 << 12);
    pub(crate) const SASL: Self = Self(1 << 13);
    pub(crate) const SERVER_TIME: Self = Self(1 << 14);
    pub(crate) const SETNAME: Self = Self(1 << 15);
    pub(crate) const STANDARD_REPLIES: Self = Self(1 << 16);
    pub(crate) const USERHOST_IN_NAMES: Self = Self(1 << 17);

    /// Whether all of `caps` are in it.
    pub(crate) fn has(self, caps: Self) -> bool {
        self.0 & caps.0 == caps.0
    }

    /// The same with `caps`.
    pub(crate) fn with(self, caps: Self) -> Self {
        Self(self.0 | caps.0)
    }

    /// The same without `caps`.
    pub(crate) fn without(self, caps: Self) -> Self {
        Self(self.0 & !caps.0)
    }

    /// The capability of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let found = ALL.iter().find(|(known, _)| *known == name);
        found.map(|&(_, cap)| cap)
    }

    /// Those that are in it, with their names.
    pub(crate) fn names(self) -> impl Iterator<Item = (&'static str, Self)> {
        ALL.into_iter().filter(move |(_, cap)| self.has(*cap))
    }

    /// All that there are; [`SASL`](Self::SASL) only where there are accounts.
    pub(crate) fn offered(sasl: bool) -> Self {
        let all = ALL
            .iter()
            .fold(Self::NONE, |caps, &(_, cap)| caps.with(cap));
        match sasl {
            true => all,
            false => all.without(Self::SASL),
        }
    }
}

/// Two of them change nothing, and are there because what they announce is always so: hosts never change (`chghost`), and
/// a member has one prefix at a time (`multi-prefix`).
const ALL: [(&str, Caps); 18] = [
    ("account-notify", Caps::ACCOUNT_NOTIFY),
    ("account-tag", Caps::ACCOUNT_TAG),
    ("away-notify", Caps::AWAY_NOTIFY),
    ("batch", Caps::BATCH),
    ("cap-notify", Caps::CAP_NOTIFY),
    ("chghost", Caps::CHGHOST),
    ("echo-message", Caps::ECHO_MESSAGE),
    ("extended-join", Caps::EXTENDED_JOIN),
    ("extended-monitor", Caps::EXTENDED_MONITOR),
    ("invite-notify", Caps::INVITE_NOTIFY),
    ("labeled-response", Caps::LABELED_RESPONSE),
    ("message-tags", Caps::MESSAGE_TAGS),
    ("multi-prefix", Caps::MULTI_PREFIX),
    ("sasl", Caps::SASL),
    ("server-time", Caps::SERVER_TIME),
    ("setname", Caps::SETNAME),
    ("standard-replies", Caps::STANDARD_REPLIES),
    ("userhost-in-names", Caps::USERHOST_IN_NAMES),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_capability_has_a_name_and_a_bit_of_its_own() {
        let mut seen = Caps::NONE;
        for (name, cap) in ALL {
            assert_eq!(Caps::named(name), Some(cap));
            assert!(!seen.has(cap), "{name}");
            seen = seen.with(cap);
        }
        assert_eq!(seen, Caps::offered(true));
        assert!(!Caps::offered(false).has(Caps::SASL));
        assert_eq!(seen.names().count(), ALL.len());
        assert_eq!(seen.without(Caps::BATCH).with(Caps::BATCH), seen);
        assert_eq!(Caps::named("BATCH"), None);
    }
}
