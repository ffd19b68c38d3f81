//! A running server, and files for it.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{self, Child, ChildStderr, ChildStdout, Command, Output, Stdio},
    sync::mpsc::{self, RecvTimeoutError, SyncSender},
    thread,
    time::Duration,
};

use crate::peer::Peer;

/// What a process may take at most. A broken one is killed then, and its test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Both wires, on any free port.
pub(crate) const ANYWHERE: [&str; 4] = [
    "--listen",
    "line://127.0.0.1:0",
    "--listen",
    "seed://127.0.0.1:0",
];

pub(crate) const RUNTIMES: [&str; 4] = ["tokio", "async-std", "smol", "threads"];

/// chinwagd with nothing in its environment, and with nobody to read its log.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chinwagd"));
    command
        .args(args)
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// A process that listens, until it is dropped.
pub(crate) struct Chinwagd {
    child: Child,
    stdout: BufReader<ChildStdout>,
    endpoints: Vec<String>,
    _watchdog: SyncSender<()>,
}

impl Chinwagd {
    /// Starts it on [`ANYWHERE`] and waits until it accepts.
    pub(crate) fn start(args: &[&str]) -> Self {
        let args = [&ANYWHERE, args].concat();
        Self::spawn(&mut command(&args), 2)
    }

    /// Starts it like [`start`](Self::start), on this runtime.
    pub(crate) fn start_on(runtime: &str, args: &[&str]) -> Self {
        Self::start(&[&["--runtime", runtime], args].concat())
    }

    /// Starts it and waits until it accepts on so many `endpoints`.
    pub(crate) fn spawn(command: &mut Command, endpoints: usize) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let watchdog = watch(child.id());
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let endpoints = (0..endpoints)
            .map(|_| {
                let mut line = String::new();
                stdout.read_line(&mut line).unwrap();
                let endpoint = line
                    .strip_prefix("listening ")
                    .and_then(|line| line.strip_suffix('\n'));
                endpoint
                    .unwrap_or_else(|| panic!("it says {line:?}"))
                    .to_owned()
            })
            .collect();
        Self {
            child,
            stdout,
            endpoints,
            _watchdog: watchdog,
        }
    }

    /// What it says where it listens, in the order in which it says so.
    pub(crate) fn endpoints(&self) -> &[String] {
        &self.endpoints
    }

    /// `HOST:PORT` of its only listener for `scheme`.
    pub(crate) fn address(&self, scheme: &str) -> &str {
        let mut addresses = self.endpoints.iter().filter_map(|endpoint| {
            endpoint
                .strip_prefix(scheme)
                .and_then(|rest| rest.strip_prefix("://"))
        });
        addresses.next().unwrap()
    }

    /// A new connection to the `line` listener.
    pub(crate) fn line(&self) -> Peer<TcpStream> {
        Peer::tcp(self.address("line"))
    }

    /// A new connection to the `line` listener, by the name of `name`.
    pub(crate) fn user(&self, name: &str) -> Peer<TcpStream> {
        let mut peer = self.line();
        assert_eq!(peer.ask(&format!("register,{name}")), "ack");
        peer
    }

    /// What the tests of IRC start it like: with a listener for `irc` besides.
    pub(crate) fn start_with_irc(args: &[&str]) -> Self {
        let args = [&ANYWHERE[..], &["--listen", "irc://127.0.0.1:0"], args].concat();
        Self::spawn(&mut command(&args), 3)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its stderr, if that is a pipe.
    pub(crate) fn stderr(&mut self) -> BufReader<ChildStderr> {
        BufReader::new(self.child.stderr.take().unwrap())
    }

    /// Sends the signal, like `TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        kill(signal, self.child.id());
    }

    /// Ends it with a signal, and returns what it has logged, if that is a pipe.
    pub(crate) fn stop_and_read_the_log(mut self) -> String {
        self.signal("TERM");
        let mut log = String::new();
        self.stderr().read_to_string(&mut log).unwrap();
        assert_eq!(self.exit_code(), Some(0));
        log
    }

    /// Waits for its end and returns its exit code; it may have said nothing more on stdout.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        self.child.wait().unwrap().code()
    }
}

impl Drop for Chinwagd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command that should end by itself.
pub(crate) fn output(command: &mut Command) -> Output {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _watchdog = watch(child.id());
    child.wait_with_output().unwrap()
}

/// Runs a command that reads this and should end by itself.
pub(crate) fn output_for(command: &mut Command, input: &str) -> Output {
    let (stdin, mut writer) = io::pipe().unwrap();
    writer.write_all(input.as_bytes()).unwrap();
    drop(writer);
    output(command.stdin(stdin))
}

/// Kills the process when it takes too long, unless the returned end is dropped before.
fn watch(process: u32) -> SyncSender<()> {
    let (alive, watched) = mpsc::sync_channel::<()>(0);
    thread::spawn(move || {
        if watched.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            kill("KILL", process);
        }
    });
    alive
}

fn kill(signal: &str, process: u32) {
    let status = Command::new("kill")
        .args([format!("-{signal}"), process.to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// A folder that is gone with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// `test` must be of this test only. It is short, because a socket's path has to be.
    pub(crate) fn new(test: &str) -> Self {
        let path = env::temp_dir().join(format!("chinwagd-{}-{test}", process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file there.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        text_of(&path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn text_of(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
