//! The one guard over an IndexedDB transaction.
//!
//! Dropped before its end it aborts: a future that goes away, or an early `?`, leaves the store as it was. An abort is
//! an error with the cause the transaction itself gives. Requests of one transaction succeed in order and any failing
//! one aborts it, so a round of requests is awaited by its last. Nothing foreign can be awaited in between: the only
//! futures here are the transaction's own.

use super::fault::Fault;
use super::open::Handle;
use super::signal::Signal;
use super::watch::{self, Watched};
use super::{early, host};
use crate::model::Code;
use crate::shell::names::name;
use core::cell::{Cell, RefCell};
use idb::ObjectStore;
use js_sys::Array;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{Event, IdbObjectStore, IdbRequest, IdbTransaction};

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Read,
    Relaxed,
    Strict,
}

/// What a transaction has to say.
enum News {
    Answered,
    Completed,
    Aborted(Fault),
}

/// An open transaction. Dropping it aborts it.
#[must_use = "dropping a transaction aborts it"]
pub(super) struct Tx {
    state: Rc<State>,
    listener: Closure<dyn FnMut(Event)>,
    answering: RefCell<Option<IdbRequest>>,
    stores: RefCell<Vec<(Rc<str>, ObjectStore)>>,
    ending: Cell<bool>,
    open: Cell<bool>,
}

struct State {
    news: Signal<News>,
    cause: RefCell<Option<Fault>>,
    ticks: Cell<u8>,
    inner: IdbTransaction,
}

impl Watched for State {
    fn ticks(&self) -> &Cell<u8> {
        &self.ticks
    }

    /// An abort in time makes the outcome known; a transaction that is already committing refuses it.
    fn late(&self) {
        let message = match self.inner.abort() {
            Ok(()) => "a transaction did not end in time and was taken back",
            Err(_) => "a transaction did not end in time; its outcome is not known",
        };
        let fault = Fault::new(Code::TxTimeout, message);
        self.cause.borrow_mut().get_or_insert_with(|| fault.clone());
        self.news.set(News::Aborted(fault));
    }
}

