//! What goes on between a peer and the hub, apart from the peer's bytes.

mod ending;
mod hooks;
mod names;
mod requests;

use std::{borrow::Cow, sync::Arc, time::Instant};

use super::{
    hook::Asking,
    machine::{Action, Fed},
    outbox::Outbox,
    rate::{Throttle, Verdict},
};
use crate::{
    hub::{Burst, CloseReason, Effects, HoldBack, Inner, Item, Listing, Mailbox, Seat},
    model::{Answer, Asked, Command, ErrorCode, Verb},
    net::Addr,
    trace::{LogQuota, log},
    wire::{Reading, Wire},
};

pub(crate) use ending::End;
use ending::Gone;
use hooks::Pending;

/// One peer's place in the hub, what it has asked for and not got yet, and what it is told.
pub(super) struct Conversation<W> {
    pub(super) wire: W,
    pub(super) peer: Addr,
    pub(super) seat: Seat,
    pub(super) outbox: Outbox,
    /// The list that is being written, if it is too long to be written at once.
    listing: Option<Box<Listing>>,
    /// For whose sake this connection is not read from.
    hold: Option<Box<HoldBack>>,
    /// What the program was asked, or has granted, and is not done yet.
    pending: Option<Box<Pending>>,
    pub(super) phase: Phase,
    /// How the mailbox was closed, as far as this connection has acted on it.
    pub(super) seen: Option<CloseReason>,
    /// How fast it may ask for things; `None` if as fast as it likes.
    throttle: Option<Throttle>,
    /// The bytes of frames that were not charged for yet.
    uncharged: usize,
    /// The next frame was charged for when it came the first time.
    paid: bool,
    /// The peer is to be asked for a sign of life behind the list.
    owes_probe: bool,
    /// How many more of this peer's doings are logged at `info`.
    logs_left: u8,
    /// What is still to be told now that it ends.
    gone: Option<Box<Gone>>,
    admitted: bool,
}

/// How far a connection is on its way to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It is served.
    Open,
    /// It is over; what waits is still being written.
    Flushing { until: Instant },
    /// All is written and our end is closed; the peer's is awaited.
    Lingering { until: Instant },
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Flow {
    /// It is dealt with.
    Next,
    /// It is not: somebody has to be waited for, and then it has to come again.
    PutBack,
}

/// Above this many bytes in the outbox, the mailbox is not drained and the peer is not read from.
///
/// It is also the budget of one draining, and so about the size of the largest write. Beyond 64 KiB a
/// loopback write gains nothing from being larger.
pub(super) const HIGH_WATER: usize = 64 * 1024;

/// How many names are taken from a list at once, under its lock. For each but the first, a request more is charged
/// for.
const PAGE: usize = 128;

/// How many pages of a list are gone through at once, before others have their turn.
const PAGES: usize = 2;

/// How many masks of a list are told for one request. For more, more is charged for.
const MASKS: usize = 16;

/// How many bytes of frames that ask for nothing count as one request.
const UNCHARGED: usize = 16 * 1024;

/// As how many bytes a further part of a frame counts that asks for nothing: to read it takes time all the same.
const PART: usize = 256;

/// How many of one peer's doings are logged at `info`; a peer cannot fill the log.
const LOGS: u8 = 20;

impl<W: Wire> Conversation<W> {
    pub(super) fn new(wire: W, seat: Seat, peer: Addr, now: Instant) -> Self {
        let hub = seat.hub();
        let throttle = (!hub.rates.is_unlimited()).then(|| Throttle::new(now));
        let asking = Asking::connect(hub, &peer, now);
        Self {
            admitted: asking.is_none(),
            pending: asking.map(|asking| Box::new(Pending::Asked(asking))),
            wire,
            peer,
            seat,
            outbox: Outbox::default(),
            listing: None,
            hold: None,
            phase: Phase::Open,
            seen: None,
            throttle,
            uncharged: 0,
            paid: false,
            owes_probe: false,
            logs_left: LOGS,
            gone: None,
        }
    }

    pub(super) fn mailbox(&self) -> &Arc<Mailbox> {
        self.seat.mailbox()
    }

    pub(super) fn hub(&self) -> &Arc<Inner> {
        self.seat.hub()
    }

    /// Whether no frame may be dealt with now.
    pub(super) fn is_busy(&self) -> bool {
        self.hold.is_some()
            || self.pending.is_some()
            || self.listing.is_some()
            || self.outbox.len() >= HIGH_WATER
    }

