//! What one connection sends to others.

use std::sync::Arc;

use super::{Registered, Seat};
use crate::{
    error::HubError,
    hub::{
        burst::Gathered,
        effects::{Effects, Told},
        mailbox::{Item, Manner},
        names::NameMap,
        room::{Message, Room, Speaker, Stop},
        user::{Devices, Entry, User},
    },
    model::{Event, Person, Role, Style, UserName},
};

/// Who was found by a name.
pub(super) struct Recipient {
    /// The name, as it was written.
    name: String,
    user: Arc<User>,
    /// The version of the user that this is true of.
    version: u64,
    person: Person,
    devices: Devices,
}

impl Recipient {
    /// Who has the name `name`. If it is who had it last time, `last` is used again.
    fn find<'a>(
        last: &'a mut Option<Box<Self>>,
        names: &NameMap<UserName, Entry>,
        name: &str,
    ) -> Result<&'a Self, HubError> {
        let is_known = |last: &Self| last.name == name && last.user.version() == last.version;
        if !last.as_deref().is_some_and(is_known) {
            // The version first: whoever changes an entry changes the version after it.
            let look = |entry: &Entry| (entry.user.version(), entry.clone());
            let (version, Entry { user, devices }) =
                names.get(name, look).ok_or(HubError::NoSuchUser)?;
            let person = user.lock_as(name)?.person.clone();
            let mut text = match last.take() {
                Some(last) => last.name,
                None => String::new(),
            };
            text.clear();
            text.push_str(name);
            *last = Some(Box::new(Self {
                name: text,
                user,
                version,
                person,
                devices,
            }));
        }
        last.as_deref().ok_or(HubError::NoSuchUser)
    }
}

impl Seat {
    /// Sends a message to whoever has the name `to`. Returns who got it, and what the user's other connections are told,
    /// if the sender wants a `receipt`.
    pub(crate) fn send(
        &mut self,
        to: &str,
        text: &str,
        style: Style<'_>,
        receipt: bool,
        effects: &mut Effects,
    ) -> Result<Option<(Person, Event)>, Stop> {
        if let Some(registered) = &mut self.registered {
            // Another connection of the same user may have changed the name by now.
            registered.refresh(&self.mailbox);
        }
        let stamp = self.stamp(effects.at);
        let registered = self.registered.as_mut().filter(|r| r.is_here);
        let registered = registered.ok_or(HubError::NotRegistered)?;
        self.hub.check_text(text)?;
        let Registered {
            person: me,
            others,
            recipient,
            ..
        } = &mut **registered;
        let recipient = Recipient::find(recipient, &self.hub.names, to)?;
        let Message {
            text,
            kind,
            extra,
            stamp,
        } = Message::new(text, style, stamp);
        let direct = || Event::Direct {
            from: Some(me.clone()),
            text: text.clone(),
            kind,
            extra: extra.clone(),
            stamp,
        };
        let mut told = Told::Never;
        let devices = recipient.devices.as_slice();
        if let [mailbox] = devices {
            told = effects.push(mailbox, Item::Own(direct()), Manner::Patient);
        } else {
            let before = effects.behind.len();
            let behind = devices.iter().filter(|d| d.is_behind());
            effects.behind.extend(behind.cloned());
            if effects.behind.len() > before {
                return Err(Stop::Held);
            }
            for device in devices {
                if effects.push(device, Item::Own(direct()), Manner::Urgent) == Told::Yes {
                    told = Told::Yes;
                }
            }
        }
        match told {
            Told::Yes => {}
            Told::NotYet => return Err(Stop::Held),
            // Their connection is about to be closed, and their name to be free.
            Told::Never => return Err(HubError::NoSuchUser.into()),
        }
        self.sent.set(self.sent.get().wrapping_add(1));
        if others.is_empty() && !receipt {
            return Ok(None);
        }
        // To oneself: they have got it already.
        let others = match recipient.person == *me {
            true => &[][..],
            false => others,
        };
        let sent = Event::Sent {
            to: recipient.person.name().clone(),
            from: me.clone(),
            text,
            kind,
            extra,
            stamp,
        };
        for other in others {
            let _ = effects.push(other, Item::Own(sent.clone()), Manner::Urgent);
        }
        Ok(receipt.then(|| (recipient.person.clone(), sent)))
    }

