//! What the app sees of rows: plain objects of the border's shape.

use super::host;
use crate::engine::query::row_state;
use crate::model::{Document, Failure, Listed, Map, Pending, PendingState, Row, Seq};
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
        Some(host::object(&[
            ("id", JsValue::from_str(&row.id)),
            ("key", JsValue::from_str(&row.key)),
            ("doc", doc.0.clone()),
            ("state", row_state(row, lane).into()),
        ]))
    };
    rows.iter().filter_map(out).collect()
}

/// The rows of an answer, and whether the collection has been caught up once.
pub(super) fn rows_object(all: &[Row<JsDoc>], states: &States, complete: bool) -> JsValue {
    host::object(&[("rows", rows(all, states).into()), ("complete", complete.into())])
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
    JsDoc::of(&all.into_iter().filter(|(_, value)| value.is_some()).listed())
}

/// The stored conflicts, and how many there ever were.
pub(super) fn conflicts(conflicts: Array, log: Option<JsDoc>) -> JsValue {
    let log = log.unwrap_or_else(JsDoc::object);
    let counts = |field: &str| log.get(field).unwrap_or_else(JsDoc::object).0;
    host::object(&[("conflicts", conflicts.into()), ("byType", counts("types")), ("byStrategy", counts("strategies"))])
}
