//! Servers that answer by the letter and lead nowhere: a pull must come to an end, or to a pause. And a store that was
//! wiped by strangers.

use super::Bench;
use crate::engine::disk::Disk;
use crate::engine::input::{Command, Input, Signal};
use crate::model::{Code, Failure};
use crate::protocol::{Body, HttpResponse};
use serde_json::{json, Value};

fn bench() -> Bench {
    let mut bench = Bench::new(json!({
        "url": "https://x.test", "pullInterval": 60_000, "startDelay": 0,
        "backoff": { "base": 1_000, "factor": 2, "max": 60_000, "jitter": false },
    }));
    bench.give(Input::Start);
    bench
}

impl Bench {
    /// Answers every pull of `notes` so, until it pauses; what it asked. The other collection has nothing.
    fn pull(&mut self, answer: impl Fn(&str) -> (u16, Value)) -> Vec<String> {
        let (end, mut asked) = (self.now + 900, Vec::new());
        for at in 0.. {
            if at == self.requests.len() && self.until_request(end - self.now).is_none() {
                break;
            }
            let what = self.requests[at].2.clone();
            let (status, body) = if what.contains("/notes") { answer(&what) } else { (200, page("t", "e", false)) };
            asked.extend(what.contains("/notes").then_some(what));
            assert!(asked.len() < 20, "a storm: {asked:?}");
            let body = if body.is_null() { Body::Empty } else { Body::Json(body.into()) };
            self.respond(at, HttpResponse::new(status, body));
        }
        asked
    }
}

fn page(checkpoint: &str, epoch: &str, more: bool) -> Value {
    json!({ "items": [], "checkpoint": checkpoint, "hasMore": more, "epoch": epoch })
}

#[test]
fn a_list_that_is_gone_from_its_beginning_on_is_asked_for_with_pauses() {
    let mut bench = bench();
    let asked = bench.pull(|_| (410, Value::Null));
    assert!((1..=3).contains(&asked.len()), "{asked:?}");
    assert!(bench.until_request(5_000).is_some(), "it comes back by its pause");
}

#[test]
fn a_server_that_forgets_each_position_it_gives_is_asked_with_pauses() {
    let mut bench = bench();
    let answer = |what: &str| if what.contains("since") { (410, Value::Null) } else { (200, page("c", "e", true)) };
    let asked = bench.pull(answer);
    assert!((2..=6).contains(&asked.len()), "{asked:?}");
}

#[test]
fn two_servers_with_histories_of_their_own_are_asked_with_pauses() {
    let mut bench = bench();
    let answer = |what: &str| (200, page("c", if what.contains("since") { "e2" } else { "e1" }, true));
    let asked = bench.pull(answer);
    assert!((2..=6).contains(&asked.len()), "{asked:?}");
}

#[test]
fn after_the_store_was_wiped_nothing_old_waits_and_all_is_pulled_again() {
    let mut bench = bench();
    bench.pull(|_| (200, page("c", "e", false)));
    bench.write("a");
    assert_eq!(bench.engine.outbox().len(), 1);
    bench.disk = Disk::default();
    bench.give(Input::Signal(Signal::Wiped));
    assert!(bench.engine.outbox().is_empty(), "what is lost does not wait");
    let answered = bench.requests.len() - 1;
    bench.respond(answered, HttpResponse::new(200, Body::Json(json!({ "id": "a" }).into())));
    while bench.requests[answered + 1..].iter().all(|(_, _, what)| !what.contains("/notes")) {
        assert!(bench.until_request(100_000).is_some(), "it is pulled again");
    }
    let asked: Vec<&str> = bench.requests[answered + 1..].iter().map(|(_, _, what)| &**what).collect();
    assert!(asked.iter().all(|what| what.starts_with("GET") && !what.contains("since")), "{asked:?}");
}

#[test]
fn a_failure_of_the_store_says_when_it_was() {
    let mut bench = bench();
    bench.pull(|_| (200, page("c", "e", false)));
    bench.fails = true;
    bench.give(Input::Signal(Signal::Wiped));
    let at = bench.engine.status().error.map(|failure| failure.at);
    assert!(at.is_some_and(|at| at >= super::START), "{at:?}");
}

#[test]
fn closing_waits_for_a_write_under_way_and_asks_a_store_that_refuses_only_once() {
    let mut bench = bench();
    bench.kept = Some(Vec::new());
    bench.write("a");
    bench.give(Input::Command { ticket: 9, command: Command::Close });
    let kept = bench.kept.clone().unwrap_or_default();
    let refused = |commit: &u32| Input::Committed {
        commit: *commit,
        result: Err(Failure::new(Code::Closed, "closed for another tab's upgrade")),
    };
    kept[1..].iter().for_each(|commit| bench.give(refused(commit)));
    assert_eq!(bench.kept.as_ref().map(Vec::len), Some(kept.len()), "nothing is asked again");
    assert!(bench.replies.is_empty(), "the write is not written yet");
    bench.give(refused(&kept[0]));
    let tickets: Vec<u32> = bench.replies.iter().map(|(ticket, _)| *ticket).collect();
    assert_eq!(tickets, [1, 9]);
}
