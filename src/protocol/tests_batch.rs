//! Batches and the rest of an answer: which status means what for many changes, whose result is whose, what goes out.

use super::{
    batch_outcome, batch_request, page_outcome, probe_outcome, push_outcome, push_request, BatchOutcome, Body,
    Endpoint, HttpResponse, Member, Outcome, Probe, PullOutcome,
};
use crate::model::{ChangeKind, Code, Pending, Record, Sent};
use crate::native::Json;
use serde_json::{json, Value};

fn change(mutation: &str, id: &str, kind: &str) -> Pending<Json> {
    let record = json!({
        "seq": 1, "mutationId": mutation, "idempotencyKey": mutation, "collection": "notes", "id": id, "kind": kind,
        "state": "sending", "sent": { "method": "PATCH", "body": { "x": 1 }, "rev": "7" },
    });
    Pending::from_record(&record.into()).expect("a change as it is stored")
}

fn endpoint() -> Endpoint {
    Endpoint { url: "https://x.test".into(), adapter: false, batch: Some("_batch".into()), health: None }
}

fn answer(status: u16, body: Value) -> HttpResponse<Json> {
    let body = if body.is_null() { Body::Empty } else { Body::Json(body.into()) };
    HttpResponse { date: Some("Sun, 06 Nov 1994 08:49:37 GMT".into()), ..HttpResponse::new(status, body) }
}

fn later(status: u16) -> HttpResponse<Json> {
    HttpResponse { retry_after: Some("5".into()), ..answer(status, Value::Null) }
}

#[test]
fn what_a_status_means_for_a_whole_batch() {
    let (one, two) = (change("m1", "a", "update"), change("m2", "b", "update"));
    let outcome = |response: HttpResponse<Json>| batch_outcome(&[&one, &two], false, &response, 1);
    for status in [404, 405, 410, 501] {
        assert!(matches!(outcome(answer(status, Value::Null)), BatchOutcome::NotOffered), "{status}");
    }
    for status in [400, 403, 406, 409, 412, 415, 422, 505] {
        assert!(matches!(outcome(answer(status, Value::Null)), BatchOutcome::Split(_)), "{status}");
    }
    assert!(
        matches!(outcome(answer(413, Value::Null)), BatchOutcome::Split(failure) if failure.code == Code::TooLarge)
    );
    assert!(matches!(outcome(answer(500, Value::Null)), BatchOutcome::BackOff { after: None, .. }));
    assert!(matches!(outcome(later(500)), BatchOutcome::BackOff { after: Some(5_000), .. }));
    assert!(matches!(outcome(answer(503, Value::Null)), BatchOutcome::BackOff { .. }));
    assert!(matches!(outcome(later(503)), BatchOutcome::Endpoint { after: Some(5_000), .. }));
    assert!(matches!(outcome(answer(429, Value::Null)), BatchOutcome::Endpoint { .. }));
    assert!(matches!(outcome(answer(401, Value::Null)), BatchOutcome::NeedsAuth(_)));
    assert!(matches!(outcome(answer(426, Value::Null)), BatchOutcome::NeedsUpdate(_)));
    assert!(matches!(outcome(answer(200, json!({ "results": 7 }))), BatchOutcome::Endpoint { .. }));
}

#[test]
fn results_are_matched_by_mutation_id_alone() {
    let (one, two, three) = (change("m1", "a", "update"), change("m2", "b", "update"), change("m3", "c", "delete"));
    let results = json!({ "results": [
        { "mutationId": "m2", "status": 503, "id": "b", "retryAfter": 9 },
        { "mutationId": "zz", "status": 200 },
        { "mutationId": "m3", "status": 200, "id": "another" },
        { "mutationId": "m1", "status": 200, "id": "a", "revision": "8", "doc": { "id": "a" } },
        { "mutationId": "m1", "status": 500, "id": "a" },
    ]});
    let response = answer(200, results);
    let BatchOutcome::Results(members, strangers) = batch_outcome(&[&one, &two, &three], false, &response, 1) else {
        panic!("results");
    };
    assert_eq!(strangers, 1);
    let [Member::Answered(first), Member::Answered(second), Member::Missing] = &members[..] else {
        panic!("two answers; the third speaks of another document: {members:?}");
    };
    assert_eq!((first.status, first.revision().as_deref()), (200, Some("8")), "the first of two counts");
    assert_eq!(first.date, response.date, "the answer's own time");
    assert_eq!((second.status, second.retry_after.as_deref()), (503, Some("9")));
}

#[test]
fn members_of_an_atomic_batch_wait_for_the_one_at_fault() {
    let one = change("m1", "a", "update");
    let response = answer(200, json!({ "results": [{ "mutationId": "m1", "status": 424 }] }));
    let first = |atomic| match batch_outcome(&[&one], atomic, &response, 1) {
        BatchOutcome::Results(mut members, 0) => members.remove(0),
        other => panic!("{other:?}"),
    };
    assert!(matches!(first(true), Member::NotAtFault));
    assert!(matches!(first(false), Member::Answered(_)));
}

#[test]
fn a_collection_has_its_own_name_in_a_body() {
    let change = change("m1", "a", "update");
    for (path, name) in [("my%20notes%2Fx", "my notes/x"), ("a%zz%4", "a%zz%4"), ("%41b%63", "Abc"), ("plain", "plain")]
    {
        let sent = batch_request(&endpoint(), &[(path, &change)], true);
        assert_eq!(sent.url, "https://x.test/_batch");
        let sent = sent.body.expect("a body").to_value();
        assert_eq!(sent["changes"][0]["collection"], name);
        assert_eq!(sent["changes"][0]["revision"], "7");
        assert_eq!(sent["atomic"], true);
    }
}

