//! `chinwag-bench soak`: thousands of clients that come, go, misbehave and stop reading, for as long as asked, and now
//! and then a calm at which the server must be as small as it was before.

use std::{
    fs,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};

use self::{
    crowd::Crowd,
    record::{Checkpoint, Line, Sample},
    verdict::{Calm, Finding},
};
use crate::{
    load::{
        clock::{Clock, nanos},
        error::Failure,
        net::Net,
    },
    peer::{self, Found, Running},
    report::over_time,
    run::machine,
};

mod crowd;
mod ledger;
mod person;
mod record;
mod verdict;

/// How chinwagd is set up: with the rates that it has by itself, room for everybody, little that may wait for who does
/// not read, and little time for who does not register.
#[rustfmt::skip]
const SETTINGS: &[&str] = &[
    "--max-connections", "100000", "--mailbox-bytes", "65536", "--register-timeout", "5s",
];

/// How long it may take until all are gone at a calm, and after that until the server has let go of the last of them.
const DRAIN: Duration = Duration::from_secs(120);
const SETTLE: Duration = Duration::from_secs(15);
/// How long a shutdown may take: what is promised is `Timeouts::shutdown` and half a second.
const SHUTDOWN: Duration = Duration::from_millis(4_500);

/// How long, with how many, and what is written where.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Soak {
    /// How long, like 30m or 8h; the last calm comes after that
    #[arg(long = "for", value_name = "TIME", default_value = "30m", value_parser = humantime::parse_duration)]
    time: Duration,
    /// How many users there are at a time
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(100..=50_000))]
    users: u32,
    /// What chinwagd runs on
    #[arg(long, value_enum, default_value_t = Runtime::Tokio)]
    runtime: Runtime,
    /// What the behaviour of the crowd is drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often the server is looked at
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    sample: Duration,
    /// How many calms there are, at which all but the witnesses are gone
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..))]
    checkpoints: u32,
    /// The directory for soak-RUNTIME.jsonl and soak-RUNTIME.svg
    #[arg(long, value_name = "DIRECTORY", default_value = "target/bench")]
    out: PathBuf,
    /// Build nothing; take the chinwagd that is beside this program
    #[arg(long)]
    no_build: bool,
}

const HELP: &str = "\
In the crowd are
  witnesses  40, two in each watched room, who stay: each must hear every message of its room and to itself, whole,
             once and in order, and all of a room in one order
  users      who join rooms of few and of hundreds, talk, list, rename and move, and quit, half-close, close or reset
  stuck      who stop reading, and must be put out; half of them read on then, and must find out why
  slow       who read a little now and then, and may be put out
  others     who flood, babble, never register, or reset at once

The verdict is good if at all calms, when only the witnesses are there,
  - memory does not go on growing: over the second half of the calms, the median growth from one to the next times
    their number, or the growth in all, is at most 2 % and 256 KiB (a leak grows at each; what fills up once does not)
  - descriptors and threads are the same, and the server lists nobody but the witnesses
  - witnesses lack nothing, and nobody has waited for a minute in vain
and SIGTERM ends the server with 0 within 4.5 s. The exit code is 1 if it is not.

Examples:
  cargo run --release -p chinwag-bench -- soak
  cargo run --release -p chinwag-bench -- soak --for 3m --checkpoints 6 --users 1000 --runtime smol";

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Runtime {
    Tokio,
    Smol,
    AsyncStd,
    Threads,
}

impl Runtime {
    /// The name of the peer that runs on it.
    fn peer(self) -> &'static str {
        match self {
            Self::Tokio => "chinwagd-tokio",
            Self::Smol => "chinwagd-smol",
            Self::AsyncStd => "chinwagd-async-std",
            Self::Threads => "chinwagd-threads",
        }
    }
}

impl Soak {
    /// Runs to the end. An error says that it could not, or that the verdict is bad.
    pub(crate) fn run(self) -> Result<(), String> {
        let found = self.found()?;
        peer::raise_descriptors();
        let server =
            (found.peer.with_settings(SETTINGS).start(None)).map_err(|error| error.to_string())?;
        let machine = machine::describe(&[found], 1);
        let mut soaking = Soaking::begin(&self, server).map_err(|error| error.to_string())?;
        let ended = soaking.all(&self);
        soaking.show(&self, ended, machine)
    }

    fn found(&self) -> Result<Found, String> {
        let mut found = if self.no_build {
            peer::beside()
        } else {
            peer::all()
        };
        found.retain(|found| found.peer.name == self.runtime.peer());
        let found = found.pop().ok_or("there is no such peer")?;
        match found.state {
            Ok(_) => Ok(found),
            Err(why) => Err(format!("{}: {why}", found.peer.name)),
        }
    }
}

/// A soak that is under way.
struct Soaking {
    server: Running,
    net: Net,
    crowd: Crowd,
    sample: u64,
    samples: Vec<Sample>,
    checkpoints: Vec<Checkpoint>,
    /// The end by SIGTERM.
    end: Option<Finding>,
    progress: Progress,
}

