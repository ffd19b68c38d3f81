//! `MODE`: what a channel is, who may do what there, and what one is oneself.

#[cfg(test)]
mod tests;

use chinwag_core::{Command, MaskList, RoleChange, RoomSetting};

use crate::{
    author::Author,
    client::Ask,
    limits::MAX_KEY,
    modes,
    numeric::{
        ERR_INVALIDKEY, ERR_INVALIDMODEPARAM, ERR_UMODEUNKNOWNFLAG, ERR_UNKNOWNMODE, RPL_UMODEIS,
    },
    turn::Turn,
    write::Line,
};

/// `MODE`.
pub(crate) fn mode<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let target = turn.raw_param(0)?;
    if target.starts_with('#') {
        return match turn.params() {
            1 => Some(Command::Settings { room: target }),
            _ => channel_mode(turn, target),
        };
    }
    if turn.client.me.as_ref().is_none_or(|me| *me != target) {
        turn.ask(Ask::OthersMode(target.into()));
        return Some(Command::Find { name: target });
    }
    match turn.param(1) {
        Some(letters) => own_mode(turn, letters),
        None => {
            own_modes(turn);
            None
        }
    }
}

/// A change of one mode of a channel, or a wish to see a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Change<'a> {
    on: bool,
    letter: char,
    param: Option<&'a str>,
}

/// The changes that a message asks for.
struct Changes<'a, 'm> {
    letters: std::str::Chars<'a>,
    params: &'m [&'a str],
    on: bool,
}

impl<'a, 'm> Changes<'a, 'm> {
    fn new(letters: &'a str, params: &'m [&'a str]) -> Self {
        Self {
            letters: letters.chars(),
            params,
            on: true,
        }
    }
}

impl<'a> Iterator for Changes<'a, '_> {
    type Item = Change<'a>;

    fn next(&mut self) -> Option<Change<'a>> {
        loop {
            match self.letters.next()? {
                '+' => self.on = true,
                '-' => self.on = false,
                letter => {
                    let on = self.on;
                    let takes = takes_param(letter, on);
                    let param = takes.then(|| {
                        let (first, rest) = self.params.split_first()?;
                        self.params = rest;
                        Some(*first)
                    });
                    let param = param.flatten();
                    return Some(Change { on, letter, param });
                }
            }
        }
    }
}

/// Whether a mode has a param, if there is one left.
fn takes_param(letter: char, on: bool) -> bool {
    match letter {
        'l' => on,
        'k' => true,
        _ => modes::list(letter).is_some() || modes::role(letter).is_some(),
    }
}

/// One change of a mode of a channel in each part.
fn channel_mode<'a>(turn: &mut Turn<'_, 'a>, room: &'a str) -> Option<Command<'a>> {
    let params = turn.message.params();
    let (letters, params) = (turn.raw_param(1)?, params.get(2..).unwrap_or_default());
    let mut changes = Changes::new(letters, params).skip(turn.part);
    let Change { on, letter, param } = changes.next()?;
    if changes.next().is_some() {
        turn.more();
    }
    let param = param.filter(|param| !param.is_empty());
    if let Some(setting) = modes::flag(letter, on) {
        return Some(Command::Set { room, setting });
    }
    if let Some(list) = modes::list(letter) {
        turn.ask(Ask::Mask(list));
        return Some(match param {
            Some(mask) => Command::Mask {
                room,
                list,
                mask,
                on,
            },
            None => Command::ListMasks { room, list },
        });
    }
    if let Some(role) = modes::role(letter) {
        let Some(name) = param else {
            bad_param(turn, room, letter, None, "You must specify a nick");
            return None;
        };
        let change = match on {
            true => RoleChange::AtLeast(role),
            false => RoleChange::NoLonger(role),
        };
        return Some(Command::Role { room, name, change });
    }
    let setting = match (letter, on) {
        ('k', true) => {
            let Some(key) = param else {
                bad_param(turn, room, letter, None, "You must specify a key");
                return None;
            };
            if key.len() > MAX_KEY || key.starts_with(':') || key.contains([' ', ',']) {
                turn.numeric(ERR_INVALIDKEY)
                    .echo(room)
                    .trailing("Key is not well-formed");
                return None;
            }
            RoomSetting::Key(Some(key))
        }
        ('k', false) => RoomSetting::Key(None),
        ('l', true) => match param.map(str::parse) {
            Some(Ok(limit)) if limit > 0 => RoomSetting::Limit(Some(limit)),
            _ => {
                bad_param(turn, room, letter, param, "You must specify a number");
                return None;
            }
        },
        ('l', false) => RoomSetting::Limit(None),
        _ => {
            let mut text = [0; 4];
            let letter = letter.encode_utf8(&mut text);
            turn.numeric(ERR_UNKNOWNMODE)
                .echo(letter)
                .trailing("is unknown mode char to me");
            return None;
        }
    };
    Some(Command::Set { room, setting })
}

