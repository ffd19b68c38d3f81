//! The chat on tokio, over real sockets.

#![cfg(feature = "tokio")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these are tests"
)]

use std::{
    future::{Future, pending},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chinwag::{
    Client, Hub, Limits, Received, Runtime, Server,
    tokio::{TcpListener, TokioIo, TokioRuntime, TokioSleep, UnixListener},
    wire::{Line, Seed},
};
use chinwag_testkit::Peer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    sync::oneshot,
};

/// Fails a test that hangs, long after anything that works has finished.
async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work)
        .await
        .expect("this hangs")
}

async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// Serves `hub` on a free port, in a task.
async fn serve(hub: &Hub) -> SocketAddr {
    let (listener, addr) = bind().await;
    let server = Server::new(hub.clone()).listen(listener, Line::default());
    tokio::spawn(server.run_until(pending::<()>(), TokioRuntime::current()));
    addr
}

async fn connect(addr: SocketAddr) -> Peer<TokioIo<TcpStream>> {
    Peer::new(TokioIo::new(TcpStream::connect(addr).await.unwrap()))
}

async fn user(addr: SocketAddr, name: &str) -> Peer<TokioIo<TcpStream>> {
    let stream = TcpStream::connect(addr).await.unwrap();
    Peer::registered(TokioIo::new(stream), name).await
}

