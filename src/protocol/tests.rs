//! Bad answers of servers, from the catalogue that all tests share: the code, the place, and nothing of the content.

use super::{page_outcome, push_outcome, single_outcome, Body, HttpResponse, Outcome, PullOutcome, Remote};
use crate::model::{ChangeKind, Code, Document, Failure};
use crate::native::Json;
use serde_json::Value;

const CATALOGUE: &str = include_str!("../../tests/bad-inputs.json");

/// The answer as the shell gives it.
fn response(input: &Value) -> HttpResponse<Json> {
    let header = |name: &str| input["headers"][name].as_str().map(String::from);
    let text = input["body"].as_str().unwrap_or_default();
    let body = match Json::parse(text) {
        _ if input["size"] == "deep" => Body::TooDeep,
        _ if input["size"] == "large" => Body::TooLarge,
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
    assert!(native.len() >= 15, "rows 50, 67 to 70 and 75 to 77 are native");
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

#[test]
fn a_conflict_is_told_by_the_document_itself_or_has_to_be_asked_for() {
    for status in [409, 412] {
        let outcome = |body: &str| {
            let body = Body::Json(Json::parse(body).expect("JSON"));
            push_outcome(ChangeKind::Update, false, "7", &HttpResponse::new(status, body), 1)
        };
        for own in [r#"{"id": "7", "text": "there"}"#, r#"{"id": 7}"#] {
            let Outcome::Conflict(Remote::Present { doc, .. }) = outcome(own) else { panic!("{own}") };
            assert_eq!(doc.text_of("id").as_deref(), Some("7"));
        }
        for other in [r#"{"id": "8"}"#, r#"{"title": "conflict", "status": 412, "id": "problem-1"}"#, "null", "[7]"] {
            assert!(matches!(outcome(other), Outcome::Conflict(Remote::Unknown)), "{other}");
        }
    }
    let single = |body: &str| {
        let response = HttpResponse::new(200, Body::Json(Json::parse(body).expect("JSON")));
        single_outcome("7", &response, 1)
    };
    assert!(matches!(single(r#"{"id": 7}"#), PullOutcome::News(Remote::Present { .. })));
    let refused = |code: Code, body| matches!(single(body), PullOutcome::Later { failure, .. } if failure.code == code);
    assert!(refused(Code::BadResponse, r#"{"id": "8"}"#) && refused(Code::BadResponse, "{}"));
}

#[test]
fn ids_and_revisions_of_a_server_fit_where_they_have_to_go() {
    let created = |id: &str| {
        let body = Body::Json(Json::of(&[("id", Some(Json::text(id)))]));
        matches!(push_outcome(ChangeKind::Create, true, "a", &HttpResponse::new(201, body), 1), Outcome::Done(_))
    };
    let listed = |id: &str, revision: Json| {
        let item =
            Json::of(&[("id", Some(Json::text(id))), ("revision", Some(revision)), ("doc", Some(Json::object()))]);
        let body = Json::of(&[("items", Some(Json::list(vec![item])))]);
        match page_outcome(&HttpResponse::new(200, Body::Json(body)), 1) {
            PullOutcome::News(page) => Ok(page.items[0].revision.clone()),
            PullOutcome::Later { failure, .. } => Err(failure.message.clone()),
            _ => panic!("a page or a failure"),
        }
    };
    let revision = || Json::text("1");
    for id in [".", "..", "a\nb", "\u{0}", &"x".repeat(1_025)] {
        assert!(!created(id) && listed(id, revision()).is_err_and(|text| text.contains("items[0].id")), "{id}");
    }
    assert!(created("a/b") && listed("a/b", revision()).is_ok());
    assert_eq!(listed("a", Json::number(7.0)), Ok(Some("7".into())), "a number is its decimal string");
    assert_eq!(listed("a", Json::text("\"v 1\"")), Ok(Some("v 1".into())));
    for revision in ["a\nb", "\u{1f600}", &"x".repeat(1_001)] {
        let told = listed("a", Json::text(revision));
        assert!(told.is_err_and(|text| text.contains("items[0].revision")), "{revision}");
    }
}
