//! The end of a full pull: what the server no longer has goes, page by page.
//!
//! Mark and sweep by generation (pitfalls D33): the pages marked what they saw; a clean row that was not seen, and
//! was not acknowledged since the pull began, is gone on the server. Pending rows are kept.

use super::world::{moved_mark, Change, Effects, Fence};
use super::Report;
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step, Write};
use crate::model::{Collection, DocKey, Document, PullState, Record, Row};
use std::rc::Rc;

/// Rows looked at in one transaction.
const PAGE: usize = 200;

/// The transaction of one part of a sweep.
#[derive(Debug)]
pub struct Sweep {
    /// Proof of leadership.
    pub fence: Fence,
    /// The collection.
    pub collection: Collection,
    /// Where to go on.
    pub after: Option<Rc<str>>,
}

impl<D: Document> Plan<D, Report<D>> for Sweep {
    fn scope(&self) -> Scope {
        Scope { collections: vec![self.collection.clone()], writes: true, strict: false }
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let pull = MetaKey::Pull(self.collection.clone());
        let page = Read::MainPage { collection: self.collection.clone(), after: self.after.clone(), limit: PAGE };
        let reads = [Fence::read(), Read::Meta(MetaKey::Mark), Read::Meta(pull.clone()), page.clone()];
        let missing = rows.missing(reads);
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        if !self.fence.stands(rows) {
            return Step::Done(Vec::new(), Report::Fenced);
        }
        let state: PullState<D> = rows.pull_state(&self.collection);
        let found = rows.main_rows(&page);
        let gone: Vec<&Row<D>> = found.iter().filter(|row| is_gone(row, &state)).collect();
        let mut writes: Vec<Write<D>> = gone.iter().map(|row| Write::DeleteMain(self.key(row))).collect();
        let next = (found.len() == PAGE).then(|| found.last().map(|row| row.id.clone())).flatten();
        if next.is_none() {
            writes
                .push(Write::PutMeta(pull, PullState { sweeping: false, rewinds: false, ..state.clone() }.to_record()));
        }
        if !gone.is_empty() {
            writes.push(moved_mark(rows));
        }
        let changes =
            gone.iter().map(|row| Change { key: self.key(row), row_key: row.key.clone(), previous: None, doc: None });
        let effects = Effects { changes: changes.collect(), ..Effects::default() };
        Step::Done(writes, Report::Swept(effects, next))
    }
}

impl Sweep {
    fn key<D>(&self, row: &Row<D>) -> DocKey {
        DocKey { collection: self.collection.clone(), id: row.id.clone() }
    }
}

/// Not seen since this pull began, neither in a page nor in an answer.
fn is_gone<D: Document>(row: &Row<D>, state: &PullState<D>) -> bool {
    row.is_clean() && row.is_on_server() && row.seen != state.generation
}
