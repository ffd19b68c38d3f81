//! What must not harm a server, on real sockets: faults of peers, of the network and of the machine.
//!
//! In nearly each case somebody who has nothing to do with it asks for something all the time, and must get an answer
//! within [`SERVED_WITHIN`]; where nobody else can come in, or all have the same clock, it is one of those who are there.
//! Each prints a line that says what was done and how that one fared.

use std::{
    collections::{HashMap, HashSet},
    env,
    fmt::{self, Display},
    fs,
    future::Future,
    io::{self, Read, Seek},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant, SystemTime},
};

use chinwag_core::{
    Event, Hub, HubBuilder, Limits, LocalUser, Runtime, Sleep, Timeouts, TimeoutsBuilder,
    sockets::Network,
};
use fastrand::Rng;
use futures::{
    FutureExt, StreamExt,
    channel::oneshot,
    future::{Either, join, join_all, select},
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
};

use super::{
    Harness, Tcp,
    chat::{Chat, eventually, pause, spawn},
};
use crate::Peer;

/// How long anybody may wait for an answer while something goes wrong for others.
pub const SERVED_WITHIN: Duration = Duration::from_secs(2);

/// Somebody who has nothing to do with it.
struct Bystander {
    stop: Arc<AtomicBool>,
    served: oneshot::Receiver<Served>,
}

/// How that one fared.
#[derive(Default)]
struct Served {
    answers: u32,
    slowest: Duration,
}

impl Bystander {
    async fn start<H: Harness>(h: &H, chat: &Chat<H>) -> Self {
        Self::every(Duration::from_millis(2), h, chat).await
    }

    /// One that asks so often, where it may not ask more often.
    async fn every<H: Harness>(wait: Duration, h: &H, chat: &Chat<H>) -> Self {
        let mut user = chat.user("bystander").await;
        let stop = Arc::new(AtomicBool::new(false));
        let (rt, stopped) = (h.runtime(), stop.clone());
        let served = spawn(h, async move {
            let mut served = Served::default();
            while !stopped.load(Ordering::Relaxed) {
                let from = rt.now();
                user.ask("ping", "pong").await;
                served.slowest = served.slowest.max(rt.now() - from);
                served.answers += 1;
                pause(&rt, wait).await;
            }
            served
        });
        Self { stop, served }
    }

    /// Ends it, and says how it went.
    async fn tell(self, case: &str, done: impl Display) {
        self.stop.store(true, Ordering::Relaxed);
        let served = self.served.await.expect("it was served to the end");
        println!("{case}: {done}; bystander: {served}");
        assert!(served.slowest < SERVED_WITHIN, "{case}: {served}");
    }
}

impl Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answers, slowest } = self;
        write!(f, "{answers} answers, the slowest after {slowest:.1?}")
    }
}

fn timeouts(set: impl FnOnce(TimeoutsBuilder) -> TimeoutsBuilder) -> HubBuilder {
    let timeouts = set(Timeouts::builder()).build().expect("good timeouts");
    crate::unthrottled().timeouts(timeouts)
}

/// Waits until only `count` connections are left.
async fn only<H: Harness>(h: &H, hub: &Hub, count: usize) {
    eventually(h, || hub.connections() == count).await;
}

/// Two thousand peers send half a registration, and then nothing.
pub async fn slowloris<N: Network>(h: Tcp<N>) {
    const PEERS: usize = 2000;
    let hub = timeouts(|t| t.register(Duration::from_millis(1500))).build();
    let chat = Chat::start(&h, hub).await;
    let bystander = Bystander::start(&h, &chat).await;
    let mut peers = Vec::new();
    for _ in 0..PEERS {
        let mut peer = chat.connect().await;
        peer.send("register,ad").await;
        peers.push(peer);
    }
    let told = join_all(
        peers
            .into_iter()
            .map(|mut peer| async move { peer.rest().await }),
    )
    .await;
    let in_time = |line: &String| line.starts_with("error,timed-out,");
    assert!(
        told.iter().all(in_time),
        "{:?}",
        told.iter().find(|l| !in_time(l))
    );
    only(&h, &chat.hub, 1).await;
    bystander
        .tell(
            "slowloris",
            format!("{PEERS} half registrations, each told and closed"),
        )
        .await;
}

