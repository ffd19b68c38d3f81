//! What one connection wants to know of others.

use std::{
    mem,
    sync::Arc,
    time::{Instant, SystemTime},
};

use super::Seat;
use crate::{
    error::HubError,
    hub::user::Joined,
    model::{Answer, Person, UserName, Whois},
};

/// The most users that one connection watches, see [`Command::Watch`](crate::Command::Watch).
pub const MAX_WATCHED: usize = 100;

impl Seat {
    pub(crate) fn whois(&self, name: &str, now: Instant) -> Result<Whois, HubError> {
        let registered = self.registered.as_ref().ok_or(HubError::NotRegistered)?;
        let user = self.hub.user(name).ok_or(HubError::NoSuchUser)?;
        let state = user.lock_as(name)?;
        let (connected, idle) = user.times(now);
        let since = (self.hub.system_time())
            .checked_sub(connected)
            .unwrap_or(SystemTime::UNIX_EPOCH);
        let shared = |joined: &&Joined| {
            let mine = &registered.rooms;
            mine.iter()
                .any(|mine| Arc::ptr_eq(&mine.room, &joined.room))
        };
        let rooms = state.rooms.iter().filter(shared);
        let role = |joined: &Joined| {
            let role = joined.room.lock().role(joined.position);
            (joined.room.name().clone(), role.unwrap_or_default())
        };
        Ok(Whois {
            name: state.person.clone(),
            connected,
            idle,
            since,
            rooms: rooms.map(role).collect(),
            away: state.person.away().cloned(),
        })
    }

    /// Who has a name, if anybody.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Person>, HubError> {
        self.name().ok_or(HubError::NotRegistered)?;
        Ok(self.hub.person(name))
    }

    /// Is told when `name` comes and goes, or no longer; and if `changes`, what they say of themselves. Returns who that is, and whether they are here.
    pub(crate) fn watch(
        &mut self,
        name: &str,
        on: bool,
        changes: bool,
    ) -> Result<Answer<'static>, HubError> {
        self.name().ok_or(HubError::NotRegistered)?;
        let name: UserName = name.parse().map_err(HubError::BadName)?;
        let watched = &mut self.more.get_or_insert_default().watched;
        let there = watched.iter().position(|watched| *watched == name);
        match (there, on) {
            (None, true) if watched.len() >= MAX_WATCHED => {
                return Err(HubError::TooManyWatched(MAX_WATCHED));
            }
            (None, true) => {
                watched.push(name.clone());
                self.hub.watchers.add(&name, &self.mailbox, changes);
            }
            (Some(_), true) => self.hub.watchers.change(&name, &self.mailbox, changes),
            (Some(index), false) => {
                watched.swap_remove(index);
                self.hub.watchers.remove(&name, &self.mailbox);
            }
            (None, false) => {}
        }
        // Looked up after it is watched, so that nobody comes unseen.
        let person = self.hub.person(name.as_str());
        Ok(Answer::Watched { name, person })
    }

    /// Is told of nobody's coming and going any more.
    pub(crate) fn watch_nobody(&mut self) {
        let more = self.more.as_mut();
        for name in more
            .map(|more| mem::take(&mut more.watched))
            .unwrap_or_default()
        {
            self.hub.watchers.remove(&name, &self.mailbox);
        }
    }

    /// All who are watched.
    pub(crate) fn watched(&self) -> Answer<'static> {
        let watched = self.more.iter().flat_map(|more| &more.watched);
        let look = |name: &UserName| (name.clone(), self.hub.person(name.as_str()));
        Answer::AllWatched(watched.map(look).collect())
    }
}
