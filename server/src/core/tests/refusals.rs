//! What is refused, with which problem, and that it leaves no trace.
//!
//! Judged from outside, through `MemoryTables::handle` only.

use serde_json::json;

use super::{code, CoreRequest, MemoryTables, Rules, World, T0};

#[test]
fn documents_are_validated_by_field_also_after_a_patch() {
    let mut world = World::new();
    let refused = world.send(&CoreRequest::new("POST", "/assistants").json(&json!({ "category": 1 })));
    assert_eq!((refused.status, code(&refused).as_str()), (422, "invalid-document"));
    let errors = refused.json().expect("problem")["errors"].clone();
    assert_eq!(errors, json!({ "category": "must be text", "name": "is required" }));
    world.send(&CoreRequest::new("PUT", "/assistants/a").json(&json!({ "name": "a" })));
    let patch = CoreRequest::new("PATCH", "/assistants/a").json(&json!({ "name": null }));
    assert_eq!(world.send(&patch).status, 422);
    let renamed = world.send(&CoreRequest::new("PATCH", "/assistants/a").json(&json!({ "id": "b" })));
    assert_eq!(renamed.json().expect("problem")["errors"]["id"], "differs from the path");
    assert_eq!(world.tables.log().count(), 1);
}

#[test]
fn requests_that_no_row_can_save_are_refused() {
    let mut world = World::new();
    let json = |method: &str, target: &str, body: &str| CoreRequest {
        body: body.as_bytes().to_vec(),
        ..CoreRequest::new(method, target).header("content-type", "application/json")
    };
    let text =
        CoreRequest { body: b"{}".to_vec(), ..CoreRequest::new("POST", "/notes").header("content-type", "text/plain") };
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    let bottomless = "[".repeat(100_000);
    for (request, status, expected) in [
        (json("POST", "/notes", "{"), 400, "invalid-json"),
        (json("POST", "/notes", ""), 400, "invalid-json"),
        (json("POST", "/notes", &deep), 400, "too-deep"),
        (json("POST", "/notes", &bottomless), 400, "invalid-json"),
        (json("POST", "/notes", "[]"), 422, "not-an-object"),
        (json("POST", "/notes", "{}").header("idempotency-key", "\"k"), 400, "invalid-idempotency-key"),
        (json("POST", "/notes", "{}").header("idempotency-key", ""), 400, "invalid-idempotency-key"),
        (json("POST", "/notes", &" ".repeat((1 << 20) + 1)), 413, "body-too-large"),
        (text, 415, "unsupported-media-type"),
        (CoreRequest::new("PATCH", "/notes/a"), 415, "unsupported-media-type"),
        (json("DELETE", "/notes", ""), 405, "method-not-allowed"),
        (json("POST", "/notes/a", "{}"), 405, "method-not-allowed"),
        (json("GET", "/notes?limit=x", ""), 400, "invalid-limit"),
        (json("GET", "/notes/%ff", ""), 400, "invalid-id"),
        (json("GET", "/notes/", ""), 400, "invalid-id"),
        (json("GET", "/notes/a/b", ""), 404, "unknown-path"),
        (json("GET", "/_hidden", ""), 404, "unknown-path"),
        (json("GET", "/no%20tes", ""), 404, "unknown-path"),
        (json("GET", "/", ""), 404, "unknown-path"),
    ] {
        let response = world.send(&request);
        assert_eq!(
            (response.status, code(&response).as_str()),
            (status, expected),
            "{} {}",
            request.method,
            request.path
        );
    }
    assert_eq!(world.tables.head(), 0);
}

#[test]
fn preconditions_may_be_required() {
    let rules = Rules { require_precondition: true, ..Rules::default() };
    let mut tables = MemoryTables::with_rules("e", rules);
    let patch = CoreRequest::new("PATCH", "/notes/a").json(&json!({}));
    let response = tables.handle(&patch, T0, String::new);
    assert_eq!((response.status, code(&response).as_str()), (428, "precondition-required"));
}
