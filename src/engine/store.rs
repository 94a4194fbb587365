//! The contract between plans and stores.
//!
//! A [`Plan`] is one transaction, decided by pure code: from the rows read so far it either names more rows it needs
//! or decides what to write. A store (IndexedDB in the browser, [`super::disk::Disk`] in memory) reads, asks, writes
//! and reports after `complete`. What can be known beforehand need not be read: a plan may guess that the rows it inserts
//! find their places free, and the store's refusal is its comparison. A plan may be asked again from an empty set of rows after a lost connection, so it
//! must not remember anything. Nothing here touches a store.

use super::query::Query;
use crate::model::{
    sort_by, AuditEntry, Collection, Conflict, ConflictLog, Discarded, DocKey, Document, Lease, Listed, Map, Mark,
    Pending, PullState, Record, Row, Seq, Stats,
};
use core::cmp::Ordering;
use std::rc::Rc;

/// A row of the `meta` store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetaKey {
    /// [`Lease`].
    Lease,
    /// [`Mark`].
    Mark,
    /// [`Discarded`].
    Discarded,
    /// [`ConflictLog`].
    Conflicts,
    /// Breaker and retry budget.
    Guard,
    /// [`PullState`] of a collection.
    Pull(Collection),
    /// [`Stats`].
    Stats,
}

impl MetaKey {
    /// The key in the store.
    pub fn name(&self) -> String {
        match self {
            Self::Lease => "lease".into(),
            Self::Mark => "mark".into(),
            Self::Discarded => "discarded".into(),
            Self::Conflicts => "conflicts".into(),
            Self::Guard => "breaker".into(),
            Self::Pull(collection) => ["pull:", collection].concat(),
            Self::Stats => "stats".into(),
        }
    }
}

/// A query of a plan, told apart from its others by its number.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its number within the plan.
    pub number: usize,
    /// The collection asked.
    pub collection: Collection,
    /// What is asked; it has a limit, so that its answer is never too long.
    pub query: Rc<Query>,
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Asked {}

impl PartialOrd for Asked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Asked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number.cmp(&other.number)
    }
}

/// Something a plan wants to know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// One main row.
    Main(DocKey),
    /// One outbox row.
    Pending(Seq),
    /// One meta row.
    Meta(MetaKey),
    /// The server's id of a temporary id.
    Alias(DocKey),
    /// One conflict.
    Conflict(Rc<str>),
    /// Main rows of a collection whose reference field holds an id (through the index on that field).
    Referring {
        /// The collection that refers.
        collection: Collection,
        /// Its reference field.
        field: Rc<str>,
        /// The id referred to.
        id: Rc<str>,
    },
    /// Main rows of a collection in id order.
    MainPage {
        /// The collection.
        collection: Collection,
        /// Start after this id.
        after: Option<Rc<str>>,
        /// How many at most (500).
        limit: usize,
    },
    /// Main rows that answer a query, in its order.
    Query(Asked),
    /// The last place taken in the outbox.
    LastPending,
    /// Outbox rows in order.
    PendingPage {
        /// Start after this place.
        after: Seq,
        /// How many at most (500).
        limit: usize,
    },
}

/// Rows read inside one transaction.
#[derive(Debug, Clone)]
pub struct Rows<D> {
    main: Map<DocKey, Option<Row<D>>>,
    pending: Map<Seq, Option<Pending<D>>>,
    meta: Map<MetaKey, Option<D>>,
    alias: Map<DocKey, Option<Rc<str>>>,
    conflicts: Map<Rc<str>, Option<Conflict<D>>>,
    main_pages: Map<Read, Vec<Row<D>>>,
    pending_pages: Map<Read, Vec<Pending<D>>>,
    last_pending: Option<Option<Seq>>,
    refused: bool,
}

impl<D> Default for Rows<D> {
    fn default() -> Self {
        Self {
            main: Map::new(),
            pending: Map::new(),
            meta: Map::new(),
            alias: Map::new(),
            conflicts: Map::new(),
            main_pages: Map::new(),
            pending_pages: Map::new(),
            last_pending: None,
            refused: false,
        }
    }
}

