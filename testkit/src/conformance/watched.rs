//! A runtime that is watched.

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use chinwag_core::Runtime;

/// A runtime, with a count of its tasks.
#[derive(Clone)]
pub(super) struct Watched<R> {
    runtime: R,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    tasks: AtomicUsize,
    largest: AtomicUsize,
}

impl<R> Watched<R> {
    pub(super) fn new(runtime: R) -> Self {
        Self {
            runtime,
            counts: Arc::default(),
        }
    }

    /// How many tasks are not done.
    pub(super) fn tasks(&self) -> usize {
        self.counts.tasks.load(Ordering::Relaxed)
    }

    /// The size of the largest task so far, in bytes.
    pub(super) fn largest(&self) -> usize {
        self.counts.largest.load(Ordering::Relaxed)
    }
}

impl<R: Runtime> Runtime for Watched<R> {
    const THREAD_PER_TASK: bool = R::THREAD_PER_TASK;

    type Sleep = R::Sleep;

    fn spawn<F>(&self, task: F) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        struct Task(Arc<Counts>);
        impl Drop for Task {
            fn drop(&mut self) {
                self.0.tasks.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.counts.tasks.fetch_add(1, Ordering::Relaxed);
        self.counts
            .largest
            .fetch_max(size_of::<F>(), Ordering::Relaxed);
        let counted = Task(self.counts.clone());
        self.runtime.spawn(async move {
            let _counted = counted;
            task.await;
        })
    }

    fn sleep_until(&self, deadline: Instant) -> R::Sleep {
        self.runtime.sleep_until(deadline)
    }

    fn now(&self) -> Instant {
        self.runtime.now()
    }

    fn max_tasks(&self) -> usize {
        self.runtime.max_tasks()
    }
}
