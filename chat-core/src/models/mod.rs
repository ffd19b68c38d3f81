//! Models of what threads do at once, for every schedule that a model checker draws.
//!
//! The code is the real one: hub, server, connections and their tasks. Its locks and atomics are those of `shuttle`
//! (see `sync`), which runs one thread at a time and decides at each of them who goes on. A lost wake-up is a
//! deadlock then, and seen as one. It draws schedules instead of trying them all, as `loom` does: those of a whole
//! server with three connections are far too many, and it has no weak memory, which is of no use where nearly all
//! that is shared is behind locks.
//!
//! `.ci/models` runs them. A failure prints its schedule; to see it again, put it into `CHINWAG_SCHEDULE` and run that
//! test alone.

mod hub;
mod net;
mod server;

use std::{
    env,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use shuttle::{
    Config, Runner,
    scheduler::{PctScheduler, RandomScheduler},
};

use crate::{Hub, HubBuilder, Rates, Runtime, Sleep};

/// Runs `model` under so many schedules, or as many times more as `CHINWAG_SCHEDULES` says: one half drawn evenly, the
/// other with few changes of thread, where rare orders are found sooner.
fn check(schedules: usize, model: impl Fn() + Send + Sync + 'static) {
    if let Ok(schedule) = env::var("CHINWAG_SCHEDULE") {
        return shuttle::replay(model, &schedule);
    }
    let times = env::var("CHINWAG_SCHEDULES").map_or(1, |times| times.parse().expect("a number"));
    let half = schedules * times / 2;
    let model = Arc::new(model);
    let runner = |run: Arc<dyn Fn() + Send + Sync>| move || run();
    let (first, second) = (runner(model.clone()), runner(model));
    Runner::new(RandomScheduler::new_from_seed(1, half), config()).run(first);
    Runner::new(PctScheduler::new_from_seed(1, 3, half), config()).run(second);
    println!("{} schedules", 2 * half);
}

fn config() -> Config {
    let mut config = Config::new();
    // A connection in a build that is not optimised takes more than there is by default.
    config.stack_size = 512 * 1024;
    config
}

/// A hub without rates, whose time stands still.
fn hub() -> HubBuilder {
    let now = epoch();
    Hub::builder().rates(Rates::unlimited()).clock(move || now)
}

#[expect(clippy::disallowed_methods, reason = "where time stands still")]
fn epoch() -> Instant {
    Instant::now()
}

/// Each task is one of the checker's, and no timer ever fires.
#[derive(Clone)]
struct Tasks(Instant);

impl Runtime for Tasks {
    type Sleep = Never;

    fn spawn<F>(&self, task: F) -> std::io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(shuttle::future::spawn(task));
        Ok(())
    }

    fn sleep_until(&self, deadline: Instant) -> Never {
        Never(deadline <= self.0)
    }

    fn now(&self) -> Instant {
        self.0
    }
}

/// It has completed already, or never does.
struct Never(bool);

impl Future for Never {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match self.0 {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl Sleep for Never {
    fn reset(mut self: Pin<&mut Self>, _: Instant) {
        self.0 = false;
    }
}

/// Longer than any model takes.
const LONG: Duration = Duration::from_secs(3600);
