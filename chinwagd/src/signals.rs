//! The signals that end the server.

use std::{fmt, io};

/// A signal that asks the process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// `SIGINT`, or Ctrl-C where there are no signals.
    Interrupt,
    /// `SIGTERM`.
    #[cfg(unix)]
    Terminate,
}

impl Signal {
    /// What a shell reports of a process that died of the signal.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 128 + 2,
            #[cfg(unix)]
            Self::Terminate => 128 + 15,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "SIGINT",
            #[cfg(unix)]
            Self::Terminate => "SIGTERM",
        })
    }
}

pub(crate) use system::Signals;

#[cfg(unix)]
mod system {
    use tokio::signal::unix::{self, SignalKind};

    use super::{Signal, io};

    /// Receives the signals that come from when it was made on.
    #[derive(Debug)]
    pub(crate) struct Signals {
        interrupt: unix::Signal,
        terminate: unix::Signal,
    }

    impl Signals {
        /// From here on the signals no longer end the process by themselves. It must run on a tokio
        /// runtime.
        pub(crate) fn receive() -> io::Result<Self> {
            Ok(Self {
                interrupt: unix::signal(SignalKind::interrupt())?,
                terminate: unix::signal(SignalKind::terminate())?,
            })
        }

        /// Waits for the next one. Dropping the future loses none.
        pub(crate) async fn next(&mut self) -> Signal {
            tokio::select! {
                _ = self.interrupt.recv() => Signal::Interrupt,
                _ = self.terminate.recv() => Signal::Terminate,
            }
        }
    }
}

#[cfg(windows)]
mod system {
    use tokio::signal::windows::{self, CtrlC};

    use super::{Signal, io};

    /// Receives the Ctrl-Cs that come from when it was made on.
    #[derive(Debug)]
    pub(crate) struct Signals(CtrlC);

    impl Signals {
        /// From here on Ctrl-C no longer ends the process by itself. It must run on a tokio runtime.
        pub(crate) fn receive() -> io::Result<Self> {
            windows::ctrl_c().map(Self)
        }

        /// Waits for the next one. Dropping the future loses none.
        pub(crate) async fn next(&mut self) -> Signal {
            self.0.recv().await;
            Signal::Interrupt
        }
    }
}
