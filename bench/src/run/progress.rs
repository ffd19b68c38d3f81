//! How far a run is, on stderr.

use crate::{load::clock::Clock, record::Measured, scenario::Task};

/// How far it is.
#[derive(Debug)]
pub(super) struct Progress {
    all: usize,
    done: usize,
    clock: Clock,
}

impl Progress {
    pub(super) fn new(all: usize, clock: Clock) -> Self {
        Self {
            all,
            done: 0,
            clock,
        }
    }

    /// A measurement begins.
    pub(super) fn begin(&self, round: usize, rounds: usize, task: &Task, who: &str) {
        let (at, all) = (self.done + 1, self.all);
        eprint!(
            "[{at}/{all}{}] round {} of {rounds}  {task}  {who}: ",
            self.left(),
            round + 1
        );
    }

    /// What a reader should know of it.
    pub(super) fn note(&self, note: &str) {
        eprint!("({note}) ");
    }

    /// It is over.
    pub(super) fn end(&mut self, measured: &Measured) {
        self.done += 1;
        if let Some(why) = &measured.failed {
            eprintln!("FAILED: {why}");
            return;
        }
        let figures = &measured.figures;
        let mut parts = Vec::new();
        parts.extend(figures.cpu_us.map(|cpu| format!("{cpu:.3} µs of CPU each")));
        parts.extend(
            figures
                .per_second
                .map(|speed| format!("{speed:.0} a second")),
        );
        parts.extend(
            figures
                .bytes_per_connection
                .map(|bytes| format!("{bytes:.0} bytes each")),
        );
        eprintln!("{}", parts.join(", "));
    }

    /// How long it will take, if it goes on as until now.
    fn left(&self) -> String {
        if self.done == 0 {
            return String::new();
        }
        let each = self.clock.now() as f64 / 1e9 / self.done as f64;
        let seconds = each * (self.all - self.done) as f64;
        match seconds {
            ..90.0 => format!(", some {seconds:.0} s left"),
            _ => format!(", some {:.0} min left", seconds / 60.0),
        }
    }
}
