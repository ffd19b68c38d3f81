//! Counts the system calls of a process with strace, which slows it down several times over.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;

use rustix::process::{Pid, Signal};

use super::wait::{Ending, milliseconds};
use super::{Error, cannot, launch};

/// How long strace may take to attach, in looks of 5 ms each. A thousand threads take a fraction of a second.
const LOOKS: u32 = 2_000;

/// System calls that are being counted, until this is stopped or dropped.
#[derive(Debug)]
pub(crate) struct Counting {
    strace: Child,
    summary: PathBuf,
}

impl Counting {
    /// Returns when all threads are being watched; those that start later will be too.
    pub(super) fn start(pid: Pid, directory: &Path) -> Result<Self, Error> {
        available()?;
        let summary = directory.join("syscalls");
        let complaints = directory.join("strace");
        let watched = pid.as_raw_nonzero().to_string();
        // Whatever it has to say goes to a file: a pipe would fill up where threads come and go.
        let strace = launch::command(None)
            .args([
                "strace",
                "-c",
                "-f",
                "-U",
                "calls,name",
                "-p",
                &watched,
                "-o",
            ])
            .arg(&summary)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&complaints).map_err(cannot("write what strace says"))?)
            .spawn()
            .map_err(cannot("start strace"))?;

        let tracer = Pid::from_child(&strace);
        let counting = Self { strace, summary };
        let end = Ending::of(tracer)?;
        for _ in 0..LOOKS {
            if end.comes_within(milliseconds(5))? {
                break;
            }
            if traces_all(tracer, pid)? {
                return Ok(counting);
            }
        }
        let said = fs::read_to_string(&complaints).unwrap_or_default();
        Err(Error::NotCounted(said.trim().to_owned()))
    }

    /// How many there were.
    pub(crate) fn stop(mut self) -> Result<u64, Error> {
        let pid = Pid::from_child(&self.strace);
        rustix::process::kill_process(pid, Signal::INT).map_err(cannot("stop strace"))?;
        // It lets go of all that it watches before it ends.
        self.strace.wait().map_err(cannot("stop strace"))?;
        let summary =
            fs::read_to_string(&self.summary).map_err(cannot("read what strace counted"))?;
        total(&summary).ok_or_else(|| Error::NotCounted(format!("strace says {summary:?}")))
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        // What a tracer has watched runs on when it is killed.
        if matches!(self.strace.try_wait(), Ok(None)) {
            let _ = self.strace.kill();
            let _ = self.strace.wait();
        }
    }
}

/// Whether every thread there is, is watched.
fn traces_all(tracer: Pid, pid: Pid) -> Result<bool, Error> {
    let tasks = PathBuf::from(format!("/proc/{}/task", pid.as_raw_nonzero()));
    let traced = format!("TracerPid:\t{}", tracer.as_raw_nonzero());
    let list = fs::read_dir(&tasks).map_err(cannot(format!("read {}", tasks.display())))?;
    Ok(list.flatten().all(|task| {
        // A thread that is gone needs no watching.
        fs::read_to_string(task.path().join("status"))
            .map_or(true, |status| status.lines().any(|line| line == traced))
    }))
}

/// That there is no strace is said once, not for every measurement.
fn available() -> Result<(), Error> {
    static SAY: Once = Once::new();

    let version = Command::new("strace")
        .arg("-V")
        .stdin(Stdio::null())
        .output();
    let Err(error) = version else {
        return Ok(());
    };
    SAY.call_once(|| {
        eprintln!("no system calls will be counted: strace cannot be run ({error}); bench/peers/install installs it");
    });
    Err(Error::NotCounted(format!("strace cannot be run: {error}")))
}

/// The last line of the table is `123 total`; with nothing to count there is none.
fn total(summary: &str) -> Option<u64> {
    if summary.trim().is_empty() {
        return Some(0);
    }
    summary.lines().rev().find_map(|line| {
        let (calls, name) = line.trim().split_once(' ')?;
        (name.trim() == "total").then(|| calls.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn the_total_of_a_summary() {
        let summary = "\
    calls syscall
--------- ----------------
     1024 sendto
        3 epoll_wait
--------- ----------------
     1027 total
";
        assert_eq!(total(summary), Some(1027));
        assert_eq!(total(""), Some(0));
        assert_eq!(total("strace: something else"), None);
    }
}
