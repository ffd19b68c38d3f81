//! A chat in memory, for tests that look at it from outside.

use std::future::{Future, pending};

use chinwag::{
    Hub, Runtime, Server,
    wire::{Line, Seed},
};
pub(crate) use chinwag_testkit::conformance::lost;
use chinwag_testkit::{Link, MemoryNet, MemoryStream, Peer, VirtualRuntime};

/// A hub with a `line` and a `seed` listener, served on a virtual runtime.
#[derive(Clone)]
pub(crate) struct Chat {
    pub(crate) hub: Hub,
    pub(crate) rt: VirtualRuntime,
    pub(crate) net: MemoryNet,
}

pub(crate) type MemoryPeer = Peer<MemoryStream>;

impl Chat {
    /// Runs `test` against a chat around `hub`, with the order of events drawn from each of a few
    /// seeds. When it is over and its peers are gone, nothing may be left.
    pub(crate) fn run<F: Future<Output = ()>>(hub: impl Fn() -> Hub, test: impl Fn(Chat) -> F) {
        Self::run_orders(8, hub, test);
    }

    /// Like [`run`](Self::run), with so many orders.
    pub(crate) fn run_orders<F: Future<Output = ()>>(
        orders: u64,
        hub: impl Fn() -> Hub,
        test: impl Fn(Chat) -> F,
    ) {
        for seed in 0..orders {
            let rt = VirtualRuntime::new(seed);
            Self::run_once(seed, rt, hub(), &test);
        }
    }

    /// Like [`run`](Self::run), with a hub that needs the runtime, and what the test needs beside it.
    pub(crate) fn run_with<T: Clone>(
        hub: impl Fn(&VirtualRuntime) -> (Hub, T),
        test: impl AsyncFn(Chat, T),
    ) {
        for seed in 0..8 {
            let rt = VirtualRuntime::new(seed);
            let (hub, extra) = hub(&rt);
            Self::run_once(seed, rt, hub, |chat| test(chat, extra.clone()));
        }
    }

    /// Runs `test` once, in the order of `rt`, which was made from `seed`.
    pub(crate) fn run_once<F: Future<Output = ()>>(
        seed: u64,
        rt: VirtualRuntime,
        hub: Hub,
        test: impl Fn(Chat) -> F,
    ) {
        let chat = Chat {
            hub,
            rt,
            net: MemoryNet::new(),
        };
        chat.rt.spawn(chat.server()).unwrap();
        let settled = async {
            chat.rt.settle().await;
            test(chat.clone()).await;
            // Longer than the longest flush and linger, and than a hook may take.
            chat.rt.sleep(std::time::Duration::from_secs(20)).await;
        };
        chat.rt.block_on(settled);
        assert!(chat.hub.users().is_empty(), "seed {seed}: a name is left");
        assert!(chat.hub.rooms().is_empty(), "seed {seed}: a room is left");
        assert_eq!(chat.hub.stats().queue_bytes, 0, "seed {seed}");
        assert_eq!(
            chat.hub.connections(),
            0,
            "seed {seed}: a connection is left"
        );
    }

    fn server(&self) -> impl Future<Output = ()> + use<> {
        let server = Server::new(self.hub.clone())
            .listen(self.net.listen("line"), Line::default())
            .listen(self.net.listen("seed"), Seed::default());
        let rt = self.rt.clone();
        async move { server.run_until(pending::<()>(), rt).await.unwrap() }
    }

    /// A peer of the `line` wire without a name.
    pub(crate) fn line(&self) -> MemoryPeer {
        Peer::new(self.net.connect("line"))
    }

    /// A peer of the `line` wire on a link with these properties.
    pub(crate) fn line_over(&self, link: Link) -> MemoryPeer {
        Peer::new(self.net.try_connect("line", link).unwrap())
    }

    /// A peer of the `line` wire with the name `name`.
    pub(crate) async fn user(&self, name: &str) -> MemoryPeer {
        Peer::registered(self.net.connect("line"), name).await
    }

    /// A peer of the `seed` wire without a name.
    pub(crate) fn seed(&self) -> MemoryPeer {
        Peer::new(self.net.connect("seed"))
    }
}
