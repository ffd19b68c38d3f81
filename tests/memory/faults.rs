//! Bad days: peers that are slow, silent, gone or too many, and a system that is short of everything.
//! Time is virtual; each test runs in several orders.

use std::{future::pending, io, pin::pin, time::Duration};

use chinwag::{
    Addr, Answer, Command, Event, Hub, Incoming, Limits, Listener, Runtime, Server, ServerError,
    Timeouts,
    wire::{Form, Line, Reading, Wire, WireError},
};
use chinwag_testkit::{Link, MemoryListener, MemoryNet, MemoryStream, Peer, VirtualRuntime};
use futures::{
    AsyncReadExt, AsyncWriteExt,
    channel::oneshot,
    future::{Either, join, select},
    io::BufWriter,
};

use crate::chat::{Chat, MemoryPeer, lost};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn small_mailboxes() -> Hub {
    let limits = Limits::builder().mailbox_bytes(64 * 1024).build().unwrap();
    chinwag_testkit::unthrottled().limits(limits).build()
}

#[test]
fn who_never_registers_is_closed_in_time() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut silent = chat.line();
        let mut busy = chat.line();
        for _ in 0..29 {
            chat.rt.sleep(seconds(1)).await;
            busy.ask("ping", "pong").await;
        }
        chat.rt.sleep(Duration::from_millis(999)).await;
        assert_eq!(chat.hub.connections(), 2);
        chat.rt.sleep(Duration::from_millis(2)).await;
        for peer in [&mut silent, &mut busy] {
            peer.hears("error,timed-out,no name was registered in time")
                .await;
            peer.is_closed().await;
        }
    });
}

/// It always has something to be read, so that the server never gets round to its timer.
#[test]
fn a_flood_without_a_name_is_closed_in_time_too() {
    for garbage in ["x".repeat(1000), "ping\n".repeat(200)] {
        Chat::run(crate::unthrottled, async |chat| {
            let more_than_one_poll_reads = Link {
                capacity: 1 << 20,
                ..Link::default()
            };
            let flood = chat.line_over(more_than_one_poll_reads).into_inner();
            chat.rt.set_tick(Duration::from_millis(500));
            let from = chat.rt.elapsed();
            let (mut replies, mut requests) = flood.split();
            let write = async { while requests.write_all(garbage.as_bytes()).await.is_ok() {} };
            // Its notice may be lost: who never stops sending is cut off.
            let read = async {
                let _ = replies.read_to_end(&mut Vec::new()).await;
                chat.rt.elapsed() - from
            };
            let ((), took) = futures::join!(write, read);
            chat.rt.set_tick(Duration::ZERO);
            assert!((seconds(30)..seconds(40)).contains(&took), "{took:?}");
        });
    }
}

/// A socket that is closed with bytes unread is reset, and the last words are lost.
#[test]
fn the_good_bye_survives_late_bytes() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        ada.send(format!("quit\n{}", "late\n".repeat(10_000))).await;
        chat.rt.settle().await;
        assert_eq!(ada.rest().await, "bye\n");
    });
}

#[test]
fn the_end_is_told_at_once() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let from = chat.rt.elapsed();
        ada.ask("quit", "bye").await;
        ada.is_closed().await;
        assert_eq!(chat.rt.elapsed(), from);
        // The server then waits a second for the peer to end it as well, and not for ever.
        chat.rt.sleep(Duration::from_millis(1001)).await;
        assert_eq!(chat.hub.connections(), 0);
    });
}

#[test]
fn who_is_silent_for_an_hour_is_closed_and_who_speaks_is_not() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut gone = chat.user("gone").await;
        let mut here = chat.user("here").await;
        for minutes in (0..180).step_by(20) {
            assert_eq!(chat.hub.users().len(), if minutes < 60 { 2 } else { 1 });
            here.ask("ping", "pong").await;
            chat.rt.sleep(seconds(20 * 60)).await;
        }
        gone.hears("error,timed-out,nothing was heard for too long")
            .await;
        gone.is_closed().await;
    });
}

