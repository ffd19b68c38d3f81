//! Holding back: what a talker does while a reader is behind.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::mailbox::{Hold, Mailbox, wake_all};
use crate::rt::deadline_after;

/// For whose sake a talker holds back, and until when.
#[derive(Debug)]
pub(crate) struct HoldBack {
    talker: Arc<Mailbox>,
    mailboxes: Vec<(Arc<Mailbox>, Hold)>,
    patience: Duration,
    /// When it is looked at again.
    until: Instant,
    /// When it ends, however well the readers read.
    at_most: Instant,
}

/// How many times its patience a talker is held back for a reader that has read something in as long a
/// time. A slow line then has that long to get through half a mailbox, and a reader that means ill can cost
/// a talker no more. Systems tell of free room in a socket buffer in steps that last several patiences.
const PATIENCES: u32 = 10;

impl HoldBack {
    /// Holds `talker` back for the sake of `behind`, as far as these are still behind. `None` if none is.
    pub(crate) fn new(
        talker: &Arc<Mailbox>,
        behind: impl IntoIterator<Item = Arc<Mailbox>>,
        patience: Duration,
        now: Instant,
    ) -> Option<Self> {
        let until = deadline_after(now, patience);
        let mut mailboxes = Vec::new();
        for mailbox in behind {
            if until <= now {
                wake_all(mailbox.lose_patience());
            } else if let Some(hold) = mailbox.hold_back(talker) {
                mailboxes.push((mailbox, hold));
            }
        }
        (!mailboxes.is_empty()).then(|| Self {
            talker: talker.clone(),
            mailboxes,
            patience,
            until,
            at_most: deadline_after(now, patience.saturating_mul(PATIENCES)),
        })
    }

    /// When to call [`tick`](Self::tick).
    pub(crate) fn until(&self) -> Instant {
        self.until
    }

    /// Whether all readers have caught up.
    pub(crate) fn is_over(&self) -> bool {
        let holds = |(mailbox, hold): &(Arc<Mailbox>, Hold)| mailbox.holds(*hold);
        !self.mailboxes.iter().any(holds)
    }

    /// Looks at who is still behind when patience is over. It goes on for readers that have read something
    /// recently, but not for ever. `false` if the talker may go on.
    pub(crate) fn tick(&mut self, now: Instant) -> bool {
        if self.until > now {
            return true;
        }
        let recently = now.checked_sub(self.patience.saturating_mul(PATIENCES));
        let recently = recently.unwrap_or(now);
        let over = self.at_most <= now;
        self.mailboxes.retain_mut(|(mailbox, hold)| {
            if !mailbox.holds(*hold) {
                return false;
            }
            let goes_on = !over && mailbox.is_read(recently, hold);
            if !goes_on {
                wake_all(mailbox.lose_patience());
            }
            goes_on
        });
        self.until = deadline_after(now, self.patience);
        !self.mailboxes.is_empty()
    }
}

impl Drop for HoldBack {
    fn drop(&mut self) {
        for (mailbox, hold) in &self.mailboxes {
            if mailbox.holds(*hold) {
                mailbox.forget(&self.talker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::SlowReader,
        hub::{
            Reader,
            mailbox::{Item, Manner},
        },
        model::Event,
    };

    /// Otherwise those who come and go while somebody is behind would be kept in memory until that one reads.
    #[test]
    fn a_talker_that_gives_up_is_forgotten() {
        let mailbox = || {
            Arc::new(Mailbox::new(
                1024,
                Reader::Connection,
                SlowReader::Disconnect,
            ))
        };
        let (talker, behind) = (mailbox(), mailbox());
        let event = Event::direct(None, "x".repeat(1000));
        let _ = behind.push(Item::Own(event), Manner::Patient);
        #[expect(clippy::disallowed_methods, reason = "any time will do")]
        let now = Instant::now();
        for _ in 0..3 {
            let hold = HoldBack::new(&talker, [behind.clone()], Duration::from_secs(1), now);
            assert!(hold.is_some());
            assert_eq!(Arc::strong_count(&talker), 3);
            drop(hold);
            assert_eq!(Arc::strong_count(&talker), 1);
        }
    }
}
