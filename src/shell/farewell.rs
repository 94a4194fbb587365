//! The word a page leaves when it goes: which tab's lease need not run out.
//!
//! Left in localStorage, which is synchronous and may be written while a page goes; IndexedDB may not (pitfalls A24). A
//! hint and nothing more: without it, or with a wrong one, the lease runs out by itself and the epoch fences (A13).

use super::document::JsDoc;
use crate::model::Document;
use js_sys::{Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// Leaves the word of a database's tab.
pub fn leave(name: &str, word: &JsDoc) {
    call("setItem", &[key(name), word.to_json().into()]);
}

/// The word that the last page of this database left; it is taken away.
pub fn found(name: &str) -> Option<JsDoc> {
    let word = call("getItem", &[key(name)])?.as_string()?;
    call("removeItem", &[key(name)]);
    JsDoc::parse(&word)
}

fn key(name: &str) -> JsValue {
    ["seakeep:left:", name].concat().into()
}

/// A call of localStorage; a host without it, or one that refuses it, has no word to give.
fn call(method: &str, arguments: &[JsValue]) -> Option<JsValue> {
    let storage = Reflect::get(&js_sys::global(), &"localStorage".into()).ok().filter(JsValue::is_object)?;
    let method: Function = Reflect::get(&storage, &method.into()).ok()?.dyn_into().ok()?;
    Reflect::apply(&method, &storage, &arguments.iter().collect()).ok()
}
