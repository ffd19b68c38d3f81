//! What a client of the original protocol reads, where nothing marks the end of anything.

use super::{
    book::Book,
    witness::{Witness, Wrong},
};

/// The bytes that a client of `seed` has read and cannot tell the end of yet.
#[derive(Debug, Default)]
pub(super) struct Seed {
    unread: Vec<u8>,
    /// It has asked for this name, and waits for the answer.
    asked: Option<String>,
    /// Nothing that follows can be told apart: an error has no end.
    is_lost: bool,
}

impl Seed {
    /// Of a client that asks for `name`.
    pub(super) fn new(name: &str) -> Self {
        Self {
            asked: Some(name.to_owned()),
            ..Self::default()
        }
    }

    /// It reads `bytes`.
    pub(super) fn hears(
        &mut self,
        bytes: &[u8],
        witness: &mut Witness,
        book: &mut Book,
    ) -> Result<(), Wrong> {
        if self.is_lost {
            return Ok(());
        }
        self.unread.extend_from_slice(bytes);
        let Some(name) = &self.asked else {
            return self.messages(witness, book);
        };
        if self.unread.starts_with(b"error,") {
            self.is_lost = true;
            book.answered(witness.who, name, false);
            return Ok(());
        }
        if let Some(rest) = self.unread.strip_prefix(b"ack") {
            book.answered(witness.who, name, true);
            witness.name = self.asked.take();
            self.unread = rest.to_vec();
            return self.messages(witness, book);
        }
        let may_be = |answer: &[u8]| answer.starts_with(&self.unread);
        match may_be(b"ack") || may_be(b"error,") {
            true => Ok(()),
            false => Err(format!("heard {:?} in answer to register", self.unread)),
        }
    }

    /// Takes the messages that are there from beginning to end.
    fn messages(&mut self, witness: &mut Witness, book: &mut Book) -> Result<(), Wrong> {
        let Ok(text) = str::from_utf8(&self.unread) else {
            return Err(format!("heard {:?}", self.unread));
        };
        let mut rest = text;
        while let Some((from, after)) = rest.split_once(" says ") {
            let Some(length) = book.length(after) else {
                break;
            };
            let (said, next) = after.split_at(length);
            witness.hears_from(from, said, book)?;
            rest = next;
        }
        // The longest that is only begun.
        let is_begun = rest.len() < 8 * 1024;
        self.unread = rest.as_bytes().to_vec();
        match is_begun {
            true => Ok(()),
            false => Err(format!("heard {:?}, which is nothing", &self.unread[..200])),
        }
    }

    /// Whether it has read everything to the end of something.
    pub(super) fn has_read_all(&self) -> bool {
        self.is_lost || self.unread.is_empty()
    }

    /// Whether it is a client with a name.
    pub(super) fn is_registered(&self) -> bool {
        !self.is_lost && self.asked.is_none()
    }
}
