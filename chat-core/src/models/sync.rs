//! What stands in for the locks and atomics of the standard library, and for what else is not the same each time.

use std::{
    hash::{BuildHasherDefault, DefaultHasher},
    task::Waker,
};

pub(crate) use shuttle::sync::{Mutex, MutexGuard, RwLock, atomic};

/// Names are in the same parts of a map each time, so that a schedule can be repeated.
pub(crate) type RandomState = BuildHasherDefault<DefaultHasher>;

/// Does what the one of `futures` does.
#[derive(Debug, Default)]
pub(crate) struct AtomicWaker(Mutex<Option<Waker>>);

impl AtomicWaker {
    pub(crate) fn register(&self, waker: &Waker) {
        *self.0.lock().unwrap() = Some(waker.clone());
    }

    pub(crate) fn wake(&self) {
        let waker = self.0.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