/// What a store found for a [`Read`].
#[derive(Debug, Clone)]
pub enum Found<D> {
    /// For [`Read::Main`].
    Main(Option<Row<D>>),
    /// For [`Read::Pending`].
    Pending(Option<Pending<D>>),
    /// For [`Read::Meta`].
    Meta(Option<D>),
    /// For [`Read::Alias`].
    Alias(Option<Rc<str>>),
    /// For [`Read::Conflict`].
    Conflict(Option<Box<Conflict<D>>>),
    /// For [`Read::Referring`], [`Read::MainPage`] and [`Read::Query`].
    MainRows(Vec<Row<D>>),
    /// For [`Read::PendingPage`].
    PendingRows(Vec<Pending<D>>),
    /// For [`Read::LastPending`].
    Last(Option<Seq>),
}

impl<D: Document> Rows<D> {
    /// No rows; `refused` when a guess of this plan was refused before.
    pub fn new(refused: bool) -> Self {
        Self { refused, ..Self::default() }
    }

    /// Whether a guess of this plan was refused: it must read what it had guessed.
    pub fn is_refused(&self) -> bool {
        self.refused
    }

    /// Keeps what the store found.
    pub fn keep(&mut self, read: Read, found: Found<D>) {
        match (read, found) {
            (Read::Main(key), Found::Main(row)) => drop(self.main.insert(key, row)),
            (Read::Pending(seq), Found::Pending(row)) => drop(self.pending.insert(seq, row)),
            (Read::Meta(key), Found::Meta(row)) => drop(self.meta.insert(key, row)),
            (Read::Alias(key), Found::Alias(id)) => drop(self.alias.insert(key, id)),
            (Read::Conflict(id), Found::Conflict(row)) => drop(self.conflicts.insert(id, row.map(|row| *row))),
            (Read::LastPending, Found::Last(seq)) => self.last_pending = Some(seq),
            (read, Found::MainRows(rows)) => drop(self.main_pages.insert(read, rows)),
            (read, Found::PendingRows(rows)) => drop(self.pending_pages.insert(read, rows)),
            (read, _) => native_assert!(false, "a store answered {read:?} with another kind of row"),
        }
    }

    /// Whether a read has been answered.
    pub fn has(&self, read: &Read) -> bool {
        match read {
            Read::Main(key) => self.main.contains_key(key),
            Read::Pending(seq) => self.pending.contains_key(seq),
            Read::Meta(key) => self.meta.contains_key(key),
            Read::Alias(key) => self.alias.contains_key(key),
            Read::Conflict(id) => self.conflicts.contains_key(id),
            Read::Referring { .. } | Read::MainPage { .. } | Read::Query(_) => self.main_pages.contains_key(read),
            Read::PendingPage { .. } => self.pending_pages.contains_key(read),
            Read::LastPending => self.last_pending.is_some(),
        }
    }

    /// Those of the reads that have no answer yet, each once.
    pub fn missing(&self, reads: impl IntoIterator<Item = Read>) -> Vec<Read> {
        let mut missing: Vec<Read> = reads.into_iter().filter(|read| !self.has(read)).listed();
        sort_by(&mut missing, Ord::cmp);
        missing.dedup();
        missing
    }

    /// A main row that was read.
    pub fn main(&self, key: &DocKey) -> Option<&Row<D>> {
        self.main.get(key)?.as_ref()
    }

    /// An outbox row that was read.
    pub fn pending(&self, seq: Seq) -> Option<&Pending<D>> {
        self.pending.get(&seq)?.as_ref()
    }

    /// The server's id of a temporary id.
    pub fn alias(&self, key: &DocKey) -> Option<&Rc<str>> {
        self.alias.get(key)?.as_ref()
    }

    /// A conflict that was read.
    pub fn conflict(&self, id: &str) -> Option<&Conflict<D>> {
        self.conflicts.get(id)?.as_ref()
    }

    /// The rows of a page, of a reference look-up or of a query.
    pub fn main_rows(&self, read: &Read) -> &[Row<D>] {
        self.main_pages.get(read).map_or(&[], Vec::as_slice)
    }

