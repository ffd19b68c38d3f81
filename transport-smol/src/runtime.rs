//! smol as a runtime of chinwag.

use std::{
    fmt,
    future::Future,
    io,
    num::NonZeroUsize,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    thread,
    time::Instant,
};

use async_channel::Sender;
use async_executor::Executor;
use async_io::Timer;
use chinwag_core::{Runtime, Sleep};

/// A smol executor, and the threads that run it.
#[derive(Clone)]
pub struct SmolRuntime {
    executor: Arc<Executor<'static>>,
    /// What keeps the threads running, unless they are the program's own.
    alive: Option<Sender<()>>,
}

impl SmolRuntime {
    /// The process's own: one executor, run by as many threads as the machine has processors. The first
    /// call starts them.
    ///
    /// It is not the executor of `smol::spawn`, which one thread runs unless `SMOL_THREADS` says otherwise.
    ///
    /// # Panics
    ///
    /// If the threads cannot be started; see [`try_current`](Self::try_current).
    #[expect(
        clippy::expect_used,
        reason = "documented; `try_current` does not panic"
    )]
    pub fn current() -> Self {
        Self::try_current().expect("the threads of the executor start")
    }

    /// What [`current`](Self::current) gives.
    ///
    /// # Errors
    ///
    /// If the threads cannot be started. The next call tries again.
    pub fn try_current() -> io::Result<Self> {
        static CURRENT: Mutex<Option<SmolRuntime>> = Mutex::new(None);
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*current {
            return Ok(runtime.clone());
        }
        let processors = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let runtime = Self::with_threads(processors)?;
        Ok(current.insert(runtime).clone())
    }

    /// A new executor, run by so many threads of its own. They end when the last clone of the runtime
    /// is dropped. A connection's task holds a clone.
    ///
    /// # Errors
    ///
    /// If a thread cannot be started.
    pub fn with_threads(threads: NonZeroUsize) -> io::Result<Self> {
        let executor = Arc::new(Executor::new());
        let (alive, gone) = async_channel::bounded::<()>(1);
        for _ in 0..threads.get() {
            let (executor, gone) = (executor.clone(), gone.clone());
            thread::Builder::new()
                .name("chat".to_owned())
                .spawn(move || async_io::block_on(executor.run(gone.recv())))?;
        }
        Ok(Self {
            executor,
            alive: Some(alive),
        })
    }

    /// Runs `main` on this thread and, if nobody else is known to run the executor, that too.
    pub(crate) fn run<F: Future>(&self, main: F) -> F::Output {
        match self.alive {
            Some(_) => async_io::block_on(main),
            None => async_io::block_on(self.executor.run(main)),
        }
    }
}

/// An executor of the program's own, which the program runs, with as many threads as it likes.
impl From<Arc<Executor<'static>>> for SmolRuntime {
    fn from(executor: Arc<Executor<'static>>) -> Self {
        Self {
            executor,
            alive: None,
        }
    }
}

impl fmt::Debug for SmolRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmolRuntime")
            .field("executor", &self.executor)
            .finish_non_exhaustive()
    }
}

impl Runtime for SmolRuntime {
    type Sleep = SmolSleep;

    fn spawn<F>(&self, task: F) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        // Dropping the handle would cancel the task.
        self.executor.spawn(task).detach();
        Ok(())
    }

    fn sleep_until(&self, deadline: Instant) -> SmolSleep {
        SmolSleep::until(deadline)
    }

    #[expect(clippy::disallowed_methods, reason = "where time comes from")]
    fn now(&self) -> Instant {
        Instant::now()
    }
}

/// A timer of a [`SmolRuntime`].
///
/// # Cancellation
///
/// Dropping it takes it off the timers of the process: nobody is woken. The waker that it was polled with last is let go
/// when the reactor next looks at its timers, as it does whenever one is set or due.
#[derive(Debug)]
pub struct SmolSleep(Timer);

impl SmolSleep {
    /// A timer that completes at `deadline`.
    pub fn until(deadline: Instant) -> Self {
        Self(Timer::at(deadline))
    }
}

impl Future for SmolSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(())
    }
}

impl Sleep for SmolSleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.0.set_at(deadline);
    }
}
