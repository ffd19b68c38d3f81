//! What is told of users.

use std::fmt::Write;

use chinwag_core::{Past, Person, Stats, UserName, Whois};

use super::Reply;
use crate::{
    author::{Author, account, is_bot, real_name},
    client::Ask,
    modes,
    numeric::{
        ERR_USERSDONTMATCH, ERR_WASNOSUCHNICK, RPL_AWAY, RPL_ENDOFMONLIST, RPL_ENDOFWHOIS,
        RPL_ENDOFWHOWAS, RPL_GLOBALUSERS, RPL_LOCALUSERS, RPL_LUSERCHANNELS, RPL_LUSERCLIENT,
        RPL_LUSERME, RPL_LUSEROP, RPL_LUSERUNKNOWN, RPL_MONLIST, RPL_MONOFFLINE, RPL_MONONLINE,
        RPL_WHOISACCOUNT, RPL_WHOISACTUALLY, RPL_WHOISBOT, RPL_WHOISCHANNELS, RPL_WHOISHOST,
        RPL_WHOISIDLE, RPL_WHOISOPERATOR, RPL_WHOISSERVER, RPL_WHOISUSER, RPL_WHOWASUSER,
    },
    time::{ForPeople, seconds},
    write::Line,
};

impl Reply<'_> {
    pub(super) fn whois(&mut self, about: &Whois) {
        let person = &about.name;
        let nick = person.as_str();
        let config = self.config;
        let may_know =
            self.client.is_me(person) || self.client.me.as_ref().is_some_and(Person::is_operator);
        self.numeric(RPL_WHOISUSER)
            .param(nick)
            .echo(person.login())
            .echo(&person.host())
            .param("*")
            .abridged(real_name(person));
        if let Some(account) = account(person) {
            self.numeric(RPL_WHOISACCOUNT)
                .param(nick)
                .param(account)
                .trailing("is logged in as");
        }
        if is_bot(person) {
            self.numeric(RPL_WHOISBOT).param(nick).trailing("is a bot");
        }
        let mut rooms = self.numeric(RPL_WHOISCHANNELS).param(nick).list(' ');
        for (room, role) in &about.rooms {
            rooms.token(&[modes::prefix(*role), room.as_str()]);
        }
        rooms.end_unless_empty();
        self.numeric(RPL_WHOISSERVER)
            .param(nick)
            .param(&config.server)
            .trailing(&config.network);
        if person.is_operator() {
            self.numeric(RPL_WHOISOPERATOR)
                .param(nick)
                .trailing("is an IRC operator");
        }
        if may_know && let Some(address) = person.address() {
            self.numeric(RPL_WHOISHOST)
                .param(nick)
                .trailing_fmt(format_args!("is connecting from *@{address} {address}"));
            self.numeric(RPL_WHOISACTUALLY)
                .param(nick)
                .echo(&person.host())
                .trailing("actually using host");
        }
        if let Some(text) = &about.away {
            self.numeric(RPL_AWAY).param(nick).abridged(text);
        }
        self.numeric(RPL_WHOISIDLE)
            .param(nick)
            .number(about.idle.as_secs())
            .number(seconds(about.since))
            .trailing("seconds idle, signon time");
        self.end_of_whois();
    }

    /// Ends what is told of somebody, who is called there as they were in the question.
    pub(super) fn end_of_whois(&mut self) {
        if let Ask::Whois(name) = &self.client.ask {
            let name = name.clone();
            self.numeric(RPL_ENDOFWHOIS)
                .echo(&name)
                .trailing("End of /WHOIS list");
        }
    }

    pub(super) fn whowas(&mut self, name: &str, past: &[Past]) {
        let most = match self.client.ask {
            Ask::Whowas(most) => most,
            _ => usize::MAX,
        };
        if past.is_empty() {
            self.numeric(ERR_WASNOSUCHNICK)
                .echo(name)
                .trailing("There was no such nickname");
        }
        for Past { person, until } in past.iter().take(most) {
            let server = &self.config.server;
            self.numeric(RPL_WHOWASUSER)
                .param(person.as_str())
                .echo(person.login())
                .echo(&person.host())
                .param("*")
                .abridged(real_name(person));
            self.numeric(RPL_WHOISSERVER)
                .param(person.as_str())
                .param(server)
                .trailing_fmt(format_args!("{}", ForPeople(*until)));
        }
        self.numeric(RPL_ENDOFWHOWAS)
            .echo(name)
            .trailing("End of WHOWAS");
    }

    pub(super) fn found(&mut self, person: Option<&Person>) {
        match &mut self.client.ask {
            Ask::Gather(gathered) => gathered.here.extend(person.cloned()),
            Ask::Who(_) => self.who_found(person),
            Ask::OthersMode(name) if person.is_none() => {
                let name = std::mem::take(name);
                self.no_such_nick(Some(&name));
            }
            Ask::OthersMode(_) => self
                .numeric(ERR_USERSDONTMATCH)
                .trailing("Can't view or change the mode of other users"),
            _ => {}
        }
    }

    pub(super) fn watched(&mut self, name: &UserName, person: Option<&Person>) {
        if let Ask::Gather(gathered) = &mut self.client.ask {
            match person {
                Some(person) if !gathered.here.contains(person) => {
                    gathered.here.push(person.clone());
                }
                None if !gathered.gone.contains(name) => gathered.gone.push(name.clone()),
                _ => {}
            }
        }
    }

    pub(super) fn all_watched(&mut self, watched: &[(UserName, Option<Person>)]) {
        if let Ask::Watched { status: true } = self.client.ask {
            let here: Vec<_> = watched.iter().filter_map(|(_, p)| p.clone()).collect();
            monitored(self.numeric(RPL_MONONLINE), &here);
            let mut gone = self.numeric(RPL_MONOFFLINE).list(',');
            for (name, _) in watched.iter().filter(|(_, person)| person.is_none()) {
                gone.token(&[name.as_str()]);
            }
            return gone.end_unless_empty();
        }
        let mut list = self.numeric(RPL_MONLIST).list(',');
        for (name, _) in watched {
            list.token(&[name.as_str()]);
        }
        list.end_unless_empty();
        self.numeric(RPL_ENDOFMONLIST)
            .trailing("End of MONITOR list");
    }

    pub(super) fn lusers(&mut self, stats: &Stats) {
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let users = stats.users;
        self.numeric(RPL_LUSERCLIENT).trailing_fmt(format_args!(
            "There are {users} users and 0 invisible on 1 servers"
        ));
        // What there is none of is left out.
        let unknown = stats.connections.saturating_sub(users);
        for (numeric, count, what) in [
            (RPL_LUSEROP, stats.operators, "operator(s) online"),
            (RPL_LUSERUNKNOWN, unknown, "unknown connection(s)"),
            (RPL_LUSERCHANNELS, stats.rooms, "channels formed"),
        ] {
            if count > 0 {
                self.numeric(numeric).number(number(count)).trailing(what);
            }
        }
        self.numeric(RPL_LUSERME)
            .trailing_fmt(format_args!("I have {users} clients and 1 servers"));
        let most = stats.most_users.max(users);
        for (numeric, whose) in [(RPL_LOCALUSERS, "local"), (RPL_GLOBALUSERS, "global")] {
            self.numeric(numeric)
                .number(number(users))
                .number(number(most))
                .trailing_fmt(format_args!("Current {whose} users {users}, max {most}"));
        }
    }
}

/// Ends a line with who is here of those who are monitored; without anybody there is none.
pub(crate) fn monitored(line: Line<'_>, here: &[Person]) {
    let mut list = line.list(',');
    for person in here {
        let author = Author::of(person);
        let source = author.source();
        list.token(&[source.nick, "!", source.user, "@", source.host]);
    }
    list.end_unless_empty();
}

/// What `USERHOST` tells of somebody: whether they are an operator, and away, and from where.
pub(crate) fn userhost_of(person: &Person) -> String {
    let star = if person.is_operator() { "*" } else { "" };
    let away = if person.away().is_some() { '-' } else { '+' };
    let mut text = String::new();
    let (nick, login, host) = (person.as_str(), person.login(), person.host());
    // A string takes all that is written.
    let _ = write!(text, "{nick}{star}={away}{login}@{host}");
    text
}
