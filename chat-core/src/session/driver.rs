//! The single future that owns a connection's socket.

use std::{
    future::{Future, poll_fn},
    io, mem,
    pin::Pin,
    slice,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Instant,
};

use futures::io::{AsyncRead, AsyncWrite};

use super::{
    conversation::{Conversation, End, Flow, HIGH_WATER, Phase},
    hook::Asking,
    machine::{Machine, Overdue},
    scratch::{READ, Scratch},
    task::Task,
};
use crate::{
    addresses::AddressPlace,
    connections::{Connections, Listed, Place},
    hub::{CloseReason, Effects, Heard, Inner, Item, Mailbox, Seat, Sleeper},
    model::Stamp,
    net::Incoming,
    rt::{Runtime, Sleep, deadline_after},
    trace::log,
    wire::{Reading, Wire},
};

/// One connection: its socket, what its bytes mean, and what goes on between it and the hub.
///
/// Its [`Task`] polls it. Dropping it at any point closes the socket, frees the name and
/// leaves nothing of it in the hub.
pub(crate) struct Connection<Io, W> {
    io: Io,
    machine: Machine,
    talk: Conversation<W>,
    /// What was read but not yet looked at, because the peer does not read or is held back.
    unread: Vec<u8>,
    /// The peer has sent its last byte.
    peer_done: bool,
    /// The socket has taken bytes since it was last flushed.
    unflushed: bool,
    /// What the timer is set to.
    armed: Option<Instant>,
    /// How often it was polled.
    polls: u32,
    /// Given back when the connection is gone; last, so that they are dropped last.
    place: Place,
    address: Option<AddressPlace>,
    listed: Listed,
}

/// What one turn of the driver came to.
enum Turn {
    /// Something was done; there may be more.
    Again,
    /// Nothing can be done until the socket, the mailbox or the timer wakes the task.
    Idle {
        /// The socket takes no more bytes, so nothing needs to be taken from the mailbox.
        blocked: bool,
    },
    /// The connection is over.
    Over,
}

/// How many turns one poll may take before it lets others run. A turn is at most one read and as many
/// writes as the outbox needs.
const TURNS: usize = 8;

