//! The profile's rules on tables in memory, one test per section and rule.
//!
//! Goes through `MemoryTables::handle` only: what is refused, what is stored and what a page shows are
//! judged from outside.

use serde_json::{json, Value};

use super::memory::MemoryTables;
use super::{CoreRequest, CoreResponse, Rules};

const T0: u64 = 1_700_000_000_000;

struct World {
    tables: MemoryTables,
    now: u64,
    made: u32,
}

impl World {
    fn new() -> Self {
        Self {
            tables: MemoryTables::new("e1"),
            now: T0,
            made: 0,
        }
    }

    fn send(&mut self, request: &CoreRequest) -> CoreResponse {
        self.made += 1;
        let id = format!("id{}", self.made);
        self.tables.handle(request, self.now, || id)
    }

    fn get(&mut self, target: &str) -> CoreResponse {
        self.send(&CoreRequest::new("GET", target))
    }

    fn put_new(&mut self, id: &str, doc: &Value) -> CoreResponse {
        let target = format!("/notes/{id}");
        self.send(&CoreRequest::new("PUT", &target).header("if-none-match", "*").json(doc))
    }

    fn page(&mut self, target: &str) -> Value {
        let response = self.get(target);
        assert_eq!(response.status, 200, "{target}");
        response.json().expect("a page is JSON")
    }
}

fn code(response: &CoreResponse) -> String {
    let problem = response.json().unwrap_or_default();
    assert_eq!(problem["status"], response.status, "{problem}");
    assert_eq!(response.header_value("content-type"), Some("application/problem+json"));
    problem["code"].as_str().unwrap_or_default().to_owned()
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|item| item["id"].as_str())
        .collect()
}

#[test]
fn create_gets_the_servers_id_times_and_revision() {
    let mut world = World::new();
    let sent = json!({ "id": "pending-1", "title": "a", "createdAt": 1, "updatedAt": 2 });
    let response = world.send(&CoreRequest::new("POST", "/notes").json(&sent));
    let doc = response.json().expect("JSON");
    assert_eq!(response.status, 201);
    assert_eq!(
        doc,
        json!({ "id": "id1", "title": "a", "createdAt": "2023-11-14T22:13:20.000Z", "updatedAt": "2023-11-14T22:13:20.000Z" })
    );
    assert!(response.header_value("etag").is_some_and(|tag| tag.starts_with('"')));
    assert_eq!(response.header_value("date"), Some("Tue, 14 Nov 2023 22:13:20 GMT"));
    assert_eq!(world.get("/notes/id1").json(), Some(doc));
}

#[test]
fn a_chosen_id_is_created_once() {
    let mut world = World::new();
    let first = world.put_new("a", &json!({ "n": 1 }));
    let again = world.put_new("a", &json!({ "n": 2 }));
    assert_eq!((first.status, again.status), (201, 412));
    assert_eq!(again.json(), first.json());
    assert_eq!(again.header_value("etag"), first.header_value("etag"));
}

#[test]
fn changes_carry_preconditions() {
    let mut world = World::new();
    let tag = world
        .put_new("a", &json!({ "n": 1 }))
        .header_value("etag")
        .map(str::to_owned)
        .expect("a tag");
    let patch = CoreRequest::new("PATCH", "/notes/a").json(&json!({ "n": 2 }));
    let put = CoreRequest::new("PUT", "/notes/a").json(&json!({ "n": 3 }));
    let delete = CoreRequest::new("DELETE", "/notes/a");
    for request in [&patch, &put, &delete] {
        let stale = world.send(&request.clone().header("if-match", "\"0-x\""));
        assert_eq!(stale.status, 412);
        assert_eq!(stale.json().expect("current")["n"], 1);
        assert_eq!(stale.header_value("etag"), Some(tag.as_str()));
    }
    let weak = world.send(&patch.clone().header("if-match", format!("W/{tag}")));
    assert_eq!(weak.status, 412);
    let done = world.send(&patch.clone().header("if-match", tag.clone()));
    assert_eq!(done.status, 200);
    assert_ne!(done.header_value("etag"), Some(tag.as_str()));
    assert_eq!(world.send(&put).json().expect("doc")["n"], 3);
    assert_eq!(world.send(&delete).status, 204);
}

