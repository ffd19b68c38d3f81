//! async-std as a runtime of chinwag.

use std::{future::Future, io, num::NonZeroUsize, time::Instant};

use async_global_executor::GlobalExecutorConfig;
use async_std::task;
use chinwag_core::Runtime;

use crate::AsyncStdSleep;

/// async-std's runtime, of which a process has one.
///
/// As many threads run it as the machine has processors, unless the environment variable
/// `ASYNC_STD_THREAD_COUNT` says otherwise.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct AsyncStdRuntime;

impl AsyncStdRuntime {
    /// The process's.
    pub fn current() -> Self {
        Self
    }

    /// The process's, run by so many threads, whatever the environment says. It must come before anything
    /// else that uses async-std: once the runtime is up, this changes nothing.
    ///
    /// # Panics
    ///
    /// If a thread cannot be started, which is how async-std takes it.
    pub fn with_threads(threads: NonZeroUsize) -> Self {
        async_global_executor::init_with_config(
            GlobalExecutorConfig::default()
                // The executor always reads a variable. No variable can be called `=`.
                .with_env_var("=")
                .with_min_threads(threads.get())
                .with_max_threads(threads.get())
                .with_thread_name_fn(|| "chat".to_owned()),
        );
        Self
    }
}

impl Runtime for AsyncStdRuntime {
    type Sleep = AsyncStdSleep;

    fn spawn<F>(&self, task: F) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        // Dropping the handle detaches the task.
        drop(task::spawn(task));
        Ok(())
    }

    fn sleep_until(&self, deadline: Instant) -> AsyncStdSleep {
        AsyncStdSleep::until(deadline)
    }

    #[expect(clippy::disallowed_methods, reason = "where time comes from")]
    fn now(&self) -> Instant {
        Instant::now()
    }
}
