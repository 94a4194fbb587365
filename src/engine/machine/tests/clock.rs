//! A clock that jumps while an answer is on its way.

use super::Bench;
use crate::engine::input::{Command, Input, Wish};
use crate::model::{DocKey, PendingState};
use crate::native::Json;
use crate::protocol::{Body, HttpResponse};
use serde_json::{json, Value};

impl Bench {
    /// Pulls; the page of `notes` has one document in this revision.
    fn pull_note(&mut self, revision: u64) {
        let first = self.requests.len();
        self.give(Input::Command { ticket: 9, command: Command::Now(Wish::all()) });
        for at in first..self.requests.len() {
            let doc = note(revision);
            let item = json!({ "id": "a", "revision": revision.to_string(), "updatedAt": revision, "doc": doc });
            let items = if self.requests[at].2.contains("/notes?") { vec![item] } else { Vec::new() };
            let page = json!({ "items": items, "checkpoint": revision.to_string(), "hasMore": false, "epoch": "e" });
            self.respond(at, HttpResponse::new(200, Body::Json(page.into())));
        }
    }

    fn revision(&self) -> Option<String> {
        self.disk.main(&DocKey::new(&"notes".into(), "a"))?.rev.clone()
    }
}

fn note(revision: u64) -> Value {
    json!({ "id": "a", "text": format!("revision {revision}"), "updatedAt": revision })
}

#[test]
fn a_late_conflict_leaves_what_was_pulled_since_whatever_the_clock_says() {
    for (jump, refused_at, stands) in [(0, 2, "3"), (40_000, 2, "3"), (0, 4, "4"), (40_000, 4, "4")] {
        let mut bench = Bench::new(json!({ "url": "https://x.test", "pullInterval": 0, "startDelay": 3_600_000 }));
        bench.give(Input::Start);
        bench.now += 60_000;
        bench.pull_note(1);
        bench.write("a");
        let request = bench.requests.len() - 1;
        assert!(bench.requests[request].2.ends_with(" https://x.test/notes/a"), "{:?}", bench.requests);
        bench.now -= jump;
        bench.pull_note(3);
        let etag = Some(format!("\"{refused_at}\""));
        let conflict = Body::Json(note(refused_at).into());
        bench.respond(request, HttpResponse { etag, ..HttpResponse::new(412, conflict) });
        assert_eq!(bench.revision().as_deref(), Some(stands), "after a jump of {jump}");
        assert_eq!(bench.head().0, PendingState::Sending, "and the change goes on top of it");
    }
}

#[test]
fn a_page_without_times_that_was_asked_for_before_an_acknowledgement_replaces_nothing_whatever_the_clock_says() {
    for jump in [0, 40_000] {
        let mut bench = Bench::new(json!({ "url": "https://x.test", "pullInterval": 0, "startDelay": 3_600_000 }));
        bench.give(Input::Start);
        bench.now += 60_000;
        bench.pull_note(1);
        bench.write("a");
        let (change, first) = (bench.requests.len() - 1, bench.requests.len());
        bench.give(Input::Command { ticket: 9, command: Command::Now(Wish::all()) });
        let page = (first..bench.requests.len()).find(|at| bench.requests[*at].2.contains("/notes?"));
        bench.now -= jump;
        let done = HttpResponse { etag: Some("\"2\"".into()), ..HttpResponse::new(200, Body::Json(untimed("mine"))) };
        bench.respond(change, done);
        assert_eq!(bench.revision().as_deref(), Some("2"));
        let item = json!({ "id": "a", "revision": "1", "doc": { "id": "a", "text": "old" } });
        let body = json!({ "items": [item], "checkpoint": "2", "hasMore": false, "epoch": "e" });
        bench.respond(page.expect("a page is asked for"), HttpResponse::new(200, Body::Json(body.into())));
        assert_eq!(bench.revision().as_deref(), Some("2"), "after a jump of {jump}");
    }
}

fn untimed(text: &str) -> Json {
    json!({ "id": "a", "text": text }).into()
}
