//! Versions, upgrades and other tabs.

use crate::contract::{doc, row, writing, NOTES};
use crate::{config, destroy, fresh_name, open, Store};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Promise, Reflect};
use seakeep::engine::query::{IndexDef, Query};
use seakeep::engine::store::Write;
use seakeep::model::{Code, Document};
use seakeep::shell::document::JsDoc;
use seakeep::shell::store::{StoreConfig, StoreEvent, Table};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{future_to_promise, JsFuture};
use wasm_bindgen_test::wasm_bindgen_test;

/// Raw IndexedDB, as other code on the page would use it.
#[wasm_bindgen(inline_js = r#"
export function makeOld(name, version, ids, keyPath) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.onerror = () => reject(request.error);
    request.onupgradeneeded = () => {
      const store = request.result.createObjectStore('notes', { keyPath });
      store.createIndex('by-name', 'name');
      for (const id of ids) store.put({ [keyPath]: id, name: `name ${id}`, doc: 'a field like any other', a: 1 });
      request.result.createObjectStore('elsewhere').put('kept', 'key');
    };
    request.onsuccess = () => { request.result.close(); resolve(); };
  });
}
export function holdOpen(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => { request.result.onversionchange = () => {}; resolve(request.result); };
  });
}
export function describe(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const db = request.result;
      const stores = [...db.objectStoreNames];
      const tx = db.transaction(stores);
      const described = { version: db.version, stores, indexes: [...tx.objectStore('notes').indexNames] };
      const all = stores.includes('elsewhere') ? tx.objectStore('elsewhere').get('key') : tx.objectStore('notes').count();
      all.onsuccess = () => { described.elsewhere = all.result; db.close(); resolve(described); };
    };
  });
}
"#)]
extern "C" {
    #[wasm_bindgen(js_name = makeOld)]
    fn make_old(name: &str, version: u32, ids: &Array, key_path: &str) -> Promise;
    #[wasm_bindgen(js_name = holdOpen)]
    fn hold_open(name: &str) -> Promise;
    fn describe(name: &str) -> Promise;
}

async fn settled(promise: Promise) -> JsDoc {
    JsDoc(JsFuture::from(promise).await.expect("raw IndexedDB works"))
}

fn put(json: &str) -> Write<JsDoc> {
    Write::PutMain(NOTES.into(), row(&doc(json)))
}

async fn names(store: &Store) -> Vec<String> {
    let all = store.query(NOTES, &Query::default()).await.expect("few rows");
    all.iter().filter_map(|doc| JsDoc(doc).text_of("name")).collect()
}