#[test]
fn without_timeouts_nobody_is_closed() {
    let hub = || {
        let timeouts = Timeouts::builder().register(None).idle(None).build();
        chinwag_testkit::unthrottled()
            .timeouts(timeouts.unwrap())
            .build()
    };
    Chat::run(hub, async |chat| {
        let mut quiet = chat.line();
        chat.rt.sleep(seconds(30 * 24 * 3600)).await;
        quiet.ask("register,quiet", "ack").await;
    });
}

#[test]
fn a_reader_that_never_reads_is_cut_at_its_bound_and_nobody_else_is() {
    Chat::run(small_mailboxes, async |chat| {
        let stuck = Link {
            capacity: 4096,
            ..Link::default()
        };
        let mut stuck = chat.line_over(stuck);
        stuck.ask("register,stuck", "ack").await;
        let mut talker = chat.user("talker").await;
        let mut healthy = chat.user("healthy").await;
        let text = "x".repeat(1000);
        let (mut sent, mut refused) = (0, false);
        for _ in 0..1000 {
            talker.say(&format!("chat,stuck,{text}")).await;
            sent += 1;
            talker.say(&format!("chat,healthy,{text}")).await;
            healthy.hears(&format!("talker says {text}")).await;
            talker.say("ping").await;
            let line = talker.line().await;
            if line != "pong" {
                assert!(line.starts_with("error,no-such-user,"), "{line}");
                talker.hears("pong").await;
                refused = true;
                break;
            }
        }
        assert!(refused);
        // Its name is free when its own task has seen why.
        chat.rt.settle().await;
        talker.ask("list,friends", "talker,healthy").await;
        // What it may still read is whole messages, and then why it was cut.
        let heard = stuck.rest().await;
        let (messages, notice) = heard.trim_end().rsplit_once('\n').unwrap();
        let whole = format!("talker says {text}");
        assert!(messages.lines().all(|line| line == whole));
        // Nothing is missing, and nothing counted twice. The one that its sender was refused is among what it has lost.
        assert_eq!(messages.lines().count() + lost(notice), sent);
        assert_eq!(chat.hub.stats().lost, lost(notice) as u64);
        // Its socket, its outbox up to the high-water mark and its last draining, at most.
        assert!(messages.len() < 4096 + 2 * 64 * 1024 + 2000);
    });
}

/// One talker at full speed, one reader that is stuck, one that is healthy but slow: the healthy one gets
/// everything, because the talker is held back for it.
#[test]
fn a_healthy_reader_is_never_cut_because_somebody_talks_fast() {
    Chat::run(small_mailboxes, async |chat| {
        const COUNT: usize = 40_000;
        let narrow = Link {
            capacity: 2048,
            chunk: 512,
            ..Link::default()
        };
        let mut stuck = chat.line_over(narrow);
        stuck.ask("register,stuck", "ack").await;
        let mut healthy = chat.line_over(narrow);
        healthy.ask("register,healthy", "ack").await;
        let mut talker = chat.user("talker").await;
        let talk = async {
            for batch in 0..COUNT / 100 {
                let lines: String = (batch * 100..)
                    .take(100)
                    .map(|i| format!("chat,healthy,{i}\nchat,stuck,x\n"))
                    .collect();
                talker.send(lines).await;
                // The refusals must be read, or the talker would be the next stuck reader.
                talker.say("ping").await;
                while talker.line().await != "pong" {}
            }
        };
        let listen = async {
            for i in 0..COUNT {
                healthy.hears(&format!("talker says {i}")).await;
            }
        };
        futures::join!(talk, listen);
        assert_eq!(chat.hub.users(), ["healthy", "talker"]);
        drop(stuck);
    });
}

