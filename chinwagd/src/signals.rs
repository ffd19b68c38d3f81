//! The signals that end the server.

use std::{fmt, future, io};

use futures::{StreamExt, channel::mpsc};

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

/// Receives the signals that come from when it was made on, on any runtime.
#[derive(Debug)]
pub(crate) struct Signals(mpsc::Receiver<Signal>);

impl Signals {
    /// From here on the signals no longer end the process by themselves.
    pub(crate) fn receive() -> io::Result<Self> {
        // The first asks for the shutdown, the second for the end. Beyond these there is nothing to ask
        // for, so one that finds no room is dropped.
        let (mut send, receive) = mpsc::channel(2);
        system::catch(move |signal| {
            let _ = send.try_send(signal);
        })?;
        Ok(Self(receive))
    }

    /// Waits for the next one. Dropping the future loses none.
    pub(crate) async fn next(&mut self) -> Signal {
        match self.0.next().await {
            Some(signal) => signal,
            None => future::pending().await,
        }
    }
}

#[cfg(unix)]
mod system {
    use std::{io, thread};

    use signal_hook::{
        consts::{SIGINT, SIGTERM},
        iterator,
    };

    use super::Signal;

    /// Calls `tell` for each signal, on a thread of its own: little may be done where a signal strikes.
    pub(super) fn catch(mut tell: impl FnMut(Signal) + Send + 'static) -> io::Result<()> {
        let mut signals = iterator::Signals::new([SIGINT, SIGTERM])?;
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for signal in signals.forever() {
                    tell(match signal {
                        SIGINT => Signal::Interrupt,
                        _ => Signal::Terminate,
                    });
                }
            })?;
        Ok(())
    }
}

#[cfg(windows)]
mod system {
    use std::io;

    use super::Signal;

    /// Calls `tell` for each Ctrl-C, on a thread of its own.
    pub(super) fn catch(mut tell: impl FnMut(Signal) + Send + 'static) -> io::Result<()> {
        ctrlc::set_handler(move || tell(Signal::Interrupt)).map_err(|error| match error {
            ctrlc::Error::System(error) => error,
            other => io::Error::other(other),
        })
    }
}
