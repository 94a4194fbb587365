//! The database against tables in memory: the same requests must get the same answers, byte for byte.
//!
//! Requests are drawn by proptest from few ids and keys, so that they meet. Both sides get the same
//! clock and the same ids; a failing sequence is shrunk and printed.

use proptest::prelude::*;
use seakeep_server::core::memory::MemoryTables;
use seakeep_server::core::{CoreRequest, CoreResponse, Rules};
use seakeep_server::http::{Service, Sources};
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// One drawn request: its parts, and how far the clock goes before it.
#[derive(Clone, Debug)]
struct Step {
    method: &'static str,
    collection: &'static str,
    id: Option<u8>,
    key: Option<u8>,
    guard: Guard,
    content: u8,
    since: Option<u8>,
    elapsed: u64,
}

/// Which precondition the request carries.
#[derive(Clone, Copy, Debug)]
enum Guard {
    None,
    Absent,
    Current,
    Stale,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "PUT", "PATCH", "PATCH", "DELETE"]);
    let collection = prop::sample::select(vec!["notes", "assistants"]);
    let guard = prop::sample::select(vec![Guard::None, Guard::Absent, Guard::Current, Guard::Stale]);
    let elapsed = prop::sample::select(vec![0, 0, 1, 1_000, 200_000_000]);
    let parts = (
        method,
        collection,
        prop::option::of(0..4_u8),
        prop::option::of(0..6_u8),
        guard,
        0..5_u8,
        prop::option::of(0..4_u8),
        elapsed,
    );
    let step = parts.prop_map(|(method, collection, id, key, guard, content, since, elapsed)| Step {
        method,
        collection,
        id,
        key,
        guard,
        content,
        since,
        elapsed,
    });
    prop::collection::vec(step, 1..60)
}

/// Both servers, and what a client remembers of their answers.
struct Pair {
    memory: MemoryTables,
    service: Service,
    now: Arc<AtomicU64>,
    made: Arc<AtomicU64>,
    tag: String,
    checkpoint: String,
}

impl Pair {
    async fn new() -> Self {
        let now = Arc::new(AtomicU64::new(1_700_000_000_000));
        let made = Arc::new(AtomicU64::new(0));
        let (clock, counter) = (Arc::clone(&now), Arc::clone(&made));
        let sources = Sources {
            now: Box::new(move || clock.load(Ordering::SeqCst)),
            id: Box::new(move || format!("made{}", counter.load(Ordering::SeqCst))),
        };
        let service = Service::open(None, Rules::default(), sources).await.expect("opens");
        let memory = MemoryTables::new("made0");
        Self { memory, service, now, made, tag: String::new(), checkpoint: String::new() }
    }

    async fn compare(&mut self, step: &Step) {
        self.now.fetch_add(step.elapsed, Ordering::SeqCst);
        let made = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        let request = self.request(step);
        let now = self.now.load(Ordering::SeqCst);
        let expected = self.memory.handle(&request, now, || format!("made{made}"));
        let answer = self.service.handle(&request, Duration::ZERO).await;
        assert_eq!(readable(&answer), readable(&expected), "{request:?}");
        assert_eq!(answer, expected);
        self.remember(&answer);
    }

    fn request(&self, step: &Step) -> CoreRequest {
        let id = step.id.map(|id| format!("/id{id}")).unwrap_or_default();
        let query = match step.since {
            Some(0) => format!("?since={}", self.checkpoint),
            Some(limit) => format!("?limit={limit}"),
            None => String::new(),
        };
        let target = format!("/{}{id}{query}", step.collection);
        let body = [
            json!({ "name": "a" }),
            json!({ "name": null, "n": 1.5 }),
            json!({ "name": "b", "deep": { "x": [1, null] } }),
            json!({ "title": "é" }),
            json!([]),
        ];
        let request = CoreRequest::new(step.method, &target).json(&body[usize::from(step.content)]);
        let request = match step.since {
            Some(3) if step.method == "POST" => return batch(step),
            _ => request,
        };
        let request = match step.key {
            Some(key) => request.header("idempotency-key", format!("\"k{key}\"")),
            None => request,
        };
        match step.guard {
            Guard::None => request,
            Guard::Absent => request.header("if-none-match", "*"),
            Guard::Current if step.method == "GET" => request.header("if-none-match", self.tag.clone()),
            Guard::Current => request.header("if-match", self.tag.clone()),
            Guard::Stale => request.header("if-match", "\"0-stale\""),
        }
    }

    fn remember(&mut self, answer: &CoreResponse) {
        if let Some(tag) = answer.header_value("etag") {
            tag.clone_into(&mut self.tag);
        }
        if let Some(checkpoint) = answer.json().unwrap_or_default()["checkpoint"].as_str() {
            checkpoint.clone_into(&mut self.checkpoint);
        }
    }
}

/// One batch whose members meet each other and the single requests.
fn batch(step: &Step) -> CoreRequest {
    let change = |n: u8, kind: &str| {
        let key = format!("k{}", (step.content + n) % 6);
        let id = format!("id{}", n % 3);
        json!({ "mutationId": format!("m{n}"), "idempotencyKey": key, "collection": step.collection, "id": id,
            "kind": kind, "temporary": n == 0, "doc": { "name": "a" } })
    };
    let changes: Vec<_> = (0..4).map(|n| change(n, if n < 2 { "create" } else { "delete" })).collect();
    let atomic = step.id.is_some();
    CoreRequest::new("POST", "/_batch").json(&json!({ "changes": changes, "atomic": atomic }))
}

fn readable(response: &CoreResponse) -> (u16, String) {
    (response.status, String::from_utf8_lossy(&response.body).into_owned())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_database_answers_as_the_tables_in_memory(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut pair = Pair::new().await;
            for step in &steps {
                pair.compare(step).await;
            }
            pair.service.close().await;
        });
    }
}
