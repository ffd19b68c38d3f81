//! What clients ask for, by the names of the commands.

mod cap;
mod channels;
mod help;
mod messages;
mod mode;
mod oper;
mod register;
mod sasl;
mod server;
mod users;

use chinwag_core::Command;

use crate::{
    numeric::{ERR_NOTREGISTERED, ERR_UNKNOWNCOMMAND},
    turn::Turn,
};

pub(crate) use messages::{is_plain_target, plain_message};
pub(crate) use mode::list_numerics;

/// Reads a part of a message: what is asked for with it, unless the wire answers it itself.
type Handler = for<'a> fn(&mut Turn<'_, 'a>) -> Option<Command<'a>>;

/// A command.
struct Entry {
    name: &'static str,
    /// How many params it has at least; with fewer it is answered with 461.
    params: usize,
    /// Whether who has no nick yet may use it.
    early: bool,
    read: Handler,
}

const fn early(name: &'static str, params: usize, read: Handler) -> Entry {
    Entry {
        name,
        params,
        early: true,
        read,
    }
}

const fn entry(name: &'static str, params: usize, read: Handler) -> Entry {
    Entry {
        name,
        params,
        early: false,
        read,
    }
}

/// All commands, those first that come most often.
const COMMANDS: &[Entry] = &[
    entry("PRIVMSG", 0, messages::privmsg),
    entry("NOTICE", 0, messages::privmsg),
    entry("TAGMSG", 0, messages::tagmsg),
    early("PING", 1, server::ping),
    early("PONG", 0, server::pong),
    entry("JOIN", 1, channels::join),
    entry("PART", 1, channels::part),
    entry("MODE", 1, mode::mode),
    entry("WHO", 0, users::who),
    entry("WHOIS", 0, users::whois),
    entry("TOPIC", 1, channels::topic),
    entry("NAMES", 0, channels::names),
    entry("AWAY", 0, users::away),
    early("NICK", 0, register::nick),
    early("USER", 4, register::user),
    early("PASS", 1, register::pass),
    early("CAP", 1, cap::cap),
    early("AUTHENTICATE", 1, sasl::authenticate),
    early("QUIT", 0, server::quit),
    entry("KICK", 2, channels::kick),
    entry("INVITE", 0, channels::invite),
    entry("LIST", 0, channels::list),
    entry("WHOWAS", 0, users::whowas),
    entry("USERHOST", 1, users::userhost),
    entry("ISON", 1, users::ison),
    entry("MONITOR", 1, users::monitor),
    entry("SETNAME", 1, users::setname),
    entry("OPER", 2, oper::oper),
    entry("KILL", 2, oper::kill),
    entry("WALLOPS", 1, oper::wallops),
    entry("CONNECT", 0, oper::unavailable),
    entry("DIE", 0, oper::unavailable),
    entry("REHASH", 0, oper::unavailable),
    entry("RESTART", 0, oper::unavailable),
    entry("SQUIT", 0, oper::unavailable),
    entry("MOTD", 0, server::motd),
    entry("LUSERS", 0, server::lusers),
    entry("VERSION", 0, server::version),
    entry("TIME", 0, server::time),
    entry("INFO", 0, server::info),
    entry("ADMIN", 0, server::admin),
    entry("STATS", 0, server::stats),
    entry("LINKS", 0, server::links),
    entry("USERS", 0, server::users),
    entry("SUMMON", 0, server::summon),
    entry("HELP", 0, help::help),
    entry("HELPOP", 0, help::help),
];

fn find(command: &str) -> Option<&'static Entry> {
    COMMANDS
        .iter()
        .find(|entry| entry.name.eq_ignore_ascii_case(command))
}

/// The name of a command, as it is listed; `*` if there is none of that name.
pub(crate) fn name(command: &str) -> &'static str {
    find(command).map_or("*", |entry| entry.name)
}

/// Reads a part of a message.
pub(crate) fn run<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let command = turn.message.command;
    let Some(entry) = find(command) else {
        unknown(turn);
        return None;
    };
    turn.client.command = entry.name;
    if register::is_entering(turn) {
        return register::enter_more(turn);
    }
    if !entry.early && !turn.client.is_registered() {
        turn.numeric(ERR_NOTREGISTERED)
            .trailing("You have not registered");
        return None;
    }
    if turn.params() < entry.params {
        turn.missing();
        return None;
    }
    (entry.read)(turn)
}

/// Says that there is no such command.
fn unknown(turn: &mut Turn<'_, '_>) {
    let command = turn.message.command;
    turn.numeric(ERR_UNKNOWNCOMMAND)
        .echo(command)
        .trailing("Unknown command");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_whatever_case() {
        for entry in COMMANDS {
            assert_eq!(name(&entry.name.to_lowercase()), entry.name);
        }
        assert_eq!(name("NOSUCH"), "*");
        assert_eq!(name(""), "*");
    }
}
