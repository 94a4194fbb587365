//! Property names as JavaScript strings, kept.
//!
//! Making a JavaScript string of a Rust one costs more than reading the property. Records have few and repeating
//! names, so a small table of fixed size keeps them; it forgets by overwriting and never grows.

use core::cell::RefCell;
use wasm_bindgen::JsValue;

const PLACES: usize = 128;
const LONGEST: usize = 40;

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
        let place = &mut names[place_of(text)];
        match place {
            Some((known, value)) if **known == *text => value.clone(),
            _ => place.insert((text.into(), JsValue::from_str(text))).1.clone(),
        }
    })
}

fn place_of(text: &str) -> usize {
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(16_777_619);
    text.bytes().fold(2_166_136_261, mix) as usize % PLACES
}