/// Peers that send a byte now and then have no more time to register than others, and are told so.
pub async fn a_byte_now_and_then<N: Network>(h: Tcp<N>) {
    const PEERS: usize = 100;
    let hub = timeouts(|t| t.register(Duration::from_millis(500))).build();
    let chat = Chat::start(&h, hub).await;
    let bystander = Bystander::start(&h, &chat).await;
    let peers = (0..PEERS).map(|_| async {
        let (reading, mut writing) = chat.connect().await.into_inner().split();
        let send = async {
            let mut sent = 0;
            // Until the server has closed its end, and refuses what comes.
            while writing.write_all(b"r").await.is_ok() && sent < 1000 {
                sent += 1;
                pause(&h.runtime(), Duration::from_millis(20)).await;
            }
            sent
        };
        // Meanwhile, because the refusal of a byte takes with it what nobody has read.
        let hear = async {
            let mut told = String::new();
            let heard = BufReader::new(reading).read_line(&mut told).await;
            heard.expect("it is told why");
            told
        };
        let (sent, told) = join(send, hear).await;
        assert_eq!(told, "error,timed-out,no name was registered in time\n");
        sent
    });
    let sent = join_all(peers).await;
    assert!(sent.iter().all(|&sent| sent < 1000), "one went on for ever");
    only(&h, &chat.hub, 1).await;
    let most = sent.iter().max().copied().unwrap_or_default();
    bystander
        .tell(
            "a byte now and then",
            format!("{PEERS} peers were told and closed, after at most {most} bytes"),
        )
        .await;
}

/// A line that never ends is refused once, and costs nothing but its bytes.
pub async fn a_line_without_end<N: Network>(h: Tcp<N>) {
    const BYTES: usize = 64 << 20;
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let bystander = Bystander::start(&h, &chat).await;
    let mut peer = chat.user("endless").await;
    let before = resident();
    let mut most = before;
    let chunk = vec![b'x'; 64 * 1024];
    for n in 0..BYTES / chunk.len() {
        peer.send(&chunk).await;
        // On the way, because what is kept of it would be given back at its end.
        if n % 16 == 15 {
            most = most.max(resident());
        }
    }
    peer.hears("error,too-long,*").await;
    peer.say("").await;
    peer.ask("ping", "pong").await;
    let grown = most.max(resident()) - before;
    // A read buffer and this test's own chunk are in it.
    assert!(grown < 8 * 1024, "the process grew by {grown} KiB");
    bystander
        .tell(
            "a line without end",
            format!(
                "{} MiB, refused once; the process grew by at most {grown} KiB",
                BYTES >> 20
            ),
        )
        .await;
}

/// Three hundred kinds of garbage: each is answered or ignored, and the connection goes on.
pub async fn garbage<N: Network>(h: Tcp<N>) {
    const KINDS: u64 = 300;
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let bystander = Bystander::start(&h, &chat).await;
    let mut answers = 0;
    for seed in 0..KINDS {
        let mut peer = chat.user(&format!("g{seed}")).await;
        peer.send(some_garbage(seed)).await;
        peer.send("\nping\n").await;
        while peer.line().await != "pong" {
            answers += 1;
        }
        peer.ask("quit", "bye").await;
        peer.is_closed().await;
    }
    only(&h, &chat.hub, 1).await;
    bystander
        .tell(
            "garbage",
            format!("{KINDS} kinds, {answers} answers, nobody closed"),
        )
        .await;
}

/// Bytes that are no request, most of them nearly one.
fn some_garbage(seed: u64) -> Vec<u8> {
    let mut rng = Rng::with_seed(seed);
    let mut bytes: Vec<u8> = match seed % 6 {
        0 => (0..rng.usize(1..5000)).map(|_| rng.u8(..)).collect(),
        1 => (0..rng.usize(1..2000)).map(|_| rng.u8(0x80..)).collect(),
        2 => {
            let requests = [
                "chat,",
                "say,#",
                "register,,",
                "list,#",
                "role,#a,b,",
                "topic",
            ];
            requests[rng.usize(..requests.len())]
                .repeat(rng.usize(1..300))
                .into()
        }
        3 => b"\r\n\0\r\r\n".repeat(rng.usize(1..100)),
        4 => b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n".repeat(rng.usize(1..20)),
        _ => "\u{202e}\u{feff}é\u{0}"
            .repeat(rng.usize(1..400))
            .into_bytes(),
    };
    for _ in 0..rng.usize(..20) {
        let at = rng.usize(..bytes.len());
        bytes[at] = [b',', b'\n', b'#', b' ', 0xff][rng.usize(..5)];
    }
    // These two words would be requests after all.
    while let Some(at) = bytes.windows(4).position(|w| w == b"quit" || w == b"ping") {
        bytes[at] = b'?';
    }
    bytes
}

