//! The server: listeners in front of a hub.

use std::{
    fmt,
    future::{Future, pending},
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
    addresses::Crowded,
    connections::{Connections, Places},
    ending::Ending,
    error::ServerError,
    hub::{CloseReason, Hub},
    model::ErrorCode,
    net::{AcceptRetry, Incoming, Listener},
    rt::{Runtime, deadline_after, give_way},
    session::{Connection, End, serve},
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
    handle: ServerHandle,
}

/// Ends a [`Server`] from anywhere, and tells how far it is.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use std::time::Duration;
/// use chinwag::{Hub, Runtime, Server, wire::Line};
/// # use chinwag_testkit::{MemoryNet, VirtualRuntime};
/// # let (net, rt) = (MemoryNet::new(), VirtualRuntime::new(1));
/// # rt.clone().block_on(async {
///
/// let server = Server::new(Hub::new()).listen(net.listen("line"), Line::default());
/// let handle = server.handle();
/// let serving = server.run(rt.clone());
/// # let handle_too = handle.clone();
/// # rt.spawn(async move { handle_too.shut_down(Duration::from_secs(2)) }).unwrap();
///
/// // Elsewhere:
/// handle.shut_down(Duration::from_secs(2));
///
/// serving.await?;
/// assert_eq!(handle.connections(), 0);
/// # Ok::<(), chinwag::ServerError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct ServerHandle {
    ending: Arc<Ending>,
    connections: Arc<Connections>,
}

impl ServerHandle {
    /// Shuts the server down as if its signal had come, but with `within` instead of
    /// [`Timeouts::shutdown`](crate::Timeouts::shutdown). It does not wait; the server's future completes
    /// when its connections are closed. A second call, or one after the signal, changes nothing.
    pub fn shut_down(&self, within: Duration) {
        self.ending.begin(within);
    }

    /// How many connections the server has, those included that are just being closed. Each is one task.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle")
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

type AcceptLoop<R> = Box<dyn FnOnce(Arc<Shared<R>>) -> BoxFuture<'static, ()> + Send>;

impl<R: Runtime> Server<R> {
    /// A server for `hub`, with nothing to listen on yet.
    pub fn new(hub: Hub) -> Self {
        Self {
            hub,
            listeners: Vec::new(),
            handle: ServerHandle {
                ending: Arc::default(),
                connections: Arc::default(),
            },
        }
    }

    /// A handle that ends the server and counts its connections.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Also accepts connections from `listener`, and speaks `wire` with them.
    pub fn listen(mut self, listener: impl Listener, wire: impl Wire) -> Self {
        let accept = move |shared| -> BoxFuture<'static, ()> {
            Box::pin(accept_loop(listener, wire, shared))
        };
        self.listeners.push(Box::new(accept));
        self
    }

    /// Serves until [`ServerHandle::shut_down`] or [`Hub::close`] is called; see
    /// [`run_until`](Self::run_until).
    ///
    /// # Cancellation
    ///
    /// That of [`run_until`](Self::run_until).
    ///
    /// # Errors
    ///
    /// Those of [`run_until`](Self::run_until).
    pub async fn run(self, runtime: R) -> Result<(), ServerError> {
        self.run_until(pending::<()>(), runtime).await
    }

