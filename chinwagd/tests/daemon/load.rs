//! A signal strikes while everybody talks as fast as they can.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::process::Chinwagd;

on_every_runtime! {
    sigterm_under_full_load
}

const ROOMS: usize = 10;
/// In each room. All of them read, and those that talk hear themselves.
const TALKERS: usize = 4;
const LISTENERS: usize = 14;
/// In each room there are some that never read, too.
const STUCK: usize = 2;
/// How much each reader hears before the signal comes, at least, and something of each talker.
const WARM: u64 = 200;
/// Twice what is promised (`Timeouts::shutdown`, of which chinwagd keeps the default, and half a second), for machines
/// that have other things to do. What it took is printed.
const WITHIN: Duration = Duration::from_secs(9);

/// What a reader has heard, up to its last word.
#[derive(Default)]
struct Heard {
    messages: u64,
    /// Of each talker, the number that is due next.
    next: HashMap<String, u64>,
    /// How many messages were skipped, and how many events the server said are missing.
    skipped: u64,
    missed: u64,
}

/// What is known of one who reads while it does.
#[derive(Default)]
struct Progress {
    /// How many of its own requests were answered.
    pongs: AtomicU64,
    /// Whether it has had its last word.
    is_over: AtomicBool,
}

/// Who reads gets all that it was promised, and then a good-bye; who does not read holds the end up no longer than it may.
#[expect(
    clippy::disallowed_methods,
    reason = "it is the time that a process takes"
)]
fn sigterm_under_full_load(runtime: &str) {
    // Those who do not read stay, and are in the way.
    let chinwagd = &["--no-throttle", "--slow-reader", "drop-oldest"];
    let mut chinwagd = Chinwagd::start_on(runtime, chinwagd);
    let mut people = Vec::new();
    for room in 0..ROOMS {
        for number in 0..TALKERS + LISTENERS + STUCK {
            let name = format!("n{room}x{number}");
            let mut peer = chinwagd.user(&name);
            assert_eq!(peer.ask(&format!("join,#{room}")), "ack");
            people.push((room, number, name, peer.into_stream()));
        }
    }

    let (warm, warmed) = sync_channel(people.len());
    let (mut talkers, mut listeners, mut stuck) = (Vec::new(), Vec::new(), Vec::new());
    for (room, number, name, stream) in people {
        match number {
            0..TALKERS => talkers.push(Talker::start(name, room, stream, warm.clone())),
            n if n < TALKERS + LISTENERS => {
                listeners.push(listen(stream, warm.clone(), Arc::default()))
            }
            _ => stuck.push(stream),
        }
    }
    drop(warm);
    assert_eq!(warmed.iter().count(), ROOMS * (TALKERS + LISTENERS));
    // What a talker was answered after, has been said.
    let acked: HashMap<_, _> = talkers.iter().map(Talker::acked).collect();
    let from = Instant::now();
    chinwagd.signal("TERM");
    let talkers: Vec<_> = talkers.into_iter().map(Talker::join).collect();
    let listeners: Vec<_> = (listeners.into_iter())
        .map(|listener| listener.join().expect("it heard nothing wrong"))
        .collect();
    let told = from.elapsed();
    assert_eq!(chinwagd.exit_code(), Some(0));
    let took = from.elapsed();
    drop(stuck);

    // All that read have heard what was acked before the signal, or were told that they have not.
    let heard = || talkers.iter().chain(&listeners);
    for heard in heard() {
        let lacks = |(name, next): (&String, &u64)| acked[name].saturating_sub(*next);
        let lacking: u64 = heard.next.iter().map(lacks).sum();
        assert_eq!(
            heard.next.len(),
            TALKERS,
            "it has not heard somebody at all"
        );
        assert!(
            heard.skipped + lacking <= heard.missed,
            "{} skipped and {lacking} lacking at the end, {} announced",
            heard.skipped,
            heard.missed
        );
    }
    println!(
        "SIGTERM under full load, {runtime}: {} talkers, {} listeners, {} that do not read; {} messages acked, {} \
         heard, {} announced as missed; all who read had their last word after {told:.1?}, exit 0 after {took:.1?}",
        talkers.len(),
        listeners.len(),
        ROOMS * STUCK,
        acked.values().sum::<u64>(),
        heard().map(|heard| heard.messages).sum::<u64>(),
        heard().map(|heard| heard.missed).sum::<u64>(),
    );
    assert!(took < WITHIN, "it took {took:?}");
}

