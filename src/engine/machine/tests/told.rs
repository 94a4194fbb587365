//! What the app is told: events once and in time, progress, numbers, scheduled passes, triggers.

use super::{Bench, START};
use crate::engine::input::{Command, Input, Message, Signal, Wish};
use crate::engine::output::Reply;
use crate::model::{Document, Stats};
use crate::native::Json;
use serde_json::{json, Value};

const QUIET: u64 = 3_600_000;

/// One request at a time, nothing pulled by itself.
fn bench() -> Bench {
    let mut bench = Bench::new(json!({
        "url": "https://x.test", "pullInterval": 0, "startDelay": QUIET, "concurrency": 1, "maxAttempts": 2,
        "backoff": { "base": 1_000, "factor": 2, "max": 60_000, "jitter": false },
    }));
    bench.give(Input::Start);
    bench
}

impl Bench {
    fn ask(&mut self, command: Command<Json>) -> Option<Json> {
        self.give(Input::Command { ticket: 99, command });
        self.replies.iter().rev().find_map(|(ticket, reply)| match reply {
            Ok(Reply::Report(report)) if *ticket == 99 => Some(report.clone()),
            _ => None,
        })
    }

    fn events(&self, name: &str) -> Vec<(u64, Value)> {
        let of = |(at, told, detail): &(u64, &str, Json)| (*told == name).then(|| (*at, detail.to_value()));
        self.told.iter().filter_map(of).collect()
    }

    /// Lets so much time pass.
    fn pass(&mut self, time: u64) {
        let end = self.now + time;
        while let Some((at, _)) = self.next.filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            self.give(Input::Tick);
        }
        self.now = end;
    }
}

#[test]
fn a_pass_tells_its_beginning_its_progress_and_its_end_once() {
    let mut bench = bench();
    for id in ["a", "b", "c", "d", "e"] {
        bench.write(id);
    }
    for id in ["a", "b", "c", "d", "e"] {
        bench.now += 1_000;
        bench.answer(200, json!({ "id": id }));
    }
    assert_eq!(bench.events("started"), [(0, json!({ "reason": "change" }))]);
    assert_eq!(bench.events("completed").len(), 1);
    let progress = bench.events("progress");
    let steps: Vec<u64> = progress.iter().map(|(_, detail)| detail["done"].as_u64().unwrap_or(99)).collect();
    assert_eq!(steps, [0, 1, 2, 3, 4, 5]);
    let (_, fourth) = &progress[4];
    assert_eq!((&fourth["phase"], &fourth["total"]), (&json!("pushing"), &json!(5)));
    assert_eq!((&fourth["fraction"], &fourth["remainingMs"]), (&json!(0.8), &json!(1_000)));
    let last = bench.told.iter().rposition(|(_, name, _)| *name == "progress");
    let end = bench.told.iter().rposition(|(_, name, _)| *name == "completed");
    assert!(last < end, "the last progress is told before the end");
    assert_eq!(bench.engine.status().progress, None);
}

#[test]
fn the_network_an_update_and_a_portal_are_told_once_each() {
    let mut bench = bench();
    bench.write("a");
    bench.give(Input::Signal(Signal::Offline));
    bench.give(Input::Signal(Signal::Offline));
    bench.answer(200, json!({ "id": "a" }));
    let told: Vec<Value> = bench.events("network").into_iter().map(|(_, detail)| detail).collect();
    let state = |online, reachable: Value| json!({ "online": online, "reachable": reachable, "saveData": false, "good": false });
    assert_eq!(told, [state(false, json!(false)), state(false, json!(true))], "the flag, and what an answer shows");
    bench.give(Input::Signal(Signal::Online));
    assert_eq!(bench.events("network").len(), 3);
    for id in ["b", "c"] {
        bench.write(id);
    }
    for _ in 0..3 {
        let (_, request, _) = *bench.requests.last().expect("a request");
        let portal = crate::protocol::HttpResponse::new(200, crate::protocol::Body::Html);
        bench.give(Input::Responded { request, result: Ok(portal) });
        bench.until_request(120_000).expect("another look");
    }
    assert_eq!(bench.events("captive-portal").len(), 1);
    bench.answer(426, Value::Null);
    assert_eq!(bench.events("update-required").len(), 1);
    assert_eq!(bench.engine.status().state, "needs-update");
}

#[test]
fn numbers_are_those_of_the_events_survive_the_tab_and_begin_anew_when_asked() {
    let mut bench = bench();
    bench.write("a");
    bench.now += 40;
    bench.give(Input::Measured { sent: 30, received: 50 });
    bench.answer(500, Value::Null);
    bench.until_push().expect("the second attempt");
    bench.now += 80;
    bench.answer(200, json!({ "id": "a" }));
    let commits = bench.commits;
    bench.pass(20_000);
    assert_eq!(bench.commits, commits + 1, "one transaction for all of it, and then none");
    let stored: Stats = crate::model::Record::from_record(bench.disk.meta("stats").expect("a row")).expect("numbers");
    assert_eq!((stored.passes, stored.pushed, stored.failures, stored.retried), (2, 1, 1, 1));
    assert_eq!((stored.sent, stored.received, stored.requests.count()), (30, 50, 2));

    let told = bench.ask(Command::Stats).expect("numbers");
    assert_eq!(told.number_of("successRate"), Some(0.5));
    assert_eq!(
        told.get("byCollection").expect("collections").to_value(),
        json!({ "notes": { "pushed": 1, "pulled": 0, "failed": 1 } })
    );
    assert_eq!(told.get("requestMs").and_then(|of| of.number_of("max")), Some(80.0));
    let told = bench.ask(Command::ResetStats).expect("numbers");
    assert_eq!((told.number_of("pushed"), told.number_of("since")), (Some(0.0), Some(bench.now as f64)));
}