#[wasm_bindgen_test]
async fn a_01_a_database_of_older_code_is_upgraded_without_losing_a_document() {
    let name = fresh_name();
    let ids: Array = (0..1_203).map(|at| JsValue::from(format!("n{at:05}"))).collect();
    ids.push(&7.into());
    settled(make_old(&name, 1, &ids, "id")).await;
    let mut config = config(&name, false);
    config.version = 2;
    let (store, _) = open(config.clone()).await.expect("the upgrade");
    assert_eq!(names(&store).await.len(), 1_204);
    let kept = JsDoc(store.get(NOTES, "n00042").await.expect("reading"));
    assert!(kept.same(&doc(r#"{"id":"n00042","name":"name n00042","doc":"a field like any other","a":1}"#)));
    assert_eq!(JsDoc(store.get(NOTES, "7").await.expect("reading")).text_of("id").as_deref(), Some("7"));
    let by_a = crate::contract::query(r#"{"where":[{"path":"a","op":"eq","value":1}]}"#);
    assert_eq!(store.count(NOTES, &by_a).await.expect("counting"), 1_204, "the index knows them");
    let meta = store.meta_of(NOTES, "n00042").await.expect("reading").expect("it is there");
    assert_eq!(meta.number_of("updatedAt"), Some(1_700_000_000_000.0));
    assert!(meta.get("syncedAt").is_none(), "no server is known to have it");
    store.close();
    let (store, _) = open(config).await.expect("opening again");
    assert_eq!(names(&store).await.len(), 1_204, "they are wrapped once");
    store.close();
    let described = settled(describe(&name)).await;
    assert_eq!(described.number_of("version"), Some(2.0));
    assert_eq!(described.text_of("elsewhere").as_deref(), Some("kept"), "a store that is not declared is kept");
}

#[wasm_bindgen_test]
async fn a_store_with_another_key_is_refused_and_left_alone() {
    let name = fresh_name();
    settled(make_old(&name, 1, &Array::of1(&"n1".into()), "uuid")).await;
    let mut config = config(&name, false);
    config.version = 2;
    assert_eq!(open(config).await.err().map(|failure| failure.code), Some(Code::SchemaChanged));
    assert_eq!(settled(describe(&name)).await.number_of("version"), Some(1.0), "the upgrade was taken back");
}

#[wasm_bindgen_test]
async fn a_newer_database_is_refused() {
    let name = fresh_name();
    let mut config = config(&name, false);
    config.version = 9;
    open(config.clone()).await.expect("opening").0.close();
    config.version = 3;
    let refused = open(config).await.map(|_| ()).expect_err("the database is newer");
    assert_eq!(refused.code, Code::DbVersionNewer);
    assert!(refused.message.contains('9') && refused.message.contains('3'), "{refused}");
}

#[wasm_bindgen_test]
async fn a_database_of_a_later_writer_is_refused_whatever_its_schema() {
    let name = fresh_name();
    let older = config(&name, false);
    let (old, heard) = open(older.clone()).await.expect("opening");
    old.run(writing(vec![put(r#"{"id":"n1","name":"x"}"#)])).await.expect("writing");
    let mut newer = older.clone();
    newer.writer = 2;
    let (store, _) = open(newer.clone()).await.expect("the older writer gives way");
    assert_eq!(*heard.borrow(), [StoreEvent::ClosedForUpgrade]);
    assert_eq!(names(&store).await, ["x"]);
    let late = old.run(writing(vec![put(r#"{"id":"n1","name":"late"}"#)])).await;
    assert_eq!(late.err().map(|failure| failure.code), Some(Code::DbVersionNewer));
    store.close();
    let mut raised = older;
    raised.version = 7;
    let refused = open(raised).await.err().expect("a higher schema does not help");
    assert_eq!(refused.code, Code::DbVersionNewer);
    assert!(refused.message.contains("writer 2"), "{}", refused.message);
    newer.version = 3;
    newer.writer = 3;
    open(newer.clone()).await.expect("a later writer and a later schema").0.close();
    (newer.version, newer.writer) = (2, 4);
    let refused = open(newer).await.err().expect("a later writer takes no schema down");
    assert_eq!(refused.code, Code::DbVersionNewer);
    let (store, _) = open(StoreConfig { writer: 3, version: 3, ..config(&name, false) }).await.expect("as it was");
    assert_eq!(names(&store).await, ["x"]);
    store.close();
}

#[wasm_bindgen_test]
async fn another_schema_needs_another_version() {
    let name = fresh_name();
    let first = config(&name, false);
    let (store, _) = open(first.clone()).await.expect("opening");
    store.run(writing(vec![put(r#"{"id":"n1","name":"x","z":4}"#)])).await.expect("writing");
    store.close();
    let index = IndexDef::new(vec!["z".into()], false, false);
    let mut more = first.clone();
    more.tables[0].indexes = vec![index];
    let mut other = first.clone();
    other.tables.push(Table { name: "other".into(), indexes: Vec::new(), references: Vec::new() });
    for changed in [&more, &other] {
        assert_eq!(open(changed.clone()).await.err().map(|failure| failure.code), Some(Code::SchemaChanged));
    }
    more.version = 2;
    let (store, _) = open(more).await.expect("the upgrade");
    assert_eq!(names(&store).await, ["x"], "rows stay rows");
    let by_z = crate::contract::query(r#"{"where":[{"path":"z","op":"eq","value":4}]}"#);
    assert_eq!(store.count(NOTES, &by_z).await.expect("counting"), 1);
    store.close();
    let described = settled(describe(&name)).await;
    let indexes = described.get("indexes").and_then(|names| names.as_list()).unwrap_or_default();
    let indexes: Vec<String> = indexes.iter().filter_map(Document::as_text).collect();
    assert_eq!(indexes, ["#gone", "owner", "z"], "indexes that are not declared any more are removed");
}

#[wasm_bindgen_test]
async fn an_older_tab_gives_way_to_an_upgrade() {
    let name = fresh_name();
    let first = config(&name, false);
    let (old, heard) = open(first.clone()).await.expect("opening");
    let mut second = first;
    second.version = 2;
    let old = Rc::new(old);
    let writer = old.clone();
    let written = future_to_promise(async move {
        let plan = writing(vec![put(r#"{"id":"n1","name":"last word"}"#)]);
        writer.run(plan).await.map(|()| JsValue::UNDEFINED).map_err(|failure| failure.to_string().into())
    });
    let (new, _) = open(second).await.expect("the older tab gives way");
    settled(written).await;
    assert_eq!(*heard.borrow(), [StoreEvent::ClosedForUpgrade]);
    assert_eq!(old.get(NOTES, "n1").await.err().map(|failure| failure.code), Some(Code::DbVersionNewer));
    assert_eq!(names(&new).await, ["last word"]);
}

#[wasm_bindgen_test]
async fn a_tab_that_holds_on_is_told_about_and_waited_for() {
    let name = fresh_name();
    open(config(&name, false)).await.expect("opening").0.close();
    let held = settled(hold_open(&name)).await;
    let mut second = config(&name, false);
    second.version = 2;
    let heard = crate::Heard::default();
    let told = heard.clone();
    wasm_bindgen_futures::spawn_local(async move {
        TimeoutFuture::new(300).await;
        let close = Reflect::get(&held.0, &"close".into()).expect("a connection can be closed");
        close.unchecked_into::<js_sys::Function>().call0(&held.0).expect("closing");
    });
    let opened = Store::open(second, Rc::new(move |event| told.borrow_mut().push(event))).await;
    opened.expect("it was let go").close();
    assert_eq!(*heard.borrow(), [StoreEvent::UpgradeBlocked]);
}

#[wasm_bindgen_test]
async fn an_upgrade_that_stays_blocked_ends_and_leaves_nothing_behind() {
    let name = fresh_name();
    let (store, _) = open(config(&name, false)).await.expect("opening");
    store.run(writing(vec![put(r#"{"id":"n1","name":"x"}"#)])).await.expect("writing");
    store.close();
    let held = settled(hold_open(&name)).await;
    let mut second = config(&name, false);
    second.version = 2;
    let refused = open(second).await.err().map(|failure| failure.code);
    assert_eq!(refused, Some(Code::DbUpgradeBlocked));
    let close = Reflect::get(&held.0, &"close".into()).expect("a connection can be closed");
    close.unchecked_into::<js_sys::Function>().call0(&held.0).expect("closing");
    // The browser runs the upgrade now that nobody waits for it; it must be taken back.
    TimeoutFuture::new(200).await;
    let (store, _) = open(config(&name, false)).await.expect("version 1 is still there");
    assert_eq!(names(&store).await, ["x"]);
}

#[wasm_bindgen_test]
async fn a_deleted_database_is_let_go() {
    let name = fresh_name();
    let (store, heard) = open(config(&name, false)).await.expect("opening");
    destroy(&name).await.expect("the open handle gives way");
    assert_eq!(*heard.borrow(), [StoreEvent::Deleted]);
    assert!(store.get(NOTES, "n1").await.is_err());
}
