//! The single future that owns a connection's socket.

use std::{
    fmt,
    future::{Future, poll_fn},
    io, mem,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use futures::io::{AsyncRead, AsyncWrite};

use super::{
    machine::{Action, Machine},
    outbox::Outbox,
    scratch::{Lender, Scratch, Wakes},
};
use crate::{
    connections::{Listed, Place},
    error::HubError,
    hub::{CloseReason, Hold, Mailbox, Position, Sent, User, wake_all},
    model::{ErrorCode, Event, UserName, Verb},
    net::{Addr, Incoming},
    rt::{Runtime, Sleep, deadline_after},
    trace::{LogQuota, log},
    wire::Wire,
};

/// One connection: its socket, what it means, and what waits to be written.
///
/// It is polled through [`run`](Self::run). Dropping it at any point closes the socket, frees the name and
/// leaves nothing of it in the hub.
pub(crate) struct Connection<Io, W> {
    io: Io,
    #[cfg_attr(
        not(feature = "tracing"),
        expect(dead_code, reason = "it is only logged")
    )]
    peer: Addr,
    machine: Machine<W>,
    user: User,
    outbox: Outbox,
    /// What was read but not yet looked at, because the peer does not read or is held back.
    unread: Vec<u8>,
    /// The list that is being written, if it is too long to be written at once.
    listing: Option<Box<Listing>>,
    /// For whose sake this connection is not read from.
    hold: Option<Box<HoldBack>>,
    phase: Phase,
    /// How the mailbox was closed, as far as this connection has acted on it.
    seen: Option<CloseReason>,
    /// The peer has sent its last byte.
    peer_done: bool,
    /// The socket has taken bytes since it was last flushed.
    unflushed: bool,
    /// What the timer is set to.
    armed: Option<Instant>,
    /// How many more of this peer's doings are logged at `info`.
    logs_left: u8,
    /// Given back when the connection is gone; last, so that they are dropped last.
    _place: Place,
    _listed: Listed,
}

/// A list of names, from `next` on still to be written, without those who came after it was asked for.
#[derive(Debug)]
struct Listing {
    next: Position,
    end: Position,
}

#[derive(Debug)]
struct HoldBack {
    mailbox: Arc<Mailbox>,
    hold: Hold,
    /// When it is looked at again.
    until: Instant,
    /// When it ends, however well the reader reads.
    at_most: Instant,
}

