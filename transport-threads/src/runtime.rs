//! Plain threads as a runtime of chinwag.

use std::{
    fs,
    future::Future,
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use chinwag_core::Runtime;

use crate::{
    bell::Bell,
    reactor::{self, ThreadSleep},
};

/// A thread for each task.
///
/// There is a bound on how many run at once, and a server takes fewer connections than that, 4,032 with the
/// default: see [`Runtime::max_tasks`]. One more is told that there is no room. Clones share the bound.
#[derive(Debug, Clone)]
pub struct ThreadRuntime {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    max_threads: usize,
    stack_size: usize,
    running: AtomicUsize,
}

impl ThreadRuntime {
    /// The process's own, with the default bounds: 4,096 threads, with a stack of 256 KiB each.
    pub fn current() -> Self {
        static CURRENT: OnceLock<ThreadRuntime> = OnceLock::new();
        CURRENT.get_or_init(|| Self::builder().build()).clone()
    }

    /// Starts from the defaults.
    pub fn builder() -> ThreadRuntimeBuilder {
        ThreadRuntimeBuilder {
            max_threads: 4096,
            stack_size: 256 * 1024,
        }
    }

    /// How many of its threads run now.
    pub fn threads(&self) -> usize {
        self.shared.running.load(Ordering::Relaxed)
    }
}

/// Makes a [`ThreadRuntime`].
#[must_use]
#[derive(Debug, Clone)]
pub struct ThreadRuntimeBuilder {
    max_threads: usize,
    stack_size: usize,
}

impl ThreadRuntimeBuilder {
    /// The most threads at once; 4,096 unless set. On Linux there are never more than a fifth of
    /// `vm.max_map_count`, which is 13,106 where that is not set.
    ///
    /// Where the system has a lower bound (`kernel.threads-max`, the control group's `pids.max`), one more
    /// thread is an error of `spawn`. But where memory or address space is limited (`ulimit -v`), a thread that
    /// gets only a part of what it needs aborts the process; keep this below such a limit.
    pub fn max_threads(mut self, threads: usize) -> Self {
        self.max_threads = threads;
        self
    }

    /// The size of a thread's stack in bytes; 256 KiB unless set. It is address space: memory is taken for
    /// what is used of it, about 12 KiB without code of the embedder's. A program that needs more than it
    /// says ends with a stack overflow, all of it.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = bytes;
        self
    }

    /// Makes the runtime.
    pub fn build(self) -> ThreadRuntime {
        ThreadRuntime {
            shared: Arc::new(Shared {
                max_threads: self.max_threads.min(most_threads()),
                stack_size: self.stack_size,
                running: AtomicUsize::new(0),
            }),
        }
    }
}

/// A thread that runs, or is about to.
struct Running(Arc<Shared>);

impl Running {
    fn one_more(shared: &Arc<Shared>) -> io::Result<Self> {
        let running = &shared.running;
        let grown = running.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |running| {
            (running < shared.max_threads).then_some(running + 1)
        });
        match grown {
            Ok(_) => Ok(Self(shared.clone())),
            Err(running) => Err(io::Error::other(format!("all {running} threads are taken"))),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[expect(clippy::expect_used, reason = "it ends this task only, and is printed")]
fn run(task: impl Future<Output = ()>, bell: &Arc<Bell>) {
    reactor::run(task, bell).expect("the system has memory to wait with");
}

/// How many threads a process may have at most. A thread of Rust's has four mappings of memory, and if it
/// gets only some of them the whole process is aborted, so this stays well below.
fn most_threads() -> usize {
    // Linux has a bound on them, and says so here.
    let mappings = fs::read_to_string("/proc/sys/vm/max_map_count");
    let mappings = mappings.ok().and_then(|count| count.trim().parse().ok());
    mappings.map_or(usize::MAX, |count: usize| count / 5)
}

impl Runtime for ThreadRuntime {
    const THREAD_PER_TASK: bool = true;

    type Sleep = ThreadSleep;

    fn spawn<F>(&self, task: F) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let running = Running::one_more(&self.shared)?;
        let bell = Arc::new(Bell::new()?);
        // Dropping the handle detaches the thread; a panic ends it alone.
        thread::Builder::new()
            .name("chat".to_owned())
            .stack_size(self.shared.stack_size)
            .spawn(move || {
                let _running = running;
                run(task, &bell);
            })?;
        Ok(())
    }

    fn sleep_until(&self, deadline: Instant) -> ThreadSleep {
        ThreadSleep::until(deadline)
    }

    fn now(&self) -> Instant {
        reactor::now()
    }

    fn max_tasks(&self) -> usize {
        self.shared.max_threads
    }
}
