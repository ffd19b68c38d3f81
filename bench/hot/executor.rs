//! The least that runs tasks: one thread, a queue of those that were woken, and a clock that is moved by hand.

use std::{
    collections::VecDeque,
    future::Future,
    io, mem,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use chinwag_core::{Runtime, Sleep};

use crate::counted;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs tasks when it is told to.
pub(crate) struct Executor {
    shared: Arc<Shared>,
    /// By number. The waker of a task is made once.
    tasks: Vec<Option<(Task, Waker, Arc<Woken>)>>,
    free: Vec<usize>,
    running: VecDeque<usize>,
}

/// A handle on an [`Executor`].
#[derive(Clone)]
pub(crate) struct Handle(Arc<Shared>);

struct Shared {
    start: Instant,
    /// In microseconds since then.
    now: AtomicU64,
    spawned: Mutex<Vec<Task>>,
    ready: Mutex<VecDeque<usize>>,
}

struct Woken {
    task: usize,
    is_queued: AtomicBool,
    shared: Arc<Shared>,
}

impl Executor {
    pub(crate) fn new() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "where the time begins that is moved by hand"
        )]
        let start = Instant::now();
        let shared = Shared {
            start,
            now: AtomicU64::new(0),
            spawned: Mutex::default(),
            ready: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
            tasks: Vec::new(),
            free: Vec::new(),
            running: VecDeque::new(),
        }
    }

    pub(crate) fn handle(&self) -> Handle {
        Handle(self.shared.clone())
    }

    /// Lets `time` pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.shared.now.fetch_add(time.as_micros() as u64, Relaxed);
    }

    /// Runs the tasks that were woken, in the order in which they were, until none is.
    pub(crate) fn run(&mut self) {
        loop {
            self.adopt();
            mem::swap(&mut *lock(&self.shared.ready), &mut self.running);
            if self.running.is_empty() {
                return;
            }
            while let Some(number) = self.running.pop_front() {
                self.poll(number);
            }
        }
    }

    fn poll(&mut self, number: usize) {
        let Some((task, waker, woken)) = &mut self.tasks[number] else {
            return;
        };
        woken.is_queued.store(false, Relaxed);
        let mut cx = Context::from_waker(waker);
        if counted(|| task.as_mut().poll(&mut cx)).is_ready() {
            self.tasks[number] = None;
            self.free.push(number);
        }
    }

    /// Takes over what was spawned.
    fn adopt(&mut self) {
        let spawned = mem::take(&mut *lock(&self.shared.spawned));
        for task in spawned {
            let number = self.free.pop().unwrap_or_else(|| {
                self.tasks.push(None);
                self.tasks.len() - 1
            });
            let woken = Arc::new(Woken {
                task: number,
                is_queued: AtomicBool::new(false),
                shared: self.shared.clone(),
            });
            let waker = Waker::from(woken.clone());
            waker.wake_by_ref();
            self.tasks[number] = Some((task, waker, woken));
        }
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_queued.swap(true, Relaxed) {
            lock(&self.shared.ready).push_back(self.task);
        }
    }
}

impl Runtime for Handle {
    type Sleep = Timer;

    fn spawn<F>(&self, task: F) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        lock(&self.0.spawned).push(Box::pin(task));
        Ok(())
    }

    fn sleep_until(&self, deadline: Instant) -> Timer {
        Timer {
            deadline,
            clock: self.clone(),
        }
    }

    fn now(&self) -> Instant {
        self.0.start + Duration::from_micros(self.0.now.load(Relaxed))
    }
}

/// A timer that wakes nobody: no case lets so much time pass that one were due.
pub(crate) struct Timer {
    deadline: Instant,
    clock: Handle,
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
        match self.deadline <= self.clock.now() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl Sleep for Timer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.deadline = deadline;
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
