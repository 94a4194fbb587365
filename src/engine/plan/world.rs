//! The lanes a transaction works on: read together, changed in memory, written back as a whole.
//!
//! What changed is found by comparing with what was read, so no plan lists its writes by hand. Every commit either
//! leaves more rows in the outbox and takes none out, or moves the mark; so another tab can tell by their number and the
//! mark that something happened, wherever in the outbox the new rows are.

use crate::engine::config::Config;
use crate::engine::lane::Lane;
use crate::engine::mutant::Mutant;
use crate::engine::outbox::Entry;
use crate::engine::policy::lease::stands;
use crate::engine::store::{MetaKey, Read, Rows, Write};
use crate::model::{
    sort_by, Conflict, DocKey, Document, Lease, Listed, Map, Mark, Pending, Record, Resolution, Seq, Set,
};
use std::rc::Rc;

/// A document that changed for the app.
#[derive(Debug, Clone)]
pub struct Change<D> {
    /// Where it is now.
    pub key: DocKey,
    /// Its stable key.
    pub row_key: Rc<str>,
    /// The id it had before, when that changed.
    pub previous: Option<Rc<str>>,
    /// The document; `None` when it is gone.
    pub doc: Option<D>,
}

/// A conflict that a commit found, brought up to date or ended.
#[derive(Debug, Clone)]
pub struct Noted<D> {
    /// Its record.
    pub conflict: Box<Conflict<D>>,
    /// Whether it was found just now.
    pub fresh: bool,
}

/// What a commit moved, for the machine's memory and the app.
#[derive(Debug, Clone)]
pub struct Effects<D> {
    /// Documents.
    pub changes: Vec<Change<D>>,
    /// Outbox entries that are new or different.
    pub entries: Vec<Entry>,
    /// Outbox places that are free now.
    pub removed: Vec<Seq>,
    /// Conflicts.
    pub conflicts: Vec<Noted<D>>,
}

impl<D> Default for Effects<D> {
    fn default() -> Self {
        Self { changes: Vec::new(), entries: Vec::new(), removed: Vec::new(), conflicts: Vec::new() }
    }
}

/// Proof of leadership that a plan re-checks inside its transaction.
#[derive(Debug, Clone)]
pub struct Fence(pub Lease);

impl Fence {
    /// The row to read for the check.
    pub fn read() -> Read {
        Read::Meta(MetaKey::Lease)
    }

    /// Whether the holder still holds.
    pub fn stands<D: Document>(&self, rows: &Rows<D>) -> bool {
        stands(rows.lease().as_ref(), &self.0) || Mutant::IgnoresTheFence.is_on()
    }
}

/// Lanes under change.
#[derive(Debug)]
pub(super) struct World<D> {
    lanes: Map<DocKey, Lane<D>>,
    before: Map<DocKey, (bool, Vec<Seq>)>,
}

impl<D: Document> World<D> {
    /// The lanes of these documents, or the rows that are still to be read. `fresh` documents cannot exist yet.
    pub(super) fn load(rows: &Rows<D>, keys: impl IntoIterator<Item = (DocKey, bool)>) -> Result<Self, Vec<Read>> {
        let mut keys: Vec<(DocKey, bool)> = keys.into_iter().listed();
        sort_by(&mut keys, Ord::cmp);
        keys.dedup_by(|next, kept| next.0 == kept.0);
        let stored = || keys.iter().filter(|(_, fresh)| !fresh).map(|(key, _)| key);
        let missing = rows.missing(stored().cloned().map(Read::Main).listed());
        if !missing.is_empty() {
            return Err(missing);
        }
        let places = stored().filter_map(|key| rows.main(key)).flat_map(|row| row.lane.iter().copied());
        let missing = rows.missing(places.clone().map(Read::Pending).listed());
        if !missing.is_empty() {
            return Err(missing);
        }
        let held = places.filter_map(|seq| rows.pending(seq)?.conflict.clone());
        let missing = rows.missing(held.map(Read::Conflict).listed());
        if !missing.is_empty() {
            return Err(missing);
        }
        let lane = |key: DocKey, fresh: bool| {
            let row = if fresh { None } else { rows.main(&key).cloned() };
            let places = row.as_ref().map_or(&[][..], |row| &row.lane);
            let changes = places.iter().filter_map(|seq| rows.pending(*seq).cloned()).listed();
            Lane::new(key, row, changes)
        };
        let lanes: Map<_, _> = keys.into_iter().map(|(key, fresh)| (key.clone(), lane(key, fresh))).collect();
        let before = lanes.iter().map(|(key, lane)| (key.clone(), before(lane))).collect();
        Ok(Self { lanes, before })
    }

    /// One lane.
    pub(super) fn lane(&mut self, key: &DocKey) -> Option<&mut Lane<D>> {
        self.lanes.get_mut(key)
    }

