//! Carries a fault out on one request, and writes the request log.
//!
//! The connection itself is closed by the accept loop: it looks for `Dropped` on a response.

use axum::body::{Body, Bytes};
use axum::http::{header, HeaderValue, Response, StatusCode};
use axum::response::{Html, IntoResponse};
use futures_util::{stream, StreamExt};
use http_body_util::BodyExt;
use serde_json::Value;
use std::future::Future;
use std::io;
use std::time::Duration;

use super::rule::{key_of, target, Fault, When};
use super::{members, FaultPlan, Seen};
use crate::core::CoreRequest;
use crate::http::wire;

const LOGIN_PAGE: &str = "<!doctype html><html lang=\"en\"><title>Sign in</title><h1>Sign in</h1></html>";
// Long enough for what was written before a break to leave the machine.
const FLUSH: Duration = Duration::from_millis(30);

/// On a response: do not send it, close the connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Dropped;

/// Answers through the plan: `execute` is the real thing, with a pause inside.
pub(in crate::http) async fn respond<F, R>(
    plan: &FaultPlan,
    now: u64,
    request: CoreRequest,
    execute: F,
) -> Response<Body>
where
    F: FnOnce(CoreRequest, Duration) -> R,
    R: Future<Output = Response<Body>>,
{
    let fault = plan.take(&request);
    let mut seen = Seen {
        time: now,
        method: request.method.clone(),
        path: target(&request),
        key: key_of(&request),
        status: None,
        replayed: false,
        members: Vec::new(),
        fault: fault.clone(),
    };
    let keys = members::keys(&request);
    let response = match (fault, keys) {
        (Some(fault), _) => apply(&fault, request, execute).await,
        (None, None) => execute(request, Duration::ZERO).await,
        (None, Some(keys)) => {
            let (response, members) = members::read(execute(request, Duration::ZERO).await, &keys).await;
            seen.members = members;
            response
        }
    };
    if response.extensions().get::<Dropped>().is_none() {
        seen.status = Some(response.status().as_u16());
        seen.replayed = response.headers().contains_key("idempotency-replayed");
    }
    plan.record(seen);
    response
}

async fn apply<F, R>(fault: &Fault, request: CoreRequest, execute: F) -> Response<Body>
where
    F: FnOnce(CoreRequest, Duration) -> R,
    R: Future<Output = Response<Body>>,
{
    let pause = Duration::from_millis(fault.delay.unwrap_or(0));
    if fault.answers_really() {
        return really(fault, execute(request, pause).await).await;
    }
    if fault.after || fault.drop == Some(When::After) {
        execute(request, pause).await;
    } else {
        tokio::time::sleep(pause).await;
    }
    instead(fault).await
}

impl Fault {
    /// Whether the real response goes out, if only in part.
    fn answers_really(&self) -> bool {
        let other = self.drop.is_some() || self.offline || self.html || self.redirect.is_some();
        !other && self.status.is_none() && self.stall.is_none()
    }
}

async fn really(fault: &Fault, response: Response<Body>) -> Response<Body> {
    match fault.truncate {
        Some(length) => truncated(response, length, fault.clean).await,
        None => response,
    }
}

async fn truncated(response: Response<Body>, length: usize, clean: bool) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    let whole = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let part = whole.slice(..length.min(whole.len()));
    if clean {
        head.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(head, Body::from(part));
    }
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    Response::from_parts(head, breaking(part, FLUSH))
}

async fn instead(fault: &Fault) -> Response<Body> {
    if let Some(stall) = fault.stall {
        return stalled(fault, Duration::from_millis(stall)).await;
    }
    if let Some(location) = &fault.redirect {
        let status = fault.status.unwrap_or(302);
        return with_headers(answer(status, Body::empty()), &[("location".to_owned(), location.clone())]);
    }
    if fault.html {
        return Html(LOGIN_PAGE).into_response();
    }
    match fault.status {
        Some(status) => ordered(fault, status),
        None => dropped(),
    }
}

async fn stalled(fault: &Fault, time: Duration) -> Response<Body> {
    if fault.silent {
        tokio::time::sleep(time).await;
        return dropped();
    }
    let body = breaking(Bytes::from_static(b"{"), time.max(FLUSH));
    json_type(answer(200, body))
}

fn ordered(fault: &Fault, status: u16) -> Response<Body> {
    let response = match &fault.body {
        None => answer(status, Body::empty()),
        Some(Value::String(text)) => json_type(answer(status, Body::from(text.clone()))),
        Some(value) => json_type(answer(status, Body::from(value.to_string()))),
    };
    let headers: Vec<_> = fault.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    with_headers(response, &headers)
}

fn dropped() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Dropped);
    response
}

fn answer(status: u16, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response
}

fn json_type(response: Response<Body>) -> Response<Body> {
    let kind = if response.status().as_u16() < 400 { "application/json" } else { "application/problem+json" };
    with_headers(response, &[("content-type".to_owned(), kind.to_owned())])
}

fn with_headers(mut response: Response<Body>, headers: &[(String, String)]) -> Response<Body> {
    wire::add_headers(response.headers_mut(), headers);
    response
}

/// These bytes, then a broken connection after that time.
fn breaking(bytes: Bytes, after: Duration) -> Body {
    let start = stream::iter([Ok(bytes)]);
    let end = stream::once(async move {
        tokio::time::sleep(after).await;
        Err(io::Error::other("ordered"))
    });
    Body::from_stream(start.chain(end))
}
