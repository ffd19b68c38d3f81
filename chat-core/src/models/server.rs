//! What the tasks of one server do at once: each may write to the sockets of the others while these sleep.

use std::time::Duration;

use shuttle::future::{JoinHandle, block_on, spawn};

use super::{
    LONG, Tasks, check, hub,
    net::{Bell, Peer, door},
};
use crate::{
    Answer, Command, Event, Hub, Limits, Server, ServerHandle,
    wire::{Form, Line, Reading, Wire, WireError},
};

/// A server that runs.
struct Running {
    hub: Hub,
    bell: Bell,
    handle: ServerHandle,
    task: JoinHandle<()>,
    /// Those of its connections.
    tasks: Tasks,
}

impl Running {
    fn new() -> Self {
        Self::of(&hub().build(), usize::MAX)
    }

    /// A server of `hub`, whose sockets take so many bytes at a time.
    fn of(hub: &Hub, capacity: usize) -> Self {
        Self::with(hub, capacity, Line::default())
    }

    /// The same on another wire.
    fn with(hub: &Hub, capacity: usize, wire: impl Wire) -> Self {
        let (bell, door) = door(capacity);
        let server = Server::new(hub.clone()).listen(door, wire);
        let handle = server.handle();
        let tasks = Tasks::new();
        let runtime = tasks.clone();
        let task = spawn(async {
            server.run(runtime).await.unwrap();
        });
        Self {
            hub: hub.clone(),
            bell,
            handle,
            task,
            tasks,
        }
    }

    /// A peer with a name.
    async fn peer(&self, name: &str) -> Peer {
        let mut peer = self.bell.connect().unwrap();
        peer.ask(&format!("register,{name}"), "ack").await;
        peer
    }

    /// A peer with a name, who is in the room.
    async fn member(&self, name: &str) -> Peer {
        let mut peer = self.peer(name).await;
        peer.ask("join,#a", "ack").await;
        peer
    }

    /// It shuts down, which `peers` are told, and no message any more. Nothing is left of it.
    async fn ends(self, peers: impl IntoIterator<Item = Peer>) {
        self.shuts_down(peers).await;
        self.is_over().await;
    }

    async fn shuts_down(&self, peers: impl IntoIterator<Item = Peer>) {
        self.handle.shut_down(LONG);
        for mut peer in peers {
            let rest = peer.rest().await;
            assert_eq!(rest.last().map(String::as_str), Some("bye"));
            assert!(!rest.iter().any(is_message), "{rest:?}");
        }
    }

    async fn is_over(mut self) {
        (&mut self.task).await.unwrap();
        assert_eq!(self.handle.connections(), 0);
        self.has_left_nothing();
        self.tasks.join().await;
    }

    fn has_left_nothing(&self) {
        let stats = self.hub.stats();
        assert_eq!((stats.users, stats.rooms, stats.queue_bytes), (0, 0, 0));
        assert_eq!(stats.connections, 0);
    }
}

fn is_message(line: &String) -> bool {
    line.contains(" says ")
}

/// The lines of a member that are messages, until there are so many.
async fn messages(peer: &mut Peer, count: usize) -> Vec<String> {
    let mut said = Vec::new();
    while said.len() < count {
        let line = peer.line().await.unwrap();
        if is_message(&line) {
            said.push(line);
        }
    }
    said
}

/// Three talk in a room: each of the tasks writes to the sockets of those that sleep, and puts them to sleep again,
/// while others have something for them, also the task of another server, which wakes them instead. All hear
/// everything once, in one order, and nothing is left in a mailbox then.
#[test]
fn whoever_writes_for_a_sleeper_leaves_nothing_in_its_mailbox() {
    check(3000, || {
        block_on(async {
            let server = Running::new();
            let other = Running::of(&server.hub, usize::MAX);
            let ada = server.member("ada").await;
            let bob = server.member("bob").await;
            let peers = [ada, bob, other.member("cleo").await];
            let talks = peers.into_iter().enumerate().map(|(i, mut peer)| {
                spawn(async move {
                    peer.say(&format!("say,#a,{i}")).await;
                    (messages(&mut peer, 3).await, peer)
                })
            });
            let mut heard = Vec::new();
            let mut peers = Vec::new();
            for talk in talks.collect::<Vec<_>>() {
                let (messages, peer) = talk.await.unwrap();
                heard.push(messages);
                peers.push(peer);
            }
            assert!(
                heard.iter().all(|messages| *messages == heard[0]),
                "{heard:?}"
            );
            assert_eq!(server.hub.stats().queue_bytes, 0);
            other.shuts_down(peers.pop()).await;
            other.task.await.unwrap();
            server.ends(peers).await;
        });
    });
}

