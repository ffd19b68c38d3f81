//! Events for many readers, which are encoded once for each kind of wire.

use std::{any::TypeId, slice, sync::OnceLock};

use super::Event;
use crate::wire::Wire;

/// An event that many are told, or several that they are told together, with the bytes that each kind of wire
/// makes of it.
///
/// The first reader of a kind encodes, the others share what it made.
#[derive(Debug)]
pub(crate) struct Outbound {
    events: Events,
    cost: usize,
    frames: [OnceLock<(TypeId, Box<[u8]>)>; KINDS],
}

/// A single one needs no memory of its own.
#[derive(Debug)]
enum Events {
    One(Event),
    Several(Vec<Event>),
}

/// How many kinds of wires share their bytes. Readers on a kind beyond these encode for themselves.
const KINDS: usize = 3;

impl Outbound {
    pub(crate) fn new(event: Event) -> Self {
        Self {
            cost: event.cost(),
            events: Events::One(event),
            frames: Default::default(),
        }
    }

    /// Several events that belong behind each other.
    pub(crate) fn burst(events: Vec<Event>) -> Self {
        Self {
            cost: events.iter().map(Event::cost).sum(),
            events: Events::Several(events),
            frames: Default::default(),
        }
    }

    pub(crate) fn events(&self) -> &[Event] {
        match &self.events {
            Events::One(event) => slice::from_ref(event),
            Events::Several(events) => events,
        }
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
                for event in self.events() {
                    W::encode(event, &mut bytes);
                }
                (kind, bytes.into())
            });
            (*of == kind).then_some(&**bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::{
        model::Command,
        wire::{Line, Seed, WireError},
    };

    thread_local! {
        static ENCODED: Cell<usize> = const { Cell::new(0) };
    }

    /// A wire of a kind `N`, which counts how often it encodes.
    #[derive(Clone)]
    struct Counting<const N: u8>;

    impl<const N: u8> Wire for Counting<N> {
        fn frame_end(&self, input: &[u8]) -> Option<usize> {
            Some(input.len())
        }

        fn decode<'a>(&mut self, _: &'a [u8]) -> Result<Option<Command<'a>>, WireError> {
            Ok(None)
        }

        fn encode(_: &Event, out: &mut Vec<u8>) {
            ENCODED.set(ENCODED.get() + 1);
            out.push(N);
        }
    }

    #[test]
    fn each_kind_of_wire_encodes_once_however_many_read() {
        let outbound = Outbound::new(Event::Pong);
        for _ in 0..1000 {
            assert_eq!(outbound.frame::<Counting<1>>(), Some(&[1][..]));
            assert_eq!(outbound.frame::<Counting<2>>(), Some(&[2][..]));
            assert_eq!(outbound.frame::<Counting<3>>(), Some(&[3][..]));
        }
        assert_eq!(ENCODED.get(), 3);
        // There is no place for a fourth.
        assert_eq!(outbound.frame::<Counting<4>>(), None);
    }

    #[test]
    fn wires_do_not_see_each_others_bytes() {
        let outbound = Outbound::new(Event::Pong);
        assert_eq!(outbound.frame::<Seed>(), Some(&b""[..]));
        assert_eq!(outbound.frame::<Line>(), Some(&b"pong\n"[..]));
        assert_eq!(outbound.frame::<Seed>(), Some(&b""[..]));
    }
}
