//! Whole connections for a fuzzer: see `fuzz/README.md`.

use std::time::Duration;

use chinwag_core::{
    Hub, Limits, Runtime, Server, Timeouts,
    wire::{Line, Seed},
};
use futures::{AsyncReadExt, AsyncWriteExt, FutureExt};

use crate::{Link, MemoryNet, MemoryStream, Peer, VirtualRuntime};

/// Two connections, on either wire, whose clients send whatever `data` says, in its pieces and at its times, read or
/// not, close, break and vanish: nobody panics, what is written stays within bounds, a third one is served all the
/// while, and nothing is left of them.
pub fn connection(data: &[u8]) {
    let (head, data) = data.split_at(data.len().min(2));
    let seed = head.first().copied().unwrap_or_default();
    let rt = VirtualRuntime::new(u64::from(seed));
    let net = MemoryNet::on(&rt, u64::from(seed));
    let hub = hub(&rt);
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
        let mut peers = [wire, "line"].map(|wire| net.try_connect(wire, link).ok());
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
                    if let Some(io) = peer {
                        // What it has no room for now is not sent.
                        let _ = io.write(piece).now_or_never();
                    }
                }
                96..104 => rt.settle().await,
                104..110 => {
                    rt.sleep(Duration::from_millis(length as u64 * 20)).await;
                    is_served(&rt, &mut bystander).await;
                }
                110..118 => read(peer),
                118..120 => {
                    if let Some(io) = peer {
                        let _ = io.close().now_or_never();
                    }
                }
                120 => {
                    if let Some(io) = peer.take() {
                        io.reset();
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

/// Takes what is there to be read. No line is cut off where more follows.
fn read(peer: &mut Option<MemoryStream>) {
    let mut buf = [0; 256];
    while let Some(Some(Ok(count @ 1..))) = peer.as_mut().map(|io| io.read(&mut buf).now_or_never())
    {
        assert!(count <= buf.len());
    }
}

fn hub(rt: &VirtualRuntime) -> Hub {
    let limits = Limits::builder().mailbox_bytes(1024).max_line(512);
    let timeouts = Timeouts::builder()
        .register(Duration::from_secs(5))
        .idle(Duration::from_secs(20));
    let clock = rt.clone();
    Hub::builder()
        .limits(limits.build().expect("limits"))
        .timeouts(timeouts.build().expect("timeouts"))
        .clock(move || clock.now())
        .build()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    #[test]
    fn connection() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/connection");
        let files = fs::read_dir(&path).expect("a corpus");
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty());
        let mut rng = fastrand::Rng::with_seed(1);
        for file in files {
            println!("{}", file.display());
            let bytes = fs::read(file).unwrap();
            super::connection(&bytes);
            for _ in 0..5 {
                let mut changed = bytes.clone();
                let at = rng.usize(..=changed.len());
                changed.insert(at, rng.u8(..));
                super::connection(&changed);
            }
        }
    }
}