/// After so many messages a talker asks for an answer.
const BATCH: u64 = 10;

struct Talker {
    name: String,
    progress: Arc<Progress>,
    says: JoinHandle<()>,
    hears: JoinHandle<Heard>,
}

impl Talker {
    fn start(
        name: String,
        room: usize,
        stream: BufReader<TcpStream>,
        warm: SyncSender<()>,
    ) -> Self {
        let progress = Arc::new(Progress::default());
        let (mine, mut out) = (progress.clone(), stream.get_ref().try_clone().unwrap());
        let says = thread::spawn(move || {
            let mut number = 0;
            while !mine.is_over.load(Ordering::Relaxed) {
                let mut lines = String::new();
                for _ in 0..BATCH {
                    lines += &format!("say,#{room},{number} {}\n", "x".repeat(100));
                    number += 1;
                }
                // The server may have closed the connection.
                if out.write_all((lines + "ping\n").as_bytes()).is_err() {
                    break;
                }
            }
            let _ = out.shutdown(Shutdown::Write);
        });
        Self {
            name,
            hears: listen(stream, warm, progress.clone()),
            progress,
            says,
        }
    }

    /// How many of its messages it knows to have been taken.
    fn acked(&self) -> (String, u64) {
        let pongs = self.progress.pongs.load(Ordering::Relaxed);
        (self.name.clone(), pongs * BATCH)
    }

    fn join(self) -> Heard {
        let heard = self.hears.join().expect("it heard nothing wrong");
        self.says.join().expect("it said all that it could");
        heard
    }
}

/// Reads to the end. Every line must be whole, and the last one a good-bye.
fn listen(
    mut stream: BufReader<TcpStream>,
    warm: SyncSender<()>,
    progress: Arc<Progress>,
) -> JoinHandle<Heard> {
    let mut warm = Some(warm);
    thread::spawn(move || {
        let mut heard = Heard::default();
        let mut line = String::new();
        loop {
            line.clear();
            stream.read_line(&mut line).expect("a whole line");
            match line.as_str() {
                "bye\n" => break,
                "pong\n" => {
                    progress.pongs.fetch_add(1, Ordering::Relaxed);
                }
                line => heard.line(line),
            }
            if heard.messages >= WARM
                && heard.next.len() == TALKERS
                && let Some(warm) = warm.take()
            {
                warm.send(()).expect("somebody waits for it");
            }
        }
        progress.is_over.store(true, Ordering::Relaxed);
        assert_eq!(stream.read_line(&mut line).expect("the end"), 0, "{line}");
        heard
    })
}

impl Heard {
    fn line(&mut self, line: &str) {
        let line = line.strip_suffix('\n').expect("a whole line");
        if let Some(missed) = line.strip_prefix("missed,") {
            let count = missed.split(',').next().expect("a field");
            self.missed += count.parse::<u64>().expect("a number");
            return;
        }
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            [_, name, "says", number, text] => {
                assert_eq!(text.len(), 100, "{line}");
                let number: u64 = number.parse().expect("a number");
                let next = self.next.entry(name.to_owned()).or_default();
                assert!(number >= *next, "{line}: {next} was due");
                self.skipped += number - *next;
                *next = number + 1;
                self.messages += 1;
            }
            [_, _, "joined"] | [_, "quit", _] | [_, _, "role", ..] => {}
            _ => panic!("{line:?} is no whole line"),
        }
    }
}
