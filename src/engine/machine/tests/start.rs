//! What an app finds to do when it opens begins at another moment for each client (pitfalls D23).

use super::{Bench, START};
use crate::engine::config::Config;
use crate::engine::input::Input;
use crate::engine::machine::Engine;
use crate::native::Json;
use serde_json::{json, Value};

const OPTIONS: &str = r#"{ "url": "https://x.test", "pullInterval": 0, "startDelay": 8000 }"#;

fn options() -> Value {
    serde_json::from_str(OPTIONS).expect("options")
}

/// When a client with this seed requests something for the first time, over the store of another one.
fn first_request(mut bench: Bench, seed: u64) -> (u64, String) {
    let config = json!({ "collections": [{ "name": "notes" }], "sync": options() });
    bench.engine = Engine::new(Config::from_document(&Json::from(config)), [seed, 1, 2, 3], bench.now);
    let opened = bench.now - START;
    let known = bench.requests.len();
    bench.give(Input::Start);
    if bench.requests.len() == known {
        bench.until_request(60_000).expect("a request");
    }
    let (at, _, what) = bench.requests[known].clone();
    (at - opened, what)
}

/// A store with one change that was made so long ago, and the server's answer to it if it was tried.
fn written(ago: u64, status: Option<u16>) -> Bench {
    let mut bench = Bench::new(options());
    if status.is_some() {
        bench.give(Input::Start);
    }
    bench.write("a");
    if let Some(status) = status {
        bench.answer(status, Value::Null);
    }
    bench.now += ago;
    bench
}

fn are_spread(times: &[u64]) -> bool {
    times.iter().all(|at| *at <= 5_000) && times.iter().any(|at| *at > 4_000) && times.iter().any(|at| *at < 1_000)
}

#[test]
fn the_first_pulls_are_spread_over_five_seconds_up_to_the_delay() {
    let mut times: Vec<u64> = (1..=100).map(|seed| first_request(Bench::new(options()), seed).0).collect();
    times.sort_unstable();
    assert!((3_000..3_500).contains(&times[0]) && (7_500..=8_000).contains(&times[99]), "{times:?}");
    assert!((5_000..6_000).contains(&times[50]), "{times:?}");
}

#[test]
fn a_change_that_failed_before_waits_up_to_five_seconds_after_opening() {
    let times: Vec<u64> = (1..=50).map(|seed| first_request(written(30_000, Some(500)), seed).0).collect();
    assert!(are_spread(&times), "{times:?}");
}

#[test]
fn so_does_one_that_could_not_be_tried_for_long() {
    let times: Vec<u64> = (1..=50).map(|seed| first_request(written(3_600_000, None), seed).0).collect();
    assert!(are_spread(&times), "{times:?}");
}

#[test]
fn a_new_change_goes_at_once_after_opening() {
    let first = |seed| first_request(written(1_000, None), seed);
    assert!((1..=20).all(|seed| first(seed) == (0, "PUT https://x.test/notes/a".into())));
}
