//! A case for timers that are dropped.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};

use chinwag_core::{Runtime, Sleep};

use super::{Harness, chat::pause};

/// Somebody who waits for a timer, and how often they were woken. Who can still wake them holds another `Arc`.
#[derive(Default)]
struct Waits(AtomicUsize);

impl Wake for Waits {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A timer is dropped before and after each of its polls: long before it is due, after it was moved, when it is due and
/// not polled any more, and when it is over. Nobody is woken by it afterwards, and it keeps no waker until its time.
pub async fn a_dropped_sleep_leaves_nothing<H: Harness>(h: H) {
    let rt = h.runtime();
    let hours = |hours: u64| rt.now() + Duration::from_secs(3600 * hours);
    for polls in 0..=3 {
        let waits = |_| Arc::new(Waits::default());
        let [early, moved, due, over] = [(); 4].map(waits);
        {
            let sleep = pin!(rt.sleep_until(hours(1)));
            assert!(!poll(sleep, &early, polls));
        }
        {
            let mut sleep = pin!(rt.sleep_until(hours(1)));
            assert!(!poll(sleep.as_mut(), &moved, polls));
            sleep.reset(hours(2));
        }
        let soon = rt.now() + Duration::from_millis(5);
        {
            let mut sleep = pin!(rt.sleep_until(soon));
            poll(sleep.as_mut(), &due, polls);
            rt.sleep_until(soon).await;
        }
        {
            let mut sleep = pin!(rt.sleep_until(soon));
            if !poll(sleep.as_mut(), &over, polls) {
                sleep.await;
            }
        }
        for (what, waits) in [
            ("early", &early),
            ("moved", &moved),
            ("due", &due),
            ("over", &over),
        ] {
            let give_up = rt.now() + Duration::from_secs(60);
            while Arc::strong_count(waits) > 1 {
                let is_late = rt.now() >= give_up;
                assert!(!is_late, "{what}, after {polls} polls: a waker is kept");
                pause(&rt, Duration::from_millis(1)).await;
            }
        }
        let woken = [&early, &moved].map(|waits| waits.0.load(Ordering::Relaxed));
        assert_eq!(woken, [0, 0], "after {polls} polls");
    }
}

/// Polls `sleep` so many times, for who waits, or until it is over. Whether it is.
fn poll(mut sleep: Pin<&mut impl Sleep>, waits: &Arc<Waits>, polls: usize) -> bool {
    let waker = Waker::from(waits.clone());
    let mut cx = Context::from_waker(&waker);
    (0..polls).any(|_| sleep.as_mut().poll(&mut cx).is_ready())
}
