//! The outcome of sending one change.
//!
//! A success counts only when it is one: an expected status, JSON (or 204), same origin, not redirected. A web page
//! is a captive portal, not an answer. A failure says whether it counts, how far it reaches and when to come back.

use super::date::{http_date, timestamp};
use super::reason::{broken, pause, portal, problem_type, refusal, BUSY, FULL, LOGIN, REDIRECTED, SLOWER, UPDATE};
use super::table::{write_verdict, Verdict};
use super::{Body, HttpResponse};
use crate::model::{is_id, is_temporary, ChangeKind, Code, Document, Failure, Time};

/// What the server made of a change.
#[derive(Debug, Clone)]
pub struct Accepted<D> {
    /// The document's id there, where the answer names one.
    pub id: Option<String>,
    /// Its new revision.
    pub revision: Option<String>,
    /// The document as stored; `None` for an answer without a body.
    pub doc: Option<D>,
    /// The server's `updatedAt`.
    pub at: Option<Time>,
    /// Whether the answer is an old one that came again: the document may have moved on or be gone.
    pub repeated: bool,
}

impl<D> Accepted<D> {
    /// Executed, and nothing is known but that.
    pub fn bare() -> Self {
        Self { id: None, revision: None, doc: None, at: None, repeated: false }
    }
}

/// An answer whose document is so much older than the answer itself was given before.
const REPEATED: u64 = 1_000;

/// The last millisecond a date can name (ECMAScript, 21.4.1.1): what a server puts later is no time.
const LAST: f64 = 8.64e15;

/// The server's current state of one document.
#[derive(Debug, Clone)]
pub enum Remote<D> {
    /// It exists.
    Present {
        /// The document.
        doc: D,
        /// Its revision.
        revision: Option<String>,
        /// The server's `updatedAt`.
        at: Option<Time>,
    },
    /// It does not exist there.
    Deleted,
    /// The answer did not say: it has to be asked for.
    Unknown,
}

/// The end of one attempt.
#[derive(Debug, Clone)]
pub enum Outcome<D> {
    /// Executed.
    Done(Accepted<D>),
    /// Not executed: the document there is another one.
    Conflict(Remote<D>),
    /// The first request with this key still runs there.
    InProgress,
    /// This lane comes back later. `after` is the server's own wish, in milliseconds.
    BackOff {
        /// Why.
        failure: Failure,
        /// Whether it counts as an attempt (design, section 15).
        counted: bool,
        /// Pause the server asked for.
        after: Option<u64>,
    },
    /// Everything to this endpoint waits; nothing counts.
    Endpoint {
        /// Why.
        failure: Failure,
        /// Pause the server asked for.
        after: Option<u64>,
    },
    /// Everything waits for a new login; nothing counts.
    NeedsAuth(Failure),
    /// Everything waits for a new version of the app.
    NeedsUpdate(Failure),
    /// Refused for good.
    Parked(Failure),
}

/// The outcome of a response to a change of the document `id`.
pub fn push_outcome<D: Document>(
    kind: ChangeKind,
    temporary: bool,
    id: &str,
    response: &HttpResponse<D>,
    now: Time,
) -> Outcome<D> {
    let status = response.status;
    let after = pause(response, now);
    let failure = |code: Code, text: &str| refusal(code, text, response, now);
    if response.redirected {
        return Outcome::Parked(failure(Code::UnexpectedRedirect, REDIRECTED));
    }
    match write_verdict(kind, status, problem_type(response).as_deref()) {
        Verdict::Done => accepted(kind, temporary, id, response, now),
        Verdict::Gone => Outcome::Done(Accepted::bare()),
        Verdict::Conflict => conflicted(kind, temporary, id, response, now),
        Verdict::DeletedThere => Outcome::Conflict(Remote::Deleted),
        Verdict::InProgress => Outcome::InProgress,
        Verdict::Park(code) => {
            Outcome::Parked(failure(code, "the server refused this change; edit, retry or discard it"))
        }
        Verdict::TooLarge => {
            Outcome::Parked(failure(Code::TooLarge, "the server takes no change of this size; make it smaller"))
        }
        Verdict::Redirected => Outcome::Parked(failure(Code::UnexpectedRedirect, REDIRECTED)),
        Verdict::BackOff(code) if status == 503 && after.is_some() => {
            Outcome::Endpoint { failure: failure(code, BUSY), after }
        }
        Verdict::BackOff(code) => Outcome::BackOff { failure: failure(code, BUSY), counted: after.is_none(), after },
        Verdict::NeedsAuth => Outcome::NeedsAuth(failure(Code::AuthRequired, LOGIN)),
        Verdict::NeedsUpdate => Outcome::NeedsUpdate(failure(Code::UpgradeRequired, UPDATE)),
        Verdict::RateLimited => Outcome::Endpoint { failure: failure(Code::RateLimited, SLOWER), after },
        Verdict::ServerFull => Outcome::Endpoint { failure: failure(Code::ServerFull, FULL), after },
        Verdict::CaptivePortal => captive(response, now),
        Verdict::Nonsense => nonsense(response, now),
    }
}

/// What an answer to the reachability probe says.
#[derive(Debug, Clone)]
pub enum Probe {
    /// The server is there.
    Reachable,
    /// Somebody else answered, or the server asks for a pause.
    Paused {
        /// Why.
        failure: Failure,
        /// Pause the server asked for.
        after: Option<u64>,
    },
}

