//! What a seed decides before anything happens.

use std::time::Duration;

use chinwag_core::{Hub, HubBuilder, Limits, Rates, SlowReader, TakenName, Timeouts};
use fastrand::Rng;

/// The kind of chat that a simulation is of.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// How many clients there are at once, at most.
    pub(super) clients: usize,
    pub(super) rooms: usize,
    /// How many of eight clients speak IRC.
    pub(super) irc: u8,
    /// How many bytes fit into a link that is not bad.
    pub(super) capacity: usize,
    /// Some links are slow, narrow and chop what they carry.
    pub(super) has_bad_links: bool,
    /// Clients stop to read, break, vanish and send nonsense.
    pub(super) has_faults: bool,
    /// The program's hooks refuse, rewrite, hang, panic and call back.
    pub(super) has_hooks: bool,
    pub(super) has_rates: bool,
    /// The server shuts down now and then, and another one takes its place.
    pub(super) has_restarts: bool,
    pub(super) taken_name: TakenName,
    pub(super) slow_reader: SlowReader,
    pub(super) limits: Limits,
}

impl Plan {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let mut limits = Limits::builder();
        if rng.bool() {
            limits = limits.mailbox_bytes(1024 << rng.u32(0..=6));
        }
        if rng.u8(..4) == 0 {
            limits = limits.max_user_rooms(2).max_bans(2).max_members(6);
        }
        if rng.u8(..8) == 0 {
            limits = limits.max_connections(8);
        }
        let clients = match rng.u8(..8) {
            0 => rng.usize(100..300),
            1..3 => rng.usize(2..5),
            _ => rng.usize(5..40),
        };
        Self {
            clients,
            rooms: rng.usize(1..6),
            irc: match rng.u8(..16) {
                0 => 0,
                1 => 8,
                _ => 2,
            },
            capacity: 512 << rng.u32(0..=7),
            has_bad_links: rng.bool(),
            has_faults: rng.u8(..4) > 0,
            has_hooks: rng.u8(..3) == 0,
            has_rates: rng.u8(..4) == 0,
            has_restarts: rng.u8(..4) == 0,
            taken_name: match rng.u8(..5) {
                0 => TakenName::Replace,
                1 => TakenName::Share,
                _ => TakenName::Refuse,
            },
            slow_reader: match rng.u8(..4) {
                0 => SlowReader::DropOldest,
                1 => SlowReader::DropNewest,
                _ => SlowReader::Disconnect,
            },
            limits: limits.build().expect("limits in their ranges"),
        }
    }

    /// A reader that always reads is never too slow for this plan: there is room for all that is said, and
    /// it comes at once.
    pub(super) fn is_gentle(&self) -> bool {
        !self.has_bad_links && self.limits.mailbox_bytes() >= 64 * 1024
    }

    /// Nothing takes longer than it must: neither the links nor the hooks.
    pub(super) fn is_quick(&self) -> bool {
        !self.has_bad_links && !self.has_hooks
    }

    /// Nobody leaves anything unread, so that all can be counted.
    pub(super) fn is_calm(&self) -> bool {
        !self.has_faults && !self.has_restarts
    }

    /// The most bytes that may wait in one mailbox: what nobody can be held back for may take four times the
    /// limit, and then one more message, or some that came together.
    pub(super) fn most_in_mailbox(&self) -> usize {
        let limit = self.limits.mailbox_bytes();
        let message = self.limits.max_line() + 1024;
        4 * limit + message.max(limit / 8)
    }

    pub(super) fn hub(&self) -> HubBuilder {
        let timeouts = Timeouts::builder()
            .hook(Duration::from_secs(1))
            // What a stalled link has swallowed the end of is noticed by its silence.
            .idle(Duration::from_secs(300))
            .build()
            .expect("timeouts in their ranges");
        let rates = match self.has_rates {
            true => Rates::default(),
            false => Rates::unlimited(),
        };
        Hub::builder()
            .limits(self.limits)
            .timeouts(timeouts)
            .rates(rates)
            .taken_name(self.taken_name)
            .slow_reader(self.slow_reader)
    }
}
