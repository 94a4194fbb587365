//! Marks changes as being sent, before their requests leave.
//!
//! Inside the transaction the lease is checked again, the change must still be its lane's head, temporary ids it
//! refers to are replaced by the server's, and the payload of a first attempt is frozen under its key (I-08, I-35).
//! What cannot go is left alone or, when it refers to a document that will never exist, parked.

use super::audit::audited;
use super::breaker::Guard;
use super::world::Fence;
use super::Report;
use crate::engine::config::Config;
use crate::engine::mutant::Mutant;
use crate::engine::outbox::{awaited, references, temporary_references, Entry};
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step, Write};
use crate::model::{
    is_temporary, AuditEntry, ChangeKind, Code, DocKey, Document, Failure, Listed, Patch, Pending, PendingState, Seq,
    Set, Time,
};
use crate::protocol::payload;
use std::rc::Rc;

/// The transaction before a send.
#[derive(Debug)]
pub struct Dispatch {
    /// Options.
    pub config: Rc<Config>,
    /// Proof of leadership.
    pub fence: Fence,
    /// The changes, each with a fresh key for the case that its payload is a new one.
    pub changes: Vec<(Seq, Rc<str>)>,
    /// Changes of the same transactions: one of them that waits for a person holds the others.
    pub mates: Vec<Seq>,
    /// Whether they go as one or not at all.
    pub atomic: bool,
    /// Breaker and retry budget, where repeats took of it.
    pub guard: Option<Guard>,
    /// When.
    pub now: Time,
}

/// What became of one change.
#[derive(Debug, Clone)]
pub enum Dispatched<D> {
    /// Send this row's payload; whether it may have left before, so that its answer may come again.
    Send(Box<Pending<D>>, bool),
    /// Parked instead.
    Parked(Box<Entry>, Failure),
    /// Not to be sent now; the outbox is read again.
    NotReady(Seq),
}

impl<D: Document> Plan<D, Report<D>> for Dispatch {
    fn scope(&self) -> Scope {
        let collections = self.config.collections.iter().map(|collection| collection.name.clone()).listed();
        Scope { collections, writes: true, strict: true }
    }

    fn may_spend(&self) -> bool {
        true
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let first = self.changes.iter().map(|(seq, _)| Read::Pending(*seq)).chain([Fence::read()]);
        let first = first.chain(self.mates.iter().map(|seq| Read::Pending(*seq)));
        let missing = rows.missing(first.listed());
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        if !self.fence.stands(rows) {
            return Step::Done(Vec::new(), Report::Fenced);
        }
        let found = || self.changes.iter().filter_map(|(seq, _)| rows.pending(*seq));
        let missing = rows.missing(found().flat_map(|change| self.reads_of(change)).listed());
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        let heads = found().flat_map(|change| references(change, &self.config)).filter_map(|key| head_of(&key, rows));
        let missing = rows.missing(heads.map(Read::Pending).listed());
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        if let Some(missing) = found().find_map(|change| self.is_circular(change, rows).err()) {
            return Step::Need(missing);
        }
        let mut writes = Vec::new();
        let decide = |(seq, fresh): &(Seq, Rc<str>)| self.decide(*seq, fresh, rows, &mut writes);
        let mut dispatched: Vec<Dispatched<D>> = self.changes.iter().map(decide).listed();
        if self.atomic && !dispatched.iter().all(|one| matches!(one, Dispatched::Send(..))) {
            writes.retain(|write| matches!(write, Write::PutPending(row) if row.state == PendingState::Parked));
            for (one, (seq, _)) in dispatched.iter_mut().zip(&self.changes) {
                if matches!(one, Dispatched::Send(..)) {
                    *one = Dispatched::NotReady(*seq);
                }
            }
        }
        writes.extend(self.guard.as_ref().map(Guard::write));
        let parked = self.parked(&dispatched, rows);
        let mark = Read::Meta(MetaKey::Mark);
        if !parked.is_empty() {
            if !rows.has(&mark) {
                return Step::Need(vec![mark]);
            }
            writes.extend(audited(rows, parked));
        }
        Step::Done(writes, Report::Dispatched(dispatched))
    }
}

impl Dispatch {
    fn parked<D: Document>(&self, dispatched: &[Dispatched<D>], rows: &Rows<D>) -> Vec<AuditEntry> {
        let entry = |one: &Dispatched<D>| {
            let Dispatched::Parked(entry, failure) = one else { return None };
            Some(AuditEntry::of(rows.pending(entry.seq)?, "parked", Some(failure.code), self.now))
        };
        dispatched.iter().filter_map(entry).listed()
    }

