//! How much there may be.

use super::{ConfigError, in_range};
#[cfg(doc)]
use super::{SlowReader, TakenName, Timeouts};

/// How much of everything there may be.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::Limits;
///
/// let limits = Limits::builder().max_line(1024).max_connections(500).build()?;
/// assert_eq!(limits.max_line(), 1024);
/// assert!(Limits::builder().max_line(0).build().is_err());
/// # Ok::<(), chinwag::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    max_connections: usize,
    max_line: usize,
    mailbox_bytes: usize,
    max_rooms: usize,
    max_members: usize,
    max_user_rooms: usize,
    max_devices: usize,
    max_bans: usize,
    max_topic: usize,
}

impl Limits {
    /// Starts from the defaults.
    pub fn builder() -> LimitsBuilder {
        LimitsBuilder(Self::default())
    }

    /// The most connections at once, registered or not; 65,536 unless set, from 1 to 2^30. One more is
    /// answered with the error `full` and closed.
    pub fn max_connections(&self) -> usize {
        self.max_connections
    }

    /// The longest line that a peer may send, in bytes, its line end not counted; 4,096 unless set,
    /// from 64 to 2^20. The rest of a longer one is dropped, its sender gets the error `too-long`, and the
    /// next line is served.
    pub fn max_line(&self) -> usize {
        self.max_line
    }

    /// How many bytes of messages may wait for one reader beside what the system's socket buffer holds;
    /// 262,144 unless set. A talker who fills more than half of a mailbox is not read from for a moment
    /// ([`Timeouts::patience`]); what becomes of a reader whose mailbox is full, its [`SlowReader`] policy
    /// says.
    ///
    /// A message counts with its text, its sender's name and a small constant for its place in the queue;
    /// a mailbox that is empty takes one message of any size. From 1,024 to 2^30.
    ///
    /// What nobody can be held back for (that somebody has left, or the last message of each of fifty rooms) may
    /// pass this, up to four times as much, as long as nobody has waited for the reader in vain: who has had no
    /// chance to read is not slow.
    pub fn mailbox_bytes(&self) -> usize {
        self.mailbox_bytes
    }

    /// The most rooms in all; 10,000 unless set, from 1 to 2^24. A `join` that would make one more is
    /// refused with `full`.
    pub fn max_rooms(&self) -> usize {
        self.max_rooms
    }

    /// The most members of one room; 10,000 unless set, from 1 to 2^24. A `join` past it is refused with
    /// `full`.
    pub fn max_members(&self) -> usize {
        self.max_members
    }

    /// The most rooms of one user; 50 unless set, from 1 to 10,000. A `join` past it is refused with
    /// `full`.
    pub fn max_user_rooms(&self) -> usize {
        self.max_user_rooms
    }

    /// The most connections that share one name; 8 unless set, from 1 to 1,024. A `register` past it is
    /// refused with `full`. It matters only to [`TakenName::Share`].
    pub fn max_devices(&self) -> usize {
        self.max_devices
    }

    /// The most masks on a list of one room, such as its bans, and the most users that it has invited and who have not
    /// come; 256 unless set, from 1 to 65,536. One mask more is refused with `full`; for one invitation more the oldest
    /// is forgotten.
    pub fn max_bans(&self) -> usize {
        self.max_bans
    }

    /// The longest topic of a room, away text, or reason of a kick, in bytes; 512 unless set, from 1 to
    /// 2^16. A longer one is refused with `too-long`.
    pub fn max_topic(&self) -> usize {
        self.max_topic
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 65_536,
            max_line: 4096,
            mailbox_bytes: 256 * 1024,
            max_rooms: 10_000,
            max_members: 10_000,
            max_user_rooms: 50,
            max_devices: 8,
            max_bans: 256,
            max_topic: 512,
        }
    }
}

/// Makes [`Limits`].
#[must_use]
#[derive(Debug, Clone)]
pub struct LimitsBuilder(Limits);

