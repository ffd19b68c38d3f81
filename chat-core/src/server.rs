//! The server: listeners in front of a hub.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};

use futures::{
    future::{BoxFuture, Either, join_all, select},
    io::{AsyncRead, AsyncWrite},
    task::AtomicWaker,
};
use slab::Slab;

use crate::{
    error::ServerError,
    hub::{CloseReason, Hub, Mailbox},
    net::{AcceptRetry, Incoming, Listener},
    rt::{Runtime, give_way, later},
    session::Connection,
    trace::log,
    wire::Wire,
};

/// Serves a [`Hub`] on any number of listeners, each with its own wire.
///
/// ```
/// use chinwag_core::{Hub, Server, wire::{Line, Seed}};
/// # use chinwag_testkit::{MemoryNet, VirtualRuntime};
/// # let (net, rt) = (MemoryNet::new(), VirtualRuntime::new(1));
/// # let ctrl_c = async {};
/// # rt.clone().block_on(async {
///
/// Server::new(Hub::new())
///     .listen(net.listen("line"), Line::default())
///     .listen(net.listen("seed"), Seed::default())
///     .run_until(ctrl_c, rt)
///     .await?;
/// # Ok::<(), chinwag_core::ServerError>(())
/// # }).unwrap();
/// ```
#[must_use = "a server does nothing until `run_until` is awaited"]
pub struct Server<R> {
    hub: Hub,
    listeners: Vec<AcceptLoop<R>>,
}

type AcceptLoop<R> = Box<dyn FnOnce(Arc<Shared<R>>) -> BoxFuture<'static, ()> + Send>;

impl<R: Runtime> Server<R> {
    /// A server for `hub`, with nothing to listen on yet.
    pub fn new(hub: Hub) -> Self {
        Self {
            hub,
            listeners: Vec::new(),
        }
    }

    /// Also accepts connections from `listener`, and speaks `wire` with them.
    pub fn listen(mut self, listener: impl Listener, wire: impl Wire) -> Self {
        let accept = move |shared| -> BoxFuture<'static, ()> {
            Box::pin(accept_loop(listener, wire, shared))
        };
        self.listeners.push(Box::new(accept));
        self
    }

    /// Serves until `signal` completes, then shuts down.
    ///
    /// Each connection is one task of `runtime`; accepting is done in the returned future itself.
    ///
    /// The shutdown closes the listeners, tells every peer good-bye, writes what waits for it, and closes
    /// its connection; `run_until` returns when all are closed. It takes at most
    /// [`Timeouts::shutdown`](crate::Timeouts::shutdown); who has not read everything by then loses the
    /// rest, which is logged.
    ///
    /// Dropping the future closes the listeners and every connection at once.
    ///
    /// # Errors
    ///
    /// [`ServerError::NoListener`] if there is nothing to serve. An error on a listener or a connection
    /// ends neither the server nor any other connection.
    pub async fn run_until(self, signal: impl Future, runtime: R) -> Result<(), ServerError> {
        if self.listeners.is_empty() {
            return Err(ServerError::NoListener);
        }
        let wait = self.hub.timeouts().shutdown();
        let shared = Arc::new(Shared {
            hub: self.hub,
            runtime,
            connections: Connections::default(),
            refusing: AtomicUsize::new(0),
            full: AtomicBool::new(false),
        });
        let _abort = AbortOnDrop(&shared.connections);
        {
            let accepting = join_all(
                self.listeners
                    .into_iter()
                    .map(|accept| accept(shared.clone())),
            );
            select(pin!(signal), accepting).await;
        }
        let deadline = later(shared.runtime.now(), wait);
        shared.connections.close(CloseReason::Shutdown);
        if !shared.all_closed(deadline).await {
            log!(WARN, "dropping the connections that did not end in time");
            shared.connections.close(CloseReason::Abort);
            // Their tasks only have to be polled once more.
            let deadline = later(shared.runtime.now(), Duration::from_millis(500));
            shared.all_closed(deadline).await;
        }
        Ok(())
    }
}

impl<R> fmt::Debug for Server<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("hub", &self.hub)
            .field("listeners", &self.listeners.len())
            .finish()
    }
}

/// What the accept loops and the connections of one server have in common.
struct Shared<R> {
    hub: Hub,
    runtime: R,
    connections: Connections,
    /// How many connections are just being told that there is no room for them.
    refusing: AtomicUsize,
    /// It has been logged that there are too many connections, and there still are.
    full: AtomicBool,
}

/// The most connections that are told so at once; more are closed without a word.
const MAX_REFUSING: usize = 64;

impl<R: Runtime> Shared<R> {
    fn serve<Io, W>(self: &Arc<Self>, incoming: Incoming<Io>, wire: W)
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        W: Wire,
    {
        if let Some(place) = self.hub.place() {
            self.full.store(false, Ordering::Relaxed);
            let connection = self.connection(incoming, wire, place);
            self.runtime.spawn(connection.run(self.runtime.clone()));
            return;
        }
        if !self.full.swap(true, Ordering::Relaxed) {
            let max = self.hub.limits().max_connections();
            log!(
                WARN,
                "there are {max} connections, the most allowed; more are refused"
            );
            let _ = max;
        }
        if let Some(place) = self.refusal_place() {
            let mut connection = self.connection(incoming, wire, place);
            connection.refuse(self.runtime.now());
            self.runtime.spawn(connection.run(self.runtime.clone()));
        }
    }