impl Soaking {
    /// The witnesses come.
    fn begin(options: &Soak, server: Running) -> Result<Self, Failure> {
        let clock = Clock::start();
        let mut soaking = Self {
            net: Net::new(server.address, clock)?,
            crowd: Crowd::new(options.users as usize, options.seed),
            server,
            sample: nanos(options.sample).max(1),
            samples: Vec::new(),
            checkpoints: Vec::new(),
            end: None,
            progress: Progress::new(options.time),
        };
        soaking.crowd.begin(&mut soaking.net.conns)?;
        soaking.turns("the witnesses come", DRAIN, |crowd, _| crowd.is_calm())?;
        Ok(soaking)
    }

    fn all(&mut self, options: &Soak) -> Result<(), Failure> {
        // What the server has open when nobody but the witnesses has ever been there.
        let base = self.server.account()?.descriptors;
        let start = self.net.conns.clock.now();
        self.progress.say(Checkpoint::HEADING);
        for number in 1..=options.checkpoints {
            let begun = self.net.conns.clock.now();
            let each = options.time / options.checkpoints;
            // A calm takes from the time of what follows, but not all of it.
            let end = (start + nanos(each * number)).max(begun + nanos(each / 2));
            self.crowd.go_on(true, begun);
            self.turns("load", Duration::MAX, |_, now| now >= end)?;
            self.crowd.go_on(false, self.net.conns.clock.now());
            self.turns("all go", DRAIN, |crowd, _| crowd.is_calm())?;
            self.settle(base)?;
            self.calm()?;
        }
        self.terminate()
    }

    /// Turns until something is so, which must not take longer than that.
    fn turns(
        &mut self,
        what: &'static str,
        most: Duration,
        is_over: impl Fn(&Crowd, u64) -> bool,
    ) -> Result<(), Failure> {
        const TICK: Duration = Duration::from_millis(5);

        let begun = self.net.conns.clock.now();
        loop {
            let now = self.net.conns.clock.now();
            if is_over(&self.crowd, now) {
                return Ok(());
            }
            if now - begun > nanos(most) {
                let what = format!("{what}: not over, with {} there", self.crowd.here());
                return Err(Failure::violation("the crowd", what));
            }
            if self
                .samples
                .last()
                .is_none_or(|last| now - last.at >= self.sample)
            {
                self.look(now)?;
            }
            self.crowd.tick(now, &mut self.net.conns)?;
            self.net.turn(TICK, &mut self.crowd)?;
        }
    }

    fn look(&mut self, now: u64) -> Result<(), Failure> {
        if let Some(end) = self.server.has_ended() {
            return Err(Failure::Ended(end));
        }
        let sample = Sample::new(now, &self.server.account()?, &self.crowd);
        self.progress.show(&sample, &self.crowd);
        self.samples.push(sample);
        Ok(())
    }

    /// Waits until the server has no more open than it had, at most for a while: how it is then is what is compared.
    fn settle(&mut self, base: usize) -> Result<(), Failure> {
        let end = self.net.conns.clock.now() + nanos(SETTLE);
        while self.server.account()?.descriptors > base && self.net.conns.clock.now() < end {
            let next = self.net.conns.clock.now() + nanos(Duration::from_millis(50));
            self.turns("it settles", SETTLE, |_, now| now >= next)?;
        }
        // Two rounds: what others said before the first is on its way to everybody before the second.
        for _ in 0..2 {
            self.crowd.ask_all(&mut self.net.conns);
            self.turns("witnesses ask", SETTLE, |crowd, _| crowd.is_answered())?;
        }
        self.crowd.ask_lists(&mut self.net.conns);
        self.turns("a witness asks", SETTLE, |crowd, _| crowd.is_answered())?;
        self.crowd.reckon()
    }

    fn calm(&mut self) -> Result<(), Failure> {
        let now = self.net.conns.clock.now();
        let before = self.checkpoints.last();
        let account = self.server.account()?;
        let sample = Sample::new(now, &account, &self.crowd);
        let checkpoint = Checkpoint::new(&sample, before, &self.samples, &mut self.crowd);
        self.progress.say(&checkpoint.to_string());
        self.samples.push(sample);
        self.checkpoints.push(checkpoint);
        Ok(())
    }

    fn terminate(&mut self) -> Result<(), Failure> {
        let there = self.crowd.here();
        self.crowd.expect_the_end();
        let begun = self.net.conns.clock.now();
        self.server.terminate()?;
        // It is over when all connections are, each with its last word.
        loop {
            self.net.turn(Duration::from_millis(1), &mut self.crowd)?;
            let took = self.net.conns.clock.now() - begun;
            let status = self.server.status();
            if (status.is_some() && self.crowd.here() == 0) || took > nanos(2 * SHUTDOWN) {
                let count = format!("connections={there}");
                let says_so = self.server.log().lines().any(|line| {
                    line.contains("shutting down") && line.split(' ').any(|word| word == count)
                });
                let good = status.is_some_and(|status| status.success())
                    && took <= nanos(SHUTDOWN)
                    && self.crowd.here() == 0
                    && says_so;
                let status = status.map_or("not ended".to_owned(), |status| status.to_string());
                let why = format!(
                    "{status} after {:.3} s, {there} connections, {}, {} without a last word",
                    took as f64 / 1e9,
                    if says_so {
                        "as it says itself"
                    } else {
                        "but it does not say so"
                    },
                    self.crowd.here(),
                );
                self.end = Some(Finding::new("SIGTERM", good, why));
                return Ok(());
            }
        }
    }

