//! Pages of a collection's log.
//!
//! A page holds each document at most once, in its newest state, in log order. Its checkpoint covers
//! exactly its items. It refuses checkpoints of another history.

use serde::Serialize;
use serde_json::value::RawValue;

use super::problem::Problem;
use super::request::CoreResponse;
use super::rows::{Document, PageNeed, Rows};
use super::stamp::{checkpoint, checkpoint_position, digest, entity_tag, names_revision};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    items: Vec<Item<'a>>,
    checkpoint: String,
    has_more: bool,
    epoch: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    id: &'a str,
    revision: &'a str,
    updated_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    doc: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
}

impl PageNeed {
    /// The position to read after; `None` when the checkpoint belongs to no known history.
    pub fn after(&self, epoch: &str, head: u64) -> Option<u64> {
        match &self.since {
            None => Some(0),
            Some(text) => checkpoint_position(text, epoch, head),
        }
    }

    /// Rows to load: one more than the page holds tells whether there is another page.
    pub fn rows(&self) -> usize {
        self.limit + 1
    }
}

/// Answers a pull from the rows its `PageNeed` named.
pub(super) fn page(
    rows: &Rows,
    need: &PageNeed,
    target: &str,
    if_none_match: Option<&str>,
) -> Result<CoreResponse, Problem> {
    let Some(after) = need.after(&rows.epoch, rows.head) else {
        return Err(Problem::new(410, "unknown-checkpoint", "Start again without `since`."));
    };
    let body = body(rows, need, after);
    let tag = digest(&[target.as_bytes(), &body]);
    let response = match if_none_match {
        Some(list) if names_revision(list, &tag, true) => CoreResponse::empty(304),
        _ => CoreResponse::with_body(200, "application/json", body),
    };
    Ok(response.header("etag", entity_tag(&tag)))
}

fn body(rows: &Rows, need: &PageNeed, after: u64) -> Vec<u8> {
    let covered = &rows.page[..rows.page.len().min(need.limit)];
    let wanted = |document: &&Document| need.since.is_some() || document.text.is_some();
    let page = Page {
        items: covered.iter().filter(wanted).map(item).collect(),
        checkpoint: checkpoint(covered.last().map_or(after, |document| document.position), &rows.epoch),
        has_more: rows.page.len() > need.limit,
        epoch: &rows.epoch,
    };
    // Strings, numbers and checked JSON: serialising them has no failing case.
    serde_json::to_vec(&page).unwrap_or_default()
}

fn item(document: &Document) -> Item<'_> {
    Item {
        id: &document.id,
        revision: &document.revision,
        updated_at: document.updated_at,
        doc: document.text.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        deleted: document.text.is_none(),
    }
}
