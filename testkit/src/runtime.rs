//! A single-threaded executor with virtual time.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use chinwag_core::{Runtime, Sleep};
use futures::future::BoxFuture;

/// A runtime for tests: one thread, a clock that jumps to the next timer when nobody has anything to
/// do, and tasks that run in an order drawn from a seed.
///
/// A task that panics is dropped and counted, as it would be on a real runtime.
#[derive(Clone)]
pub struct VirtualRuntime {
    inner: Arc<Inner>,
}

struct Inner {
    start: Instant,
    state: Mutex<State>,
    /// Tells the thread that runs it, if it waits for others, that a task is ready.
    is_ready: Condvar,
}

struct State {
    now: Instant,
    rng: fastrand::Rng,
    /// The tasks that are not running at this moment.
    tasks: BTreeMap<u64, BoxFuture<'static, ()>>,
    next_id: u64,
    ready: Vec<Arc<Task>>,
    timers: BTreeMap<(Instant, u64), Waker>,
    panics: usize,
    polls: u64,
    /// How many of them there were when time passed last.
    polls_before: u64,
    /// How much time one poll of a task takes.
    tick: Duration,
    /// Other threads may wake tasks of this runtime.
    has_outside_wakes: bool,
}

/// More polls than this without any time between them are taken for a loop that never ends.
const MOST_AT_ONCE: u64 = 10_000_000;

/// The task of [`VirtualRuntime::block_on`].
const MAIN: u64 = 0;

impl VirtualRuntime {
    /// A runtime that draws its order from `seed`.
    pub fn new(seed: u64) -> Self {
        #[expect(clippy::disallowed_methods, reason = "where virtual time begins")]
        let start = Instant::now();
        let state = State {
            now: start,
            rng: fastrand::Rng::with_seed(seed),
            tasks: BTreeMap::new(),
            next_id: MAIN + 1,
            ready: Vec::new(),
            timers: BTreeMap::new(),
            panics: 0,
            polls: 0,
            polls_before: 0,
            tick: Duration::ZERO,
            has_outside_wakes: false,
        };
        Self {
            inner: Arc::new(Inner {
                start,
                state: Mutex::new(state),
                is_ready: Condvar::new(),
            }),
        }
    }

    /// Runs `main`, and whatever it spawns, until `main` completes. Other tasks then stay where they are.
    ///
    /// # Panics
    ///
    /// If `main` can never complete, because every task waits and no timer is set.
    pub fn block_on<T>(&self, main: impl Future<Output = T>) -> T {
        let mut main = pin!(main);
        self.task(MAIN).wake();
        loop {
            let Some(task) = self.next_task() else {
                panic!("deadlock: every task waits for another and no timer is set");
            };
            let waker = Waker::from(task.clone());
            let mut cx = Context::from_waker(&waker);
            if task.id == MAIN {
                if let Poll::Ready(result) = main.as_mut().poll(&mut cx) {
                    return result;
                }
                continue;
            }
            let Some(mut running) = self.lock().tasks.remove(&task.id) else {
                continue;
            };
            match catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(&mut cx))) {
                Ok(Poll::Pending) => {
                    self.lock().tasks.insert(task.id, running);
                }
                Ok(Poll::Ready(())) => drop(running),
                Err(_) => {
                    drop(running);
                    self.lock().panics += 1;
                }
            }
        }
    }

    /// Waits for `wait` of virtual time.
    pub async fn sleep(&self, wait: Duration) {
        self.sleep_until(self.now() + wait).await;
    }

    /// Lets everything that can run without time passing run.
    pub async fn settle(&self) {
        self.sleep(Duration::from_nanos(1)).await;
    }

    /// Makes each poll of a task take `tick` of virtual time; it takes none otherwise. With it, time passes
    /// although somebody always has something to do.
    pub fn set_tick(&self, tick: Duration) {
        self.lock().tick = tick;
    }

    /// Says that other threads wake tasks of this runtime. When every task waits and no timer is set, it
    /// then waits for them, instead of taking it for a deadlock; and a run is no longer repeatable.
    pub fn expect_outside_wakes(&self) {
        self.lock().has_outside_wakes = true;
    }

    /// How much virtual time has passed.
    pub fn elapsed(&self) -> Duration {
        self.now() - self.inner.start
    }

    /// How many tasks have not completed.
    pub fn tasks(&self) -> usize {
        self.lock().tasks.len()
    }

    /// How many timers are set.
    pub fn timers(&self) -> usize {
        self.lock().timers.len()
    }

    /// How many tasks have panicked.
    pub fn panics(&self) -> usize {
        self.lock().panics
    }

    /// How many polls of tasks there were.
    pub fn polls(&self) -> u64 {
        self.lock().polls
    }

    /// A task that can run now; moves the clock if there is none.
    fn next_task(&self) -> Option<Arc<Task>> {
        loop {
            let mut state = self.lock();
            if !state.ready.is_empty() {
                let count = state.ready.len();
                let drawn = state.rng.usize(..count);
                let task = state.ready.swap_remove(drawn);
                let tick = state.tick;
                state.now += tick;
                state.polls += 1;
                if tick.is_zero() && state.polls - state.polls_before > MOST_AT_ONCE {
                    drop(state);
                    panic!("tasks wake each other for ever, and no time passes");
                }
                *task.queued.lock().unwrap_or_else(PoisonError::into_inner) = false;
                return Some(task);
            }
            let Some(((deadline, _), waker)) = state.timers.pop_first() else {
                if !state.has_outside_wakes {
                    return None;
                }
                let waited = self.inner.is_ready.wait(state);
                drop(waited.unwrap_or_else(PoisonError::into_inner));
                continue;
            };
            state.now = state.now.max(deadline);
            state.polls_before = state.polls;
            drop(state);
            waker.wake();
        }
    }

    fn task(&self, id: u64) -> Arc<Task> {
        Arc::new(Task {
            id,
            queued: Mutex::new(false),
            runtime: Arc::downgrade(&self.inner),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.lock()
    }
}

impl Runtime for VirtualRuntime {
    type Sleep = VirtualSleep;

    fn spawn<F>(&self, task: F) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.tasks.insert(id, Box::pin(task));
        drop(state);
        self.task(id).wake();
        Ok(())
    }

    fn sleep_until(&self, deadline: Instant) -> VirtualSleep {
        VirtualSleep {
            runtime: self.clone(),
            deadline,
            timer: None,
        }
    }

    fn now(&self) -> Instant {
        self.lock().now
    }
}

