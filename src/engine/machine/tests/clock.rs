//! A clock that jumps while an answer is on its way.

use super::{Bench, START};
use crate::engine::input::{Command, Input, Wish};
use crate::model::{DocKey, Document, PendingState};
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

const YEAR: i64 = 365 * 24 * 3_600_000;
/// The true time at which the stories begin.
const TRUE: i64 = START.cast_signed() + 2 * YEAR;

/// What happens between a write and the answer that it came too late.
struct Story {
    /// How far the device's clock is ahead when the server is first met; `None` when it is not met before.
    met: Option<i64>,
    /// At the write, and after it.
    write: i64,
    after: i64,
    /// How much later than the write the server's document changed.
    later: i64,
    ours: bool,
}

impl Bench {
    /// A true time, and what a clock shows that is so far ahead.
    fn turn(&mut self, at: i64, ahead: i64) {
        self.now = (TRUE + at + ahead) as u64;
        self.give(Input::Tick);
    }

    fn sends(&mut self) {
        self.give(Input::Command { ticket: 8, command: Command::Now(Wish::all()) });
    }

    /// The server's answer at a true time, in whole seconds: what it holds was changed then.
    fn refuse(&mut self, at: i64, changed: i64) {
        let doc = json!({ "id": "a", "text": "theirs", "updatedAt": TRUE + changed });
        let date = Some(format!("Thu, 13 Nov 2025 22:13:{:02} GMT", 20 + at / 1_000));
        let etag = Some("\"2\"".to_owned());
        let request = self.requests.iter().rposition(|(.., what)| what.starts_with('P')).expect("the change was sent");
        self.respond(request, HttpResponse { date, etag, ..HttpResponse::new(412, Body::Json(doc.into())) });
    }
}

fn told(story: &Story) -> (bool, Option<i64>) {
    let mut bench =
        Bench::new(json!({ "url": "https://x.test", "pullInterval": 0, "startDelay": 3_600_000, "auto": false }));
    bench.turn(500, story.met.unwrap_or(story.write));
    bench.give(Input::Start);
    bench.pull_note(1);
    if let Some(ahead) = story.met {
        let first = bench.requests.len();
        bench.give(Input::Command { ticket: 9, command: Command::Now(Wish::all()) });
        for at in first..bench.requests.len() {
            let date = Some("Thu, 13 Nov 2025 22:13:20 GMT".to_owned());
            bench.respond(at, HttpResponse { date, ..HttpResponse::new(304, Body::Empty) });
        }
        bench.turn(1_000, ahead);
    }
    bench.turn(10_000, story.write);
    bench.write("a");
    bench.turn(20_000, story.after);
    bench.sends();
    bench.refuse(20_500, 10_000 + story.later);
    let fields =
        bench.told.iter().find(|(_, name, _)| *name == "conflict").and_then(|(.., detail)| detail.get("fields"));
    let local_at = fields.and_then(|fields| fields.as_list()?.first()?.number_of("localAt"));
    let row = bench.disk.main(&DocKey::new(&"notes".into(), "a")).expect("the document");
    (
        row.doc.as_ref().and_then(|doc| doc.text_of("text")).as_deref() == Some("x"),
        local_at.map(|at| (at as u64).cast_signed() - TRUE),
    )
}

#[test]
fn the_later_edit_wins_whatever_the_clock_was_set_to_before_and_after() {
    let right = Story { met: Some(0), write: 0, after: 0, later: 0, ours: false };
    for (later, ours) in [(2_500, false), (-2_500, true)] {
        let stories = [
            Story { later, ours, ..right },
            Story { met: Some(YEAR), write: YEAR, later, ours, ..right },
            Story { met: Some(-YEAR), write: -YEAR, later, ours, ..right },
            Story { after: -YEAR, later, ours, ..right },
            Story { after: YEAR, later, ours, ..right },
            Story { write: YEAR, after: YEAR, later, ours, ..right },
            Story { met: None, write: YEAR, after: YEAR, later, ours },
            Story { met: None, write: -YEAR, after: -YEAR, later, ours },
            // Nothing tells when this was written: the server's side stands.
            Story { write: YEAR, later, ours: false, ..right },
            Story { met: None, write: YEAR, later, ours: false, ..right },
        ];
        for story in stories {
            let known = [story.met.unwrap_or(-1), story.write, story.after, later];
            let (ours, at) = told(&story);
            assert_eq!(ours, story.ours, "met, written, after, later: {known:?}; stamp {at:?}");
            assert!(at.is_some_and(|at| at <= 21_500), "a stamp is never past the present: {known:?} {at:?}");
        }
    }
}

#[test]
fn what_is_known_of_the_servers_clock_is_stored_and_read() {
    let mut bench =
        Bench::new(json!({ "url": "https://x.test", "pullInterval": 0, "startDelay": 3_600_000, "auto": false }));
    bench.turn(500, -YEAR);
    bench.give(Input::Start);
    bench.write("a");
    bench.sends();
    let commits = bench.commits;
    bench.refuse(1_000, 400);
    let stored = |bench: &Bench| bench.disk.meta("clock").and_then(|row| row.number_of("offset"));
    assert_eq!(stored(&bench), Some((YEAR + 1_000) as f64));
    assert!(bench.commits > commits);
    // Another tab of the device writes before it has met the server.
    let mut other =
        Bench::new(json!({ "url": "https://x.test", "pullInterval": 0, "startDelay": 3_600_000, "auto": false }));
    std::mem::swap(&mut other.disk, &mut bench.disk);
    other.turn(2_000, -YEAR);
    other.give(Input::Start);
    other.write("b");
    let written = other.disk.pending_rows().find(|row| &*row.id == "b").expect("the change");
    assert_eq!(written.skew, Some(YEAR + 1_000));
    // A second answer that says the same is not stored again.
    let at = other.disk.meta("clock").and_then(|row| row.number_of("at"));
    other.turn(21_000, -YEAR);
    other.sends();
    other.refuse(21_500, 400);
    assert_eq!(other.disk.meta("clock").and_then(|row| row.number_of("at")), at);
}