impl Tx {
    /// Opens a transaction on these stores.
    pub(super) fn begin<'n>(
        handle: &Handle,
        stores: impl IntoIterator<Item = &'n str>,
        mode: Mode,
    ) -> Result<Self, Fault> {
        let names: Array = stores.into_iter().map(name).collect();
        let durability = match mode {
            Mode::Read => None,
            Mode::Relaxed => Some("relaxed"),
            Mode::Strict => Some("strict"),
        };
        let inner = host::transaction(handle.database(), &names, durability)?;
        Ok(Self::guard(inner))
    }

    /// Guards a transaction that the browser has opened.
    pub(super) fn guard(inner: IdbTransaction) -> Self {
        let (news, cause) = (Signal::default(), RefCell::default());
        let state = Rc::new(State { news, cause, ticks: Cell::new(0), inner });
        let listener = listener(&state);
        let function = Some(listener.as_ref().unchecked_ref());
        state.inner.set_onabort(function);
        state.inner.set_onerror(function);
        watch::enter(state.clone());
        let (answering, stores) = (RefCell::default(), RefCell::default());
        Self { state, listener, answering, stores, ending: Cell::new(false), open: Cell::new(true) }
    }

    /// A store in its scope.
    pub(super) fn store(&self, store: &str) -> Result<ObjectStore, Fault> {
        if let Some((_, known)) = self.stores.borrow().iter().find(|(known, _)| **known == *store) {
            return Ok(known.clone());
        }
        let opened: ObjectStore = self.state.inner.object_store(store)?.into();
        self.stores.borrow_mut().push((store.into(), opened.clone()));
        Ok(opened)
    }

    /// Waits until a request, and with it every earlier one, has succeeded.
    pub(super) async fn answer(&self, request: impl Into<JsValue>) -> Result<JsValue, Fault> {
        let request: IdbRequest = request.into().unchecked_into();
        self.succeeded(&request).await?;
        Ok(request.result()?)
    }

    async fn succeeded(&self, request: &IdbRequest) -> Result<(), Fault> {
        request.set_onsuccess(Some(self.listener.as_ref().unchecked_ref()));
        self.answering.replace(Some(request.clone()));
        match self.state.news.wait().await {
            News::Answered | News::Completed => Ok(()),
            News::Aborted(fault) => self.failed(fault),
        }
    }

    /// Waits for a round of requests and gives their results in order.
    pub(super) async fn answers(&self, requests: Vec<IdbRequest>) -> Result<Vec<JsValue>, Fault> {
        let Some(last) = requests.last() else {
            return Ok(Vec::new());
        };
        self.succeeded(last).await?;
        requests.iter().map(|request| Ok(request.result()?)).collect()
    }

    /// The last round of a transaction that only reads: it may end without waiting for anything more.
    pub(super) async fn last_answers(self, requests: Vec<IdbRequest>) -> Result<Vec<JsValue>, Fault> {
        // A host without `commit` ends it a little later by itself.
        let _ = self.commit_now();
        let answers = self.answers(requests).await?;
        self.finish();
        Ok(answers)
    }

    /// A long upgrade that moves on gets its time anew.
    pub(super) fn progress(&self) {
        self.state.ticks.set(0);
    }

    /// Commits and waits until it is durable as asked.
    pub(super) async fn commit(self) -> Result<(), Fault> {
        if early::is_safe() {
            self.commit_now()?;
        }
        self.end().await
    }

    /// Calls `commit` without waiting for the requests.
    pub(super) fn commit_now(&self) -> Result<(), Fault> {
        #[allow(deprecated, reason = "the binding follows version 2 of the standard; version 3 has it again")]
        Ok(self.state.inner.commit()?)
    }

    /// Waits for the end that comes by itself.
    pub(super) async fn end(self) -> Result<(), Fault> {
        self.ending.set(true);
        self.state.inner.set_oncomplete(Some(self.listener.as_ref().unchecked_ref()));
        match self.state.news.wait().await {
            News::Aborted(fault) => self.failed(fault),
            News::Answered | News::Completed => {
                self.open.set(false);
                Ok(())
            }
        }
    }

    /// Lets a transaction that wrote nothing end by itself.
    pub(super) fn finish(self) {
        self.open.set(false);
    }

    /// Why it was aborted, when it was.
    pub(super) fn cause(&self) -> Option<Fault> {
        self.state.cause.borrow().clone().or_else(|| self.state.inner.error().map(|error| JsValue::from(error).into()))
    }

    fn failed<T>(&self, fault: Fault) -> Result<T, Fault> {
        self.open.set(false);
        Err(fault)
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        watch::leave(&self.state.ticks);
        let inner = &self.state.inner;
        if self.ending.get() {
            inner.set_oncomplete(None);
        }
        inner.set_onabort(None);
        inner.set_onerror(None);
        if let Some(request) = self.answering.take() {
            request.set_onsuccess(None);
        }
        if self.open.get() {
            // It throws when the transaction has just ended by itself; then there is nothing to undo.
            let _ = inner.abort();
        }
    }
}

fn listener(state: &Rc<State>) -> Closure<dyn FnMut(Event)> {
    let state = state.clone();
    Closure::new(move |event: Event| match event.type_().as_str() {
        "success" => state.news.set(News::Answered),
        "complete" => state.news.set(News::Completed),
        "error" => {
            event.stop_propagation();
            // Requests that an abort cuts off say only that; the cause is the transaction's to tell.
            let Some(fault) = fault_of(&event) else { return event.prevent_default() };
            state.cause.borrow_mut().get_or_insert(fault);
            // After `commit` only the browser itself can still abort, and only an event that nobody prevents makes it.
            if state.inner.abort().is_ok() {
                event.prevent_default();
            }
        }
        _ => state.news.set(News::Aborted(abort_cause(&state))),
    })
}

fn abort_cause(state: &State) -> Fault {
    let own = || state.inner.error().map(|error| Fault::from(JsValue::from(error)));
    let cause = state.cause.borrow().clone().or_else(own);
    cause.unwrap_or_else(|| Fault::new(Code::TxAborted, "the browser aborted a transaction without a cause"))
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
