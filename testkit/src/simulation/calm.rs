//! What must be when the storm is over.

use std::{collections::BTreeMap, time::Duration};

use super::{
    book::{Id, To, fold},
    request::Request,
    stage::{BOTS, PERMANENT, Stage},
    stay::Stay,
    witness::{Entry, Witness, Wrong},
};
use crate::net::Link;

impl Stage {
    /// The storm is over: what could not get through does, and whatever was asked is answered.
    pub(super) async fn calm_down(&mut self) -> Result<(), Wrong> {
        self.hooks.behave();
        for (_, client) in &self.clients {
            client.set_stalled(false);
            client.set_reading(true);
        }
        for _ in 0..4 {
            self.rt.sleep(Duration::from_secs(10)).await;
            for bot in 0..self.bots.len() {
                self.listen(bot);
            }
        }
        self.look()?;
        let waits = self.hub.stats().queue_bytes;
        if waits > 0 {
            return Err(format!("{waits} bytes wait for readers that read"));
        }
        let open = self.clients.iter().filter(|(_, client)| client.can_ask());
        let open: Vec<_> = open.map(|(who, _)| *who).collect();
        for who in &open {
            self.ask(*who, Vec::new(), "ping", Request::Ping);
        }
        self.rt.sleep(Duration::from_secs(60)).await;
        self.look()?;
        for who in &open {
            self.is_answered(*who)?;
        }
        // Everybody looks around.
        for who in &open {
            let rooms: Vec<_> = self.world().witnesses[*who]
                .stays()
                .keys()
                .cloned()
                .collect();
            for room in rooms {
                let (list, topic) = (format!("list,{room}"), format!("topic,{room}"));
                self.ask(*who, Vec::new(), &list, Request::Members(room.clone()));
                self.ask(*who, Vec::new(), &topic, Request::Topic(room));
            }
            self.rt.sleep(Duration::from_millis(100)).await;
        }
        self.rt.sleep(Duration::from_secs(60)).await;
        self.look()?;
        for who in &open {
            self.is_answered(*who)?;
            self.knows_who_is_there(*who)?;
        }
        self.each_has_a_name(&open)?;
        self.all_is_heard(&open).await?;
        for bot in 0..self.bots.len() {
            self.listen(bot);
        }
        self.look()?;
        self.world().compare()?;
        self.is_counted()
    }

    fn is_open(&self, who: usize) -> bool {
        let mut all = self.clients.iter().chain(&self.seeds);
        all.any(|(other, client)| *other == who && client.is_open())
    }

    fn is_answered(&self, who: usize) -> Result<(), Wrong> {
        let unanswered = self.world().witnesses[who].unanswered();
        match unanswered > 0 && self.is_open(who) {
            true => Err(format!("{who} waits for {unanswered} answers for ever")),
            false => Ok(()),
        }
    }

    fn knows_who_is_there(&self, who: usize) -> Result<(), Wrong> {
        let world = self.world();
        let witness = &world.witnesses[who];
        if !self.is_open(who) || witness.is_shared {
            return Ok(());
        }
        let doubt = witness.doubt();
        doubt.map_err(|wrong| format!("{who}: {wrong}"))?;
        if let Some(name) = &witness.name {
            let users = self.hub.users();
            if !users.iter().any(|user| fold(user.as_str()) == *name) {
                return Err(format!("{who} is {name}, but there is no such user"));
            }
        }
        for (room, stay) in witness.stays() {
            self.is_as_known(room, stay)
                .map_err(|wrong| format!("{who}: in {room} {wrong}"))?;
        }
        Ok(())
    }

    /// No two have the same name, but devices of one user.
    fn each_has_a_name(&self, open: &[usize]) -> Result<(), Wrong> {
        let world = self.world();
        let mut names = BTreeMap::new();
        for who in open.iter().filter(|who| self.is_open(**who)) {
            let witness = &world.witnesses[*who];
            if let Some(name) = witness.name.as_ref().filter(|_| !witness.is_shared)
                && let Some(other) = names.insert(name, *who)
            {
                return Err(format!("{who} and {other} are {name}"));
            }
        }
        Ok(())
    }

