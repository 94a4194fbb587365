//! One change as the outbox index knows it: all that decides when it may go, and nothing of its content.

use crate::engine::config::Config;
use crate::model::{
    is_temporary, ChangeKind, DocKey, Document, Failure, Listed, Pending, PendingState, Priority, Seq, Time, Wait,
};
use std::cell::Cell;
use std::rc::Rc;

/// What the engine remembers of one change.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Place in the outbox.
    pub seq: Seq,
    /// Identity of the change.
    pub mutation_id: Rc<str>,
    /// Its document.
    pub key: DocKey,
    /// The temporary id it was made with.
    pub temp_id: Option<Rc<str>>,
    /// What it does.
    pub kind: ChangeKind,
    /// Where it stands.
    pub state: PendingState,
    /// Counted failures.
    pub retry_count: u32,
    /// Pause before the next attempt; a person's hurry ends all of them.
    pub wait: Cell<Option<Wait>>,
    /// Who goes first.
    pub priority: Priority,
    /// Why the last attempt failed.
    pub last_error: Option<Failure>,
    /// When it was made.
    pub created_at: Time,
    /// Other documents it refers to.
    pub refers: Vec<DocKey>,
    /// The transaction it belongs to.
    pub group: Option<Rc<str>>,
    /// The open conflict that holds it.
    pub conflict: Option<Rc<str>>,
    /// Whether that waits for the app's function.
    pub asks: bool,
}

impl Entry {
    /// The entry of a row.
    pub fn of<D: Document>(row: &Pending<D>, config: &Config) -> Self {
        Self {
            seq: row.seq,
            mutation_id: row.mutation_id.clone(),
            key: DocKey { collection: row.collection.clone(), id: row.id.clone() },
            temp_id: row.temp_id.clone(),
            kind: row.kind,
            state: row.state,
            retry_count: row.retry_count,
            wait: Cell::new(row.wait),
            priority: row.priority,
            last_error: row.last_error.clone(),
            created_at: row.created_at,
            refers: references(row, config),
            group: row.group.clone(),
            conflict: row.conflict.clone(),
            asks: row.asks,
        }
    }
}

/// Documents in the declared reference fields of what a change would send.
pub fn references<D: Document>(row: &Pending<D>, config: &Config) -> Vec<DocKey> {
    let others = |key: &DocKey| key.collection != row.collection || key.id != row.id;
    awaited(row, config).into_iter().filter(others).listed()
}

/// The same with a document that refers to itself: by its temporary id it can never be made.
pub fn awaited<D: Document>(row: &Pending<D>, config: &Config) -> Vec<DocKey> {
    let Some(collection) = config.collection(&row.collection) else { return Vec::new() };
    let id_in = |field: &str| -> Option<String> {
        let set = row.changes.set.iter().find(|(name, _)| name == field);
        let value = set.map(|(_, value)| value.clone()).or_else(|| row.data.as_ref()?.get(field));
        value?.as_text()
    };
    let refers = collection
        .references
        .iter()
        .filter_map(|reference| id_in(&reference.field).map(|id| DocKey::new(&reference.collection, &id)));
    refers.listed()
}

/// Those of them that have only a temporary id yet.
pub fn temporary_references<D: Document>(row: &Pending<D>, config: &Config) -> Vec<DocKey> {
    references(row, config).into_iter().filter(|key| is_temporary(&key.id)).listed()
}
