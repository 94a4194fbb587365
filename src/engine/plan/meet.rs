//! A lane meets the server's new state: each of its changes is compared with what changed there meanwhile.
//!
//! The changes are walked in order, each from the document it was made on: what does not touch the same fields simply
//! goes on top; what does is a conflict, decided by the collection's strategy or left open. Every conflict is noted, in
//! the same transaction (I-34). A lane whose head may have been executed, or waits parked, is not judged: it shows
//! the new state and keeps the old one for the day its answer comes.

use super::world::Noted;
use crate::engine::config::{CollectionConfig, Config};
use crate::engine::lane::Lane;
use crate::engine::merge::{decide, is_changed, merge_fields, Answer, Question, Strategy};
use crate::engine::mutant::Mutant;
use crate::engine::store::Rows;
use crate::model::{
    ChangeKind, Code, Conflict, ConflictField, ConflictKind, Document, Failure, Listed, Patch, Pending, PendingState,
    Resolution, Severity, Time,
};
use std::rc::Rc;

/// The server's state that a lane meets, and what is needed to judge it.
#[derive(Debug)]
pub(super) struct Meeting<'a, D> {
    pub(super) config: &'a Config,
    pub(super) rows: &'a Rows<D>,
    /// The document there; `None` when it is deleted.
    pub(super) remote: Option<D>,
    pub(super) revision: Option<String>,
    /// When it changed there; by the server's clock, like every time here but `now`.
    pub(super) remote_at: Option<Time>,
    /// The server's clock less this device's.
    pub(super) offset: i64,
    pub(super) now: Time,
}

/// Why a change with an open conflict has no end yet.
pub fn in_conflict(now: Time) -> Failure {
    Failure::new(Code::Conflict, "changed on both sides; it waits in db.conflicts for a choice").at(now)
}

/// So much later than the server's present a stamp may be and still be believed: two round trips tell the difference of
/// the clocks no better. Where no difference was known, more (pitfalls E2).
const DRIFT: u64 = 10_000;
const UNKNOWN_DRIFT: u64 = 300_000;

/// One change and the three documents around it.
struct Sides<'a, D> {
    change: &'a Pending<D>,
    base: Option<&'a D>,
    local: Option<&'a D>,
    remote: Option<&'a D>,
}

enum Judged<D> {
    /// No conflict: the change goes on top as it is.
    Keep,
    /// No conflict: this is the document, and the change becomes what leads to it.
    Quiet(Option<D>),
    /// A conflict and its answer.
    Met(Box<Conflict<D>>, Answer<D>),
}