impl LimitsBuilder {
    /// See [`Limits::max_connections`].
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.0.max_connections = connections;
        self
    }

    /// See [`Limits::max_line`], in bytes.
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.0.max_line = bytes;
        self
    }

    /// See [`Limits::mailbox_bytes`].
    pub fn mailbox_bytes(mut self, bytes: usize) -> Self {
        self.0.mailbox_bytes = bytes;
        self
    }

    /// See [`Limits::max_rooms`].
    pub fn max_rooms(mut self, rooms: usize) -> Self {
        self.0.max_rooms = rooms;
        self
    }

    /// See [`Limits::max_members`].
    pub fn max_members(mut self, members: usize) -> Self {
        self.0.max_members = members;
        self
    }

    /// See [`Limits::max_user_rooms`].
    pub fn max_user_rooms(mut self, rooms: usize) -> Self {
        self.0.max_user_rooms = rooms;
        self
    }

    /// See [`Limits::max_devices`].
    pub fn max_devices(mut self, connections: usize) -> Self {
        self.0.max_devices = connections;
        self
    }

    /// See [`Limits::max_bans`].
    pub fn max_bans(mut self, names: usize) -> Self {
        self.0.max_bans = names;
        self
    }

    /// See [`Limits::max_topic`], in bytes.
    pub fn max_topic(mut self, bytes: usize) -> Self {
        self.0.max_topic = bytes;
        self
    }

    /// Checks the limits.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] for a limit that nothing could work with.
    pub fn build(self) -> Result<Limits, ConfigError> {
        let limits = self.0;
        in_range("max-connections", limits.max_connections, 1, 1 << 30)?;
        in_range("max-line", limits.max_line, 64, 1 << 20)?;
        in_range("mailbox-bytes", limits.mailbox_bytes, 1024, 1 << 30)?;
        in_range("max-rooms", limits.max_rooms, 1, 1 << 24)?;
        in_range("max-members", limits.max_members, 1, 1 << 24)?;
        in_range("max-rooms-per-user", limits.max_user_rooms, 1, 10_000)?;
        in_range("max-devices", limits.max_devices, 1, 1024)?;
        in_range("max-bans", limits.max_bans, 1, 1 << 16)?;
        in_range("max-topic", limits.max_topic, 1, 1 << 16)?;
        Ok(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Limits::builder().build(), Ok(Limits::default()));
    }

    #[test]
    fn nonsense_is_refused_with_its_key() {
        let error = Limits::builder().max_line(10).build().unwrap_err();
        assert_eq!(
            error.to_string(),
            "max-line is 10, but must be from 64 to 1048576"
        );
        assert!(Limits::builder().mailbox_bytes(1).build().is_err());
        assert!(Limits::builder().max_connections(0).build().is_err());
    }

    #[test]
    fn every_limit_has_both_its_ends() {
        type Set = fn(LimitsBuilder, usize) -> LimitsBuilder;
        let limits: [(&str, Set, usize, usize); 9] = [
            (
                "max-connections",
                LimitsBuilder::max_connections,
                1,
                1 << 30,
            ),
            ("max-line", LimitsBuilder::max_line, 64, 1 << 20),
            ("mailbox-bytes", LimitsBuilder::mailbox_bytes, 1024, 1 << 30),
            ("max-rooms", LimitsBuilder::max_rooms, 1, 1 << 24),
            ("max-members", LimitsBuilder::max_members, 1, 1 << 24),
            (
                "max-rooms-per-user",
                LimitsBuilder::max_user_rooms,
                1,
                10_000,
            ),
            ("max-devices", LimitsBuilder::max_devices, 1, 1024),
            ("max-bans", LimitsBuilder::max_bans, 1, 65_536),
            ("max-topic", LimitsBuilder::max_topic, 1, 65_536),
        ];
        for (key, set, min, max) in limits {
            for good in [min, max] {
                set(Limits::builder(), good).build().unwrap();
            }
            for value in [min - 1, max + 1] {
                let refused = ConfigError::OutOfRange {
                    key,
                    value,
                    min,
                    max,
                };
                assert_eq!(set(Limits::builder(), value).build(), Err(refused));
            }
        }
    }
}
