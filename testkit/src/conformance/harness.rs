//! What the cases run on.

use std::{
    any::Any,
    fs::File,
    future::Future,
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
#[cfg(unix)]
use std::{
    env,
    path::{Path, PathBuf},
    process,
};

use chinwag_core::{
    Addr, Listener, Runtime,
    sockets::{Network, TcpListener},
};
use futures::io::{AsyncRead, AsyncWrite};
use socket2::SockRef;

use crate::{MemoryListener, MemoryNet, MemoryStream, VirtualRuntime};

/// A runtime, and a network on which it listens and connects.
pub trait Harness: Clone + Send + Sync + 'static {
    /// The runtime.
    type Runtime: Runtime;
    /// Its listener.
    type Listener: Listener<Io = Self::Io>;
    /// Its stream, at either end.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Whether a write takes all that it is given, if there is room.
    const WHOLE_WRITES: bool = true;

    /// More bytes than fit between the two ends of a stream whose reader does not read.
    const MUCH: usize = 4 << 20;

    /// The runtime.
    fn runtime(&self) -> Self::Runtime;

    /// Runs a case.
    fn block_on<T>(&self, case: impl Future<Output = T>) -> T;

    /// Listens at `addr`, or where nobody else does.
    fn listen(
        &self,
        addr: Option<&Addr>,
    ) -> impl Future<Output = io::Result<Self::Listener>> + Send;

    /// Connects to `addr`.
    fn connect(&self, addr: &Addr) -> impl Future<Output = io::Result<Self::Io>> + Send;

    /// Ends a connection in both directions, in the way that the peer takes for an error.
    fn reset(&self, io: Self::Io);

    /// Makes it impossible to accept at `addr`, until the result is dropped, but lets one connection be made there.
    fn exhaust(&self, addr: &Addr) -> Box<dyn Any + Send>;

    /// Says that tasks are woken by threads that are not the runtime's.
    fn expect_outside_wakes(&self) {}

    /// What the process has open: file descriptors and threads.
    fn resources(&self) -> Resources {
        Resources::now()
    }
}

/// Counts in which a leak would show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// Open file descriptors.
    pub files: usize,
    /// Threads of the process; 0 where the system does not tell.
    pub threads: usize,
}

impl Resources {
    fn now() -> Self {
        let count = |path| std::fs::read_dir(path).map_or(0, Iterator::count);
        Self {
            files: count("/dev/fd"),
            threads: count("/proc/self/task"),
        }
    }
}

/// Takes all file descriptors but one.
fn take_all_files() -> Box<dyn Any + Send> {
    #[cfg(unix)]
    rlimit::Resource::NOFILE
        .set(200, rlimit::Resource::NOFILE.get_hard().expect("a limit"))
        .expect("a lower limit");
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    files.pop().expect("a file that was open");
    Box::new(files)
}

/// A runtime's TCP sockets.
#[derive(Debug, Clone)]
pub struct Tcp<N>(pub N);

impl<N: Network> Harness for Tcp<N> {
    type Runtime = N;
    type Listener = TcpListener<N>;
    type Io = N::TcpStream;

    fn runtime(&self) -> N {
        self.0.clone()
    }

    fn block_on<T>(&self, case: impl Future<Output = T>) -> T {
        self.0.block_on(case)
    }

    async fn listen(&self, addr: Option<&Addr>) -> io::Result<TcpListener<N>> {
        let free = ([127, 0, 0, 1], 0).into();
        TcpListener::bind(addr.and_then(Addr::tcp).unwrap_or(free)).await
    }

    async fn connect(&self, addr: &Addr) -> io::Result<N::TcpStream> {
        N::connect_tcp(addr.tcp().expect("a TCP address")).await
    }

    fn reset(&self, io: N::TcpStream) {
        let linger = SockRef::from(&io).set_linger(Some(Duration::ZERO));
        linger.expect("the option is known");
        // The stream is dropped here, which sends the reset.
    }

    fn exhaust(&self, _addr: &Addr) -> Box<dyn Any + Send> {
        take_all_files()
    }
}

/// A runtime's Unix sockets.
#[cfg(unix)]
#[derive(Debug, Clone)]
pub struct Unix<N>(pub N);

#[cfg(unix)]
impl<N: Network> Harness for Unix<N> {
    type Runtime = N;
    type Listener = chinwag_core::sockets::UnixListener<N>;
    type Io = N::UnixStream;

    fn runtime(&self) -> N {
        self.0.clone()
    }

    fn block_on<T>(&self, case: impl Future<Output = T>) -> T {
        self.0.block_on(case)
    }

    async fn listen(&self, addr: Option<&Addr>) -> io::Result<Self::Listener> {
        let path = addr.map_or_else(free_path, |addr| path_of(addr).to_owned());
        Self::Listener::bind(path)
    }

    async fn connect(&self, addr: &Addr) -> io::Result<N::UnixStream> {
        N::connect_unix(path_of(addr)).await
    }

    /// A Unix socket has no reset of its own; it gives one when it is closed with bytes unread.
    fn reset(&self, io: N::UnixStream) {
        drop(io);
    }

    fn exhaust(&self, _addr: &Addr) -> Box<dyn Any + Send> {
        take_all_files()
    }
}

#[cfg(unix)]
fn path_of(addr: &Addr) -> &Path {
    match addr {
        Addr::Unix(Some(path)) => path,
        _ => panic!("{addr} is no path"),
    }
}

/// A path where nothing is, in a folder of this process.
#[cfg(unix)]
pub(super) fn free_path() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    env::temp_dir().join(format!("chinwag-{}-{number}", process::id()))
}

/// The virtual runtime, and a network in memory whose links do some of everything that links can do.
#[derive(Debug, Clone)]
pub struct Memory {
    rt: VirtualRuntime,
    net: MemoryNet,
}

impl Memory {
    /// A world that is drawn from `seed`.
    pub fn new(seed: u64) -> Self {
        let rt = VirtualRuntime::new(seed);
        let net = MemoryNet::on(&rt, seed);
        Self { rt, net }
    }
}

impl Harness for Memory {
    type Runtime = VirtualRuntime;
    type Listener = MemoryListener;
    type Io = MemoryStream;

    const WHOLE_WRITES: bool = false;
    const MUCH: usize = 256 << 10;

    fn runtime(&self) -> VirtualRuntime {
        self.rt.clone()
    }

    fn block_on<T>(&self, case: impl Future<Output = T>) -> T {
        self.rt.block_on(case)
    }

    async fn listen(&self, addr: Option<&Addr>) -> io::Result<MemoryListener> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let free = || Addr::Memory(NEXT.fetch_add(1, Ordering::Relaxed));
        Ok(self.net.listen_at(addr.cloned().unwrap_or_else(free)))
    }

    async fn connect(&self, addr: &Addr) -> io::Result<MemoryStream> {
        self.net.try_connect(&addr.to_string(), self.net.any_link())
    }

    fn reset(&self, io: MemoryStream) {
        io.reset();
    }

    fn exhaust(&self, addr: &Addr) -> Box<dyn Any + Send> {
        for _ in 0..3 {
            let too_many_open_files = io::Error::from_raw_os_error(24);
            self.net.fail_accept(&addr.to_string(), too_many_open_files);
        }
        Box::new(())
    }

    fn expect_outside_wakes(&self) {
        self.rt.expect_outside_wakes();
    }

    /// What this runtime has is in memory; its tasks are counted by whoever cares.
    fn resources(&self) -> Resources {
        Resources {
            files: 0,
            threads: 0,
        }
    }
}