/// Two say something to a third one, directly, who sleeps, and whom the program tells something as well.
#[test]
fn a_sleeper_hears_what_comes_while_it_is_written_to() {
    check(6000, || {
        block_on(async {
            let server = Running::new();
            let mut reader = server.peer("reader").await;
            let talkers = [server.peer("ada").await, server.peer("bob").await];
            let talks = talkers.into_iter().map(|mut peer| {
                spawn(async move {
                    for i in 0..2 {
                        peer.say(&format!("chat,reader,{i}")).await;
                    }
                    peer.ask("ping", "pong").await;
                })
            });
            let talks: Vec<_> = talks.collect();
            let hub = server.hub.clone();
            let program = spawn(async move { hub.tell("reader", "0").unwrap() });
            let heard = messages(&mut reader, 5).await;
            for name in ["ada", "bob"] {
                let its = heard.iter().filter(|line| line.starts_with(name));
                let due = [0, 1].map(|i| format!("{name} says {i}"));
                assert!(its.eq(due.iter()), "{heard:?}");
            }
            assert_eq!(server.hub.stats().queue_bytes, 0);
            program.await.unwrap();
            for talk in talks {
                talk.await.unwrap();
            }
            server.ends([reader]).await;
        });
    });
}

/// The same with sockets that are full after a few bytes, and a mailbox that is full after a few messages: who talks
/// is held back, and let go when the reader has caught up, also while others write to its own socket. Patience never
/// ends here.
#[test]
fn who_is_held_back_for_a_slow_reader_goes_on() {
    check(4000, || {
        block_on(async {
            let limits = Limits::builder().mailbox_bytes(1024).build().unwrap();
            let server = Running::of(&hub().limits(limits).build(), 100);
            let mut reader = server.peer("reader").await;
            let talkers = [server.peer("ada").await, server.peer("bob").await];
            let mut cleo = server.peer("cleo").await;
            // The second one is too much for a mailbox also when it is alone in it.
            let texts = [300, 600].map(|length| "x".repeat(length));
            let talks = talkers.into_iter().map(|mut peer| {
                let texts = texts.clone();
                spawn(async move {
                    for text in texts {
                        peer.say(&format!("chat,reader,{text}")).await;
                    }
                    peer.say("ping").await;
                    let mut heard = [peer.line().await.unwrap(), peer.line().await.unwrap()];
                    heard.sort();
                    assert_eq!(heard, ["cleo says hi", "pong"]);
                })
            });
            let talks: Vec<_> = talks.collect();
            for name in ["ada", "bob"] {
                cleo.say(&format!("chat,{name}")).await;
            }
            let heard = messages(&mut reader, 4).await;
            for name in ["ada", "bob"] {
                let its = heard.iter().filter(|line| line.starts_with(name));
                let due = texts.each_ref().map(|text| format!("{name} says {text}"));
                assert!(its.eq(due.iter()), "{heard:?}");
            }
            for talk in talks {
                talk.await.unwrap();
            }
            assert_eq!(server.hub.stats().queue_bytes, 0);
            server.ends([reader, cleo]).await;
        });
    });
}

/// The one who talks goes as soon as it has, and what it has brought about is written all the same, by its task or
/// by those that it was for. No line fits into a socket.
#[test]
fn nobody_waits_for_a_task_that_has_ended() {
    check(3000, || {
        block_on(async {
            let server = Running::of(&hub().build(), 10);
            let mut talker = server.member("talker").await;
            let mut readers = Vec::new();
            for name in ["ada", "bob", "cleo"] {
                readers.push(server.member(name).await);
            }
            let listens = readers.into_iter().map(|mut peer| {
                spawn(async move {
                    assert_eq!(messages(&mut peer, 1).await, ["#a talker says last words"]);
                    while peer.line().await.unwrap() != "talker quit closed" {}
                    // The last of all: somebody else owns the room.
                    while !peer.line().await.unwrap().ends_with(" owner") {}
                    peer
                })
            });
            let listens: Vec<_> = listens.collect();
            talker.say("say,#a,last words").await;
            talker.done_sending().await;
            drop(talker.rest().await);
            let mut readers = Vec::new();
            for listen in listens {
                readers.push(listen.await.unwrap());
            }
            assert_eq!(server.hub.stats().queue_bytes, 0);
            server.ends(readers).await;
        });
    });
}

