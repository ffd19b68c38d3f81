//! The queue in front of one connection: bounded in bytes, with a policy at the bound.

use std::{
    collections::VecDeque,
    mem, slice,
    sync::{Arc, PoisonError},
    time::Instant,
};

use super::sleeper::Sleeper;
use crate::{
    config::SlowReader,
    model::{Event, Outbound},
    sync::{Mutex, MutexGuard},
    wire::{Form, Hearing, Wire},
};

/// What waits for one connection, and how to wake its task.
///
/// Anyone may [`push`](Self::push); only the connection's own task takes out. Nothing is ever woken
/// under the lock: what must be woken is handed to the caller.
///
/// Three marks matter. Above half of the limit a pusher is asked to hold back, see [`Pushed::Above`]. Above
/// three quarters it has to, and to try again, if it can. What others have been told already goes in all the
/// same, up to [`URGENT`](Self::URGENT) times the limit: a reader is not slow because fifty rooms talk at once,
/// or a thousand people leave, before its task has come to run. Once somebody has held back for as long as
/// anybody has to, the limit is the limit, and the [`SlowReader`] policy says what becomes of the reader.
#[derive(Debug)]
pub(crate) struct Mailbox {
    limit: usize,
    of: Reader,
    state: Mutex<State>,
}

/// What is behind a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A task that takes events out whenever it is woken.
    Connection,
    /// The program, which takes them out when it likes.
    Program,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Item>,
    /// The sum of the costs of what is queued.
    bytes: usize,
    policy: SlowReader,
    /// How many events were dropped: those before the queue, or those behind it, as the policy is.
    missed: u64,
    /// Something found no room since the last taking; a large event may, also below the mark.
    refused: bool,
    /// The task of the connection, while it sleeps.
    reader: Option<Sleeper>,
    /// Whether `reader` wants to know of events; it always wants to know of the end.
    wants_events: bool,
    /// How often something was taken out.
    takes: u64,
    /// When the peer last took bytes from a socket that then was full again.
    last_read: Option<Instant>,
    /// Mailboxes of the connections that hold back for this one.
    waiting: Vec<Arc<Mailbox>>,
    /// How often `waiting` was let go.
    releases: u64,
    /// Somebody has held back for as long as anybody has to. Nobody does any more until the queue has
    /// been below the mark.
    impatient: bool,
    closed: Option<CloseReason>,
    last_word: Option<Box<Event>>,
}

/// Something that waits in a mailbox.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// An event for this reader alone.
    Own(Event),
    /// Events that others are told as well.
    Shared(Arc<Outbound>),
    /// The one of these events at this place.
    Part(Arc<Outbound>, usize),
}

/// How a peer hears an item.
#[derive(Debug)]
pub(crate) enum Heard<'a> {
    /// By these bytes, which others are sent as well.
    Bytes(&'a [u8]),
    /// By what its wire makes of these events: in this form, or else for it alone.
    Events(&'a [Event], Option<Form>),
}

impl Item {
    /// The events, in order; at least one.
    pub(crate) fn events(&self) -> &[Event] {
        match self {
            Self::Own(event) => slice::from_ref(event),
            Self::Shared(outbound) => outbound.events(),
            Self::Part(outbound, index) => &outbound.events()[*index..=*index],
        }
    }

    /// How the peer behind `wire` hears it. Ask once: the wire may take note of it.
    #[inline]
    pub(crate) fn hear<W: Wire>(&self, wire: &mut W) -> Heard<'_> {
        match self {
            Self::Shared(outbound) => match outbound.hear(wire) {
                Hearing::Shared(form) => Heard::Bytes(outbound.frame::<W>(form)),
                Hearing::Alone => Heard::Events(self.events(), None),
                Hearing::Nothing => Heard::Bytes(&[]),
            },
            Self::Part(outbound, _) => match outbound.hear(wire) {
                Hearing::Shared(form) => Heard::Events(self.events(), Some(form)),
                Hearing::Alone => Heard::Events(self.events(), None),
                Hearing::Nothing => Heard::Bytes(&[]),
            },
            Self::Own(event) => Heard::Events(slice::from_ref(event), None),
        }
    }

    /// The event of an item that a [`Reader::Program`] has taken, which is always one.
    pub(crate) fn into_event(self) -> Option<Event> {
        match self {
            Self::Own(event) => Some(event),
            shared => shared.events().first().cloned(),
        }
    }

    /// What it counts for.
    pub(crate) fn cost(&self) -> usize {
        match self {
            Self::Own(event) => event.cost(),
            Self::Shared(outbound) => outbound.cost(),
            Self::Part(..) => self.events().iter().map(Event::cost).sum(),
        }
    }

    fn is_several(&self) -> bool {
        self.events().len() > 1
    }

    /// Its events one by one.
    fn parts(&self) -> impl DoubleEndedIterator<Item = Self> + use<> {
        let outbound = match self {
            Self::Shared(outbound) => Some(outbound.clone()),
            Self::Own(_) | Self::Part(..) => None,
        };
        let count = outbound.as_ref().map_or(0, |o| o.events().len());
        let part = move |index| Some(Self::Part(outbound.clone()?, index));
        (0..count).filter_map(part)
    }
}

