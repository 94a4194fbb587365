//! Property names as JavaScript strings, kept.
//!
//! Making a JavaScript string of a Rust one costs more than reading the property. Records have few and repeating
//! names, so a small table of fixed size keeps them; it forgets by overwriting and never grows. Of longer texts only the
//! last few are kept, in places of their own: an id comes in once and goes out several times.

use core::cell::RefCell;
use wasm_bindgen::JsValue;

/// Each text has two places next to each other.
const PLACES: usize = 512;
/// Places of longer texts, behind those of names.
const RECENT: usize = 64;
const LONGEST: usize = 40;
const LONGEST_WORD: usize = 16;

type Place = Option<(Box<str>, JsValue)>;

thread_local! {
    static NAMES: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
}

/// The JavaScript string of a property name.
pub(crate) fn name(text: &str) -> JsValue {
    kept(text, text.len() <= LONGEST, None)
}

/// The JavaScript string of a text: a short one is mostly a word that comes again, a longer one may just have been here.
pub(crate) fn word(text: &str) -> JsValue {
    kept(text, text.len() <= LONGEST_WORD, None)
}

/// Keeps the JavaScript string that a text came from, unless it is a word, or one that may not have come over whole: of
/// half a surrogate pair another character is made.
pub(crate) fn came(text: &str, value: &JsValue) {
    if text.len() > LONGEST_WORD && text.is_ascii() {
        drop(kept(text, false, Some(value)));
    }
}

/// The string of a text, kept among the names or among the last texts; made where it is not there.
fn kept(text: &str, is_name: bool, value: Option<&JsValue>) -> JsValue {
    let made = || value.map_or_else(|| JsValue::from_str(text), JsValue::clone);
    if text.len() > LONGEST {
        return made();
    }
    NAMES.with_borrow_mut(|names| {
        if names.is_empty() {
            names.resize_with(PLACES + RECENT, || None);
        }
        let (from, places) = if is_name { (0, PLACES) } else { (PLACES, RECENT) };
        let at = from + hash(text) % (places / 2) * 2;
        for place in &names[at..at + 2] {
            if let Some((_, value)) = place.as_ref().filter(|(known, _)| **known == *text) {
                return value.clone();
            }
        }
        names.swap(at, at + 1);
        names[at].insert((text.into(), made())).1.clone()
    })
}

fn hash(text: &str) -> usize {
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(16_777_619);
    text.bytes().fold(2_166_136_261, mix) as usize
}
