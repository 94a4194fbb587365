//! The open transactions of the page, and one clock for their deadlines.
//!
//! A timer for each would cost as much as a read. This one ticks only while transactions are open, plus once; a
//! transaction that sees [`TICKS`] of them has had its time. A page that was frozen hears a single tick when it wakes.

use super::tx::Tx;
use crate::shell::later::after;
use core::cell::RefCell;
use gloo_timers::callback::Timeout;
use wasm_bindgen::JsValue;
use web_sys::IdbDatabase;

/// How far apart the ticks are.
const TICK_MS: u32 = 10_000;
/// A transaction has between 20 and 30 seconds.
const TICKS: u8 = 3;

thread_local! {
    static OPEN: RefCell<Vec<Tx>> = const { RefCell::new(Vec::new()) };
    static TIMER: RefCell<Option<Timeout>> = const { RefCell::new(None) };
}

/// Begins to watch.
pub(super) fn enter(tx: Tx) {
    OPEN.with_borrow_mut(|open| open.push(tx));
    TIMER.with_borrow_mut(|timer| {
        timer.get_or_insert_with(|| after(TICK_MS, Box::new(tick)));
    });
}

/// Ends it.
pub(super) fn leave(tx: &Tx) {
    let at = |open: &mut Vec<Tx>| open.iter().rposition(|other| other.is(tx)).map(|at| open.swap_remove(at));
    drop(OPEN.with_borrow_mut(at));
}

/// The transaction that an event at this object is of.
pub(super) fn find(target: &JsValue) -> Option<Tx> {
    OPEN.with_borrow(|open| open.iter().rfind(|tx| tx.is_at(target)).cloned())
}

/// Puts the transactions of a connection off that cannot go on without the page.
pub(super) fn put_off(database: &IdbDatabase) {
    let open = OPEN.with_borrow(Clone::clone);
    open.iter().for_each(|tx| tx.put_off(database));
}

fn tick() {
    let open = OPEN.with_borrow(Clone::clone);
    let next = (!open.is_empty()).then(|| after(TICK_MS, Box::new(tick)));
    let spent = TIMER.replace(next);
    open.iter().for_each(|tx| tx.tick(TICKS));
    drop(spent);
}
