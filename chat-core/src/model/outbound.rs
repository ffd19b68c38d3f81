//! An event for many readers, which is encoded once for each kind of wire.

use std::{any::TypeId, sync::OnceLock};

use super::Event;
use crate::wire::Wire;

/// An event that many are told, with the bytes that each kind of wire makes of it.
///
/// The first reader of a kind encodes, the others share what it made.
#[derive(Debug)]
pub(crate) struct Outbound {
    event: Event,
    cost: usize,
    frames: [OnceLock<(TypeId, Box<[u8]>)>; KINDS],
}

/// How many kinds of wires share their bytes. Readers on a kind beyond these encode for themselves.
const KINDS: usize = 3;

impl Outbound {
    pub(crate) fn new(event: Event) -> Self {
        Self {
            cost: event.cost(),
            event,
            frames: Default::default(),
        }
    }

    pub(crate) fn event(&self) -> &Event {
        &self.event
    }

    /// See [`Event::cost`]. Every reader's mailbox counts all of it.
    pub(crate) fn cost(&self) -> usize {
        self.cost
    }

    /// The bytes of the event on the wire `W`; `None` if there is no place for that kind.
    pub(crate) fn frame<W: Wire>(&self) -> Option<&[u8]> {
        let kind = TypeId::of::<W>();
        self.frames.iter().find_map(|frame| {
            let (of, bytes) = frame.get_or_init(|| {
                let mut bytes = Vec::new();
                W::encode(&self.event, &mut bytes);
                (kind, bytes.into())
            });
            (*of == kind).then_some(&**bytes)
        })
    }
}
