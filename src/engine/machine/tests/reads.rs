//! Reads that fail: logins, time limits, what never gets through, and servers that do not move on.

use super::answers::{empty, ok};
use super::Bench;
use crate::engine::input::{Input, Signal};
use crate::model::{Code, DocKey};
use crate::native::Json;
use crate::protocol::{Body, HttpResponse, NetworkFailure};
use serde_json::{json, Value};

/// A bench whose two collections are asked for at once; `more` goes over its options.
fn pulling(more: Value) -> Bench {
    let mut sync = json!({
        "url": "https://x.test", "pullInterval": 0, "startDelay": 0,
        "backoff": { "base": 1_000, "factor": 2, "max": 60_000, "jitter": false },
    });
    sync.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    let mut bench = Bench::new(sync);
    bench.give(Input::Start);
    assert_eq!(bench.requests.len(), 2);
    bench
}

fn page(checkpoint: &str, more: bool) -> HttpResponse<Json> {
    let id = ["n", checkpoint].concat();
    let item = json!({ "id": id, "revision": "1", "updatedAt": 1, "doc": { "id": id } });
    let body = json!({ "items": [item], "checkpoint": checkpoint, "hasMore": more, "epoch": "e" });
    HttpResponse::new(200, Body::Json(body.into()))
}

impl Bench {
    /// The last request for something.
    fn asked(&self, what: &str) -> usize {
        self.requests.iter().rposition(|(_, _, path)| path.contains(what)).expect("it is asked for")
    }

    /// How often something was asked for.
    fn count(&self, what: &str) -> usize {
        self.requests.iter().filter(|(_, _, path)| path.contains(what)).count()
    }

    /// The last request for something ends without an answer.
    fn end(&mut self, what: &str, failure: NetworkFailure) {
        let request = self.requests[self.asked(what)].1;
        self.give(Input::Responded { request, result: Err(failure) });
    }

    /// The last request for something is answered.
    fn tell(&mut self, what: &str, response: HttpResponse<Json>) {
        self.respond(self.asked(what), response);
    }

    fn named(&self, event: &str) -> usize {
        self.told.iter().filter(|(_, name, _)| *name == event).count()
    }

    fn has(&self, id: &str) -> bool {
        self.disk.main(&DocKey::new(&"notes".into(), id)).is_some()
    }

    /// Lets time pass until something is asked for again.
    fn until(&mut self, what: &str) -> u64 {
        let (count, before) = (self.count(what), self.now);
        while self.count(what) == count {
            self.until_request(3_600_000).expect("it is asked for again");
        }
        self.now - before
    }

    fn code(&self) -> Option<Code> {
        self.engine.status().error.map(|failure| failure.code)
    }
}

#[test]
fn a_page_refused_for_its_login_is_asked_for_once_more_and_nobody_is_bothered() {
    let mut bench = pulling(json!({}));
    bench.tell("/notes?", empty(401));
    bench.tell("/tags?", empty(401));
    assert_eq!((bench.count("/notes?"), bench.count("/tags?")), (2, 1), "one tries the new headers");
    bench.write("b");
    assert_eq!(bench.count("PUT"), 0, "all others wait for it");
    bench.tell("/notes?", page("1", false));
    assert_eq!((bench.count("/tags?"), bench.count("PUT")), (2, 1), "then they go");
    bench.tell("/tags?", page("1", false));
    assert_eq!((bench.named("auth-required"), bench.engine.status().state), (0, "syncing"));
    assert!(bench.has("n1"));
}

#[test]
fn a_page_refused_twice_for_its_login_waits_for_a_person_and_then_goes_on() {
    let mut bench = pulling(json!({}));
    bench.tell("/notes?", empty(401));
    bench.tell("/notes?", empty(401));
    assert_eq!((bench.named("auth-required"), bench.engine.status().state), (1, "needs-auth"));
    assert_eq!(bench.code(), Some(Code::AuthRequired));
    bench.tell("/tags?", empty(401));
    assert_eq!((bench.count("/notes?"), bench.count("/tags?")), (2, 1), "nothing leaves");
    bench.give(Input::Signal(Signal::Visible));
    bench.until_request(1_000);
    assert_eq!((bench.count("/notes?"), bench.count("/tags?")), (3, 2), "until somebody may have signed in");
    bench.tell("/notes?", page("1", false));
    assert!(bench.has("n1"));
}