    /// The verdict, one finding a line.
    fn findings(&self, ended: &Result<(), Failure>) -> Vec<Finding> {
        let calms: Vec<Calm> = self.checkpoints.iter().map(Checkpoint::calm).collect();
        let counts = &self.crowd.counts;
        let kept = match ended {
            Ok(()) => format!(
                "{} messages checked; {} stuck readers put out of {}, {} read on and found out why",
                counts.checked, counts.put_out, counts.stuck, counts.told
            ),
            Err(failure) => failure.to_string(),
        };
        let mut findings = vec![
            verdict::memory(&calms),
            verdict::equal("descriptors", &calms, |calm| calm.descriptors),
            verdict::equal("threads", &calms, |calm| calm.threads),
            Finding::new(
                "promises",
                ended.is_ok() && counts.put_out == counts.stuck,
                kept,
            ),
        ];
        findings.extend(self.end.clone());
        findings
    }

    fn show(
        self,
        options: &Soak,
        ended: Result<(), Failure>,
        machine: crate::record::Machine,
    ) -> Result<(), String> {
        let findings = self.findings(&ended);
        println!("{}", Checkpoint::HEADING);
        self.checkpoints
            .iter()
            .for_each(|checkpoint| println!("{checkpoint}"));
        println!();
        findings.iter().for_each(|finding| println!("{finding}"));

        let name = options.runtime.peer().replace("chinwagd-", "soak-");
        let write = |path: &Path, text: String| {
            fs::write(path, text)
                .map_err(|error| format!("cannot write {}: {error}", path.display()))
        };
        fs::create_dir_all(&options.out)
            .map_err(|error| format!("cannot create {}: {error}", options.out.display()))?;
        let lines = [Line::Machine(machine)]
            .into_iter()
            .chain(self.samples.iter().cloned().map(Line::Sample))
            .chain(self.checkpoints.iter().cloned().map(Line::Checkpoint))
            .chain(findings.iter().map(Line::from));
        let lines: Result<Vec<_>, _> = lines.map(|line| serde_json::to_string(&line)).collect();
        let lines = lines.map_err(|error| error.to_string())?;
        let results = options.out.join(format!("{name}.jsonl"));
        write(&results, lines.join("\n") + "\n")?;
        let title = format!("{}, {} users", options.runtime.peer(), options.users);
        let plot = options.out.join(format!("{name}.svg"));
        write(&plot, over_time(&title, &record::curves(&self.samples))?)?;
        eprintln!(
            "the results are in {} and {}",
            results.display(),
            plot.display()
        );

        let bad: Vec<_> = findings
            .iter()
            .filter(|finding| finding.is_bad())
            .map(|finding| finding.what)
            .collect();
        if bad.is_empty() {
            let unknown = findings.iter().filter(|finding| finding.is_unknown());
            let unknown: Vec<_> = unknown.map(|finding| finding.what).collect();
            match unknown.is_empty() {
                true => println!("verdict: flat"),
                false => println!("verdict: good so far, not judged: {}", unknown.join(", ")),
            }
            return Ok(());
        }
        println!("verdict: NOT FLAT");
        Err(format!("the verdict is bad: {}", bad.join(", ")))
    }
}

/// How far it is, on stderr: a line that is written anew, or one a minute where that is no terminal.
#[derive(Debug)]
struct Progress {
    seconds: u64,
    is_terminal: bool,
    minute: Option<u64>,
}

impl Progress {
    fn new(time: Duration) -> Self {
        Self {
            seconds: time.as_secs(),
            is_terminal: std::io::stderr().is_terminal(),
            minute: None,
        }
    }

    fn show(&mut self, sample: &Sample, crowd: &Crowd) {
        let seconds = sample.at / 1_000_000_000;
        let text = format!(
            "{}:{:02} of {}:{:02}  {} KiB  {} descriptors  {} there  {} connections so far",
            seconds / 60,
            seconds % 60,
            self.seconds / 60,
            self.seconds % 60,
            sample.resident_bytes / 1024,
            sample.descriptors,
            crowd.here(),
            crowd.counts.lives,
        );
        if self.is_terminal {
            eprint!("\r{text}\x1b[K");
            let _ = std::io::stderr().flush();
        } else if self.minute != Some(seconds / 60) {
            self.minute = Some(seconds / 60);
            eprintln!("{text}");
        }
    }

    /// Something that stays.
    fn say(&self, text: &str) {
        let start = if self.is_terminal { "\r\x1b[K" } else { "" };
        eprintln!("{start}{text}");
    }
}
