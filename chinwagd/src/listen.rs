//! `SCHEME://ADDR`: where to listen, and what to speak there.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
};

#[cfg(unix)]
use chinwag::sockets::UnixListener;
use chinwag::{
    Addr, Listener, Server,
    sockets::{Network, TcpListener},
    wire::{Irc, Line, Seed},
};
use serde::Deserialize;
use thiserror::Error;

use crate::failure::Failure;

/// Where to listen, and what to speak there. One that exists is spelled right; whether the host is
/// there and the port is free shows when it is bound.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Endpoint {
    scheme: Scheme,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Line,
    Seed,
    Irc,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// `HOST:PORT`.
    Tcp(String),
    Unix(PathBuf),
}

/// What is wrong with the spelling of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum EndpointError {
    #[error(
        "it is SCHEME://ADDR, for example line://127.0.0.1:4000 or line+unix:///run/chinwag.sock"
    )]
    NoScheme,
    #[error("the schemes are line, seed, irc, line+unix, seed+unix and irc+unix")]
    UnknownScheme,
    #[error("the address is HOST:PORT, for example 127.0.0.1:4000, [::1]:4000 or localhost:4000")]
    NotHostAndPort,
    #[error("the host is neither an IP address nor a host name")]
    BadHost,
    #[error("the port is a number from 0 to 65535")]
    BadPort,
    #[error("the path must begin with /, for example line+unix:///run/chinwag.sock")]
    RelativePath,
    #[error("the path is too long for a Unix socket, or holds characters that it may not")]
    BadPath,
}

impl Endpoint {
    /// Whether it speaks the wire on which no secret can be said.
    pub(crate) fn is_seed(&self) -> bool {
        self.scheme == Scheme::Seed
    }

    /// Whether it speaks IRC.
    pub(crate) fn is_irc(&self) -> bool {
        self.scheme == Scheme::Irc
    }

    /// Where a server listens that is told nothing: both wires, on this machine only.
    pub(crate) fn defaults() -> Vec<Self> {
        [
            (Scheme::Line, "127.0.0.1:4000"),
            (Scheme::Seed, "127.0.0.1:4001"),
        ]
        .map(|(scheme, address)| Self {
            scheme,
            place: Place::Tcp(address.to_owned()),
        })
        .into()
    }

    /// Starts to listen. It must run on the runtime.
    pub(crate) async fn bind<N: Network>(&self) -> Result<Bound<N>, Failure> {
        let socket = match &self.place {
            Place::Tcp(address) => TcpListener::bind(address).await.map(Socket::Tcp),
            #[cfg(unix)]
            Place::Unix(path) => UnixListener::bind(path).map(Socket::Unix),
            #[cfg(not(unix))]
            Place::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        };
        let bound = socket.and_then(|socket| {
            Ok(Bound {
                address: socket.local_addr()?,
                scheme: self.scheme,
                socket,
            })
        });
        bound.map_err(|source| self.not_bound(source))
    }

    /// The failure that helps most. To the system, all that is in the way is an address in use.
    fn not_bound(&self, source: io::Error) -> Failure {
        let endpoint = self.clone();
        if source.kind() != io::ErrorKind::AddrInUse {
            return Failure::Listen { endpoint, source };
        }
        match &self.place {
            Place::Tcp(_) => Failure::PortInUse { endpoint, source },
            Place::Unix(path) if is_no_socket(path) => Failure::NoSocket { endpoint },
            Place::Unix(_) => Failure::Listen { endpoint, source },
        }
    }
}

#[cfg(unix)]
fn is_no_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::symlink_metadata(path).is_ok_and(|file| !file.file_type().is_socket())
}

#[cfg(not(unix))]
fn is_no_socket(_path: &Path) -> bool {
    false
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let (scheme, address) = text
            .trim()
            .split_once("://")
            .ok_or(EndpointError::NoScheme)?;
        let (scheme, place) = match scheme {
            "line" => (Scheme::Line, tcp(address)?),
            "seed" => (Scheme::Seed, tcp(address)?),
            "irc" => (Scheme::Irc, tcp(address)?),
            "line+unix" => (Scheme::Line, unix(address)?),
            "seed+unix" => (Scheme::Seed, unix(address)?),
            "irc+unix" => (Scheme::Irc, unix(address)?),
            _ => return Err(EndpointError::UnknownScheme),
        };
        Ok(Self { scheme, place })
    }
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    /// An error names the text, because in a file a list of them has one line number.
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
            .map_err(|error: EndpointError| format!("{text:?}: {error}"))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Tcp(address) => write!(f, "{}://{address}", self.scheme),
            Place::Unix(path) => write!(f, "{}+unix://{}", self.scheme, path.display()),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Line => "line",
            Self::Seed => "seed",
            Self::Irc => "irc",
        })
    }
}

fn tcp(address: &str) -> Result<Place, EndpointError> {
    if address.parse::<SocketAddr>().is_err() {
        let (host, port) = address
            .rsplit_once(':')
            .ok_or(EndpointError::NotHostAndPort)?;
        if host.is_empty() || port.is_empty() {
            return Err(EndpointError::NotHostAndPort);
        }
        if !is_host_name(host) {
            return Err(EndpointError::BadHost);
        }
        // A number may have a sign; a port may not.
        let is_port = port.bytes().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok();
        if !is_port {
            return Err(EndpointError::BadPort);
        }
    }
    Ok(Place::Tcp(address.to_owned()))
}

