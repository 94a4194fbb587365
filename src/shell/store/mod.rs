//! The store: plans and reads, on IndexedDB or in memory.
//!
//! Carries out plans as one transaction each and answers the app's reads. It decides nothing: which rows, which
//! writes and which order come from the engine. Everything is `&self` and nothing is borrowed across an await.

mod connection;
mod fault;
mod fetch;
mod host;
mod open;
mod run;
mod schema;
mod signal;
mod tx;

use self::connection::Connection;
use crate::engine::disk::Disk;
use crate::engine::query::IndexDef;
use crate::engine::store::{Plan, Step};
use crate::model::{Code, Collection, Failure, Time};
use crate::shell::document::JsDoc;
use core::cell::RefCell;
use core::fmt;
use std::rc::Rc;

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
    Idb(Connection),
    Memory(Rc<RefCell<Disk<JsDoc>>>),
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
        let backend = Backend::Idb(Connection::open(config, told).await?);
        Ok(Self { backend, tables })
    }

    /// Runs a plan in one transaction: all of its writes or none, reported after `complete`.
    pub async fn run<R>(&self, plan: &dyn Plan<JsDoc, R>) -> Result<R, Failure> {
        let connection = match &self.backend {
            Backend::Memory(disk) => return disk.borrow_mut().run(plan),
            Backend::Idb(connection) => connection,
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

    /// Closes; what runs comes to its end, what comes later is refused.
    pub fn close(&self) {
        if let Backend::Idb(connection) = &self.backend {
            connection.close();
        }
    }
}

async fn run_steps(
    connection: &Connection,
    scope: &crate::engine::store::Scope,
    ask: run::Ask<'_>,
) -> Result<(), Failure> {
    let mut witness = None;
    let config = connection.config();
    connection.attempt(async |handle| run::attempt(handle, config, scope, ask, &mut witness).await).await
}
