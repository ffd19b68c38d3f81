//! The locks and atomics that tasks meet at: those of the standard library, or those of a model checker, for which
//! each use of one is a moment at which another thread may run (see `models`).
//!
//! Not all are from here: what is counted, logged or kept for reuse orders nothing.

#[cfg(all(test, shuttle))]
pub(crate) use crate::models::sync::{AtomicWaker, Mutex, MutexGuard, RandomState, RwLock, atomic};
#[cfg(not(all(test, shuttle)))]
pub(crate) use {
    futures::task::AtomicWaker,
    std::{
        hash::RandomState,
        sync::{Mutex, MutexGuard, RwLock, atomic},
    },
};
