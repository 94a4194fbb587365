//! Several changes in one request (rest-profile.md, section 4), and the answers to each of them.
//!
//! A member's result becomes a response like that to a single request and goes through the same table. Results are
//! matched by mutation id only (pitfalls D12): order does not matter, what is missing is unknown, what is twice counts
//! once, and what nobody asked for is left alone.

use super::http::named_revision;
use super::request::{record, Endpoint, JSON};
use super::table::{write_verdict, Verdict};
use super::{push, reason, Body, HttpRequest, HttpResponse};
use crate::model::{ChangeKind, Code, Document, Failure, Kind, Listed, Pending, Time};
use std::rc::Rc;

/// The status of a member of an atomic batch that was refused for another member's sake.
const NOT_AT_FAULT: u16 = 424;

/// What came back for one member.
#[derive(Debug, Clone)]
pub enum Member<D> {
    /// Its result, as if it had been answered alone.
    Answered(HttpResponse<D>),
    /// Another member of its transaction was refused.
    NotAtFault,
    /// Nothing: whether it was executed is unknown.
    Missing,
}

/// What came back for a batch.
#[derive(Debug, Clone)]
pub enum BatchOutcome<D> {
    /// Results, one for each member in the order of the members; and how many were for nobody.
    Results(Vec<Member<D>>, usize),
    /// The batch was refused as a whole, and a part of it may not be.
    Split(Failure),
    /// This server takes no batches.
    NotOffered,
    /// The server could not execute it now, and it counts.
    BackOff {
        /// Why.
        failure: Failure,
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
    /// Everything waits for a new login.
    NeedsAuth(Failure),
    /// Everything waits for a new version of the app.
    NeedsUpdate(Failure),
}

/// The request of a batch: changes with the paths of their collections, each with its frozen payload under its key.
pub fn batch_request<D: Document>(
    endpoint: &Endpoint,
    changes: &[(&str, &Pending<D>)],
    atomic: bool,
) -> HttpRequest<D> {
    let member = |(path, change): &(&str, &Pending<D>)| match (endpoint.adapter, change.sent.as_ref()) {
        (true, Some(sent)) => Some(record(path, change, sent)),
        _ => member(path, change),
    };
    let list = changes.iter().filter_map(member).listed();
    let url = endpoint.at(endpoint.batch.as_deref().unwrap_or_default());
    let body = D::of(&[("changes", Some(D::list(list))), ("atomic", Some(D::boolean(atomic)))]);
    let headers = [("Accept", JSON), ("Content-Type", JSON)];
    let headers = headers.map(|(name, value)| (name, value.to_string())).to_vec();
    HttpRequest { method: "POST".into(), url, headers, body: Some(body) }
}

fn member<D: Document>(path: &str, change: &Pending<D>) -> Option<D> {
    let sent = change.sent.as_ref()?;
    let text = |text: &str| Some(D::text(text));
    let makes = change.kind == ChangeKind::Create;
    let patches = &*sent.method == "PATCH";
    let revision = sent.revision.as_deref().filter(|revision| !makes && !revision.starts_with("W/"));
    let all = [
        ("mutationId", text(&change.mutation_id)),
        ("idempotencyKey", text(&change.idempotency_key)),
        ("collection", text(&unescaped(path))),
        ("id", text(&change.id)),
        ("temporary", (makes && change.temp_id.is_some()).then(|| D::boolean(true))),
        ("kind", text(change.kind.as_str())),
        (if patches { "changes" } else { "doc" }, sent.body.clone()),
        ("revision", revision.map(D::text)),
    ];
    Some(D::of(&all))
}

/// A path without its percent escapes: in a body the collection has its own name.
fn unescaped(path: &str) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = digit(bytes.get(at + 1)).zip(digit(bytes.get(at + 2))).filter(|_| *byte == b'%');
        out.push(escaped.map_or(*byte, |(high, low)| (high * 16 + low) as u8));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).unwrap_or_else(|_| path.into())
}

