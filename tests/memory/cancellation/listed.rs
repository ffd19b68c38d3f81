//! Each public future has a row with the test that drops it, and documentation that says what that leaves.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const BY_HUB: &str = "tests/memory/cancellation/hub.rs";
const BY_REQUESTS: &str = "tests/memory/cancellation/requests.rs";
const BY_SERVER: &str = "tests/memory/cancellation/server.rs";
/// These run on each runtime.
const BY_CASES: &str = "testkit/src/conformance/cases.rs";
const BY_SOCKETS: &str = "testkit/src/conformance/sockets.rs";
const BY_TIMERS: &str = "testkit/src/conformance/timers.rs";

/// In which file futures are, what they are called, and the test that drops them. Requests of a client are not here:
/// those have a list of their own.
#[rustfmt::skip]
const FUTURES: &[(&str, &[&str], &str, &str)] = &[
    ("chat-core/src/client.rs", &["Inbox", "next"], BY_REQUESTS, "a_dropped_wait_for_an_event_loses_none"),
    ("chat-core/src/hub/local.rs", &["LocalUser"], BY_HUB, "a_dropped_wait_for_an_event_loses_none"),
    ("chat-core/src/hub/local.rs", &["ready"], BY_HUB, "a_dropped_wait_changes_nothing"),
    ("chat-core/src/hub/local.rs", &["when_ready"], BY_HUB, "a_dropped_act_was_never_done"),
    ("chat-core/src/hub/room_handle.rs", &["publish_when_ready"], BY_HUB, "a_dropped_publish_was_never_made"),
    ("chat-core/src/net.rs", &["accept"], BY_CASES, "a_dropped_accept_loses_nobody"),
    ("chat-core/src/server.rs", &["run", "run_until"], BY_SERVER, "nothing_is_left_of_a_dropped_server"),
    ("chat-core/src/sockets/mod.rs", &["accept_tcp", "accept_unix"], BY_CASES, "a_dropped_accept_loses_nobody"),
    // There are two of this name: that of a network, and the one that makes a client of it.
    ("chat-core/src/sockets/mod.rs", &["connect", "connect_tcp", "connect_unix", "connect_unix"], BY_SOCKETS, "a_dropped_connect_leaves_nothing"),
    ("chat-core/src/sockets/tcp.rs", &["bind", "bind_shared"], BY_SOCKETS, "a_dropped_bind_leaves_the_address_free"),
    // These are no more than those of the core, on one runtime.
    ("transport-async-std/src/lib.rs", &["connect", "connect_unix"], BY_SOCKETS, "a_dropped_connect_leaves_nothing"),
    ("transport-smol/src/lib.rs", &["connect", "connect_unix"], BY_SOCKETS, "a_dropped_connect_leaves_nothing"),
    ("transport-smol/src/runtime.rs", &["SmolSleep"], BY_TIMERS, "a_dropped_sleep_leaves_nothing"),
    ("transport-threads/src/lib.rs", &["connect", "connect_unix"], BY_SOCKETS, "a_dropped_connect_leaves_nothing"),
    ("transport-threads/src/reactor.rs", &["ThreadSleep"], BY_TIMERS, "a_dropped_sleep_leaves_nothing"),
    ("transport-tokio/src/lib.rs", &["connect", "connect_unix"], BY_SOCKETS, "a_dropped_connect_leaves_nothing"),
    ("transport-tokio/src/runtime.rs", &["TokioSleep"], BY_TIMERS, "a_dropped_sleep_leaves_nothing"),
];

/// One that has no row would never be dropped; and its documentation says under *Cancellation* what that leaves.
#[test]
fn every_public_future_is_listed_and_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("transport-") || ["chat-core", "wire-irc"].contains(&name) {
            sources_in(&path.join("src"), &mut files);
        }
    }
    sources_in(&root.join("src"), &mut files);
    let mut found = Vec::new();
    for path in files {
        let file = path.strip_prefix(root).unwrap().to_str().unwrap();
        let file = &file.replace('\\', "/");
        for (future, says) in futures_in(&fs::read_to_string(&path).unwrap()) {
            assert!(
                says,
                "{file}: {future} does not say what dropping it leaves"
            );
            if file != "chat-core/src/client/requests.rs" {
                found.push(format!("{file}: {future}"));
            }
        }
    }
    found.sort();
    let rows = FUTURES.iter();
    let listed =
        rows.flat_map(|(file, futures, ..)| futures.iter().map(move |it| format!("{file}: {it}")));
    let mut listed: Vec<_> = listed.collect();
    listed.sort();
    assert_eq!(found, listed);
    for (.., file, test) in FUTURES {
        let source = fs::read_to_string(root.join(file)).unwrap();
        let is_there = ["(", "<"]
            .iter()
            .any(|next| source.contains(&format!("fn {test}{next}")));
        assert!(is_there, "{file} has no {test}");
    }
}

/// The sources below `directory`, without tests.
fn sources_in(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if ["models", "fuzzing", "tests"].contains(&name) {
            continue;
        }
        match path.is_dir() {
            true => sources_in(&path, files),
            false => files.push(path),
        }
    }
}

/// What is async, or returns a future, and the types that are futures or streams themselves; and whether the
/// documentation of each says what dropping it leaves.
fn futures_in(source: &str) -> Vec<(String, bool)> {
    let mut futures = Vec::new();
    let mut types = BTreeMap::new();
    let mut function = None;
    let mut says = false;
    for line in source.lines() {
        let code = line.trim_start();
        if code.starts_with("///") || code.starts_with("#[") {
            says |= code == "/// # Cancellation";
            continue;
        }
        if let Some(rest) = code.strip_prefix("pub struct ") {
            types.insert(name_at(rest), says);
        }
        if let Some(rest) = code.strip_prefix("pub async fn ") {
            futures.push((name_at(rest), says));
        }
        // What a public trait has is public without a word.
        let is_public = !code.starts_with("pub(");
        if let Some((before, rest)) = code.split_once("fn ")
            && (before.is_empty() || before.starts_with("pub"))
        {
            function = is_public.then(|| (name_at(rest), says));
        }
        if code.contains("-> impl Future") || code.contains("-> impl Stream") {
            futures.extend(function.take());
        }
        if line.starts_with("impl")
            && let Some((before, rest)) = line.split_once(" for ")
            && (before.ends_with("Future") || before.ends_with("Stream"))
        {
            let name = name_at(rest);
            futures.extend(types.get(&name).map(|says| (name, *says)));
        }
        says = false;
    }
    futures
}

/// The name that `code` begins with.
fn name_at(code: &str) -> String {
    let is_name = |char: &char| char.is_alphanumeric() || *char == '_';
    code.chars().take_while(is_name).collect()
}
