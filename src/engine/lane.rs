//! One document's lane: its main row and its unsent changes, folded and rebased as one value.
//!
//! The fold turns (what stands, what the app does) into (what stands after). A change is folded into the last one of
//! its lane only while no request with that one can have left (I-03, I-08) and both belong to the same transaction or to
//! none; otherwise it queues behind it. Pure: ids,
//! places and times are given. Nothing here reads or writes a store.

use super::mutant::Mutant;
use crate::model::{
    is_temporary, ChangeKind, Code, DocKey, Document, Failure, Listed, Patch, Pending, PendingState, Priority, Row,
    Seq, Set, Time,
};
use std::rc::Rc;

/// What the app does to one document.
#[derive(Debug, Clone)]
pub enum Action<D> {
    /// Insert or replace.
    Put(D),
    /// Insert.
    Add(D),
    /// Change fields.
    Patch(Patch<D>),
    /// Remove.
    Remove,
}

/// One operation of a local write, with all that chance and time give it.
#[derive(Debug, Clone)]
pub struct Operation<D> {
    /// Its document.
    pub key: DocKey,
    /// What it does.
    pub action: Action<D>,
    /// Whether the id was minted for it just now, so that nothing can stand there.
    pub fresh: bool,
    /// Whether it is saved without sending.
    pub local: bool,
    /// Who goes first.
    pub priority: Priority,
    /// Identity of the change.
    pub mutation_id: Rc<str>,
    /// Its key on the server.
    pub idempotency_key: Rc<str>,
    /// The transaction it belongs to.
    pub group: Option<Rc<str>>,
    /// Whose change it is.
    pub user: Option<Rc<str>>,
    /// The server's clock less this device's, as far as it is known now.
    pub skew: Option<i64>,
}

#[cfg(test)]
impl<D> Operation<D> {
    /// What a test writes: its number gives it its identity.
    pub fn sample(key: DocKey, action: Action<D>, number: impl std::fmt::Display) -> Self {
        Self {
            key,
            action,
            fresh: false,
            local: false,
            priority: Priority::User,
            mutation_id: format!("m{number}").into(),
            idempotency_key: format!("k{number}").into(),
            group: None,
            user: None,
            skew: None,
        }
    }
}

/// A document's main row and its changes, oldest first.
#[derive(Debug, Clone)]
pub struct Lane<D> {
    /// The document.
    pub key: DocKey,
    /// Its main row.
    pub row: Option<Row<D>>,
    /// Its changes, oldest first.
    pub changes: Vec<Pending<D>>,
    /// Changes that differ from what the store holds.
    pub dirty: Set<Seq>,
}

impl<D: Document> Lane<D> {
    /// A lane as read.
    pub fn new(key: DocKey, row: Option<Row<D>>, changes: Vec<Pending<D>>) -> Self {
        Self { key, row, changes, dirty: Set::new() }
    }

    /// The document as the app sees it.
    pub fn doc(&self) -> Option<&D> {
        self.row.as_ref()?.doc.as_ref()
    }

    /// Folds one operation in; says under which change it will be sent, if any.
    pub fn fold(&mut self, op: &Operation<D>, seq: Seq, now: Time) -> Result<Option<Rc<str>>, Failure> {
        match &op.action {
            Action::Add(_) if self.doc().is_some() => {
                Err(self.failure(Code::AlreadyExists, "a document with this id exists; use put or patch"))
            }
            Action::Add(doc) | Action::Put(doc) => self.replace(doc, op, seq, now),
            Action::Patch(patch) => self.patch(patch, op, seq, now),
            Action::Remove => self.remove(op, seq, now),
        }
    }

    /// Puts the changes on top of a new confirmed state and makes the result the document.
    ///
    /// A state that is gone leaves an edited document as it is: that conflict is found when the edit is sent.
    pub fn rebase(&mut self, base: Option<D>, revision: Option<String>) {
        let top = overlay(base.as_ref(), &self.changes);
        let deletes = self.changes.last().is_some_and(|change| change.kind == ChangeKind::Delete);
        if let Some(first) = self.changes.first_mut() {
            first.base.clone_from(&base);
            first.base_rev = revision;
            self.dirty.insert(first.seq);
        }
        if let Some(row) = self.row.as_mut() {
            if top.is_some() || deletes || self.changes.is_empty() {
                row.doc = top;
            }
            row.lane = self.changes.iter().map(|change| change.seq).listed();
        }
    }

    /// The document below the change at `index`.
    pub fn below(&self, index: usize) -> Option<D> {
        overlay(self.changes.first()?.base.as_ref(), &self.changes[..index])
    }