/// Why the connection behind a mailbox must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// Its reader is too slow: one more event would have passed the limit.
    Overflow,
    /// Another connection has taken over its name; what waits is still to be sent.
    Replaced,
    /// It was put out of the chat; what waits is still to be sent.
    Kicked,
    /// The server shuts down; what waits is still to be sent.
    Shutdown,
    /// Its connection ends for a reason of its own; what waits is still to be sent.
    Ended,
    /// The server has no more time; nothing is to be sent.
    Abort,
}

/// Whether whoever pushes can try again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It can.
    Patient,
    /// It cannot: somebody has left, or others have been told already.
    Urgent,
    /// It will not: it is the program, which waits for nobody that does not read.
    Program,
}

/// What became of an event that was pushed.
#[derive(Debug)]
#[must_use]
pub(crate) enum Pushed {
    /// It is queued, or counted as missed. Wake the task, if there is one.
    Queued(Option<Sleeper>),
    /// It is queued, but the reader is behind: hold back until it is not, see [`Mailbox::hold_back`].
    Above(Option<Sleeper>),
    /// It is not queued, because there is no room at the moment: hold back and push it again.
    NoRoom,
    /// It is not queued, because its reader has to be disconnected. Wake the task, if there is one.
    Overflow(Option<Sleeper>),
    /// It is not queued, because its reader is leaving already.
    Closed,
}

impl Pushed {
    /// What became of this and of what was pushed after it.
    fn and_then(self, next: Self) -> Self {
        let reader = match self {
            Self::Queued(reader) | Self::Above(reader) | Self::Overflow(reader) => reader,
            Self::NoRoom | Self::Closed => None,
        };
        match next {
            Self::Queued(last) => Self::Queued(reader.or(last)),
            Self::Above(last) => Self::Above(reader.or(last)),
            // It has to be woken, which is more than to be told of an event.
            Self::Overflow(last) => Self::Overflow(reader.or(last)),
            Self::NoRoom | Self::Closed if reader.is_some() => Self::Overflow(reader),
            Self::NoRoom | Self::Closed => next,
        }
    }
}

impl Mailbox {
    pub(crate) fn new(limit: usize, of: Reader, policy: SlowReader) -> Self {
        Self {
            limit,
            of,
            state: Mutex::new(State {
                policy,
                ..State::default()
            }),
        }
    }

    /// Changes what becomes of a reader that is too slow. To be called before anything is pushed.
    pub(crate) fn set_policy(&self, policy: SlowReader) {
        self.lock().policy = policy;
    }

    /// Queues `item`, if the mailbox is open and has room. An empty mailbox takes any one event.
    ///
    /// Several events in one item for which there is no room are queued, or not, one by one.
    pub(crate) fn push(&self, item: Item, manner: Manner) -> Pushed {
        let cost = item.cost();
        let mut state = self.lock();
        if state.closed.is_some() {
            state.comes_too_late(&item, manner);
            return Pushed::Closed;
        }
        let has_room = state.queue.is_empty() || self.has_room(&state, cost, manner);
        if has_room && (self.of == Reader::Connection || !item.is_several()) {
            return self.enqueue(&mut state, item, cost);
        }
        if item.is_several() {
            let mut pushed = Pushed::Closed;
            for part in item.parts() {
                pushed = pushed.and_then(self.push_one(&mut state, part, manner));
            }
            return pushed;
        }
        self.push_one(&mut state, item, manner)
    }

