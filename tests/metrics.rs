//! What a hub counts, through the `metrics` facade: the numbers of all hubs of a program, added up.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these are tests"
)]

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chinwag::{
    Authenticator, Claim, Denied, Hub, Limits, Rate, Rates, Runtime, Server, Stats, Timeouts,
    async_trait, wire::Line,
};
use chinwag_testkit::{MemoryNet, MemoryStream, Peer, VirtualRuntime};
use futures::{FutureExt, StreamExt};
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

/// What was recorded, by name and, behind a space, reason.
#[derive(Clone, Default)]
struct Recorded {
    /// Each as it is, or its bits.
    counters: Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>,
    gauges: Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>,
    hook_seconds: Arc<Times>,
}

#[derive(Default)]
struct Times(Mutex<Vec<f64>>);

impl HistogramFn for Times {
    fn record(&self, value: f64) {
        self.0.lock().unwrap().push(value);
    }
}

impl Recorded {
    fn numbers(&self) -> BTreeMap<String, f64> {
        let counters = self.counters.lock().unwrap();
        let counters = counters.iter().map(|(name, number)| {
            let count = number.load(Ordering::Relaxed);
            (name.clone(), count as f64)
        });
        let gauges = self.gauges.lock().unwrap();
        let gauges = gauges.iter().map(|(name, number)| {
            let bits = number.load(Ordering::Relaxed);
            (name.clone(), f64::from_bits(bits))
        });
        counters.chain(gauges).collect()
    }

    fn hook_seconds(&self) -> Vec<f64> {
        self.hook_seconds.0.lock().unwrap().clone()
    }

    fn name(key: &Key) -> String {
        let mut name = key.name().to_owned();
        for label in key.labels() {
            assert_eq!(label.key(), "reason");
            name = format!("{name} {}", label.value());
        }
        name
    }
}

impl Recorder for Recorded {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let mut counters = self.counters.lock().unwrap();
        Counter::from_arc(counters.entry(Self::name(key)).or_default().clone())
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let mut gauges = self.gauges.lock().unwrap();
        Gauge::from_arc(gauges.entry(Self::name(key)).or_default().clone())
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        assert_eq!(Self::name(key), "chinwag_hook_seconds");
        Histogram::from_arc(self.hook_seconds.clone())
    }
}

/// What `hubs` say, under the same names.
fn expected(hubs: &[&Hub]) -> BTreeMap<String, f64> {
    let sum = |number: fn(&Stats) -> u64| {
        let numbers = hubs.iter().map(|hub| number(&hub.stats()));
        numbers.sum::<u64>() as f64
    };
    let of = |name: &str, number| (format!("chinwag_{name}"), sum(number));
    BTreeMap::from([
        of("connections", |stats| stats.connections as u64),
        of("users", |stats| stats.users as u64),
        of("rooms", |stats| stats.rooms as u64),
        of("queue_bytes", |stats| stats.queue_bytes as u64),
        of("delivered_total", |stats| stats.delivered),
        of("dropped_total missed", |stats| stats.missed),
        of("dropped_total lost", |stats| stats.lost),
        of("disconnected_total slow", |stats| stats.slow),
        of("disconnected_total flooding", |stats| stats.flooding),
        of("disconnected_total timed-out", |stats| stats.timed_out),
        of("turned_away_total", |stats| stats.turned_away),
        of("rate_limited_total", |stats| stats.rate_limited),
        of("hook_failures_total", |stats| stats.hook_failures),
    ])
}

/// Runs `test` with a recorder of its own.
fn recorded(test: impl FnOnce(&Recorded)) {
    let recorded = Recorded::default();
    metrics::with_local_recorder(&recorded, || test(&recorded));
}

/// Takes half a second to let one in, for ever for another, and panics for a third.
struct Door(VirtualRuntime);

#[async_trait]
impl Authenticator for Door {
    async fn authenticate(&self, claim: Claim<'_>) -> Result<(), Denied> {
        match claim.name.as_str() {
            "slow" => {
                let at = self.0.now() + Duration::from_millis(500);
                self.0.sleep_until(at).await;
            }
            "never" => pending().await,
            "broken" => panic!("on purpose"),
            _ => {}
        }
        Ok(())
    }
}

struct World {
    rt: VirtualRuntime,
    net: MemoryNet,
}

impl World {
    fn new() -> Self {
        Self {
            rt: VirtualRuntime::new(1),
            net: MemoryNet::new(),
        }
    }

    /// Serves `hub` in a task, as `name`.
    async fn serve(&self, hub: &Hub, name: &str) {
        let server = Server::new(hub.clone()).listen(self.net.listen(name), Line::default());
        let rt = self.rt.clone();
        let serving = async move { server.run_until(pending::<()>(), rt).await.unwrap() };
        self.rt.spawn(serving).unwrap();
        self.rt.settle().await;
    }

