//! The end of a chat, in virtual time: who is told what, what is still delivered, and how long it takes.

use std::{
    future::{Future, pending},
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use chinwag::{Event, Hub, HubError, Server, ServerHandle, Timeouts, wire::Line};
use chinwag_testkit::{Link, MemoryNet, MemoryStream, Peer, VirtualRuntime};
use futures::{
    FutureExt, StreamExt,
    channel::oneshot,
    future::{Either, select},
};

/// A chat with as many servers as one likes, called by name.
struct World {
    hub: Hub,
    rt: VirtualRuntime,
    net: MemoryNet,
}

/// A server that runs in a task.
struct Running {
    handle: ServerHandle,
    /// When it has ended, by the virtual clock.
    ended: oneshot::Receiver<Duration>,
}

impl World {
    /// Runs `test` in several orders. When it is over, nothing may be left.
    fn run<F: Future<Output = ()>>(hub: impl Fn() -> Hub, test: impl Fn(Arc<World>) -> F) {
        for seed in 0..8 {
            let rt = VirtualRuntime::new(seed);
            let world = Arc::new(World {
                hub: hub(),
                net: MemoryNet::on(&rt, seed),
                rt: rt.clone(),
            });
            rt.block_on(test(world.clone()));
            rt.block_on(rt.sleep(seconds(20)));
            let left = (rt.tasks(), world.hub.connections(), rt.panics());
            assert_eq!(left, (0, 0, 0), "seed {seed}");
            assert!(world.hub.users().is_empty(), "seed {seed}");
            assert!(world.hub.rooms().is_empty(), "seed {seed}");
        }
    }

    async fn serve(&self, name: &str) -> Running {
        let server = Server::new(self.hub.clone()).listen(self.net.listen(name), Line::default());
        let (handle, rt) = (server.handle(), self.rt.clone());
        let (tell, ended) = oneshot::channel();
        let task = async move {
            let clock = rt.clone();
            server.run_until(pending::<()>(), rt).await.unwrap();
            let _ = tell.send(clock.elapsed());
        };
        chinwag::Runtime::spawn(&self.rt, task).unwrap();
        self.rt.settle().await;
        Running { handle, ended }
    }

    async fn member(&self, server: &str, name: &str) -> Peer<MemoryStream> {
        let mut user = Peer::registered(self.net.connect(server), name).await;
        user.ask("join,#a", "ack").await;
        user
    }

    /// A user whose link holds next to nothing, and who has more to read than that.
    async fn stuck(&self, server: &str) -> Peer<MemoryStream> {
        let narrow = Link {
            capacity: 64,
            ..Link::default()
        };
        let mut stuck = Peer::new(self.net.try_connect(server, narrow).unwrap());
        stuck.ask("register,stuck", "ack").await;
        for _ in 0..100 {
            self.hub.tell("stuck", "you will not read this").unwrap();
        }
        self.rt.settle().await;
        stuck
    }

    fn is_refused(&self, server: &str) -> bool {
        self.net.try_connect(server, Link::default()).is_err()
    }
}

impl Running {
    async fn ended(&mut self) -> Duration {
        (&mut self.ended).await.unwrap()
    }

    fn runs(&mut self) -> bool {
        (&mut self.ended).now_or_never().is_none()
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn closing_a_hub_ends_its_servers_and_its_users() {
    World::run(crate::unthrottled, async |world| {
        let (mut one, mut two) = (world.serve("one").await, world.serve("two").await);
        let mut ada = world.member("one", "ada").await;
        let mut nobody = Peer::new(world.net.connect("two"));
        nobody.ask("ping", "pong").await;
        let mut bot = world.hub.connect("bot").unwrap();
        let mut idle = world.hub.connect("idle").unwrap();
        ada.say("chat,bot,good night").await;
        ada.ask("ping", "pong").await;
        let before = world.rt.elapsed();
        world.hub.close(seconds(3));

        // What was sent before is heard; then it is over.
        assert!(bot.next().await.is_some());
        assert_eq!(bot.next().await, Some(Event::Bye));
        assert_eq!(bot.next().await, None);
        assert_eq!(bot.next().await, None);
        assert_eq!(bot.name(), None);
        assert_eq!(bot.send("idle", "too late"), Err(HubError::Closed));
        assert_eq!(bot.rename("other"), Err(HubError::Closed));
        // This one has not looked yet.
        assert_eq!(idle.join("#a"), Err(HubError::Closed));
        idle.ready(&world.rt).await;
        assert!(matches!(world.hub.connect("late"), Err(HubError::Closed)));

        assert_eq!(ada.rest().await, "bye\n");
        assert_eq!(nobody.rest().await, "bye\n");
        drop((ada, nobody, bot, idle));
        assert_eq!(one.ended().await, before);
        assert_eq!(two.ended().await, before);
        assert!(world.is_refused("one") && world.is_refused("two"));

        // A server that comes too late ends at once.
        let mut late = world.serve("late").await;
        assert!(!late.runs());
        assert!(world.is_refused("late"));
    });
}

#[test]
fn a_closed_hub_does_not_wait_longer_than_it_was_told_first() {
    World::run(crate::unthrottled, async |world| {
        let (mut one, mut two) = (world.serve("one").await, world.serve("two").await);
        let stuck = world.stuck("one").await;
        let mut ada = world.member("two", "ada").await;
        let before = world.rt.elapsed();
        world.hub.close(seconds(2));
        world.hub.close(seconds(60));
        world.rt.settle().await;
        one.handle.shut_down(Duration::ZERO);
        assert_eq!(ada.rest().await, "bye\n");
        drop(ada);
        assert!(two.ended().await - before <= Duration::from_nanos(1));
        let took = one.ended().await - before;
        let at_most = seconds(2) + Duration::from_millis(500);
        assert!((seconds(2)..=at_most).contains(&took), "{took:?}");
        assert_eq!(world.hub.connections(), 0);
        drop(stuck);
    });
}

#[test]
fn a_handle_has_a_deadline_of_its_own() {
    World::run(crate::unthrottled, async |world| {
        let (mut one, mut two) = (world.serve("one").await, world.serve("two").await);
        let stuck = world.stuck("one").await;
        let mut ada = world.member("one", "ada").await;
        let mut bob = world.member("two", "bob").await;
        ada.hears("#a bob joined").await;
        assert_eq!(one.handle.connections(), 2);
        let before = world.rt.elapsed();
        one.handle.shut_down(Duration::from_millis(700));
        world.rt.sleep(Duration::from_millis(1)).await;
        // Neither later nor earlier than it was said first.
        one.handle.shut_down(seconds(60));
        one.handle.clone().shut_down(Duration::ZERO);
        assert_eq!(ada.rest().await, "bye\n");
        drop(ada);
        world.rt.settle().await;
        assert_eq!(one.handle.connections(), 1);
        assert!(world.is_refused("one"));
        bob.hears("ada quit shutdown").await;
        bob.hears("#a * role bob owner").await;
        let took = one.ended().await - before;
        let range = Duration::from_millis(700)..=Duration::from_millis(1200);
        assert!(range.contains(&took), "{took:?}");
        assert_eq!(one.handle.connections(), 0);
        drop(stuck);

        // The other one goes on, and its hub too.
        one.handle.shut_down(Duration::ZERO);
        assert!(two.runs());
        bob.ask("list,friends", "bob").await;
        drop(world.hub.connect("bot").unwrap());
        two.handle.shut_down(Duration::ZERO);
        two.handle.shut_down(seconds(60));
        let before = world.rt.elapsed();
        let took = two.ended().await - before;
        assert!(took <= Duration::from_millis(500), "{took:?}");
        drop(bob);
    });
}

/// Whoever comes at the very moment of the end is told good-bye or refused, and holds nothing up.
#[test]
fn who_comes_in_the_moment_of_the_end_is_closed_too() {
    World::run(crate::unthrottled, async |world| {
        let one = world.serve("one").await;
        let early: Vec<_> = (0..40).map(|_| world.net.connect("one")).collect();
        world.hub.close(seconds(2));
        let late = (0..40).filter_map(|_| world.net.try_connect("one", Link::default()).ok());
        let mut peers: Vec<_> = early.into_iter().chain(late).map(Peer::new).collect();
        for mut peer in peers.drain(..) {
            let heard = peer.rest().await;
            assert!(heard.is_empty() || heard == "bye\n", "{heard:?}");
        }
        one.ended.await.unwrap();
        assert!(world.is_refused("one"));
    });
}

/// The end of a large server is no single long step: others have turns between its batches, and the first ones
/// are gone before the last ones are told.
#[test]
fn a_crowd_is_closed_in_batches() {
    const CROWD: usize = 5000;
    let rt = VirtualRuntime::new(1);
    let world = World {
        hub: crate::unthrottled(),
        net: MemoryNet::new(),
        rt: rt.clone(),
    };
    rt.block_on(async {
        let one = world.serve("one").await;
        let mut crowd = Vec::new();
        for _ in 0..CROWD {
            crowd.push(Peer::new(world.net.connect("one")));
        }
        for peer in &mut crowd {
            peer.ask("ping", "pong").await;
        }
        assert_eq!(one.handle.connections(), CROWD);
        // Each poll takes time now, so that one can see how many were gone when.
        rt.set_tick(Duration::from_nanos(1));
        let counts = Arc::new(Mutex::new(Vec::new()));
        let listeners: Vec<_> = crowd
            .into_iter()
            .map(|mut peer| {
                let (tell, told) = oneshot::channel();
                let task = async move {
                    assert_eq!(peer.rest().await, "bye\n");
                    let _ = tell.send(());
                };
                chinwag::Runtime::spawn(&rt, task).unwrap();
                told
            })
            .collect();
        one.handle.shut_down(seconds(4));
        let watch = async {
            loop {
                counts.lock().unwrap().push(one.handle.connections());
                rt.sleep(Duration::from_nanos(1)).await;
            }
        };
        let all_told = pin!(futures::future::join_all(listeners));
        match select(all_told, pin!(watch)).await {
            Either::Left((told, _)) => assert!(told.iter().all(Result::is_ok)),
            Either::Right(_) => unreachable!("it never ends"),
        }
        rt.set_tick(Duration::ZERO);
        one.ended.await.unwrap();
        assert_eq!(one.handle.connections(), 0);
        let counts = counts.lock().unwrap();
        assert!(counts.is_sorted_by(|a, b| a >= b), "it only goes down");
        let between = counts.iter().filter(|&&left| left > 0 && left < CROWD);
        assert!(between.count() > CROWD / 256, "nobody had a turn meanwhile");
    });
    assert_eq!((rt.tasks(), rt.panics()), (0, 0));
}

/// The hub's own time for a shutdown is for a signal, and nothing else.
#[test]
fn a_server_without_connections_ends_at_once() {
    let timeouts = Timeouts::builder().shutdown(seconds(9)).build().unwrap();
    World::run(
        || crate::unthrottled_with(|hub| hub.timeouts(timeouts)),
        async |world| {
            let mut one = world.serve("one").await;
            let before = world.rt.elapsed();
            one.handle.shut_down(seconds(60));
            assert_eq!(one.ended().await, before);
        },
    );
}
