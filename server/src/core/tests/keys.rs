//! Idempotency keys: what is kept, for whom it counts, when it is forgotten.
//!
//! Judged from outside, through `MemoryTables::handle` only.

use serde_json::{json, Value};

use super::{code, CoreRequest, Rules, World};

#[test]
fn a_repeated_key_is_answered_from_the_stored_result() {
    let mut world = World::new();
    let create = CoreRequest::new("POST", "/notes").header("idempotency-key", "\"k1\"").json(&json!({ "n": 1 }));
    let first = world.send(&create);
    world.now += 24 * 3_600_000;
    let again = world.send(&create);
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header_value("etag"), first.header_value("etag"));
    assert_eq!(again.header_value("idempotency-replayed"), Some("true"));
    assert_eq!(again.headers.iter().filter(|(name, _)| name == "date").count(), 1);
    assert_eq!(world.tables.executions("k1"), 1);
    assert_eq!(world.tables.log().count(), 1);
}

#[test]
fn a_key_belongs_to_method_path_and_body_but_not_to_headers() {
    let mut world = World::new();
    let put = CoreRequest::new("PUT", "/notes/a").header("idempotency-key", "k").json(&json!({ "n": 1 }));
    assert_eq!(world.send(&put).status, 201);
    assert_eq!(world.send(&put.clone().header("if-match", "\"other\"")).status, 201);
    let with = |method: &str, target: &str, body: Value| {
        CoreRequest::new(method, target).header("idempotency-key", "k").json(&body)
    };
    for request in [
        with("PUT", "/notes/a", json!({ "n": 2 })),
        with("PUT", "/notes/b", json!({ "n": 1 })),
        with("PATCH", "/notes/a", json!({ "n": 1 })),
    ] {
        let refused = world.send(&request);
        assert_eq!((refused.status, code(&refused).as_str()), (422, "idempotency-key-reused"));
    }
}

#[test]
fn refusals_are_judged_anew() {
    let mut world = World::new();
    let patch = CoreRequest::new("PATCH", "/notes/a").header("idempotency-key", "k").json(&json!({ "n": 2 }));
    assert_eq!(world.send(&patch).status, 404);
    world.put_new("a", &json!({ "n": 1 }));
    assert_eq!(world.send(&patch).status, 200);
    assert_eq!(world.tables.executions("k"), 1);
}

#[test]
fn results_are_forgotten_after_their_time() {
    let mut world = World::new();
    let create = |key: &str| CoreRequest::new("POST", "/notes").header("idempotency-key", key).json(&json!({}));
    world.send(&create("old"));
    world.now += Rules::default().retention_ms + 1;
    world.send(&create("young"));
    assert_eq!(world.send(&create("old")).header_value("idempotency-replayed"), None);
    assert_eq!(world.tables.executions("old"), 2);
}
