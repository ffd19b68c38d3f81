//! A client on a socket, which does as it is told, and behaves as badly as it is told to.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use futures::io::{AsyncRead, AsyncWrite};

use crate::net::MemoryStream;

/// One connection, as its client has it.
#[derive(Clone)]
pub(super) struct Client(Arc<Mutex<State>>);

struct State {
    /// `None` once it is gone.
    io: Option<MemoryStream>,
    /// What is to be written.
    unsent: VecDeque<u8>,
    /// Our end is to be closed when all is written.
    is_closing: bool,
    is_closed: bool,
    is_reading: bool,
    /// What it reads has lines.
    has_lines: bool,
    unread: Vec<u8>,
    task: Option<Waker>,
}

/// What a client hears.
pub(super) enum Heard<'a> {
    /// Without its end.
    Line(&'a [u8]),
    /// What one read brings, where there are no lines.
    Bytes(&'a [u8]),
    /// The server has closed its end; everything before it was heard, and perhaps the beginning of a line.
    End { is_cut: bool },
    /// The connection is broken.
    Broken,
}

impl Client {
    pub(super) fn new(io: MemoryStream, has_lines: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            io: Some(io),
            unsent: VecDeque::new(),
            is_closing: false,
            is_closed: false,
            is_reading: true,
            has_lines,
            unread: Vec::new(),
            task: None,
        })))
    }

    /// Moves bytes both ways until the connection is gone. `hears` is called for each thing that is heard.
    pub(super) fn poll(&self, cx: &mut Context<'_>, hears: &mut impl FnMut(Heard<'_>)) -> Poll<()> {
        let mut state = self.lock();
        let over = state.poll(cx, hears);
        match over {
            // With a stream that has ended, nothing can be done any more.
            Poll::Ready(()) => drop(state.io.take()),
            Poll::Pending => state.task = Some(cx.waker().clone()),
        }
        over
    }

    /// Whether there still is a connection.
    pub(super) fn is_open(&self) -> bool {
        self.lock().io.is_some()
    }

    /// Whether requests may still be sent.
    pub(super) fn can_ask(&self) -> bool {
        let state = self.lock();
        state.io.is_some() && !state.is_closing
    }

    /// Sends `bytes`, as soon as there is room for them.
    pub(super) fn send(&self, bytes: &[u8]) {
        self.change(|state| state.unsent.extend(bytes));
    }

    /// How many bytes there was no room for yet.
    pub(super) fn unsent(&self) -> usize {
        self.lock().unsent.len()
    }

    /// Stops to read, or goes on.
    pub(super) fn set_reading(&self, is_reading: bool) {
        self.change(|state| state.is_reading = is_reading);
    }

    /// Lets nothing through in either direction any more, or lets it through again.
    pub(super) fn set_stalled(&self, is_stalled: bool) {
        self.change(|state| match (&state.io, is_stalled) {
            (Some(io), true) => io.stall(),
            (Some(io), false) => io.resume(),
            (None, _) => {}
        });
    }

    /// Closes its sending end.
    pub(super) fn close(&self) {
        self.change(|state| state.is_closing = true);
    }

    /// Is gone, without a word.
    pub(super) fn vanish(&self) {
        let io = self.lock().io.take();
        drop(io);
        self.change(|_| {});
    }

    /// Breaks the connection.
    pub(super) fn reset(&self) {
        let io = self.lock().io.take();
        if let Some(io) = io {
            io.reset();
        }
        self.change(|_| {});
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn poll(&mut self, cx: &mut Context<'_>, hears: &mut impl FnMut(Heard<'_>)) -> Poll<()> {
        loop {
            let Some(io) = &mut self.io else {
                return Poll::Ready(());
            };
            let mut io = Pin::new(io);
            let mut moved = false;
            let (front, _) = self.unsent.as_slices();
            if !front.is_empty() {
                match io.as_mut().poll_write(cx, front) {
                    Poll::Ready(Ok(count)) => {
                        self.unsent.drain(..count);
                        moved = true;
                    }
                    // It will read why, if it reads.
                    Poll::Ready(Err(_)) => self.unsent.clear(),
                    Poll::Pending => {}
                }
            } else if self.is_closing && !self.is_closed {
                self.is_closed = io.as_mut().poll_close(cx).is_ready();
            }
            if self.is_reading {
                let mut buf = [0; 2048];
                match io.as_mut().poll_read(cx, &mut buf) {
                    Poll::Ready(Ok(0)) => {
                        let is_cut = !self.unread.is_empty();
                        hears(Heard::End { is_cut });
                        return Poll::Ready(());
                    }
                    Poll::Ready(Ok(count)) => {
                        match self.has_lines {
                            true => {
                                self.unread.extend_from_slice(&buf[..count]);
                                self.lines(hears);
                            }
                            false => hears(Heard::Bytes(&buf[..count])),
                        }
                        moved = true;
                    }
                    Poll::Ready(Err(_)) => {
                        hears(Heard::Broken);
                        return Poll::Ready(());
                    }
                    Poll::Pending => {}
                }
            }
            if !moved {
                return Poll::Pending;
            }
        }
    }

    fn lines(&mut self, hears: &mut impl FnMut(Heard<'_>)) {
        let mut from = 0;
        while let Some(length) = self.unread[from..].iter().position(|&byte| byte == b'\n') {
            hears(Heard::Line(&self.unread[from..from + length]));
            from += length + 1;
        }
        self.unread.drain(..from);
    }
}