impl<D: Document> Meeting<'_, D> {
    /// A pull brought the state below the lane's changes.
    pub(super) fn pulled(&self, lane: &mut Lane<D>) -> Vec<Noted<D>> {
        let doubtful = lane.changes.first().is_some_and(is_undecided);
        if !doubtful {
            return self.judge_all(lane, false);
        }
        let mut revision = self.revision.clone();
        if let Some(head) = lane.changes.first_mut() {
            head.origin = head.origin.take().or_else(|| head.base.clone()).filter(|_| !Mutant::ForgetsOrigin.is_on());
            revision.clone_from(&head.base_rev);
        }
        lane.rebase(self.remote.clone(), revision);
        Vec::new()
    }

    /// All changes of a lane, whose first one may just have been refused for this state.
    pub(super) fn judge_all(&self, lane: &mut Lane<D>, refused: bool) -> Vec<Noted<D>> {
        let base = lane.changes.first_mut().filter(|head| head.kind != ChangeKind::Create);
        let base = base.and_then(|head| head.origin.take().or_else(|| head.base.clone()));
        self.judge_from(lane, 0, base, self.remote.clone(), refused)
    }

    /// The changes from `at` on: `old` is the document the first of them was made on, `new` the one it stands on now.
    pub(super) fn judge_from(
        &self,
        lane: &mut Lane<D>,
        mut at: usize,
        mut old: Option<D>,
        mut new: Option<D>,
        refused: bool,
    ) -> Vec<Noted<D>> {
        let mut noted = Vec::new();
        let mut first = refused;
        while let Some(change) = lane.changes.get(at) {
            let local = change.apply(old.as_ref());
            let sides = Sides { change, base: old.as_ref(), local: local.as_ref(), remote: new.as_ref() };
            if let Some(id) = &change.conflict {
                let known = self.rows.conflict(id).filter(|known| known.resolution.is_none());
                noted.extend(known.map(|known| Noted {
                    conflict: Box::new(renewed(known, new.as_ref())),
                    fresh: Mutant::FindsConflictsAgain.is_on(),
                }));
                break;
            }
            if is_undecided(change) {
                break;
            }
            match self.judge(lane, &sides, std::mem::take(&mut first)) {
                Judged::Keep => {
                    new = change.apply(new.as_ref());
                    at += 1;
                }
                Judged::Quiet(target) => {
                    let kept = self.settle(lane, at, None, Answer::Take(target), &mut new);
                    at += usize::from(kept);
                }
                Judged::Met(conflict, answer) => {
                    let open = matches!(answer, Answer::Open);
                    let kept = self.settle(lane, at, Some(&conflict), answer, &mut new);
                    let conflict = if open { conflict } else { Box::new(self.resolved(*conflict, new.as_ref())) };
                    noted.push(Noted { conflict, fresh: true });
                    if open {
                        break;
                    }
                    at += usize::from(kept);
                }
            }
            old = local;
        }
        self.close(lane);
        noted
    }

    /// Shows what came out, and drops a row of which nothing is left.
    fn close(&self, lane: &mut Lane<D>) {
        lane.rebase(self.remote.clone(), self.revision.clone());
        if lane.changes.is_empty() && self.remote.is_none() {
            lane.row = None;
        }
    }

    fn collection(&self, change: &Pending<D>) -> Option<&CollectionConfig> {
        self.config.collection(&change.collection)
    }

    fn judge(&self, lane: &Lane<D>, sides: &Sides<'_, D>, refused: bool) -> Judged<D> {
        let strategy = self.collection(sides.change).map_or_else(Strategy::default, |collection| collection.conflict);
        let Some(kind) = kind_of(sides) else { return Judged::Keep };
        let added = if strategy.takes_whole() { Vec::new() } else { self.added(sides) };
        let plain = without(sides, &added);
        let local_at = |name: &str| self.stamp(sides.change, touched_at(sides.change, name));
        let question = Question {
            base: sides.base,
            local: plain.as_ref().or(sides.local),
            remote: sides.remote,
            groups: self.collection(sides.change).map_or(&[], |collection| &collection.groups),
            local_at: &local_at,
            edited_at: self.edited_at(sides.change),
            remote_at: self.remote_at(),
        };
        let merged = question.by_fields();
        let alike = |left: Option<&D>, right| left.zip(right).is_some_and(|(left, right)| !is_changed(left, right));
        let rebases = kind == ConflictKind::EditEdit && merged.fields.is_empty() && !refused && !strategy.takes_whole();
        if rebases || alike(sides.local, sides.remote) || alike(sides.local, sides.base) {
            return Judged::Quiet(sides.remote.map(|_| merged.doc));
        }
        let answer = match decide(strategy, &question) {
            Answer::Take(Some(_)) if Mutant::MergeTakesLocal.is_on() => Answer::Take(sides.local.cloned()),
            answer => answer,
        };
        let mut fields = merged.fields;
        if strategy == Strategy::Merge && kind != ConflictKind::EditDelete && kind != ConflictKind::DeleteEdit {
            let leaves = question.by_tree().fields;
            fields = if leaves.is_empty() { fields } else { leaves };
        }
        for field in &mut fields {
            let top = field.path.split('.').next().unwrap_or_default();
            field.local_at = Some(local_at(top));
            field.remote_at = Some(self.remote_at());
        }
        Judged::Met(Box::new(self.conflict(lane, sides, kind, fields)), answer)
    }

    fn remote_at(&self) -> Time {
        self.remote_at.unwrap_or_else(|| self.present())
    }

    /// The server's present.
    fn present(&self) -> Time {
        self.now.saturating_add_signed(self.offset)
    }

    /// When this side wrote, by the server's clock: with the difference that was known then; where that leads past the
    /// server's present, with today's, for the clock was ahead unnoticed. No stamp is later than the present, and one that
    /// cannot be true is the server's own, which wins: a device set to 2099 wins nothing (pitfalls E2).
    fn stamp(&self, change: &Pending<D>, at: Time) -> Time {
        let present = self.present();
        let latest = present.saturating_add(if change.skew.is_some() { DRIFT } else { UNKNOWN_DRIFT });
        let believed = |skew: i64| Some(at.saturating_add_signed(skew)).filter(|at| *at <= latest);
        let stamp = change.skew.and_then(believed).or_else(|| believed(self.offset));
        stamp.map_or_else(|| self.remote_at(), |stamp| stamp.min(present))
    }

    fn edited_at(&self, change: &Pending<D>) -> Time {
        let touched = change.touched.iter().map(|(_, at)| self.stamp(change, *at));
        touched.fold(self.stamp(change, change.created_at), Time::max)
    }

    /// Fields of an update that are increments the server's number can take up.
    fn added(&self, sides: &Sides<'_, D>) -> Vec<String> {
        let groups = self.collection(sides.change).map_or(&[][..], |collection| &collection.groups);
        let free = |name: &String| !groups.iter().any(|group| group.contains(name));
        let counts =
            |name: &String| sides.remote.and_then(|doc| doc.get(name)).is_none_or(|value| value.as_number().is_some());
        sides.change.changes.inc.iter().map(|(name, _)| name.clone()).filter(|name| free(name) && counts(name)).listed()
    }

    fn conflict(
        &self,
        lane: &Lane<D>,
        sides: &Sides<'_, D>,
        kind: ConflictKind,
        fields: Vec<ConflictField<D>>,
    ) -> Conflict<D> {
        let change = sides.change;
        Conflict {
            conflict_id: self.identity(lane, change),
            collection: change.collection.clone(),
            id: lane.key.id.clone(),
            seq: change.seq,
            mutation_id: change.mutation_id.clone(),
            kind,
            severity: severity(kind, &fields),
            base: sides.base.cloned(),
            local: sides.local.cloned(),
            remote: sides.remote.cloned(),
            fields,
            detected_at: self.now,
            resolution: None,
        }
    }

    /// The same for the same document, change and state of the server, on every tab and after every crash.
    fn identity(&self, lane: &Lane<D>, change: &Pending<D>) -> Rc<str> {
        let state = self.revision.clone().or_else(|| self.remote.as_ref().map(Document::to_json)).unwrap_or_default();
        let row = lane.row.as_ref().map_or(&lane.key.id, |row| &row.key);
        let parts = [&*change.collection, &**row, &*state];
        let bytes = parts.iter().flat_map(|part| part.bytes().chain([0])).chain(change.rounds.to_le_bytes());
        let hash =
            bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        [&change.mutation_id, "-", hash.to_string().as_str()].concat().into()
    }

    /// Makes the answer the change's own; says whether the change is still there.
    fn settle(
        &self,
        lane: &mut Lane<D>,
        at: usize,
        conflict: Option<&Conflict<D>>,
        answer: Answer<D>,
        new: &mut Option<D>,
    ) -> bool {
        let change = &mut lane.changes[at];
        lane.dirty.insert(change.seq);
        match answer {
            Answer::Open => {
                let strategy = self.config.collection(&change.collection).map(|collection| collection.conflict);
                change.state = PendingState::Conflict;
                change.wait = None;
                change.conflict = conflict.map(|conflict| conflict.conflict_id.clone());
                change.asks = strategy == Some(Strategy::Function);
                if !Mutant::HoldsWithoutReason.is_on() {
                    change.last_error = Some(in_conflict(self.now));
                }
                true
            }
            Answer::Take(target) => {
                let whole =
                    self.collection(&lane.changes[at]).is_some_and(|collection| collection.conflict.takes_whole());
                let sides = Sides { change: &lane.changes[at], base: None, local: None, remote: new.as_ref() };
                let added = if whole { Vec::new() } else { self.added(&sides) };
                settle_on(lane, at, target, new, &added)
            }
        }
    }

    fn resolved(&self, conflict: Conflict<D>, result: Option<&D>) -> Conflict<D> {
        let strategy = self.config.collection(&conflict.collection).map_or_else(Strategy::default, |of| of.conflict);
        ended(conflict, strategy.as_str(), self.now, result)
    }
}