    fn reads_of<D: Document>(&self, change: &Pending<D>) -> Vec<Read> {
        let own = Read::Main(DocKey { collection: change.collection.clone(), id: change.id.clone() });
        let aliases = temporary_references(change, &self.config).into_iter().map(Read::Alias);
        let refers = references(change, &self.config).into_iter().map(Read::Main);
        refers.chain(aliases).chain([own]).listed()
    }

    /// Whether a document it refers to has an earlier create that the server has not acknowledged (I-07).
    fn waits_for_create<D: Document>(&self, change: &Pending<D>, rows: &Rows<D>) -> bool {
        let with_it = |head: &Pending<D>| self.atomic && self.changes.iter().any(|(seq, _)| *seq == head.seq);
        let creates = |head: &Pending<D>| head.kind == ChangeKind::Create && head.seq < change.seq && !with_it(head);
        let heads = references(change, &self.config).into_iter().filter_map(|key| head_of(&key, rows));
        heads.filter_map(|seq| rows.pending(seq)).any(creates) && !Mutant::IgnoresReferences.is_on()
    }

    /// Whether a change waits for creates that wait for it; or what is still to be read to know.
    fn is_circular<D: Document>(&self, change: &Pending<D>, rows: &Rows<D>) -> Result<bool, Vec<Read>> {
        let (mut open, mut seen) = (vec![change], Set::new());
        while let Some(row) = open.pop() {
            let keys = awaited(row, &self.config);
            let aliases = keys.iter().filter(|key| is_temporary(&key.id)).cloned().map(Read::Alias);
            let missing = rows.missing(aliases.chain(keys.iter().cloned().map(Read::Main)).listed());
            if !missing.is_empty() {
                return Err(missing);
            }
            for key in keys.iter().filter(|key| rows.alias(key).is_none()) {
                let Some(seq) = head_of(key, rows) else { continue };
                let missing = rows.missing(vec![Read::Pending(seq)]);
                if !missing.is_empty() {
                    return Err(missing);
                }
                let creates = |head: &&Pending<D>| head.kind == ChangeKind::Create;
                let Some(head) = rows.pending(seq).filter(creates) else { continue };
                if !is_temporary(&key.id) && seq >= row.seq {
                    continue;
                }
                if seq == change.seq {
                    return Ok(true);
                }
                if seen.insert(seq) {
                    open.push(head);
                }
            }
        }
        Ok(false)
    }

    /// Whether one of its transaction waits for a person.
    fn is_held<D: Document>(&self, change: &Pending<D>, rows: &Rows<D>) -> bool {
        let mates = self.mates.iter().filter_map(|seq| rows.pending(*seq));
        let held = |mate: &Pending<D>| matches!(mate.state, PendingState::Parked | PendingState::Conflict);
        let by_mate = change.group.is_some() && mates.filter(|mate| mate.group == change.group).any(held);
        by_mate && !Mutant::TransactionOutOfOrder.is_on()
    }

    fn decide<D: Document>(
        &self,
        seq: Seq,
        fresh: &Rc<str>,
        rows: &Rows<D>,
        writes: &mut Vec<Write<D>>,
    ) -> Dispatched<D> {
        let Some(change) = rows.pending(seq) else { return Dispatched::NotReady(seq) };
        if !matches!(change.state, PendingState::Waiting | PendingState::Sending)
            || !is_head(change, rows)
            || self.is_held(change, rows)
        {
            return Dispatched::NotReady(seq);
        }
        let mut change = change.clone();
        if change.sent.is_none() && !Mutant::TemporaryIdLeaks.is_on() {
            if self.waits_for_create(&change, rows) {
                return Dispatched::NotReady(seq);
            }
            match self.resolve(&mut change, rows) {
                Resolved::Done => {}
                Resolved::Later if self.is_circular(&change, rows) == Ok(true) && !Mutant::CirclesWait.is_on() => {
                    let text =
                        "refers to documents that refer to it, all by temporary ids: none can be made first; take \
                                the reference out of one of them, or give them ids of your own";
                    let failure = Failure::new(Code::ReferenceCycle, text).at(self.now);
                    return self.park(change, failure, writes);
                }
                Resolved::Later => return Dispatched::NotReady(seq),
                Resolved::Never(failure) => return self.park(change, failure, writes),
            }
        }
        let again = change.sent.is_some();
        freeze(&mut change, fresh);
        change.state = PendingState::Sending;
        change.wait = None;
        if Mutant::DropBeforeSend.is_on() {
            writes.push(Write::DeletePending(seq));
        } else if !Mutant::SendsUnmarked.is_on() {
            writes.push(Write::PutPending(change.clone()));
        }
        if Mutant::KeyIsNotStored.is_on() {
            change.idempotency_key = fresh.clone();
        }
        Dispatched::Send(Box::new(change), again)
    }