/// The runtime drops the task of one who talks, in whatever it is about to do for those who listen. They are told
/// that it is gone, and before that what it has said, or none of them is.
#[test]
fn nobody_waits_for_a_task_that_is_dropped() {
    check(3000, || {
        block_on(async {
            let server = Running::new();
            let mut talker = server.member("talker").await;
            let mut readers = Vec::new();
            for name in ["ada", "bob", "cleo"] {
                readers.push(server.member(name).await);
            }
            let listens = readers.into_iter().map(|mut peer| {
                spawn(async move {
                    let mut heard = Vec::new();
                    loop {
                        let line = peer.line().await.unwrap();
                        match line.as_str() {
                            "talker quit closed" => return (heard, peer),
                            _ if is_message(&line) => heard.push(line),
                            _ => {}
                        }
                    }
                })
            });
            let listens: Vec<_> = listens.collect();
            let task = server.tasks.dropper(0);
            let drops = spawn(async move { task.abort() });
            talker.say("say,#a,last words").await;
            let mut heard = Vec::new();
            let mut readers = Vec::new();
            for listen in listens {
                let (its, peer) = listen.await.unwrap();
                heard.push(its);
                readers.push(peer);
            }
            let all_or_none = heard.iter().all(|its| *its == heard[0]);
            assert!(all_or_none && heard[0].len() <= 1, "{heard:?}");
            drops.await.unwrap();
            server.ends(readers).await;
        });
    });
}

/// One connection ends while others write to its socket: they are not disturbed.
#[test]
fn a_connection_that_ends_while_it_is_written_to_harms_nobody() {
    check(3000, || {
        block_on(async {
            let server = Running::new();
            let mut ada = server.member("ada").await;
            let mut bob = server.member("bob").await;
            let gone = server.member("gone").await;
            let leaves = spawn(async move { drop(gone) });
            let talk = spawn(async move {
                bob.say("say,#a,one").await;
                bob.say("say,#a,two").await;
                (messages(&mut bob, 2).await, bob)
            });
            let heard = messages(&mut ada, 2).await;
            let (own, bob) = talk.await.unwrap();
            assert_eq!(heard, own);
            leaves.await.unwrap();
            server.ends([ada, bob]).await;
        });
    });
}

/// The server shuts down while connections come in: each gets its last word, or was never let in, and `run` returns.
#[test]
fn a_shutdown_ends_those_who_just_come() {
    check(6000, || {
        block_on(async {
            let server = Running::new();
            let comes = [0, 1].map(|i| {
                let bell = server.bell.clone();
                spawn(async move {
                    let Some(mut peer) = bell.connect() else {
                        return;
                    };
                    peer.say(&format!("register,user{i}")).await;
                    peer.say("join,#a").await;
                    let heard = peer.rest().await;
                    assert_ne!(heard.is_empty(), peer.was_accepted());
                    if let Some((last, replies)) = heard.split_last() {
                        assert_eq!(last, "bye");
                        let is_known = |line: &String| {
                            line == "ack"
                                || line.ends_with(" joined")
                                || line.ends_with(" quit shutdown")
                                || line.ends_with(" owner")
                        };
                        assert!(replies.iter().all(is_known), "{replies:?}");
                    }
                })
            });
            server.handle.shut_down(LONG);
            server.is_over().await;
            for come in comes {
                come.await.unwrap();
            }
        });
    });
}

/// The same where there is room for one of them: whoever is let in is told which of the two it was, that the server is
/// full or that it ends.
#[test]
fn a_shutdown_ends_those_who_are_just_refused() {
    check(6000, || {
        block_on(async {
            let limits = Limits::builder().max_connections(1).build().unwrap();
            let server = Running::of(&hub().limits(limits).build(), usize::MAX);
            let comes = [0, 1].map(|_| {
                let bell = server.bell.clone();
                spawn(async move {
                    let Some(mut peer) = bell.connect() else {
                        return false;
                    };
                    let heard = peer.rest().await;
                    assert_ne!(heard.is_empty(), peer.was_accepted());
                    let is_full = |line: &String| line.starts_with("error,full,");
                    assert!(heard.iter().all(|line| line == "bye" || is_full(line)));
                    assert!(heard.len() <= 1, "{heard:?}");
                    heard.iter().any(is_full)
                })
            });
            server.handle.shut_down(LONG);
            server.is_over().await;
            let mut refused = 0;
            for come in comes {
                refused += usize::from(come.await.unwrap());
            }
            assert!(refused <= 1);
        });
    });
}

