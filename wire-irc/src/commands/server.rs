//! What is asked of the server itself.

use chinwag_core::{Command, wildcard_matches};

use crate::{
    config::VERSION,
    isupport,
    numeric::{
        ERR_NOADMININFO, ERR_NOMOTD, ERR_NOORIGIN, ERR_NOSUCHSERVER, ERR_SUMMONDISABLED,
        ERR_USERSDISABLED, RPL_ADMINEMAIL, RPL_ADMINLOC1, RPL_ADMINLOC2, RPL_ADMINME,
        RPL_ENDOFINFO, RPL_ENDOFLINKS, RPL_ENDOFMOTD, RPL_ENDOFSTATS, RPL_INFO, RPL_LINKS,
        RPL_MOTD, RPL_MOTDSTART, RPL_STATSUPTIME, RPL_TIME, RPL_VERSION,
    },
    time::{ForPeople, seconds, since_epoch},
    turn::Turn,
};

/// `PING`.
pub(crate) fn ping<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let Some(token) = turn.param(0) else {
        turn.numeric(ERR_NOORIGIN).trailing("No origin specified");
        return None;
    };
    let server = &turn.config.server;
    turn.line("PONG").param(server).trailing(token);
    None
}

/// `PONG`: a sign of life, like all that a client sends.
pub(crate) fn pong<'a>(_: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    None
}

/// `QUIT`. Who wants to go may, however fast. An empty reason tells those who say good-bye from those who are lost.
pub(crate) fn quit<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    turn.free();
    let reason = turn.raw_param(0).unwrap_or_default();
    turn.client.parting = Some(match reason {
        "" => "Quit".into(),
        reason => format!("Quit: {reason}").into(),
    });
    let reason = Some(reason);
    Some(Command::Quit { reason })
}

/// Whether the server that is asked is this one. Says if not that there is no other.
fn is_here(turn: &mut Turn<'_, '_>, param: usize) -> bool {
    let Some(name) = turn.param(param) else {
        return true;
    };
    let is_me = |turn: &Turn<'_, '_>| turn.client.me.as_ref().is_some_and(|me| *me == name);
    if is_me(turn) || wildcard_matches(name, &turn.config.server) {
        return true;
    }
    turn.numeric(ERR_NOSUCHSERVER)
        .echo(name)
        .trailing("No such server");
    false
}

/// `MOTD`.
pub(crate) fn motd<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    match is_here(turn, 0) {
        true => show_motd(turn),
        false => None,
    }
}

/// The message of the day.
pub(crate) fn show_motd<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let config = turn.config;
    if config.motd.is_empty() {
        turn.numeric(ERR_NOMOTD).trailing("MOTD File is missing");
        return None;
    }
    turn.numeric(RPL_MOTDSTART)
        .trailing_fmt(format_args!("- {} Message of the day - ", config.server));
    for line in &config.motd {
        turn.numeric(RPL_MOTD)
            .trailing_fmt(format_args!("- {line}"));
    }
    turn.numeric(RPL_ENDOFMOTD)
        .trailing("End of /MOTD command.");
    None
}

/// `LUSERS`.
pub(crate) fn lusers<'a>(_: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    Some(Command::Stats)
}

/// `VERSION`, with all that is supported.
pub(crate) fn version<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    if !is_here(turn, 0) {
        return None;
    }
    let config = turn.config;
    turn.numeric(RPL_VERSION)
        .param(VERSION)
        .param(&config.server)
        .trailing("an embeddable chat server");
    let nick = turn.client.nick();
    isupport::write(config, turn.client.bounds, nick, turn.reading.answer());
    None
}

/// `TIME`.
pub(crate) fn time<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    if !is_here(turn, 0) {
        return None;
    }
    let now = turn.reading.now();
    let server = &turn.config.server;
    turn.numeric(RPL_TIME)
        .param(server)
        .number(seconds(now))
        // How far the clock of this server is off that of the network: it is the network.
        .param("0")
        .trailing_fmt(format_args!("{}", ForPeople(now)));
    None
}

/// `INFO`.
pub(crate) fn info<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    if !is_here(turn, 0) {
        return None;
    }
    let created = turn.config.created();
    turn.numeric(RPL_INFO)
        .trailing_fmt(format_args!("This is {VERSION}, an embeddable chat server"));
    turn.numeric(RPL_INFO).trailing(
        "Others may be here who do not speak IRC; what they write is as long as they like",
    );
    turn.numeric(RPL_INFO)
        .trailing_fmt(format_args!("Up since {}", ForPeople(created)));
    turn.numeric(RPL_ENDOFINFO).trailing("End of INFO list");
    None
}

/// `ADMIN`.
pub(crate) fn admin<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    if !is_here(turn, 0) {
        return None;
    }
    let config = turn.config;
    if config.admin.is_empty() {
        turn.numeric(ERR_NOADMININFO)
            .param(&config.server)
            .trailing("No administrative info available");
        return None;
    }
    turn.numeric(RPL_ADMINME)
        .param(&config.server)
        .trailing("Administrative info");
    let numerics = [RPL_ADMINLOC1, RPL_ADMINLOC2, RPL_ADMINEMAIL];
    for (numeric, line) in numerics.into_iter().zip(&config.admin) {
        turn.numeric(numeric).abridged(line);
    }
    None
}

/// `STATS`: of all that there is in some servers, only since when this one is up.
pub(crate) fn stats<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let Some(query) = turn.param(0) else {
        turn.missing();
        return None;
    };
    if !is_here(turn, 1) {
        return None;
    }
    if query == "u" {
        let now = turn.reading.now();
        let up = since_epoch(now).saturating_sub(since_epoch(turn.config.created()));
        let up = up.as_secs();
        turn.numeric(RPL_STATSUPTIME).trailing_fmt(format_args!(
            "Server Up {} days {}:{:02}:{:02}",
            up / 86_400,
            up / 3600 % 24,
            up / 60 % 60,
            up % 60
        ));
    }
    turn.numeric(RPL_ENDOFSTATS)
        .echo(query)
        .trailing("End of /STATS report");
    None
}

/// `LINKS`: there is no other server.
pub(crate) fn links<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let config = turn.config;
    turn.numeric(RPL_LINKS)
        .param(&config.server)
        .param(&config.server)
        .trailing_fmt(format_args!("0 {}", config.network));
    turn.numeric(RPL_ENDOFLINKS)
        .param("*")
        .trailing("End of /LINKS list");
    None
}

/// `USERS`, which are those of a machine.
pub(crate) fn users<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    turn.numeric(ERR_USERSDISABLED)
        .trailing("USERS has been disabled");
    None
}

/// `SUMMON`, which is one of them.
pub(crate) fn summon<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    turn.numeric(ERR_SUMMONDISABLED)
        .trailing("SUMMON has been disabled");
    None
}
