//! A task that sleeps until somebody has something for it.

use std::{fmt, sync::Arc, task::Waker};

use crate::{connections::ServerId, session::Scratch};

/// A task that sleeps, and how to reach it.
///
/// Whoever takes one from a mailbox must [`wake`](Self::wake) it or have it [`deliver`](Self::deliver).
pub(crate) struct Sleeper {
    task: Waker,
    outlet: Option<Arc<dyn Outlet>>,
    /// The poll of the task that `task` is the waker of.
    poll: u32,
}

/// What brings the events in a mailbox to their reader without its task, which sleeps on.
///
/// To wake a task, to poll it, and to put it to sleep again costs several times what the write does that
/// it wakes up for.
pub(crate) trait Outlet: Send + Sync {
    /// Takes what is in the mailbox and writes it. Leaves `task` where the next one finds it, or wakes it: if
    /// there is more to do than that, and if it is a connection of another server than `by`, the one that the
    /// caller's task works for.
    ///
    /// Does nothing if the task has been polled since it went to sleep: it has seen to its mailbox itself, and
    /// `task` is the waker of a poll that is not its last.
    fn deliver(self: Arc<Self>, task: Sleeper, by: ServerId, scratch: &mut Scratch);
}

impl Sleeper {
    /// A task that has to be woken whatever there is for it.
    pub(crate) fn new(task: &Waker) -> Self {
        Self {
            task: task.clone(),
            outlet: None,
            poll: 0,
        }
    }

    /// A task that events pass by, and that goes to sleep in its poll of the number `poll`.
    pub(crate) fn with_outlet(task: Waker, outlet: Arc<dyn Outlet>, poll: u32) -> Self {
        Self {
            task,
            outlet: Some(outlet),
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
        self.task.wake();
    }

    /// Has what is in its mailbox brought to its reader, now if that is possible. Not to be called while any
    /// lock is held that somebody who is polled takes.
    pub(crate) fn deliver(self, by: ServerId, scratch: &mut Scratch) {
        match self.outlet.clone() {
            Some(outlet) => outlet.deliver(self, by, scratch),
            None => self.wake(),
        }
    }
}

impl fmt::Debug for Sleeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleeper").finish_non_exhaustive()
    }
}
