//! Transcripts of IRC, played against a whole server in memory and in virtual time.
//!
//! Each file in `scripts/` is one topic. `scripts/README.md` says how to read and write one.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these are tests"
)]

use std::{collections::BTreeSet, fs, path::PathBuf};

mod cast;
mod message;
mod pattern;
mod script;
mod settings;
mod stage;

use cast::Cut;
use script::Script;

/// How the server and its peers are run: in which order, and over which links.
const RUNS: [(u64, Cut); 4] = [
    (0, Cut::Whole),
    (1, Cut::Whole),
    (2, Cut::Bytes),
    (3, Cut::Anyhow),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/irc/scripts")
}

fn read(name: &str) -> Script {
    let path = folder().join(format!("{name}.irc"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    Script::parse(&text).unwrap_or_else(|wrong| panic!("{name}.irc:{wrong}"))
}

/// Plays the script `name` in each of the [`RUNS`], and tells everything that is not as it is written.
fn play(name: &str) {
    let script = read(name);
    for (seed, cut) in RUNS {
        let wrong = stage::play(&script, seed, cut).wrong;
        if !wrong.is_empty() {
            let all = wrong.iter().map(|wrong| format!("\n{name}.irc:{wrong}"));
            let count = wrong.len();
            let all: String = all.collect();
            panic!("{count} lines are not as in the script (run {seed}):{all}\n");
        }
    }
}

macro_rules! scripts {
    ($($name:ident)*) => {
        const SCRIPTS: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                play(stringify!($name));
            }
        )*
    };
}

scripts! {
    accounts
    away
    bot_mode
    cap
    casemapping
    devices
    echo
    extended_monitor
    flood
    from_line
    full_server
    half_close
    heirs
    hooks
    invite
    join
    join_refused
    kick
    labels
    list
    long
    mode_channel
    mode_lists
    mode_members
    mode_user
    monitor
    monitor_full
    names
    names_long
    nick_reserved
    nicks
    nothing_set
    oper
    oper_devices
    part
    password
    ping
    privmsg
    program
    quit
    registration
    registration_wait
    replaced
    sasl
    sasl_none
    server
    setname
    smuggling
    split
    standard_replies
    statusmsg
    tags
    time
    topic
    unknown
    userhost_ison
    utf8
    wallops_quiet
    welcome
    who
    whois
    whowas
}

/// The page for users says what there is: all of it is in some script, and nothing else.
#[test]
fn the_documentation_is_true() {
    let (mut heard, mut said) = (BTreeSet::new(), BTreeSet::new());
    for name in SCRIPTS {
        let played = stage::play(&read(name), 0, Cut::Whole);
        heard.extend(played.heard);
        said.extend(played.said);
    }
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/irc.md");
    let page = fs::read_to_string(page).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let (mut numerics, mut commands) = (BTreeSet::new(), BTreeSet::new());
    for row in rows {
        let mut cells = row.split(" | ");
        let (what, rest) = (cells.next().unwrap(), cells.collect::<Vec<_>>());
        let is_numeric = what.len() == 3 && what.bytes().all(|byte| byte.is_ascii_digit());
        if is_numeric && rest.get(1).is_some_and(|yes| yes.starts_with("yes")) {
            numerics.insert(what.to_owned());
        }
        let is_here =
            |yes: &&str| yes.starts_with("yes") || yes.starts_with("if there are accounts");
        let words = what.split(", ").map(|word| word.trim_matches('`'));
        let is_command = |word: &str| word.bytes().all(|byte| byte.is_ascii_uppercase());
        if what.starts_with('`') && rest.first().is_some_and(is_here) {
            commands.extend(words.filter(|word| is_command(word)).map(str::to_owned));
        }
    }
    assert!(numerics.len() > 50 && commands.len() > 30);
    heard.retain(|command| command.bytes().all(|byte| byte.is_ascii_digit()));
    let unheard: Vec<_> = numerics.difference(&heard).collect();
    let untold: Vec<_> = heard.difference(&numerics).collect();
    assert!(
        unheard.is_empty() && untold.is_empty(),
        "in no script: {unheard:?}; not in the page: {untold:?}"
    );
    let unsaid: Vec<_> = commands.difference(&said).collect();
    assert!(unsaid.is_empty(), "in no script: {unsaid:?}");
}

/// A script that nobody plays would say whatever it likes.
#[test]
fn every_script_is_played() {
    let files = fs::read_dir(folder()).unwrap();
    let names = files.filter_map(|file| {
        let name = file.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(".irc").map(str::to_owned)
    });
    let played = SCRIPTS.iter().map(|&name| name.to_owned());
    assert_eq!(names.collect::<BTreeSet<_>>(), played.collect());
}

/// All scripts can be read. It tells how much there is.
#[test]
fn every_script_is_well_formed() {
    let steps: usize = SCRIPTS.iter().map(|name| read(name).lines.len()).sum();
    println!("{} scripts, {steps} lines", SCRIPTS.len());
}
