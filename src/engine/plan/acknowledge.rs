//! Acknowledges a change: the one place where a row leaves the outbox because the server has it.
//!
//! In one transaction the row goes, the server's document becomes the base of what still waits, and a temporary id is
//! replaced everywhere it stands: main row, pending rows, declared reference fields, and the table of aliases (I-35).
//! A late acknowledgement of an earlier leader is applied too, for the mutation id proves it (pitfalls C4).

use super::audit::{audited, merged, settled};
use super::dispatch::rewrite;
use super::meet::Meeting;
use super::world::{note, Change, Effects, Noted, World};
use super::{Acknowledged, Report};
use crate::engine::config::Config;
use crate::engine::lane::Lane;
use crate::engine::mutant::Mutant;
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step, Write};
use crate::model::{
    sort_by, want_also, AuditEntry, ChangeKind, DocKey, Document, Listed, Patch, Pending, PullState, Record, Row, Seq,
    Time, Wanted,
};
use crate::protocol::Accepted;
use std::rc::Rc;

/// The transaction after a success.
#[derive(Debug)]
pub struct Acknowledge<D> {
    /// Options.
    pub config: Rc<Config>,
    /// The change's place.
    pub seq: Seq,
    /// Its identity: another change at this place is left alone.
    pub mutation_id: Rc<str>,
    /// The document it was sent for.
    pub key: DocKey,
    /// What the server made of it.
    pub accepted: Accepted<D>,
    /// The server's clock less this device's.
    pub offset: i64,
    /// Whether a pull may have shown the document's end before this answer came.
    pub doubtful: bool,
    /// When.
    pub now: Time,
}

impl<D: Document> Plan<D, Report<D>> for Acknowledge<D> {
    fn scope(&self) -> Scope {
        let mut collections = vec![self.key.collection.clone()];
        if self.renames() {
            collections.extend(self.config.referring_to(&self.key.collection).into_iter().map(|(name, _)| name));
        }
        sort_by(&mut collections, Ord::cmp);
        collections.dedup();
        Scope { collections, writes: true, strict: true }
    }

    fn may_spend(&self) -> bool {
        true
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let pull = Read::Meta(MetaKey::Pull(self.key.collection.clone()));
        let first = [Read::Pending(self.seq), Read::Meta(MetaKey::Mark), pull].into_iter().chain(self.referring());
        let missing = rows.missing(first.listed());
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        let known = rows.pending(self.seq).filter(|change| change.mutation_id == self.mutation_id);
        let Some(change) = known else { return Step::Done(Vec::new(), Report::Acknowledged(None)) };
        let own = DocKey { collection: change.collection.clone(), id: change.id.clone() };
        let target = self.target(&own);
        let referring = self.referring_keys(rows);
        let keys = referring.iter().cloned().chain([own.clone(), target.clone()]);
        match World::load(rows, keys.map(|key| (key, false))) {
            Ok(world) => self.decide(world, rows, change, &own, &target, &referring),
            Err(missing) => Step::Need(missing),
        }
    }
}

impl<D: Document> Acknowledge<D> {
    fn renames(&self) -> bool {
        self.accepted.id.as_deref().is_some_and(|id| id != &*self.key.id)
    }

    fn target(&self, own: &DocKey) -> DocKey {
        self.accepted.id.as_deref().map_or_else(|| own.clone(), |id| DocKey::new(&own.collection, id))
    }

    fn referring(&self) -> Vec<Read> {
        if !self.renames() {
            return Vec::new();
        }
        let fields = self.config.referring_to(&self.key.collection).into_iter();
        fields.map(|(collection, field)| Read::Referring { collection, field, id: self.key.id.clone() }).listed()
    }

    fn referring_keys(&self, rows: &Rows<D>) -> Vec<DocKey> {
        self.referring().iter().flat_map(|read| rows.referring(read)).listed()
    }

