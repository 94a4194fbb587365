//! How long the rest will take, by how long the last ones took.
//!
//! A smoothed time per item. It says nothing before there is enough to say, and never more than a day.

use crate::model::Time;

/// Items after which there is something to say.
const ENOUGH: usize = 3;
/// A pause longer than this was no work.
const LONGEST: u64 = 60_000;
/// Parts of a millisecond in which the time per item is kept.
const PARTS: u64 = 256;
/// No estimate is longer.
const DAY: u64 = 86_400_000;

/// A smoothed time per item.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    per_item: u64,
    seen: usize,
    at: Option<Time>,
}

impl Pace {
    /// Work begins now.
    pub fn start(now: Time) -> Self {
        Self { at: Some(now), ..Self::default() }
    }

    /// So many more are done. A clock that jumped counts as no time.
    pub fn note(&mut self, items: usize, now: Time) {
        let took = now.saturating_sub(self.at.unwrap_or(now)).min(LONGEST);
        self.at = Some(now);
        if items == 0 {
            return;
        }
        let sample = took * PARTS / items as u64;
        // Each item weighs a sixteenth, the first ones as much as the others.
        let weight = (items as u64).max(16 / (self.seen as u64 + 1)).min(16);
        self.per_item = (self.per_item * (16 - weight) + sample * weight) / 16;
        self.seen += items;
    }

    /// How long `left` more will take, once that can be said.
    pub fn remaining(&self, left: usize) -> Option<u64> {
        (self.seen >= ENOUGH).then(|| (self.per_item * left as u64 / PARTS).min(DAY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    #[test]
    fn the_first_items_weigh_alike_and_later_ones_a_sixteenth() {
        let mut pace = Pace::start(5);
        pace.note(1, 1_005);
        pace.note(1, 1_005);
        assert_eq!(pace.remaining(1), None, "two are not enough");
        pace.note(1, 1_005);
        assert_eq!(pace.remaining(1), Some(343), "a third of a second, in sixteenths");
        let mut pace = Pace::start(0);
        pace.note(50, 50_000);
        assert_eq!(pace.remaining(1), Some(1_000), "many at once are all there is to know");
        pace.note(1, 67_000);
        assert_eq!(pace.remaining(1), Some(2_000), "one that took sixteen seconds longer");
    }

    proptest! {
        #[test]
        fn a_steady_pace_is_told_right(each in 0_u64..15_000, first in 1_usize..5, left in 0_usize..1_000) {
            let mut pace = Pace::start(1_000);
            let mut now = 1_000;
            for _ in 0..40 {
                now += each * first as u64;
                pace.note(first, now);
            }
            let said = pace.remaining(left).unwrap_or(0);
            let exact = each * left as u64;
            prop_assert!(said <= exact && said + exact / 8 + left as u64 >= exact.min(DAY), "{} {}", said, exact);
        }

        #[test]
        fn no_clock_makes_it_absurd(times in proptest::collection::vec(0_u64..u64::MAX, 4..40)) {
            let mut pace = Pace::start(7);
            times.iter().for_each(|now| pace.note(1, *now));
            prop_assert!(pace.remaining(usize::MAX / 1_000_000_000).is_some_and(|said| said <= DAY));
            prop_assert_eq!(Pace::start(7).remaining(5), None, "nothing is said at the beginning");
        }
    }
}
