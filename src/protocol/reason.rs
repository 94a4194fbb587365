//! The failure that a response stands for: its code, a text, the pause it asks for, messages by field.
//!
//! One for changes, batches and pulls. What it means for the change that was sent is not said here.

use super::date::retry_after;
use super::{Body, HttpResponse};
use crate::model::{Code, Document, Failure, Listed, Time};

/// How many messages by field a refusal may carry, and how many bytes each may have, as may its field's name.
const MAX_FIELDS: usize = 100;
const MAX_TEXT: usize = 4_000;

pub(super) const REDIRECTED: &str = "write was redirected to another address; parked";
pub(super) const BUSY: &str = "the server could not execute this change now";
pub(super) const LOGIN: &str = "the server wants a login; sync resumes after it";
pub(super) const UPDATE: &str = "the server wants a newer version of the app";
pub(super) const SLOWER: &str = "the server asks for fewer requests";
const TOO_DEEP: &str = "the answer is nested deeper than 500 levels; retrying";
const TOO_LONG: &str = "the answer is longer than 32 MiB; retrying";
pub(super) const FULL: &str = "the server has no room left; it is asked again later";

/// The pause a response asks for, in milliseconds.
pub(super) fn pause<D>(response: &HttpResponse<D>, now: Time) -> Option<u64> {
    response.retry_after.as_deref().and_then(|value| retry_after(value, response.date.as_deref(), now))
}

/// The failure of a web page in place of data.
pub(super) fn portal<D: Document>(response: &HttpResponse<D>, now: Time) -> Failure {
    refusal(Code::CaptivePortal, "got a web page instead of data; network sign-in? retrying", response, now)
}

/// The failure of an answer that is none.
pub(super) fn broken<D: Document>(response: &HttpResponse<D>, now: Time) -> Failure {
    let text = match response.body {
        Body::Html => return portal(response, now),
        Body::TooDeep => return refusal(Code::ResponseTooDeep, TOO_DEEP, response, now),
        Body::TooLarge => return refusal(Code::ResponseTooLarge, TOO_LONG, response, now),
        Body::Broken(length) => ["body ended early or is no JSON at byte ", &length.to_string(), "; retrying"].concat(),
        _ => "the answer has not the form the profile asks for; retrying".into(),
    };
    refusal(Code::BadResponse, &text, response, now)
}

/// Problem type that the face's own transport gives where an adapter answered with something that is no result. It
/// names a place that no server can have.
const ADAPTER_RESULT: &str = "https://adapter.invalid/problems/adapter-result";
const ADAPTED: &str = "the adapter answered with something that is no result; the log says what";

/// A failure with the status, and with the field messages of a problem document.
pub(super) fn refusal<D: Document>(code: Code, text: &str, response: &HttpResponse<D>, now: Time) -> Failure {
    let fields = response.json().and_then(|problem| problem.get("errors")).map_or_else(Vec::new, field_messages);
    let adapted = problem_type(response).is_some_and(|uri| uri == ADAPTER_RESULT);
    let (code, text) = if adapted { (Code::AdapterResult, ADAPTED) } else { (code, text) };
    let mut failure = Failure::new(code, text).at(now).with_status(response.status);
    failure.fields = fields;
    failure
}

/// Messages by field: they are stored with the change and shown, so a server may send only so much.
fn field_messages<D: Document>(errors: D) -> Vec<(String, String)> {
    let named = errors.fields().into_iter().filter(|field| field.len() <= MAX_TEXT);
    let message = |field: String| {
        let mut text = errors.text_of(&field)?;
        if text.len() > MAX_TEXT {
            text = text.chars().take(MAX_TEXT / 4).collect();
        }
        Some((field, text))
    };
    named.filter_map(message).take(MAX_FIELDS).listed()
}

/// The type of a problem document.
pub(super) fn problem_type<D: Document>(response: &HttpResponse<D>) -> Option<String> {
    response.json()?.text_of("type")
}
