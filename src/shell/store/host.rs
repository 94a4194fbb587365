//! Parts of IndexedDB that the binding crates do not offer: durability, and bulk reading backwards.

use crate::shell::names::name;
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{IdbDatabase, IdbRequest, IdbTransaction};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = js_sys::Object, js_name = IDBDatabase)]
    type Durable;
    #[wasm_bindgen(method, catch, structural)]
    fn transaction(
        this: &Durable,
        stores: &Array,
        mode: &JsValue,
        options: &JsValue,
    ) -> Result<IdbTransaction, JsValue>;

    #[wasm_bindgen(extends = js_sys::Object, js_name = IDBObjectStore)]
    type Bulk;
    #[wasm_bindgen(method, catch, structural, js_name = getAllRecords)]
    fn get_all_records(this: &Bulk, options: &JsValue) -> Result<IdbRequest, JsValue>;
}

/// Opens a transaction, for writing with a durability; hosts that know none ignore it.
pub(super) fn transaction(
    database: &IdbDatabase,
    stores: &Array,
    durability: Option<&str>,
) -> Result<IdbTransaction, JsValue> {
    let database = database.unchecked_ref::<Durable>();
    match durability {
        None => database.transaction(stores, &name("readonly"), &JsValue::UNDEFINED),
        Some(durability) => {
            database.transaction(stores, &name("readwrite"), &object(&[("durability", name(durability))]))
        }
    }
}

/// Asks for the last records of a range, from the last backwards; `None` where the host cannot.
pub(super) fn last_records(source: &JsValue, range: &JsValue, count: u32) -> Option<Result<IdbRequest, JsValue>> {
    if !Reflect::has(source, &name("getAllRecords")).unwrap_or(false) {
        return None;
    }
    let options = object(&[("query", range.clone()), ("count", count.into()), ("direction", name("prev"))]);
    Some(source.unchecked_ref::<Bulk>().get_all_records(&options))
}

/// A plain object of the given properties.
pub(super) fn object(properties: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (property, value) in properties {
        // Setting an ordinary property of a fresh object cannot fail.
        let _ = Reflect::set(&object, &name(property), value);
    }
    object.into()
}
