//! Who wants to know when whom comes and goes.

use std::sync::Arc;

use super::{
    effects::Effects,
    mailbox::{Item, Mailbox, Manner},
    names::NameMap,
};
use crate::{
    model::{Event, Outbound, Person, UserName},
    sync::atomic::{AtomicUsize, Ordering},
};

/// For each name that anybody watches, the connections that do.
#[derive(Debug)]
pub(crate) struct Watchers {
    names: NameMap<UserName, Vec<Arc<Mailbox>>>,
    /// How many there are, so that nobody is looked up where nobody watches.
    count: AtomicUsize,
}

impl Watchers {
    pub(crate) fn new() -> Self {
        Self {
            names: NameMap::new(),
            count: AtomicUsize::new(0),
        }
    }

    /// The connection behind `mailbox` watches `name`, which it does not yet.
    pub(crate) fn add(&self, name: &UserName, mailbox: &Arc<Mailbox>) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.names.change(name, Vec::new, |watchers| {
            watchers.push(mailbox.clone());
            true
        });
    }

    /// It does no longer.
    pub(crate) fn remove(&self, name: &UserName, mailbox: &Arc<Mailbox>) {
        self.names.change(name, Vec::new, |watchers| {
            watchers.retain(|watcher| !Arc::ptr_eq(watcher, mailbox));
            !watchers.is_empty()
        });
        self.count.fetch_sub(1, Ordering::SeqCst);
    }

    /// The connections that watch `name`.
    pub(crate) fn of(&self, name: &UserName) -> Vec<Arc<Mailbox>> {
        match self.count.load(Ordering::SeqCst) {
            0 => Vec::new(),
            _ => self
                .names
                .get(name.as_str(), Clone::clone)
                .unwrap_or_default(),
        }
    }

    /// `person` is here now.
    pub(crate) fn came(&self, person: &Person, effects: &mut Effects) {
        let event = || Event::Online {
            name: person.clone(),
        };
        self.tell(person.name(), event, effects);
    }

    /// Who had `name` is gone.
    pub(crate) fn went(&self, name: &UserName, effects: &mut Effects) {
        self.tell(name, || Event::Offline { name: name.clone() }, effects);
    }

    fn tell(&self, name: &UserName, event: impl FnOnce() -> Event, effects: &mut Effects) {
        let watchers = self.of(name);
        if watchers.is_empty() {
            return;
        }
        let outbound = Arc::new(Outbound::new(event()));
        for watcher in watchers {
            let _ = effects.push(&watcher, Item::Shared(outbound.clone()), Manner::Urgent);
        }
    }
}
