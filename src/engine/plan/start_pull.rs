//! Begins a full pull: a new generation, and no position to go on from.
//!
//! It is written before the first page is asked for, so that whatever is acknowledged from then on belongs to this
//! generation and the sweep at the end spares it, whatever the clock does (pitfalls D33, I-31).

use super::world::Fence;
use super::Report;
use crate::engine::mutant::Mutant;
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step, Write};
use crate::model::{Collection, Document, PullState, Record};

/// The transaction before the first page.
#[derive(Debug)]
pub struct StartPull {
    /// Proof of leadership.
    pub fence: Fence,
    /// The collection.
    pub collection: Collection,
}

impl<D: Document> Plan<D, Report<D>> for StartPull {
    fn scope(&self) -> Scope {
        Scope { collections: Vec::new(), writes: true, strict: false }
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let pull = MetaKey::Pull(self.collection.clone());
        let missing = rows.missing(vec![Fence::read(), Read::Meta(pull.clone())]);
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        if !self.fence.stands(rows) {
            return Step::Done(Vec::new(), Report::Fenced);
        }
        let stored = rows.pull_state(&self.collection);
        let generation = stored.generation + u64::from(!Mutant::FullPullWithoutRecord.is_on());
        let state = PullState { checkpoint: None, etag: None, generation, sweeping: true, ..stored };
        Step::Done(vec![Write::PutMeta(pull, state.to_record())], Report::Pulls(vec![state]))
    }
}