    /// Now that nothing goes wrong any more, everything that is said is heard.
    async fn all_is_heard(&mut self, open: &[usize]) -> Result<(), Wrong> {
        let named: Vec<_> = {
            let world = self.world();
            let seeds = self.seeds.iter().map(|(who, _)| who);
            let witnesses = open.iter().chain(seeds);
            let witnesses = witnesses.map(|who| &world.witnesses[*who]);
            let named = witnesses.filter(|witness| self.is_open(witness.who));
            let named = named.filter_map(|witness| Some((witness.who, witness.name.clone()?)));
            named.collect()
        };
        let alone: Vec<_> = {
            let world = self.world();
            let is_alone =
                |who: &usize| !world.witnesses[*who].is_shared && !world.seeds.contains_key(who);
            let alone = named.iter().filter(|(who, _)| is_alone(who));
            alone.cloned().collect()
        };
        let mut due = self.all_say_something(&alone);
        due.extend(self.all_rooms_are_told(&alone));
        let told = self.all_users_are_told();
        let greeted = self.all_seeds_greet(&alone);
        self.rt.sleep(Duration::from_secs(60)).await;
        for bot in 0..self.bots.len() {
            self.listen(bot);
        }
        self.look()?;
        let world = self.world();
        for (who, id) in due {
            if self.is_open(who) && !world.witnesses[who].has_heard(id) {
                return Err(format!("{who} has not heard m{id}"));
            }
        }
        for who in named.iter().map(|(who, _)| *who) {
            let witness = &world.witnesses[who];
            let heard = told.iter().filter(|id| witness.has_heard(**id)).count();
            if self.is_open(who) && heard != 1 {
                return Err(format!("{who} has heard {heard} of {told:?}, not one"));
            }
        }
        for (who, by, before) in greeted {
            if self.is_open(who) && world.witnesses[who].greetings(&by) != before + 1 {
                return Err(format!("{who} has not heard {by}"));
            }
        }
        drop(world);
        self.directs_are_heard()?;
        let world = self.world();
        for (who, _) in &self.seeds {
            if !world.seeds[who].has_read_all() {
                return Err(format!("{who} has read the beginning of something"));
            }
        }
        Ok(())
    }

    /// Whoever is told that a message to a user was taken is right: that user has heard it, if it is still there, was
    /// the only one of its name, and has missed nothing.
    fn directs_are_heard(&self) -> Result<(), Wrong> {
        let world = self.world();
        let open: BTreeMap<&str, &Witness> = {
            let witnesses = world.witnesses.iter();
            let is_there = |w: &&Witness| self.is_open(w.who) || self.is_bot(w.who);
            let is_certain = |w: &&Witness| (w.missed, w.renames, w.may_miss) == (0, 0, false);
            let certain = witnesses.filter(|w| is_there(w) && is_certain(w) && !w.is_shared);
            certain
                .filter_map(|w| Some((w.name.as_deref()?, w)))
                .filter(|(name, _)| world.book.who_asked(name).count() == 1)
                .collect()
        };
        let messages = world.book.messages.iter().enumerate();
        for (id, message) in messages.filter(|(_, message)| message.refused == Some(false)) {
            if let To::User(name) = &message.to
                && let Some(witness) = open.get(&**name)
                && !witness.has_heard(id as Id)
            {
                return Err(format!("{} has never heard m{id}", witness.who));
            }
        }
        Ok(())
    }

    /// Whether `who` is a user of the program's that is still there.
    fn is_bot(&self, who: usize) -> bool {
        let mut bots = self.bots.iter();
        bots.any(|bot| bot.who == who && bot.user.name().is_some())
    }

    /// Each says something to the next. Returns who must hear what.
    fn all_say_something(&mut self, named: &[(usize, String)]) -> Vec<(usize, Id)> {
        let mut due = Vec::new();
        for ((who, _), (other, name)) in named.iter().zip(named.iter().cycle().skip(1)) {
            let talk = self.talk(*who, name, To::User(name.clone()), 3);
            due.push((*other, talk.0));
            self.ask(*who, vec![talk], "ping", Request::Ping);
        }
        due
    }

    /// The program says something in each room. Returns who must hear what.
    fn all_rooms_are_told(&mut self, named: &[(usize, String)]) -> Vec<(usize, Id)> {
        let mut due = Vec::new();
        for room in self.hub.rooms() {
            let to = To::Room(fold(room.as_str()));
            let id = self.program_says(None, to, 3, |stage, text| {
                stage.hub.publish(room.as_str(), text).is_ok()
            });
            let world = self.world();
            let room = fold(room.as_str());
            // They have just seen who is there, themselves perhaps not.
            let members = named.iter().filter(|(who, name)| {
                let stay = world.witnesses[*who].stays().get(&room);
                stay.is_some_and(|stay| stay.has(name) == Some(true))
            });
            due.extend(members.map(|(who, _)| (*who, id)));
        }
        due
    }

