//! One fault at a time, everywhere: each canonical script with each class of fault at each of its points.
//!
//! A run without a fault counts the points; then the script runs once for each point and each class that can mean
//! anything there (`strikes.rs`), recovers, and is judged by all oracles. Nothing is drawn here but latencies, which are
//! the same in each run up to the fault.

use super::chance::Chance;
use super::faults::Faults;
use super::mishaps::Mishaps;
use super::order::Ordering;
use super::schedule::{caught, Order, Ran};
use super::scripts::{Script, BATCHED, SCRIPTS};
use super::server::Server;
use super::strikes::{Point, Points, Strike, CLASSES, COMMIT, MESSAGE, PLACES, POINTS};
use super::world::World;
use seakeep::engine::config::SyncConfig;
use seakeep::engine::mutant::Mutant;
use seakeep::engine::policy::budget::{set_budget, MOST, REFILL};
use seakeep::engine::policy::lease::{set_term, TERM};

impl World {
    /// Options that are not drawn, so that a script means the same whatever a seed draws.
    pub(crate) fn settle_options(&mut self, batches: bool) {
        set_term(TERM);
        set_budget(MOST, REFILL);
        let Some(sync) = self.config.sync.as_mut() else { return };
        sync.endpoint.batch = batches.then(|| "_batch".into());
        sync.endpoint.health = Some("_health".into());
        *sync = SyncConfig {
            pull_interval: 60_000,
            start_delay: 0,
            max_attempts: 5,
            request_retries: 1,
            retry_at_interval: false,
            concurrency: 2,
            delay_between: 0,
            max_pending: 1_000,
            batch_size: 50,
            ..sync.clone()
        };
        self.config.collections.iter_mut().for_each(|collection| collection.rolls_back = false);
    }
}

/// A script with at most one fault, named `script` or `script/Point number/fault`.
pub(crate) fn run_script(
    script: &Script,
    strike: Option<Strike>,
    mutant: Option<Mutant>,
    traces: bool,
) -> (Ran, Points) {
    let mut met = Points::default();
    let ran = caught(mutant, || {
        let mut world = prepare(traces, BATCHED.contains(&script.0));
        world.mishaps.keeps_states = strike.is_some_and(|strike| strike.fault == "power");
        world.points_met.strike = strike;
        (script.1)(&mut world);
        met = std::mem::take(&mut world.points_met);
        if world.violation.is_none() {
            world.recover();
        }
        world.into_ran()
    });
    (ran, met)
}

/// A world without faults, four open tabs, and options that are not drawn.
fn prepare(traces: bool, batches: bool) -> World {
    let mut world = World::new(&Order { traces, ..Order::new(1, 1) });
    world.queue.clear();
    world.chance = Chance::new(2, None, false);
    world.faults = Faults { fits: 100, batch_fits: 100, ..Faults::default() };
    world.ordering = Ordering::Uniform;
    world.mishaps = Mishaps::default();
    world.server = Server::new(2, None);
    world.settle_options(batches);
    for tab in 0..4 {
        world.open(tab);
    }
    world
}

/// What came of all runs of one script.
#[derive(Debug)]
pub(crate) struct Exhausted {
    pub(crate) script: &'static str,
    /// Transactions, requests and messages.
    pub(crate) points: [u32; 3],
    pub(crate) runs: usize,
    /// Runs by class of fault, and by where it can strike.
    pub(crate) table: [[usize; PLACES.len()]; CLASSES.len()],
    /// What broke something, by name.
    pub(crate) failed: Vec<(String, Ran)>,
}

/// Everything of one script.
pub(crate) fn exhaust(script: &Script, mutant: Option<Mutant>) -> Exhausted {
    let (plain, met) = run_script(script, None, mutant, false);
    let points = POINTS.map(|point| met.met.get(&point).copied().unwrap_or(0));
    let table = [[0; PLACES.len()]; CLASSES.len()];
    let mut all = Exhausted { script: script.0, points, runs: 1, table, failed: Vec::new() };
    if plain.violation.is_some() {
        all.failed.push((script.0.to_owned(), plain));
        return all;
    }
    for (point, number) in
        POINTS.into_iter().zip(points).flat_map(|(point, count)| (1..=count).map(move |number| (point, number)))
    {
        let place = match point {
            Point::Commit => COMMIT,
            Point::Request => met.requests.get(number as usize - 1).copied().unwrap_or(0),
            Point::Message => MESSAGE,
        };
        for (class, (fault, _)) in CLASSES.iter().enumerate().filter(|(_, (_, places))| places & place != 0) {
            let (ran, _) = run_script(script, Some(Strike { point, number, fault }), mutant, false);
            all.runs += 1;
            all.table[class][place.trailing_zeros() as usize] += 1;
            if ran.violation.is_some() {
                all.failed.push((format!("{}/{point:?} {number}/{fault}", script.0), ran));
            }
        }
    }
    all
}

/// Runs the one of a name, with its trace.
pub(crate) fn run_named(name: &str) -> Option<Ran> {
    let mut parts = name.split('/');
    let script = parts.next().and_then(|script| SCRIPTS.iter().find(|(known, _)| *known == script))?;
    let Some(at) = parts.next() else { return Some(run_script(script, None, None, true).0) };
    let (point, number) = at.split_once(' ')?;
    let point = POINTS.into_iter().find(|known| format!("{known:?}") == point)?;
    let fault = parts.next()?;
    let (fault, _) = CLASSES.into_iter().find(|(known, _)| *known == fault)?;
    let strike = Strike { point, number: number.parse().ok()?, fault };
    Some(run_script(script, Some(strike), None, true).0)
}
