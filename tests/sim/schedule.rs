//! One schedule: a seed becomes a world, runs through its faults, recovers (or not, by mode) and is judged.
//!
//! A panic in the engine is a broken invariant like any other, so that mutants and bugs are found the same way.

use super::chance::Draw;
use super::world::{Violation, World};
use seakeep::engine::mutant::Mutant;
use seakeep::engine::policy::budget::{set_budget, MOST, REFILL};
use seakeep::engine::policy::lease::{set_term, TERM};
use std::collections::BTreeSet;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// What to run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Order {
    pub(crate) seed: u64,
    pub(crate) steps: u64,
    pub(crate) traces: bool,
    pub(crate) mutant: Option<Mutant>,
    /// In a replay: the questions that are answered with yes.
    pub(crate) kept: Option<BTreeSet<Draw>>,
    /// Whether to note the questions answered with yes.
    pub(crate) notes: bool,
}

impl Order {
    /// A schedule as its seed makes it.
    pub(crate) fn new(seed: u64, steps: u64) -> Self {
        Self { seed, steps, ..Self::default() }
    }
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ran {
    pub(crate) violation: Option<Violation>,
    pub(crate) events: u64,
    pub(crate) points: u64,
    /// 0 for uniform order, otherwise the depth of its priorities.
    pub(crate) depth: usize,
    pub(crate) noted: Vec<Draw>,
    pub(crate) writes: u64,
    pub(crate) hash: u64,
    pub(crate) recovered: bool,
}

/// Runs one schedule from its seed.
pub(crate) fn run(order: &Order) -> Ran {
    caught(order.mutant, || {
        let mut world = World::new(order);
        let depth = world.ordering.depth();
        // A quarter of the schedules never recover: they check safety under twice the faults.
        let recovers = order.seed % 4 != 3;
        let steps = if recovers { order.steps } else { 2 * order.steps };
        while world.violation.is_none() && world.events < steps && world.step(u64::MAX) {}
        if recovers && world.violation.is_none() {
            world.recover();
        }
        Ran { depth, ..world.into_ran() }
    })
}

/// Runs something with a seeded bug, or none; a panic is a violation.
pub(crate) fn caught(mutant: Option<Mutant>, runs: impl FnOnce() -> Ran) -> Ran {
    Mutant::switch(mutant);
    let ran = catch_unwind(AssertUnwindSafe(runs));
    Mutant::switch(None);
    set_term(TERM);
    set_budget(MOST, REFILL);
    ran.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
        let violation = Some(Violation { number: "PANIC", text, place: None });
        Ran { violation, ..Ran::default() }
    })
}

impl World {
    /// What came of it.
    pub(crate) fn into_ran(mut self) -> Ran {
        Ran {
            events: self.events,
            points: self.points,
            depth: 0,
            noted: self.chance.noted(),
            writes: self.writes,
            hash: self.hash,
            recovered: self.healed,
            violation: self.violation,
        }
    }
}