#[test]
fn a_reset_that_fails_forgets_nothing() {
    let mut bench = bench();
    bench.write("a");
    bench.answer(200, json!({ "id": "a" }));
    bench.fails = true;
    assert!(bench.ask(Command::ResetStats).is_none());
    bench.fails = false;
    bench.pass(20_000);
    assert_eq!(bench.ask(Command::Stats).expect("numbers").number_of("pushed"), Some(1.0));
    bench.ask(Command::ResetStats).expect("numbers");
    assert_eq!(bench.ask(Command::Stats).expect("numbers").number_of("pushed"), Some(0.0));
}

#[test]
fn an_acknowledgement_that_ends_after_the_close_is_told_to_the_other_tabs() {
    let mut bench = bench();
    bench.write("a");
    let (_, request, _) = *bench.requests.last().expect("a request");
    let body = crate::protocol::Body::Json(json!({ "id": "a" }).into());
    let result = Ok(crate::protocol::HttpResponse::new(200, body));
    bench.engine.handle_input(bench.now, Input::Responded { request, result });
    bench.said.clear();
    bench.give(Input::Command { ticket: 2, command: Command::Close });
    assert!(bench.disk.pending_rows().next().is_none(), "acknowledged");
    let told = bench.said.iter().any(|said| matches!(said, Message::Changed(names) if names == &["notes".into()]));
    assert!(told, "{:?}", bench.said);
}

#[test]
fn a_scheduled_pass_runs_at_its_time_or_at_once_when_that_is_over_and_can_be_forgotten() {
    let mut bench = bench();
    let tell = |number, at| Input::Command { ticket: 0, command: Command::Schedule(number, at) };
    bench.give(tell(1, START + 60_000));
    bench.give(tell(2, START + 70_000));
    bench.give(tell(3, u64::MAX));
    bench.give(Input::Command { ticket: 0, command: Command::Unschedule(2) });
    let (at, what) = bench.until_request(QUIET - 1).expect("the scheduled pass");
    assert_eq!((at, what.as_str()), (60_000, "GET https://x.test/tags?limit=200"));
    assert_eq!(bench.events("started"), [(60_000, json!({ "reason": "schedule" }))]);
    assert!(bench.replies.is_empty(), "nobody waits for an answer");
    let page = json!({ "items": [], "checkpoint": "1", "hasMore": false });
    let pulls: Vec<u32> = bench.requests.drain(..).map(|(_, request, _)| request).collect();
    for request in pulls {
        let body = crate::protocol::Body::Json(page.clone().into());
        bench.give(Input::Responded { request, result: Ok(crate::protocol::HttpResponse::new(200, body)) });
    }
    assert_eq!(bench.events("completed").len(), 1);
    assert!(bench.until_request(QUIET / 2).is_none(), "the other one was forgotten");
    bench.give(tell(4, START));
    assert_eq!(bench.requests.len(), 2, "a time that is over is now");
}

#[test]
fn a_scheduled_pass_waits_for_the_last_hold() {
    let mut bench = bench();
    bench.give(Input::Command { ticket: 1, command: Command::Hold(1, "typing".into()) });
    bench.give(Input::Command { ticket: 0, command: Command::Schedule(2, START) });
    assert!(bench.requests.is_empty());
    bench.give(Input::Command { ticket: 2, command: Command::Release(1) });
    assert_eq!(bench.requests.len(), 2);
}

#[test]
fn triggers_that_come_while_a_pass_runs_are_merged_and_told() {
    let mut bench = bench();
    bench.write("a");
    bench.give(Input::Signal(Signal::Online));
    let now = Wish { collection: Some("notes".into()), ..Wish::all() };
    bench.give(Input::Command { ticket: 7, command: Command::Now(now.clone()) });
    bench.give(Input::Command { ticket: 8, command: Command::Now(now) });
    let told: Json = bench.engine.status().triggers.to_document();
    let keys = |list: &str| {
        let all = told.get(list).and_then(|list| list.as_list()).unwrap_or_default();
        all.iter().map(|one| (one.text_of("key").unwrap_or_default(), one.number_of("count"))).collect::<Vec<_>>()
    };
    assert_eq!(keys("running"), [("change".into(), Some(1.0))]);
    assert_eq!(keys("waiting"), [("online".into(), Some(1.0)), ("now:notes".into(), Some(2.0))]);
}