#[test]
fn a_page_that_tries_new_headers_and_ends_otherwise_lets_the_others_go() {
    for end in [Ok(empty(500)), Ok(page("1", false)), Err(NetworkFailure::TimedOut), Err(NetworkFailure::Unreachable)] {
        let mut bench = pulling(json!({}));
        bench.tell("/tags?", page("1", false));
        bench.write("b");
        bench.tell("PUT", ok("b"));
        bench.tell("/notes?", empty(401));
        let request = bench.requests[bench.asked("/notes?")].1;
        bench.write("c");
        assert_eq!(bench.count("PUT"), 1);
        bench.give(Input::Responded { request, result: end });
        if bench.count("PUT") == 1 {
            bench.until_request(60_000);
        }
        assert_ne!(bench.engine.status().state, "needs-auth");
        assert_eq!(bench.count("PUT"), 2);
    }
}

#[test]
fn a_single_document_refused_for_its_login_is_asked_for_once_more() {
    let mut bench = pulling(json!({}));
    bench.tell("/tags?", page("1", false));
    let unfit = json!({ "id": "n1", "revision": "1", "updatedAt": 1, "doc": null, "unfit": true });
    let body = json!({ "items": [unfit], "checkpoint": "1", "hasMore": false, "epoch": "e" });
    bench.tell("/notes?", HttpResponse::new(200, Body::Json(body.into())));
    bench.tell("/notes/n1", empty(401));
    assert_eq!(bench.count("/notes/n1"), 2);
    bench.tell("/notes/n1", ok("n1"));
    assert!(bench.has("n1") && bench.named("auth-required") == 0);
}

/// A bench that listens to the server's news.
fn listening() -> Bench {
    let mut bench = pulling(json!({ "rest": { "events": "_events" } }));
    bench.tell("/notes?", page("1", false));
    bench.tell("/tags?", page("1", false));
    assert_eq!(bench.listens.len(), 1);
    bench
}

#[test]
fn a_stream_refused_for_its_login_is_opened_once_more() {
    let mut bench = listening();
    bench.give(Input::Unheard { listen: bench.listens[0], result: Ok(401) });
    assert_eq!((bench.listens.len(), bench.named("auth-required")), (2, 0), "with new headers");
    bench.give(Input::Heard { listen: bench.listens[1], text: ": listening\n\n".into() });
    bench.give(Input::Unheard { listen: bench.listens[1], result: Ok(401) });
    assert_eq!((bench.listens.len(), bench.named("auth-required")), (3, 0), "a token may run out again");
    bench.give(Input::Unheard { listen: bench.listens[2], result: Ok(401) });
    assert_eq!((bench.listens.len(), bench.named("auth-required")), (3, 1));
    assert_eq!(bench.engine.status().state, "needs-auth");
}

#[test]
fn a_stream_stays_open_while_a_page_tries_new_headers() {
    let mut bench = listening();
    let listen = bench.listens[0];
    bench.give(Input::Heard { listen, text: ": listening\n\n".into() });
    bench.tell("/notes?", page("2", false));
    bench.tell("/tags?", page("2", false));
    for checkpoint in ["3", "4"] {
        bench.give(Input::Heard { listen, text: "event: change\ndata: {\"collection\":\"notes\"}\n\n".into() });
        bench.tell("/notes?", empty(401));
        bench.tell("/notes?", page(checkpoint, false));
    }
    assert_eq!(
        (bench.listens.len(), bench.count("/tags?")),
        (1, 2),
        "opened again it would have all pulled, each time"
    );
}

#[test]
fn a_page_that_is_too_slow_is_asked_for_in_halves_and_the_next_pull_begins_there() {
    let mut bench = pulling(json!({}));
    bench.tell("/tags?", page("1", false));
    for limit in [200, 100, 50, 25, 12, 6, 3, 1, 1] {
        assert!(bench.requests[bench.asked("/notes?")].2.ends_with(&format!("limit={limit}")), "{:?}", bench.requests);
        bench.end("/notes?", NetworkFailure::TimedOut);
        bench.until("/notes?");
    }
    bench.tell("/notes?", page("1", true));
    let limit = |bench: &Bench| {
        let what = &bench.requests[bench.asked("/notes?")].2;
        what.rsplit('=').next().and_then(|limit| limit.parse::<u32>().ok()).expect("a limit")
    };
    let mut limits = Vec::new();
    for at in 2..=34 {
        limits.push(limit(&bench));
        bench.tell("/notes?", page(&at.to_string(), true));
    }
    limits.dedup();
    assert_eq!(limits, [1, 2, 4, 8, 16, 32, 64, 128, 200], "and in larger ones after some that came soon");
}

#[test]
fn a_document_too_long_to_be_read_costs_one_cut_answer_a_pull_from_then_on() {
    let mut bench = pulling(json!({}));
    bench.tell("/tags?", page("1", false));
    let long = || HttpResponse::new(200, Body::TooLarge);
    for _ in 0..8 {
        bench.tell("/notes?", long());
    }
    assert_eq!(bench.count("/notes?"), 8);
    assert_eq!(bench.code(), Some(Code::ResponseTooLarge));
    for round in 9..12 {
        bench.until("/notes?");
        assert!(bench.requests[bench.asked("/notes?")].2.ends_with("limit=1"));
        bench.tell("/notes?", long());
        assert_eq!(bench.count("/notes?"), round);
    }
    bench.until("/notes?");
    bench.tell("/notes?", page("1", false));
    assert!(bench.has("n1"));
}