/// An open conflict whose server side has moved on.
fn renewed<D: Document>(known: &Conflict<D>, remote: Option<&D>) -> Conflict<D> {
    let or_empty = |doc: Option<&D>| doc.cloned().unwrap_or_else(D::object);
    let (base, local) = (or_empty(known.base.as_ref()), or_empty(known.local.as_ref()));
    let fields = merge_fields(&base, &local, &or_empty(remote), &[], &|_| false).fields;
    let kind = match (&known.local, remote) {
        (Some(_), None) => ConflictKind::EditDelete,
        (None, Some(_)) => ConflictKind::DeleteEdit,
        _ if known.base.is_none() => ConflictKind::CreateCreate,
        _ => ConflictKind::EditEdit,
    };
    let severity = severity(kind, &fields);
    Conflict { kind, severity, fields, remote: remote.cloned(), ..known.clone() }
}

/// Makes the change at `at` lead from `new` to `target`, and `new` that; says whether the change is still there.
pub(super) fn settle_on<D: Document>(
    lane: &mut Lane<D>,
    at: usize,
    target: Option<D>,
    new: &mut Option<D>,
    added: &[String],
) -> bool {
    let target = target.map(|doc| doc.with(&[("id", Some(D::text(&lane.key.id)))]));
    let change = &mut lane.changes[at];
    lane.dirty.insert(change.seq);
    let inc: Vec<(String, f64)> = change.changes.inc.iter().filter(|(name, _)| added.contains(name)).cloned().listed();
    let (kind, data, patch) = match (&target, &*new) {
        (Some(target), Some(below)) => (ChangeKind::Update, None, Patch { inc, ..Patch::between(below, target) }),
        (Some(target), None) => (ChangeKind::Create, Some(target.clone()), Patch::default()),
        (None, _) => (ChangeKind::Delete, None, Patch::default()),
    };
    let done = match kind {
        ChangeKind::Update => patch.is_empty(),
        ChangeKind::Delete => new.is_none(),
        ChangeKind::Create => false,
    };
    if done {
        lane.changes.remove(at);
        return false;
    }
    (change.kind, change.data, change.changes) = (kind, data, patch);
    *new = change.apply(new.as_ref());
    true
}

