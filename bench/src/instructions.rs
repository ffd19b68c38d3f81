//! Instruction counts: what one delivery, visit or line costs, counted by valgrind and not timed.
//!
//! They hardly depend on what else the machine does, so they can be compared with a baseline that was counted
//! elsewhere, and a change that makes a hot path dearer fails.

mod baseline;
mod callgrind;
mod script;
mod sockets;

use std::{
    fmt,
    process::{Command, ExitCode, Stdio},
    sync::Mutex,
    thread,
};

use self::{
    baseline::{Baseline, Verdict},
    callgrind::{Count, Counted, Counting},
};

/// What `chinwag-bench instructions` does.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Count this case only; may be given several times
    #[arg(long, value_name = "CASE")]
    case: Vec<String>,
    /// Write the counts down as the new baseline
    #[arg(long)]
    update: bool,
    /// Also print which functions cost most, for one unit of each case
    #[arg(long)]
    profile: bool,
    /// Count a server over loopback sockets instead, and compare with the goals: chinwagd on a runtime,
    /// tokio-drain or tokio-mpsc
    #[arg(long, value_name = "SERVER", num_args = 0..=1, default_missing_value = "tokio")]
    #[arg(conflicts_with = "update")]
    sockets: Option<String>,
}

impl Options {
    /// Those of `all` that are wanted.
    fn choose<T>(&self, all: Vec<T>, name: impl Fn(&T) -> &str) -> Result<Vec<T>, Error> {
        let names = all.iter().map(&name).collect::<Vec<_>>();
        let is_unknown = |wanted: &&String| !names.contains(&wanted.as_str());
        if let Some(unknown) = self.case.iter().find(is_unknown) {
            let names = names.join(", ");
            return Err(Error::new(format!("no case {unknown}; there are {names}")));
        }
        let is_wanted =
            |case: &T| self.case.is_empty() || self.case.iter().any(|wanted| wanted == name(case));
        Ok(all.into_iter().filter(is_wanted).collect())
    }
}

/// What went wrong.
#[derive(Debug)]
pub(crate) struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error {
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// Counts, compares and prints. It fails if a case has become dearer than the tolerance allows.
pub(crate) fn main(options: &Options) -> ExitCode {
    match count_all(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chinwag-bench: {error}");
            ExitCode::from(2)
        }
    }
}

fn count_all(options: &Options) -> Result<bool, Error> {
    callgrind::version()?;
    if let Some(server) = &options.sockets {
        sockets::count(options, server)?;
        return Ok(true);
    }
    let program = build("chinwag-bench", "hot-paths")?;
    let cases = options.choose(Case::all(&program)?, |case| &case.name)?;
    let counted = each_on_a_core(&cases, |case| case.count(&program))?;
    if options.update {
        let counts = cases.iter().zip(&counted);
        Baseline::update(counts.map(|(case, counted)| (&*case.name, counted.per_unit)))?;
    }
    let good = print(&Baseline::read()?, &cases, &counted);
    if options.profile {
        for case in &cases {
            println!("\n{}, instructions for one {}\n", case.name, case.unit);
            print!("{}", case.profile(&program)?);
        }
    }
    Ok(good)
}

/// One path that `hot-paths` walks.
struct Case {
    name: String,
    steps: usize,
    unit: String,
}

impl Case {
    /// All that the program has.
    fn all(program: &str) -> Result<Vec<Self>, Error> {
        let listed = run(&mut Command::new(program))?;
        let case = |line: &str| {
            let mut words = line.split(' ').map(str::to_owned);
            let (name, steps, unit) = (words.next()?, words.next()?, words.next()?);
            let steps = steps.parse().ok()?;
            Some(Self { name, steps, unit })
        };
        let cases = listed.lines().map(case).collect::<Option<Vec<_>>>();
        cases.ok_or_else(|| Error::new(format!("{program} lists its cases in another form")))
    }

