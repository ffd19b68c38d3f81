//! What one connection says in one room in one go.

use std::{mem, sync::Arc};

use super::{
    effects::Effects,
    room::{Actor, Room, Stop},
    roster::Position,
    user::User,
};
use crate::{error::HubError, model::RoomName};

/// Messages of one member to one room that came behind each other, and are published together: each of
/// the members then has one more entry in its mailbox, instead of one for each message.
#[derive(Debug, Default)]
pub(crate) struct Burst {
    of: Option<Author>,
    texts: Vec<Arc<str>>,
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
        self.texts.is_empty()
    }

    /// Adds `text`, if it belongs to this burst and there is room for it.
    pub(crate) fn extend(&mut self, room: &Arc<Room>, text: &str, mailbox_bytes: usize) -> bool {
        let is_open = match &self.of {
            Some(author) => Arc::ptr_eq(&author.room, room),
            None => false,
        };
        let most = MOST_BYTES.min(mailbox_bytes / 8);
        let has_room = self.texts.len() < MOST && self.cost + text.len() + EACH <= most;
        if is_open && has_room {
            self.add(text);
        }
        is_open && has_room
    }

    /// Begins with `text`. What was there must have been published.
    pub(crate) fn begin(&mut self, room: &Arc<Room>, actor: Actor<'_>, text: &str) {
        self.of = Some(Author {
            room: room.clone(),
            user: actor.user.clone(),
            position: actor.position,
        });
        self.add(text);
    }

    fn add(&mut self, text: &str) {
        self.cost += text.len() + EACH;
        self.texts.push(text.into());
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
        let mut texts = mem::take(&mut effects.burst.texts);
        let actor = Actor {
            user: &author.user,
            position: author.position,
        };
        let count = texts.len();
        let published = author.room.publish_all(actor, &mut texts, effects);
        texts.clear();
        effects.burst.texts = texts;
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
        effects: &mut Effects,
    ) -> Result<Gathered, Stop> {
        self.hub().check_text(text)?;
        let bytes = self.hub().limits.mailbox_bytes();
        let (room, actor) = self.joined(room)?;
        if effects.burst.extend(room, text, bytes) {
            return Ok(Gathered::Yes);
        }
        if !effects.burst.is_empty() {
            return Ok(Gathered::NotYet);
        }
        room.admits(actor, effects)?;
        effects.burst.begin(room, actor, text);
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
