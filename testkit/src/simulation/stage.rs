//! Where a simulation happens: the server, those who talk to it, and the program around it.

use std::{
    collections::BTreeSet,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chinwag_core::{Event, Hub, LocalUser, Runtime, Server, ServerHandle, wire::Line};
use fastrand::Rng;
use futures::{FutureExt, StreamExt};

use super::{
    client::Client,
    hooks::Hooks,
    plan::Plan,
    witness::{Entry, Request, Wrong, fold},
    world::World,
};
use crate::{
    net::{Link, MemoryNet},
    runtime::VirtualRuntime,
};

/// A simulation that runs.
pub(super) struct Stage {
    pub(super) rt: VirtualRuntime,
    pub(super) net: MemoryNet,
    pub(super) hub: Hub,
    hooks: Hooks,
    pub(super) rng: Rng,
    pub(super) plan: Plan,
    world: Arc<Mutex<World>>,
    /// The clients, by their numbers among the witnesses.
    pub(super) clients: Vec<(usize, Client)>,
    /// Clients that have sent half a line.
    pub(super) unfinished: BTreeSet<usize>,
    server: Option<ServerHandle>,
    pub(super) bots: Vec<Bot>,
}

/// An in-process user, who is in every permanent room.
pub(super) struct Bot {
    pub(super) who: usize,
    pub(super) user: LocalUser,
    /// The number of the last message that it has heard in each room; `None` after something was missed.
    seqs: Vec<(String, Option<u64>)>,
}

/// Rooms that there always are.
pub(super) const PERMANENT: [&str; 2] = ["#hall", "#yard"];

impl Stage {
    pub(super) fn new(rt: VirtualRuntime, seed: u64, trace: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let plan = Plan::draw(&mut rng);
        let net = MemoryNet::on(&rt, rng.u64(..));
        let hooks = Hooks::new(rt.clone(), rng.fork());
        let clock = rt.clone();
        let mut hub = plan.hub().clock(move || clock.now());
        if plan.has_hooks {
            hub = hub.authenticator(hooks.clone()).policy(hooks.clone());
        }
        let hub = hub.build();
        hooks.set_hub(hub.downgrade());
        let mut world = World::new(plan.is_gentle(), trace);
        world.note(|| format!("{plan:?}"));
        Self {
            rt,
            net,
            hub,
            hooks,
            rng,
            plan,
            world: Arc::new(Mutex::new(world)),
            clients: Vec::new(),
            unfinished: BTreeSet::new(),
            server: None,
            bots: Vec::new(),
        }
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The storm, and what comes after it.
    pub(super) async fn play(&mut self, steps: usize) -> Result<(), Wrong> {
        self.open();
        for step in 0..steps {
            self.step().await;
            self.look()?;
            if step % 64 == 63 {
                self.world().compare()?;
            }
        }
        self.calm_down().await?;
        self.everybody_leaves().await?;
        self.names_are_free().await?;
        self.tally();
        self.nothing_is_left().await
    }

    fn open(&mut self) {
        for room in PERMANENT {
            self.hub.open_room(room).expect("a room");
        }
        for name in ["recorder", "helper"] {
            let mut user = self.hub.connect(name).expect("a name");
            let who = self.world().witness();
            let mut world = self.world();
            world.book.name(who, name);
            world.witnesses[who].name = Some(name.to_owned());
            drop(world);
            let mut seqs = Vec::new();
            for room in PERMANENT {
                user.join(room).expect("room for the program");
                seqs.push((room.to_owned(), None));
            }
            self.bots.push(Bot { who, user, seqs });
        }
        self.serve();
    }

    /// Starts a server for the hub.
    pub(super) fn serve(&mut self) {
        let listener = self.net.listen("line");
        let server = Server::new(self.hub.clone()).listen(listener, Line::default());
        self.server = Some(server.handle());
        let running = server.run(self.rt.clone());
        self.rt
            .spawn(async move { running.await.expect("it has listeners") })
            .expect("a task");
    }

    /// Shuts the server down, and starts another one in its place.
    pub(super) fn restart(&mut self) {
        let within = Duration::from_millis(self.rng.u64(0..3000));
        if let Some(server) = self.server.take() {
            server.shut_down(within);
        }
        let mut world = self.world();
        for habits in &mut world.habits {
            habits.may_end = true;
        }
        drop(world);
        self.serve();
    }

    /// A new client. `None` if nobody listens.
    pub(super) fn connect(&mut self, link: Link) -> Option<usize> {
        let io = self.net.try_connect("line", link).ok()?;
        let who = self.world().witness();
        let client = Client::new(io);
        let (task, world, rt) = (client.clone(), self.world.clone(), self.rt.clone());
        let pumping = async move {
            poll_fn(|cx| {
                task.poll(cx, &mut |heard| {
                    let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
                    world.hears(who, &heard, rt.elapsed());
                })
            })
            .await;
        };
        self.rt.spawn(pumping).expect("a task");
        self.clients.push((who, client));
        Some(who)
    }

    pub(super) fn client(&self, who: usize) -> Option<&Client> {
        let found = self.clients.iter().find(|(other, _)| *other == who);
        found.map(|(_, client)| client)
    }

    /// Sends what `who` says.
    pub(super) fn say(&mut self, who: usize, talk: Vec<(u32, String)>) {
        self.send(who, talk, None);
    }

    /// Sends what `who` says, and then asks for.
    pub(super) fn ask(
        &mut self,
        who: usize,
        talk: Vec<(u32, String)>,
        line: &str,
        request: Request,
    ) {
        self.send(who, talk, Some((line, request)));
    }

    fn send(&mut self, who: usize, talk: Vec<(u32, String)>, request: Option<(&str, Request)>) {
        let Some(client) = self.client(who).cloned() else {
            return;
        };
        let mut bytes = String::new();
        if self.unfinished.remove(&who) {
            bytes.push('\n');
        }
        let (mut ids, mut lines) = (Vec::new(), Vec::new());
        for (id, text) in talk {
            ids.push(id);
            lines.push(text);
        }
        let mut world = self.world();
        if let Some((line, request)) = &request {
            if *request != Request::Ping && world.witnesses[who].owes_a_ping() {
                world.asks(who, Vec::new(), Some(Request::Ping));
                lines.push("ping".to_owned());
            }
            lines.push((*line).to_owned());
        }
        for line in lines {
            bytes.push_str(&line);
            bytes.push('\n');
        }
        world.note(|| format!("{who}> {}", bytes.trim_end()));
        world.asks(who, ids, request.map(|(_, request)| request));
        drop(world);
        client.send(bytes.as_bytes());
    }

    /// Takes what the in-process users are told.
    pub(super) fn listen(&mut self, bot: usize) {
        let bot = &mut self.bots[bot];
        while let Some(Some(event)) = bot.user.next().now_or_never() {
            let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
            let wrong = bot.hears(&event, &mut world);
            if let Some(wrong) = wrong {
                world.is_wrong(format!("bot {}: {wrong}", bot.who));
            }
        }
    }

    /// Checks what can be checked at any time.
    fn look(&mut self) -> Result<(), Wrong> {
        self.clients.retain(|(_, client)| client.is_open());
        self.world().look()?;
        let stats = self.hub.stats();
        let most = self.plan.most_in_mailbox() * (stats.users.max(1) * 8 + 2);
        if stats.queue_bytes > most {
            return Err(format!("{} bytes wait in mailboxes", stats.queue_bytes));
        }
        if self.rt.panics() > 0 {
            return Err("a task has panicked".to_owned());
        }
        let mut names = BTreeSet::new();
        for name in self.hub.users() {
            if !names.insert(fold(name.as_str())) {
                return Err(format!("{name} is there twice"));
            }
        }
        Ok(())
    }

    /// The storm is over: what could not get through does, and whatever was asked is answered.
    async fn calm_down(&mut self) -> Result<(), Wrong> {
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
            let rooms: Vec<_> = self.world().witnesses[*who].is_in().cloned().collect();
            for room in rooms {
                let list = format!("list,{room}");
                self.ask(*who, Vec::new(), &list, Request::Members(room));
            }
            self.rt.sleep(Duration::from_millis(100)).await;
        }
        self.rt.sleep(Duration::from_secs(60)).await;
        self.look()?;
        for who in &open {
            self.is_answered(*who)?;
            self.knows_who_is_there(*who)?;
        }
        for bot in 0..self.bots.len() {
            self.listen(bot);
        }
        self.look()?;
        self.world().compare()?;
        self.is_counted()
    }

    fn is_open(&self, who: usize) -> bool {
        self.client(who).is_some_and(Client::is_open)
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
        for room in witness.is_in() {
            let Some(known) = witness.members(room) else {
                continue;
            };
            let there = self.hub.members(room).unwrap_or_default();
            let there: BTreeSet<_> = there.iter().map(|name| fold(name.as_str())).collect();
            if !known.iter().copied().eq(there.iter().map(String::as_str)) {
                return Err(format!("{who} knows {known:?} in {room}, not {there:?}"));
            }
        }
        Ok(())
    }

    /// What was counted is what was heard, if everybody has read all.
    fn is_counted(&self) -> Result<(), Wrong> {
        if !self.plan.is_calm() {
            return Ok(());
        }
        let world = self.world();
        let events: u64 = world.witnesses.iter().map(|w| w.events).sum();
        let missed: u64 = world.witnesses.iter().map(|w| w.missed).sum();
        let stats = self.hub.stats();
        let counted = (stats.delivered, stats.missed);
        match counted == (events, missed) {
            true => Ok(()),
            false => Err(format!(
                "{events} events were heard and {missed} missed, but {counted:?} counted"
            )),
        }
    }

    /// How often the hub says that something has happened.
    fn tally(&self) {
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
        ] {
            *world.counts.entry(what).or_default() += count;
        }
    }

    async fn everybody_leaves(&mut self) -> Result<(), Wrong> {
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
    async fn names_are_free(&mut self) -> Result<(), Wrong> {
        let mut names: Vec<_> = {
            let world = self.world();
            let names = world.book.names.iter().flatten();
            names.cloned().collect::<BTreeSet<_>>()
        }
        .into_iter()
        .filter(|name| !["recorder", "helper"].contains(&name.as_str()))
        .collect();
        self.rng.shuffle(&mut names);
        names.truncate(6);
        let mut fresh = Vec::new();
        for name in &names {
            let who = self.connect(Link::default()).ok_or("nobody listens")?;
            let register = format!("register,{name}");
            self.ask(who, Vec::new(), &register, Request::Register(name.clone()));
            let room = "#afterwards".to_owned();
            self.ask(who, Vec::new(), "join,#afterwards", Request::Join(room));
            fresh.push(who);
            self.rt.sleep(Duration::from_secs(2)).await;
        }
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

    fn say_afterwards(&mut self, who: Option<usize>) -> Option<u32> {
        let (who, room) = (who?, "#afterwards");
        let talk = self.talk(who, room, super::witness::To::Room(room.to_owned()), 3);
        let id = talk.0;
        self.say(who, vec![talk]);
        Some(id)
    }

    async fn nothing_is_left(&mut self) -> Result<(), Wrong> {
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
        match (self.rt.tasks(), self.rt.panics()) {
            (0, 0) => Ok(()),
            left => Err(format!("{left:?} tasks and panics are left")),
        }
    }
}

impl Bot {
    fn hears(&mut self, event: &Event, world: &mut World) -> Option<Wrong> {
        let who = self.who;
        match event {
            Event::Missed { count } => {
                world.witnesses[who].missed += count;
                for (room, seq) in &mut self.seqs {
                    *seq = None;
                    let heard = world.witnesses[who].rooms.entry(room.clone()).or_default();
                    heard.push(Entry::Gap);
                }
                return None;
            }
            Event::Error { .. } | Event::Bye => return None,
            _ => world.witnesses[who].events += 1,
        }
        let Event::Said {
            room, seq, text, ..
        } = event
        else {
            return None;
        };
        let known = self.seqs.iter_mut().find(|(r, _)| r == room.as_str());
        let Some((_, last)) = known else {
            return Some(format!("hears of {room}"));
        };
        let before = last.replace(*seq);
        if before.is_some_and(|before| before + 1 != *seq) {
            return Some(format!("hears number {seq} of {room} after {before:?}"));
        }
        let Some(id) = super::line::id(text) else {
            return Some(format!("hears {text:?}"));
        };
        let heard = world.witnesses[who].rooms.entry(room.to_string());
        heard.or_default().push(Entry::Message(id));
        None
    }
}
