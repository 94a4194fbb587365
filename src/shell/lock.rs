//! The lock between the tabs of a database, asked for and given up as the engine says.
//!
//! Being granted it is told as a signal and means nothing but that the lease may be looked at (pitfalls C1). A host
//! without such locks never says so.

use super::later::Heard;
use super::mailbox::{Letter, Mailbox};
use crate::engine::input::{Input, Signal};
use js_sys::Function;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};

/// The lock of one database; given up when dropped.
#[derive(Debug)]
#[must_use = "dropping it gives the lock up"]
pub struct Lock {
    name: JsValue,
    ask: Function,
    granted: Heard,
    release: Option<Function>,
}

impl Lock {
    /// Not asked for yet. `ask` is the face's: it takes a name and a listener, and gives how to release.
    pub fn new(name: &str, ask: Function, mailbox: &Rc<Mailbox>) -> Self {
        let mailbox = mailbox.clone();
        let granted = Heard::new(move |_| mailbox.post(Letter::Input(Input::Signal(Signal::Unlocked))));
        Self { name: name.into(), ask, granted, release: None }
    }

    /// Asks for it and keeps it, or gives it up.
    pub fn want(&mut self, wanted: bool) {
        if let Some(release) = self.release.take() {
            // Giving up what is held or waited for cannot fail.
            let _ = release.call0(&JsValue::NULL);
        }
        if wanted {
            let asked = self.ask.call2(&JsValue::NULL, &self.name, self.granted.as_ref());
            self.release = asked.ok().and_then(|release| release.dyn_into().ok());
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.want(false);
    }
}
