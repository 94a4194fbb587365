//! The mutant table: how many schedules it takes until each seeded bug is caught, and by which oracle.
//!
//! It is the proof that the oracles bite. A mutant that outlives its searches is reported as alive.

use super::schedule::{run, Order};
use seakeep::engine::mutant::Mutant;

/// Schedules within which a mutant must be caught.
pub(crate) const MOST: u64 = 1_000;

/// The searches for one mutant.
#[derive(Debug)]
pub(crate) struct Hunt {
    pub(crate) mutant: Mutant,
    /// Schedules until it was caught, per search; `None` where it outlived all of them.
    pub(crate) kills: Vec<Option<u64>>,
    pub(crate) by: Vec<&'static str>,
}

impl Hunt {
    /// Several independent searches, each from its own seed.
    pub(crate) fn new(mutant: Mutant, seed: u64, searches: u64, steps: u64) -> Self {
        let mut hunt = Self { mutant, kills: Vec::new(), by: Vec::new() };
        for search in 0..searches {
            let first = seed.wrapping_add(search.wrapping_mul(1_000_003));
            let caught = (0..MOST).find_map(|count| {
                let order = Order { mutant: Some(mutant), ..Order::new(first.wrapping_add(count), steps) };
                run(&order).violation.map(|violation| (count + 1, violation.number))
            });
            hunt.kills.push(caught.map(|(count, _)| count));
            if let Some((_, number)) = caught.filter(|(_, number)| !hunt.by.contains(number)) {
                hunt.by.push(number);
            }
        }
        hunt
    }

    /// Whether every search caught it.
    pub(crate) fn is_dead(&self) -> bool {
        self.kills.iter().all(Option::is_some)
    }

    /// A row of the table: name, median, worst, oracles.
    pub(crate) fn row(&self) -> String {
        let mut kills: Vec<u64> = self.kills.iter().map(|kill| kill.unwrap_or(u64::MAX)).collect();
        kills.sort_unstable();
        let text = |count: Option<&u64>| match count {
            Some(&u64::MAX) | None => "alive".to_owned(),
            Some(count) => count.to_string(),
        };
        let name = format!("{:?}", self.mutant);
        format!("{name:<28} {:>7} {:>7}  {}", text(kills.get(kills.len() / 2)), text(kills.last()), self.by.join(" "))
    }
}
