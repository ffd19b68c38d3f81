//! Listeners on TCP and Unix sockets.

use std::{io, net::SocketAddr, time::Duration};

use chinwag_core::{Addr, Incoming, Listener};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{self, TcpSocket, TcpStream, ToSocketAddrs};

use crate::TokioIo;

/// When a TCP connection is silent for this long, the system asks whether the peer is still there,
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
/// asks again after this long,
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// and takes it for lost after this many questions without an answer: about two minutes in all.
const KEEPALIVE_RETRIES: u32 = 4;

/// Listens on a TCP socket.
///
/// Accepted connections have `TCP_NODELAY` on, because whole batches are written at once, and keep-alive,
/// which notices within about two minutes that a peer has vanished.
#[derive(Debug)]
pub struct TcpListener {
    listener: net::TcpListener,
}

impl TcpListener {
    /// Listens on the first of the addresses that works. Port 0 takes a free port, which
    /// [`local_addr`](Self::local_addr) tells.
    ///
    /// # Errors
    ///
    /// Whatever the system says: the address is in use, not of this machine, not allowed.
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        let mut last_error = None;
        for addr in net::lookup_host(addr).await? {
            match listen(addr) {
                Ok(listener) => return Ok(Self { listener }),
                Err(error) => last_error = Some(error),
            }
        }
        Err(last_error.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
    }

    /// Where it listens, with the real port when it was bound to port 0.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// How many bytes the system may hold back unsent before it takes no more. Without it, it takes megabytes,
/// and a slow reader seems to stand still for a second while they drain.
#[cfg(any(target_os = "linux", target_os = "android"))]
const NOT_SENT: u32 = 128 * 1024;

/// How many connections may wait to be accepted; systems lower it to what they allow. With the usual
/// hundred or so, a burst of clients overflows it, and each that does not fit loses a second or more.
const BACKLOG: u32 = 4096;

fn listen(addr: SocketAddr) -> io::Result<net::TcpListener> {
    let socket = match addr {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // On Unix it lets a new server have the port while the last one's connections still fade away. On
    // Windows it would let it have the port while the last one still listens.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

impl From<net::TcpListener> for TcpListener {
    fn from(listener: net::TcpListener) -> Self {
        Self { listener }
    }
}

impl Listener for TcpListener {
    type Io = TokioIo<TcpStream>;

    async fn accept(&mut self) -> io::Result<Incoming<Self::Io>> {
        let (stream, addr) = self.listener.accept().await?;
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE_AFTER)
            .with_interval(KEEPALIVE_INTERVAL)
            .with_retries(KEEPALIVE_RETRIES);
        let socket = SockRef::from(&stream);
        // Some systems refuse an option on a connection that is gone already; its first read will tell.
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_tcp_keepalive(&keepalive);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = socket.set_tcp_notsent_lowat(NOT_SENT);
        Ok(Incoming::new(TokioIo::new(stream), Addr::Tcp(addr)))
    }

    fn local_addr(&self) -> io::Result<Addr> {
        self.listener.local_addr().map(Addr::Tcp)
    }
}

#[cfg(unix)]
pub use unix::UnixListener;

#[cfg(unix)]
mod unix {
    use std::{
        fs::{self, Metadata},
        io,
        os::unix::fs::{FileTypeExt, MetadataExt},
        path::{Path, PathBuf},
    };

    use chinwag_core::{Addr, Incoming, Listener};
    use socket2::{Domain, SockAddr, Socket, Type};
    use tokio::net::{self, UnixStream};

    use crate::TokioIo;

    /// Listens on a Unix socket.
    ///
    /// The socket's file is removed when the listener is dropped, unless it is not the same file any more.
    #[derive(Debug)]
    pub struct UnixListener {
        listener: net::UnixListener,
        path: PathBuf,
        file: FileId,
    }

    impl UnixListener {
        /// Listens at `path`. A socket that a dead server left there is replaced; one that somebody
        /// listens on is not, nor is any other file.
        ///
        /// # Errors
        ///
        /// Whatever the system says: the address is in use, the folder is not there, not allowed.
        pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
            let path = path.as_ref();
            let listener = match net::UnixListener::bind(path) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(path) => {
                    fs::remove_file(path)?;
                    net::UnixListener::bind(path)?
                }
                other => other?,
            };
            Ok(Self {
                listener,
                file: FileId::of(&fs::symlink_metadata(path)?),
                path: path.to_owned(),
            })
        }
    }

    /// Which file it is, whatever it is called.
    #[derive(Debug, PartialEq, Eq)]
    struct FileId {
        device: u64,
        inode: u64,
    }

    impl FileId {
        fn of(file: &Metadata) -> Self {
            Self {
                device: file.dev(),
                inode: file.ino(),
            }
        }
    }

    /// Whether `path` is a socket on which nobody listens.
    fn is_stale(path: &Path) -> bool {
        let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
        // It must not block, as it would where somebody listens but is slow to accept.
        let connect = || {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            socket.set_nonblocking(true)?;
            socket.connect(&SockAddr::unix(path)?)
        };
        is_socket && connect().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    }

    impl Listener for UnixListener {
        type Io = TokioIo<UnixStream>;

        async fn accept(&mut self) -> io::Result<Incoming<Self::Io>> {
            let (stream, addr) = self.listener.accept().await?;
            let path = addr.as_pathname().map(Into::into);
            Ok(Incoming::new(TokioIo::new(stream), Addr::Unix(path)))
        }

        fn local_addr(&self) -> io::Result<Addr> {
            Ok(Addr::from(self.path.clone()))
        }
    }

    impl Drop for UnixListener {
        fn drop(&mut self) {
            // Somebody may have taken the file away, or put another one there.
            if fs::symlink_metadata(&self.path).is_ok_and(|file| FileId::of(&file) == self.file) {
                let _ = fs::remove_file(&self.path);
            }
        }
    }
}
