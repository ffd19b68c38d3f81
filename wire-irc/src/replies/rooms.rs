//! What is told of channels.

use std::time::SystemTime;

use chinwag_core::{MaskEntry, MaskList, Person, Role, RoomInfo, RoomName, RoomSettings, Topic};

use super::{Reply, name_parts};
use crate::{
    author::Author,
    caps::Caps,
    client::Ask,
    commands::list_numerics,
    modes,
    numeric::{
        RPL_CHANNELMODEIS, RPL_CREATIONTIME, RPL_ENDOFNAMES, RPL_LIST, RPL_LISTEND, RPL_LISTSTART,
        RPL_NAMREPLY, RPL_NOTOPIC, RPL_TOPIC, RPL_TOPICWHOTIME,
    },
    time::seconds,
};

impl Reply<'_> {
    pub(super) fn topic(&mut self, room: &RoomName, topic: &Topic) {
        let room = room.as_str();
        if topic.text.is_empty() {
            // Who has just come in is not told that there is none.
            if !matches!(self.client.ask, Ask::JoinTopic) {
                self.numeric(RPL_NOTOPIC)
                    .param(room)
                    .trailing("No topic is set");
            }
            return;
        }
        self.numeric(RPL_TOPIC).param(room).abridged(&topic.text);
        if let Some((by, at)) = &topic.set {
            let server = &self.config.server;
            let by = by.as_ref().map_or(&**server, |by| by.as_str());
            self.numeric(RPL_TOPICWHOTIME)
                .param(room)
                .param(by)
                .number(seconds(*at))
                .end();
        }
    }

    /// Who is in a channel of that kind: `=`, or `@` for one that is secret.
    pub(super) fn names(
        &mut self,
        kind: &str,
        room: &RoomName,
        members: &[(Person, Role)],
        last: bool,
    ) {
        let is_whole = self.client.has(Caps::USERHOST_IN_NAMES);
        let line = self.numeric(RPL_NAMREPLY).param(kind).param(room.as_str());
        let mut list = line.list(' ');
        for (person, role) in members {
            let author = Author::of(person);
            // Where the names are so long that there is no room for all of it, who it is matters most.
            let _ = list.token(&name_parts(&author, *role, is_whole))
                || list.token(&name_parts(&author, *role, false));
        }
        list.end_unless_empty();
        if last {
            self.numeric(RPL_ENDOFNAMES)
                .param(room.as_str())
                .trailing("End of /NAMES list");
        }
    }

    pub(super) fn settings(
        &mut self,
        room: &RoomName,
        settings: &RoomSettings,
        created: SystemTime,
    ) {
        let room = room.as_str();
        let (letters, params) = modes::all(settings);
        let mut line = self.numeric(RPL_CHANNELMODEIS).param(room).param(&letters);
        for param in &params {
            line = line.echo(param);
        }
        line.end();
        self.numeric(RPL_CREATIONTIME)
            .param(room)
            .number(seconds(created))
            .end();
    }

    pub(super) fn masks(&mut self, room: &RoomName, list: MaskList, masks: &[MaskEntry]) {
        let Some((numeric, end, what)) = list_numerics(list) else {
            return;
        };
        let room = room.as_str();
        let server = &*self.config.server;
        for MaskEntry { mask, by, at } in masks {
            let by = by.as_ref().map_or(server, |by| by.as_str());
            self.numeric(numeric)
                .param(room)
                .echo(mask.as_str())
                .param(by)
                .number(seconds(*at))
                .end();
        }
        self.numeric(end)
            .param(room)
            .trailing_fmt(format_args!("End of channel {what} list"));
    }

    pub(super) fn list(&mut self, rooms: &[RoomInfo], first: bool, last: bool) {
        if first {
            self.numeric(RPL_LISTSTART)
                .param("Channel")
                .trailing("Users  Name");
        }
        for room in rooms {
            if let Ask::List(filter) = &self.client.ask
                && !filter.matches(room)
            {
                continue;
            }
            let members = u64::try_from(room.members).unwrap_or(u64::MAX);
            self.numeric(RPL_LIST)
                .param(room.name.as_str())
                .number(members)
                .abridged(&room.topic.text);
        }
        if last {
            self.numeric(RPL_LISTEND).trailing("End of /LIST");
        }
    }
}