#[test]
fn absent_and_deleted_documents_are_told_apart() {
    let mut world = World::new();
    world.put_new("gone", &json!({}));
    world.send(&CoreRequest::new("DELETE", "/notes/gone"));
    let body = json!({ "n": 1 });
    for (method, id, header, status) in [
        ("GET", "never", None, 404),
        ("GET", "gone", None, 410),
        ("DELETE", "never", None, 404),
        ("DELETE", "gone", None, 410),
        ("DELETE", "gone", Some("if-match"), 410),
        ("PATCH", "never", None, 404),
        ("PATCH", "gone", Some("if-match"), 410),
        ("PUT", "never", Some("if-match"), 404),
        ("PUT", "gone", Some("if-match"), 410),
        ("PUT", "gone", None, 410),
        ("PUT", "new", None, 201),
        ("PUT", "gone", Some("if-none-match"), 201),
    ] {
        let mut request = CoreRequest::new(method, &format!("/notes/{id}")).json(&body);
        if let Some(name) = header {
            request = request.header(name, if name == "if-match" { "\"1-a\"" } else { "*" });
        }
        let response = world.send(&request);
        assert_eq!(response.status, status, "{method} {id} {header:?}");
        if status >= 400 {
            assert!(["not-found", "deleted"].contains(&code(&response).as_str()));
        }
    }
}

#[test]
fn merge_patch_follows_rfc_7396() {
    let mut world = World::new();
    world.put_new(
        "a",
        &json!({ "keep": 1, "drop": 2, "deep": { "x": 1, "y": 2 }, "list": [1, 2] }),
    );
    let patch =
        json!({ "drop": null, "deep": { "y": null, "z": 3 }, "list": [3], "createdAt": null, "updatedAt": "x" });
    let mut request = CoreRequest::new("PATCH", "/notes/a").json(&patch);
    request.headers[0].1 = "application/merge-patch+json; charset=utf-8".to_owned();
    world.now += 5;
    let doc = world.send(&request).json().expect("doc");
    let expected = json!({ "id": "a", "keep": 1, "deep": { "x": 1, "z": 3 }, "list": [3],
        "createdAt": "2023-11-14T22:13:20.000Z", "updatedAt": "2023-11-14T22:13:20.005Z" });
    assert_eq!(doc, expected);
}

#[test]
fn updated_at_grows_even_when_the_clock_does_not() {
    let mut world = World::new();
    world.put_new("a", &json!({}));
    world.now -= 60_000;
    let patch = CoreRequest::new("PATCH", "/notes/a").json(&json!({ "n": 1 }));
    for step in 1..4 {
        world.send(&patch);
        assert_eq!(world.tables.document("notes", "a").expect("a").updated_at, T0 + step);
    }
    world.send(&CoreRequest::new("DELETE", "/notes/a"));
    let again = world.put_new("a", &json!({})).json().expect("doc");
    assert_eq!(again["createdAt"], again["updatedAt"]);
    assert_eq!(world.tables.document("notes", "a").expect("a").updated_at, T0 + 5);
}

#[test]
fn a_repeated_key_is_answered_from_the_stored_result() {
    let mut world = World::new();
    let create = CoreRequest::new("POST", "/notes")
        .header("idempotency-key", "\"k1\"")
        .json(&json!({ "n": 1 }));
    let first = world.send(&create);
    world.now += 24 * 3_600_000;
    let again = world.send(&create);
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header_value("etag"), first.header_value("etag"));
    assert_eq!(again.header_value("idempotency-replayed"), Some("true"));
    assert_eq!(again.headers.iter().filter(|(name, _)| name == "date").count(), 1);
    assert_eq!(world.tables.executions("k1"), 1);
    assert_eq!(world.tables.log().count(), 1);
}

