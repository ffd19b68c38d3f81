//! A client of the `line` protocol, over any byte stream and on any runtime.
//!
//! ```
//! # extern crate chinwag_core as chinwag;
//! use chinwag::client::{Client, ClientError, Received};
//! use futures::{AsyncRead, AsyncWrite};
//!
//! /// Greets everyone, and answers whoever speaks.
//! async fn greeter<Io>(io: Io) -> Result<(), ClientError>
//! where
//!     Io: AsyncRead + AsyncWrite + Unpin + Send,
//! {
//!     let client = Client::new(io);
//!     client.register("greeter").await?;
//!     for name in client.list().await? {
//!         client.send(&name, "hello").await?;
//!     }
//!     let mut incoming = client.incoming();
//!     while let Some(received) = incoming.next().await {
//!         if let Received::Message { from, .. } = received? {
//!             client.send(&from, "good to hear from you").await?;
//!         }
//!     }
//!     Ok(())
//! }
//! ```

mod conn;
mod error;
pub(crate) mod received;
pub(crate) mod replies;
mod requests;
mod waiters;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures::{
    io::{AsyncRead, AsyncWrite},
    stream::Stream,
    task::waker_ref,
};

use crate::rt::give_way;
use conn::{Conn, Turn};
pub use error::{ClientError, ProtocolError};
pub use received::Received;
pub use replies::UserInfo;
use replies::{Answer, Request};
use waiters::{News, Waiter, Waiters};

/// A connection to a chat server, in the `line` protocol.
///
/// It is a handle: its clones share one connection, and any number of tasks may use them at once. The
/// connection closes when the last clone and the last [`Inbox`] are dropped; what has been queued but
/// not written by then is lost.
///
/// # Who does the work
///
/// The client needs no runtime and spawns nothing. Whichever future of it is awaited, or whichever
/// [`Inbox`] is polled, writes and reads for all of them. While nobody waits, nothing is read or written.
///
/// # Staying connected
///
/// The server closes a connection that sends nothing for long ([`Timeouts::idle`](crate::Timeouts::idle): an
/// hour unless set), and receiving does not count. A client that mostly listens calls [`ping`](Self::ping)
/// now and then. Before such an end the inbox yields [`Received::Refused`] with the code `timed-out`.
///
/// # Bounds
///
/// Messages that nobody has taken from an [`Inbox`] wait in one queue, which holds at most
/// [`ClientBuilder::inbox_events`] and little more than 256 KiB. While it is full nothing more is read, so
/// that the server is held back, and every request for a reply fails with [`ClientError::InboxFull`].
/// Somebody must therefore take what arrives. The server disconnects a client that does not read for
/// long.
///
/// At most 64 KiB wait to be written and at most 1,024 requests wait for their replies. One more waits
/// until there is room.
///
/// # Refusals
///
/// [`send`](Self::send) and [`say`](Self::say) wait for no reply, and a refusal of theirs arrives as
/// [`Received::Refused`]. Everything else that may be refused has the refusal as its error. As the protocol
/// does not say what an error answers, such a request after a message has a `ping` before it, whose answer
/// is not shown: what is refused before it was the message.
///
/// # Cancellation
///
/// A line is queued whole, or not at all, at the first poll at which there is room for it. If the future of a
/// request is dropped before, it is as if it was never started. After that it is as if it had completed: the line
/// is sent all the same, as soon as anybody waits on this client, and its reply is thrown away when it comes;
/// other requests get their own replies.
pub struct Client<Io>(Arc<Shared<Io>>);

struct Shared<Io> {
    max_line: usize,
    conn: Mutex<Conn<Io>>,
    waiters: Arc<Waiters>,
}

/// Makes a [`Client`] with other limits than the usual ones.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::client::ClientBuilder;
/// # fn doc<Io: futures::AsyncRead + futures::AsyncWrite + Unpin + Send>(io: Io) {
/// let client = ClientBuilder::new().max_line(65_536).build(io);
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct ClientBuilder {
    max_line: usize,
    max_reply: usize,
    inbox_events: usize,
}

impl<Io: AsyncRead + AsyncWrite + Unpin + Send> Client<Io> {
    /// Talks over `io`, with the usual limits. Nothing is sent yet.
    pub fn new(io: Io) -> Self {
        ClientBuilder::new().build(io)
    }

    /// What the server says unasked, as a stream. Like a clone, it keeps the connection open.
    pub fn incoming(&self) -> Inbox<Io> {
        Inbox {
            waiter: Waiter::new(&self.0.waiters),
            client: self.clone(),
            ended: false,
        }
    }

    /// Queues `line`, which has no reply, and waits until it is written and flushed.
    async fn post(&self, line: String) -> Result<(), ClientError> {
        self.check_line(&line)?;
        let mut waiter = Waiter::new(&self.0.waiters);
        let mut sent_at = None;
        poll_fn(|cx| {
            self.poll(cx, &mut waiter, News::Sent, |conn| match sent_at {
                None => match conn.queue_chat(&line) {
                    Ok(position) => {
                        sent_at = position;
                        Poll::Pending
                    }
                    Err(end) => Poll::Ready(Err(end)),
                },
                Some(position) => conn.flushed(position),
            })
        })
        .await
    }

