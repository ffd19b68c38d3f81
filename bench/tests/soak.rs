//! A soak of a few seconds against chinwagd, as `chinwag-bench soak` does it for hours.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::{fs, path::Path, process::Command};

fn soak(runtime: &str, out: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_chinwag-bench"))
        .args(["soak", "--no-build", "--runtime", runtime])
        .args(["--for", "2s", "--checkpoints", "2", "--users", "200"])
        .args(["--sample", "200ms", "--seed", "7", "--out"])
        .arg(out)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text.into_owned())
}

/// chinwagd is beside this program if the whole workspace is tested. So short a soak says nothing of memory.
fn finds_that_all_is_well(runtime: &str) {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("soak");
    let (success, text) = soak(runtime, &out);
    if text.contains("there is no program `chinwagd`") {
        return;
    }
    assert!(success, "{text}");
    for line in [
        "memory       not judged",
        "descriptors  good",
        "threads      good",
        "promises     good",
        "SIGTERM      good",
    ] {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
    let verdict = "\nverdict: good so far, not judged: memory\n";
    assert!(text.contains(verdict), "{text}");
    assert!(!text.contains(" 0 stuck readers put out"), "{text}");

    let results = fs::read_to_string(out.join(format!("soak-{runtime}.jsonl"))).unwrap();
    let count = |kind: &str| results.matches(&format!("{{\"kind\":\"{kind}\"")).count();
    assert_eq!(
        (count("machine"), count("checkpoint"), count("finding")),
        (1, 2, 5)
    );
    assert!(count("sample") > 4, "{results}");
    let plot = fs::read_to_string(out.join(format!("soak-{runtime}.svg"))).unwrap();
    assert!(
        plot.contains("Resident memory") && plot.contains("<polyline"),
        "{plot}"
    );
}

#[test]
fn on_tokio() {
    finds_that_all_is_well("tokio");
}

#[test]
fn on_smol() {
    finds_that_all_is_well("smol");
}

#[test]
fn on_async_std() {
    finds_that_all_is_well("async-std");
}

#[test]
fn on_threads() {
    finds_that_all_is_well("threads");
}

#[test]
fn a_time_that_is_none_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_chinwag-bench"))
        .args(["soak", "--for", "long"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}