/// The future of the server is dropped while somebody talks and another one comes in. Both are cut off, and nothing is
/// left of them.
#[test]
fn a_server_that_is_dropped_leaves_nothing() {
    check(3000, || {
        block_on(async {
            let server = Running::new();
            let ada = server.member("ada").await;
            let mut bob = server.member("bob").await;
            let talks = spawn(async move {
                bob.say("say,#a,hello").await;
                drop(bob.rest().await);
            });
            let bell = server.bell.clone();
            let comes = spawn(async move {
                if let Some(mut late) = bell.connect() {
                    late.say("register,late").await;
                    late.say("join,#a").await;
                    drop(late.rest().await);
                }
            });
            server.task.abort();
            for peer in [talks, comes] {
                peer.await.unwrap();
            }
            server.tasks.join().await;
            assert_eq!(server.handle.connections(), 0);
            server.has_left_nothing();
            drop(ada);
        });
    });
}

/// The hub is closed while two of its servers run and one of them accepts.
#[test]
fn the_end_of_a_hub_is_the_end_of_its_servers() {
    check(3000, || {
        block_on(async {
            let server = Running::new();
            let mut ada = server.member("ada").await;
            let bell = server.bell.clone();
            let comes = spawn(async move {
                let Some(mut late) = bell.connect() else {
                    return;
                };
                let heard = late.rest().await;
                assert_ne!(heard.is_empty(), late.was_accepted());
                assert!(heard.is_empty() || heard == ["bye"], "{heard:?}");
            });
            server.hub.close(Duration::from_secs(1));
            assert_eq!(ada.rest().await, ["bye"]);
            drop(ada);
            server.is_over().await;
            comes.await.unwrap();
        });
    });
}

/// `line`, and `watch` with a name, which is answered with `here` or `gone`. Both are said again when that changes.
#[derive(Clone)]
struct Watches;

impl Wire for Watches {
    fn frame_end(&self, input: &[u8]) -> Option<usize> {
        Line.frame_end(input)
    }

    fn decode<'a>(
        &mut self,
        payload: &'a [u8],
        reading: &mut Reading,
    ) -> Result<Option<Command<'a>>, WireError> {
        match payload.strip_prefix(b"watch,") {
            Some(name) => Ok(Some(Command::Watch {
                name: std::str::from_utf8(name).unwrap(),
                on: true,
                changes: false,
            })),
            None => Line.decode(payload, reading),
        }
    }

    fn answer(&mut self, answer: &Answer<'_>, out: &mut Vec<u8>) {
        match answer {
            Answer::Watched {
                person: Some(_), ..
            } => out.extend_from_slice(b"here\n"),
            Answer::Watched { person: None, .. } => out.extend_from_slice(b"gone\n"),
            answer => Line.answer(answer, out),
        }
    }

    fn encode(event: &Event, form: Form, out: &mut Vec<u8>) {
        match event {
            Event::Online { .. } => out.extend_from_slice(b"here\n"),
            Event::Offline { .. } => out.extend_from_slice(b"gone\n"),
            event => Line::encode(event, form, out),
        }
    }
}

/// Somebody comes or goes while a peer begins to watch them. What it hears last is so, whatever is the answer and what
/// the news.
#[test]
fn what_who_watches_hears_last_is_so() {
    check(10_000, || {
        block_on(async {
            let hub = hub().build();
            let server = Running::with(&hub, usize::MAX, Watches);
            let mut ada = server.peer("ada").await;
            let bob = hub.connect("bob").unwrap();
            let goes = spawn(async move { drop(bob) });
            ada.say("watch,bob").await;
            goes.await.unwrap();
            ada.say("ping").await;
            let mut last = String::new();
            loop {
                let line = ada.line().await.unwrap();
                if line == "pong" {
                    break;
                }
                last = line;
            }
            assert_eq!(last, "gone");
            server.ends([ada]).await;
        });
    });
}
