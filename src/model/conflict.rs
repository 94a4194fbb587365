//! A conflict: the same document changed here and on the server, and what became of it.
//!
//! One record for each change and each state of the server it met. An open one is held by its change in the outbox
//! (`state: 'conflict'`) and never goes by itself; of the resolved ones the last [`ConflictLog::CAPACITY`] are kept.

use super::record::{number, object, text, texts, whole};
use super::{Collection, Document, Listed, Record, Seq, Time};
use std::rc::Rc;

/// What the two sides did; the first word is here, the second there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ConflictKind {
    EditEdit,
    EditDelete,
    DeleteEdit,
    CreateCreate,
}

/// How much is at stake (docs/conflict-resolution.md has the rule).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Both changed the document, but no field differently.
    Low,
    /// At least one field has another value on each side.
    Medium,
    /// One side removed the document, or both made it.
    High,
}

/// A field that both sides changed, to different values.
#[derive(Debug, Clone)]
pub struct ConflictField<D> {
    /// Where: names of fields, joined by dots; an item of a list by its `id`.
    pub path: String,
    /// Its value before both; `None` where there was none.
    pub base: Option<D>,
    /// Its value here.
    pub local: Option<D>,
    /// Its value on the server.
    pub remote: Option<D>,
    /// When it was changed here, by the server's clock.
    pub local_at: Option<Time>,
    /// When the document was changed there.
    pub remote_at: Option<Time>,
}

/// How a conflict ended.
#[derive(Debug, Clone)]
pub struct Resolution<D> {
    /// Who decided: the name of a strategy, `person`, `discard` or `edit`.
    pub strategy: Rc<str>,
    /// When.
    pub at: Time,
    /// The document that came out; `None` when it is deleted.
    pub result: Option<D>,
}

/// The record of one conflict.
#[derive(Debug, Clone)]
pub struct Conflict<D> {
    /// Identity: from the document, the change and the state of the server, so that finding it twice is one record.
    pub conflict_id: Rc<str>,
    /// Collection of the document.
    pub collection: Collection,
    /// The document's id.
    pub id: Rc<str>,
    /// Place of the change in the outbox.
    pub seq: Seq,
    /// The change.
    pub mutation_id: Rc<str>,
    /// What the two sides did.
    pub kind: ConflictKind,
    /// How much is at stake.
    pub severity: Severity,
    /// The document before both; `None` when there was none.
    pub base: Option<D>,
    /// The document here; `None` when it was removed.
    pub local: Option<D>,
    /// The document on the server; `None` when it is deleted.
    pub remote: Option<D>,
    /// Fields that both changed.
    pub fields: Vec<ConflictField<D>>,
    /// When it was found.
    pub detected_at: Time,
    /// How it ended; `None` while it is open.
    pub resolution: Option<Resolution<D>>,
}

/// What is kept of all conflicts: which resolved ones are still stored, and how many there were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConflictLog {
    /// Ids of stored resolved conflicts, oldest first.
    pub resolved: Vec<String>,
    /// How many there were of each type.
    pub types: Vec<(String, u32)>,
    /// How many each strategy ended.
    pub strategies: Vec<(String, u32)>,
}

impl ConflictKind {
    /// Public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EditEdit => "edit-edit",
            Self::EditDelete => "edit-delete",
            Self::DeleteEdit => "delete-edit",
            Self::CreateCreate => "create-create",
        }
    }

    fn try_from_text(text: &str) -> Option<Self> {
        [Self::EditEdit, Self::EditDelete, Self::DeleteEdit, Self::CreateCreate]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

impl Severity {
    /// Public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    fn try_from_text(text: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High].into_iter().find(|severity| severity.as_str() == text)
    }
}

impl ConflictLog {
    /// How many resolved conflicts stay stored.
    pub const CAPACITY: usize = 100;

    /// Counts a conflict that was found.
    pub fn found(&mut self, kind: ConflictKind) {
        count(&mut self.types, kind.as_str());
    }

    /// Counts one that was resolved, and remembers its record; gives the ids of those that are to go for it.
    pub fn ended(&mut self, conflict_id: &str, strategy: &str) -> Vec<String> {
        count(&mut self.strategies, strategy);
        self.resolved.retain(|known| known != conflict_id);
        self.resolved.push(conflict_id.into());
        let excess = self.resolved.len().saturating_sub(Self::CAPACITY);
        self.resolved.drain(..excess).listed()
    }
}

