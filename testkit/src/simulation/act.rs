//! What happens in one step of the storm.

use std::{io, time::Duration};

use chinwag_core::{Role, TakenName};

use super::{
    book::{Id, To, fold},
    irc, line,
    request::Request,
    stage::{BOTS, PERMANENT, Stage},
};
use crate::net::Link;

/// What somebody may be made.
const ROLES: [Role; 4] = [Role::Member, Role::Voiced, Role::Moderator, Role::Owner];

impl Stage {
    /// Something happens, and perhaps time passes.
    pub(super) async fn step(&mut self) {
        match self.rng.u8(..100) {
            0..12 => self.some_come(),
            12..15 if !self.seeds.is_empty() => {
                let (index, name) = (self.rng.usize(..self.seeds.len()), self.any_name());
                self.greet(index, &name);
            }
            15 if !self.seeds.is_empty() => {
                let index = self.rng.usize(..self.seeds.len());
                match self.plan.has_faults {
                    true => self.seeds[index].1.vanish(),
                    false => self.seeds[index].1.close(),
                }
            }
            12..70 => self.ask_for_something(),
            70..80 if self.plan.has_faults => self.misbehave(),
            70..90 => self.program(),
            90..92 if self.plan.has_restarts && self.rng.u8(..20) == 0 => {
                self.world().count("restart");
                self.restart();
            }
            92 => {
                let error = match self.rng.bool() {
                    true => io::Error::other("too many open files"),
                    false => io::ErrorKind::ConnectionAborted.into(),
                };
                let wire = ["line", "irc"][self.rng.usize(..2)];
                self.net.fail_accept(wire, error);
            }
            _ => {}
        }
        match self.rng.u8(..8) {
            0 => self.pass(20_000).await,
            1..4 => self.pass(500).await,
            4 => self.rt.settle().await,
            _ => {}
        }
        if self.rng.u8(..50) == 0 {
            let longer = Duration::from_millis(self.rng.u64(..3000));
            self.rt.sleep(longer).await;
        }
    }

    async fn pass(&mut self, most_micros: u64) {
        let wait = Duration::from_micros(self.rng.u64(..most_micros));
        self.rt.sleep(wait).await;
    }

    fn any_name(&mut self) -> String {
        // Fewer names than clients, so that some want the same.
        let most = self.plan.clients + self.plan.clients / 2 + 2;
        let name = format!("user{}", self.rng.usize(..most));
        match self.rng.u8(..16) {
            0 => name.to_uppercase(),
            1 if !self.seeds.is_empty() => {
                let (who, _) = self.seeds[self.rng.usize(..self.seeds.len())];
                format!("old{who}")
            }
            _ => name,
        }
    }

    fn any_room(&mut self) -> String {
        match self.rng.u8(..3) {
            0 => PERMANENT[self.rng.usize(..PERMANENT.len())].to_owned(),
            _ => format!("#room{}", self.rng.usize(..self.plan.rooms)),
        }
    }

    /// A name that a client of `line` may have. Those of `seed` are not told that they are invited.
    fn any_line_name(&mut self) -> String {
        loop {
            let name = self.any_name();
            if !name.starts_with("old") {
                return name;
            }
        }
    }

    /// A client that can ask for something.
    fn anybody(&mut self) -> Option<usize> {
        if self.clients.is_empty() {
            return None;
        }
        let (who, client) = &self.clients[self.rng.usize(..self.clients.len())];
        // One that never stops asking would fill the memory of the simulation.
        (client.can_ask() && client.unsent() < 16 * 1024).then_some(*who)
    }

    /// Somebody comes, or a crowd where there is to be one.
    fn some_come(&mut self) {
        let most = if self.plan.clients < 100 { 1 } else { 16 };
        for _ in 0..self.rng.usize(1..=most) {
            self.come();
        }
    }

    /// Somebody connects, and most likely registers and joins a room.
    fn come(&mut self) {
        if self.clients.len() >= self.plan.clients {
            return;
        }
        let good = Link {
            capacity: self.plan.capacity,
            ..Link::default()
        };
        // A hook may rewrite what is said, and then nobody knows how long it is.
        if !self.plan.has_hooks && self.rng.u8(..12) == 0 {
            self.world().count("connect on seed");
            self.connect_seed(good);
            return;
        }
        let link = match self.plan.has_bad_links && self.rng.bool() {
            true => self.net.any_link(),
            false => good,
        };
        let Some(who) = self.connect(link) else {
            return;
        };
        self.world().count("connect");
        if self.rng.u8(..8) > 0 {
            self.register(who);
        }
        if self.rng.u8(..4) > 0 {
            self.join(who);
        }
    }

    fn register(&mut self, who: usize) {
        let name = self.any_line_name();
        if self.plan.taken_name == TakenName::Share {
            self.share(&name, who);
        }
        let line = format!("register,{name}");
        self.ask(who, Vec::new(), &line, Request::Register(name));
    }

    /// Less can be said of connections that have ever wanted the same name.
    fn share(&mut self, name: &str, who: usize) {
        let mut world = self.world();
        let name = fold(name);
        let others = world.book.who_asked(&name).filter(|other| *other != who);
        let others: Vec<_> = others.collect();
        if !others.is_empty() {
            world.share(who);
        }
        for other in others {
            world.share(other);
        }
    }

