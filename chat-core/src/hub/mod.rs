//! Where everybody meets: names, and what one connection sends to another.

mod mailbox;
mod roster;
mod shard;
mod user;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    config::{Limits, Timeouts},
    model::{Event, UserName},
};

pub(crate) use mailbox::{CloseReason, Hold, Mailbox};
use roster::Roster;
use shard::NameMap;
pub(crate) use user::{Sent, User};

/// One chat: everyone who is connected to it can reach everyone else.
///
/// A hub is a cheap handle on shared state; clones are the same chat. It needs no runtime and starts
/// no task. Any number of [`Server`](crate::Server)s may serve one hub, on any mix of runtimes and wires;
/// two hubs in one program never meet.
///
/// ```
/// use chinwag_core::{Hub, Limits};
///
/// let limits = Limits::builder().max_connections(1_000).build()?;
/// let hub = Hub::builder().limits(limits).build();
/// assert!(hub.users().is_empty());
/// # Ok::<(), chinwag_core::ConfigError>(())
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
    connections: AtomicUsize,
}

impl Hub {
    /// Starts a hub with the default limits and timeouts.
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    /// A hub with the default limits and timeouts.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// The names of all users, in the order in which they were registered.
    pub fn users(&self) -> Vec<UserName> {
        match self.inner.roster.listing().event() {
            Event::Names(names) => names.to_vec(),
            _ => Vec::new(),
        }
    }

    /// How many connections there are, registered or not, those included that are just being closed.
    pub fn connections(&self) -> usize {
        self.inner.connections.load(Ordering::Relaxed)
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

    /// Takes one of the hub's places for a connection. `None` if all are taken.
    pub(crate) fn place(&self) -> Option<ConnectionPlace> {
        let max = self.inner.limits.max_connections();
        self.inner
            .connections
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |connections| {
                (connections < max).then_some(connections + 1)
            })
            .ok()?;
        Some(ConnectionPlace(self.inner.clone()))
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
                connections: AtomicUsize::new(0),
            }),
        }
    }
}

/// One of the places of [`Limits::max_connections`], given back when dropped.
#[derive(Debug)]
pub(crate) struct ConnectionPlace(Arc<Inner>);

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}
