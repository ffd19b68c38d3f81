//! Futures that are dropped before they are done.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

/// When a future is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// How often it is polled.
    pub polls: usize,
    /// Whether it is dropped only when it is woken after that, in place of one more poll. What has woken it must
    /// not be lost with it.
    pub woken: bool,
}

impl Cut {
    /// The two ways to drop a future after so many polls.
    pub fn after(polls: usize) -> [Self; 2] {
        [false, true].map(|woken| Self { polls, woken })
    }
}

/// Polls `future` as often as `cut` says, and drops it: then it is `None`. If it completes before, its output.
pub async fn dropped_at<F: Future>(cut: Cut, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polls = 0;
    poll_fn(|cx| {
        if polls == cut.polls {
            return Poll::Ready(None);
        }
        polls += 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polls == cut.polls && !cut.woken => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use chinwag_core::Runtime;

    use super::*;
    use crate::VirtualRuntime;

    #[test]
    fn it_is_polled_as_often_as_it_is_said() {
        let rt = VirtualRuntime::new(1);
        for polls in 0..=4 {
            for cut in Cut::after(polls) {
                let mut polled = 0;
                let three_steps = async {
                    for _ in 0..3 {
                        polled += 1;
                        rt.sleep_until(rt.now() + std::time::Duration::from_secs(1))
                            .await;
                    }
                    polled += 1;
                };
                let from = rt.elapsed();
                let done = rt.block_on(dropped_at(cut, three_steps));
                assert_eq!((polled, done.is_some()), (polls, polls == 4), "{cut:?}");
                let slept = polls.saturating_sub(usize::from(!cut.woken)).min(3) as u64;
                assert_eq!((rt.elapsed() - from).as_secs(), slept, "{cut:?}");
            }
        }
    }
}
