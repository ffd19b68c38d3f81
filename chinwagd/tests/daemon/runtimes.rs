//! What it runs on: which runtime, and with how many threads.

#[cfg(target_os = "linux")]
use std::fs;
use std::process::{Command, Stdio};

use crate::process::{ANYWHERE, Chinwagd, Folder, RUNTIMES, command};

on_every_runtime! {
    the_log_says_which_runtime_it_is
}

fn the_log_says_which_runtime_it_is(runtime: &str) {
    let log = log_of(&mut command(&["--runtime", runtime, "--threads", "3"]));
    let up = line_with(&log, " is up ");
    assert!(up.contains(&format!(" runtime={runtime} ")), "{up}");
    // Where each connection has a thread, a number of them would be a lie.
    let has_workers = runtime != "threads";
    assert_eq!(up.contains(" threads=3 "), has_workers, "{up}");
    assert_eq!(up.contains(" threads="), has_workers, "{up}");
    let warning = "threads is 3, which has no effect";
    assert_eq!(log.contains(warning), !has_workers, "{log}");
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let folder = Folder::new("runtime");
    let file = folder.file("c.toml", "runtime = 'threads'");
    let from = |flags: &[&str], variable: Option<&str>| {
        let mut command = command(flags);
        command.envs(variable.map(|runtime| ("CHINWAG_RUNTIME", runtime)));
        let log = log_of(&mut command);
        let up = line_with(&log, " is up ");
        let (_, runtime) = up.split_once(" runtime=").unwrap();
        runtime.split(' ').next().unwrap().to_owned()
    };
    assert_eq!(from(&[], None), "tokio");
    assert_eq!(from(&["--config", &file], None), "threads");
    assert_eq!(from(&["--config", &file], Some("smol")), "smol");
    let flags = ["--config", &file, "--runtime", "async-std"];
    assert_eq!(from(&flags, Some("smol")), "async-std");
    // A flag may also say what the default is.
    let flags = ["--config", &file, "--runtime=tokio"];
    assert_eq!(from(&flags, Some("smol")), "tokio");
}

#[test]
fn threads_that_nobody_asked_for_are_no_reason_to_warn() {
    let log = log_of(&mut command(&["--runtime", "threads"]));
    assert!(!log.contains("WARN"), "{log}");
}

#[cfg(target_os = "linux")]
#[test]
fn it_has_as_many_threads_as_it_is_told() {
    for runtime in RUNTIMES {
        let threads = |number| {
            let chinwagd = Chinwagd::start_on(runtime, &["--threads", number]);
            let _ada = chinwagd.user("ada");
            threads_of(&chinwagd)
        };
        let more = if runtime == "threads" { 0 } else { 4 };
        assert_eq!(threads("6"), threads("2") + more, "{runtime}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn on_threads_each_connection_has_one() {
    for runtime in RUNTIMES {
        let chinwagd = Chinwagd::start_on(runtime, &[]);
        let _ada = chinwagd.user("ada");
        let before = threads_of(&chinwagd);
        let _bob = chinwagd.user("bob");
        let _cid = chinwagd.user("cid");
        let more = if runtime == "threads" { 2 } else { 0 };
        assert_eq!(threads_of(&chinwagd), before + more, "{runtime}");
    }
}

#[cfg(target_os = "linux")]
fn threads_of(chinwagd: &Chinwagd) -> usize {
    let threads = fs::read_dir(format!("/proc/{}/task", chinwagd.id()));
    threads.unwrap().count()
}

/// Starts it, ends it, and returns what it has logged.
fn log_of(command: &mut Command) -> String {
    command.args(ANYWHERE).stderr(Stdio::piped());
    Chinwagd::spawn(command, 2).stop_and_read_the_log()
}

fn line_with<'a>(log: &'a str, part: &str) -> &'a str {
    let mut lines = log.lines();
    lines.find(|line| line.contains(part)).unwrap()
}
