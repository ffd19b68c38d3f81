//! A map from names to whoever holds them, in parts that are locked apart.

use std::sync::PoisonError;

use hashbrown::{HashTable, hash_table::Entry};

use crate::{
    model::{Name, name_hash, same_name},
    sync::{RandomState, RwLock},
};

/// A concurrent map whose keys are names, in whatever case.
///
/// A name is hashed once, with the keyed hash of the standard library, because peers choose names.
#[derive(Debug)]
pub(crate) struct NameMap<N, T> {
    hasher: RandomState,
    shards: Box<[Shard<N, T>]>,
}

type Shard<N, T> = RwLock<HashTable<(N, T)>>;

impl<N: Name, T: Clone> NameMap<N, T> {
    /// Enough that a few dozen threads seldom meet.
    const SHARDS: usize = 64;

    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: (0..Self::SHARDS).map(|_| RwLock::default()).collect(),
        }
    }

    /// Inserts `name`, unless it is there. Of any number of concurrent calls, exactly one is told that it
    /// did; the others get what is there.
    pub(crate) fn claim(&self, name: &N, value: impl FnOnce() -> T) -> Result<T, T> {
        let (hash, shard) = self.locate(name.as_str());
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        match self.entry(&mut shard, hash, name) {
            Entry::Occupied(there) => Err(there.get().1.clone()),
            Entry::Vacant(vacant) => {
                let value = value();
                vacant.insert((name.clone(), value.clone()));
                Ok(value)
            }
        }
    }

    /// The value of `name`, made and inserted if it is not there. Nobody else makes one meanwhile.
    pub(crate) fn get_or_make<E>(
        &self,
        name: &N,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let (hash, shard) = self.locate(name.as_str());
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        match self.entry(&mut shard, hash, name) {
            Entry::Occupied(there) => Ok(there.get().1.clone()),
            Entry::Vacant(vacant) => {
                let value = make()?;
                vacant.insert((name.clone(), value.clone()));
                Ok(value)
            }
        }
    }

    /// Changes the value of `name`, made if it is not there, and removes it if `change` says that it is not to stay.
    pub(crate) fn change(
        &self,
        name: &N,
        make: impl FnOnce() -> T,
        change: impl FnOnce(&mut T) -> bool,
    ) {
        let (hash, shard) = self.locate(name.as_str());
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        let mut entry = match self.entry(&mut shard, hash, name) {
            Entry::Occupied(there) => there,
            Entry::Vacant(vacant) => vacant.insert((name.clone(), make())),
        };
        if !change(&mut entry.get_mut().1) {
            entry.remove();
        }
    }

    /// Changes the value of `name`, if it is there.
    pub(crate) fn update(&self, name: &N, change: impl FnOnce(&mut T)) {
        let (hash, shard) = self.locate(name.as_str());
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        let is = |(taken, _): &(N, T)| same_name(taken.as_str(), name.as_str());
        if let Some((_, value)) = shard.find_mut(hash, is) {
            change(value);
        }
    }

    /// Removes `name`, if its value is one `that` is meant.
    pub(crate) fn remove(&self, name: &N, that: impl FnOnce(&T) -> bool) {
        let (hash, shard) = self.locate(name.as_str());
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        let is = |(taken, _): &(N, T)| same_name(taken.as_str(), name.as_str());
        if let Ok(found) = shard.find_entry(hash, is)
            && that(&found.get().1)
        {
            found.remove();
        }
    }

    /// What `look` sees in the value of the name that `text` is, if it is one and is there.
    pub(crate) fn get<R>(&self, text: &str, look: impl FnOnce(&T) -> R) -> Option<R> {
        let (hash, shard) = self.locate(text);
        let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
        let (_, value) = shard.find(hash, |(taken, _)| same_name(taken.as_str(), text))?;
        Some(look(value))
    }

    /// What `look` sees in each value, a shard at a time.
    pub(crate) fn each(&self, mut look: impl FnMut(&T)) {
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard.iter().for_each(|(_, value)| look(value));
        }
    }

    fn entry<'a>(
        &self,
        shard: &'a mut HashTable<(N, T)>,
        hash: u64,
        name: &N,
    ) -> Entry<'a, (N, T)> {
        shard.entry(
            hash,
            |(taken, _)| same_name(taken.as_str(), name.as_str()),
            |(taken, _)| name_hash(&self.hasher, taken.as_str()),
        )
    }

    fn locate(&self, text: &str) -> (u64, &Shard<N, T>) {
        let hash = name_hash(&self.hasher, text);
        // The table itself looks at the lowest and the topmost bits.
        let shard = (hash >> 32) as usize % self.shards.len();
        (hash, &self.shards[shard])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::model::UserName;

    fn name(text: &str) -> UserName {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_is_found_in_any_case_until_it_is_removed() {
        let map = NameMap::new();
        assert_eq!(map.claim(&name("Ada"), || 1), Ok(1));
        assert_eq!(map.claim(&name("ADA"), || 2), Err(1));
        assert_eq!(map.get("ada", |value| *value), Some(1));
        assert_eq!(map.get("not a name", |value| *value), None);
        map.update(&name("ada"), |value| *value = 3);
        map.remove(&name("aDa"), |value| *value == 1);
        assert_eq!(map.get("Ada", |value| *value), Some(3));
        map.remove(&name("aDa"), |value| *value == 3);
        assert_eq!(map.get("Ada", |value| *value), None);
    }

    #[test]
    fn of_many_claims_one_wins() {
        let names = if cfg!(miri) { 20 } else { 1000 };
        let map = NameMap::new();
        let won = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (map, won) = (&map, &won);
                scope.spawn(move || {
                    for i in 0..names {
                        let claimed = map.claim(&name(&format!("user{i}")), || thread);
                        won.fetch_add(claimed.is_ok().into(), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(won.into_inner(), names);
    }
}
