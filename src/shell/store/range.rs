//! Keys and ranges as IndexedDB's own.

use super::fault::Fault;
use crate::engine::query::{Key, Range};
use js_sys::Array;
use wasm_bindgen::JsValue;
use web_sys::IdbKeyRange;

/// A key as a value.
pub(super) fn value_of(key: &Key) -> JsValue {
    match key {
        Key::Number(number) => JsValue::from_f64(*number),
        Key::Text(text) => JsValue::from_str(text),
        Key::List(items) => items.iter().map(value_of).collect::<Array>().into(),
    }
}

/// All keys after one.
pub(super) fn after_key(key: &JsValue) -> Result<JsValue, Fault> {
    Ok(IdbKeyRange::lower_bound_with_open(key, true)?.into())
}

/// All keys from one to another, both included.
pub(super) fn between(first: &JsValue, last: &JsValue) -> Result<JsValue, Fault> {
    bound(first, last, false, false)
}

fn bound(first: &JsValue, last: &JsValue, after: bool, before: bool) -> Result<JsValue, Fault> {
    Ok(IdbKeyRange::bound_with_lower_open_and_upper_open(first, last, after, before)?.into())
}

/// A range as the argument of a request; `null` when it is open at both ends.
pub(super) fn query_of(range: &Range) -> Result<JsValue, Fault> {
    Ok(match (&range.lower, &range.upper) {
        (None, None) => JsValue::NULL,
        (Some((lower, open)), None) => IdbKeyRange::lower_bound_with_open(&value_of(lower), *open)?.into(),
        (None, Some((upper, open))) => IdbKeyRange::upper_bound_with_open(&value_of(upper), *open)?.into(),
        (Some((lower, after)), Some((upper, before))) => bound(&value_of(lower), &value_of(upper), *after, *before)?,
    })
}
