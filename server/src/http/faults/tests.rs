//! The language of faults: what is understood, what is refused, how rules are counted down.

use axum::body::Body;
use axum::http::Response;
use http_body_util::BodyExt;
use serde_json::{json, Value};

use super::rule::Rule;
use super::{members, FaultPlan};
use crate::core::CoreRequest;

fn rule(value: Value) -> Rule {
    serde_json::from_value(value).expect("a rule")
}

fn accepted(fault: &Value) -> bool {
    let rule = serde_json::from_value::<Rule>(json!({ "fault": fault }));
    rule.is_ok_and(|rule| rule.fault.check().is_ok())
}

#[test]
fn orders_are_checked_when_they_come() {
    for fault in [
        json!({ "delay": 5 }),
        json!({ "drop": "before" }),
        json!({ "delay": 5, "drop": "after" }),
        json!({ "status": 429, "headers": { "retry-after": "1" }, "body": { "a": 1 }, "after": true }),
        json!({ "redirect": "/x", "status": 307 }),
        json!({ "html": true }),
        json!({ "stall": 50, "silent": true }),
        json!({ "truncate": 5, "clean": true }),
        json!({ "offline": true }),
    ] {
        assert!(accepted(&fault), "{fault}");
    }
    for fault in [
        json!({}),
        json!({ "drop": "never" }),
        json!({ "drop": "before", "html": true }),
        json!({ "status": 99 }),
        json!({ "delay": 1, "body": "x" }),
        json!({ "unknown": 1 }),
    ] {
        assert!(!accepted(&fault), "{fault}");
    }
}

#[test]
fn conditions_must_all_hold() {
    let request = CoreRequest::new("POST", "/notes?a=b").header("idempotency-key", "\"k1\"");
    let request = request.json(&json!({ "title": "boat" }));
    for (condition, expected) in [
        (json!({}), true),
        (json!({ "method": "post" }), true),
        (json!({ "method": "PUT" }), false),
        (json!({ "path": "/notes?a" }), true),
        (json!({ "path": "/tasks" }), false),
        (json!({ "bodyIncludes": "boat", "key": "k1" }), true),
        (json!({ "bodyIncludes": "boat", "key": "k2" }), false),
    ] {
        let rule = rule(json!({ "match": condition, "fault": { "html": true } }));
        assert_eq!(rule.matches(&request), expected, "{condition}");
    }
}

#[test]
fn rules_are_counted_down_in_their_order() {
    let plan = FaultPlan::default();
    plan.add(vec![
        rule(json!({ "times": 2, "fault": { "delay": 1 } })),
        rule(json!({ "times": 0, "fault": { "delay": 2 } })),
    ]);
    let request = CoreRequest::new("GET", "/notes");
    let delays: Vec<_> = (0..5).filter_map(|_| plan.take(&request)?.delay).collect();
    assert_eq!(delays, [1, 1, 2, 2, 2]);
    assert_eq!(plan.rules().len(), 1);
    plan.clear_rules();
    assert_eq!(plan.take(&request), None);
}

#[tokio::test]
async fn the_log_knows_what_became_of_each_member_of_a_batch() {
    let changes =
        json!([{ "mutationId": "m1", "idempotencyKey": "k1" }, { "mutationId": "m2" }, { "idempotencyKey": "k3" }]);
    let request = CoreRequest::new("POST", "/api/_batch").json(&json!({ "changes": changes }));
    let keys = members::keys(&request).expect("a batch");
    let body =
        json!({ "results": [{ "status": 201, "replayed": true }, { "status": 200 }, { "status": 409 }] }).to_string();
    let (response, members) = members::read(Response::new(Body::from(body.clone())), &keys).await;
    let said: Vec<_> = members.iter().map(|one| (one.key.as_str(), one.status, one.replayed)).collect();
    assert_eq!(said, [("k1", 201, true), ("k3", 409, false)]);
    let again = response.into_body().collect().await.expect("the same body").to_bytes();
    assert_eq!(again, body);
    assert_eq!(members::keys(&CoreRequest::new("POST", "/api/notes").json(&json!({ "changes": [] }))), None);
}
