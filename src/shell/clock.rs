//! The wall clock and the source of chance: the only file that asks the host for either.
//!
//! Nothing here interprets a time; the engine copes with clocks that jump (pitfalls E1). Chance comes from WebCrypto
//! alone; without it nothing is opened (pitfalls F14).

use crate::model::{Code, Failure, Time};
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

/// Milliseconds since the Unix epoch; a clock before it counts as standing at it.
#[allow(clippy::disallowed_methods, reason = "this is the clock adapter")]
pub fn now() -> Time {
    js_sys::Date::now().max(0.0) as Time
}

/// 256 random bits.
pub fn seed() -> Result<[u64; 4], Failure> {
    let bytes = Uint8Array::new_with_length(32);
    fill(&bytes).ok_or_else(missing)?;
    let bytes = bytes.to_vec();
    let word = |at: usize| bytes[at * 8..at * 8 + 8].iter().fold(0, |word: u64, byte| word << 8 | u64::from(*byte));
    Ok([word(0), word(1), word(2), word(3)])
}

/// So many random bytes, which no store makes fewer.
pub fn noise(length: u32) -> Uint8Array {
    /// The host gives no more at once.
    const MOST: u32 = 1 << 16;
    let bytes = Uint8Array::new_with_length(length);
    for at in 0..length / MOST {
        let _ = fill(&bytes.subarray(at * MOST, (at + 1) * MOST));
    }
    bytes
}

/// Fills them with chance; `None` where the host has none.
fn fill(bytes: &Uint8Array) -> Option<()> {
    let crypto = Reflect::get(&js_sys::global(), &"crypto".into()).ok().filter(JsValue::is_object)?;
    let fill: js_sys::Function = Reflect::get(&crypto, &"getRandomValues".into()).ok()?.dyn_into().ok()?;
    fill.call1(&crypto, bytes).ok().map(drop)
}

fn missing() -> Failure {
    Failure::new(Code::StorageUnavailable, "this host has no WebCrypto, so no ids can be made")
}
