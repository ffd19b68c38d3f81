//! How fast peers may go.

use std::time::Duration;

#[cfg(doc)]
use super::Limits;
use super::{ConfigError, in_range};

/// So much in so much time: a token bucket.
///
/// The bucket holds the burst when it is full, every grant takes from it, and it fills up at the rate. One
/// thing that is larger than the burst is granted when the bucket is full, and is paid off afterwards.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use std::time::Duration;
/// use chinwag::Rate;
///
/// const TALK: Rate = Rate::per_second(5).with_burst(20);
/// assert_eq!(TALK, Rate::new(5, Duration::from_secs(1)).with_burst(20));
/// assert_eq!(Rate::new(100, Duration::from_secs(60)).burst(), 100);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    per: Duration,
    burst: u32,
    /// How much one costs, and how much of that comes back in a nanosecond: `per / count` in lowest terms,
    /// so that there is nothing to round.
    cost: u64,
    refill: u32,
}

impl Rate {
    /// As many as `count` in `per`, and at once: the burst is `count` as well unless it is set.
    pub const fn new(count: u32, per: Duration) -> Self {
        let nanos = per.as_nanos();
        let divisor = match common_divisor(nanos, count as u128) {
            0 => 1,
            divisor => divisor,
        };
        let cost = nanos / divisor;
        Self {
            count,
            per,
            burst: count,
            cost: match cost > u64::MAX as u128 {
                true => u64::MAX,
                false => cost as u64,
            },
            refill: (count as u128 / divisor) as u32,
        }
    }

    /// As many as `count` in a second.
    pub const fn per_second(count: u32) -> Self {
        Self::new(count, Duration::from_secs(1))
    }

    /// As many as `burst` at once.
    #[must_use]
    pub const fn with_burst(self, burst: u32) -> Self {
        Self { burst, ..self }
    }

    /// How many in [`per`](Self::per).
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// In which time.
    pub const fn per(&self) -> Duration {
        self.per
    }

    /// How many at once.
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// What `amount` takes from a bucket.
    pub(crate) fn price(&self, amount: u32) -> u64 {
        self.cost.saturating_mul(amount.into())
    }

    /// What a full bucket holds.
    pub(crate) fn capacity(&self) -> u64 {
        self.price(self.burst)
    }

    /// What comes back in `time`.
    pub(crate) fn refilled_in(&self, time: Duration) -> u64 {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        nanos.saturating_mul(self.refill.into())
    }

    /// How long it takes until `price` is back.
    pub(crate) fn time_for(&self, price: u64) -> Duration {
        Duration::from_nanos(price.div_ceil(u64::from(self.refill.max(1))))
    }

    fn check(&self, key: &'static str, burst_key: &'static str) -> Result<(), ConfigError> {
        in_range(key, self.count as usize, 1, u32::MAX as usize)?;
        if self.per.is_zero() {
            return Err(ConfigError::ZeroPeriod { key });
        }
        // More than this is not counted; to pay it off would take centuries.
        let max = (u64::MAX / self.cost.max(1)).min(u32::MAX.into());
        in_range(burst_key, self.burst as usize, 1, max as usize)
    }
}

const fn common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// How fast peers may go. `None` is without a limit.
///
/// A request that comes too fast is refused with `rate-limited`, which says how long to wait, and takes
/// nothing from any bucket but that of refusals, which is like that of [`messages`](Self::messages) (without
/// such a limit: 1 in a second, 20 at once). Whoever goes on until that is empty is disconnected.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::{Rate, Rates};
///
/// let rates = Rates::builder()
///     .messages(Rate::per_second(5).with_burst(20))
///     .bytes(None)
///     .build()?;
/// assert_eq!(rates.messages().map(|rate| rate.burst()), Some(20));
/// assert!(Rates::builder().joins(Rate::per_second(0)).build().is_err());
/// # Ok::<(), chinwag::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    messages: Option<Rate>,
    bytes: Option<Rate>,
    joins: Option<Rate>,
    connections: Option<Rate>,
    max_per_address: Option<usize>,
    loopback: bool,
}

impl Rates {
    /// Starts from the defaults.
    pub fn builder() -> RatesBuilder {
        RatesBuilder(Self::default())
    }

    /// No limits at all.
    pub const fn unlimited() -> Self {
        Self {
            messages: None,
            bytes: None,
            joins: None,
            connections: None,
            max_per_address: None,
            loopback: false,
        }
    }