    /// Each client of `seed` greets somebody. Returns who must hear it, of whom, and how often they had before.
    fn all_seeds_greet(&mut self, named: &[(usize, String)]) -> Vec<(usize, String, u64)> {
        let mut due = Vec::new();
        for (index, (who, name)) in (0..self.seeds.len()).zip(named.iter().cycle()) {
            let by = format!("old{}", self.seeds[index].0);
            let world = self.world();
            let is_registered = world.seeds[&self.seeds[index].0].is_registered();
            let before = world.witnesses[*who].greetings(&by);
            drop(world);
            self.greet(index, name);
            if is_registered {
                due.push((*who, by, before));
            }
        }
        due
    }

    /// The program says something to each user. All connections of a user hear it, and nobody else.
    fn all_users_are_told(&mut self) -> Vec<Id> {
        let users = self.hub.users().into_iter();
        users
            .map(|user| {
                let to = To::User(fold(user.as_str()));
                self.program_says(None, to, 3, |stage, text| {
                    stage.hub.tell(user.as_str(), text).is_ok()
                })
            })
            .collect()
    }

    /// Checks what a member knows of `room`.
    fn is_as_known(&self, room: &str, stay: &Stay) -> Result<(), Wrong> {
        let Ok(room) = self.hub.room(room) else {
            return match stay.may_be_over {
                true => Ok(()),
                false => Err("there is no such room".to_owned()),
            };
        };
        let members: BTreeMap<_, _> = room
            .members()
            .iter()
            .map(|(name, role)| (fold(name.as_str()), *role))
            .collect();
        let there = members.keys().map(String::as_str);
        if stay.is_complete && !stay.there().into_iter().eq(there) {
            return Err(format!("are {members:?}, not {:?}", stay.there()));
        }
        for (name, role) in stay.roles() {
            if members.get(name) != Some(&role) {
                return Err(format!("{name} is no {role}: {members:?}"));
            }
        }
        let topic = room.topic();
        if stay.topic.as_ref().is_some_and(|known| **known != *topic) {
            return Err(format!("the topic is {topic:?}, not {:?}", stay.topic));
        }
        let on = room.is_invite_only();
        match stay.is_invite_only.is_some_and(|known| known != on) {
            true => Err(format!("invite-only is {on}")),
            false => Ok(()),
        }
    }

    /// What was counted is what was seen; and what was heard, if everybody has read all.
    fn is_counted(&self) -> Result<(), Wrong> {
        let failures = self.hub.stats().hook_failures;
        let may_have_failed = self.hooks.failures();
        if !self.plan.has_restarts && !may_have_failed.contains(&failures) {
            let most = may_have_failed;
            return Err(format!("{failures} hooks have failed, and not {most:?}"));
        }
        if !self.plan.is_calm() {
            return Ok(());
        }
        let world = self.world();
        let events: u64 = world.witnesses.iter().map(|w| w.events).sum();
        let missed: u64 = world.witnesses.iter().map(|w| w.missed).sum();
        let stats = self.hub.stats();
        // Somebody who comes in and is away looks on IRC like somebody who is away a moment later.
        let unsure: u64 = world.witnesses.iter().map(|w| w.unsure).sum();
        let unheard = world.unheard;
        let is_heard = (events - unsure..=events + unheard).contains(&stats.delivered);
        let counted = (stats.delivered, stats.missed);
        match is_heard && stats.missed == missed {
            true => Ok(()),
            false => Err(format!(
                "{events} events were heard and {missed} missed, but {counted:?} counted"
            )),
        }
    }

    /// How often the hub says that something has happened.
    pub(super) fn tally(&self) {
        let stats = self.hub.stats();
        let mut world = self.world();
        for (what, count) in [
            ("closed as too slow", stats.slow),
            ("closed for flooding", stats.flooding),
            ("timed out", stats.timed_out),
            ("turned away", stats.turned_away),
            ("refused as too fast", stats.rate_limited),
            ("events missed", stats.missed),
            ("events lost", stats.lost),
            ("hooks failed", stats.hook_failures),
            (
                "chats of a hundred or more",
                u64::from(self.most_clients >= 100),
            ),
        ] {
            *world.counts.entry(what).or_default() += count;
        }
    }

