//! Which check is triggered by which seeded bug: an oracle that never bites proves nothing.
//!
//! Every place of the simulator that names a broken invariant is looked up in its own source; all seeded bugs are run
//! through many schedules, and the places where they broke something are noted. What is left has been triggered by none.

use super::options::Options;
use super::schedule::{run, Order};
use super::scripts::SCRIPTS;
use super::single;
use seakeep::engine::mutant::Mutant;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A line of a source file, from the package's root.
pub(crate) type Place = (&'static str, u32);

/// The places that seeded bugs broke, with their names.
type Bitten = BTreeMap<(String, u32), BTreeSet<String>>;

/// Prints every check with the seeded bugs that trigger it; gives how many are triggered by none.
pub(crate) fn print_checks(options: &Options) -> usize {
    let part = |thread: u64| {
        let mut bitten = Bitten::new();
        let wanted = Mutant::ALL.iter().copied().filter(|one| options.mutant.is_none_or(|wanted| wanted == *one));
        for mutant in wanted.skip(thread as usize).step_by(options.threads as usize) {
            bite(mutant, options, &mut bitten);
        }
        bitten
    };
    let mut all = Bitten::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads).map(|thread| scope.spawn(move || part(thread))).collect();
        for (place, names) in threads.into_iter().filter_map(|thread| thread.join().ok()).flatten() {
            all.entry(place).or_default().extend(names);
        }
    });
    let checks = checks();
    for (place, what) in &checks {
        let names = all.get(place).map_or_else(|| "nothing".to_owned(), listed);
        println!("{}:{} {what}: {names}", place.0, place.1);
    }
    let idle = checks.keys().filter(|place| !all.contains_key(*place)).count();
    println!("{} checks, {idle} of them triggered by no seeded bug", checks.len());
    idle
}

fn listed(names: &BTreeSet<String>) -> String {
    let first: Vec<&str> = names.iter().take(6).map(String::as_str).collect();
    let more = names.len().saturating_sub(first.len());
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    first.join(" ") + &rest
}

/// What one seeded bug breaks, in schedules and in the scripts without a fault.
fn bite(mutant: Mutant, options: &Options, bitten: &mut Bitten) {
    let seeds = (0..options.schedules).map(|count| options.seed.wrapping_add(count));
    let schedules = seeds.map(|seed| run(&Order { mutant: Some(mutant), ..Order::new(seed, options.steps) }));
    let scripts = SCRIPTS.iter().map(|script| single::run_script(script, None, Some(mutant), false).0);
    for (file, line) in schedules.chain(scripts).filter_map(|ran| ran.violation?.place) {
        bitten.entry((file.to_owned(), line)).or_default().insert(format!("{mutant:?}"));
    }
}

/// All places that name a broken invariant, with its number where it stands in the same line or the next.
fn checks() -> BTreeMap<(String, u32), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut checks = BTreeMap::new();
    for folder in ["tests/sim", "tests/sim/oracle"] {
        for file in std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
            let name = format!("{folder}/{}", file.file_name().to_string_lossy());
            let text = std::fs::read_to_string(file.path()).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let is_source = file.path().extension().is_some_and(|kind| kind == "rs");
            for (at, line) in lines.iter().enumerate() {
                let names = line.contains(".broken(") && !line.trim_start().starts_with("//");
                if names && is_source && !name.ends_with("checks.rs") {
                    let next = lines.get(at + 1).copied().unwrap_or_default();
                    let number = [line, next].into_iter().find_map(number_in).unwrap_or("(drawn)");
                    checks.insert((name.clone(), at as u32 + 1), number.to_owned());
                }
            }
        }
    }
    checks
}

/// `I-12` or `E-15` in quotes.
fn number_in(line: &str) -> Option<&str> {
    line.split('"').find(|text| text.len() == 4 && (text.starts_with("I-") || text.starts_with("E-")))
}
