//! Shapes of the border (`js/binding.ts`) that take more than a line: choices on conflicts, lists of changes.
//!
//! The face has checked what it gives; what the library keeps for itself does not leave.

use crate::engine::machine::Engine;
use crate::engine::outbox::Outbox;
use crate::engine::plan::Choice;
use crate::model::{Code, Document, Failure, Listed, Pending, PendingState, Record};
use crate::shell::clock;
use crate::shell::document::JsDoc;
use crate::shell::store::PendingQuery;
use js_sys::Array;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// A choice as the face gives it (`VerdictOut`); anything else is left to a person.
pub(super) fn choice(from: &JsDoc) -> Choice<JsDoc> {
    let failure = || {
        let code = Code::try_from_text(&from.text_of("code")?)?;
        Some(Failure::new(code, from.text_of("message").unwrap_or_default()).at(clock::now()))
    };
    match from.text_of("kind").as_deref() {
        Some("local") => Choice::Local,
        Some("remote") => Choice::Remote,
        Some("doc") => Choice::Doc(from.get("doc")),
        _ => Choice::Person(failure()),
    }
}

/// Which changes are to be listed.
pub(super) fn pending_query(from: &JsDoc) -> PendingQuery {
    PendingQuery {
        collection: from.text_of("collection").map(Rc::from),
        state: from.text_of("state").as_deref().and_then(PendingState::try_from_text),
        after: from.number_of("after").unwrap_or(0.0) as u64,
        limit: from.number_of("limit").unwrap_or(500.0) as usize,
    }
}

/// Rows as `PendingOut`: the engine knows the mutation ids that must be acknowledged before each may go.
pub(super) fn pending_objects(rows: &[Pending<JsDoc>], engine: Option<&Engine<JsDoc>>) -> JsValue {
    let depends = |outbox: &Outbox, id: &str| Some(outbox.depends_on(outbox.find(id)?));
    let known = |row: &Pending<JsDoc>| engine.and_then(|engine| depends(engine.outbox(), &row.mutation_id));
    let object = |row: &Pending<JsDoc>| {
        let depends = known(row).unwrap_or_default();
        pending_object(row, JsDoc::list(depends.iter().map(|id| JsDoc::text(id)).listed()))
    };
    rows.iter().map(object).collect::<Array>().into()
}

/// A row as `PendingOut`: its record without what only the library needs.
fn pending_object(row: &Pending<JsDoc>, depends_on: JsDoc) -> JsValue {
    const INTERNAL: [&str; 13] = [
        "changes",
        "base",
        "baseRev",
        "waitingSince",
        "sent",
        "refused",
        "rounds",
        "writes",
        "user",
        "touched",
        "skew",
        "origin",
        "asks",
    ];
    let mut fields: Vec<(&str, Option<JsDoc>)> = INTERNAL.iter().map(|field| (*field, None)).listed();
    fields.push(("dependsOn", Some(depends_on)));
    row.to_record().with(&fields).0
}