    /// Whether it is served, and nothing waits to be written.
    pub(super) fn is_at_rest(&self) -> bool {
        self.phase == Phase::Open && self.listing.is_none() && self.outbox.is_empty()
    }

    /// Whether a list is being written, which goes on as soon as there is room.
    pub(super) fn is_listing(&self) -> bool {
        self.listing.is_some()
    }

    /// Charges for what the machine was fed, also if the wire has answered it itself, unless it is free. `true` if what
    /// it asks for is to be done.
    pub(super) fn charge(
        &mut self,
        fed: &Fed<'_>,
        reading: &Reading,
        now: Instant,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) -> bool {
        let action = fed.action.as_ref();
        let Some(throttle) = &mut self.throttle else {
            return true;
        };
        let is_paid = std::mem::take(&mut self.paid);
        if is_paid || !reading.is_charged() {
            return true;
        }
        let asks = action.is_some() || reading.answered().is_some();
        // A frame that has come again for the rest of its parts has been counted.
        self.uncharged += match reading.part() {
            0 => fed.used,
            _ if asks => 0,
            _ => PART,
        };
        // A frame that goes on is charged for at its end.
        if !asks && (fed.unfinished || self.uncharged < UNCHARGED) {
            return true;
        }
        // What makes a room, or is told in many.
        let is_join = match action {
            Some(Action::Do(
                Command::Join { .. } | Command::Away { .. } | Command::Describe { .. },
            )) => true,
            Some(Action::Do(Command::Register { .. })) => self.seat.name().is_some(),
            _ => false,
        };
        let bytes = std::mem::take(&mut self.uncharged);
        let verdict = throttle.request(&self.seat.hub().rates, now, bytes, is_join);
        if verdict == Verdict::Grant {
            return true;
        }
        self.publish(now, items, effects);
        match verdict {
            Verdict::Grant => {}
            Verdict::Refuse(wait) => {
                self.hub().counters.rate_limited();
                // Rounded up, so that who waits as long is not refused again.
                let wait = wait.as_millis() + 1;
                // What asks for nothing needs no answer, whatever its length.
                if asks {
                    let verb = action.map_or(Verb::Other, Action::verb);
                    let explanation = format!("too fast: try again in {wait} ms");
                    let refusal = error(verb, ErrorCode::RateLimited, explanation);
                    self.reply(&refusal, now, items);
                }
            }
            Verdict::Disconnect => {
                self.hub().counters.rate_limited();
                self.end(End::Flooding, now);
            }
        }
        false
    }

    /// Says what the wire itself answers.
    pub(super) fn answer(
        &mut self,
        answer: &[u8],
        now: Instant,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) {
        self.publish(now, items, effects);
        self.drain(usize::MAX, items);
        self.outbox.push_bytes(answer);
    }

    /// Asks the peer for a sign of life. It is written with whatever is written next, and the caller sees to that.
    pub(super) fn probe(&mut self) {
        // Not in the middle of a list, but behind it.
        match self.listing {
            Some(_) => self.owes_probe = true,
            None => self.outbox.probe(&mut self.wire),
        }
    }

    /// Says that the frame that was put back has been charged for.
    pub(super) fn put_back(&mut self) {
        self.paid = true;
    }

    /// Publishes what has been gathered.
    #[inline]
    pub(super) fn publish(&mut self, now: Instant, items: &mut Vec<Item>, effects: &mut Effects) {
        if !effects.burst.is_empty() {
            self.publish_burst(now, items, effects);
        }
    }

    fn publish_burst(&mut self, now: Instant, items: &mut Vec<Item>, effects: &mut Effects) {
        let published = Burst::publish(effects);
        if !effects.behind.is_empty() {
            self.hold_back(effects, now);
        }
        // Who is gone already is about to be told so, and nothing else.
        if let Err((rule, room, count)) = published
            && !self.mailbox().is_closed()
        {
            let asked = Asked {
                verb: Verb::Say,
                room: Some(room.as_str()),
                name: None,
            };
            let refusal = Answer::Refused { asked, rule };
            for _ in 0..count {
                self.reply(&refusal, now, items);
            }
        }
    }

