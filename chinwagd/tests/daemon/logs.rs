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

#[cfg(target_os = "linux")]
#[test]
fn a_warning_counts_two_files_for_each_connection_on_threads() {
    let mut command = with_ulimit("ulimit -n 1024");
    command
        .args(["--runtime", "threads", "--max-connections", "1000"])
        .stderr(Stdio::piped());
    let log = Chinwagd::spawn(&mut command, 2).stop_and_read_the_log();
    let said = "max-connections is 1000, but the system allows only 1024 open files and each takes 2; \
                raise that (ulimit -Hn, LimitNOFILE=) to 2192,";
    assert!(log.contains(said), "{log}");
}

on_every_runtime! {
    a_default_that_does_not_fit_is_lowered_without_a_warning
}

fn a_default_that_does_not_fit_is_lowered_without_a_warning(runtime: &str) {
    let mut command = with_ulimit("ulimit -n 512");
    command.args(["--runtime", runtime]).stderr(Stdio::piped());
    let chinwagd = Chinwagd::spawn(&mut command, 2);
    let (fit, takes) = match runtime {
        "threads" if cfg!(target_os = "linux") => (160, " and each takes 2\n"),
        "threads" => (106, " and each takes 3\n"),
        _ => (384, "\n"),
    };
    // As many do get in, and one more is told that there is no room.
    let users: Vec<_> = (0..fit)
        .map(|number| chinwagd.user(&format!("user{number}")))
        .collect();
    assert!(chinwagd.line().hear().starts_with("error,full,"));
    drop(users);

    let log = chinwagd.stop_and_read_the_log();
    let said = format!("max-connections is {fit}, as the system allows 512 open files{takes}");
    assert!(log.contains(&said), "{log}");
    assert!(log.contains(&format!("max_connections={fit}\n")), "{log}");
    let mut warnings = log.lines().filter(|line| line.contains("WARN"));
    assert!(
        warnings.all(|line| line.contains("more are refused")),
        "{log}"
    );
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
