//! What a hub counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::mailbox::Item;
use crate::model::Event;

/// A look at a hub: what there is now, and what has happened since it was made.
///
/// See [`Hub::stats`](crate::Hub::stats).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How many connections there are, registered or not; in-process users are none.
    pub connections: usize,
    /// How many users there are, in-process ones included.
    pub users: usize,
    /// How many rooms there are.
    pub rooms: usize,
    /// How many users are operators.
    pub operators: usize,
    /// The most users that there have been at once.
    pub most_users: usize,
    /// How many bytes wait in all mailboxes, as [`Limits::mailbox_bytes`](crate::Limits::mailbox_bytes)
    /// counts them.
    pub queue_bytes: usize,
    /// How many of them wait in the fullest mailbox.
    pub fullest_queue_bytes: usize,
    /// How many events were taken from mailboxes, to be written or handed to an in-process user.
    pub delivered: u64,
    /// How many events were dropped because their reader was too slow, and announced as
    /// [`Event::Missed`].
    pub missed: u64,
    /// How many events were thrown away with the mailbox of a connection that ended before it read them.
    pub lost: u64,
    /// How many connections were ended because they read too slowly.
    pub slow: u64,
    /// How many connections were ended because they asked for too much too fast.
    pub flooding: u64,
    /// How many connections were ended because they were silent for too long.
    pub timed_out: u64,
    /// How many connections were turned away because there was no room for them, or because too many, or too
    /// many at a time, came from their address.
    pub turned_away: u64,
    /// How many requests were refused because they came too fast.
    pub rate_limited: u64,
    /// How many calls of an [`Authenticator`](crate::Authenticator) or [`Policy`](crate::Policy) have
    /// ended.
    pub hook_calls: u64,
    /// How many of these panicked or took too long.
    pub hook_failures: u64,
    /// How long connections have waited for them, in all.
    pub hook_time: Duration,
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    delivered: AtomicU64,
    missed: AtomicU64,
    lost: AtomicU64,
    slow: AtomicU64,
    flooding: AtomicU64,
    timed_out: AtomicU64,
    turned_away: AtomicU64,
    rate_limited: AtomicU64,
    hook_calls: AtomicU64,
    hook_failures: AtomicU64,
    hook_nanos: AtomicU64,
}

impl Counters {
    /// `items` were taken from a mailbox. `true` if one of them says that events were missed.
    pub(crate) fn took(&self, items: &[Item]) -> bool {
        let mut delivered = 0;
        let mut has_missed = false;
        for item in items {
            match item {
                Item::Own(Event::Missed { count }) => {
                    self.missed.fetch_add(*count, Relaxed);
                    has_missed = true;
                }
                item => delivered += item.events().len() as u64,
            }
        }
        self.delivered.fetch_add(delivered, Relaxed);
        has_missed
    }

    /// `events` were thrown away.
    pub(crate) fn lost(&self, events: u64) {
        if events > 0 {
            self.lost.fetch_add(events, Relaxed);
        }
    }

    pub(crate) fn slow(&self) {
        self.slow.fetch_add(1, Relaxed);
    }

    pub(crate) fn flooding(&self) {
        self.flooding.fetch_add(1, Relaxed);
    }

    pub(crate) fn timed_out(&self) {
        self.timed_out.fetch_add(1, Relaxed);
    }

    pub(crate) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Relaxed);
    }

    pub(crate) fn rate_limited(&self) {
        self.rate_limited.fetch_add(1, Relaxed);
    }

    /// A hook has ended after `time`.
    pub(crate) fn hook(&self, time: Duration, failed: bool) {
        self.hook_calls.fetch_add(1, Relaxed);
        self.hook_failures.fetch_add(failed.into(), Relaxed);
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.hook_nanos.fetch_add(nanos, Relaxed);
        #[cfg(feature = "metrics")]
        crate::metrics::record_hook(time);
    }

    /// What was counted.
    pub(crate) fn stats(&self) -> Stats {
        Stats {
            delivered: self.delivered.load(Relaxed),
            missed: self.missed.load(Relaxed),
            lost: self.lost.load(Relaxed),
            slow: self.slow.load(Relaxed),
            flooding: self.flooding.load(Relaxed),
            timed_out: self.timed_out.load(Relaxed),
            turned_away: self.turned_away.load(Relaxed),
            rate_limited: self.rate_limited.load(Relaxed),
            hook_calls: self.hook_calls.load(Relaxed),
            hook_failures: self.hook_failures.load(Relaxed),
            hook_time: Duration::from_nanos(self.hook_nanos.load(Relaxed)),
            ..Stats::default()
        }
    }
}
