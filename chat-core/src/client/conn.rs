//! The connection that the handles of a client share.

use std::{
    collections::VecDeque,
    io, mem,
    ops::Range,
    pin::Pin,
    str,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{
    channel::oneshot,
    io::{AsyncRead, AsyncWrite},
};
use memchr::memchr;

use super::{
    ClientBuilder, ClientError, ProtocolError, Received,
    received::event_line,
    replies::{Answer, Request, error_line},
    waiters::News,
};

/// What one [`turn`](Conn::turn) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Something; another may do more.
    News(News),
    /// Nothing, because nothing can be done now. The waker is registered for what is waited for.
    Idle,
}

/// One connection: what waits to be written, who waits for a reply, and what has been received.
///
/// It is in one of three states. It is *open* while `end` is `None`. After a failed write it *only
/// reads*, because the server may have said why: `end` is set and `io` is still there. Then it has
/// *ended*, and `io` is gone.
pub(super) struct Conn<Io> {
    io: Option<Io>,
    end: Option<ClientError>,
    /// The stream of a connection that has ended, until it is dropped.
    ended: Option<Io>,
    limits: ClientBuilder,
    /// What waits to be written.
    out: VecDeque<u8>,
    /// How many bytes were ever queued.
    queued: u64,
    /// How many of them were written and flushed.
    flushed: u64,
    /// What was read: up to `start` it is done with, up to `searched` it has no line end after that.
    input: Vec<u8>,
    start: usize,
    searched: usize,
    /// The requests without a reply, in the order in which the server will reply.
    pending: VecDeque<Pending>,
    /// Whether a chat, to a user or a room, was queued after the last request.
    chatted: bool,
    /// Whether this client has the name `bye`, so that a list may be just that.
    is_bye: bool,
    inbox: VecDeque<Received>,
    inbox_bytes: usize,
    taken: u64,
}

struct Pending {
    request: Request,
    /// Whether it asks for the name `bye`.
    is_for_bye: bool,
    /// Whether a chat was queued between this request and the one before.
    after_chat: bool,
    /// Where the reply goes. Nobody polls the other end: it has no waker that could be woken under the
    /// lock, and is looked at when its owner is woken for other reasons.
    reply: Option<oneshot::Sender<Answer>>,
}

/// How many bytes may wait to be written.
const MAX_OUT: usize = 64 * 1024;
/// How many requests may wait for a reply.
const MAX_PENDING: usize = 1024;
/// How many bytes may wait to be received; one event more than that.
const MAX_INBOX_BYTES: usize = 256 * 1024;
/// How many bytes are read at once.
const CHUNK: usize = 8 * 1024;

impl<Io> Conn<Io> {
    pub(super) fn new(io: Io, limits: ClientBuilder) -> Self {
        Self {
            io: Some(io),
            end: None,
            ended: None,
            limits,
            out: VecDeque::new(),
            queued: 0,
            flushed: 0,
            input: Vec::new(),
            start: 0,
            searched: 0,
            pending: VecDeque::new(),
            chatted: false,
            is_bye: false,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            taken: 0,
        }
    }

    /// The stream, if the connection has ended since the last call. Not to be dropped under a lock.
    pub(super) fn take_ended(&mut self) -> Option<Io> {
        self.ended.take()
    }

    /// How many events were ever taken from the inbox.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Queues a line that has no reply. Returns where it ends, for [`flushed`](Self::flushed), or `None`
    /// if there is no room for it now.
    pub(super) fn queue_chat(&mut self, line: &str) -> Result<Option<u64>, ClientError> {
        self.is_open()?;
        if !self.has_room(line) {
            return Ok(None);
        }
        self.queue(line);
        self.chatted = true;
        Ok(Some(self.queued))
    }

    /// Whether everything up to `position` has been written and flushed.
    pub(super) fn flushed(&self, position: u64) -> Poll<Result<(), ClientError>> {
        match self.flushed >= position {
            true => Poll::Ready(Ok(())),
            false => self
                .is_open()
                .map_or_else(|end| Poll::Ready(Err(end)), |()| Poll::Pending),
        }
    }

