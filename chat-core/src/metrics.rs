//! What a hub counts, through the `metrics` facade.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use metrics::{counter, gauge, histogram};

use crate::{
    hub::{Hub, Stats},
    rt::{Runtime, deadline_after},
};

/// What was recorded last, so that several hubs in one program add up.
#[derive(Debug, Default)]
pub(crate) struct Recorded(Mutex<Stats>);

/// How often a server records its hub.
const EVERY: Duration = Duration::from_secs(5);

/// Records for ever.
pub(crate) async fn record<R: Runtime>(hub: &Hub, runtime: &R) {
    loop {
        hub.record_metrics();
        let next = deadline_after(runtime.now(), EVERY);
        runtime.sleep_until(next).await;
    }
}

impl Recorded {
    /// Records what has changed since the last time.
    pub(crate) fn record(&self, now: impl FnOnce() -> Stats) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at under the lock, so that nobody records what is older.
        let now = now();
        let change = |now: usize, last: usize| now as f64 - last as f64;
        gauge!("chinwag_connections").increment(change(now.connections, last.connections));
        gauge!("chinwag_users").increment(change(now.users, last.users));
        gauge!("chinwag_rooms").increment(change(now.rooms, last.rooms));
        gauge!("chinwag_queue_bytes").increment(change(now.queue_bytes, last.queue_bytes));
        let ended = |reason| counter!("chinwag_disconnected_total", "reason" => reason);
        let dropped = |reason| counter!("chinwag_dropped_total", "reason" => reason);
        for (counter, now, last) in [
            (
                counter!("chinwag_delivered_total"),
                now.delivered,
                last.delivered,
            ),
            (dropped("missed"), now.missed, last.missed),
            (dropped("lost"), now.lost, last.lost),
            (ended("slow"), now.slow, last.slow),
            (ended("flooding"), now.flooding, last.flooding),
            (ended("timed-out"), now.timed_out, last.timed_out),
            (
                counter!("chinwag_turned_away_total"),
                now.turned_away,
                last.turned_away,
            ),
            (
                counter!("chinwag_rate_limited_total"),
                now.rate_limited,
                last.rate_limited,
            ),
            (
                counter!("chinwag_hook_failures_total"),
                now.hook_failures,
                last.hook_failures,
            ),
        ] {
            counter.increment(now.saturating_sub(last));
        }
        *last = now;
    }
}

/// Records how long a hook took.
pub(crate) fn record_hook(time: Duration) {
    histogram!("chinwag_hook_seconds").record(time);
}
