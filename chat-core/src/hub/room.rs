//! One room: who is in it, what they may do, and what they are told.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, PoisonError},
    time::SystemTime,
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
    model::{
        Event, Kind, Looks, Mask, MaskEntry, MaskList, Outbound, Person, Role, RoomInfo, RoomName,
        RoomSetting, RoomSettings, Stamp, Style, Topic, UserName,
    },
    sync::{Mutex, MutexGuard},
};

/// A room. Everything that happens in it happens under its lock, and so in one order for all members.
#[derive(Debug)]
pub(crate) struct Room {
    name: RoomName,
    /// In which order the locks of several rooms are taken, and where the room is in the list of all.
    position: Position,
    created: SystemTime,
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
    topic: Topic,
    settings: RoomSettings,
    masks: Masks,
    invited: VecDeque<UserName>,
    owners: usize,
    /// It stays when it is empty, and nobody owns it for having come first.
    permanent: bool,
    /// Its place among all rooms. Without one it is gone, and whoever still finds it looks again.
    place: Option<Place>,
}

/// The lists of masks of a room, each in the order in which it grew.
#[derive(Debug, Default)]
struct Masks {
    bans: Vec<MaskEntry>,
    ban_exceptions: Vec<MaskEntry>,
    invite_exceptions: Vec<MaskEntry>,
}

impl Masks {
    fn of(&self, list: MaskList) -> &Vec<MaskEntry> {
        match list {
            MaskList::Bans => &self.bans,
            MaskList::BanExceptions => &self.ban_exceptions,
            MaskList::InviteExceptions => &self.invite_exceptions,
        }
    }

    fn of_mut(&mut self, list: MaskList) -> &mut Vec<MaskEntry> {
        match list {
            MaskList::Bans => &mut self.bans,
            MaskList::BanExceptions => &mut self.ban_exceptions,
            MaskList::InviteExceptions => &mut self.invite_exceptions,
        }
    }

    fn match_any(&self, list: MaskList, looks: &Looks<'_>) -> bool {
        let mut masks = self.of(list).iter();
        masks.any(|entry| entry.mask.matches_looks(looks))
    }
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

/// Somebody who talks in a room, from inside or from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speaker<'a> {
    pub(crate) person: &'a Person,
    pub(crate) mailbox: &'a Arc<Mailbox>,
    /// The member that they are, if they are one.
    pub(crate) actor: Option<Actor<'a>>,
}

/// A message that is about to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) text: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) extra: Option<Arc<str>>,
    pub(crate) stamp: Stamp,
}

impl Message {
    pub(crate) fn new(text: &str, style: Style<'_>, stamp: Stamp) -> Self {
        Self {
            text: text.into(),
            kind: style.kind,
            extra: style.extra.map(Arc::from),
            stamp,
        }
    }

