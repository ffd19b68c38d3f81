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

/// A connection that watches a name.
#[derive(Debug, Clone)]
struct Watcher {
    mailbox: Arc<Mailbox>,
    /// It wants to know as well what they say of themselves.
    wants_changes: bool,
}

/// For each name that anybody watches, the connections that do.
#[derive(Debug)]
pub(crate) struct Watchers {
    names: NameMap<UserName, Vec<Watcher>>,
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
    pub(crate) fn add(&self, name: &UserName, mailbox: &Arc<Mailbox>, wants_changes: bool) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.names.change(name, Vec::new, |watchers| {
            watchers.push(Watcher {
                mailbox: mailbox.clone(),
                wants_changes,
            });
            true
        });
    }

    /// It watches `name`, and wants to know more of it now, or less.
    pub(crate) fn change(&self, name: &UserName, mailbox: &Arc<Mailbox>, wants_changes: bool) {
        self.names.change(name, Vec::new, |watchers| {
            for watcher in &mut *watchers {
                if Arc::ptr_eq(&watcher.mailbox, mailbox) {
                    watcher.wants_changes = wants_changes;
                }
            }
            !watchers.is_empty()
        });
    }

    /// It does no longer.
    pub(crate) fn remove(&self, name: &UserName, mailbox: &Arc<Mailbox>) {
        self.names.change(name, Vec::new, |watchers| {
            watchers.retain(|watcher| !Arc::ptr_eq(&watcher.mailbox, mailbox));
            !watchers.is_empty()
        });
        self.count.fetch_sub(1, Ordering::SeqCst);
    }

    /// The connections that want to know what who has `name` says of themselves.
    pub(crate) fn of_changes(&self, name: &UserName) -> Vec<Arc<Mailbox>> {
        self.of(name, |watcher| watcher.wants_changes)
    }

    fn of(&self, name: &UserName, is_meant: impl Fn(&Watcher) -> bool) -> Vec<Arc<Mailbox>> {
        if self.count.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        let pick = |watchers: &Vec<Watcher>| {
            let meant = watchers.iter().filter(|watcher| is_meant(watcher));
            meant.map(|watcher| watcher.mailbox.clone()).collect()
        };
        self.names.get(name.as_str(), pick).unwrap_or_default()
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
        let watchers = self.of(name, |_| true);
        if watchers.is_empty() {
            return;
        }
        let outbound = Arc::new(Outbound::new(event()));
        for watcher in watchers {
            let _ = effects.push(&watcher, Item::Shared(outbound.clone()), Manner::Urgent);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Instant};

    use super::*;
    use crate::{Hub, hub::Seat, model::Answer};

    fn registered(hub: &Hub, name: &str) -> Option<Seat> {
        #[expect(clippy::disallowed_methods, reason = "nothing depends on it")]
        let now = Instant::now();
        let mut seat = hub.enter();
        let person = name.parse().unwrap();
        let registered = seat.register(person, now, &mut Effects::default());
        registered.is_ok().then_some(seat)
    }

    /// Who is heard to have come last is here, also when a name goes from one to the next.
    #[test]
    fn who_has_a_name_after_another_is_heard_of_after_them() {
        let renames = |mut seat: Seat| {
            #[expect(clippy::disallowed_methods, reason = "nothing depends on it")]
            let now = Instant::now();
            let renamed = seat.register("bobby".parse().unwrap(), now, &mut Effects::default());
            renamed.unwrap();
        };
        let gives_up: [fn(Seat); 2] = [drop, renames];
        for gives_up in gives_up {
            let hub = Hub::new();
            let mut ada = registered(&hub, "ada").unwrap();
            let bob = registered(&hub, "bob").unwrap();
            let watched = ada.watch("bob", true, false);
            assert!(matches!(
                watched,
                Ok(Answer::Watched {
                    person: Some(_),
                    ..
                })
            ));
            let next = thread::scope(|scope| {
                // It stops half-way.
                let held = hub.inner().gone.hold();
                scope.spawn(move || gives_up(bob));
                let early = (0..10_000).find_map(|_| {
                    thread::yield_now();
                    registered(&hub, "bob")
                });
                drop(held);
                early
            });
            let next = next.or_else(|| registered(&hub, "bob"));
            let mut heard = Vec::new();
            ada.take(usize::MAX, &mut heard);
            let heard: Vec<_> = heard.into_iter().filter_map(Item::into_event).collect();
            assert!(
                matches!(heard[..], [Event::Offline { .. }, Event::Online { .. }]),
                "{heard:?}"
            );
            drop(next);
        }
    }

    /// Whatever ends a connection, nothing is left of whom it has watched, and of what it was.
    #[test]
    fn who_is_gone_watches_nobody_and_is_no_operator() {
        let hub = Hub::new();
        for i in 0..3 {
            let mut ada = registered(&hub, "ada").unwrap();
            ada.elevate(&mut Effects::default()).unwrap();
            for name in ["ada", "bob", "cleo"] {
                ada.watch(name, true, false).unwrap();
                ada.watch(name, true, false).unwrap();
            }
            ada.watch("CLEO", false, false).unwrap();
            assert_eq!(hub.inner().watchers.count.load(Ordering::SeqCst), 2);
            assert_eq!(hub.stats().operators, 1);
            if i == 1 {
                hub.kick("ada", "no").unwrap();
                assert_eq!(hub.stats().operators, 0);
            }
            drop(ada);
            assert_eq!(hub.inner().watchers.count.load(Ordering::SeqCst), 0);
            let mut left = 0;
            hub.inner().watchers.names.each(|_| left += 1);
            assert_eq!((left, hub.stats().operators), (0, 0));
        }
    }
}
