//! One connection: what of it waits to be written, and what of it is not a whole line yet.

use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::io::Errno;
use rustix::net::SendFlags;

/// A receiver that has so much to read is dropped. The kernel holds some megabytes before.
const UNSENT: usize = 1 << 20;

/// The longest line.
const LINE: usize = 1 << 16;

/// Small: there may be a hundred thousand that are idle.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: OwnedFd,
    pub(crate) target: Target,
    /// Whether there may be others whose target this is.
    pub(crate) is_target: bool,
    /// Whether it is watched for becoming writable.
    pub(crate) is_blocked: bool,
    pub(crate) name: Option<Rc<[u8]>>,
    waiting: Option<Box<Waiting>>,
}

/// Where its bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// It is still being set up.
    Nobody,
    Room(u32),
    /// The number of a connection.
    User(u32),
    /// That user is gone.
    Gone,
}

/// What most connections have nothing of.
#[derive(Debug, Default)]
struct Waiting {
    unread: Vec<u8>,
    unsent: Vec<u8>,
}

/// Why a connection must be dropped.
#[derive(Debug)]
pub(crate) enum Broken {
    /// It reads too slowly.
    Slow,
    /// It sends no line end.
    Endless,
    Socket(Errno),
}

impl Connection {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            target: Target::Nobody,
            is_target: false,
            is_blocked: false,
            name: None,
            waiting: None,
        }
    }

    /// Whole lines of what has been read, with what was left of the last time.
    #[inline]
    pub(crate) fn lines<'a>(
        &mut self,
        read: &'a [u8],
        spare: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Broken> {
        let left = self
            .waiting
            .as_ref()
            .is_some_and(|waiting| !waiting.unread.is_empty());
        if !left && read.last() == Some(&b'\n') {
            return Ok(read);
        }
        let unread = &mut self.waiting.get_or_insert_default().unread;
        unread.extend_from_slice(read);
        let whole = (unread.iter().rposition(|&byte| byte == b'\n')).map_or(0, |end| end + 1);
        spare.clear();
        spare.extend_from_slice(&unread[..whole]);
        unread.drain(..whole);
        if unread.len() > LINE {
            return Err(Broken::Endless);
        }
        Ok(spare)
    }

    /// Writes now, or puts behind what waits already. Returns whether it has become blocked by that.
    #[inline]
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<bool, Broken> {
        if self.has_unsent() {
            self.put(bytes)?;
            return Ok(false);
        }
        match rustix::net::send(&self.socket, bytes, SendFlags::NOSIGNAL) {
            Ok(count) if count == bytes.len() => Ok(false),
            Ok(count) => self.put(&bytes[count..]).map(|()| true),
            Err(Errno::AGAIN | Errno::INTR) => self.put(bytes).map(|()| true),
            Err(error) => Err(Broken::Socket(error)),
        }
    }

    /// Puts it behind what waits, for [`Self::flush`].
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let unsent = &mut self.waiting.get_or_insert_default().unsent;
        if unsent.len() + bytes.len() > UNSENT {
            return Err(Broken::Slow);
        }
        unsent.extend_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn has_unsent(&self) -> bool {
        self.waiting
            .as_ref()
            .is_some_and(|waiting| !waiting.unsent.is_empty())
    }

    /// Writes what waits. Returns whether some of it still does.
    pub(crate) fn flush(&mut self) -> Result<bool, Broken> {
        let Some(waiting) = &mut self.waiting else {
            return Ok(false);
        };
        let unsent = &mut waiting.unsent;
        match rustix::net::send(&self.socket, unsent, SendFlags::NOSIGNAL) {
            Ok(count) => drop(unsent.drain(..count)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(Broken::Socket(error)),
        }
        Ok(!unsent.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    use super::{Broken, Connection, LINE, UNSENT};

    fn connection() -> (Connection, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        (Connection::new(ours.into()), theirs)
    }

    #[test]
    fn nothing_is_lost_when_only_a_part_can_be_written() {
        let (mut connection, mut reader) = connection();
        let (mut sent, mut heard) = (Vec::new(), Vec::new());
        let mut blocked = 0;
        for number in 0..200_000 {
            let line = format!("line {number}\n");
            sent.extend_from_slice(line.as_bytes());
            blocked += usize::from(connection.send(line.as_bytes()).unwrap());
            if number % 20_000 == 0 {
                let _ = reader.read_to_end(&mut heard);
                connection.flush().unwrap();
            }
        }
        while heard.len() < sent.len() {
            let _ = reader.read_to_end(&mut heard);
            connection.flush().unwrap();
        }
        assert!(blocked > 1, "the kernel took all of it");
        assert!(heard == sent);
    }

    #[test]
    fn who_does_not_read_is_dropped() {
        let (mut connection, _reader) = connection();
        let block = vec![b'x'; UNSENT / 4];
        let broken = (0..1_000).find_map(|_| connection.send(&block).err());
        assert!(matches!(broken, Some(Broken::Slow)), "{broken:?}");
    }

    #[test]
    fn lines_stay_whole_however_they_are_read() {
        let (mut connection, _reader) = connection();
        let mut spare = Vec::new();
        let mut heard = Vec::new();
        for read in [&b"one\ntw"[..], b"o", b"\n", b"three\n", b"\n"] {
            heard.push(connection.lines(read, &mut spare).unwrap().to_vec());
        }
        let expected: [&[u8]; 5] = [b"one\n", b"", b"two\n", b"three\n", b"\n"];
        assert_eq!(heard, expected);
        let endless = connection.lines(&[b'x'; LINE + 1], &mut spare);
        assert!(matches!(endless, Err(Broken::Endless)));
    }
}
