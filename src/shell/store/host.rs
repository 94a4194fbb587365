//! The parts of IndexedDB that every read and write goes through, as the browser has them.
//!
//! The `idb` crate opens, upgrades and deletes. Its requests are futures, each with closures of its own; a transaction
//! here listens once for all of its requests, so these bindings are of the plain calls. They also know durability and
//! bulk reading backwards, which no crate offers.

use super::tx::Mode;
use crate::model::Document;
use crate::shell::document::JsDoc;
use crate::shell::names::name;
use js_sys::{Array, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{IdbDatabase, IdbRequest, IdbTransaction};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = js_sys::Object, js_name = IDBDatabase)]
    type Durable;
    #[wasm_bindgen(method, catch, structural)]
    fn transaction(
        this: &Durable,
        stores: &JsValue,
        mode: &JsValue,
        options: &JsValue,
    ) -> Result<IdbTransaction, JsValue>;

    #[wasm_bindgen(extends = js_sys::Object, js_name = IDBTransaction)]
    pub(super) type Scoped;
    #[wasm_bindgen(method, catch, structural, js_name = objectStore)]
    pub(super) fn object_store(this: &Scoped, name: &JsValue) -> Result<Place, JsValue>;

    /// An object store or an index: where rows are.
    #[wasm_bindgen(extends = js_sys::Object, js_name = IDBObjectStore)]
    #[derive(Clone)]
    pub(super) type Place;
    #[wasm_bindgen(method, catch, structural)]
    pub(super) fn index(this: &Place, name: &JsValue) -> Result<Place, JsValue>;
    #[wasm_bindgen(method, catch, structural)]
    pub(super) fn get(this: &Place, key: &JsValue) -> Result<IdbRequest, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = getKey)]
    pub(super) fn get_key(this: &Place, key: &JsValue) -> Result<IdbRequest, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = getAll)]
    pub(super) fn get_all(this: &Place, keys: &JsValue, count: u32) -> Result<IdbRequest, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = getAllKeys)]
    pub(super) fn get_all_keys(this: &Place, keys: &JsValue, count: u32) -> Result<IdbRequest, JsValue>;
    #[wasm_bindgen(method, catch, structural)]
    pub(super) fn count(this: &Place, keys: &JsValue) -> Result<IdbRequest, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = openCursor)]
    pub(super) fn open_cursor(this: &Place, keys: &JsValue, direction: &JsValue) -> Result<IdbRequest, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = openKeyCursor)]
    pub(super) fn open_key_cursor(this: &Place, keys: &JsValue, direction: &JsValue) -> Result<IdbRequest, JsValue>;
    #[wasm_bindgen(method, catch, structural, js_name = getAllRecords)]
    fn get_all_records(this: &Place, options: &JsValue) -> Result<IdbRequest, JsValue>;
    #[wasm_bindgen(method, catch, structural)]
    pub(super) fn put(this: &Place, value: &JsValue, key: &JsValue) -> Result<IdbRequest, JsValue>;
    #[wasm_bindgen(method, catch, structural)]
    pub(super) fn add(this: &Place, value: &JsValue, key: &JsValue) -> Result<IdbRequest, JsValue>;
    #[wasm_bindgen(method, catch, structural)]
    pub(super) fn delete(this: &Place, key: &JsValue) -> Result<IdbRequest, JsValue>;
}

/// Opens a transaction, for writing with a durability; hosts that know none ignore it.
pub(super) fn transaction(database: &IdbDatabase, stores: &[&str], mode: Mode) -> Result<IdbTransaction, JsValue> {
    let database = database.unchecked_ref::<Durable>();
    let stores = match stores {
        [one] => name(one),
        all => all.iter().map(|store| name(store)).collect::<Array>().into(),
    };
    let durability = match mode {
        Mode::Read => return database.transaction(&stores, &name("readonly"), &JsValue::UNDEFINED),
        Mode::Relaxed => "relaxed",
        Mode::Strict => "strict",
    };
    let options = JsDoc::of(&[("durability", Some(JsDoc::text(durability)))]);
    database.transaction(&stores, &name("readwrite"), &options.0)
}

/// Asks for the last records of a range, from the last backwards; `None` where the host cannot.
pub(super) fn last_records(place: &Place, range: &JsValue, count: u32) -> Option<Result<IdbRequest, JsValue>> {
    if !Reflect::has(place, &name("getAllRecords")).unwrap_or(false) {
        return None;
    }
    let options = JsDoc::of(&[
        ("query", Some(JsDoc(range.clone()))),
        ("count", Some(JsDoc::number(f64::from(count)))),
        ("direction", Some(JsDoc::text("prev"))),
    ]);
    Some(place.get_all_records(&options.0))
}
