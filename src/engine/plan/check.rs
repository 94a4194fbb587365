//! How a watched change ended when this tab did not see it end: asked from the store, not from messages.
//!
//! Another tab may have sent it, parked it or discarded it, and every message about that may be lost. The rows tell.

use super::Report;
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step};
use crate::model::{Code, DocKey, Document, Failure, PendingState, Seq};
use std::rc::Rc;

/// Asks for the end of one change.
#[derive(Debug)]
pub struct Check {
    /// The row it was in.
    pub seq: Seq,
    /// That row's identity.
    pub mutation_id: Rc<str>,
    /// Its document, as known here.
    pub key: DocKey,
}

/// The end of a change.
#[derive(Debug, Clone)]
pub enum Ending<D> {
    /// Not yet.
    Open,
    /// The server has it.
    Acknowledged {
        /// The document's id by now.
        id: Rc<str>,
        /// What the server has in the end; `None` when it is deleted.
        doc: Option<D>,
        /// Its revision.
        revision: Option<String>,
    },
    /// It was taken back.
    Discarded,
    /// It needs help.
    Parked(Failure),
}

impl<D: Document> Plan<D, Report<D>> for Check {
    fn scope(&self) -> Scope {
        Scope { collections: vec![self.key.collection.clone()], writes: false, strict: false }
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let alias = Read::Alias(self.key.clone());
        let missing = rows.missing(vec![Read::Pending(self.seq), Read::Meta(MetaKey::Discarded), alias]);
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        if let Some(row) = rows.pending(self.seq).filter(|row| row.mutation_id == self.mutation_id) {
            let held = row.state == PendingState::Conflict && !row.asks;
            let failure = row.last_error.clone().filter(|_| row.state == PendingState::Parked);
            let failure = failure.or_else(|| held.then(|| Failure::new(Code::Conflict, "changed on both sides")));
            return Step::Done(Vec::new(), Report::Ended(failure.map_or(Ending::Open, Ending::Parked)));
        }
        if rows.discarded().mutation_ids.iter().any(|id| **id == *self.mutation_id) {
            return Step::Done(Vec::new(), Report::Ended(Ending::Discarded));
        }
        let id = rows.alias(&self.key).cloned().unwrap_or_else(|| self.key.id.clone());
        let main = Read::Main(DocKey { collection: self.key.collection.clone(), id: id.clone() });
        if !rows.has(&main) {
            return Step::Need(vec![main]);
        }
        let Read::Main(key) = &main else { return Step::Done(Vec::new(), Report::Nothing) };
        let row = rows.main(key);
        let ending = Ending::Acknowledged {
            id,
            doc: row.and_then(|row| row.doc.clone()),
            revision: row.and_then(|row| row.rev.clone()),
        };
        Step::Done(Vec::new(), Report::Ended(ending))
    }
}