    fn decide(
        &self,
        mut world: World<D>,
        rows: &Rows<D>,
        change: &Pending<D>,
        own: &DocKey,
        target: &DocKey,
        referring: &[DocKey],
    ) -> Step<D, Report<D>> {
        let Some(mut lane) = world.take(own) else { return Step::Done(Vec::new(), Report::Acknowledged(None)) };
        let existing = if own == target { None } else { world.take(target) };
        let mut server = self.server_document(change, &lane);
        if Mutant::AddsOnTopAgain.is_on() {
            let again = Patch { inc: change.changes.inc.clone(), ..Patch::default() };
            server = server.map(|doc| again.apply(&doc));
        }
        // A pull brought its deletion meanwhile, but no time for it: nothing here tells which of the two came last.
        let buried = change.kind != ChangeKind::Create && lane.row.as_ref().is_some_and(|row| !row.is_on_server());
        let noted = self.settle(&mut lane, rows, server.as_ref(), target, existing);
        let pull = rows.pull_state(&own.collection);
        if let Some(row) = lane.row.as_mut() {
            row.seen = pull.generation;
        }
        let wanted = lane.row.is_some() && (buried || self.is_in_doubt(&pull));
        let doc = lane.doc().cloned();
        let mut changes = vec![change_of(&lane, own, target)];
        world.put(lane);
        if own != target {
            for key in referring {
                changes.extend(self.rewrite_reference(&mut world, if key == own { target } else { key }, own, target));
            }
        }
        let (mut writes, effects) = world.finish(&self.config);
        let entry = AuditEntry::of(change, "acknowledged", None, self.now);
        let mut entries = vec![AuditEntry { id: target.id.clone(), ..entry }];
        entries.extend(settled(&noted, self.config.user.as_ref(), self.now));
        merged(rows, &effects.removed, &mut entries, self.now);
        writes.extend(audited(rows, entries));
        if own != target {
            writes.push(Write::PutAlias(own.clone(), target.id.clone()));
        }
        if wanted {
            writes.push(want(pull, target));
        }
        if let Err(missing) = note(rows, &noted, &mut writes) {
            return Step::Need(missing);
        }
        let doc = if change.kind == ChangeKind::Delete { None } else { doc.or(server) };
        let effects = Effects { changes, conflicts: noted, ..effects };
        Step::Done(writes, Report::Acknowledged(Some(self.report(target, doc, wanted, effects))))
    }

    fn report(&self, target: &DocKey, doc: Option<D>, wanted: bool, effects: Effects<D>) -> Acknowledged<D> {
        let (id, revision) = (target.id.clone(), self.accepted.revision.clone());
        Acknowledged { seq: self.seq, id, doc, revision, wanted, effects }
    }

    /// Whether the document may be gone without a word: the answer may have come again, or a full pull is under way
    /// whose first page may leave out what was deleted after this change.
    fn is_in_doubt(&self, pull: &PullState<D>) -> bool {
        self.doubtful || self.accepted.repeated || (pull.sweeping && pull.checkpoint.is_none())
    }

    /// The document the server has now: what it said, or what the change made of the base.
    fn server_document(&self, change: &Pending<D>, lane: &Lane<D>) -> Option<D> {
        match change.kind {
            ChangeKind::Delete => None,
            _ => self.accepted.doc.clone().filter(|_| !Mutant::KeepsOwnId.is_on()).or_else(|| {
                let index = lane.changes.iter().position(|other| other.seq == change.seq)?;
                change.apply(lane.below(index).as_ref())
            }),
        }
    }

    /// Removes the change from its lane and puts what still waits on top of the server's document.
    fn settle(
        &self,
        lane: &mut Lane<D>,
        rows: &Rows<D>,
        server: Option<&D>,
        target: &DocKey,
        existing: Option<Lane<D>>,
    ) -> Vec<Noted<D>> {
        if Mutant::AcknowledgeRemovesLane.is_on() {
            lane.changes.clear();
        }
        let pulled = self.pulled_since(lane);
        lane.changes.retain(|change| change.seq != self.seq);
        let row = lane.row.get_or_insert_with(|| Row::fresh(&lane.key.id, self.now));
        row.at = self.now;
        row.local = false;
        let overtaken = pulled.is_some();
        let mut base = pulled.unwrap_or_else(|| {
            row.synced_at = server.map(|_| self.known_at());
            row.rev = server.and(self.accepted.revision.clone());
            row.server_at = if server.is_some() { self.accepted.at.or(row.server_at) } else { None };
            server.cloned()
        });
        let mut revision = row.rev.clone();
        if let Some(existing) = existing {
            (base, revision) = adopt(lane, existing, base, revision);
        }
        lane.key = target.clone();
        for change in &mut lane.changes {
            if change.id != target.id && !Mutant::RenamesHalf.is_on() {
                change.id = target.id.clone();
                change.data = change.data.take().map(|data| with_id(&data, &target.id));
                lane.dirty.insert(change.seq);
            }
        }
        let mut noted = Vec::new();
        if overtaken && !lane.changes.is_empty() {
            let (config, offset, now) = (&*self.config, self.offset, self.now);
            let remote_at = lane.row.as_ref().and_then(|row| row.server_at);
            let meeting = Meeting { config, rows, remote: base.clone(), revision, remote_at, offset, now };
            noted = meeting.judge_from(lane, 0, server.cloned(), base, false);
        } else {
            lane.rebase(base, revision);
        }
        finish_row(lane, target);
        noted
    }

