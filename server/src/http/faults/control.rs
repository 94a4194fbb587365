//! `/_faults`: tests order faults, look at what was asked, and get a fresh world.
//!
//! Answers JSON; what it cannot read it refuses with a problem document. It never faults itself.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

use super::rule::Rule;
use super::FaultPlan;
use crate::core::Problem;
use crate::http::service::Service;
use crate::http::wire;

#[derive(Clone)]
struct Control {
    plan: Arc<FaultPlan>,
    service: Arc<Service>,
}

/// The control interface.
pub(in crate::http) fn routes(plan: Arc<FaultPlan>, service: Arc<Service>) -> Router {
    Router::new()
        .route("/_faults", get(list).post(order).delete(clear))
        .route("/_faults/log", get(log).delete(clear_log))
        .route("/_faults/reset", post(reset))
        .with_state(Control { plan, service })
}

async fn list(State(control): State<Control>) -> Response<Body> {
    Json(json!({ "rules": control.plan.rules(), "log": control.plan.log() })).into_response()
}

async fn order(State(control): State<Control>, body: Bytes) -> Response<Body> {
    let read = serde_json::from_slice::<Vec<Rule>>(&body).map_err(|error| error.to_string());
    let checked = read.and_then(|rules| match rules.iter().find_map(|rule| rule.fault.check().err()) {
        Some(message) => Err(message),
        None => Ok(rules),
    });
    match checked {
        Ok(rules) => {
            control.plan.add(rules);
            Json(json!({ "rules": control.plan.rules() })).into_response()
        }
        Err(message) => refusal(400, &message),
    }
}

async fn clear(State(control): State<Control>) -> StatusCode {
    control.plan.clear_rules();
    StatusCode::NO_CONTENT
}

async fn log(State(control): State<Control>) -> Response<Body> {
    Json(control.plan.log()).into_response()
}

async fn clear_log(State(control): State<Control>) -> StatusCode {
    control.plan.clear_log();
    StatusCode::NO_CONTENT
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reset {
    epoch: Option<String>,
}

async fn reset(State(control): State<Control>, body: Bytes) -> Response<Body> {
    let read = if body.is_empty() { Ok(Reset::default()) } else { serde_json::from_slice(&body) };
    let epoch = match read {
        Ok(Reset { epoch }) => epoch,
        Err(error) => return refusal(400, &error.to_string()),
    };
    control.plan.clear_rules();
    control.plan.clear_log();
    match control.service.reset(epoch).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refusal(500, &error.to_string()),
    }
}

fn refusal(status: u16, message: &str) -> Response<Body> {
    wire::response(Problem::new(status, "invalid-order", message).into_response())
}
