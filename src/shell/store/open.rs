//! Opens one connection to an IndexedDB database.
//!
//! Every opening has a deadline. A success that comes too late is closed, an upgrade that comes too late is aborted:
//! otherwise it would leave a database of the new version with nothing in it. Another tab that upgrades or deletes the
//! database gets its way at once.

use super::fault::Fault;
use super::signal::Signal;
use super::tx::{Mode, Tx};
use super::{early, schema, StoreConfig, StoreEvent, Told};
use crate::model::{Code, Failure};
use core::cell::Cell;
use gloo_timers::callback::Timeout;
use idb::Factory;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{Event, IdbDatabase, IdbOpenDbRequest, IdbTransaction};

/// How long an opening or a deletion may take while nothing is heard.
const DEADLINE_MS: u32 = 10_000;

/// What became of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Usable,
    /// The browser closed it, or it does not answer.
    Lost,
    /// Given up for another tab's upgrade or deletion.
    Retired,
}

/// An open connection; dropping it closes it.
pub(super) struct Handle {
    database: IdbDatabase,
    fate: Rc<Cell<Fate>>,
    store_id: String,
    _listener: Closure<dyn FnMut(Event)>,
}

impl Handle {
    pub(super) fn database(&self) -> &IdbDatabase {
        &self.database
    }

    pub(super) fn fate(&self) -> Fate {
        self.fate.get()
    }

    pub(super) fn store_id(&self) -> &str {
        &self.store_id
    }

    /// Gives the connection up; running transactions come to their end.
    pub(super) fn lose(&self) {
        self.fate.set(Fate::Lost);
    }

    fn new(database: IdbDatabase, told: Told) -> Self {
        let fate = Rc::new(Cell::new(Fate::Usable));
        let (of, closing) = (fate.clone(), database.clone());
        let listener = Closure::new(move |event: Event| match event.type_().as_str() {
            "versionchange" => {
                of.set(Fate::Retired);
                closing.close();
                told(StoreEvent::ClosedForUpgrade);
            }
            "close" => of.set(Fate::Lost),
            _ => event.prevent_default(),
        });
        let function = Some(listener.as_ref().unchecked_ref());
        database.set_onversionchange(function);
        database.set_onclose(function);
        database.set_onerror(function);
        Self { database, fate, store_id: String::new(), _listener: listener }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.database.set_onversionchange(None);
        self.database.set_onclose(None);
        self.database.set_onerror(None);
        self.database.close();
    }
}

/// What a request of the factory has to say.
enum News {
    Success,
    Upgrade,
    Blocked,
    Failed,
    Late,
}

/// A request to open or delete a database, with its listener and deadline.
struct Asked {
    request: IdbOpenDbRequest,
    news: Rc<Signal<News>>,
    deadline: Option<Timeout>,
    _listener: Closure<dyn FnMut(Event)>,
    settled: bool,
}

impl Asked {
    fn new(request: IdbOpenDbRequest) -> Self {
        let news = Rc::new(Signal::default());
        let (told, late) = (news.clone(), news.clone());
        let listener = Closure::new(move |event: Event| {
            told.set(match event.type_().as_str() {
                "success" => News::Success,
                "upgradeneeded" => News::Upgrade,
                "blocked" => News::Blocked,
                _ => {
                    event.prevent_default();
                    News::Failed
                }
            });
        });
        let function: Option<&js_sys::Function> = Some(listener.as_ref().unchecked_ref());
        request.set_onsuccess(function);
        request.set_onerror(function);
        request.set_onblocked(function);
        request.set_onupgradeneeded(function);
        let deadline = Timeout::new(DEADLINE_MS, move || late.set(News::Late));
        Self { request, news, deadline: Some(deadline), _listener: listener, settled: false }
    }

    /// The next news that is not about waiting for other tabs; those are told on.
    async fn next(&mut self, mut on_blocked: impl FnMut()) -> Result<News, Fault> {
        let mut blocked = false;
        loop {
            match self.news.wait().await {
                News::Blocked => {
                    blocked = true;
                    on_blocked();
                }
                News::Late if blocked => return Err(late(Code::DbUpgradeBlocked, "another tab holds the database")),
                News::Late => return Err(late(Code::DbOpenTimeout, "the browser did not open the database in time")),
                news => {
                    self.settled = !matches!(news, News::Upgrade);
                    return Ok(news);
                }
            }
        }
    }

    fn error(&self) -> Fault {
        let thrown = self.request.error().ok().flatten();
        thrown.map_or(JsValue::UNDEFINED, JsValue::from).into()
    }
}

fn late(code: Code, message: &str) -> Fault {
    Fault::new(code, message)
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.request.set_onblocked(None);
        self.request.set_onerror(None);
        if self.settled {
            self.request.set_onsuccess(None);
            self.request.set_onupgradeneeded(None);
            return;
        }
        // The browser still holds the request: these two belong to it alone and go with it.
        let close = Closure::once_into_js(|event: Event| {
            let request = event.target().map(JsCast::unchecked_into::<IdbOpenDbRequest>);
            let opened = request.and_then(|request| request.result().ok()?.dyn_into::<IdbDatabase>().ok());
            if let Some(opened) = opened {
                opened.close();
            }
        });
        let abort = Closure::once_into_js(|event: Event| {
            let request = event.target().map(JsCast::unchecked_into::<IdbOpenDbRequest>);
            let running = request.and_then(|request| request.transaction());
            drop(running.map(|running| running.abort()));
        });
        self.request.set_onsuccess(Some(close.unchecked_ref()));
        self.request.set_onupgradeneeded(Some(abort.unchecked_ref()));
    }
}