fn count(counters: &mut Vec<(String, u32)>, name: &str) {
    match counters.iter_mut().find(|(known, _)| known == name) {
        Some((_, counter)) => *counter += 1,
        None => counters.push((name.into(), 1)),
    }
}

fn counters_record<D: Document>(counters: &[(String, u32)]) -> D {
    let fields: Vec<(&str, Option<D>)> =
        counters.iter().map(|(name, counter)| (name.as_str(), number(Some(u64::from(*counter))))).listed();
    D::of(&fields)
}

fn counters_from<D: Document>(record: Option<D>) -> Vec<(String, u32)> {
    let record = record.unwrap_or_else(D::object);
    let counter = |name: String| whole(&record, &name).map(|counter| (name, counter as u32));
    record.fields().into_iter().filter_map(counter).listed()
}

impl<D: Document> Record<D> for ConflictLog {
    fn to_record(&self) -> D {
        object(&[
            ("resolved", Some(D::list(self.resolved.iter().map(|id| D::text(id)).listed()))),
            ("types", Some(counters_record(&self.types))),
            ("strategies", Some(counters_record(&self.strategies))),
        ])
    }

    fn from_record(record: &D) -> Option<Self> {
        Some(Self {
            resolved: texts(record, "resolved"),
            types: counters_from(record.get("types")),
            strategies: counters_from(record.get("strategies")),
        })
    }
}

impl<D: Document> Record<D> for ConflictField<D> {
    fn to_record(&self) -> D {
        object(&[
            ("path", Some(D::text(&self.path))),
            ("base", self.base.clone()),
            ("local", self.local.clone()),
            ("remote", self.remote.clone()),
            ("localAt", number(self.local_at)),
            ("remoteAt", number(self.remote_at)),
        ])
    }

    fn from_record(record: &D) -> Option<Self> {
        Some(Self {
            path: record.text_of("path")?,
            base: record.get("base"),
            local: record.get("local"),
            remote: record.get("remote"),
            local_at: whole(record, "localAt"),
            remote_at: whole(record, "remoteAt"),
        })
    }
}

impl<D: Document> Record<D> for Conflict<D> {
    fn to_record(&self) -> D {
        let ended = self.resolution.as_ref();
        object(&[
            ("conflictId", Some(D::text(&self.conflict_id))),
            ("collection", Some(D::text(&self.collection))),
            ("id", Some(D::text(&self.id))),
            ("seq", number(Some(self.seq))),
            ("mutationId", Some(D::text(&self.mutation_id))),
            ("type", Some(D::text(self.kind.as_str()))),
            ("severity", Some(D::text(self.severity.as_str()))),
            ("base", self.base.clone()),
            ("local", self.local.clone()),
            ("remote", self.remote.clone()),
            ("fields", Some(D::list(self.fields.iter().map(ConflictField::to_record).listed()))),
            ("detectedAt", number(Some(self.detected_at))),
            ("status", Some(D::text(if ended.is_some() { "resolved" } else { "open" }))),
            ("strategy", text(ended.map(|ended| &*ended.strategy))),
            ("resolvedAt", number(ended.map(|ended| ended.at))),
            ("result", ended.map(|ended| ended.result.clone().unwrap_or_else(D::null))),
        ])
    }

    fn from_record(record: &D) -> Option<Self> {
        let fields = record.get("fields").and_then(|list| list.as_list()).unwrap_or_default();
        let resolution = record.text_of("strategy").map(|strategy| Resolution {
            strategy: strategy.into(),
            at: whole(record, "resolvedAt").unwrap_or(0),
            result: record.get("result").filter(|result| result.kind() == super::Kind::Object),
        });
        Some(Self {
            conflict_id: record.text_of("conflictId")?.into(),
            collection: record.text_of("collection")?.into(),
            id: record.text_of("id")?.into(),
            seq: whole(record, "seq")?,
            mutation_id: record.text_of("mutationId")?.into(),
            kind: ConflictKind::try_from_text(&record.text_of("type")?)?,
            severity: Severity::try_from_text(&record.text_of("severity")?)?,
            base: record.get("base"),
            local: record.get("local"),
            remote: record.get("remote"),
            fields: fields.iter().filter_map(ConflictField::from_record).listed(),
            detected_at: whole(record, "detectedAt").unwrap_or(0),
            resolution,
        })
    }
}