#[test]
fn a_key_belongs_to_method_path_and_body_but_not_to_headers() {
    let mut world = World::new();
    let put = CoreRequest::new("PUT", "/notes/a")
        .header("idempotency-key", "k")
        .json(&json!({ "n": 1 }));
    assert_eq!(world.send(&put).status, 201);
    assert_eq!(world.send(&put.clone().header("if-match", "\"other\"")).status, 201);
    let with = |method: &str, target: &str, body: Value| {
        CoreRequest::new(method, target)
            .header("idempotency-key", "k")
            .json(&body)
    };
    for request in [
        with("PUT", "/notes/a", json!({ "n": 2 })),
        with("PUT", "/notes/b", json!({ "n": 1 })),
        with("PATCH", "/notes/a", json!({ "n": 1 })),
    ] {
        let refused = world.send(&request);
        assert_eq!(
            (refused.status, code(&refused).as_str()),
            (422, "idempotency-key-reused")
        );
    }
}

#[test]
fn refusals_are_judged_anew() {
    let mut world = World::new();
    let patch = CoreRequest::new("PATCH", "/notes/a")
        .header("idempotency-key", "k")
        .json(&json!({ "n": 2 }));
    assert_eq!(world.send(&patch).status, 404);
    world.put_new("a", &json!({ "n": 1 }));
    assert_eq!(world.send(&patch).status, 200);
    assert_eq!(world.tables.executions("k"), 1);
}

#[test]
fn results_are_forgotten_after_their_time() {
    let mut world = World::new();
    let create = |key: &str| {
        CoreRequest::new("POST", "/notes")
            .header("idempotency-key", key)
            .json(&json!({}))
    };
    world.send(&create("old"));
    world.now += Rules::default().retention_ms + 1;
    world.send(&create("young"));
    assert_eq!(world.send(&create("old")).header_value("idempotency-replayed"), None);
    assert_eq!(world.tables.executions("old"), 2);
}

#[test]
fn documents_are_validated_by_field_also_after_a_patch() {
    let mut world = World::new();
    let refused = world.send(&CoreRequest::new("POST", "/assistants").json(&json!({ "category": 1 })));
    assert_eq!((refused.status, code(&refused).as_str()), (422, "invalid-document"));
    let errors = refused.json().expect("problem")["errors"].clone();
    assert_eq!(errors, json!({ "category": "must be text", "name": "is required" }));
    world.send(&CoreRequest::new("PUT", "/assistants/a").json(&json!({ "name": "a" })));
    let patch = CoreRequest::new("PATCH", "/assistants/a").json(&json!({ "name": null }));
    assert_eq!(world.send(&patch).status, 422);
    let renamed = world.send(&CoreRequest::new("PATCH", "/assistants/a").json(&json!({ "id": "b" })));
    assert_eq!(
        renamed.json().expect("problem")["errors"]["id"],
        "differs from the path"
    );
    assert_eq!(world.tables.log().count(), 1);
}

