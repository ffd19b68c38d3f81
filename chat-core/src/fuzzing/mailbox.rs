//! A mailbox beside a simple one, which does what the protocol says.

use std::{collections::VecDeque, sync::Arc};

use futures::task::noop_waker_ref;

use super::Choices;
use crate::{
    config::SlowReader,
    hub::{
        CloseReason, Item, Mailbox, Sleeper,
        mailbox::{Manner, Pushed, Reader},
    },
    model::Event,
};

const LIMIT: usize = 1024;

/// What is in a mailbox, and who sleeps or waits for it.
#[derive(Debug)]
struct Model {
    policy: SlowReader,
    /// What each message costs, by its number.
    queue: VecDeque<Entry>,
    /// Dropped, and not announced.
    missed: u64,
    refused: bool,
    impatient: bool,
    closed: Option<CloseReason>,
    /// Whether the sleeper wants events.
    sleeps: Option<bool>,
    waiting: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Message { number: u32, cost: usize },
    Missed { count: u64, cost: usize },
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Queued { is_above: bool, wakes: bool },
    NoRoom,
    Overflow { wakes: bool },
    Closed,
}

impl Entry {
    /// As it is heard: what was missed costs nothing any more.
    fn free(self) -> Self {
        match self {
            Self::Missed { count, .. } => Self::Missed { count, cost: 0 },
            message => message,
        }
    }

    fn cost(self) -> usize {
        match self {
            Self::Message { cost, .. } | Self::Missed { cost, .. } => cost,
        }
    }
}

impl Model {
    fn bytes(&self) -> usize {
        self.queue.iter().map(|entry| entry.cost()).sum()
    }

    fn is_above(&self) -> bool {
        self.bytes() > LIMIT / 2 || self.refused
    }

    fn is_behind(&self) -> bool {
        self.is_above() && !self.impatient && self.closed.is_none()
    }

    fn push(&mut self, number: u32, cost: usize, manner: Manner) -> Outcome {
        if self.closed.is_some() {
            return Outcome::Closed;
        }
        let bytes = self.bytes();
        let has_room = match manner {
            Manner::Patient if !self.impatient => bytes + cost <= LIMIT * 3 / 4,
            Manner::Urgent if !self.impatient => bytes < 4 * LIMIT,
            _ => bytes + cost <= LIMIT,
        };
        if !has_room && !self.queue.is_empty() {
            if manner == Manner::Patient && !self.impatient {
                self.refused = true;
                return Outcome::NoRoom;
            }
            match self.policy {
                SlowReader::DropOldest => {
                    while self.bytes() + cost > LIMIT && self.queue.pop_front().is_some() {
                        self.missed += 1;
                    }
                }
                SlowReader::DropNewest => {
                    self.missed += 1;
                    return Outcome::Queued {
                        is_above: false,
                        wakes: false,
                    };
                }
                SlowReader::Disconnect => {
                    self.missed += 1;
                    let wakes = self.close(CloseReason::Overflow);
                    return Outcome::Overflow { wakes };
                }
            }
        }
        self.announce();
        self.queue.push_back(Entry::Message { number, cost });
        let wakes = self.sleeps == Some(true);
        if wakes {
            self.sleeps = None;
        }
        Outcome::Queued {
            is_above: self.is_above() && !self.impatient,
            wakes,
        }
    }

    /// Those that were dropped behind the others are told of there.
    fn announce(&mut self) {
        if self.policy == SlowReader::DropNewest && self.missed > 0 {
            let count = std::mem::take(&mut self.missed);
            let cost = missed(count).cost();
            self.queue.push_back(Entry::Missed { count, cost });
        }
    }

    fn take(&mut self, budget: usize) -> (Vec<Entry>, usize) {
        let mut taken = Vec::new();
        if self.policy == SlowReader::DropOldest && self.missed > 0 {
            let count = std::mem::take(&mut self.missed);
            taken.push(Entry::Missed { count, cost: 0 });
        }
        let mut cost = 0;
        while cost < budget {
            if self.queue.is_empty() {
                self.announce();
            }
            let Some(entry) = self.queue.pop_front() else {
                break;
            };
            cost += entry.cost();
            taken.push(entry.free());
        }
        self.refused &= cost == 0;
        if self.is_above() {
            return (taken, 0);
        }
        self.impatient = false;
        (taken, std::mem::take(&mut self.waiting))
    }

    fn close(&mut self, reason: CloseReason) -> bool {
        if self.closed.is_none() || reason == CloseReason::Abort {
            self.closed = Some(reason);
        }
        self.sleeps.take().is_some()
    }
}

fn missed(count: u64) -> Item {
    Item::Own(Event::Missed { count })
}

