//! Buffers that are lent to whichever connection is being polled.

use std::{
    cell::Cell,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    hub::{Effects, Item, Sleeper},
    wire::Reading,
};

/// What a connection needs only while it is polled, so that an idle one owns none of it.
///
/// The lists stay as long as they once were: what one mailbox can hold, and one entry for each member of the largest
/// room.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// What a read is made into.
    pub(crate) read: Box<[u8]>,
    /// What small frames are copied into.
    pub(crate) write: Vec<u8>,
    /// What a wire says about a frame.
    pub(crate) reading: Reading,
    /// What was taken from a mailbox.
    pub(crate) items: Vec<Item>,
    /// The tasks that one poll serves.
    pub(crate) batch: Vec<Sleeper>,
    /// What is left to be done when everything that one read brought is.
    pub(crate) effects: Effects,
}

/// The size of a read, in bytes. It is also the most that is kept of a peer who sends requests faster
/// than it reads the replies.
pub(super) const READ: usize = 16 * 1024;

/// A write buffer that has grown past this, in bytes, is not kept.
const MAX_WRITE: usize = 256 * 1024;

/// How many spare buffers are kept for threads that keep none: half a megabyte. More are of use only where
/// more threads than that poll at the same instant, and so have as many processors.
const MAX_SPARE: usize = 16;

thread_local! {
    static OWN: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Boxes, because they are what is lent and given back.
type Spare = Vec<Box<Scratch>>;

static SPARE: Mutex<Spare> = Mutex::new(Vec::new());

/// Where buffers come from, and go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lender {
    /// The thread keeps them, because it polls many connections.
    Thread,
    /// All threads share them, because each polls one connection, and idle ones would keep buffers as well.
    Process,
}

impl Lender {
    fn take(self) -> Option<Box<Scratch>> {
        match self {
            Self::Thread => OWN.try_with(Cell::take).ok().flatten(),
            Self::Process => spare().pop(),
        }
    }

    fn give_back(self, scratch: Box<Scratch>) {
        match self {
            // At the end of the thread they are simply dropped.
            Self::Thread => drop(OWN.try_with(|own| own.set(Some(scratch)))),
            Self::Process => {
                let mut spare = spare();
                if spare.len() < MAX_SPARE {
                    spare.push(scratch);
                }
            }
        }
    }
}

fn spare() -> MutexGuard<'static, Spare> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scratch {
    /// Runs `work` with buffers of the lender's, or with new ones if it has none.
    pub(crate) fn with<T>(lender: Lender, work: impl FnOnce(&mut Self) -> T) -> T {
        let mut scratch = lender.take().unwrap_or_else(|| Box::new(Self::new()));
        let result = work(&mut scratch);
        if scratch.write.capacity() > MAX_WRITE {
            scratch.write = Vec::with_capacity(READ);
        }
        lender.give_back(scratch);
        result
    }

    fn new() -> Self {
        Self {
            read: vec![0; READ].into(),
            write: Vec::with_capacity(READ),
            reading: Reading::default(),
            items: Vec::new(),
            batch: Vec::new(),
            effects: Effects::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_with_one_task_keeps_nothing() {
        Scratch::with(Lender::Process, |outer| {
            // One poll inside another has buffers of its own.
            Scratch::with(Lender::Process, |inner| {
                assert!(!std::ptr::eq(outer, inner))
            });
        });
        assert!(OWN.take().is_none());
        assert!(!spare().is_empty());
        for _ in 0..2 * MAX_SPARE {
            Lender::Process.give_back(Box::new(Scratch::new()));
        }
        assert_eq!(spare().len(), MAX_SPARE);

        Scratch::with(Lender::Thread, |_| {});
        assert!(OWN.take().is_some());
        assert_eq!(spare().len(), MAX_SPARE);
    }
}
