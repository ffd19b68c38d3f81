//! What a process has cost, by the accounts of the system.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::time::ClockId;
use rustix::process::Pid;

use super::{Error, cannot};

/// What a process has cost until some moment. Its children are not in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account {
    /// CPU time of all threads, of those that have ended too: the process's own clock.
    pub(crate) cpu_ns: u64,
    /// In user mode, in ticks of which a second has [`ticks_per_second`]; the system rounds it.
    pub(crate) user_ticks: u64,
    /// The same, in the kernel.
    pub(crate) system_ticks: u64,
    /// How often a thread was switched off the processor, by itself or not: of the threads that are there.
    pub(crate) switches: u64,
    /// What is in memory, exactly: the cheaper figures of the system may be off by megabytes.
    pub(crate) resident_bytes: u64,
    /// Open descriptors, sockets among them.
    pub(crate) descriptors: usize,
    /// CPU time of the threads that are there.
    present_ns: u64,
    threads: BTreeSet<i32>,
}

/// What it cost from one account to another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spent {
    pub(crate) cpu_ns: u64,
    pub(crate) user_ticks: u64,
    pub(crate) system_ticks: u64,
    /// Absent if threads ended: theirs are lost then.
    pub(crate) switches: Option<u64>,
}

impl Account {
    /// Takes some milliseconds for a thousand threads. The clock is read first.
    pub(super) fn of(pid: Pid) -> Result<Self, Error> {
        let directory = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
        let mut account = Self {
            cpu_ns: cpu_clock(pid)?,
            ..Self::default()
        };
        (account.user_ticks, account.system_ticks) = ticks(&directory)?;
        account.add_threads(&directory.join("task"))?;
        account.resident_bytes = resident(&directory)?;
        account.descriptors = entries(&directory.join("fd"))?.count();
        Ok(account)
    }

    /// How many threads there are.
    pub(crate) fn threads(&self) -> usize {
        self.threads.len()
    }

    /// What was spent after `before`, which is an earlier account of the same process.
    pub(crate) fn since(&self, before: &Self) -> Spent {
        Spent {
            cpu_ns: self.cpu_ns.saturating_sub(before.cpu_ns),
            user_ticks: self.user_ticks.saturating_sub(before.user_ticks),
            system_ticks: self.system_ticks.saturating_sub(before.system_ticks),
            switches: (!self.has_lost_threads_since(before))
                .then(|| self.switches.saturating_sub(before.switches)),
        }
    }

    /// Threads that ended are missed in the list, or have left CPU time that nobody there has used. The clock
    /// and the threads are not read in the same moment, so that a little of it means nothing.
    fn has_lost_threads_since(&self, before: &Self) -> bool {
        const MOMENT_NS: u64 = 20_000_000;

        let cpu_ns = self.cpu_ns.saturating_sub(before.cpu_ns);
        let present_ns = self.present_ns.saturating_sub(before.present_ns);
        !self.threads.is_superset(&before.threads)
            || cpu_ns.saturating_sub(present_ns) > MOMENT_NS.max(cpu_ns / 50)
    }

    fn add_threads(&mut self, tasks: &Path) -> Result<(), Error> {
        for task in entries(tasks)? {
            let task = task.map_err(cannot(format!("read {}", tasks.display())))?;
            let path = task.path();
            let (Some(schedule), Some(status)) = (
                read_of_thread(&path.join("schedstat"))?,
                read_of_thread(&path.join("status"))?,
            ) else {
                continue;
            };
            let on_processor = schedule.split_whitespace().next();
            self.present_ns += number(on_processor, &path, "no time in schedstat")?;
            for field in ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"] {
                self.switches += number(value(&status, field), &path, "no switches in status")?;
            }
            let id = task.file_name().to_str().and_then(|name| name.parse().ok());
            self.threads.extend::<Option<i32>>(id);
        }
        Ok(())
    }
}