/// Each talker fills more than its share before anybody can hold back: what does not fit waits with its
/// talker.
#[test]
fn a_healthy_reader_is_never_cut_because_many_talk_at_once() {
    Chat::run(small_mailboxes, async |chat| {
        let mut healthy = chat.line_over(Link {
            capacity: 4096,
            ..Link::default()
        });
        healthy.ask("register,healthy", "ack").await;
        let text = "x".repeat(4000);
        let mut talkers = Vec::new();
        for i in 0..100 {
            let mut talker = chat.user(&format!("talker{i}")).await;
            // In two pieces, so that some of it is carried over from one read to the next.
            talker.send("chat,heal").await;
            talkers.push(talker);
        }
        let from = chat.rt.elapsed();
        for talker in &mut talkers {
            let rest = format!("thy,{text}\nchat,healthy,{text}\nping\n");
            talker.send(rest).await;
        }
        for _ in 0..200 {
            let line = healthy.line().await;
            assert!(line.starts_with("talker") && line.ends_with(&text));
        }
        for talker in &mut talkers {
            talker.hears("pong").await;
        }
        assert_eq!(chat.rt.elapsed(), from, "somebody waited for a timer");
        healthy.ask("ping", "pong").await;
    });
}

#[test]
fn two_who_flood_each_other_lock_nobody_else_up() {
    Chat::run(small_mailboxes, async |chat| {
        let ada = chat.user("ada").await;
        let bob = chat.user("bob").await;
        // Both write everything before they read anything, so both are stuck readers.
        let flood = async |from: MemoryPeer, to: &str| {
            let mut io = from.into_inner();
            let lines = format!("chat,{to},{}\n", "x".repeat(500)).repeat(2000);
            io.write_all(lines.as_bytes()).await
        };
        let floods = async { futures::join!(flood(ada, "bob"), flood(bob, "ada")) };
        let other = async {
            let mut cleo = chat.user("cleo").await;
            for _ in 0..100 {
                cleo.ask("ping", "pong").await;
                chat.rt.sleep(Duration::from_millis(10)).await;
            }
        };
        // They are locked up by their own doing, for as long as they like; everyone else is served.
        let floods_ended = matches!(select(pin!(floods), pin!(other)).await, Either::Left(_));
        assert!(!floods_ended);
        let mut dan = chat.user("dan").await;
        dan.ask("ping", "pong").await;
    });
}

#[test]
fn requests_whose_replies_are_never_read_stop_being_read() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut flood = chat.line_over(Link {
            capacity: 4096,
            ..Link::default()
        });
        let mut sent = 0;
        let pings = "ping\n".repeat(1000);
        // A write that cannot complete because the server does not read any further.
        loop {
            let write = Box::pin(flood.send(&pings));
            let patience = Box::pin(chat.rt.sleep(seconds(1)));
            match select(write, patience).await {
                Either::Left(_) => sent += 1,
                Either::Right(_) => break,
            }
            assert!(sent < 1000, "the server reads without bound");
        }
        ada.ask("ping", "pong").await;
    });
}

/// Runs a server that ends when `test` asks for it, in several orders. Nothing may be left of it.
fn until_told<F: Future<Output = Duration>>(
    test: impl Fn(VirtualRuntime, MemoryNet, oneshot::Sender<()>) -> F,
    took: std::ops::Range<Duration>,
) {
    for seed in 0..20 {
        let (rt, net, hub) = (
            VirtualRuntime::new(seed),
            MemoryNet::new(),
            chinwag_testkit::unthrottled().build(),
        );
        let (stop, stopped) = oneshot::channel::<()>();
        let server = Server::new(hub.clone())
            .listen(net.listen("line"), Line::default())
            .run_until(stopped, rt.clone());
        let server = async {
            server.await.unwrap();
            rt.elapsed()
        };
        let test = test(rt.clone(), net, stop);
        let (ended, told) = rt.block_on(join(server, test));
        assert!(
            took.contains(&(ended - told)),
            "seed {seed}: {:?}",
            ended - told
        );
        assert_eq!((rt.tasks(), hub.connections()), (0, 0));
    }
}

