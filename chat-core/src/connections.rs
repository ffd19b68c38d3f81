//! The open connections: how many there may be, and how to end them all.

use std::{
    future::poll_fn,
    num::NonZeroU32,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
};

use slab::Slab;

use crate::{
    hub::{CloseReason, Mailbox},
    rt::give_way,
    session::Backlog,
    sync::{AtomicWaker, Mutex, MutexGuard, atomic::AtomicUsize},
};

/// A number of places, each of which one can have.
#[derive(Debug)]
pub(crate) struct Places {
    taken: AtomicUsize,
    max: usize,
}

impl Places {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            taken: AtomicUsize::new(0),
            max,
        }
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Takes a place. `None` if all are taken.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Place> {
        self.taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
                (taken < self.max).then_some(taken + 1)
            })
            .ok()?;
        Some(Place(self.clone()))
    }
}

/// One of the [`Places`], given back when dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Places>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The open connections of one server, or the in-process users of a hub, so that they can be told to end.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    server: ServerId,
    state: Mutex<ConnectionsState>,
    /// Who waits for the last one to close.
    empty: AtomicWaker,
    backlog: Backlog,
}

#[derive(Debug, Default)]
struct ConnectionsState {
    open: Slab<Arc<Mailbox>>,
    closed: Option<CloseReason>,
}

impl Connections {
    /// Adds the connection behind `mailbox`, for as long as the result lives.
    pub(crate) fn add(self: &Arc<Self>, mailbox: Arc<Mailbox>) -> Listed {
        let mut state = self.lock();
        if let Some(reason) = state.closed {
            // Its task has not started: there is nobody to wake.
            drop(mailbox.close(reason));
        }
        Listed {
            key: state.open.insert(mailbox),
            connections: self.clone(),
        }
    }

    /// What tells the connections of this server from those of others.
    pub(crate) fn server(&self) -> ServerId {
        self.server
    }

    /// What the tasks of these connections still have to bring to each other's peers.
    pub(crate) fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().open.len()
    }

    /// Ends every connection at once, and every one that is added later.
    pub(crate) fn close(&self, reason: CloseReason) {
        close_all(&self.closed_for(reason), reason);
    }

    /// Ends every connection, a batch at a time, so that the first ones are written to and gone before the
    /// last ones wake up; and every one that is added later at once.
    pub(crate) async fn close_in_batches(&self, reason: CloseReason) {
        for batch in self.closed_for(reason).chunks(BATCH) {
            close_all(batch, reason);
            give_way().await;
        }
    }

    /// Those that are open, and are to be closed by whoever calls. Later ones close at once.
    fn closed_for(&self, reason: CloseReason) -> Vec<Arc<Mailbox>> {
        let mut state = self.lock();
        state.closed = Some(reason);
        state.open.iter().map(|(_, open)| open.clone()).collect()
    }

    /// Waits until none is open.
    pub(crate) async fn all_closed(&self) {
        poll_fn(|cx| {
            self.empty.register(cx.waker());
            match self.lock().open.is_empty() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, ConnectionsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many connections are told to end before others have a turn.
const BATCH: usize = 256;

fn close_all(mailboxes: &[Arc<Mailbox>], reason: CloseReason) {
    for task in mailboxes.iter().filter_map(|mailbox| mailbox.close(reason)) {
        task.wake();
    }
}

/// A connection's entry among the [`Connections`], taken out when dropped.
#[derive(Debug)]
pub(crate) struct Listed {
    connections: Arc<Connections>,
    key: usize,
}

/// Tells the connections of one server from those of others. Small, because everyone who sleeps has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerId(NonZeroU32);

impl Default for ServerId {
    /// One that no other server has.
    fn default() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(NonZeroU32::MIN.saturating_add(number))
    }
}

impl Listed {
    pub(crate) fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut state = self.connections.lock();
        state.open.try_remove(self.key);
        let empty = state.open.is_empty();
        drop(state);
        if empty {
            self.connections.empty.wake();
        }
    }
}
