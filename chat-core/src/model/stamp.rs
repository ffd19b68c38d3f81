//! Which message it is, and when it was sent.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// Which message it is, and when it was sent.
///
/// No two messages of a hub have the same [`id`](Self::id) and the same millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Stamp {
    /// Since the beginning of 1970, in microseconds.
    micros: u64,
    id: MessageId,
}

/// What tells a message from all others that were sent in the same millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct MessageId {
    /// The number of the connection that sent it; 0 for the program. In four billion connections, none is used twice.
    pub connection: u32,
    /// The number of the message on that connection.
    pub number: u32,
}

impl Stamp {
    /// Of no message yet, at that time.
    pub(crate) fn new(at: SystemTime) -> Self {
        let since = at.duration_since(SystemTime::UNIX_EPOCH);
        let micros = since.unwrap_or_default().as_micros();
        Self {
            micros: u64::try_from(micros).unwrap_or(u64::MAX),
            id: MessageId::default(),
        }
    }

    /// Of this message, at the same time.
    pub(crate) fn of(self, id: MessageId) -> Self {
        Self { id, ..self }
    }

    /// When it was sent, to the microsecond; never before 1970.
    pub fn at(&self) -> SystemTime {
        let since = Duration::from_micros(self.micros);
        let at = SystemTime::UNIX_EPOCH.checked_add(since);
        at.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// The same as a number of milliseconds since 1970.
    pub fn millis(&self) -> u64 {
        self.micros / 1000
    }

    /// Which message of its sender it is.
    pub fn id(&self) -> MessageId {
        self.id
    }
}

impl fmt::Display for Stamp {
    /// A word of letters, digits and `-` that is no other message's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MessageId { connection, number } = self.id;
        write!(f, "{:x}-{connection:x}-{number:x}", self.millis())
    }
}