    /// Goes on with the list that is under way, as far as the outbox has room. Afterwards it is done or
    /// there is no room, so that nothing else can get into the middle of it.
    #[inline]
    pub(super) fn list(&mut self) {
        if self.listing.is_some() {
            self.list_more();
        }
    }

    fn list_more(&mut self) {
        // A wire may write nothing for a page, but to go through it takes time all the same.
        let mut pages = 0..PAGES;
        while self.outbox.len() < HIGH_WATER
            && pages.next().is_some()
            && let Some(mut listing) = self.listing.take()
        {
            let (part, is_last) = self.seat.page(&mut listing, PAGE);
            self.outbox.answer(&mut self.wire, &part);
            if !is_last {
                self.listing = Some(listing);
                self.owe_requests(1);
            }
        }
        if self.listing.is_some() {
            return;
        }
        if self.gone.is_some() {
            self.say_farewell(&mut Vec::new());
        } else if std::mem::take(&mut self.owes_probe) {
            self.outbox.probe(&mut self.wire);
        }
    }

    /// Charges for an answer that is as much work as so many requests more.
    fn owe_requests(&mut self, count: usize) {
        if let Some(throttle) = &mut self.throttle {
            for _ in 0..count {
                throttle.owe_request(&self.seat.hub().rates);
            }
        }
    }

    /// Moves events from the mailbox to the outbox, until they cost `budget` bytes.
    pub(super) fn drain(&mut self, budget: usize, items: &mut Vec<Item>) {
        let has_missed = self.seat.take(budget, items);
        for item in items.drain(..) {
            self.outbox.push_item(&mut self.wire, &item);
        }
        if has_missed && let Some(person) = self.seat.person_now() {
            self.outbox.catch_up(&mut self.wire, person);
        }
    }

    /// Answers, after what the peer has brought about so far. A refusal that the wire has no words for is
    /// logged instead, unless it has been.
    fn reply(&mut self, answer: &Answer<'_>, now: Instant, items: &mut Vec<Item>) {
        self.drain(usize::MAX, items);
        let said = self.outbox.answer(&mut self.wire, answer);
        if said == 0
            && let Some((code, explanation)) = answer.error()
            && code != ErrorCode::NoSuchUser
        {
            log_limited(&mut self.logs_left, &self.seat.hub().log_quota, now, || {
                log!(connection INFO, peer = %self.peer, name = self.seat.name().map(display), "refused, {code}: {explanation}");
            });
        }
    }

    /// Stops reading from this peer, because mailboxes fill faster than their owners read.
    fn hold_back(&mut self, effects: &mut Effects, now: Instant) {
        let patience = self.hub().timeouts.patience();
        // The old one first: where it waits for the same ones, it takes both out of their lists.
        self.hold = None;
        let behind = effects.behind.drain(..);
        let hold = HoldBack::new(self.seat.mailbox(), behind, patience, now);
        self.hold = hold.map(Box::new);
    }

    /// Whether this peer was held back and no longer has to be.
    pub(super) fn was_let_go(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.is_over())
    }

    /// Goes on with a peer that no longer has to be held back.
    pub(super) fn let_go(&mut self) {
        if self.was_let_go() {
            self.hold = None;
        }
    }

    /// When there is something to be done about a wait of this.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let hold = self.hold.as_ref().map(|hold| hold.until());
        let asked = match self.pending.as_deref() {
            Some(Pending::Asked(asking)) => Some(asking.until),
            _ => None,
        };
        match (hold, asked) {
            (Some(hold), Some(asked)) => Some(hold.min(asked)),
            (one, other) => one.or(other),
        }
    }

    /// Does what a wait that is over asks for.
    pub(super) fn tick(&mut self, now: Instant) {
        if let Some(hold) = &mut self.hold
            && !hold.tick(now)
        {
            self.hold = None;
        }
        self.tick_hook(now);
    }
}

/// A request is refused, for another reason than a rule of the hub.
fn error<'a>(verb: Verb, code: ErrorCode, explanation: impl Into<Cow<'a, str>>) -> Answer<'a> {
    Answer::Error {
        verb,
        code,
        explanation: explanation.into(),
    }
}

/// Logs, unless this peer, or all peers together, have been logged often enough.
fn log_limited(logs_left: &mut u8, quota: &LogQuota, now: Instant, log: impl FnOnce()) {
    if *logs_left > 0 && quota.take(now) {
        *logs_left -= 1;
        log();
    }
}
