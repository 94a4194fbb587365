//! Keys and ranges as IndexedDB's own.

use super::fault::Fault;
use crate::engine::query::{Key, Range};
use idb::KeyRange;
use js_sys::Array;
use wasm_bindgen::JsValue;

/// A key as a value.
pub(super) fn value_of(key: &Key) -> JsValue {
    match key {
        Key::Number(number) => JsValue::from_f64(*number),
        Key::Text(text) => JsValue::from_str(text),
        Key::List(items) => items.iter().map(value_of).collect::<Array>().into(),
    }
}

/// A range as the argument of a request; none when it is open at both ends.
pub(super) fn query_of(range: &Range) -> Result<Option<idb::Query>, Fault> {
    let made = match (&range.lower, &range.upper) {
        (None, None) => return Ok(None),
        (Some((lower, open)), None) => KeyRange::lower_bound(&value_of(lower), Some(*open)),
        (None, Some((upper, open))) => KeyRange::upper_bound(&value_of(upper), Some(*open)),
        (Some((lower, after)), Some((upper, before))) => {
            KeyRange::bound(&value_of(lower), &value_of(upper), Some(*after), Some(*before))
        }
    };
    Ok(Some(made?.into()))
}
