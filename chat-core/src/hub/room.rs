//! One room: who is in it, what they may do, and what they are told.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, PoisonError},
};

use slab::Slab;

use super::{
    effects::Effects,
    mailbox::{Item, Mailbox, Manner},
    roster::Position,
    user::User,
};
use crate::{
    connections::Place,
    error::HubError,
    model::{Event, Outbound, Person, Role, RoomName, UserName},
    sync::{Mutex, MutexGuard},
};

/// A room. Everything that happens in it happens under its lock, and so in one order for all members.
#[derive(Debug)]
pub(crate) struct Room {
    name: RoomName,
    /// In which order the locks of several rooms are taken, and where the room is in the list of all.
    position: Position,
    state: Mutex<RoomState>,
}

#[derive(Debug)]
pub(crate) struct RoomState {
    members: BTreeMap<Position, Member>,
    next: Position,
    /// The mailboxes of all connections of all members, behind each other for the one loop that counts.
    outlets: Slab<Arc<Mailbox>>,
    /// Mailboxes that were above their mark when they were last pushed to. Nobody who can wait pushes
    /// anything more until they are not, so that a room takes each of them past the mark by one burst of
    /// each talker.
    behind: Vec<Arc<Mailbox>>,
    /// The number of the last message.
    seq: u64,
    topic: Arc<str>,
    bans: HashSet<UserName>,
    invited: HashSet<UserName>,
    invite_only: bool,
    owners: usize,
    /// It stays when it is empty, and nobody owns it for having come first.
    permanent: bool,
    /// Its place among all rooms. Without one it is gone, and whoever still finds it looks again.
    place: Option<Place>,
}

/// A member of a room.
#[derive(Debug)]
pub(crate) struct Member {
    user: Arc<User>,
    person: Person,
    role: Role,
    /// Their mailboxes among the outlets.
    outlets: Vec<usize>,
}

/// A member who does something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Actor<'a> {
    pub(crate) user: &'a Arc<User>,
    pub(crate) position: Position,
}

/// Something is not done, for this reason.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It is against a rule.
    Refused(HubError),
    /// Somebody is behind, see [`Effects::behind`]: hold back, and try again.
    Held,
}

impl From<HubError> for Stop {
    fn from(error: HubError) -> Self {
        Self::Refused(error)
    }
}

impl Room {
    pub(crate) fn new(name: RoomName, position: Position, place: Place) -> Self {
        Self {
            name,
            position,
            state: Mutex::new(RoomState {
                members: BTreeMap::new(),
                next: Position::default(),
                outlets: Slab::new(),
                behind: Vec::new(),
                seq: 0,
                topic: "".into(),
                bans: HashSet::new(),
                invited: HashSet::new(),
                invite_only: false,
                owners: 0,
                permanent: false,
                place: Some(place),
            }),
        }
    }

    pub(crate) fn name(&self) -> &RoomName {
        &self.name
    }

