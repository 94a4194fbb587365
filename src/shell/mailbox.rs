//! The mailbox: how everything reaches the one task that owns the engine, and how answers find their way back.
//!
//! Handles and adapters post letters and hold nothing else; they take `&self` and are never borrowed across an await.
//! Once closed, a letter is dropped and a question is refused.

use super::document::JsDoc;
use super::error::to_js;
use crate::engine::input::{Command, Input};
use crate::engine::machine::Engine;
use crate::model::{Code, Failure, Map};
use core::future::poll_fn;
use core::task::{Poll, Waker};
use js_sys::{Function, Promise};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use wasm_bindgen::JsValue;

/// A look at the engine between two inputs; after the end there is none to look at.
pub type Look = Box<dyn FnOnce(Option<&Engine<JsDoc>>)>;

/// What reaches the driver.
pub enum Letter {
    /// Something happened.
    Input(Input<JsDoc>),
    /// Somebody wants to look at the engine.
    Look(Look),
    /// An event that no engine needs to know of.
    Tell(JsDoc),
}

impl fmt::Debug for Letter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Letter")
    }
}

/// Letters waiting, and questions open.
#[derive(Debug, Default)]
pub struct Mailbox {
    letters: RefCell<VecDeque<Letter>>,
    waker: RefCell<Option<Waker>>,
    open: RefCell<Map<u32, (Function, Function)>>,
    last_ticket: Cell<u32>,
    closed: Cell<bool>,
}

impl Mailbox {
    /// Puts a letter in.
    pub fn post(&self, letter: Letter) {
        if self.closed.get() {
            return unread(letter);
        }
        self.letters.borrow_mut().push_back(letter);
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The next letter; `None` once closed and empty.
    pub async fn next(&self) -> Option<Letter> {
        poll_fn(|context| {
            let letter = self.letters.borrow_mut().pop_front();
            if letter.is_some() || self.closed.get() {
                return Poll::Ready(letter);
            }
            *self.waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Asks the engine for something; the promise settles with its answer.
    pub fn ask(&self, command: Command<JsDoc>) -> Promise {
        if self.closed.get() {
            return Promise::reject(&to_js(&closed()));
        }
        let ticket = self.last_ticket.get().wrapping_add(1);
        self.last_ticket.set(ticket);
        let promise = Promise::new(&mut |resolve, reject| {
            self.open.borrow_mut().insert(ticket, (resolve, reject));
        });
        self.post(Letter::Input(Input::Command { ticket, command }));
        promise
    }

    /// Settles an open question.
    pub fn answer(&self, ticket: u32, answer: Result<JsValue, JsValue>) {
        let open = self.open.borrow_mut().remove(&ticket);
        if let Some((resolve, reject)) = open {
            settle(&resolve, &reject, answer);
        }
    }

    /// Closes: what is open is refused, what waits is dropped.
    pub fn close(&self) {
        self.closed.set(true);
        let letters = std::mem::take(&mut *self.letters.borrow_mut());
        letters.into_iter().for_each(unread);
        let open = std::mem::take(&mut *self.open.borrow_mut());
        for (_, (resolve, reject)) in open.into_entries() {
            settle(&resolve, &reject, Err(to_js(&closed())));
        }
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A letter that nobody will read: whoever only wanted to look is told that there is nothing.
fn unread(letter: Letter) {
    if let Letter::Look(look) = letter {
        look(None);
    }
}

fn settle(resolve: &Function, reject: &Function, answer: Result<JsValue, JsValue>) {
    let (end, value) = match answer {
        Ok(value) => (resolve, value),
        Err(error) => (reject, error),
    };
    // A promise's own functions do not throw.
    let _ = end.call1(&JsValue::NULL, &value);
}

fn closed() -> Failure {
    Failure::new(Code::Closed, "this handle is closed")
}
