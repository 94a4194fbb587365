//! Pages, checkpoints, entity tags of pages.
//!
//! Judged from outside, through `MemoryTables::handle` only.

use serde_json::json;

use super::{code, ids, CoreRequest, World};

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
    for (target, expected) in
        [("/notes", 200), ("/notes?limit=0", 1), ("/notes?limit=5000", 1_000), ("/notes?limit=7", 7)]
    {
        assert_eq!(ids(&world.page(target)).len(), expected, "{target}");
    }
}

#[test]
fn an_unchanged_page_is_304_at_its_own_url() {
    let mut world = World::new();
    world.put_new("a", &json!({}));
    let tag = world.get("/notes").header_value("etag").map(str::to_owned).expect("a tag");
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
        assert_eq!((response.status, code(&response).as_str()), (410, "unknown-checkpoint"), "{since}");
    }
    let backup = world.tables.clone();
    world.put_new("b", &json!({}));
    world.tables = backup;
    world.tables.set_epoch("e2");
    assert_eq!(world.get("/notes?since=1.e1").status, 410);
    assert_eq!(world.page("/notes")["epoch"], "e2");
}
