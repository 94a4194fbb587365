//! The main row: one document as the app sees it, with what the library knows about it.
//!
//! The document stands under `doc` exactly as it was written. `lane` lists the places of its unsent changes in the
//! outbox, so a write needs no look-up there to know whether it is the first. A row without `doc` is a document whose
//! deletion has not reached the server yet.

use super::record::{number, object, text, whole};
use super::{Document, Listed, Record, Seq, Time};
use std::rc::Rc;

/// A row of a collection's store.
#[derive(Debug, Clone)]
pub struct Row<D> {
    /// Current id: the server's, the app's, or a temporary one.
    pub id: Rc<str>,
    /// Stays the same when a temporary id becomes the server's.
    pub key: Rc<str>,
    /// The optimistic document; `None` while a deletion waits.
    pub doc: Option<D>,
    /// Revision the server last acknowledged or sent.
    pub rev: Option<String>,
    /// When this row last changed here.
    pub at: Time,
    /// When the server's state was last seen; `None` when the server does not know the document.
    pub synced_at: Option<Time>,
    /// The server's own `updatedAt` of the acknowledged state.
    pub server_at: Option<Time>,
    /// Outbox places of this document's changes, oldest first.
    pub lane: Vec<Seq>,
    /// Generation of the last full pull that saw it.
    pub seen: u64,
    /// Saved without sending.
    pub local: bool,
}

impl<D: Document> Row<D> {
    /// A row for a document that nobody knows yet.
    pub fn fresh(id: &str, now: Time) -> Self {
        Self {
            id: id.into(),
            key: id.into(),
            doc: None,
            rev: None,
            at: now,
            synced_at: None,
            server_at: None,
            lane: Vec::new(),
            seen: 0,
            local: false,
        }
    }

    /// Whether the server has this document, as far as we know.
    pub fn is_on_server(&self) -> bool {
        self.synced_at.is_some()
    }

    /// Whether a field of its document holds the id of another one.
    pub fn refers(&self, field: &str, id: &str) -> bool {
        self.doc.as_ref().and_then(|doc| doc.text_of(field)).is_some_and(|text| text == *id)
    }

    /// Whether nothing waits to be sent.
    pub fn is_clean(&self) -> bool {
        self.lane.is_empty()
    }
}

impl<D: Document> Record<D> for Row<D> {
    fn to_record(&self) -> D {
        let lane =
            (!self.lane.is_empty()).then(|| D::list(self.lane.iter().map(|seq| D::number(*seq as f64)).listed()));
        object(&[
            ("id", Some(D::text(&self.id))),
            ("key", (self.key != self.id).then(|| D::text(&self.key))),
            ("doc", self.doc.clone()),
            ("rev", text(self.rev.as_deref())),
            ("at", number(Some(self.at))),
            ("synced", number(self.synced_at)),
            ("serverAt", number(self.server_at)),
            ("lane", lane),
            ("seen", number((self.seen > 0).then_some(self.seen))),
            ("local", self.local.then(|| D::boolean(true))),
        ])
    }

    fn from_record(record: &D) -> Option<Self> {
        let id: Rc<str> = record.text_of("id")?.into();
        let lane = record.get("lane").and_then(|lane| lane.as_list()).unwrap_or_default();
        Some(Self {
            key: record.text_of("key").map_or_else(|| id.clone(), Rc::from),
            id,
            doc: record.get("doc"),
            rev: record.text_of("rev"),
            at: whole(record, "at").unwrap_or(0),
            synced_at: whole(record, "synced"),
            server_at: whole(record, "serverAt"),
            lane: lane.iter().filter_map(|seq| seq.as_number().map(|seq| seq as Seq)).listed(),
            seen: whole(record, "seen").unwrap_or(0),
            local: record.flag("local"),
        })
    }
}
