//! What the app sees of rows: plain objects of the border's shape.

use crate::engine::query::row_state;
use crate::model::{Document, Failure, Map, Pending, PendingState, Row, Seq};
use crate::shell::document::JsDoc;
use js_sys::Array;
use wasm_bindgen::JsValue;

/// Outbox rows by place.
pub(super) type Changes = Map<Seq, Pending<JsDoc>>;
/// States of changes by place.
pub type States = Map<Seq, PendingState>;

fn lane<'c>(row: &'c Row<JsDoc>, changes: &'c Changes) -> impl Iterator<Item = &'c Pending<JsDoc>> + Clone {
    row.lane.iter().filter_map(|seq| changes.get(seq))
}

/// Rows with their states; rows without a document are left out.
fn rows(rows: &[Row<JsDoc>], states: &States) -> Array {
    let out = |row: &Row<JsDoc>| {
        let doc = row.doc.as_ref()?;
        let lane = row.lane.iter().filter_map(|seq| states.get(seq)).copied();
        Some(JsDoc::of(&[
            ("id", Some(JsDoc::text(&row.id))),
            ("key", Some(JsDoc::text(&row.key))),
            ("doc", Some(doc.clone())),
            ("state", Some(JsDoc::text(row_state(row, lane)))),
        ]))
    };
    rows.iter().filter_map(out).map(JsValue::from).collect()
}

/// The rows of an answer, and whether the collection has been caught up once.
pub(super) fn rows_object(all: &[Row<JsDoc>], states: &States, complete: bool) -> JsValue {
    let rows = JsDoc(rows(all, states).into());
    JsDoc::of(&[("rows", Some(rows)), ("complete", Some(JsDoc::boolean(complete)))]).0
}

/// What is known of a row besides its document.
pub(super) fn meta(row: &Row<JsDoc>, changes: &Changes) -> JsDoc {
    let attempts = lane(row, changes).map(|change| change.retry_count).max().unwrap_or(0);
    let error = lane(row, changes).find_map(|change| change.last_error.as_ref());
    let state = row_state(row, lane(row, changes).map(|change| change.state));
    let time = |time: u64| JsDoc::number(time as f64);
    let all = [
        ("id", Some(JsDoc::text(&row.id))),
        ("key", Some(JsDoc::text(&row.key))),
        ("state", Some(JsDoc::text(state))),
        ("revision", row.rev.as_deref().map(JsDoc::text)),
        ("updatedAt", Some(time(row.at))),
        ("syncedAt", row.synced_at.map(time)),
        ("attempts", Some(JsDoc::number(f64::from(attempts)))),
        ("lastError", error.map(Failure::to_document)),
    ];
    JsDoc::of(&all)
}

/// The stored conflicts, and how many there ever were.
pub(super) fn conflicts(conflicts: Array, log: Option<JsDoc>) -> JsValue {
    let log = log.unwrap_or_else(JsDoc::object);
    let counts = |field: &str| Some(log.get(field).unwrap_or_else(JsDoc::object));
    let conflicts = Some(JsDoc(conflicts.into()));
    JsDoc::of(&[("conflicts", conflicts), ("byType", counts("types")), ("byStrategy", counts("strategies"))]).0
}