/// Peers that connect and reset at once, some in the middle of a request.
pub async fn a_storm_of_resets<N: Network>(h: Tcp<N>) {
    const PEERS: usize = 2000;
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let bystander = Bystander::start(&h, &chat).await;
    for i in 0..PEERS {
        let mut peer = chat.connect().await;
        match i % 4 {
            0 => {}
            1 => peer.send("register,x").await,
            2 => {
                peer.send(format!("register,r{i}\njoin,#a\nlist,friends\n"))
                    .await
            }
            _ => peer.ask(&format!("register,r{i}"), "ack").await,
        }
        h.reset(peer.into_inner());
    }
    only(&h, &chat.hub, 1).await;
    assert_eq!(chat.hub.users().len(), 1, "a name is left");
    bystander
        .tell(
            "a storm of resets",
            format!("{PEERS} connections, nothing left of them"),
        )
        .await;
}

/// Peers that close their sending half, with a FIN, and never the other one are not kept for longer than to linger.
pub async fn half_closed_peers<N: Network>(h: Tcp<N>) {
    const PEERS: usize = 300;
    let hub = timeouts(|t| t.linger(Duration::from_millis(200))).build();
    let chat = Chat::start(&h, hub).await;
    let bystander = Bystander::start(&h, &chat).await;
    let mut peers = Vec::new();
    for i in 0..PEERS {
        let mut peer = chat.user(&format!("half{i}")).await;
        peer.done_sending().await;
        peers.push(peer);
    }
    only(&h, &chat.hub, 1).await;
    assert_eq!(chat.hub.users().len(), 1, "a name is left");
    drop(peers);
    bystander
        .tell("half-closed peers", format!("{PEERS} peers, all let go"))
        .await;
}

/// Peers that keep their connections and do nothing with them any more, neither read nor write nor close. To a server
/// that has nothing for them, those look the same whose machine is gone. They are closed for being silent, and told so.
pub async fn silent_peers<N: Network>(h: Tcp<N>) {
    const PEERS: usize = 300;
    // A bystander that is silent for as long has not been served in time anyway.
    let hub = timeouts(|t| t.idle(SERVED_WITHIN).linger(Duration::from_millis(200))).build();
    let chat = Chat::start(&h, hub).await;
    let bystander = Bystander::start(&h, &chat).await;
    let mut peers = Vec::new();
    for i in 0..PEERS {
        peers.push(chat.user(&format!("silent{i}")).await);
    }
    only(&h, &chat.hub, 1).await;
    assert_eq!(chat.hub.users().len(), 1, "a name is left");
    assert_eq!(chat.hub.stats().timed_out, PEERS as u64);
    // What they were told has been waiting for them since.
    for mut peer in peers {
        peer.hears("error,timed-out,nothing was heard for too long")
            .await;
        peer.is_closed().await;
    }
    bystander
        .tell(
            "silent peers",
            format!("{PEERS} peers, all told and let go"),
        )
        .await;
}

/// How many talk at once while somebody does not read, and how many lines each of them says.
const TALKERS: usize = 4;
const LINES: usize = 5000;

