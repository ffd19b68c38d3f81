//! Bounds and waits, checked when they are set.

use std::time::Duration;

use thiserror::Error;

/// How much of everything there may be.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::Limits;
///
/// let limits = Limits::builder().max_line(1024).max_connections(500).build()?;
/// assert_eq!(limits.max_line(), 1024);
/// assert!(Limits::builder().max_line(0).build().is_err());
/// # Ok::<(), chinwag::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    max_connections: usize,
    max_line: usize,
    mailbox_bytes: usize,
}

impl Limits {
    /// Starts from the defaults.
    pub fn builder() -> LimitsBuilder {
        LimitsBuilder(Self::default())
    }

    /// The most connections at once, registered or not; 65,536 unless set, from 1
    /// to 2^30. One more is answered with
    /// the error `full` and closed.
    pub fn max_connections(&self) -> usize {
        self.max_connections
    }

    /// The longest line that a peer may send, in bytes, its line end not counted; 4,096 unless set,
    /// from 64 to 2^20. The rest of a longer one is dropped, its sender gets the error `too-long`, and the next line is
    /// served.
    pub fn max_line(&self) -> usize {
        self.max_line
    }

    /// How many bytes of messages may wait for one reader beside what the system's socket buffer holds;
    /// 262,144 unless set. A talker who fills more than half of a mailbox is not read from for a moment
    /// ([`Timeouts::patience`]); a reader whose mailbox is full is disconnected.
    ///
    /// A message counts with its text, its sender's name and a small constant for its place in the queue; a mailbox that is
    /// empty takes one message of any size. From 1,024 to 2^30.
    pub fn mailbox_bytes(&self) -> usize {
        self.mailbox_bytes
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 65_536,
            max_line: 4096,
            mailbox_bytes: 256 * 1024,
        }
    }
}

/// Makes [`Limits`].
#[must_use]
#[derive(Debug, Clone)]
pub struct LimitsBuilder(Limits);

impl LimitsBuilder {
    /// See [`Limits::max_connections`].
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.0.max_connections = connections;
        self
    }

    /// See [`Limits::max_line`], in bytes.
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.0.max_line = bytes;
        self
    }

    /// See [`Limits::mailbox_bytes`].
    pub fn mailbox_bytes(mut self, bytes: usize) -> Self {
        self.0.mailbox_bytes = bytes;
        self
    }

    /// Checks the limits.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] for a limit that nothing could work with.
    pub fn build(self) -> Result<Limits, ConfigError> {
        let limits = self.0;
        let in_range = |key, value, min, max| match (min..=max).contains(&value) {
            true => Ok(()),
            false => Err(ConfigError::OutOfRange {
                key,
                value,
                min,
                max,
            }),
        };
        in_range("max-connections", limits.max_connections, 1, 1 << 30)?;
        in_range("max-line", limits.max_line, 64, 1 << 20)?;
        in_range("mailbox-bytes", limits.mailbox_bytes, 1024, 1 << 30)?;
        Ok(limits)
    }
}

/// How long the server waits for what. `None` is for ever.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use std::time::Duration;
/// use chinwag::Timeouts;
///
/// let timeouts = Timeouts::builder().idle(None).build()?;
/// assert_eq!(timeouts.register(), Some(Duration::from_secs(30)));
/// # Ok::<(), chinwag::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    register: Option<Duration>,
    idle: Option<Duration>,
    patience: Duration,
    flush: Duration,
    linger: Duration,
    shutdown: Duration,
}

impl Timeouts {
    /// Starts from the defaults.
    pub fn builder() -> TimeoutsBuilder {
        TimeoutsBuilder(Self::default())
    }

    /// How long a connection may have no name; 30 s unless set. Then it gets the error `timed-out` and is
    /// closed.
    pub fn register(&self) -> Option<Duration> {
        self.register
    }

    /// How long a connection may send no byte at all; 1 h unless set. Then it gets the error `timed-out`
    /// and is closed, and its name is free.
    ///
    /// A silent reader is not idle by mistake, so this is long. It is the backstop for peers that
    /// vanished without a word; on TCP the transports also turn on keep-alive, which notices those
    /// within about two minutes.
    pub fn idle(&self) -> Option<Duration> {
        self.idle
    }

