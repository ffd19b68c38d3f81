//! What all who were told something have in common.

use std::collections::BTreeMap;

use super::{
    book::{Book, Id, To},
    witness::{Entry, Witness, Wrong},
};

/// Checks that everybody has heard what was said in one order, each sender's messages in theirs, and nothing with
/// a gap that they were not told of.
pub(super) fn check(witnesses: &[Witness], book: &Book) -> Result<(), Wrong> {
    let mut rooms: BTreeMap<&str, Vec<(usize, &[Entry])>> = BTreeMap::new();
    for witness in witnesses {
        let heard = witness.rooms.values().chain(witness.directs.values());
        if let Some(id) = heard
            .flat_map(|heard| ids(heard))
            .find(|id| book.messages[*id as usize].refused == Some(true))
        {
            return Err(format!("{} heard m{id}, which was refused", witness.who));
        }
        for (room, heard) in &witness.rooms {
            rooms.entry(room).or_default().push((witness.who, heard));
        }
        for heard in witness.directs.values() {
            senders_in_order(witness.who, heard, book)?;
        }
        directs_without_gaps(witness, book)?;
    }
    for (room, heard) in &rooms {
        for (who, heard) in heard {
            senders_in_order(*who, heard, book)?;
        }
        in_one_order(heard).map_err(|wrong| format!("in {room} {wrong}"))?;
        // What the other devices of a user do in a room is not told.
        let alone = heard.iter().filter(|(who, _)| !book.shared.contains(who));
        without_gaps(&alone.copied().collect::<Vec<_>>(), book)
            .map_err(|wrong| format!("in {room} {wrong}"))?;
    }
    Ok(())
}

fn ids(heard: &[Entry]) -> impl Iterator<Item = Id> {
    heard.iter().filter_map(|entry| match entry {
        Entry::Message(id) => Some(*id),
        Entry::Done(_) | Entry::Gap => None,
    })
}

/// Messages that follow each other with nothing missing between, and what else happened between them.
fn neighbours(heard: &[Entry]) -> impl Iterator<Item = (Id, &[Entry], Id)> {
    let mut last = None;
    heard.iter().enumerate().filter_map(move |(at, entry)| {
        let (before, one) = match entry {
            Entry::Message(id) => last.replace((at, *id))?,
            Entry::Done(_) => return None,
            Entry::Gap => {
                last = None;
                return None;
            }
        };
        let (_, two) = last?;
        Some((one, &heard[before + 1..at], two))
    })
}

/// What happened beside what was said.
fn words<'a>(happenings: &'a [Entry], book: &'a Book) -> Vec<Option<&'a str>> {
    let words = happenings.iter().map(|entry| match entry {
        Entry::Done(happening) => book.words(*happening),
        Entry::Message(_) | Entry::Gap => None,
    });
    words.collect()
}

/// The numbers grow with time, and so for each sender.
fn senders_in_order(who: usize, heard: &[Entry], book: &Book) -> Result<(), Wrong> {
    let mut last = BTreeMap::new();
    for id in ids(heard) {
        let by = book.messages[id as usize].by;
        if let Some(before) = last.insert(by, id)
            && before > id
        {
            return Err(format!("{who} heard m{id} of {by:?} after m{before}"));
        }
    }
    Ok(())
}

/// There is an order that fits what each of them has heard.
fn in_one_order(heard: &[(usize, &[Entry])]) -> Result<(), Wrong> {
    let mut before: BTreeMap<Id, usize> = BTreeMap::new();
    let mut after: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
    for (_, heard) in heard {
        let mut last = None;
        for id in ids(heard) {
            before.entry(id).or_default();
            if let Some(last) = last.replace(id) {
                after.entry(last).or_default().push(id);
                *before.entry(id).or_default() += 1;
            }
        }
    }
    let free = before.iter().filter(|&(_, &count)| count == 0);
    let mut free: Vec<_> = free.map(|(id, _)| *id).collect();
    while let Some(id) = free.pop() {
        before.remove(&id);
        for next in after.remove(&id).unwrap_or_default() {
            if let Some(count) = before.get_mut(&next) {
                *count -= 1;
                if *count == 0 {
                    free.push(next);
                }
            }
        }
    }
    match before.keys().next() {
        None => Ok(()),
        Some(id) => Err(format!(
            "there is no one order for {} messages around m{id}",
            before.len()
        )),
    }
}

/// What one has heard right behind each other, nobody has heard something between; and what else happens there, all
/// are told of in one order.
fn without_gaps(heard: &[(usize, &[Entry])], book: &Book) -> Result<(), Wrong> {
    let mut next: BTreeMap<Id, (Id, usize, &[Entry])> = BTreeMap::new();
    for (who, heard) in heard {
        for (one, between, two) in neighbours(heard) {
            let (other, other_who, there) = *next.entry(one).or_insert((two, *who, between));
            if other != two {
                return Err(format!(
                    "{who} heard m{one} and then m{two}, but {other_who} m{one} and then m{other}"
                ));
            }
            if there != between {
                return Err(format!(
                    "between m{one} and m{two} {who} heard {:?}, but {other_who} {:?}",
                    words(between, book),
                    words(there, book)
                ));
            }
        }
    }
    for (who, heard) in heard {
        let place: BTreeMap<_, _> = ids(heard).enumerate().map(|(at, id)| (id, at)).collect();
        for (one, at) in &place {
            if let Some((two, other_who, _)) = next.get(one)
                && let Some(there) = place.get(two)
                && *there != at + 1
            {
                return Err(format!(
                    "{other_who} heard m{one} and then m{two}, but {who} something between"
                ));
            }
        }
    }
    Ok(())
}

/// Nothing is missing between two messages of one sender that was certainly taken.
fn directs_without_gaps(witness: &Witness, book: &Book) -> Result<(), Wrong> {
    let who = witness.who;
    let (Some(name), 0, false) = (&witness.name, witness.renames, witness.may_miss) else {
        return Ok(());
    };
    // Whoever else has asked for the name may have had it meanwhile.
    let is_only_one = book.who_asked(name).all(|other| other == who);
    if !is_only_one {
        return Ok(());
    }
    let to = To::User(name.clone());
    for (by, heard) in &witness.directs {
        for (one, _, two) in neighbours(heard) {
            for id in one + 1..two {
                let message = &book.messages[id as usize];
                if message.by == *by && message.to == to && message.refused == Some(false) {
                    return Err(format!(
                        "{who} heard m{one} and then m{two} of {by:?}, and never m{id}"
                    ));
                }
            }
        }
    }
    Ok(())
}
