//! What the server says, as lines.

use super::{
    super::{actor, append, append_direct, append_error, append_names},
    VERBS,
};
use crate::model::{Answer, ErrorCode, Event, MaskList, Role, RoomSetting, Verb, Whois};

/// Appends the line that tells `event`; nothing if there is none for it.
pub(super) fn line(event: &Event, out: &mut Vec<u8>) {
    match event {
        Event::Said {
            room,
            from,
            text,
            least: Role::Member,
            ..
        } => append(out, [room.as_str(), " ", actor(from), " says ", text]),
        Event::Said {
            room,
            from,
            text,
            least,
            ..
        } => append(
            out,
            [
                room.as_str(),
                " ",
                actor(from),
                " tells ",
                least.as_str(),
                " ",
                text,
            ],
        ),
        Event::Direct { from, text, .. } => append_direct(from, text, out),
        Event::Sent { to, text, .. } => append(out, ["* to ", to.as_str(), " says ", text]),
        Event::Joined { room, name } => {
            append(out, [room.as_str(), " ", name.as_str(), " joined"]);
        }
        Event::Left { room, name, .. } => append(out, [room.as_str(), " ", name.as_str(), " left"]),
        Event::Kicked {
            room,
            name,
            by,
            banned,
            reason,
        } => {
            let kicked = match banned {
                true => " banned ",
                false => " kicked ",
            };
            append(out, [room.as_str(), " ", actor(by), kicked, name.as_str()]);
            if let Some(reason) = reason {
                append(out, [" ", reason]);
            }
        }
        Event::Topic { room, by, text } => {
            append(out, [room.as_str(), " ", actor(by), " topic ", text]);
        }
        Event::Role {
            room,
            name,
            role,
            by,
            ..
        } => append(
            out,
            [
                room.as_str(),
                " ",
                actor(by),
                " role ",
                name.as_str(),
                " ",
                role.as_str(),
            ],
        ),
        Event::Set {
            room,
            setting: RoomSetting::InviteOnly(on),
            by,
        } => {
            let on = match on {
                true => "on",
                false => "off",
            };
            append(out, [room.as_str(), " ", actor(by), " invite-only ", on]);
        }
        Event::Invited { room, name, by } | Event::Invitation { room, name, by } => append(
            out,
            [room.as_str(), " ", actor(by), " invited ", name.as_str()],
        ),
        Event::Renamed { old, new } => append(out, [old.as_str(), " is now ", new.as_str()]),
        Event::Quit { name, reason, .. } => append(out, [name.as_str(), " quit ", reason.as_str()]),
        Event::Away { name, text } => match text {
            Some(text) => append(out, [name.as_str(), " is away ", text]),
            None => append(out, [name.as_str(), " is back"]),
        },
        // Told from a list by its spaces.
        Event::Missed { count } => {
            append(out, ["missed,", &count.to_string(), ",not read in time"]);
        }
        Event::Mask {
            room,
            list: MaskList::Bans,
            mask,
            on,
            by,
        } => {
            let bans = match on {
                true => " bans ",
                false => " unbans ",
            };
            let whom = mask.only_name().unwrap_or(mask.as_str());
            append(out, [room.as_str(), " ", actor(by), bans, whom]);
        }
        Event::Announced { from, text } => {
            append(out, ["* ", from.as_str(), " announces ", text]);
        }
        // What nobody here can ask for, nobody here is told.
        Event::Signal { .. }
        | Event::Set { .. }
        | Event::Mask { .. }
        | Event::Described { .. }
        | Event::Online { .. }
        | Event::Offline { .. } => return,
        Event::Bye => append(out, ["bye"]),
        Event::Error { code, explanation } => append_error(*code, explanation, out),
    }
    out.push(b'\n');
}

/// Appends the line that answers, or a part of it if it is a part of a list.
pub(super) fn answer(answer: &Answer<'_>, out: &mut Vec<u8>) {
    let mut is_whole = true;
    match answer {
        Answer::Welcome { .. } | Answer::Granted { .. } => append(out, ["ack"]),
        Answer::Users { users, first, last } => {
            append_names(users, *first, out);
            is_whole = *last;
        }
        Answer::Members {
            members,
            first,
            last,
            ..
        } => {
            append_names(members.iter().map(|(member, _)| member), *first, out);
            is_whole = *last;
        }
        Answer::Rooms { rooms, first, last } => {
            append_names(rooms, *first, out);
            is_whole = *last;
        }
        Answer::Topic { room, topic } => append(out, ["topic,", room.as_str(), ",", &topic.text]),
        Answer::Whois(about) => whois(about, out),
        Answer::Pong => append(out, ["pong"]),
        // No line asks for these.
        Answer::Settings { .. }
        | Answer::Masks { .. }
        | Answer::Sent { .. }
        | Answer::Whowas { .. }
        | Answer::Found { .. }
        | Answer::Watched { .. }
        | Answer::AllWatched(_)
        | Answer::Stats(_) => return,
        Answer::Refused { rule, .. } => append_error(rule.code(), &rule.to_string(), out),
        Answer::Error {
            verb,
            code,
            explanation,
        } => error(*verb, *code, explanation, out),
    }
    if is_whole {
        out.push(b'\n');
    }
}

fn whois(about: &Whois, out: &mut Vec<u8>) {
    let connected = about.connected.as_secs().to_string();
    let idle = about.idle.as_secs().to_string();
    append(
        out,
        [
            "whois,",
            about.name.as_str(),
            ",connected=",
            &connected,
            ",idle=",
            &idle,
            ",rooms=",
        ],
    );
    for (i, (room, _)) in about.rooms.iter().enumerate() {
        let space = if i > 0 { " " } else { "" };
        append(out, [space, room.as_str()]);
    }
    if let Some(away) = &about.away {
        append(out, [",away=", away]);
    }
}

/// Whoever asks for too much may have asked for anything, and must know what of it was refused: that is
/// said before the explanation. Every other refusal tells from its code.
fn error(verb: Verb, code: ErrorCode, explanation: &str, out: &mut Vec<u8>) {
    let known = VERBS.iter().find(|(_, known)| *known == verb);
    match known {
        Some((name, _)) if code == ErrorCode::RateLimited => {
            append_error(code, &format!("{name}: {explanation}"), out);
        }
        _ => append_error(code, explanation, out),
    }
}