    /// Sends something that nobody reads to a room or a user. Returns what a user is told; in a room one hears it
    /// oneself.
    pub(crate) fn signal(
        &mut self,
        to: &str,
        extra: &str,
        effects: &mut Effects,
    ) -> Result<Option<Event>, Stop> {
        self.refresh();
        let registered = self.registered.as_ref().filter(|r| r.is_here);
        let registered = registered.ok_or(HubError::NotRegistered)?;
        let stamp = self.next_stamp(effects.at);
        if to.starts_with('#') {
            let (room, speaker) = self.speaker(to)?;
            room.signal(speaker, extra.into(), stamp, effects)?;
            return Ok(None);
        }
        let from = registered.person.clone();
        let event = self.hub.signal(from, to, extra.into(), stamp, effects)?;
        Ok(Some(event))
    }

    /// Sends a message to all members of `room` of at least that role.
    pub(crate) fn say(
        &mut self,
        room: &str,
        text: &str,
        least: Role,
        style: Style<'_>,
        effects: &mut Effects,
    ) -> Result<(), Stop> {
        self.hub.check_text(text)?;
        let (room, speaker) = self.speaker(room)?;
        let message = Message::new(text, style, self.next_stamp(effects.at));
        room.publish(speaker, least, message, effects)
    }

    /// Like [`say`](Self::say), but more may come: it is published with the [`Burst`] that is among the
    /// effects, at the latest when the caller has done all that was asked for.
    ///
    /// The burst must be published before anything else is done for this connection.
    pub(crate) fn gather(
        &mut self,
        room: &str,
        text: &str,
        style: Style<'_>,
        effects: &mut Effects,
    ) -> Result<Gathered, Stop> {
        self.hub().check_text(text)?;
        let most = self.hub().limits.mailbox_bytes();
        let bytes = text.len() + style.extra.map_or(0, str::len);
        let (room, actor) = self.joined(room)?;
        if effects.burst.takes(room, bytes, most) {
            let message = Message::new(text, style, self.next_stamp(effects.at));
            effects.burst.add(message);
            return Ok(Gathered::Yes);
        }
        if !effects.burst.is_empty() {
            return Ok(Gathered::NotYet);
        }
        room.admits(actor, effects)?;
        let message = Message::new(text, style, self.next_stamp(effects.at));
        effects.burst.begin(room, actor, message);
        Ok(Gathered::Yes)
    }

    /// Who talks in the room `name`, as a member or from outside.
    fn speaker(&self, name: &str) -> Result<(Arc<Room>, Speaker<'_>), HubError> {
        let registered = self.registered.as_ref().filter(|r| r.is_here);
        let registered = registered.ok_or(HubError::NotRegistered)?;
        let (room, actor) = match self.joined(name) {
            Ok((room, actor)) => (room.clone(), Some(actor)),
            Err(HubError::NotAMember | HubError::NoSuchRoom) => {
                (self.hub.existing_room(name)?, None)
            }
            Err(error) => return Err(error),
        };
        let speaker = Speaker {
            person: &registered.person,
            mailbox: &self.mailbox,
            actor,
        };
        Ok((room, speaker))
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Instant};

    use super::*;
    use crate::Hub;

    fn registered(hub: &Hub, name: &str, now: Instant) -> Seat {
        let mut seat = hub.enter();
        let person = name.parse().unwrap();
        seat.register(person, now, &mut Effects::default()).unwrap();
        seat
    }

    /// From the moment when somebody else can have a name, nothing that is sent to it goes to who had it before,
    /// also from one who has just sent them something.
    #[test]
    fn a_name_that_is_free_leads_nowhere() {
        #[expect(clippy::disallowed_methods, reason = "nothing depends on it")]
        let now = Instant::now();
        let hub = Hub::new();
        let mut ada = registered(&hub, "ada", now);
        let mut bob = registered(&hub, "bob", now);
        ada.send(
            "bob",
            "one",
            Style::default(),
            false,
            &mut Effects::default(),
        )
        .unwrap();
        let mailbox = bob.mailbox.clone();
        let bytes = mailbox.bytes();
        thread::scope(|scope| {
            // It stops half-way: the old name is free, and the new one not on the list.
            let held = hub.inner().roster.hold();
            scope.spawn(move || {
                let person = "bobby".parse().unwrap();
                bob.register(person, now, &mut Effects::default()).unwrap();
            });
            while hub.inner().user("bob").is_some() {
                thread::yield_now();
            }
            let sent = ada.send(
                "bob",
                "two",
                Style::default(),
                false,
                &mut Effects::default(),
            );
            assert_eq!(sent, Err(HubError::NoSuchUser.into()));
            assert_eq!(mailbox.bytes(), bytes);
            drop(held);
        });
    }
}
