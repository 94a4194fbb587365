//! The retry budget: how many repeated attempts may leave, over all lanes together (pitfalls D23).
//!
//! A token bucket. A change that failed before takes a token for its next attempt; time and successes give them back.
//! First attempts are free, so a full bucket costs a healthy app nothing, and an empty one only slows repeats down.

use crate::model::Time;

/// Tokens of a full bucket: repeats that may leave in one burst.
pub const MOST: u32 = 30;
/// The size in force: [`MOST`], but in the simulator, which draws others.
pub fn most() -> u32 {
    if cfg!(target_arch = "wasm32") {
        MOST
    } else {
        DRAWN.get().0
    }
}

/// Milliseconds after which one token comes back.
pub const REFILL: u64 = 1_000;

/// The same of [`REFILL`].
pub fn refill() -> u64 {
    if cfg!(target_arch = "wasm32") {
        REFILL
    } else {
        DRAWN.get().1
    }
}

/// Sets both for this thread, in a native build.
pub fn set_budget(most: u32, refill: u64) {
    DRAWN.set((most, refill));
}

thread_local! {
    static DRAWN: core::cell::Cell<(u32, u64)> = const { core::cell::Cell::new((MOST, REFILL)) };
}

/// The bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    tokens: u32,
    /// Since when the next token fills.
    since: Time,
}

impl Budget {
    /// A full bucket.
    pub fn full(now: Time) -> Self {
        Self { tokens: most(), since: now }
    }

    /// A bucket as it was stored; what lies outside its bounds is brought inside.
    pub fn stored(tokens: u32, since: Time) -> Self {
        Self { tokens: tokens.min(most()), since }
    }

    /// Tokens left, and since when the next one fills.
    pub fn parts(&self) -> (u32, Time) {
        (self.tokens, self.since)
    }

    /// Tokens that may be taken now.
    pub fn left(&mut self, now: Time) -> u32 {
        // A clock that stands before the last look has jumped: the time since then is not known.
        let gained = now.saturating_sub(self.since) / refill();
        self.tokens = u32::try_from(gained).unwrap_or(most()).saturating_add(self.tokens).min(most());
        self.since = if self.tokens == most() { now } else { self.since.min(now) + gained * refill() };
        self.tokens
    }

    /// Takes tokens.
    pub fn take(&mut self, count: u32) {
        self.tokens = self.tokens.saturating_sub(count);
    }

    /// A success gives one back.
    pub fn give(&mut self) {
        self.tokens = (self.tokens + 1).min(most());
    }

    /// When the next token comes.
    pub fn next(&self) -> Time {
        self.since + refill()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_bounded_and_time_gives_back() {
        let mut budget = Budget::full(0);
        let all = budget.left(0);
        budget.take(all);
        assert_eq!(budget.left(0), 0);
        assert_eq!(budget.next(), REFILL);
        assert_eq!(budget.left(REFILL * 5 / 2), 2);
        assert_eq!(budget.left(REFILL * 3), 3, "halves are kept");
        budget.give();
        assert_eq!(budget.left(REFILL * 3), 4);
        assert_eq!(budget.left(u64::MAX), MOST);
        budget.take(1);
        assert_eq!(budget.left(5), MOST - 1, "a clock that jumped back gives nothing and takes nothing");
        assert_eq!(budget.left(5 + REFILL), MOST);
    }
}