    fn join(&mut self, who: usize) {
        let room = self.any_room();
        self.ask(
            who,
            Vec::new(),
            &format!("join,{room}"),
            Request::Join(room),
        );
    }

    /// A message that `who` says to a room or a user, and its line.
    pub(super) fn talk(&mut self, who: usize, name: &str, to: To, padding: usize) -> (u32, String) {
        let verb = match to {
            To::Room(_) => "say",
            To::User(_) => "chat",
        };
        let mut world = self.world();
        // On IRC, a message is one line, and that is short.
        let padding = match world.ircs.contains_key(&who) {
            true => padding.min(irc::MAX_PADDING),
            false => padding,
        };
        let id = world.book.add(Some(who), to, padding);
        world.count(verb);
        drop(world);
        (id, format!("{verb},{name},{}", line::text(id, padding)))
    }

    fn padding(&mut self) -> usize {
        match self.rng.u8(..16) {
            0 => self.rng.usize(..4000),
            1..4 => self.rng.usize(..400),
            _ => self.rng.usize(..20),
        }
    }

    fn ask_for_something(&mut self) {
        let Some(who) = self.anybody() else {
            return;
        };
        let (name, room) = (self.any_name(), self.any_room());
        let (line, request) = match self.rng.u8(..64) {
            0..20 => {
                let most = 1 << self.rng.u32(..5);
                let mut talk = Vec::new();
                for _ in 0..self.rng.usize(1..=most) {
                    let padding = self.padding();
                    talk.push(self.talk(who, &room, To::Room(room.clone()), padding));
                }
                // Not everybody asks whether it was taken, and then nothing follows that would bring it about.
                return match self.rng.u8(..4) {
                    0 => self.say(who, talk),
                    _ => self.ask(who, talk, "ping", Request::Ping),
                };
            }
            20..30 => {
                let name = match self.rng.u8(..16) {
                    0 => BOTS[self.rng.usize(..BOTS.len())].to_owned(),
                    _ => name,
                };
                let padding = self.padding();
                let talk = self.talk(who, &name, To::User(fold(&name)), padding);
                return self.ask(who, vec![talk], "ping", Request::Ping);
            }
            30..34 => return self.register(who),
            34..42 => return self.join(who),
            42..45 => (format!("leave,{room}"), Request::Leave(room)),
            45..49 => (format!("list,{room}"), Request::Members(room)),
            49 => ("list,friends".to_owned(), Request::List),
            50 => ("list,rooms".to_owned(), Request::List),
            51 => (format!("topic,{room}"), Request::Topic(room)),
            52 => {
                let told = Some(format!("topic about {name}"));
                let line = format!("topic,{room},about {name}");
                (line, Request::change(&room, told))
            }
            53 => {
                let told = Some(format!("kicked {name}"));
                (format!("kick,{room},{name}"), Request::change(&room, told))
            }
            54 => {
                let told = Some(format!("kicked {name} for no reason"));
                let line = format!("kick,{room},{name},for no reason");
                (line, Request::change(&room, told))
            }
            55 => {
                let mut world = self.world();
                if world.ircs.contains_key(&who) {
                    let mask = (room.clone(), fold(irc::mask(&name)));
                    world.masks.insert(mask);
                }
                drop(world);
                (format!("ban,{room},{name}"), Request::change(&room, None))
            }
            56 => (format!("unban,{room},{name}"), Request::change(&room, None)),
            57 => {
                let role = ROLES[self.rng.usize(..ROLES.len())];
                let line = format!("role,{room},{name},{role}");
                (line, Request::change(&room, None))
            }
            58 => {
                let line = format!("invite,{room},{}", self.any_line_name());
                (line, Request::change(&room, None))
            }
            59 => {
                let on = ["on", "off"][self.rng.usize(..2)];
                let line = format!("invite-only,{room},{on}");
                (line, Request::change(&room, None))
            }
            60 => (format!("away,for {room}"), Request::Away),
            61 => ("away".to_owned(), Request::Away),
            62 => (format!("whois,{name}"), Request::Whois),
            _ => match self.rng.u8(..4) {
                0 => return self.leave(who),
                _ => ("ping".to_owned(), Request::Ping),
            },
        };
        self.ask(who, Vec::new(), &line, request);
    }

    /// Somebody goes, in good order.
    fn leave(&mut self, who: usize) {
        self.world().count("leave the chat");
        if self.rng.bool() {
            return self.ask(who, Vec::new(), "quit", Request::Quit);
        }
        self.world().habits[who].may_end = true;
        self.with_client(who, |client| client.close());
    }

    fn with_client(&self, who: usize, act: impl FnOnce(&super::client::Client)) {
        if let Some(client) = self.client(who) {
            act(client);
        }
    }

