//! How a conversation ends, and what is said then.

use std::{fmt, sync::Arc, time::Instant};

use super::{Conversation, Phase, log_limited};
use crate::{
    hub::{CloseReason, Effects, Item, discard},
    model::{ErrorCode, Event, QuitReason, UserName},
    rt::deadline_after,
    session::hook::Asking,
    trace::log,
    wire::Wire,
};

/// Why a connection ends.
#[derive(Debug)]
pub(crate) enum End {
    /// The peer closed its sending end.
    PeerDone,
    /// The peer said good-bye.
    Quit(Option<Arc<str>>),
    /// The peer took too long, for what is said here.
    TimedOut(&'static str),
    /// The peer does not read.
    TooSlow,
    /// The peer asks for too much too fast.
    Flooding,
    /// Another connection has taken over the name.
    Replaced,
    /// The peer was put out, and is told this.
    Kicked(Option<Event>),
    /// The peer is turned away, for what is said here.
    TurnedAway(ErrorCode, Box<str>),
    /// The server shuts down.
    Shutdown,
}

/// What is still to be told when a connection ends.
pub(super) struct Gone {
    /// The program is told who is gone, and why, if it let the connection in.
    name: Option<UserName>,
    reason: QuitReason,
    /// What the peer is told last.
    notice: Option<Event>,
}

impl<W: Wire> Conversation<W> {
    /// Ends the service: the name is free, nothing more is taken in, and what waits is written.
    pub(in crate::session) fn end(&mut self, mut why: End, now: Instant) {
        let mut effects = Effects::default();
        // It was cut just before, and nobody has seen that: what it has lost is to be told, whatever else it ends for.
        let closed = self.mailbox().awake().closed;
        if closed != self.seen && closed == Some(CloseReason::Overflow) {
            why = End::TooSlow;
        }
        let reason = why.reason();
        let text = match &mut why {
            End::Quit(text) => text.take(),
            _ => None,
        };
        let name = self.seat.quit(reason, text, &mut effects);
        effects.wake();
        let counters = &self.seat.hub().counters;
        match &why {
            End::TooSlow => counters.slow(),
            End::Flooding => counters.flooding(),
            End::TimedOut(_) => counters.timed_out(),
            End::TurnedAway(..) => {
                counters.turned_away();
                self.admitted = false;
            }
            _ => {}
        }
        let mut lost = 0;
        let mut is_torn = false;
        if matches!(why, End::TooSlow) {
            lost = discard(self.mailbox());
            counters.lost(lost);
            // A list that is cut off leaves an unfinished line, and nothing can be said after it.
            is_torn = self.listing.take().is_some();
        } else {
            // Once closed, nothing can come in behind the last taking.
            drop(self.mailbox().close(CloseReason::Ended));
        }
        self.seen = self.mailbox().awake().closed;
        if matches!(why, End::Flooding) {
            log_limited(&mut self.logs_left, &self.seat.hub().log_quota, now, || {
                log!(connection WARN, peer = %self.peer, name = name.as_ref().map(display), "disconnected: it asked for too much too fast");
            });
        }
        log!(connection DEBUG, peer = %self.peer, name = name.as_ref().map(display), "ends: {why}");
        if lost > 0 {
            log!(connection WARN, peer = %self.peer, name = name.as_ref().map(display), lost, "disconnected before it had read all its messages");
        }
        let notice = why.notice(lost).filter(|_| !is_torn);
        self.gone = Some(Box::new(Gone {
            name,
            reason,
            notice,
        }));
        // A list that is under way comes to its end first.
        if self.listing.is_none() {
            self.say_farewell(&mut Vec::new());
        }
        self.hold = None;
        self.pending = None;
        self.phase = Phase::Flushing {
            until: deadline_after(now, self.hub().timeouts.flush()),
        };
    }

    /// What the program is to be told now that the connection is over.
    pub(in crate::session) fn report(&mut self, now: Instant) -> Option<Asking> {
        if !self.admitted || self.hub().policy.is_none() {
            return None;
        }
        let gone = self.gone.take();
        let (name, reason) = match gone {
            Some(gone) => (gone.name, gone.reason),
            None => {
                let mut effects = Effects::default();
                (
                    self.seat.quit(QuitReason::Closed, None, &mut effects),
                    QuitReason::Closed,
                )
            }
        };
        Asking::disconnected(self.hub(), &self.peer, name, reason, now)
    }

    /// Says what is said last, behind all that waits.
    pub(super) fn say_farewell(&mut self, items: &mut Vec<Item>) {
        self.drain(usize::MAX, items);
        if let Some(notice) = self.gone.as_mut().and_then(|gone| gone.notice.take()) {
            self.outbox.push(&mut self.wire, &notice);
        }
    }
}

impl End {
    fn reason(&self) -> QuitReason {
        match self {
            Self::PeerDone | Self::Quit(_) | Self::TurnedAway(..) => QuitReason::Closed,
            Self::TimedOut(_) => QuitReason::TimedOut,
            Self::TooSlow => QuitReason::Slow,
            Self::Flooding => QuitReason::Flooding,
            Self::Replaced => QuitReason::Replaced,
            Self::Kicked(_) => QuitReason::Kicked,
            Self::Shutdown => QuitReason::Shutdown,
        }
    }

    /// What the peer is told last, when `lost` events were thrown away.
    fn notice(&mut self, lost: u64) -> Option<Event> {
        let error = |code, explanation: &str| Some(Event::error(code, explanation));
        match self {
            Self::PeerDone => None,
            Self::Kicked(last_word) => last_word.take(),
            Self::Quit(_) | Self::Shutdown => Some(Event::Bye),
            Self::TimedOut(what) => error(ErrorCode::TimedOut, what),
            Self::TooSlow => {
                let explanation =
                    format!("{lost} messages lost, because they were not read in time");
                error(ErrorCode::Full, &explanation)
            }
            Self::Flooding => error(ErrorCode::RateLimited, "too fast for too long"),
            Self::Replaced => error(
                ErrorCode::Replaced,
                "another connection has taken over the name",
            ),
            Self::TurnedAway(code, why) => error(*code, why),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PeerDone => "the peer closed it",
            Self::Quit(_) => "the peer said good-bye",
            Self::TimedOut(what) => what,
            Self::TooSlow => "the peer reads too slowly",
            Self::Flooding => "the peer asks for too much too fast",
            Self::Replaced => "another connection has taken over the name",
            Self::Kicked(_) => "the peer was put out",
            Self::TurnedAway(_, why) => why,
            Self::Shutdown => "the server shuts down",
        })
    }
}
