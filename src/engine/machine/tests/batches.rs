//! Batches: partial, mixed, missing, foreign and doubled results; sizes; transactions as one.

use super::{put, Bench};
use crate::engine::input::{Command, Input};
use crate::engine::plan::Expected;
use crate::model::{Code, Document, PendingState};
use crate::protocol::{Body, HttpResponse};
use serde_json::{json, Value};
use PendingState::{Parked, Waiting};

const QUIET: u64 = 360_000_000;

fn bench(size: usize) -> Bench {
    let mut bench = Bench::new(json!({
        "url": "https://x.test", "pullInterval": 0, "startDelay": QUIET, "concurrency": 1, "batchSize": size,
        "rest": { "batch": "_batch" }, "maxAttempts": 2,
        "backoff": { "base": 1_000, "factor": 2, "max": 60_000, "jitter": false },
    }));
    bench.give(Input::Start);
    bench
}

/// Documents written while sync was held, so that they go together.
pub(super) fn held(size: usize, ids: &[&str]) -> Bench {
    let mut bench = bench(size);
    bench.give(Input::Command { ticket: 2, command: Command::Hold(1, "test".into()) });
    ids.iter().for_each(|id| bench.write(id));
    bench.give(Input::Command { ticket: 3, command: Command::Release(1) });
    bench
}

impl Bench {
    fn transact(&mut self, ids: &[&str]) {
        let ops = ids.iter().map(|id| put(id, json!({ "id": id }))).collect();
        self.give(Input::Command { ticket: 7, command: Command::Transact(ops, Expected::default()) });
    }