fn bad_param(
    turn: &mut Turn<'_, '_>,
    room: &str,
    letter: char,
    param: Option<&str>,
    explanation: &str,
) {
    let mut text = [0; 4];
    let letter = letter.encode_utf8(&mut text);
    turn.numeric(ERR_INVALIDMODEPARAM)
        .echo(room)
        .echo(letter)
        .echo(param.unwrap_or("*"))
        .trailing(explanation);
}

/// The numeric behind the lines of a list, and of the lines themselves, and what the list is called.
pub(crate) fn list_numerics(list: MaskList) -> Option<(u16, u16, &'static str)> {
    use crate::numeric::{
        RPL_BANLIST, RPL_ENDOFBANLIST, RPL_ENDOFEXCEPTLIST, RPL_ENDOFINVEXLIST, RPL_EXCEPTLIST,
        RPL_INVEXLIST,
    };
    match list {
        MaskList::Bans => Some((RPL_BANLIST, RPL_ENDOFBANLIST, "ban")),
        MaskList::BanExceptions => Some((RPL_EXCEPTLIST, RPL_ENDOFEXCEPTLIST, "exception")),
        MaskList::InviteExceptions => Some((RPL_INVEXLIST, RPL_ENDOFINVEXLIST, "invite exception")),
        _ => None,
    }
}

/// A change of what one is oneself, for which the hub is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    StepDown,
    Bot(bool),
}

/// Changes what one is oneself: first what this wire knows alone, then the rest, one in each part.
fn own_mode<'a>(turn: &mut Turn<'_, 'a>, letters: &'a str) -> Option<Command<'a>> {
    let mut on = true;
    let mut asked = Vec::new();
    let mut is_unknown = false;
    let (mut invisible, mut wallops) = (turn.client.is_invisible, turn.client.wants_wallops);
    for letter in letters.chars() {
        match letter {
            '+' => on = true,
            '-' => on = false,
            'i' => invisible = on,
            'w' => wallops = on,
            'B' => asked.push(Own::Bot(on)),
            'o' if !on => asked.push(Own::StepDown),
            // Nobody makes themselves an operator; it is not wrong to try.
            'o' => {}
            _ => is_unknown = true,
        }
    }
    asked.dedup();
    if turn.part < asked.len() {
        turn.more();
    }
    if let Some(index) = turn.part.checked_sub(1) {
        let own = *asked.get(index)?;
        turn.ask(Ask::OwnMode(match own {
            Own::StepDown => "-o",
            Own::Bot(true) => "+B",
            Own::Bot(false) => "-B",
        }));
        return Some(match own {
            Own::StepDown => Command::StepDown,
            Own::Bot(bot) => Command::Describe {
                real_name: None,
                bot: Some(bot),
            },
        });
    }
    let (mut set, mut unset) = (String::from("+"), String::from("-"));
    for (was, is, letter) in [
        (&mut turn.client.is_invisible, invisible, 'i'),
        (&mut turn.client.wants_wallops, wallops, 'w'),
    ] {
        if std::mem::replace(was, is) != is {
            if is { &mut set } else { &mut unset }.push(letter);
        }
    }
    let mut changed = String::new();
    for change in [set, unset].iter().filter(|change| change.len() > 1) {
        changed.push_str(change);
    }
    if let Some(me) = &turn.client.me
        && !changed.is_empty()
    {
        let author = Author::of(me);
        Line::new(turn.reading.answer(), author.source(), "MODE")
            .param(me.as_str())
            .trailing(&changed);
    }
    if is_unknown {
        turn.numeric(ERR_UMODEUNKNOWNFLAG)
            .trailing("Unknown MODE flag");
    }
    None
}

/// Says what one is oneself.
fn own_modes(turn: &mut Turn<'_, '_>) {
    let me = turn.client.me.as_ref();
    let mut letters = String::from("+");
    for (is, letter) in [
        (me.is_some_and(crate::author::is_bot), 'B'),
        (turn.client.is_invisible, 'i'),
        (me.is_some_and(chinwag_core::Person::is_operator), 'o'),
        (turn.client.wants_wallops, 'w'),
    ] {
        if is {
            letters.push(letter);
        }
    }
    turn.numeric(RPL_UMODEIS).param(&letters).end();
}
