//! The locks and atomics that tasks meet at: those of the standard library, or those of a model checker, for which
//! each use of one is a moment at which another thread may run (see `models`).
//!
//! Not all are from here: what is counted, logged or kept for reuse orders nothing.

#[cfg(not(all(test, shuttle)))]
pub(crate) use std::hash::RandomState;
/// Names are in the same parts of a map each time, so that a schedule can be repeated.
#[cfg(all(test, shuttle))]
pub(crate) type RandomState = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

#[cfg(all(test, shuttle))]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, RwLock, atomic};
#[cfg(not(all(test, shuttle)))]
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, atomic};