/// The record of a conflict that has ended.
pub(super) fn ended<D: Document>(
    mut conflict: Conflict<D>,
    strategy: &str,
    at: Time,
    result: Option<&D>,
) -> Conflict<D> {
    conflict.resolution = Some(Resolution { strategy: strategy.into(), at, result: result.cloned() });
    conflict
}

/// Whether nobody can say yet what became of a change: it may have been executed, or waits parked for a person. It
/// heads its lane, but where the lanes of two copies of one document became one.
fn is_undecided<D: Document>(change: &Pending<D>) -> bool {
    let doubtful = change.state == PendingState::Parked || (change.is_attempted() && !change.refused);
    doubtful && !Mutant::JudgesInDoubt.is_on()
}

fn kind_of<D: Document>(sides: &Sides<'_, D>) -> Option<ConflictKind> {
    let moved = || sides.base.zip(sides.remote).is_none_or(|(base, remote)| is_changed(base, remote));
    match (sides.change.kind, sides.remote) {
        (ChangeKind::Create, Some(_)) => Some(ConflictKind::CreateCreate),
        (ChangeKind::Update, Some(_)) if sides.local.is_some() && moved() => Some(ConflictKind::EditEdit),
        (ChangeKind::Update, None) if sides.local.is_some() => Some(ConflictKind::EditDelete),
        (ChangeKind::Delete, Some(_)) if moved() => Some(ConflictKind::DeleteEdit),
        _ => None,
    }
}

fn severity<D>(kind: ConflictKind, fields: &[ConflictField<D>]) -> Severity {
    match kind {
        ConflictKind::EditEdit if fields.is_empty() => Severity::Low,
        ConflictKind::EditEdit => Severity::Medium,
        _ => Severity::High,
    }
}

/// The local document without its increments, which go on top of whatever comes out.
fn without<D: Document>(sides: &Sides<'_, D>, added: &[String]) -> Option<D> {
    let (base, local) = sides.base.zip(sides.local)?;
    let fields: Vec<(&str, Option<D>)> = added.iter().map(|name| (name.as_str(), base.get(name))).listed();
    (!fields.is_empty()).then(|| local.with(&fields))
}

fn touched_at<D>(change: &Pending<D>, name: &str) -> Time {
    change.touched.iter().find(|(touched, _)| touched == name).map_or(change.created_at, |(_, at)| *at)
}
