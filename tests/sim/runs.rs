//! Many schedules: the stored ones, fresh ones spread over threads, and the hunts for seeded bugs.

use super::bulk::prove_bulk;
use super::herd::prove_spread;
use super::mutants::{self, Hunt};
use super::options::Options;
use super::replay;
use super::schedule::{run, Order, Ran};
use super::scripts::SCRIPTS;
use super::single;
use super::strikes::{CLASSES, PLACES};
use super::world::Violation;
use seakeep::engine::mutant::Mutant;
use std::collections::BTreeMap;
use std::time::{Instant, SystemTime};

/// Seeds that once broke an invariant: run always.
const REGRESSIONS: &str = include_str!("regressions.txt");
/// How long stored seeds run: as long as when they failed.
const STORED_STEPS: u64 = 500;
/// Where the hunt for seeded bugs begins in a test run: the same each time.
const HUNT_SEED: u64 = 1;
/// Failing schedules that are printed.
const MOST_PRINTED: usize = 10;
/// Failing schedules that are made short and stored.
const MOST_SHRUNK: usize = 2;

/// Says which invariant a schedule broke, and how to run it again.
pub(crate) fn report(seed: u64, steps: u64, ran: &Ran) {
    if let Some(violation) = &ran.violation {
        println!("{} broken by seed {seed}: {}", violation.number, violation.text);
        println!("  again: cargo test --test sim -- --seed {seed} --steps {steps} --one");
    }
}

/// Regressions, fresh schedules, and the hunt: the tests.
pub(crate) fn run_all(options: &Options) -> usize {
    let started = Instant::now();
    println!("simulator: {} schedules of {} steps from seed {}", options.schedules, options.steps, options.seed);
    let stored: Vec<u64> =
        REGRESSIONS.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect();
    let (mut runs, before) = (Runs::default(), processor_time());
    for seed in &stored {
        runs.take(*seed, run(&Order::new(*seed, STORED_STEPS)));
    }
    let lists = replay::stored();
    for (name, list) in &lists {
        runs.take(0, replayed(name, list.as_ref()));
    }
    runs.processor = processor_time() - before;
    runs.join(spread(options));
    for (seed, ran) in runs.failed.iter().take(MOST_PRINTED) {
        report(*seed, options.steps, ran);
    }
    for (seed, _) in runs.failed.iter().filter(|(_, ran)| !is_stored(ran)).take(MOST_SHRUNK) {
        shorten(*seed, options.steps);
    }
    println!(
        "{} schedules ({} stored, {} recovered, {} run twice; {} by time, {} and {} by priorities of depth 2 and 3)",
        runs.count,
        stored.len() + lists.len(),
        runs.recovered,
        runs.twice,
        runs.depths[0],
        runs.depths[2],
        runs.depths[3],
    );
    println!(
        "{} events (fingerprint {:016x}), {} of them scheduling points, {} writes, {:.0} schedules per second of a \
         processor ({:.0} s in all)",
        runs.events,
        runs.hash,
        runs.points,
        runs.writes,
        runs.count as f64 / runs.processor.max(0.001),
        started.elapsed().as_secs_f64(),
    );
    print_counts(&runs);
    let alive = if options.searches == 0 {
        0
    } else {
        hunt_mutants(&Options { searches: 1, seed: HUNT_SEED, ..options.clone() })
    };
    let shrinks = options.searches == 0 || prove_shrinking(options.steps);
    let spread = options.searches == 0 || prove_spread(options.seed);
    let bulk = options.searches == 0 || prove_bulk(options.seed);
    let broken = if options.searches == 0 { 0 } else { run_singles(options) };
    let failed = runs.failed.len() + alive + usize::from(!shrinks) + usize::from(!spread) + usize::from(!bulk);
    let proofs = if options.searches == 0 { 0 } else { Mutant::ALL.len() + 3 };
    println!("{} passed, {failed} failed", runs.count as usize + proofs - failed);
    failed + broken
}

