//! Logs to stderr, in a way that nobody has to wait for.
//!
//! A pipe that nobody reads fills up, and then whoever writes to stderr stops. So no thread of the chat
//! writes there: log lines go into a bounded queue, which a thread of its own empties, and a line that
//! finds the queue full is dropped and counted.
//!
//! The crate `tracing-appender` does nearly that, but bounds its queue in lines, not bytes, does not tell
//! where lines are missing, and at the end may wait for a second and print to stdout.

use std::{
    env::{self, VarError},
    io::{self, IsTerminal, Write},
    mem, panic,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::failure::Failure;

/// How many bytes of log lines may wait: enough for a burst of some ten thousand.
const MAX_WAITING: usize = 1 << 20;

/// How long the end of the process waits for the last lines to be written. With the four seconds of a
/// shutdown and the half second of an abort it stays below five.
const LAST_WRITES: Duration = Duration::from_millis(250);

/// Reads `RUST_LOG`: what to log, `info` unless it is set.
pub(crate) fn filter() -> Result<EnvFilter, Failure> {
    let directives = match env::var("RUST_LOG") {
        Err(VarError::NotPresent) => String::new(),
        other => other.map_err(|error| Failure::LogFilter(error.to_string()))?,
    };
    EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(directives)
        .map_err(|error| Failure::LogFilter(error.to_string()))
}

/// Logs from now on. When the guard is dropped, the last lines are written.
pub(crate) fn start(filter: EnvFilter) -> Result<LastLines, Failure> {
    let queue = Queue::default();
    let writing = queue.clone();
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || writing.write_to(io::stderr()))
        .map_err(Failure::System)?;

    let colours =
        io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let lines = queue.clone();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(move || lines.clone())
        .init();
    // The hook that is there by default writes to stderr itself.
    panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Ok(LastLines(queue))
}

/// Waits for the last log lines when it is dropped, for a quarter of a second at most.
#[must_use]
pub(crate) struct LastLines(Queue);

impl Drop for LastLines {
    fn drop(&mut self) {
        let idle = &self.0.shared.idle;
        let state = self.0.lock();
        drop(idle.wait_timeout_while(state, LAST_WRITES, |state| !state.is_idle()));
    }
}

/// Log lines on their way to stderr.
#[derive(Clone, Default)]
struct Queue {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to write.
    filled: Condvar,
    /// All is written.
    idle: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// How many lines found no room behind those that wait.
    dropped: u64,
    is_writing: bool,
}

impl State {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.dropped == 0
    }

    fn is_idle(&self) -> bool {
        self.is_empty() && !self.is_writing
    }
}

impl Queue {
    /// Writes what comes in to `out`, for ever.
    fn write_to(&self, mut out: impl Write) {
        let mut batch = Vec::new();
        let mut state = self.lock();
        loop {
            state.is_writing = false;
            if state.is_empty() {
                self.shared.idle.notify_all();
            }
            state = self
                .shared
                .filled
                .wait_while(state, |state| state.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            state.is_writing = true;
            mem::swap(&mut batch, &mut state.waiting);
            let dropped = mem::take(&mut state.dropped);
            drop(state);

            // A stderr that is gone is no reason to end the chat.
            let _ = out.write_all(&batch);
            batch.clear();
            if dropped > 0 {
                let _ = writeln!(
                    out,
                    "chinwagd: {dropped} log lines were dropped here, because stderr was not read in time"
                );
            }
            state = self.lock();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Queue {
    /// Takes one line, or drops it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.lock();
        // Once a line is dropped all are until the next batch, so that the report stands where the gap is.
        if state.dropped > 0 || state.waiting.len() + line.len() > MAX_WAITING {
            state.dropped += 1;
        } else {
            state.waiting.extend_from_slice(line);
        }
        drop(state);
        self.shared.filled.notify_one();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
