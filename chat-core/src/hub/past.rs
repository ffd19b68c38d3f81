//! Who had which name, not long ago.

use std::{collections::VecDeque, sync::PoisonError, time::SystemTime};

use crate::{
    model::{Past, Person},
    sync::Mutex,
};

/// The last ones who gave up a name. The oldest are forgotten.
#[derive(Debug, Default)]
pub(crate) struct Gone(Mutex<VecDeque<Past>>);

/// How many are remembered, of all names together.
const MOST: usize = 1024;

/// How many of them are told of, of one name: a short request must not draw a thousand.
const MOST_OF_ONE: usize = 16;

impl Gone {
    /// `person` has given up their name.
    pub(crate) fn note(&self, person: Person, until: SystemTime) {
        let mut gone = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if gone.len() == MOST {
            gone.pop_front();
        }
        gone.push_back(Past { person, until });
    }

    /// Who had `name`, the latest first, of those not too many.
    pub(crate) fn find(&self, name: &str) -> Vec<Past> {
        let gone = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let past = gone.iter().rev();
        let past = past.filter(|past| past.person == *name);
        past.take(MOST_OF_ONE).cloned().collect()
    }

    /// Keeps everybody from it until the result is dropped.
    #[cfg(test)]
    pub(super) fn hold(&self) -> impl Sized {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_come_first_and_the_oldest_are_forgotten() {
        let gone = Gone::default();
        let at = |seconds| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        for second in 0..3 {
            gone.note("ada".parse().unwrap(), at(second));
        }
        let untils = |name| -> Vec<_> { gone.find(name).iter().map(|past| past.until).collect() };
        assert_eq!(untils("ADA"), [at(2), at(1), at(0)]);
        for _ in 0..MOST {
            gone.note("bob".parse().unwrap(), at(3));
        }
        assert_eq!(untils("ada"), []);
        assert_eq!(untils("bob").len(), MOST_OF_ONE);
    }
}
