//! What the tasks of one server still have to bring to the peers of others.

use std::{collections::VecDeque, mem, num::NonZeroU64, sync::PoisonError};

use super::scratch::Scratch;
use crate::{
    hub::Sleeper,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

/// The tasks of one server that sleep, and in whose mailboxes there is something that others have brought about
/// and are to write to their sockets. Those who have waited longest are served first, by whichever task is polled.
/// Nobody of another server is in it, because it is served no sooner than a runtime polls a task of this one.
///
/// A task is in it once, and once more for each time that it has been polled meanwhile, for which nothing is left to
/// do; and as each poll serves a part of a long one, it is hardly longer than the server has connections. A task
/// that has added to it goes on serving until those that it has added, and all before them, have been taken off, by
/// itself or another. If that is more than one poll may do, every other task that is polled serves a part as well:
/// nobody who waits depends on how often one busy task is polled.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    state: Mutex<State>,
    /// More waits than the poll that has served last was allowed to.
    is_long: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Sleeper>,
    /// How many have been taken off in all.
    taken: u64,
}

/// How far into a [`Backlog`] a task goes on serving.
pub(super) type Goal = NonZeroU64;

/// How many sockets one poll writes to for others before it lets others run.
const BATCH: usize = match cfg!(all(test, shuttle)) {
    // So that a model with a few connections has a long one.
    true => 1,
    false => 128,
};

/// A backlog that has grown past this many tasks gives its memory back when it is empty.
const MAX_SPARE: usize = 1024;

impl Backlog {
    /// Whether any task that is polled is to serve a part.
    pub(super) fn is_long(&self) -> bool {
        self.is_long.load(Ordering::Relaxed)
    }

    /// Adds all of `due`, which are of this server, for the caller to serve up to the result.
    pub(super) fn add(&self, due: &mut Vec<Sleeper>) -> Option<Goal> {
        if due.is_empty() {
            return None;
        }
        let mut state = self.lock();
        state.waiting.extend(due.drain(..));
        NonZeroU64::new(state.taken + state.waiting.len() as u64)
    }

    /// Serves as many as one poll may. `true` if all up to `goal` have been taken off, though another thread may still
    /// be serving some.
    pub(super) fn serve(&self, goal: Option<Goal>, scratch: &mut Scratch) -> bool {
        let mut batch = Batch(mem::take(&mut scratch.batch));
        let taken = self.take(&mut batch.0);
        // They go one by one, so that none is lost should one of them panic.
        while let Some(sleeper) = batch.0.pop() {
            sleeper.deliver(scratch);
        }
        scratch.batch = mem::take(&mut batch.0);
        goal.is_none_or(|goal| goal.get() <= taken)
    }

    fn take(&self, batch: &mut Vec<Sleeper>) -> u64 {
        let mut state = self.lock();
        let count = BATCH.min(state.waiting.len());
        // The last of a batch is served first.
        batch.extend(state.waiting.drain(..count).rev());
        state.taken += count as u64;
        let is_empty = state.waiting.is_empty();
        if is_empty && state.waiting.capacity() > MAX_SPARE {
            state.waiting = VecDeque::new();
        }
        self.is_long.store(!is_empty, Ordering::Relaxed);
        state.taken
    }

    /// Wakes all who wait, to see to themselves, because a task is gone before it has served them.
    pub(super) fn give_up(&self) {
        let mut state = self.lock();
        let waiting = mem::take(&mut state.waiting);
        state.taken += waiting.len() as u64;
        self.is_long.store(false, Ordering::Relaxed);
        drop(state);
        drop(Batch(waiting.into()));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that runs under the lock panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tasks that one poll serves. Those that it does not come to wake up.
struct Batch(Vec<Sleeper>);

impl Drop for Batch {
    fn drop(&mut self) {
        for sleeper in self.0.drain(..) {
            sleeper.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures::task::{ArcWake, waker};

    use super::*;
    use crate::{connections::Connections, session::scratch::Lender};

    type Numbers = Arc<Mutex<Vec<usize>>>;

    /// It writes down its number when it is woken.
    struct Numbered(usize, Numbers);

    impl ArcWake for Numbered {
        fn wake_by_ref(task: &Arc<Self>) {
            task.1.lock().unwrap().push(task.0);
            assert_ne!(task.0, PANICS, "on purpose");
        }
    }

    const PANICS: usize = usize::MAX;

    fn sleeper(number: usize, woken: &Numbers) -> Sleeper {
        Sleeper::new(&waker(Arc::new(Numbered(number, woken.clone()))))
    }

    #[test]
    fn first_come_first_served_a_batch_at_a_time() {
        let connections = Connections::default();
        let backlog = connections.backlog();
        let served = Arc::default();
        let add = |from, to| {
            let own = |number| sleeper(number, &served);
            backlog.add(&mut (from..to).map(own).collect())
        };
        let serve = |goal| {
            let done = Scratch::with(Lender::Thread, |scratch| backlog.serve(goal, scratch));
            (done, mem::take(&mut *served.lock().unwrap()))
        };

        assert_eq!(add(0, 0), None);
        let first = add(0, BATCH + 1);
        assert!(!backlog.is_long());
        assert_eq!(serve(first), (false, (0..BATCH).collect()));
        assert!(backlog.is_long());

        let second = add(BATCH + 1, 2 * BATCH + 1);
        // Whoever serves does so for the one who came first, too.
        assert_eq!(serve(second), (false, (BATCH..2 * BATCH).collect()));
        assert!(backlog.is_long());
        assert_eq!(serve(None), (true, vec![2 * BATCH]));
        assert!(!backlog.is_long());
        assert_eq!(serve(first), (true, vec![]));
        assert_eq!(serve(second), (true, vec![]));

        // Nobody who comes later is waited for.
        let third = add(0, BATCH);
        add(BATCH, 2 * BATCH);
        assert_eq!(serve(third), (true, (0..BATCH).collect()));
        backlog.give_up();
        assert!(!backlog.is_long());
        assert_eq!(serve(None), (true, (BATCH..2 * BATCH).collect()));
    }

    /// Several tasks serve it, and one of them ends, or the waker of somebody who waits panics.
    #[test]
    fn nobody_is_forgotten() {
        let connections = Connections::default();
        let backlog = connections.backlog();
        let woken = Arc::default();
        let own = |number| sleeper(number, &woken);
        let first = backlog.add(&mut vec![own(1), own(PANICS), own(2)]);
        let second = backlog.add(&mut vec![own(3), own(PANICS), own(4)]);
        backlog.give_up();
        assert_eq!(*woken.lock().unwrap(), [1, PANICS, 2, 3, PANICS, 4]);
        woken.lock().unwrap().clear();
        let serve = |goal| Scratch::with(Lender::Thread, |scratch| backlog.serve(goal, scratch));
        // There is nothing left to do for those who had still to serve.
        assert!(serve(first) && serve(second));
        assert!(woken.lock().unwrap().is_empty());

        let third = backlog.add(&mut vec![own(1), own(PANICS), own(2)]);
        assert!(serve(third));
        assert_eq!(*woken.lock().unwrap(), [1, PANICS, 2]);
    }

    #[test]
    fn a_long_one_is_not_kept_in_memory() {
        let connections = Connections::default();
        let backlog = connections.backlog();
        let own = |number| sleeper(number, &Arc::default());
        let goal = backlog.add(&mut (0..10 * MAX_SPARE).map(own).collect());
        Scratch::with(
            Lender::Thread,
            |scratch| {
                while !backlog.serve(goal, scratch) {}
            },
        );
        assert_eq!(backlog.lock().waiting.capacity(), 0);
    }
}