    pub(crate) fn position(&self) -> Position {
        self.position
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, RoomState> {
        // No code that runs under the lock panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends `text` to all members.
    pub(crate) fn publish(
        &self,
        actor: Actor<'_>,
        text: &str,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        let mut state = self.lock();
        let from = state.member(actor)?.person.clone();
        state.wait(effects)?;
        state.say(&self.name, Some(from), text, Manner::Urgent, effects);
        Ok(())
    }

    /// Whether a member may send something now.
    pub(crate) fn admits(&self, actor: Actor<'_>, effects: &mut Effects) -> Result<(), Stop> {
        let mut state = self.lock();
        state.member(actor)?;
        state.wait(effects)
    }

    /// Sends `texts` to all members, without waiting for anybody.
    pub(crate) fn publish_all(
        &self,
        actor: Actor<'_>,
        texts: &mut Vec<Arc<str>>,
        effects: &mut Effects,
    ) -> Result<(), HubError> {
        let mut state = self.lock();
        let from = state.member(actor)?.person.clone();
        let mut said = texts.drain(..).map(|text| {
            state.seq += 1;
            Event::Said {
                room: self.name.clone(),
                seq: state.seq,
                from: Some(from.clone()),
                text,
            }
        });
        let outbound = match (said.len(), said.next()) {
            (1, Some(event)) => Outbound::new(event),
            (_, first) => Outbound::burst(first.into_iter().chain(said).collect()),
        };
        state.tell_those(&Arc::new(outbound), Manner::Urgent, |_| true, effects);
        Ok(())
    }

    /// Sends `text` to all members, for the program. Returns the number of the message.
    pub(crate) fn announce(&self, text: &str, effects: &mut Effects) -> Result<u64, HubError> {
        let mut state = self.lock();
        if state.is_gone() {
            return Err(HubError::NoSuchRoom);
        }
        if state
            .behind
            .iter()
            .any(|mailbox| mailbox.is_about_to_be_read())
        {
            return Err(HubError::Busy);
        }
        state.say(&self.name, None, text, Manner::Program, effects);
        Ok(state.seq)
    }
}

impl RoomState {
    /// Whether the room is no longer among the rooms.
    pub(crate) fn is_gone(&self) -> bool {
        self.place.is_none()
    }

    /// Takes the room off the rooms if nobody is in it and it is not to stay. `true` if it is gone by this.
    #[must_use]
    pub(crate) fn close_if_empty(&mut self) -> bool {
        self.members.is_empty() && !self.permanent && self.place.take().is_some()
    }

    pub(crate) fn set_permanent(&mut self, permanent: bool) {
        self.permanent = permanent;
    }

    pub(crate) fn is_permanent(&self) -> bool {
        self.permanent
    }

    pub(crate) fn messages(&self) -> u64 {
        self.seq
    }

    pub(crate) fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    pub(crate) fn set_topic(&mut self, topic: Arc<str>) {
        self.topic = topic;
    }

    pub(crate) fn is_invite_only(&self) -> bool {
        self.invite_only
    }

    pub(crate) fn set_invite_only(&mut self, on: bool) {
        self.invite_only = on;
        self.invited = HashSet::new();
    }

    pub(crate) fn is_banned(&self, name: &UserName) -> bool {
        self.bans.contains(name)
    }

    pub(crate) fn ban(&mut self, name: UserName, max: usize) -> Result<(), HubError> {
        self.invited.remove(&name);
        insert(&mut self.bans, name, max)
    }

    pub(crate) fn unban(&mut self, name: &UserName) {
        self.bans.remove(name);
    }

    pub(crate) fn bans(&self) -> impl Iterator<Item = &UserName> {
        self.bans.iter()
    }

    pub(crate) fn invite(&mut self, name: UserName, max: usize) -> Result<(), HubError> {
        insert(&mut self.invited, name, max)
    }

    /// The members from `from` on, at most `most` of them, and where to go on, if there are more.
    pub(crate) fn page(
        &self,
        from: Position,
        end: Position,
        most: usize,
    ) -> (Vec<(Person, Role)>, Option<Position>) {
        let mut range = self.members.range(from..end);
        let members = range.by_ref().take(most);
        let members = members.map(|(_, m)| (m.person.clone(), m.role));
        (
            members.collect(),
            range.next().map(|(position, _)| *position),
        )
    }

    /// Where the next member will be.
    pub(crate) fn end(&self) -> Position {
        self.next
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = (&Person, Role)> {
        self.members.values().map(|m| (&m.person, m.role))
    }

    /// The member who acts, if they are one.
    pub(crate) fn member(&self, actor: Actor<'_>) -> Result<&Member, HubError> {
        match self.members.get(&actor.position) {
            Some(member) if Arc::ptr_eq(&member.user, actor.user) => Ok(member),
            _ => Err(HubError::NotAMember),
        }
    }

    /// The name of whoever acts, if they may do what takes at least `role`. `None` for the program, which
    /// may do everything in a room that there still is.
    pub(crate) fn allow(
        &self,
        actor: Option<Actor<'_>>,
        role: Role,
    ) -> Result<Option<Person>, HubError> {
        let Some(actor) = actor else {
            return match self.is_gone() {
                true => Err(HubError::NoSuchRoom),
                false => Ok(None),
            };
        };
        let member = self.member(actor)?;
        match member.role >= role {
            true => Ok(Some(member.person.clone())),
            false => Err(HubError::NeedsRole(role)),
        }
    }

    /// Like [`allow`](Self::allow), for what all members are told: a member may have to wait.
    pub(crate) fn begin(
        &mut self,
        actor: Option<Actor<'_>>,
        role: Role,
        effects: &mut Effects,
    ) -> Result<Option<Person>, Stop> {
        let by = self.allow(actor, role)?;
        if by.is_some() {
            self.wait(effects)?;
        }
        Ok(by)
    }

    /// Whether whoever acts may put the member at `whom` out.
    pub(crate) fn outranks(
        &self,
        actor: Option<Actor<'_>>,
        whom: Position,
    ) -> Result<(), HubError> {
        let (Some(actor), Some(whom)) = (actor, self.members.get(&whom)) else {
            return Ok(());
        };
        match self.member(actor)?.role > whom.role {
            true => Ok(()),
            false => Err(HubError::NotOutranked(whom.role)),
        }
    }

    /// Whether `user` may come in. An invitation is used up.
    pub(crate) fn admit(&mut self, name: &UserName, max_members: usize) -> Result<(), HubError> {
        if self.bans.contains(name) {
            return Err(HubError::Banned);
        }
        if self.invite_only && !self.invited.contains(name) {
            return Err(HubError::InviteOnly);
        }
        if self.members.len() >= max_members {
            return Err(HubError::RoomFull(max_members));
        }
        self.invited.remove(name);
        Ok(())
    }

    /// Puts `user` in, with the connections behind `devices`.
    pub(crate) fn enter(
        &mut self,
        user: Arc<User>,
        person: Person,
        devices: &[Arc<Mailbox>],
    ) -> Position {
        let role = match self.members.is_empty() && !self.permanent {
            true => Role::Owner,
            false => Role::Member,
        };
        self.owners += usize::from(role == Role::Owner);
        let position = self.next;
        self.next = position.next();
        let outlets = devices
            .iter()
            .map(|device| self.outlets.insert(device.clone()));
        let member = Member {
            user,
            person,
            role,
            outlets: outlets.collect(),
        };
        self.members.insert(position, member);
        position
    }

    /// Takes the member at `position` out, if there is one.
    pub(crate) fn leave(&mut self, position: Position) {
        let Some(member) = self.members.remove(&position) else {
            return;
        };
        for outlet in member.outlets {
            self.remove_outlet(outlet);
        }
        self.owners -= usize::from(member.role == Role::Owner);
    }

    /// Makes somebody the owner if the last one has left: of the highest role, who has been here longest.
    pub(crate) fn keep_owned(&mut self, room: &RoomName, effects: &mut Effects) {
        if self.owners > 0 || self.permanent {
            return;
        }
        // Of several that are the largest, the last one is found.
        let heir = self.members.iter_mut().rev().max_by_key(|(_, m)| m.role);
        let Some((_, heir)) = heir else {
            return;
        };
        heir.role = Role::Owner;
        self.owners = 1;
        let name = heir.person.clone();
        let event = Event::Role {
            room: room.clone(),
            name,
            role: Role::Owner,
            by: None,
        };
        self.tell(event, None, effects);
    }

    /// Gives the member at `position` a role. `false` if they had it.
    pub(crate) fn set_role(&mut self, position: Position, role: Role) -> Result<bool, HubError> {
        let keeps_owner = self.permanent || self.owners > 1;
        let member = self.members.get_mut(&position);
        let member = member.ok_or(HubError::NotAMember)?;
        if member.role == role {
            return Ok(false);
        }
        if member.role == Role::Owner {
            if !keeps_owner {
                return Err(HubError::LastOwner);
            }
            self.owners -= 1;
        }
        self.owners += usize::from(role == Role::Owner);
        member.role = role;
        Ok(true)
    }

    /// Changes who the member at `position` is to others.
    pub(crate) fn rename(&mut self, position: Position, person: &Person) {
        if let Some(member) = self.members.get_mut(&position) {
            member.person = person.clone();
        }
    }

    /// Adds a connection to the member at `position`.
    pub(crate) fn attach(&mut self, position: Position, device: &Arc<Mailbox>) {
        if let Some(member) = self.members.get_mut(&position) {
            member.outlets.push(self.outlets.insert(device.clone()));
        }
    }

    /// Takes a connection from the member at `position`.
    pub(crate) fn detach(&mut self, position: Position, device: &Arc<Mailbox>) {
        if let Some(member) = self.members.get_mut(&position) {
            let outlets = &self.outlets;
            let is = |&key: &usize| outlets.get(key).is_some_and(|o| Arc::ptr_eq(o, device));
            if let Some(index) = member.outlets.iter().position(is) {
                let outlet = member.outlets.swap_remove(index);
                self.remove_outlet(outlet);
            }
        }
    }

    fn remove_outlet(&mut self, outlet: usize) {
        if let Some(mailbox) = self.outlets.try_remove(outlet) {
            // Nobody has to wait for one who is not here.
            self.behind.retain(|behind| !Arc::ptr_eq(behind, &mailbox));
        }
    }

    /// Whether one more event may be pushed by somebody who can wait. If not, the mailboxes to wait for are
    /// among the effects.
    pub(crate) fn wait(&mut self, effects: &mut Effects) -> Result<(), Stop> {
        if self.behind.is_empty() {
            return Ok(());
        }
        self.behind.retain(|mailbox| mailbox.is_behind());
        if self.behind.is_empty() {
            self.behind = Vec::new();
            return Ok(());
        }
        let before = effects.behind.len();
        let behind = self.behind.iter().filter(|mailbox| effects.minds(mailbox));
        let behind: Vec<_> = behind.cloned().collect();
        effects.behind.extend(behind);
        match effects.behind.len() > before {
            true => Err(Stop::Held),
            false => Ok(()),
        }
    }

    /// Tells all members, but not the connection `except`.
    pub(crate) fn tell(
        &mut self,
        event: Event,
        except: Option<&Arc<Mailbox>>,
        effects: &mut Effects,
    ) {
        let is_other = |outlet: &Arc<Mailbox>| !except.is_some_and(|it| Arc::ptr_eq(it, outlet));
        let outbound = Arc::new(Outbound::new(event));
        self.tell_those(&outbound, Manner::Urgent, is_other, effects);
    }

    /// Tells the connections of members that `wants` picks.
    pub(crate) fn tell_those(
        &mut self,
        outbound: &Arc<Outbound>,
        manner: Manner,
        mut wants: impl FnMut(&Arc<Mailbox>) -> bool,
        effects: &mut Effects,
    ) {
        let already_behind = effects.behind.len();
        for (_, outlet) in &self.outlets {
            if wants(outlet) {
                let _ = effects.push(outlet, Item::Shared(outbound.clone()), manner);
            }
        }
        self.note_behind(&effects.behind[already_behind..]);
    }

    fn say(
        &mut self,
        room: &RoomName,
        from: Option<Person>,
        text: &str,
        manner: Manner,
        effects: &mut Effects,
    ) {
        self.seq += 1;
        let event = Event::Said {
            room: room.clone(),
            seq: self.seq,
            from,
            text: text.into(),
        };
        let outbound = Arc::new(Outbound::new(event));
        self.tell_those(&outbound, manner, |_| true, effects);
    }

    /// Remembers who is behind. It is a short list: a mailbox is pushed to once before somebody waits.
    fn note_behind(&mut self, behind: &[Arc<Mailbox>]) {
        self.behind.extend_from_slice(behind);
        if self.behind.len() > 2 * self.outlets.len() + 16 {
            self.behind.sort_unstable_by_key(Arc::as_ptr);
            self.behind.dedup_by(|a, b| Arc::ptr_eq(a, b));
            self.behind.retain(|mailbox| mailbox.is_behind());
        }
    }
}

fn insert(names: &mut HashSet<UserName>, name: UserName, max: usize) -> Result<(), HubError> {
    if !names.contains(&name) && names.len() >= max {
        return Err(HubError::TooManyNames(max));
    }
    names.insert(name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use crate::{Hub, TakenName};

    /// Otherwise a user who comes and goes on a second connection would make the room grow.
    #[test]
    fn a_connection_that_is_gone_leaves_nothing_in_a_room() {
        let hub = Hub::builder().taken_name(TakenName::Share).build();
        let mut ada = hub.connect("ada").unwrap();
        ada.join("#a").unwrap();
        let room = hub.inner().existing_room("#a").unwrap();
        for _ in 0..10 {
            let second = hub.connect("ada").unwrap();
            assert_eq!(room.lock().outlets.len(), 2);
            drop(second);
            assert_eq!(room.lock().outlets.len(), 1);
        }
        ada.leave("#a").unwrap();
        assert!(room.lock().outlets.is_empty() && room.lock().is_gone());
    }

    /// Who has left is not waited for, however much they have not read.
    #[test]
    fn nobody_waits_for_one_who_has_left() {
        let hub = Hub::new();
        let mut ada = hub.connect("ada").unwrap();
        let mut behind = hub.connect("behind").unwrap();
        ada.join("#a").unwrap();
        behind.join("#a").unwrap();
        while ada.say("#a", &"x".repeat(4000)).is_ok() {
            while let Some(Some(_)) = ada.next().now_or_never() {}
        }
        behind.leave("#a").unwrap();
        ada.say("#a", "at last").unwrap();
    }
}