    fn push_one(&self, state: &mut State, item: Item, manner: Manner) -> Pushed {
        let cost = item.cost();
        if state.closed.is_some() {
            state.comes_too_late(&item, manner);
            return Pushed::Closed;
        }
        if !state.queue.is_empty() && !self.has_room(state, cost, manner) {
            if manner == Manner::Patient && !state.impatient {
                state.refused = true;
                return Pushed::NoRoom;
            }
            match state.policy {
                SlowReader::DropOldest => state.drop_oldest(self.limit.saturating_sub(cost)),
                SlowReader::DropNewest => {
                    state.missed += 1;
                    return Pushed::Queued(None);
                }
                SlowReader::Disconnect => {
                    state.missed += 1;
                    return Pushed::Overflow(state.close(CloseReason::Overflow));
                }
            }
        }
        self.enqueue(state, item, cost)
    }

    fn has_room(&self, state: &State, cost: usize, manner: Manner) -> bool {
        match manner {
            Manner::Patient if !state.impatient => state.bytes + cost <= self.limit / 4 * 3,
            Manner::Urgent if !state.impatient => {
                state.bytes < self.limit.saturating_mul(Self::URGENT)
            }
            _ => state.bytes + cost <= self.limit,
        }
    }

    fn enqueue(&self, state: &mut State, item: Item, cost: usize) -> Pushed {
        state.announce_missed();
        state.queue.push_back(item);
        state.bytes += cost;
        let reader = match state.wants_events {
            true => state.reader.take(),
            false => None,
        };
        match self.is_above(state) && !state.impatient {
            true => Pushed::Above(reader),
            false => Pushed::Queued(reader),
        }
    }

    /// Takes the only item out, if there is just one, and nobody holds back for it.
    pub(crate) fn take_only(&self) -> Option<Item> {
        let mut state = self.lock();
        if state.queue.len() != 1 || state.missed > 0 || !state.waiting.is_empty() {
            return None;
        }
        state.bytes = 0;
        state.takes += 1;
        state.refused = false;
        state.impatient = false;
        state.queue.pop_front()
    }

    /// Takes events out, oldest first, until they cost at least `budget` bytes or none is left.
    ///
    /// Returns the connections that held back and may now go on; [`wake`](Self::wake) each of them.
    pub(crate) fn take(&self, budget: usize, into: &mut Vec<Item>) -> Vec<Arc<Mailbox>> {
        let mut state = self.lock();
        if state.policy == SlowReader::DropOldest && state.missed > 0 {
            let count = mem::take(&mut state.missed);
            into.push(Item::Own(Event::Missed { count }));
        }
        let all = state.bytes;
        let mut taken = 0;
        if all < budget && state.missed == 0 {
            into.extend(state.queue.drain(..));
            taken = all;
        }
        while taken < budget {
            if state.queue.is_empty() {
                state.announce_missed();
            }
            let Some(item) = state.queue.pop_front() else {
                break;
            };
            taken += item.cost();
            into.push(item);
        }
        state.bytes -= taken;
        state.takes += u64::from(taken > 0);
        state.refused &= taken == 0;
        if state.queue.is_empty() && state.queue.capacity() > Self::IDLE_EVENTS {
            state.queue = VecDeque::new();
        }
        if self.is_above(&state) {
            return Vec::new();
        }
        state.impatient = false;
        match state.waiting.is_empty() {
            true => Vec::new(),
            false => state.release(),
        }
    }

    /// Whether a pusher that can should wait before it pushes anything more.
    pub(crate) fn is_behind(&self) -> bool {
        let state = self.lock();
        self.is_above(&state) && !state.impatient && state.closed.is_none()
    }