/// A member that never reads while several others talk as fast as they can, and wait for nothing: the healthy member
/// gets everything, the talkers are held back, and what waits stays within its bound.
pub async fn a_reader_that_never_reads<N: Network>(h: Tcp<N>) {
    const MAILBOX: usize = 64 * 1024;
    const TEXT: usize = 200;
    const CHUNK: usize = 50;
    let limits = Limits::builder().mailbox_bytes(MAILBOX).build();
    let hub = crate::unthrottled()
        .limits(limits.expect("good limits"))
        .build();
    let chat = Chat::start(&h, hub).await;
    let bystander = Bystander::start(&h, &chat).await;
    // The first one owns the room, so that the end of the stuck one is told in one line.
    let mut healthy = chat.user("healthy").await;
    healthy.ask("join,#a", "ack").await;
    let mut stuck = chat.user("stuck").await;
    stuck.ask("join,#a", "ack").await;
    healthy.hears("#a stuck joined").await;
    let mut readers = vec![healthy];
    for i in 0..TALKERS {
        let mut talker = chat.user(&format!("talker{i}")).await;
        talker.ask("join,#a", "ack").await;
        for reader in &mut readers {
            reader.hears(&format!("#a talker{i} joined")).await;
        }
        readers.push(talker);
    }
    let before = resident();
    let (mut waited, mut most) = (0, before);
    let mut readers = readers.into_iter().map(Peer::into_inner);
    let healthy = readers.next().expect("the first one");
    let talking: Vec<_> = readers
        .map(|talker| {
            spawn(&h, async move {
                let (reading, mut writing) = talker.split();
                let write = async {
                    for chunk in 0..LINES / CHUNK {
                        let said = (chunk * CHUNK..).take(CHUNK);
                        let said = said.map(|n| format!("say,#a,{n} {}\n", "x".repeat(TEXT)));
                        let said: String = said.collect();
                        writing.write_all(said.as_bytes()).await.expect("a write");
                    }
                };
                // It would be the next one who does not read otherwise.
                let ((), heard) = join(write, all_that_is_said(reading, |_| ())).await;
                // Who has heard everything stays, so that nobody is told that they are gone.
                (heard, writing)
            })
        })
        .collect();
    let heard = all_that_is_said(healthy, |n| {
        waited = chat.hub.stats().queue_bytes.max(waited);
        if n % 256 == 0 {
            most = most.max(resident());
        }
    });
    let heard = heard.await;
    let talked = join_all(talking).await;
    let grown = most.max(resident()) - before;
    for talker in &talked {
        let (of_talker, _) = talker.as_ref().expect("it was served to the end");
        assert_eq!(of_talker.told, heard.told, "it is told at two places");
    }
    let stats = chat.hub.stats();
    assert_eq!((stats.slow, stats.missed), (1, 0));
    // All in the room can be behind at the same time. What four talkers have under way when somebody is does not take a
    // mailbox past its limit, so that it is never one of those that hold up to four times as much; beyond it is one
    // message.
    let bound = (TALKERS + 2) * (MAILBOX + 2 * TEXT);
    assert!(waited <= bound, "{waited} bytes waited");
    // While nobody has waited for it in vain, a mailbox holds four times its limit of what is said in a room. Who is cut
    // at the limit was waited for, and by nobody but the talkers. What they had under way when it was cut counts too.
    let lost = usize::try_from(stats.lost).expect("a number");
    assert!((lost - 1) * TEXT <= 2 * MAILBOX, "{lost} events were lost");
    // Full mailboxes and outboxes are 768 KiB; the rest is for the allocator, the threads of the runtime and the talkers'
    // own buffers. All that is said takes some 12 MiB where nothing bounds it.
    assert!(grown < 4 * 1024, "the process grew by {grown} KiB");
    drop((talked, stuck));
    bystander
        .tell(
            "a reader that never reads",
            format!(
                "the healthy one got {0} of {0} from {TALKERS} talkers, who waited for the stuck one until it was closed after {1}; \
                 at most {2} KiB waited, {lost} events were lost to the stuck one, and the process grew by {grown} KiB",
                TALKERS * LINES,
                heard.told,
                waited / 1024,
            ),
        )
        .await;
}

/// What somebody has heard in a room.
struct Heard<Io> {
    /// After how many lines it was told that the stuck one is gone.
    told: usize,
    /// The connection, which may go on.
    _lines: Lines<BufReader<Io>>,
}

/// Listens until the talkers have said everything, each in order; and that the stuck one is gone, once.
async fn all_that_is_said<Io: AsyncRead + Unpin>(
    reading: Io,
    mut after_each: impl FnMut(usize),
) -> Heard<Io> {
    let mut lines = BufReader::new(reading).lines();
    let mut next = [0; TALKERS];
    let (mut heard, mut told) = (0, None);
    while heard < TALKERS * LINES {
        let line = lines.next().await.expect("it is not closed");
        let line = line.expect("a line");
        if line == "stuck quit slow" {
            assert_eq!(told.replace(heard), None, "it is told twice");
            continue;
        }
        let said = line.strip_prefix("#a talker");
        let (talker, said) = said
            .and_then(|said| said.split_once(" says "))
            .expect(&line);
        let (n, _) = said.split_once(' ').expect(&line);
        let next = &mut next[talker.parse::<usize>().expect(&line)];
        assert_eq!(n.parse(), Ok(*next), "{line}");
        *next += 1;
        heard += 1;
        after_each(heard);
    }
    Heard {
        told: told.expect("the stuck one is gone"),
        _lines: lines,
    }
}

