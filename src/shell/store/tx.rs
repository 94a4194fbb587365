//! An open IndexedDB transaction, carried on by the browser's own events.
//!
//! Requests go out in waves. Those of one transaction succeed in order and any failing one aborts it, so a wave is heard
//! by its last; what comes next runs in that very event, and nothing foreign can come in between. There is one end,
//! told once: a report, a commit after `complete`, or a fault with the cause the transaction itself gives. Whatever
//! fails on the way aborts it, so that the store is left as it was.

use super::fault::Fault;
use super::host::{self, Place, Scoped};
use super::open::Handle;
use super::{early, watch};
use crate::model::{Code, Listed};
use crate::shell::later::Heard;
use crate::shell::names::name;
use core::cell::{Cell, RefCell};
use js_sys::Function;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{Event, IdbDatabase, IdbObjectStore, IdbRequest, IdbTransaction};

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Read,
    Relaxed,
    Strict,
}

/// Whether a step could be made; a fault aborts the transaction.
pub(super) type Outcome = Result<(), Fault>;
/// What follows a wave of requests: gets their results in order.
pub(super) type Then = Box<dyn FnOnce(&Tx, Vec<JsValue>) -> Outcome>;
/// Hears the end of a transaction, once.
pub(super) type Ended = Box<dyn FnOnce(Result<JsValue, Fault>)>;

/// An open transaction.
#[derive(Clone)]
pub(super) struct Tx(Rc<State>);

struct State {
    inner: IdbTransaction,
    wave: RefCell<Option<(Vec<IdbRequest>, Then)>>,
    stores: RefCell<Vec<(Box<str>, Place)>>,
    cause: RefCell<Option<Fault>>,
    ended: Cell<Option<Ended>>,
    ticks: Cell<u8>,
    committing: Cell<bool>,
}

impl Tx {
    /// Opens a transaction on these stores and makes its first step.
    pub(super) fn begin(handle: &Handle, stores: &[&str], mode: Mode, start: &dyn Fn(&Self) -> Outcome, ended: Ended) {
        match host::transaction(handle.database(), stores, mode) {
            Ok(inner) => Self::guard(inner, ended).step(start),
            Err(thrown) => ended(Err(thrown.into())),
        }
    }

    /// Guards a transaction that the browser has opened.
    pub(super) fn guard(inner: IdbTransaction, ended: Ended) -> Self {
        let (wave, stores, cause) = (RefCell::default(), RefCell::default(), RefCell::default());
        let (ended, ticks, committing) = (Cell::new(Some(ended)), Cell::new(0), Cell::new(false));
        let state = State { inner, wave, stores, cause, ended, ticks, committing };
        let inner = &state.inner;
        heard_by(Turn::Aborted, |function| inner.set_onabort(function));
        heard_by(Turn::Failed, |function| inner.set_onerror(function));
        let tx = Self(Rc::new(state));
        watch::enter(tx.clone());
        tx
    }

    /// Makes a step; a fault ends the transaction.
    pub(super) fn step(&self, step: impl FnOnce(&Self) -> Outcome) {
        if let Err(fault) = step(self) {
            self.fail(fault);
        }
    }

    /// A store in its scope.
    pub(super) fn store(&self, store: &str) -> Result<Place, Fault> {
        if let Some((_, known)) = self.0.stores.borrow().iter().find(|(known, _)| **known == *store) {
            return Ok(known.clone());
        }
        let opened = self.0.inner.unchecked_ref::<Scoped>().object_store(&name(store))?;
        self.0.stores.borrow_mut().push((store.into(), opened.clone()));
        Ok(opened)
    }

    /// Goes on when these requests, and with them every earlier one, have succeeded.
    pub(super) fn ask(&self, requests: Vec<IdbRequest>, then: Then) -> Outcome {
        let Some(last) = requests.last() else {
            return then(self, Vec::new());
        };
        heard_by(Turn::Succeeded, |function| last.set_onsuccess(function));
        let former = self.0.wave.replace(Some((requests, then)));
        debug_assert!(former.is_none(), "one wave at a time");
        Ok(())
    }

    /// The last wave of a transaction that only reads: it may end without waiting for anything more.
    pub(super) fn ask_last(&self, requests: Vec<IdbRequest>, then: Then) -> Outcome {
        // A host without `commit` ends it a little later by itself.
        let _ = self.commit_now();
        self.ask(requests, then)
    }

    /// A long upgrade that moves on gets its time anew.
    pub(super) fn progress(&self) {
        self.0.ticks.set(0);
    }

    /// Commits; the end is told when it is as durable as asked.
    pub(super) fn commit(&self) -> Outcome {
        if early::is_safe() {
            self.commit_now()?;
        }
        self.wait();
        Ok(())
    }

    /// Calls `commit` without waiting for the requests.
    pub(super) fn commit_now(&self) -> Outcome {
        #[allow(deprecated, reason = "the binding follows version 2 of the standard; version 3 has it again")]
        self.0.inner.commit()?;
        self.0.committing.set(true);
        Ok(())
    }

    /// Takes it back, to be made again on another connection, when it still waits for this page to go on: a page that
    /// stands still would hold the store against all others.
    pub(super) fn put_off(&self, database: &IdbDatabase) {
        let waits = self.0.wave.borrow().is_some() && !self.0.committing.get();
        if waits && self.0.inner.db() == *database {
            self.fail(Fault { dead: true, ..Fault::new(Code::TxAborted, "the page went to sleep") });
        }
    }

