//! Whole connections for a fuzzer: see `fuzz/README.md`.

use std::{fs, path::Path, time::Duration};

use chinwag_core::{
    Hub, Limits, Runtime, Server, SlowReader, Timeouts,
    wire::{Line, Seed},
};
use fastrand::Rng;
use futures::{AsyncReadExt, AsyncWriteExt, FutureExt};

use crate::{Link, MemoryNet, MemoryStream, Peer, VirtualRuntime};

/// Two connections, on either wire, whose clients send whatever `data` says, in its pieces and at its times, read or
/// not, close, break and vanish: nobody panics, what waits to be written stays within bounds, what is read is lines, a
/// third one is served all the while, and nothing is left of them.
pub fn connection(data: &[u8]) {
    let (head, data) = data.split_at(data.len().min(2));
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
        .listen(net.listen("seed"), Seed::default());
    let handle = server.handle();
    let running = server.run(rt.clone());
    rt.spawn(async move { running.await.expect("it has listeners") })
        .expect("a task");
    let wire = match head.last().is_some_and(|byte| byte.is_multiple_of(4)) {
        true => "seed",
        false => "line",
    };
    rt.block_on(async {
        rt.settle().await;
        let link = Link {
            capacity: 512,
            ..Link::default()
        };
        let mut peers = [wire, "line"].map(|wire| {
            let io = net.try_connect(wire, link).ok()?;
            let ends: &[_] = if wire == "line" { b"\r\0" } else { b"\r\n\0" };
            let heard = Vec::new();
            Some(Far { io, ends, heard })
        });
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
    /// What it must not hear.
    ends: &'static [u8],
    /// The line that is not whole yet.
    heard: Vec<u8>,
}

/// Takes what is there to be read, and looks whether it is what may be written.
fn read(peer: &mut Option<Far>) {
    let Some(far) = peer else { return };
    let mut buf = [0; 256];
    while let Some(Ok(count @ 1..)) = far.io.read(&mut buf).now_or_never() {
        let bytes = &buf[..count];
        assert!(!bytes.iter().any(|byte| far.ends.contains(byte)));
        far.heard.extend_from_slice(bytes);
        if let Some(end) = far.heard.iter().rposition(|&byte| byte == b'\n') {
            let lines: Vec<_> = far.heard.drain(..=end).collect();
            assert!(str::from_utf8(&lines).is_ok(), "{lines:?}");
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
}
