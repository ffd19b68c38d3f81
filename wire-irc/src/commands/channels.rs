//! What is asked of channels: to be in them, and what is in them.

use std::borrow::Cow;

use chinwag_core::{Command, Event, RoomName};

use crate::{
    client::Ask,
    events::{self, Manner},
    limits::MAX_CONDITIONS,
    numeric::{ERR_TOOMANYTARGETS, RPL_ENDOFINVITELIST, RPL_ENDOFNAMES},
    queries::{self, Filter},
    turn::{Turn, nth},
};

/// In how many parts a channel is shown that one is in now.
pub(crate) const STEPS: usize = 3;

/// `JOIN`: for each channel, to come in, what its topic is, and who is there.
pub(crate) fn join<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let Some(rooms) = turn.list(0) else {
        turn.missing();
        return None;
    };
    if rooms == "0" {
        return leave_all(turn);
    }
    let (index, step) = (turn.part / STEPS, turn.part % STEPS);
    let room = nth(rooms, index)?;
    let is_last = nth(rooms, index + 1).is_none();
    if !is_last || step + 1 < STEPS {
        turn.more();
    }
    if room.is_empty() {
        return None;
    }
    if step == 0 {
        // Until it is known that one is in.
        turn.client.skip = true;
        turn.ask(Ask::Join {
            room: room.into(),
            last: is_last,
        });
        let key = turn.raw_param(1).and_then(|keys| nth(keys, index));
        let key = key.filter(|key| !key.is_empty());
        let room = room.into();
        return Some(Command::Join { room, key });
    }
    turn.free();
    match turn.client.skip {
        true => None,
        false => show(turn, room.into(), step),
    }
}

/// Shows a channel in which the user is already, on another connection, as if it were joined: that it is, and then as
/// by [`join`]. In [`STEPS`] steps, one in each part.
pub(crate) fn show_joined<'a>(
    turn: &mut Turn<'_, 'a>,
    room: RoomName,
    step: usize,
) -> Option<Command<'a>> {
    if step > 0 {
        return show(turn, room.as_str().to_owned().into(), step);
    }
    if let Some(name) = turn.client.me.clone() {
        let event = Event::Joined {
            room,
            name: name.clone(),
        };
        let manner = Manner::new(turn.config, turn.client, &event, Some(&name));
        events::write(&event, manner, turn.reading.answer());
    }
    None
}

/// What comes behind one's own `JOIN`: the topic, and then who is there.
fn show<'a>(turn: &mut Turn<'_, 'a>, room: Cow<'a, str>, step: usize) -> Option<Command<'a>> {
    match step {
        1 => {
            turn.ask(Ask::JoinTopic);
            Some(Command::Topic { room, text: None })
        }
        _ => {
            turn.ask(Ask::Names);
            Some(Command::ListMembers { room })
        }
    }
}

/// `JOIN 0`: to leave all channels, one after the other.
fn leave_all<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    if turn.part > 0 && turn.client.skip {
        return None;
    }
    turn.more();
    // Until it is known that there was one to leave.
    turn.client.skip = true;
    turn.ask(Ask::LeaveAll);
    Some(Command::LeaveAny)
}

/// `PART`.
pub(crate) fn part<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let Some(rooms) = turn.list(0) else {
        turn.missing();
        return None;
    };
    let room = next(turn, rooms)?;
    let reason = turn.param(1);
    Some(Command::Leave { room, reason })
}

/// `TOPIC`.
pub(crate) fn topic<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let (room, text) = (turn.raw_param(0)?, turn.raw_param(1));
    let limit = turn.texts().topic;
    if turn.is_too_long(text, limit) {
        return None;
    }
    let room = room.into();
    Some(Command::Topic { room, text })
}

/// `NAMES`. Not of all channels at once.
pub(crate) fn names<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let Some(rooms) = turn.list(0) else {
        turn.numeric(RPL_ENDOFNAMES)
            .param("*")
            .trailing("End of /NAMES list");
        return None;
    };
    let room = next(turn, rooms)?;
    turn.ask(Ask::Names);
    let room = room.into();
    Some(Command::ListMembers { room })
}

/// `KICK`: several users from one channel, or one from each of several.
pub(crate) fn kick<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let (Some(rooms), Some(names)) = (turn.list(0), turn.list(1)) else {
        turn.missing();
        return None;
    };
    let (reason, limit) = (turn.param(2), turn.texts().kick);
    if turn.is_too_long(reason, limit) {
        return None;
    }
    let name = nth(names, turn.part)?;
    let room = match nth(rooms, 1) {
        Some(_) => nth(rooms, turn.part),
        None => Some(rooms),
    };
    let Some(room) = room else {
        turn.missing();
        return None;
    };
    if nth(names, turn.part + 1).is_some() {
        turn.more();
    }
    if name.is_empty() || room.is_empty() {
        return None;
    }
    Some(Command::Kick { room, name, reason })
}

/// `INVITE`. Nobody's invitations are listed, so that list is empty.
pub(crate) fn invite<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    if turn.params() == 0 {
        turn.numeric(RPL_ENDOFINVITELIST)
            .trailing("End of /INVITE list");
        return None;
    }
    let (Some(name), Some(room)) = (turn.param(0), turn.param(1)) else {
        turn.missing();
        return None;
    };
    turn.ask(Ask::Invite(name.into(), room.into()));
    Some(Command::Invite { room, name })
}

/// `LIST`.
pub(crate) fn list<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let channels = turn.param(0).unwrap_or_default();
    // What is no condition there is the server that is asked.
    let conditions = turn.param(1).unwrap_or_default().split(',');
    let conditions = conditions.filter(|condition| queries::is_condition(condition));
    let wanted: Vec<_> = channels.split(',').chain(conditions).collect();
    // Each channel is compared with each.
    if wanted.len() > MAX_CONDITIONS {
        turn.numeric(ERR_TOOMANYTARGETS)
            .echo(channels)
            .trailing("Too many channels and conditions");
        return None;
    }
    let filter = Filter::new(&wanted, turn.reading.now());
    turn.ask(Ask::List(Box::new(filter)));
    Some(Command::ListRooms)
}

/// What is between two commas: as much as this part is about. Says whether there is more.
fn next<'a>(turn: &mut Turn<'_, 'a>, list: &'a str) -> Option<&'a str> {
    let next = nth(list, turn.part)?;
    if nth(list, turn.part + 1).is_some() {
        turn.more();
    }
    (!next.is_empty()).then_some(next)
}
