//! What the engine says to the app, kept until the face takes it.
//!
//! An event becomes an object only when it is taken. What an answer brings with it waits for whoever got the answer to go
//! on: the face is told that there is news and comes for it. Everything else is handed over from a fresh task. The order
//! is that of the engine, whichever way is taken. Nothing here calls the app's functions.

use super::document::JsDoc;
use super::later::later;
use super::tell::event_object;
use crate::engine::output::Event;
use core::cell::{Cell, RefCell};
use core::fmt;
use js_sys::{Array, Function};
use std::rc::Rc;
use wasm_bindgen::JsValue;

/// Something to be told.
#[derive(Debug)]
pub enum News {
    /// An event of the engine; where it is the end of a change, whether that is parked.
    Event(Event<JsDoc>, bool),
    /// An event that no engine needs to know of.
    Object(JsDoc),
}

/// The news of one open database.
pub struct Newsroom {
    events: Function,
    waiting: RefCell<Vec<News>>,
    /// Whether the face was told that there is some.
    known: Cell<bool>,
    /// Whether it will be handed over.
    due: Cell<bool>,
}

impl fmt::Debug for Newsroom {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Newsroom")
    }
}

impl Newsroom {
    /// `events` is the face's function.
    pub fn new(events: Function) -> Rc<Self> {
        Rc::new(Self { events, waiting: RefCell::default(), known: Cell::default(), due: Cell::default() })
    }

    /// Something has happened.
    pub fn add(&self, news: News) {
        self.waiting.borrow_mut().push(news);
    }

    /// All that was not taken yet, in order, as objects.
    pub fn take(&self) -> Array {
        self.known.set(false);
        let news = self.waiting.take();
        let object = |news| match news {
            News::Event(event, parked) => event_object(event, parked),
            News::Object(object) => object,
        };
        news.into_iter().map(|news| object(news).0).collect()
    }

    /// Has what waits told: from a fresh task, or once those who were just answered have gone on.
    pub fn tell(self: &Rc<Self>, answered: bool) {
        if self.waiting.borrow().is_empty() || self.due.get() {
            return;
        }
        if answered {
            if !self.known.replace(true) {
                // The face only takes note of it.
                let _ = self.events.call0(&JsValue::NULL);
            }
            return;
        }
        self.due.set(true);
        let own = self.clone();
        later(Box::new(move || {
            own.due.set(false);
            // The face catches what the app's listeners throw; there is nobody else to tell.
            let _ = own.events.call1(&JsValue::NULL, &own.take());
        }));
    }
}