    /// When the server had what it answered. An answer that came again says nothing about the time since.
    fn known_at(&self) -> Time {
        self.accepted.at.filter(|at| self.accepted.repeated && *at < self.now).unwrap_or(self.now)
    }

    /// The server's state below this change, where a pull brought one that is later than this answer: an answer that
    /// was lost comes again as it was, while the document moved on or was deleted (I-11, I-36).
    fn pulled_since(&self, lane: &Lane<D>) -> Option<Option<D>> {
        let row = lane.row.as_ref()?;
        // Where the lanes of two copies became one, what was sent may stand further back.
        let base = &lane.changes.first()?.base;
        let change = lane.changes.iter().find(|change| change.seq == self.seq)?;
        let later = if change.kind == ChangeKind::Delete {
            let made_from = change.sent.as_ref()?.revision.as_ref()?;
            row.is_on_server() && row.rev.as_ref() != Some(made_from)
        } else {
            self.accepted.at.zip(row.server_at).is_some_and(|(at, known)| at < known)
        };
        later.then(|| base.clone())
    }

    fn rewrite_reference(
        &self,
        world: &mut World<D>,
        key: &DocKey,
        own: &DocKey,
        target: &DocKey,
    ) -> Option<Change<D>> {
        let lane = world.lane(key)?;
        for change in &mut lane.changes {
            if change.sent.is_none() {
                rewrite(change, &self.config, own, &target.id);
                lane.dirty.insert(change.seq);
            }
        }
        let collection = self.config.collection(&key.collection)?;
        let row = lane.row.as_mut()?;
        let mut doc = row.doc.clone()?;
        for reference in collection.references.iter().filter(|reference| reference.collection == own.collection) {
            if doc.text_of(&reference.field).as_deref() == Some(&*own.id) {
                doc = doc.with(&[(&reference.field, Some(D::text(&target.id)))]);
            }
        }
        row.doc = Some(doc.clone());
        Some(Change { key: key.clone(), row_key: row.key.clone(), previous: None, doc: Some(doc) })
    }
}

/// A row that a pull brought under the server's id before this acknowledgement: the later state stays, and what
/// waited on it waits on.
fn adopt<D: Document>(
    lane: &mut Lane<D>,
    existing: Lane<D>,
    base: Option<D>,
    revision: Option<String>,
) -> (Option<D>, Option<String>) {
    let Some(pulled) = existing.row else { return (base, revision) };
    let first = existing.changes.first().map(|change| (change.base.clone(), change.base_rev.clone()));
    lane.changes.extend(existing.changes);
    sort_by(&mut lane.changes, |left, right| left.seq.cmp(&right.seq));
    if let Some(row) = lane.row.as_mut() {
        row.seen = row.seen.max(pulled.seen);
    }
    match lane.row.as_mut() {
        Some(row) if pulled.server_at > row.server_at => {
            row.rev.clone_from(&pulled.rev);
            row.server_at = pulled.server_at;
            first.unwrap_or((pulled.doc, pulled.rev))
        }
        _ => (base, revision),
    }
}

/// Gives the row its id, or drops it when nothing is left of the document.
fn finish_row<D: Document>(lane: &mut Lane<D>, target: &DocKey) {
    let Some(row) = lane.row.as_mut() else { return };
    row.id = target.id.clone();
    if !Mutant::KeepsOwnId.is_on() {
        row.doc = row.doc.take().map(|doc| with_id(&doc, &target.id));
    }
    if row.doc.is_none() && lane.changes.is_empty() {
        lane.row = None;
    }
}

fn with_id<D: Document>(doc: &D, id: &str) -> D {
    if doc.text_of("id").as_deref() == Some(id) {
        return doc.clone();
    }
    doc.with(&[("id", Some(D::text(id)))])
}

/// Remembers that a document is to be asked for by itself.
pub(super) fn want<D: Document>(mut pull: PullState<D>, key: &DocKey) -> Write<D> {
    want_also(&mut pull.wanted, vec![Wanted { id: key.id.as_ref().into(), known: None }]);
    Write::PutMeta(MetaKey::Pull(key.collection.clone()), pull.to_record())
}

fn change_of<D: Document>(lane: &Lane<D>, own: &DocKey, target: &DocKey) -> Change<D> {
    Change {
        key: target.clone(),
        row_key: lane.row.as_ref().map_or_else(|| own.id.clone(), |row| row.key.clone()),
        previous: (own != target).then(|| own.id.clone()),
        doc: lane.doc().cloned(),
    }
}
