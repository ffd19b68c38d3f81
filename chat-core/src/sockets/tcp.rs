//! Listening on TCP.

use std::{
    fmt, io,
    net::{self, SocketAddr},
    time::Duration,
};

use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};

use super::{Network, Target};
use crate::net::{Addr, Incoming, Listener};

/// Listens on a TCP socket.
///
/// Accepted connections have `TCP_NODELAY` on, because whole batches are written at once, and keep-alive,
/// which notices within about two minutes that a peer has vanished. On Linux and Android at most 128 KiB wait
/// unsent in the system, so that a slow reader is noticed.
pub struct TcpListener<N: Network> {
    listener: N::TcpListener,
    addr: SocketAddr,
}

impl<N: Network> TcpListener<N> {
    /// Listens on the first of the addresses that works. Port 0 takes a free port, which
    /// [`local_addr`](Self::local_addr) tells.
    ///
    /// # Cancellation
    ///
    /// Dropping the future leaves the address free, as if it was never started; the thread that looks a host name
    /// up goes on to its end.
    ///
    /// # Errors
    ///
    /// Whatever the system says: the address is in use, not of this machine, not allowed; or what the
    /// look-up of a host name says.
    ///
    /// # Panics
    ///
    /// On tokio, outside of a runtime whose I/O driver is on.
    pub async fn bind(target: impl Into<Target>) -> io::Result<Self> {
        Self::bind_with(target.into(), |_| Ok(())).await
    }

    /// Like [`bind`](Self::bind), but any number of listeners may have the address, if all are made so by the
    /// same user of the system, which gives each new connection to one of them (`SO_REUSEPORT`). So each core can
    /// have a runtime, a listener and a [`Server`](crate::Server) of its own, all for one [`Hub`](crate::Hub):
    /// see `examples/thread_per_core.rs`.
    ///
    /// What waits in a listener that is dropped is lost to those who have connected: they are reset.
    ///
    /// # Cancellation
    ///
    /// That of [`bind`](Self::bind).
    ///
    /// # Errors
    ///
    /// Those of [`bind`](Self::bind); `AddrInUse` also if one who listens there does not share.
    ///
    /// # Panics
    ///
    /// Like [`bind`](Self::bind).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub async fn bind_shared(target: impl Into<Target>) -> io::Result<Self> {
        Self::bind_with(target.into(), |socket| socket.set_reuse_port(true)).await
    }

    async fn bind_with(
        target: Target,
        set: impl Fn(&Socket) -> io::Result<()>,
    ) -> io::Result<Self> {
        let mut last_error = io::ErrorKind::AddrNotAvailable.into();
        for addr in target.look_up().await? {
            match listen(addr, &set) {
                Ok(listener) => return Self::try_from(listener),
                Err(error) => last_error = error,
            }
        }
        Err(last_error)
    }

    /// Where it listens, with the real port when it was bound to port 0.
    ///
    /// # Errors
    ///
    /// None; it is a `Result` because it is one in `std` and in every runtime.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addr)
    }
}

/// Takes over a listener that the program made in its own way, or was given by its supervisor. Do it where
/// you would call [`bind`](TcpListener::bind): on the runtime.
impl<N: Network> TryFrom<net::TcpListener> for TcpListener<N> {
    type Error = io::Error;

    fn try_from(listener: net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        if INHERITED {
            tune(&SockRef::from(&listener));
        }
        Ok(Self {
            addr: listener.local_addr()?,
            listener: N::tcp_listener(listener)?,
        })
    }
}

impl<N: Network> Listener for TcpListener<N> {
    type Io = N::TcpStream;

    async fn accept(&mut self) -> io::Result<Incoming<N::TcpStream>> {
        let (stream, addr) = N::accept_tcp(&self.listener).await?;
        if !INHERITED {
            tune(&SockRef::from(&stream));
        }
        Ok(Incoming::new(stream, Addr::Tcp(addr)))
    }

    fn local_addr(&self) -> io::Result<Addr> {
        Ok(Addr::Tcp(self.addr))
    }
}

impl<N: Network> fmt::Debug for TcpListener<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener")
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}

/// How many connections may wait to be accepted; systems lower it to what they allow. With the usual
/// hundred or so, a burst of clients overflows it, and each that does not fit loses a second or more.
const BACKLOG: i32 = 4096;

fn listen(
    addr: SocketAddr,
    set: impl Fn(&Socket) -> io::Result<()>,
) -> io::Result<net::TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    // On Unix it lets a new server have the port while the last one's connections still fade away. On
    // Windows it would let it have the port while the last one still listens.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    set(&socket)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// How long a connection is silent before the system probes the peer.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
/// How long it waits between two probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// How many unanswered probes end the connection: about two minutes in all.
const KEEPALIVE_RETRIES: u32 = 4;

/// How many bytes the system may hold back unsent before it takes no more. Without it, it takes megabytes,
/// and a slow reader seems to stand still for a second while they drain.
#[cfg(any(target_os = "linux", target_os = "android"))]
const NOT_SENT: u32 = 128 * 1024;

/// Whether a connection has the options of its listener from the start, as on Linux; the conformance suite checks it.
/// That saves six system calls for each.
const INHERITED: bool = cfg!(any(target_os = "linux", target_os = "android"));

fn tune(socket: &SockRef<'_>) {
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_RETRIES);
    // Some systems refuse an option on a connection that is gone already; its first read will tell.
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_keepalive(&keepalive);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket.set_tcp_notsent_lowat(NOT_SENT);
}
