//! A schedule's source of chance: each event draws from a stream of its own, named by what it is and its number.
//!
//! So a seed is the whole schedule, and what one event draws does not move what another one draws: a fault that is
//! added, or taken out to make a failing schedule shorter, leaves the rest as it was. Yes-or-no questions can be
//! recorded, and answered from a list instead (`replay.rs`). Nothing else in the simulator is random.

use seakeep::engine::policy::rng::Rng;
use std::collections::BTreeSet;

/// Where a draw stands: the kind of event, whose it is, which one of them, and the how-manieth draw in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Draw {
    pub(crate) what: &'static str,
    pub(crate) who: usize,
    pub(crate) count: u32,
    pub(crate) number: u32,
}

/// The stream of one event.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    at: Draw,
    rng: Rng,
}

/// All streams of a schedule.
#[derive(Debug)]
pub(crate) struct Chance {
    seed: u64,
    stream: Stream,
    /// Events so far, by the number that their names come to: some forty, so a list is quicker than a tree.
    counts: Vec<(u64, u32)>,
    /// The questions answered with yes, in a replay; all others are answered with no.
    kept: Option<BTreeSet<Draw>>,
    /// The questions that were answered with yes, when somebody wants to know.
    noted: Option<Vec<Draw>>,
}

impl Chance {
    /// The streams of a seed; a replay answers yes only where its list says so.
    pub(crate) fn new(seed: u64, kept: Option<BTreeSet<Draw>>, notes: bool) -> Self {
        let at = Draw { what: "world", who: 0, count: 0, number: 0 };
        let stream = Stream { at, rng: Rng::from_number(seed) };
        Self { seed, stream, counts: Vec::new(), kept, noted: notes.then(Vec::new) }
    }

    /// Begins the stream of an event; gives the one that stood, to be gone back to with [`Self::leave`].
    pub(crate) fn enter(&mut self, what: &'static str, who: usize) -> Stream {
        let name = what.bytes().fold(who as u64 + 1, |name, byte| name.wrapping_mul(131).wrapping_add(u64::from(byte)));
        let at = Draw { what, who, count: self.count(name), number: 0 };
        let number = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (name << 20) ^ u64::from(at.count);
        std::mem::replace(&mut self.stream, Stream { at, rng: Rng::from_number(number) })
    }

    fn count(&mut self, name: u64) -> u32 {
        if let Some((_, count)) = self.counts.iter_mut().find(|(known, _)| *known == name) {
            *count += 1;
            return *count;
        }
        self.counts.push((name, 1));
        1
    }

    /// Goes back to an earlier stream.
    pub(crate) fn leave(&mut self, stream: Stream) {
        self.stream = stream;
    }

    /// The questions answered with yes so far.
    pub(crate) fn noted(&mut self) -> Vec<Draw> {
        self.noted.take().unwrap_or_default()
    }

    /// 256 bits for an engine.
    pub(crate) fn seed(&mut self) -> [u64; 4] {
        [self.next(), self.next(), self.next(), self.next()]
    }

    fn next(&mut self) -> u64 {
        self.stream.at.number += 1;
        self.stream.rng.next_u64()
    }

    /// From 0 up to, not including, `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// From `low` to `high`, both included.
    pub(crate) fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True so many times in a thousand.
    pub(crate) fn hit(&mut self, per_mille: u64) -> bool {
        let drawn = self.below(1_000) < per_mille;
        let at = self.stream.at;
        let yes = self.kept.as_ref().map_or(drawn, |kept| per_mille > 0 && kept.contains(&at));
        if yes {
            self.noted.iter_mut().for_each(|noted| noted.push(at));
        }
        yes
    }

    /// One of several; `None` of none.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len() as u64) as usize)
    }

    /// Mostly short, now and then long: from 0 to `short`, and one time in sixteen to `long`.
    pub(crate) fn delay(&mut self, short: u64, long: u64) -> u64 {
        let most = if self.below(16) == 0 { long } else { short };
        self.below(most + 1)
    }

    /// A rate for a fault: absent in half of the schedules, otherwise somewhere up to `most` in a thousand.
    pub(crate) fn rate(&mut self, most: u64) -> u64 {
        let (there, rate) = (self.below(2) == 1, 1 + self.below(most));
        if there {
            rate
        } else {
            0
        }
    }
}