#[test]
fn a_collection_that_alone_does_not_get_through_holds_nobody_else_and_is_said_to_be_blocked() {
    let mut bench = pulling(json!({ "pullInterval": 1_000 }));
    bench.tell("/tags?", page("1", false));
    let mut codes = Vec::new();
    for round in 1..=6 {
        let count = bench.count("/notes?");
        let network = bench.named("network");
        bench.end("/notes?", NetworkFailure::Unreachable);
        codes.push(bench.code());
        if round > 1 {
            assert_eq!(bench.named("network"), network, "the server is there");
            assert_ne!(bench.engine.status().state, "offline");
            let id = format!("b{round}");
            bench.write(&id);
            assert_eq!(
                bench.count(&["PUT https://x.test/notes/", &id].concat()),
                1,
                "round {round}: {:?}",
                bench.requests
            );
            bench.tell("PUT", ok(&id));
            assert_eq!(bench.code(), codes[round - 1], "it still fails");
        }
        while bench.count("/notes?") == count {
            let asked = bench.count("/tags?");
            bench.until_request(3_600_000).expect("it is tried again");
            if bench.count("/tags?") > asked {
                bench.tell("/tags?", page("1", false));
            }
        }
    }
    let (lost, blocked) = (Some(Code::Network), Some(Code::NetworkBlocked));
    assert_eq!(codes, [lost, lost, lost, lost, blocked, blocked]);
    bench.tell("/notes?", page("1", false));
    assert!(bench.has("n1"));
}

#[test]
fn what_fails_while_something_else_is_answered_is_not_the_network() {
    for failure in [NetworkFailure::Unreachable, NetworkFailure::TimedOut] {
        let mut bench = pulling(json!({}));
        bench.tell("/tags?", page("1", false));
        bench.end("/notes?", failure);
        assert_ne!(bench.engine.status().state, "offline");
        bench.write("b");
        assert_eq!(bench.count("PUT"), 1, "the others go on");
        assert_eq!(bench.until("/notes?"), 1_000);
    }
}

#[test]
fn a_network_that_is_gone_is_gone_for_all() {
    let mut bench = pulling(json!({ "pullInterval": 60_000 }));
    for _ in 0..20 {
        bench.end("/notes?", NetworkFailure::Unreachable);
        if bench.count("/tags?") == 1 {
            bench.end("/tags?", NetworkFailure::Unreachable);
        }
        assert_eq!((bench.engine.status().state, bench.code()), ("offline", Some(Code::Network)));
        while bench.requests.last().is_none_or(|(_, _, what)| !what.contains("/notes?")) {
            let (_, what) = bench.until_request(3_600_000).expect("it is tried again");
            if what.contains("/tags?") {
                bench.end("/tags?", NetworkFailure::Unreachable);
            }
        }
    }
}

#[test]
fn a_fetch_that_gives_no_response_says_so_wherever_it_is_asked() {
    let mut bench = pulling(json!({ "rest": { "health": "_health" } }));
    bench.end("/notes?", NetworkFailure::NotAResponse);
    assert_eq!(bench.code(), Some(Code::TransportResult));
    bench.end("/tags?", NetworkFailure::Unreachable);
    assert_eq!(bench.code(), Some(Code::Network));
    bench.until("/_health");
    bench.end("/_health", NetworkFailure::NotAResponse);
    assert_eq!(bench.code(), Some(Code::TransportResult));
}

#[test]
fn a_server_that_repeats_its_checkpoint_with_more_to_come_is_asked_twice_and_then_after_a_pause() {
    let mut bench = pulling(json!({}));
    bench.tell("/tags?", page("1", false));
    bench.tell("/notes?", page("1", true));
    for _ in 0..2 {
        bench.tell("/notes?", page("1", true));
    }
    assert_eq!((bench.count("/notes?"), bench.code()), (3, Some(Code::PullNoProgress)));
    assert_eq!(bench.named("failed"), 0, "the pass brought something");
    for (round, pause) in [(1, 1_000), (2, 2_000), (3, 4_000)] {
        assert_eq!(bench.until("/notes?"), pause);
        bench.tell("/notes?", page("1", true));
        bench.tell("/notes?", page("1", true));
        assert_eq!((bench.count("/notes?"), bench.named("failed")), (3 + 2 * round, round));
    }
    bench.until("/notes?");
    bench.tell("/notes?", page("2", false));
    assert!(bench.has("n2"), "once it moves on");
}
