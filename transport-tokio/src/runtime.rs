//! tokio as a runtime of chinwag.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use chinwag_core::{Runtime, Sleep};
use pin_project_lite::pin_project;
use tokio::{
    runtime::{Handle, TryCurrentError},
    time,
};

/// A tokio runtime, by its handle.
///
/// Its I/O and time drivers must be on: `enable_all`, as `#[tokio::main]` does.
#[derive(Debug, Clone)]
pub struct TokioRuntime {
    handle: Handle,
}

impl TokioRuntime {
    /// The runtime that this code runs on.
    ///
    /// # Panics
    ///
    /// Outside of one, like [`Handle::current`]; see [`try_current`](Self::try_current).
    pub fn current() -> Self {
        Self::from(Handle::current())
    }

    /// The runtime that this code runs on.
    ///
    /// # Errors
    ///
    /// If it runs on none.
    pub fn try_current() -> Result<Self, TryCurrentError> {
        Handle::try_current().map(Self::from)
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl From<Handle> for TokioRuntime {
    fn from(handle: Handle) -> Self {
        Self { handle }
    }
}

impl Runtime for TokioRuntime {
    type Sleep = TokioSleep;

    fn spawn<F>(&self, task: F) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        // Dropping the handle detaches the task.
        drop(self.handle.spawn(task));
        Ok(())
    }

    fn sleep_until(&self, deadline: Instant) -> TokioSleep {
        let _context = self.handle.enter();
        TokioSleep {
            sleep: time::sleep_until(deadline.into()),
        }
    }

    fn now(&self) -> Instant {
        time::Instant::now().into_std()
    }
}

pin_project! {
    /// A timer of a [`TokioRuntime`].
    ///
    /// # Cancellation
    ///
    /// Dropping it takes it off the runtime's timers: nobody is woken, and nothing is left of it.
    #[derive(Debug)]
    pub struct TokioSleep {
        #[pin]
        sleep: time::Sleep,
    }
}

impl Future for TokioSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().sleep.poll(cx)
    }
}

impl Sleep for TokioSleep {
    fn reset(self: Pin<&mut Self>, deadline: Instant) {
        self.project().sleep.reset(deadline.into());
    }
}