impl<Io, W> Connection<Io, W>
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    W: Wire,
{
    /// A connection that holds its places and is `listed` while it lives.
    pub(crate) fn new(
        seat: Seat,
        incoming: Incoming<Io>,
        wire: W,
        now: Instant,
        places: (Place, Option<AddressPlace>),
        listed: Listed,
    ) -> Self {
        let Incoming { io, peer } = incoming;
        log!(connection DEBUG, %peer, "connected");
        let hub = seat.hub();
        Self {
            io,
            machine: Machine::new(&hub.limits, &hub.timeouts, &wire, now),
            talk: Conversation::new(wire, seat, peer, now),
            unread: Vec::new(),
            peer_done: false,
            unflushed: false,
            armed: None,
            polls: 0,
            place: places.0,
            address: places.1,
            listed,
        }
    }

    /// Tells the peer why it is turned away, and closes.
    pub(crate) fn refuse(&mut self, why: End, now: Instant) {
        self.talk.end(why, now);
    }

    /// All that are open on its server.
    pub(super) fn connections(&self) -> &Arc<Connections> {
        self.listed.connections()
    }

    /// Does all that can be done now, within reason.
    ///
    /// The invariant: `Pending` is returned only when the socket has this task's waker for every
    /// direction that is wanted, the mailbox has it, the hook that is awaited has it, and the timer has it if
    /// there is a deadline; or when the task has been woken already.
    pub(super) fn poll<R: Runtime>(
        &mut self,
        cx: &mut Context<'_>,
        task: &Arc<Task<Io, W, R>>,
        sleep: Pin<&mut R::Sleep>,
        scratch: &mut Scratch,
    ) -> Poll<()> {
        self.talk.outbox.borrow(&mut scratch.write);
        let over = self.poll_turns(cx, task, sleep, scratch);
        self.talk.outbox.settle(&mut scratch.write);
        over
    }

    fn poll_turns<R: Runtime>(
        &mut self,
        cx: &mut Context<'_>,
        task: &Arc<Task<Io, W, R>>,
        mut sleep: Pin<&mut R::Sleep>,
        scratch: &mut Scratch,
    ) -> Poll<()> {
        let rt = &task.rt;
        self.polls = self.polls.wrapping_add(1);
        let mut awake = self.talk.mailbox().awake();
        let mut closed = awake.closed;
        for _ in 0..TURNS {
            if closed != self.talk.seen {
                self.talk.seen = closed;
                let now = rt.now();
                match closed {
                    Some(CloseReason::Abort) => {
                        log!(connection INFO, peer = %self.talk.peer, "dropped: the server has no more time");
                        return Poll::Ready(());
                    }
                    Some(CloseReason::Overflow) => self.end(End::TooSlow, now),
                    Some(CloseReason::Shutdown) => self.end(End::Shutdown, now),
                    Some(CloseReason::Replaced) => self.end(End::Replaced, now),
                    Some(CloseReason::Kicked) => {
                        let last_word = self.talk.mailbox().last_word();
                        self.end(End::Kicked(last_word), now);
                    }
                    Some(CloseReason::Ended) | None => {}
                }
            }
            match self.turn(cx, rt, mem::take(&mut awake.waits), scratch) {
                // What ends the connection in a turn closes the mailbox too, and is no news.
                Ok(Turn::Again) => closed = self.talk.seen,
                Ok(Turn::Over) => return Poll::Ready(()),
                Ok(Turn::Idle { blocked }) => {
                    if self.timer_fired(cx, rt, sleep.as_mut()) {
                        if self.deadline_passed(rt.now()) {
                            return Poll::Ready(());
                        }
                    } else {
                        let before = awake.sleeper.take();
                        let same = before.and_then(|s| s.again(cx.waker(), self.polls));
                        let asleep = same.unwrap_or_else(|| {
                            let (waker, server) = (cx.waker().clone(), task.connections.server());
                            Sleeper::with_outlet(waker, task.clone(), server, self.polls)
                        });
                        let mailbox = self.talk.mailbox();
                        // Looked at again, because the sleeper was not there when it was looked at first.
                        if mailbox.sleep(asleep, !blocked, self.talk.seen).is_ok()
                            && !self.talk.was_let_go()
                        {
                            return Poll::Pending;
                        }
                    }
                    awake = self.talk.mailbox().awake();
                    closed = awake.closed;
                }
                Err(error) => {
                    let unsent = self.talk.outbox.len();
                    log!(connection DEBUG, peer = %self.talk.peer, name = self.talk.seat.name().map(display), unsent, "lost: {error}");
                    return Poll::Ready(());
                }
            }
        }
        // A peer that always has something to read keeps the timer from being looked at.
        if self.deadline_passed(rt.now()) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether the task has not been polled since `sleeper` went to sleep.
    pub(super) fn is_asleep(&self, sleeper: &Sleeper) -> bool {
        sleeper.poll() == self.polls
    }

    /// Takes what is in the mailbox and writes it, for a `task` that sleeps. `false` if the task has to be
    /// woken, because there is more to do than that.
    pub(super) fn deliver<R: Runtime>(
        &mut self,
        task: &Waker,
        rt: &R,
        scratch: &mut Scratch,
    ) -> bool {
        if !self.talk.is_at_rest() || self.unflushed {
            return false;
        }
        let cx = &mut Context::from_waker(task);
        // If the socket is full, or broken, the task finds that out for itself.
        let only = self.talk.mailbox().take_only();
        if let Some(item) = &only {
            self.talk.hub().counters.took(slice::from_ref(item));
        }
        match only.as_ref().map(|item| item.hear(&mut self.talk.wire)) {
            // What others are told as well is written as it is, without a copy.
            Some(Heard::Bytes(frame)) => return self.write_through(cx, rt, frame),
            Some(heard) => {
                self.talk.outbox.borrow(&mut scratch.write);
                self.talk.outbox.push_heard(&mut self.talk.wire, heard);
            }
            None => {
                self.talk.outbox.borrow(&mut scratch.write);
                self.talk.drain(HIGH_WATER, &mut scratch.items);
            }
        }
        let written = self.poll_write(cx, rt);
        self.talk.outbox.settle(&mut scratch.write);
        matches!(written, Ok(Poll::Ready(())))
    }

    /// Writes `frame` to a socket for which nothing else waits. What is left of it goes to the outbox, and then
    /// this is `false`.
    fn write_through<R: Runtime>(&mut self, cx: &mut Context<'_>, rt: &R, frame: &[u8]) -> bool {
        if frame.is_empty() {
            return true;
        }
        let written = match Pin::new(&mut self.io).poll_write(cx, frame) {
            Poll::Ready(Ok(count)) => count,
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        self.unflushed = true;
        if let Some(rest) = frame.get(written..).filter(|rest| !rest.is_empty()) {
            self.talk.outbox.push_bytes(rest);
            if written > 0 {
                self.took(rt.now());
            }
            return false;
        }
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.unflushed = !matches!(flushed, Poll::Ready(Ok(())));
        !self.unflushed
    }

    /// Leaves `sleeper` for whoever has something for it next. It is returned, to be woken, if there is something
    /// already.
    #[must_use]
    pub(super) fn sleep(&self, sleeper: Sleeper) -> Option<Sleeper> {
        let mailbox = self.talk.mailbox();
        match mailbox.sleep(sleeper, true, self.talk.seen) {
            Err(sleeper) => Some(sleeper),
            Ok(()) if self.talk.was_let_go() => mailbox.wake(),
            Ok(()) => None,
        }
    }

    /// What the program is to be told now that the connection is over. Everything else of it is gone then, and
    /// it is taken off the list of those that are open last.
    pub(super) fn last_report<R: Runtime>(self, rt: &R) -> Option<LastReport> {
        let Self {
            io,
            mut talk,
            place,
            address,
            listed,
            ..
        } = self;
        let asking = match talk.seen {
            Some(CloseReason::Abort) => None,
            _ => talk.report(rt.now()),
        };
        let (hub, mailbox) = (talk.hub().clone(), talk.mailbox().clone());
        drop(io);
        drop(talk);
        drop((place, address));
        Some(LastReport {
            asking: asking?,
            hub,
            mailbox,
            _listed: listed,
        })
    }

    /// One turn: drain, if there is anything, and write, so that one write takes both, then read. The timer is
    /// looked at before the task sleeps, and at the end of a poll that does not.
    fn turn<R: Runtime>(
        &mut self,
        cx: &mut Context<'_>,
        rt: &R,
        drains: bool,
        scratch: &mut Scratch,
    ) -> io::Result<Turn> {
        let talk = &mut self.talk;
        talk.let_go();
        let may_ask = talk.waits_for_program();
        if may_ask {
            scratch.effects.at = Stamp::new(talk.hub().system_time());
            let Scratch { items, effects, .. } = scratch;
            while talk.poll_pending(cx, rt.now(), items, effects).is_ready() {}
        }
        talk.list();
        if drains && talk.outbox.len() < HIGH_WATER {
            talk.drain(HIGH_WATER, &mut scratch.items);
        }
        let blocked = self.poll_write(cx, rt)?.is_pending();
        if self.talk.is_listing() && !blocked {
            return Ok(Turn::Again);
        }
        // Now that there is room for what comes of it, the program's answer may be there already.
        if !may_ask && self.talk.waits_for_program() {
            return Ok(Turn::Again);
        }
        match self.talk.phase {
            Phase::Open => match self.poll_read(cx, rt, scratch)? {
                Poll::Ready(()) => Ok(Turn::Again),
                Poll::Pending => Ok(Turn::Idle { blocked }),
            },
            Phase::Flushing { .. } if blocked => Ok(Turn::Idle { blocked }),
            Phase::Flushing { .. } => match Pin::new(&mut self.io).poll_close(cx)? {
                Poll::Ready(()) if self.peer_done => Ok(Turn::Over),
                Poll::Ready(()) => {
                    let linger = self.talk.hub().timeouts.linger();
                    let until = deadline_after(rt.now(), linger);
                    self.talk.phase = Phase::Lingering { until };
                    Ok(Turn::Again)
                }
                Poll::Pending => Ok(Turn::Idle { blocked: true }),
            },
            Phase::Lingering { .. } => {
                match Pin::new(&mut self.io).poll_read(cx, &mut scratch.read)? {
                    Poll::Ready(0) => Ok(Turn::Over),
                    Poll::Ready(_) => match self.deadline_passed(rt.now()) {
                        true => Ok(Turn::Over),
                        false => Ok(Turn::Again),
                    },
                    Poll::Pending => Ok(Turn::Idle { blocked: true }),
                }
            }
        }
    }

    /// Writes until the outbox is empty and the socket has passed it all on.
    fn poll_write<R: Runtime>(&mut self, cx: &mut Context<'_>, rt: &R) -> io::Result<Poll<()>> {
        let mut wrote = false;
        while !self.talk.outbox.is_empty() {
            self.unflushed = true;
            if self.talk.outbox.poll_write(cx, &mut self.io)?.is_pending() {
                if wrote {
                    self.took(rt.now());
                }
                return Ok(Poll::Pending);
            }
            wrote = true;
        }
        if self.unflushed {
            if Pin::new(&mut self.io).poll_flush(cx)?.is_pending() {
                return Ok(Poll::Pending);
            }
            self.unflushed = false;
        }
        Ok(Poll::Ready(()))
    }

    /// The peer has taken bytes, but not all that there are for it.
    fn took(&mut self, now: Instant) {
        self.talk.mailbox().read_at(now);
        self.machine.took(now);
    }

    /// Reads once and does what was asked. `Pending` if there is nothing to read, or if this peer is not
    /// to be read from now.
    fn poll_read<R: Runtime>(
        &mut self,
        cx: &mut Context<'_>,
        rt: &R,
        scratch: &mut Scratch,
    ) -> io::Result<Poll<()>> {
        if self.talk.is_busy() {
            return match self.talk.waits_for_program() {
                true => self.read_ahead(cx, rt, &mut scratch.read),
                false => Ok(Poll::Pending),
            };
        }
        let Scratch {
            read,
            items,
            effects,
            reading,
            ..
        } = scratch;
        if !self.unread.is_empty() {
            let now = rt.now();
            let unread = mem::take(&mut self.unread);
            self.handle_input(&unread, now, reading, items, effects);
        } else if self.peer_done {
            self.end(End::PeerDone, rt.now());
            return Ok(Poll::Ready(()));
        } else {
            let Poll::Ready(count) = Pin::new(&mut self.io).poll_read(cx, read)? else {
                return Ok(Poll::Pending);
            };
            let now = rt.now();
            self.machine.heard(now);
            match count {
                0 => {
                    self.peer_done = true;
                    self.end(End::PeerDone, now);
                }
                _ => self.handle_input(&read[..count], now, reading, items, effects),
            }
        }
        effects.wake_some();
        self.machine.pause();
        Ok(Poll::Ready(()))
    }

    /// Reads while a request waits for the program, to find out whether the peer is still there. What comes
    /// is kept for later, as far as there is room.
    fn read_ahead<R: Runtime>(
        &mut self,
        cx: &mut Context<'_>,
        rt: &R,
        read: &mut [u8],
    ) -> io::Result<Poll<()>> {
        let room = READ.saturating_sub(self.unread.len());
        if room == 0 || self.peer_done {
            return Ok(Poll::Pending);
        }
        match Pin::new(&mut self.io).poll_read(cx, &mut read[..room])? {
            Poll::Pending => return Ok(Poll::Pending),
            Poll::Ready(0) => {
                self.peer_done = true;
                if self.talk.peer_left(rt.now()) {
                    self.unread = Vec::new();
                }
            }
            Poll::Ready(count) => {
                self.machine.heard(rt.now());
                self.unread.extend_from_slice(&read[..count]);
            }
        }
        Ok(Poll::Ready(()))
    }

    /// Does what `input` asks for, until it is used up or no more may be done for this peer now.
    fn handle_input(
        &mut self,
        input: &[u8],
        now: Instant,
        reading: &mut Reading,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) {
        let time = self.talk.hub().system_time();
        effects.at = Stamp::new(time);
        reading.set_now(time);
        self.talk.seat.refresh();
        self.handle_frames(input, now, reading, items, effects);
        self.talk.publish(now, items, effects);
        if mem::take(&mut effects.has_spoken) {
            self.talk.seat.spoke(now);
        }
    }

    fn handle_frames(
        &mut self,
        input: &[u8],
        now: Instant,
        reading: &mut Reading,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) {
        let mut rest = input;
        while !rest.is_empty() {
            if self.talk.is_busy() {
                self.unread = rest.to_vec();
                return;
            }
            let before = rest;
            let mut fed = self.machine.feed(&mut self.talk.wire, rest, reading);
            let (frame, after) = rest.split_at(fed.used);
            rest = after;
            loop {
                let charged = self.talk.charge(&fed, reading, now, items, effects);
                if let Some(answer) = reading.answered()
                    && charged
                {
                    self.talk.answer(answer, now, items, effects);
                }
                if let Some(action) = fed.action
                    && charged
                    && self.talk.act(action, now, items, effects) == Flow::PutBack
                {
                    self.unread = self.machine.put_back(before, rest);
                    self.talk.put_back();
                    return;
                }
                if self.talk.phase != Phase::Open {
                    return;
                }
                if !self.machine.has_more(reading) {
                    break;
                }
                if self.talk.is_busy() {
                    self.unread = self.machine.put_back(before, rest);
                    return;
                }
                fed = self.machine.next_part(&mut self.talk.wire, frame, reading);
            }
        }
    }

    fn end(&mut self, why: End, now: Instant) {
        self.talk.end(why, now);
        self.unread = Vec::new();
    }

    fn deadline(&self) -> Option<Instant> {
        match self.talk.phase {
            Phase::Open => {
                let has_name = self.talk.seat.name().is_some();
                match (
                    self.machine.deadline(&self.talk.wire, has_name),
                    self.talk.deadline(),
                ) {
                    (Some(peer), Some(talk)) => Some(peer.min(talk)),
                    (one, other) => one.or(other),
                }
            }
            Phase::Flushing { until } | Phase::Lingering { until } => Some(until),
        }
    }

    /// Sets the timer and polls it. A timer that is set too early is left alone until it fires, so that
    /// a deadline which every read moves on costs nothing.
    fn timer_fired<R: Runtime>(
        &mut self,
        cx: &mut Context<'_>,
        rt: &R,
        mut sleep: Pin<&mut R::Sleep>,
    ) -> bool {
        let Some(deadline) = self.deadline() else {
            return false;
        };
        if self.armed.is_none_or(|armed| armed > deadline) {
            sleep.as_mut().reset(deadline);
            self.armed = Some(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if deadline <= rt.now() {
                self.armed = None;
                return true;
            }
            sleep.as_mut().reset(deadline);
            self.armed = Some(deadline);
        }
        false
    }

    /// Does what a deadline that is over asks for. `true` if the connection is over as well.
    fn deadline_passed(&mut self, now: Instant) -> bool {
        match self.talk.phase {
            Phase::Open => {
                self.talk.tick(now);
                let has_name = self.talk.seat.name().is_some();
                match self.machine.overdue(&self.talk.wire, now, has_name) {
                    Some(Overdue::Over(what)) => self.end(End::TimedOut(what), now),
                    Some(Overdue::Probe) => self.talk.probe(),
                    None => {}
                }
                false
            }
            Phase::Flushing { until } | Phase::Lingering { until } if until > now => false,
            Phase::Flushing { .. } => {
                let unsent = self.talk.outbox.len();
                log!(connection INFO, peer = %self.talk.peer, unsent, "dropped: it did not read its last messages");
                true
            }
            Phase::Lingering { .. } => true,
        }
    }
}

/// What the program is told when a connection is over, which is among the open ones until then.
pub(super) struct LastReport {
    asking: Asking,
    hub: Arc<Inner>,
    mailbox: Arc<Mailbox>,
    _listed: Listed,
}

impl LastReport {
    /// Tells it, within the time that the program has for that, and while the server has time.
    pub(super) async fn send<R: Runtime>(self, rt: &R, mut sleep: Pin<&mut R::Sleep>) {
        let Self {
            mut asking,
            hub,
            mailbox,
            _listed,
        } = self;
        sleep.as_mut().reset(asking.until);
        let failed = poll_fn(|cx| match asking.poll(cx) {
            Poll::Ready(answer) => Poll::Ready(answer.is_failed()),
            Poll::Pending => {
                let seen = mailbox.awake().closed;
                let sleeper = Sleeper::new(cx.waker());
                match seen == Some(CloseReason::Abort)
                    || mailbox.sleep(sleeper, false, seen).is_err()
                {
                    true => Poll::Ready(true),
                    false => sleep.as_mut().poll(cx).map(|()| true),
                }
            }
        });
        let failed = failed.await;
        // Others may keep the mailbox, but the task is over.
        drop(mailbox.awake());
        let time = rt.now().saturating_duration_since(asking.began);
        hub.counters.hook(time, failed);
    }
}
