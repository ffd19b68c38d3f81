use super::*;
use crate::{load::speech, peer::Dialect};

const BYTES: usize = 64;

fn heard(sender: usize) -> Heard {
    Heard::new(Dialect::Line, &speech::user(sender), "#r0000", BYTES)
}

fn journal(members: usize, senders: usize) -> Journal {
    Journal::new(members, (0..senders).map(heard).collect(), Receivers::All)
}

/// One in which senders do not hear themselves.
fn quiet(members: usize, senders: usize) -> Journal {
    Journal::new(
        members,
        (0..senders).map(heard).collect(),
        Receivers::Others,
    )
}

fn message(sender: u32, sequence: u32) -> Vec<u8> {
    let mut frame = format!("#r0000 {} says ", speech::user(sender as usize)).into_bytes();
    let payload = Payload {
        sender,
        sequence,
        time: 1_000,
    };
    payload.write(BYTES, &mut frame);
    frame.push(b'\n');
    frame
}

fn messages(which: &[(u32, u32)]) -> Vec<u8> {
    which
        .iter()
        .flat_map(|&(sender, sequence)| message(sender, sequence))
        .collect()
}

fn take(journal: &mut Journal, member: usize, bytes: &[u8]) -> Result<Taken, String> {
    journal.take(member, bytes, 3_000, &mut Times::default())
}

#[test]
fn what_is_right_is_taken_and_timed() {
    let mut journal = journal(3, 2);
    let mut times = Times::default();
    let said = messages(&[(0, 0), (1, 0), (0, 1)]);
    for member in 0..3 {
        assert!(journal.most_behind().is_some() || member == 0);
        let taken = journal.take(member, &said, 3_000, &mut times).unwrap();
        let complete = if member == 2 { 3 } else { 0 };
        let right = Taken {
            bytes: said.len(),
            messages: 3,
            complete,
        };
        assert_eq!(taken, right);
    }
    assert!(journal.most_behind().is_none());
    assert_eq!((journal.heard_of(0), journal.heard_of(1)), (2, 1));
    assert_eq!((journal.complete_of(0), journal.complete_of(1)), (2, 1));
    assert_eq!(times.last.latency().unwrap().max, 2.0);
}

#[test]
fn any_pieces_do() {
    let said: Vec<u8> = (0..500).flat_map(|sequence| message(0, sequence)).collect();
    let mut journal = journal(2, 1);
    for (member, size) in [(0, 100), (1, 7), (0, 3_000), (1, 8_000)] {
        let mut rest = &said[journal.members[member] as usize * journal.frame..];
        let mut piece = Vec::new();
        while piece.len() < 20_000 && !rest.is_empty() {
            let (now, later) = rest.split_at(size.min(rest.len()));
            rest = later;
            piece.extend_from_slice(now);
            let taken = take(&mut journal, member, &piece).unwrap();
            piece.drain(..taken.bytes);
            if journal.members[member] > 200 && size < 1_000 {
                break;
            }
        }
    }
    for member in 0..2 {
        let from = journal.members[member] as usize * journal.frame;
        take(&mut journal, member, &said[from..]).unwrap();
    }
    assert!(journal.most_behind().is_none());
    assert_eq!(journal.heard_of(0), 500);
}

#[test]
fn a_lost_message_is_found() {
    let mut first = journal(2, 1);
    let error = take(&mut first, 0, &messages(&[(0, 0), (0, 2)])).unwrap_err();
    assert!(error.contains("lost"), "{error}");

    let mut second = journal(2, 1);
    take(&mut second, 0, &messages(&[(0, 0), (0, 1), (0, 2)])).unwrap();
    let error = take(&mut second, 1, &messages(&[(0, 0), (0, 2)])).unwrap_err();
    assert!(error.contains("lost"), "{error}");
}

