//! What waits to be written to one socket.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use futures::io::AsyncWrite;

use crate::{
    model::{Event, Outbound},
    wire::Wire,
};

/// Bytes on their way to one socket.
///
/// Small frames are copied behind each other, because one write of one buffer is the cheapest way to
/// send them; large ones that others send as well are kept as they are and written from where they
/// lie. An empty outbox owns no memory once it has been [`settle`](Self::settle)d.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// What goes before `tail`; empty unless there is a large frame.
    queue: VecDeque<Bytes>,
    tail: Vec<u8>,
    /// How much of `tail` is written already.
    tail_written: usize,
    /// What is left to be written, in bytes.
    len: usize,
}

/// From this size on, in bytes, a shared frame is not copied: `writev` of two pieces then costs less than
/// the copy.
const LARGE: usize = 4096;

/// How many pieces are given to one `writev`. Systems take 1,024; the gain ends long before.
const PIECES: usize = 64;

impl Outbox {
    /// How many bytes wait.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Lends the outbox memory to write to, if it has none of its own.
    pub(crate) fn borrow(&mut self, scratch: &mut Vec<u8>) {
        if self.tail.capacity() == 0 {
            self.tail = mem::take(scratch);
        }
    }

    /// Gives what was borrowed back. What still waits is moved to memory of its own, of just its size.
    pub(crate) fn settle(&mut self, scratch: &mut Vec<u8>) {
        let borrowed = scratch.capacity() == 0;
        match (self.tail_written < self.tail.len(), borrowed) {
            (true, true) => {
                let waiting = self.tail[self.tail_written..].to_vec();
                self.tail_written = 0;
                *scratch = mem::replace(&mut self.tail, waiting);
                scratch.clear();
            }
            (true, false) => {}
            (false, true) => *scratch = mem::take(&mut self.tail),
            (false, false) => self.tail = Vec::new(),
        }
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }

    /// Adds an event that only this connection is told. Returns how many bytes that were.
    pub(crate) fn push<W: Wire>(&mut self, event: &Event) -> usize {
        let before = self.tail.len();
        W::encode(event, &mut self.tail);
        let added = self.tail.len() - before;
        self.len += added;
        added
    }

    /// Adds an event that others may be told as well.
    pub(crate) fn push_shared<W: Wire>(&mut self, event: &Outbound) {
        match event.bytes::<W>() {
            None => {
                self.push::<W>(event.event());
            }
            Some(frame) if frame.len() < LARGE => {
                self.tail.extend_from_slice(frame);
                self.len += frame.len();
            }
            Some(frame) => {
                let mut before = Bytes::from(mem::take(&mut self.tail));
                before.advance(mem::take(&mut self.tail_written));
                if !before.is_empty() {
                    self.queue.push_back(before);
                }
                self.queue.push_back(frame.clone());
                self.len += frame.len();
            }
        }
    }

    /// Makes one write of as much as possible.
    pub(crate) fn poll_write<Io: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut Io,
    ) -> Poll<io::Result<()>> {
        let io = Pin::new(io);
        let tail = &self.tail[self.tail_written..];
        let written = if self.queue.is_empty() {
            ready!(io.poll_write(cx, tail))?
        } else {
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let all = self.queue.iter().map(|frame| &frame[..]).chain([tail]);
            let mut count = 0;
            for (piece, bytes) in pieces.iter_mut().zip(all) {
                *piece = IoSlice::new(bytes);
                count += 1;
            }
            ready!(io.poll_write_vectored(cx, &pieces[..count]))?
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(written);
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
        self.len -= written;
        while let Some(front) = self.queue.front_mut() {
            let of_front = written.min(front.len());
            front.advance(of_front);
            written -= of_front;
            if !front.is_empty() {
                return;
            }
            self.queue.pop_front();
        }
        self.tail_written += written;
        if self.tail_written == self.tail.len() {
            self.tail.clear();
            self.tail_written = 0;
        } else if self.tail_written > self.tail.len() / 2 {
            // A peer that always leaves a little must not make the rest pile up before it.
            self.tail.drain(..self.tail_written);
            self.tail_written = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::task::noop_waker;

    use super::*;
    use crate::{UserName, wire::Line};

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
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(cx, &[IoSlice::new(buf)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.calls += 1;
            let mut room = self.most;
            for buf in bufs {
                let part = &buf[..room.min(buf.len())];
                self.got.extend_from_slice(part);
                room -= part.len();
            }
            Poll::Ready(Ok(self.most - room))
        }

        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn names(count: usize) -> Outbound {
        let name = |i| format!("user{i:04}").parse::<UserName>().unwrap();
        Outbound::new(Event::Names((0..count).map(name).collect()))
    }

    /// Small frames and large ones in turn, and the bytes that must come of them.
    fn mixed(outbox: &mut Outbox) -> Vec<u8> {
        let mut expected = Vec::new();
        for count in [1, 1000, 2, 3, 2000, 1500, 1] {
            outbox.push::<Line>(&Event::Pong);
            expected.extend_from_slice(b"pong\n");
            let names = names(count);
            outbox.push_shared::<Line>(&names);
            expected.extend_from_slice(names.bytes::<Line>().unwrap());
        }
        expected
    }

    #[test]
    fn small_frames_are_one_write() {
        let mut outbox = Outbox::default();
        for _ in 0..100 {
            outbox.push::<Line>(&Event::Pong);
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
    fn a_large_shared_frame_is_not_copied() {
        let mut outbox = Outbox::default();
        let names = names(10_000);
        outbox.push_shared::<Line>(&names);
        let shared = names.bytes::<Line>().unwrap();
        assert_eq!(outbox.queue[0].as_ptr(), shared.as_ptr());
    }

    #[test]
    fn more_pieces_than_one_writev_takes() {
        let mut outbox = Outbox::default();
        let names = names(1000);
        for _ in 0..3 * PIECES {
            outbox.push_shared::<Line>(&names);
        }
        let mut sink = Sink::new(usize::MAX);
        sink.drain(&mut outbox);
        assert_eq!(sink.calls, 3);
        assert_eq!(sink.got.len(), 9000 * 3 * PIECES);
    }

    #[test]
    fn an_empty_outbox_owns_nothing_once_settled() {
        let (mut outbox, mut scratch) = (Outbox::default(), Vec::with_capacity(64));
        outbox.borrow(&mut scratch);
        mixed(&mut outbox);
        outbox.settle(&mut scratch);
        outbox.borrow(&mut scratch);
        outbox.push::<Line>(&Event::Pong);
        Sink::new(1000).drain(&mut outbox);
        outbox.settle(&mut scratch);
        assert!(scratch.capacity() > 0);
        assert_eq!(outbox.tail.capacity() + outbox.queue.capacity(), 0);
    }

    #[test]
    fn a_peer_that_never_reads_all_does_not_make_it_grow() {
        let mut outbox = Outbox::default();
        let mut sink = Sink::new(5000);
        let waker = noop_waker();
        let mut cx = Context::from_waker(&waker);
        for _ in 0..1000 {
            while outbox.len() < 10_000 {
                outbox.push::<Line>(&Event::Pong);
            }
            assert!(outbox.poll_write(&mut cx, &mut sink).is_ready());
        }
        assert!(outbox.tail.capacity() < 40_000);
    }
}
