//! Logging through the `tracing` facade, or nothing at all without the feature of that name.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Logs an event under the target `chinwag::AREA`: `server`, `connection`, `room` or `hook`.
macro_rules! log {
    ($area:ident $level:ident, $($event:tt)*) => {{
        #[cfg(feature = "tracing")]
        tracing::event!(
            target: concat!("chinwag::", stringify!($area)),
            tracing::Level::$level,
            $($event)*
        );
    }};
}

pub(crate) use log;

/// How much of what peers do is logged, so that all of them together cannot fill the log either.
#[derive(Debug, Default)]
pub(crate) struct LogQuota(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    logged: u32,
    skipped: u64,
}

impl LogQuota {
    const PER_SECOND: u32 = 1000;

    /// Whether one more event may be logged. How many were not is logged when the next second begins.
    pub(crate) fn take(&self, now: Instant) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |began| now.saturating_duration_since(began) >= Duration::from_secs(1);
        if window.began.is_none_or(is_over) {
            if window.skipped > 0 {
                log!(
                    server WARN,
                    "{} doings of peers were too many to be logged",
                    window.skipped
                );
            }
            *window = Window {
                began: Some(now),
                ..Window::default()
            };
        }
        let may = window.logged < Self::PER_SECOND;
        window.logged += u32::from(may);
        window.skipped += u64::from(!may);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_its_quota() {
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        let start = Instant::now();
        let quota = LogQuota::default();
        let taken = |at| (0..5000).filter(|_| quota.take(at)).count();
        assert_eq!(taken(start), 1000);
        assert_eq!(taken(start + Duration::from_millis(999)), 0);
        assert_eq!(taken(start + Duration::from_millis(1000)), 1000);
    }
}