    /// Serves until `signal` completes, or [`ServerHandle::shut_down`] or [`Hub::close`] is called, then shuts
    /// down.
    ///
    /// Each connection is one task of `runtime`; accepting is done in the returned future itself.
    ///
    /// The shutdown closes the listeners, whose addresses are free then, tells every peer good-bye, a batch
    /// after the other, writes what waits for it, and closes its connection; `run_until` returns when all are
    /// closed. Who has not read everything after
    /// [`Timeouts::shutdown`](crate::Timeouts::shutdown) loses the rest, which is logged; their tasks get
    /// half a second more to end.
    ///
    /// # Cancellation
    ///
    /// Dropping the future closes the listeners and every connection at once, without a good-bye. When their tasks
    /// have had a turn it is as if it had completed: no connection, name or room is left of it, nor a hook at work.
    /// One that was never polled closes its listeners too.
    ///
    /// # Errors
    ///
    /// [`ServerError::NoListener`] if there is nothing to serve. An error on a listener or a connection
    /// ends neither the server nor any other connection.
    pub async fn run_until(self, signal: impl Future, runtime: R) -> Result<(), ServerError> {
        if self.listeners.is_empty() {
            return Err(ServerError::NoListener);
        }
        let max_tasks = runtime.max_tasks();
        let max_refusing = MAX_REFUSING.min(max_tasks / 8);
        let shared = Arc::new(Shared {
            most: max_tasks - max_refusing,
            hub: self.hub,
            runtime,
            connections: self.handle.connections.clone(),
            refusing: Arc::new(Places::new(max_refusing)),
            full: AtomicBool::new(false),
        });
        let _abort = AbortOnDrop(&shared.connections);
        let wait = {
            let accepting = join_all(
                self.listeners
                    .into_iter()
                    .map(|accept| accept(shared.clone())),
            );
            let own = shared.hub.timeouts().shutdown();
            let told = select(
                self.handle.ending.begun(),
                shared.hub.inner().ending.begun(),
            );
            #[cfg(feature = "metrics")]
            let accepting = {
                let recording = crate::metrics::record(&shared.hub, &shared.runtime);
                select(accepting, Box::pin(recording))
            };
            match select(pin!(signal), select(told, accepting)).await {
                Either::Right((Either::Left((told, _)), _)) => told.factor_first().0,
                Either::Left(_) | Either::Right(_) => own,
            }
        };
        let deadline = deadline_after(shared.runtime.now(), wait);
        let closing = shared.connections.close_in_batches(CloseReason::Shutdown);
        let sleep = shared.runtime.sleep_until(deadline);
        select(pin!(closing), pin!(sleep)).await;
        if !shared.all_closed(deadline).await {
            log!(server WARN, "dropping the connections that did not end in time");
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
        let now = self.runtime.now();
        let inner = self.hub.inner();
        let most = self.hub.limits().max_connections().min(self.most);
        // Those that are being refused have tasks of their own, beside these.
        let served = self.connections.len().saturating_sub(self.refusing.taken());
        let place = match served < self.most {
            true => self.hub.inner().places.take(),
            false => None,
        };
        let full = place.is_none();
        if full != self.full.swap(full, Ordering::Relaxed) && full {
            log!(
                server WARN,
                "there are {most} connections, the most allowed; more are refused"
            );
        }
        let admitted = match full {
            true => {
                let why = format!("the server has {most} connections and takes no more");
                Err(End::TurnedAway(ErrorCode::Full, why.into()))
            }
            false => {
                let address = inner.addresses.admit(&incoming.peer, &inner.rates, now);
                address.map_err(|crowded| {
                    let code = match crowded {
                        Crowded::TooMany(_) => ErrorCode::Full,
                        Crowded::TooFast(_) => ErrorCode::RateLimited,
                    };
                    End::TurnedAway(code, crowded.to_string().into())
                })
            }
        };
        // Who is turned away takes the place of one who is served for no longer than it takes to be told.
        let place = match &admitted {
            Ok(_) => place,
            Err(_) => self.refusing.take(),
        };
        let Some(place) = place else {
            inner.counters.turned_away();
            return;
        };
        let seat = self.hub.enter();
        let listed = self.connections.add(seat.mailbox().clone());
        let (address, refusal) = match admitted {
            Ok(address) => (address, None),
            Err(refusal) => (None, Some(refusal)),
        };
        let mut connection = Connection::new(seat, incoming, wire, now, (place, address), listed);
        if let Some(refusal) = refusal {
            connection.refuse(refusal, now);
        }
        let spawned = self.runtime.spawn(serve(connection, self.runtime.clone()));
        if let Err(error) = spawned
            && inner.log_quota.take(now)
        {
            log!(
                server WARN,
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
                    log!(server INFO, failures, "accepting again");
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
            log!(server WARN,
                "cannot accept connections for now, and will go on trying: {error}"
            );
            warned = true;
        }
        let until = deadline_after(shared.runtime.now(), pause);
        shared.runtime.sleep_until(until).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