    fn replace(&mut self, doc: &D, op: &Operation<D>, seq: Seq, now: Time) -> Result<Option<Rc<str>>, Failure> {
        if op.local {
            return self.place(doc, now).map(|()| None);
        }
        let current = self.doc().cloned();
        match self.open_change(op) {
            Some(index) => self.fold_replacement(index, doc, op, now),
            None => {
                let change = match (&current, self.confirms()) {
                    (Some(current), true) => update(Patch::between(current, doc), op, seq, now),
                    _ => create(doc, op, seq, now),
                };
                if change.kind == ChangeKind::Update && change.changes.is_empty() && self.changes.is_empty() {
                    return Ok(None);
                }
                self.enqueue(change);
            }
        }
        self.show(Some(doc.clone()), now);
        Ok(self.changes.last().map(|change| change.mutation_id.clone()))
    }

    fn patch(&mut self, patch: &Patch<D>, op: &Operation<D>, seq: Seq, now: Time) -> Result<Option<Rc<str>>, Failure> {
        let current = self.doc().cloned().ok_or_else(|| self.failure(Code::NotFound, "no such document"))?;
        let numeric = |field: &String| current.get(field).is_none_or(|value| value.as_number().is_some());
        if !patch.inc.iter().all(|(field, _)| numeric(field)) {
            return Err(self.failure(Code::PatchType, "increment needs a field that is a number"));
        }
        let doc = patch.apply(&current);
        if !patch.inc.iter().all(|(field, _)| doc.get(field).and_then(|sum| sum.as_number()).is_some_and(is_exact)) {
            return Err(self.failure(Code::PatchType, "increment leaves the range of exact numbers"));
        }
        if op.local {
            return self.place(&doc, now).map(|()| None);
        }
        match self.open_change(op) {
            Some(index) => self.fold_patch(index, patch, &doc, op, now),
            None if self.confirms() => self.enqueue(update(patch.clone(), op, seq, now)),
            None => self.enqueue(create(&doc, op, seq, now)),
        }
        self.show(Some(doc), now);
        Ok(self.changes.last().map(|change| change.mutation_id.clone()))
    }

    fn remove(&mut self, op: &Operation<D>, seq: Seq, now: Time) -> Result<Option<Rc<str>>, Failure> {
        if self.doc().is_none() {
            return Err(self.failure(Code::NotFound, "no such document"));
        }
        if op.local && !self.changes.is_empty() {
            return Err(self.failure(Code::InFlight, WAITS));
        }
        if op.local || !self.confirms() {
            self.row = None;
            self.changes.clear();
            return Ok(None);
        }
        match self.open_change(op) {
            // A document that a pull brought below the create is there: removing it is sent.
            Some(index) if self.changes[index].kind == ChangeKind::Create && !(index == 0 && self.is_on_server()) => {
                drop(self.changes.remove(index));
            }
            Some(index) => {
                let change = self.touch(index, ["id"].into_iter(), op, now);
                change.kind = ChangeKind::Delete;
                change.data = None;
                change.changes = Patch::default();
            }
            None => self.enqueue(deletion(op, seq, now)),
        }
        self.show(None, now);
        if self.changes.is_empty() && !self.is_on_server() {
            self.row = None;
        }
        Ok(self.changes.last().map(|change| change.mutation_id.clone()))
    }

    /// The last change, if it may still be changed itself by this operation.
    fn open_change(&self, op: &Operation<D>) -> Option<usize> {
        let last = self.changes.last()?;
        let together = last.group == op.group || Mutant::FoldAcrossTransactions.is_on();
        let open = !last.is_attempted() && last.state == PendingState::Waiting && together;
        (open || Mutant::FoldIntoAttempted.is_on()).then(|| self.changes.len() - 1)
    }

    fn is_on_server(&self) -> bool {
        self.row.as_ref().is_some_and(Row::is_on_server)
    }

    /// Whether the server has the document or a change on the way makes it.
    fn confirms(&self) -> bool {
        !self.changes.is_empty() || self.is_on_server()
    }

    fn fold_replacement(&mut self, index: usize, doc: &D, op: &Operation<D>, now: Time) {
        let below = self.below(index);
        let written = Patch::between(self.doc().unwrap_or(&D::object()), doc);
        let change = self.touch(index, written.fields(), op, now);
        match below {
            Some(below) if change.kind != ChangeKind::Create => {
                change.kind = ChangeKind::Update;
                change.changes = Patch::between(&below, doc);
            }
            _ => {
                change.kind = ChangeKind::Create;
                change.data = Some(doc.clone());
                change.changes = Patch::default();
            }
        }
    }