/// Peers that ask for long lists as fast as they can, and read nothing, are not read from any more.
pub async fn replies_that_nobody_reads<N: Network>(h: Tcp<N>) {
    const USERS: usize = 500;
    const PEERS: usize = 20;
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let bystander = Bystander::start(&h, &chat).await;
    let mut users = Vec::new();
    for i in 0..USERS {
        users.push(chat.user(&format!("{}{i}", "n".repeat(24))).await);
    }
    let before = resident();
    let mut asked = 0;
    let mut peers = Vec::new();
    for _ in 0..PEERS {
        let mut io = chat.connect().await.into_inner();
        // Until the server takes no more; a peer that got them all would be sent 500 MB.
        let requests = "list,friends\n".repeat(1000);
        loop {
            let wait = h
                .runtime()
                .sleep_until(h.runtime().now() + Duration::from_millis(300));
            let write = Box::pin(io.write_all(requests.as_bytes()));
            match select(write, Box::pin(wait)).await {
                Either::Left((written, _)) => written.expect("it is not closed"),
                Either::Right(_) => break,
            }
            asked += 1000;
        }
        peers.push(io);
    }
    let grown = resident().saturating_sub(before);
    // The kernel's buffers are not ours. Of ours there is for each an outbox of 64 KiB and one page of a list, and a read
    // of 16 KiB that waits until it is not full any more; and on threads a stack. Twice as much is for the allocator.
    let allowed = PEERS * 3 * (64 + 4 + 16 + 16);
    assert!(grown < allowed, "the process grew by {grown} KiB");
    // Who reads after all is served.
    let mut read = vec![0; 64 * 1024];
    assert!(peers[0].read(&mut read).await.expect("a read") > 0);
    drop((peers, users));
    only(&h, &chat.hub, 1).await;
    bystander
        .tell(
            "replies that nobody reads",
            format!("{asked} lists of {USERS} names taken from {PEERS} peers; the process grew by {grown} KiB"),
        )
        .await;
}

/// Lists are as long as there are names and rooms, and what asks for them is short. Who asks as fast as it can gets
/// as many as the rates allow; who does not read them has no more of them in the server than an outbox holds.
pub async fn lists_of_thousands<N: Network>(h: Tcp<N>) {
    const NAMES: usize = 3000;
    const MEMBERS: usize = 1000;
    const ROOMS: usize = 1000;
    const ASKED: usize = 600;
    const PEERS: usize = 50;
    // With the rates that a server has if nobody says anything.
    let chat = Chat::start(&h, Hub::builder().build()).await;
    let bystander = Bystander::every(Duration::from_millis(60), &h, &chat).await;
    let mut users = Vec::new();
    for i in 0..NAMES {
        let name = format!("{}{i}", "n".repeat(28 - i.to_string().len()));
        let mut user = chat.hub.connect(&name).expect("a name");
        if i < MEMBERS {
            user.join("#all").expect("a room");
        }
        users.push(user);
        // What they are told of each other is not what this is about.
        if i < MEMBERS && i % 64 == 63 {
            read_all(&mut users);
        }
    }
    for i in 0..ROOMS {
        let name = format!("#{}{i}", "r".repeat(40));
        chat.hub.open_room(&name).expect("a room");
    }
    let lists = ["list,friends\n", "list,#all\n", "list,rooms\n"];

    // One that reads.
    let rate = chat.hub.rates().messages().expect("a rate");
    let mut reader = chat.user("reader").await;
    let from = h.runtime().now();
    let asked: String = lists.into_iter().cycle().take(ASKED).collect();
    reader.send(&asked).await;
    // All that it asked for is answered, unless it is put out before.
    reader.done_sending().await;
    let heard = reader.rest().await;
    let took = h.runtime().now() - from;
    let bytes = heard.len();
    let (refused, got): (Vec<_>, Vec<_>) = heard.lines().partition(|l| l.starts_with("error,"));
    let limited = |line: &&str| line.starts_with("error,rate-limited,");
    assert!(refused.iter().all(limited), "{refused:?}");
    let (refused, got) = (refused.len(), got.len() as u32);
    // The default brings 20 requests a second back, and a list is one for every 128 names.
    let requests = f64::from(rate.burst()) + 20.0 * took.as_secs_f64();
    let each = ((NAMES + MEMBERS + ROOMS) / 128 / lists.len()) as f64;
    let allowed = requests / each + 2.0;
    assert!(f64::from(got) <= allowed, "{got} lists in {took:?}");
    assert!(got > 10, "only {got} lists");

    // And many that do not.
    let before = resident();
    let mut peers = Vec::new();
    for i in 0..PEERS {
        let mut peer = chat.user(&format!("deaf{i}")).await;
        let few = lists.into_iter().cycle().take(150);
        peer.send(few.collect::<String>()).await;
        peers.push(peer);
    }
    // They are served as far as they can be by the time that somebody else has been, after all of them.
    for _ in 0..3 {
        let mut late = chat.connect().await;
        late.ask("list,rooms", "#*").await;
    }
    let grown = resident().saturating_sub(before);
    // An outbox holds 64 KiB and one page of a list; twice as much is for the allocator.
    assert!(grown < PEERS * 2 * 72, "the process grew by {grown} KiB");
    drop(peers);
    only(&h, &chat.hub, 1).await;
    drop(users);
    bystander
        .tell(
            "lists of thousands",
            format!(
                "{} bytes of requests drew {got} lists of {NAMES} names, {MEMBERS} members or {ROOMS} rooms, and {refused} refusals in \
                 {took:.1?}: {} KiB, {} for each byte; {PEERS} that do not read have {} KiB each",
                asked.len(),
                bytes / 1024,
                bytes / asked.len(),
                grown / PEERS
            ),
        )
        .await;
}

