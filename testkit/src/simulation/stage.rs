//! Where a simulation happens: the server, those who talk to it, and the program around it.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use chinwag_core::{
    Hub, Person, Role, Runtime, Server, ServerHandle, UserName,
    wire::{Line, Seed},
};
use chinwag_wire_irc as wire_irc;
use fastrand::Rng;
use futures::{FutureExt, StreamExt};

use super::{
    book::fold,
    bot::Bot,
    client::Client,
    hooks::Hooks,
    irc::{self, Irc},
    plan::Plan,
    request::Request,
    seed,
    witness::Wrong,
    world::World,
};
use crate::{
    net::{Link, MemoryNet, MemoryStream},
    runtime::VirtualRuntime,
};

/// A simulation that runs.
pub(super) struct Stage {
    pub(super) rt: VirtualRuntime,
    pub(super) net: MemoryNet,
    pub(super) hub: Hub,
    pub(super) hooks: Hooks,
    pub(super) rng: Rng,
    pub(super) plan: Plan,
    world: Arc<Mutex<World>>,
    /// The clients, by their numbers among the witnesses.
    pub(super) clients: Vec<(usize, Client)>,
    /// The clients of `seed`, in the same way.
    pub(super) seeds: Vec<(usize, Client)>,
    /// The most clients that there were at once.
    pub(super) most_clients: usize,
    /// Clients that have sent half a line.
    pub(super) unfinished: BTreeSet<usize>,
    pub(super) server: Option<ServerHandle>,
    pub(super) bots: Vec<Bot>,
}

/// The names of the in-process users.
pub(super) const BOTS: [&str; 2] = ["recorder", "helper"];

/// When it is, at the beginning.
const BEGIN: Duration = Duration::from_secs(1_800_000_000);

/// Rooms that there always are.
pub(super) const PERMANENT: [&str; 2] = ["#hall", "#yard"];