    /// Queues a request when there is room, and then waits in `reply` for its answer.
    pub(super) fn poll_request(
        &mut self,
        request: Request,
        line: &str,
        reply: &mut Option<oneshot::Receiver<Answer>>,
    ) -> Poll<Answer> {
        match reply.as_mut().map(oneshot::Receiver::try_recv) {
            Some(Ok(Some(answer))) => return Poll::Ready(answer),
            Some(Err(oneshot::Canceled)) => {
                return Poll::Ready(Err(self.end.clone().unwrap_or(ClientError::Closed)));
            }
            Some(Ok(None)) | None => {}
        }
        self.is_open()?;
        if self.inbox_is_full() {
            return Poll::Ready(Err(ClientError::InboxFull));
        }
        if reply.is_none() && self.has_room(line) && self.pending.len() < MAX_PENDING {
            if self.chatted && request.is_like_chat() {
                self.queue_request(Request::Fence, "ping\n", None);
            }
            let (sender, receiver) = oneshot::channel();
            self.queue_request(request, line, Some(sender));
            *reply = Some(receiver);
        }
        Poll::Pending
    }

    fn queue_request(
        &mut self,
        request: Request,
        line: &str,
        reply: Option<oneshot::Sender<Answer>>,
    ) {
        let name = line.strip_prefix("register,").unwrap_or_default();
        self.pending.push_back(Pending {
            request,
            is_for_bye: name
                .strip_prefix("bye")
                .is_some_and(|rest| rest.starts_with([',', '\n'])),
            after_chat: mem::take(&mut self.chatted),
            reply,
        });
        self.queue(line);
    }

    /// Takes the next event from the inbox; the end comes after all of them.
    pub(super) fn poll_event(&mut self) -> Poll<Result<Received, ClientError>> {
        if let Some(event) = self.inbox.pop_front() {
            self.inbox_bytes -= event.cost();
            self.taken += 1;
            return Poll::Ready(Ok(event));
        }
        match (&self.io, &self.end) {
            (None, Some(end)) => Poll::Ready(Err(end.clone())),
            _ => Poll::Pending,
        }
    }

    fn is_open(&self) -> Result<(), ClientError> {
        self.end.clone().map_or(Ok(()), Err)
    }

    fn has_room(&self, line: &str) -> bool {
        self.out.is_empty() || self.out.len() + line.len() <= MAX_OUT
    }

    fn queue(&mut self, line: &str) {
        self.out.extend(line.as_bytes());
        self.queued += line.len() as u64;
    }

    fn inbox_is_full(&self) -> bool {
        self.inbox.len() >= self.limits.inbox_events || self.inbox_bytes >= MAX_INBOX_BYTES
    }

    fn deliver(&mut self, event: Received) {
        self.inbox_bytes += event.cost();
        self.inbox.push_back(event);
    }

    /// Answers the request whose turn it is.
    fn answer(&mut self, answer: Answer) {
        if let Some(reply) = self.pending.pop_front().and_then(|front| front.reply) {
            // It fails if nobody waits for it any more.
            let _ = reply.send(answer);
        }
    }

    /// Ends the connection; the first reason counts.
    fn end(&mut self, why: ClientError) {
        self.stop(why);
        self.ended = self.io.take();
        self.input = Vec::new();
        (self.start, self.searched) = (0, 0);
    }

    /// Stops sending, and fails everyone who waits to send or for a reply.
    fn stop(&mut self, why: ClientError) {
        self.end.get_or_insert(why);
        self.out = VecDeque::new();
        self.pending = VecDeque::new();
    }

    /// Handles the whole lines among what was read, as far as the inbox has room. Whether it did any.
    fn handle_lines(&mut self) -> bool {
        let mut any = false;
        while !self.inbox_is_full() {
            let Some(length) = memchr(b'\n', &self.input[self.searched..]) else {
                self.searched = self.input.len();
                break;
            };
            any = true;
            let line = self.start..self.searched + length;
            self.start = line.end + 1;
            self.searched = self.start;
            if let Err(error) = self.handle_line(line) {
                self.end(error.into());
            }
        }
        any
    }