/// The outcome of a response to the probe: any answer of the server itself will do, whatever its status.
pub fn probe_outcome<D: Document>(response: &HttpResponse<D>, now: Time) -> Probe {
    let after = pause(response, now).filter(|_| matches!(response.status, 429 | 503));
    let foreign = response.redirected || response.status == 511 || matches!(response.body, Body::Html);
    match () {
        () if foreign => Probe::Paused { failure: portal(response, now), after: None },
        () if after.is_some() => Probe::Paused { failure: refusal(Code::RateLimited, SLOWER, response, now), after },
        () => Probe::Reachable,
    }
}

fn accepted<D: Document>(
    kind: ChangeKind,
    temporary: bool,
    id: &str,
    response: &HttpResponse<D>,
    now: Time,
) -> Outcome<D> {
    let revision = response.revision();
    match &response.body {
        Body::Html | Body::Broken(_) | Body::TooLarge | Body::TooDeep => nonsense(response, now),
        Body::Empty if kind == ChangeKind::Create && temporary => nonsense(response, now),
        Body::Empty => {
            Outcome::Done(Accepted { id: None, revision, doc: None, at: last_modified(response, now), repeated: false })
        }
        Body::Json(_) if kind == ChangeKind::Delete => {
            Outcome::Done(Accepted { id: None, revision, doc: None, at: None, repeated: false })
        }
        Body::Json(body) => match named(body, id, temporary) {
            Some((id, doc)) => {
                let at = updated_at(&doc).or_else(|| last_modified(response, now));
                let answered = response.date.as_deref().and_then(|date| http_date(date, now));
                let repeated = answered.zip(at).is_some_and(|(answered, at)| answered > at.saturating_add(REPEATED));
                Outcome::Done(Accepted { id: Some(id), revision, doc: Some(doc), at, repeated })
            }
            None => nonsense(response, now),
        },
    }
}

/// The stored document of a success, and its id: it must name one, and the right one unless the server makes it.
fn named<D: Document>(body: &D, id: &str, temporary: bool) -> Option<(String, D)> {
    let doc = with_text_id(body)?;
    let named = doc.text_of("id")?;
    let fits = if temporary { !is_temporary(&named) } else { named == id };
    fits.then_some((named, doc))
}

/// The document with its id as text: a number becomes its decimal string (design, section 15).
pub(super) fn with_text_id<D: Document>(doc: &D) -> Option<D> {
    let id = doc.get("id")?;
    if let Some(text) = number_text(&id) {
        return Some(doc.with(&[("id", Some(D::text(&text)))]));
    }
    id.as_text().is_some_and(|id| is_id(&id)).then(|| doc.clone())
}

/// A number as the host writes it in JSON.
pub(super) fn number_text<D: Document>(number: &D) -> Option<String> {
    number.as_number().filter(|number| number.is_finite()).map(|_| number.to_json())
}

/// The state of the document `id`, from a body that is that document: an answer about another one, or a problem that
/// has an `id` of its own, says nothing about it.
pub(super) fn present<D: Document>(body: &D, id: &str, response: &HttpResponse<D>) -> Option<Remote<D>> {
    let doc = with_text_id(body).filter(|doc| doc.text_of("id").as_deref() == Some(id))?;
    Some(Remote::Present { revision: response.revision(), at: updated_at(&doc), doc })
}

/// A conflict, when the answer is readable: one that ended early may be no conflict at all. A create whose id the
/// server makes stands on no document, so there is none to be put on.
fn conflicted<D: Document>(
    kind: ChangeKind,
    temporary: bool,
    id: &str,
    response: &HttpResponse<D>,
    now: Time,
) -> Outcome<D> {
    match response.body {
        Body::Html | Body::Broken(_) | Body::TooLarge | Body::TooDeep => nonsense(response, now),
        _ if kind == ChangeKind::Create && temporary => {
            let text = "the server says that this conflicts with what it has; edit, retry or discard it";
            Outcome::Parked(refusal(Code::Conflict, text, response, now))
        }
        _ => Outcome::Conflict(conflicting(id, response)),
    }
}

fn conflicting<D: Document>(id: &str, response: &HttpResponse<D>) -> Remote<D> {
    let body = response.json().filter(|_| response.status != 428);
    body.and_then(|body| present(body, id, response)).unwrap_or(Remote::Unknown)
}

fn captive<D: Document>(response: &HttpResponse<D>, now: Time) -> Outcome<D> {
    Outcome::Endpoint { failure: portal(response, now), after: None }
}

fn nonsense<D: Document>(response: &HttpResponse<D>, now: Time) -> Outcome<D> {
    Outcome::Endpoint { failure: broken(response, now), after: None }
}

/// The server's `updatedAt`: a number of milliseconds or an RFC 3339 timestamp.
pub(super) fn updated_at<D: Document>(doc: &D) -> Option<Time> {
    let value = doc.get("updatedAt")?;
    let number = value.as_number().filter(|number| (0.0..=LAST).contains(number)).map(|number| number as Time);
    number.or_else(|| timestamp(&value.as_text()?))
}

fn last_modified<D>(response: &HttpResponse<D>, now: Time) -> Option<Time> {
    response.last_modified.as_deref().and_then(|date| http_date(date, now))
}