    /// Whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        *self
            == Self {
                loopback: self.loopback,
                ..Self::unlimited()
            }
    }

    /// The requests of one connection, of whatever kind; 20 in a second and 200 at once unless set. A list counts as one
    /// for every 128 names in it.
    pub fn messages(&self) -> Option<Rate> {
        self.messages
    }

    /// The bytes of one connection's requests; 65,536 in a second and 524,288 at once unless set.
    ///
    /// A line may be longer than what is allowed at once, if [`Limits::max_line`] is: it is granted to a
    /// connection that has been silent for so long that its bucket is full.
    pub fn bytes(&self) -> Option<Rate> {
        self.bytes
    }

    /// The requests of one connection to join a room, which are requests as well; 5 in a second and 50 at
    /// once unless set.
    pub fn joins(&self) -> Option<Rate> {
        self.joins
    }

    /// The new connections of one address; 2 in a second and 100 at once unless set. One that comes too
    /// fast is answered with the error `rate-limited` and closed.
    ///
    /// An address is an IPv4 address, or the first 64 bits of an IPv6 address, which is what one
    /// subscriber has. Everybody behind one translator of addresses has the same. Unix sockets and streams
    /// in memory have none, and those of this machine count only if [`loopback`](Self::loopback) says so.
    pub fn connections(&self) -> Option<Rate> {
        self.connections
    }

    /// The most connections at once of one address (see [`connections`](Self::connections)); 100 unless
    /// set, from 1 to 2^30. One more is answered with the error `full` and closed.
    pub fn max_per_address(&self) -> Option<usize> {
        self.max_per_address
    }

    /// Whether connections from this machine (127.0.0.0/8 and ::1) are limited by their address too; not
    /// unless set, because they may be those of a proxy.
    pub fn loopback(&self) -> bool {
        self.loopback
    }
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            messages: Some(Rate::per_second(20).with_burst(200)),
            bytes: Some(Rate::per_second(64 * 1024).with_burst(512 * 1024)),
            joins: Some(Rate::per_second(5).with_burst(50)),
            connections: Some(Rate::per_second(2).with_burst(100)),
            max_per_address: Some(100),
            loopback: false,
        }
    }
}

/// Makes [`Rates`].
#[must_use]
#[derive(Debug, Clone)]
pub struct RatesBuilder(Rates);

impl RatesBuilder {
    /// See [`Rates::messages`]; `None` for no limit.
    pub fn messages(mut self, rate: impl Into<Option<Rate>>) -> Self {
        self.0.messages = rate.into();
        self
    }

    /// See [`Rates::bytes`]; `None` for no limit.
    pub fn bytes(mut self, rate: impl Into<Option<Rate>>) -> Self {
        self.0.bytes = rate.into();
        self
    }

    /// See [`Rates::joins`]; `None` for no limit but that of all requests.
    pub fn joins(mut self, rate: impl Into<Option<Rate>>) -> Self {
        self.0.joins = rate.into();
        self
    }

    /// See [`Rates::connections`]; `None` for no limit.
    pub fn connections(mut self, rate: impl Into<Option<Rate>>) -> Self {
        self.0.connections = rate.into();
        self
    }

    /// See [`Rates::max_per_address`]; `None` for no limit.
    pub fn max_per_address(mut self, connections: impl Into<Option<usize>>) -> Self {
        self.0.max_per_address = connections.into();
        self
    }

    /// See [`Rates::loopback`].
    pub fn loopback(mut self, limited: bool) -> Self {
        self.0.loopback = limited;
        self
    }

    /// Checks the rates.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] for a rate, a burst or a time of zero, or one that is too large to count.
    pub fn build(self) -> Result<Rates, ConfigError> {
        let rates = self.0;
        for (key, burst_key, rate) in [
            ("message-rate", "message-burst", rates.messages),
            ("byte-rate", "byte-burst", rates.bytes),
            ("join-rate", "join-burst", rates.joins),
            ("connection-rate", "connection-burst", rates.connections),
        ] {
            rate.map_or(Ok(()), |rate| rate.check(key, burst_key))?;
        }
        if let Some(max) = rates.max_per_address {
            in_range("max-connections-per-address", max, 1, 1 << 30)?;
        }
        Ok(rates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Rates::builder().build(), Ok(Rates::default()));
        assert!(!Rates::default().is_unlimited());
        assert!(Rates::unlimited().is_unlimited());
    }

    #[test]
    fn nonsense_is_refused_with_its_key() {
        let messages = |rate| {
            let rates = Rates::builder().messages(rate).build();
            rates.unwrap_err().to_string()
        };
        let zero = messages(Rate::per_second(0).with_burst(1));
        assert_eq!(zero, "message-rate is 0, but must be from 1 to 4294967295");
        let no_burst = messages(Rate::per_second(1).with_burst(0));
        assert!(no_burst.starts_with("message-burst is 0"));
        let no_time = messages(Rate::new(1, Duration::ZERO));
        assert_eq!(no_time, "message-rate is for a time of zero");
        let centuries = messages(Rate::new(1, Duration::from_secs(1 << 32)).with_burst(10));
        assert_eq!(centuries, "message-burst is 10, but must be from 1 to 4");

        let nobody = Rates::builder().max_per_address(0).build();
        let key = "max-connections-per-address";
        assert!(nobody.unwrap_err().to_string().starts_with(key));
    }

    #[test]
    fn large_rates_are_fine() {
        let most = Rate::per_second(u32::MAX);
        let monthly = Rate::new(1_000_000_000, Duration::from_secs(30 * 24 * 3600));
        for rate in [most, monthly] {
            Rates::builder().bytes(rate).build().unwrap();
        }
    }
}