#[test]
fn a_shutdown_delivers_what_waits_and_says_good_bye() {
    let test = async |rt: VirtualRuntime, net: MemoryNet, stop: oneshot::Sender<()>| {
        rt.settle().await;
        let mut ada = Peer::registered(net.connect("line"), "ada").await;
        let mut bob = Peer::registered(net.connect("line"), "bob").await;
        let mut nobody = Peer::new(net.connect("line"));
        nobody.ask("ping", "pong").await;
        ada.say("chat,bob,last words").await;
        ada.ask("ping", "pong").await;
        let told = rt.elapsed();
        stop.send(()).unwrap();
        assert_eq!(bob.rest().await, "ada says last words\nbye\n");
        assert_eq!(ada.rest().await, "bye\n");
        assert_eq!(nobody.rest().await, "bye\n");
        assert!(net.try_connect("line", Link::default()).is_err());
        // They do not close their ends, and the server does not wait for that for ever.
        rt.sleep(seconds(2)).await;
        told
    };
    until_told(test, seconds(1)..seconds(2));
}

#[test]
fn a_shutdown_ends_by_its_deadline_whatever_the_peers_do() {
    let test = async |rt: VirtualRuntime, net: MemoryNet, stop: oneshot::Sender<()>| {
        rt.settle().await;
        let narrow = Link {
            capacity: 64,
            chunk: 64,
            ..Link::default()
        };
        let mut stuck = Peer::new(net.try_connect("line", narrow).unwrap());
        stuck.ask("register,stuck", "ack").await;
        let mut ada = Peer::registered(net.connect("line"), "ada").await;
        for _ in 0..100 {
            ada.say("chat,stuck,you will not read this").await;
        }
        ada.ask("ping", "pong").await;
        let told = rt.elapsed();
        stop.send(()).unwrap();
        ada.hears("bye").await;
        rt.sleep(seconds(10)).await;
        told
    };
    until_told(test, seconds(4)..seconds(5));
}

#[test]
fn dropping_the_server_closes_everything_at_once() {
    let (rt, net, hub) = (
        VirtualRuntime::new(1),
        MemoryNet::new(),
        chinwag_testkit::unthrottled().build(),
    );
    let server = Server::new(hub.clone())
        .listen(net.listen("line"), Line::default())
        .run_until(pending::<()>(), rt.clone());
    let test = async {
        rt.settle().await;
        Peer::registered(net.connect("line"), "ada").await
    };
    let mut ada = rt.block_on(async {
        let (server, test) = (Box::pin(server), Box::pin(test));
        match select(server, test).await {
            Either::Right((ada, _server)) => ada,
            Either::Left(_) => unreachable!("it runs until it is dropped"),
        }
    });
    rt.block_on(async {
        ada.is_closed().await;
        rt.settle().await;
    });
    assert_eq!((rt.tasks(), hub.connections()), (0, 0));
    assert!(hub.users().is_empty());
}

#[test]
fn a_server_without_a_listener_says_so() {
    let rt = VirtualRuntime::new(1);
    let result = rt.block_on(
        Server::new(chinwag_testkit::unthrottled().build()).run_until(pending::<()>(), rt.clone()),
    );
    assert!(matches!(result, Err(ServerError::NoListener)));
}

#[test]
fn accept_errors_end_nothing_and_are_not_retried_in_a_hurry() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let too_many_open_files = || io::Error::from_raw_os_error(24);
        for _ in 0..10 {
            chat.net.fail_accept("line", too_many_open_files());
            chat.net
                .fail_accept("line", io::ErrorKind::ConnectionAborted.into());
        }
        let from = chat.rt.elapsed();
        let mut bob = chat.user("bob").await;
        let took = chat.rt.elapsed() - from;
        // 10 ms, twice as long each time, at most a second.
        assert!((seconds(2)..seconds(6)).contains(&took), "{took:?}");
        ada.say("chat,bob").await;
        bob.hears("ada says hi").await;
        // After a success it is quick again.
        chat.net.fail_accept("line", too_many_open_files());
        let from = chat.rt.elapsed();
        let _cleo = chat.user("cleo").await;
        assert!(chat.rt.elapsed() - from < Duration::from_millis(11));
    });
}

