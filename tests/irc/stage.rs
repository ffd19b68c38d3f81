//! Plays a script.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::pending,
};

use chinwag::{
    Hub, Runtime, Server,
    wire::{Line as LineWire, Seed},
};
use chinwag_testkit::{MemoryNet, VirtualRuntime};

use crate::{
    cast::{Actor, Cut, Heard},
    message::Message,
    pattern::{Bound, fill},
    script::{How, RoleOf, Script, What},
    settings,
};

/// Something that is not as it is written.
#[derive(Debug)]
pub(crate) struct Wrong {
    number: usize,
    what: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.number, self.what)
    }
}

/// What came of a script.
#[derive(Debug, Default)]
pub(crate) struct Played {
    /// Everything that is not as it is written.
    pub(crate) wrong: Vec<Wrong>,
    /// The commands and numerics that clients of IRC have heard, and those that they have sent.
    pub(crate) heard: BTreeSet<String>,
    pub(crate) said: BTreeSet<String>,
}

struct Stage<'a> {
    script: &'a Script,
    rt: VirtualRuntime,
    net: MemoryNet,
    hub: Hub,
    cut: Cut,
    cast: BTreeMap<String, Actor>,
    bound: Bound,
    played: Played,
    /// The line that is played.
    number: usize,
}

/// Plays `script` once.
pub(crate) fn play(script: &Script, seed: u64, cut: Cut) -> Played {
    let rt = VirtualRuntime::new(seed);
    let net = MemoryNet::on(&rt, seed);
    let (hub, irc) = settings::server(script, &rt).unwrap_or_else(|wrong| panic!("{wrong}"));
    let server = Server::new(hub.clone())
        .listen(net.listen("irc"), irc)
        .listen(net.listen("line"), LineWire::default())
        .listen(net.listen("seed"), Seed::default())
        .run_until(pending::<()>(), rt.clone());
    rt.spawn(async move { server.await.unwrap() }).unwrap();
    let cast = BTreeMap::from([("program".to_owned(), Actor::program(&hub))]);
    let stage = Stage {
        script,
        rt: rt.clone(),
        net,
        hub: hub.clone(),
        cut,
        cast,
        bound: Bound::new(),
        played: Played::default(),
        number: 0,
    };
    let mut played = rt.block_on(stage.play());
    if rt.panics() > 0 {
        let what = format!("{} tasks of the server have panicked", rt.panics());
        played.wrong.push(Wrong { number: 0, what });
    }
    played
}