/// A stored list must not break anything any more.
fn replayed(name: &str, list: Result<&replay::Replay, &String>) -> Ran {
    let broken =
        |text: String| Ran { violation: Some(Violation { number: "STORED", text, place: None }), ..Ran::default() };
    match list.map(|list| list.run(false)) {
        Err(error) => broken(error.clone()),
        Ok(ran) => match &ran.violation {
            Some(violation) => broken(format!("{name}: {} {}", violation.number, violation.text)),
            None => ran,
        },
    }
}

/// Making short works: on a seeded bug, the list is a fraction of the schedule, reads back, and breaks the same.
fn prove_shrinking(steps: u64) -> bool {
    let mutant = Some(Mutant::StalePullAfterAcknowledge);
    let caught =
        (HUNT_SEED..=mutants::MOST).find(|seed| run(&Order { mutant, ..Order::new(*seed, steps) }).violation.is_some());
    let Some((seed, (short, number))) = caught.and_then(|seed| Some((seed, replay::shrink(seed, steps, mutant)?)))
    else {
        return false;
    };
    let all = run(&Order { mutant, notes: true, ..Order::new(seed, steps) }).noted.len();
    let again = replay::Replay::parse(&short.to_text()).is_ok_and(|again| {
        again == short && again.run(false).violation.is_some_and(|violation| violation.number == number)
    });
    println!("shrinking: seed {seed} breaks {number} with {} of its {all} questions answered yes", short.yes.len());
    again && short.yes.len() * 2 < all
}

fn is_stored(ran: &Ran) -> bool {
    ran.violation.as_ref().is_some_and(|violation| violation.number == "STORED")
}

/// Makes a failing schedule short and stores it.
fn shorten(seed: u64, steps: u64) {
    let Some((short, number)) = replay::shrink(seed, steps, None) else { return };
    let text = short.run(false).violation.map_or_else(String::new, |violation| violation.text);
    match replay::store(&short, number, &text) {
        Ok(path) => println!("  seed {seed} made short: {} questions, {}", short.yes.len(), path.display()),
        Err(error) => println!("  seed {seed} made short cannot be stored: {error}"),
    }
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
    points: u64,
    writes: u64,
    /// Schedules by the depth of their priorities; none by 0.
    depths: [u64; 4],
    recovered: u64,
    twice: u64,
    /// Fingerprints of the fresh schedules, added up.
    hash: u64,
    failed: Vec<(u64, Ran)>,
    /// Seconds a processor spent on them.
    processor: f64,
}

impl Runs {
    fn take(&mut self, seed: u64, ran: Ran) {
        self.count += 1;
        self.events += ran.events;
        self.points += ran.points;
        self.depths[ran.depth] += 1;
        self.writes += ran.writes;
        self.recovered += u64::from(ran.recovered);
        if ran.violation.is_some() {
            self.failed.push((seed, ran));
        }
    }

    fn join(&mut self, other: Self) {
        self.count += other.count;
        self.events += other.events;
        self.points += other.points;
        self.depths.iter_mut().zip(other.depths).for_each(|(depth, more)| *depth += more);
        self.writes += other.writes;
        self.recovered += other.recovered;
        self.twice += other.twice;
        self.hash = self.hash.wrapping_add(other.hash);
        self.processor += other.processor;
        self.failed.extend(other.failed);
    }
}

/// Seconds this thread was on a processor: on a busy machine the clock on the wall tells nothing. Where the system
/// does not say, the clock on the wall.
fn processor_time() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = text.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    nanoseconds.unwrap_or_else(|| {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |time| time.as_nanos() as f64)
    }) / 1e9
}