/// Opens the database, creating or upgrading it; one that is made now begins the given life.
pub(super) async fn open(config: &StoreConfig, told: &Told, life: &str) -> Result<Handle, Fault> {
    let request = factory()?.open(&config.name, Some(config.version))?;
    let mut asked = Asked::new(request.into());
    let on_blocked = || told(StoreEvent::UpgradeBlocked);
    let mut news = asked.next(on_blocked).await?;
    if matches!(news, News::Upgrade) {
        news = upgrade(&mut asked, config, life).await?;
    }
    if !matches!(news, News::Success) {
        return Err(refused(&asked, config).await);
    }
    let database: IdbDatabase = asked.request.result()?.unchecked_into();
    let mut handle = Handle::new(database, told.clone());
    handle.store_id = verify(&handle, config).await?;
    early::try_out(&handle).await;
    Ok(handle)
}

fn factory() -> Result<Factory, Fault> {
    Factory::new().map_err(|_| Fault::new(Code::StorageUnavailable, "this place has no IndexedDB"))
}

/// Runs the upgrade. From its beginning on, its own transaction has the deadline.
async fn upgrade(asked: &mut Asked, config: &StoreConfig, life: &str) -> Result<News, Fault> {
    asked.deadline = None;
    let database: IdbDatabase = asked.request.result()?.unchecked_into();
    let Some(running) = asked.request.transaction() else {
        return Err(asked.error());
    };
    let tx = Tx::guard(running);
    if let Err(fault) = schema::upgrade(&database, &tx, config, life).await {
        drop(tx);
        asked.next(|| ()).await?;
        return Err(fault);
    }
    let news = asked.next(|| ()).await?;
    if matches!(news, News::Failed) {
        return Err(tx.cause().unwrap_or_else(|| asked.error()));
    }
    tx.finish();
    Ok(news)
}

/// The failure of a refused opening; a newer database says its version.
async fn refused(asked: &Asked, config: &StoreConfig) -> Fault {
    let fault = asked.error();
    if fault.failure.code != Code::DbVersionNewer {
        return fault;
    }
    let found = version_of(&config.name).await.unwrap_or_default();
    let message = [
        "the database has version ",
        &found.to_string(),
        ", this code supports version ",
        &config.version.to_string(),
        ": load the newer code",
    ];
    Failure::new(Code::DbVersionNewer, message.concat()).into()
}

async fn version_of(name: &str) -> Result<u32, Fault> {
    let database = existing(name).await?;
    Ok(database.map_or(0, |handle| handle.database.version() as u32))
}

/// The schema is as declared; gives the name of this database's life.
async fn verify(handle: &Handle, config: &StoreConfig) -> Result<String, Fault> {
    let own = [schema::PENDING, schema::META, schema::IDS, schema::CONFLICTS, schema::SETTINGS];
    let stores = own.into_iter().chain(config.tables.iter().map(|table| &*table.name));
    let tx = Tx::begin(handle, stores, Mode::Read).map_err(|fault| match fault.failure.code {
        Code::StoreUnknown => Fault::new(Code::SchemaChanged, "a collection was added: declare a higher version"),
        _ => fault,
    })?;
    schema::check(&tx, &config.tables)?;
    let id = tx.answer(tx.store(schema::META)?.get(JsValue::from_str(schema::STORE_ID))?).await?;
    tx.finish();
    Ok(id.as_string().unwrap_or_default())
}

/// A connection to a database at whatever version it has; `None`, and still none, when there is no such database.
pub(super) async fn existing(name: &str) -> Result<Option<Handle>, Fault> {
    let request = factory()?.open(name, None)?;
    let mut asked = Asked::new(request.into());
    match asked.next(|| ()).await? {
        News::Success => {
            let database: IdbDatabase = asked.request.result()?.unchecked_into();
            Ok(Some(Handle::new(database, Rc::new(|_| ()))))
        }
        News::Upgrade => {
            // It would have been created just now.
            let running: Option<IdbTransaction> = asked.request.transaction();
            drop(running.map(|running| running.abort()));
            asked.next(|| ()).await?;
            Ok(None)
        }
        _ => Err(asked.error()),
    }
}

/// Deletes a database; waits for other tabs to let go of it until the deadline.
pub(super) async fn delete(name: &str) -> Result<(), Fault> {
    let request = factory()?.delete(name)?;
    let mut asked = Asked::new(request.into());
    match asked.next(|| ()).await? {
        News::Success => Ok(()),
        _ => Err(asked.error()),
    }
}

/// Whether a database exists and has rows in its outbox.
pub(super) async fn has_pending(name: &str) -> Result<bool, Fault> {
    let Some(handle) = existing(name).await? else {
        return Ok(false);
    };
    if !handle.database.object_store_names().contains(schema::PENDING) {
        return Ok(false);
    }
    let tx = Tx::begin(&handle, [schema::PENDING], Mode::Read)?;
    let count = tx.answer(tx.store(schema::PENDING)?.count(None)?).await?;
    tx.finish();
    Ok(count.as_f64().unwrap_or(0.0) > 0.0)
}
