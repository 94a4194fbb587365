//! The contract between plans and stores.
//!
//! A [`Plan`] is one transaction, decided by pure code: from the rows read so far it either names more rows it needs
//! or decides what to write. A store (IndexedDB in the browser, [`super::disk::Disk`] in memory) reads, asks, writes
//! and reports after `complete`. What can be known beforehand need not be read: a plan may guess that the rows it inserts
//! find their places free, and the store's refusal is its comparison. A plan may be asked again from an empty set of rows after a lost connection, so it
//! must not remember anything. Nothing here touches a store.

mod rows;

pub use rows::Rows;

use super::query::Query;
use crate::model::{AuditEntry, Collection, Conflict, DocKey, Document, Pending, Row, Seq};
use core::cmp::Ordering;
use std::rc::Rc;

/// A row of the `meta` store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetaKey {
    /// [`Lease`](crate::model::Lease).
    Lease,
    /// [`Mark`](crate::model::Mark).
    Mark,
    /// [`Discarded`](crate::model::Discarded).
    Discarded,
    /// [`ConflictLog`](crate::model::ConflictLog).
    Conflicts,
    /// Breaker and retry budget.
    Guard,
    /// [`PullState`](crate::model::PullState) of a collection.
    Pull(Collection),
    /// [`Stats`](crate::model::Stats).
    Stats,
    /// How far the server's clock is from this device's.
    Clock,
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
            Self::Clock => "clock".into(),
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
    /// Whether it may have the space that is kept for the time when there is no other: bookkeeping that lets changes go.
    fn may_spend(&self) -> bool {
        false
    }
    /// The next step, from the rows read so far. Pure: the same rows give the same step.
    fn step(&self, rows: &Rows<D>) -> Step<D, R>;
    /// The plans it is made of, where it is made of several: for those who check that it comes to the same.
    fn parts(&self) -> &[Box<dyn Plan<D, R>>] {
        &[]
    }
}
