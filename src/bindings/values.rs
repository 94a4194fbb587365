//! What a client takes from both sides: texts and functions of the face's, and what the engine knows just now.
//!
//! Takes them as they are; what the face gives it has checked.

use crate::model::{Document, Seq};
use crate::shell::document::JsDoc;
use crate::shell::mailbox::{Letter, Mailbox};
use crate::shell::store::States;
use js_sys::{Function, Reflect};
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};

/// A text of the face's. Texts come as values: taking them over here costs less glue than one conversion for each.
pub(super) fn text(value: &JsValue) -> String {
    JsDoc(value.clone()).as_text().unwrap_or_default()
}

/// One of the functions that the face gave.
pub(super) fn hook(hooks: &JsValue, name: &str) -> Option<Function> {
    Reflect::get(hooks, &name.into()).ok()?.dyn_into().ok()
}

/// What the engine knows of the states of changes.
pub(super) fn states(mailbox: &Mailbox, seqs: &[Seq]) -> States {
    let (seqs, known) = (seqs.to_vec(), Rc::new(Cell::default()));
    let found = known.clone();
    mailbox.post(Letter::Look(Box::new(move |engine| {
        let state = |seq: Seq| Some((seq, engine?.outbox().get(seq)?.state));
        found.set(seqs.into_iter().filter_map(state).collect());
    })));
    known.take()
}
