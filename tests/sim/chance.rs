//! A schedule's source of chance: one seeded stream, so that a seed is the whole schedule.
//!
//! Everything that may go one way or the other asks here; nothing else in the simulator is random.

use seakeep::engine::policy::rng::Rng;

/// One stream of decisions.
#[derive(Debug)]
pub(crate) struct Chance(Rng);

impl Chance {
    /// The stream of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Rng::from_number(seed))
    }

    /// 256 bits for an engine.
    pub(crate) fn seed(&mut self) -> [u64; 4] {
        [self.0.next_u64(), self.0.next_u64(), self.0.next_u64(), self.0.next_u64()]
    }

    /// From 0 up to, not including, `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0.below(limit)
    }

    /// From `low` to `high`, both included.
    pub(crate) fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.0.below(high - low + 1)
    }

    /// True so many times in a thousand.
    pub(crate) fn hit(&mut self, per_mille: u64) -> bool {
        per_mille > 0 && self.0.below(1_000) < per_mille
    }

    /// One of several; `None` of none.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.0.below(from.len() as u64) as usize)
    }

    /// Mostly short, now and then long: from 0 to `short`, and one time in sixteen to `long`.
    pub(crate) fn delay(&mut self, short: u64, long: u64) -> u64 {
        if self.0.below(16) == 0 {
            self.0.below(long + 1)
        } else {
            self.0.below(short + 1)
        }
    }

    /// A rate for a fault: absent in half of the schedules, otherwise somewhere up to `most` in a thousand.
    pub(crate) fn rate(&mut self, most: u64) -> u64 {
        if self.0.below(2) == 0 {
            0
        } else {
            1 + self.0.below(most)
        }
    }
}
