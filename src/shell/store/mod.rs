//! The store: plans and reads, on IndexedDB or in memory.
//!
//! Carries out plans as one transaction each and answers the app's reads. It decides nothing: which rows, which
//! writes and which order come from the engine. Everything is `&self` and nothing is borrowed across an await. Rows
//! whose document waits for its deletion appear in no read of documents.

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
mod run;
mod schema;
mod select;
mod signal;
mod tx;
mod watch;

pub use self::read::PendingQuery;

use self::connection::Connection;
use self::gets::Gets;
use crate::engine::query::{disk_count, Gather, IndexDef, Place, Query};
use crate::engine::store::{Plan, Scope, Step};
use crate::model::{Code, Collection, DocKey, Document, Failure, Pending, PendingState, Time};
use crate::shell::document::JsDoc;
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
    /// Declared version; IndexedDB's own version number.
    pub version: u32,
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
    /// Another tab upgrades or deletes the database; this one is closed for good.
    ClosedForUpgrade,
    /// The database was wiped and made anew; nothing known of it holds any more.
    StorageLost,
}

/// Who is told; called from browser events and inside opening: it may only take note.
pub type Told = Rc<dyn Fn(StoreEvent)>;

/// An open store.
pub struct Store {
    backend: Backend,
    tables: Vec<(Collection, Vec<IndexDef>)>,
}

enum Backend {
    Idb(Rc<Connection>, Rc<Gets>),
    Memory(memory::Shared),
}

impl fmt::Debug for Store {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Store")
    }
}

impl Store {
    /// Opens the store, creating or upgrading it.
    pub async fn open(config: StoreConfig, told: Told) -> Result<Self, Failure> {
        let tables = config.tables.iter().map(|table| (table.name.clone(), table.indexes())).collect();
        if config.memory {
            return Ok(Self { backend: Backend::Memory(memory::open(&config.name)), tables });
        }
        let connection = Rc::new(Connection::open(config, told).await?);
        let gets = Gets::new(connection.clone());
        Ok(Self { backend: Backend::Idb(connection, gets), tables })
    }

    /// Closes; what runs comes to its end, what comes later is refused. A database in memory stays.
    pub fn close(&self) {
        if let Backend::Idb(connection, _) = &self.backend {
            connection.close();
        }
    }

    /// Lets the connection go until the store is asked again.
    pub fn suspend(&self) {
        if let Backend::Idb(connection, _) = &self.backend {
            connection.suspend();
        }
    }

    /// The random name of this database's life; empty in memory.
    pub fn store_id(&self) -> String {
        match &self.backend {
            Backend::Memory(_) => String::new(),
            Backend::Idb(connection, _) => connection.store_id(),
        }
    }

    /// Runs a plan in one transaction: all of its writes or none, reported after `complete`.
    pub async fn run<R>(&self, plan: &dyn Plan<JsDoc, R>) -> Result<R, Failure> {
        let connection = match &self.backend {
            Backend::Memory(disk) => return memory::run(&mut disk.borrow_mut(), &self.tables, plan),
            Backend::Idb(connection, _) => connection,
        };
        let mut report = None;
        let mut ask = |rows: &_| match plan.step(rows) {
            Step::Need(reads) => Step::Need(reads),
            Step::Done(writes, done) => {
                report = Some(done);
                Step::Done(writes, ())
            }
        };
        run_steps(connection, &plan.scope(), &mut ask).await?;
        report.ok_or_else(|| Failure::new(Code::TxAborted, "a plan ended without a report"))
    }

    /// The document of an id or a former temporary id, the caller's own; `undefined` when there is none.
    pub async fn get(&self, collection: &str, id: &str) -> Result<JsValue, Failure> {
        let key = DocKey::new(&self.table(collection)?.0, id);
        match &self.backend {
            Backend::Memory(disk) => Ok(memory::get(&disk.borrow(), &key)),
            Backend::Idb(_, gets) => gets.get(key).await,
        }
    }

    /// The documents of several ids, in their order.
    pub async fn get_many(&self, collection: &str, ids: &[String]) -> Result<Array, Failure> {
        let (collection, _) = self.table(collection)?;
        let keys = ids.iter().map(|id| DocKey::new(collection, id));
        match &self.backend {
            Backend::Memory(disk) => Ok(keys.map(|key| memory::get(&disk.borrow(), &key)).collect()),
            Backend::Idb(_, gets) => {
                let asked: Vec<_> = keys.map(|key| gets.get(key)).collect();
                let documents = Array::new();
                for answer in asked {
                    documents.push(&answer.await?);
                }
                Ok(documents)
            }
        }
    }

    /// The query that an object of the border's shape describes, for this collection's indexes.
    pub fn parse_query(&self, collection: &str, from: &JsDoc) -> Result<Query, Failure> {
        Ok(Query::try_from_document(from)?.for_indexes(&self.table(collection)?.1))
    }

    /// The documents that answer a query.
    pub async fn query(&self, collection: &str, query: &Query) -> Result<Array, Failure> {
        let (name, indexes) = self.table(collection)?;
        match &self.backend {
            Backend::Memory(disk) => memory::query(&disk.borrow(), name, indexes, query),
            Backend::Idb(connection, _) => read::From { connection, collection, indexes }.query(query).await,
        }
    }

