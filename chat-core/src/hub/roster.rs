//! Names in the order in which they came: those of all users, or of all rooms.

use std::{collections::BTreeMap, sync::PoisonError};

use crate::sync::{Mutex, MutexGuard};

/// The ordered list of names.
#[derive(Debug)]
pub(crate) struct Roster<N> {
    state: Mutex<State<N>>,
}

#[derive(Debug)]
struct State<N> {
    names: BTreeMap<Position, N>,
    end: Position,
}

impl<N> Default for Roster<N> {
    fn default() -> Self {
        let state = State {
            names: BTreeMap::new(),
            end: Position::default(),
        };
        Self {
            state: Mutex::new(state),
        }
    }
}

/// Where a name is in the list. Later names have larger ones, and none is used twice.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position(u64);

impl Position {
    /// The one behind it.
    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl<N: Clone> Roster<N> {
    /// Puts `name` at the end, and takes the name at `left` out in the same step.
    pub(crate) fn enter(&self, name: N, left: Option<Position>) -> Position {
        let mut state = self.lock();
        if let Some(left) = left {
            state.names.remove(&left);
        }
        let position = state.end;
        state.end = position.next();
        state.names.insert(position, name);
        position
    }

    /// Replaces the name at `position`, which it keeps.
    pub(crate) fn respell(&self, position: Position, name: N) {
        self.lock().names.insert(position, name);
    }

    /// Takes the name at `position` out.
    pub(crate) fn leave(&self, position: Position) {
        self.lock().names.remove(&position);
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().names.len()
    }

    /// Where the next name will be.
    pub(crate) fn end(&self) -> Position {
        self.lock().end
    }

    /// The names from `from` on that stand before `end`, at most `most` of them; and where to go on, if
    /// there are more.
    pub(crate) fn page(
        &self,
        from: Position,
        end: Position,
        most: usize,
    ) -> (Vec<N>, Option<Position>) {
        let state = self.lock();
        let mut range = state.names.range(from..end);
        let names = range.by_ref().take(most).map(|(_, name)| name.clone());
        (names.collect(), range.next().map(|(position, _)| *position))
    }

    /// Keeps everybody from the list until the result is dropped.
    #[cfg(test)]
    pub(super) fn hold(&self) -> impl Sized {
        self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, State<N>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UserName;

    #[test]
    fn pages_are_the_whole_and_nothing_newer() {
        let roster = Roster::default();
        let name = |i: usize| UserName::try_from(&*format!("user{i}")).unwrap();
        let positions: Vec<_> = (0..10).map(|i| roster.enter(name(i), None)).collect();
        roster.leave(positions[4]);
        let end = roster.end();
        roster.enter(name(10), Some(positions[0]));

        let (mut all, mut from) = (Vec::new(), Some(Position::default()));
        while let Some(position) = from {
            let (names, next) = roster.page(position, end, 3);
            assert!(names.len() <= 3);
            all.extend(names);
            from = next;
        }
        assert_eq!(all, [1, 2, 3, 5, 6, 7, 8, 9].map(name));
        let (rest, next) = roster.page(end, roster.end(), 3);
        assert_eq!((rest, next), (vec![name(10)], None));
    }
}
