//! How a hub is made.

use std::{
    fmt,
    sync::Arc,
    time::{Instant, SystemTime},
};

use super::{Counters, Gone, Hub, Inner, NameMap, Roster, Watchers};
use crate::{
    config::{Limits, Rates, SlowReader, TakenName, Timeouts},
    connections::Places,
    ending::Ending,
    plug::{Authenticator, Policy},
    sync::atomic::{AtomicU32, AtomicUsize},
    trace::LogQuota,
};

/// Makes a [`Hub`].
#[must_use]
#[derive(Clone, Default)]
pub struct HubBuilder {
    limits: Limits,
    timeouts: Timeouts,
    rates: Rates,
    taken_name: TakenName,
    slow_reader: SlowReader,
    authenticator: Option<Arc<dyn Authenticator>>,
    policy: Option<Arc<dyn Policy>>,
    clock: Option<Arc<dyn Fn() -> Instant + Send + Sync>>,
    calendar: Option<Arc<dyn Fn() -> SystemTime + Send + Sync>>,
}

impl HubBuilder {
    /// How much of everything there may be.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long to wait for what.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How fast connections may come and ask for things.
    pub fn rates(mut self, rates: Rates) -> Self {
        self.rates = rates;
        self
    }

    /// What becomes of a request for a name that somebody has; refused unless set.
    pub fn taken_name(mut self, policy: TakenName) -> Self {
        self.taken_name = policy;
        self
    }

    /// What becomes of a connection that does not read; disconnected unless set.
    pub fn slow_reader(mut self, policy: SlowReader) -> Self {
        self.slow_reader = policy;
        self
    }

    /// Who says who may have which name.
    pub fn authenticator(mut self, authenticator: impl Authenticator) -> Self {
        self.authenticator = Some(Arc::new(authenticator));
        self
    }

    /// Who says what connections may do.
    pub fn policy(mut self, policy: impl Policy) -> Self {
        self.policy = Some(Arc::new(policy));
        self
    }

    /// What tells in-process users the time; the system's monotonic clock unless set. Connections are told it
    /// by the [`Runtime`](crate::Runtime) that serves them; both must be the same clock.
    pub fn clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.clock = Some(Arc::new(now));
        self
    }

    /// What tells the time that messages are stamped with; the system's clock unless set. It must answer at once, and
    /// must not call the hub, which may be in the middle of something.
    pub fn calendar(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.calendar = Some(Arc::new(now));
        self
    }

    /// Makes the hub.
    pub fn build(self) -> Hub {
        Hub {
            inner: Arc::new(Inner {
                names: NameMap::new(),
                roster: Roster::default(),
                rooms: NameMap::new(),
                room_list: Roster::default(),
                room_places: Arc::new(Places::new(self.limits.max_rooms())),
                watchers: Watchers::new(),
                gone: Gone::default(),
                operators: AtomicUsize::new(0),
                most_users: AtomicUsize::new(0),
                connections: AtomicU32::new(0),
                program_messages: AtomicU32::new(0),
                limits: self.limits,
                timeouts: self.timeouts,
                rates: self.rates,
                taken_name: self.taken_name,
                slow_reader: self.slow_reader,
                authenticator: self.authenticator,
                policy: self.policy,
                places: Arc::new(Places::new(self.limits.max_connections())),
                addresses: Arc::default(),
                locals: Arc::default(),
                log_quota: LogQuota::default(),
                counters: Counters::default(),
                #[cfg(feature = "metrics")]
                recorded: crate::metrics::Recorded::default(),
                clock: self.clock,
                calendar: self.calendar,
                ending: Ending::default(),
            }),
        }
    }
}

impl fmt::Debug for HubBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubBuilder")
            .field("limits", &self.limits)
            .field("timeouts", &self.timeouts)
            .field("rates", &self.rates)
            .field("taken_name", &self.taken_name)
            .field("slow_reader", &self.slow_reader)
            .finish_non_exhaustive()
    }
}
