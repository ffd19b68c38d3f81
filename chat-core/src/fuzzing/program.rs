//! Whatever a program says, in any characters: it becomes lines.

use futures::{FutureExt, StreamExt};

use super::{
    Choices,
    encode::{is_understood, is_understood_answer},
};
use crate::{
    config::{Limits, Rates},
    hub::{Hub, LocalUser},
    model::{Answer, Role},
};

/// A program that uses everything that there is to use with any texts: each event that anybody is told is one line,
/// which a client reads as what it was, and when all are gone, nothing is left.
pub fn program(data: &[u8]) {
    let mut choices = Choices(data);
    let limits = Limits::builder().mailbox_bytes(4096).build();
    let hub = Hub::builder()
        .limits(limits.expect("limits"))
        .rates(Rates::unlimited())
        .build();
    let mut users: Vec<Option<LocalUser>> = vec![None, None, None];
    while !choices.is_empty() {
        let who = usize::from(choices.byte());
        let what = choices.byte();
        // What is refused changes nothing, and is no matter here.
        let user = &mut users[who % 3];
        match user {
            None => *user = hub.connect(text(&mut choices)).ok(),
            Some(_) if what.is_multiple_of(32) => *user = None,
            Some(user) if who < 192 => drop(ask(user, what, &mut choices)),
            Some(_) => drop(run(&hub, what, &mut choices)),
        }
        if choices.flag() {
            users.iter_mut().flatten().for_each(hear);
        }
    }
    users.iter_mut().flatten().for_each(hear);
    for room in hub.rooms() {
        if let Ok(room) = hub.room(room.as_str()) {
            let _ = room.set_permanent(false);
        }
    }
    drop(users);
    let stats = hub.stats();
    assert_eq!((stats.users, stats.rooms, stats.queue_bytes), (0, 0, 0));
}

/// Has `user` ask for something.
fn ask(user: &mut LocalUser, what: u8, choices: &mut Choices<'_>) -> Option<()> {
    let (a, b) = (text(choices), text(choices));
    let some = choices.flag().then_some(b);
    match what % 14 {
        0 => user.rename(a),
        1 => user.send(a, b),
        2..4 => user.join(a),
        4 => user.leave(a),
        5 => user.say(a, b),
        6 => user.set_topic(a, b),
        7 => user.kick(a, b, choices.flag().then(|| text(choices))),
        8 => user.ban(a, b),
        9 => user.set_role(a, b, choices.one([Role::Member, Role::Owner])),
        10 => user.invite(a, b),
        11 => user.set_invite_only(a, choices.flag()),
        12 => user.set_away(some),
        _ => user.whois(a).map(|about| {
            is_understood_answer(&Answer::Whois(Box::new(about)));
        }),
    }
    .ok()
}

/// Has the program do something.
fn run(hub: &Hub, what: u8, choices: &mut Choices<'_>) -> Option<()> {
    let (a, b) = (text(choices), text(choices));
    let some = choices.flag().then_some(b);
    match what % 8 {
        0 => hub.publish(a, b).map(drop),
        1 => hub.tell(a, b),
        2 => hub.kick(a, b),
        3 => hub.open_room(a).map(drop),
        4 => hub.room(a).and_then(|room| room.set_topic(b)),
        5 => hub.room(a).and_then(|room| room.kick(b, some)),
        6 => hub.room(a).and_then(|room| room.publish(b)).map(drop),
        _ => hub.room(a).and_then(|room| room.invite(b)),
    }
    .ok()
}

/// Takes all that `user` is told.
fn hear(user: &mut LocalUser) {
    while let Some(Some(event)) = user.next().now_or_never() {
        is_understood(&event);
    }
}

/// A name that somebody may have, or anything.
fn text<'a>(choices: &mut Choices<'a>) -> &'a str {
    let kind = choices.byte();
    match kind % 8 {
        0 => "a",
        1 => "b",
        2 => "#r",
        3 => "#s",
        _ => {
            let bytes = choices.bytes(usize::from(kind) / 8);
            match str::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
            }
        }
    }
}
