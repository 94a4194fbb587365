//! What a schedule is set up with: the application's options, how its users share devices, what its server keeps.
//!
//! All of it is drawn from the seed, small on purpose (batches of two, parts of one, a full outbox at twelve), so that
//! what happens at a limit happens often. What goes wrong meanwhile is drawn elsewhere (`faults.rs`, `mishaps.rs`).

use super::chance::Chance;
use super::mishaps::Mishaps;
use super::server::URL;
use seakeep::engine::config::{CollectionConfig, Config, Reference, SyncConfig};
use seakeep::engine::merge::Strategy;
use seakeep::engine::policy::backoff::Backoff;
use seakeep::engine::policy::breaker::Rule;
use seakeep::engine::policy::budget::{set_budget, MOST, REFILL};
use seakeep::engine::policy::lease::{set_term, TERM};
use seakeep::engine::policy::network::OnSlow;
use seakeep::protocol::Endpoint;

/// How long the server keeps the results of keys: a server that forgets them early breaks its promise (S1).
pub(crate) fn draw_retention(chance: &mut Chance) -> Option<u64> {
    let outer = chance.enter("retention", 0);
    let retention = chance.hit(60).then(|| 10_000 + chance.below(60_000));
    chance.leave(outer);
    retention
}

/// Whether two people share a device; the second one is signed out at first.
pub(crate) fn draw_sharing(chance: &mut Chance, mishaps: &Mishaps) -> Option<usize> {
    let outer = chance.enter("sharing", 0);
    let shares = mishaps.switches > 0 && chance.hit(1_000);
    chance.leave(outer);
    shares.then_some(1)
}

/// The term of a lease: another one than the usual in half of the schedules.
pub(crate) fn draw_term(chance: &mut Chance) {
    let outer = chance.enter("term", 0);
    set_term(if chance.hit(500) { [4_000, 9_000, 40_000][chance.below(3) as usize] } else { TERM });
    chance.leave(outer);
}

/// Repeats that a device may send in one burst: fewer than usual in half of the schedules.
pub(crate) fn draw_budget(chance: &mut Chance) {
    let outer = chance.enter("budget", 0);
    let (most, refill) = ([1, 1, 2][chance.below(3) as usize], [REFILL, 10 * REFILL][chance.below(2) as usize]);
    let (most, refill) = if chance.hit(500) { (most, refill) } else { (MOST, REFILL) };
    set_budget(most, refill);
    chance.leave(outer);
}

/// Options of the application, drawn from the seed.
pub(crate) fn config(chance: &mut Chance) -> Config {
    let reference = |field: &str, collection: &str| Reference { field: field.into(), collection: collection.into() };
    let collection = |name: &str, references: Vec<Reference>, rolls_back: bool| CollectionConfig {
        name: name.into(),
        path: name.into(),
        references,
        rolls_back,
        local: false,
        conflict: Strategy::Fields,
        groups: Vec::new(),
    };
    let rolls_back = chance.hit(300);
    let assistant = chance.hit(300);
    Config {
        collections: vec![
            collection("cards", vec![reference("list", "lists"), reference("parent", "cards")], false),
            collection("lists", Vec::new(), false),
            collection("pages", Vec::new(), rolls_back),
        ],
        user: None,
        sync: Some(SyncConfig {
            endpoint: Endpoint {
                url: URL.into(),
                adapter: false,
                batch: chance.hit(500).then(|| "_batch".into()),
                health: chance.hit(600).then(|| "_health".into()),
            },
            interval: 30_000,
            pull_interval: [0, 15_000, 60_000][chance.below(3) as usize],
            start_delay: [0, 5_000][chance.below(2) as usize],
            max_attempts: [2, 5][chance.below(2) as usize],
            backoff: Backoff { base: 1_000, factor: 2.0, max: 60_000, jitter: !assistant && chance.hit(800) },
            request_retries: if assistant { 3 } else { 1 },
            retry_at_interval: assistant,
            concurrency: chance.range(1, 4) as usize,
            delay_between: if assistant { 1_000 } else { 0 },
            batch_size: [2, 3, 50][chance.below(3) as usize],
            timeout: 30_000,
            breaker: chance.hit(700).then_some(Rule { failures: 3, cooldown: 20_000 }),
            max_pending: [1_000, 12][usize::from(chance.hit(60))],
            auto: true,
            pulls: true,
            part: [1, 2, 50][chance.below(3) as usize],
            part_length: usize::MAX,
            on_slow: [OnSlow::All, OnSlow::PushOnly, OnSlow::Nothing][chance.below(3) as usize],
            events: chance.hit(500).then(|| "_events".into()),
        }),
    }
}
