//! A panic ends the instance, not the app: every open client is told, once (pitfalls decision 9, F1).

use js_sys::Function;
use std::cell::RefCell;
use std::sync::Once;
use wasm_bindgen::JsValue;

thread_local! {
    static OPEN: RefCell<Vec<(u32, Function)>> = const { RefCell::new(Vec::new()) };
}

static HOOK: Once = Once::new();

/// Tells `crashed` when the instance panics, as long as the number is not forgotten.
pub(super) fn remember(number: u32, crashed: Function) {
    HOOK.call_once(|| std::panic::set_hook(Box::new(|panic| tell(panic.location()))));
    OPEN.with_borrow_mut(|open| open.push((number, crashed)));
}

/// A closed client has nothing to be told.
pub(super) fn forget(number: u32) {
    OPEN.with_borrow_mut(|open| open.retain(|(other, _)| *other != number));
}

/// Says where, never what: a panic's text could quote a document.
fn tell(location: Option<&std::panic::Location<'_>>) {
    let place = location.map_or_else(String::new, |at| [at.file(), ":", &at.line().to_string()].concat());
    let open = OPEN.try_with(|open| open.try_borrow_mut().map(|mut open| std::mem::take(&mut *open)));
    for (_, crashed) in open.into_iter().flatten().flatten() {
        // Nothing is left to do with what a hook throws.
        let _ = crashed.call1(&JsValue::NULL, &JsValue::from_str(&place));
    }
}
