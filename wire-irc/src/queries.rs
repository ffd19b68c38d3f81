//! Questions about users and channels, as they are kept until the hub has answered.

#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use chinwag_core::{Mask, Person, Role, RoomInfo, RoomName, wildcard_matches};

use crate::{author::real_name, time::since_epoch};

/// What is asked with `WHO`.
#[derive(Debug, Clone)]
pub(crate) struct WhoQuery {
    /// A channel, a nick or a mask, as it was written.
    pub(crate) mask: Box<str>,
    /// Only operators are meant.
    pub(crate) operators: bool,
    /// What is to be told of each, if it is not what is usual.
    pub(crate) fields: Option<Fields>,
    /// The mask, if it has several parts.
    full: Option<Mask>,
}

/// What is to be told of each user with [WHOX](https://ircv3.net/specs/extensions/whox).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    wanted: Box<str>,
    /// What the client tells this answer from others by: up to three digits.
    pub(crate) token: Box<str>,
}

impl WhoQuery {
    /// What is asked with these params: `o`, or `%` and fields.
    pub(crate) fn new(mask: &str, flags: &str) -> Self {
        let (flags, fields) = match flags.split_once('%') {
            Some((flags, fields)) => (flags, Some(Fields::new(fields))),
            None => (flags, None),
        };
        let full = mask.contains(['!', '@']).then(|| mask.parse().ok());
        Self {
            mask: mask.into(),
            operators: flags.contains('o'),
            fields,
            full: full.flatten(),
        }
    }

    /// Whether a mask is the name of one user.
    pub(crate) fn is_name(mask: &str) -> bool {
        mask != "0" && !mask.contains(['*', '?', '!', '@'])
    }

    /// Whether somebody is meant who has been found in a channel, or by their nick.
    pub(crate) fn wants(&self, person: &Person) -> bool {
        !self.operators || person.is_operator()
    }

    /// Whether somebody is meant, on the server of this name.
    pub(crate) fn matches(&self, person: &Person, server: &str) -> bool {
        let matches = |text: &str| wildcard_matches(&self.mask, text);
        self.wants(person)
            && match &self.full {
                Some(mask) => mask.matches(person),
                None => {
                    &*self.mask == "0"
                        || matches(person.as_str())
                        || matches(person.login())
                        || matches(&person.host())
                        || matches(server)
                        || matches(real_name(person))
                }
            }
    }
}

impl Fields {
    fn new(text: &str) -> Self {
        let (wanted, token) = text.split_once(',').unwrap_or((text, ""));
        let is_good = (1..=3).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_digit());
        Self {
            wanted: wanted.into(),
            token: if is_good { token } else { "0" }.into(),
        }
    }

    /// Whether a field is wanted.
    pub(crate) fn has(&self, field: char) -> bool {
        self.wanted.contains(field)
    }
}

/// Which channels are asked for with `LIST`. A channel must be all of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Any of these, unless there are none: names, or masks of names.
    names: Vec<Box<str>>,
    /// None of these.
    not: Vec<Box<str>>,
    more_than: Option<usize>,
    less_than: Option<usize>,
    /// Made, or with a topic that was set, at this time or later.
    created_since: Option<SystemTime>,
    topic_since: Option<SystemTime>,
    /// The same, but before.
    created_before: Option<SystemTime>,
    topic_before: Option<SystemTime>,
}

impl Filter {
    /// Reads what is asked for, as ELIST has it.
    pub(crate) fn new(wanted: &[&str], now: SystemTime) -> Self {
        let mut filter = Self::default();
        for condition in wanted.iter().filter(|condition| !condition.is_empty()) {
            filter.add(condition, now);
        }
        filter
    }

    fn add(&mut self, condition: &str, now: SystemTime) {
        let ago = |minutes: &str| {
            let minutes: u32 = minutes.parse().ok()?;
            now.checked_sub(Duration::from_secs(60) * minutes)
        };
        let mut chars = condition.chars();
        let (first, rest) = (chars.next(), chars.as_str());
        let second = chars.next();
        let last = chars.as_str();
        match (first, second) {
            (Some('>'), _) => self.more_than = rest.parse().ok(),
            (Some('<'), _) => self.less_than = rest.parse().ok(),
            (Some('C' | 'c'), Some('<')) => self.created_since = ago(last),
            (Some('C' | 'c'), Some('>')) => self.created_before = ago(last),
            (Some('T' | 't'), Some('<')) => self.topic_since = ago(last),
            (Some('T' | 't'), Some('>')) => self.topic_before = ago(last),
            (Some('!'), Some(_)) => self.not.push(rest.into()),
            _ => self.names.push(condition.into()),
        }
    }

    /// Whether a channel is asked for.
    pub(crate) fn matches(&self, room: &RoomInfo) -> bool {
        let name = room.name.as_str();
        let any = |masks: &[Box<str>]| masks.iter().any(|mask| wildcard_matches(mask, name));
        let topic_set = room.topic.set.as_ref().map(|(_, at)| *at);
        let since = |limit: Option<SystemTime>, at: Option<SystemTime>| {
            limit.is_none_or(|limit| at.is_some_and(|at| since_epoch(at) >= since_epoch(limit)))
        };
        let before = |limit: Option<SystemTime>, at: Option<SystemTime>| {
            limit.is_none_or(|limit| at.is_some_and(|at| since_epoch(at) < since_epoch(limit)))
        };
        (self.names.is_empty() || any(&self.names))
            && !any(&self.not)
            && self.more_than.is_none_or(|limit| room.members > limit)
            && self.less_than.is_none_or(|limit| room.members < limit)
            && since(self.created_since, Some(room.created))
            && before(self.created_before, Some(room.created))
            && since(self.topic_since, topic_set)
            && before(self.topic_before, topic_set)
    }
}

/// Whether that is a condition, and neither a channel nor a server.
pub(crate) fn is_condition(text: &str) -> bool {
    let text = text.strip_prefix(['C', 'c', 'T', 't']).unwrap_or(text);
    text.starts_with(['<', '>', '!'])
}

/// One user in the answer to `WHO`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) person: &'a Person,
    /// The channel in which they were found, and what they are there.
    pub(crate) room: Option<(&'a RoomName, Role)>,
}
