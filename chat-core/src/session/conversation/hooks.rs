//! What the program is asked, and what becomes of a request meanwhile.

use std::{
    task::{Context, Poll},
    time::Instant,
};

use super::{
    Conversation, End, Flow, HIGH_WATER, error,
    requests::{Done, acked},
};
use crate::{
    hub::{Effects, Item, Stop},
    model::{ErrorCode, Event, Style, Verb},
    plug::Denied,
    session::hook::{Asker, Asking, ForText, Granted, Outcome, Waits},
    trace::log,
    wire::Wire,
};

/// A request between the program and the hub.
pub(super) enum Pending {
    /// The program was asked.
    Asked(Asking),
    /// The program has granted it, but somebody has to be waited for.
    Granted(Granted),
}

impl<W: Wire> Conversation<W> {
    /// The peer has sent its last byte. `true` if the connection ends by that, because nothing it has asked
    /// for is left to be done.
    pub(in crate::session) fn peer_left(&mut self, now: Instant) -> bool {
        match self.pending.as_deref() {
            Some(Pending::Asked(asking)) if !asking.is_about_the_peer() => false,
            Some(Pending::Granted(_)) => false,
            pending => {
                // A peer that has only stopped sending still hears what became of its request.
                if let Some(Pending::Asked(asking)) = pending
                    && let Waits::Request(verb) = asking.waits
                {
                    let why = "given up: you stopped sending before the answer";
                    let refusal = error(verb, ErrorCode::Unavailable, why);
                    self.reply(&refusal, now, &mut Vec::new());
                }
                self.end(End::PeerDone, now);
                true
            }
        }
    }

    /// Whether it is only the program that is waited for, so that it is worth finding out whether the peer is
    /// still there.
    pub(in crate::session) fn waits_for_program(&self) -> bool {
        self.pending.is_some() && self.hold.is_none() && self.outbox.len() < HIGH_WATER
    }

