//! Bad answers of servers, from the catalogue that all tests share: the code, the place, and nothing of the content.

use super::{page_outcome, push_outcome, Body, HttpResponse, Outcome, PullOutcome};
use crate::model::{ChangeKind, Document, Failure};
use crate::native::Json;
use serde_json::Value;

const CATALOGUE: &str = include_str!("../../tests/bad-inputs.json");

/// The answer as the shell gives it.
fn response(input: &Value) -> HttpResponse<Json> {
    let header = |name: &str| input["headers"][name].as_str().map(String::from);
    let text = input["body"].as_str().unwrap_or_default();
    let body = match Json::parse(text) {
        Some(json) => Body::Json(json),
        None if text.is_empty() => Body::Empty,
        None if header("content-type").is_some_and(|kind| kind.contains("html")) => Body::Html,
        None => Body::Broken(text.encode_utf16().count()),
    };
    let status = input["status"].as_u64().unwrap_or(0) as u16;
    HttpResponse {
        etag: header("etag"),
        retry_after: header("retry-after"),
        date: header("date"),
        ..HttpResponse::new(status, body)
    }
}

fn push(response: &HttpResponse<Json>) -> (Option<Failure>, Option<&'static str>, Option<u64>) {
    match push_outcome(ChangeKind::Update, false, "a", response, 1_700_000_000_000) {
        Outcome::Conflict(_) => (None, Some("CONFLICT"), None),
        Outcome::BackOff { failure, after, .. } | Outcome::Endpoint { failure, after } => (Some(failure), None, after),
        Outcome::Parked(failure) | Outcome::NeedsAuth(failure) | Outcome::NeedsUpdate(failure) => {
            (Some(failure), None, None)
        }
        Outcome::Done(_) | Outcome::InProgress => (None, None, None),
    }
}

fn pull(response: &HttpResponse<Json>) -> Option<Failure> {
    match page_outcome(response, 1_700_000_000_000) {
        PullOutcome::Later { failure, .. } | PullOutcome::NeedsAuth(failure) | PullOutcome::NeedsUpdate(failure) => {
            Some(failure)
        }
        PullOutcome::News(_) | PullOutcome::NotModified | PullOutcome::Resync => None,
    }
}

#[test]
fn bad_answers_of_the_catalogue() {
    let rows: Vec<Value> = serde_json::from_str(CATALOGUE).expect("the catalogue is JSON");
    let native: Vec<&Value> = rows.iter().filter(|row| row["where"] == "native").collect();
    assert!(native.len() >= 15, "rows 50, 67 to 70, 75 and 77 are native");
    for row in native {
        let what = row["what"].as_str().unwrap_or_default();
        let response = response(&row["input"]);
        let (failure, code, after) = match row["call"].as_str() {
            Some("push") => push(&response),
            _ => (pull(&response), None, None),
        };
        let code = code.or(failure.as_ref().map(|failure| failure.code.as_str()));
        assert_eq!(code, row["code"].as_str(), "{what}");
        if row.get("retryAfter").is_some() {
            assert_eq!(after, row["retryAfter"].as_u64(), "{what}");
        }
        let said = failure.map(|failure| failure.to_document::<Json>().to_json()).unwrap_or_default();
        assert!(row["canary"].as_str().is_none_or(|canary| !said.contains(canary)), "{what}: {said}");
        assert!(row["says"].as_str().is_none_or(|place| said.contains(place)), "{what}: {said}");
    }
}

#[test]
fn a_success_counts_only_when_it_is_one() {
    let json = |text: &str| Body::Json(Json::parse(text).expect("JSON"));
    let done = |status: u16, body: Body<Json>, temporary: bool| {
        let kind = if temporary { ChangeKind::Create } else { ChangeKind::Update };
        matches!(push_outcome(kind, temporary, "a", &HttpResponse::new(status, body), 1), Outcome::Done(_))
    };
    assert!(done(200, json(r#"{"id": "a"}"#), false) && done(204, Body::Empty, false));
    assert!(done(201, json(r#"{"id": "s1"}"#), true));
    assert!(!done(200, json(r#"{"id": "b"}"#), false), "another document");
    assert!(!done(201, json("{}"), true), "no id");
    assert!(!done(201, Body::Empty, true), "a create must say its id");
    assert!(!done(200, Body::Html, false) && !done(200, Body::Broken(3), false));
}

#[test]
fn a_conflict_that_cannot_be_read_is_none() {
    let outcome =
        |kind, temporary, body: Body<Json>| push_outcome(kind, temporary, "a", &HttpResponse::new(409, body), 1);
    assert!(matches!(outcome(ChangeKind::Update, false, Body::Empty), Outcome::Conflict(_)));
    assert!(matches!(outcome(ChangeKind::Update, false, Body::Broken(5)), Outcome::Endpoint { .. }));
    assert!(matches!(outcome(ChangeKind::Create, true, Body::Broken(5)), Outcome::Endpoint { .. }));
    assert!(matches!(outcome(ChangeKind::Create, true, Body::Empty), Outcome::Parked(_)));
}
