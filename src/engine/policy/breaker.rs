//! The circuit breaker: a server that failed several times in a row is left alone for a while (pitfalls D21, I-30).
//!
//! Closed, everything goes. Open, nothing goes until the cooldown is over. Half-open, one request goes to see; it
//! closes the breaker or opens it again. What it holds back counts as no attempt. Its state is stored, so that a
//! reload or another tab does not storm a server that was just found failing. It knows times, not clocks.

use super::rng::Rng;
use crate::engine::mutant::Mutant;
use crate::model::{Time, Wait};

/// When it opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open.
    pub cooldown: u64,
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Everything may go.
    #[default]
    Closed,
    /// Nothing may go before the pause is over.
    Open(Wait),
    /// One request is out to see; another may follow only when this pause is over.
    HalfOpen(Wait),
}

impl State {
    /// The public name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open(_) => "open",
            Self::HalfOpen(_) => "half-open",
        }
    }
}

/// What may leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Anything.
    All,
    /// One request, to see.
    One,
    /// Nothing.
    Shut,
}

/// The breaker of one endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breaker {
    state: State,
    failures: u32,
}

impl Breaker {
    /// A breaker as it was stored.
    pub fn stored(state: State) -> Self {
        Self { state, failures: 0 }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// What may leave now.
    pub fn gate(&self, now: Time) -> Gate {
        match self.state {
            State::HalfOpen(_) if Mutant::HalfOpenIsOpen.is_on() => Gate::All,
            State::Closed => Gate::All,
            State::Open(wait) | State::HalfOpen(wait) if wait.is_over(now) => Gate::One,
            State::Open(_) | State::HalfOpen(_) => Gate::Shut,
        }
    }

    /// When something may leave again, while nothing may.
    pub fn opens_at(&self, now: Time) -> Option<Time> {
        match self.state {
            State::Open(wait) | State::HalfOpen(wait) => Some(wait.until).filter(|_| !wait.is_over(now)),
            State::Closed => None,
        }
    }

    /// Lets one request out to see; no other one leaves for `window`, unless the breaker closes before.
    pub fn probe(&mut self, window: u64, now: Time) {
        self.state = State::HalfOpen(Wait::new(now, window));
    }

    /// The server failed; says whether the state moved.
    ///
    /// Half as much again is drawn by chance, so that clients that failed together do not come back together (D23).
    pub fn failed(&mut self, rule: &Rule, rng: &mut Rng, now: Time) -> bool {
        self.failures = self.failures.saturating_add(1);
        let opens = match self.state {
            State::Closed => self.failures >= rule.failures,
            State::HalfOpen(_) => true,
            State::Open(_) => false,
        };
        if opens {
            self.state = State::Open(Wait::new(now, rule.cooldown + rng.below(rule.cooldown / 2 + 1)));
        }
        opens
    }

    /// The server did its work; says whether the state moved. An open breaker waits for its own probe.
    pub fn succeeded(&mut self) -> bool {
        if matches!(self.state, State::Open(_)) {
            return false;
        }
        self.failures = 0;
        std::mem::take(&mut self.state) != State::Closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet as Set;

    const RULE: Rule = Rule { failures: 3, cooldown: 1_000 };

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        let mut rng = Rng::from_number(1);
        assert!(!breaker.failed(&RULE, &mut rng, 0) && !breaker.failed(&RULE, &mut rng, 0));
        assert!(breaker.failed(&RULE, &mut rng, 0));
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_success_starts_the_count_anew() {
        let mut breaker = Breaker::default();
        let mut rng = Rng::from_number(1);
        for _ in 0..5 {
            assert!(!breaker.failed(&RULE, &mut rng, 0) && !breaker.failed(&RULE, &mut rng, 0));
            assert!(!breaker.succeeded());
        }
        let breaker = opened();
        let opens = breaker.opens_at(0).expect("a time");
        assert!((1_000..=1_500).contains(&opens));
        assert_eq!((breaker.gate(opens - 1), breaker.gate(opens)), (Gate::Shut, Gate::One));
    }

    #[test]
    fn it_stays_open_for_its_cooldown_or_up_to_half_as_much_again() {
        let rule = Rule { failures: 1, cooldown: 2 };
        let opens: Set<u64> = (0..100)
            .filter_map(|seed| {
                let mut breaker = Breaker::default();
                breaker.failed(&rule, &mut Rng::from_number(seed), 10);
                breaker.opens_at(10)
            })
            .collect();
        assert_eq!(opens.iter().copied().collect::<Vec<_>>(), [12, 13]);
    }

    #[test]
    fn one_request_goes_to_see_and_decides() {
        let mut breaker = opened();
        assert!(!breaker.succeeded(), "a late answer from before does not close it");
        breaker.probe(500, 2_000);
        assert_eq!(
            (breaker.gate(2_000), breaker.gate(2_499), breaker.gate(2_500)),
            (Gate::Shut, Gate::Shut, Gate::One)
        );
        assert!(breaker.failed(&RULE, &mut Rng::from_number(2), 2_100));
        assert_eq!(breaker.gate(3_099), Gate::Shut);
        breaker.probe(500, 4_000);
        assert!(breaker.succeeded());
        assert_eq!(breaker.gate(4_000), Gate::All);
        assert!(!breaker.failed(&RULE, &mut Rng::from_number(3), 4_000), "it begins to count anew");
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_keep_it_open() {
        let breaker = Breaker::stored(State::Open(Wait::new(10_000_000, 1_000)));
        assert_eq!((breaker.gate(10), breaker.gate(10_000_500)), (Gate::One, Gate::Shut));
    }
}
