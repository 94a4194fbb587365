//! Thousands of documents in one call, with a network that loses, a tab that dies and batches that do not fit.
//!
//! A schedule of its own class: with all oracles it takes seconds, so it is run once, with batches and without, and not
//! drawn. The bound of its recovery grows with its work, like every other one.

use super::chance::Chance;
use super::faults::Faults;
use super::mishaps::Mishaps;
use super::oracle::LISTS;
use super::order::Ordering;
use super::schedule::{caught, Order, Ran};
use super::server::Server;
use super::tab::{Asked, Claim};
use super::world::World;
use seakeep::engine::input::{Command, WriteKind, WriteOp};
use seakeep::model::Priority;
use seakeep::native::Json;
use serde_json::json;
use std::time::Instant;

/// Documents of the call, where they are sent in batches and where one by one.
const MANY: [u64; 2] = [2_000, 300];
/// Simulated time that sending may take.
const LONGEST: u64 = 3_600_000;
/// After so many events it is asked whether all is sent.
const BETWEEN: u64 = 200;

/// Runs both; says whether nothing broke.
pub(crate) fn prove_bulk(seed: u64) -> bool {
    let started = Instant::now();
    let ran = [true, false].map(|batches| caught(None, || run_bulk(seed, batches)));
    let events: u64 = ran.iter().map(|ran| ran.events).sum();
    let time = started.elapsed().as_secs_f64();
    println!("bulk: {} and {} documents in one call, {events} events in {time:.0} s", MANY[0], MANY[1]);
    for violation in ran.iter().filter_map(|ran| ran.violation.as_ref()) {
        println!("{} broken by the bulk of seed {seed}: {}", violation.number, violation.text);
    }
    ran.iter().all(|ran| ran.violation.is_none())
}

fn run_bulk(seed: u64, batches: bool) -> Ran {
    let mut world = World::new(&Order::new(seed, 1));
    world.queue.clear();
    world.chance = Chance::new(seed, None, false);
    world.faults = Faults {
        lost_before: 10,
        lost_after: 10,
        failing: 10,
        abort: 5,
        batch_mess: 100,
        batch_fits: 30,
        fits: 100,
        ..Faults::default()
    };
    world.ordering = Ordering::Uniform;
    world.mishaps = Mishaps::default();
    world.server = Server::new(100, None);
    world.settle_options(batches);
    if let Some(sync) = world.config.sync.as_mut() {
        sync.max_pending = 10_000;
        sync.part = 50;
    }
    (0..4).for_each(|tab| world.open(tab));
    world.write_many(0, if batches { MANY[0] } else { MANY[1] });
    let until = world.now + LONGEST;
    let mut count = 0;
    while world.violation.is_none() && world.step(until) {
        count += 1;
        if count == 3_000 {
            world.crash(0);
        }
        if count % BETWEEN == 0 && world.profiles[0].disk.pending_rows().next().is_none() {
            break;
        }
    }
    if world.violation.is_none() {
        world.recover();
    }
    world.into_ran()
}

impl World {
    /// So many documents in one call, each with its promise.
    fn write_many(&mut self, tab: usize, many: u64) {
        let (mut ops, mut claims) = (Vec::new(), Vec::new());
        self.oracle.bulked = true;
        for number in 0..many {
            let (tag, numbers) = (format!("many{number}"), vec![self.oracle.write_number()]);
            let doc = json!({ "tag": tag, LISTS[tab]: numbers, "title": "new" });
            self.oracle.truths.entry(tag.clone()).or_default();
            claims.push(Claim { tag, list: Some(numbers), bit: 0, removes: false });
            ops.push(WriteOp {
                collection: "lists".into(),
                id: String::new(),
                kind: WriteKind::Put(Json::from(doc)),
                priority: Priority::User,
                local: false,
                fresh: false,
            });
        }
        self.command(tab, Asked { what: "write", claims }, Command::Write(ops));
    }
}