    /// What a unit costs: what twice as many steps cost more.
    fn count(&self, program: &str) -> Result<Counted, Error> {
        let once = self.collect(program, self.steps)?;
        let twice = self.collect(program, 2 * self.steps)?;
        Counted::between(&once, &twice)
    }

    fn profile(&self, program: &str) -> Result<String, Error> {
        let once = self.collect(program, self.steps)?;
        let more = self.collect(program, 5 * self.steps)?;
        callgrind::profile(&once, &more)
    }

    fn collect(&self, program: &str, steps: usize) -> Result<Count, Error> {
        let mut counting = Counting::of(program, &["--toggle-collect=hot_paths::counted*"]);
        counting.command.args([&self.name, &steps.to_string()]);
        counting.run()
    }
}

/// Does `work` for all `cases`, as many at a time as there are cores. The counts do not mind.
fn each_on_a_core<C: Sync, T: Send>(
    cases: &[C],
    work: impl Fn(&C) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let queue = Mutex::new(cases.iter().enumerate());
    let next = || queue.lock().ok()?.next();
    let worker = || {
        let done = std::iter::from_fn(next).map(|(at, case)| Ok((at, work(case)?)));
        done.collect::<Result<Vec<_>, Error>>()
    };
    let mut done = thread::scope(|scope| {
        let workers = (0..cores).map(|_| scope.spawn(worker)).collect::<Vec<_>>();
        let joined = workers.into_iter().map(|worker| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect::<Result<Vec<_>, Error>>()
    })?
    .into_iter()
    .flatten()
    .collect::<Vec<_>>();
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, counted)| counted).collect())
}

fn print(baseline: &Baseline, cases: &[Case], counted: &[Counted]) -> bool {
    println!("{}", baseline.describe());
    println!(
        "\n{:<16} {:>9} {:>9} {:>8} {:>9}  verdict",
        "case", "baseline", "now", "change", "tolerance"
    );
    let mut verdicts = Vec::new();
    for (case, counted) in cases.iter().zip(counted) {
        let compared = baseline.compare(&case.name, counted.per_unit);
        let or_dash = |figure: Option<String>| figure.unwrap_or_else(|| "-".to_owned());
        println!(
            "{:<16} {:>9} {:>9.0} {:>8} {:>9}  {} ({})",
            case.name,
            or_dash(compared.baseline.map(|count| format!("{count:.0}"))),
            counted.per_unit,
            or_dash(compared.change.map(|change| format!("{change:+.1} %"))),
            format!("{:.1} %", compared.tolerance),
            compared.verdict,
            case.unit,
        );
        verdicts.push(compared.verdict);
    }
    if verdicts.contains(&Verdict::Better) {
        println!(
            "\nSome cost clearly less than their baseline, which then guards nothing: run this with --update."
        );
    }
    let good = !verdicts.contains(&Verdict::Worse);
    if !good {
        println!(
            "\nSome cost more than their baseline. `--profile --case CASE` shows what costs; if it is worth it, \
             `--update` makes it the baseline, and the commit says why."
        );
    }
    good
}

/// Builds a program of the workspace, and says where it is.
fn build(package: &str, program: &str) -> Result<String, Error> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(["build", "--locked", "--release", "-p", package]);
    command.args(["--bin", program, "--message-format=json-render-diagnostics"]);
    let messages = run(command.stderr(Stdio::inherit()))?;
    let executable = messages.lines().find_map(|message| {
        let message: serde_json::Value = serde_json::from_str(message).ok()?;
        let is_it = message["target"]["name"] == program;
        Some(message["executable"].as_str().filter(|_| is_it)?.to_owned())
    });
    executable.ok_or_else(|| Error::new(format!("cargo did not say where {program} is")))
}

/// What `command` prints.
fn run(command: &mut Command) -> Result<String, Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output();
    let output = output.map_err(|error| Error::new(format!("cannot run {name}: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::new(format!("{name}: {}\n{said}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
