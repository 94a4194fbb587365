//! The mailbox: how everything reaches the one owner of the engine, and how answers find their way back.
//!
//! Handles and adapters post letters and hold nothing else. A letter is read at once, unless another one is being read:
//! then it waits its turn. So the engine takes one at a time, whoever calls. Once closed, a letter is dropped and a
//! question is refused.

use super::document::JsDoc;
use super::error::to_js;
use super::later::{promised, Settle};
use crate::engine::input::{Command, Input};
use crate::engine::machine::Engine;
use crate::model::{Code, Failure, Map};
use js_sys::Promise;
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

/// Takes the letters, one at a time.
pub type Reader = Box<dyn FnMut(Letter)>;

/// Letters waiting, and questions open.
#[derive(Default)]
pub struct Mailbox {
    letters: RefCell<VecDeque<Letter>>,
    /// Borrowed while a letter is read.
    reader: RefCell<Option<Reader>>,
    open: RefCell<Map<u32, Settle>>,
    last_ticket: Cell<u32>,
    closed: Cell<bool>,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Mailbox")
    }
}

impl Mailbox {
    /// Puts a letter in.
    pub fn post(&self, letter: Letter) {
        if self.closed.get() {
            return unread(letter);
        }
        self.letters.borrow_mut().push_back(letter);
        self.deliver();
    }

    /// Gives all letters to a reader, those that wait and those to come.
    pub fn read_by(&self, reader: Reader) {
        self.reader.replace(Some(reader));
        self.deliver();
    }

    fn deliver(&self) {
        let Ok(mut reader) = self.reader.try_borrow_mut() else { return };
        let Some(read) = &mut *reader else { return };
        loop {
            let letter = self.letters.borrow_mut().pop_front();
            match letter {
                Some(letter) => read(letter),
                None => break,
            }
        }
        if self.closed.get() {
            reader.take();
        }
    }

    /// Asks the engine for something; the promise settles with its answer.
    pub fn ask(&self, command: Command<JsDoc>) -> Promise {
        if self.closed.get() {
            return Promise::reject(&to_js(&closed()));
        }
        let ticket = self.last_ticket.get().wrapping_add(1);
        self.last_ticket.set(ticket);
        let (promise, settle) = promised();
        self.open.borrow_mut().insert(ticket, settle);
        self.post(Letter::Input(Input::Command { ticket, command }));
        promise
    }

    /// Settles an open question.
    pub fn answer(&self, ticket: u32, answer: Result<JsValue, JsValue>) {
        let open = self.open.borrow_mut().remove(&ticket);
        if let Some(settle) = open {
            settle(answer);
        }
    }

    /// Closes: what is open is refused, what waits is dropped.
    pub fn close(&self) {
        self.closed.set(true);
        let letters = std::mem::take(&mut *self.letters.borrow_mut());
        letters.into_iter().for_each(unread);
        let open = std::mem::take(&mut *self.open.borrow_mut());
        for (_, settle) in open.into_entries() {
            settle(Err(to_js(&closed())));
        }
        self.deliver();
    }
}

/// A letter that nobody will read: whoever only wanted to look is told that there is nothing.
fn unread(letter: Letter) {
    if let Letter::Look(look) = letter {
        look(None);
    }
}

fn closed() -> Failure {
    Failure::new(Code::Closed, "this handle is closed")
}