    pub(super) fn asker(&self) -> Asker<'_> {
        Asker {
            peer: &self.peer,
            current: self.seat.name(),
            account: self.seat.account(),
        }
    }

    /// Asks whether a text may be written, if anybody wants to be.
    pub(super) fn check(
        &mut self,
        what: Verb,
        text: &str,
        now: Instant,
        granted: impl FnOnce() -> ForText,
    ) -> Option<Result<Done, Stop>> {
        self.hub().policy.as_ref()?;
        let by = self.seat.name()?;
        let asking = Asking::text(self.hub(), by, what, text, now, granted());
        asking.map(|asking| Ok(self.ask(asking)))
    }

    pub(super) fn ask(&mut self, asking: Asking) -> Done {
        self.pending = Some(Box::new(Pending::Asked(asking)));
        Done::Silently
    }

    /// Asks, or refuses where there is nobody to ask.
    pub(super) fn ask_or(
        &mut self,
        asking: Option<Asking>,
        verb: Verb,
        otherwise: &'static str,
        now: Instant,
    ) -> Result<Done, Stop> {
        match asking {
            Some(asking) => Ok(self.ask(asking)),
            None => {
                let refusal = error(verb, ErrorCode::Denied, otherwise);
                self.reply(&refusal, now, &mut Vec::new());
                Ok(Done::Silently)
            }
        }
    }

    /// Does what the program has granted, as soon as it has, and there is nobody to wait for.
    ///
    /// `Ready` if something came of it. Then the program may be asked again, and that has to be polled: at most once, as
    /// only who leaves a room is told of to it afterwards.
    pub(in crate::session) fn poll_pending(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) -> Poll<()> {
        let Some(mut pending) = self.pending.take() else {
            return Poll::Pending;
        };
        let granted = match *pending {
            Pending::Granted(granted) if self.hold.is_none() => granted,
            Pending::Granted(_) => {
                self.pending = Some(pending);
                return Poll::Pending;
            }
            Pending::Asked(ref mut asking) => {
                let Poll::Ready(outcome) = asking.poll(cx) else {
                    self.pending = Some(pending);
                    return Poll::Pending;
                };
                let waits = asking.waits;
                match self.answered(outcome, waits, asking.began, now, items) {
                    Some(granted) => granted,
                    None => return Poll::Ready(()),
                }
            }
        };
        if let Granted::Reject(denied) = &granted {
            let notice = Event::error(denied.code(), denied.reason());
            self.end(End::Kicked(Some(notice)), now);
            return Poll::Ready(());
        }
        let asked = granted.asked();
        let done = match &granted {
            Granted::Admit(admission) => {
                self.admitted = true;
                if let Some(policy) = admission.slow_reader {
                    self.mailbox().set_policy(policy);
                }
                if admission.unthrottled {
                    self.throttle = None;
                }
                Ok(Done::Silently)
            }
            Granted::Register(name) => self.take_name(name.clone(), None, now, items, effects),
            Granted::Enter(name, entrance) => {
                self.take_name(name.clone(), Some(entrance), now, items, effects)
            }
            Granted::LogIn(account) => {
                let logged_in = self.seat.log_in(account.clone(), effects);
                logged_in.map(Done::Granted)
            }
            Granted::Elevate => self.seat.elevate(effects).map(Done::Granted),
            Granted::Join { room, key } => {
                self.enter(room.clone(), key.as_deref(), now, items, effects)
            }
            Granted::Leave { room, reason } => self.leave(room, Some(reason), now, effects),
            Granted::Say {
                room,
                text,
                least,
                kind,
                extra,
            } => {
                let style = Style {
                    kind: *kind,
                    extra: extra.as_deref(),
                };
                let said = self.seat.say(room.as_str(), text, *least, style, effects);
                said.map(|()| Done::Silently)
            }
            Granted::Chat {
                to,
                text,
                kind,
                extra,
            } => {
                let style = Style {
                    kind: *kind,
                    extra: extra.as_deref(),
                };
                self.send(to.as_str(), text, style, now, effects)
            }
            Granted::Signal { to, extra } => self.signal(to, extra, effects),
            Granted::Describe { real_name, bot } => self.describe(Some(real_name), *bot, effects),
            Granted::Topic { room, text } => acked(self.seat.set_topic(room, text, effects)),
            Granted::Away { text } => self.seat.set_away(Some(text), effects).map(Done::Granted),
            Granted::Kick { room, name, reason } => {
                acked(self.seat.kick(room, name, Some(reason), effects))
            }
            Granted::Reject(_) | Granted::Noted => Ok(Done::Silently),
        };
        let flow = self.finish(asked, done, now, items, effects);
        effects.wake_some();
        match flow {
            Flow::PutBack => {
                self.pending = Some(Box::new(Pending::Granted(granted)));
                Poll::Pending
            }
            Flow::Next => Poll::Ready(()),
        }
    }

    /// Gives up waiting for the program, if it takes too long.
    pub(super) fn tick_hook(&mut self, now: Instant) {
        let is_late = |pending: &mut Box<Pending>| match &**pending {
            Pending::Asked(asking) => asking.until <= now,
            Pending::Granted(_) => false,
        };
        if let Some(pending) = self.pending.take_if(is_late)
            && let Pending::Asked(asking) = *pending
        {
            let outcome = Outcome::Failed("the check took too long");
            self.answered(outcome, asking.waits, asking.began, now, &mut Vec::new());
        }
    }

    /// Takes the program's answer. `None` if there is nothing to do by it.
    fn answered(
        &mut self,
        outcome: Outcome,
        waits: Waits,
        began: Instant,
        now: Instant,
        items: &mut Vec<Item>,
    ) -> Option<Granted> {
        let failed = outcome.is_failed();
        let time = now.saturating_duration_since(began);
        self.hub().counters.hook(time, failed);
        let (code, why) = match outcome {
            Outcome::Granted(granted) => return Some(granted),
            Outcome::Denied(denied) => (denied.code(), denied),
            Outcome::Failed(why) => {
                log!(hook ERROR, peer = %self.peer, name = self.seat.name().map(display), verb = waits.verb().map(tracing::field::debug), "{why}");
                (ErrorCode::Unavailable, Denied::new(why))
            }
        };
        match waits {
            Waits::Nothing => {}
            Waits::Request(verb) => self.reply(&error(verb, code, why.reason()), now, items),
            Waits::Connection => self.end(End::TurnedAway(code, why.reason().into()), now),
        }
        None
    }
}
