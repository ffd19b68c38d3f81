//! What a client is answered.

mod refused;
mod rooms;
mod users;
mod who;

use chinwag_core::{Answer, Event, Kind, Limits, Person, RoomName, Verb};

use crate::{
    author::{Author, account, real_name},
    caps::Caps,
    client::{Ask, Client},
    config::{Config, VERSION},
    events::{self, Manner},
    isupport, modes,
    numeric::{
        ERR_USERONCHANNEL, RPL_AWAY, RPL_CREATED, RPL_INVITING, RPL_LOGGEDIN, RPL_MYINFO,
        RPL_NOWAWAY, RPL_SASLSUCCESS, RPL_UNAWAY, RPL_WELCOME, RPL_YOUREOPER, RPL_YOURHOST,
    },
    sasl::Sasl,
    time::ForPeople,
    write::Line,
};

pub(crate) use users::{monitored, userhost_of};

/// A reply that is being written.
#[derive(Debug)]
pub(crate) struct Reply<'r> {
    pub(crate) config: &'r Config,
    pub(crate) client: &'r mut Client,
    pub(crate) out: &'r mut Vec<u8>,
}

impl Reply<'_> {
    /// Appends the lines for an answer. `false` if it is a part of a list that goes on.
    pub(crate) fn write(&mut self, answer: &Answer<'_>) -> bool {
        match answer {
            Answer::Welcome {
                name,
                rooms,
                connection,
                limits,
            } => {
                self.client.connection = *connection;
                self.welcome(name, rooms, limits);
            }
            Answer::Granted { verb, event } => self.granted(*verb, event.as_ref()),
            Answer::Users { users, last, .. } => {
                self.who_users(users, *last);
                return *last;
            }
            Answer::Members {
                room,
                secret,
                members,
                last,
                ..
            } => {
                match self.client.ask {
                    Ask::Who(_) => self.who_members(room, members, *last),
                    _ => {
                        let kind = if *secret { "@" } else { "=" };
                        self.names(kind, room, members, *last);
                    }
                }
                return *last;
            }
            Answer::Rooms { rooms, first, last } => {
                self.list(rooms, *first, *last);
                return *last;
            }
            Answer::Topic { room, topic } => self.topic(room, topic),
            Answer::Settings {
                room,
                settings,
                created,
            } => self.settings(room, settings, *created),
            Answer::Masks { room, list, masks } => self.masks(room, *list, masks),
            Answer::Sent { to, event } => self.sent(to, event),
            Answer::Whois(about) => self.whois(about),
            Answer::Whowas { name, past } => self.whowas(name, past),
            Answer::Found { person, .. } => self.found(person.as_ref()),
            Answer::Watched { name, person } => self.watched(name, person.as_ref()),
            Answer::AllWatched(watched) => self.all_watched(watched),
            Answer::Stats(stats) => self.lusers(stats),
            Answer::Refused { asked, rule } => self.refused(*asked, *rule),
            Answer::Error {
                verb,
                code,
                explanation,
            } => self.error(*verb, *code, explanation),
            // A client is answered its pings before anybody else hears of them.
            _ => {}
        }
        true
    }

    /// Begins a numeric.
    fn numeric(&mut self, numeric: u16) -> Line<'_> {
        let nick = self.client.nick();
        Line::numeric(self.out, &self.config.server, numeric, nick)
    }

    /// Writes an event that this connection has brought about, as it is told it.
    fn event(&mut self, event: &Event) {
        let author = events::author(event).flatten();
        let manner = Manner::new(self.config, self.client, event, author);
        events::write(event, manner, self.out);
    }

    fn welcome(&mut self, me: &Person, rooms: &[RoomName], limits: &Limits) {
        let config = self.config;
        self.client.bounds = limits.into();
        self.client.set_me(me);
        self.client.newcomer().rooms = rooms.to_vec();
        self.client.newcomer().password = None;
        let server = &config.server;
        let created = config.created();
        let author = Author::of(me);
        let source = author.source();
        self.numeric(RPL_WELCOME).trailing_fmt(format_args!(
            "Welcome to the {} Network, {}!{}@{}",
            config.network, source.nick, source.user, source.host
        ));
        self.numeric(RPL_YOURHOST).trailing_fmt(format_args!(
            "Your host is {server}, running version {VERSION}"
        ));
        self.numeric(RPL_CREATED).trailing_fmt(format_args!(
            "This server was created {}",
            ForPeople(created)
        ));
        self.numeric(RPL_MYINFO)
            .param(server)
            .param(VERSION)
            .param("Biow")
            .param("Ibehiklmnostv")
            .param("Ibehklov")
            .end();
        isupport::write(config, self.client.bounds, me.as_str(), self.out);
    }

    fn granted(&mut self, verb: Verb, event: Option<&Event>) {
        if let Some(event) = event {
            self.client.notice(event);
        }
        let ask = std::mem::take(&mut self.client.ask);
        match (verb, ask) {
            (Verb::Join, ask) => {
                let is_unseen = match &ask {
                    Ask::Join { room, .. } => self.client.see(room),
                    _ => false,
                };
                self.client.skip = event.is_none() && !is_unseen;
                match event {
                    Some(event) => self.event(event),
                    None if is_unseen => {}
                    None => self.not_joined(&ask),
                }
            }
            (Verb::Leave, _) => {
                self.client.skip = false;
                if let Some(event) = event {
                    self.event(event);
                }
            }
            (Verb::Register, _) => {
                if let Some(event) = event {
                    self.event(event);
                }
            }
            (Verb::Invite, Ask::Invite(name, room)) => match event {
                Some(_) => self.numeric(RPL_INVITING).echo(&name).echo(&room).end(),
                None => self
                    .numeric(ERR_USERONCHANNEL)
                    .echo(&name)
                    .echo(&room)
                    .trailing("is already on channel"),
            },
            (Verb::Away, Ask::Away(true)) => self
                .numeric(RPL_NOWAWAY)
                .trailing("You have been marked as being away"),
            (Verb::Away, _) => self
                .numeric(RPL_UNAWAY)
                .trailing("You are no longer marked as being away"),
            (Verb::LogIn, _) => self.logged_in(),
            (Verb::Elevate, Ask::Oper) => {
                self.numeric(RPL_YOUREOPER)
                    .trailing("You are now an IRC operator");
                self.own_mode("+o");
            }
            (_, Ask::OwnMode(change)) if event.is_some() => self.own_mode(change),
            // As all who are told it: only who has asked for it.
            (Verb::Describe, Ask::SetName(name)) if self.client.has(Caps::SETNAME) => {
                self.named(&name);
            }
            // The echo of what goes to a channel comes by itself.
            (Verb::Signal, _) if self.client.has(Caps::ECHO_MESSAGE) => {
                if let Some(event) = event {
                    self.event(event);
                }
            }
            _ => {}
        }
    }

    /// Nothing more is asked of a channel in which one is not, and so nothing more is said if it was the last one.
    fn not_joined(&mut self, ask: &Ask) {
        if let Ask::Join { last: true, .. } = ask {
            self.is_over();
        }
    }

    /// Nothing more is said to the message, although more was to come.
    fn is_over(&mut self) {
        if let Some(label) = &mut self.client.label {
            label.more = false;
        }
    }

    /// Says that one has another mode oneself.
    fn own_mode(&mut self, change: &str) {
        if let Some(me) = self.client.me.clone() {
            let author = Author::of(&me);
            Line::new(self.out, author.source(), "MODE")
                .param(me.as_str())
                .trailing(change);
        }
    }

    /// Says that one is called something else in full.
    fn named(&mut self, name: &str) {
        if let Some(me) = self.client.me.clone() {
            // The program may have changed it.
            let name = match real_name(&me) {
                "" => name,
                known => known,
            };
            let author = Author::of(&me);
            Line::new(self.out, author.source(), "SETNAME").abridged(name);
        }
    }

    fn logged_in(&mut self) {
        let asked = match self.client.sasl.take().map(|sasl| *sasl) {
            Some(Sasl::Asked(account)) => account,
            _ => "*".into(),
        };
        self.client.sasl = Some(Box::new(Sasl::Done));
        let me = self.client.me.clone();
        let name = match me.as_ref().and_then(account) {
            Some(account) => account,
            None => &asked,
        };
        let mask = match &me {
            Some(me) => {
                let author = Author::of(me);
                let source = author.source();
                format!("{}!{}@{}", source.nick, source.user, source.host)
            }
            None => "*!*@*".into(),
        };
        self.numeric(RPL_LOGGEDIN)
            .echo(&mask)
            .echo(name)
            .trailing_fmt(format_args!("You are now logged in as {name}"));
        self.numeric(RPL_SASLSUCCESS)
            .trailing("SASL authentication successful");
    }

    /// A direct message was sent: it is echoed to who wants that, and who gets it may be away.
    fn sent(&mut self, to: &Person, event: &Event) {
        let echoes = self.client.has(Caps::ECHO_MESSAGE);
        let is_signal = matches!(event, Event::Signal { .. });
        if echoes && (!is_signal || self.client.has(Caps::MESSAGE_TAGS)) {
            self.event(event);
        }
        let is_message = matches!(
            event,
            Event::Sent {
                kind: Kind::Message,
                ..
            }
        );
        if let Some(text) = to.away().filter(|_| is_message) {
            self.numeric(RPL_AWAY).param(to.as_str()).abridged(text);
        }
    }
}

/// The prefix of a member, and their name, as lists of members have it: with login and host for who wants these.
fn name_parts<'a>(author: &'a Author<'_>, role: chinwag_core::Role, whole: bool) -> [&'a str; 6] {
    let source = author.source();
    let (user, host) = match whole {
        true => (source.user, source.host),
        false => ("", ""),
    };
    let (bang, at) = match whole {
        true => ("!", "@"),
        false => ("", ""),
    };
    [modes::prefix(role), source.nick, bang, user, at, host]
}
