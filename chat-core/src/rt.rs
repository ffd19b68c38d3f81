//! What chinwag asks of an async runtime: to run tasks, to sleep, to tell the time, and to say how many tasks
//! it has.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    task::Poll,
    time::{Duration, Instant},
};

/// An async runtime, as far as a chat needs one.
///
/// An implementation is a cheap handle: the server clones it for every connection. The crates
/// `chinwag-transport-*` have one for each supported runtime; a test may bring its own, with a clock
/// that it moves by hand, because nothing in this crate reads the time from anywhere else.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// Whether each task has a thread of its own. Read and write buffers are then shared by the process, at
    /// the price of a short lock for each poll, instead of kept by each thread.
    ///
    /// A runtime that wraps another one forwards this, and [`max_tasks`](Self::max_tasks).
    const THREAD_PER_TASK: bool = false;

    /// A timer of this runtime.
    type Sleep: Sleep + 'static;

    /// Runs `task` to its end, detached: there is no handle, and nothing cancels it but the end of the
    /// runtime itself, which drops it.
    ///
    /// A task that panics must not take the runtime or another task with it.
    ///
    /// # Errors
    ///
    /// If the system has no thread or file descriptor for it, or [`max_tasks`](Self::max_tasks) run
    /// already. The task is dropped.
    fn spawn<F>(&self, task: F) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static;

    /// A timer that completes at `deadline`, never earlier, or soon after its first poll when that has passed.
    ///
    /// It may be called outside the runtime's own context; the timer is polled inside it. A timer that
    /// has never been polled should cost little: a connection makes one that it may never need.
    fn sleep_until(&self, deadline: Instant) -> Self::Sleep;

    /// The current time, monotonic.
    fn now(&self) -> Instant;

    /// The most tasks that it runs at once; unless implemented, there is no bound.
    ///
    /// A [`Server`](crate::Server) keeps an eighth of them, at most 64, to tell those that it refuses that
    /// there is no room, and takes as many connections as are left. It counts on having all of them: where
    /// several servers share a runtime that is full, connections are closed without a word.
    fn max_tasks(&self) -> usize {
        usize::MAX
    }
}

/// A timer that can be moved.
pub trait Sleep: Future<Output = ()> + Send {
    /// Moves the timer to `deadline`, earlier or later, also after it has completed.
    ///
    /// The task that polled it last is woken at the new deadline only if it polls again.
    fn reset(self: Pin<&mut Self>, deadline: Instant);
}

/// `now + wait`, at most a century from now.
pub(crate) fn deadline_after(now: Instant, wait: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    now.checked_add(wait.min(CENTURY)).unwrap_or(now)
}

/// Lets whatever else is ready run first.
pub(crate) async fn give_way() {
    let mut gave_way = false;
    poll_fn(|cx| {
        if gave_way {
            return Poll::Ready(());
        }
        gave_way = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
