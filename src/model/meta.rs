//! Small records of the `meta` store: who may send, how far a pull came, that something changed.
//!
//! Each is one row under one name. They are read and written inside the same transactions as the documents they
//! speak of, so that none can run ahead of them.

use super::record::{number, object, text, texts, whole};
use super::{Document, Listed, Record, Time};
use std::rc::Rc;

/// The right to send, bounded in time. The epoch fences bookkeeping of an earlier holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The tab that holds it.
    pub owner: Rc<str>,
    /// Rises with each change of holder.
    pub epoch: u64,
    /// When it ends unless renewed.
    pub expires_at: Time,
    /// When its holder took it.
    pub since: Time,
    /// Whether its holder's page was hidden at the last renewal: its timers may be throttled.
    pub hidden: bool,
}

/// How far the pull of one collection came.
#[derive(Debug, Clone)]
pub struct PullState<D> {
    /// The server's opaque position; `None` before the first page.
    pub checkpoint: Option<D>,
    /// The server's epoch the checkpoint belongs to.
    pub epoch: Option<String>,
    /// `ETag` of the answer to the URL with this checkpoint.
    pub etag: Option<String>,
    /// When the collection was last caught up with the server.
    pub completed_at: Option<Time>,
    /// Generation of the running or last full pull.
    pub generation: u64,
    /// Whether a full pull is under way whose end sweeps what it did not see.
    pub sweeping: bool,
    /// Whether that pull reads another history than the one before, in which documents may be older.
    pub rewinds: bool,
    /// Documents still to be asked for by themselves.
    pub wanted: Vec<Wanted>,
}

/// A document to be asked for by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its id.
    pub id: String,
    /// The revision known when an older state of it came; while that is still the one known, the answer counts.
    pub known: Option<String>,
}

/// Adds documents to those to be asked for, each once, as it was asked for last.
pub fn want_also(all: &mut Vec<Wanted>, more: Vec<Wanted>) {
    all.retain(|wanted| !more.iter().any(|again| again.id == wanted.id));
    all.extend(more);
}

impl<D> Default for PullState<D> {
    fn default() -> Self {
        Self {
            checkpoint: None,
            epoch: None,
            etag: None,
            completed_at: None,
            generation: 0,
            sweeping: false,
            rewinds: false,
            wanted: Vec::new(),
        }
    }
}

/// Moves with every commit that adds no pending row, so that another tab can tell that something changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// Counter.
    pub applied: u64,
    /// Audit entries written so far: the number of the next.
    pub audited: u64,
}

/// Mutation ids that were discarded lately (a bounded ring), so that no tab takes a discard for an acknowledgement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discarded {
    /// Oldest first, at most [`Discarded::CAPACITY`].
    pub mutation_ids: Vec<String>,
}

impl Discarded {
    /// How many are remembered.
    pub const CAPACITY: usize = 256;

    /// Remembers one more.
    pub fn push(&mut self, mutation_id: &str) {
        self.mutation_ids.push(mutation_id.into());
        let excess = self.mutation_ids.len().saturating_sub(Self::CAPACITY);
        self.mutation_ids.drain(..excess);
    }
}

impl<D: Document> Record<D> for Lease {
    fn to_record(&self) -> D {
        object(&[
            ("owner", Some(D::text(&self.owner))),
            ("epoch", number(Some(self.epoch))),
            ("expiresAt", number(Some(self.expires_at))),
            ("since", number(Some(self.since))),
            ("hidden", self.hidden.then(|| D::boolean(true))),
        ])
    }

    fn from_record(record: &D) -> Option<Self> {
        Some(Self {
            owner: record.text_of("owner")?.into(),
            epoch: whole(record, "epoch")?,
            expires_at: whole(record, "expiresAt")?,
            since: whole(record, "since").unwrap_or(0),
            hidden: record.flag("hidden"),
        })
    }
}

impl<D: Document> Record<D> for PullState<D> {
    fn to_record(&self) -> D {
        object(&[
            ("checkpoint", self.checkpoint.clone()),
            ("epoch", text(self.epoch.as_deref())),
            ("etag", text(self.etag.as_deref())),
            ("completedAt", number(self.completed_at)),
            ("generation", number(Some(self.generation))),
            ("sweeping", self.sweeping.then(|| D::boolean(true))),
            ("rewinds", self.rewinds.then(|| D::boolean(true))),
            ("wanted", (!self.wanted.is_empty()).then(|| D::list(self.wanted.iter().map(Wanted::to_record).listed()))),
        ])
    }

    fn from_record(record: &D) -> Option<Self> {
        Some(Self {
            checkpoint: record.get("checkpoint"),
            epoch: record.text_of("epoch"),
            etag: record.text_of("etag"),
            completed_at: whole(record, "completedAt"),
            generation: whole(record, "generation").unwrap_or(0),
            sweeping: record.flag("sweeping"),
            rewinds: record.flag("rewinds"),
            wanted: record
                .get("wanted")
                .and_then(|list| list.as_list())
                .map_or_else(Vec::new, |list| list.iter().filter_map(Wanted::from_record).listed()),
        })
    }
}

impl<D: Document> Record<D> for Wanted {
    fn to_record(&self) -> D {
        object(&[("id", Some(D::text(&self.id))), ("known", text(self.known.as_deref()))])
    }

    fn from_record(record: &D) -> Option<Self> {
        Some(Self { id: record.text_of("id")?, known: record.text_of("known") })
    }
}

impl<D: Document> Record<D> for Mark {
    fn to_record(&self) -> D {
        object(&[("applied", number(Some(self.applied))), ("audited", number(Some(self.audited)))])
    }

    fn from_record(record: &D) -> Option<Self> {
        Some(Self { applied: whole(record, "applied")?, audited: whole(record, "audited").unwrap_or(0) })
    }
}

impl<D: Document> Record<D> for Discarded {
    fn to_record(&self) -> D {
        object(&[("mutationIds", Some(D::list(self.mutation_ids.iter().map(|id| D::text(id)).listed())))])
    }

    fn from_record(record: &D) -> Option<Self> {
        Some(Self { mutation_ids: texts(record, "mutationIds") })
    }
}
