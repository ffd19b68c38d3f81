//! What a thread waits for: sockets, timers and its bell, in one `poll(2)`.

use std::{
    cell::RefCell,
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    future::Future,
    io,
    net::Shutdown,
    os::fd::AsFd,
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use chinwag_core::Sleep;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;

use crate::bell::Bell;

/// Runs `main` to its end, on this thread, with sockets and timers.
///
/// # Panics
///
/// If the system has no file descriptor left for it, or `poll(2)` fails, for want of memory.
#[expect(
    clippy::expect_used,
    reason = "documented under Panics; a thread that cannot wait cannot go on"
)]
pub fn block_on<F: Future>(main: F) -> F::Output {
    let bell = Bell::new().expect("a file descriptor to wait with");
    run(main, &Arc::new(bell)).expect("the system waits")
}

/// Runs `main` to its end, woken by `bell`.
pub(crate) fn run<F: Future>(main: F, bell: &Arc<Bell>) -> io::Result<F::Output> {
    let Entered { reactor, .. } = &Entered::new();
    let waker = Waker::from(bell.clone());
    let mut cx = Context::from_waker(&waker);
    let mut main = pin!(main);
    let mut busy: u32 = 0;
    loop {
        // All that has happened up to here is seen to by this poll.
        bell.take_ring();
        if let Poll::Ready(result) = main.as_mut().poll(&mut cx) {
            return Ok(result);
        }
        busy = busy.wrapping_add(1);
        if !bell.take_ring() {
            reactor.wait(bell, Wait::ForEvents)?;
        } else if busy.is_multiple_of(TURNS) {
            reactor.wait(bell, Wait::Not)?;
        }
    }
}

/// A thread that always has something to do looks at its sockets and timers once in so many turns: often enough for who
/// writes to it, and seldom enough that the system call is lost among the others of those turns.
const TURNS: u32 = 8;

/// The longest that a thread sleeps for a timer without looking up.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

thread_local! {
    /// The reactor of the innermost [`run`] of this thread.
    static CURRENT: RefCell<Option<Rc<Reactor>>> = const { RefCell::new(None) };
}

/// The reactor of a [`run`], while that runs.
struct Entered {
    reactor: Rc<Reactor>,
    /// That of the [`run`] around this one, if there is one.
    outer: Option<Rc<Reactor>>,
}

impl Entered {
    fn new() -> Self {
        let reactor = Rc::new(Reactor::default());
        let outer = CURRENT.replace(Some(reactor.clone()));
        Self { reactor, outer }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.outer.take());
        // What this thread has watched may be used by another one next, or by the outer `run`: whoever
        // waits must look again, from where it is.
        let state = std::mem::take(&mut *self.reactor.state.borrow_mut());
        let sockets = state.waiting.into_iter().flatten().flatten();
        sockets
            .chain(state.timers.into_values())
            .for_each(Waker::wake);
    }
}

/// What a socket is watched for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Direction {
    Read,
    Write,
}

#[derive(Default)]
struct Reactor {
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// The sockets that are watched, in one direction or both. They are apart from who waits for them, so
    /// that descriptors can stay borrowed while wakers are taken out.
    sockets: Vec<Arc<dyn AsFd + Send + Sync>>,
    /// Who waits for each of them, by direction. It is awaited once: who is woken looks for itself.
    waiting: Vec<[Option<Waker>; 2]>,
    timers: BTreeMap<TimerKey, Waker>,
    /// Who is to be woken; kept for its memory.
    woken: Vec<Waker>,
}

/// A deadline, and a number that no other timer has.
type TimerKey = (Instant, u64);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Until there is an event.
    ForEvents,
    /// It only looks.
    Not,
}

