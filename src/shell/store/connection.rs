//! The connection that is always there, or being opened.
//!
//! A dead one is dropped, never used again; one opening is made for all who wait for it. What failed on a dead
//! connection is tried again as a whole, at most five times. A database that was wiped meanwhile is told of before
//! anything is read from it.

use super::fault::Fault;
use super::open::{self, Fate, Handle, OUTDATED};
use super::tx::{Mode, Outcome, Tx};
use super::{watch, Done, StoreConfig, StoreEvent, Told};
use crate::model::{Code, Failure, Listed};
use crate::shell::later::{after, Work};
use core::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::JsValue;

/// Pauses before the second to the fifth attempt.
const PAUSES_MS: [u32; 4] = [0, 100, 400, 1_600];

/// The first step of a transaction; made anew with each attempt.
pub(super) type Start = Rc<dyn Fn(&Tx) -> Outcome>;

/// A transaction that is to be made, on this connection or the next.
pub(super) struct Attempt {
    stores: Vec<Rc<str>>,
    mode: Mode,
    start: Start,
    done: Done<JsValue>,
    made: usize,
}

impl Attempt {
    pub(super) fn new(stores: Vec<Rc<str>>, mode: Mode, start: Start, done: Done<JsValue>) -> Self {
        Self { stores, mode, start, done, made: 0 }
    }
}

/// The one place that opens and holds connections to a database.
pub(super) struct Connection {
    config: Rc<StoreConfig>,
    told: Told,
    state: RefCell<State>,
}

struct State {
    slot: Slot,
    waiting: Vec<Attempt>,
    store_id: String,
    openings: u32,
    /// Whether the page sleeps: everything waits until it runs again.
    suspended: bool,
}

enum Slot {
    Empty,
    Opening,
    Open(Rc<Handle>),
    Closed,
}

impl Connection {
    /// Opens the first connection; this once without a second attempt.
    pub(super) fn open(config: StoreConfig, told: Told, done: Done<Rc<Self>>) {
        let (waiting, store_id) = (Vec::new(), String::new());
        let state = State { slot: Slot::Empty, waiting, store_id, openings: 0, suspended: false };
        let connection = Rc::new(Self { config: Rc::new(config), told, state: RefCell::new(state) });
        let opened = connection.clone();
        connection.reopen(Box::new(move |end| done(end.map(|()| opened).map_err(|fault| fault.failure))));
    }

    pub(super) fn is_strict(&self) -> bool {
        self.config.strict
    }

    pub(super) fn store_id(&self) -> String {
        self.state.borrow().store_id.clone()
    }

    /// Closes for good; what runs comes to its end.
    pub(super) fn close(&self) {
        self.put(Slot::Closed);
    }

    /// Lets the connection go, for the page is to sleep: what already commits comes to its end, everything else waits.
    pub(super) fn suspend(&self) {
        self.state.borrow_mut().suspended = true;
        let open = match &self.state.borrow().slot {
            Slot::Open(handle) if handle.fate() == Fate::Usable => Some(handle.clone()),
            _ => None,
        };
        if let Some(handle) = open {
            self.put(Slot::Empty);
            watch::put_off(handle.database());
            handle.database().close();
        }
    }

    /// The page runs again: what waited is done on a new connection.
    pub(super) fn resume(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        state.suspended = false;
        let opens = !state.waiting.is_empty() && matches!(state.slot, Slot::Empty);
        drop(state);
        if opens {
            self.reopen(Box::new(|_| ()));
        }
    }

    /// Makes an attempt, and on a dead connection further ones on new connections.
    pub(super) fn attempt(self: &Rc<Self>, attempt: Attempt) {
        let state = self.state.borrow();
        let fate = match &state.slot {
            Slot::Open(handle) => Some((handle.clone(), handle.fate())),
            _ => None,
        };
        let refusal = match (&state.slot, &fate) {
            (Slot::Closed, _) => Some((Code::Closed, "the database was closed")),
            (_, Some((_, Fate::Deleted))) => Some((Code::Closed, "another tab deleted the database")),
            (_, Some((_, Fate::Outdated))) => Some((Code::DbVersionNewer, OUTDATED)),
            _ => None,
        };
        let opens = !matches!(state.slot, Slot::Opening) && !state.suspended;
        drop(state);
        if let Some((code, message)) = refusal {
            return (attempt.done)(Err(Failure::new(code, message)));
        }
        if let Some((handle, Fate::Usable)) = fate {
            return self.make(attempt, handle);
        }
        self.state.borrow_mut().waiting.push(attempt);
        if opens {
            self.reopen(Box::new(|_| ()));
        }
    }

