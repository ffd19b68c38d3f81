//! The task of a connection, and how others write to its socket while it sleeps.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{Arc, PoisonError},
    task::{Context, Poll},
};

use futures::io::{AsyncRead, AsyncWrite};

use super::{
    backlog::Goal,
    driver::Connection,
    scratch::{Lender, Scratch},
};
use crate::{
    connections::Connections,
    hub::{Outlet, Sleeper},
    rt::Runtime,
    sync::Mutex,
    wire::Wire,
};

/// A connection, where its task finds it, and others do that have something for its peer.
///
/// Whoever holds the lock writes to the socket, and so does nobody else.
pub(super) struct Task<Io, W, R> {
    pub(super) rt: R,
    /// All that are open on the same server.
    pub(super) connections: Arc<Connections>,
    /// `None` once the task is over.
    connection: Mutex<Option<Connection<Io, W>>>,
}

/// Serves `connection` to its end.
pub(crate) fn serve<Io, W, R>(
    connection: Connection<Io, W>,
    rt: R,
) -> impl Future<Output = ()> + use<Io, W, R>
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    W: Wire,
    R: Runtime,
{
    let mut running = Running {
        task: Arc::new(Task {
            rt,
            connections: connection.connections().clone(),
            connection: Mutex::new(Some(connection)),
        }),
        goal: None,
    };
    async move {
        let Running { task, goal } = &mut running;
        let lender = match R::THREAD_PER_TASK {
            true => Lender::Process,
            false => Lender::Thread,
        };
        let mut sleep = pin!(task.rt.sleep_until(task.rt.now()));
        poll_fn(|cx| {
            Scratch::with(lender, |scratch| {
                task.poll(cx, sleep.as_mut(), goal, scratch)
            })
        })
        .await;
        // In a box, so that who asks for no reports has no room for one.
        let report = running
            .end()
            .and_then(|connection| connection.last_report(&running.task.rt));
        let sending = report.map(|report| Box::pin(report.send(&running.task.rt, sleep)));
        if let Some(sending) = sending {
            sending.await;
        }
    }
}

/// The task's own handle. The connection ends with it, even while somebody else writes to the socket.
struct Running<Io, W, R> {
    task: Arc<Task<Io, W, R>>,
    /// How far it still has to serve others.
    goal: Option<Goal>,
}

impl<Io, W, R> Running<Io, W, R> {
    /// Takes the connection out.
    fn end(&self) -> Option<Connection<Io, W>> {
        let connection = self.task.connection.lock();
        connection.unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<Io, W, R> Drop for Running<Io, W, R> {
    fn drop(&mut self) {
        if self.goal.is_some() {
            self.task.connections.backlog().give_up();
        }
        drop(self.end());
    }
}

impl<Io, W, R> Task<Io, W, R>
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    W: Wire,
    R: Runtime,
{
    /// Does all that can be done now, within reason. What this peer has brought about for one other peer is
    /// written at once. What it has for many waits until everyone who is ready to run has had a turn, because
    /// what these bring about for the same readers then goes out in the same writes.
    fn poll(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        sleep: Pin<&mut R::Sleep>,
        goal: &mut Option<Goal>,
        scratch: &mut Scratch,
    ) -> Poll<()> {
        let backlog = self.connections.backlog();
        if goal.is_some() || backlog.is_long() {
            if !backlog.serve(*goal, scratch) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            *goal = None;
        }
        let over = {
            // A connection that has panicked while somebody wrote to it is not fit to go on.
            let Ok(mut connection) = self.connection.lock() else {
                return Poll::Ready(());
            };
            let Some(connection) = &mut *connection else {
                return Poll::Ready(());
            };
            connection.poll(cx, self, sleep, scratch)
        };
        if over.is_ready() {
            scratch.effects.wake();
        } else {
            scratch
                .effects
                .wake_due_elsewhere(self.connections.server());
            if let Some(only) = scratch.effects.take_only_due() {
                only.deliver(scratch);
            } else {
                *goal = backlog.add(scratch.effects.due());
                if goal.is_some() {
                    cx.waker().wake_by_ref();
                }
            }
        }
        over
    }
}

impl<Io, W, R> Outlet for Task<Io, W, R>
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    W: Wire,
    R: Runtime,
{
    fn deliver(self: Arc<Self>, task: Sleeper, scratch: &mut Scratch) {
        let mut task = Some(task);
        // An encoder that panics must not do so in the middle of somebody else's affairs. It ends its own
        // connection, whose lock is poisoned by it.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            // If it is locked, then by the task itself, or it has panicked.
            if let Ok(mut connection) = self.connection.try_lock()
                && let Some(connection) = &mut *connection
            {
                task.take_if(|sleeper| !connection.is_asleep(sleeper));
                let deliver =
                    |task: &mut Sleeper| connection.deliver(task.task(), &self.rt, scratch);
                if let Some(sleeper) = task.take_if(deliver) {
                    task = connection.sleep(sleeper);
                }
            }
        }));
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::io::Cursor;

    use super::*;
    use crate::wire::Line;

    /// What every idle connection costs, apart from its task and its mailbox.
    #[test]
    fn the_size_of_a_connection() {
        type Io = Cursor<Vec<u8>>;
        let own = size_of::<Connection<Io, Line>>() - size_of::<Io>();
        assert!(own <= 408, "{own}");
    }
}
