//! Who wakes whom, on runtimes that do no more than they have to.

use std::{
    future::{Future, pending, poll_fn},
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use chinwag::{
    Addr, Moment, Policy, QuitReason, Runtime, Server, UserName, async_trait, wire::Line,
};
use chinwag_testkit::{Link, MemoryNet, Peer, VirtualRuntime, VirtualSleep};

/// It gives each poll of a task another waker, and forgets the ones before.
#[derive(Clone)]
struct Forgetful(VirtualRuntime);

/// The waker of one poll.
struct Turn {
    polls: Arc<AtomicUsize>,
    number: usize,
    waker: Waker,
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        if self.polls.load(Ordering::SeqCst) == self.number {
            self.waker.wake_by_ref();
        }
    }
}

impl Runtime for Forgetful {
    type Sleep = VirtualSleep;

    fn spawn<F>(&self, task: F) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let polls = Arc::new(AtomicUsize::new(0));
        self.0.spawn(async move {
            let mut task = pin!(task);
            poll_fn(|cx| {
                let turn = Turn {
                    number: polls.fetch_add(1, Ordering::SeqCst) + 1,
                    polls: polls.clone(),
                    waker: cx.waker().clone(),
                };
                let waker = Waker::from(Arc::new(turn));
                task.as_mut().poll(&mut Context::from_waker(&waker))
            })
            .await;
        })
    }

    fn sleep_until(&self, deadline: Instant) -> VirtualSleep {
        self.0.sleep_until(deadline)
    }

    fn now(&self) -> Instant {
        self.0.now()
    }
}

/// A task need only be woken by the waker of its last poll, also if somebody has taken an earlier one meanwhile.
#[test]
fn the_waker_of_the_last_poll_is_enough() {
    for seed in 0..64 {
        let rt = VirtualRuntime::new(seed);
        let net = MemoryNet::on(&rt, seed);
        let server = Server::new(chinwag_testkit::unthrottled().build())
            .listen(net.listen("line"), Line::default())
            .run_until(pending::<()>(), Forgetful(rt.clone()));
        rt.spawn(async move { server.await.unwrap() }).unwrap();
        rt.block_on(async {
            rt.settle().await;
            let mut peers = Vec::new();
            for i in 0..4 {
                let link = Link {
                    capacity: 256,
                    ..Link::default()
                };
                let mut peer = Peer::new(net.try_connect("line", link).unwrap());
                peer.ask(&format!("register,u{i}"), "ack").await;
                peer.ask("join,#a", "ack").await;
                for earlier in &mut peers {
                    let earlier: &mut Peer<_> = earlier;
                    earlier.hears(&format!("#a u{i} joined")).await;
                }
                peers.push(peer);
            }
            let from = rt.elapsed();
            for round in 0..50 {
                let talks = peers.iter_mut().enumerate().map(async |(i, peer)| {
                    let text = "x".repeat(i * 40);
                    for _ in 0..round % 3 {
                        peer.say(&format!("ping\nsay,#a,{round}{text}")).await;
                    }
                    let mut left = round % 3 * 5;
                    while left > 0 {
                        peer.line().await;
                        left -= 1;
                    }
                });
                futures::future::join_all(talks).await;
            }
            assert_eq!(rt.elapsed(), from, "seed {seed}: somebody slept");
        });
    }
}

/// It can end.
#[derive(Clone)]
struct Mortal {
    rt: VirtualRuntime,
    is_over: Arc<AtomicBool>,
    /// What becomes of its tasks.
    end: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// They are dropped at the beginning of what would have been a poll.
    Dropped,
    /// They are kept, and polled no more: nobody drives it.
    Forgotten,
}

impl Runtime for Mortal {
    type Sleep = VirtualSleep;

    fn spawn<F>(&self, task: F) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { is_over, end, .. } = self.clone();
        self.rt.spawn(async move {
            let mut task = pin!(task);
            poll_fn(|cx| match (is_over.load(Ordering::SeqCst), end) {
                (true, Fate::Dropped) => Poll::Ready(()),
                (true, Fate::Forgotten) => Poll::Pending,
                (false, _) => task.as_mut().poll(cx),
            })
            .await;
        })
    }

    fn sleep_until(&self, deadline: Instant) -> VirtualSleep {
        self.rt.sleep_until(deadline)
    }

    fn now(&self) -> Instant {
        self.rt.now()
    }
}

