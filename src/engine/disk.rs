//! The store in memory: the simulator's disk, and `storage: 'memory'` for the app's own tests.
//!
//! It runs the very same plans as the IndexedDB adapter, each as one atomic step. It loses everything when dropped
//! and never fails by itself: crashes, aborts and full disks are the simulator's to arrange around it.

use super::query::disk_select;
use super::store::{Found, Plan, Read, Rows, Step, Write};
use crate::model::{AuditEntry, Code, Collection, Conflict, DocKey, Document, Failure, Listed, Map, Pending, Row, Seq};
use std::ops::Bound;
use std::rc::Rc;

/// How many reads a plan may ask for before it counts as endless.
const MAX_ROUNDS: usize = 64;

/// Tables in memory.
#[derive(Debug, Clone)]
pub struct Disk<D> {
    main: Map<Collection, Map<Rc<str>, Row<D>>>,
    pending: Map<Seq, Pending<D>>,
    meta: Map<String, D>,
    alias: Map<DocKey, Rc<str>>,
    conflicts: Map<Rc<str>, Conflict<D>>,
    audit: Map<u64, AuditEntry>,
    settings: Map<Rc<str>, D>,
}

impl<D> Default for Disk<D> {
    fn default() -> Self {
        Self {
            main: Map::new(),
            pending: Map::new(),
            meta: Map::new(),
            alias: Map::new(),
            conflicts: Map::new(),
            audit: Map::new(),
            settings: Map::new(),
        }
    }
}

impl<D: Document> Disk<D> {
    /// Runs a plan as one atomic step: all of its writes or none.
    pub fn run<R>(&mut self, plan: &dyn Plan<D, R>) -> Result<R, Failure> {
        let (writes, report) = self.decide(plan)?;
        self.apply(writes)?;
        Ok(report)
    }

    /// What a plan would write on this disk, without writing it.
    pub fn decide<R>(&self, plan: &dyn Plan<D, R>) -> Result<(Vec<Write<D>>, R), Failure> {
        let mut rows = Rows::default();
        for _ in 0..MAX_ROUNDS {
            match plan.step(&rows) {
                Step::Done(writes, report) => return Ok((writes, report)),
                Step::Guess(writes, report) if !writes.iter().any(|write| self.refuses(write)) => {
                    return Ok((writes, report));
                }
                Step::Guess(..) => rows = Rows::new(true),
                Step::Need(reads) => {
                    for read in reads {
                        let found = self.find(&read);
                        rows.keep(read, found);
                    }
                }
            }
        }
        Err(Failure::new(Code::TxAborted, "a plan kept asking for rows"))
    }

    /// Applies the writes of one transaction; nothing is written when a row to be inserted finds its place taken.
    pub fn apply(&mut self, writes: Vec<Write<D>>) -> Result<(), Failure> {
        match writes.iter().find(|write| self.refuses(write)) {
            Some(Write::AddMain(..)) => Err(Failure::new(Code::UniqueViolation, "a row with this id exists")),
            Some(_) => Err(Failure::new(Code::TxAborted, "a place in the outbox was taken")),
            None => {
                writes.into_iter().for_each(|write| self.write(write));
                Ok(())
            }
        }
    }

    /// Whether a row that is to be inserted finds its place taken.
    fn refuses(&self, write: &Write<D>) -> bool {
        match write {
            Write::AddPending(row) => self.pending.contains_key(&row.seq),
            Write::AddMain(collection, row) => {
                self.main.get(collection).is_some_and(|table| table.contains_key(&row.id))
            }
            _ => false,
        }
    }

    /// One main row.
    pub fn main(&self, key: &DocKey) -> Option<&Row<D>> {
        self.main.get(&key.collection)?.get(&key.id)
    }

    /// All main rows of a collection, in id order.
    pub fn main_rows(&self, collection: &str) -> impl Iterator<Item = &Row<D>> {
        self.main.get(collection).into_iter().flat_map(Map::values)
    }

