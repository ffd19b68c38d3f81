//! Whether what was seen at the calms is flat.

use std::{collections::BTreeSet, fmt};

/// Fewer calms than this in the second half, or less time between the first and the last of them, say nothing of memory.
const CALMS: usize = 3;
const SECONDS: f64 = 45.0;

/// Memory may grow by this share of itself over the second half, and by so many bytes more: an allocator never gets
/// back to the same page.
const SHARE: f64 = 0.02;
const BYTES: f64 = 256.0 * 1024.0;

/// What is compared from calm to calm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Calm {
    pub(super) seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) descriptors: usize,
    pub(super) threads: usize,
    /// How many connections there have been.
    pub(super) lives: u64,
}

/// What came of one question.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    pub(super) what: &'static str,
    /// Nothing, if it cannot be told.
    pub(super) good: Option<bool>,
    pub(super) why: String,
}

impl Finding {
    pub(super) fn new(what: &'static str, good: bool, why: String) -> Self {
        Self {
            what,
            good: Some(good),
            why,
        }
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.good.is_none()
    }

    pub(super) fn is_bad(&self) -> bool {
        self.good == Some(false)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let good = match self.good {
            Some(true) => "good",
            Some(false) => "BAD",
            None => "not judged",
        };
        write!(f, "{:<12} {good:<10}  {}", self.what, self.why)
    }
}

/// Memory is flat if it does not go on growing: over the second half of the calms, the median of what it grew by from
/// one to the next, times how many steps there were, or what it grew by in all, is within the bounds above.
///
/// The first half is left out, because caches and the allocator fill up in it. It is a median because a leak grows at
/// each step, as each has as many connections; a cache that becomes larger once, at whatever time, grows at one.
pub(super) fn memory(calms: &[Calm]) -> Finding {
    const WHAT: &str = "memory";
    let half = &calms[calms.len() / 2..];
    let (Some(first), Some(last)) = (half.first(), half.last()) else {
        return unknown(WHAT);
    };
    if half.len() < CALMS || last.seconds - first.seconds < SECONDS {
        return unknown(WHAT);
    }
    let mut steps: Vec<_> = half
        .windows(2)
        .map(|pair| pair[1].resident_bytes as f64 - pair[0].resident_bytes as f64)
        .collect();
    steps.sort_by(f64::total_cmp);
    let middle = steps.len() / 2;
    let median = match steps.len() % 2 {
        0 => f64::midpoint(steps[middle - 1], steps[middle]),
        _ => steps[middle],
    };
    let in_all = last.resident_bytes as f64 - first.resident_bytes as f64;
    let grown = in_all.min(median * steps.len() as f64);
    let allowed = BYTES + SHARE * first.resident_bytes as f64;
    let lives = (last.lives - first.lives).max(1) as f64;
    let why = format!(
        "{} to {} KiB at the last {} calms, growing by {:.0} KiB ({:.1} bytes a connection); {:.0} KiB are allowed",
        first.resident_bytes / 1024,
        last.resident_bytes / 1024,
        half.len(),
        grown / 1024.0,
        grown / lives,
        allowed / 1024.0,
    );
    Finding::new(WHAT, grown <= allowed, why)
}

fn unknown(what: &'static str) -> Finding {
    Finding {
        what,
        good: None,
        why: format!(
            "it takes {CALMS} calms over {SECONDS:.0} s in the second half; see --for and --checkpoints"
        ),
    }
}

/// At all calms there is the same number of them, as the same few are there.
pub(super) fn equal(what: &'static str, calms: &[Calm], count: impl Fn(&Calm) -> usize) -> Finding {
    let counts: BTreeSet<_> = calms.iter().map(count).collect();
    let why = match (counts.first(), counts.last()) {
        (Some(least), Some(most)) if least == most => format!("{least} at each calm"),
        (Some(least), Some(most)) => format!("from {least} to {most} at the calms"),
        _ => "there was no calm".to_owned(),
    };
    Finding::new(what, counts.len() == 1, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Calms a minute apart, at which so much was in memory.
    fn calms(resident: &[u64]) -> Vec<Calm> {
        let calm = |(number, &resident_bytes): (usize, &u64)| Calm {
            seconds: 60.0 * number as f64,
            resident_bytes,
            descriptors: 50,
            threads: 4,
            lives: 3_000 * number as u64,
        };
        resident.iter().enumerate().map(calm).collect()
    }

    fn judged(resident: &[u64]) -> Option<bool> {
        memory(&calms(resident)).good
    }

    #[test]
    fn flat_with_noise_is_flat() {
        let noise = [0, 90, 20, 60, 10, 80, 30, 50, 0, 70];
        assert_eq!(judged(&noise.map(|kib| 10 * MIB + (kib << 10))), Some(true));
        assert_eq!(judged(&[10 * MIB; 6]), Some(true));
    }

    #[test]
    fn a_leak_is_found_under_noise() {
        let noise = [0, 90, 20, 60, 10, 80, 30, 50, 0, 70];
        let mut at = 0;
        // 64 bytes for each of 3,000 connections a minute.
        let leak = noise.map(|kib| {
            at += 1;
            10 * MIB + (kib << 10) + at * 3_000 * 64
        });
        assert_eq!(judged(&leak), Some(false));
    }

    #[test]
    fn one_step_up_and_then_flat_is_flat_whenever_it_comes() {
        for step in 1..10 {
            let mut resident = [10 * MIB; 10];
            resident[step..].fill(14 * MIB);
            assert_eq!(judged(&resident), Some(true), "step at {step}");
        }
    }

    #[test]
    fn what_fills_up_in_the_first_half_is_left_out() {
        let resident = [5, 8, 10, 12, 13, 13, 13, 13, 13, 13].map(|mib| mib * MIB);
        assert_eq!(judged(&resident), Some(true));
    }

    #[test]
    fn what_shrinks_is_flat() {
        let resident = [20, 19, 18, 17, 16, 15].map(|mib| mib * MIB);
        assert_eq!(judged(&resident), Some(true));
    }

    #[test]
    fn what_falls_once_and_ends_lower_is_flat() {
        let resident = [20, 20, 20, 20, 28, 29, 30, 26].map(|mib| mib * MIB);
        assert_eq!(judged(&resident), Some(true));
    }

    #[test]
    fn too_little_says_nothing() {
        assert_eq!(judged(&[]), None);
        assert_eq!(judged(&[MIB, 2 * MIB, 3 * MIB, 4 * MIB]), None);
        let mut quick = calms(&[MIB; 10]);
        quick.iter_mut().for_each(|calm| calm.seconds /= 60.0);
        assert_eq!(memory(&quick).good, None);
    }

    #[test]
    fn counts_must_be_equal() {
        let mut calms = calms(&[MIB; 4]);
        assert_eq!(
            equal("descriptors", &calms, |calm| calm.descriptors).good,
            Some(true)
        );
        calms[3].descriptors += 1;
        assert!(equal("descriptors", &calms, |calm| calm.descriptors).is_bad());
        assert!(equal("threads", &[], |calm| calm.threads).is_bad());
    }
}