#[test]
fn one_connection_too_many_is_told_so() {
    let hub = || {
        let limits = Limits::builder().max_connections(2).build().unwrap();
        chinwag_testkit::unthrottled().limits(limits).build()
    };
    Chat::run(hub, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        for _ in 0..3 {
            let mut refused = chat.line();
            refused
                .hears("error,full,the server has 2 connections and takes no more")
                .await;
            refused.is_closed().await;
        }
        // Those that do not go away by themselves are bounded in number as well.
        let crowd: Vec<_> = (0..200).map(|_| chat.line()).collect();
        chat.rt.settle().await;
        assert!(chat.rt.tasks() < 80);
        drop(crowd);
        ada.ask("quit", "bye").await;
        drop(ada);
        chat.rt.settle().await;
        let mut cleo = chat.user("cleo").await;
        cleo.say("chat,bob").await;
        bob.hears("cleo says hi").await;
    });
}

/// A wire from elsewhere, which panics when it is told to.
#[derive(Debug, Clone)]
struct Fragile;

impl Wire for Fragile {
    fn frame_end(&self, input: &[u8]) -> Option<usize> {
        Line::default().frame_end(input)
    }

    fn payload<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        Line::default().payload(frame)
    }

    fn decode<'a>(
        &mut self,
        payload: &'a [u8],
        reading: &mut Reading,
    ) -> Result<Option<Command<'a>>, WireError> {
        assert_ne!(payload, b"break", "on purpose");
        Line::default().decode(payload, reading)
    }

    fn answer(&mut self, answer: &Answer<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"> ");
        Line::default().answer(answer, out);
    }

    fn encode(event: &Event, form: Form, out: &mut Vec<u8>) {
        if let Event::Direct { text, .. } = event {
            assert_ne!(&**text, "unspeakable", "on purpose");
        }
        out.extend_from_slice(b"> ");
        Line::encode(event, form, out);
    }
}

/// A server that speaks the fragile wire under the name `line`, in a task that runs until the test ends.
fn fragile_server(rt: &VirtualRuntime, net: &MemoryNet) {
    let server = Server::new(chinwag_testkit::unthrottled().build())
        .listen(net.listen("line"), Fragile)
        .run_until(pending::<()>(), rt.clone());
    rt.spawn(async move { server.await.unwrap() }).unwrap();
}

#[test]
fn a_panic_costs_its_own_connection_only() {
    let (rt, net) = (VirtualRuntime::new(1), MemoryNet::new());
    fragile_server(&rt, &net);
    rt.block_on(async {
        rt.settle().await;
        let mut ada = Peer::new(net.connect("line"));
        ada.ask("register,ada", "> ack").await;
        let mut bob = Peer::new(net.connect("line"));
        bob.ask("register,bob", "> ack").await;
        bob.ask("list,friends", "> ada,bob").await;
        bob.say("break").await;
        bob.is_closed().await;
        ada.ask("list,friends", "> ada").await;
        ada.ask("chat,bob", "> error,no-such-user,*").await;
        let mut bob = Peer::new(net.connect("line"));
        bob.ask("register,bob", "> ack").await;
    });
    assert_eq!(rt.panics(), 1);
}

/// Also if it was another's task that came upon it.
#[test]
fn a_panic_over_what_somebody_is_told_costs_their_connection_only() {
    let (rt, net) = (VirtualRuntime::new(1), MemoryNet::new());
    fragile_server(&rt, &net);
    rt.block_on(async {
        rt.settle().await;
        let mut ada = Peer::new(net.connect("line"));
        ada.ask("register,ada", "> ack").await;
        let mut bob = Peer::new(net.connect("line"));
        bob.ask("register,bob", "> ack").await;
        rt.settle().await;
        ada.say("chat,bob,unspeakable").await;
        bob.is_closed().await;
        ada.ask("list,friends", "> ada").await;
        ada.ask("chat,bob", "> error,no-such-user,*").await;
        assert!(rt.elapsed() < seconds(1));
    });
}

