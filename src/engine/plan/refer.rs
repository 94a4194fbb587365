//! References in what the app writes: a temporary id whose real one is known by now is stored as that one.
//!
//! An app may hold a temporary id for days after the server has given its own. Resolving it when it is written keeps
//! the stored document, its changes and what is sent the same (I-35).

use crate::engine::config::{Config, Reference};
use crate::engine::lane::{Action, Operation};
use crate::engine::store::Rows;
use crate::model::{is_temporary, DocKey, Document, Listed};

/// Temporary ids in the reference fields that an operation sets.
pub(super) fn referred<D: Document>(op: &Operation<D>, config: &Config) -> Vec<DocKey> {
    let key = |reference: &Reference| {
        let id = value(op, &reference.field)?.as_text().filter(|id| is_temporary(id))?;
        Some(DocKey::new(&reference.collection, &id))
    };
    config.collection(&op.key.collection).map_or_else(Vec::new, |of| of.references.iter().filter_map(key).listed())
}

/// Whether an operation sets a reference: its place must be above that document's, whoever made it.
pub(super) fn refers<D: Document>(op: &Operation<D>, config: &Config) -> bool {
    let references = config.collection(&op.key.collection).map(|of| &of.references);
    references.into_iter().flatten().any(|reference| value(op, &reference.field).is_some())
}

/// The operation with known ids in place of temporary ones.
pub(super) fn resolved<D: Document>(op: &Operation<D>, config: &Config, rows: &Rows<D>) -> Operation<D> {
    let mut op = op.clone();
    let Some(collection) = config.collection(&op.key.collection) else { return op };
    for reference in &collection.references {
        let known = value(&op, &reference.field).and_then(|id| id.as_text());
        let known = known.and_then(|id| rows.alias(&DocKey::new(&reference.collection, &id)));
        if let Some(id) = known {
            set(&mut op.action, &reference.field, D::text(id));
        }
    }
    op
}

fn value<D: Document>(op: &Operation<D>, field: &str) -> Option<D> {
    match &op.action {
        Action::Put(doc) | Action::Add(doc) => doc.get(field),
        Action::Patch(patch) => patch.set.iter().find(|(name, _)| name == field).map(|(_, value)| value.clone()),
        Action::Remove => None,
    }
}

fn set<D: Document>(action: &mut Action<D>, field: &str, value: D) {
    match action {
        Action::Put(doc) | Action::Add(doc) => *doc = doc.with(&[(field, Some(value))]),
        Action::Patch(patch) => {
            patch.set.iter_mut().filter(|(name, _)| name == field).for_each(|(_, old)| *old = value.clone());
        }
        Action::Remove => {}
    }
}
