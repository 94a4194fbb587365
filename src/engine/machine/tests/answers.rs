//! The HTTP table (pitfalls, section J) row by row: what each answer does to the change, to its lane and to the others.

use super::Bench;
use crate::engine::input::{Input, Signal};
use crate::engine::policy::reach::FULL_PAUSE;
use crate::model::{Code, PendingState};
use crate::native::Json;
use crate::protocol::{Body, HttpResponse, NetworkFailure};
use serde_json::{json, Value};
use PendingState::{Parked, Waiting};

pub(super) const QUIET: u64 = 360_000_000;

/// Two lanes, one request each.
pub(super) fn two_lanes(more: Value) -> Bench {
    let mut sync = json!({
        "url": "https://x.test", "pullInterval": 0, "startDelay": QUIET, "concurrency": 2,
        "backoff": { "base": 1_000, "factor": 2, "max": 60_000, "jitter": false },
    });
    sync.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    let mut bench = Bench::new(sync);
    bench.give(Input::Start);
    bench.write("a");
    bench.write("b");
    assert_eq!(bench.requests.len(), 2);
    bench
}

impl Bench {
    /// Answers the request of that number, counted from 0.
    pub(super) fn respond(&mut self, at: usize, response: HttpResponse<Json>) {
        let request = self.requests[at].1;
        self.give(Input::Responded { request, result: Ok(response) });
    }

    pub(super) fn fail(&mut self, at: usize) {
        let request = self.requests[at].1;
        self.give(Input::Responded { request, result: Err(NetworkFailure::Unreachable) });
    }

    /// State, counted attempts and code of the change of a document.
    pub(super) fn stands(&self, id: &str) -> Option<(PendingState, u32, Option<Code>)> {
        let row = self.disk.pending_rows().find(|row| *row.id == *id)?;
        Some((row.state, row.retry_count, row.last_error.as_ref().map(|failure| failure.code)))
    }

    fn state(&self) -> &'static str {
        self.engine.status().state
    }

    /// When the next request leaves, and what it is.
    pub(super) fn then(&mut self) -> Option<(u64, String)> {
        let before = self.now - super::START;
        self.until_request(200_000_000).map(|(at, what)| (at - before, what))
    }
}

pub(super) fn empty(status: u16) -> HttpResponse<Json> {
    HttpResponse::new(status, Body::Empty)
}

pub(super) fn later(status: u16, value: &str) -> HttpResponse<Json> {
    let date = Some("Tue, 14 Nov 2023 22:13:20 GMT".into());
    HttpResponse { retry_after: Some(value.into()), date, ..empty(status) }
}

pub(super) fn ok(id: &str) -> HttpResponse<Json> {
    HttpResponse::new(200, Body::Json(json!({ "id": id }).into()))
}

#[test]
fn refusals_park_the_change_and_nobody_else() {
    let rows = [
        (400, Code::Validation),
        (403, Code::Forbidden),
        (404, Code::NotFound),
        (405, Code::Client),
        (406, Code::Client),
        (410, Code::NotFound),
        (411, Code::Client),
        (414, Code::Client),
        (415, Code::Client),
        (422, Code::Validation),
        (424, Code::Client),
        (451, Code::Client),
        (501, Code::Server),
        (505, Code::Server),
    ];
    for (status, code) in rows {
        let mut bench = two_lanes(json!({}));
        bench.respond(0, empty(status));
        assert_eq!(bench.stands("a"), Some((Parked, 1, Some(code))), "{status}");
        bench.respond(1, ok("b"));
        assert_eq!(bench.stands("b"), None, "{status}");
        bench.write("c");
        assert_eq!(bench.requests.len(), 3, "{status} holds nobody else");
    }
}

#[test]
fn what_is_no_failure_of_the_server_at_this_change_parks_uncounted() {
    for (status, code) in [(413, Code::TooLarge), (307, Code::UnexpectedRedirect)] {
        let mut bench = two_lanes(json!({}));
        bench.respond(0, empty(status));
        assert_eq!(bench.stands("a"), Some((Parked, 0, Some(code))), "{status}");
    }
}