fn is_host_name(host: &str) -> bool {
    let is_spelled = host
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    // Without this, an IPv4 address with a typing error would be looked up as a name.
    let is_numeric = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    is_spelled && (!is_numeric || host.parse::<Ipv4Addr>().is_ok())
}

fn unix(path: &str) -> Result<Place, EndpointError> {
    if !path.starts_with('/') {
        return Err(EndpointError::RelativePath);
    }
    // Each endpoint is announced on a line of its own, so it may not hold a line end.
    if path.contains(char::is_control) || !fits_a_socket(path) {
        return Err(EndpointError::BadPath);
    }
    Ok(Place::Unix(path.into()))
}

#[cfg(unix)]
fn fits_a_socket(path: &str) -> bool {
    std::os::unix::net::SocketAddr::from_pathname(path).is_ok()
}

#[cfg(not(unix))]
fn fits_a_socket(_path: &str) -> bool {
    true
}

/// An [`Endpoint`] that is listened on.
pub(crate) struct Bound<N: Network> {
    scheme: Scheme,
    address: Addr,
    socket: Socket<N>,
}

enum Socket<N: Network> {
    Tcp(TcpListener<N>),
    #[cfg(unix)]
    Unix(UnixListener<N>),
}

impl<N: Network> Bound<N> {
    /// Adds it to `server`, on which its protocol is spoken as `wires` has it.
    pub(crate) fn serve(self, server: Server<N>, wires: &Wires) -> Server<N> {
        match self.socket {
            Socket::Tcp(socket) => listen(server, socket, self.scheme, wires),
            #[cfg(unix)]
            Socket::Unix(socket) => listen(server, socket, self.scheme, wires),
        }
    }
}

/// How protocols are spoken that can be set up.
pub(crate) struct Wires {
    pub(crate) seed: Seed,
    pub(crate) irc: Irc,
}

fn listen<N: Network>(
    server: Server<N>,
    socket: impl Listener,
    scheme: Scheme,
    wires: &Wires,
) -> Server<N> {
    match scheme {
        Scheme::Line => server.listen(socket, Line::default()),
        Scheme::Seed => server.listen(socket, wires.seed.clone()),
        Scheme::Irc => server.listen(socket, wires.irc.clone()),
    }
}

impl<N: Network> fmt::Display for Bound<N> {
    /// `line://127.0.0.1:4000` with the real address, or `line+unix:///path`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Addr::Unix(_) => write!(f, "{}+unix://{}", self.scheme, self.address),
            _ => write!(f, "{}://{}", self.scheme, self.address),
        }
    }
}

impl<N: Network> Socket<N> {
    fn local_addr(&self) -> io::Result<Addr> {
        match self {
            Self::Tcp(socket) => socket.local_addr().map(Addr::from),
            #[cfg(unix)]
            Self::Unix(socket) => socket.local_addr(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_an_endpoint_reads_back_as_it_was() {
        for text in [
            "line://127.0.0.1:4000",
            "seed://0.0.0.0:0",
            "line://[::1]:65535",
            "line://localhost:1",
            "irc://[::1]:6667",
            "seed://chat_1.my-host.example:4000",
            "line://zażółć.pl:4000",
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        let spaced: Endpoint = " line://[::1]:1 ".parse().unwrap();
        assert_eq!(spaced.to_string(), "line://[::1]:1");
    }

    #[cfg(unix)]
    #[test]
    fn a_path_is_an_endpoint() {
        for text in [
            "line+unix:///run/chinwag.sock",
            "seed+unix:///tmp/a, b",
            "irc+unix:///s",
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        let long = format!("line+unix:///{}", "x".repeat(200));
        assert_eq!(long.parse::<Endpoint>(), Err(EndpointError::BadPath));
    }

    #[test]
    fn what_is_not_an_endpoint_says_why() {
        use EndpointError::*;
        for (text, error) in [
            ("", NoScheme),
            ("127.0.0.1:4000", NoScheme),
            ("line:/127.0.0.1:4000", NoScheme),
            ("ircs://127.0.0.1:4000", UnknownScheme),
            ("LINE://127.0.0.1:4000", UnknownScheme),
            ("unix:///run/chinwag.sock", UnknownScheme),
            ("line://", NotHostAndPort),
            ("line://localhost", NotHostAndPort),
            ("line://:4000", NotHostAndPort),
            ("line://localhost:", NotHostAndPort),
            ("line://::1:4000", BadHost),
            ("line://[::1:4000", BadHost),
            ("line://[localhost]:4000", BadHost),
            ("line://256.0.0.1:4000", BadHost),
            ("line://a b:4000", BadHost),
            ("line:///run/chinwag.sock:1", BadHost),
            ("line://localhost:65536", BadPort),
            ("line://localhost:+80", BadPort),
            ("line://localhost:80/", BadPort),
            ("line://localhost:http", BadPort),
            ("line+unix://run/chinwag.sock", RelativePath),
            ("line+unix://", RelativePath),
            ("line+unix:///a\nb", BadPath),
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(error), "{text}");
        }
    }
}