    /// Those of these documents that meet a query's conditions, in its order, as many as it asks for.
    pub fn sift(&self, query: &Query, docs: &[JsDoc]) -> Result<Array, Failure> {
        let mut gather = Gather::new(query);
        for doc in docs.iter().filter(|doc| query.matches(*doc)) {
            gather.push(Place::of(query, doc.text_of("id").unwrap_or_default(), doc), doc)?;
        }
        Ok(gather.finish().into_iter().map(|doc| &doc.0).collect())
    }

    /// The rows that answer a query, with key and state, and whether the first pull has finished.
    pub async fn rows(&self, collection: &str, query: &Query) -> Result<(Array, bool), Failure> {
        let (name, indexes) = self.table(collection)?;
        match &self.backend {
            Backend::Memory(disk) => memory::rows(&disk.borrow(), name, indexes, query),
            Backend::Idb(connection, _) => read::From { connection, collection, indexes }.rows(query).await,
        }
    }

    /// How many documents meet the conditions of a query; its order and limit play no part.
    pub async fn count(&self, collection: &str, query: &Query) -> Result<u32, Failure> {
        let (name, indexes) = self.table(collection)?;
        match &self.backend {
            Backend::Memory(disk) => Ok(disk_count(&disk.borrow(), name, query, indexes) as u32),
            Backend::Idb(connection, _) => read::From { connection, collection, indexes }.count(query).await,
        }
    }

    /// What is known of a document besides itself, also while its deletion waits.
    pub async fn meta_of(&self, collection: &str, id: &str) -> Result<Option<JsDoc>, Failure> {
        let (name, indexes) = self.table(collection)?;
        let key = DocKey::new(name, id);
        match &self.backend {
            Backend::Memory(disk) => Ok(memory::meta(&disk.borrow(), &key)),
            Backend::Idb(connection, _) => read::From { connection, collection, indexes }.meta(&key).await,
        }
    }

    /// Outbox rows in order.
    pub async fn pending_list(&self, query: &PendingQuery) -> Result<Vec<Pending<JsDoc>>, Failure> {
        match &self.backend {
            Backend::Memory(disk) => Ok(memory::pending_list(&disk.borrow(), query)),
            Backend::Idb(connection, _) => read::pending_list(connection, query).await,
        }
    }

    /// How many outbox rows there are, all or in one state.
    pub async fn pending_count(&self, state: Option<PendingState>) -> Result<u32, Failure> {
        if let (Backend::Idb(connection, _), None) = (&self.backend, state) {
            return read::pending_count(connection).await;
        }
        let all = PendingQuery { state, limit: usize::MAX, ..PendingQuery::default() };
        Ok(self.pending_list(&all).await?.len() as u32)
    }

    /// All stored conflicts, the caller's own, and the log of them.
    pub async fn conflicts(&self) -> Result<(Array, Option<JsDoc>), Failure> {
        match &self.backend {
            Backend::Memory(disk) => Ok(memory::conflicts(&disk.borrow())),
            Backend::Idb(connection, _) => read::conflicts(connection).await,
        }
    }

    /// The value of a setting, the caller's own; `undefined` when it is not set.
    pub async fn setting(&self, key: &str) -> Result<JsValue, Failure> {
        match &self.backend {
            Backend::Memory(disk) => Ok(memory::setting(&disk.borrow(), key)),
            Backend::Idb(connection, _) => read::setting(connection, key).await,
        }
    }

    /// A text that differs whenever any tab has committed something.
    pub async fn mark(&self) -> Result<String, Failure> {
        match &self.backend {
            Backend::Memory(disk) => Ok(memory::mark(&disk.borrow())),
            Backend::Idb(connection, _) => read::mark(connection).await,
        }
    }

    fn table(&self, collection: &str) -> Result<&(Collection, Vec<IndexDef>), Failure> {
        let unknown = || Failure::new(Code::StoreUnknown, ["no collection `", collection, "`"].concat());
        self.tables.iter().find(|(name, _)| **name == *collection).ok_or_else(unknown)
    }
}

async fn run_steps(connection: &Connection, scope: &Scope, ask: run::Ask<'_>) -> Result<(), Failure> {
    let mut witness = None;
    let config = connection.config();
    connection.attempt(async |handle| run::attempt(handle, config, scope, ask, &mut witness).await).await
}

/// Deletes a database, in memory and in IndexedDB.
pub async fn destroy(name: &str) -> Result<(), Failure> {
    let was_in_memory = memory::destroy(name);
    match open::delete(name).await {
        // A host without IndexedDB has nothing else to delete.
        Err(fault) if was_in_memory && fault.failure.code == Code::StorageUnavailable => Ok(()),
        outcome => outcome.map_err(|fault| fault.failure),
    }
}

/// Whether a database holds changes that were not sent; it is not created by asking.
pub async fn pending_exists(name: &str) -> Result<bool, Failure> {
    if let Some(disk) = memory::find(name) {
        return Ok(disk.borrow().pending_rows().next().is_some());
    }
    open::has_pending(name).await.map_err(|fault| fault.failure)
}