#[tokio::test]
async fn users_on_tcp_and_unix_sockets_meet() {
    in_time(async {
        let folder = std::env::temp_dir().join(format!("chinwag-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("line.sock");
        let (tcp, addr) = bind().await;
        let unix = UnixListener::bind(&path).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = Server::new(Hub::new())
            .listen(tcp, Line::default())
            .listen(unix, Line::default());
        let server = tokio::spawn(server.run_until(stopped, TokioRuntime::current()));

        let mut ada = user(addr, "ada").await;
        let stream = UnixStream::connect(&path).await.unwrap();
        let mut bob = Peer::registered(TokioIo::new(stream), "bob").await;
        ada.say("chat,bob").await;
        bob.hears("ada says hi").await;
        bob.say("chat,ada,over a socket file").await;
        ada.hears("bob says over a socket file").await;

        assert!(UnixListener::bind(&path).is_err(), "it is in use");
        stop.send(()).unwrap();
        assert_eq!(ada.rest().await, "bye\n");
        assert_eq!(bob.rest().await, "bye\n");
        drop((ada, bob));
        server.await.unwrap().unwrap();
        assert!(!path.exists(), "its file is left");
        TcpListener::bind(addr).await.unwrap();

        // What a dead server left behind is replaced, anything else is not.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        drop(UnixListener::bind(&path).unwrap());
        let replaced = UnixListener::bind(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        drop(replaced);
        assert!(UnixListener::bind(&path).is_err());
        assert!(path.exists(), "it is not ours");
        std::fs::remove_dir_all(&folder).unwrap();
    })
    .await;
}

/// The original's client: plain sends and receives, one command each.
#[tokio::test]
async fn the_original_client() {
    in_time(async {
        let (listener, addr) = bind().await;
        let server = Server::new(Hub::new()).listen(listener, Seed::default());
        tokio::spawn(server.run_until(pending::<()>(), TokioRuntime::current()));
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let mut buf = [0; 4096];
        for (command, answer) in [
            ("register,ada", "ack"),
            ("list,friends", "ada"),
            ("chat,ada", "ada says hi"),
        ] {
            stream.write_all(command.as_bytes()).await.unwrap();
            let count = stream.read(&mut buf).await.unwrap();
            assert_eq!(&buf[..count], answer.as_bytes());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_library_client() {
    in_time(async {
        let addr = serve(&Hub::new()).await;
        let ada: Client<_> = chinwag::tokio::connect(addr).await.unwrap();
        let bob = chinwag::tokio::connect(addr).await.unwrap();
        ada.register("ada").await.unwrap();
        bob.register("bob").await.unwrap();
        assert_eq!(ada.list().await.unwrap(), ["ada", "bob"]);
        // One task sends while another receives.
        let sender = ada.clone();
        let sending = tokio::spawn(async move {
            for i in 0..1000 {
                sender.send("bob", &i.to_string()).await.unwrap();
                if i % 100 == 0 {
                    sender.ping().await.unwrap();
                }
            }
        });
        let echo = bob.clone();
        let echoing = tokio::spawn(async move {
            let mut incoming = echo.incoming();
            for i in 0..1000 {
                let Received::Message { from, text } = incoming.next().await.unwrap().unwrap()
                else {
                    panic!("not a message");
                };
                assert_eq!((from.as_str(), text), ("ada", i.to_string()));
                echo.send("ada", &format!("got {i}")).await.unwrap();
            }
        });
        let mut incoming = ada.incoming();
        for i in 0..1000 {
            let received = incoming.next().await.unwrap().unwrap();
            let text = format!("got {i}");
            assert_eq!(
                received,
                Received::Message {
                    from: "bob".into(),
                    text
                }
            );
        }
        sending.await.unwrap();
        echoing.await.unwrap();
    })
    .await;
}

/// Several tasks on several threads talk to everyone at once: each sender's messages arrive whole, once
/// and in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_senders_to_many_receivers_keep_their_order() {
    const USERS: usize = 8;
    const COUNT: usize = 500;
    in_time(async {
        let addr = serve(&Hub::new()).await;
        let mut peers = Vec::new();
        for i in 0..USERS {
            peers.push(user(addr, &format!("user{i}")).await);
        }
        let tasks: Vec<_> = peers
            .into_iter()
            .map(|peer| tokio::spawn(talk_to_everyone(peer)))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    })
    .await;

    async fn talk_to_everyone(mut peer: Peer<TokioIo<TcpStream>>) {
        let mut next = [0; USERS];
        let mut received = 0;
        for n in 0..COUNT {
            let lines: String = (0..USERS)
                .map(|to| format!("chat,user{to},{n}\n"))
                .collect();
            peer.send(lines).await;
            // Reading as much as was written keeps everybody a healthy reader.
            while received < (n + 1) * USERS {
                let line = peer.line().await;
                let (from, n) = line.split_once(" says ").unwrap();
                let from: usize = from.strip_prefix("user").unwrap().parse().unwrap();
                assert_eq!(n.parse(), Ok(next[from]));
                next[from] += 1;
                received += 1;
            }
        }
        assert_eq!(next, [COUNT; USERS]);
    }
}

#[tokio::test]
async fn half_closed_reset_and_vanished_in_mid_line() {
    in_time(async {
        let hub = Hub::new();
        let addr = serve(&hub).await;
        let mut watcher = user(addr, "watcher").await;
        for _ in 0..20 {
            let mut half = connect(addr).await;
            half.send("register,half\nlist,friends\nchat,half,me\n")
                .await;
            half.done_sending().await;
            assert_eq!(half.rest().await, "ack\nwatcher,half\nhalf says me\n");

            let reset = user(addr, "half").await.into_inner().into_inner();
            reset.set_zero_linger().unwrap();
            drop(reset);

            let mut torn = connect(addr).await;
            torn.send("register,to").await;
            drop(torn);
            while hub.users().len() > 1 {
                tokio::task::yield_now().await;
            }
        }
        watcher.ask("list,friends", "watcher").await;
    })
    .await;
}

/// A large list to a peer that reads slowly: long shared frames, short writes, and the bytes all there.
#[tokio::test]
async fn a_long_list_arrives_whole() {
    in_time(async {
        let addr = serve(&Hub::new()).await;
        let mut users = Vec::new();
        for i in 0..500 {
            users.push(user(addr, &format!("{i:0>32}")).await);
        }
        let mut reader = connect(addr).await;
        reader.send("list,friends\nping\n".repeat(300)).await;
        reader.done_sending().await;
        let heard = reader.rest().await;
        let mut lines = heard.lines();
        for _ in 0..300 {
            assert_eq!(lines.next().unwrap().len(), 500 * 33 - 1);
            assert_eq!(lines.next().unwrap(), "pong");
        }
        assert_eq!(lines.next(), None);
    })
    .await;
}

/// What the peer still sends after `quit` must not cost it the good-bye: closing a socket with unread
/// bytes would reset it.
#[tokio::test]
async fn the_good_bye_survives_late_bytes() {
    in_time(async {
        let addr = serve(&Hub::new()).await;
        for _ in 0..20 {
            let mut ada = user(addr, "ada").await;
            ada.send(format!("quit\n{}", "late\n".repeat(10_000))).await;
            assert_eq!(ada.rest().await, "bye\n");
        }
    })
    .await;
}

#[tokio::test]
async fn the_last_of_a_server_is_the_first_of_the_next() {
    in_time(async {
        let (listener, addr) = bind().await;
        drop(listener);
        for _ in 0..50 {
            let listener = TcpListener::bind(addr).await.unwrap();
            let (stop, stopped) = oneshot::channel::<()>();
            let server = Server::new(Hub::new()).listen(listener, Line::default());
            let server = tokio::spawn(server.run_until(stopped, TokioRuntime::current()));
            let mut ada = user(addr, "ada").await;
            stop.send(()).unwrap();
            ada.hears("bye").await;
            drop(ada);
            server.await.unwrap().unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn there_is_a_bound_on_connections() {
    in_time(async {
        let limits = Limits::builder().max_connections(1).build().unwrap();
        let hub = Hub::builder().limits(limits).build();
        let addr = serve(&hub).await;
        let mut ada = user(addr, "ada").await;
        let mut refused = connect(addr).await;
        refused.hears("error,full,*").await;
        refused.is_closed().await;
        ada.ask("ping", "pong").await;
    })
    .await;
}

/// A runtime that measures what it is given to run.
#[derive(Clone)]
struct Scale {
    runtime: TokioRuntime,
    largest: Arc<AtomicUsize>,
}

impl Runtime for Scale {
    type Sleep = TokioSleep;

    fn spawn<F>(&self, task: F) -> std::io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.largest.fetch_max(size_of::<F>(), Ordering::Relaxed);
        self.runtime.spawn(task)
    }

    fn sleep_until(&self, deadline: Instant) -> TokioSleep {
        self.runtime.sleep_until(deadline)
    }

    fn now(&self) -> Instant {
        self.runtime.now()
    }
}

#[tokio::test]
async fn a_connection_stays_small() {
    let largest = Arc::new(AtomicUsize::new(0));
    let scale = Scale {
        runtime: TokioRuntime::current(),
        largest: largest.clone(),
    };
    let (listener, addr) = bind().await;
    let server = Server::new(Hub::new()).listen(listener, Line::default());
    tokio::spawn(server.run_until(pending::<()>(), scale));
    in_time(user(addr, "ada")).await;
    let bytes = largest.load(Ordering::Relaxed);
    println!("a connection is {bytes} bytes");
    assert!((1..=MOST).contains(&bytes), "{bytes} bytes");

    /// The whole state of a connection but its socket, its mailbox and its name. It may shrink.
    const MOST: usize = 576;
}
