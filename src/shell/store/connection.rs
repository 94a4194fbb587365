//! The connection that is always there, or being opened.
//!
//! A dead one is dropped, never used again; one task opens the next while all others wait for it. What failed on a dead
//! connection is tried again as a whole, at most five times. A database that was wiped meanwhile is told of before
//! anything is read from it.

use super::fault::Fault;
use super::open::{self, Fate, Handle};
use super::{StoreConfig, StoreEvent, Told};
use crate::model::{Code, Failure};
use core::cell::RefCell;
use core::future::{poll_fn, Future};
use core::ops::AsyncFnMut;
use core::pin::Pin;
use core::task::{Poll, Waker};
use gloo_timers::future::TimeoutFuture;
use std::rc::Rc;

/// Pauses before the second to the fifth attempt.
const PAUSES_MS: [u32; 4] = [0, 100, 400, 1_600];

/// The one place that opens and holds connections to a database.
pub(super) struct Connection {
    config: StoreConfig,
    told: Told,
    state: RefCell<State>,
}

struct State {
    slot: Slot,
    waiting: Vec<Waker>,
    store_id: String,
    /// Openings that have ended, and how the last of them failed.
    openings: u32,
    failure: Option<Fault>,
}

enum Slot {
    Empty,
    Opening,
    Open(Rc<Handle>),
    Closed,
}

/// What a task finds when it wants the connection.
enum Look {
    Ready(Rc<Handle>),
    Wait(u32),
    Open,
    Refused(Fault),
}

/// A future behind a pointer: its code is there once, and not in every caller.
fn boxed<'f, T>(future: impl Future<Output = T> + 'f) -> Pin<Box<dyn Future<Output = T> + 'f>> {
    Box::pin(future)
}

impl Connection {
    /// Opens the first connection; this once without a second attempt.
    pub(super) async fn open(config: StoreConfig, told: Told) -> Result<Self, Failure> {
        let slot = Slot::Empty;
        let state = State { slot, waiting: Vec::new(), store_id: String::new(), openings: 0, failure: None };
        let connection = Self { config, told, state: RefCell::new(state) };
        connection.reopen().await.map_err(|fault| fault.failure)?;
        Ok(connection)
    }

    pub(super) fn config(&self) -> &StoreConfig {
        &self.config
    }

    pub(super) fn store_id(&self) -> String {
        self.state.borrow().store_id.clone()
    }

    /// Closes for good; what runs comes to its end.
    pub(super) fn close(&self) {
        self.put(Slot::Closed);
    }

    /// Lets the connection go: it closes when what runs has come to its end, and the next attempt opens another.
    pub(super) fn suspend(&self) {
        let open = matches!(&self.state.borrow().slot, Slot::Open(handle) if handle.fate() == Fate::Usable);
        if open {
            self.put(Slot::Empty);
        }
    }

    /// Makes an attempt, and on a dead connection further ones on new connections.
    pub(super) async fn attempt<T>(&self, mut run: impl AsyncFnMut(&Handle) -> Result<T, Fault>) -> Result<T, Failure> {
        let mut pauses = PAUSES_MS.iter();
        loop {
            let (handle, fault) = match boxed(self.handle()).await {
                Ok(handle) => match run(&handle).await {
                    Ok(report) => return Ok(report),
                    Err(fault) => (Some(handle), fault),
                },
                Err(fault) => (None, fault),
            };
            boxed(self.again(handle, fault, &mut pauses)).await?;
        }
    }

    /// Decides whether there is another attempt, and waits until it is due.
    async fn again(
        &self,
        handle: Option<Rc<Handle>>,
        fault: Fault,
        pauses: &mut core::slice::Iter<'_, u32>,
    ) -> Result<(), Failure> {
        let lost = handle.as_ref().is_some_and(|handle| handle.fate() == Fate::Lost);
        if let Some(handle) = handle.filter(|_| fault.dead || fault.failure.code == Code::TxTimeout) {
            if handle.fate() == Fate::Usable {
                handle.lose();
            }
        }
        match pauses.next().filter(|_| fault.dead || lost) {
            None => Err(fault.failure),
            Some(pause) => {
                if *pause > 0 {
                    TimeoutFuture::new(*pause).await;
                }
                Ok(())
            }
        }
    }

    /// A usable connection, opened if need be by one task for all.
    async fn handle(&self) -> Result<Rc<Handle>, Fault> {
        loop {
            match self.look() {
                Look::Ready(handle) => return Ok(handle),
                Look::Refused(fault) => return Err(fault),
                Look::Open => return self.reopen().await,
                Look::Wait(openings) => {
                    self.ended(openings).await;
                    let state = self.state.borrow();
                    if let (Slot::Empty, Some(fault)) = (&state.slot, &state.failure) {
                        return Err(fault.clone());
                    }
                }
            }
        }
    }

    fn look(&self) -> Look {
        let state = self.state.borrow();
        match &state.slot {
            Slot::Closed => Look::Refused(Fault::new(Code::Closed, "the database was closed")),
            Slot::Opening => Look::Wait(state.openings),
            Slot::Empty => Look::Open,
            Slot::Open(handle) => match handle.fate() {
                Fate::Usable => Look::Ready(handle.clone()),
                Fate::Lost => Look::Open,
                Fate::Retired => Look::Refused(Fault::new(Code::Closed, "closed for another tab's upgrade")),
            },
        }
    }

    async fn ended(&self, openings: u32) {
        poll_fn(|context| {
            let mut state = self.state.borrow_mut();
            if state.openings != openings {
                return Poll::Ready(());
            }
            state.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    async fn reopen(&self) -> Result<Rc<Handle>, Fault> {
        self.put(Slot::Opening);
        let turn = Turn(self);
        let opened = open::open(&self.config, &self.told, &self.life()).await;
        let outcome = self.opened(opened);
        drop(turn);
        outcome
    }

    /// A name for a database that this opening may have to make; each opening has another.
    fn life(&self) -> String {
        [&self.config.entropy, "-", &self.state.borrow().openings.to_string()].concat()
    }

    fn opened(&self, opened: Result<Handle, Fault>) -> Result<Rc<Handle>, Fault> {
        if matches!(self.state.borrow().slot, Slot::Closed) {
            return Err(Fault::new(Code::Closed, "the database was closed"));
        }
        let mut state = self.state.borrow_mut();
        let handle = match opened {
            Ok(handle) => Rc::new(handle),
            Err(fault) => {
                state.failure = Some(fault.clone());
                return Err(fault);
            }
        };
        let known = core::mem::replace(&mut state.store_id, handle.store_id().into());
        let wiped = !known.is_empty() && known != state.store_id;
        state.slot = Slot::Open(handle.clone());
        state.failure = None;
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

/// The right to open. Given back on drop, so that a task that goes away leaves no one waiting.
struct Turn<'c>(&'c Connection);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.0.state.borrow_mut();
            state.openings = state.openings.wrapping_add(1);
            if matches!(state.slot, Slot::Opening) {
                state.slot = Slot::Empty;
            }
            core::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}
