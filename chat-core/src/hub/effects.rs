//! What an act leaves to be done once no lock is held.

use std::sync::Arc;

use super::{
    burst::Burst,
    mailbox::{Item, Mailbox, Manner, Pushed, wake_all},
    sleeper::Sleeper,
};
use crate::{connections::ServerId, model::Stamp};

/// Tasks to be woken, and mailboxes that are fuller than they should be.
///
/// No task is forgotten, also when the one that has to wake them panics.
#[derive(Debug)]
pub(crate) struct Effects {
    /// What time it is, for what is sent.
    pub(crate) at: Stamp,
    wakes: Vec<Sleeper>,
    /// Tasks that sleep, and in whose mailboxes there is something now.
    due: Vec<Sleeper>,
    /// What is said in a room, and not published yet.
    pub(crate) burst: Burst,
    /// The one who acts has said something.
    pub(crate) has_spoken: bool,
    /// For whose sake the one who acts should hold back.
    pub(crate) behind: Vec<Arc<Mailbox>>,
    /// The mailbox of the in-process user who acts. They do not hold back for it: nobody but they themselves can
    /// empty it.
    own: Option<Arc<Mailbox>>,
}

impl Default for Effects {
    /// At no particular time.
    fn default() -> Self {
        Self::at(Stamp::default())
    }
}

impl Effects {
    /// Of an act at that time.
    pub(crate) fn at(at: Stamp) -> Self {
        Self {
            at,
            wakes: Vec::new(),
            due: Vec::new(),
            burst: Burst::default(),
            has_spoken: false,
            behind: Vec::new(),
            own: None,
        }
    }

    /// For an in-process user.
    pub(crate) fn of(own: &Arc<Mailbox>, at: Stamp) -> Self {
        let mut effects = Self::at(at);
        effects.own = Some(own.clone());
        effects
    }

    /// Whether `mailbox` is one to hold back for.
    pub(crate) fn minds(&self, mailbox: &Arc<Mailbox>) -> bool {
        let own = self.own.as_ref();
        own.is_none_or(|own| !Arc::ptr_eq(own, mailbox))
    }

    /// Wakes the tasks.
    pub(crate) fn wake(&mut self) {
        for task in self.wakes.drain(..).chain(self.due.drain(..)) {
            task.wake();
        }
    }

    /// Wakes the tasks that have to be woken, and not those that only have something in their mailboxes.
    pub(crate) fn wake_some(&mut self) {
        for task in self.wakes.drain(..) {
            task.wake();
        }
    }

    /// Wakes those in whose mailboxes there is something and to whose sockets no task of `server` may write.
    pub(crate) fn wake_due_elsewhere(&mut self, server: ServerId) {
        let is_here = |task: &Sleeper| task.is_served_by(server);
        if !self.due.iter().all(is_here) {
            let elsewhere = self.due.extract_if(.., |task| !is_here(task));
            elsewhere.for_each(Sleeper::wake);
        }
    }

    /// Those in whose mailboxes there is something, for the caller to see to. They wake up if it does not.
    pub(crate) fn due(&mut self) -> &mut Vec<Sleeper> {
        &mut self.due
    }

    /// The same if it is just one.
    pub(crate) fn take_only_due(&mut self) -> Option<Sleeper> {
        match self.due.len() {
            1 => self.due.pop(),
            _ => None,
        }
    }

    pub(crate) fn add_wake(&mut self, task: Option<Sleeper>) {
        self.wakes.extend(task);
    }

    /// Pushes `item` to `mailbox`, and keeps what is to be done about it.
    pub(crate) fn push(&mut self, mailbox: &Arc<Mailbox>, item: Item, manner: Manner) -> Told {
        match mailbox.push(item, manner) {
            Pushed::Queued(reader) => {
                self.due.extend(reader);
                Told::Yes
            }
            Pushed::Above(reader) => {
                self.due.extend(reader);
                self.behind.push(mailbox.clone());
                Told::Yes
            }
            Pushed::NoRoom => {
                self.behind.push(mailbox.clone());
                Told::NotYet
            }
            Pushed::Overflow(wake) => {
                self.wakes.extend(wake);
                Told::Never
            }
            Pushed::Closed => Told::Never,
        }
    }
}

/// Whether somebody is told something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Told {
    Yes,
    NotYet,
    Never,
}

impl Drop for Effects {
    fn drop(&mut self) {
        self.wake();
    }
}

/// Ends `mailbox`, throws away what waits in it, and lets those go who held back for it. Returns how many
/// events that were.
pub(crate) fn discard(mailbox: &Mailbox) -> u64 {
    let (events, waiting) = mailbox.clear();
    wake_all(waiting);
    events
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use futures::task::{ArcWake, waker};

    use super::*;
    use crate::{connections::Connections, hub::Outlet, session::Scratch};

    struct Idle;

    impl Outlet for Idle {
        fn deliver(self: Arc<Self>, task: Sleeper, _: &mut Scratch) {
            task.wake();
        }
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl ArcWake for Count {
        fn wake_by_ref(count: &Arc<Self>) {
            count.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Nobody polls a task of theirs sooner, should the runtime of this server stand still.
    #[test]
    fn whom_nobody_here_may_serve_wakes_up() {
        let (here, there) = (Connections::default(), Connections::default());
        let (woken, left) = (Arc::<Count>::default(), Arc::<Count>::default());
        let of = |count: &Arc<Count>, server: &Connections| {
            Sleeper::with_outlet(waker(count.clone()), Arc::new(Idle), server.server(), 0)
        };
        let mut effects = Effects::default();
        effects.due = vec![
            of(&woken, &there),
            of(&left, &here),
            of(&woken, &there),
            Sleeper::new(&waker(woken.clone())),
        ];
        effects.wake_due_elsewhere(here.server());
        assert_eq!(woken.0.load(Ordering::Relaxed), 3);
        assert_eq!(left.0.load(Ordering::Relaxed), 0);
        assert_eq!(effects.due().len(), 1);
    }
}
