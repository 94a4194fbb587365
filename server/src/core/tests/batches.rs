//! Batches: results by mutation, the same keys as alone, all or none where that is asked.
//!
//! Judged from outside, through `MemoryTables::handle` only.

use serde_json::{json, Value};

use super::{code, CoreRequest, World};

fn batch(changes: &Value, atomic: bool) -> CoreRequest {
    CoreRequest::new("POST", "/_batch").json(&json!({ "changes": changes, "atomic": atomic }))
}

fn results(world: &mut World, changes: &Value, atomic: bool) -> Vec<Value> {
    let response = world.send(&batch(changes, atomic));
    assert_eq!(response.status, 200);
    response.json().expect("JSON")["results"].as_array().expect("results").clone()
}

fn statuses(results: &[Value]) -> Vec<u64> {
    results.iter().filter_map(|result| result["status"].as_u64()).collect()
}

fn put(mutation: &str, id: &str) -> Value {
    json!({ "mutationId": mutation, "idempotencyKey": mutation, "collection": "notes", "id": id, "kind": "create", "doc": { "n": 1 } })
}

#[test]
fn each_member_has_its_own_result() {
    let mut world = World::new();
    world.put_new("old", &json!({ "n": 1 }));
    let revision = world.tables.document("notes", "old").expect("old").revision.clone();
    let changes = json!([
        { "mutationId": "m1", "idempotencyKey": "k1", "collection": "notes", "id": "pending-1", "temporary": true, "kind": "create", "doc": { "n": 2 } },
        { "mutationId": "m2", "idempotencyKey": "k2", "collection": "notes", "id": "old", "kind": "update", "changes": { "n": 3 }, "revision": revision },
        { "mutationId": "m3", "idempotencyKey": "k3", "collection": "notes", "id": "old", "kind": "update", "doc": { "n": 4 }, "revision": "0-x" },
        { "mutationId": "m4", "idempotencyKey": "k4", "collection": "assistants", "id": "a", "kind": "create", "doc": {} },
        { "mutationId": "m5", "idempotencyKey": "k5", "collection": "notes", "id": "old", "kind": "delete" },
        { "mutationId": "m6", "collection": "_notes", "id": "x", "kind": "delete" },
        { "mutationId": "m7", "collection": "notes", "id": "x", "kind": "update" },
    ]);
    let results = results(&mut world, &changes, false);
    assert_eq!(statuses(&results), [201, 200, 412, 422, 204, 404, 422]);
    assert_eq!(results[0]["id"], "id2");
    assert_eq!(results[0]["doc"]["n"], 2);
    assert_eq!(results[2]["doc"]["n"], 3);
    assert_eq!(results[2]["revision"], results[1]["revision"]);
    assert_eq!(results[3]["problem"]["errors"]["name"], "is required");
    assert_eq!((&results[4]["mutationId"], &results[4]["id"]), (&json!("m5"), &json!("old")));
    assert_eq!(world.tables.log().count(), 4);
}

#[test]
fn a_key_counts_the_same_alone_and_in_a_batch() {
    let mut world = World::new();
    results(&mut world, &json!([put("m1", "a")]), false);
    let request = CoreRequest::new("PUT", "/notes/a").header("if-none-match", "*").header("idempotency-key", "m1");
    let alone = world.send(&request.clone().json(&json!({ "n": 1 })));
    assert_eq!((alone.status, alone.header_value("idempotency-replayed")), (201, Some("true")));
    let other = world.send(&request.json(&json!({ "n": 2 })));
    assert_eq!(code(&other), "idempotency-key-reused");
    let twice = results(&mut world, &json!([put("m2", "b"), put("m2", "b")]), false);
    assert_eq!((statuses(&twice), &twice[1]["replayed"]), (vec![201, 201], &json!(true)));
    assert_eq!((world.tables.executions("m1"), world.tables.executions("m2")), (1, 1));
}

#[test]
fn an_atomic_batch_is_all_or_none() {
    let mut world = World::new();
    results(&mut world, &json!([put("m0", "z")]), false);
    let refused = results(&mut world, &json!([put("m0", "z"), put("m1", "a"), put("m2", "z")]), true);
    assert_eq!(statuses(&refused), [201, 424, 412]);
    assert_eq!(world.tables.log().count(), 1);
    let done = results(&mut world, &json!([put("m1", "a"), put("m3", "b")]), true);
    assert_eq!(statuses(&done), [201, 201]);
    assert_eq!(world.tables.head(), 3);
}

#[test]
fn what_is_no_batch_is_refused_whole() {
    let mut world = World::new();
    let nameless = json!([{ "collection": "notes", "id": "a", "kind": "delete" }]);
    assert_eq!(code(&world.send(&batch(&nameless, false))), "invalid-batch");
    assert_eq!(code(&world.send(&batch(&json!({}), false))), "invalid-batch");
    let many: Vec<_> = (0..1_001).map(|n| put(&format!("m{n}"), "a")).collect();
    assert_eq!(code(&world.send(&batch(&json!(many), false))), "batch-too-large");
    assert_eq!(world.get("/_batch").status, 405);
}
