//! What is the same for all connections of one IRC wire.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use chinwag_core::wire::KeepAlive;
use thiserror::Error;

use crate::{Irc, write::is_middle};

/// The most bytes of the name of a server.
pub const MAX_SERVER_NAME: usize = 63;

/// The most bytes of the name of a network.
pub const MAX_NETWORK_NAME: usize = 63;

/// The most lines of a message of the day.
pub const MAX_MOTD_LINES: usize = 500;

/// What the server is called unless it is told.
pub(crate) const DEFAULT_SERVER_NAME: &str = "chinwag.local";

/// What the network is called unless it is told.
const DEFAULT_NETWORK_NAME: &str = "chinwag";

/// What it is that serves here.
pub(crate) const VERSION: &str = concat!("chinwag-", env!("CARGO_PKG_VERSION"));

/// Why an [`IrcBuilder`] makes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IrcError {
    /// The name of the server is not like that of a host: up to 63 letters, digits, hyphens and dots, with at least one
    /// dot, neither first nor last.
    #[error("{0:?} is no name for a server, such as irc.example.org")]
    BadServerName(Box<str>),
    /// The name of the network is empty, longer than 63 bytes, or has characters besides letters, digits, and `-_.`.
    #[error("{0:?} is no name for a network")]
    BadNetworkName(Box<str>),
    /// The password is empty, or no client could send it.
    #[error("the password is empty, or has more than 256 bytes, or has a line end in it")]
    BadPassword,
    /// The message of the day has too many lines.
    #[error("the message of the day has more than {0} lines")]
    MotdTooLong(usize),
    /// A silent peer is asked at once, or has no time to answer.
    #[error("the times for keeping alive are not zero")]
    BadKeepAlive,
}

/// Says how an [`Irc`] wire shall be.
///
/// ```
/// use chinwag_wire_irc::Irc;
///
/// let irc = Irc::builder()
///     .server_name("irc.example.org")
///     .network_name("Example")
///     .motd("Welcome.\nBe kind.")
///     .build()?;
/// # Ok::<(), chinwag_wire_irc::IrcError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct IrcBuilder {
    config: Config,
    motd: String,
}

/// What is the same for all connections.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) server: Box<str>,
    pub(crate) network: Box<str>,
    pub(crate) password: Option<Box<str>>,
    pub(crate) motd: Vec<Box<str>>,
    pub(crate) admin: Vec<Box<str>>,
    pub(crate) sasl: bool,
    pub(crate) keep_alive: Option<KeepAlive>,
    /// Since when the server is there; unless it is told, since the first connection asked for something.
    created: OnceLock<SystemTime>,
}

impl IrcBuilder {
    pub(crate) fn new() -> Self {
        Self {
            config: Config {
                server: DEFAULT_SERVER_NAME.into(),
                network: DEFAULT_NETWORK_NAME.into(),
                password: None,
                motd: Vec::new(),
                admin: Vec::new(),
                sasl: false,
                keep_alive: Some(KeepAlive {
                    after: Duration::from_secs(90),
                    within: Duration::from_secs(60),
                }),
                created: OnceLock::new(),
            },
            motd: String::new(),
        }
    }

    /// What the server is called, like a host, with at least one dot and at most [`MAX_SERVER_NAME`] bytes;
    /// `chinwag.local` unless set.
    pub fn server_name(mut self, name: &str) -> Self {
        self.config.server = name.into();
        self
    }

    /// What the network is called, which clients show beside the names of its channels: letters, digits, and `-_.`, at
    /// most [`MAX_NETWORK_NAME`] bytes; `chinwag` unless set.
    pub fn network_name(mut self, name: &str) -> Self {
        self.config.network = name.into();
        self
    }

    /// What a client must send with `PASS` to be let in: 1 to 256 bytes, without a line end. Unless set, everybody is,
    /// and what a client sends so is the secret of its nick, for the [`Authenticator`](chinwag_core::Authenticator).
    pub fn password(mut self, password: &str) -> Self {
        self.config.password = Some(password.into());
        self
    }

    /// The message of the day, which clients show when they have connected: up to [`MAX_MOTD_LINES`] lines, of which
    /// one that is too long for IRC makes several. None unless set, and clients are told so.
    pub fn motd(mut self, text: &str) -> Self {
        self.motd = text.into();
        self
    }

    /// Whether clients may log in to an account with SASL, which they may not unless set. It needs an
    /// [`Authenticator`](chinwag_core::Authenticator) that knows accounts.
    pub fn sasl(mut self, sasl: bool) -> Self {
        self.config.sasl = sasl;
        self
    }

    /// Since when the server is there, as clients are told. Unless set, since the first client came in, to whichever
    /// clone of the wire.
    pub fn created(mut self, at: SystemTime) -> Self {
        self.config.created = OnceLock::from(at);
        self
    }

    /// A client that was silent for the time `after` is asked for a sign of life with `PING`, and disconnected if it has
    /// given none `within` another one; neither is zero. 90 and 60 seconds unless set. The hub's
    /// [`Timeouts::idle`](chinwag_core::Timeouts::idle) holds as well.
    pub fn keep_alive(mut self, after: Duration, within: Duration) -> Self {
        self.config.keep_alive = Some(KeepAlive { after, within });
        self
    }

    /// A client may be silent as long as the hub's [`Timeouts::idle`](chinwag_core::Timeouts::idle) has it.
    pub fn no_keep_alive(mut self) -> Self {
        self.config.keep_alive = None;
        self
    }

    /// What a client is told that asks who runs the server: where it is, what it is for, and how to reach somebody, a
    /// line each, and abridged where it is too long. More than three are not shown; none unless set, and clients are told
    /// so.
    pub fn admin<L: AsRef<str>>(mut self, lines: impl IntoIterator<Item = L>) -> Self {
        let lines = lines.into_iter().take(3);
        self.config.admin = lines.map(|line| line.as_ref().into()).collect();
        self
    }

