//! The store: plans and reads, on IndexedDB or in memory.
//!
//! Carries out plans as one transaction each and answers the app's reads. It decides nothing: which rows, which
//! writes and which order come from the engine. There are no tasks: a question comes with a function for its answer, and
//! the browser's events carry it on. Nothing is borrowed while such a function runs. Rows whose document waits for its
//! deletion appear in no read of documents.

mod connection;
mod early;
mod fault;
mod fetch;
mod gets;
mod host;
mod memory;
mod open;
mod out;
mod range;
mod read;
mod reserve;
mod run;
mod schema;
mod select;
mod tx;
mod watch;

pub use self::out::States;
pub use self::read::PendingQuery;

use self::connection::Connection;
use self::fault::Fault;
use self::gets::Gets;
use self::select::Want;
use crate::engine::query::{disk_count, Gather, IndexDef, Place, Query};
use crate::engine::store::{Plan, Step};
use crate::model::{Code, Collection, DocKey, Document, Failure, Listed, Pending, PendingState, Seq, Time};
use crate::shell::document::JsDoc;
use core::cell::Cell;
use core::fmt;
use js_sys::Array;
use std::rc::Rc;
use wasm_bindgen::JsValue;

/// A collection as the store sees it.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name, and that of its store.
    pub name: Collection,
    /// Declared indexes.
    pub indexes: Vec<IndexDef>,
    /// Fields that hold ids of other documents; each is indexed.
    pub references: Vec<Rc<str>>,
}

/// What the store needs to know to open.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Name of the database.
    pub name: String,
    /// Declared version of the schema, below 2^20: what stands above tells the writer.
    pub version: u32,
    /// Which writer this code is: a higher one keeps the code of a lower one out.
    pub writer: u32,
    /// In memory instead of IndexedDB.
    pub memory: bool,
    /// Whether strict plans are strict; `false` makes all relaxed.
    pub strict: bool,
    /// The collections.
    pub tables: Vec<Table>,
    /// Random text that names a database made now.
    pub entropy: String,
    /// The time, for documents of older code.
    pub now: Time,
}

/// What the store tells without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreEvent {
    /// Another tab holds the database and the upgrade waits for it.
    UpgradeBlocked,
    /// Newer code in another tab has upgraded the database; this one is closed for good.
    ClosedForUpgrade,
    /// Another tab deletes the database; this one is closed for good.
    Deleted,
    /// The database was wiped and made anew; nothing known of it holds any more.
    StorageLost,
}

/// Who is told; called from browser events and inside opening: it may only take note.
pub type Told = Rc<dyn Fn(StoreEvent)>;

/// Gets the answer, once; may be called before the question has returned.
pub type Done<T> = Box<dyn FnOnce(Result<T, Failure>)>;

/// What is known of the states of changes without reading them.
pub type Known = Rc<dyn Fn(&[Seq]) -> States>;

/// The collections with all of their indexes.
type Tables = Rc<[Rc<Table>]>;
/// A query as it was understood; one that was not is refused.
pub type Asked = Result<Query, Failure>;

/// An open store.
pub struct Store {
    backend: Backend,
    tables: Tables,
    /// Hears of the end of a database in memory, as long as this lives.
    _told: Option<Told>,
}

enum Backend {
    Idb(Rc<Connection>, Rc<Gets>),
    Memory(memory::Shared, Rc<str>),
}

impl fmt::Debug for Store {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Store")
    }
}

impl Store {
    /// Opens the store, creating or upgrading it.
    pub fn open(config: StoreConfig, told: Told, done: Done<Rc<Self>>) {
        let tables = config.tables.iter().map(|table| Rc::new(table.with_all_indexes())).collect();
        if config.memory {
            let (disk, life) = memory::open(&config.name, &config.entropy, &told);
            let backend = Backend::Memory(disk, life);
            return done(Ok(Rc::new(Self { backend, tables, _told: Some(told) })));
        }
        let opened = move |connection: Result<Rc<Connection>, Failure>| {
            done(connection.map(|connection| {
                let gets = Gets::new(connection.clone());
                Rc::new(Self { backend: Backend::Idb(connection, gets), tables, _told: None })
            }));
        };
        Connection::open(config, told, Box::new(opened));
    }

    /// Closes; what runs comes to its end, what comes later is refused. A database in memory stays.
    pub fn close(&self) {
        if let Backend::Idb(connection, _) = &self.backend {
            connection.close();
        }
    }

    /// Lets the connection go and everything wait, while the page sleeps; or goes on.
    pub fn suspend(&self, suspended: bool) {
        if let Backend::Idb(connection, _) = &self.backend {
            if suspended {
                connection.suspend();
            } else {
                connection.resume();
            }
        }
    }

