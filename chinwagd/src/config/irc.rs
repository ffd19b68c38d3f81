//! How IRC is spoken.

use std::{
    fmt, fs,
    path::Path,
    str::FromStr,
    time::{Duration, SystemTime},
};

use chinwag::wire::irc::{Irc, IrcError};
use serde::Deserialize;

use super::values::read;
use crate::failure::Failure;

/// What the server is called unless it is set. It is not the name of the machine, which is nobody's business.
pub(super) const SERVER_NAME: &str = "chinwag.local";

/// What the network is called unless it is set.
pub(super) const NETWORK_NAME: &str = "chinwag";

/// How long a client may be silent before it is asked for a sign of life, unless it is set.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(90);

/// How long it has for that, unless it is set.
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(60);

/// How IRC is spoken.
#[derive(Debug)]
pub(crate) struct IrcConfig {
    pub(super) server_name: ServerName,
    pub(super) network_name: NetworkName,
    pub(super) password: Option<Password>,
    /// The message of the day, once its file is read.
    pub(super) motd: Option<String>,
    /// After how long a silence clients are asked for a sign of life, and how long they have for that.
    pub(super) keep_alive: Option<(Duration, Duration)>,
    /// The settings which are set that are for IRC only.
    pub(super) set: Vec<&'static str>,
}

impl IrcConfig {
    /// The wire, of a server that was started at `created` and on which one can log in to `accounts`, if it has any.
    pub(crate) fn wire(&self, accounts: bool, created: SystemTime) -> Result<Irc, IrcError> {
        let mut irc = Irc::builder()
            .server_name(&self.server_name.0)
            .network_name(&self.network_name.0)
            .sasl(accounts)
            .created(created);
        if let Some(Password(password)) = &self.password {
            irc = irc.password(password);
        }
        if let Some(motd) = &self.motd {
            irc = irc.motd(motd);
        }
        match self.keep_alive {
            Some((after, within)) => irc.keep_alive(after, within),
            None => irc.no_keep_alive(),
        }
        .build()
    }
}

/// Reads a message of the day.
pub(super) fn read_motd(path: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(path).map_err(|source| Failure::NoFile {
        path: path.to_owned(),
        source,
    })?;
    let irc = Irc::builder().motd(&text).build();
    irc.map_err(|source| Failure::BadMotd {
        path: path.to_owned(),
        source,
    })?;
    Ok(text)
}

/// What the server is called.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct ServerName(pub(super) String);

impl Default for ServerName {
    fn default() -> Self {
        Self(SERVER_NAME.to_owned())
    }
}

impl FromStr for ServerName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Irc::builder().server_name(text).build() {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err("it must be like the name of a host, with a dot in it: irc.example.org"),
        }
    }
}

/// What the network is called.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct NetworkName(pub(super) String);

impl Default for NetworkName {
    fn default() -> Self {
        Self(NETWORK_NAME.to_owned())
    }
}

impl FromStr for NetworkName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Irc::builder().network_name(text).build() {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err("it must be one word of letters, digits, '-', '_' and '.'"),
        }
    }
}

/// What all clients of IRC must say.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Password(String);

impl FromStr for Password {
    type Err = &'static str;

    /// An error is without the text.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Irc::builder().password(text).build() {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) if text.is_empty() => Err("it is empty; leave it out to let everybody in"),
            Err(_) => Err("it must be one line of at most 256 bytes"),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// Reads these from a file. An error names the text, unless that is kept secret.
macro_rules! from_text {
    ($Value:ident, $read:expr) => {
        impl TryFrom<String> for $Value {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                $read(&text)
            }
        }
    };
}

from_text!(ServerName, read);
from_text!(NetworkName, read);
from_text!(Password, |text: &str| text
    .parse()
    .map_err(|error: &str| error.to_owned()));
