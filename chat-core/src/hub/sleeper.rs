//! A task that sleeps until somebody has something for it.

use std::{fmt, sync::Arc, task::Waker};

use crate::{connections::ServerId, session::Scratch};

/// A task that sleeps, and how to reach it.
///
/// Whoever takes one from a mailbox must [`wake`](Self::wake) it or have it [`deliver`](Self::deliver).
pub(crate) struct Sleeper {
    task: Waker,
    outlet: Option<Arc<dyn Outlet>>,
}

/// What brings the events in a mailbox to their reader without its task, which sleeps on.
///
/// To wake a task, to poll it, and to put it to sleep again costs several times what the write does that
/// it wakes up for.
pub(crate) trait Outlet: Send + Sync {
    /// Takes what is in the mailbox and writes it. Leaves the sleeper where the next one finds it, or wakes
    /// `task`: if there is more to do than that, and if it is a connection of another server than `by`, the
    /// one that the caller's task works for.
    fn deliver(self: Arc<Self>, task: Waker, by: ServerId, scratch: &mut Scratch);
}

impl Sleeper {
    /// A task that has to be woken whatever there is for it.
    pub(crate) fn new(task: &Waker) -> Self {
        Self {
            task: task.clone(),
            outlet: None,
        }
    }

    /// A task that events pass by.
    pub(crate) fn with_outlet(task: Waker, outlet: Arc<dyn Outlet>) -> Self {
        Self {
            task,
            outlet: Some(outlet),
        }
    }

    pub(crate) fn task(&self) -> &Waker {
        &self.task
    }

    pub(crate) fn wake(self) {
        self.task.wake();
    }

    /// Has what is in its mailbox brought to its reader, now if that is possible. Not to be called while any
    /// lock is held that somebody who is polled takes.
    pub(crate) fn deliver(self, by: ServerId, scratch: &mut Scratch) {
        match self.outlet {
            Some(outlet) => outlet.deliver(self.task, by, scratch),
            None => self.task.wake(),
        }
    }
}

impl fmt::Debug for Sleeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleeper").finish_non_exhaustive()
    }
}
