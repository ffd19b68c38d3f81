//! What was said and where, and what a witness has heard of it.

use std::collections::{HashMap, HashSet};

/// Who said something: the number in its name, which no two ever share.
pub(super) type Sender = u32;

/// Where something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// In the room of that number.
    Room(u32),
    /// To the witness of that number alone.
    Witness(u32),
}

/// All that was said since the last reckoning.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    said: HashMap<(Sender, Place), u32>,
    /// Those whose every word must have arrived: the server has answered something that they asked after it.
    sure: HashSet<Sender>,
}

/// What one witness has heard since the last reckoning.
#[derive(Debug)]
pub(super) struct Ear {
    room: Place,
    own: Place,
    heard: HashMap<(Sender, Place), u32>,
    /// How many messages of the room, and a hash of them in their order.
    count: u64,
    order: u64,
}

impl Ledger {
    /// The number of the next message of that sender there, counted from 0.
    pub(super) fn say(&mut self, sender: Sender, place: Place) -> u32 {
        let said = self.said.entry((sender, place)).or_default();
        *said += 1;
        *said - 1
    }

    /// How much of what the sender has said there `ear` has not heard yet.
    pub(super) fn unheard(&self, sender: Sender, place: Place, ear: &Ear) -> u32 {
        let by = (sender, place);
        let said = self.said.get(&by).copied().unwrap_or_default();
        said - ear.heard.get(&by).copied().unwrap_or_default().min(said)
    }

    /// From now on nothing that this sender has said may be missing.
    pub(super) fn is_sure(&mut self, sender: Sender) {
        self.sure.insert(sender);
    }

    /// Compares what was said with what was heard, when nothing is under way, and begins anew. Returns how many
    /// messages were heard.
    pub(super) fn reckon(&mut self, ears: &mut [Ear]) -> Result<u64, String> {
        let mut rooms = HashMap::new();
        let mut total = 0;
        for ear in &mut *ears {
            let same = *rooms.entry(ear.room).or_insert((ear.count, ear.order));
            if same != (ear.count, ear.order) {
                return Err(format!(
                    "{:?} and another witness of {:?} have not heard the same in one order",
                    ear.own, ear.room
                ));
            }
            for (&(sender, place), &said) in &self.said {
                if place != ear.room && place != ear.own {
                    continue;
                }
                let heard = ear.heard.get(&(sender, place)).copied().unwrap_or(0);
                if heard > said || (heard < said && self.sure.contains(&sender)) {
                    return Err(format!(
                        "{:?} has heard {heard} of {said} messages of sender {sender} in {place:?}",
                        ear.own
                    ));
                }
                total += u64::from(heard);
            }
        }
        *self = Self::default();
        for ear in ears {
            *ear = Ear::new(ear.room, ear.own);
        }
        Ok(total)
    }
}

impl Ear {
    /// Of a witness that is in `room`, and whom one speaks to as `own`.
    pub(super) fn new(room: Place, own: Place) -> Self {
        Self {
            room,
            own,
            heard: HashMap::new(),
            count: 0,
            order: 0,
        }
    }

    /// It hears message `number` of `sender`. It must be the next one.
    pub(super) fn hear(&mut self, sender: Sender, place: Place, number: u32) -> Result<(), String> {
        if place != self.room && place != self.own {
            return Err(format!("what is said in {place:?} is not for it"));
        }
        let next = self.heard.entry((sender, place)).or_default();
        if *next != number {
            return Err(format!(
                "message {next} of sender {sender} in {place:?} was due, and {number} came"
            ));
        }
        *next += 1;
        if place == self.room {
            self.count += 1;
            let both = u64::from(sender) << 32 | u64::from(number);
            self.order = (self.order.rotate_left(7) ^ both).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Place = Place::Room(1);

    fn ears() -> [Ear; 2] {
        [0, 1].map(|number| Ear::new(ROOM, Place::Witness(number)))
    }

    fn said(count: u32) -> Ledger {
        let mut ledger = Ledger::default();
        (0..count).for_each(|number| assert_eq!(ledger.say(7, ROOM), number));
        ledger
    }

    #[test]
    fn what_all_hear_is_right() {
        let (mut ledger, mut ears) = (said(2), ears());
        ledger.is_sure(7);
        ledger.say(7, Place::Witness(0));
        for ear in &mut ears {
            ear.hear(7, ROOM, 0).unwrap();
            ear.hear(7, ROOM, 1).unwrap();
        }
        ears[0].hear(7, Place::Witness(0), 0).unwrap();
        assert_eq!(ledger.reckon(&mut ears), Ok(5));
        assert_eq!(ledger.reckon(&mut ears), Ok(0), "it begins anew");
    }

    #[test]
    fn the_last_words_of_who_is_sure_may_not_be_missing() {
        let hears_one = || {
            let mut ears = ears();
            ears.iter_mut()
                .for_each(|ear| ear.hear(7, ROOM, 0).unwrap());
            ears
        };
        let mut ledger = said(2);
        ledger.is_sure(7);
        ledger.reckon(&mut hears_one()).unwrap_err();
        said(2).reckon(&mut hears_one()).unwrap();
        said(2).reckon(&mut ears()).unwrap();
    }

    #[test]
    fn a_gap_a_double_and_what_is_for_others_are_found() {
        let [mut ear, _] = ears();
        ear.hear(7, ROOM, 1).unwrap_err();
        ear.hear(7, ROOM, 0).unwrap();
        ear.hear(7, ROOM, 0).unwrap_err();
        ear.hear(7, ROOM, 2).unwrap_err();
        ear.hear(7, Place::Room(2), 0).unwrap_err();
        ear.hear(7, Place::Witness(1), 0).unwrap_err();
    }

    #[test]
    fn one_order_is_one_order() {
        let mut ledger = said(1);
        ledger.say(8, ROOM);
        let mut ears = ears();
        ears[0].hear(7, ROOM, 0).unwrap();
        ears[0].hear(8, ROOM, 0).unwrap();
        ears[1].hear(8, ROOM, 0).unwrap();
        ears[1].hear(7, ROOM, 0).unwrap();
        ledger.reckon(&mut ears).unwrap_err();
    }
}
