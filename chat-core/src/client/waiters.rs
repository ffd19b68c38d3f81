//! Who waits on one client.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use futures::task::ArcWake;
use slab::Slab;

/// The tasks that wait on one client. As a waker it wakes them all: the stream remembers only one, and
/// any of them may be the one that goes on.
///
/// No waker is woken, cloned or dropped under the lock: a task may end with its last waker, and its futures
/// then leave from here.
#[derive(Debug, Default)]
pub(super) struct Waiters(Mutex<Slab<Slot>>);

#[derive(Debug)]
struct Slot {
    /// `None` once it has been woken.
    task: Option<Waker>,
    wants: News,
}

/// What has happened, or what a task waits for: each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum News {
    /// Something was written: there is room again.
    Sent,
    /// Something was read, or the connection has ended.
    Received,
}

impl Waiters {
    /// Wakes whoever waits for `news`, except for the one with the key `except`.
    pub(super) fn tell(&self, news: News, except: Option<usize>) {
        let tasks: Vec<Waker> = self
            .lock()
            .iter_mut()
            .filter(|(key, slot)| slot.wants <= news && Some(*key) != except)
            .filter_map(|(_, slot)| slot.task.take())
            .collect();
        for task in tasks {
            task.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slab<Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ArcWake for Waiters {
    fn wake_by_ref(waiters: &Arc<Self>) {
        waiters.tell(News::Received, None);
    }
}

/// The place of one future among the waiters; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Waiter {
    waiters: Arc<Waiters>,
    key: Option<usize>,
}

impl Waiter {
    pub(super) fn new(waiters: &Arc<Waiters>) -> Self {
        Self {
            waiters: waiters.clone(),
            key: None,
        }
    }

    /// Waits for `wants`, or goes on waiting.
    pub(super) fn wait(&mut self, task: &Waker, wants: News) {
        let mut task = Some(task.clone());
        let mut slots = self.waiters.lock();
        match self.key.and_then(|key| slots.get_mut(key)) {
            Some(slot) => {
                slot.wants = wants;
                mem::swap(&mut slot.task, &mut task);
            }
            None => {
                let task = task.take();
                self.key = Some(slots.insert(Slot { task, wants }));
            }
        }
        drop(slots);
        drop(task);
    }

    /// Waits no more.
    pub(super) fn leave(&mut self) {
        if let Some(key) = self.key.take() {
            let slot = self.waiters.lock().try_remove(key);
            drop(slot);
        }
    }

    pub(super) fn key(&self) -> Option<usize> {
        self.key
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_no_more_leaves_nothing() {
        let waiters = Arc::<Waiters>::default();
        let task = futures::task::noop_waker();
        for _ in 0..3 {
            let mut waiter = Waiter::new(&waiters);
            waiter.wait(&task, News::Sent);
            waiter.wait(&task, News::Received);
            assert_eq!(waiters.lock().len(), 1);
            drop(waiter);
            assert!(waiters.lock().is_empty());
        }
    }
}
