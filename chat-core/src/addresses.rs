//! The addresses that connections come from: how many of each, and how fast.

use std::{
    collections::{HashMap, VecDeque, hash_map},
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use thiserror::Error;

use crate::{
    config::{Rate, Rates},
    net::Addr,
    session::Bucket,
    sync::{Mutex, MutexGuard},
};

/// The most addresses without a connection that are remembered. Past it, the one that has been without
/// for longest is forgotten, and may begin again with a full bucket.
const MAX_IDLE: usize = 1 << 17;

/// How many idle addresses a new connection looks at. It adds one at most, so they cannot pile up.
const SWEEP: usize = 4;

/// Where a connection comes from, as far as one subscriber is told from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Origin {
    V4(Ipv4Addr),
    /// The first 64 bits: whoever has one address of those has them all.
    V6(u64),
}

impl Origin {
    /// `None` if `peer` is not to be limited.
    fn of(peer: &Addr, rates: &Rates) -> Option<Self> {
        let ip = peer.tcp()?.ip().to_canonical();
        if ip.is_loopback() && !rates.loopback() {
            return None;
        }
        Some(match ip {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => Self::V6((ip.to_bits() >> 64) as u64),
        })
    }
}

/// Why a connection is one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Crowded {
    /// There are this many of the address already.
    #[error("there are {0} connections from there already")]
    TooMany(usize),
    /// So many came of late that the next is welcome only after this time.
    #[error("connections from there come too fast; the next may come in {0:?}")]
    TooFast(Duration),
}

/// The addresses of the open connections, and of those that were open of late.
///
/// It remembers an address while it has a connection or until its bucket is full again; but no more than
/// [`MAX_IDLE`] of the latter.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    // With the hash of the standard library, which is keyed: peers can choose their addresses.
    origins: HashMap<Origin, Entry>,
    /// Every origin that has no connection but is remembered, oldest first. Some of them may have come back.
    idle: VecDeque<Origin>,
}

#[derive(Debug)]
struct Entry {
    open: usize,
    /// `None` if new connections are not limited.
    bucket: Option<Bucket>,
    /// Whether it is in `idle`.
    listed: bool,
}