/// How far a connection is on its way to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It is served.
    Open,
    /// It is over; what waits is still being written.
    Flushing { until: Instant },
    /// All is written and our end is closed; the peer's is awaited.
    Lingering { until: Instant },
}

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// The peer closed its sending end.
    PeerDone,
    /// The peer said good-bye.
    Quit,
    /// The peer took too long, for what is said here.
    TimedOut(&'static str),
    /// The peer does not read.
    TooSlow,
    /// There is no room for the connection.
    NoRoom(usize),
    /// The server shuts down.
    Shutdown,
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

/// Above this many bytes in the outbox, the mailbox is not drained and the peer is not read from.
///
/// It is also the budget of one draining, and so about the size of the largest write. Beyond 64 KiB a
/// loopback write gains nothing from being larger.
const HIGH_WATER: usize = 64 * 1024;

/// How many times its patience a talker is held back for a reader that has read something in as long a
/// time. A slow line then has that long to get through half a mailbox, and a reader that means ill can cost
/// a talker no more. Systems tell of free room in a socket buffer in steps that last several patiences.
const PATIENCES: u32 = 10;

/// How many names are taken from the list at once, under its lock.
const PAGE: usize = 128;

/// How many turns one poll may take before it lets others run. A turn is at most one read and as many
/// writes as the outbox needs.
const TURNS: usize = 8;

/// How many of one peer's doings are logged at `info`; a peer cannot fill the log.
const LOGS: u8 = 20;

impl<Io, W> Connection<Io, W>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    W: Wire,
{
    /// A connection that holds `place` and is `listed` while it lives.
    pub(crate) fn new(
        user: User,
        incoming: Incoming<Io>,
        wire: W,
        now: Instant,
        place: Place,
        listed: Listed,
    ) -> Self {
        let Incoming { io, peer } = incoming;
        log!(DEBUG, %peer, "connected");
        Self {
            io,
            peer,
            machine: Machine::new(wire, user.limits(), user.timeouts(), now),
            user,
            outbox: Outbox::default(),
            unread: Vec::new(),
            listing: None,
            hold: None,
            phase: Phase::Open,
            seen: None,
            peer_done: false,
            unflushed: false,
            armed: None,
            logs_left: LOGS,
            _place: place,
            _listed: listed,
        }
    }

    /// Tells the peer that there is no room for it beside `most` others, and closes.
    pub(crate) fn refuse(&mut self, most: usize, now: Instant) {
        self.end(End::NoRoom(most), now);
    }

    fn mailbox(&self) -> &Arc<Mailbox> {
        self.user.mailbox()
    }

    /// Serves the connection to its end.
    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` would have room for the connection twice"
    )]
    pub(crate) fn run<R: Runtime>(mut self, rt: R) -> impl Future<Output = ()> {
        async move {
            let mut sleep = pin!(rt.sleep_until(rt.now()));
            let lender = match R::THREAD_PER_TASK {
                true => Lender::Process,
                false => Lender::Thread,
            };
            poll_fn(|cx| {
                Scratch::with(lender, |scratch| {
                    self.outbox.borrow(&mut scratch.write);
                    let over = self.poll(cx, &rt, sleep.as_mut(), scratch);
                    self.outbox.settle(&mut scratch.write);
                    over
                })
            })
            .await
        }
    }

    /// Does all that can be done now, within reason.
    ///
    /// The invariant: `Pending` is returned only when the socket has this task's waker for every
    /// direction that is wanted, the mailbox has it, and the timer has it if there is a deadline; or
    /// when the task has been woken already.
    fn poll<R: Runtime>(
        &mut self,
        cx: &mut Context<'_>,
        rt: &R,
        mut sleep: Pin<&mut R::Sleep>,
        scratch: &mut Scratch,
    ) -> Poll<()> {
        let mut closed = self.mailbox().awake();
        for _ in 0..TURNS {
            if closed != self.seen {
                self.seen = closed;
                match closed {
                    Some(CloseReason::Abort) => {
                        log!(INFO, peer = %self.peer, "dropped: the server has no more time");
                        return Poll::Ready(());
                    }
                    Some(CloseReason::Overflow) => self.end(End::TooSlow, rt.now()),
                    Some(CloseReason::Shutdown) => self.end(End::Shutdown, rt.now()),
                    Some(CloseReason::Ended) | None => {}
                }
            }
            match self.turn(cx, rt, scratch) {
                // What ends the connection in a turn closes the mailbox too, and is no news.
                Ok(Turn::Again) => closed = self.seen,
                Ok(Turn::Over) => return Poll::Ready(()),
                Ok(Turn::Idle { blocked }) => {
                    if self.timer_fired(cx, rt, sleep.as_mut()) {
                        if self.deadline_passed(rt.now()) {
                            return Poll::Ready(());
                        }
                    } else if self.mailbox().sleep(cx.waker(), !blocked, self.seen)
                        // Looked at again, because the waker was not there when it was looked at first.
                        && !self.was_let_go()
                    {
                        return Poll::Pending;
                    }
                    closed = self.mailbox().awake();
                }
                Err(error) => {
                    let unsent = self.outbox.len();
                    log!(DEBUG, peer = %self.peer, name = self.user.name().map(display), unsent, "lost: {error}");
                    return Poll::Ready(());
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// One turn: drain and write, so that one write takes both, then read. The timer is looked at after
    /// each read, and before the task sleeps.
    fn turn<R: Runtime>(
        &mut self,
        cx: &mut Context<'_>,
        rt: &R,
        scratch: &mut Scratch,
    ) -> io::Result<Turn> {
        self.list();
        if self.outbox.len() < HIGH_WATER {
            self.drain(HIGH_WATER, &mut scratch.events);
        }
        let blocked = self.poll_write(cx, rt)?.is_pending();
        if self.listing.is_some() && !blocked {
            return Ok(Turn::Again);
        }
        match self.phase {
            Phase::Open => match self.poll_read(cx, rt, scratch)? {
                Poll::Ready(()) => Ok(Turn::Again),
                Poll::Pending => Ok(Turn::Idle { blocked }),
            },
            Phase::Flushing { .. } if blocked => Ok(Turn::Idle { blocked }),
            Phase::Flushing { .. } => match Pin::new(&mut self.io).poll_close(cx)? {
                Poll::Ready(()) if self.peer_done => Ok(Turn::Over),
                Poll::Ready(()) => {
                    let until = deadline_after(rt.now(), self.user.timeouts().linger());
                    self.phase = Phase::Lingering { until };
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

    /// Goes on with the list that is under way, as far as the outbox has room. Afterwards it is done or
    /// there is no room, so that nothing else can get into the middle of it.
    fn list(&mut self) {
        while self.outbox.len() < HIGH_WATER
            && let Some(mut listing) = self.listing.take()
        {
            let first = listing.next == Position::default();
            let (names, next) = self.user.roster().page(listing.next, listing.end, PAGE);
            let last = next.is_none();
            self.outbox.push::<W>(&Event::Names { names, first, last });
            if let Some(next) = next {
                listing.next = next;
                self.listing = Some(listing);
            }
        }
    }

    /// Moves events from the mailbox to the outbox, until they cost `budget` bytes.
    fn drain(&mut self, budget: usize, events: &mut Vec<Event>) {
        wake_all(self.mailbox().take(budget, events));
        for event in events.drain(..) {
            self.outbox.push::<W>(&event);
        }
    }

    /// Writes until the outbox is empty and the socket has passed it all on.
    fn poll_write<R: Runtime>(&mut self, cx: &mut Context<'_>, rt: &R) -> io::Result<Poll<()>> {
        let mut wrote = false;
        while !self.outbox.is_empty() {
            self.unflushed = true;
            if self.outbox.poll_write(cx, &mut self.io)?.is_pending() {
                if wrote {
                    self.mailbox().read_at(rt.now());
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

    /// Reads once and does what was asked. `Pending` if there is nothing to read, or if this peer is not
    /// to be read from now.
    fn poll_read<R: Runtime>(
        &mut self,
        cx: &mut Context<'_>,
        rt: &R,
        scratch: &mut Scratch,
    ) -> io::Result<Poll<()>> {
        if self.was_let_go() {
            self.hold = None;
        }
        if self.hold.is_some() || self.listing.is_some() || self.outbox.len() >= HIGH_WATER {
            return Ok(Poll::Pending);
        }
        let Scratch {
            read,
            events,
            wakes,
            ..
        } = scratch;
        let now;
        if !self.unread.is_empty() {
            now = rt.now();
            let unread = mem::take(&mut self.unread);
            self.handle_input(&unread, now, events, wakes);
        } else {
            match Pin::new(&mut self.io).poll_read(cx, read)? {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(count) => {
                    now = rt.now();
                    if count == 0 {
                        self.peer_done = true;
                        self.end(End::PeerDone, now);
                    }
                    self.machine.heard(now);
                    self.handle_input(&read[..count], now, events, wakes);
                }
            }
        }
        wakes.wake();
        self.machine.pause();
        // A peer that always has something to read keeps the timer from being looked at.
        self.deadline_passed(now);
        Ok(Poll::Ready(()))
    }

    /// Does what `input` asks for, until it is used up or no more may be done for this peer now.
    fn handle_input(
        &mut self,
        input: &[u8],
        now: Instant,
        events: &mut Vec<Event>,
        wakes: &mut Wakes,
    ) {
        let mut rest = input;
        while !rest.is_empty() {
            if self.hold.is_some() || self.outbox.len() >= HIGH_WATER {
                self.unread = rest.to_vec();
                return;
            }
            let before = rest;
            let fed = self.machine.feed(rest);
            rest = &rest[fed.used..];
            match fed.action {
                None => {}
                Some(Action::Chat { to, text }) => match self.user.send(to, text) {
                    Ok(Sent::Queued { wake, behind }) => {
                        wakes.add(wake);
                        if let Some(mailbox) = behind {
                            self.hold_back(mailbox, now);
                        }
                    }
                    Ok(Sent::NoRoom(mailbox)) => {
                        self.unread = self.machine.put_back(before, rest);
                        self.hold_back(mailbox, now);
                        return;
                    }
                    Err(error) => {
                        if error == HubError::NoSuchUser {
                            log_limited(&mut self.logs_left, self.user.log_quota(), now, || {
                                log!(INFO, peer = %self.peer, from = self.user.name().map(display), "no user by the name {}", for_log(to));
                            });
                        }
                        self.reply(&refusal(Verb::Chat, error), now, events);
                    }
                },
                Some(Action::Register(name)) => {
                    let reply = self.register(name, now);
                    self.reply(&reply, now, events);
                }
                Some(Action::List) => {
                    self.drain(usize::MAX, events);
                    self.listing = Some(Box::new(Listing {
                        next: Position::default(),
                        end: self.user.roster().end(),
                    }));
                    self.list();
                }
                Some(Action::Reply(reply)) => self.reply(&reply, now, events),
                Some(Action::Quit) => {
                    self.end(End::Quit, now);
                    return;
                }
            }
        }
    }

    fn register(&mut self, name: UserName, now: Instant) -> Event {
        match self.user.register(name) {
            Ok(()) => {
                self.machine.registered();
                log_limited(&mut self.logs_left, self.user.log_quota(), now, || {
                    log!(INFO, peer = %self.peer, name = self.user.name().map(display), "registered");
                });
                Event::Ack
            }
            Err(error) => refusal(Verb::Register, error),
        }
    }

    /// Answers, after what the peer has brought about so far. A refusal that the wire has no words for is
    /// logged instead, unless it has been.
    fn reply(&mut self, event: &Event, now: Instant, events: &mut Vec<Event>) {
        self.drain(usize::MAX, events);
        let said = self.outbox.push::<W>(event);
        if let Event::Error {
            code, explanation, ..
        } = event
            && said == 0
            && *code != ErrorCode::NoSuchUser
        {
            log_limited(&mut self.logs_left, self.user.log_quota(), now, || {
                log!(INFO, peer = %self.peer, name = self.user.name().map(display), "refused, {code}: {explanation}");
            });
        }
    }

    /// Stops reading from this peer, because `mailbox` fills faster than its owner reads.
    fn hold_back(&mut self, mailbox: Arc<Mailbox>, now: Instant) {
        let until = deadline_after(now, self.user.timeouts().patience());
        if until <= now {
            wake_all(mailbox.lose_patience());
        } else if let Some(hold) = mailbox.hold_back(self.user.mailbox()) {
            self.hold = Some(Box::new(HoldBack {
                mailbox,
                hold,
                until,
                at_most: deadline_after(
                    now,
                    self.user.timeouts().patience().saturating_mul(PATIENCES),
                ),
            }));
        }
    }

    /// What becomes of a hold when patience is over: it goes on for a reader that has read something
    /// recently, but not for ever.
    fn hold_on(&self, mut held: Box<HoldBack>, now: Instant) -> Option<Box<HoldBack>> {
        let patience = self.user.timeouts().patience();
        let recently = now.checked_sub(patience.saturating_mul(PATIENCES));
        if held.at_most <= now || !held.mailbox.is_read(recently.unwrap_or(now)) {
            wake_all(held.mailbox.lose_patience());
            return None;
        }
        held.until = deadline_after(now, patience);
        Some(held)
    }

    /// Whether this peer was held back and no longer has to be.
    fn was_let_go(&self) -> bool {
        let hold = self.hold.as_ref();
        hold.is_some_and(|held| !held.mailbox.holds(held.hold))
    }

    /// Ends the service: the name is free, nothing more is taken in, and what waits is written.
    fn end(&mut self, why: End, now: Instant) {
        let name = self.user.leave();
        let mut lost = 0;
        // A list that is cut off leaves an unfinished line, and nothing can be said after it.
        let torn = self.listing.take().is_some();
        if torn || matches!(why, End::TooSlow) {
            let (events, waiting) = self.mailbox().clear();
            wake_all(waiting);
            lost = events;
        } else {
            // Once closed, nothing can come in behind the last taking.
            drop(self.mailbox().close(CloseReason::Ended));
            self.drain(usize::MAX, &mut Vec::new());
        }
        self.seen = self.mailbox().awake();
        log!(DEBUG, peer = %self.peer, name = name.as_ref().map(display), "ends: {why}");
        if lost > 0 {
            log!(WARN, peer = %self.peer, name = name.as_ref().map(display), lost, "disconnected before it had read all its messages");
        }
        let notice = match why {
            End::PeerDone => None,
            End::Quit | End::Shutdown => Some(Event::Bye),
            End::TimedOut(what) => Some(Event::error(None, ErrorCode::TimedOut, what)),
            End::TooSlow => Some(Event::error(
                None,
                ErrorCode::Full,
                format!("{lost} messages lost, because they were not read in time"),
            )),
            End::NoRoom(max) => Some(Event::error(
                None,
                ErrorCode::Full,
                format!("the server has {max} connections and takes no more"),
            )),
        };
        if let Some(notice) = notice.filter(|_| !torn) {
            self.outbox.push::<W>(&notice);
        }
        self.unread = Vec::new();
        self.hold = None;
        self.phase = Phase::Flushing {
            until: deadline_after(now, self.user.timeouts().flush()),
        };
    }

    fn deadline(&self) -> Option<Instant> {
        match (self.phase, &self.hold) {
            (Phase::Open, Some(held)) => Some(match self.machine.deadline() {
                Some(deadline) => deadline.min(held.until),
                None => held.until,
            }),
            (Phase::Open, None) => self.machine.deadline(),
            (Phase::Flushing { until } | Phase::Lingering { until }, _) => Some(until),
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
        match self.phase {
            Phase::Open => {
                if let Some(held) = self.hold.take_if(|held| held.until <= now) {
                    self.hold = self.hold_on(held, now);
                }
                if let Some(what) = self.machine.expired(now) {
                    self.end(End::TimedOut(what), now);
                }
                false
            }
            Phase::Flushing { until } | Phase::Lingering { until } if until > now => false,
            Phase::Flushing { .. } => {
                let unsent = self.outbox.len();
                log!(INFO, peer = %self.peer, unsent, "dropped: it did not read its last messages");
                true
            }
            Phase::Lingering { .. } => true,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PeerDone => "the peer closed it",
            Self::Quit => "the peer said good-bye",
            Self::TimedOut(what) => what,
            Self::TooSlow => "the peer reads too slowly",
            Self::NoRoom(_) => "there are too many connections",
            Self::Shutdown => "the server shuts down",
        })
    }
}

fn refusal(verb: Verb, error: HubError) -> Event {
    let code = match error {
        HubError::NotRegistered => ErrorCode::NotRegistered,
        HubError::NameTaken => ErrorCode::NameTaken,
        HubError::NoSuchUser => ErrorCode::NoSuchUser,
    };
    Event::error(Some(verb), code, error.to_string())
}

/// The beginning of what a peer sent, in a form that keeps a log readable.
#[cfg(feature = "tracing")]
fn for_log(text: &str) -> String {
    let start = text.chars().take(UserName::MAX_CHARS);
    start.flat_map(char::escape_debug).collect()
}

/// Logs, unless this peer, or all peers together, have been logged often enough.
fn log_limited(logs_left: &mut u8, quota: &LogQuota, now: Instant, log: impl FnOnce()) {
    if *logs_left > 0 && quota.take(now) {
        *logs_left -= 1;
        log();
    }
}