#[test]
fn a_lost_last_message_is_found() {
    let mut journal = journal(3, 1);
    take(&mut journal, 0, &messages(&[(0, 0), (0, 1)])).unwrap();
    take(&mut journal, 2, &messages(&[(0, 0), (0, 1)])).unwrap();
    take(&mut journal, 1, &messages(&[(0, 0)])).unwrap();
    assert!(journal.most_behind().is_some());
    assert_eq!(journal.most_behind(), Some((1, 1)));
}

#[test]
fn a_doubled_message_is_found() {
    let mut first = journal(2, 1);
    let error = take(&mut first, 0, &messages(&[(0, 0), (0, 0)])).unwrap_err();
    assert!(error.contains("doubled"), "{error}");

    let mut second = journal(2, 1);
    take(&mut second, 0, &messages(&[(0, 0), (0, 1)])).unwrap();
    let error = take(&mut second, 1, &messages(&[(0, 0), (0, 0)])).unwrap_err();
    assert!(error.contains("doubled"), "{error}");

    let mut third = journal(2, 1);
    take(&mut third, 0, &messages(&[(0, 0), (0, 1)])).unwrap();
    let error = take(&mut third, 0, &messages(&[(0, 1)])).unwrap_err();
    assert!(error.contains("doubled"), "{error}");
}

#[test]
fn another_order_is_found() {
    let mut first = journal(2, 1);
    take(&mut first, 0, &messages(&[(0, 1), (0, 0)])).unwrap_err();

    // Each sender's messages are in order, and yet the two members do not agree.
    let mut second = journal(2, 2);
    take(&mut second, 0, &messages(&[(0, 0), (1, 0)])).unwrap();
    let error = take(&mut second, 1, &messages(&[(1, 0), (0, 0)])).unwrap_err();
    assert!(error.contains("out of order"), "{error}");
}

#[test]
fn damage_is_found_wherever_it_is() {
    for at in 0..message(0, 0).len() {
        let mut wrong = message(0, 0);
        wrong[at] ^= 1;
        // Damage to what is around the payload makes it a line of another kind, which whoever asks then refuses.
        let refused =
            |result: Result<Taken, String>| result.is_err() || result == Ok(Taken::default());
        assert!(
            refused(take(&mut journal(2, 1), 0, &wrong)),
            "byte {at}, first"
        );
        let mut journal = journal(2, 1);
        take(&mut journal, 0, &message(0, 0)).unwrap();
        assert!(refused(take(&mut journal, 1, &wrong)), "byte {at}, second");
    }
}

#[test]
fn a_stranger_is_found() {
    let error = take(&mut journal(2, 1), 0, &message(1, 0)).unwrap_err();
    assert!(error.contains("nobody"), "{error}");
}

#[test]
fn another_line_stops_it_and_is_left() {
    let mut journal = journal(2, 1);
    let line = b"#r0000 u00007 joined, and some more to make it as long as a message would be, for the test of it\n";
    let said = [&message(0, 0)[..], line, &message(0, 1)].concat();
    for member in 0..2 {
        let taken = take(&mut journal, member, &said).unwrap();
        assert_eq!(taken.bytes, message(0, 0).len());
        take(&mut journal, member, &said[taken.bytes + line.len()..]).unwrap();
    }
    assert!(journal.most_behind().is_none());
}

#[test]
fn who_does_not_hear_itself_lacks_nothing() {
    let all = messages(&[(0, 0), (1, 0), (0, 1), (1, 1), (1, 2), (0, 2)]);
    let heard = [
        messages(&[(1, 0), (1, 1), (1, 2)]),
        messages(&[(0, 0), (0, 1), (0, 2)]),
        all.clone(),
        all,
    ];
    // Whoever is first, and in whatever pieces.
    let orders = [[0, 1, 2, 3], [2, 0, 1, 3], [3, 2, 1, 0], [0, 2, 1, 3]];
    for order in orders {
        for size in [1, 2, 3, 6] {
            let mut journal = quiet(4, 2);
            let mut times = Times::default();
            let (mut messages, mut complete) = (0, 0);
            for part in 0..6 {
                for member in order {
                    let mut pieces = heard[member].chunks(size * journal.frame);
                    let Some(piece) = pieces.nth(part) else {
                        continue;
                    };
                    let taken = journal.take(member, piece, 3_000, &mut times).unwrap();
                    assert_eq!(taken.bytes, piece.len(), "{order:?}, {size}");
                    messages += taken.messages;
                    complete += taken.complete;
                }
            }
            assert_eq!((messages, complete), (6 * 3, 6), "{order:?}, {size}");
            assert!(journal.most_behind().is_none(), "{order:?}, {size}");
            assert_eq!((journal.complete_of(0), journal.complete_of(1)), (3, 3));
            assert_eq!(journal.oldest, 6);
        }
    }
}

