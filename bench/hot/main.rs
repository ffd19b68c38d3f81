//! Walks one hot path of the server again and again, so that its instructions can be counted.
//!
//! `hot-paths CASE STEPS` does it that often, and prints how many units of the case were done; `hot-paths`
//! lists the cases. `chinwag-bench instructions` runs it under valgrind with two numbers of steps. What one unit
//! costs is the difference of the counts over the difference of the units: the start falls out.
//!
//! It is the whole server that is walked, from the bytes of a request to the bytes of each delivery, on one
//! thread, with nothing random but the keys of hashes. Runtime, network and users are made for this, in
//! [`executor`] and [`net`]: those of the testkit draw from a seed, copy byte by byte and keep time, which is
//! what tests want, but costs more than the server does. Only what is done inside [`counted`] counts, which is
//! the server's tasks and not the users, so that these can check every byte that they receive. What is left of
//! the harness in the counts is a read, a write and a wake-up; the case `harness` walks them without a server.

mod cases;
mod executor;
mod net;
#[path = "../src/instructions/script.rs"]
mod script;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        for (name, steps, unit, _) in cases::ALL {
            println!("{name} {steps} {unit}");
        }
        return ExitCode::SUCCESS;
    };
    let case = cases::ALL.iter().find(|(case, ..)| *case == name);
    let steps = arguments.next().and_then(|steps| steps.parse().ok());
    let (Some((.., prepare)), Some(steps)) = (case, steps) else {
        eprintln!("usage: hot-paths [CASE STEPS]");
        return ExitCode::from(2);
    };
    println!("{}", (0..steps).map(prepare()).sum::<usize>());
    ExitCode::SUCCESS
}

/// What is done in here is counted. Valgrind knows it by its name.
#[inline(never)]
fn counted<T>(work: impl FnOnce() -> T) -> T {
    work()
}
