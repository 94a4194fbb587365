//! Oracles on conflicts: each is recorded once, decided as declared or held open, and nothing vanishes without a record.

use super::tag_of;
use crate::store::Done;
use crate::world::World;
use seakeep::engine::disk::Disk;
use seakeep::engine::merge::Strategy;
use seakeep::engine::plan::{Effects, Noted, Report};
use seakeep::model::{
    ChangeKind, Conflict, ConflictKind, ConflictLog, DocKey, Document, Pending, PendingState, Record, Row,
};
use seakeep::native::Json;
use std::collections::{BTreeMap, BTreeSet};

/// What is remembered of conflicts.
#[derive(Debug, Default)]
pub(crate) struct Disputes {
    /// Conflicts that were found, by profile and id; whether they have ended.
    known: BTreeMap<(usize, String), bool>,
    /// The server's side in the question that each tab was asked last, by conflict.
    asked: BTreeMap<(usize, String), Option<Json>>,
}

impl Disputes {
    /// A device lost its store.
    pub(super) fn forget(&mut self, profile: usize) {
        self.known.retain(|(of, _), _| *of != profile);
    }

    /// A device lost its last transactions: it knows what it still has.
    pub(crate) fn recall(&mut self, profile: usize, disk: &Disk<Json>) {
        self.forget(profile);
        let stored =
            disk.conflicts().map(|known| ((profile, known.conflict_id.to_string()), known.resolution.is_some()));
        self.known.extend(stored);
    }

    /// A tab's function was asked.
    pub(crate) fn ask(&mut self, tab: usize, id: &str, remote: Option<Json>) {
        self.asked.insert((tab, id.into()), remote);
    }
}

/// What a transaction moved, when it says so.
pub(crate) fn effects_of(report: &Report<Json>) -> Option<&Effects<Json>> {
    match report {
        Report::Rebased(rebased) => Some(&rebased.effects),
        Report::Applied(applied) => Some(&applied.effects),
        Report::Acknowledged(Some(done)) => Some(&done.effects),
        Report::Commanded(effects, _) | Report::Swept(effects, ..) => Some(effects),
        _ => None,
    }
}

fn noted_of(report: &Report<Json>) -> &[Noted<Json>] {
    effects_of(report).map_or(&[], |effects| &effects.conflicts)
}

/// The conflicts that a transaction noted on one document.
fn of_document<'r>(report: &'r Report<Json>, key: &'r DocKey) -> impl Iterator<Item = &'r Conflict<Json>> + 'r {
    let noted = noted_of(report).iter().map(|noted| &*noted.conflict);
    noted.filter(|conflict| conflict.collection == key.collection && conflict.id == key.id)
}

/// Whether a transaction noted a conflict of this change.
pub(crate) fn is_in_conflict(done: &Done, row: &Pending<Json>) -> bool {
    noted_of(&done.report).iter().any(|noted| noted.conflict.mutation_id == row.mutation_id)
}

/// The documents that the changes of a lane made, one after the other, of what the first was made on. A value that both
/// sides came to is no conflict, whatever is made of it here later.
fn states_of(changes: &[&Pending<Json>], base: &Json) -> Vec<Json> {
    let mut sorted = changes.to_vec();
    sorted.sort_unstable_by_key(|row| row.seq);
    let mut last = Some(base.clone());
    sorted
        .into_iter()
        .filter_map(|row| {
            last = row.apply(last.as_ref());
            last.clone()
        })
        .collect()
}

/// Whether this is the change that a transaction acknowledged.
pub(crate) fn is_acknowledged(done: &Done, row: &Pending<Json>) -> bool {
    matches!(&done.report, Report::Acknowledged(Some(report)) if report.seq == row.seq)
}

impl World {
    /// I-33, I-34 and I-45 after a transaction.
    pub(crate) fn check_conflicts(&mut self, done: &Done) {
        self.check_doubt(done);
        for noted in noted_of(&done.report) {
            self.check_once(done, noted);
            self.check_record(done, noted);
            if noted.fresh {
                self.check_stamps(done, &noted.conflict);
            }
            self.release(done, &noted.conflict);
        }
        let judges = matches!(done.kind, "Rebase" | "ApplyPage" | "Acknowledge");
        if judges {
            for (key, before) in &done.rows {
                self.check_vanished_fields(done, key, before.as_ref());
            }
        }
        let disk = &self.profiles[done.profile].disk;
        let held = |(seq, before): &(u64, Option<Pending<Json>>)| {
            let rows = [before.as_ref(), disk.pending(*seq)];
            rows.into_iter().flatten().any(|row| row.state == PendingState::Conflict)
        };
        if !noted_of(&done.report).is_empty() || done.pending.iter().any(held) {
            self.check_inbox(done.profile, done.kind);
        }
    }