    /// How long a talker is held back for the sake of a reader who is behind and does not read; 50 ms unless
    /// set. For one who has read something in the last ten times that, ten times that. Afterwards the
    /// reader's mailbox fills to its bound.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// How long a connection that ends may take to read what waits for it; 5 s unless set.
    pub fn flush(&self) -> Duration {
        self.flush
    }

    /// How long the server waits for the peer's own good-bye after everything is sent, so that no late
    /// byte of the peer's makes the system throw the last messages away; 1 s unless set.
    pub fn linger(&self) -> Duration {
        self.linger
    }

    /// How long a graceful shutdown waits for connections to end; 4 s unless set. Those that are not done
    /// then are dropped, which takes half a second at most.
    pub fn shutdown(&self) -> Duration {
        self.shutdown
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            register: Some(Duration::from_secs(30)),
            idle: Some(Duration::from_secs(3600)),
            patience: Duration::from_millis(50),
            flush: Duration::from_secs(5),
            linger: Duration::from_secs(1),
            shutdown: Duration::from_secs(4),
        }
    }
}

/// Makes [`Timeouts`].
#[must_use]
#[derive(Debug, Clone)]
pub struct TimeoutsBuilder(Timeouts);

impl TimeoutsBuilder {
    /// See [`Timeouts::register`]; `None` for no limit.
    pub fn register(mut self, wait: impl Into<Option<Duration>>) -> Self {
        self.0.register = wait.into();
        self
    }

    /// See [`Timeouts::idle`]; `None` for no limit.
    pub fn idle(mut self, wait: impl Into<Option<Duration>>) -> Self {
        self.0.idle = wait.into();
        self
    }

    /// See [`Timeouts::patience`]; zero never holds a talker back.
    pub fn patience(mut self, wait: Duration) -> Self {
        self.0.patience = wait;
        self
    }

    /// See [`Timeouts::flush`].
    pub fn flush(mut self, wait: Duration) -> Self {
        self.0.flush = wait;
        self
    }

    /// See [`Timeouts::linger`]; zero closes at once.
    pub fn linger(mut self, wait: Duration) -> Self {
        self.0.linger = wait;
        self
    }

    /// See [`Timeouts::shutdown`].
    pub fn shutdown(mut self, wait: Duration) -> Self {
        self.0.shutdown = wait;
        self
    }

    /// Checks the waits.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] for a wait of zero where no connection could work with it.
    pub fn build(self) -> Result<Timeouts, ConfigError> {
        for (key, wait) in [
            ("register-timeout", self.0.register),
            ("idle-timeout", self.0.idle),
            ("flush-timeout", Some(self.0.flush)),
        ] {
            if wait.is_some_and(|wait| wait.is_zero()) {
                return Err(ConfigError::ZeroWait { key });
            }
        }
        Ok(self.0)
    }
}

/// A limit or a wait that nothing could work with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A limit is too small or too large.
    #[error("{key} is {value}, but must be from {min} to {max}")]
    OutOfRange {
        /// Which limit, spelled like a setting of `chinwagd`.
        key: &'static str,
        /// What it was set to.
        value: usize,
        /// The smallest that works.
        min: usize,
        /// The largest that works.
        max: usize,
    },
    /// A wait is zero.
    #[error("{key} is zero, so that no connection could work")]
    ZeroWait {
        /// Which wait, spelled like a setting of `chinwagd`.
        key: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Limits::builder().build(), Ok(Limits::default()));
        assert_eq!(Timeouts::builder().build(), Ok(Timeouts::default()));
    }

    #[test]
    fn nonsense_is_refused_with_its_key() {
        let error = Limits::builder().max_line(10).build().unwrap_err();
        assert_eq!(
            error.to_string(),
            "max-line is 10, but must be from 64 to 1048576"
        );
        assert!(Limits::builder().mailbox_bytes(1).build().is_err());
        assert!(Limits::builder().max_connections(0).build().is_err());
        let zero = Timeouts::builder().idle(Duration::ZERO).build();
        assert!(zero.unwrap_err().to_string().starts_with("idle-timeout"));
    }
}