/// Takes what waits for users of the program.
fn read_all(users: &mut [LocalUser]) {
    for user in users {
        while user.next().now_or_never().is_some() {}
    }
}

/// At the limit of open files nobody is accepted, those who are there are served, next to no CPU time is used, and it
/// goes on by itself.
pub async fn no_more_files<N: Network>(h: Tcp<N>) {
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let mut old = chat.user("old").await;
    // Opened now, because it could not be read without a descriptor.
    let mut stat = fs::File::open("/proc/self/stat").ok();
    let exhausted = h.exhaust(&chat.addr);
    let mut late = chat.connect().await;
    late.say("register,late").await;
    let before = cpu_time(&mut stat);
    let from = h.runtime().now();
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        pause(&h.runtime(), Duration::from_millis(100)).await;
        let asked = h.runtime().now();
        old.ask("ping", "pong").await;
        slowest = slowest.max(h.runtime().now() - asked);
    }
    let (waited, used) = (h.runtime().now() - from, cpu_time(&mut stat) - before);
    // The twenty answers take some of it as well; one that tries all the time uses all of it.
    assert!(used < waited / 10, "{used:?} of CPU time in {waited:?}");
    assert!(slowest < SERVED_WITHIN);
    drop(exhausted);
    late.hears("ack").await;
    old.ask("list,friends", "old,late").await;
    println!(
        "no more files: {used:.1?} of CPU time in {waited:.1?}, the old user was answered within {slowest:.1?}, the late one served afterwards"
    );
}

/// A thousand times a few want one name, and one gets it.
pub async fn races_for_one_name<N: Network>(h: Tcp<N>) {
    const RACES: usize = 1000;
    const RACERS: usize = 4;
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let bystander = Bystander::start(&h, &chat).await;
    let mut racers = Vec::new();
    for _ in 0..RACERS {
        racers.push(chat.connect().await);
    }
    for race in 0..RACES {
        let want = racers.iter_mut().map(async |racer| {
            racer.say(&format!("register,prize{race}")).await;
            racer.line().await == "ack"
        });
        let winners = join_all(want).await.into_iter().filter(|won| *won).count();
        assert_eq!(winners, 1, "race {race}");
    }
    bystander
        .tell(
            "races for one name",
            format!("{RACES} races of {RACERS}, one winner each"),
        )
        .await;
}

/// Somebody joins, leaves and takes other names in a room of a thousand, or of `CHINWAG_MEMBERS`, and all members hear it
/// in one order.
pub async fn churn_in_a_large_room<N: Network>(h: Tcp<N>) {
    const CHANGES: usize = 200;
    // That everybody hears of everybody who comes in takes time by the square of it, so that more is for who asks.
    let members = env::var("CHINWAG_MEMBERS");
    let count: usize = members.map_or(1000, |members| members.parse().expect("a number"));
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let bystander = Bystander::start(&h, &chat).await;
    let mut members = Vec::new();
    for i in 0..count {
        let mut member = chat.user(&format!("m{i}")).await;
        member.ask("join,#a", "ack").await;
        members.push(member);
    }
    let mut churner = chat.user("c").await;
    for change in 0..CHANGES {
        churner.ask("join,#a", "ack").await;
        churner.ask(&format!("register,c{change}"), "ack").await;
        churner.ask("leave,#a", "ack").await;
    }
    let hear = members
        .iter_mut()
        .enumerate()
        .map(async |(i, member): (_, &mut Peer<_>)| {
            for later in i + 1..count {
                member.hears(&format!("#a m{later} joined")).await;
            }
            let mut name = "c".to_owned();
            for change in 0..CHANGES {
                member.hears(&format!("#a {name} joined")).await;
                member.hears(&format!("{name} is now c{change}")).await;
                name = format!("c{change}");
                member.hears(&format!("#a {name} left")).await;
            }
        });
    join_all(hear).await;
    bystander
        .tell(
            "churn in a large room",
            format!("{CHANGES} times in, renamed and out, heard by {count} in one order"),
        )
        .await;
}

