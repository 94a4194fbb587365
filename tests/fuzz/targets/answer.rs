//! Bytes as a response of a server: a status line, headers, an empty line, the body.
//!
//! A page read by a person, easy to change by a fuzzer: every part may be missing or nonsense. Also what holds for every
//! failure that comes out of one.

use seakeep::model::{Document, Failure};
use seakeep::native::Json;
use seakeep::protocol::{Body, HttpResponse};

/// Any time; the tests' own.
pub(super) const NOW: u64 = 1_700_000_000_000;
/// The last millisecond a JavaScript date can name.
pub(super) const LAST: u64 = 8_640_000_000_000_000;
/// A day, the longest pause a server may ask for.
pub(super) const DAY: u64 = 86_400_000;

/// The response as the shell would give it.
pub(super) fn response(data: &[u8]) -> HttpResponse<Json> {
    let text = String::from_utf8_lossy(data);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.trim().parse().ok()).unwrap_or(200);
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let header = |wanted: &str| headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_string());
    HttpResponse {
        redirected: header("redirected").is_some(),
        etag: header("etag"),
        retry_after: header("retry-after"),
        date: header("date"),
        last_modified: header("last-modified"),
        ..HttpResponse::new(status, read_body(body, header("content-type").as_deref()))
    }
}

fn read_body(text: &str, kind: Option<&str>) -> Body<Json> {
    match Json::parse(text) {
        _ if kind.is_some_and(|kind| kind.contains("html")) => Body::Html,
        Some(json) => Body::Json(json),
        None if text.is_empty() => Body::Empty,
        None => Body::Broken(text.len()),
    }
}

/// What a failure may say: nothing but our own words, and field messages of bounded size.
pub(super) fn check_failure(failure: &Failure, response: &HttpResponse<Json>) {
    assert!(failure.message.len() < 200, "a message is our own words: {}", failure.message.len());
    assert!(failure.message.is_ascii(), "a message is our own words");
    assert_eq!(failure.status, Some(response.status));
    assert!(failure.fields.len() <= 100, "{} messages by field", failure.fields.len());
    assert!(failure.fields.iter().all(|(field, text)| field.len() <= 4_000 && text.len() <= 4_000));
    let stored = Failure::from_document(&failure.to_document::<Json>()).expect("what was written can be read");
    assert_eq!(stored.code, failure.code);
    assert_eq!(stored.fields, failure.fields);
}

/// A time of a server is one, or none.
pub(super) fn check_time(at: Option<u64>) {
    assert!(at.is_none_or(|at| at <= LAST), "a time after the end of time: {at:?}");
}

/// A pause is at most a day.
pub(super) fn check_pause(after: Option<u64>) {
    assert!(after.is_none_or(|after| after <= DAY), "a pause longer than a day: {after:?}");
}

/// Whether a document has that id as text.
pub(super) fn has_id(doc: &Json, id: &str) -> bool {
    doc.text_of("id").as_deref() == Some(id)
}