    pub(super) async fn everybody_leaves(&mut self) -> Result<(), Wrong> {
        for (_, client) in self.seeds.drain(..) {
            client.close();
        }
        for (who, client) in self.clients.clone() {
            match self.rng.u8(..3) {
                0 if client.can_ask() => self.ask(who, Vec::new(), "quit", Request::Quit),
                1 => {
                    self.world().habits[who].may_end = true;
                    client.close();
                }
                _ => client.vanish(),
            }
        }
        // Those whose end a stalled link has swallowed are idle for too long.
        self.rt.sleep(Duration::from_secs(400)).await;
        self.look()?;
        match self.clients.len() {
            0 => Ok(()),
            left => Err(format!("{left} clients are still connected")),
        }
    }

    /// Every name that there was can be had again, and a room works for those who come now.
    pub(super) async fn names_are_free(&mut self) -> Result<(), Wrong> {
        let mut names = self.names_of_clients();
        self.rng.shuffle(&mut names);
        let limits = &self.plan.limits;
        names.truncate(limits.max_connections().min(limits.max_members()).min(40));
        let mut fresh = Vec::new();
        for name in &names {
            let who = self.connect(Link::default()).ok_or("nobody listens")?;
            let register = format!("register,{name}");
            self.ask(who, Vec::new(), &register, Request::Register(name.clone()));
            let room = "#afterwards".to_owned();
            self.ask(who, Vec::new(), "join,#afterwards", Request::Join(room));
            fresh.push(who);
        }
        self.rt.sleep(Duration::from_secs(2)).await;
        let said = self.say_afterwards(fresh.first().copied());
        self.rt.sleep(Duration::from_secs(2)).await;
        self.look()?;
        for (who, name) in fresh.iter().zip(&names) {
            let world = self.world();
            let witness = &world.witnesses[*who];
            if witness.name.as_ref() != Some(name) {
                return Err(format!("{name} is not free"));
            }
            let heard = witness.rooms.get("#afterwards");
            let has_heard = heard.is_some_and(|h| h.last() == said.map(Entry::Message).as_ref());
            if !has_heard {
                return Err(format!("{name} hears nothing"));
            }
        }
        for who in fresh {
            self.ask(who, Vec::new(), "quit", Request::Quit);
        }
        self.rt.sleep(Duration::from_secs(10)).await;
        self.look()?;
        self.world().compare()
    }

    /// Every name that a client may have had.
    fn names_of_clients(&self) -> Vec<String> {
        let world = self.world();
        let names = world.book.names().into_iter().cloned();
        names
            .filter(|name| !BOTS.contains(&name.as_str()))
            .collect()
    }

    fn say_afterwards(&mut self, who: Option<usize>) -> Option<u32> {
        let (who, room) = (who?, "#afterwards");
        let talk = self.talk(who, room, To::Room(room.to_owned()), 3);
        let id = talk.0;
        self.say(who, vec![talk]);
        Some(id)
    }

    pub(super) async fn nothing_is_left(&mut self) -> Result<(), Wrong> {
        for bot in 0..self.bots.len() {
            self.listen(bot);
        }
        self.look()?;
        let stats = self.hub.stats();
        // A hook may have put them out.
        let bots = self.bots.iter().filter(|bot| bot.user.name().is_some());
        let left = (stats.connections, stats.users, stats.rooms);
        if left != (0, bots.count(), PERMANENT.len()) {
            return Err(format!("{left:?} connections, users and rooms are left"));
        }
        self.bots.clear();
        for room in PERMANENT {
            let room = self.hub.room(room).expect("a permanent room");
            room.set_permanent(false).expect("a room");
        }
        let stats = self.hub.stats();
        let left = (stats.users, stats.rooms, stats.queue_bytes);
        if left != (0, 0, 0) {
            return Err(format!("{left:?} users, rooms and bytes are left"));
        }
        if let Some(server) = self.server.take() {
            server.shut_down(Duration::ZERO);
        }
        self.rt.sleep(Duration::from_secs(10)).await;
        match (self.rt.tasks(), self.rt.timers(), self.rt.panics()) {
            (0, 0, 0) => Ok(()),
            left => Err(format!("{left:?} tasks, timers and panics are left")),
        }
    }
}
