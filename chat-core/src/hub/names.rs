//! A map from names to whoever holds them, in parts that are locked apart.

use std::{
    hash::RandomState,
    sync::{PoisonError, RwLock},
};

use hashbrown::{HashTable, hash_table::Entry};

use crate::model::{UserName, name_hash};

/// A concurrent map whose keys are names, in whatever case.
///
/// A name is hashed once, with the keyed hash of the standard library, because peers choose names.
#[derive(Debug)]
pub(crate) struct NameMap<T> {
    hasher: RandomState,
    shards: Box<[Shard<T>]>,
}

type Shard<T> = RwLock<HashTable<(UserName, T)>>;

impl<T: Clone> NameMap<T> {
    /// Enough that a few dozen threads seldom meet.
    const SHARDS: usize = 64;

    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: (0..Self::SHARDS).map(|_| RwLock::default()).collect(),
        }
    }

    /// Inserts `name`, unless it is there. Of any number of concurrent calls, exactly one is told
    /// `true`.
    pub(crate) fn claim(&self, name: &UserName, value: T) -> bool {
        let (hash, shard) = self.locate(name.as_str());
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        let entry = shard.entry(
            hash,
            |(taken, _)| taken == name,
            |(taken, _)| name_hash(&self.hasher, taken.as_str()),
        );
        match entry {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert((name.clone(), value));
                true
            }
        }
    }

    /// Removes `name`.
    pub(crate) fn remove(&self, name: &UserName) {
        let (hash, shard) = self.locate(name.as_str());
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(found) = shard.find_entry(hash, |(taken, _)| taken == name) {
            found.remove();
        }
    }

    /// The value of the name that `text` is, if it is one and is there.
    pub(crate) fn get(&self, text: &str) -> Option<T> {
        let (hash, shard) = self.locate(text);
        let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
        let (_, value) = shard.find(hash, |(taken, _)| taken.is(text))?;
        Some(value.clone())
    }

    fn locate(&self, text: &str) -> (u64, &Shard<T>) {
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

    fn name(text: &str) -> UserName {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_is_found_in_any_case_until_it_is_removed() {
        let map = NameMap::new();
        assert!(map.claim(&name("Ada"), 1));
        assert!(!map.claim(&name("ADA"), 2));
        assert_eq!(map.get("ada"), Some(1));
        assert_eq!(map.get("not a name"), None);
        map.remove(&name("aDa"));
        assert_eq!(map.get("Ada"), None);
    }

    #[test]
    fn of_many_claims_one_wins() {
        let map = NameMap::new();
        let won = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (map, won) = (&map, &won);
                scope.spawn(move || {
                    for i in 0..1000 {
                        let claimed = map.claim(&name(&format!("user{i}")), thread);
                        won.fetch_add(claimed.into(), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(won.into_inner(), 1000);
    }
}
