//! Times and waits.
//!
//! A time is whole milliseconds since the Unix epoch, given from outside; nothing here reads a clock. A stored wait
//! remembers when it began, so that a clock that jumps back cannot stretch it (pitfalls E1, I-31).

/// Milliseconds since the Unix epoch.
pub type Time = u64;

/// A pause between two moments of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// When the pause was decided.
    pub from: Time,
    /// When it ends.
    pub until: Time,
}

impl Wait {
    /// A pause of `length` milliseconds from `now`.
    pub fn new(now: Time, length: u64) -> Self {
        Self { from: now, until: now.saturating_add(length) }
    }

    /// Whether the pause is over. A clock that stands before the pause began has jumped: then it is over too.
    pub fn is_over(&self, now: Time) -> bool {
        now >= self.until || now < self.from
    }

    /// The moment to look again: `until`, or now when the pause is over.
    pub fn ends(&self, now: Time) -> Time {
        if self.is_over(now) {
            now
        } else {
            self.until
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_at_its_time_or_when_the_clock_jumps_back() {
        let wait = Wait::new(1_000, 500);
        assert!(!wait.is_over(1_499));
        assert!(wait.is_over(1_500));
        assert!(wait.is_over(999), "a clock before the start has jumped");
        assert_eq!(wait.ends(1_200), 1_500);
        assert_eq!(wait.ends(10), 10);
    }

    #[test]
    fn an_absurd_length_does_not_overflow() {
        assert_eq!(Wait::new(5, u64::MAX).until, u64::MAX);
    }
}
