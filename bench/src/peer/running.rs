//! A server that runs: its start, what it costs, its end.

use std::env;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{self, Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal};

use super::plan::{self, Plan, Ready};
use super::wait::{Ending, milliseconds};
use super::{Account, Counting, Dialect, Error, Peer, cannot, launch};

/// How long a start may take, in looks of 5 ms each. Python is the slowest, at some 100 ms.
const LOOKS: u32 = 2_000;

/// How long a server may take to say good-bye, in milliseconds. There is nothing that it would have to save.
const GRACE: i64 = 2_000;

/// Stopped when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) dialect: Dialect,
    /// See [`Peer::backlog`].
    pub(crate) backlog: Option<usize>,
    server: Server,
}

/// The process, and the directory that it works in.
#[derive(Debug)]
struct Server {
    name: &'static str,
    child: Child,
    pid: Pid,
    end: Ending,
    directory: Directory,
    ready: Ready,
}

impl Running {
    pub(super) fn start(peer: &Peer, core: Option<usize>) -> Result<Self, Error> {
        let mut server = Server::spawn(peer, core)?;
        for _ in 0..LOOKS {
            if server.end.comes_within(milliseconds(5))? {
                break;
            }
            let said = server.directory.read("stdout");
            if let Some(address) = server.ready.address(&said) {
                return Ok(Self {
                    address,
                    dialect: peer.dialect,
                    backlog: peer.backlog(),
                    server,
                });
            }
        }
        let end = (server.ended()).unwrap_or_else(|| "it does not say that it listens".to_owned());
        let said = server.directory.read("stdout") + &server.directory.read("stderr");
        Err(Error::Start {
            name: peer.name,
            why: format!("{end}\n{}", said.trim()),
        })
    }

    /// What it has cost until now.
    pub(crate) fn account(&self) -> Result<Account, Error> {
        Account::of(self.server.pid)
    }

    /// Counts its system calls from now on, which slows it down several times over.
    pub(crate) fn count_syscalls(&self) -> Result<Counting, Error> {
        Counting::start(self.server.pid, &self.server.directory.0)
    }

    /// How it ended, if it did, and what it said last.
    pub(crate) fn has_ended(&mut self) -> Option<String> {
        let end = self.server.ended()?;
        let said = self.server.directory.read("stderr");
        let last: Vec<_> = said.lines().rev().take(5).collect();
        let last: Vec<_> = last.into_iter().rev().collect();
        Some(format!("{end}\n{}", last.join("\n")).trim().to_owned())
    }

    pub(crate) fn pid(&self) -> Pid {
        self.server.pid
    }

    /// Sends SIGTERM, and returns at once.
    pub(crate) fn terminate(&self) -> Result<(), Error> {
        rustix::process::kill_process(self.server.pid, Signal::TERM).map_err(cannot("send SIGTERM"))
    }

    /// How it ended, if it did.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        self.server.child.try_wait().ok().flatten()
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        self.server.directory.read("stderr")
    }
}

impl Server {
    fn spawn(peer: &Peer, core: Option<usize>) -> Result<Self, Error> {
        let directory = Directory::make()?;
        let Plan { line, ready } = Plan::of(peer, &directory.0)?;
        let mut command = launch::command(core);
        command.args(line);
        command.current_dir(&directory.0).stdin(Stdio::null());
        command.stdout(directory.file("stdout")?);
        command.stderr(directory.file("stderr")?);
        plan::clean(&mut command);
        let mut child = command
            .spawn()
            .map_err(cannot(format!("start {}", peer.name)))?;

        // From here on the child must not be lost.
        let pid = Pid::from_child(&child);
        match Ending::of(pid) {
            Ok(end) => Ok(Self {
                name: peer.name,
                child,
                pid,
                end,
                directory,
                ready,
            }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    fn ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(format!("it ended with {status}")),
            Err(error) => Some(format!("it cannot be waited for: {error}")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // As long as it was not waited for, the pid is its own.
        if self.ended().is_some() {
            return;
        }
        let asked = rustix::process::kill_process(self.pid, Signal::TERM);
        if asked.is_err() || !matches!(self.end.comes_within(milliseconds(GRACE)), Ok(true)) {
            let _ = self.child.kill();
        }
        if let Err(error) = self.child.wait() {
            eprintln!("{} may not have ended: {error}", self.name);
        }
    }
}

/// A directory of its own for each server, gone with it.
#[derive(Debug)]
struct Directory(PathBuf);

impl Directory {
    fn make() -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);

        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("chinwag-bench-{}-{count}", process::id()));
        fs::create_dir(&path).map_err(cannot(format!("make {}", path.display())))?;
        Ok(Self(path))
    }

    fn file(&self, name: &str) -> Result<File, Error> {
        let path = self.0.join(name);
        File::create(&path).map_err(cannot(format!("write {}", path.display())))
    }

    /// What cannot be read says nothing.
    fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.0.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
