//! Several plans as one transaction, in order: each decides from the rows as those before it have left them.
//!
//! What comes out is what the plans would have left one after another, and each has its own report (I-51). Either all
//! of it is stored or nothing is. Plans that ask by key or for who refers to an id may go together; those that ask for
//! rows in order, by query or with a guess may not, for what was just written would be missing in their answers.

use super::{AnyPlan, Report};
use crate::engine::mutant::Mutant;
use crate::engine::store::{Plan, Rows, Scope, Step, Write};
use crate::model::{sort_by, Document};

/// So many plans go together at most: a write of the app waits for one such transaction (as for a part of a pull).
pub const MOST: usize = 50;

/// Plans that are one transaction.
#[derive(Debug)]
pub struct Several<D> {
    parts: Vec<AnyPlan<D>>,
}

impl<D: Document> Several<D> {
    /// One transaction of these, in this order.
    pub fn new(parts: Vec<AnyPlan<D>>) -> Self {
        Self { parts }
    }
}

impl<D: Document> Plan<D, Report<D>> for Several<D> {
    fn scope(&self) -> Scope {
        let mut all = Scope { collections: Vec::new(), writes: false, strict: false };
        for Scope { collections, writes, strict } in self.parts.iter().map(|part| part.scope()) {
            all.collections.extend(collections);
            all.writes |= writes;
            all.strict |= strict;
        }
        sort_by(&mut all.collections, Ord::cmp);
        all.collections.dedup();
        all
    }

    fn may_spend(&self) -> bool {
        self.parts.iter().all(|part| part.may_spend())
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let (mut rows, mut missing) = (rows.layer(), Vec::new());
        let (mut writes, mut reports) = (Vec::new(), Vec::with_capacity(self.parts.len()));
        for part in &self.parts {
            match part.step(&rows) {
                // The others are asked all the same, so that everybody's rows are read in one round.
                Step::Need(reads) => missing.extend(reads),
                Step::Done(more, report) | Step::Guess(more, report) if missing.is_empty() => {
                    more.into_iter().for_each(|write| put(&mut writes, &mut rows, write));
                    reports.push(report);
                }
                Step::Done(..) | Step::Guess(..) => {}
            }
        }
        if !missing.is_empty() {
            return Step::Need(rows.missing(missing));
        }
        if Mutant::SeveralKeepHalf.is_on() {
            writes.truncate(writes.len() / 2);
        }
        Step::Done(writes, Report::Several(reports))
    }

    fn parts(&self) -> &[AnyPlan<D>] {
        &self.parts
    }
}

/// One more write. Of the same meta row only the last one counts: every part moves the mark.
fn put<D: Document>(writes: &mut Vec<Write<D>>, rows: &mut Rows<D>, write: Write<D>) {
    if !Mutant::SeveralForget.is_on() {
        rows.take(&write);
    }
    if let Write::PutMeta(key, _) = &write {
        writes.retain(|other| !matches!(other, Write::PutMeta(before, _) if before == key));
    }
    writes.push(write);
}

#[cfg(test)]
mod tests;
