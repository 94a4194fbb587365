//! One fault at a time, everywhere: each canonical script with each class of fault at each of its points.
//!
//! A point is a transaction of a store, a request, or a message to another tab. A run without a fault counts them; then
//! the script runs once for each point and class, recovers, and is judged by all oracles. Nothing is drawn here but
//! latencies, which are the same in each run up to the fault.

use super::chance::Chance;
use super::event::Event;
use super::faults::Faults;
use super::mishaps::Mishaps;
use super::order::Ordering;
use super::schedule::{caught, Order, Ran};
use super::scripts::{Script, BATCHED, SCRIPTS};
use super::server::Server;
use super::world::World;
use seakeep::engine::config::SyncConfig;
use seakeep::engine::input::Signal;
use seakeep::engine::mutant::Mutant;
use seakeep::engine::policy::lease::{set_term, TERM};
use std::collections::BTreeMap;

/// What a point is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Point {
    /// A transaction is about to run.
    Commit,
    /// A request leaves, and reaches the server.
    Request,
    /// A message is sent to another tab.
    Message,
}

const POINTS: [Point; 3] = [Point::Commit, Point::Request, Point::Message];
/// Classes of faults at transactions, by the names of their rates; the last seven happen to the tab or the server.
const COMMIT: [&str; 13] = [
    "crash_before",
    "crash_after",
    "abort",
    "quota",
    "slow_commit",
    "crash",
    "freeze",
    "close",
    "jump",
    "offline",
    "login",
    "wipe",
    "deploy",
];
/// The same at requests, and at the server when they reach it.
const REQUEST: [&str; 19] = [
    "lost_before",
    "lost_after",
    "duplicate",
    "slow",
    "broken",
    "html",
    "redirect",
    "stall",
    "failing",
    "failing_after",
    "limited",
    "refused",
    "in_progress",
    "stale_page",
    "crash",
    "freeze",
    "close",
    "jump",
    "login",
];
/// The same at messages.
const MESSAGE: [&str; 1] = ["message_loss"];
/// The same at requests of scripts that send batches.
const BATCH: [&str; 2] = ["batch_mess", "batch_full"];

/// The one fault of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Strike {
    pub(crate) point: Point,
    /// Which point of its kind.
    pub(crate) number: u32,
    pub(crate) fault: &'static str,
}

/// Points met so far, and the one where the fault strikes.
#[derive(Debug, Default)]
pub(crate) struct Points {
    met: BTreeMap<Point, u32>,
    strike: Option<Strike>,
}

impl World {
    /// A transaction is about to run.
    pub(crate) fn meet_commit(&mut self, profile: usize) {
        let job = self.profiles[profile].jobs.front();
        let Some(tab) = job.filter(|job| self.tabs[job.tab].life == job.life).map(|job| job.tab) else {
            return self.run_commit(profile);
        };
        let number = self.meet(Point::Commit);
        self.strike_tab(Point::Commit, number, tab);
        self.strike(Point::Commit, number, |world| world.run_commit(profile));
    }

    /// One more point of a kind; which one it is.
    pub(crate) fn meet(&mut self, point: Point) -> u32 {
        let met = self.points_met.met.entry(point).or_insert(0);
        *met += 1;
        *met
    }

    fn striking(&self, point: Point, number: u32) -> Option<&'static str> {
        let strike = self.points_met.strike.filter(|strike| (strike.point, strike.number) == (point, number))?;
        Some(strike.fault)
    }

    /// What happens at a point; if it is this run's, with its fault at a rate of 1,000.
    pub(crate) fn strike(&mut self, point: Point, number: u32, happens: impl FnOnce(&mut Self)) {
        let Some(fault) = self.striking(point, number) else { return happens(self) };
        self.trace(|| format!("{fault} strikes {point:?} {number}"));
        let before = self.faults.clone();
        self.faults.rate_of(fault).into_iter().for_each(|rate| *rate = 1_000);
        happens(self);
        self.faults = before;
    }

    /// What happens to the tab or the server at this run's point, instead of to the transaction or request itself.
    pub(crate) fn strike_tab(&mut self, point: Point, number: u32, tab: usize) {
        match self.striking(point, number) {
            Some("crash") => self.crash(tab),
            Some("freeze") => self.freeze(tab),
            Some("close") => self.close(tab),
            Some("jump") => self.jump(tab / 2),
            Some("wipe") => self.wipe(tab / 2),
            Some("deploy") => self.deploy(tab),
            Some("offline") => self.signal(tab, Signal::Offline),
            Some("login") => {
                self.server.wants_login = true;
                self.schedule(20_000, Event::Calm);
            }
            _ => {}
        }
    }

    /// Options that are not drawn, so that a script means the same whatever a seed draws.
    pub(crate) fn settle_options(&mut self, batches: bool) {
        set_term(TERM);
        let Some(sync) = self.config.sync.as_mut() else { return };
        sync.endpoint.batch = batches.then(|| "_batch".into());
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
) -> (Ran, BTreeMap<Point, u32>) {
    let mut met = BTreeMap::new();
    let ran = caught(mutant, || {
        let mut world = prepare(traces, BATCHED.contains(&script.0));
        world.points_met.strike = strike;
        (script.1)(&mut world);
        met.clone_from(&world.points_met.met);
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
    /// What broke something, by name.
    pub(crate) failed: Vec<(String, Ran)>,
}

/// Everything of one script.
pub(crate) fn exhaust(script: &Script, mutant: Option<Mutant>) -> Exhausted {
    let (plain, met) = run_script(script, None, mutant, false);
    let points = POINTS.map(|point| met.get(&point).copied().unwrap_or(0));
    let mut all = Exhausted { script: script.0, points, runs: 1, failed: Vec::new() };
    if plain.violation.is_some() {
        all.failed.push((script.0.to_owned(), plain));
        return all;
    }
    let batch = if BATCHED.contains(&script.0) { &BATCH[..] } else { &[] };
    let requests = [&REQUEST[..], batch].concat();
    for ((point, count), faults) in POINTS.into_iter().zip(points).zip([&COMMIT[..], &requests, &MESSAGE]) {
        for (number, fault) in (1..=count).flat_map(|number| faults.iter().map(move |fault| (number, *fault))) {
            let (ran, _) = run_script(script, Some(Strike { point, number, fault }), mutant, false);
            all.runs += 1;
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
    let fault = COMMIT.into_iter().chain(REQUEST).chain(MESSAGE).chain(BATCH).find(|known| *known == fault)?;
    let strike = Strike { point, number: number.parse().ok()?, fault };
    Some(run_script(script, Some(strike), None, true).0)
}