    /// Queues `line` and waits for its answer.
    async fn ask(&self, request: Request, line: String) -> Answer {
        self.check_line(&line)?;
        let mut waiter = Waiter::new(&self.0.waiters);
        let mut reply = None;
        let mut gave_way = None;
        loop {
            let answer = poll_fn(|cx| {
                // Until it is queued, it waits for room as well.
                let news = match reply {
                    None => News::Sent,
                    Some(_) => News::Received,
                };
                self.poll(cx, &mut waiter, news, |conn| {
                    conn.poll_request(request, &line, &mut reply)
                        .map_err(|error| (error, conn.taken()))
                })
            });
            match answer.await {
                Ok(reply) => return Ok(reply),
                // One poll may read enough to fill the inbox. Whoever takes from it must have a turn
                // before it counts as forgotten.
                Err((ClientError::InboxFull, taken)) if gave_way != Some(taken) => {
                    gave_way = Some(taken);
                    give_way().await;
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    fn check_line(&self, line: &str) -> Result<(), ClientError> {
        let (bytes, max) = (line.len() - 1, self.0.max_line);
        match bytes <= max {
            true => Ok(()),
            false => Err(ClientError::LineTooLong { bytes, max }),
        }
    }

    /// Drives the connection until `step` is ready or there is nothing to do but wait.
    ///
    /// `step` looks at the connection, and may queue something if it then returns `Pending`.
    ///
    /// What it relies on: when this returns `Pending`, the stream has registered the waker of
    /// *everyone*, or `waiter` is awake already. And whoever changes what another may be waiting for
    /// wakes that one, after the lock is released.
    fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        waiter: &mut Waiter,
        wants: News,
        mut step: impl FnMut(&mut Conn<Io>) -> Poll<T>,
    ) -> Poll<T> {
        let first = step(&mut self.lock());
        if first.is_ready() {
            return first;
        }
        // Before anything is looked at again, so that every later change wakes this task.
        waiter.wait(cx.waker(), wants);
        let everyone = waker_ref(&self.0.waiters);
        let mut everyone = Context::from_waker(&everyone);
        let (mut news, mut turns) = (None, 0);
        let mut conn = self.lock();
        let outcome = loop {
            let outcome = step(&mut conn);
            if outcome.is_ready() || turns == MAX_TURNS {
                break outcome;
            }
            turns += 1;
            match conn.turn(&mut everyone) {
                Turn::News(turn) => news = news.max(Some(turn)),
                Turn::Idle => break Poll::Pending,
            }
        };
        let ended = conn.take_ended();
        drop(conn);
        // Dropping a stream may wake whoever has its other end.
        drop(ended);
        if outcome.is_ready() {
            waiter.leave();
        }
        if outcome.is_pending() && turns == MAX_TURNS {
            // There may be more to do: everyone must come again, this task as well.
            self.0.waiters.tell(News::Received, None);
        } else if let Some(news) = news {
            self.0.waiters.tell(news, waiter.key());
        }
        outcome
    }
}

impl<Io> Client<Io> {
    fn lock(&self) -> MutexGuard<'_, Conn<Io>> {
        // Only the stream's own code could have panicked under it, between two changes of ours.
        self.0.conn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often one poll may write or read before it lets others run; a read brings at most 8 KiB.
const MAX_TURNS: usize = 32;

impl<Io> Clone for Client<Io> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<Io> fmt::Debug for Client<Io> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// Starts from the usual limits.
    pub fn new() -> Self {
        Self {
            max_line: 4096,
            max_reply: 1 << 24,
            inbox_events: 1024,
        }
    }

    /// The longest line that is sent, in bytes, its end not counted; 4,096 unless set, as on the server.
    ///
    /// It should be no more than what the server takes: a longer one is not done.
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes;
        self
    }

    /// The longest line that is read, in bytes, its end not counted; 2^24 unless set. A list of names is
    /// one line.
    pub fn max_reply(mut self, bytes: usize) -> Self {
        self.max_reply = bytes;
        self
    }

    /// How many events may wait to be taken from an [`Inbox`], at least 1; 1,024 unless set.
    pub fn inbox_events(mut self, events: usize) -> Self {
        self.inbox_events = events.max(1);
        self
    }

    /// Talks over `io`. Nothing is sent yet.
    pub fn build<Io: AsyncRead + AsyncWrite + Unpin + Send>(self, io: Io) -> Client<Io> {
        Client(Arc::new(Shared {
            max_line: self.max_line,
            conn: Mutex::new(Conn::new(io, self)),
            waiters: Arc::default(),
        }))
    }
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self::new()
    }
}

/// The stream of what a server says unasked; see [`Client::incoming`].
///
/// It ends when the server has closed the connection. If the connection ends in any other way, the last
/// item is the error.
///
/// A client has one inbox: of several such streams, each takes what the others have not.
///
/// # Cancellation
///
/// Dropping one, or a future that waits for its next event, loses nothing: what has not been taken stays for the next.
pub struct Inbox<Io> {
    client: Client<Io>,
    waiter: Waiter,
    ended: bool,
}

impl<Io: AsyncRead + AsyncWrite + Unpin + Send> Inbox<Io> {
    /// The next event; `None` when the server has closed the connection.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses no event: it is as if it was never started.
    ///
    /// # Errors
    ///
    /// Why the connection has ended, if it did in any other way. Nothing follows an error.
    pub async fn next(&mut self) -> Option<Result<Received, ClientError>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin + Send> Stream for Inbox<Io> {
    type Item = Result<Received, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        let next = this
            .client
            .poll(cx, &mut this.waiter, News::Received, Conn::poll_event);
        next.map(|event| match event {
            Ok(event) => Some(Ok(event)),
            Err(end) => {
                this.ended = true;
                match end {
                    ClientError::Closed => None,
                    end => Some(Err(end)),
                }
            }
        })
    }
}

impl<Io> fmt::Debug for Inbox<Io> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}
