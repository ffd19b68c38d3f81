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
    sync::{Arc, OnceLock, mpsc::sync_channel},
    thread,
    time::Duration,
};

use chinwag::{
    Hub, Server,
    sockets::{Network, TcpListener},
    wire::Line,
};
use chinwag_testkit::Peer;
use futures::{AsyncRead, AsyncWrite, FutureExt, channel::oneshot, future::Shared};
use smol::lock::Barrier;

/// How many messages each user sends to each user, while nothing else happens.
const MANY: usize = 600;
/// How many of them a user sends to each before it reads as many.
const AT_ONCE: usize = 20;
/// Fails a test that hangs, long after one that works has finished.
const LIMIT: Duration = Duration::from_secs(120);

/// Lives on one runtime: a server, and a user with the runtime's name.
type Life = (&'static str, fn(Site));

/// A life on each runtime.
const LIVES: &[Life] = &[
    #[cfg(feature = "tokio")]
    ("tokio", |site| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        site.live(chinwag::tokio::Runtime::from(handle));
    }),
    #[cfg(feature = "async-std")]
    ("async-std", |site| {
        site.live(chinwag::async_std::Runtime::current());
    }),
    #[cfg(feature = "smol")]
    ("smol", |site| site.live(chinwag::smol::Runtime::current())),
    #[cfg(all(feature = "threads", unix))]
    ("threads", |site| {
        site.live(chinwag::threads::Runtime::current());
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
    let (tell, ends) = sync_channel(LIVES.len());
    for (index, (_, life)) in LIVES.iter().enumerate() {
        let site = Site {
            index,
            leaver,
            hub: hub.clone(),
            addrs: addrs.clone(),
            all_are_there: all_are_there.clone(),
        };
        let tell = tell.clone();
        thread::spawn(move || {
            let end = catch_unwind(AssertUnwindSafe(|| life(site)));
            // Nobody listens if another has failed.
            let _ = tell.send(end);
        });
    }
    for _ in LIVES {
        let end: Result<(), Box<dyn Any + Send>> = ends.recv_timeout(LIMIT).expect("this hangs");
        end.unwrap_or_else(|panic| resume_unwind(panic));
    }
    assert_eq!(hub.connections(), 0);
    assert!(hub.users().is_empty());
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
    fn live<N: Network>(self, runtime: N) {
        runtime.clone().block_on(self.act(runtime));
    }

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
