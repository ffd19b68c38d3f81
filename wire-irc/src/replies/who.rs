//! What `WHO` tells, in the usual way and in that of [WHOX](https://ircv3.net/specs/extensions/whox).

use chinwag_core::{Person, Role, RoomName};

use super::Reply;
use crate::{
    author::{account, is_bot, real_name},
    client::Ask,
    modes,
    numeric::{RPL_WHOREPLY, RPL_WHOSPCRPL},
    queries::{Fields, Row, WhoQuery},
};

impl Reply<'_> {
    /// Those whom a mask matches.
    pub(super) fn who_users(&mut self, users: &[Person], last: bool) {
        self.with_query(|reply, query| {
            let server = &reply.config.server;
            for person in users {
                if query.matches(person, server) {
                    reply.row(query, Row { person, room: None });
                }
            }
            last
        });
    }

    /// Those who are in a channel.
    pub(super) fn who_members(&mut self, room: &RoomName, members: &[(Person, Role)], last: bool) {
        self.with_query(|reply, query| {
            for (person, role) in members {
                if query.wants(person) {
                    let room = Some((room, *role));
                    reply.row(query, Row { person, room });
                }
            }
            last
        });
    }

    /// The one of that name.
    pub(super) fn who_found(&mut self, person: Option<&Person>) {
        self.with_query(|reply, query| {
            if let Some(person) = person.filter(|person| query.wants(person)) {
                reply.row(query, Row { person, room: None });
            }
            true
        });
    }

    /// Goes on with what was asked. It is over if that is the `last` of it.
    fn with_query(&mut self, write: impl FnOnce(&mut Self, &WhoQuery) -> bool) {
        let Ask::Who(query) = std::mem::take(&mut self.client.ask) else {
            return;
        };
        if write(self, &query) {
            self.end_of_who(&query.mask);
        } else {
            self.client.ask = Ask::Who(query);
        }
    }

    fn row(&mut self, query: &WhoQuery, row: Row<'_>) {
        match &query.fields {
            Some(fields) => self.special_row(fields, row),
            None => self.usual_row(row),
        }
    }

    fn usual_row(&mut self, row: Row<'_>) {
        let Row { person, room } = row;
        let server = &self.config.server;
        self.numeric(RPL_WHOREPLY)
            .param(room.map_or("*", |(room, _)| room.as_str()))
            .echo(person.login())
            .echo(&person.host())
            .param(server)
            .param(person.as_str())
            .param(&flags(row))
            .abridged(&format!("0 {}", real_name(person)));
    }

    fn special_row(&mut self, fields: &Fields, row: Row<'_>) {
        let Row { person, room } = row;
        let server = &self.config.server;
        let mut line = self.numeric(RPL_WHOSPCRPL);
        if fields.has('t') {
            line = line.param(&fields.token);
        }
        if fields.has('c') {
            line = line.param(room.map_or("*", |(room, _)| room.as_str()));
        }
        if fields.has('u') {
            line = line.echo(person.login());
        }
        if fields.has('i') {
            let address = match person.address() {
                Some(_) => person.host(),
                None => "255.255.255.255".into(),
            };
            line = line.echo(&address);
        }
        if fields.has('h') {
            line = line.echo(&person.host());
        }
        if fields.has('s') {
            line = line.param(server);
        }
        if fields.has('n') {
            line = line.param(person.as_str());
        }
        if fields.has('f') {
            line = line.param(&flags(row));
        }
        if fields.has('d') {
            line = line.param("0");
        }
        // For how long somebody is idle is told by WHOIS.
        if fields.has('l') {
            line = line.param("0");
        }
        if fields.has('a') {
            line = line.param(account(person).unwrap_or("0"));
        }
        if fields.has('o') {
            line = line.param("n/a");
        }
        match fields.has('r') {
            true => line.abridged(real_name(person)),
            false => line.end(),
        }
    }
}

/// Whether somebody is here or gone for a while, an operator, a bot, and what they are in the channel.
fn flags(row: Row<'_>) -> String {
    let Row { person, room } = row;
    let mut flags = String::from(if person.away().is_some() { "G" } else { "H" });
    if person.is_operator() {
        flags.push('*');
    }
    flags.push_str(room.map_or("", |(_, role)| modes::prefix(role)));
    if is_bot(person) {
        flags.push('B');
    }
    flags
}