    /// Whether nothing more comes in.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed.is_some()
    }

    /// Whether it is all but full, only because its task has not come to run yet.
    pub(crate) fn is_about_to_be_read(&self) -> bool {
        let state = self.lock();
        let stands_still = state.reader.is_some();
        self.of == Reader::Connection
            && !stands_still
            && state.bytes > self.limit / 4 * 3
            && !state.impatient
            && state.closed.is_none()
    }

    /// What is behind it.
    pub(crate) fn reader(&self) -> Reader {
        self.of
    }

    /// How many bytes wait, by what the events cost.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Says that the peer has taken bytes, but not all that there are for it.
    pub(crate) fn read_at(&self, now: Instant) {
        self.lock().last_read = Some(now);
    }

    /// Puts the connection's task to sleep, to be woken at the end of the mailbox and, if it
    /// `wants_events`, to be told of the next event.
    ///
    /// # Errors
    ///
    /// The sleeper, if there is something to do right now instead: an event that it wants, or an end other
    /// than the one that it has `seen`.
    pub(crate) fn sleep(
        &self,
        sleeper: Sleeper,
        wants_events: bool,
        seen: Option<CloseReason>,
    ) -> Result<(), Sleeper> {
        let mut state = self.lock();
        let waits = !state.queue.is_empty() || state.missed > 0;
        if state.closed != seen || wants_events && waits {
            return Err(sleeper);
        }
        state.wants_events = wants_events;
        let before = state.reader.replace(sleeper);
        // To drop a task may be to drop whoever is told of it.
        drop(state);
        drop(before);
        Ok(())
    }

    /// Takes the sleeper, which is awake and will look for itself.
    pub(crate) fn awake(&self) -> Awake {
        let mut state = self.lock();
        Awake {
            closed: state.closed,
            waits: !state.queue.is_empty() || state.missed > 0,
            sleeper: state.reader.take(),
        }
    }

    /// Whether its reader is merely slow: it has taken something since `since`, or its task is about to see
    /// whether it does. A program's has taken something since this was asked before.
    pub(crate) fn is_read(&self, since: Instant, hold: &mut Hold) -> bool {
        let state = self.lock();
        if self.of == Reader::Program {
            return mem::replace(&mut hold.takes, state.takes) != state.takes;
        }
        let stands_still = state.reader.is_some() && !state.wants_events;
        !stands_still || state.last_read.is_some_and(|last_read| last_read >= since)
    }

    /// Asks to be woken, through the mailbox `me` of the connection that holds back, when this one is
    /// below the mark again. `None` if it is, or if nobody has to hold back for it any more.
    pub(crate) fn hold_back(&self, me: &Arc<Mailbox>) -> Option<Hold> {
        let mut state = self.lock();
        if !self.is_above(&state) || state.impatient || state.closed.is_some() {
            return None;
        }
        state.waiting.push(me.clone());
        Some(Hold {
            release: state.releases,
            takes: state.takes,
        })
    }

    /// Whether those who began to hold back when `hold` did must still do so.
    pub(crate) fn holds(&self, hold: Hold) -> bool {
        let state = self.lock();
        state.releases == hold.release && state.closed.is_none()
    }

    /// Says that `me` does not hold back any more.
    pub(crate) fn forget(&self, me: &Arc<Mailbox>) {
        self.lock()
            .waiting
            .retain(|waiting| !Arc::ptr_eq(waiting, me));
    }

    /// Says that somebody held back for long enough. Everyone who still does may go on.
    pub(crate) fn lose_patience(&self) -> Vec<Arc<Mailbox>> {
        let mut state = self.lock();
        state.impatient = self.is_above(&state);
        state.release()
    }

    /// The task of the connection, if it sleeps, to be woken whether it wants events or not.
    pub(crate) fn wake(&self) -> Option<Sleeper> {
        self.lock().reader.take()
    }

    /// Closes the mailbox of somebody who is put out, with what they are told last.
    pub(crate) fn kick(&self, last_word: Event) -> Option<Sleeper> {
        let mut state = self.lock();
        if state.closed.is_none() {
            state.last_word = Some(Box::new(last_word));
        }
        state.close(CloseReason::Kicked)
    }

    /// What somebody who was put out is told last.
    pub(crate) fn last_word(&self) -> Option<Event> {
        self.lock().last_word.take().map(|word| *word)
    }

    /// Closes the mailbox: no further event comes in. What is queued stays until it is taken.
    ///
    /// A later reason replaces an earlier one only if it is [`CloseReason::Abort`].
    pub(crate) fn close(&self, reason: CloseReason) -> Option<Sleeper> {
        self.lock().close(reason)
    }

    /// Ends the mailbox for good: nothing comes in, and what is queued is thrown away.
    ///
    /// Returns how many events that were, with those that were missed before, and the connections that held
    /// back.
    pub(crate) fn clear(&self) -> (u64, Vec<Arc<Mailbox>>) {
        let mut state = self.lock();
        state.closed.get_or_insert(CloseReason::Ended);
        state.bytes = 0;
        let events = mem::take(&mut state.queue);
        let missed = mem::take(&mut state.missed);
        let waiting = state.release();
        drop(state);
        let count = |event: &Event| match event {
            Event::Missed { count } => *count,
            _ => 1,
        };
        let events = events.iter().flat_map(Item::events);
        (events.map(count).sum::<u64>() + missed, waiting)
    }

    /// How many times the limit may wait of what nobody can be held back for.
    const URGENT: usize = 4;

    /// How large a queue an idle connection may keep; a larger one is given back when it has drained.
    const IDLE_EVENTS: usize = 8;

    fn is_above(&self, state: &State) -> bool {
        state.bytes > self.limit / 2 || state.refused
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that runs under the lock panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a task finds when it wakes up.
#[derive(Debug)]
pub(crate) struct Awake {
    /// How the mailbox was closed, if it was.
    pub(crate) closed: Option<CloseReason>,
    /// There is something in it.
    pub(crate) waits: bool,
    /// What slept, if nobody else has taken it.
    pub(crate) sleeper: Option<Sleeper>,
}

/// When somebody began to hold back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hold {
    /// The release that ends it.
    release: u64,
    /// How often something had been taken out.
    takes: u64,
}