impl Stage<'_> {
    async fn play(mut self) -> Played {
        let script = self.script;
        self.settle().await;
        let mut at = 0;
        while let Some(line) = script.lines.get(at) {
            self.number = line.number;
            match &line.what {
                What::Hear {
                    who,
                    how: How::AnyOrder,
                    ..
                } => {
                    at += self.hear_any_order(who, at);
                    continue;
                }
                what => self.act(what).await,
            }
            at += 1;
        }
        self.number += 1;
        self.expect_silence();
        self.cast.clear();
        // Longer than the longest flush and linger.
        self.rt.sleep(std::time::Duration::from_secs(20)).await;
        let (users, connections) = (self.hub.users(), self.hub.connections());
        if !users.is_empty() || connections > 0 {
            self.note(format!(
                "left when all were gone: {users:?}, {connections} connections"
            ));
        }
        self.played
    }

    async fn act(&mut self, what: &What) {
        match what {
            What::Enter { who, role } => self.enter(who, role).await,
            What::Gather { room, who } => {
                self.expect_silence();
                for who in who {
                    let line = match self.actor(who).is_irc() {
                        true => format!("JOIN {room}"),
                        false if self.is_bot(who) => format!("join {room}"),
                        false => format!("join,{room}"),
                    };
                    self.send(who, &line).await;
                }
                self.forget();
            }
            What::Send { who, line, at_once } => {
                let line = fill(line, &self.bound).unwrap_or_else(|why| {
                    self.note(why);
                    String::new()
                });
                if *at_once {
                    self.expect_silence();
                    self.send(who, &line).await;
                } else {
                    if let Some(message) = Message::parse(&line) {
                        self.played.said.insert(message.command);
                    }
                    self.actor(who).wait_with(&line);
                }
            }
            What::SendBytes { who, bytes } => {
                self.expect_silence();
                if let Err(why) = self.actor(who).send_bytes(bytes).await {
                    self.note(why);
                }
                self.settle().await;
            }
            What::Hear {
                who, how, times, ..
            } => {
                let before = self.played.wrong.len();
                for _ in 0..*times {
                    self.hear(what, who, *how);
                    if self.played.wrong.len() > before {
                        break;
                    }
                }
            }
            What::HearNothing { who } => self.expect_silence_of(who),
            What::Skip { who } => self.actor(who).heard.clear(),
            What::Supports { who, tokens, lacks } => {
                for token in tokens {
                    let told = &self.actor(who).supported;
                    let is_told = match lacks {
                        true => told.iter().any(|it| it.split('=').next() == Some(token)),
                        false => told.contains(token),
                    };
                    if is_told == *lacks {
                        let told = told.join(" ");
                        let not = if *lacks { "" } else { "not " };
                        self.note(format!("{token} is {not}among what is supported: {told}"));
                    }
                }
            }
            What::Closed { who } => match self.actor(who).heard.pop_front() {
                Some(Heard::End) => self.actor(who).go(),
                Some(Heard::Line(line)) => {
                    self.note(format!("{who} is not closed\n    heard     {line}"));
                    self.actor(who).heard.clear();
                }
                None => self.note(format!("{who} is not closed")),
            },
            What::Leave { who } => {
                self.expect_silence();
                self.actor(who).stop_sending().await;
                self.settle().await;
            }
            What::Break { who } => {
                self.expect_silence();
                self.actor(who).vanish();
                self.settle().await;
            }
            What::Differ(names) => {
                let values: BTreeSet<_> = names.iter().map(|name| self.bound.get(name)).collect();
                if values.len() != names.len() || values.contains(&None) {
                    self.note(format!("these do not differ: {:?}", self.bound));
                }
            }
            What::Advance(wait) => {
                self.expect_silence();
                self.rt.sleep(*wait).await;
                self.settle().await;
            }
        }
    }

    async fn enter(&mut self, who: &str, role: &RoleOf) {
        self.expect_silence();
        let actor = Actor::new(who, role, &self.net, &self.hub, self.cut);
        self.cast.insert(who.to_owned(), actor);
        match role {
            // It may be told something at once.
            RoleOf::Client { .. } => return self.settle().await,
            RoleOf::Bot => {}
            RoleOf::Line | RoleOf::Seed => {
                self.send(who, &format!("register,{who}")).await;
                self.expect_last(who, "ack");
            }
            RoleOf::User { caps, .. } => {
                let caps = caps.join(" ");
                if !caps.is_empty() {
                    self.actor(who).wait_with(&format!("CAP REQ :{caps}"));
                }
                self.actor(who).wait_with(&format!("NICK {who}"));
                let user = format!("USER {who} 0 * :The real {who}");
                if caps.is_empty() {
                    self.send(who, &user).await;
                } else {
                    self.actor(who).wait_with(&user);
                    self.send(who, "CAP END").await;
                }
                let is_in = |heard: &Heard| match heard {
                    Heard::Line(line) => line.contains(" 422 ") || line.contains(" 376 "),
                    Heard::End => false,
                };
                if !self.actor(who).heard.iter().any(is_in) {
                    let heard = self.actor(who).heard.clone();
                    self.note(format!("{who} does not come in: {heard:#?}"));
                }
            }
        }
        self.forget_of(who);
    }

    fn expect_last(&mut self, who: &str, wanted: &str) {
        let last = self.actor(who).heard.back().cloned();
        if last != Some(Heard::Line(wanted.to_owned())) {
            self.note(format!("{who} does not come in: {last:?}"));
        }
    }

    async fn send(&mut self, who: &str, line: &str) {
        if let Some(message) = Message::parse(line)
            && self.actor(who).is_irc()
        {
            self.played.said.insert(message.command);
        }
        if let Err(why) = self.actor(who).send(line).await {
            self.note(format!("{who}: {why}"));
        }
        self.settle().await;
    }

    /// Lets everything happen that can without time passing, and everybody hear of it.
    async fn settle(&mut self) {
        loop {
            self.rt.settle().await;
            let mut news = false;
            for actor in self.cast.values_mut() {
                news |= actor.listen();
            }
            if !news {
                break;
            }
        }
        let mut bad = Vec::new();
        for (who, actor) in &self.cast {
            for heard in &actor.heard {
                let Heard::Line(line) = heard else { continue };
                if !actor.is_irc() {
                    continue;
                }
                match Message::check(line) {
                    Ok(message) => drop(self.played.heard.insert(message.command)),
                    Err(why) => bad.push(format!(
                        "{who} hears what nobody should, because {why}\n    heard     {line}"
                    )),
                }
            }
        }
        for bad in bad {
            self.note(bad);
        }
    }

    fn hear(&mut self, what: &What, who: &str, how: How) {
        let What::Hear { wanted, text, .. } = what else {
            return;
        };
        let Some(actor) = self.cast.get_mut(who) else {
            return;
        };
        let is_irc = actor.is_irc();
        let bound = &mut self.bound;
        let mut is_it = |heard: &Heard| match heard {
            Heard::Line(line) if is_irc => wanted.matches_message(line, bound),
            Heard::Line(line) => wanted.matches_line(line, bound),
            Heard::End => false,
        };
        let found = actor.heard.iter().position(&mut is_it);
        match (found, how) {
            (Some(0), _) => {
                actor.heard.pop_front();
            }
            (_, How::Perhaps) => {}
            (Some(index), _) => {
                let before: Vec<_> = actor.heard.drain(..=index).take(index).collect();
                for heard in before {
                    self.note(format!(
                        "{who} hears too much\n    heard     {}",
                        show(&heard)
                    ));
                }
            }
            (None, _) => {
                let next = actor.heard.front().cloned();
                let instead = next.as_ref().map_or("nothing".to_owned(), show);
                // What is likely to be meant is taken for it, so that one mistake is told once.
                if let Some(Heard::Line(line)) = &next
                    && is_like(text, line)
                {
                    actor.heard.pop_front();
                }
                self.note(format!("{who} does not hear what they should\n    expected  {text}\n    heard     {instead}"));
            }
        }
    }

    /// Hears what is expected in any order from line `at` of the script on. Returns how many lines that are.
    fn hear_any_order(&mut self, who: &str, at: usize) -> usize {
        let script = self.script;
        let group = script.lines[at..].iter().take_while(|line| {
            matches!(&line.what, What::Hear { who: it, how: How::AnyOrder, .. } if it == who)
        });
        let group: Vec<_> = group.collect();
        let mut next: Vec<Heard> = Vec::new();
        for _ in &group {
            next.extend(self.actor(who).heard.pop_front());
        }
        for line in &group {
            self.number = line.number;
            let What::Hear { wanted, text, .. } = &line.what else {
                continue;
            };
            let bound = &mut self.bound;
            let found = next.iter().position(|heard| match heard {
                Heard::Line(line) => wanted.matches_message(line, bound),
                Heard::End => false,
            });
            match found {
                Some(index) => drop(next.remove(index)),
                None => self.note(format!(
                    "{who} does not hear what they should\n    expected  {text}"
                )),
            }
        }
        for heard in next {
            self.note(format!(
                "{who} hears too much\n    heard     {}",
                show(&heard)
            ));
        }
        group.len()
    }

    /// Nobody may have heard anything more.
    fn expect_silence(&mut self) {
        let all: Vec<_> = self.cast.keys().cloned().collect();
        for who in all {
            self.expect_silence_of(&who);
        }
    }

    fn expect_silence_of(&mut self, who: &str) {
        let heard: Vec<_> = self.actor(who).heard.drain(..).collect();
        for heard in heard {
            self.note(format!(
                "before this, {who} hears too much\n    heard     {}",
                show(&heard)
            ));
            if heard == Heard::End {
                self.actor(who).vanish();
            }
        }
    }

    fn forget(&mut self) {
        for actor in self.cast.values_mut() {
            actor.heard.clear();
        }
    }

    fn forget_of(&mut self, who: &str) {
        self.actor(who).heard.clear();
    }

    fn is_bot(&self, who: &str) -> bool {
        self.script.lines.iter().any(
            |line| matches!(&line.what, What::Enter { who: it, role: RoleOf::Bot } if it == who),
        )
    }

    fn actor(&mut self, who: &str) -> &mut Actor {
        self.cast
            .get_mut(who)
            .unwrap_or_else(|| panic!("{who} is not there"))
    }

    fn note(&mut self, what: String) {
        let number = self.number;
        self.played.wrong.push(Wrong { number, what });
    }
}

fn show(heard: &Heard) -> String {
    match heard {
        Heard::Line(line) => line.clone(),
        Heard::End => "the end of the connection".to_owned(),
    }
}

/// Whether `line` is probably what was meant by `text`: both have the same command.
fn is_like(text: &str, line: &str) -> bool {
    let command = |text: &str| Message::parse(text).map(|message| message.command);
    command(text) == command(line)
}