impl fmt::Debug for VirtualRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualRuntime")
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Task {
    id: u64,
    /// Whether it is among the ready ones. Its lock is taken inside the runtime's.
    queued: Mutex<bool>,
    runtime: Weak<Inner>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let Some(runtime) = self.runtime.upgrade() else {
            return;
        };
        let mut state = runtime.lock();
        let mut queued = self.queued.lock().unwrap_or_else(PoisonError::into_inner);
        if !*queued {
            *queued = true;
            state.ready.push(self.clone());
            runtime.is_ready.notify_one();
        }
    }
}

/// A timer of a [`VirtualRuntime`].
#[derive(Debug)]
pub struct VirtualSleep {
    runtime: VirtualRuntime,
    deadline: Instant,
    timer: Option<(Instant, u64)>,
}

impl VirtualSleep {
    fn disarm(&mut self) {
        if let Some(timer) = self.timer.take() {
            self.runtime.lock().timers.remove(&timer);
        }
    }
}

impl Future for VirtualSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.disarm();
        let runtime = self.runtime.clone();
        let mut state = runtime.lock();
        if self.deadline <= state.now {
            return Poll::Ready(());
        }
        let timer = (self.deadline, state.next_id);
        state.next_id += 1;
        state.timers.insert(timer, cx.waker().clone());
        self.timer = Some(timer);
        Poll::Pending
    }
}

impl Sleep for VirtualSleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.disarm();
        self.deadline = deadline;
    }
}

impl Drop for VirtualSleep {
    fn drop(&mut self) {
        self.disarm();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn time_jumps_and_timers_fire_in_order() {
        let rt = VirtualRuntime::new(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        for hours in [3, 1, 2] {
            let (task, order) = (rt.clone(), order.clone());
            rt.spawn(async move {
                task.sleep(Duration::from_secs(hours * 3600)).await;
                order.lock().unwrap().push(hours);
            })
            .unwrap();
        }
        rt.block_on(rt.sleep(Duration::from_secs(4 * 3600)));
        assert_eq!(*order.lock().unwrap(), [1, 2, 3]);
        assert_eq!(rt.elapsed().as_secs(), 4 * 3600);
    }

    #[test]
    fn the_seed_is_the_order() {
        let run = |seed| {
            let rt = VirtualRuntime::new(seed);
            let order = Arc::new(Mutex::new(Vec::new()));
            for i in 0..20 {
                let order = order.clone();
                rt.spawn(async move { order.lock().unwrap().push(i) })
                    .unwrap();
            }
            rt.block_on(rt.settle());
            Arc::into_inner(order).unwrap().into_inner().unwrap()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }

    #[test]
    fn a_panic_takes_only_its_task() {
        let rt = VirtualRuntime::new(1);
        let done = Arc::new(AtomicUsize::new(0));
        rt.spawn(async { panic!("on purpose") }).unwrap();
        let count = done.clone();
        rt.spawn(async move {
            count.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
        rt.block_on(rt.settle());
        assert_eq!((rt.panics(), rt.tasks()), (1, 0));
        assert_eq!(done.load(Ordering::Relaxed), 1);
    }

    #[test]
    #[should_panic = "deadlock"]
    fn waiting_for_nothing_is_noticed() {
        VirtualRuntime::new(1).block_on(std::future::pending::<()>());
    }
}
