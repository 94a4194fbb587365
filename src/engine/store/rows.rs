//! What a plan decides from: the rows read inside its transaction.
//!
//! Where several plans are one transaction, what each writes lies on top of what was read, and the next one sees both as
//! if it were stored. Nothing here reads or writes a store.

use super::{Found, MetaKey, Read, Write};
use crate::model::{
    sort_by, Collection, Conflict, ConflictLog, Discarded, DocKey, Document, Lease, Listed, Map, Mark, Pending,
    PullState, Record, Row, Seq, Stats,
};
use std::rc::Rc;

/// Rows read inside one transaction, and on top of them what earlier plans of it have written.
#[derive(Debug)]
pub struct Rows<D> {
    read: Rc<Tables<D>>,
    over: Tables<D>,
    refused: bool,
}

#[derive(Debug)]
struct Tables<D> {
    main: Map<DocKey, Option<Row<D>>>,
    pending: Map<Seq, Option<Pending<D>>>,
    meta: Map<MetaKey, Option<D>>,
    alias: Map<DocKey, Option<Rc<str>>>,
    conflicts: Map<Rc<str>, Option<Conflict<D>>>,
    main_pages: Map<Read, Vec<Row<D>>>,
    pending_pages: Map<Read, Vec<Pending<D>>>,
    last_pending: Option<Option<Seq>>,
}

impl<D> Default for Tables<D> {
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
        }
    }
}

impl<D> Default for Rows<D> {
    fn default() -> Self {
        Self { read: Rc::default(), over: Tables::default(), refused: false }
    }
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
        let tables = Rc::get_mut(&mut self.read);
        native_assert!(tables.is_some(), "nobody reads while plans build on each other");
        let Some(tables) = tables else { return };
        match (read, found) {
            (Read::Main(key), Found::Main(row)) => drop(tables.main.insert(key, row)),
            (Read::Pending(seq), Found::Pending(row)) => drop(tables.pending.insert(seq, row)),
            (Read::Meta(key), Found::Meta(row)) => drop(tables.meta.insert(key, row)),
            (Read::Alias(key), Found::Alias(id)) => drop(tables.alias.insert(key, id)),
            (Read::Conflict(id), Found::Conflict(row)) => drop(tables.conflicts.insert(id, row.map(|row| *row))),
            (Read::LastPending, Found::Last(seq)) => tables.last_pending = Some(seq),
            (read, Found::MainRows(rows)) => drop(tables.main_pages.insert(read, rows)),
            (read, Found::PendingRows(rows)) => drop(tables.pending_pages.insert(read, rows)),
            (read, _) => native_assert!(false, "a store answered {read:?} with another kind of row"),
        }
    }

    /// The same rows, for plans that build on each other.
    #[must_use]
    pub fn layer(&self) -> Self {
        Self { read: self.read.clone(), over: Tables::default(), refused: self.refused }
    }

    /// Takes up what a plan writes, so that the next plan of the same transaction finds it as if it were stored. What was
    /// read in order of ids or by a query is left as it was.
    pub fn take(&mut self, write: &Write<D>) {
        let over = &mut self.over;
        match write {
            Write::PutMain(collection, row) | Write::AddMain(collection, row) => {
                over.main.insert(DocKey { collection: collection.clone(), id: row.id.clone() }, Some(row.clone()));
            }
            Write::DeleteMain(key) => drop(over.main.insert(key.clone(), None)),
            Write::AddPending(row) | Write::PutPending(row) => drop(over.pending.insert(row.seq, Some(row.clone()))),
            Write::DeletePending(seq) => drop(over.pending.insert(*seq, None)),
            Write::PutMeta(key, value) => drop(over.meta.insert(key.clone(), Some(value.clone()))),
            Write::PutAlias(key, id) => drop(over.alias.insert(key.clone(), Some(id.clone()))),
            Write::PutConflict(row) => drop(over.conflicts.insert(row.conflict_id.clone(), Some((**row).clone()))),
            Write::DeleteConflict(id) => drop(over.conflicts.insert(id.clone(), None)),
            Write::PutAudit(_) | Write::Setting(..) => {}
        }
    }

    /// Whether a read has been answered.
    pub fn has(&self, read: &Read) -> bool {
        [&*self.read, &self.over].iter().any(|tables| match read {
            Read::Main(key) => tables.main.contains_key(key),
            Read::Pending(seq) => tables.pending.contains_key(seq),
            Read::Meta(key) => tables.meta.contains_key(key),
            Read::Alias(key) => tables.alias.contains_key(key),
            Read::Conflict(id) => tables.conflicts.contains_key(id),
            Read::Referring { .. } | Read::MainPage { .. } | Read::Query(_) => tables.main_pages.contains_key(read),
            Read::PendingPage { .. } => tables.pending_pages.contains_key(read),
            Read::LastPending => tables.last_pending.is_some(),
        })
    }

    /// Those of the reads that have no answer yet, each once.
    pub fn missing(&self, mut missing: Vec<Read>) -> Vec<Read> {
        missing.retain(|read| !self.has(read));
        sort_by(&mut missing, Ord::cmp);
        missing.dedup();
        missing
    }

    /// A main row that was read.
    pub fn main(&self, key: &DocKey) -> Option<&Row<D>> {
        self.over.main.get(key).or_else(|| self.read.main.get(key))?.as_ref()
    }

    /// An outbox row that was read.
    pub fn pending(&self, seq: Seq) -> Option<&Pending<D>> {
        self.over.pending.get(&seq).or_else(|| self.read.pending.get(&seq))?.as_ref()
    }

    /// The server's id of a temporary id.
    pub fn alias(&self, key: &DocKey) -> Option<&Rc<str>> {
        self.over.alias.get(key).or_else(|| self.read.alias.get(key))?.as_ref()
    }

    /// A conflict that was read.
    pub fn conflict(&self, id: &str) -> Option<&Conflict<D>> {
        self.over.conflicts.get(id).or_else(|| self.read.conflicts.get(id))?.as_ref()
    }

    /// The rows of a page, of a reference look-up or of a query.
    pub fn main_rows(&self, read: &Read) -> &[Row<D>] {
        self.read.main_pages.get(read).map_or(&[], Vec::as_slice)
    }

    /// The documents whose reference field holds an id, as a [`Read::Referring`] found them and by what was written since.
    pub fn referring(&self, read: &Read) -> Vec<DocKey> {
        let Read::Referring { collection, field, id } = read else { return Vec::new() };
        let known = self.main_rows(read).iter();
        let known = known.map(|row| DocKey { collection: collection.clone(), id: row.id.clone() });
        let mut keys = known.filter(|key| !self.over.main.contains_key(key)).listed();
        let refers = |row: &Option<Row<D>>| row.as_ref().is_some_and(|row| row.refers(field, id));
        let written = self.over.main.iter().filter(|(key, row)| key.collection == *collection && refers(row));
        keys.extend(written.map(|(key, _)| key.clone()));
        sort_by(&mut keys, Ord::cmp);
        keys
    }

    /// The rows of an outbox page.
    pub fn pending_rows(&self, read: &Read) -> &[Pending<D>] {
        self.read.pending_pages.get(read).map_or(&[], Vec::as_slice)
    }

    /// The last place taken in the outbox; 0 when it is empty.
    pub fn last_pending(&self) -> Seq {
        self.read.last_pending.flatten().unwrap_or(0)
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
        self.over.meta.get(key).or_else(|| self.read.meta.get(key))?.as_ref()
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
        R::from_record(self.meta(key)?)
    }
}