    /// A connection that is listed, and holds `place`, while it lives.
    fn connection<Io, W, Place>(
        self: &Arc<Self>,
        incoming: Incoming<Io>,
        wire: W,
        place: Place,
    ) -> Connection<Io, W, (Place, Listed<R>)>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
        W: Wire,
    {
        let user = self.hub.enter();
        let listed = Listed {
            key: self.connections.add(user.mailbox().clone()),
            shared: self.clone(),
        };
        Connection::new(user, incoming, wire, self.runtime.now(), (place, listed))
    }

    fn refusal_place(self: &Arc<Self>) -> Option<RefusalPlace<R>> {
        self.refusing
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |refusing| {
                (refusing < MAX_REFUSING).then_some(refusing + 1)
            })
            .ok()?;
        Some(RefusalPlace(self.clone()))
    }

    /// Waits until no connection is left, at most until `deadline`.
    async fn all_closed(&self, deadline: Instant) -> bool {
        let sleep = pin!(self.runtime.sleep_until(deadline));
        let closed = pin!(self.connections.all_closed());
        matches!(select(closed, sleep).await, Either::Left(_))
    }
}

/// One of the places of [`MAX_REFUSING`], given back when dropped.
struct RefusalPlace<R>(Arc<Shared<R>>);

impl<R> Drop for RefusalPlace<R> {
    fn drop(&mut self) {
        self.0.refusing.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection's entry among the [`Connections`], taken out when dropped.
struct Listed<R> {
    shared: Arc<Shared<R>>,
    key: usize,
}

impl<R> Drop for Listed<R> {
    fn drop(&mut self) {
        self.shared.connections.remove(self.key);
    }
}

/// The open connections of one server, so that they can be told to end.
#[derive(Default)]
struct Connections {
    state: Mutex<ConnectionsState>,
    /// Who waits for the last one to close.
    empty: AtomicWaker,
}

#[derive(Default)]
struct ConnectionsState {
    open: Slab<Arc<Mailbox>>,
    closed: Option<CloseReason>,
}

impl Connections {
    fn add(&self, mailbox: Arc<Mailbox>) -> usize {
        let mut state = self.lock();
        if let Some(reason) = state.closed {
            // Its task has not started: there is nobody to wake.
            drop(mailbox.close(reason));
        }
        state.open.insert(mailbox)
    }

    fn remove(&self, key: usize) {
        let mut state = self.lock();
        state.open.try_remove(key);
        if state.open.is_empty() {
            drop(state);
            self.empty.wake();
        }
    }

    /// Ends every connection, and every one that is added later.
    fn close(&self, reason: CloseReason) {
        let mut state = self.lock();
        state.closed = Some(reason);
        let open: Vec<_> = state.open.iter().map(|(_, open)| open.clone()).collect();
        drop(state);
        for task in open.iter().filter_map(|mailbox| mailbox.close(reason)) {
            task.wake();
        }
    }

    async fn all_closed(&self) {
        poll_fn(|cx| {
            self.empty.register(cx.waker());
            match self.lock().open.is_empty() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, ConnectionsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends every connection when the server's future is dropped.
struct AbortOnDrop<'a>(&'a Connections);

impl Drop for AbortOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close(CloseReason::Abort);
    }
}

/// The first pause after an accept that failed for want of something; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How many errors that are to be retried at once may follow each other without a pause.
const RETRIES: u32 = 32;

/// After so many connections a listener lets the others have a turn, and the signal to shut down.
const BURST: u32 = 32;

/// Accepts for ever.
async fn accept_loop<L, W, R>(mut listener: L, wire: W, shared: Arc<Shared<R>>)
where
    L: Listener,
    W: Wire,
    R: Runtime,
{
    let mut pause = FIRST_PAUSE;
    let mut failures: u32 = 0;
    let mut warned = false;
    let mut accepted: u32 = 0;
    loop {
        let error = match listener.accept().await {
            Ok(incoming) => {
                if warned {
                    log!(INFO, failures, "accepting again");
                }
                (pause, failures, warned) = (FIRST_PAUSE, 0, false);
                shared.serve(incoming, wire.clone());
                accepted = accepted.wrapping_add(1);
                if accepted.is_multiple_of(BURST) {
                    give_way().await;
                }
                continue;
            }
            Err(error) => error,
        };
        failures = failures.saturating_add(1);
        if AcceptRetry::after(&error) == AcceptRetry::Now && failures < RETRIES {
            continue;
        }
        if !warned {
            log!(
                WARN,
                "cannot accept connections for now, and will go on trying: {error}"
            );
            warned = true;
        }
        let until = later(shared.runtime.now(), pause);
        shared.runtime.sleep_until(until).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