impl Reactor {
    /// Waits, and wakes whoever waits for what has happened.
    fn wait(&self, bell: &Bell, wait: Wait) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        let timeout = match (wait, state.timers.first_key_value()) {
            (Wait::Not, _) => Some(Timespec::default()),
            (Wait::ForEvents, None) => None,
            (Wait::ForEvents, Some(((deadline, _), _))) => {
                // Systems bound it, some at 24 days. To look once in a while for nothing costs nothing.
                let wait = deadline.saturating_duration_since(now()).min(LONGEST_WAIT);
                Some(Timespec::try_from(wait).map_err(io::Error::other)?)
            }
        };
        if wait == Wait::ForEvents && !bell.fall_asleep() {
            return Ok(());
        }
        let polled = state.poll(bell, timeout.as_ref());
        if wait == Wait::ForEvents {
            bell.wake_up()?;
        }
        drop(state);
        self.fire_timers();
        self.wake();
        match polled {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Wakes whoever waits for a time that has come.
    fn fire_timers(&self) {
        let state = &mut *self.state.borrow_mut();
        if state.timers.is_empty() {
            return;
        }
        let now = now();
        while let Some(first) = state.timers.first_entry()
            && first.key().0 <= now
        {
            state.woken.push(first.remove());
        }
    }

    /// Wakes who is to be woken, which may be code that uses this reactor.
    fn wake(&self) {
        let mut woken = std::mem::take(&mut self.state.borrow_mut().woken);
        woken.drain(..).for_each(Waker::wake);
        self.state.borrow_mut().woken = woken;
    }
}

impl State {
    /// Waits for the bell or a socket, at most for `timeout`, and notes who waits for what is ready.
    fn poll(&mut self, bell: &Bell, timeout: Option<&Timespec>) -> io::Result<()> {
        let bell = PollFd::new(bell, PollFlags::IN);
        let sources = self.sockets.iter().zip(&self.waiting);
        let sources = sources.map(|(socket, waiting)| {
            let mut wanted = PollFlags::empty();
            wanted.set(PollFlags::IN, waiting[Direction::Read as usize].is_some());
            wanted.set(PollFlags::OUT, waiting[Direction::Write as usize].is_some());
            PollFd::from_borrowed_fd(socket.as_fd(), wanted)
        });
        // Most threads have one socket at most, and need no memory for this.
        let (mut few, mut many);
        let fds = match self.sockets.len() {
            0 | 1 => {
                few = [bell.clone(), bell];
                let count = sources
                    .zip(&mut few[1..])
                    .map(|(source, fd)| *fd = source)
                    .count();
                &mut few[..=count]
            }
            _ => {
                many = Vec::with_capacity(1 + self.sockets.len());
                many.push(bell);
                many.extend(sources);
                &mut many[..]
            }
        };
        poll(fds, timeout)?;
        for (fd, waiting) in fds[1..].iter().zip(&mut self.waiting) {
            let ready = fd.revents();
            // An error or a hang-up is for everybody.
            if ready.intersects(PollFlags::OUT.complement()) {
                self.woken.extend(waiting[Direction::Read as usize].take());
            }
            if ready.intersects(PollFlags::IN.complement()) {
                self.woken.extend(waiting[Direction::Write as usize].take());
            }
        }
        let mut index = 0;
        while let Some(waiting) = self.waiting.get(index) {
            match waiting.iter().any(Option::is_some) {
                true => index += 1,
                false => drop(self.remove(index)),
            }
        }
        Ok(())
    }

    fn remove(&mut self, index: usize) -> impl Sized + use<> {
        (
            self.sockets.swap_remove(index),
            self.waiting.swap_remove(index),
        )
    }

    fn index_of(&self, socket: &Arc<impl AsFd + Send + Sync + 'static>) -> Option<usize> {
        let address = Arc::as_ptr(socket).addr();
        let mut sockets = self.sockets.iter();
        sockets.position(|socket| Arc::as_ptr(socket).addr() == address)
    }
}

/// Does `work` with the reactor of this thread, if it has one.
fn with_current<T>(work: impl FnOnce(&mut State) -> T) -> Option<T> {
    CURRENT
        .try_with(|current| {
            let current = current.borrow();
            let reactor = current.as_ref()?;
            Some(work(&mut reactor.state.borrow_mut()))
        })
        .ok()
        .flatten()
}

/// The same where there must be one. To go on without it would be to wait for ever, now and then.
#[expect(
    clippy::expect_used,
    reason = "documented under Panics of what the crate exports"
)]
fn with_reactor<T>(work: impl FnOnce(&mut State) -> T) -> T {
    with_current(work).expect(
        "sockets and timers of chinwag's `threads` must be used inside of its `block_on`, \
         with its `Runtime`",
    )
}