#[test]
fn refusals_keep_the_messages_by_field() {
    let mut bench = two_lanes(json!({}));
    let problem = json!({ "type": "/problems/invalid", "errors": { "name": "is required" } });
    bench.respond(0, HttpResponse::new(422, Body::Json(problem.into())));
    let row = bench.disk.pending_rows().next().expect("a row");
    let failure = row.last_error.as_ref().expect("a reason");
    assert_eq!(failure.fields, [("name".to_owned(), "is required".to_owned())]);
}

#[test]
fn failures_of_the_server_back_the_lane_off_and_count() {
    for status in [408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 529] {
        let mut bench = two_lanes(json!({}));
        bench.respond(0, empty(status));
        let code = if status == 408 { Code::Timeout } else { Code::Server };
        assert_eq!(bench.stands("a"), Some((Waiting, 1, Some(code))), "{status}");
        bench.respond(1, ok("b"));
        bench.write("c");
        assert_eq!(bench.requests.len(), 3, "{status} holds nobody else");
        bench.respond(2, ok("c"));
        assert_eq!(bench.then(), Some((1_000, "PUT https://x.test/notes/a".into())), "{status}");
    }
}

#[test]
fn a_pause_that_is_asked_for_holds_the_endpoint_and_counts_nothing() {
    for (status, value, pause) in [
        (429, "20", 20_000),
        (503, "20", 20_000),
        (429, "Tue, 14 Nov 2023 22:13:50 GMT", 30_000),
        (429, "soon", 1_000),
        (429, "-5", 1_000),
        (429, "Tue, 14 Nov 1999 22:13:50 GMT", 1_000),
        (429, "999999999999", 86_400_000),
        (503, "999999999999999999999999", 86_400_000),
    ] {
        let mut bench = two_lanes(json!({}));
        bench.respond(1, ok("b"));
        bench.respond(0, later(status, value));
        assert_eq!(bench.stands("a").map(|row| row.1), Some(0), "{status} {value}");
        bench.write("c");
        assert_eq!(bench.requests.len(), 2, "{status} {value} holds the others too");
        assert!(status != 429 || bench.state() == "rate-limited", "{}", bench.state());
        if pause > 1_000 {
            bench.give(Input::Signal(Signal::Online));
        }
        assert_eq!(bench.then().map(|(at, _)| at), Some(pause), "{status} {value}");
    }
}

#[test]
fn a_pause_on_another_failure_holds_the_lane_only() {
    let mut bench = two_lanes(json!({}));
    bench.respond(1, ok("b"));
    bench.respond(0, later(500, "20"));
    assert_eq!(bench.stands("a"), Some((Waiting, 0, Some(Code::Server))));
    bench.write("c");
    assert_eq!(bench.requests.len(), 3);
    bench.respond(2, ok("c"));
    assert_eq!(bench.then(), Some((20_000, "PUT https://x.test/notes/a".into())));
}

#[test]
fn a_full_server_is_left_alone_for_long() {
    let mut bench = two_lanes(json!({}));
    bench.respond(1, ok("b"));
    bench.respond(0, empty(507));
    assert_eq!(bench.stands("a"), Some((Waiting, 0, Some(Code::ServerFull))));
    bench.write("c");
    assert_eq!(bench.then().map(|(at, _)| at), Some(FULL_PAUSE));
    assert_eq!(bench.requests.len(), 3, "one goes to see");
}

#[test]
fn a_portal_is_no_answer_and_everything_waits() {
    for response in [empty(511), HttpResponse::new(200, Body::Html), HttpResponse::new(203, Body::Html)] {
        let mut bench = two_lanes(json!({}));
        bench.respond(0, response);
        assert_eq!(bench.stands("a"), Some((Waiting, 0, Some(Code::CaptivePortal))));
        bench.respond(1, ok("b"));
        assert!(bench.told.iter().any(|(_, name, _)| *name == "captive-portal"));
    }
}

#[test]
fn a_write_that_is_sent_elsewhere_parks() {
    for status in [0, 301, 302, 303, 307, 308] {
        let mut bench = two_lanes(json!({}));
        bench.respond(0, HttpResponse { redirected: true, ..empty(status) });
        assert_eq!(bench.stands("a"), Some((Parked, 0, Some(Code::UnexpectedRedirect))), "{status}");
    }
}

