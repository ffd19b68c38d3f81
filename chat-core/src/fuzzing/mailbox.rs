//! A mailbox beside a simple one, which does what the protocol says.

use std::{
    collections::VecDeque,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::task::noop_waker_ref;

use super::{Choices, epoch};
use crate::{
    config::SlowReader,
    hub::{
        CloseReason, Item, Mailbox, Sleeper,
        mailbox::{Hold, Manner, Pushed, Reader},
    },
    model::{Event, Outbound},
};

const LIMIT: usize = 1024;
const TALKERS: usize = 3;

/// What is in a mailbox, and who sleeps or waits for it.
#[derive(Debug)]
struct Model {
    of: Reader,
    policy: SlowReader,
    /// What was pushed together is taken together.
    queue: VecDeque<Vec<Entry>>,
    /// Dropped, and not announced.
    missed: u64,
    refused: bool,
    impatient: bool,
    closed: Option<CloseReason>,
    last_word: Option<u32>,
    /// Whether the sleeper wants events.
    sleeps: Option<bool>,
    /// Which talkers wait.
    waiting: Vec<usize>,
    last_read: Option<Instant>,
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
    fn heard(self) -> Self {
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

    /// For how many events it stands.
    fn events(self) -> u64 {
        match self {
            Self::Message { .. } => 1,
            Self::Missed { count, .. } => count,
        }
    }
}

fn cost(entries: &[Entry]) -> usize {
    entries.iter().map(|entry| entry.cost()).sum()
}

impl Model {
    fn bytes(&self) -> usize {
        self.queue.iter().map(|entries| cost(entries)).sum()
    }

    fn waits(&self) -> bool {
        !self.queue.is_empty() || self.missed > 0
    }

    fn is_above(&self) -> bool {
        self.bytes() > LIMIT / 2 || self.refused
    }

    fn is_behind(&self) -> bool {
        self.is_above() && !self.impatient && self.closed.is_none()
    }

    fn has_room(&self, cost: usize, manner: Manner) -> bool {
        let bytes = self.bytes();
        self.queue.is_empty()
            || match manner {
                Manner::Patient if !self.impatient => bytes + cost <= LIMIT * 3 / 4,
                Manner::Urgent if !self.impatient => bytes < 4 * LIMIT,
                _ => bytes + cost <= LIMIT,
            }
    }

    /// Several for which there is no room together, or that a program reads, are pushed one by one.
    fn push(&mut self, entries: Vec<Entry>, manner: Manner, is_shared: bool) -> Outcome {
        let together = self.of == Reader::Connection && self.has_room(cost(&entries), manner)
            || entries.len() == 1
            || self.closed.is_some();
        if together {
            return self.push_one(entries, manner, is_shared);
        }
        let slept = self.sleeps;
        let last = entries
            .into_iter()
            .map(|entry| self.push_one(vec![entry], manner, is_shared))
            .last();
        let wakes = slept.is_some() && self.sleeps.is_none();
        match last {
            Some(Outcome::Queued { is_above, .. }) => Outcome::Queued { is_above, wakes },
            Some(Outcome::Overflow { .. }) => Outcome::Overflow { wakes },
            // Whoever pushes has somebody to wake all the same.
            Some(Outcome::NoRoom | Outcome::Closed) if wakes => Outcome::Overflow { wakes },
            Some(none) => none,
            None => Outcome::Closed,
        }
    }

    fn push_one(&mut self, entries: Vec<Entry>, manner: Manner, is_shared: bool) -> Outcome {
        if self.closed.is_some() {
            // What one sends to somebody who was cut is refused, but nothing that several are told.
            let is_refused = manner == Manner::Patient && !is_shared;
            if !is_refused && self.closed == Some(CloseReason::Overflow) && self.missed > 0 {
                self.missed += entries.len() as u64;
            }
            return Outcome::Closed;
        }
        let cost = cost(&entries);
        if !self.has_room(cost, manner) {
            if manner == Manner::Patient && !self.impatient {
                self.refused = true;
                return Outcome::NoRoom;
            }
            match self.policy {
                SlowReader::DropOldest => {
                    let mut kept: VecDeque<_> = self.queue.drain(..).collect();
                    while self::bytes(&kept) + cost > LIMIT
                        && let Some(mut first) = kept.pop_front()
                    {
                        self.missed += first.remove(0).events();
                        for entry in first.into_iter().rev() {
                            kept.push_front(vec![entry]);
                        }
                    }
                    self.queue = kept;
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
        self.queue.push_back(entries);
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
            let count = mem::take(&mut self.missed);
            let cost = Item::Own(Event::Missed { count }).cost();
            self.queue.push_back(vec![Entry::Missed { count, cost }]);
        }
    }

    /// What is taken, who may go on, and what that was worth.
    fn take(&mut self, budget: usize) -> (Vec<Entry>, Vec<usize>, usize) {
        let mut taken = Vec::new();
        if self.policy == SlowReader::DropOldest && self.missed > 0 {
            let count = mem::take(&mut self.missed);
            taken.push(Entry::Missed { count, cost: 0 });
        }
        let mut worth = 0;
        while worth < budget {
            if self.queue.is_empty() {
                self.announce();
            }
            let Some(entries) = self.queue.pop_front() else {
                break;
            };
            worth += cost(&entries);
            taken.extend(entries.into_iter().map(Entry::heard));
        }
        self.refused &= worth == 0;
        if self.is_above() {
            return (taken, Vec::new(), worth);
        }
        self.impatient = false;
        (taken, mem::take(&mut self.waiting), worth)
    }

    fn close(&mut self, reason: CloseReason) -> bool {
        if self.closed.is_none() || reason == CloseReason::Abort {
            self.closed = Some(reason);
        }
        self.sleeps.take().is_some()
    }
}

fn bytes(queue: &VecDeque<Vec<Entry>>) -> usize {
    queue.iter().map(|entries| cost(entries)).sum()
}

/// Whatever is pushed, taken, waited for and closed, it is as the simple one has it.
pub fn mailbox(data: &[u8]) {
    let mut choices = Choices(data);
    let policy = choices.one([
        SlowReader::Disconnect,
        SlowReader::DropOldest,
        SlowReader::DropNewest,
    ]);
    let of = choices.one([Reader::Connection, Reader::Connection, Reader::Program]);
    let real = Arc::new(Mailbox::new(LIMIT, of, policy));
    let talkers = [(); TALKERS].map(|()| Arc::new(Mailbox::new(LIMIT, of, policy)));
    let who = |released: Vec<Arc<Mailbox>>| -> Vec<_> {
        let is = |one: &Arc<Mailbox>| talkers.iter().position(|talker| Arc::ptr_eq(talker, one));
        released
            .iter()
            .map(|one| is(one).expect("a talker"))
            .collect()
    };
    let mut model = Model {
        of,
        policy,
        queue: VecDeque::new(),
        missed: 0,
        refused: false,
        impatient: false,
        closed: None,
        last_word: None,
        sleeps: None,
        waiting: Vec::new(),
        last_read: None,
    };
    // Who holds back, what has been taken since that was looked at, and whether it is still so.
    let mut holds: Vec<(usize, Hold, bool)> = Vec::new();
    let start = epoch();
    let mut now = start;
    let (mut number, mut largest) = (0, 0);
    while !choices.is_empty() {
        match choices.byte() % 20 {
            0..6 => {
                let manner = choices.one([Manner::Patient, Manner::Urgent, Manner::Program]);
                let several = choices.byte();
                let count = if several.is_multiple_of(4) {
                    several % 3 + 1
                } else {
                    1
                };
                let events: Vec<_> = (0..count)
                    .map(|_| {
                        number += 1;
                        direct(number, usize::from(choices.byte()) * 8)
                    })
                    .collect();
                let entries: Vec<_> = events.iter().map(entry).collect();
                largest = largest.max(cost(&entries));
                let item = match <[Event; 1]>::try_from(events) {
                    Ok([event]) if several & 0x40 == 0 => Item::Own(event),
                    Ok([event]) => Item::Shared(Arc::new(Outbound::new(event))),
                    Err(events) => Item::Shared(Arc::new(Outbound::burst(events))),
                };
                let is_shared = !matches!(item, Item::Own(_));
                let due = model.push(entries, manner, is_shared);
                assert_eq!(outcome(&real.push(item, manner)), due);
            }
            6..9 => {
                let budget = usize::from(choices.byte()) * 16;
                let mut items = Vec::new();
                let released = who(real.take(budget, &mut items));
                let (due, may_go_on, worth) = model.take(budget);
                assert_eq!((entries(&items), &released), (due, &may_go_on));
                for (_, _, has_taken) in &mut holds {
                    *has_taken |= worth > 0;
                }
                is_let_go(&real, &mut holds, &released);
            }
            9 => {
                let is_due =
                    model.queue.len() == 1 && model.missed == 0 && model.waiting.is_empty();
                let item = real.take_only();
                assert_eq!(item.is_some(), is_due);
                if let Some(item) = item {
                    let (due, ..) = model.take(usize::MAX);
                    assert_eq!(entries(&[item]), due);
                    for (_, _, has_taken) in &mut holds {
                        *has_taken = true;
                    }
                }
            }
            10 => {
                let wants = choices.flag();
                let seen = match choices.byte() % 4 {
                    0 => Some(CloseReason::Kicked),
                    _ => model.closed,
                };
                let may_sleep = seen == model.closed && !(wants && model.waits());
                let asleep = real.sleep(Sleeper::new(noop_waker_ref()), wants, seen);
                assert_eq!(asleep.is_ok(), may_sleep);
                if may_sleep {
                    model.sleeps = Some(wants);
                }
            }
            11 => {
                let awake = real.awake();
                assert_eq!(awake.sleeper.is_some(), model.sleeps.take().is_some());
                assert_eq!(awake.closed, model.closed);
                assert_eq!(awake.waits, model.waits());
            }
            12 | 13 => {
                let talker = usize::from(choices.byte()) % TALKERS;
                let hold = real.hold_back(&talkers[talker]);
                assert_eq!(hold.is_some(), model.is_behind());
                if let Some(hold) = hold {
                    model.waiting.push(talker);
                    holds.push((talker, hold, false));
                }
            }
            14 => {
                let talker = usize::from(choices.byte()) % TALKERS;
                real.forget(&talkers[talker]);
                model.waiting.retain(|&waiting| waiting != talker);
                holds.retain(|&(holding, ..)| holding != talker);
            }
            15 => {
                model.impatient = model.is_above();
                let released = who(real.lose_patience());
                assert_eq!(released, mem::take(&mut model.waiting));
                is_let_go(&real, &mut holds, &released);
            }
            16 => {
                let since = start + Duration::from_secs(u64::from(choices.byte()));
                let is_slow = model.sleeps == Some(false)
                    && model.last_read.is_none_or(|last_read| last_read < since);
                for (_, hold, has_taken) in &mut holds {
                    let due = match of {
                        Reader::Connection => !is_slow,
                        Reader::Program => mem::take(has_taken),
                    };
                    assert_eq!(real.is_read(since, hold), due);
                }
            }
            17 => {
                now += Duration::from_secs(u64::from(choices.byte()));
                real.read_at(now);
                model.last_read = Some(now);
            }
            18 => assert_eq!(real.wake().is_some(), model.sleeps.take().is_some()),
            _ => match choices.byte() % 16 {
                0 => {
                    let reason = choices.one([
                        CloseReason::Shutdown,
                        CloseReason::Abort,
                        CloseReason::Replaced,
                    ]);
                    assert_eq!(real.close(reason).is_some(), model.close(reason));
                }
                1 => {
                    number += 1;
                    let is_open = model.closed.is_none();
                    model.last_word = model.last_word.or(is_open.then_some(number));
                    let woken = real.kick(direct(number, 0));
                    assert_eq!(woken.is_some(), model.close(CloseReason::Kicked));
                }
                2 => {
                    let said = real.last_word().map(|event| entry(&event));
                    let due = model.last_word.take();
                    assert_eq!(said, due.map(|number| entry(&direct(number, 0))));
                }
                3 => {
                    model.closed.get_or_insert(CloseReason::Ended);
                    let left = model.queue.drain(..).flatten();
                    let due = left.map(Entry::events).sum::<u64>() + mem::take(&mut model.missed);
                    let (events, released) = real.clear();
                    let released = who(released);
                    assert_eq!((events, &released), (due, &mem::take(&mut model.waiting)));
                    is_let_go(&real, &mut holds, &released);
                }
                _ => {}
            },
        }
        assert_eq!(real.bytes(), model.bytes());
        assert_eq!(real.is_behind(), model.is_behind());
        assert_eq!(real.is_closed(), model.closed.is_some());
        let runs = of == Reader::Connection && model.sleeps.is_none();
        let is_late = model.bytes() > LIMIT * 3 / 4 && !model.impatient && model.closed.is_none();
        assert_eq!(real.is_about_to_be_read(), runs && is_late);
        for &(talker, hold, _) in &holds {
            let due = model.waiting.contains(&talker) && model.closed.is_none();
            assert_eq!(real.holds(hold), due);
        }
        // What nobody can be held back for, and what was pushed then, and how much was missed before.
        assert!(real.bytes() < 4 * LIMIT + largest + Item::Own(Event::Missed { count: 1 }).cost());
    }
    let (_, released) = real.clear();
    drop(released);
    for talker in &talkers {
        assert_eq!(Arc::strong_count(talker), 1);
    }
}

/// Those who were let go do not hold back any more.
fn is_let_go(real: &Mailbox, holds: &mut Vec<(usize, Hold, bool)>, released: &[usize]) {
    holds.retain(|(talker, hold, _)| {
        let is_let_go = released.contains(talker);
        assert!(!is_let_go || !real.holds(*hold));
        !is_let_go
    });
}

fn direct(number: u32, length: usize) -> Event {
    let text = format!("{number} {}", "x".repeat(length));
    Event::direct(None, text)
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
    items.iter().flat_map(Item::events).map(entry).collect()
}

fn entry(event: &Event) -> Entry {
    match event {
        Event::Direct { text, .. } => Entry::Message {
            number: text
                .split(' ')
                .next()
                .and_then(|number| number.parse().ok())
                .expect("a number"),
            cost: event.cost(),
        },
        Event::Missed { count } => Entry::Missed {
            count: *count,
            cost: 0,
        },
        _ => panic!("{event:?}"),
    }
}