impl Addresses {
    /// Takes a place for a connection from `peer`; `rates` are the same every time. `None` if connections
    /// from there are not limited.
    ///
    /// A connection that is refused takes nothing from the bucket.
    pub(crate) fn admit(
        self: &Arc<Self>,
        peer: &Addr,
        rates: &Rates,
        now: Instant,
    ) -> Result<Option<AddressPlace>, Crowded> {
        let (max, rate) = (rates.max_per_address(), rates.connections());
        if max.is_none() && rate.is_none() {
            return Ok(None);
        }
        let Some(origin) = Origin::of(peer, rates) else {
            return Ok(None);
        };
        let mut state = self.lock();
        if let Some(rate) = rate {
            state.sweep(&rate, now);
        }
        state.take(origin, max, rate.as_ref(), now)?;
        drop(state);
        Ok(Some(AddressPlace {
            addresses: self.clone(),
            origin,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(
        &mut self,
        origin: Origin,
        max: Option<usize>,
        rate: Option<&Rate>,
        now: Instant,
    ) -> Result<(), Crowded> {
        let entry = self.origins.entry(origin).or_insert_with(|| Entry {
            open: 0,
            bucket: rate.map(|_| Bucket::new(now)),
            listed: false,
        });
        if let Some(max) = max.filter(|max| entry.open >= *max) {
            return Err(Crowded::TooMany(max));
        }
        if let (Some(bucket), Some(rate)) = (&mut entry.bucket, rate) {
            bucket.take(rate, now, 1).map_err(Crowded::TooFast)?;
        }
        entry.open += 1;
        Ok(())
    }

    /// Forgets the oldest of the idle ones, as far as nothing is missing from their buckets any more.
    ///
    /// One that waits is before younger ones for no longer than it takes to fill a bucket.
    fn sweep(&mut self, rate: &Rate, now: Instant) {
        for _ in 0..SWEEP {
            let Some(oldest) = self.idle.front() else {
                return;
            };
            if let Some(entry) = self.origins.get_mut(oldest)
                && entry.open == 0
                && let Some(bucket) = &mut entry.bucket
                && !bucket.is_full(rate, now)
            {
                return;
            }
            self.forget_oldest();
        }
    }

    /// Takes the oldest off the list, and forgets it unless it has come back.
    fn forget_oldest(&mut self) {
        let Some(oldest) = self.idle.pop_front() else {
            return;
        };
        if let hash_map::Entry::Occupied(mut found) = self.origins.entry(oldest) {
            found.get_mut().listed = false;
            if found.get().open == 0 {
                found.remove();
            }
        }
    }

    fn give_back(&mut self, origin: Origin) {
        let hash_map::Entry::Occupied(mut found) = self.origins.entry(origin) else {
            return;
        };
        let entry = found.get_mut();
        entry.open = entry.open.saturating_sub(1);
        if entry.open > 0 || entry.listed {
            return;
        }
        if entry.bucket.is_none() {
            found.remove();
            return;
        }
        entry.listed = true;
        if self.idle.len() >= MAX_IDLE {
            self.forget_oldest();
        }
        self.idle.push_back(origin);
    }
}

/// A connection's place among those of its address, given back when dropped.
#[derive(Debug)]
pub(crate) struct AddressPlace {
    addresses: Arc<Addresses>,
    origin: Origin,
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        self.addresses.lock().give_back(self.origin);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv6Addr, SocketAddr};

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::config::RatesBuilder;

    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn epoch() -> Instant {
        Instant::now()
    }

    fn peer(ip: &str) -> Addr {
        SocketAddr::new(ip.parse().unwrap(), 4000).into()
    }

    fn subnet(number: u32) -> Addr {
        let ip = Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(number) << 64 | 1);
        SocketAddr::new(ip.into(), 4000).into()
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn one_place() -> RatesBuilder {
        Rates::builder().connections(None).max_per_address(1)
    }

    impl Addresses {
        fn remembered(&self) -> (usize, usize) {
            let state = self.lock();
            (state.origins.len(), state.idle.len())
        }
    }

    #[test]
    fn so_many_at_once_and_a_place_comes_back() {
        let rates = Rates::builder().max_per_address(2).build().unwrap();
        let (addresses, now) = (Arc::new(Addresses::default()), epoch());
        let ada = peer("192.0.2.1");
        let admit = |peer: &Addr| addresses.admit(peer, &rates, now);
        let places = [admit(&ada).unwrap(), admit(&ada).unwrap()];
        assert_eq!(admit(&ada).unwrap_err(), Crowded::TooMany(2));
        assert!(admit(&peer("192.0.2.2")).unwrap().is_some());
        drop(places);
        assert!(admit(&ada).unwrap().is_some());
    }

    #[test]
    fn so_fast_and_a_refusal_costs_nothing() {
        let rate = Rate::per_second(1).with_burst(2);
        let rates = Rates::builder().connections(rate).build().unwrap();
        let (addresses, now) = (Arc::new(Addresses::default()), epoch());
        let ada = peer("192.0.2.1");
        for _ in 0..2 {
            addresses.admit(&ada, &rates, now).unwrap().unwrap();
        }
        for _ in 0..3 {
            let refused = addresses.admit(&ada, &rates, now).unwrap_err();
            assert_eq!(refused, Crowded::TooFast(secs(1)));
        }
        assert!(addresses.admit(&ada, &rates, now + secs(1)).is_ok());
    }

    #[test]
    fn one_who_is_too_many_takes_nothing_from_the_bucket() {
        let rate = Rate::per_second(1).with_burst(2);
        let rates = Rates::builder().connections(rate).max_per_address(1);
        let rates = rates.build().unwrap();
        let (addresses, now) = (Arc::new(Addresses::default()), epoch());
        let ada = peer("192.0.2.1");
        let place = addresses.admit(&ada, &rates, now).unwrap();
        let refused = addresses.admit(&ada, &rates, now).unwrap_err();
        assert_eq!(refused, Crowded::TooMany(1));
        drop(place);
        assert!(addresses.admit(&ada, &rates, now).is_ok());
    }

    #[test]
    fn what_is_one_address() {
        let rates = one_place().build().unwrap();
        for (a, b, same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("2001:db8:1:2::1", "192.0.2.1", false),
            ("0.0.0.1", "::1:0:0:1", false),
        ] {
            let (addresses, now) = (Arc::new(Addresses::default()), epoch());
            let _place = addresses.admit(&peer(a), &rates, now).unwrap().unwrap();
            let other = addresses.admit(&peer(b), &rates, now);
            assert_eq!(other.is_err(), same, "{a} {b}");
        }
    }

    #[test]
    fn this_machine_is_limited_only_if_it_is_said() {
        let strict = one_place().loopback(true).build().unwrap();
        let rates = one_place().build().unwrap();
        let (addresses, now) = (Arc::new(Addresses::default()), epoch());
        for ip in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.2"] {
            assert!(addresses.admit(&peer(ip), &rates, now).unwrap().is_none());
            let place = addresses.admit(&peer(ip), &strict, now).unwrap();
            assert!(place.is_some());
            assert!(addresses.admit(&peer(ip), &strict, now).is_err());
        }
        for peer in [Addr::Memory(1), Addr::Unix(None)] {
            assert!(addresses.admit(&peer, &strict, now).unwrap().is_none());
        }
        let unlimited = Rates::unlimited();
        let place = addresses.admit(&peer("192.0.2.1"), &unlimited, now);
        assert!(place.unwrap().is_none());
    }

    #[test]
    fn an_address_is_forgotten_when_nothing_is_to_be_remembered() {
        let now = epoch();
        let addresses = Arc::new(Addresses::default());
        let counted = one_place().build().unwrap();
        drop(addresses.admit(&subnet(0), &counted, now));
        assert_eq!(addresses.remembered(), (0, 0));

        let rates = Rates::default();
        for number in 0..1000 {
            drop(addresses.admit(&subnet(number), &rates, now));
        }
        assert_eq!(addresses.remembered(), (1000, 1000));
        let later = now + secs(1);
        let _place = addresses.admit(&subnet(5), &rates, later).unwrap();
        // As many connections as there are addresses are more than enough to forget them all.
        for _ in 0..300 {
            drop(addresses.admit(&subnet(2000), &rates, later));
        }
        let (origins, idle) = addresses.remembered();
        assert!(origins <= 2 && idle <= 1, "{origins} {idle}");
    }

    #[test]
    fn idle_addresses_have_a_bound() {
        let rates = Rates::default();
        let (addresses, now) = (Arc::new(Addresses::default()), epoch());
        let _place = addresses.admit(&subnet(0), &rates, now).unwrap();
        for number in 1..=MAX_IDLE as u32 + 1000 {
            drop(addresses.admit(&subnet(number), &rates, now));
        }
        assert_eq!(addresses.remembered(), (MAX_IDLE + 1, MAX_IDLE));
    }

    proptest! {
        /// Whatever comes and goes, the places are counted right, and who is idle is on the list once.
        #[test]
        fn the_books_are_kept(
            steps in vec((0u32..6, any::<bool>(), 0u64..400), 1..200),
        ) {
            let rate = Rate::per_second(10).with_burst(3);
            let rates = Rates::builder().connections(rate).max_per_address(4);
            let rates = rates.build().unwrap();
            let addresses = Arc::new(Addresses::default());
            let mut now = epoch();
            let mut places: Vec<Vec<AddressPlace>> = (0..6).map(|_| Vec::new()).collect();
            for (number, comes, pause) in steps {
                now += Duration::from_millis(pause);
                let mine = &mut places[number as usize];
                if !comes {
                    mine.pop();
                    continue;
                }
                match addresses.admit(&subnet(number), &rates, now) {
                    Ok(place) => mine.extend(place),
                    Err(Crowded::TooMany(max)) => prop_assert_eq!(mine.len(), max),
                    Err(Crowded::TooFast(wait)) => prop_assert!(!wait.is_zero()),
                }
                prop_assert!(mine.len() <= 4);
                let state = addresses.lock();
                let open: usize = state.origins.values().map(|entry| entry.open).sum();
                prop_assert_eq!(open, places.iter().map(Vec::len).sum::<usize>());
                for (origin, entry) in &state.origins {
                    let listed = state.idle.iter().filter(|idle| *idle == origin).count();
                    prop_assert_eq!(listed, usize::from(entry.listed));
                    prop_assert!(entry.listed || entry.open > 0);
                }
                prop_assert!(state.idle.iter().all(|idle| state.origins.contains_key(idle)));
            }
        }
    }
}
