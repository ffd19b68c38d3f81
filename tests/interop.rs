//! One hub, served and used on every runtime that this was built with, all at once in one process.

#![cfg(any(
    feature = "tokio",
    feature = "async-std",
    feature = "smol",
    all(feature = "threads", unix)
))]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these are tests"
)]

use std::{
    any::Any,
    collections::HashMap,
    fmt::Write,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Mutex, OnceLock, mpsc::sync_channel},
    thread,
    time::Duration,
};

use chinwag::{
    Event, Hub, LocalUser, Server, Timeouts,
    sockets::{Network, TcpListener},
    wire::Line,
};
use chinwag_testkit::Peer;
use futures::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, FutureExt, StreamExt,
    channel::oneshot,
    future::{Shared, join, join_all},
};
use smol::lock::Barrier;

/// How many messages each user sends to each user, while nothing else happens.
const MANY: usize = 600;
/// How many of them a user sends to each before it reads as many.
const AT_ONCE: usize = 20;
/// Fails a test that hangs, long after one that works has finished.
const LIMIT: Duration = Duration::from_secs(120);

/// How many messages each of the publishers says in the room.
const PUBLISHED: usize = 10_000;
const PUBLISHERS: usize = 8;
const READERS: usize = 50;

/// Lives on one runtime, which has that name.
type Life = (&'static str, fn(Job));

/// What is done on each runtime.
enum Job {
    /// A server, and a user with the runtime's name.
    Site(Site),
    /// A server, and its part of the members of one room.
    Crowd(Crowd),
}

impl Job {
    fn live<N: Network>(self, runtime: N) {
        match self {
            Self::Site(site) => runtime.clone().block_on(site.act(runtime)),
            Self::Crowd(crowd) => runtime.clone().block_on(crowd.act(runtime)),
        }
    }
}

/// A life on each runtime.
const LIVES: &[Life] = &[
    #[cfg(feature = "tokio")]
    ("tokio", |job| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        job.live(chinwag::tokio::Runtime::from(handle));
    }),
    #[cfg(feature = "async-std")]
    ("async-std", |job| {
        job.live(chinwag::async_std::Runtime::current());
    }),
    #[cfg(feature = "smol")]
    ("smol", |job| job.live(chinwag::smol::Runtime::current())),
    #[cfg(all(feature = "threads", unix))]
    ("threads", |job| {
        job.live(chinwag::threads::Runtime::current());
    }),
];

/// Everyone talks to everyone, and each of the servers once is the one that ends while the others go on.
#[test]
fn one_hub_on_every_runtime() {
    assert!(!LIVES.is_empty());
    for leaver in 0..LIVES.len() {
        live_together(leaver);
    }
}

/// Runs all of [`LIVES`], of which that number `leaver` loses its server.
fn live_together(leaver: usize) {
    let hub = chinwag_testkit::unthrottled().build();
    let all_are_there = Arc::new(Barrier::new(LIVES.len()));
    let addrs: Arc<[OnceLock<SocketAddr>]> = LIVES.iter().map(|_| OnceLock::new()).collect();
    on_all(|index| {
        Job::Site(Site {
            index,
            leaver,
            hub: hub.clone(),
            addrs: addrs.clone(),
            all_are_there: all_are_there.clone(),
        })
    });
    assert_eq!(hub.connections(), 0);
    assert!(hub.users().is_empty());
}

/// Does a job on each runtime, all at once, and waits for all of them.
fn on_all(job: impl Fn(usize) -> Job) {
    let (tell, ends) = sync_channel(LIVES.len());
    for (index, (_, life)) in LIVES.iter().enumerate() {
        let (tell, job) = (tell.clone(), job(index));
        thread::spawn(move || {
            let end = catch_unwind(AssertUnwindSafe(|| life(job)));
            // Nobody listens if another has failed.
            let _ = tell.send(end);
        });
    }
    for _ in LIVES {
        let end: Result<(), Box<dyn Any + Send>> = ends.recv_timeout(LIMIT).expect("this hangs");
        end.unwrap_or_else(|panic| resume_unwind(panic));
    }
}

/// What a runtime has to do with the others.
struct Site {
    index: usize,
    leaver: usize,
    hub: Hub,
    /// Where the server of each listens.
    addrs: Arc<[OnceLock<SocketAddr>]>,
    /// What everybody goes through together begins when all have come here.
    all_are_there: Arc<Barrier>,
}

