//! With which arguments each server is started, and how it says that it accepts.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::{env, io};

use super::{Error, Kind, Peer, cannot, irc};

/// More connections, members and rooms than any scenario asks for. Rooms of one user keep their default, 50.
const PLENTY: &str = "1000000";

/// How chinwagd is measured: on one thread, and nothing holds it back.
#[rustfmt::skip]
pub(super) const UNLIMITED: &[&str] = &[
    "--no-throttle", "--threads", "1",
    "--max-connections", PLENTY, "--max-members", PLENTY, "--max-rooms", PLENTY,
    "--idle-timeout", "off", "--register-timeout", "off",
];

/// A program with its arguments.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) line: Vec<OsString>,
    pub(super) ready: Ready,
}

/// What is on stdout once the server accepts.
#[derive(Debug)]
pub(super) enum Ready {
    /// `listening SCHEME://ADDR`.
    Listening,
    /// A line that holds these words; where it listens is known before.
    Says(&'static str, SocketAddr),
}

impl Plan {
    pub(super) fn of(peer: &Peer, directory: &Path) -> Result<Self, Error> {
        let listen = format!("{}://127.0.0.1:0", peer.dialect.scheme());
        let mut line = vec![peer.program.clone().into_os_string()];
        let mut add = |arguments: &[&str]| line.extend(arguments.iter().map(OsString::from));
        let mut ready = Ready::Listening;
        match peer.kind {
            Kind::Chinwagd { runtime, settings } => {
                add(&["--runtime", runtime, "--listen", &listen]);
                add(settings);
            }
            Kind::Own { arguments } => add(arguments),
            Kind::Python { script } => {
                let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
                line.push(scripts.join(script).into_os_string());
            }
            Kind::Redis => {
                let address = free_address().map_err(cannot("find a free port for redis"))?;
                add(&["--bind", "127.0.0.1", "--port", &address.port().to_string()]);
                add(&["--dir", &directory.to_string_lossy(), "--databases", "1"]);
                add(&["--save", "", "--appendonly", "no"]);
                add(&["--tcp-backlog", "4096", "--maxclients", PLENTY]);
                // Connections come from all over the loopback network, which it takes for strangers.
                add(&["--protected-mode", "no"]);
                ready = Ready::Says("Ready to accept connections", address);
            }
            Kind::Ngircd => {
                let address = free_address().map_err(cannot("find a free port for ngircd"))?;
                let config = irc::ngircd(directory, address)?;
                add(&["--nodaemon", "--config", &config.to_string_lossy()]);
                ready = Ready::Says("Now listening on", address);
            }
            Kind::Inspircd => {
                let address = free_address().map_err(cannot("find a free port for inspircd"))?;
                let config = irc::inspircd(directory, address)?;
                add(&["--nofork", "--nolog", "--nopid", "--runasroot"]);
                add(&["--config", &config.to_string_lossy()]);
                ready = Ready::Says("InspIRCd is now running as", address);
            }
        }
        Ok(Self { line, ready })
    }
}

impl Ready {
    /// Where the server accepts, if by what it said it does.
    pub(super) fn address(&self, said: &str) -> Option<SocketAddr> {
        // A line that is not finished may hold half of an address.
        let whole = &said[..said.rfind('\n')?];
        match self {
            Self::Listening => whole.lines().find_map(|line| {
                let (_, address) = line.strip_prefix("listening ")?.split_once("://")?;
                address.parse().ok()
            }),
            Self::Says(words, address) => whole.contains(words).then_some(*address),
        }
    }
}

/// Only what stands here sets a server up: nothing that happens to be in the environment.
pub(super) fn clean(command: &mut Command) {
    const PREFIXES: [&str; 6] = [
        "CHINWAG_",
        "RUST_",
        "TOKIO_",
        "ASYNC_STD_",
        "SMOL_",
        "PYTHON",
    ];

    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
}

/// Where nobody listened a moment ago, for a server that cannot choose its port itself. If somebody else takes
/// it, the server says so and ends.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

#[cfg(test)]
mod tests {
    use super::Ready;

    #[test]
    fn an_address_is_taken_from_a_finished_line_only() {
        let ready = Ready::Listening;
        assert_eq!(ready.address(""), None);
        assert_eq!(ready.address("listening line://127.0.0.1:40"), None);
        let address = "127.0.0.1:4000".parse().unwrap();
        let said = "listening line://127.0.0.1:4000\n";
        assert_eq!(ready.address(said), Some(address));
        assert_eq!(
            Ready::Says("listening", address).address(said),
            Some(address)
        );
        assert_eq!(Ready::Says("ready", address).address(said), None);
    }
}
