//! A distribution of times, in memory of a fixed size.

use crate::record::Latency;

/// Each power of two is divided into so many steps: a time is known to 1 in 128.
const STEPS: u64 = 1 << STEP_BITS;
const STEP_BITS: u32 = 7;

/// How often which time was seen, in nanoseconds.
///
/// Recording is an addition; what is read out is at most 0.8 % too high.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Box<[u64]>,
    total: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; index(u64::MAX) + 1].into_boxed_slice(),
            total: 0,
            max: 0,
        }
    }
}

impl Histogram {
    pub(crate) fn record(&mut self, nanoseconds: u64) {
        self.counts[index(nanoseconds)] += 1;
        self.total += 1;
        self.max = self.max.max(nanoseconds);
    }

    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
        self.max = 0;
    }

    /// The smallest time that `share` of all (0 to 1) are not above.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        let wanted = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return highest(at).min(self.max);
            }
        }
        self.max
    }

    /// What is written down, or nothing if nothing was recorded.
    pub(crate) fn latency(&self) -> Option<Latency> {
        let micros = |nanoseconds: u64| nanoseconds as f64 / 1_000.0;
        (self.total > 0).then(|| Latency {
            p50: micros(self.quantile(0.5)),
            p99: micros(self.quantile(0.99)),
            p999: micros(self.quantile(0.999)),
            max: micros(self.max),
        })
    }
}

/// Where a time is counted: times below `2 * STEPS` each have their own place.
fn index(time: u64) -> usize {
    let shift = (u64::BITS - (time | STEPS).leading_zeros()) - STEP_BITS - 1;
    (u64::from(shift) * STEPS + (time >> shift)) as usize
}

/// The highest time that is counted there.
fn highest(index: usize) -> u64 {
    let index = index as u64;
    let shift = (index / STEPS).saturating_sub(1);
    let step = index - shift * STEPS;
    // The last place of all ends where the numbers do.
    ((step + 1) << shift).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_counted_within_one_step() {
        let mut time = 1_u64;
        while time < u64::MAX / 3 {
            for time in [time - 1, time, time + 1] {
                let top = highest(index(time));
                assert!(top >= time && top - time <= time / STEPS, "{time} {top}");
            }
            time = time * 3 / 2 + 1;
        }
        assert_eq!(highest(index(u64::MAX)), u64::MAX);
        assert_eq!(highest(index(0)), 0);
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_times() {
        let mut histogram = Histogram::default();
        let mut times = Vec::new();
        let mut state = 7_u64;
        for _ in 0..100_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let time = 1_000 + (state >> 40) % 5_000_000;
            histogram.record(time);
            times.push(time);
        }
        times.sort_unstable();
        for share in [0.5, 0.9, 0.99, 0.999] {
            let exact = times[(times.len() as f64 * share).ceil() as usize - 1] as f64;
            let found = histogram.quantile(share) as f64;
            assert!(
                found >= exact && found <= exact * 1.008,
                "{share}: {found}, not {exact}"
            );
        }
        assert_eq!(histogram.quantile(1.0), times[times.len() - 1]);
    }

    #[test]
    fn one_slow_of_a_thousand_is_above_p99_and_not_above_p999() {
        let mut histogram = Histogram::default();
        (0..999).for_each(|_| histogram.record(100));
        histogram.record(40_000_000);
        assert_eq!(histogram.quantile(0.99), 100);
        assert_eq!(histogram.quantile(0.999), 100);
        assert_eq!(histogram.quantile(0.9995), 40_000_000);
        assert_eq!(histogram.latency().unwrap().max, 40_000.0);
    }

    #[test]
    fn nothing_recorded_has_no_latency() {
        let mut histogram = Histogram::default();
        assert!(histogram.latency().is_none());
        histogram.record(5);
        histogram.clear();
        assert!(histogram.latency().is_none());
    }
}
