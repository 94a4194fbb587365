//! The simulator: seeded schedules of tabs, stores, a network and a server that go wrong in every way they can.
//!
//! A schedule is its seed: the same seed replays the same events. A broken invariant is named by its number (SPEC.md)
//! with the command that runs its schedule again, and made short. Without arguments it runs the stored regressions,
//! fresh schedules, and a bounded hunt for each seeded bug, as part of the tests.

#![cfg_attr(target_arch = "wasm32", no_main)]
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::cast_possible_wrap, reason = "simulated times are far below the bounds")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the seed of a run and its speed come from the clock; schedules do not"
)]

mod actions;
mod answers;
mod batch;
mod bulk;
mod chance;
mod checks;
mod conflicts;
mod event;
mod faults;
mod fingerprint;
mod herd;
mod lengths;
mod memory;
mod mishaps;
mod mutants;
mod net;
mod news;
mod options;
mod oracle;
mod order;
mod reads;
mod replay;
mod rivals;
mod runs;
mod schedule;
mod scripts;
mod server;
mod setup;
mod single;
mod store;
mod strikes;
mod surroundings;
mod tab;
mod transactions;
mod truthful;
mod users;
mod versions;
mod wipe;
mod world;

use checks::print_checks;
use options::Options;
use runs::{hunt_mutants, report, run_all, run_singles};
use schedule::{run, Order};
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

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
    let failed = match &options {
        Options { replay: Some(file), .. } => usize::from(!run_replay(file)),
        Options { script: Some(name), .. } => usize::from(!run_script(name)),
        Options { bulk: true, .. } => usize::from(!bulk::prove_bulk(options.seed)),
        Options { herd: true, .. } => usize::from(!herd::prove_spread(options.seed)),
        Options { singles: true, .. } => run_singles(&options),
        Options { shrink: true, .. } => usize::from(!shrink(&options)),
        Options { one: true, .. } => usize::from(!run_one(&options)),
        Options { checks: true, .. } => print_checks(&options),
        Options { mutants: true, .. } => hunt_mutants(&options),
        _ => run_all(&options),
    };
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run_one(options: &Options) -> bool {
    let (traces, mutant) = (options.traces, options.mutant);
    let ran = run(&Order { traces, mutant, ..Order::new(options.seed, options.steps) });
    println!("seed {}: {} events, {} writes, fingerprint {:016x}", options.seed, ran.events, ran.writes, ran.hash);
    report(options.seed, options.steps, &ran);
    println!("{} passed, {} failed", u32::from(ran.violation.is_none()), u32::from(ran.violation.is_some()));
    ran.violation.is_none()
}

fn run_replay(file: &str) -> bool {
    let replay = match replay::read(Path::new(file)) {
        Ok(replay) => replay,
        Err(text) => {
            println!("{text}");
            return false;
        }
    };
    let ran = replay.run(true);
    match &ran.violation {
        Some(violation) => println!("{} broken by {file}: {}", violation.number, violation.text),
        None => println!("{file}: {} events, {} writes, nothing broken", ran.events, ran.writes),
    }
    ran.violation.is_none()
}

fn run_script(name: &str) -> bool {
    let Some(ran) = single::run_named(name) else {
        println!("no script is called {name:?}; there are: {}", scripts::SCRIPTS.map(|(name, _)| name).join(", "));
        return false;
    };
    match &ran.violation {
        Some(violation) => println!("{} broken by {name:?}: {}", violation.number, violation.text),
        None => println!("{name:?}: {} events, {} writes, nothing broken", ran.events, ran.writes),
    }
    ran.violation.is_none()
}

fn shrink(options: &Options) -> bool {
    let Some((short, number)) = replay::shrink(options.seed, options.steps, options.mutant) else {
        println!("seed {} breaks nothing", options.seed);
        return true;
    };
    if options.mutant.is_some() {
        println!("# {number}: {} questions\n{}", short.yes.len(), short.to_text());
        return false;
    }
    let text = short.run(false).violation.map_or_else(String::new, |violation| violation.text);
    match replay::store(&short, number, &text) {
        Ok(path) => println!("{} questions answered yes in {} steps: {}", short.yes.len(), short.steps, path.display()),
        Err(error) => println!("cannot be stored: {error}"),
    }
    false
}
