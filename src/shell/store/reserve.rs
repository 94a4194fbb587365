//! A reserve of space in each database, given up when the browser gives no more: then bookkeeping still gets through, and
//! what is acknowledged frees the space of its change (pitfalls B4).
//!
//! Laid after an opening that finds none, in a transaction of its own that may fail. What the app writes never gets it.

use super::open::Handle;
use super::schema::META;
use super::tx::{Mode, Outcome, Tx};
use crate::shell::clock;
use std::rc::Rc;

/// Its key in `meta`.
pub(super) const RESERVE: &str = "reserve";
/// Its size, in bytes.
const SIZE: u32 = 1 << 19;

/// Lays it.
pub(super) fn lay(handle: &Rc<Handle>) {
    let start = |tx: &Tx| {
        tx.store(META)?.put(&clock::noise(SIZE), &RESERVE.into())?;
        tx.commit()
    };
    // Without room for it there is none.
    Tx::begin(handle, &[META], Mode::Relaxed, &start, Box::new(|_| ()));
}

/// Gives it up: a deletion needs no space.
pub(super) fn spend(tx: &Tx) -> Outcome {
    tx.store(META)?.delete(&RESERVE.into())?;
    tx.commit()
}