#[test]
fn requests_that_no_row_can_save_are_refused() {
    let mut world = World::new();
    let json = |method: &str, target: &str, body: &str| CoreRequest {
        body: body.as_bytes().to_vec(),
        ..CoreRequest::new(method, target).header("content-type", "application/json")
    };
    let text = CoreRequest {
        body: b"{}".to_vec(),
        ..CoreRequest::new("POST", "/notes").header("content-type", "text/plain")
    };
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    let bottomless = "[".repeat(100_000);
    for (request, status, expected) in [
        (json("POST", "/notes", "{"), 400, "invalid-json"),
        (json("POST", "/notes", ""), 400, "invalid-json"),
        (json("POST", "/notes", &deep), 400, "too-deep"),
        (json("POST", "/notes", &bottomless), 400, "invalid-json"),
        (json("POST", "/notes", "[]"), 422, "not-an-object"),
        (
            json("POST", "/notes", "{}").header("idempotency-key", "\"k"),
            400,
            "invalid-idempotency-key",
        ),
        (
            json("POST", "/notes", "{}").header("idempotency-key", ""),
            400,
            "invalid-idempotency-key",
        ),
        (
            json("POST", "/notes", &" ".repeat((1 << 20) + 1)),
            413,
            "body-too-large",
        ),
        (text, 415, "unsupported-media-type"),
        (CoreRequest::new("PATCH", "/notes/a"), 415, "unsupported-media-type"),
        (json("DELETE", "/notes", ""), 405, "method-not-allowed"),
        (json("POST", "/notes/a", "{}"), 405, "method-not-allowed"),
        (json("GET", "/notes?limit=x", ""), 400, "invalid-limit"),
        (json("GET", "/notes/%ff", ""), 400, "invalid-id"),
        (json("GET", "/notes/", ""), 400, "invalid-id"),
        (json("GET", "/notes/a/b", ""), 404, "unknown-path"),
        (json("GET", "/_hidden", ""), 404, "unknown-path"),
        (json("GET", "/no%20tes", ""), 404, "unknown-path"),
        (json("GET", "/", ""), 404, "unknown-path"),
    ] {
        let response = world.send(&request);
        assert_eq!(
            (response.status, code(&response).as_str()),
            (status, expected),
            "{} {}",
            request.method,
            request.path
        );
    }
    assert_eq!(world.tables.head(), 0);
}

#[test]
fn preconditions_may_be_required() {
    let rules = Rules {
        require_precondition: true,
        ..Rules::default()
    };
    let mut tables = MemoryTables::with_rules("e", rules);
    let patch = CoreRequest::new("PATCH", "/notes/a").json(&json!({}));
    let response = tables.handle(&patch, T0, String::new);
    assert_eq!(
        (response.status, code(&response).as_str()),
        (428, "precondition-required")
    );
}

#[test]
fn ids_are_one_decoded_segment() {
    let mut world = World::new();
    let put = CoreRequest::new("PUT", "/notes/a%2Fb%20%C3%A9").json(&json!({}));
    assert_eq!(world.send(&put).json().expect("doc")["id"], "a/b é");
    assert_eq!(world.get("/notes/a%2fb%20%c3%a9").status, 200);
}

#[test]
fn pages_go_through_the_log_in_commit_order() {
    let mut world = World::new();
    for id in ["c", "a", "b"] {
        world.put_new(id, &json!({ "of": id }));
    }
    world.send(&CoreRequest::new("PATCH", "/notes/c").json(&json!({ "n": 2 })));
    world.send(&CoreRequest::new("PUT", "/other/x").json(&json!({})));
    let first = world.page("/notes?limit=2");
    assert_eq!((ids(&first), first["hasMore"].clone()), (vec!["a", "b"], json!(true)));
    assert_eq!(first["epoch"], "e1");
    let since = first["checkpoint"].as_str().expect("text").to_owned();
    let second = world.page(&format!("/notes?limit=2&since={since}"));
    assert_eq!((ids(&second), second["hasMore"].clone()), (vec!["c"], json!(false)));
    assert_eq!(second["items"][0]["doc"]["n"], 2);
    let last = second["checkpoint"].as_str().expect("text").to_owned();
    let idle = world.page(&format!("/notes?since={last}"));
    assert_eq!((ids(&idle), idle["checkpoint"].clone()), (vec![], json!(last)));
    world.send(&CoreRequest::new("DELETE", "/notes/a"));
    let deleted = world.page(&format!("/notes?since={last}"));
    let stone = world.tables.document("notes", "a").expect("a tombstone");
    let item = json!({ "id": "a", "revision": stone.revision, "updatedAt": stone.updated_at, "deleted": true });
    assert_eq!(deleted["items"], json!([item]));
}

#[test]
fn a_first_pull_leaves_tombstones_out_but_covers_them() {
    let mut world = World::new();
    world.put_new("a", &json!({}));
    world.put_new("b", &json!({}));
    world.send(&CoreRequest::new("DELETE", "/notes/b"));
    let page = world.page("/notes");
    assert_eq!((ids(&page), page["checkpoint"].clone()), (vec!["a"], json!("3.e1")));
}

