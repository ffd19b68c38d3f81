//! What the tasks of one server do at once: each may write to the sockets of the others while these sleep.

use std::time::Duration;

use shuttle::future::{JoinHandle, block_on, spawn};

use super::{
    LONG, Tasks, check, epoch, hub,
    net::{Bell, Peer, door},
};
use crate::{Hub, Server, ServerHandle, wire::Line};

/// A server that runs.
struct Running {
    hub: Hub,
    bell: Bell,
    handle: ServerHandle,
    task: JoinHandle<()>,
}

impl Running {
    fn new() -> Self {
        let hub = hub().build();
        let (bell, door) = door();
        let server = Server::new(hub.clone()).listen(door, Line::default());
        let handle = server.handle();
        let task = spawn(async {
            server.run(Tasks(epoch())).await.unwrap();
        });
        Self {
            hub,
            bell,
            handle,
            task,
        }
    }

    /// A peer with a name, who is in the room.
    async fn member(&self, name: &str) -> Peer {
        let mut peer = self.bell.connect().unwrap();
        peer.ask(&format!("register,{name}"), "ack").await;
        peer.ask("join,#a", "ack").await;
        peer
    }

    /// Its peers are gone: nothing may be left of it.
    async fn ends(self) {
        self.handle.shut_down(LONG);
        self.task.await.unwrap();
        let stats = self.hub.stats();
        assert_eq!((stats.users, stats.rooms, stats.queue_bytes), (0, 0, 0));
        assert_eq!(stats.connections, 0);
    }
}

/// The lines of a member that are messages, until there are so many.
async fn messages(peer: &mut Peer, count: usize) -> Vec<String> {
    let mut said = Vec::new();
    while said.len() < count {
        let line = peer.line().await.unwrap();
        if line.contains(" says ") {
            said.push(line);
        }
    }
    said
}

/// Three talk in a room: each of the tasks writes to the sockets of those that sleep, and puts them to sleep again,
/// while others have something for them. All hear everything once, in one order.
#[test]
fn whoever_writes_for_a_sleeper_leaves_nothing_in_its_mailbox() {
    check(3000, || {
        block_on(async {
            let server = Running::new();
            let mut peers = Vec::new();
            for name in ["ada", "bob", "cleo"] {
                peers.push(server.member(name).await);
            }
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
            drop(peers);
            server.ends().await;
        });
    });
}

/// Two say something to a third one, directly, who sleeps, and whom the program tells something as well.
#[test]
fn a_sleeper_hears_what_comes_while_it_is_written_to() {
    check(6000, || {
        block_on(async {
            let server = Running::new();
            let mut reader = server.bell.connect().unwrap();
            reader.ask("register,reader", "ack").await;
            let mut talkers = Vec::new();
            for name in ["ada", "bob"] {
                let mut peer = server.bell.connect().unwrap();
                peer.ask(&format!("register,{name}"), "ack").await;
                talkers.push(peer);
            }
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
            program.await.unwrap();
            for talk in talks {
                talk.await.unwrap();
            }
            drop(reader);
            server.ends().await;
        });
    });
}

/// The one who talks goes as soon as it has, and what it has brought about is written all the same, by its task or
/// by those that it was for.
#[test]
fn nobody_waits_for_a_task_that_has_ended() {
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
                    assert_eq!(messages(&mut peer, 1).await, ["#a talker says last words"]);
                    loop {
                        let line = peer.line().await.unwrap();
                        if line == "talker quit closed" {
                            break peer;
                        }
                    }
                })
            });
            let listens: Vec<_> = listens.collect();
            talker.say("say,#a,last words").await;
            talker.done_sending().await;
            drop(talker.rest().await);
            for listen in listens {
                drop(listen.await.unwrap());
            }
            server.ends().await;
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
            drop((ada, bob));
            server.ends().await;
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
            server.task.await.unwrap();
            let stats = server.hub.stats();
            assert_eq!((stats.users, stats.rooms, stats.connections), (0, 0, 0));
            drop(server.bell);
            for come in comes {
                come.await.unwrap();
            }
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
                match bell.connect() {
                    Some(mut late) => late.rest().await,
                    None => Vec::new(),
                }
            });
            server.hub.close(Duration::from_secs(1));
            assert_eq!(ada.rest().await, ["bye"]);
            drop(ada);
            server.task.await.unwrap();
            drop(server.bell);
            let heard = comes.await.unwrap();
            assert!(heard.is_empty() || heard == ["bye"], "{heard:?}");
        });
    });
}
