//! What a member of a room knows of the others.

use std::collections::{BTreeMap, BTreeSet};

use chinwag_core::Role;

/// What a member of a room knows of it.
#[derive(Debug, Default)]
pub(super) struct Stay {
    /// Who is there, and who is not, as far as that is known.
    known: BTreeMap<String, bool>,
    /// The roles that are known.
    roles: BTreeMap<String, Role>,
    /// What all were told last.
    pub(super) topic: Option<String>,
    pub(super) is_invite_only: Option<bool>,
    /// Whoever is not known is not there.
    pub(super) is_complete: bool,
    /// That it was put out may be among what it has missed.
    pub(super) may_be_over: bool,
}

impl Stay {
    /// Of somebody who has missed something.
    pub(super) fn in_doubt() -> Self {
        Self {
            may_be_over: true,
            ..Self::default()
        }
    }

    /// Whether `name` is there, if that is known.
    pub(super) fn has(&self, name: &str) -> Option<bool> {
        match self.known.get(name) {
            Some(there) => Some(*there),
            None => self.is_complete.then_some(false),
        }
    }

    /// Who is there, as far as is known.
    pub(super) fn there(&self) -> BTreeSet<&str> {
        let there = self.known.iter().filter(|&(_, &there)| there);
        there.map(|(name, _)| name.as_str()).collect()
    }

    /// From now on `name` is there.
    pub(super) fn is_there(&mut self, name: &str) {
        self.known.insert(name.to_owned(), true);
    }

    /// `name` comes in, and has no say.
    pub(super) fn comes(&mut self, name: &str) {
        self.is_there(name);
        self.roles.insert(name.to_owned(), Role::Member);
    }

    /// From now on `name` is not there.
    pub(super) fn goes(&mut self, name: &str) {
        self.known.insert(name.to_owned(), false);
        self.roles.remove(name);
    }

    /// From now on `old` is called `new`.
    pub(super) fn is_renamed(&mut self, old: &str, new: &str) {
        if old == new {
            return;
        }
        match self.known.insert(old.to_owned(), false) {
            Some(was_there) => {
                self.known.insert(new.to_owned(), was_there);
            }
            None if self.is_complete => {}
            None => {
                self.known.remove(new);
            }
        }
        self.roles.remove(new);
        if let Some(role) = self.roles.remove(old) {
            self.roles.insert(new.to_owned(), role);
        }
    }

    /// All who are there. The first whom that is wrong for, as far as it was known.
    pub(super) fn listed(&mut self, there: BTreeSet<String>) -> Option<(String, bool)> {
        let known = self.known.iter();
        let gone = known.filter(|(name, was_there)| there.contains(*name) != **was_there);
        let wrong = gone.map(|(name, was_there)| (name.clone(), *was_there));
        let untold = there.iter().filter(|name| self.has(name) == Some(false));
        let wrong = wrong.chain(untold.map(|name| (name.clone(), false))).next();
        self.known = there.into_iter().map(|name| (name, true)).collect();
        self.is_complete = true;
        wrong
    }

    /// What `name` may do, if that is known.
    pub(super) fn role(&self, name: &str) -> Option<Role> {
        self.roles.get(name).copied()
    }

    /// The roles that are known, of those who are there.
    pub(super) fn roles(&self) -> impl Iterator<Item = (&String, Role)> {
        self.roles.iter().map(|(name, role)| (name, *role))
    }

    pub(super) fn has_role(&mut self, name: &str, role: Role) {
        self.roles.insert(name.to_owned(), role);
    }
}