#[test]
fn a_later_message_may_be_complete_before_an_earlier_one() {
    let mut journal = quiet(3, 2);
    take(&mut journal, 2, &messages(&[(0, 0), (1, 0)])).unwrap();
    let taken = take(&mut journal, 0, &messages(&[(1, 0)])).unwrap();
    assert_eq!(taken.complete, 1);
    assert_eq!((journal.complete_of(0), journal.complete_of(1)), (0, 1));
    assert_eq!(journal.most_behind(), Some((1, 2)));
    let taken = take(&mut journal, 1, &messages(&[(0, 0)])).unwrap();
    assert_eq!(taken.complete, 1);
    assert!(journal.most_behind().is_none());
}

#[test]
fn many_rounds_in_which_nobody_hears_itself_fit() {
    let mut journal = quiet(3, 2);
    for sequence in 0..1_000 {
        take(&mut journal, 1, &messages(&[(0, sequence)])).unwrap();
        take(&mut journal, 2, &messages(&[(1, sequence), (0, sequence)])).unwrap();
        take(&mut journal, 0, &messages(&[(1, sequence)])).unwrap();
    }
    assert!(journal.most_behind().is_none());
    assert_eq!(
        (journal.complete_of(0), journal.complete_of(1)),
        (1_000, 1_000)
    );
}

#[test]
fn an_echo_where_there_is_none_is_found() {
    let error = take(&mut quiet(2, 1), 0, &message(0, 0)).unwrap_err();
    assert!(error.contains("it hears itself"), "{error}");

    let mut journal = quiet(3, 2);
    take(&mut journal, 2, &messages(&[(1, 0), (0, 0)])).unwrap();
    take(&mut journal, 0, &messages(&[(1, 0), (0, 0)])).unwrap_err();
}

#[test]
fn what_a_sender_hears_before_others_is_checked_as_well() {
    let mut lost = quiet(3, 2);
    let error = take(&mut lost, 0, &messages(&[(1, 0), (1, 2)])).unwrap_err();
    assert!(error.contains("lost"), "{error}");

    let mut doubled = quiet(3, 2);
    let error = take(&mut doubled, 0, &messages(&[(1, 0), (1, 0)])).unwrap_err();
    assert!(error.contains("doubled"), "{error}");

    let mut order = quiet(4, 3);
    take(&mut order, 0, &messages(&[(1, 0), (2, 0)])).unwrap();
    let error = take(&mut order, 3, &messages(&[(2, 0), (1, 0)])).unwrap_err();
    assert!(error.contains("out of order"), "{error}");

    let mut late = quiet(4, 3);
    take(&mut late, 3, &messages(&[(2, 0), (1, 0)])).unwrap();
    let error = take(&mut late, 0, &messages(&[(1, 0), (2, 0)])).unwrap_err();
    assert!(error.contains("out of order"), "{error}");
}

#[test]
fn what_a_sender_alone_has_heard_is_not_complete() {
    let mut journal = quiet(3, 2);
    let taken = take(&mut journal, 0, &messages(&[(1, 0)])).unwrap();
    assert_eq!((taken.messages, taken.complete), (1, 0));
    assert_eq!(journal.heard_of(1), 0);
    let taken = take(&mut journal, 2, &messages(&[(1, 0)])).unwrap();
    assert_eq!(taken.complete, 1);
}
