//! Whether `commit` may be called before the requests have succeeded.
//!
//! It saves a way to the browser's process and back. But where a request fails after `commit`, not every browser takes
//! the transaction back: one commits what is left of it. So the first opening of a page tries it out on a transaction
//! whose end is nothing either way, and until then and in such a browser transactions end by themselves.

use super::open::Handle;
use super::schema::META;
use super::tx::{Mode, Outcome, Tx};
use crate::shell::names::name;
use core::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::JsValue;

thread_local! {
    static SAFE: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Whether a failing request takes its transaction back even after `commit`.
pub(super) fn is_safe() -> bool {
    SAFE.get().unwrap_or(false)
}

/// Finds out, once for the page. What cannot be tried counts as not safe and is tried again at the next opening.
pub(super) fn try_out(handle: &Handle, then: Box<dyn FnOnce()>) {
    if SAFE.get().is_some() {
        return then();
    }
    let tried = Rc::new(Cell::new(false));
    let began = tried.clone();
    let ended = Box::new(move |end: Result<JsValue, _>| {
        SAFE.set(tried.get().then_some(end.is_err()));
        then();
    });
    Tx::begin(handle, &[META], Mode::Relaxed, &|tx| fail_after_commit(tx, &began), ended);
}

fn fail_after_commit(tx: &Tx, tried: &Cell<bool>) -> Outcome {
    let key = name("probe");
    let meta = tx.store(META)?;
    meta.put(&JsValue::NULL, &key)?;
    meta.add(&JsValue::NULL, &key)?;
    meta.delete(&key)?;
    tx.commit_now()?;
    tried.set(true);
    tx.wait();
    Ok(())
}
