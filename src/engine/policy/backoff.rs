//! How long to wait after a failure: exponential, capped, with full jitter.
//!
//! Full jitter spreads clients that failed together (AWS Architecture Blog, "Exponential Backoff And Jitter"). A
//! pause is never shorter than a floor, so that a storm cannot come from luck.

use super::rng::Rng;

/// The shortest pause.
pub const MIN_PAUSE: u64 = 100;

/// The rule of pauses.
#[derive(Debug, Clone)]
pub struct Backoff {
    /// Pause after the first failure, before jitter.
    pub base: u64,
    /// Growth with each further failure.
    pub factor: f64,
    /// Longest pause.
    pub max: u64,
    /// Whether a pause is drawn from 0 to its length.
    pub jitter: bool,
}

impl Backoff {
    /// Pause after the `failures`-th failure in a row (from 1).
    pub fn pause(&self, failures: u32, rng: &mut Rng) -> u64 {
        let cap = self.ceiling(failures);
        let drawn = if self.jitter { rng.below(cap.saturating_add(1)) } else { cap };
        drawn.max(MIN_PAUSE)
    }

    /// Pause before the next request of one attempt, after its `failures`-th request failed: no jitter.
    pub fn step(&self, failures: u32) -> u64 {
        self.ceiling(failures)
    }

    /// How much of a span this client waits, so that clients which are let in at one moment do not come at one.
    pub fn spread(&self, span: u64, rng: &mut Rng) -> u64 {
        if self.jitter {
            rng.below(span + 1)
        } else {
            0
        }
    }

    fn ceiling(&self, failures: u32) -> u64 {
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX).min(1_000);
        let grown = self.base as f64 * self.factor.powi(exponent);
        if grown >= self.max as f64 || !grown.is_finite() {
            self.max
        } else {
            grown as u64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    #[test]
    fn without_jitter_the_ladder_is_exact() {
        let backoff = Backoff { base: 1_000, factor: 2.0, max: 60_000, jitter: false };
        let mut rng = Rng::from_number(1);
        let ladder: Vec<u64> = (1..=8).map(|failures| backoff.pause(failures, &mut rng)).collect();
        assert_eq!(ladder, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!([1, 2, 3, 9].map(|failures| backoff.step(failures)), [1_000, 2_000, 4_000, 60_000]);
    }

    #[test]
    fn a_span_is_used_whole_and_only_with_jitter() {
        let mut backoff = Backoff { base: 1_000, factor: 2.0, max: 60_000, jitter: true };
        let mut rng = Rng::from_number(1);
        let mut drawn: Vec<u64> = (0..1_000).map(|_| backoff.spread(5_000, &mut rng)).collect();
        drawn.sort_unstable();
        assert!(drawn[0] < 50 && drawn[999] > 4_950 && drawn[999] <= 5_000 && (2_200..2_800).contains(&drawn[500]));
        assert_eq!(backoff.spread(0, &mut rng), 0);
        assert!((0..100).any(|_| backoff.spread(1, &mut rng) == 1), "its last millisecond as well");
        backoff.jitter = false;
        assert_eq!(backoff.spread(5_000, &mut rng), 0);
    }

    proptest! {
        #[test]
        fn a_pause_is_bounded_both_ways(base in 1u64..100_000, factor in 1.0f64..10.0, extra in 0u64..1_000_000, failures in 0u32..u32::MAX, seed: u64) {
            let max = base + extra;
            let backoff = Backoff { base, factor, max, jitter: true };
            let pause = backoff.pause(failures, &mut Rng::from_number(seed));
            prop_assert!(pause >= MIN_PAUSE && pause <= max.max(MIN_PAUSE));
        }
    }
}
