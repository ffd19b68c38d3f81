//! Logging through the `tracing` facade, or nothing at all without the feature of that name.

/// Logs an event under the target `chinwag`.
macro_rules! log {
    ($level:ident, $($event:tt)*) => {{
        #[cfg(feature = "tracing")]
        tracing::event!(target: "chinwag", tracing::Level::$level, $($event)*);
    }};
}

pub(crate) use log;
