//! Replaces the document of a parked or waiting change, and makes it due.
//!
//! A change that the server refused (or that was never sent) takes the new content itself, under a new key when it
//! is sent. One whose attempts may have been executed stays as it is; the difference queues behind it (I-08).

use super::audit::audited;
use super::refer::{referred, resolved};
use super::world::{Change, Effects, World};
use super::Report;
use crate::engine::config::Config;
use crate::engine::lane::{Action, Lane, Operation};
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step};
use crate::model::{
    is_temporary, AuditEntry, ChangeKind, Code, DocKey, Document, Failure, Listed, Patch, Pending, PendingState, Seq,
    Time,
};
use std::rc::Rc;

/// The transaction of an edit.
#[derive(Debug)]
pub struct Edit<D> {
    /// Options.
    pub config: Rc<Config>,
    /// The change's place.
    pub seq: Seq,
    /// The new document, with fresh ids for the case that it queues behind.
    pub operation: Operation<D>,
    /// The id that stood in the new document, if any: its own or a former one.
    pub given: Option<Rc<str>>,
    /// The edited change's identity.
    pub mutation_id: Rc<str>,
    /// When.
    pub now: Time,
}

impl<D: Document> Plan<D, Report<D>> for Edit<D> {
    fn scope(&self) -> Scope {
        Scope { collections: vec![self.key().collection.clone()], writes: true, strict: true }
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let referred = referred(&self.operation, &self.config).into_iter().map(Read::Alias);
        let former = self.former().map(Read::Alias);
        let missing =
            rows.missing(referred.chain(former).chain([Read::LastPending, Read::Meta(MetaKey::Mark)]).listed());
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        let mut world = match World::load(rows, [(self.key().clone(), false)]) {
            Ok(world) => world,
            Err(missing) => return Step::Need(missing),
        };
        let Some(lane) = world.lane(self.key()) else { return Step::Done(Vec::new(), Report::Nothing) };
        let at =
            lane.changes.iter().position(|change| change.seq == self.seq && change.mutation_id == self.mutation_id);
        let Some(at) = at else {
            return Step::Done(
                Vec::new(),
                Report::Refused(Failure::new(Code::MutationUnknown, "no such change in the outbox")),
            );
        };
        if !self.names(&lane.changes[at], rows) {
            let failure = Failure::new(Code::IdMismatch, "the document has another id than the change");
            return Step::Done(Vec::new(), Report::Refused(failure));
        }
        // A conflict that this tab has not heard of is decided by its record, not past it (I-34).
        if matches!(lane.changes[at].state, PendingState::Sending | PendingState::Conflict) {
            let text = "a request with this change is out, or has just met a conflict; try again when that is known";
            let failure = Failure::new(Code::InFlight, text);
            return Step::Done(Vec::new(), Report::Refused(failure));
        }
        let entry = vec![AuditEntry::of(&lane.changes[at], "edited", None, self.now)];
        if let Err(failure) = self.apply(lane, at, rows) {
            return Step::Done(Vec::new(), Report::Refused(failure));
        }
        let change = Change {
            key: self.key().clone(),
            row_key: lane.row.as_ref().map_or_else(|| self.key().id.clone(), |row| row.key.clone()),
            previous: None,
            doc: lane.doc().cloned(),
        };
        let (mut writes, effects) = world.finish(&self.config);
        writes.extend(audited(rows, entry));
        Step::Done(writes, Report::Commanded(Effects { changes: vec![change], ..effects }, 1))
    }
}

impl<D: Document> Edit<D> {
    fn key(&self) -> &DocKey {
        &self.operation.key
    }

    /// A temporary id in the new document may be the one it had before.
    fn former(&self) -> Option<DocKey> {
        let given = self.given.as_ref().filter(|id| is_temporary(id))?;
        Some(DocKey { collection: self.key().collection.clone(), id: given.clone() })
    }

    fn names(&self, change: &Pending<D>, rows: &Rows<D>) -> bool {
        let Some(given) = &self.given else { return true };
        let former = self.former().and_then(|key| rows.alias(&key).cloned());
        [Some(given), former.as_ref()].contains(&Some(&self.key().id)) || change.temp_id.as_ref() == Some(given)
    }

    fn apply(&self, lane: &mut Lane<D>, at: usize, rows: &Rows<D>) -> Result<(), Failure> {
        let operation = resolved(&self.operation, &self.config, rows);
        let (Action::Put(doc) | Action::Add(doc)) = &operation.action else { return Ok(()) };
        let executed = lane.changes[at].is_attempted() && !lane.changes[at].refused;
        make_due(lane, at);
        if executed || at + 1 < lane.changes.len() {
            return lane.fold(&operation, rows.last_pending() + 1, self.now).map(drop);
        }
        let below = lane.below(at);
        let edited = Patch::between(lane.doc().unwrap_or(&D::object()), doc);
        let revision = lane.row.as_ref().and_then(|row| row.rev.clone());
        let change = &mut lane.changes[at];
        change.touch(edited.fields(), self.now, operation.skew);
        if change.origin.take().is_some() {
            change.base_rev = revision;
        }
        match (below, change.kind) {
            (Some(below), ChangeKind::Update | ChangeKind::Delete) => {
                change.kind = ChangeKind::Update;
                change.changes = Patch::between(&below, doc);
            }
            _ => {
                change.kind = ChangeKind::Create;
                change.data = Some(doc.clone());
            }
        }
        if let Some(row) = lane.row.as_mut() {
            row.doc = Some(doc.clone());
            row.at = self.now;
        }
        Ok(())
    }
}

fn make_due<D: Document>(lane: &mut Lane<D>, at: usize) {
    let change = &mut lane.changes[at];
    change.state = PendingState::Waiting;
    change.retry_count = 0;
    change.losses = 0;
    change.rounds = 0;
    change.wait = None;
    change.last_error = None;
    lane.dirty.insert(change.seq);
}

#[cfg(test)]
mod tests;
