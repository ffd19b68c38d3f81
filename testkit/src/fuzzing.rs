//! Whole connections for a fuzzer: see `fuzz/README.md`.

mod irc_encode;

use std::{fs, path::Path, time::Duration};

use chinwag_core::{
    Hub, Limits, Runtime, Server, SlowReader, Timeouts,
    wire::{Line, Seed},
};
use chinwag_wire_irc::Irc;
use fastrand::Rng;
use futures::{AsyncReadExt, AsyncWriteExt, FutureExt};

pub use irc_encode::irc_encode;

use crate::{Link, MemoryNet, MemoryStream, Peer, VirtualRuntime};

/// Two connections, on either wire, whose clients send whatever `data` says, in its pieces and at its times, read or
/// not, close, break and vanish: nobody panics, what waits to be written stays within bounds, what is read is lines, a
/// third one is served all the while, and nothing is left of them.
pub fn connection(data: &[u8]) {
    let (head, data) = data.split_at(data.len().min(2));
    let wire = match head.last().is_some_and(|byte| byte.is_multiple_of(4)) {
        true => "seed",
        false => "line",
    };
    session([wire, "line"], head, data);
}

/// The same with two clients of IRC, one of which has a nick and most of what clients may ask for, while a third one on
/// `line` is served.
pub fn irc_session(data: &[u8]) {
    let (head, data) = data.split_at(data.len().min(2));
    session(["irc", "irc"], head, data);
}