    /// All outbox rows, in order.
    pub fn pending_rows(&self) -> impl Iterator<Item = &Pending<D>> {
        self.pending.values()
    }

    /// One outbox row.
    pub fn pending(&self, seq: Seq) -> Option<&Pending<D>> {
        self.pending.get(&seq)
    }

    /// One meta row by its stored name.
    pub fn meta(&self, name: &str) -> Option<&D> {
        self.meta.get(name)
    }

    /// The server's id of a temporary id.
    pub fn alias(&self, key: &DocKey) -> Option<&Rc<str>> {
        self.alias.get(key)
    }

    /// The audit ring, by slot.
    pub fn audit(&self) -> impl Iterator<Item = &AuditEntry> {
        self.audit.values()
    }

    /// All conflicts, in the order of their ids.
    pub fn conflicts(&self) -> impl Iterator<Item = &Conflict<D>> {
        self.conflicts.values()
    }

    /// One setting.
    pub fn setting(&self, key: &str) -> Option<&D> {
        self.settings.get(key)
    }

    fn find(&self, read: &Read) -> Found<D> {
        match read {
            Read::Main(key) => Found::Main(self.main(key).cloned()),
            Read::Pending(seq) => Found::Pending(self.pending.get(seq).cloned()),
            Read::Meta(key) => Found::Meta(self.meta.get(&key.name()).cloned()),
            Read::Alias(key) => Found::Alias(self.alias.get(key).cloned()),
            Read::Conflict(id) => Found::Conflict(self.conflicts.get(id).cloned().map(Box::new)),
            Read::Referring { collection, field, id } => {
                Found::MainRows(self.main_rows(collection).filter(|row| row.refers(field, id)).cloned().listed())
            }
            Read::MainPage { collection, after, limit } => {
                Found::MainRows(self.main_page(collection, after.as_ref(), *limit))
            }
            Read::Query(asked) => {
                let found = disk_select(self, &asked.collection, &asked.query);
                native_assert!(found.is_ok(), "a query of a plan has a limit");
                Found::MainRows(found.into_iter().flatten().cloned().listed())
            }
            Read::LastPending => Found::Last(self.pending.keys().next_back().copied()),
            Read::PendingPage { after, limit } => {
                let page = self.pending.after(Bound::Excluded(after)).iter();
                Found::PendingRows(page.take(*limit).map(|(_, row)| row.clone()).listed())
            }
        }
    }

    fn main_page(&self, collection: &Collection, after: Option<&Rc<str>>, limit: usize) -> Vec<Row<D>> {
        let Some(table) = self.main.get(collection) else { return Vec::new() };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        table.after(start).iter().take(limit).map(|(_, row)| row.clone()).listed()
    }

    fn write(&mut self, write: Write<D>) {
        match write {
            Write::PutMain(collection, row) | Write::AddMain(collection, row) => {
                self.main.get_or_insert_with(collection, Map::new).insert(row.id.clone(), row);
            }
            Write::DeleteMain(key) => {
                self.main.get_mut(&key.collection).map(|table| table.remove(&key.id));
            }
            Write::AddPending(row) | Write::PutPending(row) => {
                self.pending.insert(row.seq, row);
            }
            Write::DeletePending(seq) => {
                self.pending.remove(&seq);
            }
            Write::PutMeta(key, value) => {
                self.meta.insert(key.name(), value);
            }
            Write::PutAlias(key, id) => {
                self.alias.insert(key, id);
            }
            Write::PutAudit(entry) => {
                self.audit.insert(entry.slot(), *entry);
            }
            Write::PutConflict(conflict) => {
                self.conflicts.insert(conflict.conflict_id.clone(), *conflict);
            }
            Write::DeleteConflict(id) => {
                self.conflicts.remove(&id);
            }
            Write::Setting(key, Some(value)) => {
                self.settings.insert(key, value);
            }
            Write::Setting(key, None) => {
                self.settings.remove(&key);
            }
        }
    }
}