#[test]
fn limits_are_clamped() {
    let mut world = World::new();
    for n in 0..1_100 {
        world.put_new(&format!("d{n}"), &json!({}));
    }
    for (target, expected) in [
        ("/notes", 200),
        ("/notes?limit=0", 1),
        ("/notes?limit=5000", 1_000),
        ("/notes?limit=7", 7),
    ] {
        assert_eq!(ids(&world.page(target)).len(), expected, "{target}");
    }
}

#[test]
fn an_unchanged_page_is_304_at_its_own_url() {
    let mut world = World::new();
    world.put_new("a", &json!({}));
    let tag = world
        .get("/notes")
        .header_value("etag")
        .map(str::to_owned)
        .expect("a tag");
    let ask = |target: &str| CoreRequest::new("GET", target).header("if-none-match", tag.clone());
    let unchanged = world.send(&ask("/notes"));
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    assert_eq!(unchanged.header_value("etag"), Some(tag.as_str()));
    assert_eq!(world.send(&ask("/notes?limit=200")).status, 200);
    world.send(&CoreRequest::new("PUT", "/other/x").json(&json!({})));
    assert_eq!(world.send(&ask("/notes")).status, 304);
    world.put_new("b", &json!({}));
    assert_eq!(world.send(&ask("/notes")).status, 200);
}

#[test]
fn a_checkpoint_of_another_history_is_gone() {
    let mut world = World::new();
    world.put_new("a", &json!({}));
    for since in ["2.e1", "1.e0", "garbage", "1"] {
        let response = world.get(&format!("/notes?since={since}"));
        assert_eq!(
            (response.status, code(&response).as_str()),
            (410, "unknown-checkpoint"),
            "{since}"
        );
    }
    let backup = world.tables.clone();
    world.put_new("b", &json!({}));
    world.tables = backup;
    world.tables.set_epoch("e2");
    assert_eq!(world.get("/notes?since=1.e1").status, 410);
    assert_eq!(world.page("/notes")["epoch"], "e2");
}

#[test]
fn a_document_is_304_while_its_revision_stands() {
    let mut world = World::new();
    let tag = world
        .put_new("a", &json!({}))
        .header_value("etag")
        .map(str::to_owned)
        .expect("a tag");
    let ask = CoreRequest::new("GET", "/notes/a").header("if-none-match", format!("W/{tag}"));
    assert_eq!(world.send(&ask).status, 304);
    world.send(&CoreRequest::new("PATCH", "/notes/a").json(&json!({})));
    assert_eq!(world.send(&ask).status, 200);
}

#[test]
fn health_and_head_have_no_body() {
    let mut world = World::new();
    world.put_new("a", &json!({}));
    assert_eq!(world.get("/_health").status, 204);
    let head = world.send(&CoreRequest::new("HEAD", "/notes/a"));
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn oracles_see_documents_log_and_executions() {
    let mut world = World::new();
    let put = |id: &str, key: &str| {
        CoreRequest::new("PUT", &format!("/notes/{id}"))
            .header("idempotency-key", key)
            .json(&json!({}))
    };
    world.send(&put("a", "k1"));
    world.send(&put("b", "k2"));
    world.send(&CoreRequest::new("DELETE", "/notes/a"));
    let log: Vec<_> = world
        .tables
        .log()
        .map(|entry| {
            (
                entry.document.position,
                entry.document.id.as_str(),
                entry.document.text.is_some(),
                entry.key.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        log,
        [
            (1, "a", true, Some("k1")),
            (2, "b", true, Some("k2")),
            (3, "a", false, None)
        ]
    );
    let documents: Vec<_> = world
        .tables
        .documents("notes")
        .map(|d| (d.id.as_str(), d.value().is_some()))
        .collect();
    assert_eq!(documents, [("a", false), ("b", true)]);
    assert_eq!(
        world.tables.all_executions().collect::<Vec<_>>(),
        [("k1", 1), ("k2", 1)]
    );
    assert_eq!(world.tables.collections().collect::<Vec<_>>(), ["notes"]);
}
