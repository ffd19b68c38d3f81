//! Events for many readers, which are encoded once for each kind of wire.

use std::{any::TypeId, slice, sync::OnceLock};

use super::Event;
use crate::wire::{Form, Hearing, Wire};

/// An event that many are told, or several that they are told together, with the bytes that each kind of wire
/// makes of it in each of its forms.
///
/// The first reader of a kind encodes, the others share what it made.
#[derive(Debug)]
pub(crate) struct Outbound {
    events: Events,
    cost: usize,
    frame: OnceLock<Frame>,
}

/// A single one needs no memory of its own.
#[derive(Debug)]
enum Events {
    One(Event),
    Several(Vec<Event>),
}

/// What one kind of wire makes of it in one form. There are as many as all wires together have forms, and usually one.
#[derive(Debug)]
struct Frame {
    wire: TypeId,
    form: Form,
    bytes: Box<[u8]>,
    next: OnceLock<Box<Frame>>,
}

impl Outbound {
    pub(crate) fn new(event: Event) -> Self {
        Self {
            cost: event.cost(),
            events: Events::One(event),
            frame: OnceLock::new(),
        }
    }

    /// Several events that belong behind each other.
    pub(crate) fn burst(events: Vec<Event>) -> Self {
        Self {
            cost: events.iter().map(Event::cost).sum(),
            events: Events::Several(events),
            frame: OnceLock::new(),
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

    /// How the peer behind `wire` hears it.
    #[inline]
    pub(crate) fn hear(&self, wire: &mut impl Wire) -> Hearing {
        let first = self.events().first();
        first.map_or(Hearing::Nothing, |event| wire.hear(event))
    }

    /// The bytes of the event on the wire `W` in this form.
    #[inline]
    pub(crate) fn frame<W: Wire>(&self, form: Form) -> &[u8] {
        let wire = TypeId::of::<W>();
        match self.frame.get() {
            Some(frame) if frame.wire == wire && frame.form == form => &frame.bytes,
            _ => self.find_frame::<W>(wire, form),
        }
    }

    #[inline(never)]
    fn find_frame<W: Wire>(&self, wire: TypeId, form: Form) -> &[u8] {
        let encode = || Frame::new::<W>(wire, form, self.events());
        let mut frame = self.frame.get_or_init(encode);
        while frame.wire != wire || frame.form != form {
            frame = frame.next.get_or_init(|| Box::new(encode()));
        }
        &frame.bytes
    }
}

impl Frame {
    fn new<W: Wire>(wire: TypeId, form: Form, events: &[Event]) -> Self {
        let mut bytes = Vec::new();
        for event in events {
            W::encode(event, form, &mut bytes);
        }
        Self {
            wire,
            form,
            bytes: bytes.into(),
            next: OnceLock::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::{
        model::{Answer, Command},
        wire::{Line, Reading, Seed, WireError},
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

        fn decode<'a>(
            &mut self,
            _: &'a [u8],
            _: &mut Reading,
        ) -> Result<Option<Command<'a>>, WireError> {
            Ok(None)
        }

        fn answer(&mut self, _: &Answer<'_>, _: &mut Vec<u8>) {}

        fn encode(_: &Event, form: Form, out: &mut Vec<u8>) {
            ENCODED.set(ENCODED.get() + 1);
            out.extend([N, form.0]);
        }
    }

    #[test]
    fn each_kind_of_wire_encodes_once_in_each_form_however_many_read() {
        let outbound = Outbound::new(Event::Bye);
        for _ in 0..1000 {
            assert_eq!(outbound.frame::<Counting<1>>(Form(0)), [1, 0]);
            assert_eq!(outbound.frame::<Counting<2>>(Form(0)), [2, 0]);
            assert_eq!(outbound.frame::<Counting<1>>(Form(7)), [1, 7]);
            assert_eq!(outbound.frame::<Counting<2>>(Form(7)), [2, 7]);
        }
        assert_eq!(ENCODED.get(), 4);
    }

    #[test]
    fn wires_do_not_see_each_others_bytes() {
        let outbound = Outbound::new(Event::Bye);
        let form = Form::default();
        assert_eq!(outbound.frame::<Seed>(form), b"");
        assert_eq!(outbound.frame::<Line>(form), b"bye\n");
        assert_eq!(outbound.frame::<Seed>(form), b"");
    }
}