    /// The random name of this database's life: a database made anew has another.
    pub fn store_id(&self) -> String {
        match &self.backend {
            Backend::Memory(_, life) => String::from(&**life),
            Backend::Idb(connection, _) => connection.store_id(),
        }
    }

    /// Runs a plan in one transaction: all of its writes or none, reported after `complete`.
    pub fn run<R: 'static>(&self, plan: Box<dyn Plan<JsDoc, R>>, done: Done<R>) {
        let connection = match &self.backend {
            Backend::Memory(disk, _) => {
                let outcome = memory::run(&mut disk.borrow_mut(), &self.tables, &*plan);
                return done(outcome);
            }
            Backend::Idb(connection, _) => connection,
        };
        let scope = (plan.scope(), plan.may_spend());
        let report = Rc::new(Cell::new(None));
        let reported = report.clone();
        let ask = Box::new(move |rows: &_| match plan.step(rows) {
            Step::Need(reads) => Step::Need(reads),
            Step::Done(writes, done) => {
                report.set(Some(done));
                Step::Done(writes, ())
            }
            Step::Guess(writes, done) => {
                report.set(Some(done));
                Step::Guess(writes, ())
            }
        });
        let missing = || Failure::new(Code::TxAborted, "a plan ended without a report");
        let ended = move |end: Result<JsValue, Failure>| done(end.and_then(|_| reported.take().ok_or_else(missing)));
        run::run(connection, &self.tables, scope, ask, Box::new(ended));
    }

    /// The documents of ids or former temporary ids, the caller's own; `undefined` where there is none.
    pub fn get(&self, collection: &str, ids: &[String], done: Done<Vec<JsValue>>) {
        let Some((table, done)) = self.table(collection, done) else { return };
        let keys: Vec<DocKey> = ids.iter().map(|id| DocKey::new(&table.name, id)).listed();
        match &self.backend {
            Backend::Memory(disk, _) => {
                let found = Ok(keys.iter().map(|key| memory::get(&disk.borrow(), key)).listed());
                done(found);
            }
            Backend::Idb(_, gets) => gets.get(keys, done),
        }
    }

    /// The query that an object of the border's shape describes, for this collection's indexes.
    pub fn parse_query(&self, collection: &str, from: &JsDoc) -> Asked {
        let table = self.tables.iter().find(|table| *table.name == *collection).ok_or_else(|| unknown(collection))?;
        Ok(Query::try_from_document(from)?.for_indexes(&table.indexes))
    }

    /// Those of these documents that meet a query's conditions, in its order, as many as it asks for.
    pub fn sift(&self, query: &Query, docs: &[JsDoc]) -> Result<Array, Failure> {
        let mut gather = Gather::new(query);
        for doc in docs.iter().filter(|doc| query.matches(*doc)) {
            gather.push(Place::of(query, doc.text_of("id").unwrap_or_default(), doc), doc)?;
        }
        Ok(gather.finish().into_iter().map(|doc| &doc.0).collect())
    }

    /// The documents that answer a query.
    pub fn query(&self, collection: &str, query: Asked, done: Done<JsValue>) {
        let Some((table, query, done)) = self.parsed(collection, query, done) else { return };
        match &self.backend {
            Backend::Memory(disk, _) => {
                let found = memory::query(&disk.borrow(), &table, &query);
                done(found);
            }
            Backend::Idb(connection, _) => read::query(connection, table, Rc::new(query), Want::Documents, done),
        }
    }

    /// The rows that answer a query as an object: `rows` with key and state, and whether the first pull is `complete`;
    /// a collection that is never pulled is.
    pub fn rows(&self, collection: &str, query: Asked, pulled: bool, known: Known, done: Done<JsValue>) {
        let Some((table, query, done)) = self.parsed(collection, query, done) else { return };
        match &self.backend {
            Backend::Memory(disk, _) => {
                let found = memory::rows(&disk.borrow(), &table, &query, pulled);
                done(found);
            }
            Backend::Idb(connection, _) => read::rows(connection, table, Rc::new(query), pulled, known, done),
        }
    }

    /// How many documents meet the conditions of a query; its order and limit play no part.
    pub fn count(&self, collection: &str, query: Asked, done: Done<JsValue>) {
        let Some((table, query, done)) = self.parsed(collection, query, done) else { return };
        let query = Query { conditions: query.conditions, ..Query::default() };
        match &self.backend {
            Backend::Memory(disk, _) => {
                let count = disk_count(&disk.borrow(), &table.name, &query, &table.indexes);
                done(Ok(JsValue::from_f64(count as f64)));
            }
            Backend::Idb(connection, _) => read::query(connection, table, Rc::new(query), Want::Count, done),
        }
    }

    /// What is known of a document besides itself, also while its deletion waits; `undefined` when there is none.
    pub fn meta_of(&self, collection: &str, id: &str, done: Done<JsValue>) {
        let Some((table, done)) = self.table(collection, done) else { return };
        let key = DocKey::new(&table.name, id);
        match &self.backend {
            Backend::Memory(disk, _) => {
                let found = Ok(memory::meta(&disk.borrow(), &key));
                done(found);
            }
            Backend::Idb(connection, _) => read::meta(connection, key, done),
        }
    }

    /// Outbox rows in order.
    pub fn pending_list(&self, query: PendingQuery, done: Done<Vec<Pending<JsDoc>>>) {
        match &self.backend {
            Backend::Memory(disk, _) => {
                let found = Ok(memory::pending_list(&disk.borrow(), &query));
                done(found);
            }
            Backend::Idb(connection, _) => read::pending_list(connection, query, done),
        }
    }

    /// How many outbox rows there are, all or in one state.
    pub fn pending_count(&self, state: Option<PendingState>, done: Done<JsValue>) {
        if let (Backend::Idb(connection, _), None) = (&self.backend, state) {
            return read::pending_count(connection, done);
        }
        let all = PendingQuery { state, limit: usize::MAX, ..PendingQuery::default() };
        let counted = move |list: Result<Vec<_>, Failure>| done(list.map(|list| JsValue::from_f64(list.len() as f64)));
        self.pending_list(all, Box::new(counted));
    }

    /// All stored conflicts as an object: `conflicts`, the caller's own, and how many there were `byType` and `byStrategy`.
    pub fn conflicts(&self, done: Done<JsValue>) {
        match &self.backend {
            Backend::Memory(disk, _) => {
                let found = Ok(memory::conflicts(&disk.borrow()));
                done(found);
            }
            Backend::Idb(connection, _) => read::conflicts(connection, done),
        }
    }

    /// The value of a setting, the caller's own; `undefined` when it is not set.
    pub fn setting(&self, key: &str, done: Done<JsValue>) {
        match &self.backend {
            Backend::Memory(disk, _) => {
                let found = Ok(memory::setting(&disk.borrow(), key));
                done(found);
            }
            Backend::Idb(connection, _) => read::setting(connection, key, done),
        }
    }

    /// The audit ring, in no order.
    pub fn audit(&self, done: Done<JsValue>) {
        match &self.backend {
            Backend::Memory(disk, _) => {
                let found = Ok(memory::audit(&disk.borrow()));
                done(found);
            }
            Backend::Idb(connection, _) => read::audit(connection, done),
        }
    }

    /// A text that differs whenever any tab has committed something.
    pub fn mark(&self, done: Done<JsValue>) {
        match &self.backend {
            Backend::Memory(disk, _) => {
                let found = Ok(memory::mark(&disk.borrow()));
                done(found);
            }
            Backend::Idb(connection, _) => read::mark(connection, done),
        }
    }

    /// The table of a collection; one that is not known is refused.
    fn table<T>(&self, collection: &str, done: Done<T>) -> Option<(Rc<Table>, Done<T>)> {
        if let Some(table) = self.tables.iter().find(|table| *table.name == *collection) {
            return Some((table.clone(), done));
        }
        done(Err(unknown(collection)));
        None
    }

    /// A collection's table and a query that could be understood.
    fn parsed(&self, collection: &str, query: Asked, done: Done<JsValue>) -> Option<(Rc<Table>, Query, Done<JsValue>)> {
        let (table, done) = self.table(collection, done)?;
        match query {
            Ok(query) => Some((table, query, done)),
            Err(failure) => {
                done(Err(failure));
                None
            }
        }
    }
}

fn unknown(collection: &str) -> Failure {
    Failure::new(Code::StoreUnknown, ["no collection `", collection, "`"].concat())
}

/// Deletes a database, in memory and in IndexedDB.
pub fn destroy(name: &str, done: Done<()>) {
    let was_in_memory = memory::destroy(name);
    let deleted = move |end: Result<(), Fault>| match end {
        // A host without IndexedDB has nothing else to delete.
        Err(fault) if was_in_memory && fault.failure.code == Code::StorageUnavailable => done(Ok(())),
        end => done(end.map_err(|fault| fault.failure)),
    };
    open::delete(name, Box::new(deleted));
}

/// Whether a database holds changes that were not sent; it is not created by asking.
pub fn pending_exists(name: &str, done: Done<bool>) {
    if let Some(disk) = memory::find(name) {
        let any = disk.borrow().pending_rows().next().is_some();
        return done(Ok(any));
    }
    open::has_pending(name, Box::new(move |end| done(end.map_err(|fault| fault.failure))));
}
