//! A whole chat under a simulated storm, and a model beside it that knows what may be seen of it.
//!
//! The hub, the server, its connections on all wires and their tasks are the real ones. Around them the runtime has virtual
//! time, the network is in memory, and a seed decides everything: how many clients there are, what they ask for,
//! what the links do to their bytes, who stops reading, breaks, vanishes or sends nonsense, what the program's
//! hooks do, when the server is replaced. After every step, and for every line that any client reads, it is
//! checked that
//!
//! - each line is one that the protocol has, and each answer or error is one that the request may get that is next in
//!   order;
//! - nobody hears anything of a room that they are not in, who comes was not there, who goes was, and whoever asks
//!   gets the members that they have been told of;
//! - a message is heard as it was said, under a name of whoever said it, by those it is for, and once;
//! - all members of a room hear one order, nobody hears an answer before what it answers, and whatever is missing
//!   was announced, there and nowhere else;
//! - what takes a role is done by those who have it, and all members are told of it first;
//! - the numbers of messages that the program sees have no gaps;
//! - nobody is closed without a word who did nothing for it, and nobody for being slow who always reads;
//! - what waits is within its bounds, and so is how many there are of each thing.
//!
//! When the storm is over, everything must go on: each request is answered, who is there, with which role, and the
//! topic are what the hub says, what is said now is heard, what was counted is what was heard. When all have gone,
//! nothing may be left: no task, timer, connection, name, room or byte, and every name can be had again.
//!
//! One seed is one run, bit for bit.

mod act;
mod book;
mod bot;
mod calm;
mod client;
mod hooks;
mod irc;
mod line;
mod order;
mod plan;
mod request;
mod seed;
mod stage;
mod stay;
mod witness;
mod world;

use std::{
    any::Any,
    collections::BTreeMap,
    fmt,
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::Once,
    time::Duration,
};

use stage::Stage;

use crate::runtime::VirtualRuntime;

/// What one run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many lines were read by all clients, each of which was checked.
    pub lines: u64,
    /// How many polls of tasks there were.
    pub polls: u64,
    /// How much virtual time has passed.
    pub time: Duration,
    /// A hash of every line, who read it and when: two runs with the same are the same.
    pub hash: u64,
    /// How often each thing was done, or happened.
    pub counts: BTreeMap<&'static str, u64>,
}

/// Something that must not be.
#[derive(Debug)]
pub struct Failure {
    seed: u64,
    steps: usize,
    wrong: String,
    /// What was done and heard, if that was asked for.
    pub trace: Vec<String>,
}

impl Failure {
    /// That of a seed which does not end.
    pub fn endless(seed: u64, steps: usize) -> Self {
        Self {
            seed,
            steps,
            wrong: "it does not end".to_owned(),
            trace: Vec::new(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed, steps, wrong, ..
        } = self;
        write!(
            f,
            "seed {seed}: {wrong}\nto see it again: cargo run --release -p chinwag-testkit --bin simulate -- --seed {seed} --steps {steps} --trace"
        )
    }
}

impl std::error::Error for Failure {}

/// Runs the chat of `seed` for `steps` steps of its storm, and then until nobody is left. With `trace`, a failure
/// comes with everything that was done and heard.
///
/// # Errors
///
/// The first thing that was not as it must be.
pub fn run(seed: u64, steps: usize, trace: bool) -> Result<Report, Failure> {
    hush();
    let rt = VirtualRuntime::new(seed);
    let mut stage = Stage::new(rt.clone(), seed, trace);
    let outcome = catch_unwind(AssertUnwindSafe(|| rt.block_on(stage.play(steps))));
    let outcome = outcome.unwrap_or_else(|panicked| {
        let text = said(&*panicked).unwrap_or("without a text");
        Err(format!("a panic: {text}"))
    });
    let mut world = stage.world();
    match outcome {
        Ok(()) => Ok(Report {
            lines: world.lines,
            polls: rt.polls(),
            time: rt.elapsed(),
            hash: world.hash(),
            counts: std::mem::take(&mut world.counts),
        }),
        Err(wrong) => Err(Failure {
            seed,
            steps,
            wrong,
            trace: world.trace.take().unwrap_or_default(),
        }),
    }
}

/// The text of a panic.
fn said(panicked: &(dyn Any + Send)) -> Option<&str> {
    let text = panicked.downcast_ref::<String>().map(String::as_str);
    text.or(panicked.downcast_ref::<&str>().copied())
}

/// Lets panics on purpose pass without a word.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if said(info.payload()) != Some(hooks::ON_PURPOSE) {
                before(info);
            }
        }));
    });
}