/// Whatever is pushed, taken, waited for and closed, it is as the simple one has it.
pub fn mailbox(data: &[u8]) {
    let mut choices = Choices(data);
    let policies = [
        SlowReader::Disconnect,
        SlowReader::DropOldest,
        SlowReader::DropNewest,
    ];
    let policy = policies[usize::from(choices.byte() % 3)];
    let real = Arc::new(Mailbox::new(LIMIT, Reader::Connection, policy));
    let talker = Arc::new(Mailbox::new(LIMIT, Reader::Connection, policy));
    let mut model = Model {
        policy,
        queue: VecDeque::new(),
        missed: 0,
        refused: false,
        impatient: false,
        closed: None,
        sleeps: None,
        waiting: 0,
    };
    let mut number = 0;
    while !choices.is_empty() {
        match choices.byte() % 16 {
            0..6 => {
                let manner = [Manner::Patient, Manner::Urgent, Manner::Program]
                    [usize::from(choices.byte() % 3)];
                let length = usize::from(choices.byte()) * 8;
                let text = format!("{number} {}", "x".repeat(length)).into();
                let item = Item::Own(Event::Direct { from: None, text });
                let due = model.push(number, item.cost(), manner);
                assert_eq!(outcome(&real.push(item, manner)), due);
                number += 1;
            }
            6..9 => {
                let budget = usize::from(choices.byte()) * 16;
                let mut items = Vec::new();
                let released = real.take(budget, &mut items);
                let due = model.take(budget);
                assert_eq!((entries(&items), released.len()), due);
            }
            9 => {
                let is_due = model.queue.len() == 1 && model.missed == 0 && model.waiting == 0;
                let item = real.take_only();
                assert_eq!(item.is_some(), is_due);
                if let Some(item) = item {
                    let (due, _) = model.take(usize::MAX);
                    model.refused = false;
                    model.impatient = false;
                    assert_eq!(entries(&[item]), due);
                }
            }
            10 => {
                let wants = choices.flag();
                let waits = !model.queue.is_empty() || model.missed > 0;
                let may_sleep = !(wants && waits);
                let asleep = real.sleep(Sleeper::new(noop_waker_ref()), wants, model.closed);
                assert_eq!(asleep.is_ok(), may_sleep);
                if may_sleep {
                    model.sleeps = Some(wants);
                }
            }
            11 => {
                let awake = real.awake();
                assert_eq!(awake.sleeper.is_some(), model.sleeps.take().is_some());
                assert_eq!(awake.closed, model.closed);
                assert_eq!(awake.waits, !model.queue.is_empty() || model.missed > 0);
            }
            12 => {
                let hold = real.hold_back(&talker);
                assert_eq!(hold.is_some(), model.is_behind());
                model.waiting += usize::from(model.is_behind());
                assert!(hold.is_none_or(|hold| real.holds(hold)));
            }
            13 => {
                model.impatient = model.is_above();
                let due = std::mem::take(&mut model.waiting);
                assert_eq!(real.lose_patience().len(), due);
            }
            14 => {
                let reasons = [
                    CloseReason::Shutdown,
                    CloseReason::Abort,
                    CloseReason::Kicked,
                ];
                let reason = reasons[usize::from(choices.byte() % 3)];
                assert_eq!(real.close(reason).is_some(), model.close(reason));
            }
            _ if choices.byte().is_multiple_of(8) => {
                model.closed.get_or_insert(CloseReason::Ended);
                let count = |entry: &Entry| match entry {
                    Entry::Message { .. } => 1,
                    Entry::Missed { count, .. } => *count,
                };
                let due = model
                    .queue
                    .drain(..)
                    .map(|entry| count(&entry))
                    .sum::<u64>();
                let due = due + std::mem::take(&mut model.missed);
                let (events, released) = real.clear();
                let waiting = std::mem::take(&mut model.waiting);
                assert_eq!((events, released.len()), (due, waiting));
            }
            _ => {}
        }
        assert_eq!(real.bytes(), model.bytes());
        assert_eq!(real.is_behind(), model.is_behind());
        assert_eq!(real.is_closed(), model.closed.is_some());
        // What nobody can be held back for, and one more message.
        assert!(real.bytes() <= 4 * LIMIT + 4096);
    }
}

fn outcome(pushed: &Pushed) -> Outcome {
    match pushed {
        Pushed::Queued(reader) => Outcome::Queued {
            is_above: false,
            wakes: reader.is_some(),
        },
        Pushed::Above(reader) => Outcome::Queued {
            is_above: true,
            wakes: reader.is_some(),
        },
        Pushed::NoRoom => Outcome::NoRoom,
        Pushed::Overflow(reader) => Outcome::Overflow {
            wakes: reader.is_some(),
        },
        Pushed::Closed => Outcome::Closed,
    }
}

fn entries(items: &[Item]) -> Vec<Entry> {
    let events = items.iter().flat_map(Item::events);
    events
        .map(|event| match event {
            Event::Direct { text, .. } => Entry::Message {
                number: text
                    .split(' ')
                    .next()
                    .and_then(|n| n.parse().ok())
                    .unwrap_or(u32::MAX),
                cost: event.cost(),
            },
            Event::Missed { count } => Entry::Missed {
                count: *count,
                cost: 0,
            },
            _ => panic!("{event:?}"),
        })
        .collect()
}
