//! The language of faults: what is understood, what is refused, how rules are counted down.

use serde_json::{json, Value};

use super::rule::Rule;
use super::FaultPlan;
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