    fn connect(&self, name: &str) -> Peer<MemoryStream> {
        Peer::new(self.net.connect(name))
    }
}

/// A hub with small bounds, on which everything that is counted can happen.
fn small(world: &World) -> Hub {
    let limits = Limits::builder()
        .max_connections(4)
        .mailbox_bytes(16 * 1024);
    let timeouts = Timeouts::builder()
        .register(Duration::from_secs(20))
        .idle(None)
        .hook(Duration::from_secs(2));
    let rates = Rates::builder().messages(Rate::new(10, Duration::from_secs(10)));
    Hub::builder()
        .limits(limits.build().unwrap())
        .timeouts(timeouts.build().unwrap())
        .rates(rates.build().unwrap())
        .authenticator(Door(world.rt.clone()))
        .build()
}

#[test]
fn the_numbers_of_all_hubs_add_up() {
    recorded(|recorded| {
        let world = World::new();
        world.rt.block_on(async {
            let one = small(&world);
            let two = Hub::new();
            world.serve(&one, "one").await;
            world.serve(&two, "two").await;

            // Hooks: one that takes a while, one that takes too long, and one that panics.
            let mut slow = world.connect("one");
            slow.ask("register,slow", "ack").await;
            let mut other = world.connect("one");
            other.ask("register,never", "error,unavailable,*").await;
            other.ask("register,broken", "error,unavailable,*").await;
            other.ask("register,other", "ack").await;
            assert_eq!(recorded.hook_seconds(), [0.5, 2.0, 0.0, 0.0]);
            assert_eq!(one.stats().hook_calls, 4);

            // Somebody misses something, and somebody leaves without having read.
            let mut missing = one.connect("missing").unwrap();
            missing.join("#a").unwrap();
            for _ in 0..100 {
                one.publish("#a", &"x".repeat(1000)).unwrap();
            }
            let unread = two.connect("unread").unwrap();
            two.tell("unread", "never read").unwrap();
            two.tell("unread", "nor this").unwrap();
            one.record_metrics();
            two.record_metrics();
            let numbers = recorded.numbers();
            assert_eq!(numbers, expected(&[&one, &two]));
            assert_eq!(numbers["chinwag_users"], 4.0);
            assert!(numbers["chinwag_queue_bytes"] > 1000.0);
            drop(unread);
            while missing.next().now_or_never().is_some() {}

            // Too many, too fast, and too late.
            let mut silent = world.connect("one");
            let mut fast = world.connect("one");
            fast.send("ping\n".repeat(50)).await;
            world.connect("one").hears("error,full,*").await;
            assert!(fast.rest().await.contains("error,rate-limited,"));
            drop(fast);
            world.rt.sleep(Duration::from_secs(30)).await;
            silent.hears("error,timed-out,*").await;
            drop(silent);

            // Servers record by themselves, every five seconds.
            world.rt.sleep(Duration::from_secs(6)).await;
            let numbers = recorded.numbers();
            assert_eq!(numbers, expected(&[&one, &two]));
            for (name, number) in [
                ("connections", 2.0),
                ("users", 3.0),
                ("rooms", 1.0),
                ("queue_bytes", 0.0),
                ("dropped_total lost", 2.0),
                ("disconnected_total flooding", 1.0),
                ("disconnected_total timed-out", 1.0),
                ("turned_away_total", 1.0),
                ("hook_failures_total", 2.0),
            ] {
                assert_eq!(numbers[&format!("chinwag_{name}")], number, "{name}");
            }
            assert!(numbers["chinwag_dropped_total missed"] > 50.0);
            assert!(numbers["chinwag_rate_limited_total"] >= 10.0);
            assert!(numbers["chinwag_delivered_total"] > 0.0);
        });
    });
}

/// To record twice what has not changed changes nothing, and clones are one hub.
#[test]
fn nothing_is_counted_twice() {
    recorded(|recorded| {
        let hub = Hub::new();
        let mut ada = hub.connect("ada").unwrap();
        ada.join("#a").unwrap();
        hub.publish("#a", "hello").unwrap();
        assert!(ada.next().now_or_never().is_some());
        for _ in 0..3 {
            hub.record_metrics();
            hub.clone().record_metrics();
        }
        let numbers = recorded.numbers();
        assert_eq!(numbers, expected(&[&hub]));
        assert_eq!(numbers["chinwag_delivered_total"], 1.0);
        assert_eq!(recorded.hook_seconds(), [0.0; 0]);
        drop(ada);
        hub.record_metrics();
        let numbers = recorded.numbers();
        assert_eq!(numbers["chinwag_users"], 0.0);
        assert_eq!(numbers["chinwag_rooms"], 0.0);
    });
}