    /// The document of a lane that is under change here; `None` when the lane is not.
    pub(super) fn doc(&self, key: &DocKey) -> Option<Option<&D>> {
        self.lanes.get(key).map(Lane::doc)
    }

    /// Takes a lane out, to put it back under another key.
    pub(super) fn take(&mut self, key: &DocKey) -> Option<Lane<D>> {
        self.lanes.remove(key)
    }

    /// Puts a lane (back) under its key.
    pub(super) fn put(&mut self, lane: Lane<D>) {
        self.lanes.insert(lane.key.clone(), lane);
    }

    /// Whether writing this world back does anything else than to add rows to the outbox, so that the mark must move.
    pub(super) fn needs_mark(&self) -> bool {
        let held: Set<Seq> = self.before.values().flat_map(|(_, places)| places.iter().copied()).collect();
        let stands = |change: &&Pending<D>| held.contains(&change.seq);
        let changes = || self.lanes.values().flat_map(|lane| &lane.changes);
        let kept = changes().filter(stands).count();
        (kept < held.len() && !Mutant::MarkStandsStill.is_on()) || changes().count() == kept
    }

    /// The last place that a change of these lanes has; 0 when they have none.
    pub(super) fn last_place(&self) -> Seq {
        let changes = self.lanes.values().flat_map(|lane| &lane.changes);
        changes.map(|change| change.seq).max().unwrap_or(0)
    }

    /// The writes that make the store equal to this world, and what they move.
    pub(super) fn finish(self, config: &Config) -> (Vec<Write<D>>, Effects<D>) {
        let mut writes = Vec::with_capacity(self.lanes.len() * 2);
        let mut effects = Effects::default();
        for (key, (existed, _)) in self.before.iter() {
            if *existed && self.lanes.get(key).is_none_or(|lane| lane.row.is_none()) {
                writes.push(Write::DeleteMain(key.clone()));
            }
        }
        let mut held: Set<Seq> = self.before.values().flat_map(|(_, places)| places.iter().copied()).collect();
        for lane in self.lanes.into_entries().into_iter().map(|(_, lane)| lane) {
            for change in &lane.changes {
                let stood = held.remove(&change.seq);
                if !stood || lane.dirty.contains(&change.seq) {
                    effects.entries.push(Entry::of(change, config));
                    let write =
                        if stood { Write::PutPending(change.clone()) } else { Write::AddPending(change.clone()) };
                    if stood || !Mutant::DocumentWithoutChange.is_on() {
                        writes.push(write);
                    }
                }
            }
            let loses = Mutant::ChangeWithoutDocument.is_on() && lane.changes.len() > 1;
            if let Some(row) = lane.row.filter(|_| !loses) {
                writes.push(Write::PutMain(lane.key.collection.clone(), row));
            }
        }
        effects.removed = held.iter().copied().listed();
        writes.extend(effects.removed.iter().map(|seq| Write::DeletePending(*seq)));
        (writes, effects)
    }
}

fn before<D>(lane: &Lane<D>) -> (bool, Vec<Seq>) {
    (lane.row.is_some(), lane.changes.iter().map(|change| change.seq).listed())
}

/// The write that moves the mark.
pub(super) fn moved_mark<D: Document>(rows: &Rows<D>) -> Write<D> {
    let mark = rows.mark();
    let mark = Mark { applied: mark.applied + 1, ..mark };
    Write::PutMeta(MetaKey::Mark, mark.to_record())
}

/// The mark of local writes that take no place: it names one of them, so that a store can tell whether a commit whose
/// end it did not see has taken place. Folded into a waiting change a second time, an increment would count twice.
pub(super) fn signed_mark<D: Document>(rows: &Rows<D>, by: &str) -> Write<D> {
    match moved_mark(rows) {
        Write::PutMeta(key, mark) => Write::PutMeta(key, mark.with(&[("by", Some(D::text(by)))])),
        other => other,
    }
}

/// Writes the records of what was noted, or names the row that is still to be read. Of the resolved ones the oldest go.
pub(super) fn note<D: Document>(
    rows: &Rows<D>,
    noted: &[Noted<D>],
    writes: &mut Vec<Write<D>>,
) -> Result<(), Vec<Read>> {
    let log = Read::Meta(MetaKey::Conflicts);
    if noted.is_empty() || Mutant::ConflictWithoutRecord.is_on() {
        return Ok(());
    }
    if !rows.has(&log) {
        return Err(vec![log]);
    }
    let mut log = rows.conflict_log();
    for Noted { conflict, fresh } in noted {
        if *fresh {
            log.found(conflict.kind);
        }
        let over =
            conflict.resolution.as_ref().map(|Resolution { strategy, .. }| log.ended(&conflict.conflict_id, strategy));
        writes.push(Write::PutConflict(conflict.clone()));
        writes.extend(over.into_iter().flatten().map(|id| Write::DeleteConflict(id.into())));
    }
    writes.push(Write::PutMeta(MetaKey::Conflicts, log.to_record()));
    Ok(())
}
