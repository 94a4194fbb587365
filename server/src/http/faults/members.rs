//! The members of a batch in the request log: a batch has no key of its own, its members have.

use axum::body::Body;
use axum::http::Response;
use http_body_util::BodyExt;
use serde::Serialize;
use serde_json::Value;

use crate::core::CoreRequest;

/// What became of one change of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) status: u16,
    pub(super) replayed: bool,
}

/// The keys of a batch's changes in their order; `None` for any other request.
pub(super) fn keys(request: &CoreRequest) -> Option<Vec<Option<String>>> {
    if !request.path.ends_with("/_batch") {
        return None;
    }
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    let changes = body["changes"].as_array()?;
    Some(changes.iter().map(|change| change["idempotencyKey"].as_str().map(str::to_owned)).collect())
}

/// The same response, and what it says of each member that has a key.
pub(super) async fn read(response: Response<Body>, keys: &[Option<String>]) -> (Response<Body>, Vec<Member>) {
    let (head, body) = response.into_parts();
    let whole = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let said: Value = serde_json::from_slice(&whole).unwrap_or_default();
    let results = said["results"].as_array().map(Vec::as_slice).unwrap_or_default();
    let members = keys.iter().zip(results).filter_map(|(key, result)| member(key.as_ref()?, result)).collect();
    (Response::from_parts(head, Body::from(whole)), members)
}

fn member(key: &str, result: &Value) -> Option<Member> {
    let status = u16::try_from(result["status"].as_u64()?).ok()?;
    Some(Member { key: key.to_owned(), status, replayed: result["replayed"] == true })
}
