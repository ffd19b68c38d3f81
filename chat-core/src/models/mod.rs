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
mod rooms;
mod server;
pub(crate) mod sync;

use std::{
    env,
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

use shuttle::{
    Config, Runner,
    future::{AbortHandle, JoinHandle},
    scheduler::{DfsScheduler, PctScheduler, RandomScheduler, ReplayScheduler, Scheduler},
};

use crate::{Hub, HubBuilder, Rates, Runtime, Sleep};

/// Runs `model` under so many schedules, or as many times more as `CHINWAG_SCHEDULES` says: one half drawn evenly, the
/// other with few changes of thread, where rare orders are found sooner.
fn check(schedules: usize, model: impl Fn() + Send + Sync + 'static) {
    let times = env::var("CHINWAG_SCHEDULES").map_or(1, |times| times.parse().expect("a number"));
    let half = schedules * times / 2;
    let even = RandomScheduler::new_from_seed(1, half);
    let few_changes = PctScheduler::new_from_seed(1, 3, half);
    run([Box::new(even), Box::new(few_changes)], model);
}

/// Runs `model` under every schedule that there is. Only for very small ones.
fn check_all(model: impl Fn() + Send + Sync + 'static) {
    run([Box::new(DfsScheduler::new(None, false))], model);
}

fn run<const N: usize>(
    schedulers: [Box<dyn Scheduler + Send>; N],
    model: impl Fn() + Send + Sync + 'static,
) {
    if let Ok(schedule) = env::var("CHINWAG_SCHEDULE") {
        let schedule = ReplayScheduler::new_from_encoded(&schedule);
        Runner::new(schedule, config()).run(model);
        return;
    }
    let report = Report(Arc::default());
    let model = Arc::new(model);
    for scheduler in schedulers {
        let (count, model) = (report.0.clone(), model.clone());
        Runner::new(scheduler, config()).run(move || {
            count.fetch_add(1, Ordering::Relaxed);
            model();
        });
    }
}

/// Says at the end of a model under how many schedules it has run.
struct Report(Arc<AtomicUsize>);

impl Drop for Report {
    fn drop(&mut self) {
        let (model, count) = (thread::current(), self.0.load(Ordering::Relaxed));
        let model = model.name().unwrap_or("a model");
        match thread::panicking() {
            true => {
                let name = model.trim_start_matches("models::");
                println!("{model}: FAILED in schedule {count}, which is printed above");
                println!("To see it again: CHINWAG_SCHEDULE=\"91...\" .ci/models {name}");
            }
            false => println!("{model}: {count} schedules, passed"),
        }
    }
}

fn config() -> Config {
    let mut config = Config::new();
    // A connection in a build that is not optimised takes more than there is by default.
    config.stack_size = 512 * 1024;
    // What it warns of is said above: it knows no weak memory.
    config.silence_warnings = true;
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
struct Tasks {
    now: Instant,
    /// All that were ever spawned.
    spawned: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Tasks {
    fn new() -> Self {
        Self {
            now: epoch(),
            spawned: Arc::default(),
        }
    }

    /// Drops the task that was spawned as the one of this number, when it is used.
    fn dropper(&self, number: usize) -> AbortHandle {
        self.lock()[number].abort_handle()
    }

    /// Waits for all to end.
    async fn join(&self) {
        let spawned = mem::take(&mut *self.lock());
        for task in spawned {
            // Whether it was dropped is known to who has done so.
            let _ = task.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.spawned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runtime for Tasks {
    type Sleep = Never;

    fn spawn<F>(&self, task: F) -> std::io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = shuttle::future::spawn(LastWaker::new(task));
        self.lock().push(task);
        Ok(())
    }

    fn sleep_until(&self, deadline: Instant) -> Never {
        Never(deadline <= self.now)
    }

    fn now(&self) -> Instant {
        self.now
    }
}

/// A future that gets another waker in every second poll, and which those that it had before wake no more: it must
/// not count on them.
struct LastWaker<F> {
    future: Pin<Box<F>>,
    polls: usize,
    waker: Waker,
    current: Arc<AtomicUsize>,
}

/// The waker of two polls of a [`LastWaker`].
struct Numbered {
    number: usize,
    current: Arc<AtomicUsize>,
    task: Waker,
}

impl<F> LastWaker<F> {
    fn new(future: F) -> Self {
        Self {
            future: Box::pin(future),
            polls: 0,
            waker: Waker::noop().clone(),
            current: Arc::default(),
        }
    }
}

impl<F: Future> Future for LastWaker<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        if this.polls.is_multiple_of(2) {
            this.current.store(this.polls, Ordering::Relaxed);
            this.waker = Waker::from(Arc::new(Numbered {
                number: this.polls,
                current: this.current.clone(),
                task: cx.waker().clone(),
            }));
        }
        this.polls += 1;
        this.future
            .as_mut()
            .poll(&mut Context::from_waker(&this.waker))
    }
}

impl Wake for Numbered {
    fn wake(self: Arc<Self>) {
        if self.number == self.current.load(Ordering::Relaxed) {
            self.task.wake_by_ref();
        }
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