    /// Makes the wire, to be given to a [`Server`](chinwag_core::Server), or clones of it to several listeners.
    ///
    /// # Errors
    ///
    /// An [`IrcError`] for the first of all that cannot be so.
    pub fn build(self) -> Result<Irc, IrcError> {
        let Self { mut config, motd } = self;
        if !is_server_name(&config.server) {
            return Err(IrcError::BadServerName(config.server));
        }
        if !is_network_name(&config.network) {
            return Err(IrcError::BadNetworkName(config.network));
        }
        if config.password.as_deref().is_some_and(is_bad_password) {
            return Err(IrcError::BadPassword);
        }
        if let Some(KeepAlive { after, within }) = config.keep_alive
            && (after.is_zero() || within.is_zero())
        {
            return Err(IrcError::BadKeepAlive);
        }
        config.motd = motd_lines(&motd);
        if config.motd.len() > MAX_MOTD_LINES {
            return Err(IrcError::MotdTooLong(MAX_MOTD_LINES));
        }
        Ok(Irc::new(Arc::new(config)))
    }
}

impl Default for Config {
    fn default() -> Self {
        IrcBuilder::new().config
    }
}

impl Config {
    /// Since when the server is there, if it is `now`.
    pub(crate) fn created_by(&self, now: SystemTime) -> SystemTime {
        *self.created.get_or_init(|| now)
    }

    /// The same, if anything has been asked for by now.
    pub(crate) fn created(&self) -> SystemTime {
        let created = self.created.get().copied();
        created.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Whether that is the password, if there is one. What it takes to find out does not depend on how much of it is
    /// right.
    pub(crate) fn lets_in(&self, given: Option<&str>) -> bool {
        let Some(password) = self.password.as_deref() else {
            return true;
        };
        let (password, given) = (password.as_bytes(), given.unwrap_or_default().as_bytes());
        let mut differs = u8::from(password.len() != given.len());
        for (index, byte) in password.iter().enumerate() {
            differs |= byte ^ given.get(index).copied().unwrap_or_default();
        }
        std::hint::black_box(differs) == 0
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("server", &self.server)
            .field("network", &self.network)
            .field("password", &self.password.as_ref().map(|_| ".."))
            .field("sasl", &self.sasl)
            .field("keep_alive", &self.keep_alive)
            .finish_non_exhaustive()
    }
}

fn is_server_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.len() <= MAX_SERVER_NAME && name.contains('.') && name.split('.').all(is_label)
}

fn is_network_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    is_middle(name) && name.len() <= MAX_NETWORK_NAME && name.chars().all(is_letter)
}

fn is_bad_password(password: &str) -> bool {
    password.is_empty() || password.len() > 256 || password.contains(['\r', '\n', '\0'])
}

/// The lines of a message of the day, none longer than a line of IRC has room for whatever the names are.
fn motd_lines(text: &str) -> Vec<Box<str>> {
    const MAX: usize = 240;
    let mut lines = Vec::new();
    for line in text.trim_end().lines() {
        let mut rest = line.trim_end();
        loop {
            let (piece, more) = rest.split_at(crate::write::floor(rest, MAX));
            lines.push(piece.into());
            if more.is_empty() {
                break;
            }
            rest = more;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(build: impl FnOnce(IrcBuilder) -> IrcBuilder) -> Result<Irc, IrcError> {
        build(IrcBuilder::new()).build()
    }

    #[test]
    fn names_are_like_those_of_hosts_and_networks() {
        for name in ["irc.example.org", "a.b", "chinwag.local", "1.2.3.4"] {
            assert!(built(|irc| irc.server_name(name)).is_ok(), "{name}");
        }
        let long = format!("{}.org", "x".repeat(60));
        for name in [
            "", "irc", ".a", "a.", "a..b", "a b.c", ":a.b", "a!b.c", "ü.de", &long,
        ] {
            let error = built(|irc| irc.server_name(name)).unwrap_err();
            assert_eq!(error, IrcError::BadServerName(name.into()));
        }
        assert!(built(|irc| irc.network_name("Example-Net_2.0")).is_ok());
        for name in ["", "a b", "a=b", "a:"] {
            assert!(built(|irc| irc.network_name(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn times_and_passwords_are_some() {
        let zero = built(|irc| irc.keep_alive(Duration::ZERO, Duration::from_secs(1)));
        assert_eq!(zero.unwrap_err(), IrcError::BadKeepAlive);
        assert!(built(IrcBuilder::no_keep_alive).is_ok());
        let empty = built(|irc| irc.password(""));
        assert_eq!(empty.unwrap_err(), IrcError::BadPassword);
        let motd = built(|irc| irc.motd(&"x\n".repeat(501)));
        assert_eq!(motd.unwrap_err(), IrcError::MotdTooLong(500));
    }

    #[test]
    fn the_password_is_all_of_it() {
        let config = IrcBuilder::new().password("sesame").config;
        assert!(config.lets_in(Some("sesame")));
        for given in [
            None,
            Some(""),
            Some("sesam"),
            Some("sesames"),
            Some("Sesame"),
        ] {
            assert!(!config.lets_in(given), "{given:?}");
        }
        assert!(IrcBuilder::new().config.lets_in(None));
        assert!(!format!("{config:?}").contains("sesame"));
    }

    #[test]
    fn a_long_line_of_the_motd_is_divided() {
        let lines = motd_lines(&format!("a\r\n\n{}\n\n", "é".repeat(150)));
        let lengths: Vec<usize> = lines.iter().map(|line| line.len()).collect();
        assert_eq!(lengths, [1, 0, 240, 60]);
    }
}
