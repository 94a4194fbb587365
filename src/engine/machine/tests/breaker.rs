//! The breaker and the retry budget in the machine: what they hold back, and that a reload or another tab goes on.

use super::{Bench, START};
use crate::engine::config::Config;
use crate::engine::input::{Input, Signal};
use crate::engine::machine::Engine;
use crate::engine::policy::budget;
use crate::model::{Document, PendingState};
use crate::native::Json;
use crate::protocol::{Body, HttpResponse};
use serde_json::{json, Value};

fn options(breaker: Value) -> Value {
    json!({
        "url": "https://x.test", "pullInterval": 0, "startDelay": 360_000_000, "concurrency": 4, "maxAttempts": 9,
        "breaker": breaker, "backoff": { "base": 1_000, "factor": 1, "max": 1_000, "jitter": false },
    })
}

fn failing() -> HttpResponse<Json> {
    HttpResponse::new(500, Body::Empty)
}

/// Three lanes have failed: the breaker is open.
fn opened() -> Bench {
    let mut bench = Bench::new(options(json!({ "failures": 3, "cooldown": 20_000 })));
    bench.give(Input::Start);
    ["a", "b", "c"].into_iter().for_each(|id| bench.write(id));
    (0..3).for_each(|at| bench.respond(at, failing()));
    assert_eq!(bench.engine.status().state, "breaker-open");
    bench
}

impl Bench {
    fn breaker_states(&self) -> Vec<String> {
        let of = |(_, name, detail): &(u64, &str, Json)| detail.text_of("state").filter(|_| *name == "breaker");
        self.told.iter().filter_map(of).collect()
    }

    /// Another engine over the same store, as after a reload.
    fn reload(&mut self, sync: Value) {
        let config = json!({ "collections": [{ "name": "notes" }, { "name": "tags" }], "sync": sync });
        self.engine = Engine::new(Config::from_document(&Json::from(config)), [9; 4], self.now);
        self.give(Input::Start);
    }
}

#[test]
fn an_open_breaker_holds_everything_and_counts_nothing() {
    let mut bench = opened();
    bench.write("d");
    bench.give(Input::Signal(Signal::Online));
    assert_eq!(bench.requests.len(), 3);
    let (at, what) = bench.then().expect("one goes to see");
    assert!((20_000..=30_000).contains(&at), "{at}");
    assert_ne!(what, "PUT https://x.test/notes/c", "another one than the last that failed");
    assert_eq!(bench.requests.len(), 4, "and only one");
    assert_eq!(bench.stands("c").map(|row| row.1), Some(1));
    bench.respond(3, failing());
    assert_eq!(bench.breaker_states(), ["open", "half-open", "open"]);
    let (at, _) = bench.then().expect("another one");
    assert!((20_000..=30_000).contains(&at), "{at}");
    let id = bench.requests[4].2.rsplit('/').next().expect("an id").to_owned();
    bench.respond(4, HttpResponse::new(201, Body::Json(json!({ "id": id }).into())));
    assert_eq!(bench.breaker_states().last().map(String::as_str), Some("closed"));
    assert!(bench.requests.len() > 6, "then all the others");
}

#[test]
fn a_reload_does_not_storm_a_server_that_fails() {
    let mut bench = opened();
    bench.now += 30_000;
    bench.reload(options(json!({ "failures": 3, "cooldown": 20_000 })));
    let at = bench.until_request(60_000).map(|(at, _)| at);
    assert!(at.is_some(), "the cooldown is over");
    let mut bench = opened();
    bench.now += 16_000;
    bench.reload(options(json!({ "failures": 3, "cooldown": 20_000 })));
    assert_eq!(bench.requests.len(), 3, "the other engine found it open");
    let (at, _) = bench.until_request(60_000).expect("one goes to see");
    assert!((20_000..=30_000).contains(&at), "{at}");
}

#[test]
fn a_probe_whose_answer_never_came_is_followed_by_another() {
    let mut bench = opened();
    bench.then().expect("one goes to see");
    bench.reload(options(json!({ "failures": 3, "cooldown": 20_000 })));
    assert_eq!(bench.requests.len(), 4, "its window is not over");
    let (at, _) = bench.then().expect("the next window");
    assert!((20_000..=45_000).contains(&at), "{at}");
}

#[test]
fn one_change_that_fails_again_and_again_opens_nothing() {
    let mut bench = Bench::new(options(json!({ "failures": 3, "cooldown": 20_000 })));
    bench.give(Input::Start);
    bench.write("a");
    for attempt in 1..=9 {
        bench.respond(bench.requests.len() - 1, failing());
        let state = if attempt == 9 { PendingState::Parked } else { PendingState::Waiting };
        assert_eq!(bench.stands("a").map(|row| (row.0, row.1)), Some((state, attempt)));
        bench.until_request(2_000);
    }
    assert!(bench.breaker_states().is_empty());
}

#[test]
fn without_a_breaker_nothing_opens() {
    let mut bench = Bench::new(options(Value::Null));
    bench.give(Input::Start);
    for id in ["a", "b", "c", "d", "e", "f", "g"] {
        bench.write(id);
        bench.respond(bench.requests.len() - 1, failing());
    }
    assert!(bench.breaker_states().is_empty());
}

#[test]
fn repeats_are_bounded_over_all_lanes_and_first_attempts_are_free() {
    let mut bench = Bench::new(options(Value::Null));
    bench.give(Input::Start);
    let lanes = budget::MOST as usize + 20;
    for lane in 0..lanes {
        bench.write(&format!("n{lane}"));
        bench.respond(bench.requests.len() - 1, failing());
    }
    assert_eq!(bench.requests.len(), lanes, "first attempts are free");
    let (begin, mut answered) = (bench.now, lanes);
    while bench.until_request(10_000 - (bench.now - begin)).is_some() {
        while answered < bench.requests.len() {
            bench.respond(answered, failing());
            answered += 1;
        }
    }
    let repeats = bench.requests.len() - lanes;
    let allowed = budget::MOST as usize + 11;
    assert!(repeats <= allowed && repeats >= budget::MOST as usize, "{repeats} repeats in ten seconds");
    assert!(bench.now >= START);
}
