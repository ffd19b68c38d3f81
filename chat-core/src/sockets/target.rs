//! Addresses as people write them.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{Arc, LazyLock},
    thread,
};

use futures::channel::oneshot;

use crate::connections::Places;

/// Where to listen or to connect to: an address, or a host name and a port that are to be looked up.
///
/// There is a `From` for `"127.0.0.1:4000"`, `"localhost:4000"`, a [`SocketAddr`] and `(IpAddr, u16)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(Repr);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Repr {
    Addr(SocketAddr),
    /// `HOST:PORT`, or anything else: the look-up will say.
    Text(String),
}

impl Target {
    /// The addresses, most of the time one.
    ///
    /// A host name is looked up by a thread of its own, because the system's look-up blocks, for many
    /// seconds where a network is broken. Dropping the future leaves that thread to its end.
    ///
    /// # Errors
    ///
    /// If it is not `HOST:PORT`, the host is not known, or [`MAX_LOOK_UPS`] are under way.
    pub(crate) async fn look_up(self) -> io::Result<Vec<SocketAddr>> {
        let text = match self.0 {
            Repr::Addr(addr) => return Ok(vec![addr]),
            Repr::Text(text) => text,
        };
        let Some(place) = LOOK_UPS.take() else {
            return Err(io::Error::other(format!(
                "{MAX_LOOK_UPS} host names are being looked up already"
            )));
        };
        let (tell, told) = oneshot::channel();
        thread::Builder::new()
            .name("look-up".to_owned())
            .spawn(move || {
                let _place = place;
                // Nobody may be there to hear it any more.
                let _ = tell.send(text.to_socket_addrs().map(Iterator::collect));
            })?;
        told.await
            .unwrap_or_else(|_| Err(io::Error::other("the look-up has failed")))
    }
}

/// The most look-ups at once. Where none comes to an end, programs that try again and again must not fill the
/// machine with threads.
const MAX_LOOK_UPS: usize = 64;

static LOOK_UPS: LazyLock<Arc<Places>> = LazyLock::new(|| Arc::new(Places::new(MAX_LOOK_UPS)));

impl From<SocketAddr> for Target {
    fn from(addr: SocketAddr) -> Self {
        Self(Repr::Addr(addr))
    }
}

impl From<(IpAddr, u16)> for Target {
    fn from(addr: (IpAddr, u16)) -> Self {
        Self(Repr::Addr(addr.into()))
    }
}

impl From<String> for Target {
    fn from(text: String) -> Self {
        Self(match text.parse() {
            Ok(addr) => Repr::Addr(addr),
            Err(_) => Repr::Text(text),
        })
    }
}

impl From<&String> for Target {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<&str> for Target {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn names_are_looked_up_and_addresses_are_not() {
        let loopback: SocketAddr = "127.0.0.1:80".parse().unwrap();
        assert_eq!(Target::from("127.0.0.1:80").0, Repr::Addr(loopback));
        assert_eq!(
            block_on(Target::from(loopback).look_up()).unwrap(),
            [loopback]
        );
        let found = block_on(Target::from("localhost:80").look_up()).unwrap();
        assert!(!found.is_empty());
        assert!(
            found
                .iter()
                .all(|addr| addr.ip().is_loopback() && addr.port() == 80)
        );
        let error = block_on(Target::from("localhost").look_up()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);

        // The others end a moment after they have told.
        let under_way: Vec<_> = (0..MAX_LOOK_UPS).map_while(|_| LOOK_UPS.take()).collect();
        assert!(block_on(Target::from("localhost:80").look_up()).is_err());
        drop(under_way);
    }
}
