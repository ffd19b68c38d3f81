//! Who has a name, in the order in which the names were registered.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::model::{Event, Outbound, UserName};

/// The ordered list of names, and its encodings while nobody comes or goes.
///
/// Every `list,friends` of a calm hub is answered from one shared piece of memory, however many ask and
/// however slowly they read.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<Position, UserName>,
    next: u64,
    listing: Option<Arc<Outbound>>,
}

/// Where a name is in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position(u64);

impl Roster {
    /// Puts `name` at the end, and takes the name at `left` out in the same step.
    pub(crate) fn enter(&self, name: UserName, left: Option<Position>) -> Position {
        let mut state = self.lock();
        if let Some(left) = left {
            state.names.remove(&left);
        }
        let position = Position(state.next);
        state.next += 1;
        state.names.insert(position, name);
        state.listing = None;
        position
    }

    /// Replaces the name at `position`, which it keeps.
    pub(crate) fn respell(&self, position: Position, name: UserName) {
        let mut state = self.lock();
        state.names.insert(position, name);
        state.listing = None;
    }

    /// Takes the name at `position` out.
    pub(crate) fn leave(&self, position: Position) {
        let mut state = self.lock();
        state.names.remove(&position);
        state.listing = None;
    }

    pub(crate) fn names(&self) -> Vec<UserName> {
        self.lock().names.values().cloned().collect()
    }

    /// All names as one [`Event::Names`].
    pub(crate) fn listing(&self) -> Arc<Outbound> {
        let mut state = self.lock();
        let State { names, listing, .. } = &mut *state;
        listing
            .get_or_insert_with(|| {
                let names = names.values().cloned().collect();
                Arc::new(Outbound::new(Event::Names(names)))
            })
            .clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