    /// Somebody does what no client should.
    fn misbehave(&mut self) {
        let Some(who) = self.anybody() else {
            return;
        };
        let unreliable = |stage: &Self| stage.world().habits[who].is_unreliable = true;
        match self.rng.u8(..18) {
            0..3 => {
                unreliable(self);
                self.world().count("stop reading");
                self.with_client(who, |client| client.set_reading(false));
            }
            3..6 => self.with_client(who, |client| client.set_reading(true)),
            6..8 => {
                unreliable(self);
                self.world().count("stall");
                self.with_client(who, |client| client.set_stalled(true));
            }
            8..10 => self.with_client(who, |client| client.set_stalled(false)),
            10 => {
                self.world().count("reset");
                self.with_client(who, |client| client.reset());
            }
            11 => {
                self.world().count("vanish");
                self.with_client(who, |client| client.vanish());
            }
            12 => {
                self.world().count("garbage");
                let garbage = self.garbage();
                self.ask(who, Vec::new(), &garbage, Request::Garbage);
            }
            13 if !self.is_unfinished(who) => {
                self.world().count("half a line");
                if self.world().witnesses[who].owes_a_ping() {
                    self.ask(who, Vec::new(), "ping", Request::Ping);
                }
                let mut world = self.world();
                world.asks(who, Vec::new(), Some(Request::Garbage));
                let irc = world.ircs.get_mut(&who);
                let begun = irc.map(irc::Irc::begins_line);
                drop(world);
                if begun.is_none() {
                    self.unfinished.insert(who);
                }
                let begun = begun.unwrap_or_else(|| "half a li".to_owned());
                self.with_client(who, |client| client.send(begun.as_bytes()));
            }
            14 => {
                self.world().count("shout");
                let room = self.any_room();
                let mut talk = Vec::new();
                for _ in 0..30 {
                    talk.push(self.talk(who, &room, To::Room(room.clone()), 500));
                }
                self.ask(who, talk, "ping", Request::Ping);
            }
            15 => {
                self.world().count("flood");
                for _ in 0..50 {
                    self.ask(who, Vec::new(), "list,friends", Request::List);
                }
            }
            _ => {
                self.world().count("too long a line");
                self.ask(who, Vec::new(), &"x".repeat(5000), Request::Garbage);
            }
        }
    }

    /// Whether `who` has sent half a line.
    fn is_unfinished(&self, who: usize) -> bool {
        let world = self.world();
        let irc = world.ircs.get(&who);
        self.unfinished.contains(&who) || irc.is_some_and(irc::Irc::is_unfinished)
    }

    fn garbage(&mut self) -> String {
        let length = self.rng.usize(1..60);
        // What there is no verb for, whatever follows.
        let rest: String = (0..length)
            .map(|_| match self.rng.char('\u{1}'..='\u{24f}') {
                '\n' => ',',
                other => other,
            })
            .collect();
        format!("?{rest}")
    }

    /// The program says something, and knows at once whether it was taken.
    pub(super) fn program_says(
        &mut self,
        by: Option<usize>,
        to: To,
        padding: usize,
        say: impl FnOnce(&mut Self, &str) -> bool,
    ) -> Id {
        let id = self.world().book.add(by, to, padding);
        let is_taken = say(self, &line::text(id, padding));
        self.world().book.messages[id as usize].refused = Some(!is_taken);
        id
    }

    /// The program has its say.
    fn program(&mut self) {
        let (name, room) = (self.any_name(), self.any_room());
        let bot = self.rng.usize(..self.bots.len());
        // What fails does so for good reasons, and those who hear of it notice what should not be.
        match self.rng.u8(..24) {
            0..6 => {
                let padding = self.padding();
                let said = |stage: &mut Self, text: &str| stage.hub.publish(&room, text).is_ok();
                self.program_says(None, To::Room(room.clone()), padding, said);
            }
            6..9 => {
                let said = |stage: &mut Self, text: &str| stage.hub.tell(&name, text).is_ok();
                self.program_says(None, To::User(fold(&name)), 10, said);
            }
            9..14 => {
                let room = PERMANENT[self.rng.usize(..PERMANENT.len())];
                let who = Some(self.bots[bot].who);
                let said =
                    |stage: &mut Self, text: &str| stage.bots[bot].user.say(room, text).is_ok();
                self.program_says(who, To::Room(room.to_owned()), 5, said);
            }
            14..16 => {
                let who = Some(self.bots[bot].who);
                let said =
                    |stage: &mut Self, text: &str| stage.bots[bot].user.send(&name, text).is_ok();
                self.program_says(who, To::User(fold(&name)), 5, said);
            }
            16..20 => self.listen(bot),
            20 => {
                self.world().count("kick");
                let _ = self.hub.kick(&name, "by the program");
            }
            _ => {
                let Ok(room) = self.hub.room(&room) else {
                    return;
                };
                let _ = match self.rng.u8(..8) {
                    0 => room.kick(&name, Some("by the program")),
                    1 => room.ban(&name),
                    2 => room.unban(&name),
                    3 => room.set_topic("of the program"),
                    4 => room.set_role(&name, ROLES[self.rng.usize(..ROLES.len())]),
                    5 => room.set_invite_only(true),
                    6 => room.set_invite_only(false),
                    _ => room.invite(&self.any_line_name()),
                };
            }
        }
    }
}
