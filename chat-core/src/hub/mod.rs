//! Where everybody meets: names, and what one connection sends to another.

mod mailbox;
mod names;
mod roster;

mod user;

use std::{fmt, sync::Arc};

use crate::{
    config::{Limits, Timeouts},
    connections::Places,
    model::UserName,
    trace::LogQuota,
};

pub(crate) use mailbox::{CloseReason, Hold, Mailbox, wake_all};
use names::NameMap;
pub(crate) use roster::Position;
use roster::Roster;
pub(crate) use user::{Sent, User};

/// One chat: everyone who is connected to it can reach everyone else.
///
/// A hub is a cheap handle on shared state; clones are the same chat. It needs no runtime and starts
/// no task. Any number of [`Server`](crate::Server)s may serve one hub, on any mix of runtimes and wires;
/// two hubs in one program never meet.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::{Hub, Limits};
///
/// let limits = Limits::builder().max_connections(1_000).build()?;
/// let hub = Hub::builder().limits(limits).build();
/// assert!(hub.users().is_empty());
/// # Ok::<(), chinwag::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    names: NameMap<Arc<Mailbox>>,
    roster: Roster,
    limits: Limits,
    timeouts: Timeouts,
    places: Arc<Places>,
    log_quota: LogQuota,
}

impl Hub {
    /// Starts from the default limits and timeouts.
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    /// A hub with the default limits and timeouts.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// The names of all users, in the order in which they were registered.
    pub fn users(&self) -> Vec<UserName> {
        let roster = &self.inner.roster;
        let (names, _) = roster.page(Position::default(), roster.end(), usize::MAX);
        names
    }

    /// How many connections there are, registered or not, those included that are just being closed.
    pub fn connections(&self) -> usize {
        self.inner.places.taken()
    }

    /// The limits of this hub.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// The timeouts of this hub.
    pub fn timeouts(&self) -> &Timeouts {
        &self.inner.timeouts
    }

    /// Adds a nameless user.
    pub(crate) fn enter(&self) -> User {
        User::new(self.inner.clone())
    }

    /// How much of what peers do may be logged.
    pub(crate) fn log_quota(&self) -> &LogQuota {
        &self.inner.log_quota
    }

    /// The places for connections.
    pub(crate) fn places(&self) -> &Arc<Places> {
        &self.inner.places
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("connections", &self.connections())
            .field("limits", &self.inner.limits)
            .field("timeouts", &self.inner.timeouts)
            .finish_non_exhaustive()
    }
}

/// Makes a [`Hub`].
#[must_use]
#[derive(Debug, Clone, Default)]
pub struct HubBuilder {
    limits: Limits,
    timeouts: Timeouts,
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

    /// Makes the hub.
    pub fn build(self) -> Hub {
        Hub {
            inner: Arc::new(Inner {
                names: NameMap::new(),
                roster: Roster::default(),
                limits: self.limits,
                timeouts: self.timeouts,
                places: Arc::new(Places::new(self.limits.max_connections())),
                log_quota: LogQuota::default(),
            }),
        }
    }
}