    fn fold_patch(&mut self, index: usize, patch: &Patch<D>, doc: &D, op: &Operation<D>, now: Time) {
        let change = self.touch(index, patch.fields(), op, now);
        match change.kind {
            ChangeKind::Create => change.data = Some(doc.clone()),
            _ => change.changes = std::mem::take(&mut change.changes).then(patch.clone()),
        }
    }

    /// A change that another write of the app, to these fields, is folded into.
    fn touch<'f>(
        &mut self,
        index: usize,
        fields: impl Iterator<Item = &'f str>,
        op: &Operation<D>,
        now: Time,
    ) -> &mut Pending<D> {
        let change = &mut self.changes[index];
        change.writes += 1;
        self.dirty.insert(change.seq);
        change.touch(fields, now, op.skew);
        change
    }

    fn enqueue(&mut self, mut change: Pending<D>) {
        if self.changes.is_empty() && change.kind != ChangeKind::Create {
            change.base = self.doc().cloned();
            change.base_rev = self.row.as_ref().and_then(|row| row.rev.clone());
        }
        self.changes.push(change);
    }

    fn show(&mut self, doc: Option<D>, now: Time) {
        let row = self.row.get_or_insert_with(|| Row::fresh(&self.key.id, now));
        row.doc = doc;
        row.at = now;
        row.local = false;
        row.lane = self.changes.iter().map(|change| change.seq).listed();
    }

    /// Data that came from elsewhere: a new confirmed state below whatever waits. A change that makes or removes the
    /// document would hide it: then it is refused.
    fn place(&mut self, doc: &D, now: Time) -> Result<(), Failure> {
        if self.changes.iter().any(|change| change.kind != ChangeKind::Update) {
            return Err(self.failure(Code::InFlight, WAITS));
        }
        let row = self.row.get_or_insert_with(|| Row::fresh(&self.key.id, now));
        row.local = !row.is_on_server();
        row.at = now;
        let revision = row.rev.clone();
        self.rebase(Some(doc.clone()), revision);
        Ok(())
    }

    fn failure(&self, code: Code, text: &str) -> Failure {
        Failure::new(code, [text, ": ", &self.key.collection, "/", &self.key.id].concat())
    }
}

const WAITS: &str = "changes of this document wait to be sent; discard them first";

/// The document that changes make of a base.
pub fn overlay<D: Document>(base: Option<&D>, changes: &[Pending<D>]) -> Option<D> {
    changes.iter().fold(base.cloned(), |doc, change| change.apply(doc.as_ref()))
}

/// Whether a number can be stored and sent: finite, and no whole number beyond 2^53.
fn is_exact(number: f64) -> bool {
    number.is_finite() && (number.fract() != 0.0 || number.abs() <= 9_007_199_254_740_991.0)
}

fn change<D: Document>(kind: ChangeKind, op: &Operation<D>, seq: Seq, now: Time) -> Pending<D> {
    Pending {
        seq,
        mutation_id: op.mutation_id.clone(),
        idempotency_key: op.idempotency_key.clone(),
        collection: op.key.collection.clone(),
        id: op.key.id.clone(),
        temp_id: None,
        kind,
        data: None,
        changes: Patch::default(),
        base: None,
        base_rev: None,
        created_at: now,
        skew: op.skew,
        retry_count: 0,
        losses: 0,
        last_error: None,
        state: PendingState::Waiting,
        wait: None,
        priority: op.priority,
        group: op.group.clone(),
        user: op.user.clone(),
        sent: None,
        refused: false,
        rounds: 0,
        writes: 1,
        touched: Vec::new(),
        origin: None,
        conflict: None,
        asks: false,
    }
}

fn create<D: Document>(doc: &D, op: &Operation<D>, seq: Seq, now: Time) -> Pending<D> {
    let temp_id = is_temporary(&op.key.id).then(|| op.key.id.clone());
    Pending { data: Some(doc.clone()), temp_id, ..change(ChangeKind::Create, op, seq, now) }
}

fn update<D: Document>(patch: Patch<D>, op: &Operation<D>, seq: Seq, now: Time) -> Pending<D> {
    Pending { changes: patch, ..change(ChangeKind::Update, op, seq, now) }
}

fn deletion<D: Document>(op: &Operation<D>, seq: Seq, now: Time) -> Pending<D> {
    change(ChangeKind::Delete, op, seq, now)
}

#[cfg(test)]
mod tests;
