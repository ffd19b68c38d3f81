//! Where connections come from: one address has only so many ports.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// Below what systems take by themselves, so that nobody else uses them.
const FIRST_PORT: u16 = 10_000;
const PORTS: u16 = 20_000;

/// Addresses of the loopback network and their ports, one after the other: 4 million connections until one comes
/// again, so that none is still waiting for the last one of its kind to be forgotten.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    taken: u32,
}

impl Sources {
    /// The next one. `127.0.0.1` is left to the server.
    pub(crate) fn take(&mut self) -> SocketAddr {
        let taken = self.taken;
        self.taken = taken.wrapping_add(1);
        let host = (taken / u32::from(PORTS) % 200) as u8;
        let port = FIRST_PORT + (taken % u32::from(PORTS)) as u16;
        SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 2 + host), port))
    }
}
