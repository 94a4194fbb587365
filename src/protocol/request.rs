//! Requests of the REST profile: what a change, a pull, a single document and a probe look like on the wire.
//!
//! The payload of a change (method and body) is made once, before its first attempt, and kept; the rest of the
//! request is made anew each time. Ids go into the path as one percent-encoded segment (pitfalls I13).

use super::merge_patch::merge_patch;
use super::HttpRequest;
use crate::model::{ChangeKind, Document, Kind, Pending, Sent};

/// Where the server is.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Base URL, without a slash at the end.
    pub url: String,
    /// Whether the app's own adapter answers there: each change goes as one record, with all that the adapter is told.
    pub adapter: bool,
    /// Path for batches, where the server takes them.
    pub batch: Option<String>,
    /// Path of the reachability probe, where the server has one.
    pub health: Option<String>,
}

impl Endpoint {
    /// The address of a path under the base.
    pub fn at(&self, path: &str) -> String {
        [self.url.as_str(), "/", path].concat()
    }

    fn document(&self, path: &str, id: &str) -> String {
        [self.url.as_str(), "/", path, "/", &segment(id)].concat()
    }
}

/// The payload of a change on top of `below`, the document it changes: frozen before the first attempt.
pub fn payload<D: Document>(change: &Pending<D>, below: Option<&D>) -> Sent<D> {
    match change.kind {
        ChangeKind::Create => create_payload(change),
        ChangeKind::Update => update_payload(change, below),
        ChangeKind::Delete => sent(change, "DELETE", None),
    }
}

fn sent<D: Document>(change: &Pending<D>, method: &str, body: Option<D>) -> Sent<D> {
    Sent { method: method.into(), body, revision: change.base_rev.clone() }
}

fn create_payload<D: Document>(change: &Pending<D>) -> Sent<D> {
    let data = change.data.clone().unwrap_or_else(D::object);
    if change.temp_id.is_some() {
        return sent(change, "POST", Some(data.with(&[("id", None)])));
    }
    sent(change, "PUT", Some(data))
}

/// A merge patch where it can say the change, otherwise the whole document.
fn update_payload<D: Document>(change: &Pending<D>, below: Option<&D>) -> Sent<D> {
    let empty = D::object();
    let from = below.unwrap_or(&empty);
    let to = change.changes.apply(from);
    match merge_patch(from, &to) {
        Some(patch) => sent(change, "PATCH", Some(patch)),
        None => sent(change, "PUT", Some(to)),
    }
}

/// The request of a change: its frozen payload under its key, guarded by the revision it was made from.
pub fn push_request<D: Document>(
    endpoint: &Endpoint,
    path: &str,
    change: &Pending<D>,
    sent: &Sent<D>,
) -> HttpRequest<D> {
    if endpoint.adapter {
        return record_request(endpoint, path, change, sent);
    }
    let makes = change.kind == ChangeKind::Create;
    let url = if makes && change.temp_id.is_some() { endpoint.at(path) } else { endpoint.document(path, &change.id) };
    let mut headers =
        vec![("Accept", JSON.to_string()), ("Idempotency-Key", ["\"", &change.idempotency_key, "\""].concat())];
    if sent.body.is_some() {
        let patches = &*sent.method == "PATCH";
        headers.push(("Content-Type", if patches { "application/merge-patch+json" } else { JSON }.into()));
    }
    match &sent.revision {
        Some(revision) if !makes && !revision.starts_with("W/") => {
            headers.push(("If-Match", ["\"", revision, "\""].concat()));
        }
        _ if makes && change.temp_id.is_none() => headers.push(("If-None-Match", "*".into())),
        _ => {}
    }
    HttpRequest { method: sent.method.to_string(), url, headers, body: sent.body.clone() }
}

/// A change as one record, for the app's own adapter.
fn record_request<D: Document>(endpoint: &Endpoint, path: &str, change: &Pending<D>, sent: &Sent<D>) -> HttpRequest<D> {
    let body = Some(record(path, change, sent));
    HttpRequest { method: "POST".into(), url: endpoint.at("_change"), headers: Vec::new(), body }
}

/// All that an adapter is told of a change.
pub(super) fn record<D: Document>(path: &str, change: &Pending<D>, sent: &Sent<D>) -> D {
    let text = |text: &str| Some(D::text(text));
    let body = if &*sent.method == "PATCH" { "changes" } else { "doc" };
    D::of(&[
        ("mutationId", text(&change.mutation_id)),
        ("idempotencyKey", text(&change.idempotency_key)),
        ("collection", text(path)),
        ("id", text(&change.id)),
        ("kind", text(change.kind.as_str())),
        ("createdAt", Some(D::number(change.created_at as f64))),
        ("attempt", Some(D::number(f64::from(change.retry_count + 1)))),
        ("temporary", change.temp_id.as_ref().map(|_| D::boolean(change.kind == ChangeKind::Create))),
        ("revision", sent.revision.as_deref().and_then(text)),
        (body, sent.body.clone()),
    ])
}