#[test]
fn a_pause_holds_the_change_or_everything() {
    let outcome = |response: HttpResponse<Json>| push_outcome(ChangeKind::Update, false, "a", &response, 1);
    assert!(matches!(outcome(later(503)), Outcome::Endpoint { after: Some(5_000), .. }));
    assert!(matches!(outcome(answer(503, Value::Null)), Outcome::BackOff { counted: true, after: None, .. }));
    assert!(matches!(outcome(later(500)), Outcome::BackOff { counted: false, after: Some(5_000), .. }));
    let probe = |response: HttpResponse<Json>| matches!(probe_outcome(&response, 1), Probe::Reachable);
    assert!(probe(answer(204, Value::Null)) && probe(answer(404, Value::Null)) && probe(later(500)));
    assert!(!probe(later(503)) && !probe(later(429)) && probe(answer(503, Value::Null)));
}

#[test]
fn messages_by_field_are_kept_as_they_are_up_to_a_limit() {
    let errors = |text: String, name: &str| {
        let response = answer(422, json!({ "errors": { name: text, "n": 7 } }));
        match push_outcome(ChangeKind::Update, false, "a", &response, 1) {
            Outcome::Parked(failure) => failure.fields.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(errors("is required".into(), "name"), [("name".into(), "is required".into())]);
    assert_eq!(errors("x".repeat(4_000), "name")[0].1.len(), 4_000);
    assert_eq!(errors("x".repeat(4_001), "name")[0].1.len(), 1_000);
    assert_eq!(errors("x".into(), &"n".repeat(4_001)), []);
}

#[test]
fn a_revision_is_an_entity_tag_without_its_quotes() {
    let revision = |etag: &str| HttpResponse { etag: Some(etag.into()), ..answer(200, Value::Null) }.revision();
    assert_eq!(revision("\"1-a\"").as_deref(), Some("1-a"));
    assert_eq!(revision("W/\"1-a\"").as_deref(), Some("W/\"1-a\""), "a weak one stays marked");
    for (tag, plain) in [
        ("\"7-gzip\"", "7"),
        ("\"7--gzip\"", "7"),
        ("\"7-br\"", "7"),
        ("\"-gzip\"", "-gzip"),
        ("\"7-gzipped\"", "7-gzipped"),
        ("W/\"7-gzip\"", "W/\"7-gzip\""),
    ] {
        assert_eq!(revision(tag).as_deref(), Some(plain), "{tag}");
    }
    assert_eq!(answer(200, Value::Null).revision(), None);
}

#[test]
fn a_change_goes_out_under_its_key_and_its_guard() {
    let sent = |kind: &str, method: &str, revision: Option<&str>| {
        let change = change("m1", "a b", kind);
        let body = (method != "DELETE").then(|| Json::from(json!({ "x": 1 })));
        let sent = Sent { method: method.into(), body, revision: revision.map(String::from) };
        let request = push_request(&endpoint(), "notes", &change, &sent);
        assert_eq!(request.url, "https://x.test/notes/a%20b");
        assert!(request.is_write(), "its redirects are not followed");
        let header =
            |name: &str| request.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        assert_eq!(header("Idempotency-Key").as_deref(), Some("\"m1\""));
        ["Content-Type", "If-Match", "If-None-Match"].map(|name| header(name).unwrap_or_default())
    };
    assert_eq!(sent("update", "PATCH", Some("7")), ["application/merge-patch+json", "\"7\"", ""]);
    assert_eq!(sent("update", "PUT", Some("7")), ["application/json", "\"7\"", ""]);
    assert_eq!(
        sent("update", "PATCH", Some("W/\"7\"")),
        ["application/merge-patch+json", "", ""],
        "a weak tag guards nothing"
    );
    assert_eq!(sent("create", "PUT", None), ["application/json", "", "*"]);
    assert_eq!(sent("delete", "DELETE", Some("7")), ["", "\"7\"", ""]);
}

#[test]
fn a_pause_of_a_pull_is_the_servers_or_the_collections() {
    let endpoint = |response: HttpResponse<Json>| match page_outcome(&response, 1) {
        PullOutcome::Later { endpoint, .. } => endpoint,
        other => panic!("{other:?}"),
    };
    assert!(endpoint(later(503)) && endpoint(later(429)) && endpoint(answer(429, Value::Null)));
    assert!(!endpoint(later(500)) && !endpoint(answer(503, Value::Null)) && !endpoint(answer(403, Value::Null)));
}

#[test]
fn the_time_of_a_document_is_the_servers_word_within_reason() {
    let at = |updated_at: Value| {
        let response = answer(200, json!({ "id": "a", "updatedAt": updated_at }));
        match push_outcome(ChangeKind::Update, false, "a", &response, 1) {
            Outcome::Done(accepted) => accepted.at,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(at(json!(5)), Some(5));
    assert_eq!(at(json!("1970-01-01T00:00:01.500Z")), Some(1_500));
    assert_eq!([at(json!(-1)), at(json!(1e300)), at(json!("soon")), at(Value::Null)], [None; 4]);
    assert_eq!(at(json!(8.64e15)), Some(8_640_000_000_000_000));
}
