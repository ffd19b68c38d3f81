//! Where connections come from: one address has only so many ports.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// Below what systems take by themselves, so that nobody else uses them.
const FIRST_PORT: u16 = 10_000;
const PORTS: u16 = 20_000;

/// Addresses of the loopback network and their ports, one after the other: 3 million connections until one comes
/// again, so that none is still waiting for the last one of its kind to be forgotten.
///
/// All addresses are written in one length, so that all frames that name them have one.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    taken: u32,
}

impl Sources {
    /// The next one. `127.0.0.1` is left to the server.
    pub(crate) fn take(&mut self) -> SocketAddr {
        let taken = self.taken;
        self.taken = taken.wrapping_add(1);
        let host = (taken / u32::from(PORTS) % 150) as u8;
        let port = FIRST_PORT + (taken % u32::from(PORTS)) as u16;
        SocketAddr::V4(SocketAddrV4::new(
            Ipv4Addr::new(127, 0, 0, 100 + host),
            port,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_have_one_length() {
        let mut sources = Sources::default();
        for host in 0..=150 {
            sources.taken = host * u32::from(PORTS);
            let address = sources.take().ip().to_string();
            assert_eq!(address.len(), "127.0.0.100".len(), "{address}");
        }
    }
}
