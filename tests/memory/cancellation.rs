//! Futures that are dropped at each of their polls: what is seen afterwards is what is seen of one that was never
//! started, or of one that has completed, as the documentation of each says; and what is asked next is answered.

mod hub;
mod listed;
mod requests;
mod server;

use std::fmt::Debug;

use chinwag::Hub;
use chinwag_testkit::{Cut, Link, VirtualRuntime};

use crate::chat::Chat;

/// What a future that was polled and dropped leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// What was there before.
    Undone,
    /// What there is when it has completed.
    Done,
    /// The one up to some poll, and the other from then on. Both happen, if they are not the same.
    UndoneThenDone,
}

/// A link that moves a byte at a time, and next to nothing is on its way.
const NARROW: Link = Link {
    capacity: 3,
    chunk: 1,
    chop: false,
    latency: std::time::Duration::ZERO,
};

/// In how many orders each future is cut.
const ORDERS: u64 = 2;

/// Runs `case` with a future of it dropped at the first poll, then at the second, and so on until it completes. A
/// case says whether it has, and what is seen afterwards.
///
/// `polls` is the least number of polls that it takes: a future that never waits shows nothing.
fn at_every_poll<S: Debug + PartialEq>(
    what: &str,
    left: Left,
    polls: usize,
    hub: impl Fn(&VirtualRuntime) -> Hub,
    case: impl AsyncFn(&Chat, Cut) -> (bool, S),
) {
    for seed in 0..ORDERS {
        let run = |cut| {
            let rt = VirtualRuntime::new(seed);
            let mut seen = None;
            let (hub, result) = (hub(&rt), &mut seen);
            let result = std::sync::Mutex::new(result);
            Chat::run_once(seed, rt.clone(), hub, |chat| {
                let (case, result) = (&case, &result);
                async move { **result.lock().unwrap() = Some(case(&chat, cut).await) }
            });
            let left = (rt.tasks(), rt.panics());
            assert_eq!(left, (1, 0), "{what}, seed {seed}, {cut:?}: a task is left");
            seen.expect("it was run")
        };
        let (is_done, never) = run(Cut {
            polls: 0,
            woken: false,
        });
        assert!(!is_done);
        let (is_done, done) = run(Cut {
            polls: usize::MAX,
            woken: false,
        });
        assert!(is_done);

        let (mut undone_at, mut done_at) = (0, 0);
        let mut polls_taken = 0;
        for n in 1.. {
            let [first, second] = Cut::after(n).map(|cut| {
                let (is_done, state) = run(cut);
                let at = format!("{what}, seed {seed}, {cut:?}");
                match (is_done, left) {
                    (true, _) | (false, Left::Done) => assert_eq!(state, done, "{at}"),
                    (false, Left::Undone) => assert_eq!(state, never, "{at}"),
                    (false, Left::UndoneThenDone) if done_at == 0 && state == never => {
                        undone_at += 1;
                    }
                    (false, Left::UndoneThenDone) => {
                        assert_eq!(state, done, "{at}");
                        done_at += 1;
                    }
                }
                is_done
            });
            assert_eq!(first, second, "{what}, seed {seed}: it depends on the drop");
            if first {
                polls_taken = n;
                break;
            }
        }
        println!("{what}, seed {seed}: {polls_taken} polls");
        assert!(polls_taken >= polls, "{what}: {polls_taken} polls");
        if left == Left::UndoneThenDone && never != done {
            assert!(undone_at > 0 && done_at > 0, "{what}: it was never both");
        }
    }
}

/// A hub that takes whatever comes, and has the clock of `rt`.
fn hub_on(rt: &VirtualRuntime) -> Hub {
    let clock = rt.clone();
    chinwag_testkit::unthrottled()
        .clock(move || chinwag::Runtime::now(&clock))
        .build()
}