#[test]
fn servers_of_one_hub_meet_and_those_of_two_never_do() {
    let (rt, net) = (VirtualRuntime::new(1), MemoryNet::new());
    let (one, two) = (
        chinwag_testkit::unthrottled().build(),
        chinwag_testkit::unthrottled().build(),
    );
    for (hub, name) in [(&one, "a"), (&one, "b"), (&two, "c")] {
        let server = Server::new(hub.clone())
            .listen(net.listen(name), Line::default())
            .run_until(pending::<()>(), rt.clone());
        rt.spawn(async move {
            let _ = server.await;
        })
        .unwrap();
    }
    rt.block_on(async {
        rt.settle().await;
        let mut ada = Peer::registered(net.connect("a"), "ada").await;
        let mut bob = Peer::registered(net.connect("b"), "bob").await;
        let mut other = Peer::registered(net.connect("c"), "ada").await;
        bob.say("chat,ada").await;
        ada.hears("bob says hi").await;
        other.ask("list,friends", "ada").await;
        other.ask("chat,bob", "error,no-such-user,*").await;
    });
}

#[test]
fn a_peer_that_is_reset_is_forgotten() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        for _ in 0..100 {
            let bob = chat.user("bob").await;
            ada.say("chat,bob").await;
            ada.ask("ping", "pong").await;
            bob.into_inner().reset();
            chat.rt.settle().await;
            ada.ask("list,friends", "ada").await;
        }
    });
}

/// Reading, being idle and being woken must not need any time to pass.
#[test]
fn nothing_waits_for_a_timer_that_need_not() {
    Chat::run(small_mailboxes, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        let from = chat.rt.elapsed();
        let text = "x".repeat(4000);
        let talk = async {
            for _ in 0..500 {
                ada.say(&format!("chat,bob,{text}")).await;
            }
        };
        let listen = async {
            for _ in 0..500 {
                bob.hears("ada says*").await;
            }
        };
        futures::join!(talk, listen);
        assert_eq!(chat.rt.elapsed(), from, "somebody slept");
    });
}

/// And so are those of one who says something and is gone, all in one poll.
#[test]
fn last_words_are_heard_at_once() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut bob = chat.user("bob").await;
        let mut ada = chat.user("ada").await;
        chat.rt.settle().await;
        let from = chat.rt.elapsed();
        ada.send("chat,bob,last words\n").await;
        drop(ada);
        bob.hears("ada says last words").await;
        assert_eq!(chat.rt.elapsed(), from, "somebody slept");
    });
}

/// Sockets that keep what is written to them until they are flushed.
struct Buffered(MemoryListener);

impl Listener for Buffered {
    type Io = BufWriter<MemoryStream>;

    async fn accept(&mut self) -> io::Result<Incoming<Self::Io>> {
        let Incoming { io, peer, .. } = self.0.accept().await?;
        Ok(Incoming::new(BufWriter::with_capacity(512, io), peer))
    }

    fn local_addr(&self) -> io::Result<Addr> {
        self.0.local_addr()
    }
}

/// What is written to a sleeping connection's socket is flushed as well, now or when there is room.
#[test]
fn a_socket_with_a_buffer_keeps_nothing_back() {
    for seed in 0..8 {
        let (rt, net) = (VirtualRuntime::new(seed), MemoryNet::new());
        let server = Server::new(chinwag_testkit::unthrottled().build())
            .listen(Buffered(net.listen("line")), Line::default())
            .run_until(pending::<()>(), rt.clone());
        rt.spawn(async move { server.await.unwrap() }).unwrap();
        rt.block_on(async {
            rt.settle().await;
            let narrow = Link {
                capacity: 128,
                ..Link::default()
            };
            let mut peers = Vec::new();
            for name in ["ada", "bob", "cleo"] {
                let mut peer = Peer::new(net.try_connect("line", narrow).unwrap());
                peer.ask(&format!("register,{name}"), "ack").await;
                peer.ask("join,#a", "ack").await;
                peers.push(peer);
            }
            let from = rt.elapsed();
            peers[0].hears("#a bob joined").await;
            peers[0].hears("#a cleo joined").await;
            peers[1].hears("#a cleo joined").await;
            for round in 0..100 {
                let text = "x".repeat(round);
                peers[0].say(&format!("say,#a,{text}")).await;
                peers[0].say(&format!("chat,bob,{text}")).await;
                for peer in &mut peers {
                    peer.hears(&format!("#a ada says {text}")).await;
                }
                peers[1].hears(&format!("ada says {text}")).await;
            }
            assert_eq!(rt.elapsed(), from, "seed {seed}: somebody slept");
        });
    }
}

