//! Reads that speak the border's shapes, on both of the browser's stores.

use crate::contract::bodies::{note, pending};
use crate::contract::{doc, put_all, query, row, writing, Backend, NOTES};
use crate::{config, destroy, fresh_name, open, pending_exists, Idb, Memory, Store};
use js_sys::Reflect;
use seakeep::engine::query::Query;
use seakeep::engine::store::{MetaKey, Write};
use seakeep::model::{Code, Document, Failure, Mark, PendingState, PullState, Record, Row};
use seakeep::shell::document::JsDoc;
use seakeep::shell::store::PendingQuery;
use wasm_bindgen_test::wasm_bindgen_test;

fn row_with(id: &str, lane: &[u64], local: bool) -> Write<JsDoc> {
    let json = format!(r#"{{"id":"{id}"}}"#);
    Write::PutMain(NOTES.into(), Row { lane: lane.to_vec(), local, ..row(&doc::<JsDoc>(&json)) })
}

fn change(seq: u64, state: PendingState) -> Write<JsDoc> {
    let failed = Failure::new(Code::Server, "the server failed").with_status(503);
    let row = pending::<JsDoc>(seq, "n1", &seq.to_string());
    Write::AddPending(seakeep::model::Pending { state, retry_count: seq as u32, last_error: Some(failed), ..row })
}

async fn states_and_meta(store: &Store) {
    let writes = vec![
        row_with("n1", &[], false),
        row_with("n2", &[1], false),
        row_with("n3", &[1, 2], false),
        row_with("n4", &[2, 3], false),
        row_with("n5", &[3, 4, 1], false),
        row_with("n6", &[], true),
        row_with("n7", &[99], false),
        Write::PutMain(NOTES.into(), Row { lane: vec![1], ..Row::fresh("n8", 1) }),
        change(1, PendingState::Waiting),
        change(2, PendingState::Sending),
        change(3, PendingState::Conflict),
        change(4, PendingState::Parked),
    ];
    store.run(writing(writes)).await.expect("writing");
    let (rows, complete) = store.rows(NOTES, &Query::default()).await.expect("reading");
    let states: Vec<String> = rows.iter().filter_map(|row| JsDoc(row).text_of("state")).collect();
    assert_eq!(states, ["synced", "pending", "sending", "conflict", "parked", "local", "pending"]);
    assert!(!complete);
    let pulled = PullState::<JsDoc> { completed_at: Some(5), ..PullState::default() };
    let write = Write::PutMeta(MetaKey::Pull(NOTES.into()), pulled.to_record());
    store.run(writing(vec![write])).await.expect("writing");
    assert!(store.rows(NOTES, &Query::default()).await.expect("reading").1);

    let meta = store.meta_of(NOTES, "n5").await.expect("reading").expect("it is there");
    assert_eq!(meta.text_of("state").as_deref(), Some("parked"));
    assert_eq!(meta.number_of("attempts"), Some(4.0));
    assert_eq!(meta.get("lastError").and_then(|error| error.text_of("code")).as_deref(), Some("SERVER"));
    assert!(store.meta_of(NOTES, "n8").await.expect("reading").is_some(), "a waiting deletion has its meta");
    assert!(store.meta_of(NOTES, "n0").await.expect("reading").is_none());
}

async fn outbox_and_settings(store: &Store) {
    let before = store.mark().await.expect("reading");
    let writes: Vec<Write<JsDoc>> = (1..=700)
        .map(|seq| change(seq, if seq % 2 == 0 { PendingState::Parked } else { PendingState::Waiting }))
        .collect();
    store.run(writing(writes)).await.expect("writing");
    let after = store.mark().await.expect("reading");
    assert_ne!(before, after, "a row in the outbox moves the mark");
    let applied = Write::PutMeta(MetaKey::Mark, Mark { applied: 1, audited: 0 }.to_record());
    store.run(writing(vec![applied])).await.expect("writing");
    assert_ne!(store.mark().await.expect("reading"), after, "the counter moves the mark");

    assert_eq!(store.pending_count(None).await.expect("reading"), 700);
    assert_eq!(store.pending_count(Some(PendingState::Parked)).await.expect("reading"), 350);
    let asked = PendingQuery { state: Some(PendingState::Waiting), after: 597, limit: 3, ..PendingQuery::default() };
    let listed = store.pending_list(&asked).await.expect("reading");
    assert_eq!(listed.iter().map(|row| row.seq).collect::<Vec<_>>(), [599, 601, 603]);
    let elsewhere = PendingQuery { collection: Some("other".into()), limit: 9, ..PendingQuery::default() };
    assert!(store.pending_list(&elsewhere).await.expect("reading").is_empty());

    let dark = Write::Setting("theme".into(), Some(doc(r#"{"dark":true}"#)));
    store.run(writing(vec![dark])).await.expect("writing");
    assert!(JsDoc(store.setting("theme").await.expect("reading")).flag("dark"));
    store.run(writing(vec![Write::Setting("theme".into(), None)])).await.expect("writing");
    assert!(store.setting("theme").await.expect("reading").is_undefined());
}

async fn documents_are_the_callers_own<B: Backend<Doc = JsDoc>>(store: &B) {
    put_all(store, &[doc(r#"{"id":"n1","deep":{"list":[1]}}"#)]).await;
    for asked in 0..2 {
        let found = match asked {
            0 => store.get("n1").await.expect("it is there"),
            _ => store.query(&Query::default()).await.expect("one").remove(0),
        };
        let deep = found.get("deep").expect("it was written");
        Reflect::set(&deep.0, &"list".into(), &"changed".into()).expect("a plain object");
    }
    let kept = store.get("n1").await.expect("it is there");
    assert!(kept.same(&doc(r#"{"id":"n1","deep":{"list":[1]}}"#)), "nobody else sees it");
}

async fn many_at_once(store: &Store) {
    let docs = (0..50).map(|at| row_with(&format!("n{at}"), &[], false)).collect();
    store.run(writing(docs)).await.expect("writing");
    let ids: Vec<String> = (0..60).map(|at| format!("n{at}")).collect();
    let found = store.get_many(NOTES, &ids).await.expect("reading");
    for (at, found) in found.iter().enumerate() {
        assert_eq!(JsDoc(found).text_of("id"), (at < 50).then(|| format!("n{at}")));
    }
    let unknown = store.get("nowhere", "n1").await.err().map(|failure| failure.code);
    assert_eq!(unknown, Some(Code::StoreUnknown));
}

async fn unique_values_stay_unique(memory: bool) {
    let mut config = config(&fresh_name(), memory);
    config.tables[0].indexes.push(seakeep::engine::query::IndexDef::new(vec!["code".into()], true, false));
    let (store, _) = open(config).await.expect("opening");
    let put = |json| Write::PutMain(NOTES.into(), row(&doc::<JsDoc>(json)));
    store.run(writing(vec![put(r#"{"id":"n1","code":"x"}"#)])).await.expect("writing");
    store.run(writing(vec![put(r#"{"id":"n1","code":"x","a":1}"#)])).await.expect("the same document");
    let both = vec![put(r#"{"id":"n2","code":"y"}"#), put(r#"{"id":"n3","code":"x"}"#)];
    let refused = store.run(writing(both)).await.expect_err("the value is taken");
    assert_eq!(refused.code, Code::UniqueViolation);
    assert!(!refused.message.contains('x') || !refused.message.contains("\"x\""), "no content in the message");
    assert!(store.get(NOTES, "n2").await.expect("reading").is_undefined(), "all or nothing");
}

async fn destroyed_is_gone(memory: bool) {
    let name = fresh_name();
    assert!(!pending_exists(&name).await.expect("asking"), "asking does not create it");
    assert!(!pending_exists(&name).await.expect("asking again"));
    let (store, _) = open(config(&name, memory)).await.expect("opening");
    assert!(!pending_exists(&name).await.expect("asking"));
    store.run(writing(vec![row_with("n1", &[1], false), change(1, PendingState::Waiting)])).await.expect("writing");
    assert!(pending_exists(&name).await.expect("asking"));
    store.close();
    destroy(&name).await.expect("nobody holds it");
    assert!(!pending_exists(&name).await.expect("asking"));
    let (store, _) = open(config(&name, memory)).await.expect("opening anew");
    assert_eq!(store.count(NOTES, &Query::default()).await.expect("counting"), 0);
}

macro_rules! on_both {
    ($($name:ident($store:ident) $body:expr;)*) => {
        mod on_indexed_db {
            use super::*;
            $(#[wasm_bindgen_test]
            async fn $name() {
                let $store = <Idb as Backend>::open().await;
                $body;
            })*
        }
        mod in_memory {
            use super::*;
            $(#[wasm_bindgen_test]
            async fn $name() {
                let $store = <Memory as Backend>::open().await;
                $body;
            })*
        }
    };
}

on_both! {
    rows_say_their_state(store) states_and_meta(&store.0).await;
    the_outbox_is_listed_and_the_mark_moves(store) outbox_and_settings(&store.0).await;
    a_changed_copy_changes_nothing_else(store) documents_are_the_callers_own(&store).await;
    get_many_keeps_the_order(store) many_at_once(&store.0).await;
}

#[wasm_bindgen_test]
async fn unique_values_stay_unique_on_indexed_db() {
    unique_values_stay_unique(false).await;
}

#[wasm_bindgen_test]
async fn unique_values_stay_unique_in_memory() {
    unique_values_stay_unique(true).await;
}

#[wasm_bindgen_test]
async fn destroyed_is_gone_on_indexed_db() {
    destroyed_is_gone(false).await;
}

#[wasm_bindgen_test]
async fn destroyed_is_gone_in_memory() {
    destroyed_is_gone(true).await;
}

#[wasm_bindgen_test]
async fn handles_of_one_name_share_a_database_in_memory() {
    let name = fresh_name();
    let (one, _) = open(config(&name, true)).await.expect("opening");
    let (other, _) = open(config(&name, true)).await.expect("opening");
    one.run(writing(vec![row_with("n1", &[], false)])).await.expect("writing");
    one.close();
    assert!(!other.get(NOTES, "n1").await.expect("reading").is_undefined());
    let alias = Write::PutAlias(note("pending-1-a"), "n1".into());
    other.run(writing::<JsDoc>(vec![alias])).await.expect("writing");
    assert!(!other.get(NOTES, "pending-1-a").await.expect("reading").is_undefined());
}

#[wasm_bindgen_test]
fn own_fields_only() {
    let plain = doc::<JsDoc>(r#"{"a":1,"__proto__":{"b":2},"constructor":5,"list":[1,2]}"#);
    assert_eq!(plain.number_of("a"), Some(1.0));
    assert!(plain.get("__proto__").is_none() && plain.get("b").is_none() && plain.get("toString").is_none());
    assert_eq!(plain.number_of("constructor"), Some(5.0));
    assert!(plain.at_path("list.length").is_none() && plain.at_path("list.0").is_none());
    assert!(doc::<JsDoc>(r#""text""#).get("length").is_none());
    let poisoned = plain.with(&[("__proto__", Some(doc(r#"{"b":2}"#))), ("c", Some(JsDoc::null())), ("a", None)]);
    assert!(poisoned.get("b").is_none());
    assert_eq!(poisoned.fields(), ["constructor", "list", "c"]);
    assert_eq!(plain.fields(), ["a", "constructor", "list"], "the original is as it was");
}

#[wasm_bindgen_test]
fn sameness_is_deep_and_ignores_the_order_of_fields() {
    let left = doc::<JsDoc>(r#"{"a":[1,{"b":null}],"c":"x"}"#);
    assert!(left.same(&doc(r#"{"c":"x","a":[1,{"b":null}]}"#)));
    for other in [r#"{"a":[1,{}],"c":"x"}"#, r#"{"a":[{"b":null},1],"c":"x"}"#, r#"{"a":{"0":1},"c":"x"}"#, "null"] {
        assert!(!left.same(&doc(other)), "{other}");
    }
    let _ = query("{}");
}
