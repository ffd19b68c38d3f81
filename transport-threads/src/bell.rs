//! What gets a thread out of `poll(2)`.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::Wake,
};

/// Wakes one thread. Ringing costs a system call only if the thread sleeps.
#[derive(Debug)]
pub(crate) struct Bell {
    state: AtomicU8,
    signal: Signal,
}

/// The thread is busy and has nothing new to see to.
const BUSY: u8 = 0;
/// The thread has something to see to.
const RUNG: u8 = 1;
/// The thread sleeps, or is about to, and looks at the signal.
const ASLEEP: u8 = 2;

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            state: AtomicU8::new(BUSY),
            signal: Signal::new()?,
        })
    }

    /// Whether it was rung since this was last asked.
    pub(crate) fn take_ring(&self) -> bool {
        // `Acquire` pairs with `ring`: what was done before it is seen after this.
        self.state.load(Ordering::Relaxed) == RUNG
            && self.state.swap(BUSY, Ordering::Acquire) == RUNG
    }

    /// Says that the thread is about to sleep. `false` if it must not, because the bell was rung.
    pub(crate) fn fall_asleep(&self) -> bool {
        let asleep =
            self.state
                .compare_exchange(BUSY, ASLEEP, Ordering::Relaxed, Ordering::Relaxed);
        asleep.is_ok() || !self.take_ring()
    }

    /// Says that the thread is awake again.
    ///
    /// # Errors
    ///
    /// None that is known; the signal would have to break.
    pub(crate) fn wake_up(&self) -> io::Result<()> {
        match self.state.swap(BUSY, Ordering::Acquire) {
            // Who rings a sleeping thread's bell sends one signal, now or in a moment.
            RUNG => self.signal.take(),
            _ => Ok(()),
        }
    }
}

impl AsFd for Bell {
    /// It is readable when the bell was rung while the thread was asleep.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signal.as_fd()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // `Release`: the thread that finds it rung sees what was done before.
        if self.state.swap(RUNG, Ordering::Release) == ASLEEP {
            self.signal.send();
        }
    }
}

use signal::Signal;

#[cfg(target_os = "linux")]
mod signal {
    use std::{
        fs::File,
        io::{self, Read, Write},
        os::fd::{AsFd, BorrowedFd},
    };

    use rustix::event::{EventfdFlags, eventfd};

    /// An `eventfd`, which is one file descriptor where a pipe is two.
    #[derive(Debug)]
    pub(super) struct Signal(File);

    impl Signal {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self(File::from(eventfd(0, EventfdFlags::CLOEXEC)?)))
        }

        pub(super) fn send(&self) {
            // It fails only when 2^64 signals wait to be taken.
            let _ = (&self.0).write(&1_u64.to_ne_bytes());
        }

        pub(super) fn take(&self) -> io::Result<()> {
            (&self.0).read_exact(&mut [0; 8])
        }
    }

    impl AsFd for Signal {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod signal {
    use std::{
        io::{self, PipeReader, PipeWriter, Read, Write},
        os::fd::{AsFd, BorrowedFd},
    };

    /// A pipe.
    #[derive(Debug)]
    pub(super) struct Signal(PipeReader, PipeWriter);

    impl Signal {
        pub(super) fn new() -> io::Result<Self> {
            let (reader, writer) = io::pipe()?;
            Ok(Self(reader, writer))
        }

        pub(super) fn send(&self) {
            // One byte at a time is under way, so there is room.
            let _ = (&self.1).write(&[0]);
        }

        pub(super) fn take(&self) -> io::Result<()> {
            (&self.0).read_exact(&mut [0])
        }
    }

    impl AsFd for Signal {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_rung_does_not_fall_asleep() {
        let bell = Arc::new(Bell::new().unwrap());
        assert!(!bell.take_ring());
        bell.wake_by_ref();
        assert!(!bell.fall_asleep());
        // That told it of the ring, as this does.
        bell.wake_by_ref();
        bell.wake_by_ref();
        assert!(bell.take_ring());
        assert!(!bell.take_ring());
        assert!(bell.fall_asleep());
        bell.wake_up().unwrap();
    }

    #[test]
    fn any_number_of_rings_is_one_signal() {
        let bell = Arc::new(Bell::new().unwrap());
        for _ in 0..3 {
            assert!(bell.fall_asleep());
            for _ in 0..5 {
                bell.wake_by_ref();
            }
            // It would block if there were no signal, and the next time not if there were two.
            bell.wake_up().unwrap();
            assert!(!bell.take_ring());
        }
    }
}