/// The fresh schedules, spread over threads; one in a hundred runs twice and must have the same fingerprint.
fn spread(options: &Options) -> Runs {
    let part = |thread: u64| {
        let (mut runs, before) = (Runs::default(), processor_time());
        for count in (thread..options.schedules).step_by(options.threads as usize) {
            let seed = options.seed.wrapping_add(count);
            let order = Order::new(seed, options.steps);
            let mut ran = run(&order);
            runs.hash = runs.hash.wrapping_add(ran.hash);
            if count % 100 == 0 && ran.violation.is_none() {
                runs.twice += 1;
                if run(&order).hash != ran.hash {
                    let text = "two runs of one seed differ".to_owned();
                    ran.violation = Some(Violation { number: "REPLAY", text, place: None });
                }
            }
            runs.take(seed, ran);
        }
        runs.processor = processor_time() - before;
        runs
    };
    let mut all = Runs::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads).map(|thread| scope.spawn(move || part(thread))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).for_each(|runs| all.join(runs));
    });
    all
}

/// Every script with every fault at every point; says how many runs broke something.
pub(crate) fn run_singles(options: &Options) -> usize {
    let started = Instant::now();
    let part = |thread: u64| -> Vec<single::Exhausted> {
        SCRIPTS
            .iter()
            .skip(thread as usize)
            .step_by(options.threads as usize)
            .map(|script| single::exhaust(script, options.mutant))
            .collect()
    };
    let mut all: Vec<single::Exhausted> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads).map(|thread| scope.spawn(move || part(thread))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    });
    all.sort_unstable_by_key(|exhausted| exhausted.script);
    println!("{:<20} {:>8} {:>9} {:>9} {:>6} {:>7}", "script", "commits", "requests", "messages", "runs", "broken");
    for one in &all {
        let [commits, requests, messages] = one.points;
        let (name, runs, broken) = (one.script, one.runs, one.failed.len());
        println!("{name:<20} {commits:>8} {requests:>9} {messages:>9} {runs:>6} {broken:>7}");
    }
    print_classes(&all);
    let failed: Vec<_> = all.iter().flat_map(|one| &one.failed).collect();
    // Few of each class: one cause breaks many runs.
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, ran) in &failed {
        let count = told.entry(name.rsplit('/').next().unwrap_or_default()).or_default();
        *count += 1;
        if *count > 2 {
            continue;
        }
        let violation = ran.violation.as_ref();
        println!("{} broken by {name}: {}", violation.map_or("", |it| it.number), violation.map_or("", |it| &it.text));
        println!("  again: cargo test --test sim -- --script '{name}'");
    }
    let (runs, failed) = (all.iter().map(|one| one.runs).sum::<usize>(), failed.len());
    println!("{runs} runs with a single fault in {:.0} s", started.elapsed().as_secs_f64());
    println!("{} passed, {failed} failed", runs - failed);
    failed
}

/// How many runs each class of fault had, by where it struck.
fn print_classes(all: &[single::Exhausted]) {
    println!();
    println!("{:<14}{}", "class", PLACES.map(|(name, _)| format!("{name:>8}")).concat());
    for (class, (name, places)) in CLASSES.iter().enumerate() {
        let cell = |(at, place): (usize, &(&str, u8))| {
            let runs: usize = all.iter().map(|one| one.table[class][at]).sum();
            if places & place.1 == 0 {
                format!("{:>8}", "-")
            } else {
                format!("{runs:>8}")
            }
        };
        println!("{name:<14}{}", PLACES.iter().enumerate().map(cell).collect::<String>());
    }
}

/// The mutant table; says how many outlived their hunt.
pub(crate) fn hunt_mutants(options: &Options) -> usize {
    println!("{:<28} {:>7} {:>7}  caught by", "seeded bug", "median", "worst");
    let part = |thread: u64| -> Vec<(usize, Hunt)> {
        let wanted = Mutant::ALL.iter().copied().filter(|one| options.mutant.is_none_or(|wanted| wanted == *one));
        let mine = wanted.enumerate().skip(thread as usize).step_by(options.threads as usize);
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
    if options.write {
        match mutants::write_table(hunts.iter().map(|(_, hunt)| hunt)) {
            Ok(()) => println!("the table in SPEC.md is these rows now"),
            Err(error) => println!("the table cannot be written: {error}"),
        }
    }
    alive
}