    fn park<D: Document>(&self, mut change: Pending<D>, failure: Failure, writes: &mut Vec<Write<D>>) -> Dispatched<D> {
        change.state = PendingState::Parked;
        change.last_error = Some(failure.clone());
        writes.push(Write::PutPending(change.clone()));
        Dispatched::Parked(Box::new(Entry::of(&change, &self.config)), failure)
    }

    /// Replaces temporary ids by the server's, in the row that is about to be frozen.
    fn resolve<D: Document>(&self, change: &mut Pending<D>, rows: &Rows<D>) -> Resolved {
        for key in awaited(change, &self.config).into_iter().filter(|key| is_temporary(&key.id)) {
            if let Some(id) = rows.alias(&key) {
                rewrite(change, &self.config, &key, id);
            } else if rows.main(&key).is_some() {
                return Resolved::Later;
            } else {
                let text = ["refers to ", &key.collection, "/", &key.id, ", which was taken back; edit or discard it"];
                return Resolved::Never(Failure::new(Code::ReferenceMissing, text.concat()).at(self.now));
            }
        }
        Resolved::Done
    }
}

enum Resolved {
    Done,
    Later,
    Never(Failure),
}

/// Replaces a temporary id in the declared reference fields of a change by the server's.
pub(super) fn rewrite<D: Document>(change: &mut Pending<D>, config: &Config, key: &DocKey, id: &str) {
    let Some(collection) = config.collection(&change.collection) else { return };
    for reference in collection.references.iter().filter(|reference| reference.collection == key.collection) {
        let refers = |value: &D| value.as_text().as_deref() == Some(&*key.id);
        for (field, value) in &mut change.changes.set {
            if **field == *reference.field && refers(value) {
                *value = D::text(id);
            }
        }
        if let Some(data) = change.data.as_mut() {
            if data.get(&reference.field).is_some_and(|value| refers(&value)) {
                *data = data.with(&[(&reference.field, Some(D::text(id)))]);
            }
        }
    }
}

fn head_of<D: Document>(key: &DocKey, rows: &Rows<D>) -> Option<Seq> {
    rows.main(key)?.lane.first().copied()
}

fn is_head<D: Document>(change: &Pending<D>, rows: &Rows<D>) -> bool {
    let key = DocKey { collection: change.collection.clone(), id: change.id.clone() };
    let first = rows.main(&key).and_then(|row| row.lane.first());
    first == Some(&change.seq) || Mutant::SkipBlockedRowOfLane.is_on()
}

/// Makes the payload of a first attempt, or of one that follows a refusal; a different payload gets the fresh key.
fn freeze<D: Document>(change: &mut Pending<D>, fresh: &Rc<str>) {
    if Mutant::NewKeyPerAttempt.is_on() {
        change.idempotency_key = fresh.clone();
    }
    if change.sent.is_some() && !change.refused {
        return;
    }
    let sums = |base: &D| Patch { inc: change.changes.inc.clone(), ..Patch::default() }.apply(base);
    let below = change.base.as_ref().filter(|_| Mutant::IncrementsTwice.is_on()).map(sums);
    let mut next = payload(change, below.as_ref().or(change.base.as_ref()));
    if Mutant::ForgetsTheGuard.is_on() {
        next.revision = None;
    }
    if let Some(before) = change.sent.take() {
        let same_body = match (&before.body, &next.body) {
            (Some(before), Some(next)) => before.same(next),
            (before, next) => before.is_none() && next.is_none(),
        };
        if same_body && before.method == next.method {
            // Equal bodies can still differ in the order of their fields, and a server may compare the bytes.
            next.body = before.body;
        } else if !Mutant::KeepsTheKey.is_on() {
            change.idempotency_key = fresh.clone();
        }
    }
    change.sent = Some(next);
    change.refused = false;
    if change.kind == ChangeKind::Delete {
        change.changes = Patch::default();
    }
}
