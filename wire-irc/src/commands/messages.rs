//! `PRIVMSG`, `NOTICE` and `TAGMSG`.

use chinwag_core::{Command, Kind, Role, Style};

use crate::{
    caps::Caps,
    client::Ask,
    limits::MAX_TARGETS,
    modes,
    numeric::{
        ERR_CANNOTSENDTOCHAN, ERR_INPUTTOOLONG, ERR_NORECIPIENT, ERR_NOTEXTTOSEND,
        ERR_TOOMANYTARGETS,
    },
    turn::{Turn, nth},
};

/// Whether a target is one channel or one user, and all of it.
pub(crate) fn is_plain_target(target: &str) -> bool {
    !target.contains(',') && !target.starts_with(['@', '%', '+'])
}

/// What is asked for with a message to a plain target.
pub(crate) fn plain_message<'a>(target: &'a str, text: &'a str) -> Command<'a> {
    message(target, Role::Member, text, Style::default())
}

fn message<'a>(target: &'a str, least: Role, text: &'a str, style: Style<'a>) -> Command<'a> {
    match target.starts_with('#') {
        true => Command::Say {
            room: target,
            text,
            least,
            style,
        },
        false => Command::Chat {
            to: target,
            text,
            style,
        },
    }
}

/// `PRIVMSG` and `NOTICE`. To neither of them may a program reply, but errors in a `NOTICE` are not even told.
pub(crate) fn privmsg<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let is_notice = turn.client.command == "NOTICE";
    let (targets, text) = match (turn.list(0), turn.param(1)) {
        (Some(targets), Some(text)) => (targets, text),
        (None, _) => return complain(turn, ERR_NORECIPIENT, "No recipient given"),
        (_, None) => return complain(turn, ERR_NOTEXTTOSEND, "No text to send"),
    };
    let (index, target) = next_target(turn, targets)?;
    let kind = match is_notice {
        true => Kind::Notice,
        false => Kind::Message,
    };
    let (least, name) = split_least(target);
    let command = turn.client.command;
    let is_long = !turn.client.fits(command, target, text);
    if is_long {
        if !is_notice {
            turn.numeric(ERR_INPUTTOOLONG)
                .trailing("Input line was too long");
        }
        return None;
    }
    let is_single = index == 0 && nth(targets, 1).is_none();
    let extra = extra(turn);
    // The echo of what is said in a room comes by itself.
    let is_echoed = is_single && name.starts_with('#') && turn.client.has(Caps::ECHO_MESSAGE);
    if let Some(label) = &mut turn.client.label {
        label.is_echoed |= is_echoed;
    }
    turn.ask(Ask::Message(name.into()));
    Some(message(name, least, text, Style { kind, extra }))
}

/// `TAGMSG`: what nobody reads, for who has asked for tags.
pub(crate) fn tagmsg<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    if !turn.client.has(Caps::MESSAGE_TAGS) {
        super::unknown(turn);
        return None;
    }
    let Some(targets) = turn.list(0) else {
        return complain(turn, ERR_NORECIPIENT, "No recipient given");
    };
    let (index, target) = next_target(turn, targets)?;
    if split_least(target).0 > Role::Member {
        turn.numeric(ERR_CANNOTSENDTOCHAN)
            .echo(target)
            .trailing("Cannot send that to a part of a channel");
        return None;
    }
    let extra = extra(turn).unwrap_or_default();
    let is_echoed = turn.client.has(Caps::ECHO_MESSAGE);
    let is_room = target.starts_with('#');
    if let Some(label) = &mut turn.client.label {
        let is_single = index == 0 && nth(targets, 1).is_none();
        label.is_echoed |= is_single && is_room && is_echoed;
    }
    turn.ask(Ask::Message(target.into()));
    Some(Command::Signal { to: target, extra })
}

/// The target of this part, and which one it is. Says whether there are others, and what is wrong with too many.
///
/// Where several are labelled and echoed, a batch is begun before them: the echo of one may come before the answer
/// to the one before it.
fn next_target<'a>(turn: &mut Turn<'_, 'a>, targets: &'a str) -> Option<(usize, &'a str)> {
    let is_several = nth(targets, 1).is_some();
    let begins_batch =
        is_several && turn.client.label.is_some() && turn.client.has(Caps::ECHO_MESSAGE);
    if begins_batch
        && turn.part == 0
        && let Some(label) = &mut turn.client.label
    {
        label.begins_batch = true;
        turn.free();
        turn.more();
        return None;
    }
    let index = turn.part - usize::from(begins_batch);
    let target = nth(targets, index)?;
    if index >= MAX_TARGETS {
        if turn.client.command != "NOTICE" {
            turn.numeric(ERR_TOOMANYTARGETS)
                .echo(target)
                .trailing("Too many targets");
        }
        return None;
    }
    if nth(targets, index + 1).is_some() {
        turn.more();
    }
    (!target.is_empty()).then_some((index, target))
}

/// What the client adds for others of its kind; and the label, if the message comes back to it.
fn extra<'a>(turn: &Turn<'_, 'a>) -> Option<&'a str> {
    let client = &turn.client;
    let tags = turn.message.tags;
    let is_labelled = client.label.is_some() && client.has(Caps::ECHO_MESSAGE);
    match client.has(Caps::MESSAGE_TAGS) && tags.has_client_only() {
        true => Some(tags.as_str()),
        false if is_labelled => tags.label_tag(),
        false => None,
    }
}

/// Which members a target is meant for, and of which channel: of several prefixes, the lowest counts. What is no channel
/// has no prefix.
fn split_least(target: &str) -> (Role, &str) {
    let name = target.trim_start_matches(|c| modes::role_of_prefix(c).is_some());
    let prefixes = target.strip_suffix(name).unwrap_or_default();
    match prefixes.chars().filter_map(modes::role_of_prefix).min() {
        Some(least) if name.starts_with('#') => (least, name),
        _ => (Role::Member, target),
    }
}

/// Says what is wrong with a message, unless it is one that is not answered.
fn complain<'a>(turn: &mut Turn<'_, 'a>, numeric: u16, text: &str) -> Option<Command<'a>> {
    if turn.client.command != "NOTICE" {
        turn.numeric(numeric).trailing(text);
    }
    None
}
