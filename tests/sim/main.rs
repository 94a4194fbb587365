//! The simulator: seeded schedules of tabs, stores, a network and a server that go wrong in every way they can.
//!
//! A schedule is its seed: the same seed replays the same events. A broken invariant is named by its number (SPEC.md)
//! with the command that runs its schedule again. Without arguments it runs the stored regressions, fresh schedules,
//! and a bounded hunt for each seeded bug, as part of the tests.

#![cfg_attr(target_arch = "wasm32", no_main)]
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::cast_possible_wrap, reason = "simulated times are far below the bounds")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the seed of a run and its speed come from the clock; schedules do not"
)]

mod actions;
mod chance;
mod event;
mod faults;
mod mutants;
mod net;
mod options;
mod oracle;
mod schedule;
mod server;
mod store;
mod surroundings;
mod tab;
mod world;

use mutants::Hunt;
use options::Options;
use schedule::{run, Order, Ran};
use seakeep::engine::mutant::Mutant;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

/// Seeds that once broke an invariant: run always.
const REGRESSIONS: &str = include_str!("regressions.txt");
/// How long stored schedules run: as long as when they failed.
const STORED_STEPS: u64 = 500;
/// Where the hunt for seeded bugs begins in a test run: the same each time.
const HUNT_SEED: u64 = 1;
/// Failing schedules that are printed.
const MOST_PRINTED: usize = 10;

fn main() -> ExitCode {
    let fresh = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |time| time.as_millis() as u64);
    let options = match Options::read(std::env::args().skip(1), fresh % 1_000_000_000_000) {
        Ok(options) => options,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::FAILURE;
        }
    };
    std::panic::set_hook(Box::new(|_| {}));
    let failed = if options.one {
        usize::from(!run_one(&options))
    } else if options.mutants {
        hunt_mutants(&options)
    } else {
        run_all(&options)
    };
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run_one(options: &Options) -> bool {
    let ran = run(Order { seed: options.seed, steps: options.steps, traces: options.traces, mutant: None });
    println!("seed {}: {} events, {} writes, fingerprint {:016x}", options.seed, ran.events, ran.writes, ran.hash);
    report(options.seed, options.steps, &ran);
    println!("{} passed, {} failed", u32::from(ran.violation.is_none()), u32::from(ran.violation.is_some()));
    ran.violation.is_none()
}

fn report(seed: u64, steps: u64, ran: &Ran) {
    if let Some(violation) = &ran.violation {
        println!("{} broken by seed {seed}: {}", violation.number, violation.text);
        println!("  again: cargo test --test sim -- --seed {seed} --steps {steps} --one");
    }
}

/// Regressions, fresh schedules, and the hunt: the tests.
fn run_all(options: &Options) -> usize {
    let started = Instant::now();
    println!("simulator: {} schedules of {} steps from seed {}", options.schedules, options.steps, options.seed);
    let stored: Vec<u64> =
        REGRESSIONS.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect();
    let mut runs = Runs::default();
    for seed in &stored {
        runs.take(*seed, run(Order { seed: *seed, steps: STORED_STEPS, traces: false, mutant: None }));
    }
    runs.join(spread(options));
    let seconds = started.elapsed().as_secs_f64();
    for (seed, ran) in runs.failed.iter().take(MOST_PRINTED) {
        report(*seed, options.steps, ran);
    }
    println!(
        "{} schedules ({} stored, {} recovered, {} run twice), {} events, {} writes, {:.0} schedules per second and thread",
        runs.count, stored.len(), runs.recovered, runs.twice, runs.events, runs.writes,
        runs.count as f64 / seconds / options.threads as f64,
    );
    print_counts(&runs);
    let alive = if options.searches == 0 {
        0
    } else {
        hunt_mutants(&Options { searches: 1, seed: HUNT_SEED, ..options.clone() })
    };
    let failed = runs.failed.len() + alive;
    println!("{} passed, {failed} failed", runs.count as usize + Mutant::ALL.len() - failed);
    failed
}

/// How many schedules broke which invariant.
fn print_counts(runs: &Runs) {
    let mut counts: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for (seed, ran) in &runs.failed {
        let number = ran.violation.as_ref().map_or("", |violation| violation.number);
        counts.entry(number).or_insert((0, *seed)).0 += 1;
    }
    for (number, (count, seed)) in counts {
        println!("{number} broken by {count} schedules, for example seed {seed}");
    }
}

/// Sums over schedules.
#[derive(Debug, Default)]
struct Runs {
    count: u64,
    events: u64,
    writes: u64,
    recovered: u64,
    twice: u64,
    failed: Vec<(u64, Ran)>,
}

impl Runs {
    fn take(&mut self, seed: u64, ran: Ran) {
        self.count += 1;
        self.events += ran.events;
        self.writes += ran.writes;
        self.recovered += u64::from(ran.recovered);
        if ran.violation.is_some() {
            self.failed.push((seed, ran));
        }
    }

    fn join(&mut self, other: Self) {
        self.count += other.count;
        self.events += other.events;
        self.writes += other.writes;
        self.recovered += other.recovered;
        self.twice += other.twice;
        self.failed.extend(other.failed);
    }
}

/// The fresh schedules, spread over threads; one in a hundred runs twice and must have the same fingerprint.
fn spread(options: &Options) -> Runs {
    let part = |thread: u64| {
        let mut runs = Runs::default();
        for count in (thread..options.schedules).step_by(options.threads as usize) {
            let seed = options.seed.wrapping_add(count);
            let order = Order { seed, steps: options.steps, traces: false, mutant: None };
            let mut ran = run(order);
            if count % 100 == 0 && ran.violation.is_none() {
                runs.twice += 1;
                if run(order).hash != ran.hash {
                    let text = "two runs of one seed differ".to_owned();
                    ran.violation = Some(world::Violation { number: "REPLAY", text });
                }
            }
            runs.take(seed, ran);
        }
        runs
    };
    let mut all = Runs::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads).map(|thread| scope.spawn(move || part(thread))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).for_each(|runs| all.join(runs));
    });
    all
}

/// The mutant table; says how many outlived their hunt.
fn hunt_mutants(options: &Options) -> usize {
    println!("{:<28} {:>7} {:>7}  caught by", "seeded bug", "median", "worst");
    let part = |thread: u64| -> Vec<(usize, Hunt)> {
        let mine = Mutant::ALL.into_iter().enumerate().skip(thread as usize).step_by(options.threads as usize);
        mine.map(|(index, mutant)| (index, Hunt::new(mutant, options.seed, options.searches, options.steps))).collect()
    };
    let mut hunts: Vec<(usize, Hunt)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads).map(|thread| scope.spawn(move || part(thread))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    });
    hunts.sort_unstable_by_key(|(index, _)| *index);
    hunts.iter().for_each(|(_, hunt)| println!("{}", hunt.row()));
    let alive = hunts.iter().filter(|(_, hunt)| !hunt.is_dead()).count();
    println!("{} of {} seeded bugs caught within {} schedules", hunts.len() - alive, hunts.len(), mutants::MOST);
    alive
}