/// The clock jumps ahead, as that of a machine that has slept does. Who has been silent for too long by then, and only
/// that one, is told so and closed; who is there or comes is served.
pub async fn a_clock_that_jumps<N: Network>(h: Tcp<N>) {
    const SILENT: usize = 20;
    let clock = Jumping::new(h.runtime());
    let hub = {
        let clock = clock.clone();
        crate::unthrottled().clock(move || clock.now()).build()
    };
    let chat = Chat::start_with(&h, hub, clock.clone(), None).await;
    let idle = chat.hub.timeouts().idle().expect("a limit");
    let bystander = Bystander::start(&h, &chat).await;
    let mut program = chat.hub.connect("program").expect("a name");
    program.join("#a").expect("a room");
    let mut silent = Vec::new();
    for i in 0..SILENT {
        silent.push(chat.user(&format!("silent{i}")).await);
    }
    let mut nameless = chat.connect().await;
    nameless.ask("ping", "pong").await;

    clock.jump(idle / 2);
    nameless
        .hears("error,timed-out,no name was registered in time")
        .await;
    nameless.is_closed().await;
    // All timers have been looked at, and nobody else was to be closed.
    for peer in &mut silent {
        peer.ask("ping", "pong").await;
    }
    assert_eq!(chat.hub.stats().timed_out, 1);
    bystander
        .tell(
            "a clock that jumps",
            format!("by {:?}, and only who had no name was closed", idle / 2),
        )
        .await;
    drop(nameless);
    only(&h, &chat.hub, SILENT).await;

    clock.jump(2 * idle);
    let from = h.runtime().now();
    let mut new = chat.user("new").await;
    new.ask("join,#a", "ack").await;
    let came = h.runtime().now() - from;
    assert!(came < SERVED_WITHIN, "who comes waits for {came:?}");
    let bystander = Bystander::start(&h, &chat).await;
    for peer in &mut silent {
        peer.hears("error,timed-out,nothing was heard for too long")
            .await;
        peer.is_closed().await;
    }
    drop(silent);
    // Those who have come since: the new one and the bystander.
    only(&h, &chat.hub, 2).await;
    assert_eq!(chat.hub.stats().timed_out, 1 + SILENT as u64);
    new.ask("say,#a,hello", "#a new says hello").await;
    program.say("#a", "hello").expect("it is still there");
    new.hears("#a program says hello").await;
    bystander
        .tell(
            "a clock that jumps",
            format!(
                "by {:?}, {SILENT} silent ones were told and closed, and who came was served after {came:.1?}",
                2 * idle
            ),
        )
        .await;
}

/// The calendar is set forwards and back by hours, and to before 1970, while users talk: their messages keep their
/// order and their numbers, each has the time that the calendar showed, and no two are called the same.
pub async fn a_calendar_that_jumps<N: Network>(h: Tcp<N>) {
    const EACH: u64 = 100;
    const HOURS: Duration = Duration::from_secs(2 * 3600);
    let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(20_000 * 24 * 3600);
    let calendar = Arc::new(Mutex::new(noon));
    let shown = calendar.clone();
    let hub = crate::unthrottled()
        .calendar(move || *shown.lock().unwrap_or_else(PoisonError::into_inner))
        .build();
    let chat = Chat::start(&h, hub).await;
    let bystander = Bystander::start(&h, &chat).await;
    // The program is told the numbers and stamps.
    let mut program = chat.hub.connect("program").expect("a name");
    program.join("#a").expect("a room");
    let mut users = [chat.user("ada").await, chat.user("bob").await];
    for user in &mut users {
        user.ask("join,#a", "ack").await;
    }
    users[0].hears("#a bob joined").await;
    let days = [
        noon,
        noon + HOURS,
        noon,
        noon - HOURS,
        SystemTime::UNIX_EPOCH - HOURS,
        noon,
    ];
    for day in days {
        *calendar.lock().unwrap_or_else(PoisonError::into_inner) = day;
        for n in 0..EACH {
            let [ada, bob] = &mut users;
            ada.ask(&format!("say,#a,{n}"), &format!("#a ada says {n}"))
                .await;
            bob.hears(&format!("#a ada says {n}")).await;
            bob.ask(&format!("say,#a,{n}"), &format!("#a bob says {n}"))
                .await;
            ada.hears(&format!("#a bob says {n}")).await;
        }
    }
    let (mut ids, mut count) = (HashSet::new(), 0);
    while let Some(Some(event)) = program.next().now_or_never() {
        let (seq, text, stamp) = match event {
            Event::Joined { .. } => continue,
            Event::Said {
                seq, text, stamp, ..
            } => (seq, text, stamp),
            other => panic!("{other:?}"),
        };
        let day = days[(count / (2 * EACH)) as usize];
        assert_eq!(text.parse(), Ok(count / 2 % EACH));
        count += 1;
        assert_eq!(seq, count);
        // What the stamps are said to do: none is of a time before 1970.
        assert_eq!(stamp.at(), day.max(SystemTime::UNIX_EPOCH));
        assert!(ids.insert(stamp.to_string()), "{stamp} are two messages");
    }
    assert_eq!(count, days.len() as u64 * 2 * EACH);
    bystander
        .tell(
            "a calendar that jumps",
            format!(
                "{count} messages in order, at {} times, each with its own name",
                days.len()
            ),
        )
        .await;
}