    /// Waits for the end that comes by itself.
    pub(super) fn wait(&self) {
        heard_by(Turn::Completed, |function| self.0.inner.set_oncomplete(function));
    }

    /// Reports, and lets a transaction that wrote nothing end by itself.
    #[allow(clippy::unnecessary_wraps, reason = "a step ends with an outcome")]
    pub(super) fn finish(&self, report: JsValue) -> Outcome {
        self.end(Ok(report));
        Ok(())
    }

    /// Ends it with a fault, unless it has ended. Requests on a transaction that has just been aborted throw; then the
    /// abort says why.
    pub(super) fn fail(&self, fault: Fault) {
        let fault = self.cause().unwrap_or(fault);
        // It throws when the transaction has just ended by itself; then there is nothing to undo.
        let _ = self.0.inner.abort();
        self.end(Err(fault));
    }

    /// Its time is over. An abort in time makes the outcome known; one that is already committing refuses it.
    fn late(&self) {
        let message = match self.0.inner.abort() {
            Ok(()) => "a transaction did not end in time and was taken back",
            Err(_) => "a transaction did not end in time; its outcome is not known",
        };
        self.end(Err(Fault::new(Code::TxTimeout, message)));
    }

    /// Counts a tick of the clock; after the given number its time is over.
    pub(super) fn tick(&self, most: u8) {
        let ticks = self.0.ticks.get() + 1;
        self.0.ticks.set(ticks);
        if ticks == most {
            self.late();
        }
    }

    /// Whether an event at this object is of this transaction: its own, or that of the request it waits for.
    pub(super) fn is_at(&self, target: &JsValue) -> bool {
        let wave = self.0.wave.borrow();
        let last = wave.as_ref().and_then(|(requests, _)| requests.last());
        target == &***self.0.inner || last.is_some_and(|last| target == &****last)
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Tells the end, once.
    fn end(&self, result: Result<JsValue, Fault>) {
        watch::leave(self);
        drop(self.0.wave.take());
        if let Some(ended) = self.0.ended.take() {
            ended(result);
        }
    }

    fn answered(&self) {
        let wave = self.0.wave.take();
        if let Some((requests, then)) = wave {
            self.step(|tx| {
                let answers = requests.iter().map(IdbRequest::result).try_listed()?;
                then(tx, answers)
            });
        }
    }

    /// A request failed; the browser aborts the transaction unless that is done here.
    fn failed(&self, event: &Event) {
        event.stop_propagation();
        // Requests that an abort cuts off say only that; the cause is the transaction's to tell.
        let Some(fault) = fault_of(event) else { return event.prevent_default() };
        self.0.cause.borrow_mut().get_or_insert(fault);
        // After `commit` only the browser itself can still abort, and only an event that nobody prevents makes it.
        if self.0.inner.abort().is_ok() {
            event.prevent_default();
        }
    }

    /// Why it was aborted, when it was.
    fn cause(&self) -> Option<Fault> {
        let own = || self.0.inner.error().map(|error| JsValue::from(error).into());
        self.0.cause.borrow().clone().or_else(own)
    }
}

/// What is heard of a transaction and its requests.
#[derive(Clone, Copy)]
enum Turn {
    Succeeded,
    Completed,
    Failed,
    Aborted,
}

thread_local! {
    /// One listener of a kind for all transactions of the page: they are told apart by where the event is.
    static LISTENERS: [Heard; 4] =
        [Turn::Succeeded, Turn::Completed, Turn::Failed, Turn::Aborted].map(listener);
}

fn listener(turn: Turn) -> Heard {
    Heard::new(move |event: JsValue| {
        let event: Event = event.unchecked_into();
        let tx = event.current_target().and_then(|target| watch::find(&target));
        // What has ended hears nothing more.
        let Some(tx) = tx else { return };
        match turn {
            Turn::Succeeded => tx.answered(),
            Turn::Completed => tx.end(Ok(JsValue::UNDEFINED)),
            Turn::Failed => tx.failed(&event),
            Turn::Aborted => {
                let unknown = || Fault::new(Code::TxAborted, "the browser aborted a transaction without a cause");
                tx.end(Err(tx.cause().unwrap_or_else(unknown)));
            }
        }
    })
}

fn heard_by(turn: Turn, set: impl FnOnce(Option<&Function>)) {
    LISTENERS.with(|all| set(Some(all[turn as usize].as_ref().unchecked_ref())));
}

/// What a failed request means; the same exception stands for a taken place in the outbox and for a unique index.
/// `None` when it only went down with its transaction.
fn fault_of(event: &Event) -> Option<Fault> {
    let request: IdbRequest = event.target()?.unchecked_into();
    let thrown = request.error().ok()??;
    if thrown.name() == "AbortError" {
        return None;
    }
    let fault: Fault = JsValue::from(thrown).into();
    if fault.failure.code != Code::UniqueViolation {
        return Some(fault);
    }
    let store = request.source().map(|source| source.unchecked_into::<IdbObjectStore>().name()).unwrap_or_default();
    if store == super::schema::PENDING {
        return Some(Fault::new(Code::TxAborted, "a place in the outbox was taken"));
    }
    let message = ["another document of `", &store, "` has the same value in a unique index"].concat();
    Some(Fault::new(Code::UniqueViolation, &message))
}