/// Clients of these wires do what `data` says, as `head` has it.
fn session(wires: [&'static str; 2], head: &[u8], data: &[u8]) {
    let seed = head.first().copied().unwrap_or_default();
    let rt = VirtualRuntime::new(u64::from(seed));
    let net = MemoryNet::on(&rt, u64::from(seed));
    let policies = [
        SlowReader::Disconnect,
        SlowReader::DropOldest,
        SlowReader::DropNewest,
    ];
    let hub = hub(&rt, policies[usize::from(seed) % policies.len()]);
    let server = Server::new(hub.clone())
        .listen(net.listen("line"), Line::default())
        .listen(net.listen("seed"), Seed::default())
        .listen(net.listen("irc"), irc());
    let handle = server.handle();
    let running = server.run(rt.clone());
    rt.spawn(async move { running.await.expect("it has listeners") })
        .expect("a task");
    rt.block_on(async {
        rt.settle().await;
        let link = Link {
            capacity: 512,
            ..Link::default()
        };
        let mut peers = wires.map(|wire| {
            let io = net.try_connect(wire, link).ok()?;
            let heard = Vec::new();
            Some(Far { io, wire, heard })
        });
        if let [
            Some(Far {
                io, wire: "irc", ..
            }),
            _,
        ] = &mut peers
        {
            let _ = io.write(hello(head.last().copied()).as_bytes()).await;
        }
        let mut bystander = Peer::registered(net.connect("line"), "bystander").await;
        let mut rest = data;
        while let Some((&what, after)) = rest.split_first() {
            rest = after;
            let length = usize::from(rest.first().copied().unwrap_or_default());
            let peer = &mut peers[usize::from(what >> 7)];
            match what & 0x7f {
                0..96 => {
                    let piece = rest.get(1..).unwrap_or_default();
                    let (piece, after) = piece.split_at(length.min(piece.len()));
                    rest = after;
                    if let Some(far) = peer {
                        // What it has no room for now is not sent.
                        let _ = far.io.write(piece).now_or_never();
                    }
                }
                96..104 => rt.settle().await,
                104..110 => {
                    rt.sleep(Duration::from_millis(length as u64 * 20)).await;
                    is_served(&rt, &mut bystander).await;
                }
                110..118 => read(peer),
                118..120 => {
                    if let Some(far) = peer {
                        let _ = far.io.close().now_or_never();
                    }
                }
                120 => {
                    if let Some(far) = peer.take() {
                        far.io.reset();
                    }
                }
                121 => drop(peer.take()),
                122 => hub.publish("#a", "from the program").map_or((), drop),
                123 => drop(hub.tell("a", "from the program")),
                124 => drop(hub.kick("a", "for a reason")),
                _ => is_served(&rt, &mut bystander).await,
            }
            assert_eq!(rt.panics(), 0);
            assert!(hub.stats().queue_bytes <= 3 * (4 * 1024 + 8 * 1024));
        }
        is_served(&rt, &mut bystander).await;
        peers.iter_mut().for_each(read);
        drop(peers);
        drop(bystander);
        rt.sleep(Duration::from_secs(60)).await;
        let stats = hub.stats();
        assert_eq!((stats.connections, stats.users, stats.rooms), (0, 0, 0));
        assert_eq!(stats.queue_bytes, 0);
        handle.shut_down(Duration::ZERO);
        rt.sleep(Duration::from_secs(10)).await;
        assert_eq!((rt.tasks(), rt.timers(), rt.panics()), (0, 0, 0));
    });
}

/// Asks for something, no faster than one may.
async fn is_served(rt: &VirtualRuntime, peer: &mut Peer<MemoryStream>) {
    rt.sleep(Duration::from_millis(60)).await;
    peer.ask("ping", "pong").await;
}

/// The client of a connection.
struct Far {
    io: MemoryStream,
    wire: &'static str,
    /// The line that is not whole yet.
    heard: Vec<u8>,
}

/// Takes what is there to be read, and looks whether it is what may be written.
fn read(peer: &mut Option<Far>) {
    let Some(far) = peer else { return };
    let mut buf = [0; 256];
    while let Some(Ok(count @ 1..)) = far.io.read(&mut buf).now_or_never() {
        let bytes = &buf[..count];
        let ends: &[_] = match far.wire {
            "irc" => b"\0",
            "line" => b"\r\0",
            _ => b"\r\n\0",
        };
        assert!(!bytes.iter().any(|byte| ends.contains(byte)));
        far.heard.extend_from_slice(bytes);
        if let Some(end) = far.heard.iter().rposition(|&byte| byte == b'\n') {
            let lines: Vec<_> = far.heard.drain(..=end).collect();
            let lines = str::from_utf8(&lines).expect("lines of text");
            if far.wire == "irc" {
                lines.split_inclusive('\n').for_each(is_irc);
            }
        }
    }
}

/// The most bytes of a line of IRC, and of the tags before it.
const MAX_LINE: usize = 512;
const MAX_TAGS: usize = 8191;

/// Checks that `line` is one of IRC.
fn is_irc(line: &str) {
    let line = line
        .strip_suffix("\r\n")
        .expect("CRLF at the end of a line");
    assert!(!line.contains(['\r', '\0']), "{line:?}");
    let rest = match line.starts_with('@') {
        true => line.split_once(' ').expect("something behind the tags").1,
        false => line,
    };
    assert!(line.len() - rest.len() <= MAX_TAGS, "{line:?}");
    assert!(rest.len() + "\r\n".len() <= MAX_LINE, "{line:?}");
    let mut words = rest.split(' ').filter(|word| !word.starts_with(':'));
    let command = words.next().expect("a command");
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    assert!(
        !command.is_empty() && command.bytes().all(is_letter),
        "{line:?}"
    );
}

fn irc() -> Irc {
    let irc = Irc::builder()
        .server_name("irc.example.org")
        .motd("Hello.\nBe kind.");
    irc.sasl(true).build().expect("a wire")
}

/// What a client of IRC sends first, and which capabilities it asks for.
fn hello(caps: Option<u8>) -> String {
    const CAPS: [&str; 8] = [
        "echo-message",
        "message-tags",
        "labeled-response batch",
        "server-time",
        "away-notify extended-join",
        "userhost-in-names multi-prefix",
        "standard-replies setname",
        "account-tag account-notify invite-notify",
    ];
    let wanted = CAPS.iter().enumerate();
    let wanted = wanted.filter(|(bit, _)| caps.unwrap_or_default() >> bit & 1 != 0);
    let wanted: Vec<_> = wanted.map(|(_, caps)| *caps).collect();
    let caps = wanted.join(" ");
    format!("CAP REQ :{caps}\r\nNICK a\r\nUSER a 0 * :A\r\nCAP END\r\nJOIN #a\r\n")
}

/// What comes of bytes of a client of IRC is the same however they are cut: what it is answered and told, and what
/// others hear of it.
pub fn irc_decode(data: &[u8]) {
    let (head, data) = data.split_at(data.len().min(1));
    let caps = head.first().copied();
    let (count, data) = data.split_at(data.len().min(1));
    let count = usize::from(count.first().copied().unwrap_or_default() % 16);
    let (cuts, bytes) = data.split_at(data.len().min(count));
    let due = heard(caps, &[bytes]);
    if !cuts.is_empty() {
        let (mut pieces, mut rest) = (Vec::new(), bytes);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((usize::from(*cut % 80) + 1).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        assert_eq!(heard(caps, &pieces), due);
    }
    if bytes.len() <= 128 {
        let pieces: Vec<_> = bytes.chunks(1).collect();
        assert_eq!(heard(caps, &pieces), due);
    }
}

/// What is heard by a client of IRC that sends `pieces`, by another one, and by one of `line`, who are in its room.
fn heard(caps: Option<u8>, pieces: &[&[u8]]) -> [String; 3] {
    let rt = VirtualRuntime::new(1);
    let net = MemoryNet::on(&rt, 1);
    let clock = rt.clone();
    let hub = crate::unthrottled().clock(move || clock.now()).build();
    let server = Server::new(hub)
        .listen(net.listen("line"), Line::default())
        .listen(net.listen("irc"), irc());
    let mut heard = [const { Vec::new() }; 3];
    let talk = async {
        let mut all = ["irc", "irc", "line"].map(|wire| net.connect(wire));
        let [one, two, three] = &mut all;
        let hello = hello(caps);
        let first = "register,c\njoin,#a\n";
        let third = hello.replace(" a", " b");
        for (io, bytes) in [(three, first), (two, &third), (one, &hello)] {
            io.write_all(bytes.as_bytes()).await.expect("a server");
            rt.settle().await;
        }
        hear(&mut all, &mut heard);
        for piece in pieces {
            let mut rest = *piece;
            // There is room as soon as what was sent is read, unless all is over.
            while let Some(Ok(count @ 1..)) = all[0].write(rest).now_or_never() {
                rest = &rest[count..];
                rt.settle().await;
                hear(&mut all, &mut heard);
            }
        }
    };
    rt.block_on(server.run_until(talk, rt.clone()))
        .expect("a listener");
    let heard = heard.map(|heard| String::from_utf8(heard).expect("text"));
    for heard in &heard[..2] {
        heard.split_inclusive('\n').for_each(is_irc);
    }
    heard
}

/// Takes what is there to be read.
fn hear(all: &mut [MemoryStream], heard: &mut [Vec<u8>]) {
    let mut buf = [0; 4096];
    for (io, heard) in all.iter_mut().zip(heard) {
        while let Some(Ok(count @ 1..)) = io.read(&mut buf).now_or_never() {
            heard.extend_from_slice(&buf[..count]);
        }
    }
}

fn hub(rt: &VirtualRuntime, policy: SlowReader) -> Hub {
    let limits = Limits::builder().mailbox_bytes(1024).max_line(512);
    let timeouts = Timeouts::builder()
        .register(Duration::from_secs(5))
        .idle(Duration::from_secs(20));
    let clock = rt.clone();
    Hub::builder()
        .limits(limits.build().expect("limits"))
        .timeouts(timeouts.build().expect("timeouts"))
        .clock(move || clock.now())
        .slow_reader(policy)
        .build()
}

/// Runs `target` on each file of `fuzz/corpus/NAME` and on `changes` changes of each, drawn from a seed that is always
/// the same. What fails is printed.
///
/// # Panics
///
/// If `target` does, or there is no corpus, except where there is no `fuzz` at all, as in a package.
pub fn replay(name: &str, changes: usize, target: impl Fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    if !fuzz.exists() {
        return;
    }
    let corpus = fs::read_dir(fuzz.join("corpus").join(name)).expect("a corpus");
    let mut files: Vec<_> = corpus.map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{name} has no corpus");
    let mut rng = Rng::with_seed(1);
    let kept: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    for (file, bytes) in files.iter().zip(&kept) {
        println!("{}", file.display());
        target(bytes);
        for _ in 0..changes {
            let changed = change(bytes, &kept, &mut rng);
            println!("changed: \"{}\"", changed.escape_ascii());
            target(&changed);
        }
    }
}

/// `bytes`, some of which are others, more or less, or the end of another of `kept`.
fn change(bytes: &[u8], kept: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    for _ in 0..rng.usize(1..6) {
        let at = rng.usize(..=changed.len());
        match rng.u8(..8) {
            0 | 1 => changed.insert(at, rng.u8(..)),
            2 => drop(changed.drain(at..)),
            3 => {
                let other = rng.choice(kept).map_or(&[][..], Vec::as_slice);
                changed.truncate(at);
                changed.extend_from_slice(&other[rng.usize(..=other.len())..]);
            }
            4 if at < changed.len() => drop(changed.remove(at)),
            _ if at < changed.len() => changed[at] = rng.u8(..),
            _ => changed.push(rng.u8(..)),
        }
    }
    changed.truncate(1024);
    changed
}

#[cfg(test)]
mod tests {
    #[test]
    fn connection() {
        super::replay("connection", 5, super::connection);
    }

    #[test]
    fn irc_session() {
        super::replay("irc_session", 5, super::irc_session);
    }

    #[test]
    fn irc_encode() {
        super::replay("irc_encode", 20, super::irc_encode);
    }

    #[test]
    fn irc_decode() {
        super::replay("irc_decode", 5, super::irc_decode);
    }
}