impl Site {
    async fn act<N: Network>(self, runtime: N) {
        let all_are_there = self.all_are_there;
        let everyone: Vec<&str> = LIVES.iter().map(|(name, _)| *name).collect();
        let name = everyone[self.index];
        // A runtime that is alone is its own neighbour.
        let next = (self.index + 1) % everyone.len();

        let (addr, mut stop, ended) = serve(&runtime, self.hub).await;
        self.addrs[self.index].set(addr).unwrap();
        let mut user = Peer::registered(connect::<N>(addr).await, name).await;
        all_are_there.wait().await;

        sees(&mut user, &everyone).await;
        let mut rival = Peer::new(connect::<N>(addr).await);
        for taken in [everyone[next], name] {
            let register = format!("register,{taken}");
            rival.ask(&register, "error,name-taken,*").await;
        }
        leave(rival).await;
        all_are_there.wait().await;

        talk(&mut user, &everyone, MANY).await;
        all_are_there.wait().await;
        // Before the answer comes what is too much.
        user.ask("ping", "pong").await;
        all_are_there.wait().await;

        if self.index == self.leaver {
            drop(stop.take());
            assert_eq!(user.rest().await, "bye\n");
            drop(user);
            ended.clone().await.unwrap();
            if next == self.index {
                return;
            }
            // The name is free on the others, and its owner comes back through one of them.
            let addr = *self.addrs[next].get().unwrap();
            user = Peer::registered(connect::<N>(addr).await, name).await;
        } else {
            let mut others = everyone.clone();
            others.remove(self.leaver);
            talk(&mut user, &others, MANY).await;
        }
        all_are_there.wait().await;

        sees(&mut user, &everyone).await;
        all_are_there.wait().await;

        talk(&mut user, &everyone, AT_ONCE).await;
        leave(user).await;
        all_are_there.wait().await;

        drop(stop);
        ended.await.unwrap();
    }
}

/// Serves `hub` on a free port until the sender is dropped. The receiver hears when the server has ended.
async fn serve<N: Network>(
    runtime: &N,
    hub: Hub,
) -> (
    SocketAddr,
    Option<oneshot::Sender<()>>,
    Shared<oneshot::Receiver<()>>,
) {
    let listener = TcpListener::<N>::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let (tell, ended) = oneshot::channel();
    let serving = Server::new(hub)
        .listen(listener, Line::default())
        .run_until(stopped, runtime.clone());
    let task = async move {
        serving.await.unwrap();
        // Nobody waits for it if the test has failed.
        let _ = tell.send(());
    };
    runtime.spawn(task).unwrap();
    (addr, Some(stop), ended.shared())
}

async fn connect<N: Network>(addr: SocketAddr) -> N::TcpStream {
    N::connect_tcp(addr).await.unwrap()
}

/// `user` sees everyone, in whatever order they came.
async fn sees<Io: AsyncRead + AsyncWrite + Unpin>(user: &mut Peer<Io>, everyone: &[&str]) {
    user.say("list,friends").await;
    let line = user.line().await;
    let mut seen: Vec<&str> = line.split(',').collect();
    let mut expected = everyone.to_vec();
    seen.sort_unstable();
    expected.sort_unstable();
    assert_eq!(seen, expected);
}

/// `user` sends `count` messages to each, itself included, and each sends it as many.
async fn talk<Io: AsyncRead + AsyncWrite + Unpin>(
    user: &mut Peer<Io>,
    everyone: &[&str],
    count: usize,
) {
    let mut heard: HashMap<&str, usize> = everyone.iter().map(|name| (*name, 0)).collect();
    for start in (0..count).step_by(AT_ONCE) {
        let mut lines = String::new();
        for n in start..start + AT_ONCE {
            for to in everyone {
                writeln!(lines, "chat,{to},{n}").unwrap();
            }
        }
        user.send(lines).await;
        // Who reads as much as it writes is never behind.
        for _ in 0..AT_ONCE * everyone.len() {
            let line = user.line().await;
            let (from, n) = line.split_once(" says ").unwrap();
            let heard = heard.get_mut(from).unwrap();
            assert_eq!(n.parse(), Ok(*heard), "from {from}");
            *heard += 1;
        }
    }
    assert!(heard.values().all(|&heard| heard == count), "{heard:?}");
}

async fn leave<Io: AsyncRead + AsyncWrite + Unpin>(mut user: Peer<Io>) {
    user.ask("quit", "bye").await;
    user.is_closed().await;
}

/// Publishers on every runtime talk in one room as fast as they can: what all members hear, on whatever runtime
/// and within the program, is the same to the last byte, complete, and in each publisher's own order.
#[test]
fn one_room_on_every_runtime() {
    // On a busy machine a reader may take its time.
    let timeouts = Timeouts::builder().patience(LIMIT).build().unwrap();
    let hub = chinwag_testkit::unthrottled().timeouts(timeouts).build();
    let mut inside = hub.connect("inside").unwrap();
    inside.join("#room").unwrap();
    let (tell, told) = sync_channel(1);
    thread::spawn(move || {
        let log = catch_unwind(AssertUnwindSafe(|| smol::block_on(follow(inside))));
        let _ = tell.send(log);
    });
    let all_are_there = Arc::new(Barrier::new(LIVES.len()));
    let logs = Arc::default();
    on_all(|index| {
        Job::Crowd(Crowd {
            index,
            hub: hub.clone(),
            all_are_there: all_are_there.clone(),
            logs: Arc::clone(&logs),
        })
    });
    let followed = told.recv_timeout(LIMIT).expect("this hangs");
    let (expected, _inside) = followed.unwrap_or_else(|panic| resume_unwind(panic));
    let logs = logs.lock().unwrap();
    assert_eq!(logs.len(), READERS + PUBLISHERS);
    for log in &*logs {
        assert_eq!(*log, expected, "not what was heard within the program");
    }
    assert_eq!(hub.stats().missed + hub.stats().slow, 0);
    assert_eq!(hub.connections(), 0);
}