    /// Handles one line, which is `line` of the input.
    fn handle_line(&mut self, line: Range<usize>) -> Result<(), ProtocolError> {
        let line = &self.input[line];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let max = self.limits.max_reply;
        if line.len() > max {
            return Err(ProtocolError::LineTooLong { max });
        }
        let line = str::from_utf8(line).map_err(|_| ProtocolError::NotUtf8)?;
        if let Some((code, explanation)) = error_line(line) {
            let (code, explanation) = (code.to_owned(), explanation.to_owned());
            match self.is_answer(&code, &explanation) {
                true => self.answer(Err(ClientError::Refused { code, explanation })),
                false => self.deliver(Received::Refused { code, explanation }),
            }
        } else if let Some(event) = event_line(line) {
            self.deliver(event);
        } else {
            let front = self.pending.front();
            let request = front.map(|front| front.request);
            let is_for_bye = front.is_some_and(|front| front.is_for_bye);
            match request.and_then(|request| request.reply(line, self.is_bye)) {
                Some(reply) => {
                    self.answer(Ok(reply));
                    match request {
                        Some(Request::Register) => self.is_bye = is_for_bye,
                        Some(Request::Quit) => self.end(ClientError::Closed),
                        _ => {}
                    }
                }
                None if line == "bye" => {
                    self.deliver(Received::Bye);
                    self.end(ClientError::Closed);
                }
                None => return Err(unexpected(line)),
            }
        }
        Ok(())
    }

    /// Whether an error answers the request whose turn it is.
    fn is_answer(&self, code: &str, explanation: &str) -> bool {
        self.pending.front().is_some_and(|front| {
            let may_be_chat = front.after_chat || front.request == Request::Fence;
            front.request.may_be_refused(code, explanation, may_be_chat)
        })
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Conn<Io> {
    /// Does what can be done now: writes, or else handles what was read, or else reads.
    ///
    /// It is [`Turn::Idle`] only when all that is queued is written or the stream has registered the
    /// waker for writing, *and* the stream has registered it for reading, or is deliberately not read
    /// because the inbox is full, or has ended. Nobody waits on a stream that is not read: an [`Inbox`]
    /// has something to take and a request fails.
    ///
    /// [`Inbox`]: super::Inbox
    pub(super) fn turn(&mut self, cx: &mut Context<'_>) -> Turn {
        match self.write(cx) {
            Ok(false) => {}
            Ok(true) => return Turn::News(News::Sent),
            Err(error) => {
                self.stop(ClientError::Io(Arc::new(error)));
                return Turn::News(News::Received);
            }
        }
        if self.io.is_none() || self.inbox_is_full() {
            return Turn::Idle;
        }
        if self.handle_lines() {
            return Turn::News(News::Received);
        }
        match self.read(cx) {
            Poll::Pending => return Turn::Idle,
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(end)) => self.end(end),
        }
        Turn::News(News::Received)
    }

    /// Writes as much as the stream takes and flushes it. Whether that was anything.
    fn write(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let (Some(io), None) = (&mut self.io, &self.end) else {
            return Ok(false);
        };
        let mut any = false;
        loop {
            let (front, _) = self.out.as_slices();
            if front.is_empty() {
                break;
            }
            match Pin::new(&mut *io).poll_write(cx, front)? {
                Poll::Pending => break,
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(n) => {
                    let n = n.min(front.len());
                    self.out.drain(..n);
                    any = true;
                }
            }
        }
        // Not only when all is written: with enough senders that may never be.
        let written = self.queued - self.out.len() as u64;
        if self.flushed < written && Pin::new(io).poll_flush(cx)?.is_ready() {
            self.flushed = written;
            any = true;
        }
        Ok(any)
    }

    /// Reads once and handles what came.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ClientError>> {
        let Some(io) = &mut self.io else {
            return Poll::Pending;
        };
        let mut chunk = [0; CHUNK];
        let n = match Pin::new(io).poll_read(cx, &mut chunk) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(n)) => n.min(CHUNK),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(ClientError::Io(Arc::new(error)))),
        };
        // What is left has no line end, so that nothing is moved twice except with a line taken out.
        self.input.drain(..mem::take(&mut self.start));
        self.searched = self.input.len();
        if n == 0 {
            return Poll::Ready(Err(match self.input.is_empty() {
                true => ClientError::Closed,
                false => ProtocolError::Unfinished.into(),
            }));
        }
        if self.input.is_empty() && self.input.capacity() > 8 * CHUNK {
            // One long line must not keep its memory for ever.
            self.input = Vec::new();
        }
        self.input.extend_from_slice(&chunk[..n]);
        self.handle_lines();
        let max = self.limits.max_reply;
        let unfinished = self.searched.saturating_sub(self.start);
        match unfinished > max.saturating_add(1) {
            true => Poll::Ready(Err(ProtocolError::LineTooLong { max }.into())),
            false => Poll::Ready(Ok(())),
        }
    }
}

fn unexpected(line: &str) -> ProtocolError {
    let start = line.chars().take(80).collect();
    ProtocolError::Unexpected { start }
}
