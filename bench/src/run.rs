//! `chinwag-bench run`: rounds in which each peer has its turn at each piece of work.

use std::{collections::BTreeMap, num::NonZeroU64, path::PathBuf, time::Duration};

use clap::Args;
use rustix::{
    process::{Resource, getrlimit},
    thread::{CpuSet, sched_setaffinity, set_current_timer_slack},
};

use self::{progress::Progress, results::Results, turn::Turn};
use crate::{
    load::{clock::Clock, payload, sources::Sources},
    peer::{self, Found},
    scenario::{self, Extent, Task},
};

pub(crate) mod machine;
mod progress;
mod results;
mod table;
mod turn;

/// Descriptors that are needed for other things than connections.
const SPARE: usize = 100;

/// What to measure, and how well.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Run {
    /// Only these scenarios, like `direct,room`
    #[arg(long, value_name = "SCENARIO", value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(scenario::NAMES))]
    only: Vec<String>,
    /// Only these peers, by their names in `chinwag-bench peers`
    #[arg(long, value_name = "PEER", value_delimiter = ',')]
    peers: Vec<String>,
    /// Only work that has these, like `members=100,window=1`; of one key any of its values
    #[arg(long, value_name = "KEY=NUMBER", value_delimiter = ',', value_parser = work)]
    work: Vec<(String, u64)>,
    /// How many times each is measured; the median is what counts [default: 3, with --quick 1]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// How long each is measured [default: 3, with --quick 0.5]
    #[arg(long, value_parser = seconds)]
    seconds: Option<Duration>,
    /// In `idle`, so many connections instead of 1,000, 10,000 and as many as there can be
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    connections: Option<u32>,
    /// Less of everything: to see within a minute or two that it works
    #[arg(long)]
    quick: bool,
    /// How long the text of a message is
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(payload::SMALLEST as u64..=4000))]
    bytes: u64,
    /// Where the results go, as JSON, one object a line
    #[arg(
        long,
        value_name = "FILE",
        default_value = "target/bench/results.jsonl"
    )]
    out: PathBuf,
    /// On which core the server runs, and on which the generator
    #[arg(long, value_name = "SERVER,GENERATOR", default_value = "0,1", value_parser = cores)]
    cores: (usize, usize),
    /// Build nothing; take the programs that are beside this one
    #[arg(long)]
    no_build: bool,
    /// Say what would be measured, and how often, and do nothing
    #[arg(long)]
    list: bool,
}

const HELP: &str = "\
Scenarios:
  direct   100 users in pairs that talk to each other, with 1 and 16 messages in flight to each
  room     a room of 10 to 10,000 members; 1 sender with 1 message in flight, 4 senders with 16
  paced    a room of 100 and a sender that sends at a rate, whatever comes back: the latency
  rooms    1,000 rooms of 10, a sender in each
  idle     1,000 connections, 10,000, and as many as there can be, that do nothing: memory and CPU time
  connect  connections that come, register and go
  churn    a room of 1,000 in which others join, leave, rename and reconnect while somebody talks
  stuck    a room of 1,000 with a sender at a rate, and with ten of them that never read: the latency of the others

A message is in flight until all who are to hear it have. In IRC whoever speaks in a room does not hear itself: there a
message has one receiver less than the room has members.

All that is received is checked: nothing lost, nothing twice, the order of each sender, and in a room one
order for all. Whatever is not right makes the measurement a failure, and the exit code 1.

Examples:
  cargo run --release -p chinwag-bench -- run --quick
  cargo run --release -p chinwag-bench -- run --only room --peers chinwagd-tokio,relay --work members=100
  cargo run --release -p chinwag-bench -- run --only room --peers chinwagd-tokio,chinwagd-irc,ngircd,inspircd \
    --work members=10,members=100,members=1000
  cargo run --release -p chinwag-bench -- run --only idle --peers chinwagd-irc,ngircd,inspircd --connections 5000";

impl Run {
    /// Measures. An error says that something could not be measured, or was not as it must be.
    pub(crate) fn run(self) -> Result<(), String> {
        let found = self.found()?;
        peer::raise_descriptors();
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(1 << 20) as usize;
        let most = descriptors
            .saturating_sub(SPARE)
            .min(machine::most_connections());
        let seconds = if self.quick { 0.5 } else { 3.0 };
        let extent = Extent {
            quick: self.quick,
            bytes: self.bytes as usize,
            time: self.seconds.unwrap_or(Duration::from_secs_f64(seconds)),
            most,
            idle: self.connections.map(|count| count as usize),
        };
        let rounds = usize::from(self.rounds.unwrap_or(if self.quick { 1 } else { 3 }));
        let mut tasks = scenario::tasks(extent);
        tasks.retain(|task| self.wants(task));
        let peers: Vec<_> = found
            .iter()
            .filter(|found| found.state.is_ok())
            .flat_map(turn::speakers)
            .collect();
        let turns = turn::all(&tasks, &peers, most);
        if self.list {
            let lines = turns
                .iter()
                .map(|turn| format!("{}  {}\n", turn.task, turn.who()));
            print!("{}", lines.collect::<String>());
            return Ok(());
        }

        let mut results = Results::create(&self.out)?;
        results.begin(&found, rounds)?;
        self.take_places()?;
        self.measure_all(&turns, rounds, extent, &mut results)?;

        print!("{}", table::of(&results.all));
        eprintln!("the results are in {}", self.out.display());
        let all = results.all.len();
        match results.wrong {
            0 => Ok(()),
            wrong => Err(format!("{wrong} of {all} measurements failed")),
        }
    }

