//! Where and when a run is made.

use std::{
    env, fs,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{peer::Found, record::Machine};

/// What there is to say of this machine, and of the peers that are here.
pub(crate) fn describe(found: &[Found], rounds: usize) -> Machine {
    let peers = found.iter().filter_map(|found| {
        let version = found.state.as_ref().ok()?;
        Some((found.peer.name.to_owned(), version.clone()))
    });
    Machine {
        date: today(),
        commit: commit(),
        processor: value_of("/proc/cpuinfo", "model name"),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        memory_bytes: memory("MemTotal"),
        kernel: line_of("uname", &["-sr"]),
        rustc: line_of("rustc", &["--version"]),
        rounds,
        peers: peers.collect(),
        arguments: env::args().skip(1).collect(),
    }
}

fn today() -> String {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    date(since.as_secs() / 86_400)
}

/// The date of a day, counted from 1970-01-01.
fn date(days: u64) -> String {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let (mut year, mut day) = (1970, days);
    while day >= 365 + u64::from(is_leap(year)) {
        day -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [
        31,
        28 + u64::from(is_leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let mut month = 0;
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    format!("{year}-{:02}-{:02}", month + 1, day + 1)
}

fn commit() -> String {
    let dirty = if line_of("git", &["status", "--porcelain"]).is_empty() {
        ""
    } else {
        "-dirty"
    };
    line_of("git", &["rev-parse", "--short", "HEAD"]) + dirty
}

/// How many connections there is memory for, if each costs as much as the dearest do, with both of its ends.
pub(super) fn most_connections() -> usize {
    const EACH: u64 = 64 * 1_024;
    usize::try_from(memory("MemAvailable") / EACH).unwrap_or(usize::MAX)
}

fn memory(which: &str) -> u64 {
    let text = value_of("/proc/meminfo", which);
    let kibibytes = text
        .split(' ')
        .next()
        .and_then(|number| number.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1_024
}

/// What stands behind the colon in the first line that begins so. What cannot be found out is empty.
fn value_of(path: &str, key: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text
        .lines()
        .find(|line| line.starts_with(key))
        .unwrap_or_default();
    line.split_once(':')
        .map_or("", |(_, value)| value.trim())
        .to_owned()
}

/// The first line that a program writes. Of one that cannot be run it is empty.
fn line_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn days_have_dates() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(59), "1970-03-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(20_780), "2026-11-23");
    }
}