    /// I-34: found once, ended once.
    fn check_once(&mut self, done: &Done, noted: &Noted<Json>) {
        let id = noted.conflict.conflict_id.to_string();
        let ended = noted.conflict.resolution.is_some();
        let before = self.oracle.disputes.known.insert((done.profile, id.clone()), ended);
        // A restored server finds itself in the same conflict again, and those found before it are forgotten here.
        let again = self.server.restored > 0;
        let fine = match before {
            None => noted.fresh || again,
            Some(had_ended) => (!noted.fresh && !had_ended) || again,
        };
        // A history that was lost may lead to the same conflict again.
        if !fine && self.server.restored == 0 {
            let text =
                format!("{}: conflict {id} noted (fresh: {}, ended: {ended}) after {before:?}", done.kind, noted.fresh);
            self.broken("I-34", text);
        }
    }

    /// I-34: what was noted is in the store; a function's verdict is about the question it was asked.
    fn check_record(&mut self, done: &Done, noted: &Noted<Json>) {
        let conflict = &noted.conflict;
        let known = self.profiles[done.profile].disk.conflicts().any(|stored| {
            stored.conflict_id == conflict.conflict_id && stored.resolution.is_some() == conflict.resolution.is_some()
        });
        if !known {
            return self.broken("I-34", format!("{}: conflict {} has no record", done.kind, conflict.conflict_id));
        }
        let by_function = conflict.resolution.as_ref().is_some_and(|ended| &*ended.strategy == "function");
        if by_function && !noted.fresh {
            let place = (done.tab, conflict.conflict_id.to_string());
            let asked = self.oracle.disputes.asked.get(&place);
            let same = asked.is_some_and(|asked| match (asked, &conflict.remote) {
                (Some(asked), Some(remote)) => asked.same(remote),
                (asked, remote) => asked.is_none() && remote.is_none(),
            });
            if !same {
                let text = format!("the verdict on {} is about another state of the server", conflict.conflict_id);
                self.broken("I-34", text);
            }
        }
    }

    /// A change that may have been executed is not judged by what a pull brings, and keeps what it was made on.
    fn check_doubt(&mut self, done: &Done) {
        if done.kind != "ApplyPage" {
            return;
        }
        let disk = &self.profiles[done.profile].disk;
        let same = |left: Option<&Json>, right: Option<&Json>| match (left, right) {
            (Some(left), Some(right)) => left.same(right),
            (left, right) => left.is_none() && right.is_none(),
        };
        let broken = done.pending.iter().find_map(|(seq, before)| {
            let before = before.as_ref().filter(|row| row.is_attempted() && !row.refused)?;
            let Some(after) = disk.pending(*seq) else {
                return Some(format!("{} was given up while it was on its way", before.mutation_id));
            };
            if after.state != before.state {
                return Some(format!("{} was judged while it was on its way", before.mutation_id));
            }
            let made_on = before.origin.as_ref().or(before.base.as_ref());
            let kept = after.origin.as_ref().or(after.base.as_ref());
            let moved = before.kind != ChangeKind::Create && !same(made_on, kept);
            moved.then(|| format!("{} forgot what it was made on", before.mutation_id))
        });
        if let Some(text) = broken {
            self.broken("I-34", text);
        }
    }

    /// What a declared policy or a person decided is no longer promised; what a merge of fields decides is.
    fn release(&mut self, done: &Done, conflict: &Conflict<Json>) {
        let strategy = self.config.collection(&conflict.collection).map_or_else(Strategy::default, |of| of.conflict);
        let by_policy = conflict.resolution.as_ref().is_some_and(|ended| &*ended.strategy == strategy.as_str());
        let merges = by_policy && !strategy.takes_whole() && conflict.kind == ConflictKind::EditEdit;
        if merges {
            return;
        }
        for doc in [&conflict.base, &conflict.local, &conflict.remote] {
            self.oracle.loosen(doc.as_ref());
        }
        let key = DocKey { collection: conflict.collection.clone(), id: conflict.id.clone() };
        let now = self.profiles[done.profile].disk.main(&key).and_then(|row| row.doc.clone());
        self.oracle.loosen(now.as_ref());
    }

