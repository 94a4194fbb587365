//! Three-way merge: what becomes of a document that changed on both sides, from what both began with.
//!
//! Pure functions of base, local, remote and the stamps: no clock, no chance, no locale, so every device that is given
//! the same comes to the same (I-33, pitfalls H10). Nothing here knows lanes, rows or requests.

mod fields;
mod strategy;
#[cfg(test)]
mod tests;
mod tree;

pub use fields::{is_changed, merge_fields};
pub use strategy::{decide, newer, Answer, Question, Strategy, UNCERTAINTY};
pub use tree::merge_tree;

use crate::model::{ConflictField, Document};

/// Fields that the server sets itself: they follow it, and are never what a conflict is about.
const OWNED: [&str; 2] = ["id", "updatedAt"];

/// What a merge made of two documents.
#[derive(Debug, Clone)]
pub struct Merged<D> {
    /// The document.
    pub doc: D,
    /// Fields that both sides changed, to different values.
    pub fields: Vec<ConflictField<D>>,
}

/// Whether two values, or their absence, are the same.
fn same<D: Document>(left: Option<&D>, right: Option<&D>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => left.same(right),
        (left, right) => left.is_none() && right.is_none(),
    }
}

fn field<D: Document>(path: &str, base: Option<&D>, local: Option<&D>, remote: Option<&D>) -> ConflictField<D> {
    let (base, local, remote) = (base.cloned(), local.cloned(), remote.cloned());
    ConflictField { path: path.into(), base, local, remote, local_at: None, remote_at: None }
}