/// Wakes the tasks of connections that held back.
pub(crate) fn wake_all(talkers: Vec<Arc<Mailbox>>) {
    for task in talkers.iter().filter_map(|talker| talker.wake()) {
        task.wake();
    }
}

impl State {
    /// Drops events from the front until what waits costs at most `limit`.
    fn drop_oldest(&mut self, limit: usize) {
        while self.bytes > limit
            && let Some(item) = self.queue.pop_front()
        {
            if item.is_several() {
                for part in item.parts().rev() {
                    self.queue.push_front(part);
                }
                continue;
            }
            self.bytes -= item.cost();
            self.missed += 1;
        }
    }

    /// Queues the news of what was dropped behind the queue, if anything was.
    #[inline]
    fn announce_missed(&mut self) {
        if self.missed > 0 && self.policy == SlowReader::DropNewest {
            let count = mem::take(&mut self.missed);
            let item = Item::Own(Event::Missed { count });
            self.bytes += item.cost();
            self.queue.push_back(item);
        }
    }

    fn release(&mut self) -> Vec<Arc<Mailbox>> {
        self.releases += 1;
        mem::take(&mut self.waiting)
    }

    /// Counts what a reader would have been told that was cut for being too slow, until its task has seen that: then
    /// `missed` is 0. What one sends to it alone is refused instead.
    fn comes_too_late(&mut self, item: &Item, manner: Manner) {
        let is_cut = self.closed == Some(CloseReason::Overflow) && self.missed > 0;
        let is_refused = manner == Manner::Patient && matches!(item, Item::Own(_));
        if is_cut && !is_refused {
            self.missed += item.events().len() as u64;
        }
    }

    fn close(&mut self, reason: CloseReason) -> Option<Sleeper> {
        if self.closed.is_none() || reason == CloseReason::Abort {
            self.closed = Some(reason);
        }
        self.reader.take()
    }
}

#[cfg(test)]
mod tests;
