//! What the core reads and writes: documents, stored results, and the log kept as their positions.
//!
//! The change log is compacted by construction: each document carries the position of its last
//! change, tombstones included, and positions are given inside the write transaction, so they are in
//! commit order. A store loads the `Rows` that a command's `Needs` name and applies `Writes`, both in
//! one transaction; it decides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::request::CoreResponse;

/// Collection and id.
pub type DocumentKey = (String, String);

/// One document, or its tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The collection it belongs to.
    pub collection: String,
    /// Its id, unique in the collection.
    pub id: String,
    /// Opaque revision; the entity tag without its quotes.
    pub revision: String,
    /// Changes so far, counted on through deletion and re-creation.
    pub changes: u64,
    /// Milliseconds since 1970; a re-created document starts anew.
    pub created_at: u64,
    /// Milliseconds since 1970; grows with every change of the document.
    pub updated_at: u64,
    /// Position of its last change in the log.
    pub position: u64,
    /// The stored document as JSON text; `None` is a tombstone.
    pub text: Option<Arc<str>>,
}

impl Document {
    /// The document as JSON; `None` for a tombstone.
    pub fn value(&self) -> Option<serde_json::Value> {
        serde_json::from_str(self.text.as_deref()?).ok()
    }
}

/// The result of an executed change, kept for repeats of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResult {
    /// The idempotency key.
    pub key: String,
    /// Digest of method, path and body.
    pub fingerprint: String,
    /// When it was executed, in milliseconds since 1970.
    pub at: u64,
    /// What was answered, without `Date`.
    pub response: CoreResponse,
}

/// The rows a command has to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Idempotency keys whose stored results are wanted.
    pub keys: Vec<String>,
    /// Documents wanted, tombstones included.
    pub documents: Vec<DocumentKey>,
    /// Part of a collection's log wanted.
    pub page: Option<PageNeed>,
}

/// The first `limit` documents of a collection whose position is greater than `after`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageNeed {
    /// The collection.
    pub collection: String,
    /// Exclusive lower bound of positions; the checkpoint's text, checked once the epoch is known.
    pub since: Option<String>,
    /// At most so many rows.
    pub limit: usize,
}

/// The rows as they are inside one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Name of the history.
    pub epoch: String,
    /// Position of the last change of all.
    pub head: u64,
    /// Stored results found, by key.
    pub results: BTreeMap<String, StoredResult>,
    /// Documents found.
    pub documents: BTreeMap<DocumentKey, Document>,
    /// The page's documents in log order.
    pub page: Vec<Document>,
}

impl Rows {
    /// The rows as they are after those writes: what the next change of a batch sees.
    pub(super) fn apply(&mut self, writes: &Writes) {
        for (document, _) in &writes.documents {
            self.head = document.position;
            self.documents.insert((document.collection.clone(), document.id.clone()), document.clone());
        }
        for result in &writes.results {
            self.results.insert(result.key.clone(), result.clone());
        }
    }
}

/// What one command changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writes {
    /// Documents to store, in log order, each with the key that caused it.
    pub documents: Vec<(Document, Option<String>)>,
    /// Results to keep.
    pub results: Vec<StoredResult>,
    /// Results older than this may go.
    pub forget_before: Option<u64>,
}

impl Writes {
    /// Takes in the writes of a later change.
    pub(super) fn extend(&mut self, later: Self) {
        self.documents.extend(later.documents);
        self.results.extend(later.results);
        self.forget_before = later.forget_before.or(self.forget_before);
    }

    /// Nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty() && self.results.is_empty()
    }
}

/// What becomes of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// To be applied in the transaction that loaded the rows, before the response leaves.
    pub writes: Writes,
    /// The answer.
    pub response: CoreResponse,
}