    /// I-33: a field changed here, or there, is in the document afterwards, or named by a conflict.
    fn check_vanished_fields(&mut self, done: &Done, key: &DocKey, before: Option<&Row<Json>>) {
        let disk = &self.profiles[done.profile].disk;
        let head = before.and_then(|row| row.lane.first().copied());
        let (Some(before), Some(after)) = (before.and_then(|row| row.doc.as_ref()), disk.main(key)) else { return };
        let Some(doc) = &after.doc else { return };
        // What was written to both copies of a document that stood twice has no common order (SPEC, section 7).
        let twin = |tag: String| self.oracle.truths.get(&tag).is_some_and(|truth| truth.twin);
        if tag_of(doc).is_some_and(twin) {
            return;
        }
        let changes: Vec<&Pending<Json>> = after.lane.iter().filter_map(|seq| disk.pending(*seq)).collect();
        let had = |row: &&Pending<Json>| row.collection == key.collection && row.id == key.id;
        let was: Vec<&Pending<Json>> = done.pending.iter().filter_map(|(_, row)| row.as_ref()).filter(had).collect();
        let judged = |old: &&&Pending<Json>| {
            let doubtful = old.is_attempted() && !old.refused && done.kind != "Rebase";
            Some(old.seq) == head && old.kind == ChangeKind::Update && old.state != PendingState::Parked && !doubtful
        };
        let Some(old) = was.iter().find(judged) else { return };
        let named = |field: &str| {
            of_document(&done.report, key).any(|conflict| {
                let about = |path: &str| path == field || path.starts_with(&format!("{field}."));
                // What is open has not been decided: the record holds both sides.
                conflict.kind != ConflictKind::EditEdit
                    || conflict.resolution.is_none()
                    || conflict.fields.iter().any(|named| about(&named.path))
                    || self.config.collection(&key.collection).is_some_and(|of| of.conflict.takes_whole())
            })
        };
        let counts = |field: &str| was.iter().any(|row| row.changes.inc.iter().any(|(name, _)| name == field));
        let differs = |left: &Json, right: &Json, field: &str| match (left.get(field), right.get(field)) {
            (Some(left), Some(right)) => !left.same(&right),
            (left, right) => left.is_some() != right.is_some(),
        };
        let base = old.origin.as_ref().or(old.base.as_ref());
        let base_after = changes.first().map_or_else(|| Some(doc), |head| head.base.as_ref());
        let (Some(base), Some(base_after)) = (base, base_after) else { return };
        // Where a pull has come below it, what is shown holds the server's side too.
        let below = old.base.as_ref().unwrap_or(base);
        let states = states_of(&was, base);
        let made_alike = |field: &str| states.iter().any(|state| !differs(state, base_after, field));
        let names: BTreeSet<String> =
            before.fields().into_iter().chain(doc.fields()).chain(base_after.fields()).collect();
        let lost = names.iter().filter(|field| !matches!(field.as_str(), "id" | "updatedAt")).find_map(|field| {
            let changed = differs(base, before, field) && differs(below, before, field);
            let ours = changed && differs(before, doc, field);
            let theirs = differs(base, base_after, field) && differs(base_after, doc, field) && !made_alike(field);
            let lost = (ours || theirs) && done.kind != "Acknowledge" && !counts(field) && !named(field);
            lost.then(|| (field.clone(), ours))
        });
        if let Some((field, ours)) = lost {
            let side = if ours { "here" } else { "there" };
            let text = format!(
                "{}: {}/{} lost `{field}`, changed {side}, without a record",
                done.kind, key.collection, key.id
            );
            self.broken("I-33", text);
        }
    }

    /// Whether a change left the outbox for a reason: a conflict that is recorded, or nothing of it is left to send.
    pub(crate) fn is_given_up(&self, done: &Done, row: &Pending<Json>) -> bool {
        let key = DocKey::new(&row.collection, &row.id);
        let doc = self.profiles[done.profile].disk.main(&key).and_then(|main| main.doc.as_ref());
        let sides = [doc, row.base.as_ref(), row.origin.as_ref()];
        let same = |(field, value): &(String, Json)| {
            let kept = |of: &Json| of.get(field).is_some_and(|other| other.same(value));
            sides.into_iter().flatten().any(kept)
        };
        let there = row.changes.inc.is_empty() && row.kind == ChangeKind::Update && row.changes.set.iter().all(same);
        there || is_in_conflict(done, row)
    }

    /// I-34 and I-45: every held change has its open record, every open record its change; the log names the resolved.
    pub(crate) fn check_inbox(&mut self, profile: usize, kind: &str) {
        let disk = &self.profiles[profile].disk;
        let held: BTreeSet<(String, u64)> = disk
            .pending_rows()
            .filter(|row| row.state == PendingState::Conflict)
            .map(|row| (row.conflict.as_deref().unwrap_or_default().to_string(), row.seq))
            .collect();
        let (open, ended): (Vec<_>, Vec<_>) = disk.conflicts().partition(|conflict| conflict.resolution.is_none());
        let open: BTreeSet<(String, u64)> =
            open.iter().map(|conflict| (conflict.conflict_id.to_string(), conflict.seq)).collect();
        let log = disk.meta("conflicts").and_then(ConflictLog::from_record).unwrap_or_default();
        let listed: BTreeSet<&str> = log.resolved.iter().map(String::as_str).collect();
        let stored: BTreeSet<&str> = ended.iter().map(|conflict| &*conflict.conflict_id).collect();
        let text = if held != open {
            format!("{kind}: changes held by {held:?}, open conflicts {open:?}")
        } else if listed != stored || stored.len() > ConflictLog::CAPACITY {
            format!("{kind}: resolved conflicts {stored:?}, listed {listed:?}")
        } else {
            return;
        };
        self.broken("I-34", text);
    }
}