/// How many ticks a second has, in which user and system time are given.
pub(crate) fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second()
}

/// Nanoseconds, and those of the thread that runs at this moment too.
fn cpu_clock(pid: Pid) -> Result<u64, Error> {
    let what = "read the CPU clock of the process";
    let pid = nix::unistd::Pid::from_raw(pid.as_raw_nonzero().get());
    let time = ClockId::pid_cpu_clock_id(pid)
        .and_then(ClockId::now)
        .map_err(cannot(what))?;
    let nanoseconds = i128::from(time.tv_sec()) * 1_000_000_000 + i128::from(time.tv_nsec());
    u64::try_from(nanoseconds)
        .map_err(|_| cannot(what)(io::Error::from(io::ErrorKind::InvalidData)))
}

/// User and system time of all threads, also of those that have ended.
fn ticks(directory: &Path) -> Result<(u64, u64), Error> {
    let path = directory.join("stat");
    let text = read(&path)?;
    // The name of the program may hold anything, but nothing after it holds a parenthesis.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || number(fields.next(), &path, "it has too few fields");
    Ok((next()?, next()?))
}

fn resident(directory: &Path) -> Result<u64, Error> {
    let path = directory.join("smaps_rollup");
    let text = read(&path)?;
    let kib = value(&text, "Rss:").and_then(|value| value.split_whitespace().next());
    Ok(number(kib, &path, "it has no Rss")? * 1024)
}

fn entries(directory: &Path) -> Result<fs::ReadDir, Error> {
    fs::read_dir(directory).map_err(cannot(format!("read {}", directory.display())))
}

fn value<'a>(text: &'a str, field: &str) -> Option<&'a str> {
    let mut values = text.lines().filter_map(|line| line.strip_prefix(field));
    values.next().map(str::trim)
}

fn number(text: Option<&str>, path: &Path, why: &'static str) -> Result<u64, Error> {
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| Error::Proc {
            path: path.to_owned(),
            why,
        })
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(cannot(format!("read {}", path.display())))
}

/// Nothing, if the thread is gone by now.
fn read_of_thread(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => {
            Ok(None)
        }
        Err(error) => Err(cannot(format!("read {}", path.display()))(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::sync::mpsc;
    use std::thread;

    use super::{Account, ticks_per_second};

    fn own() -> Account {
        Account::of(rustix::process::getpid()).unwrap()
    }

    /// Until this thread has used so much CPU time.
    fn work(nanoseconds: u128) {
        let used = || {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            u128::try_from(time.tv_sec).unwrap() * 1_000_000_000
                + u128::try_from(time.tv_nsec).unwrap()
        };
        let from = used();
        while used() - from < nanoseconds {
            black_box((0..1_000).sum::<u64>());
        }
    }

    // One test, because other tests of this process would be in its accounts too.
    #[test]
    fn threads_that_ended_are_not_lost() {
        let (stop, stopped) = mpsc::sync_channel::<()>(0);
        let stays = thread::spawn(move || {
            work(150_000_000);
            stopped.recv().unwrap_err();
        });
        work(10_000_000);
        let before = own();
        thread::spawn(|| work(300_000_000)).join().unwrap();
        let after = own();

        let spent = after.since(&before);
        assert!(spent.cpu_ns >= 300_000_000, "{spent:?}");
        assert_eq!(
            spent.switches, None,
            "those of the thread that ended are lost"
        );
        assert!(after.cpu_ns - after.present_ns >= 290_000_000, "{after:?}");

        // Two accounts of the system that know nothing of each other.
        let in_ticks = (after.user_ticks + after.system_ticks) * 1_000_000_000 / ticks_per_second();
        assert!(after.cpu_ns.abs_diff(in_ticks) < 100_000_000, "{after:?}");

        drop(stop);
        stays.join().unwrap();
        assert!(after.resident_bytes > 100_000, "{after:?}");
    }
}
