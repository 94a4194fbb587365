//! Changes and what they leave: ids, times, revisions, preconditions, merge-patch, tombstones.
//!
//! Judged from outside, through `MemoryTables::handle` only.

use serde_json::json;

use super::{code, CoreRequest, World, T0};

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
    let tag = world.put_new("a", &json!({ "n": 1 })).header_value("etag").map(str::to_owned).expect("a tag");
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
    world.put_new("a", &json!({ "keep": 1, "drop": 2, "deep": { "x": 1, "y": 2 }, "list": [1, 2] }));
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
fn ids_are_one_decoded_segment() {
    let mut world = World::new();
    let put = CoreRequest::new("PUT", "/notes/a%2Fb%20%C3%A9").json(&json!({}));
    assert_eq!(world.send(&put).json().expect("doc")["id"], "a/b é");
    assert_eq!(world.get("/notes/a%2fb%20%c3%a9").status, 200);
}

#[test]
fn a_document_is_304_while_its_revision_stands() {
    let mut world = World::new();
    let tag = world.put_new("a", &json!({})).header_value("etag").map(str::to_owned).expect("a tag");
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
        CoreRequest::new("PUT", &format!("/notes/{id}")).header("idempotency-key", key).json(&json!({}))
    };
    world.send(&put("a", "k1"));
    world.send(&put("b", "k2"));
    world.send(&CoreRequest::new("DELETE", "/notes/a"));
    let log: Vec<_> = world
        .tables
        .log()
        .map(|entry| {
            (entry.document.position, entry.document.id.as_str(), entry.document.text.is_some(), entry.key.as_deref())
        })
        .collect();
    assert_eq!(log, [(1, "a", true, Some("k1")), (2, "b", true, Some("k2")), (3, "a", false, None)]);
    let documents: Vec<_> = world.tables.documents("notes").map(|d| (d.id.as_str(), d.value().is_some())).collect();
    assert_eq!(documents, [("a", false), ("b", true)]);
    assert_eq!(world.tables.all_executions().collect::<Vec<_>>(), [("k1", 1), ("k2", 1)]);
    assert_eq!(world.tables.collections().collect::<Vec<_>>(), ["notes"]);
}
