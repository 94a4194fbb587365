//! One clock for the deadlines of all transactions.
//!
//! A timer for each would cost as much as a read. This one ticks only while transactions are open, plus once; a
//! transaction that sees [`TICKS`] of them has had its time. A page that was frozen hears a single tick when it wakes.

use core::cell::{Cell, RefCell};
use gloo_timers::callback::Timeout;
use std::rc::Rc;

/// How far apart the ticks are.
const TICK_MS: u32 = 10_000;
/// A transaction has between 20 and 30 seconds.
const TICKS: u8 = 3;

/// Something that may take only so long.
pub(super) trait Watched {
    /// Its count of ticks.
    fn ticks(&self) -> &Cell<u8>;
    /// Its time is over.
    fn late(&self);
}

thread_local! {
    static OPEN: RefCell<Vec<Rc<dyn Watched>>> = const { RefCell::new(Vec::new()) };
    static TIMER: RefCell<Option<Timeout>> = const { RefCell::new(None) };
}

/// Begins to watch.
pub(super) fn enter(watched: Rc<dyn Watched>) {
    OPEN.with_borrow_mut(|open| open.push(watched));
    TIMER.with_borrow_mut(|timer| {
        timer.get_or_insert_with(|| Timeout::new(TICK_MS, tick));
    });
}

/// Ends it.
pub(super) fn leave(watched: &Cell<u8>) {
    let is_it = |other: &Rc<dyn Watched>| core::ptr::eq(other.ticks(), watched);
    let former = OPEN.with_borrow_mut(|open| open.iter().rposition(is_it).map(|at| open.swap_remove(at)));
    drop(former);
}

fn tick() {
    let open = OPEN.with_borrow(Clone::clone);
    let next = (!open.is_empty()).then(|| Timeout::new(TICK_MS, tick));
    let spent = TIMER.replace(next);
    for watched in open {
        let ticks = watched.ticks().get() + 1;
        watched.ticks().set(ticks);
        if ticks == TICKS {
            watched.late();
        }
    }
    drop(spent);
}