#[test]
fn one_login_for_all_and_nothing_counts() {
    let mut bench = two_lanes(json!({}));
    bench.respond(0, empty(401));
    bench.respond(1, empty(401));
    assert_eq!(bench.requests.len(), 3, "one tries the new headers");
    bench.respond(2, empty(401));
    assert_eq!((bench.state(), bench.stands("a").map(|row| row.1)), ("needs-auth", Some(0)));
    assert_eq!(bench.told.iter().filter(|(_, name, _)| *name == "auth-required").count(), 1);
    assert_eq!(bench.then().map(|(at, _)| at), Some(60_000));
}

#[test]
fn an_old_app_waits_for_its_update_wherever_it_hears_of_it() {
    let mut bench = two_lanes(json!({}));
    bench.respond(0, empty(426));
    assert_eq!(bench.state(), "needs-update");
    let mut bench = two_lanes(json!({}));
    bench.respond(0, empty(409));
    assert_eq!(bench.requests[2].2, "GET https://x.test/notes/a", "the refusal did not bring the document");
    bench.respond(2, empty(426));
    assert_eq!((bench.state(), bench.stands("a").map(|row| row.0)), ("needs-update", Some(Waiting)));
    bench.respond(1, ok("b"));
    bench.write("c");
    bench.give(Input::Signal(Signal::Online));
    assert_eq!(bench.requests.len(), 3);
}

#[test]
fn the_same_key_in_progress_comes_again_within_five_seconds() {
    let mut bench = two_lanes(json!({}));
    bench.respond(1, ok("b"));
    let problem = json!({ "type": "https://x.test/problems/idempotency-in-progress" });
    bench.respond(0, HttpResponse::new(409, Body::Json(problem.into())));
    assert_eq!(bench.stands("a").map(|row| row.1), Some(0));
    let (at, _) = bench.then().expect("again");
    assert!((1_000..5_001).contains(&at), "{at}");
}

#[test]
fn offline_a_probe_goes_instead_of_a_change() {
    let mut bench = two_lanes(json!({ "rest": { "health": "_health" } }));
    bench.fail(0);
    bench.fail(1);
    assert_eq!((bench.state(), bench.stands("a").map(|row| row.1)), ("offline", Some(0)));
    let (_, what) = bench.then().expect("a probe");
    assert_eq!(what, "GET https://x.test/_health");
    bench.fail(2);
    let (_, what) = bench.then().expect("another probe");
    assert_eq!(what, "GET https://x.test/_health");
    bench.respond(3, HttpResponse::new(200, Body::Html));
    let (_, what) = bench.then().expect("a portal is not the server");
    assert_eq!(what, "GET https://x.test/_health");
    bench.respond(4, empty(404));
    assert_eq!(bench.requests.len(), 6, "any answer of the server will do, and one change goes to see");
    bench.respond(5, ok("a"));
    assert_eq!(bench.requests.len(), 7, "then the others");
}

#[test]
fn an_unreachable_server_never_parks_a_change() {
    let mut bench = two_lanes(json!({ "rest": { "health": "_health" } }));
    bench.fail(0);
    bench.fail(1);
    for _ in 0..20 {
        let (_, what) = bench.then().expect("a probe");
        assert_eq!(what, "GET https://x.test/_health");
        bench.fail(bench.requests.len() - 1);
    }
    assert_eq!(bench.stands("a"), Some((Waiting, 0, Some(Code::Network))));
}

#[test]
fn after_the_browser_came_back_one_lane_goes_at_once_and_the_others_within_two_seconds() {
    let mut bench = Bench::new(json!({ "url": "https://x.test", "pullInterval": 0, "startDelay": QUIET }));
    bench.give(Input::Start);
    bench.give(Input::Signal(Signal::Offline));
    ["a", "b", "c"].into_iter().for_each(|id| bench.write(id));
    assert_eq!(bench.requests.len(), 0);
    bench.give(Input::Signal(Signal::Online));
    bench.give(Input::Tick);
    let sent = bench.until_request(100).map(|(_, what)| what);
    assert!(sent.is_none() || bench.requests.len() == 1);
    assert_eq!(bench.requests.len(), 1, "one at once");
    let id = bench.requests[0].2.rsplit('/').next().expect("an id").to_owned();
    bench.respond(0, ok(&id));
    let (at, _) = bench.then().expect("the others");
    assert!(at < 2_000 && bench.requests.len() == 3, "{at}");
}
