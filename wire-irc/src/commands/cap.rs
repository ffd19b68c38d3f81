//! `CAP`: to settle what both sides know beyond the IRC of 1993.
//!
//! See the specification [capability-negotiation](https://ircv3.net/specs/extensions/capability-negotiation).

use chinwag_core::Command;

use super::{register, sasl};
use crate::{caps::Caps, message::MAX_TEXT, numeric::ERR_INVALIDCAPCMD, sasl::PLAIN, turn::Turn};

/// From this version on, a list may have values, and several lines.
const WITH_VALUES: u32 = 302;

/// `CAP`.
pub(crate) fn cap<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let subcommand = turn.raw_param(0)?;
    let is = |name: &str| subcommand.eq_ignore_ascii_case(name);
    if is("LS") {
        settle(turn);
        let version = turn.param(1).and_then(|version| version.parse().ok());
        offer(turn, version.unwrap_or(301) >= WITH_VALUES);
    } else if is("LIST") {
        let names: Vec<_> = turn.client.caps().names().map(|(name, _)| name).collect();
        list(turn, "LIST", &names, true);
    } else if is("REQ") {
        settle(turn);
        let wanted = turn.param(1).unwrap_or_default();
        request(turn, wanted);
    } else if is("END") {
        if !turn.client.is_registered() {
            sasl::give_up(turn);
            turn.client.newcomer().is_settling = false;
            return register::enter(turn);
        }
    } else {
        turn.numeric(ERR_INVALIDCAPCMD)
            .echo(subcommand)
            .trailing("Invalid CAP command");
    }
    None
}

/// Who has not come in yet waits until all is settled.
fn settle(turn: &mut Turn<'_, '_>) {
    if !turn.client.is_registered() {
        turn.client.newcomer().is_settling = true;
    }
}

/// Says what there is.
fn offer(turn: &mut Turn<'_, '_>, with_values: bool) {
    if with_values {
        // Implied, and cannot be given back.
        let caps = turn.client.caps().with(Caps::CAP_NOTIFY);
        turn.client.set_caps(caps);
        turn.client.has_cap_values = true;
    }
    let with_mechanism = format!("sasl={PLAIN}");
    let names: Vec<_> = Caps::offered(turn.config.sasl)
        .names()
        .map(|(name, cap)| match cap {
            Caps::SASL if with_values => &*with_mechanism,
            _ => name,
        })
        .collect();
    list(turn, "LS", &names, with_values);
}

/// Grants all that is wanted, or nothing of it.
fn request(turn: &mut Turn<'_, '_>, wanted: &str) {
    let offered = Caps::offered(turn.config.sasl);
    let mut caps = turn.client.caps();
    let mut is_good = true;
    for name in wanted.split_ascii_whitespace() {
        let (is_wanted, name) = match name.strip_prefix('-') {
            Some(name) => (false, name),
            None => (true, name),
        };
        match Caps::named(name).filter(|cap| offered.has(*cap)) {
            Some(cap) if is_wanted => caps = caps.with(cap),
            Some(Caps::CAP_NOTIFY) if turn.client.has_cap_values => is_good = false,
            Some(cap) => caps = caps.without(cap),
            None => is_good = false,
        }
    }
    let names: Vec<_> = wanted.split_ascii_whitespace().collect();
    if is_good {
        turn.client.set_caps(caps);
        list(turn, "ACK", &names, false);
    } else {
        list(turn, "NAK", &names, false);
    }
}

/// Says a list of capabilities, in as many lines as it takes. All but the last have a `*` if that is understood.
fn list(turn: &mut Turn<'_, '_>, subcommand: &str, names: &[&str], with_marks: bool) {
    let head = ": CAP    * :".len() + turn.config.server.len() + subcommand.len();
    let room = MAX_TEXT.saturating_sub(head + turn.client.nick().len());
    let mut rest = names;
    loop {
        let mut len = 0;
        let fits = |name: &&&str| {
            len += name.len() + 1;
            len <= room
        };
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (now, later) = rest.split_at(count);
        let nick: Box<str> = turn.client.nick().into();
        let line = turn.line("CAP").param(&nick).param(subcommand);
        let line = match with_marks && !later.is_empty() {
            true => line.param("*"),
            false => line,
        };
        line.trailing(&now.join(" "));
        if later.is_empty() {
            return;
        }
        rest = later;
    }
}
