//! How long to wait.

use std::time::Duration;

use super::ConfigError;

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
    hook: Duration,
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

    /// How long a talker is held back for the sake of a reader who is behind and does not read; 50 ms
    /// unless set. For one who has read something in the last ten times that, ten times that. Afterwards
    /// the reader's mailbox fills to its bound.
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

    /// How long an `Authenticator` or a `Policy` may take to answer; 10 s unless set, and not zero. Then
    /// the request that it was asked about is refused with `unavailable`.
    pub fn hook(&self) -> Duration {
        self.hook
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
            hook: Duration::from_secs(10),
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

    /// See [`Timeouts::hook`].
    pub fn hook(mut self, wait: Duration) -> Self {
        self.0.hook = wait;
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
            ("hook-timeout", Some(self.0.hook)),
        ] {
            if wait.is_some_and(|wait| wait.is_zero()) {
                return Err(ConfigError::ZeroWait { key });
            }
        }
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Timeouts::builder().build(), Ok(Timeouts::default()));
    }

    #[test]
    fn a_wait_of_zero_is_refused_with_its_key() {
        let zero = Duration::ZERO;
        for (key, timeouts) in [
            ("register-timeout", Timeouts::builder().register(zero)),
            ("idle-timeout", Timeouts::builder().idle(zero)),
            ("flush-timeout", Timeouts::builder().flush(zero)),
            ("hook-timeout", Timeouts::builder().hook(zero)),
        ] {
            assert_eq!(timeouts.build(), Err(ConfigError::ZeroWait { key }));
        }
        let unhurried = Timeouts::builder()
            .patience(zero)
            .linger(zero)
            .shutdown(zero);
        unhurried.build().unwrap();
    }
}
