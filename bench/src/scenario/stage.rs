//! What all measurements have in common: warm up, measure for a time, count system calls, and check at the end
//! that nothing is missing.

use std::time::Duration;

use crate::{
    load::{
        clock::{nanos, own_cpu},
        error::Failure,
        net::{Conns, Handler, Net},
        setup::SILENCE,
    },
    peer::{Running, Spent, ticks_per_second},
    record::Figures,
};

/// More of a processor than this may mean that the generator is what limits.
const BUSY: f64 = 0.95;

/// Something that goes on for as long as it is wanted.
pub(crate) trait Work: Handler {
    /// Begins, for the first time or again.
    fn start(&mut self, conns: &mut Conns) -> Result<(), Failure>;

    /// Begins nothing new from now on. What is under way goes on.
    fn stop(&mut self);

    /// Does what is due by the clock. Returns in how many nanoseconds something is again.
    fn tick(&mut self, _now: u64, _conns: &mut Conns) -> Result<u64, Failure> {
        Ok(u64::MAX)
    }

    /// How many operations were done and checked, ever.
    fn operations(&self) -> u64;

    /// Whether nothing is under way.
    fn is_done(&self) -> bool;

    /// What is under way, for whoever wonders why it does not end.
    fn missing(&self) -> String;

    /// Whether all that had to happen has, now that nothing is under way.
    fn check(&self) -> Result<(), Failure>;

    /// Forgets how long things took.
    fn forget_times(&mut self);

    /// Writes down how long things took.
    fn tell_times(&self, figures: &mut Figures);
}

/// How to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) warm_up: Duration,
    pub(crate) time: Duration,
    /// For how long system calls are counted, if at all.
    pub(crate) syscalls: Option<Duration>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) figures: Figures,
    /// What a reader of the figures should know.
    pub(crate) notes: Vec<String>,
}

/// Measures some work, from before it begins to after its end.
pub(crate) fn measure(
    server: &mut Running,
    net: &mut Net,
    work: &mut impl Work,
    effort: Effort,
) -> Result<Outcome, Failure> {
    // One of everything, until it has come: then all are there, and what their coming led to has been read.
    work.start(&mut net.conns)?;
    work.tick(net.conns.clock.now(), &mut net.conns)?;
    finish(net, work)?;

    work.start(&mut net.conns)?;
    go_on(net, work, effort.warm_up)?;
    work.forget_times();
    let (account, operations) = (server.account()?, work.operations());
    let (start, own) = (net.conns.clock.now(), own_cpu());
    go_on(net, work, effort.time)?;
    let seconds = (net.conns.clock.now() - start) as f64 / 1e9;
    let spent = server.account()?.since(&account);
    let busy = (own_cpu() - own) as f64 / 1e9 / seconds;
    let operations = work.operations() - operations;
    finish(net, work)?;

    let mut outcome = Outcome {
        figures: figures(&spent, seconds, operations),
        notes: Vec::new(),
    };
    work.tell_times(&mut outcome.figures);
    if busy > BUSY {
        let share = busy * 100.0;
        outcome.notes.push(format!(
            "the generator used {share:.0} % of its core: it may be what limits"
        ));
    }
    if let Some(time) = effort.syscalls {
        match server.count_syscalls() {
            Ok(counting) => {
                let before = work.operations();
                work.start(&mut net.conns)?;
                go_on(net, work, time)?;
                finish(net, work)?;
                let total = counting.stop()?;
                let operations = (work.operations() - before).max(1);
                outcome.figures.syscalls = Some(total as f64 / operations as f64);
            }
            Err(error) => outcome.notes.push(format!("system calls: {error}")),
        }
    }
    work.check()?;
    Ok(outcome)
}

/// What is known of any work.
fn figures(spent: &Spent, seconds: f64, operations: u64) -> Figures {
    let per = |amount: f64| (operations > 0).then(|| amount / operations as f64);
    let tick_us = 1e6 / ticks_per_second() as f64;
    Figures {
        seconds,
        operations,
        per_second: Some(operations as f64 / seconds),
        cpu_us: per(spent.cpu_ns as f64 / 1e3),
        user_us: per(spent.user_ticks as f64 * tick_us),
        system_us: per(spent.system_ticks as f64 * tick_us),
        switches: spent.switches.and_then(|switches| per(switches as f64)),
        ..Figures::default()
    }
}

/// Works for that long.
pub(crate) fn go_on(net: &mut Net, work: &mut impl Work, time: Duration) -> Result<(), Failure> {
    let end = net.conns.clock.now().saturating_add(nanos(time));
    turn_until(net, work, |_, now| now >= end, Some(end))
}

/// Begins nothing new, and waits for what is under way.
pub(crate) fn finish(net: &mut Net, work: &mut impl Work) -> Result<(), Failure> {
    work.stop();
    turn_until(net, work, |work, _| work.is_done(), None)
}

fn turn_until<W: Work>(
    net: &mut Net,
    work: &mut W,
    is_over: impl Fn(&W, u64) -> bool,
    end: Option<u64>,
) -> Result<(), Failure> {
    let mut last = (work.operations(), net.conns.clock.now());
    loop {
        let now = net.conns.clock.now();
        if is_over(work, now) {
            return Ok(());
        }
        let operations = work.operations();
        if operations != last.0 || work.is_done() {
            last = (operations, now);
        } else if now - last.1 > nanos(SILENCE) {
            return Err(Failure::Silent {
                seconds: SILENCE.as_secs(),
                missing: work.missing(),
            });
        }
        let wait = work.tick(now, &mut net.conns)?;
        let left = end.map_or(u64::MAX, |end| end - now);
        let wait = wait.min(left).min(100_000_000);
        net.turn(Duration::from_nanos(wait), work)?;
    }
}