    /// Makes an attempt on a connection.
    fn make(self: &Rc<Self>, attempt: Attempt, handle: Rc<Handle>) {
        let (start, mode, stores) = (attempt.start.clone(), attempt.mode, attempt.stores.clone());
        let stores: Vec<&str> = stores.iter().map(|store| &**store).listed();
        let (connection, on) = (self.clone(), handle.clone());
        let ended = move |end: Result<JsValue, Fault>| match end {
            Ok(report) => (attempt.done)(Ok(report)),
            Err(fault) => connection.again(attempt, Some(on), fault),
        };
        Tx::begin(&handle, &stores, mode, &*start, Box::new(ended));
    }

    /// Makes another attempt once it is due, or gives up.
    fn again(self: &Rc<Self>, mut attempt: Attempt, handle: Option<Rc<Handle>>, fault: Fault) {
        let lost = handle.as_ref().is_some_and(|handle| handle.fate() == Fate::Lost);
        if let Some(handle) = handle.filter(|_| fault.dead || fault.failure.code == Code::TxTimeout) {
            if handle.fate() == Fate::Usable {
                handle.lose();
            }
        }
        if fault.dead && self.state.borrow().suspended {
            return self.state.borrow_mut().waiting.push(attempt);
        }
        let Some(pause) = PAUSES_MS.get(attempt.made).filter(|_| fault.dead || lost) else {
            return (attempt.done)(Err(fault.failure));
        };
        attempt.made += 1;
        let connection = self.clone();
        match *pause {
            0 => connection.attempt(attempt),
            pause => wait(pause, Box::new(move || connection.attempt(attempt))),
        }
    }

    /// Opens the next connection and goes on with all who wait for it.
    fn reopen(self: &Rc<Self>, then: Box<dyn FnOnce(Result<(), Fault>)>) {
        self.put(Slot::Opening);
        let connection = self.clone();
        let opened = move |opened: Result<Rc<Handle>, Fault>| {
            let end = connection.opened(opened);
            let waiting = core::mem::take(&mut connection.state.borrow_mut().waiting);
            then(end.as_ref().map(|_| ()).map_err(Clone::clone));
            for attempt in waiting {
                match &end {
                    Ok(handle) => connection.make(attempt, handle.clone()),
                    Err(fault) => connection.again(attempt, None, fault.clone()),
                }
            }
        };
        open::open(&self.config, &self.told, self.life(), Box::new(opened));
    }

    /// A name for a database that this opening may have to make; each opening has another.
    fn life(&self) -> String {
        [&self.config.entropy, "-", &self.state.borrow().openings.to_string()].concat()
    }

    fn opened(&self, opened: Result<Rc<Handle>, Fault>) -> Result<Rc<Handle>, Fault> {
        if matches!(self.state.borrow().slot, Slot::Closed) {
            return Err(Fault::new(Code::Closed, "the database was closed"));
        }
        let mut state = self.state.borrow_mut();
        let is_first = state.openings == 0;
        state.openings = state.openings.wrapping_add(1);
        state.slot = Slot::Empty;
        let suspended = state.suspended;
        let handle = match opened {
            Ok(_) if suspended => return Err(Fault { dead: true, ..Fault::new(Code::TxAborted, "the page sleeps") }),
            Err(fault) if fault.failure.code == Code::DbVersionNewer && !is_first => {
                drop(state);
                (self.told)(StoreEvent::ClosedForUpgrade);
                return Err(fault);
            }
            opened => opened?,
        };
        let known = core::mem::replace(&mut state.store_id, handle.store_id().into());
        let wiped = !known.is_empty() && known != state.store_id;
        state.slot = Slot::Open(handle.clone());
        drop(state);
        if wiped {
            (self.told)(StoreEvent::StorageLost);
        }
        Ok(handle)
    }

    /// The former content is dropped after the borrow: closing a connection may call back.
    fn put(&self, slot: Slot) {
        let former = core::mem::replace(&mut self.state.borrow_mut().slot, slot);
        drop(former);
    }
}

/// Does something after a pause; the timer is let go of when it has gone off.
fn wait(pause: u32, work: Work) {
    let timer = Rc::new(Cell::new(None));
    let own = timer.clone();
    timer.set(Some(after(
        pause,
        Box::new(move || {
            drop(own.take());
            work();
        }),
    )));
}