/// Whoever has something in their mailbox gets it, also if the runtime ends, or is not driven any more, of the task
/// that has put it there.
#[test]
fn the_end_of_one_runtime_leaves_nobody_asleep_on_another() {
    for (seed, end) in (0..64).zip([Fate::Dropped, Fate::Forgotten].into_iter().cycle()) {
        let rt = VirtualRuntime::new(seed);
        let net = MemoryNet::new();
        let hub = chinwag_testkit::unthrottled().build();
        let mortal = Mortal {
            rt: rt.clone(),
            is_over: Arc::default(),
            end,
        };
        let here = Server::new(hub.clone())
            .listen(net.listen("here"), Line::default())
            .run_until(pending::<()>(), mortal.clone());
        let there = Server::new(hub.clone())
            .listen(net.listen("there"), Line::default())
            .run_until(pending::<()>(), rt.clone());
        rt.spawn(async move { drop(futures::join!(here, there)) })
            .unwrap();
        rt.block_on(async {
            rt.settle().await;
            let mut peers = Vec::new();
            for (name, at) in [("ada", "here"), ("bob", "there"), ("cleo", "there")] {
                let mut peer = Peer::registered(net.connect(at), name).await;
                peer.ask("join,#a", "ack").await;
                peers.push(peer);
            }
            let mut ada = peers.remove(0);
            let [bob, cleo] = &mut peers[..] else {
                unreachable!()
            };
            bob.hears("#a cleo joined").await;
            rt.settle().await;
            let from = rt.elapsed();
            ada.say("say,#a,last words").await;
            // As soon as it is said, most likely before anybody is told of it.
            let mut turns = 0;
            poll_fn(|cx| {
                turns += 1;
                if hub.stats().queue_bytes > 0 || turns == 100 {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            mortal.is_over.store(true, Ordering::SeqCst);
            for peer in [bob, cleo] {
                peer.hears("#a ada says last words").await;
            }
            assert_eq!(rt.elapsed(), from, "seed {seed}: somebody slept");
            // Her task ends while it sleeps, and takes her with it.
            drop(ada);
            rt.settle().await;
            if end == Fate::Dropped {
                assert_eq!(hub.users(), ["bob", "cleo"], "seed {seed}");
            }
        });
    }
}

/// It counts its wakers.
#[derive(Clone)]
struct Counting {
    rt: VirtualRuntime,
    wakers: Arc<()>,
}

struct Counted {
    waker: Waker,
    _one: Arc<()>,
}

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.waker.wake_by_ref();
    }
}

impl Runtime for Counting {
    type Sleep = VirtualSleep;

    fn spawn<F>(&self, task: F) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let one = self.wakers.clone();
        self.rt.spawn(async move {
            let mut task = pin!(task);
            poll_fn(|cx| {
                let waker = cx.waker().clone();
                let counted = Counted {
                    waker,
                    _one: one.clone(),
                };
                let waker = Waker::from(Arc::new(counted));
                task.as_mut().poll(&mut Context::from_waker(&waker))
            })
            .await;
        })
    }

    fn sleep_until(&self, deadline: Instant) -> VirtualSleep {
        self.rt.sleep_until(deadline)
    }

    fn now(&self) -> Instant {
        self.rt.now()
    }
}

/// It takes its time to see somebody off.
struct Polite(VirtualRuntime);

#[async_trait]
impl Policy for Polite {
    fn wants(&self, moment: Moment) -> bool {
        moment == Moment::Disconnected
    }

    async fn disconnected(&self, _: &Addr, _: Option<&UserName>, _: QuitReason) {
        self.0.sleep(Duration::from_secs(1)).await;
    }
}

/// Who has sent something to somebody remembers them, but not their task, which is over.
#[test]
fn a_task_that_is_over_is_not_kept() {
    let rt = VirtualRuntime::new(1);
    let net = MemoryNet::new();
    let counting = Counting {
        rt: rt.clone(),
        wakers: Arc::default(),
    };
    let hub = chinwag_testkit::unthrottled().policy(Polite(rt.clone()));
    let server = Server::new(hub.build())
        .listen(net.listen("line"), Line::default())
        .run_until(pending::<()>(), counting.clone());
    rt.spawn(async move { server.await.unwrap() }).unwrap();
    rt.block_on(async {
        rt.settle().await;
        let mut ada = Peer::registered(net.connect("line"), "ada").await;
        ada.ask("ping", "pong").await;
        rt.settle().await;
        let before = Arc::strong_count(&counting.wakers);
        let mut bob = Peer::registered(net.connect("line"), "bob").await;
        ada.say("chat,bob").await;
        bob.hears("ada says hi").await;
        drop(bob);
        rt.sleep(Duration::from_secs(10)).await;
        assert_eq!(Arc::strong_count(&counting.wakers), before);
    });
}

/// What one member brings about for a thousand others does not wait until this one member's turn has come often
/// enough, while other connections keep the runtime busy.
#[test]
fn a_large_room_does_not_wait_for_the_turns_of_one_member() {
    const READERS: usize = 1280;
    const BUSY: usize = 100;
    let rt = VirtualRuntime::new(1);
    let net = MemoryNet::on(&rt, 1);
    let server = Server::new(chinwag_testkit::unthrottled().build())
        .listen(net.listen("line"), Line::default())
        .run_until(pending::<()>(), rt.clone());
    rt.spawn(async move { server.await.unwrap() }).unwrap();
    rt.block_on(async {
        rt.settle().await;
        let mut readers = Vec::new();
        for i in 0..READERS {
            let mut reader = Peer::registered(net.connect("line"), &format!("r{i}")).await;
            reader.ask("join,#a", "ack").await;
            readers.push(reader);
        }
        let news = readers.iter_mut().enumerate().map(async |(i, reader)| {
            for _ in i + 1..READERS {
                reader.hears("#a r*").await;
            }
        });
        futures::future::join_all(news).await;
        for i in 0..BUSY {
            let mut busy = Peer::registered(net.connect("line"), &format!("b{i}")).await;
            rt.spawn(async move {
                loop {
                    busy.ask("ping", "pong").await;
                }
            })
            .unwrap();
        }
        // A poll takes a millisecond: a round of all that are busy, about two hundred.
        rt.set_tick(Duration::from_millis(1));
        let from = rt.elapsed();
        readers[0].say("say,#a,hello").await;
        let hear = readers.iter_mut().map(async |reader| {
            reader.hears("#a r0 says hello").await;
        });
        futures::future::join_all(hear).await;
        let took = rt.elapsed() - from;
        assert!(took < Duration::from_millis(500), "{took:?}");
    });
}
