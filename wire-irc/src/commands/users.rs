//! What is asked about users, and what they say of themselves.

use chinwag_core::{Command, wildcard_matches};

use crate::{
    caps::Caps,
    client::{Ask, Gathered},
    numeric::{
        ERR_NONICKNAMEGIVEN, ERR_NOSUCHSERVER, RPL_ISON, RPL_MONOFFLINE, RPL_MONONLINE,
        RPL_USERHOST,
    },
    queries::WhoQuery,
    replies::{monitored, userhost_of},
    turn::{Turn, nth},
};

/// For so many users that are looked up for one message, one request is charged.
const LOOKUPS: usize = 16;

/// The most users that `USERHOST` looks up.
const MAX_USERHOST: usize = 5;

/// `WHO`: of a channel, of one user, or of all whom a mask matches.
pub(crate) fn who<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let mask = turn.param(0).unwrap_or("*");
    let flags = turn.param(1).unwrap_or_default();
    let query = WhoQuery::new(mask, flags);
    turn.ask(Ask::Who(Box::new(query)));
    Some(match mask {
        room if room.starts_with('#') => Command::ListMembers { room: room.into() },
        name if WhoQuery::is_name(name) => Command::Find { name },
        _ => Command::ListUsers,
    })
}

/// `WHOIS`. Of two params the first one says which server to ask, which may be called by the name of a user there.
pub(crate) fn whois<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let (server, names) = match turn.list(1) {
        Some(names) => (turn.param(0), Some(names)),
        None => (None, turn.list(0)),
    };
    let Some(names) = names else {
        turn.numeric(ERR_NONICKNAMEGIVEN)
            .trailing("No nickname given");
        return None;
    };
    let config = turn.config;
    if let Some(server) = server
        && !wildcard_matches(server, &config.server)
        // Or anybody, on whose server somebody is looked for: there is one.
        && server.contains('.')
    {
        turn.numeric(ERR_NOSUCHSERVER)
            .echo(server)
            .trailing("No such server");
        return None;
    }
    let name = nth(names, turn.part)?;
    if nth(names, turn.part + 1).is_some() {
        turn.more();
    }
    turn.ask(Ask::Whois(name.into()));
    (!name.is_empty()).then_some(Command::Whois { name })
}

/// `WHOWAS`.
pub(crate) fn whowas<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let Some(name) = turn.param(0) else {
        turn.numeric(ERR_NONICKNAMEGIVEN)
            .trailing("No nickname given");
        return None;
    };
    // Zero, and less, is all.
    let count = turn.param(1).and_then(|count| count.parse().ok());
    let count = count.filter(|&count| count > 0).unwrap_or(usize::MAX);
    turn.ask(Ask::Whowas(count));
    Some(Command::Whowas { name })
}

/// `USERHOST`.
pub(crate) fn userhost<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let names = turn.message.params();
    let names = names.get(..MAX_USERHOST).unwrap_or(names).iter().copied();
    if let Some(name) = gather(turn, names) {
        return Some(Command::Find { name });
    }
    if let Some(gathered) = gathered(turn) {
        let mut list = turn.numeric(RPL_USERHOST).list(' ');
        for person in &gathered.here {
            list.token(&[&userhost_of(person)]);
        }
        list.end();
    }
    None
}

/// `ISON`.
pub(crate) fn ison<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let params = turn.message.params();
    let names = params.iter().flat_map(|param| param.split(' '));
    if let Some(name) = gather(turn, names.filter(|name| !name.is_empty())) {
        return Some(Command::Find { name });
    }
    if let Some(gathered) = gathered(turn) {
        let mut list = turn.numeric(RPL_ISON).list(' ');
        for person in &gathered.here {
            list.token(&[person.as_str()]);
        }
        list.end();
    }
    None
}

/// The name that this part looks up, if it is not the last one, in which all are told who were found. Several are
/// charged for as one.
fn gather<'a>(
    turn: &mut Turn<'_, '_>,
    mut names: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    if turn.part == 0 {
        turn.ask(Ask::Gather(Box::default()));
    }
    let Some(name) = names.nth(turn.part) else {
        turn.free();
        return None;
    };
    turn.more();
    if !turn.part.is_multiple_of(LOOKUPS) {
        turn.free();
    }
    Some(name)
}

/// Who was found.
fn gathered(turn: &mut Turn<'_, '_>) -> Option<Box<Gathered>> {
    match std::mem::take(&mut turn.client.ask) {
        Ask::Gather(gathered) => Some(gathered),
        _ => None,
    }
}

/// `MONITOR`: who is to be told of whose coming and going.
pub(crate) fn monitor<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let names = turn.param(1);
    match (turn.raw_param(0)?, names) {
        ("+", Some(names)) => {
            if let Some(name) = gather(turn, names.split(',')) {
                let changes = turn.client.has(Caps::EXTENDED_MONITOR);
                return (!name.is_empty()).then_some(Command::Watch {
                    name,
                    on: true,
                    changes,
                });
            }
            if let Some(gathered) = gathered(turn) {
                monitored(turn.numeric(RPL_MONONLINE), &gathered.here);
                let mut gone = turn.numeric(RPL_MONOFFLINE).list(',');
                for name in &gathered.gone {
                    gone.token(&[name.as_str()]);
                }
                gone.end_unless_empty();
            }
            None
        }
        ("-", Some(names)) => {
            let name = gather(turn, names.split(','))?;
            (!name.is_empty()).then_some(Command::Watch {
                name,
                on: false,
                changes: false,
            })
        }
        ("C" | "c", _) => Some(Command::WatchNobody),
        ("L" | "l", _) => {
            turn.ask(Ask::Watched { status: false });
            Some(Command::ListWatched)
        }
        ("S" | "s", _) => {
            turn.ask(Ask::Watched { status: true });
            Some(Command::ListWatched)
        }
        _ => {
            turn.missing();
            None
        }
    }
}

/// `AWAY`.
pub(crate) fn away<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let text = turn.param(0);
    let limit = turn.texts().away;
    if turn.is_too_long(text, limit) {
        return None;
    }
    turn.ask(Ask::Away(text.is_some()));
    Some(Command::Away { text })
}

/// `SETNAME`. See the specification [setname](https://ircv3.net/specs/extensions/setname).
pub(crate) fn setname<'a>(turn: &mut Turn<'_, 'a>) -> Option<Command<'a>> {
    let limit = turn.texts().name;
    let name = turn.param(0).filter(|name| name.len() <= limit);
    let Some(name) = name else {
        turn.fail("INVALID_REALNAME", "Realname is not valid");
        return None;
    };
    turn.ask(Ask::SetName(name.into()));
    Some(Command::Describe {
        real_name: Some(name),
        bot: None,
    })
}
