//! Waiting for a process to end, for a time.

use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags};

use super::{Error, cannot};

/// The end of a child that has not been waited for yet.
#[derive(Debug)]
pub(super) struct Ending(OwnedFd);

impl Ending {
    pub(super) fn of(pid: Pid) -> Result<Self, Error> {
        rustix::process::pidfd_open(pid, PidfdFlags::empty())
            .map(Self)
            .map_err(cannot("watch a process"))
    }

    /// Waits so long, or until it comes.
    pub(super) fn comes_within(&self, time: Timespec) -> Result<bool, Error> {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        let ready = rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, Some(&time)));
        Ok(ready.map_err(cannot("wait for a process"))? > 0)
    }
}

pub(super) const fn milliseconds(count: i64) -> Timespec {
    Timespec {
        tv_sec: count / 1_000,
        tv_nsec: count % 1_000 * 1_000_000,
    }
}
