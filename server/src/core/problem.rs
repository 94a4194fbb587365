//! Refusals as RFC 9457 problem documents.
//!
//! Every answer that is not success is made here, except the conflict that carries the current
//! document. A problem never repeats what the request contained beyond names of fields.

use serde::Serialize;
use std::collections::BTreeMap;

use super::request::CoreResponse;

/// What types of problems begin with; a type is this plus the problem's code, relative to the server.
pub const TYPE_BASE: &str = "/problems/";

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Parts {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    detail: String,
    code: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    errors: BTreeMap<String, String>,
    #[serde(skip)]
    headers: Vec<(String, String)>,
}

impl Problem {
    /// A problem of that status and code; `detail` is for people.
    pub fn new(status: u16, code: &'static str, detail: &str) -> Self {
        Self(Box::new(Parts {
            kind: format!("{TYPE_BASE}{code}"),
            title: title(status).to_owned(),
            status,
            detail: detail.to_owned(),
            code,
            errors: BTreeMap::new(),
            headers: Vec::new(),
        }))
    }

    /// A document refused field by field.
    pub fn invalid(errors: BTreeMap<String, String>) -> Self {
        let mut problem = Self::new(422, "invalid-document", "Some fields are not acceptable.");
        problem.0.errors = errors;
        problem
    }

    /// A document refused for one field.
    pub fn invalid_field(field: &str, message: &str) -> Self {
        Self::invalid(BTreeMap::from([(field.to_owned(), message.to_owned())]))
    }

    /// The key's first request has not been answered yet.
    pub fn in_progress() -> Self {
        let detail = "The first request with this key is still running.";
        Self::new(409, "idempotency-in-progress", detail).header("retry-after", "1")
    }

    /// The same problem with one more response header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The status it answers with.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The problem as a response.
    pub fn into_response(self) -> CoreResponse {
        // Strings and maps with string keys only: serialising them has no failing case.
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let mut response = CoreResponse::with_body(self.0.status, "application/problem+json", body);
        response.headers.extend(self.0.headers);
        response
    }
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad request",
        404 => "Not found",
        405 => "Method not allowed",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition failed",
        413 => "Content too large",
        415 => "Unsupported media type",
        422 => "Unprocessable content",
        424 => "Failed dependency",
        428 => "Precondition required",
        _ => "Error",
    }
}
