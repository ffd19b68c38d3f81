//! How fast a connection may go.

use std::time::{Duration, Instant};

use crate::config::{Rate, Rates};

/// What is missing from a token bucket, in the units of its [`Rate`], of which a nanosecond brings back a
/// whole number: nothing is rounded, so nothing drifts. (It is the generic cell rate algorithm, counted in
/// what is owed instead of in when it will be paid.)
#[derive(Debug, Clone, Copy, Default)]
struct Debt(u64);

impl Debt {
    /// Fills the bucket up for `time`.
    fn pay(&mut self, rate: &Rate, time: Duration) {
        self.0 = self.0.saturating_sub(rate.refilled_in(time));
    }

    /// How long it takes until the bucket has `amount`, or is full; zero if it has now.
    fn wait(self, rate: &Rate, amount: u32) -> Duration {
        let allowed = rate.capacity().saturating_sub(rate.price(amount));
        rate.time_for(self.0.saturating_sub(allowed))
    }

    /// Takes `amount` from the bucket, whether or not it has that.
    fn owe(&mut self, rate: &Rate, amount: u32) {
        self.0 = self.0.saturating_add(rate.price(amount));
    }
}

/// The time that has passed, for a clock that is only looked at.
///
/// If the clock goes back, it stands still here until it has caught up; so nothing is granted twice.
#[derive(Debug, Clone, Copy)]
struct Clock(Instant);

impl Clock {
    /// What has passed since the last time, and what `now` lacks to the latest time there ever was.
    fn passed(&mut self, now: Instant) -> (Duration, Duration) {
        let passed = now.saturating_duration_since(self.0);
        let behind = self.0.saturating_duration_since(now);
        self.0 = self.0.max(now);
        (passed, behind)
    }
}

/// A token bucket, always used with the same [`Rate`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    debt: Debt,
    clock: Clock,
}

impl Bucket {
    /// A full one.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            debt: Debt::default(),
            clock: Clock(now),
        }
    }

    /// Takes `amount` if there is so much, or if the bucket is full. Otherwise it takes nothing and says
    /// how long it will be until it could.
    pub(crate) fn take(&mut self, rate: &Rate, now: Instant, amount: u32) -> Result<(), Duration> {
        let (passed, behind) = self.clock.passed(now);
        self.debt.pay(rate, passed);
        match self.debt.wait(rate, amount) {
            Duration::ZERO => {
                self.debt.owe(rate, amount);
                Ok(())
            }
            wait => Err(wait.saturating_add(behind)),
        }
    }

    /// Whether nothing is missing.
    pub(crate) fn is_full(&mut self, rate: &Rate, now: Instant) -> bool {
        let (passed, _) = self.clock.passed(now);
        self.debt.pay(rate, passed);
        self.debt.0 == 0
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is served.
    Grant,
    /// It is refused; after this time it would be granted.
    Refuse(Duration),
    /// It is refused, and the sender has not minded that for long enough.
    Disconnect,
}

/// How many refusals a connection gets before it is disconnected, if the number of its requests is not
/// limited.
const REFUSALS: Rate = Rate::per_second(1).with_burst(20);

/// The buckets of one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Throttle {
    clock: Clock,
    messages: Debt,
    bytes: Debt,
    joins: Debt,
    refusals: Debt,
}

