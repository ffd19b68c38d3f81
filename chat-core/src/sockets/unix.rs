//! Listening on Unix sockets.

use std::{
    fmt,
    fs::{self, Metadata},
    io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt},
        net,
    },
    path::{Path, PathBuf},
};

use socket2::{Domain, SockAddr, Socket, Type};

use super::Network;
use crate::net::{Addr, Incoming, Listener};

/// Listens on a Unix socket.
///
/// The socket's file is removed when the listener is dropped, unless it is not the same file any more.
pub struct UnixListener<N: Network> {
    bound: Bound<N::UnixListener>,
}

impl<N: Network> UnixListener<N> {
    /// Listens at `path`. A socket that a dead server left there is replaced; one that somebody
    /// listens on is not, nor is any other file.
    ///
    /// # Errors
    ///
    /// Whatever the system says: the address is in use, the folder is not there, not allowed.
    ///
    /// # Panics
    ///
    /// On tokio, outside of a runtime whose I/O driver is on.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let (listener, file) = bind(path.as_ref())?;
        listener.set_nonblocking(true)?;
        let listener = N::unix_listener(listener)?;
        Ok(Self {
            bound: Bound { file, listener },
        })
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.bound.file.path
    }
}

impl<N: Network> Listener for UnixListener<N> {
    type Io = N::UnixStream;

    async fn accept(&mut self) -> io::Result<Incoming<N::UnixStream>> {
        let (stream, path) = N::accept_unix(&self.bound.listener).await?;
        Ok(Incoming::new(stream, Addr::Unix(path)))
    }

    fn local_addr(&self) -> io::Result<Addr> {
        Ok(Addr::from(self.path().to_owned()))
    }
}

impl<N: Network> fmt::Debug for UnixListener<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixListener")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

/// A listener and its file, dropped in this order: a file that was removed only after the listener is
/// closed could be that of the next server, which has found the first one's stale, and been given the same
/// inode for its own.
struct Bound<L> {
    file: SocketFile,
    listener: L,
}

fn bind(path: &Path) -> io::Result<(net::UnixListener, SocketFile)> {
    let listener = match net::UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(path) => {
            fs::remove_file(path)?;
            net::UnixListener::bind(path)?
        }
        other => other?,
    };
    let file = SocketFile {
        id: FileId::of(&fs::symlink_metadata(path)?),
        path: path.to_owned(),
    };
    Ok((listener, file))
}

/// The file of a socket, removed when this is dropped.
struct SocketFile {
    path: PathBuf,
    id: FileId,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have taken the file away, or put another one there.
        if fs::symlink_metadata(&self.path).is_ok_and(|file| FileId::of(&file) == self.id) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Which file it is, whatever it is called.
#[derive(PartialEq, Eq)]
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

#[cfg(test)]
mod tests {
    use std::{env, process};

    use super::*;

    #[test]
    fn the_file_is_gone_before_the_listener_is() {
        struct Probe(net::UnixListener);

        impl Drop for Probe {
            fn drop(&mut self) {
                let addr = self.0.local_addr().unwrap();
                assert!(!addr.as_pathname().unwrap().exists());
            }
        }

        let path = env::temp_dir().join(format!("chinwag-core-{}", process::id()));
        let (listener, file) = bind(&path).unwrap();
        assert!(path.exists());
        drop(Bound {
            file,
            listener: Probe(listener),
        });
    }
}