/// A runtime whose clock can be set ahead. Its timers notice.
#[derive(Clone)]
struct Jumping<R> {
    rt: R,
    clock: Arc<Mutex<Clock>>,
}

/// What all clones of a [`Jumping`] have in common.
#[derive(Default)]
struct Clock {
    ahead: Duration,
    /// The next timer's number.
    next: u64,
    /// Who waits for which timer.
    waiting: HashMap<u64, Waker>,
}

impl<R: Runtime> Jumping<R> {
    fn new(rt: R) -> Self {
        Self {
            rt,
            clock: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn jump(&self, by: Duration) {
        let mut clock = self.lock();
        clock.ahead += by;
        let waiting: Vec<_> = clock.waiting.drain().collect();
        drop(clock);
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

impl<R: Runtime> Runtime for Jumping<R> {
    const THREAD_PER_TASK: bool = R::THREAD_PER_TASK;

    type Sleep = JumpingSleep<R>;

    fn spawn<F>(&self, task: F) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.rt.spawn(task)
    }

    fn sleep_until(&self, deadline: Instant) -> JumpingSleep<R> {
        let mut clock = self.lock();
        clock.next += 1;
        JumpingSleep {
            number: clock.next,
            deadline,
            ahead: clock.ahead,
            sleep: Box::pin(self.rt.sleep_until(before(deadline, clock.ahead))),
            of: self.clone(),
        }
    }

    fn now(&self) -> Instant {
        let ahead = self.lock().ahead;
        self.rt.now() + ahead
    }

    fn max_tasks(&self) -> usize {
        self.rt.max_tasks()
    }
}

/// What the clock behind a [`Jumping`] one shows when that one, so much `ahead`, shows `at`.
fn before(at: Instant, ahead: Duration) -> Instant {
    at.checked_sub(ahead).unwrap_or(at)
}

/// A timer of a [`Jumping`] clock.
struct JumpingSleep<R: Runtime> {
    number: u64,
    deadline: Instant,
    sleep: Pin<Box<R::Sleep>>,
    /// How far ahead the clock was when `sleep` was set.
    ahead: Duration,
    of: Jumping<R>,
}

impl<R: Runtime> Unpin for JumpingSleep<R> {}

impl<R: Runtime> Future for JumpingSleep<R> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let me = self.get_mut();
        let ahead = {
            // The clock cannot jump between the look at it and this.
            let mut clock = me.of.lock();
            clock.waiting.insert(me.number, cx.waker().clone());
            clock.ahead
        };
        if me.ahead != ahead {
            me.ahead = ahead;
            me.sleep.as_mut().reset(before(me.deadline, ahead));
        }
        me.sleep.as_mut().poll(cx)
    }
}

impl<R: Runtime> Sleep for JumpingSleep<R> {
    fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let me = self.get_mut();
        me.deadline = deadline;
        me.ahead = me.of.lock().ahead;
        me.sleep.as_mut().reset(before(deadline, me.ahead));
    }
}

impl<R: Runtime> Drop for JumpingSleep<R> {
    fn drop(&mut self) {
        self.of.lock().waiting.remove(&self.number);
    }
}

/// The resident memory of this process that is no file's, in KiB; 0 where the system does not tell.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

/// How much CPU time this process has used, by its `/proc/self/stat`; none where the system does not tell.
fn cpu_time(file: &mut Option<fs::File>) -> Duration {
    let mut stat = String::new();
    if let Some(file) = file {
        let read = file.rewind().and_then(|()| file.read_to_string(&mut stat));
        read.expect("it can be read again");
    }
    // The name before it may hold spaces.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks = |at| {
        fields
            .split(' ')
            .nth(at)
            .and_then(|field| field.parse::<u64>().ok())
    };
    let ticks = ticks(11).unwrap_or(0) + ticks(12).unwrap_or(0);
    // A hundred a second, on every Linux there is.
    Duration::from_millis(10 * ticks)
}