    fn measure_all(
        &self,
        turns: &[Turn<'_>],
        rounds: usize,
        extent: Extent,
        results: &mut Results,
    ) -> Result<(), String> {
        let mut sources = Sources::default();
        let mut progress = Progress::new(turns.len() * rounds, Clock::start());
        for round in 0..rounds {
            for turn in turn::in_round(turns, round) {
                progress.begin(round, rounds, turn.task, &turn.who());
                let outcome =
                    turn.measure(round, self.cores.0, &mut sources, extent, &mut progress);
                progress.end(&outcome.measured);
                results.add(outcome)?;
            }
        }
        Ok(())
    }

    /// The peers that are asked for.
    fn found(&self) -> Result<Vec<Found>, String> {
        let mut found = if self.no_build {
            peer::beside()
        } else {
            peer::all()
        };
        let known: Vec<_> = found.iter().map(|found| found.peer.name).collect();
        if let Some(name) = self
            .peers
            .iter()
            .find(|name| !known.contains(&name.as_str()))
        {
            return Err(format!(
                "there is no peer `{name}`; there are {}",
                known.join(", ")
            ));
        }
        found.retain(|found| {
            self.peers.is_empty() || self.peers.iter().any(|name| name == found.peer.name)
        });
        Ok(found)
    }

    fn wants(&self, task: &Task) -> bool {
        let scenario = self.only.is_empty() || self.only.iter().any(|name| name == task.scenario);
        scenario && has_any(&task.work, &self.work)
    }

    /// The generator stays on its core, and its waits end when they should.
    fn take_places(&self) -> Result<(), String> {
        let (server, generator) = self.cores;
        let mut cores = CpuSet::new();
        if server.max(generator) >= CpuSet::MAX_CPU {
            return Err("there is no such core".to_owned());
        }
        cores.set(generator);
        sched_setaffinity(None, &cores)
            .map_err(|error| format!("cannot stay on core {generator}: {error}"))?;
        // Where that cannot be set, waits are some 50 µs longer.
        let _ = set_current_timer_slack(NonZeroU64::new(1));
        Ok(())
    }
}

/// Whether some work has, of each key that is wanted, one of the values that are.
fn has_any(work: &BTreeMap<String, u64>, wanted: &[(String, u64)]) -> bool {
    wanted.iter().all(|(key, _)| {
        let mut values = wanted.iter().filter(|(other, _)| other == key);
        values.any(|(_, value)| work.get(key) == Some(value))
    })
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "it is a number of seconds, like 3 or 0.5".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if (0.05..=600.0).contains(&seconds) => Ok(time),
        _ => Err("it is from 0.05 to 600 seconds".to_owned()),
    }
}

fn cores(text: &str) -> Result<(usize, usize), String> {
    let numbers = text
        .split_once(',')
        .and_then(|(server, generator)| Some((server.parse().ok()?, generator.parse().ok()?)));
    numbers.ok_or_else(|| "it is two numbers, like 0,1".to_owned())
}

fn work(text: &str) -> Result<(String, u64), String> {
    let pair = text
        .split_once('=')
        .and_then(|(key, value)| Some((key.to_owned(), value.parse().ok()?)));
    pair.ok_or_else(|| "it is KEY=NUMBER, like members=100".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_key_any_value_does_and_of_two_keys_each_must() {
        let wants = |wanted: &[&str], members, window| {
            let wanted: Vec<_> = wanted.iter().map(|text| work(text).unwrap()).collect();
            let work = [("members", members), ("window", window)];
            let work = work.map(|(key, value)| (key.to_owned(), value)).into();
            has_any(&work, &wanted)
        };
        assert!(wants(&[], 10, 1));
        assert!(wants(&["members=10", "members=100"], 100, 1));
        assert!(!wants(&["members=10", "members=100"], 1_000, 1));
        assert!(!wants(&["members=10", "window=16"], 10, 1));
        assert!(!wants(&["connections=10"], 10, 1));
    }
}
