//! The futures of a client: every request, and what it hears.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
    time::Duration,
};

use chinwag::{Client, ClientError, Event, Hub, LocalUser, Role, Runtime};
use chinwag_testkit::{Cut, Link, MemoryStream, VirtualRuntime, dropped_at};
use futures::{FutureExt, StreamExt, future::BoxFuture};

use super::{Left, NARROW, at_every_poll, hub_on};
use crate::chat::Chat;

type Ada = Client<MemoryStream>;
type Answer = Result<String, ClientError>;

/// A link that takes a message at a time.
const WIDE: Link = Link {
    capacity: 4096,
    chunk: 4096,
    ..NARROW
};

/// A request of Ada, who owns #a, where Bob is and Eve may not come; Zoe is there too, but in no room.
struct Request {
    name: &'static str,
    future: for<'a> fn(&'a Ada) -> BoxFuture<'a, Answer>,
}

macro_rules! requests {
    ($($name:ident($($argument:expr),*))+) => {
        [$(Request {
            name: stringify!($name),
            future: |ada| async move { text(ada.$name($($argument),*).await) }.boxed(),
        }),+]
    };
}

const REQUESTS: [Request; 27] = requests! {
    register("ada2")
    register("bob")
    register_with("ada2", "secret")
    list()
    rooms()
    members("#a")
    members("#none")
    send("zoe", "hello")
    send("nobody", "hello")
    say("#a", "hello")
    say("#none", "hello")
    join("#b")
    leave("#a")
    topic("#a")
    set_topic("#a", "news")
    kick("#a", "bob", Some("enough"))
    ban("#a", "bob")
    unban("#a", "eve")
    role("#a", "bob", Role::Owner)
    invite("#a", "zoe")
    invite_only("#a", true)
    whois("bob")
    away("lunch")
    back()
    ping()
    quit()
    whois("nobody")
};

fn text<T: Debug>(result: Result<T, ClientError>) -> Answer {
    result.map(|answer| format!("{answer:?}"))
}

/// A request that has no row would never be cut.
#[test]
fn every_request_is_listed() {
    let source = include_str!("../../../chat-core/src/client/requests.rs");
    let requests: Vec<_> = source.split("    pub async fn ").skip(1).collect();
    assert!(requests.len() > 20);
    for request in requests {
        let (name, _) = request.split_once('(').unwrap();
        let is_listed = REQUESTS.iter().any(|row| row.name == name);
        assert!(is_listed, "{name} is not listed");
    }
}

/// What is seen of a chat after a request, by everybody: what the hub tells, what they hear, and what Ada is
/// answered to what she asks next.
#[derive(Debug, PartialEq)]
struct Seen {
    answers: Vec<String>,
    hub: Vec<String>,
    bob: Vec<String>,
    zoe: Vec<String>,
    ada: Vec<String>,
}

/// Ada, on a link, and those around her.
struct Stage {
    ada: Ada,
    bob: LocalUser,
    zoe: LocalUser,
}

impl Stage {
    async fn new(chat: &Chat, link: Link) -> Self {
        let ada = Client::new(chat.net.try_connect("line", link).unwrap());
        ada.register("ada").await.unwrap();
        ada.join("#a").await.unwrap();
        let mut bob = chat.hub.connect("bob").unwrap();
        bob.join("#a").unwrap();
        chat.hub.room("#a").unwrap().ban("eve").unwrap();
        let zoe = chat.hub.connect("zoe").unwrap();
        Self { ada, bob, zoe }
    }

    /// Ada asks for this and that, and everybody tells what they have heard.
    async fn look(mut self, chat: &Chat) -> Seen {
        let ada = &self.ada;
        let answers = [
            text(ada.join("#a").await),
            text(ada.topic("#a").await),
            text(ada.members("#a").await),
            text(ada.whois("zoe").await),
            text(ada.register("bob").await),
            text(ada.list().await),
            text(ada.ping().await),
        ];
        let answers = answers.iter().map(|answer| format!("{answer:?}")).collect();
        let mut incoming = self.ada.incoming();
        let mut heard = Vec::new();
        while let Some(Some(event)) = incoming.next().now_or_never() {
            heard.push(format!("{event:?}"));
        }
        Seen {
            answers,
            hub: seen_of(&chat.hub),
            bob: heard_by(&mut self.bob),
            zoe: heard_by(&mut self.zoe),
            ada: heard,
        }
    }
}

fn seen_of(hub: &Hub) -> Vec<String> {
    let mut seen = vec![format!("{:?} {:?}", hub.users(), hub.connections())];
    for name in hub.rooms() {
        let room = hub.room(name.as_str()).unwrap();
        let mut bans = room.bans();
        bans.sort_by_key(ToString::to_string);
        seen.push(format!(
            "{name} {:?} {:?} {:?} {:?} {}",
            room.members(),
            room.topic(),
            bans,
            room.is_invite_only(),
            room.messages()
        ));
    }
    seen
}

