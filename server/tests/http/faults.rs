//! Faults on order, seen from a client: what arrives, what was executed, what the log says.
//!
//! Each kind of fault once; the language of rules has its tests beside the code.

use serde_json::{json, Value};
use std::time::Duration;
use tokio::time::Instant;

use super::{header, json_of, Options, Server};

#[tokio::test]
async fn a_key_in_work_is_a_conflict_of_its_own() {
    let server = Server::with_faults().await;
    server.order(json!([{ "fault": { "delay": 400 } }])).await;
    let slow = server.create("k", &json!({ "name": "Ada" })).send();
    let quick = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        server.create("k", &json!({ "name": "Ada" })).send().await
    };
    let (slow, quick) = tokio::join!(slow, quick);
    let quick = quick.expect("an answer");
    assert_eq!((slow.expect("an answer").status().as_u16(), quick.status().as_u16()), (201, 409));
    let problem = json_of(quick).await;
    assert!(problem["type"].as_str().is_some_and(|kind| kind.ends_with("/idempotency-in-progress")));
}

#[tokio::test]
async fn dropped_before_or_after_the_commit() {
    let server = Server::with_faults().await;
    server.order(json!([{ "fault": { "drop": "before" } }, { "fault": { "drop": "after" } }])).await;
    assert!(server.create("k1", &json!({ "name": "one" })).send().await.is_err());
    assert!(server.create("k2", &json!({ "name": "two" })).send().await.is_err());
    assert_eq!(server.names().await, ["two"]);
    let again = server.create("k2", &json!({ "name": "two" })).send().await.expect("an answer");
    assert_eq!(header(again.headers(), "idempotency-replayed"), "true");
    let log = json_of(server.get("/_faults/log").await).await;
    assert_eq!((&log[0]["status"], &log[1]["key"]), (&Value::Null, &json!("k2")));
    assert_eq!((&log[3]["status"], &log[3]["replayed"]), (&json!(201), &json!(true)));
}

#[tokio::test]
async fn answers_on_order() {
    let server = Server::with_faults().await;
    server
        .order(json!([
            { "match": { "method": "POST" }, "fault": { "status": 429, "headers": { "Retry-After": "7" }, "body": { "code": "slow" } } },
            { "match": { "method": "POST" }, "fault": { "status": 500, "after": true } },
            { "match": { "method": "POST" }, "fault": { "html": true } },
            { "match": { "method": "POST" }, "fault": { "redirect": "/login", "status": 307 } },
        ]))
        .await;
    let doc = json!({ "name": "Ada" });
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(server.create("k", &doc).send().await.expect("an answer"));
    }
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status().as_u16()).collect();
    assert_eq!(statuses, [429, 500, 200, 307]);
    assert_eq!(header(answers[0].headers(), "retry-after"), "7");
    assert!(header(answers[2].headers(), "content-type").starts_with("text/html"));
    assert_eq!(header(answers[3].headers(), "location"), "/login");
    assert_eq!(json_of(answers.remove(0)).await, json!({ "code": "slow" }));
    assert_eq!(server.names().await, ["Ada"]);
}

#[tokio::test]
async fn broken_bodies() {
    let server = Server::with_faults().await;
    server.create("k", &json!({ "name": "Ada" })).send().await.expect("an answer");
    server
        .order(json!([
            { "fault": { "truncate": 20 } },
            { "fault": { "truncate": 20, "clean": true } },
            { "fault": { "stall": 200 } },
            { "fault": { "stall": 200, "silent": true } },
        ]))
        .await;
    let mut cut = server.get("/api/assistants").await;
    assert_eq!(cut.status(), 200);
    assert_eq!(cut.chunk().await.expect("a beginning").map(|part| part.len()), Some(20));
    assert!(cut.chunk().await.is_err());
    assert_eq!(server.get("/api/assistants").await.bytes().await.expect("a body").len(), 20);
    let begun = Instant::now();
    let stalled = server.get("/api/assistants").await;
    assert!(begun.elapsed() < Duration::from_millis(150));
    assert!(stalled.bytes().await.is_err());
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert!(server.ask("GET", "/api/assistants").send().await.is_err());
}

#[tokio::test]
async fn offline_until_cleared_and_a_fresh_world() {
    let server = Server::with_faults().await;
    server.create("k", &json!({ "name": "Ada" })).send().await.expect("an answer");
    let mut listening = server.get("/api/_events").await;
    server.order(json!([{ "times": 0, "fault": { "offline": true } }])).await;
    while listening.chunk().await.expect("a clean end").is_some() {}
    for _ in 0..3 {
        assert!(server.ask("GET", "/api/_health").send().await.is_err());
    }
    let cleared = server.ask("DELETE", "/_faults").send().await.expect("an answer");
    assert_eq!((cleared.status().as_u16(), server.names().await.len()), (204, 1));
    let reset = server.ask("POST", "/_faults/reset").json(&json!({ "epoch": "x" }));
    assert_eq!(reset.send().await.expect("an answer").status(), 204);
    let page = json_of(server.get("/api/assistants").await).await;
    assert_eq!(page, json!({ "items": [], "checkpoint": "0.x", "hasMore": false, "epoch": "x" }));
    let created = server.create("k", &json!({ "name": "Ada" })).send().await.expect("an answer");
    assert!(created.headers().get("idempotency-replayed").is_none());
    let bad = server.ask("POST", "/_faults").json(&json!([{ "fault": {} }]));
    assert_eq!(bad.send().await.expect("an answer").status(), 400);
}

#[tokio::test]
async fn without_the_option_no_fault_can_be_ordered() {
    let server = Server::start(&Options::for_tests()).await;
    assert_eq!(server.get("/_faults").await.status(), 404);
}
