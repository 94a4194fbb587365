//! The end of a local write's transaction: who is answered what, and what the next write may guess.
//!
//! What was written is delivered by `deliver`; this file decides nothing about documents.

use super::state::operations;
use super::{Engine, Phase};
use crate::engine::mutant::Mutant;
use crate::engine::output::Reply;
use crate::engine::plan::{Group, Report, WriteOutcome, Written};
use crate::model::{DocKey, Document, Failure, Listed};

/// So many writes are made without a guess at most, after guesses that were wrong.
const MOST_WARY: u8 = 64;

impl<D: Document> Engine<D> {
    pub(super) fn written(&mut self, groups: Vec<Group<D>>, result: Result<Report<D>, Failure>) {
        self.writes.under_way = false;
        let open = self.writes.open;
        self.writes.open -= operations(&groups);
        match result {
            Ok(Report::Written(written)) => self.groups_written(written),
            Ok(_) => {}
            // One of them may be to blame: each is tried by itself, in order, so that no call fails for another's sake. Not
            // where nobody knows whether they are stored: a call made again could count twice.
            Err(failure) if groups.len() > 1 && !failure.code.may_be_done() && !self.outdated => {
                self.writes.alone.extend(groups);
                self.writes.open = open;
            }
            Err(failure) => groups.iter().for_each(|group| self.refuse(group.ticket, failure.clone())),
        }
        self.write();
    }

    fn groups_written(&mut self, written: Written<D>) {
        self.learn(written.new);
        self.watch_writes(&written.groups);
        let unmade = self.unmade(&written);
        for entry in written.effects.entries.iter().filter(|entry| entry.group.is_some()) {
            self.outbox.put(entry.clone());
        }
        let mut effects = written.effects;
        if Mutant::TellsNoOwnWrites.is_on() {
            effects.changes.clear();
        }
        self.deliver(true, effects);
        for group in written.groups {
            match group.result {
                Ok(outcomes) => {
                    let outcomes = outcomes.iter().map(outcome_document).listed();
                    self.reply(group.ticket, Reply::Written(outcomes));
                }
                Err(failure) => self.refuse(group.ticket, failure),
            }
        }
        self.end_unmade(unmade);
        if self.phase == Phase::Closed {
            self.close_waiters();
        }
    }

    /// After a wrong guess that documents are new twice as many writes as before go without one, after a right one half.
    fn learn(&mut self, new: Option<bool>) {
        let count = self.writes.wary.1;
        match new {
            Some(true) => self.writes.wary.1 = count / 2,
            Some(false) => {
                let count = (count * 2).clamp(2, MOST_WARY);
                self.writes.wary = (count, count);
            }
            None => {}
        }
    }
}

fn outcome_document<D: Document>(outcome: &WriteOutcome<D>) -> D {
    let DocKey { id, .. } = &outcome.key;
    D::of(&[
        ("id", Some(D::text(id))),
        ("key", Some(D::text(&outcome.row_key))),
        ("mutationId", outcome.mutation_id.as_deref().map(D::text)),
        ("doc", outcome.doc.clone()),
    ])
}
