//! Whether `commit` may be called before the requests have succeeded.
//!
//! It saves a way to the browser's process and back. But where a request fails after `commit`, not every browser takes
//! the transaction back: one commits what is left of it. So the first opening of a page tries it out on a transaction
//! whose end is nothing either way, and until then and in such a browser transactions end by themselves.

use super::fault::Fault;
use super::open::Handle;
use super::schema::META;
use super::tx::{Mode, Tx};
use crate::shell::names::name;
use core::cell::Cell;
use wasm_bindgen::JsValue;

thread_local! {
    static SAFE: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Whether a failing request takes its transaction back even after `commit`.
pub(super) fn is_safe() -> bool {
    SAFE.get().unwrap_or(false)
}

/// Finds out, once for the page. What cannot be tried counts as not safe and is tried again at the next opening.
pub(super) async fn try_out(handle: &Handle) {
    if SAFE.get().is_none() {
        SAFE.set(is_taken_back(handle).await.ok());
    }
}

async fn is_taken_back(handle: &Handle) -> Result<bool, Fault> {
    let key: JsValue = name("probe");
    let tx = Tx::begin(handle, [META], Mode::Relaxed)?;
    let meta = tx.store(META)?;
    meta.put(&JsValue::NULL, Some(&key))?;
    meta.add(&JsValue::NULL, Some(&key))?;
    meta.delete(key)?;
    Ok(tx.commit_now().is_ok() && tx.end().await.is_err())
}