    /// How long its texts are.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() + self.extra.as_ref().map_or(0, |extra| extra.len())
    }
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
    pub(crate) fn new(
        name: RoomName,
        position: Position,
        place: Place,
        created: SystemTime,
    ) -> Self {
        Self {
            name,
            position,
            created,
            state: Mutex::new(RoomState {
                members: BTreeMap::new(),
                next: Position::default(),
                outlets: Slab::new(),
                behind: Vec::new(),
                seq: 0,
                topic: Topic {
                    text: "".into(),
                    set: None,
                },
                settings: RoomSettings::default(),
                masks: Masks::default(),
                invited: VecDeque::new(),
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

    /// When it was made.
    pub(crate) fn created(&self) -> SystemTime {
        self.created
    }

    /// How it is listed.
    pub(crate) fn info(&self, state: &RoomState) -> RoomInfo {
        RoomInfo {
            name: self.name.clone(),
            members: state.members.len(),
            topic: state.topic.clone(),
            created: self.created,
        }
    }

    /// Sends a message to all members of at least that role, and to who says it.
    pub(crate) fn publish(
        &self,
        speaker: Speaker<'_>,
        least: Role,
        message: Message,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        let mut state = self.lock();
        let from = state.may_talk(speaker)?;
        state.wait(effects)?;
        let is_plain = least == Role::Member;
        let event = state.said(&self.name, Some(from), least, message, is_plain);
        state.tell_at_least(least, speaker.mailbox, event, effects);
        Ok(())
    }

    /// Sends something that nobody reads to all members, and to who sends it.
    pub(crate) fn signal(
        &self,
        speaker: Speaker<'_>,
        extra: Arc<str>,
        stamp: Stamp,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        let mut state = self.lock();
        let from = state.may_talk(speaker)?;
        state.wait(effects)?;
        let event = Event::Signal {
            room: Some(self.name.clone()),
            to: None,
            from,
            extra,
            stamp,
        };
        state.tell_at_least(Role::Member, speaker.mailbox, event, effects);
        Ok(())
    }

    /// Whether a member may send something now.
    pub(crate) fn admits(&self, actor: Actor<'_>, effects: &mut Effects) -> Result<(), Stop> {
        let mut state = self.lock();
        state.may_talk_inside(actor)?;
        state.wait(effects)
    }

    /// Sends messages to all members, without waiting for anybody.
    pub(crate) fn publish_all(
        &self,
        actor: Actor<'_>,
        messages: &mut Vec<Message>,
        effects: &mut Effects,
    ) -> Result<(), HubError> {
        let mut state = self.lock();
        let from = state.may_talk_inside(actor)?;
        let mut said = messages.drain(..).map(|message| {
            let from = Some(from.clone());
            state.said(&self.name, from, Role::Member, message, true)
        });
        let outbound = match (said.len(), said.next()) {
            (1, Some(event)) => Outbound::new(event),
            (_, first) => Outbound::burst(first.into_iter().chain(said).collect()),
        };
        state.tell_those(&Arc::new(outbound), Manner::Urgent, |_| true, effects);
        Ok(())
    }

    /// Sends `text` to all members, for the program. Returns the number of the message.
    pub(crate) fn announce(
        &self,
        message: Message,
        effects: &mut Effects,
    ) -> Result<u64, HubError> {
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
        let event = state.said(&self.name, None, Role::Member, message, true);
        let outbound = Arc::new(Outbound::new(event));
        state.tell_those(&outbound, Manner::Program, |_| true, effects);
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

    pub(crate) fn topic(&self) -> &Topic {
        &self.topic
    }

    pub(crate) fn set_topic(&mut self, text: Arc<str>, by: Option<UserName>, at: SystemTime) {
        self.topic = Topic {
            text,
            set: Some((by, at)),
        };
    }

    pub(crate) fn settings(&self) -> &RoomSettings {
        &self.settings
    }

    /// Makes that so. `false` if it was.
    pub(crate) fn set(&mut self, setting: RoomSetting) -> bool {
        let is_about_invitations = matches!(setting, RoomSetting::InviteOnly(_));
        let is_news = self.settings.set(setting);
        if is_news && is_about_invitations {
            self.invited = VecDeque::new();
        }
        is_news
    }

    /// Whether who is no member may know of the room.
    pub(crate) fn is_open(&self) -> bool {
        !self.settings.invite_only && !self.settings.secret
    }

    /// What whoever is no member is told when that is what it takes.
    pub(crate) fn to_strangers(&self) -> HubError {
        match self.settings.secret {
            true => HubError::NoSuchRoom,
            false => HubError::NotAMember,
        }
    }

    pub(crate) fn is_banned(&self, looks: &Looks<'_>) -> bool {
        self.masks.match_any(MaskList::Bans, looks)
            && !self.masks.match_any(MaskList::BanExceptions, looks)
    }

    /// Puts `mask` on a list. `false` if it was there.
    pub(crate) fn add_mask(
        &mut self,
        list: MaskList,
        entry: MaskEntry,
        max: usize,
    ) -> Result<bool, HubError> {
        let masks = self.masks.of_mut(list);
        if masks.iter().any(|there| there.mask == entry.mask) {
            return Ok(false);
        }
        if masks.len() >= max {
            return Err(HubError::TooManyNames(max));
        }
        let name = entry.mask.only_name().and_then(|name| name.parse().ok());
        masks.push(entry);
        // Who is not wanted any more needs another invitation when that is over.
        if list == MaskList::Bans
            && let Some(name) = name
        {
            self.is_no_longer_invited(&name);
        }
        Ok(true)
    }

    /// Takes `mask` off a list. Returns it as it was there.
    pub(crate) fn remove_mask(&mut self, list: MaskList, mask: &Mask) -> Option<Mask> {
        let masks = self.masks.of_mut(list);
        let index = masks.iter().position(|there| there.mask == *mask)?;
        Some(masks.remove(index).mask)
    }

    pub(crate) fn masks(&self, list: MaskList) -> &[MaskEntry] {
        self.masks.of(list)
    }

    /// Lets `name` in once. Of more than `max` who have not come, the one who was invited first is forgotten.
    pub(crate) fn invite(&mut self, name: UserName, max: usize) {
        self.is_no_longer_invited(&name);
        if self.invited.len() >= max {
            self.invited.pop_front();
        }
        self.invited.push_back(name);
    }

    fn is_no_longer_invited(&mut self, name: &UserName) {
        self.invited.retain(|invited| invited != name);
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

    /// Who speaks, if they may.
    fn may_talk(&self, speaker: Speaker<'_>) -> Result<Person, HubError> {
        if let Some(actor) = speaker.actor {
            return self.may_talk_inside(actor);
        }
        match () {
            () if self.is_gone() => Err(HubError::NoSuchRoom),
            () if self.settings.members_only => Err(self.to_strangers()),
            () if self.is_banned(&Looks::of(speaker.person)) => Err(HubError::Banned),
            () if self.settings.moderated => Err(HubError::Moderated),
            () => Ok(speaker.person.clone()),
        }
    }

    fn may_talk_inside(&self, actor: Actor<'_>) -> Result<Person, HubError> {
        let member = self.member(actor)?;
        match self.settings.moderated && member.role < Role::Voiced {
            true => Err(HubError::Moderated),
            false => Ok(member.person.clone()),
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

    /// Whether `person` may come in. An invitation is used up; who has one needs no key, and is let in although there
    /// are as many members as the room should have.
    pub(crate) fn admit(
        &mut self,
        person: &Person,
        key: Option<&str>,
        max_members: usize,
    ) -> Result<(), HubError> {
        let looks = Looks::of(person);
        if self.is_banned(&looks) {
            return Err(HubError::Banned);
        }
        let is_invited = self.invited.contains(person.name());
        if !is_invited {
            let settings = &self.settings;
            if settings.invite_only && !self.masks.match_any(MaskList::InviteExceptions, &looks) {
                return Err(HubError::InviteOnly);
            }
            if settings.key.as_deref().is_some_and(|it| key != Some(it)) {
                return Err(HubError::BadKey);
            }
            if let Some(limit) = settings.limit
                && self.members.len() >= limit
            {
                return Err(HubError::RoomFull(limit));
            }
        }
        if self.members.len() >= max_members {
            return Err(HubError::RoomFull(max_members));
        }
        self.is_no_longer_invited(person.name());
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
        let was = std::mem::replace(&mut heir.role, Role::Owner);
        self.owners = 1;
        let name = heir.person.clone();
        let event = Event::Role {
            room: room.clone(),
            name,
            role: Role::Owner,
            was,
            by: None,
        };
        self.tell(event, None, effects);
    }

    /// What the member at `position` may do, if there is one.
    pub(crate) fn role(&self, position: Position) -> Result<Role, HubError> {
        let member = self.members.get(&position);
        member.map(|member| member.role).ok_or(HubError::NotAMember)
    }

    /// Gives the member at `position` another role.
    pub(crate) fn set_role(&mut self, position: Position, role: Role) -> Result<(), HubError> {
        let keeps_owner = self.permanent || self.owners > 1;
        let member = self.members.get_mut(&position);
        let member = member.ok_or(HubError::NotAMember)?;
        if member.role == Role::Owner && role != Role::Owner {
            if !keeps_owner {
                return Err(HubError::LastOwner);
            }
            self.owners -= 1;
        } else if member.role != Role::Owner && role == Role::Owner {
            self.owners += 1;
        }
        member.role = role;
        Ok(())
    }

    /// Changes who the member at `position` is to others.
    pub(crate) fn reintroduce(&mut self, position: Position, person: &Person) {
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

    /// Tells the moderators, but not whoever acts.
    pub(crate) fn tell_moderators(
        &mut self,
        event: Event,
        actor: Option<Actor<'_>>,
        effects: &mut Effects,
    ) {
        let outbound = Arc::new(Outbound::new(event));
        let is_other =
            |member: &&Member| !actor.is_some_and(|actor| Arc::ptr_eq(actor.user, &member.user));
        let moderators = self.members.values().filter(|m| m.role >= Role::Moderator);
        for member in moderators.filter(is_other) {
            for outlet in member
                .outlets
                .iter()
                .filter_map(|&key| self.outlets.get(key))
            {
                let _ = effects.push(outlet, Item::Shared(outbound.clone()), Manner::Urgent);
            }
        }
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

    /// Tells the members of at least that role, and the connection of who speaks.
    fn tell_at_least(
        &mut self,
        least: Role,
        speaker: &Arc<Mailbox>,
        event: Event,
        effects: &mut Effects,
    ) {
        let outbound = Arc::new(Outbound::new(event));
        let mut is_told = false;
        if least == Role::Member {
            let wants = |outlet: &Arc<Mailbox>| {
                is_told |= Arc::ptr_eq(outlet, speaker);
                true
            };
            self.tell_those(&outbound, Manner::Urgent, wants, effects);
        } else {
            let already_behind = effects.behind.len();
            for member in self.members.values().filter(|member| member.role >= least) {
                for outlet in member
                    .outlets
                    .iter()
                    .filter_map(|&key| self.outlets.get(key))
                {
                    is_told |= Arc::ptr_eq(outlet, speaker);
                    let _ = effects.push(outlet, Item::Shared(outbound.clone()), Manner::Urgent);
                }
            }
            self.note_behind(&effects.behind[already_behind..]);
        }
        if !is_told {
            let _ = effects.push(speaker, Item::Shared(outbound), Manner::Urgent);
        }
    }

    /// The event that a message is, which is the next one of the room if it `counts`.
    fn said(
        &mut self,
        room: &RoomName,
        from: Option<Person>,
        least: Role,
        message: Message,
        counts: bool,
    ) -> Event {
        self.seq += u64::from(counts);
        let Message {
            text,
            kind,
            extra,
            stamp,
        } = message;
        Event::Said {
            room: room.clone(),
            seq: if counts { self.seq } else { 0 },
            from,
            text,
            kind,
            least,
            extra,
            stamp,
        }
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
