//! What chinwag asks of a network: accept a byte stream, and say who is at its other end.

use std::{
    fmt::{self, Write},
    future::Future,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use futures::io::{AsyncRead, AsyncWrite};

/// Accepts connections.
///
/// Dropping a listener stops listening and frees its address.
pub trait Listener: Send + 'static {
    /// The stream of one connection.
    ///
    /// `poll_close` must tell the peer that nothing more will come (on TCP: send a FIN) and leave the
    /// reading half open. `poll_write_vectored` must write as many of its slices as one system call can.
    ///
    /// A connection is read by its own task, but while that sleeps, `poll_write` and `poll_flush` are also called
    /// by tasks of other connections of the same [`Server`](crate::Server), on whatever thread these run: never
    /// two at once, and with the waker of its own task. What a write costs then, such as encryption, is their
    /// time.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next connection.
    ///
    /// # Cancellation
    ///
    /// Dropping the future must lose no connection: it is as if it was never started.
    ///
    /// # Errors
    ///
    /// Whatever the system says. No error ends a [`Server`](crate::Server): it tries again, at once or
    /// after a pause.
    fn accept(&mut self) -> impl Future<Output = io::Result<Incoming<Self::Io>>> + Send;

    /// Where this listener listens, with the real port when it was bound to port 0.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn local_addr(&self) -> io::Result<Addr>;
}

/// A connection that has just been accepted.
#[derive(Debug)]
#[non_exhaustive]
pub struct Incoming<Io> {
    /// The byte stream.
    pub io: Io,
    /// The address of the other end.
    pub peer: Addr,
}

impl<Io> Incoming<Io> {
    /// A connection to `peer` over `io`.
    pub fn new(io: Io, peer: Addr) -> Self {
        Self { io, peer }
    }
}

/// The address of a listener or of a peer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Addr {
    /// An IP address and a TCP port.
    Tcp(SocketAddr),
    /// A Unix socket. Peers usually have no path.
    Unix(Option<Box<Path>>),
    /// An in-memory stream, numbered by whoever made it.
    Memory(u64),
}

impl Addr {
    /// The IP address and port, if it has them.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(addr) => Some(*addr),
            _ => None,
        }
    }
}

impl fmt::Display for Addr {
    /// `127.0.0.1:4000`, `/run/chinwag.sock`, `unix` or `memory:7`. A path is written without the control
    /// characters that a peer may have given its own end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(Some(path)) => path
                .to_string_lossy()
                .chars()
                .filter(|c| !c.is_control())
                .try_for_each(|c| f.write_char(c)),
            Self::Unix(None) => f.write_str("unix"),
            Self::Memory(number) => write!(f, "memory:{number}"),
        }
    }
}

impl From<SocketAddr> for Addr {
    fn from(addr: SocketAddr) -> Self {
        Self::Tcp(addr)
    }
}

impl From<PathBuf> for Addr {
    fn from(path: PathBuf) -> Self {
        Self::Unix(Some(path.into_boxed_path()))
    }
}

/// When to try again after a failed `accept`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AcceptRetry {
    /// At once: the error was about one connection that is gone already.
    Now,
    /// After a pause: the machine is short of something (descriptors, memory), and asking again right
    /// away would only burn a processor.
    Later,
}

impl AcceptRetry {
    /// Sorts an error of `accept`.
    ///
    /// Linux reports a connection's own pending network errors from `accept` as well; `accept(2)`
    /// advises to treat them like `EAGAIN`, and so are they here.
    pub(crate) fn after(error: &io::Error) -> Self {
        use io::ErrorKind::*;
        match error.kind() {
            ConnectionAborted | ConnectionRefused | ConnectionReset | HostUnreachable
            | Interrupted | NetworkDown | NetworkUnreachable | TimedOut | WouldBlock => Self::Now,
            _ => Self::Later,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_connection_is_retried_now_and_a_shortage_later() {
        let kind = |kind: io::ErrorKind| AcceptRetry::after(&kind.into());
        assert_eq!(kind(io::ErrorKind::ConnectionAborted), AcceptRetry::Now);
        assert_eq!(kind(io::ErrorKind::Interrupted), AcceptRetry::Now);
        assert_eq!(kind(io::ErrorKind::OutOfMemory), AcceptRetry::Later);
        let too_many_open_files = io::Error::from_raw_os_error(24);
        assert_eq!(AcceptRetry::after(&too_many_open_files), AcceptRetry::Later);
    }

    #[test]
    fn addresses_read_well_in_a_log() {
        let tcp: SocketAddr = "127.0.0.1:4000".parse().unwrap();
        assert_eq!(Addr::from(tcp).to_string(), "127.0.0.1:4000");
        assert_eq!(
            Addr::from(PathBuf::from("/run/c.sock")).to_string(),
            "/run/c.sock"
        );
        assert_eq!(Addr::Unix(None).to_string(), "unix");
        let forged = PathBuf::from("/tmp/x\nroot logged in\x1b[31m");
        assert_eq!(Addr::from(forged).to_string(), "/tmp/xroot logged in[31m");
    }
}
