//! Runs programs under callgrind, and reads what it writes.

use std::{
    collections::HashMap,
    env,
    fmt::Write,
    fs,
    path::PathBuf,
    process::{self, Command},
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{Error, run};

/// A program's run.
#[derive(Debug)]
pub(super) struct Count {
    instructions: u64,
    /// How many units it says that it did.
    units: u64,
    file: Scratch,
}

/// What one unit costs.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) per_unit: f64,
}

impl Counted {
    /// What the longer run costs more, for each unit that it did more.
    pub(super) fn between(shorter: &Count, longer: &Count) -> Result<Self, Error> {
        let instructions = longer.instructions.checked_sub(shorter.instructions);
        let units = longer.units.checked_sub(shorter.units);
        match (instructions, units) {
            (Some(instructions @ 1..), Some(units @ 1..)) => Ok(Self {
                per_unit: instructions as f64 / units as f64,
            }),
            _ => Err(Error::new(
                "a longer run did not do more; was nothing counted?",
            )),
        }
    }
}

/// Valgrind's version, or how to get it.
pub(super) fn version() -> Result<String, Error> {
    let version = run(Command::new("valgrind").arg("--version"));
    version.map_err(|_| Error::new("valgrind is not there. On Debian: apt-get install valgrind"))
}

/// A command that will be counted.
pub(super) struct Counting {
    pub(super) command: Command,
    file: Scratch,
}

impl Counting {
    /// Of a run of `program`.
    pub(super) fn of(program: &str, options: &[&str]) -> Self {
        let file = Scratch::new();
        let mut command = Command::new("valgrind");
        command
            .arg("--tool=callgrind")
            .arg(format!("--callgrind-out-file={}", file.0.display()))
            .args(options)
            .arg(program)
            // The environment lies on the stack, and moves it.
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default());
        Self { command, file }
    }

    /// Runs a program that prints how many units it did.
    pub(super) fn run(mut self) -> Result<Count, Error> {
        let printed = run(&mut self.command)?;
        let units = printed.trim().parse();
        let units = units.map_err(|_| Error::new(format!("not a number of units: {printed:?}")))?;
        self.finish(units)
    }

    /// The count of a run that is over, and in which so many units were done.
    pub(super) fn finish(self, units: u64) -> Result<Count, Error> {
        Ok(Count {
            instructions: total(&self.file)?,
            units,
            file: self.file,
        })
    }
}

/// All instructions of a run.
fn total(file: &Scratch) -> Result<u64, Error> {
    let written = fs::read_to_string(&file.0);
    let written = written.map_err(|error| Error::new(format!("no counts: {error}")))?;
    let total = written
        .lines()
        .find_map(|line| line.strip_prefix("totals: "));
    let total = total.and_then(|total| total.trim().parse().ok());
    total.ok_or_else(|| Error::new("callgrind wrote no total"))
}

/// How many functions are shown.
const SHOWN: usize = 30;

/// What each function costs for a unit, alone, and with all that it calls.
pub(super) fn profile(shorter: &Count, longer: &Count) -> Result<String, Error> {
    let units = longer.units.saturating_sub(shorter.units).max(1) as f64;
    let mut text = String::new();
    for (title, inclusive) in [("alone", false), ("with what it calls", true)] {
        let start = shorter.by_function(inclusive)?;
        let mut costs = longer.by_function(inclusive)?;
        for (function, cost) in &mut costs {
            *cost = cost.saturating_sub(start.get(function).copied().unwrap_or(0));
        }
        // Those who call everything that is counted say nothing.
        let most = costs.values().copied().max().unwrap_or(0) / 100 * 99;
        costs.retain(|_, cost| !inclusive || *cost < most);
        let mut costs = costs.into_iter().collect::<Vec<_>>();
        costs.sort_by(|(a, x), (b, y)| y.cmp(x).then(a.cmp(b)));
        let _ = writeln!(text, "{title}:");
        for (function, cost) in costs.into_iter().take(SHOWN) {
            let _ = writeln!(text, "{:>10.1}  {function}", cost as f64 / units);
        }
    }
    Ok(text)
}

impl Count {
    fn by_function(&self, inclusive: bool) -> Result<HashMap<String, u64>, Error> {
        let mut command = Command::new("callgrind_annotate");
        command.args(["--auto=no", "--threshold=100"]);
        if inclusive {
            command.arg("--inclusive=yes");
        }
        let annotated = run(command.arg(&self.file.0))?;
        Ok(by_function(&annotated, inclusive))
    }
}

/// Reads what callgrind_annotate prints: lines like `1,234 (5.67%)  FILE:FUNCTION [OBJECT]`. It has a line for each
/// file from which something was inlined into a function; here they are one.
fn by_function(annotated: &str, inclusive: bool) -> HashMap<String, u64> {
    let mut costs = HashMap::<String, u64>::new();
    let read = |line: &str| {
        let (cost, place) = line.split_once('(')?;
        let (_, function) = place.split_once("%)")?.1.split_once(':')?;
        let function = function.split(" [").next()?.to_owned();
        Some((function, cost.trim().replace(',', "").parse::<u64>().ok()?))
    };
    for (function, cost) in annotated.lines().filter_map(read) {
        let sum = costs.entry(function).or_default();
        // With what they call, each of these lines has the calls that were inlined from there.
        *sum = match inclusive {
            true => cost.max(*sum),
            false => *sum + cost,
        };
    }
    costs
}

/// A file that is deleted afterwards.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("chinwag-bench-{}-{number}.callgrind", process::id());
        Self(env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inlined_into_a_function_is_part_of_it() {
        let annotated = "1,200 (60.0%)  a.rs:first [/bin/x]\n\
            500 (25.0%)  b.rs:second::<impl a::B>\n\
            300 (15.0%)  c.rs:first\n";
        let alone = by_function(annotated, false);
        assert_eq!((alone["first"], alone["second::<impl a::B>"]), (1500, 500));
        assert_eq!(by_function(annotated, true)["first"], 1200);
    }
}