// A waker that is replaced is dropped when the reactor is free again: it may be the last to hold a task, and
// that task may hold a socket.

/// Wakes `waker` once, when `socket` is ready in `direction`. It takes the place of an earlier one.
pub(crate) fn watch(
    socket: &Arc<impl AsFd + Send + Sync + 'static>,
    direction: Direction,
    waker: &Waker,
) {
    drop(with_reactor(|state| {
        let index = state.index_of(socket).unwrap_or_else(|| {
            state.sockets.push(socket.clone());
            state.waiting.push([None, None]);
            state.sockets.len() - 1
        });
        state.waiting[index][direction as usize].replace(waker.clone())
    }));
}

/// Whether `socket` is watched in `direction`, and so has not been ready since. From then on, `waker` is
/// woken.
pub(crate) fn still_watches(
    socket: &Arc<impl AsFd + Send + Sync + 'static>,
    direction: Direction,
    waker: &Waker,
) -> bool {
    let replaced = with_reactor(|state| {
        let index = state.index_of(socket)?;
        let waiting = state.waiting[index][direction as usize].as_mut()?;
        Some(replace(waiting, waker))
    });
    replaced.is_some()
}

/// Puts `waker` in the place of `old`, which is returned if it is another one.
fn replace(old: &mut Waker, waker: &Waker) -> Option<Waker> {
    (!old.will_wake(waker)).then(|| std::mem::replace(old, waker.clone()))
}

/// Watches `socket` no longer, because its owner is done with it.
pub(crate) fn let_go(socket: &Arc<impl AsFd + Send + Sync + 'static>) {
    drop(with_current(|state| {
        let index = state.index_of(socket)?;
        Some(state.remove(index))
    }));
    // Another thread's reactor still holds a clone. Shutting the socket down wakes that thread, which lets
    // go of it.
    if Arc::strong_count(socket) > 1 {
        let _ = SockRef::from(&**socket).shutdown(Shutdown::Both);
    }
}

/// A timer of a [`ThreadRuntime`](crate::ThreadRuntime).
///
/// # Cancellation
///
/// Dropping it takes it off the timers of its thread: nobody is woken, and nothing is left of it. One that is dropped by
/// another thread than that which has polled it takes room there until its deadline, and keeps its waker, which is woken
/// then for nothing; or until the [`block_on`] or the task ends in which it was polled.
///
/// # Panics
///
/// If it is polled outside of [`block_on`] and of a task of a `ThreadRuntime`.
pub struct ThreadSleep {
    deadline: Instant,
    timer: Option<TimerKey>,
}

impl ThreadSleep {
    pub(crate) fn until(deadline: Instant) -> Self {
        Self {
            deadline,
            timer: None,
        }
    }

    fn disarm(&mut self) {
        if let Some(timer) = self.timer.take() {
            with_current(|state| state.timers.remove(&timer));
        }
    }
}

impl Future for ThreadSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        if self.deadline <= now() {
            self.disarm();
            return Poll::Ready(());
        }
        let deadline = self.deadline;
        let timer = &mut self.timer;
        drop(with_reactor(|state| {
            let key = timer.get_or_insert_with(|| (deadline, NEXT.fetch_add(1, Ordering::Relaxed)));
            match state.timers.entry(*key) {
                Entry::Occupied(mut armed) => replace(armed.get_mut(), cx.waker()),
                Entry::Vacant(free) => {
                    free.insert(cx.waker().clone());
                    None
                }
            }
        }));
        Poll::Pending
    }
}

impl Sleep for ThreadSleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.disarm();
        self.deadline = deadline;
    }
}

impl Drop for ThreadSleep {
    fn drop(&mut self) {
        self.disarm();
    }
}

impl fmt::Debug for ThreadSleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadSleep").finish_non_exhaustive()
    }
}

#[expect(clippy::disallowed_methods, reason = "where time comes from")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