/// The outcome of a response to a batch of these changes.
pub fn batch_outcome<D: Document>(
    changes: &[&Pending<D>],
    atomic: bool,
    response: &HttpResponse<D>,
    now: Time,
) -> BatchOutcome<D> {
    let after = reason::pause(response, now);
    let failure = |code: Code, text: &str| reason::refusal(code, text, response, now);
    if response.redirected {
        return BatchOutcome::Split(failure(Code::UnexpectedRedirect, reason::REDIRECTED));
    }
    match write_verdict(ChangeKind::Update, response.status, None) {
        Verdict::Done => results(changes, atomic, response, now),
        Verdict::Gone | Verdict::DeletedThere => BatchOutcome::NotOffered,
        Verdict::Park(_) if matches!(response.status, 405 | 501) => BatchOutcome::NotOffered,
        Verdict::Park(code) => BatchOutcome::Split(failure(code, "the server refused this batch")),
        Verdict::Conflict | Verdict::InProgress => {
            BatchOutcome::Split(failure(Code::Conflict, "the server refused this batch"))
        }
        Verdict::TooLarge => BatchOutcome::Split(failure(Code::TooLarge, "the server takes no batch of this size")),
        Verdict::Redirected => BatchOutcome::Split(failure(Code::UnexpectedRedirect, reason::REDIRECTED)),
        Verdict::BackOff(code) if response.status == 503 && after.is_some() => {
            BatchOutcome::Endpoint { failure: failure(code, reason::BUSY), after }
        }
        Verdict::BackOff(code) => BatchOutcome::BackOff { failure: failure(code, reason::BUSY), after },
        Verdict::NeedsAuth => BatchOutcome::NeedsAuth(failure(Code::AuthRequired, reason::LOGIN)),
        Verdict::NeedsUpdate => BatchOutcome::NeedsUpdate(failure(Code::UpgradeRequired, reason::UPDATE)),
        Verdict::RateLimited => BatchOutcome::Endpoint { failure: failure(Code::RateLimited, reason::SLOWER), after },
        Verdict::ServerFull => BatchOutcome::Endpoint { failure: failure(Code::ServerFull, reason::FULL), after },
        Verdict::CaptivePortal => portal(response, now),
        Verdict::Nonsense => nonsense(response, now),
    }
}

fn portal<D: Document>(response: &HttpResponse<D>, now: Time) -> BatchOutcome<D> {
    BatchOutcome::Endpoint { failure: reason::portal(response, now), after: None }
}

fn nonsense<D: Document>(response: &HttpResponse<D>, now: Time) -> BatchOutcome<D> {
    BatchOutcome::Endpoint { failure: reason::broken(response, now), after: None }
}

fn results<D: Document>(
    changes: &[&Pending<D>],
    atomic: bool,
    response: &HttpResponse<D>,
    now: Time,
) -> BatchOutcome<D> {
    if matches!(response.body, Body::Html) {
        return portal(response, now);
    }
    let list = response.json().and_then(|body| body.get("results")).and_then(|list| list.as_list());
    let Some(list) = list.filter(|_| response.status != 204) else { return nonsense(response, now) };
    let named: Vec<(Rc<str>, &D)> =
        list.iter().filter_map(|result| Some((result.text_of("mutationId")?.into(), result))).listed();
    let is_member = |id: &str| changes.iter().any(|change| *change.mutation_id == *id);
    let strangers = list.len() - named.iter().filter(|(id, _)| is_member(id)).count();
    let member = |change: &&Pending<D>| {
        let mut mine = named.iter().filter(|(id, _)| *id == change.mutation_id);
        mine.find_map(|(_, result)| answer(change, result, response)).map_or(Member::Missing, |answer| {
            let waits = atomic && answer.status == NOT_AT_FAULT;
            if waits {
                Member::NotAtFault
            } else {
                Member::Answered(answer)
            }
        })
    };
    BatchOutcome::Results(changes.iter().map(member).listed(), strangers)
}

/// A result as the response it would have been; `None` when it is none, or speaks of another document.
fn answer<D: Document>(change: &Pending<D>, result: &D, whole: &HttpResponse<D>) -> Option<HttpResponse<D>> {
    let status = result.number_of("status").filter(|status| (100.0..1_000.0).contains(status))? as u16;
    let id = push::with_text_id(result).and_then(|result| result.text_of("id"));
    let makes = change.kind == ChangeKind::Create && change.temp_id.is_some();
    if !makes && id.as_deref().is_some_and(|id| id != &*change.id) {
        return None;
    }
    let succeeds = (200..300).contains(&status);
    // What the server made of a new document is what was sent, where it does not say so itself.
    let made = || Some(change.sent.as_ref()?.body.as_ref()?.with(&[("id", Some(D::text(id.as_deref()?)))]));
    let given = |field: &str| result.get(field).filter(|value| value.kind() == Kind::Object);
    let body = given("doc").or_else(|| given("problem")).or_else(|| made().filter(|_| makes && succeeds));
    Some(HttpResponse {
        etag: named_revision(result).ok()?.map(|revision| ["\"", &revision, "\""].concat()),
        retry_after: result.number_of("retryAfter").filter(|s| *s >= 0.0).map(|seconds| (seconds as u64).to_string()),
        date: whole.date.clone(),
        ..HttpResponse::new(status, body.map_or(Body::Empty, Body::Json))
    })
}