/// The part of one room that is on one runtime.
struct Crowd {
    index: usize,
    hub: Hub,
    all_are_there: Arc<Barrier>,
    /// What each member has heard.
    logs: Arc<Mutex<Vec<Log>>>,
}

impl Crowd {
    async fn act<N: Network>(self, runtime: N) {
        let (addr, stop, ended) = serve(&runtime, self.hub).await;
        let mut members = Vec::new();
        for i in (0..PUBLISHERS + READERS)
            .skip(self.index)
            .step_by(LIVES.len())
        {
            let name = match i < PUBLISHERS {
                true => format!("publisher{i}"),
                false => format!("reader{i}"),
            };
            let mut member = Peer::registered(connect::<N>(addr).await, &name).await;
            member.ask("join,#room", "ack").await;
            members.push((member, i < PUBLISHERS));
        }
        self.all_are_there.wait().await;
        for (member, _) in &mut members {
            member.say("ping").await;
            // Who has come meanwhile.
            while member.line().await != "pong" {}
        }
        self.all_are_there.wait().await;

        let all = PUBLISHERS * PUBLISHED;
        let mut lives = Vec::new();
        for (member, is_publisher) in members {
            let count = if is_publisher { PUBLISHED } else { 0 };
            let (tell, told) = oneshot::channel();
            let life = async move {
                // Nobody listens if the test has failed.
                let _ = tell.send(hear(member.into_inner(), count, all).await);
            };
            runtime.spawn(life).unwrap();
            lives.push(told);
        }
        let mut heard = Vec::new();
        for life in join_all(lives).await {
            let (log, io) = life.expect("it hears everything");
            self.logs.lock().unwrap().push(log);
            heard.push(io);
        }
        // Nobody leaves before all have heard everything.
        self.all_are_there.wait().await;
        drop(heard);
        drop(stop);
        ended.await.unwrap();
    }
}

/// What somebody has heard: how many lines, and a hash of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Log {
    lines: usize,
    hash: u64,
}

impl Log {
    /// FNV-1a.
    const EMPTY: Self = Self {
        lines: 0,
        hash: 0xcbf2_9ce4_8422_2325,
    };

    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            self.lines += usize::from(byte == b'\n');
        }
    }
}

/// Publishes `count` messages, while it hears `all` lines.
async fn hear<Io: AsyncRead + AsyncWrite + Unpin>(io: Io, count: usize, all: usize) -> (Log, Io) {
    let (mut reading, mut writing) = io.split();
    let publish = async {
        let mut lines = String::new();
        for n in 0..count {
            writeln!(lines, "say,#room,{n}").unwrap();
        }
        writing.write_all(lines.as_bytes()).await.unwrap();
    };
    let read = async {
        let mut log = Log::EMPTY;
        let mut bytes = vec![0; 16 * 1024];
        while log.lines < all {
            let count = reading.read(&mut bytes).await.unwrap();
            assert!(count > 0, "closed after {} lines", log.lines);
            log.add(&bytes[..count]);
        }
        log
    };
    let ((), log) = join(publish, read).await;
    (log, reading.reunite(writing).unwrap())
}

/// Hears, within the program, what everybody says: without gaps, and each in their own order.
async fn follow(mut user: LocalUser) -> (Log, LocalUser) {
    let mut log = Log::EMPTY;
    let mut next = [0; PUBLISHERS];
    // It is asserted at the end: who leaves early takes the others along, who then only hang.
    let mut wrong = Vec::new();
    while log.lines < PUBLISHERS * PUBLISHED {
        match user.next().await.unwrap() {
            Event::Said {
                room,
                seq,
                from: Some(from),
                text,
                ..
            } => {
                log.add(format!("{room} {from} says {text}\n").as_bytes());
                let publisher: usize = from.as_str()["publisher".len()..].parse().unwrap();
                if seq != log.lines as u64 || text.parse() != Ok(next[publisher]) {
                    wrong.push((seq, from, text));
                }
                next[publisher] += 1;
            }
            Event::Joined { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(wrong.first(), None, "{} are in no order", wrong.len());
    assert_eq!(next, [PUBLISHED; PUBLISHERS]);
    (log, user)
}
