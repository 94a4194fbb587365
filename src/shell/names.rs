//! Property names as JavaScript strings, kept.
//!
//! Making a JavaScript string of a Rust one costs more than reading the property. Records have few and repeating
//! names, so a small table of fixed size keeps them; it forgets by overwriting and never grows.

use core::cell::RefCell;
use wasm_bindgen::JsValue;

/// Each text has two places next to each other.
const PLACES: usize = 512;
const LONGEST: usize = 40;
const LONGEST_WORD: usize = 16;

type Place = Option<(Box<str>, JsValue)>;

thread_local! {
    static NAMES: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
}

/// The JavaScript string of a property name.
pub(crate) fn name(text: &str) -> JsValue {
    if text.len() > LONGEST {
        return JsValue::from_str(text);
    }
    NAMES.with_borrow_mut(|names| {
        if names.is_empty() {
            names.resize_with(PLACES, || None);
        }
        let at = place_of(text);
        for place in &names[at..at + 2] {
            if let Some((_, value)) = place.as_ref().filter(|(known, _)| **known == *text) {
                return value.clone();
            }
        }
        names.swap(at, at + 1);
        names[at].insert((text.into(), JsValue::from_str(text))).1.clone()
    })
}

/// The JavaScript string of a text, kept when it is a short one: most of those are words that come again.
pub(crate) fn word(text: &str) -> JsValue {
    if text.len() > LONGEST_WORD {
        return JsValue::from_str(text);
    }
    name(text)
}

fn place_of(text: &str) -> usize {
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(16_777_619);
    text.bytes().fold(2_166_136_261, mix) as usize % (PLACES / 2) * 2
}
