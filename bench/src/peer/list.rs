//! Which peers there are, and which of them are here.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::build::Programs;
use super::plan::UNLIMITED;
use super::{Dialect, Found, Kind, Peer};

/// What was built, which pins what the servers of this workspace are made of.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// All peers, the present ones and why the others are absent. Builds those that are part of this workspace.
pub(crate) fn all() -> Vec<Found> {
    look(&Programs::build())
}

/// The same, but builds nothing and takes what is in the directory of this program.
pub(crate) fn beside() -> Vec<Found> {
    look(&Programs::beside())
}

fn look(programs: &Programs) -> Vec<Found> {
    let found = |mut peer: Peer| {
        let state = peer.locate(programs).and_then(|program| {
            peer.program = program;
            peer.version()
        });
        Found { peer, state }
    };
    peers().into_iter().map(found).collect()
}

fn peers() -> Vec<Peer> {
    let peer = |name, dialect, kind, what| Peer {
        name,
        dialect,
        what,
        kind,
        program: PathBuf::new(),
    };
    let chinwagd = |name, runtime, what| {
        let kind = Kind::Chinwagd {
            runtime,
            settings: UNLIMITED,
        };
        peer(name, Dialect::Line, kind, what)
    };
    let irc = |name, kind, what| peer(name, Dialect::Irc, kind, what);
    let own = |name, dialect, arguments, what| peer(name, dialect, Kind::Own { arguments }, what);
    let python = |name, script, what| peer(name, Dialect::Line, Kind::Python { script }, what);
    vec![
        chinwagd("chinwagd-tokio", "tokio", "chinwag on tokio, one worker"),
        chinwagd("chinwagd-smol", "smol", "chinwag on smol, one worker"),
        chinwagd(
            "chinwagd-async-std",
            "async-std",
            "chinwag on async-std, one worker",
        ),
        chinwagd(
            "chinwagd-threads",
            "threads",
            "chinwag on a thread a connection",
        ),
        irc(
            "chinwagd-irc",
            Kind::Chinwagd {
                runtime: "tokio",
                settings: UNLIMITED,
            },
            "chinwag on tokio, one worker, spoken to in IRC",
        ),
        own(
            "relay",
            Dialect::Relay,
            &[],
            "the kernel's limit: bare epoll, nothing is parsed, one write a delivery",
        ),
        own(
            "relay-batched",
            Dialect::Relay,
            &["--batched"],
            "the same, but reads all that is there first, then one write a receiver",
        ),
        own(
            "tokio-drain",
            Dialect::Line,
            &[],
            "tokio by hand, as well as one can: a task a connection drains its queue in one write",
        ),
        own(
            "tokio-mpsc",
            Dialect::Line,
            &[],
            "tokio as in its chat example: LinesCodec, an unbounded channel, one write a message",
        ),
        python(
            "asyncio",
            "chat_asyncio.py",
            "the original chat server on asyncio, rewritten; direct messages only",
        ),
        python(
            "threads",
            "chat_threads.py",
            "the original chat server on threads, rewritten; direct messages only",
        ),
        peer(
            "redis",
            Dialect::Redis,
            Kind::Redis,
            "redis-server, publish and subscribe, nothing is saved",
        ),
        irc("ngircd", Kind::Ngircd, "an IRC server in C"),
        irc("inspircd", Kind::Inspircd, "an IRC server in C++"),
    ]
}

impl Peer {
    fn locate(&self, programs: &Programs) -> Result<PathBuf, String> {
        match self.kind {
            Kind::Chinwagd { .. } => programs.find("chinwagd"),
            Kind::Own { .. } => programs.find(self.name.trim_end_matches("-batched")),
            Kind::Python { .. } => Ok(PathBuf::from("python3")),
            Kind::Redis => Ok(PathBuf::from("redis-server")),
            Kind::Ngircd | Kind::Inspircd => Ok(installed(self.name)),
        }
    }

    /// Whether this chinwagd knows the wire: it checks where it is to listen before it tells its version.
    fn has_wire(&self) -> Result<(), String> {
        let scheme = self.dialect.scheme();
        let output = Command::new(&self.program)
            .args(["--listen", &format!("{scheme}://127.0.0.1:0"), "--version"])
            .stdin(Stdio::null())
            .output();
        match output {
            Ok(output) if output.status.success() => Ok(()),
            _ => Err(format!("this chinwagd has no wire `{scheme}`")),
        }
    }

    fn version(&self) -> Result<String, String> {
        match self.kind {
            Kind::Chinwagd { runtime, .. } => {
                let version = said(&self.program)?;
                self.has_wire()?;
                Ok(match runtime {
                    "threads" => version,
                    _ => format!("{version}, {}", locked(runtime)),
                })
            }
            Kind::Own { .. } if self.dialect == Dialect::Relay => Ok(locked("rustix")),
            Kind::Own { .. } => Ok(locked("tokio")),
            Kind::Python { .. } | Kind::Inspircd => said(&self.program),
            Kind::Ngircd => Ok(ngircd(&said(&self.program)?)),
            Kind::Redis => {
                let said = said(&self.program)?;
                let version = said.split(' ').find_map(|word| word.strip_prefix("v="));
                Ok(version.map_or_else(|| said.clone(), |version| format!("Redis {version}")))
            }
        }
    }
}

/// Where a server is that was installed. Debian keeps them where not everybody looks for programs.
fn installed(name: &str) -> PathBuf {
    let path = Path::new("/usr/sbin").join(name);
    match path.is_file() {
        true => path,
        false => PathBuf::from(name),
    }
}

/// What it says is its version and, behind a dash, how it was built.
fn ngircd(said: &str) -> String {
    let version = said.split('-').next().unwrap_or_default();
    version.to_owned()
}

/// What a program says about its version.
fn said(program: &Path) -> Result<String, String> {
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                let name = program.display();
                format!("there is no {name} (bench/peers/install installs it)")
            }
            _ => format!("{} cannot be run: {error}", program.display()),
        })?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().next() {
        Some(line) if output.status.success() => Ok(line.trim().to_owned()),
        _ => Err(format!(
            "{} --version: {}",
            program.display(),
            output.status
        )),
    }
}

/// The version of a dependency that this workspace is built with.
fn locked(name: &str) -> String {
    let heading = format!("name = \"{name}\"");
    let version = (LOCK.lines().skip_while(|line| *line != heading).nth(1))
        .and_then(|line| line.strip_prefix("version = "));
    format!("{name} {}", version.unwrap_or("?").trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::{locked, peers};

    #[test]
    fn the_lock_knows_what_the_servers_are_made_of() {
        for name in ["tokio", "smol", "async-std", "rustix"] {
            let version = locked(name);
            assert!(version.split('.').count() >= 3, "{version}");
        }
        assert_eq!(locked("no-such-crate"), "no-such-crate ?");
    }

    #[test]
    fn every_peer_has_a_name_of_its_own() {
        let mut names: Vec<_> = peers().iter().map(|peer| peer.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 14);
    }

    #[test]
    fn what_has_no_rooms_says_so() {
        for peer in peers() {
            let rooms = peer.can("room").is_ok();
            let expected = !["asyncio", "threads"].contains(&peer.name);
            assert_eq!(rooms, expected, "{}", peer.name);
        }
    }
}