impl Stage {
    pub(super) fn new(rt: VirtualRuntime, seed: u64, trace: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let plan = Plan::draw(&mut rng);
        let net = MemoryNet::on(&rt, rng.u64(..));
        let hooks = Hooks::new(rt.clone(), rng.fork());
        let clock = rt.clone();
        let calendar = rt.clone();
        let mut hub = plan
            .hub()
            .clock(move || clock.now())
            .calendar(move || SystemTime::UNIX_EPOCH + BEGIN + calendar.elapsed());
        if plan.has_hooks {
            hub = hub.authenticator(hooks.clone()).policy(hooks.clone());
        }
        let hub = hub.build();
        hooks.set_hub(hub.downgrade());
        let mut world = World::new(plan.is_gentle(), trace);
        world.book.is_rewritten = plan.has_hooks;
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
            seeds: Vec::new(),
            most_clients: 0,
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
        for name in BOTS {
            let mut user = self.hub.connect(name).expect("a name");
            let who = self.world().witness();
            let mut world = self.world();
            world.book.asks(who, name);
            world.book.answered(who, name, true);
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
        let irc = wire_irc::Irc::builder().server_name(irc::SERVER);
        let server = Server::new(self.hub.clone())
            .listen(self.net.listen("line"), Line::default())
            .listen(self.net.listen("seed"), Seed::default())
            .listen(self.net.listen("irc"), irc.build().expect("a wire"));
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
        // Whoever reads at once has the time to read the last word, if it was let in at all.
        let has_time = self.plan.is_quick() && within >= Duration::from_secs(2);
        let mut world = self.world();
        let World {
            witnesses, habits, ..
        } = &mut *world;
        for (witness, habits) in witnesses.iter().zip(habits) {
            habits.may_end |= !has_time || !witness.has_heard_anything;
        }
        drop(world);
        self.serve();
    }

    /// A new client of `line`, or of IRC. `None` if nobody listens.
    pub(super) fn connect(&mut self, link: Link) -> Option<usize> {
        let speaks_irc = self.rng.u8(..8) < self.plan.irc;
        let wire = if speaks_irc { "irc" } else { "line" };
        let io = self.net.try_connect(wire, link).ok()?;
        let who = self.world().witness();
        let client = self.pump(who, io, true);
        if speaks_irc {
            let irc = Irc::new(who);
            let begin = irc.begins();
            let mut world = self.world();
            world.count("connect on irc");
            world.note(|| format!("{who}> {}", begin.trim_end()));
            world.ircs.insert(who, irc);
            drop(world);
            client.send(begin.as_bytes());
        }
        self.clients.push((who, client));
        Some(who)
    }

    /// A new client of `seed`, with a name of its own, since an error would end all that can be said of what it
    /// reads. `None` if nobody listens.
    pub(super) fn connect_seed(&mut self, link: Link) -> Option<usize> {
        let io = self.net.try_connect("seed", link).ok()?;
        let mut world = self.world();
        let who = world.witness();
        let name = format!("old{who}");
        world.book.asks(who, &name);
        world.seeds.insert(who, seed::Seed::new(&name));
        // It has no words for the end, and for what is missing.
        world.habits[who].may_end = true;
        world.witnesses[who].may_miss = true;
        drop(world);
        let client = self.pump(who, io, false);
        client.send(format!("register,{name}").as_bytes());
        self.seeds.push((who, client));
        Some(who)
    }

    fn pump(&self, who: usize, io: MemoryStream, has_lines: bool) -> Client {
        let client = Client::new(io, has_lines);
        let (task, world, rt) = (client.clone(), self.world.clone(), self.rt.clone());
        let pumping = async move {
            poll_fn(|cx| {
                loop {
                    let over = task.poll(cx, &mut |heard| {
                        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
                        world.hears(who, &heard, rt.elapsed());
                    });
                    let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
                    let replies = world.replies(who);
                    drop(world);
                    if over.is_ready() || replies.is_empty() || !task.can_ask() {
                        return over;
                    }
                    task.send(replies.as_bytes());
                }
            })
            .await;
        };
        self.rt.spawn(pumping).expect("a task");
        client
    }

    /// A client of `line`, or of IRC.
    pub(super) fn client(&self, who: usize) -> Option<&Client> {
        let found = self.clients.iter().find(|(other, _)| *other == who);
        found.map(|(_, client)| client)
    }

    /// Lets the `seed` client at `index` greet `to`, if what it said before is gone: two requests may be read as one.
    pub(super) fn greet(&mut self, index: usize, to: &str) {
        let (who, client) = &self.seeds[index];
        let mut world = self.world();
        let (name, is_registered) = (format!("old{who}"), world.seeds[who].is_registered());
        if is_registered && client.can_ask() && client.unsent() == 0 {
            world.book.greets(&name, to);
            world.note(|| format!("{who}> chat,{to}"));
            world.count("greet");
            client.send(format!("chat,{to}").as_bytes());
        }
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
            lines.push((text, None));
        }
        let mut world = self.world();
        if let Some((line, request)) = &request {
            if *request != Request::Ping && world.witnesses[who].owes_a_ping() {
                world.asks(who, Vec::new(), Some(Request::Ping));
                lines.push(("ping".to_owned(), Some(&Request::Ping)));
            }
            lines.push(((*line).to_owned(), Some(request)));
        }
        for (line, request) in lines {
            match world.ircs.get_mut(&who) {
                Some(irc) => bytes.push_str(&irc.asks(&line, request)),
                None => {
                    bytes.push_str(&line);
                    bytes.push('\n');
                }
            }
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
    pub(super) fn look(&mut self) -> Result<(), Wrong> {
        self.clients.retain(|(_, client)| client.is_open());
        self.seeds.retain(|(_, client)| client.is_open());
        self.most_clients = self.most_clients.max(self.clients.len() + self.seeds.len());
        self.world().look()?;
        let stats = self.hub.stats();
        if stats.fullest_queue_bytes > self.plan.most_in_mailbox() {
            let bytes = stats.fullest_queue_bytes;
            return Err(format!("{bytes} bytes wait in a mailbox"));
        }
        let limits = &self.plan.limits;
        if stats.connections > limits.max_connections() {
            return Err(format!("there are {} connections", stats.connections));
        }
        let mut rooms: BTreeMap<String, usize> = BTreeMap::new();
        for room in self.hub.rooms() {
            let Ok(handle) = self.hub.room(room.as_str()) else {
                continue;
            };
            let members = handle.members();
            if members.len() > limits.max_members() {
                return Err(format!("{} are in {room}", members.len()));
            }
            let is_owned = members.iter().any(|(_, role)| *role == Role::Owner);
            if !is_owned && !PERMANENT.contains(&room.as_str()) {
                return Err(format!("nobody owns {room}"));
            }
            for mask in handle.bans() {
                // One of IRC keeps out who is not there, and puts nobody out.
                let masks = &self.world().masks;
                if masks.contains(&(fold(room.as_str()), fold(mask.as_str()))) {
                    continue;
                }
                let is_banned = |name: &&UserName| mask.matches(&Person::from((*name).clone()));
                if let Some(name) = members.iter().map(|(name, _)| name).find(is_banned) {
                    return Err(format!("{name} is in {room}, and banned from it"));
                }
            }
            for (name, _) in members {
                *rooms.entry(name.to_string()).or_default() += 1;
            }
        }
        if let Some((name, rooms)) = rooms.iter().find(|(_, n)| **n > limits.max_user_rooms()) {
            return Err(format!("{name} is in {rooms} rooms"));
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
}
