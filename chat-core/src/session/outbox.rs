//! What waits to be written to one socket.

use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::io::AsyncWrite;

use crate::{
    hub::{Heard, Item},
    model::{Answer, Event, Person},
    wire::Wire,
};

/// Bytes on their way to one socket.
///
/// Frames are copied behind each other, because one write of one buffer is the cheapest way to send them.
/// An empty outbox owns no memory once it has been [`settle`](Self::settle)d.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    /// How many of `bytes` are written already.
    written: usize,
}

impl Outbox {
    /// How many bytes wait.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lends the outbox memory to write to, if it has none of its own.
    pub(crate) fn borrow(&mut self, scratch: &mut Vec<u8>) {
        if self.bytes.capacity() == 0 {
            self.bytes = mem::take(scratch);
        }
    }

    /// Gives what was borrowed back. What still waits is moved to memory of its own, of just its size.
    pub(crate) fn settle(&mut self, scratch: &mut Vec<u8>) {
        let borrowed = scratch.capacity() == 0;
        match (self.is_empty(), borrowed) {
            (true, true) => *scratch = mem::take(&mut self.bytes),
            (true, false) => self.bytes = Vec::new(),
            (false, true) => {
                let waiting = self.bytes[self.written..].to_vec();
                self.written = 0;
                *scratch = mem::replace(&mut self.bytes, waiting);
                scratch.clear();
            }
            (false, false) => {}
        }
    }

    /// Adds an answer. Returns how many bytes that were.
    pub(crate) fn answer(&mut self, wire: &mut impl Wire, answer: &Answer<'_>) -> usize {
        let before = self.bytes.len();
        wire.answer(answer, &mut self.bytes);
        self.bytes.len() - before
    }

    /// Adds what asks the peer behind `wire` for a sign of life.
    pub(crate) fn probe(&mut self, wire: &mut impl Wire) {
        wire.probe(&mut self.bytes);
    }

    /// Adds what the peer behind `wire` has to be told of itself after it has missed events.
    pub(crate) fn catch_up(&mut self, wire: &mut impl Wire, me: &Person) {
        wire.catch_up(me, &mut self.bytes);
    }

    /// Adds an event that the peer behind `wire` is told.
    pub(crate) fn push(&mut self, wire: &mut impl Wire, event: &Event) {
        wire.tell(event, &mut self.bytes);
    }

    /// Adds what was taken from a mailbox. What others are told as well is encoded once for all of them.
    pub(crate) fn push_item(&mut self, wire: &mut impl Wire, item: &Item) {
        let heard = item.hear(wire);
        self.push_heard(wire, heard);
    }

    /// Adds what the peer behind `wire` hears.
    pub(crate) fn push_heard<W: Wire>(&mut self, wire: &mut W, heard: Heard<'_>) {
        match heard {
            Heard::Bytes(bytes) => self.push_bytes(bytes),
            Heard::Events(events, form) => {
                for event in events {
                    match form {
                        Some(form) => W::encode(event, form, &mut self.bytes),
                        None => self.push(wire, event),
                    }
                }
            }
        }
    }

    /// Adds what is encoded already.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Makes one write of all that waits.
    pub(crate) fn poll_write<Io: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut Io,
    ) -> Poll<io::Result<()>> {
        let count = ready!(Pin::new(io).poll_write(cx, &self.bytes[self.written..]))?;
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.written += count;
        if self.is_empty() {
            self.bytes.clear();
            self.written = 0;
        } else if self.written > self.bytes.len() / 2 {
            // A peer that always leaves a little must not make the rest pile up before it.
            self.bytes.drain(..self.written);
            self.written = 0;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use futures::task::noop_waker;

    use super::*;
    use crate::wire::{Form, Line};

    /// Takes at most `most` bytes a call, and counts the calls.
    struct Sink {
        most: usize,
        got: Vec<u8>,
        calls: usize,
    }

    impl Sink {
        fn new(most: usize) -> Self {
            Self {
                most,
                got: Vec::new(),
                calls: 0,
            }
        }

        fn drain(&mut self, outbox: &mut Outbox) {
            let waker = noop_waker();
            let mut cx = Context::from_waker(&waker);
            while !outbox.is_empty() {
                assert!(outbox.poll_write(&mut cx, self).is_ready());
            }
        }
    }

    impl AsyncWrite for Sink {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.calls += 1;
            let count = buf.len().min(self.most);
            self.got.extend_from_slice(&buf[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Frames of many sizes, and the bytes that must come of them.
    fn mixed(outbox: &mut Outbox) -> Vec<u8> {
        let mut expected = Vec::new();
        for length in [1, 5000, 0, 70, 20_000] {
            let direct = Event::direct(Some("ada".parse().unwrap()), "x".repeat(length));
            outbox.answer(&mut Line::default(), &Answer::Pong);
            expected.extend_from_slice(b"pong\n");
            outbox.push(&mut Line::default(), &direct);
            Line::encode(&direct, Form::default(), &mut expected);
        }
        expected
    }

    #[test]
    fn many_frames_are_one_write() {
        let mut outbox = Outbox::default();
        for _ in 0..100 {
            outbox.answer(&mut Line::default(), &Answer::Pong);
        }
        let mut sink = Sink::new(usize::MAX);
        sink.drain(&mut outbox);
        assert_eq!((sink.got.len(), sink.calls), (500, 1));
    }

    #[test]
    fn every_size_of_short_write_keeps_every_byte_in_order() {
        for most in [1, 2, 3, 7, 100, 4095, 4096, 5000, 100_000] {
            let (mut outbox, mut scratch) = (Outbox::default(), Vec::with_capacity(64));
            outbox.borrow(&mut scratch);
            let mut expected = mixed(&mut outbox);
            let mut sink = Sink::new(most);
            let waker = noop_waker();
            let mut cx = Context::from_waker(&waker);
            // Go to sleep and wake up in the middle of it.
            assert!(outbox.poll_write(&mut cx, &mut sink).is_ready());
            outbox.settle(&mut scratch);
            assert_eq!(outbox.len(), expected.len() - sink.got.len());
            outbox.borrow(&mut scratch);
            expected.extend(mixed(&mut outbox));
            sink.drain(&mut outbox);
            assert_eq!(sink.got, expected, "{most}");
        }
    }

    #[test]
    fn an_empty_outbox_owns_nothing_once_settled() {
        let (mut outbox, mut scratch) = (Outbox::default(), Vec::with_capacity(64));
        outbox.borrow(&mut scratch);
        mixed(&mut outbox);
        outbox.settle(&mut scratch);
        outbox.borrow(&mut scratch);
        outbox.answer(&mut Line::default(), &Answer::Pong);
        Sink::new(1000).drain(&mut outbox);
        outbox.settle(&mut scratch);
        assert!(scratch.capacity() > 0);
        assert_eq!(outbox.bytes.capacity(), 0);
    }

    #[test]
    fn a_peer_that_never_reads_all_does_not_make_it_grow() {
        let mut outbox = Outbox::default();
        let mut sink = Sink::new(5000);
        let waker = noop_waker();
        let mut cx = Context::from_waker(&waker);
        for _ in 0..1000 {
            while outbox.len() < 10_000 {
                outbox.answer(&mut Line::default(), &Answer::Pong);
            }
            assert!(outbox.poll_write(&mut cx, &mut sink).is_ready());
        }
        assert!(outbox.bytes.capacity() < 40_000);
    }
}
