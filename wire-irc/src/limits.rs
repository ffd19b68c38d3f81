//! How much of everything there may be, where IRC has words for it.

use chinwag_core::Limits;

use crate::{config::Config, message::MAX_TEXT};

/// The most channels and users that one `PRIVMSG`, `NOTICE` or `TAGMSG` goes to.
pub const MAX_TARGETS: usize = 4;

/// The most channels, masks and other conditions of one `LIST`.
pub const MAX_CONDITIONS: usize = 16;

/// The most bytes of a login, its `~` included.
pub const MAX_LOGIN: usize = 10;

/// The most bytes of somebody's name in full.
pub const MAX_REAL_NAME: usize = 150;

/// The most bytes of the key of a channel.
pub const MAX_KEY: usize = 64;

/// The most users whose coming and going one connection is told of.
pub const MAX_MONITORED: usize = chinwag_core::MAX_WATCHED;

/// The most bytes of a host, as it is shown: an address of IPv6.
pub(crate) const MAX_HOST: usize = 45;

/// The most modes with a param that one `MODE` changes: all other params of a message.
pub(crate) const MAX_MODES: usize = crate::message::MAX_PARAMS - 2;

/// The most characters of a nick, and of the name of a channel with its `#`.
pub(crate) const MAX_NICK: usize = chinwag_core::UserName::MAX_CHARS;
pub(crate) const MAX_CHANNEL: usize = chinwag_core::RoomName::MAX_CHARS + 1;

/// What the hub allows, as far as its clients are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bounds {
    /// The bytes of a text.
    text: u32,
    /// The channels of one user.
    pub(crate) rooms: u32,
    /// The masks on each list of a channel.
    pub(crate) bans: u32,
}

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Self {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            text: number(limits.max_topic()),
            rooms: number(limits.max_user_rooms()),
            bans: number(limits.max_bans()),
        }
    }
}

impl Bounds {
    /// The bytes of a text.
    pub(crate) fn text(self) -> usize {
        usize::try_from(self.text).unwrap_or(usize::MAX)
    }
}

/// How long texts beside names may be that are shown whole, if the names in their lines are of ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TextLimits {
    pub(crate) topic: usize,
    pub(crate) kick: usize,
    pub(crate) away: usize,
    pub(crate) name: usize,
}

impl TextLimits {
    pub(crate) fn new(config: &Config, bounds: Bounds) -> Self {
        let source = ":!@ ".len() + MAX_NICK + MAX_LOGIN + MAX_HOST;
        let numeric = ": 332  ".len() + config.server.len() + MAX_NICK;
        let room = |used: usize| bounds.text().min(MAX_TEXT.saturating_sub(used));
        let topic = source + "TOPIC  :".len() + MAX_CHANNEL;
        Self {
            topic: room(topic.max(numeric + MAX_CHANNEL + " :".len())),
            kick: room(source + "KICK   :".len() + MAX_CHANNEL + MAX_NICK),
            away: room((source + "AWAY :".len()).max(numeric + MAX_NICK + " :".len())),
            name: bounds.text().min(MAX_REAL_NAME),
        }
    }
}