    /// The rows of an outbox page.
    pub fn pending_rows(&self, read: &Read) -> &[Pending<D>] {
        self.pending_pages.get(read).map_or(&[], Vec::as_slice)
    }

    /// The last place taken in the outbox; 0 when it is empty.
    pub fn last_pending(&self) -> Seq {
        self.last_pending.flatten().unwrap_or(0)
    }

    /// The lease, when there is one.
    pub fn lease(&self) -> Option<Lease> {
        self.meta_record(&MetaKey::Lease)
    }

    /// The mark of change.
    pub fn mark(&self) -> Mark {
        self.meta_record(&MetaKey::Mark).unwrap_or_default()
    }

    /// Lately discarded mutation ids.
    pub fn discarded(&self) -> Discarded {
        self.meta_record(&MetaKey::Discarded).unwrap_or_default()
    }

    /// What is kept of all conflicts.
    pub fn conflict_log(&self) -> ConflictLog {
        self.meta_record(&MetaKey::Conflicts).unwrap_or_default()
    }

    /// A meta row as it stands in the store.
    pub fn meta(&self, key: &MetaKey) -> Option<&D> {
        self.meta.get(key)?.as_ref()
    }

    /// The pull state of a collection.
    pub fn pull_state(&self, collection: &Collection) -> PullState<D> {
        self.meta_record(&MetaKey::Pull(collection.clone())).unwrap_or_default()
    }

    /// What sync has done; `None` before anything was counted.
    pub fn stats(&self) -> Option<Stats> {
        self.meta_record(&MetaKey::Stats)
    }

    fn meta_record<R: Record<D>>(&self, key: &MetaKey) -> Option<R> {
        R::from_record(self.meta.get(key)?.as_ref()?)
    }
}

/// One change to the store.
#[derive(Debug, Clone)]
pub enum Write<D> {
    /// Inserts or replaces a main row.
    PutMain(Collection, Row<D>),
    /// Inserts a main row; none may stand there, otherwise the transaction aborts.
    AddMain(Collection, Row<D>),
    /// Removes a main row.
    DeleteMain(DocKey),
    /// Inserts an outbox row; its place must be free, otherwise the transaction aborts.
    AddPending(Pending<D>),
    /// Replaces an outbox row.
    PutPending(Pending<D>),
    /// Removes an outbox row.
    DeletePending(Seq),
    /// Inserts or replaces a meta row.
    PutMeta(MetaKey, D),
    /// Remembers the server's id of a temporary id.
    PutAlias(DocKey, Rc<str>),
    /// Puts an audit entry into its place of the ring.
    PutAudit(Box<AuditEntry>),
    /// Inserts or replaces a conflict.
    PutConflict(Box<Conflict<D>>),
    /// Removes a conflict.
    DeleteConflict(Rc<str>),
    /// Sets (`Some`) or removes (`None`) a setting.
    Setting(Rc<str>, Option<D>),
}

/// What a transaction may touch, and how durable it has to be.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Collections; the bookkeeping stores are always in scope, so that one order holds for all of it.
    pub collections: Vec<Collection>,
    /// Whether it writes.
    pub writes: bool,
    /// Whether it must survive power loss even where the database is `relaxed` by option for pulled data.
    pub strict: bool,
}

/// The next step of a plan.
#[derive(Debug)]
pub enum Step<D, R> {
    /// These rows, please; then ask again.
    Need(Vec<Read>),
    /// Write this and report that.
    Done(Vec<Write<D>>, R),
    /// The same where every row that is inserted finds its place free. Where one does not, nothing is written, and the
    /// plan is asked again from the beginning, with rows that say so: then it guesses no more.
    Guess(Vec<Write<D>>, R),
}

impl<D, R> core::fmt::Debug for dyn Plan<D, R> {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("Plan")
    }
}

/// One transaction as pure code. `R` is what it reports.
pub trait Plan<D: Document, R> {
    /// What it touches.
    fn scope(&self) -> Scope;
    /// The next step, from the rows read so far. Pure: the same rows give the same step.
    fn step(&self, rows: &Rows<D>) -> Step<D, R>;
}
