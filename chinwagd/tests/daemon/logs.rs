//! What it logs, and that nobody has to read it.

use std::{
    fs,
    io::{BufRead, Read},
    process::{Command, Stdio},
};

use crate::process::{ANYWHERE, Chinwagd, command};

#[test]
fn a_log_that_nobody_reads_stalls_nobody() {
    let mut command = command(&ANYWHERE);
    command.env("RUST_LOG", "trace").stderr(Stdio::piped());
    let mut chinwagd = Chinwagd::spawn(&mut command, 2);
    fill_the_log(&chinwagd);
    for number in 0..3000 {
        chinwagd.user(&format!("user{number}"));
    }

    // Who reads at last learns that there is a gap.
    let mut log = chinwagd.stderr().lines().map(Result::unwrap);
    assert!(log.any(|line| line.contains(" log lines were dropped here")));

    // It is full again when the signal comes, and still not in the way.
    fill_the_log(&chinwagd);
    chinwagd.signal("TERM");
    assert_eq!(chinwagd.exit_code(), Some(0));
}

/// Makes it log more than may wait, which is a megabyte. What a peer says is logged only so often, but
/// that it comes and goes always is, with its name.
fn fill_the_log(chinwagd: &Chinwagd) {
    let name = "x".repeat(32);
    for _ in 0..4500 {
        let mut user = chinwagd.user(&name);
        assert_eq!(user.ask("quit"), "bye");
        user.hears_the_end();
    }
}

#[test]
fn the_last_lines_are_written_and_without_colours() {
    for (level, lines) in [(None, true), (Some("info"), true), (Some("off"), false)] {
        let mut command = command(&ANYWHERE);
        command
            .args(["--max-connections", "1"])
            .stderr(Stdio::piped());
        command.envs(level.map(|level| ("RUST_LOG", level)));
        let mut chinwagd = Chinwagd::spawn(&mut command, 2);
        chinwagd.signal("TERM");
        assert_eq!(chinwagd.exit_code(), Some(0));
        let mut log = String::new();
        chinwagd.stderr().read_to_string(&mut log).unwrap();
        assert_eq!(log.contains(" is up "), lines, "{log}");
        assert_eq!(log.contains("SIGTERM: shutting down"), lines, "{log}");
        assert_eq!(log.ends_with("stopped\n"), lines, "{log}");
        assert!(!log.contains('\x1b'), "{log}");
        assert!(lines || log.is_empty(), "{log}");
    }
}

#[test]
fn a_warning_says_how_many_files_are_too_few() {
    let mut command = with_ulimit("ulimit -n 256");
    command
        .args(["--max-connections", "1000"])
        .stderr(Stdio::piped());
    let mut chinwagd = Chinwagd::spawn(&mut command, 2);
    chinwagd.signal("INT");
    assert_eq!(chinwagd.exit_code(), Some(0));
    let mut log = chinwagd.stderr().lines().map(Result::unwrap);
    let warning = log.find(|line| line.contains("WARN")).unwrap();
    assert!(warning.contains("max-connections is 1000"), "{warning}");
    assert!(warning.contains("only 256 open files"), "{warning}");
}

#[test]
fn a_default_that_does_not_fit_is_lowered_without_a_warning() {
    let mut command = with_ulimit("ulimit -n 256");
    command.stderr(Stdio::piped());
    let mut chinwagd = Chinwagd::spawn(&mut command, 2);
    chinwagd.signal("INT");
    assert_eq!(chinwagd.exit_code(), Some(0));
    let mut log = String::new();
    chinwagd.stderr().read_to_string(&mut log).unwrap();
    let said = "max-connections is 128, as the system allows 256 open files";
    assert!(log.contains(said), "{log}");
    assert!(log.contains("max_connections=128"), "{log}");
    assert!(!log.contains("WARN"), "{log}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_soft_limit_of_open_files_becomes_the_hard_one() {
    let chinwagd = Chinwagd::spawn(&mut with_ulimit("ulimit -Sn 64; ulimit -Hn 512"), 2);
    let limits = fs::read_to_string(format!("/proc/{}/limits", chinwagd.id())).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let files: Vec<_> = files.split_whitespace().collect();
    assert_eq!(files[3..5], ["512", "512"]);
}

/// chinwagd, started by a shell that sets limits first.
fn with_ulimit(ulimit: &str) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{ulimit}; exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_chinwagd"))
        .args(ANYWHERE)
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    shell
}
