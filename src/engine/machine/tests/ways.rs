//! Changes that alone do not get through, and what is kept of the way to the server when a page goes and another comes.

use super::answers::{empty, later, ok, two_lanes, QUIET};
use super::Bench;
use crate::engine::input::{Command, Input};
use crate::model::{Code, PendingState};
use serde_json::json;
use PendingState::{Parked, Waiting};

#[test]
fn a_change_that_alone_does_not_get_through_is_parked() {
    let mut bench = two_lanes(json!({ "rest": { "health": "_health" } }));
    bench.respond(1, ok("b"));
    for round in 1..=5 {
        let last = bench.requests.len() - 1;
        let at = if round == 1 { 0 } else { last };
        assert!(bench.requests[at].2.starts_with("PUT"), "{:?}", bench.requests);
        bench.fail(at);
        let state =
            if round == 5 { (Parked, 0, Some(Code::NetworkBlocked)) } else { (Waiting, 0, Some(Code::Network)) };
        assert_eq!(bench.stands("a"), Some(state), "round {round}");
        if round < 5 {
            let (_, what) = bench.then().expect("a probe");
            assert_eq!(what, "GET https://x.test/_health");
            bench.respond(bench.requests.len() - 1, empty(204));
        }
    }
    bench.give(Input::Command { ticket: 5, command: Command::Retry(None) });
    assert_ne!(bench.stands("a").map(|row| row.0), Some(Parked), "a person may have it tried again");
}

const PROBED: &str = "GET https://x.test/_health";

impl Bench {
    /// The last request is lost, and what goes next is a probe, which is answered or lost as well.
    fn lose(&mut self, answered: bool) {
        self.fail(self.requests.len() - 1);
        let Some((_, what)) = self.then() else { return };
        assert_eq!(what, PROBED);
        let probe = self.requests.len() - 1;
        if answered {
            return self.respond(probe, empty(204));
        }
        self.fail(probe);
        assert_eq!(self.then().map(|(_, what)| what).as_deref(), Some(PROBED));
        self.respond(self.requests.len() - 1, empty(204));
    }
}

/// One change; the server is known to be there.
fn one_lane() -> Bench {
    let mut bench = two_lanes(json!({ "rest": { "health": "_health" } }));
    bench.respond(1, ok("b"));
    bench.requests.truncate(1);
    bench
}

#[test]
fn a_network_that_loses_other_requests_too_parks_no_change() {
    let mut bench = one_lane();
    for round in 0..20 {
        bench.lose(round % 4 != 3);
    }
    assert_eq!(bench.stands("a").map(|(state, count, _)| (state, count)), Some((PendingState::Sending, 0)));
}

/// A new page after four losses of a change, which is under way again.
fn reloaded() -> Bench {
    let mut bench = one_lane();
    for _ in 0..3 {
        bench.lose(true);
    }
    bench.fail(bench.requests.len() - 1);
    let mut next = Bench::new(json!({
        "url": "https://x.test", "pullInterval": 0, "startDelay": QUIET, "rest": { "health": "_health" },
        "backoff": { "base": 1_000, "factor": 2, "max": 60_000, "jitter": false },
    }));
    (next.disk, next.now) = (bench.disk, bench.now);
    next.give(Input::Start);
    assert!(next.requests.last().is_some_and(|(_, _, what)| what.starts_with("PUT")), "{:?}", next.requests);
    next
}

#[test]
fn losses_are_counted_on_after_a_reload() {
    let mut next = reloaded();
    next.lose(true);
    assert_eq!(next.stands("a").map(|row| row.0), Some(PendingState::Sending), "one without a word from the server");
    next.fail(next.requests.len() - 1);
    assert_eq!(next.stands("a"), Some((Parked, 0, Some(Code::NetworkBlocked))));
}

#[test]
fn a_probe_lost_after_a_reload_begins_the_count_anew() {
    let mut next = reloaded();
    next.lose(false);
    next.fail(next.requests.len() - 1);
    assert_eq!(next.stands("a"), Some((Waiting, 0, Some(Code::Network))));
}

/// Options under which repeats are held by nothing but their budget, and a tab that has used it up.
fn without_budget() -> (serde_json::Value, Bench) {
    let sync = json!({
        "url": "https://x.test", "pullInterval": 0, "startDelay": QUIET, "concurrency": 16, "breaker": null,
        "backoff": { "base": 1, "factor": 1, "max": 1, "jitter": false }, "maxAttempts": 1_000,
    });
    let mut bench = Bench::new(sync.clone());
    bench.give(Input::Start);
    bench.now += 120_000;
    (0..16).for_each(|n| bench.write(&format!("n{n}")));
    let fail_all = |bench: &mut Bench| {
        for request in bench.requests.drain(..).map(|(_, request, _)| request).collect::<Vec<_>>() {
            bench.give(Input::Responded { request, result: Ok(empty(500)) });
        }
    };
    for _ in 0..2 {
        fail_all(&mut bench);
        bench.then().expect("repeats");
    }
    assert_eq!(bench.requests.len(), 14, "thirty repeats at once");
    (sync, bench)
}

#[test]
fn an_empty_budget_fills_again_where_the_clock_jumped_back() {
    for reloads in [false, true] {
        let (sync, mut bench) = without_budget();
        for request in bench.requests.drain(..).map(|(_, request, _)| request).collect::<Vec<_>>() {
            bench.give(Input::Responded { request, result: Ok(empty(500)) });
        }
        bench.now -= 60_000;
        bench.give(Input::Tick);
        if reloads {
            let mut next = Bench::new(sync);
            (next.disk, next.now) = (bench.disk, bench.now);
            next.give(Input::Start);
            bench = next;
        }
        assert!(bench.until_request(30_000).is_some(), "repeats go on (a reload: {reloads})");
    }
}

#[test]
fn the_budget_of_repeats_is_kept_over_a_reload() {
    let (sync, bench) = without_budget();
    let mut next = Bench::new(sync);
    (next.disk, next.now) = (bench.disk, bench.now);
    next.give(Input::Start);
    next.then().expect("a repeat");
    assert!(next.requests.len() <= 1, "{} repeats more", next.requests.len());
}

#[test]
fn a_pause_that_was_asked_for_outlives_the_page() {
    let mut bench = two_lanes(json!({}));
    bench.respond(1, ok("b"));
    bench.respond(0, later(429, "3600"));
    let mut next = Bench::new(json!({ "url": "https://x.test", "pullInterval": 0, "startDelay": QUIET }));
    (next.disk, next.now) = (bench.disk, bench.now);
    next.give(Input::Start);
    next.write("c");
    assert_eq!(next.then().map(|(at, _)| at), Some(3_600_000));
}