/// A talker who is held back is let go at once, also if somebody else is just about to write to it.
#[test]
fn who_is_let_go_while_it_is_written_to_does_not_wait() {
    Chat::run_orders(32, small_mailboxes, async |chat| {
        const COUNT: usize = 200;
        let mut reader = chat.user("reader").await;
        let mut talker = chat.user("talker").await;
        let mut others = [chat.user("ada").await, chat.user("bob").await];
        for peer in [&mut talker].into_iter().chain(&mut others) {
            peer.say("join,#a").await;
        }
        chat.rt.settle().await;
        let from = chat.rt.elapsed();
        let text = "x".repeat(4000);
        let talk = async {
            for _ in 0..COUNT {
                talker.say(&format!("chat,reader,{text}")).await;
            }
        };
        let listen = async {
            for _ in 0..COUNT {
                reader.hears("talker says*").await;
            }
        };
        let chatter = others.each_mut().map(async |peer| {
            for _ in 0..COUNT {
                peer.say("say,#a,x").await;
            }
        });
        futures::join!(talk, listen, futures::future::join_all(chatter));
        assert_eq!(chat.rt.elapsed(), from, "somebody slept");
    });
}

/// The recipients of what a connection had sent before it panicked are woken all the same.
#[test]
fn a_panic_forgets_nobody_who_was_written_to() {
    let (rt, net) = (VirtualRuntime::new(1), MemoryNet::new());
    fragile_server(&rt, &net);
    rt.block_on(async {
        rt.settle().await;
        let mut ada = Peer::new(net.connect("line"));
        ada.ask("register,ada", "> ack").await;
        let mut bob = Peer::new(net.connect("line"));
        bob.ask("register,bob", "> ack").await;
        ada.send("chat,bob,last words\nbreak\n").await;
        bob.hears("> ada says last words").await;
        ada.is_closed().await;
        // A timer would wake him in the end.
        assert!(rt.elapsed() < seconds(1));
    });
    assert_eq!(rt.panics(), 1);
}

/// A reader that goes on reading, but not fast enough for the first patience, is waited for.
#[test]
fn a_slow_reader_is_waited_for_while_it_reads() {
    Chat::run(small_mailboxes, async |chat| {
        let narrow = Link {
            capacity: 16 * 1024,
            ..Link::default()
        };
        let mut slow = chat.line_over(narrow);
        slow.ask("register,slow", "ack").await;
        let mut talker = chat.user("talker").await;
        let text = "x".repeat(1000);
        let talk = async {
            for _ in 0..1000 {
                talker.say(&format!("chat,slow,{text}")).await;
            }
            talker.ask("ping", "pong").await;
        };
        let listen = async {
            for i in 0..1000 {
                slow.hears("talker says*").await;
                if i % 10 == 0 {
                    // About 600 kB a second; half of its mailbox lasts longer than one patience.
                    chat.rt.sleep(Duration::from_millis(17)).await;
                }
            }
        };
        futures::join!(talk, listen);
    });
}

