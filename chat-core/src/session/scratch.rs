//! Buffers that a thread lends to whichever connection it is polling.

use std::{cell::Cell, task::Waker};

use crate::model::Event;

/// What a connection needs only while it is polled, so that an idle one owns none of it.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// What a read is made into.
    pub(crate) read: Box<[u8]>,
    /// What small frames are copied into.
    pub(crate) write: Vec<u8>,
    /// What was taken from a mailbox.
    pub(crate) events: Vec<Event>,
    /// Tasks to be woken when everything that one read brought is done.
    pub(crate) wakes: Wakes,
}

/// Tasks to be woken. None is forgotten, also when the connection that has to wake them panics.
#[derive(Debug, Default)]
pub(crate) struct Wakes(Vec<Waker>);

impl Wakes {
    pub(crate) fn add(&mut self, task: Option<Waker>) {
        self.0.extend(task);
    }

    pub(crate) fn wake(&mut self) {
        for task in self.0.drain(..) {
            task.wake();
        }
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        self.wake();
    }
}

/// The size of a read, in bytes. It is also the most that is kept of a peer who sends requests faster
/// than it reads the replies.
const READ: usize = 16 * 1024;

/// A write buffer that has grown past this, in bytes, is not kept.
const MAX_WRITE: usize = 256 * 1024;

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Scratch {
    /// Runs `work` with this thread's buffers, or with new ones if they are in use further up the stack.
    pub(crate) fn with<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        let kept = SCRATCH.try_with(Cell::take).ok().flatten();
        let mut scratch = kept.unwrap_or_else(|| Box::new(Self::new()));
        let result = work(&mut scratch);
        if scratch.write.capacity() > MAX_WRITE {
            scratch.write = Vec::with_capacity(READ);
        }
        // At the end of the thread they are simply dropped.
        let _ = SCRATCH.try_with(|kept| kept.set(Some(scratch)));
        result
    }

    fn new() -> Self {
        Self {
            read: vec![0; READ].into(),
            write: Vec::with_capacity(READ),
            events: Vec::new(),
            wakes: Wakes::default(),
        }
    }
}
