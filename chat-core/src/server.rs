//! The server: listeners in front of a hub.

use std::{
    fmt,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{
    future::{BoxFuture, Either, join_all, select},
    io::{AsyncRead, AsyncWrite},
};

use crate::{
    connections::{Connections, Places},
    error::ServerError,
    hub::{CloseReason, Hub},
    net::{AcceptRetry, Incoming, Listener},
    rt::{Runtime, deadline_after, give_way},
    session::Connection,
    trace::log,
    wire::Wire,
};

/// Serves a [`Hub`] on any number of listeners, each with its own wire.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::{Hub, Server, wire::{Line, Seed}};
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
/// # Ok::<(), chinwag::ServerError>(())
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
    /// its connection; `run_until` returns when all are closed. Who has not read everything after
    /// [`Timeouts::shutdown`](crate::Timeouts::shutdown) loses the rest, which is logged; their tasks get
    /// half a second more to end.
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
        let max_tasks = runtime.max_tasks();
        let max_refusing = MAX_REFUSING.min(max_tasks / 8);
        let shared = Arc::new(Shared {
            most: max_tasks - max_refusing,
            hub: self.hub,
            runtime,
            connections: Arc::default(),
            refusing: Arc::new(Places::new(max_refusing)),
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
        let deadline = deadline_after(shared.runtime.now(), wait);
        shared.connections.close(CloseReason::Shutdown);
        if !shared.all_closed(deadline).await {
            log!(WARN, "dropping the connections that did not end in time");
            shared.connections.close(CloseReason::Abort);
            // Their tasks only have to be polled once more.
            let deadline = deadline_after(shared.runtime.now(), Duration::from_millis(500));
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
    connections: Arc<Connections>,
    /// The most connections that the runtime is asked to serve; beside them it has tasks for `refusing`.
    most: usize,
    /// The places of connections that are just being told that there is no room for them.
    refusing: Arc<Places>,
    /// It has been logged that there are too many connections, and there still are.
    full: AtomicBool,
}

/// The most connections that are told at once that there is no room; more are closed without a word. A
/// runtime with few tasks keeps an eighth of them for this.
const MAX_REFUSING: usize = 64;

impl<R: Runtime> Shared<R> {
    fn serve<Io, W>(&self, incoming: Incoming<Io>, wire: W)
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        W: Wire,
    {
        let most = self.hub.limits().max_connections().min(self.most);
        // Those that are being refused have tasks of their own, beside these.
        let served = self.connections.len().saturating_sub(self.refusing.taken());
        let place = match served < self.most {
            true => self.hub.places().take(),
            false => None,
        };
        let full = place.is_none();
        if full != self.full.swap(full, Ordering::Relaxed) && full {
            log!(
                WARN,
                "there are {most} connections, the most allowed; more are refused"
            );
        }
        let Some(place) = place.or_else(|| self.refusing.take()) else {
            return;
        };
        let user = self.hub.enter();
        let listed = self.connections.add(user.mailbox().clone());
        let now = self.runtime.now();
        let mut connection = Connection::new(user, incoming, wire, now, place, listed);
        if full {
            connection.refuse(most, now);
        }
        let spawned = self.runtime.spawn(connection.run(self.runtime.clone()));
        if let Err(error) = spawned
            && self.hub.log_quota().take(now)
        {
            log!(
                WARN,
                "closed a connection that there is no task for: {error}"
            );
        }
    }

    /// Waits until no connection is left, at most until `deadline`.
    async fn all_closed(&self, deadline: Instant) -> bool {
        let sleep = pin!(self.runtime.sleep_until(deadline));
        let closed = pin!(self.connections.all_closed());
        matches!(select(closed, sleep).await, Either::Left(_))
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
        let until = deadline_after(shared.runtime.now(), pause);
        shared.runtime.sleep_until(until).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