/// A list that is longer than what may wait for one reader is written as it is read: whole, and with nothing
/// in the middle of it.
#[test]
fn a_long_list_takes_no_room_and_is_not_interrupted() {
    let (rt, net, hub) = (
        VirtualRuntime::new(1),
        MemoryNet::new(),
        chinwag_testkit::unthrottled().build(),
    );
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::new(hub)
        .listen(net.listen("line"), Line::default())
        .run_until(stopped, rt.clone());
    let test = async {
        rt.settle().await;
        let mut crowd = Vec::new();
        for i in 0..2000 {
            let name = format!("{i:04}{}", "花".repeat(28));
            crowd.push(Peer::registered(net.connect("line"), &name).await);
        }
        let narrow = Link {
            capacity: 1000,
            ..Link::default()
        };
        let mut reader = Peer::new(net.try_connect("line", narrow).unwrap());
        reader.ask("register,reader", "ack").await;
        reader.say("list,friends\nping\nlist,friends").await;
        rt.settle().await;
        // These come and go in the middle of it.
        crowd[0].say("chat,reader,hello").await;
        drop(crowd.pop());
        let _late = Peer::registered(net.connect("line"), "late").await;
        rt.settle().await;
        let list = reader.line().await;
        let names: Vec<_> = list.split(',').collect();
        assert_eq!(names.len(), 2000, "the last of the crowd is gone");
        assert!(names[..1999].iter().enumerate().all(|(i, name)| {
            name.starts_with(&format!("{i:04}花")) && name.chars().count() == 32
        }));
        assert_eq!(names[1999], "reader");
        let mut next = [reader.line().await, reader.line().await];
        next.sort();
        let first = format!("0000{} says hello", "花".repeat(28));
        assert_eq!(next, [first, "pong".to_owned()]);
        // The server ends in the middle of the second list, which comes to its end before what waits, and the last
        // word. Those who are gone by then are not in it.
        crowd[0].say("chat,reader,hello again").await;
        rt.settle().await;
        stop.send(()).unwrap();
        let rest = reader.rest().await;
        let lines: Vec<_> = rest.lines().collect();
        let [list, said, "bye"] = lines[..] else {
            panic!("{lines:?}");
        };
        assert!(list.starts_with("0000花") && list.split(',').count() < 2000);
        assert!(said.ends_with("花 says hello again"));
    };
    rt.block_on(join(server, test)).0.unwrap();
}

/// It finds no room although the mailbox is nearly empty. Its talker sleeps until patience is over, and does
/// not try again and again.
#[test]
fn a_message_larger_than_half_a_mailbox_waits_like_any_other() {
    let hub = || {
        let limits = Limits::builder().mailbox_bytes(1024).build().unwrap();
        chinwag_testkit::unthrottled().limits(limits).build()
    };
    Chat::run(hub, async |chat| {
        let narrow = Link {
            capacity: 100,
            ..Link::default()
        };
        let mut stuck = chat.line_over(narrow);
        stuck.ask("register,stuck", "ack").await;
        let mut talker = chat.user("talker").await;
        // Its own replies, which it does not read, keep the server from taking anything out of its mailbox.
        let pings = "ping\n".repeat(50_000);
        let filled = pin!(chat.rt.sleep(seconds(1)));
        select(pin!(stuck.send(pings)), filled).await;
        talker.ask("chat,stuck,small\nping", "pong").await;
        let large = "x".repeat(4000);
        talker.say(&format!("chat,stuck,{large}")).await;
        talker.hears("error,no-such-user,*").await;
        chat.rt.settle().await;
        talker.ask("list,friends", "talker").await;
    });
}

/// A network that stands still for a while costs nobody a message, if the mailbox has room for that long.
#[test]
fn a_stalled_link_loses_nothing() {
    Chat::run(crate::unthrottled, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await.into_inner();
        bob.stall();
        for n in 0..1000 {
            ada.say(&format!("chat,bob,{n}")).await;
        }
        ada.ask("ping", "pong").await;
        chat.rt.sleep(seconds(60)).await;
        bob.resume();
        let mut bob = Peer::new(&mut bob);
        for n in 0..1000 {
            bob.hears(&format!("ada says {n}")).await;
        }
        bob.ask("list,friends", "ada,bob").await;
    });
}
