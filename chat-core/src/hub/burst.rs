//! What one connection says in one room in one go.

use std::{mem, sync::Arc};

use super::{
    effects::Effects,
    room::{Actor, Message, Room, Stop},
    roster::Position,
    user::User,
};
use crate::{
    error::HubError,
    model::{RoomName, Style},
};

/// Messages of one member to one room that came behind each other, and are published together: each of
/// the members then has one more entry in its mailbox, instead of one for each message.
#[derive(Debug, Default)]
pub(crate) struct Burst {
    of: Option<Author>,
    messages: Vec<Message>,
    /// About what they will cost in a mailbox.
    cost: usize,
}

#[derive(Debug)]
struct Author {
    room: Arc<Room>,
    user: Arc<User>,
    position: Position,
}

/// The most that a burst costs, in bytes, and the most messages in it. It takes a mailbox past its mark all at
/// once, so in a small mailbox it is less: an eighth.
const MOST_BYTES: usize = 16 * 1024;
const MOST: usize = 64;

/// What a message costs besides its text, about.
const EACH: usize = 128;

impl Burst {
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether a message of so many bytes belongs to this burst and there is room for it.
    pub(crate) fn takes(&self, room: &Arc<Room>, bytes: usize, mailbox_bytes: usize) -> bool {
        let is_open = match &self.of {
            Some(author) => Arc::ptr_eq(&author.room, room),
            None => false,
        };
        let most = MOST_BYTES.min(mailbox_bytes / 8);
        is_open && self.messages.len() < MOST && self.cost + bytes + EACH <= most
    }

    /// Begins with `message`. What was there must have been published.
    pub(crate) fn begin(&mut self, room: &Arc<Room>, actor: Actor<'_>, message: Message) {
        self.of = Some(Author {
            room: room.clone(),
            user: actor.user.clone(),
            position: actor.position,
        });
        self.add(message);
    }

    /// Adds `message`, which it [`takes`](Self::takes).
    pub(crate) fn add(&mut self, message: Message) {
        self.cost += message.bytes() + EACH;
        self.messages.push(message);
    }

    /// Publishes it.
    ///
    /// # Errors
    ///
    /// Why the room does not take it, which one that is, and how many messages that were.
    pub(crate) fn publish(effects: &mut Effects) -> Result<(), (HubError, RoomName, usize)> {
        let Some(author) = effects.burst.of.take() else {
            return Ok(());
        };
        effects.burst.cost = 0;
        let mut messages = mem::take(&mut effects.burst.messages);
        let actor = Actor {
            user: &author.user,
            position: author.position,
        };
        let count = messages.len();
        let published = author.room.publish_all(actor, &mut messages, effects);
        messages.clear();
        effects.burst.messages = messages;
        published.map_err(|rule| (rule, author.room.name().clone(), count))
    }
}

impl super::Seat {
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
}

/// Whether a message was gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gathered {
    Yes,
    /// The burst has to be published first, and this to be tried again.
    NotYet,
}
