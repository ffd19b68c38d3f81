//! A task that sleeps until somebody has something for it.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::Waker,
};

use crate::{connections::ServerId, session::Scratch};

/// A task that sleeps, and how to reach it.
///
/// Whoever takes one from a mailbox must [`wake`](Self::wake) it or have it [`deliver`](Self::deliver).
pub(crate) struct Sleeper {
    task: Waker,
    outlet: Option<Arc<dyn Outlet>>,
    /// The server that the outlet is one of.
    server: Option<ServerId>,
    /// The poll of the task that `task` is the waker of.
    poll: u32,
}

/// What brings the events in a mailbox to their reader without its task, which sleeps on.
///
/// To wake a task, to poll it, and to put it to sleep again costs several times what the write does that
/// it wakes up for.
pub(crate) trait Outlet: Send + Sync {
    /// Takes what is in the mailbox and writes it. Leaves `task` where the next one finds it, or wakes it if
    /// there is more to do than that.
    ///
    /// Does nothing if the task has been polled since it went to sleep: it has seen to its mailbox itself, and
    /// `task` is the waker of a poll that is not its last.
    fn deliver(self: Arc<Self>, task: Sleeper, scratch: &mut Scratch);
}

impl Sleeper {
    /// A task that has to be woken whatever there is for it.
    pub(crate) fn new(task: &Waker) -> Self {
        Self {
            task: task.clone(),
            outlet: None,
            server: None,
            poll: 0,
        }
    }

    /// A task that events pass by, and that goes to sleep in its poll of the number `poll`. Other tasks of the same
    /// `server` may write to its socket.
    pub(crate) fn with_outlet(
        task: Waker,
        outlet: Arc<dyn Outlet>,
        server: ServerId,
        poll: u32,
    ) -> Self {
        Self {
            task,
            outlet: Some(outlet),
            server: Some(server),
            poll,
        }
    }

    /// The same, in another poll, if that has a waker that does the same as `task`.
    pub(crate) fn again(mut self, task: &Waker, poll: u32) -> Option<Self> {
        self.poll = poll;
        self.task.will_wake(task).then_some(self)
    }

    /// The poll that it sleeps since.
    pub(crate) fn poll(&self) -> u32 {
        self.poll
    }

    pub(crate) fn task(&self) -> &Waker {
        &self.task
    }

    pub(crate) fn wake(self) {
        // Wakers are the program's, and often several are woken in a row: one that panics harms no other task.
        let _ = catch_unwind(AssertUnwindSafe(|| self.task.wake()));
    }

    /// Whether tasks of `server` may write to its socket: that may be polled in the runtime that it belongs to, and
    /// perhaps nowhere else.
    pub(crate) fn is_served_by(&self, server: ServerId) -> bool {
        self.server == Some(server)
    }

    /// Has what is in its mailbox brought to its reader, by a task of the same server. Not to be called while any
    /// lock is held that somebody who is polled takes.
    pub(crate) fn deliver(self, scratch: &mut Scratch) {
        match self.outlet.clone() {
            Some(outlet) => outlet.deliver(self, scratch),
            None => self.wake(),
        }
    }
}

impl fmt::Debug for Sleeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleeper").finish_non_exhaustive()
    }
}
