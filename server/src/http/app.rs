//! The HTTP surface: the API under its base, the fault control, static files, headers for other origins.
//!
//! Each API request runs as a task of its own, so a client that goes away does not stop it half-way.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{header, HeaderName, HeaderValue, Method, Response};
use axum::Router;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tower::ServiceBuilder;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use super::faults::{self, FaultPlan};
use super::service::Service;
use super::{events, wire};
use crate::core::{CoreRequest, Problem};

/// What a request needs to be answered.
#[derive(Debug)]
pub(super) struct App {
    pub(super) service: Arc<Service>,
    pub(super) faults: Option<Arc<FaultPlan>>,
    pub(super) stopping: watch::Receiver<bool>,
}

/// Everything the server answers.
pub(super) fn router(app: Arc<App>, base: &str, www: Option<&Path>, cors: &[HeaderValue]) -> Router {
    let control = app.faults.clone().map(|plan| faults::routes(plan, Arc::clone(&app.service)));
    let api = Router::new().fallback(api).with_state(app);
    let router = control.unwrap_or_default();
    let router = match (base, www) {
        ("", _) => router.merge(api),
        (base, www) => with_files(router.nest(base, api), www),
    };
    if cors.is_empty() {
        router
    } else {
        router.layer(other_origins(cors))
    }
}

async fn api(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let Some(request) = wire::read(request, app.service.body_limit()).await else {
        let problem = Problem::new(400, "incomplete-body", "The request body did not arrive.");
        return wire::response(problem.into_response());
    };
    let answer = tokio::spawn(answer(app, request));
    answer
        .await
        .unwrap_or_else(|_| wire::response(Problem::new(500, "failure", "The server failed here.").into_response()))
}

async fn answer(app: Arc<App>, request: CoreRequest) -> Response<Body> {
    match app.faults.clone() {
        None => execute(app, request, Duration::ZERO).await,
        Some(plan) => {
            let now = app.service.now();
            faults::respond(&plan, now, request, |request, pause| execute(app, request, pause)).await
        }
    }
}

async fn execute(app: Arc<App>, request: CoreRequest, pause: Duration) -> Response<Body> {
    if (request.method.as_str(), request.path.as_str()) == ("GET", "/_events") {
        tokio::time::sleep(pause).await;
        let last = request.header_value("last-event-id");
        let cut = app.faults.as_ref().map(|plan| plan.cut());
        return events::open(Arc::clone(&app.service), app.stopping.clone(), cut, last);
    }
    wire::response(app.service.handle(&request, pause).await)
}

fn with_files(router: Router, www: Option<&Path>) -> Router {
    let Some(www) = www else {
        return router.fallback(|| async { wire::response(nothing_here().into_response()) });
    };
    // Asked for anew each time; kept all the same, for a page that may not be kept has no place in the back/forward cache.
    let fresh = SetResponseHeaderLayer::overriding(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    router.fallback_service(ServiceBuilder::new().layer(fresh).service(ServeDir::new(www)))
}

fn nothing_here() -> Problem {
    Problem::new(404, "unknown-path", "There is nothing at this path.")
}

fn other_origins(origins: &[HeaderValue]) -> CorsLayer {
    let anyone = origins.iter().any(|origin| origin == "*");
    let allowed = if anyone { AllowOrigin::any() } else { AllowOrigin::list(origins.to_vec()) };
    let replayed = HeaderName::from_static("idempotency-replayed");
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_credentials(!anyone)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([header::ETAG, header::DATE, header::RETRY_AFTER, header::LINK, replayed])
        .max_age(Duration::from_secs(600))
}