/// The next page of a collection; `etag` only when the answer to this very URL is held.
pub fn pull_request<D: Document>(
    endpoint: &Endpoint,
    path: &str,
    checkpoint: Option<&D>,
    limit: u32,
    etag: Option<&str>,
) -> HttpRequest<D> {
    let limit = limit.to_string();
    let mut url = endpoint.at(path);
    match checkpoint {
        Some(checkpoint) => url.push_str(&["?since=", &segment(&position(checkpoint)), "&limit=", &limit].concat()),
        None => url.push_str(&["?limit=", &limit].concat()),
    }
    let mut headers = vec![("Accept", JSON.to_string())];
    headers.extend(etag.map(|etag| ("If-None-Match", etag.to_string())));
    HttpRequest { method: "GET".into(), url, headers, body: None }
}

/// One document.
pub fn single_request<D: Document>(endpoint: &Endpoint, path: &str, id: &str) -> HttpRequest<D> {
    let headers = vec![("Accept", JSON.to_string())];
    HttpRequest { method: "GET".into(), url: endpoint.document(path, id), headers, body: None }
}

/// The stream of news at a path, going on after an event.
pub fn events_request<D: Document>(endpoint: &Endpoint, path: &str, last_id: Option<&str>) -> HttpRequest<D> {
    let mut headers = vec![("Accept", "text/event-stream".to_string())];
    headers.extend(last_id.map(|id| ("Last-Event-ID", id.to_string())));
    HttpRequest { method: "GET".into(), url: endpoint.at(path), headers, body: None }
}

/// The reachability probe.
pub fn probe_request<D: Document>(url: &str) -> HttpRequest<D> {
    HttpRequest { method: "GET".into(), url: url.into(), headers: Vec::new(), body: None }
}

pub(super) const JSON: &str = "application/json";

/// A checkpoint as it goes into the URL: text as it is, anything else as JSON.
fn position<D: Document>(checkpoint: &D) -> String {
    match checkpoint.kind() {
        Kind::Text => checkpoint.as_text().unwrap_or_default(),
        _ => checkpoint.to_json(),
    }
}

/// Percent-encodes everything but RFC 3986 unreserved characters: one path segment, one query value.
fn segment(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Json;

    #[test]
    fn an_id_is_one_segment_whatever_it_holds() {
        assert_eq!(segment("a/b?c#d%2f ü.."), "a%2Fb%3Fc%23d%252f%20%C3%BC..");
    }

    #[test]
    fn an_adapter_gets_a_change_as_one_record() {
        let endpoint = Endpoint { url: "https://adapter.invalid".into(), batch: None, health: None, adapter: true };
        let record = Json::parse(
            r#"{"seq":1,"mutationId":"m","idempotencyKey":"k","collection":"notes","id":"pending-1-x","tempId":"pending-1-x",
                "kind":"create","data":{"id":"pending-1-x","n":1},"createdAt":7,"retryCount":2,"state":"waiting"}"#,
        );
        let change =
            record.as_ref().and_then(<Pending<Json> as crate::model::Record<Json>>::from_record).expect("a row");
        let request = push_request(&endpoint, "notes", &change, &payload(&change, None));
        assert_eq!((&*request.method, &*request.url), ("POST", "https://adapter.invalid/_change"));
        let body = request.body.expect("a record");
        let expected = r#"{"mutationId":"m","idempotencyKey":"k","collection":"notes","id":"pending-1-x","kind":"create",
            "createdAt":7,"attempt":3,"temporary":true,"doc":{"n":1}}"#;
        assert!(body.same(&Json::parse(expected).expect("JSON")), "{}", body.to_json());
    }

    #[test]
    fn a_checkpoint_goes_out_as_text_or_json() {
        let endpoint = Endpoint { url: "https://x.test/api".into(), batch: None, health: None, adapter: false };
        let url = |checkpoint: Option<&Json>| pull_request(&endpoint, "notes", checkpoint, 200, None).url;
        assert_eq!(url(None), "https://x.test/api/notes?limit=200");
        assert_eq!(url(Some(&Json::text("a b"))), "https://x.test/api/notes?since=a%20b&limit=200");
        assert_eq!(url(Some(&Json::number(7.0))), "https://x.test/api/notes?since=7&limit=200");
    }
}