    /// The ids in the last batch.
    pub(super) fn members(&self) -> Vec<String> {
        let changes = self.bodies.last().and_then(|body| body["changes"].as_array()).cloned().unwrap_or_default();
        changes.iter().map(|change| change["id"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn is_atomic(&self) -> bool {
        self.bodies.last().is_some_and(|body| body["atomic"] == true)
    }

    /// Answers the last batch: for each id a status, in this order; ids that are not in it are strangers.
    pub(super) fn results(&mut self, results: &[(&str, u16)]) {
        let changes = self.bodies.last().and_then(|body| body["changes"].as_array()).cloned().unwrap_or_default();
        let result = |(id, status): &(&str, u16)| {
            let change = changes.iter().find(|change| change["id"] == *id);
            let mutation = change.map_or(json!("stranger"), |change| change["mutationId"].clone());
            let doc = if *status < 300 { json!({ "id": id }) } else { Value::Null };
            json!({ "mutationId": mutation, "status": status, "id": id, "revision": "r1", "doc": doc })
        };
        let body = json!({ "results": results.iter().map(result).collect::<Vec<_>>() });
        self.respond(self.requests.len() - 1, HttpResponse::new(200, Body::Json(body.into())));
    }

    fn whole(&mut self, status: u16) {
        self.respond(self.requests.len() - 1, HttpResponse::new(status, Body::Empty));
    }
}

#[test]
fn heads_of_lanes_go_together_and_a_lanes_second_waits() {
    let mut bench = held(50, &["a", "b"]);
    assert_eq!(bench.requests[0].2, "POST https://x.test/_batch");
    bench.write("a");
    assert_eq!(bench.members(), ["a", "b"]);
    let member = &bench.bodies[0]["changes"][0];
    assert_eq!(
        (&member["kind"], &member["doc"]["text"], &member["collection"]),
        (&json!("create"), &json!("x"), &json!("notes"))
    );
    assert!(member["idempotencyKey"].is_string() && member.get("temporary").is_none());
    bench.results(&[("b", 201), ("a", 201)]);
    assert_eq!(bench.requests.len(), 2, "then the lane's second goes");
    assert_eq!(bench.requests[1].2, "PATCH https://x.test/notes/a");
}

#[test]
fn each_result_stands_for_itself() {
    let mut bench = held(50, &["a", "b", "c", "d"]);
    bench.results(&[("d", 500), ("stranger", 200), ("b", 422), ("a", 201), ("a", 403)]);
    assert_eq!(bench.stands("a"), None, "the first result counts");
    assert_eq!(bench.stands("b"), Some((Parked, 1, Some(Code::Validation))));
    assert_eq!(bench.stands("c"), Some((Waiting, 0, Some(Code::BadResponse))), "missing is unknown");
    assert_eq!(bench.stands("d"), Some((Waiting, 1, Some(Code::Server))));
    let strange = bench.told.iter().find(|(_, name, _)| *name == "unknown-results");
    assert_eq!(strange.and_then(|(_, _, detail)| detail.number_of("count")), Some(1.0), "a result for nobody is told");
    let key = bench.bodies[0]["changes"][2]["idempotencyKey"].clone();
    let (_, what) = bench.then().expect("what failed or is missing goes again, alone");
    assert!(what.starts_with("PUT https://x.test/notes/"), "{what}");
    let row = bench.disk.pending_rows().find(|row| *row.id == *"c").expect("c");
    assert_eq!(json!(&*row.idempotency_key), key, "the same key");
}

#[test]
fn the_size_is_kept_and_halved_when_it_is_too_large() {
    let mut bench = held(4, &["a", "b", "c", "d", "e"]);
    assert_eq!(bench.members(), ["a", "b", "c", "d"]);
    bench.whole(413);
    assert_eq!(bench.members().len(), 2, "half");
    bench.whole(413);
    let (_, _, alone) = bench.requests.last().cloned().expect("a request");
    assert!(alone.starts_with("PUT https://x.test/notes/"), "{alone}");
    bench.whole(413);
    let id = alone.rsplit('/').next().expect("an id").to_owned();
    assert_eq!(bench.stands(&id), Some((Parked, 0, Some(Code::TooLarge))), "alone it is to blame");
    let parked = bench.disk.pending_rows().filter(|row| row.state == Parked || row.retry_count > 0).count();
    assert_eq!(parked, 1, "nobody else is");
}

#[test]
fn a_poison_change_fails_alone_and_parks_alone() {
    let mut bench = held(50, &["a", "b", "poison", "c"]);
    for _ in 0..60 {
        if bench.disk.pending_rows().all(|row| row.state == Parked) {
            break;
        }
        let (_, _, what) = bench.requests.last().cloned().expect("a request");
        let members = bench.members();
        let poisoned = what.contains("poison") || members.iter().any(|id| id == "poison");
        if poisoned {
            bench.whole(500);
        } else if members.is_empty() {
            let id = what.rsplit('/').next().expect("an id").to_owned();
            bench.respond(bench.requests.len() - 1, HttpResponse::new(201, Body::Json(json!({ "id": id }).into())));
        } else {
            let results: Vec<(&str, u16)> = members.iter().map(|id| (id.as_str(), 201)).collect();
            bench.results(&results);
        }
        bench.until_request(0).or_else(|| bench.until_request(200_000));
    }
    assert_eq!(bench.stands("poison"), Some((Parked, 2, Some(Code::Server))));
    assert_eq!(bench.disk.pending_rows().count(), 1);
}

#[test]
fn a_server_without_batches_gets_its_changes_one_by_one() {
    for status in [404, 405, 501] {
        let mut bench = held(50, &["a", "b"]);
        bench.whole(status);
        assert_eq!(bench.requests.last().map(|(_, _, what)| &**what), Some("PUT https://x.test/notes/a"), "{status}");
        assert_eq!(bench.stands("a").map(|row| row.1), Some(0));
    }
}

#[test]
fn nonsense_portals_and_pauses_hold_everything_and_count_nothing() {
    for (status, body) in [
        (200, Body::Html),
        (200, Body::Broken(3)),
        (200, Body::Json(json!({}).into())),
        (429, Body::Empty),
        (507, Body::Empty),
    ] {
        let mut bench = held(50, &["a", "b"]);
        bench.respond(0, HttpResponse::new(status, body));
        assert_eq!(bench.requests.len(), 1, "{status}");
        assert_eq!([bench.stands("a"), bench.stands("b")].map(|row| row.map(|row| row.1)), [Some(0), Some(0)]);
        assert!(bench.then().is_some_and(|(at, what)| at >= 1_000 && what.contains("/notes/")), "one goes to see");
    }
}

#[test]
fn a_login_is_tried_by_one_change() {
    let mut bench = held(50, &["a", "b"]);
    bench.whole(401);
    assert_eq!(bench.requests.last().map(|(_, _, what)| &**what), Some("PUT https://x.test/notes/a"));
    bench.respond(1, HttpResponse::new(201, Body::Json(json!({ "id": "a" }).into())));
    assert_eq!(bench.requests.len(), 3, "then the rest");
}

#[test]
fn a_transaction_goes_as_one_and_waits_as_one() {
    let mut bench = bench(50);
    bench.transact(&["a", "b", "c"]);
    assert!(bench.is_atomic());
    assert_eq!(bench.members(), ["a", "b", "c"]);
    bench.results(&[("a", 424), ("b", 422), ("c", 424)]);
    assert_eq!(bench.stands("b"), Some((Parked, 1, Some(Code::Validation))));
    assert_eq!([bench.stands("a"), bench.stands("c")], [Some((Waiting, 0, None)); 2]);
    bench.write("d");
    assert_eq!(bench.requests.len(), 2, "others go on");
    bench.respond(1, HttpResponse::new(201, Body::Json(json!({ "id": "d" }).into())));
    assert!(bench.then().is_none(), "the transaction waits for a person");
    bench.give(Input::Command { ticket: 5, command: Command::Retry(None) });
    assert!(bench.is_atomic());
    bench.results(&[("a", 201), ("b", 201), ("c", 201)]);
    assert_eq!(bench.disk.pending_rows().count(), 0);
}

#[test]
fn a_transaction_that_is_refused_as_a_whole_parks_with_its_first_change() {
    let mut bench = bench(50);
    bench.transact(&["a", "b"]);
    bench.whole(413);
    assert_eq!(bench.stands("a"), Some((Parked, 0, Some(Code::TooLarge))));
    assert_eq!(bench.stands("b"), Some((Waiting, 0, None)));
    assert!(bench.then().is_none());
}

#[test]
fn a_transaction_that_names_nobody_is_no_endless_loop() {
    let mut bench = bench(50);
    bench.transact(&["a", "b"]);
    bench.results(&[("a", 424), ("b", 424)]);
    assert_eq!(bench.stands("a"), Some((Waiting, 1, Some(Code::BadResponse))));
    assert_eq!(bench.then().map(|(at, _)| at), Some(1_000));
    bench.results(&[("a", 424), ("b", 424)]);
    assert_eq!(bench.stands("a").map(|row| row.0), Some(Parked));
}

#[test]
fn without_batches_a_transaction_goes_in_order() {
    let mut bench = Bench::new(json!({ "url": "https://x.test", "pullInterval": 0, "startDelay": QUIET }));
    bench.give(Input::Start);
    bench.transact(&["a", "b"]);
    assert_eq!(bench.requests.len(), 1);
    bench.respond(0, HttpResponse::new(201, Body::Json(json!({ "id": "a" }).into())));
    assert_eq!(bench.requests.last().map(|(_, _, what)| &**what), Some("PUT https://x.test/notes/b"));
}