fn heard_by(user: &mut LocalUser) -> Vec<String> {
    std::iter::from_fn(|| user.next().now_or_never().flatten())
        .map(|event: Event| format!("{event:?}"))
        .collect()
}

/// A request whose line was queued is done, whether anybody waits for it or not, and nobody else gets its reply.
#[test]
fn a_dropped_request_is_done() {
    for request in &REQUESTS {
        at_every_poll(request.name, Left::Done, 2, hub_on, async |chat, cut| {
            let stage = Stage::new(chat, NARROW).await;
            let answer = dropped_at(cut, (request.future)(&stage.ada)).await;
            (answer.is_some(), stage.look(chat).await)
        });
    }
}

/// While there is no room for its line, it was never made.
#[test]
fn a_dropped_request_without_room_was_never_made() {
    for request in &REQUESTS {
        let left = Left::UndoneThenDone;
        at_every_poll(request.name, left, 3, hub_on, async |chat, cut| {
            let stage = Stage::new(chat, WIDE).await;
            fill(&stage.ada).await;
            let answer = dropped_at(cut, (request.future)(&stage.ada)).await;
            (answer.is_some(), stage.look(chat).await)
        });
    }
}

/// Queues messages to Zoe, as much as there is room for: 64 KiB, and what the link takes.
async fn fill(ada: &Ada) {
    let once = Cut {
        polls: 1,
        woken: false,
    };
    let empty = "chat,zoe,\n".len();
    let mut room = 64 * 1024 + WIDE.capacity;
    while room > 0 {
        let text = "x".repeat(4000.min(room - empty));
        // What the link takes at once is done at once.
        let _ = dropped_at(once, ada.send("zoe", &text)).await;
        room -= text.len() + empty;
    }
}

/// Whoever else waits on the same connection goes on, also if the one that is dropped was the one that was woken.
#[test]
fn a_dropped_request_holds_nobody_up() {
    for request in REQUESTS.iter().filter(|request| request.name != "quit") {
        at_every_poll(request.name, Left::Done, 2, hub_on, async |chat, cut| {
            let stage = Stage::new(chat, NARROW).await;
            let heard = Arc::new(Mutex::new(Vec::new()));
            let (mut incoming, log) = (stage.ada.incoming(), heard.clone());
            let listening = async move {
                while let Some(Ok(event)) = incoming.next().await {
                    let event = format!("{event:?}");
                    let is_last = event.contains("the last");
                    log.lock().unwrap().push(event);
                    if is_last {
                        return;
                    }
                }
            };
            chat.rt.spawn(listening).unwrap();
            chat.rt.settle().await;
            let bob = chat.hub.local_user().connect("other").unwrap();
            talk(&chat.rt, bob, "ada");
            let answer = dropped_at(cut, (request.future)(&stage.ada)).await;
            // Nobody but the listener waits now.
            chat.rt.sleep(Duration::from_millis(20)).await;
            let name = stage.ada.list().await.unwrap().remove(0);
            let name = match name.as_str() {
                "bob" => "ada2".to_owned(),
                name => name.to_owned(),
            };
            chat.hub.tell(&name, "the last").unwrap();
            chat.rt.settle().await;
            let mut heard = heard.lock().unwrap().clone();
            assert!(heard.last().unwrap().contains("the last"), "{heard:?}");
            // In which order the others and the request come is up to the order.
            heard.sort();
            let mut seen = stage.look(chat).await;
            seen.bob.sort();
            (answer.is_some(), (heard, seen))
        });
    }
}

/// Says a number now and then, in a task, and stays until it is over.
fn talk(rt: &VirtualRuntime, mut talker: LocalUser, to: &'static str) {
    let clock = rt.clone();
    let talking = async move {
        for n in 0..10 {
            // Who has taken another name meanwhile hears no more of it.
            let _ = talker.send(to, &n.to_string());
            clock.sleep(Duration::from_micros(100)).await;
        }
    };
    rt.spawn(talking).unwrap();
}

/// What a client hears is heard once, in its order, however often it stops listening in between.
#[test]
fn a_dropped_wait_for_an_event_loses_none() {
    at_every_poll("Inbox::next", Left::Done, 2, hub_on, async |chat, cut| {
        let ada = Client::new(chat.net.try_connect("line", NARROW).unwrap());
        ada.register("ada").await.unwrap();
        talk(&chat.rt, chat.hub.connect("bob").unwrap(), "ada");
        let mut incoming = ada.incoming();
        let mut drops = 0;
        let mut heard = Vec::new();
        while heard.len() < 10 {
            let event = match dropped_at(cut, incoming.next()).await {
                Some(event) => event,
                None => {
                    drops += 1;
                    incoming.next().await
                }
            };
            heard.push(format!("{event:?}"));
        }
        assert!(heard.is_sorted(), "{heard:?}");
        ada.ping().await.unwrap();
        assert!(incoming.next().now_or_never().is_none());
        (drops == 0, heard)
    });
}
