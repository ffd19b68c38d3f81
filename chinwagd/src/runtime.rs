//! What the server can run on.

use std::{fmt, process::ExitCode};

use chinwag::{Limits, async_std::AsyncStdRuntime, smol::SmolRuntime, tokio::TokioRuntime};
#[cfg(unix)]
use chinwag::{Runtime, threads::ThreadRuntime};
use clap::ValueEnum;
use serde::Deserialize;
use tokio::runtime;
#[cfg(unix)]
use tracing::warn;

use crate::{config::Config, failure::Failure, run::serve};

/// What runs the connections. The words about each are those of the help.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum RuntimeKind {
    /// The usual choice
    #[default]
    Tokio,
    /// Discontinued upstream (RUSTSEC-2025-0052); smol replaces it
    AsyncStd,
    /// A smaller runtime, in the place of async-std
    Smol,
    /// A thread for each connection, whatever --threads says; for hundreds of users
    #[cfg(unix)]
    Threads,
}

/// The most connections on threads, unless somebody asks for more. Each costs a thread, so it is the bound
/// that the runtime has by itself.
#[cfg(unix)]
const MOST_THREADS: usize = 4096;

/// How many threads there may be beside those of the connections: the one that accepts, those that tell
/// somebody that there is no room, and those that have just ended.
#[cfg(unix)]
const OTHER_THREADS: usize = 128;

impl RuntimeKind {
    /// The most connections at once, unless it is set.
    pub(crate) fn default_max_connections(self) -> usize {
        match self {
            #[cfg(unix)]
            Self::Threads => MOST_THREADS,
            _ => Limits::default().max_connections(),
        }
    }

    /// How many files a connection holds open.
    pub(crate) fn files_per_connection(self) -> u64 {
        match self {
            // The socket and what wakes its thread, which is a pipe where there is nothing better.
            #[cfg(unix)]
            Self::Threads if cfg!(target_os = "linux") => 2,
            #[cfg(unix)]
            Self::Threads => 3,
            _ => 1,
        }
    }

    /// Whether it is told how many threads to have.
    pub(crate) fn has_workers(self) -> bool {
        match self {
            #[cfg(unix)]
            Self::Threads => false,
            _ => true,
        }
    }
}

impl TryFrom<String> for RuntimeKind {
    type Error = String;

    /// The same names as in a flag, where the parser says which there are.
    fn try_from(text: String) -> Result<Self, String> {
        Self::from_str(&text, false).map_err(|_| {
            let known: Vec<_> = Self::value_variants().iter().map(Self::to_string).collect();
            format!("{text:?}: the runtimes are {}", known.join(", "))
        })
    }
}

impl fmt::Display for RuntimeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tokio => "tokio",
            Self::AsyncStd => "async-std",
            Self::Smol => "smol",
            #[cfg(unix)]
            Self::Threads => "threads",
        })
    }
}

/// Makes the runtime of `config`, and serves on it. What still runs at the end is left to the end of the
/// process: the wait for connections is over.
pub(crate) fn run(config: &Config) -> Result<ExitCode, Failure> {
    match config.runtime {
        RuntimeKind::Tokio => {
            // With one thread too it is the runtime of many: a single way to run is a single way to fail,
            // and that thread is a worker, not the one that waits for signals.
            let tokio = runtime::Builder::new_multi_thread()
                .worker_threads(config.threads.get())
                .thread_name("chat")
                .enable_all()
                .build()
                .map_err(Failure::System)?;
            let runtime = TokioRuntime::from(tokio.handle().clone());
            let outcome = serve(&runtime, config);
            // Dropping it would wait for its threads.
            tokio.shutdown_background();
            outcome
        }
        RuntimeKind::AsyncStd => {
            let runtime = AsyncStdRuntime::with_threads(config.threads);
            serve(&runtime, config)
        }
        RuntimeKind::Smol => {
            let runtime = SmolRuntime::with_threads(config.threads).map_err(Failure::System)?;
            serve(&runtime, config)
        }
        #[cfg(unix)]
        RuntimeKind::Threads => {
            let connections = config.limits.max_connections();
            let threads = connections.saturating_add(OTHER_THREADS);
            let runtime = ThreadRuntime::builder().max_threads(threads).build();
            if runtime.max_tasks() < threads {
                warn!(
                    "max-connections is {connections}, but the system allows only {} threads; \
                     raise vm.max_map_count to {}, or lower max-connections",
                    runtime.max_tasks(),
                    5 * threads
                );
            }
            serve(&runtime, config)
        }
    }
}
