//! Simulates chats, one for each seed, and checks everything that anybody sees of them.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    num::NonZeroUsize,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use chinwag_testkit::simulation;
use clap::Parser;

/// Simulate whole chats in virtual time: each seed is one chat, with its users, its network and its faults, and
/// everything that anybody sees of it is checked
#[derive(Parser)]
#[command(after_help = "Examples:\n  \
    cargo run --release -p chinwag-testkit --bin simulate -- --seeds 10000\n  \
    cargo run --release -p chinwag-testkit --bin simulate -- --seed 17 --trace\n\n\
    The exit code is 1 if anything was wrong; it then says how to see it again.")]
struct Arguments {
    /// How many seeds
    #[arg(long, default_value_t = 1000, conflicts_with = "seed")]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0, conflicts_with = "seed")]
    from: u64,
    /// This seed only
    #[arg(long)]
    seed: Option<u64>,
    /// How many steps the storm of each has
    #[arg(long, default_value_t = 400)]
    steps: usize,
    /// Print what was done and heard in a chat that failed
    #[arg(long)]
    trace: bool,
    /// Go on after a failure
    #[arg(long)]
    keep_going: bool,
}

/// What all chats came to so far.
#[derive(Default)]
struct Total {
    seeds: u64,
    lines: u64,
    polls: u64,
    time: Duration,
    hash: u64,
    counts: BTreeMap<&'static str, u64>,
    failures: u64,
}

/// A seed that takes longer than this for each 400 steps never ends; most take some milliseconds.
const LONGEST: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seeds = match arguments.seed {
        Some(seed) => seed..seed + 1,
        None => arguments.from..arguments.from + arguments.seeds,
    };
    let next = AtomicU64::new(seeds.start);
    let stop = AtomicBool::new(false);
    let total = Mutex::new(Total::default());
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let running: Vec<_> = (0..threads).map(|_| Mutex::new(None)).collect();
    let (ends, end) = mpsc::sync_channel::<()>(0);
    thread::scope(|scope| {
        for running in &running {
            let ends = ends.clone();
            let (next, stop, total) = (&next, &stop, &total);
            let (seeds, arguments) = (&seeds, &arguments);
            scope.spawn(move || {
                let _ends = ends;
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    note(running, Some(seed));
                    let outcome = simulation::run(seed, arguments.steps, arguments.trace);
                    note(running, None);
                    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                    if total.add(outcome) && !arguments.keep_going {
                        stop.store(true, Ordering::Relaxed);
                    }
                    total.progress(seeds.end - seeds.start);
                }
            });
        }
        drop(ends);
        while end.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
            give_up_if_endless(&running, arguments.steps);
        }
    });
    let total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    total.print(arguments.steps);
    match total.failures {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Which seed a thread runs, and since when.
type Running = Mutex<Option<(u64, Instant)>>;

#[expect(clippy::disallowed_methods, reason = "how long it really takes")]
fn note(running: &Running, seed: Option<u64>) {
    let now = Instant::now();
    *running.lock().unwrap_or_else(PoisonError::into_inner) = seed.map(|seed| (seed, now));
}

/// Ends everything if a seed does not end: nothing else can end that.
fn give_up_if_endless(running: &[Running], steps: usize) {
    let times = u32::try_from(steps.div_ceil(400)).unwrap_or(u32::MAX);
    let longest = LONGEST.saturating_mul(times.max(1));
    for running in running {
        let running = *running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((seed, since)) = running
            && since.elapsed() > longest
        {
            let failure = simulation::Failure::endless(seed, steps);
            eprintln!("{failure}");
            std::process::exit(1);
        }
    }
}

impl Total {
    /// `true` if it failed.
    fn add(&mut self, outcome: Result<simulation::Report, simulation::Failure>) -> bool {
        self.seeds += 1;
        match outcome {
            Ok(report) => {
                self.lines += report.lines;
                self.polls += report.polls;
                self.time += report.time;
                // Whatever the order in which they come.
                self.hash = self.hash.wrapping_add(report.hash);
                for (what, count) in report.counts {
                    *self.counts.entry(what).or_default() += count;
                }
                false
            }
            Err(failure) => {
                self.failures += 1;
                for line in &failure.trace {
                    println!("{line}");
                }
                eprintln!("{failure}");
                true
            }
        }
    }

    fn progress(&self, of: u64) {
        let mut stderr = io::stderr();
        if stderr.is_terminal() && (self.seeds.is_multiple_of(50) || self.seeds == of) {
            let _ = write!(
                stderr,
                "\r{} of {of} seeds, {} failed ",
                self.seeds, self.failures
            );
            if self.seeds == of {
                let _ = writeln!(stderr);
            }
        }
    }

    fn print(&self, steps: usize) {
        let Self {
            seeds,
            lines,
            polls,
            time,
            hash,
            failures,
            ..
        } = self;
        println!(
            "{seeds} seeds of {steps} steps, {lines} lines read and checked, {polls} polls, {} s of virtual time, hash {hash:016x}: {failures} failed",
            time.as_secs()
        );
        let counts = self
            .counts
            .iter()
            .map(|(what, count)| format!("{what} {count}"));
        println!("{}", counts.collect::<Vec<_>>().join(", "));
    }
}
