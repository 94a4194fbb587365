//! The audit ring: what became of which change, by whom and when. Never any content of a document.
//!
//! Entries stand in the store `audit` under `slot`, which comes round: the newest [`AuditEntry::CAPACITY`] are kept.
//! `n` is their order.

use super::conflict::{Conflict, ConflictKind};
use super::record::{number, object, text, whole};
use super::{ChangeKind, Code, Collection, Document, Pending, Record, Time};
use std::rc::Rc;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number, from 0; rises by one.
    pub n: u64,
    /// When.
    pub at: Time,
    /// Whose change it was.
    pub user: Option<Rc<str>>,
    /// What the change does.
    pub action: ChangeKind,
    /// The document's collection.
    pub collection: Collection,
    /// The document's id by now.
    pub id: Rc<str>,
    /// The temporary id it was made with.
    pub temp_id: Option<Rc<str>>,
    /// The change.
    pub mutation_id: Rc<str>,
    /// What became of it.
    pub outcome: Rc<str>,
    /// Why, when something stood in its way.
    pub code: Option<Code>,
}

impl AuditEntry {
    /// How many are kept.
    pub const CAPACITY: u64 = 1_000;

    /// An entry about a row of the outbox; its number is given when it is written.
    pub fn of<D>(change: &Pending<D>, outcome: &str, code: Option<Code>, at: Time) -> Self {
        Self {
            n: 0,
            at,
            user: change.user.clone(),
            action: change.kind,
            collection: change.collection.clone(),
            id: change.id.clone(),
            temp_id: change.temp_id.clone(),
            mutation_id: change.mutation_id.clone(),
            outcome: outcome.into(),
            code,
        }
    }

    /// An entry about a conflict: kept for a person, or resolved.
    pub fn of_conflict<D>(conflict: &Conflict<D>, user: Option<&Rc<str>>, at: Time) -> Self {
        let action = match conflict.kind {
            ConflictKind::EditEdit | ConflictKind::EditDelete => ChangeKind::Update,
            ConflictKind::DeleteEdit => ChangeKind::Delete,
            ConflictKind::CreateCreate => ChangeKind::Create,
        };
        Self {
            n: 0,
            at,
            user: user.cloned(),
            action,
            collection: conflict.collection.clone(),
            id: conflict.id.clone(),
            temp_id: None,
            mutation_id: conflict.mutation_id.clone(),
            outcome: if conflict.resolution.is_some() { "resolved" } else { "conflict" }.into(),
            code: None,
        }
    }

    /// Its key in the store.
    pub fn slot(&self) -> u64 {
        self.n % Self::CAPACITY
    }
}

impl<D: Document> Record<D> for AuditEntry {
    fn to_record(&self) -> D {
        object(&[
            ("slot", number(Some(self.slot()))),
            ("n", number(Some(self.n))),
            ("at", number(Some(self.at))),
            ("user", text(self.user.as_deref())),
            ("action", text(Some(self.action.as_str()))),
            ("collection", text(Some(&self.collection))),
            ("id", text(Some(&self.id))),
            ("tempId", text(self.temp_id.as_deref())),
            ("mutationId", text(Some(&self.mutation_id))),
            ("outcome", text(Some(&self.outcome))),
            ("code", text(self.code.map(Code::as_str))),
        ])
    }

    fn from_record(record: &D) -> Option<Self> {
        Some(Self {
            n: whole(record, "n")?,
            at: whole(record, "at")?,
            user: record.text_of("user").map(Rc::from),
            action: ChangeKind::try_from_text(&record.text_of("action")?)?,
            collection: record.text_of("collection")?.into(),
            id: record.text_of("id")?.into(),
            temp_id: record.text_of("tempId").map(Rc::from),
            mutation_id: record.text_of("mutationId")?.into(),
            outcome: record.text_of("outcome")?.into(),
            code: record.text_of("code").and_then(|code| Code::try_from_text(&code)),
        })
    }
}