impl Throttle {
    /// Full buckets.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            clock: Clock(now),
            messages: Debt::default(),
            bytes: Debt::default(),
            joins: Debt::default(),
            refusals: Debt::default(),
        }
    }

    /// Decides about a request of so many bytes; `rates` are the same every time.
    ///
    /// One that is refused takes from the bucket of refusals alone.
    pub(crate) fn request(
        &mut self,
        rates: &Rates,
        now: Instant,
        bytes: usize,
        is_join: bool,
    ) -> Verdict {
        let refusals = rates.messages().unwrap_or(REFUSALS);
        let (passed, behind) = self.clock.passed(now);
        self.refusals.pay(&refusals, passed);

        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let mut wanted = [
            (&mut self.messages, rates.messages(), 1),
            (&mut self.bytes, rates.bytes(), bytes),
            (&mut self.joins, rates.joins(), u32::from(is_join)),
        ];
        let mut wait = Duration::ZERO;
        for (debt, rate, amount) in &mut wanted {
            if let Some(rate) = rate {
                debt.pay(rate, passed);
                // What a request does not ask for, it does not wait for.
                if *amount > 0 {
                    wait = wait.max(debt.wait(rate, *amount));
                }
            }
        }
        if wait.is_zero() {
            for (debt, rate, amount) in &mut wanted {
                if let Some(rate) = rate {
                    debt.owe(rate, *amount);
                }
            }
            return Verdict::Grant;
        }
        if !self.refusals.wait(&refusals, 1).is_zero() {
            return Verdict::Disconnect;
        }
        self.refusals.owe(&refusals, 1);
        Verdict::Refuse(wait.saturating_add(behind))
    }

    /// Charges for one request more, whether or not it would be granted: what was granted is as much work as several.
    pub(crate) fn owe_request(&mut self, rates: &Rates) {
        if let Some(rate) = rates.messages() {
            self.messages.owe(&rate, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn epoch() -> Instant {
        // Later than the beginning of time, so that a clock can go back.
        Instant::now() + Duration::from_secs(1 << 20)
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Throttle>() < 64);
    }

    #[test]
    fn a_burst_then_the_rate() {
        let (rate, start) = (Rate::per_second(10).with_burst(3), epoch());
        let mut bucket = Bucket::new(start);
        for _ in 0..3 {
            assert_eq!(bucket.take(&rate, start, 1), Ok(()));
        }
        assert!(!bucket.is_full(&rate, start));
        assert_eq!(bucket.take(&rate, start, 1), Err(millis(100)));
        assert_eq!(bucket.take(&rate, start + millis(60), 1), Err(millis(40)));
        assert_eq!(bucket.take(&rate, start + millis(100), 1), Ok(()));
        assert!(!bucket.is_full(&rate, start + millis(399)));
        assert!(bucket.is_full(&rate, start + millis(400)));
    }

    #[test]
    fn more_than_the_burst_is_granted_to_a_full_bucket_and_paid_off() {
        let (rate, start) = (Rate::per_second(10).with_burst(3), epoch());
        let mut bucket = Bucket::new(start);
        assert_eq!(bucket.take(&rate, start, 10), Ok(()));
        assert_eq!(bucket.take(&rate, start, 1), Err(millis(800)));
        assert_eq!(bucket.take(&rate, start, 10), Err(millis(1000)));
        assert_eq!(bucket.take(&rate, start + millis(1000), 10), Ok(()));
    }

    #[test]
    fn a_clock_may_go_back() {
        let (rate, start) = (Rate::per_second(1).with_burst(2), epoch());
        let mut bucket = Bucket::new(start);
        let earlier = start - Duration::from_secs(100);
        assert_eq!(bucket.take(&rate, start, 1), Ok(()));
        assert_eq!(bucket.take(&rate, earlier, 1), Ok(()));
        let wait = Duration::from_secs(101);
        assert_eq!(bucket.take(&rate, earlier, 1), Err(wait));
        assert_eq!(bucket.take(&rate, start, 1), Err(Duration::from_secs(1)));
        assert_eq!(bucket.take(&rate, earlier + wait, 1), Ok(()));
    }

    #[test]
    fn the_extremes_do_not_overflow() {
        let start = epoch();
        let huge = Duration::from_secs(1 << 31);
        for count in [0, 1, u32::MAX] {
            for per in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
                for burst in [0, 1, u32::MAX] {
                    let rate = Rate::new(count, per).with_burst(burst);
                    let mut bucket = Bucket::new(start);
                    for now in [start, start + huge, start, start + huge + huge] {
                        for amount in [0, 1, u32::MAX, u32::MAX] {
                            bucket.take(&rate, now, amount).ok();
                        }
                    }
                }
            }
        }
        let rates = Rates::builder().bytes(Rate::per_second(1)).build().unwrap();
        let mut throttle = Throttle::new(start);
        let mut request = |bytes| throttle.request(&rates, start, bytes, true);
        assert_eq!(request(usize::MAX), Verdict::Grant);
        let wait = Duration::from_secs(u32::MAX.into());
        assert_eq!(request(1), Verdict::Refuse(wait));
    }

    /// A hundred times as fast as allowed, and more.
    #[test]
    fn a_flood_gets_a_burst_and_a_burst_of_refusals() {
        let lengthy = Rates::builder().messages(None).build().unwrap();
        for (rates, granted, refused) in [(Rates::default(), 200, 200), (lengthy, 5242, 20)] {
            let start = epoch();
            let mut throttle = Throttle::new(start);
            let flood: Vec<_> = (0..)
                .map(|n| {
                    let now = start + Duration::from_micros(10) * n;
                    throttle.request(&rates, now, 100, false)
                })
                .take_while(|verdict| *verdict != Verdict::Disconnect)
                .collect();
            // It lasts for a while, in which both buckets fill up a little.
            let about = |expected: usize| expected..=expected + expected / 50;
            let grants = flood.iter().filter(|v| **v == Verdict::Grant).count();
            assert!(about(granted).contains(&grants), "{grants}");
            let refusals = flood.len() - grants;
            assert!(about(refused).contains(&refusals), "{refusals}");
        }
    }

    #[test]
    fn joins_count_twice_and_a_refusal_takes_nothing() {
        let rates = Rates::builder()
            .messages(Rate::per_second(1).with_burst(3))
            .joins(Rate::per_second(1).with_burst(1))
            .build()
            .unwrap();
        let start = epoch();
        let mut throttle = Throttle::new(start);
        let mut request = |is_join| throttle.request(&rates, start, 9, is_join);
        let refused = Verdict::Refuse(Duration::from_secs(1));
        assert_eq!(request(true), Verdict::Grant);
        assert_eq!(request(true), refused);
        assert_eq!(request(false), Verdict::Grant);
        assert_eq!(request(false), Verdict::Grant);
        assert_eq!(request(false), refused);
        assert_eq!(request(false), refused);
        assert_eq!(request(false), Verdict::Disconnect);
    }

    #[test]
    fn without_limits_all_is_granted() {
        let mut throttle = Throttle::new(epoch());
        let mut request = || throttle.request(&Rates::unlimited(), epoch(), 1 << 20, true);
        assert!((0..10_000).all(|_| request() == Verdict::Grant));
    }

    fn rate() -> impl Strategy<Value = Rate> {
        (1u32..5_000, 1u64..5_000_000_000, 1u32..500)
            .prop_map(|(count, per, burst)| (count, Duration::from_nanos(per), burst))
            .prop_map(|(count, per, burst)| Rate::new(count, per).with_burst(burst))
    }

    /// What `rate` allows in so many nanoseconds, times the nanoseconds of its time.
    fn allowed(rate: &Rate, nanos: u64) -> u128 {
        let burst = u128::from(rate.burst()) * rate.per().as_nanos();
        burst + u128::from(rate.count()) * u128::from(nanos)
    }

    proptest! {
        /// In any window, a burst and what the rate brings in that time; and waiting as told is enough.
        #[test]
        fn no_window_has_more_than_a_burst_and_the_rate(
            rate in rate(),
            steps in vec((0u64..200_000_000, 1u32..40, any::<bool>()), 1..120),
        ) {
            let mut now = epoch();
            let mut bucket = Bucket::new(now);
            let mut granted = Vec::new();
            for (pause, amount, patient) in steps {
                let amount = amount.min(rate.burst());
                now += Duration::from_nanos(pause);
                match bucket.take(&rate, now, amount) {
                    Ok(()) => {}
                    Err(wait) if patient => {
                        prop_assert!(!wait.is_zero());
                        now += wait - Duration::from_nanos(1);
                        prop_assert!(bucket.take(&rate, now, amount).is_err());
                        now += Duration::from_nanos(1);
                        prop_assert_eq!(bucket.take(&rate, now, amount), Ok(()));
                    }
                    Err(_) => continue,
                }
                granted.push((now, amount));
            }
            for (first, (from, _)) in granted.iter().enumerate() {
                let mut sum = 0;
                for (to, amount) in &granted[first..] {
                    sum += u128::from(*amount);
                    let nanos = (*to - *from).as_nanos() as u64;
                    prop_assert!(sum * rate.per().as_nanos() <= allowed(&rate, nanos));
                }
            }
        }

        /// For as long as one likes, with a bucket that holds no more than is asked for at once.
        #[test]
        fn who_keeps_to_the_rate_is_never_refused(rate in rate()) {
            let (start, count) = (epoch(), rate.count());
            let in_one_go = rate.with_burst(count);
            let mut bucket = Bucket::new(start);
            for n in 0..2_000 {
                prop_assert_eq!(bucket.take(&in_one_go, start + rate.per() * n, count), Ok(()));
            }

            // One after the other, at the first whole nanosecond, which is now more and now less apart.
            let one_by_one = rate.with_burst(2);
            let mut bucket = Bucket::new(start);
            for n in 0..2_000 {
                let nanos = (n * rate.per().as_nanos()).div_ceil(count.into());
                let now = start + Duration::from_nanos(nanos as u64);
                prop_assert_eq!(bucket.take(&one_by_one, now, 1), Ok(()));
            }
        }

        /// Whatever is asked for, the wait of a refused request is enough for it to be granted.
        #[test]
        fn a_throttled_request_is_granted_when_it_has_waited(
            messages in proptest::option::of(rate()),
            bytes in proptest::option::of(rate()),
            joins in proptest::option::of(rate()),
            requests in vec((0u64..20_000_000, 0u64..10, 0usize..2_000, any::<bool>()), 1..100),
        ) {
            let rates = Rates::builder().messages(messages).bytes(bytes).joins(joins);
            let rates = rates.build().unwrap();
            let mut now = epoch();
            let mut throttle = Throttle::new(now);
            for (pause, back, bytes, is_join) in requests {
                now += Duration::from_nanos(pause);
                if back == 0 {
                    now -= millis(10);
                }
                match throttle.request(&rates, now, bytes, is_join) {
                    Verdict::Grant => {}
                    Verdict::Refuse(wait) => {
                        now += wait;
                        let again = throttle.request(&rates, now, bytes, is_join);
                        prop_assert_eq!(again, Verdict::Grant);
                    }
                    Verdict::Disconnect => break,
                }
            }
        }
    }
}
