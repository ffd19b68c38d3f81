//! What one connection says in one room in one go.

use std::{mem, sync::Arc};

use super::{
    effects::Effects,
    room::{Actor, Message, Room},
    roster::Position,
    user::User,
};
use crate::{error::HubError, model::RoomName};

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

/// Whether a message was gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gathered {
    Yes,
    /// The burst has to be published first, and this to be tried again.
    NotYet,
}
