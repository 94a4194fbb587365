//! Between the HTTP library's requests and responses and the core's.
//!
//! A body that is too large is read on a little and thrown away, so that the client gets to see the
//! answer instead of a broken connection.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;

use crate::core::{CoreRequest, CoreResponse};

const READ_ON: usize = 16 << 20;

/// The request with its body, cut off just above the limit; `None` when the client went away.
pub(super) async fn read(request: Request<Body>, body_limit: usize) -> Option<CoreRequest> {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut read = CoreRequest::new(head.method.as_str(), target);
    read.headers = header_pairs(&head.headers);
    read.body = read_body(body, body_limit).await?;
    Some(read)
}

fn header_pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

async fn read_body(mut body: Body, limit: usize) -> Option<Vec<u8>> {
    let mut kept = Vec::new();
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame.ok()?.into_data() else { continue };
        seen += bytes.len();
        let room = (limit + 1).saturating_sub(kept.len());
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if seen > limit.saturating_add(READ_ON) {
            break;
        }
    }
    Some(kept)
}

/// The core's response for the HTTP library.
pub(super) fn response(core: CoreResponse) -> Response<Body> {
    let mut response = Response::new(Body::from(core.body));
    *response.status_mut() = StatusCode::from_u16(core.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    add_headers(response.headers_mut(), &core.headers);
    response
}

/// Adds headers; what HTTP does not allow in one is left out.
pub(super) fn add_headers(headers: &mut HeaderMap, pairs: &[(String, String)]) {
    for (name, value) in pairs {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
}
