//! Opens one connection to an IndexedDB database.
//!
//! Every opening has a deadline. A success that comes too late is closed, an upgrade that comes too late is aborted:
//! otherwise it would leave a database of the new version with nothing in it. Another tab that upgrades or deletes the
//! database gets its way at once.

use super::fault::Fault;
use super::tx::{Mode, Tx};
use super::{early, reserve, schema, StoreConfig, StoreEvent, Told};
use crate::model::{Code, Failure, Listed};
use crate::shell::later::{after, once, property, Heard};
use core::cell::{Cell, OnceCell};
use gloo_timers::callback::Timeout;
use idb::Factory;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{Event, IdbDatabase, IdbOpenDbRequest};

/// How long an opening or a deletion may take while nothing is heard.
const DEADLINE_MS: u32 = 10_000;

/// Versions of an app's schema for each writer: IndexedDB's own version is made of both. So a database that was opened
/// by a newer writer is closed, by the browser, to every older one, whatever connection that had: there is no moment at
/// which two of them write, and no transaction has to look.
const VERSIONS: u32 = 1 << 20;

/// What older code is told.
pub(super) const OUTDATED: &str = "newer code has taken the database over in another tab: load it; nothing is lost";

/// What became of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Usable,
    /// The browser closed it, or it does not answer.
    Lost,
    /// Given up for newer code in another tab.
    Outdated,
    /// Given up for its deletion by another tab.
    Deleted,
}

/// An open connection; dropping it closes it.
pub(super) struct Handle {
    database: IdbDatabase,
    fate: Rc<Cell<Fate>>,
    store_id: OnceCell<String>,
    _listener: Heard,
}

impl Handle {
    pub(super) fn database(&self) -> &IdbDatabase {
        &self.database
    }

    pub(super) fn fate(&self) -> Fate {
        self.fate.get()
    }

    pub(super) fn store_id(&self) -> &str {
        self.store_id.get().map_or("", String::as_str)
    }

    /// Gives the connection up; running transactions come to their end.
    pub(super) fn lose(&self) {
        self.fate.set(Fate::Lost);
    }

    fn new(database: IdbDatabase, told: Told) -> Self {
        let fate = Rc::new(Cell::new(Fate::Usable));
        let (of, closing) = (fate.clone(), database.clone());
        let listener = Heard::new(move |event: JsValue| match event.unchecked_ref::<Event>().type_().as_str() {
            "versionchange" => {
                let (fate, news) = match property(&event, "newVersion").as_f64() {
                    Some(_) => (Fate::Outdated, StoreEvent::ClosedForUpgrade),
                    None => (Fate::Deleted, StoreEvent::Deleted),
                };
                of.set(fate);
                closing.close();
                told(news);
            }
            "close" => of.set(Fate::Lost),
            _ => event.unchecked_ref::<Event>().prevent_default(),
        });
        let function = Some(listener.as_ref().unchecked_ref());
        database.set_onversionchange(function);
        database.set_onclose(function);
        database.set_onerror(function);
        Self { database, fate, store_id: OnceCell::new(), _listener: listener }
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

/// What becomes of a request of the factory.
type Opened<T> = Box<dyn FnOnce(Result<T, Fault>)>;
/// Runs in the request's upgrade; gets IndexedDB's version before it.
type Upgrade = Box<dyn FnOnce(&Rc<Asked>, u32)>;

/// A request to open or delete a database, with its listener and deadline.
struct Asked {
    request: IdbOpenDbRequest,
    deadline: Cell<Option<Timeout>>,
    listener: Cell<Option<Heard>>,
    on_blocked: Told,
    upgrade: Cell<Option<Upgrade>>,
    /// Why the upgrade failed, when that is known better than the request tells.
    cause: Cell<Option<Fault>>,
    done: Cell<Option<Opened<JsValue>>>,
    blocked: Cell<bool>,
}

/// Waits for a request of the factory; `done` gets its result.
fn ask(request: IdbOpenDbRequest, on_blocked: Told, upgrade: Upgrade, done: Opened<JsValue>) {
    let asked = Rc::new(Asked {
        request,
        deadline: Cell::default(),
        listener: Cell::default(),
        on_blocked,
        upgrade: Cell::new(Some(upgrade)),
        cause: Cell::default(),
        done: Cell::new(Some(done)),
        blocked: Cell::default(),
    });
    let (heard, late) = (asked.clone(), asked.clone());
    let listener = Heard::new(move |event: JsValue| heard.clone().hear(event.unchecked_ref()));
    let function = Some(listener.as_ref().unchecked_ref());
    asked.request.set_onsuccess(function);
    asked.request.set_onerror(function);
    asked.request.set_onblocked(function);
    asked.request.set_onupgradeneeded(function);
    asked.listener.set(Some(listener));
    asked.deadline.set(Some(after(DEADLINE_MS, Box::new(move || late.give_up()))));
}

impl Asked {
    fn hear(self: Rc<Self>, event: &Event) {
        match event.type_().as_str() {
            "success" => self.settle(self.request.result().map_err(Fault::from)),
            "upgradeneeded" => {
                drop(self.deadline.take());
                if let Some(upgrade) = self.upgrade.take() {
                    upgrade(&self, property(event, "oldVersion").as_f64().unwrap_or(0.0) as u32);
                }
            }
            "blocked" => {
                self.blocked.set(true);
                (self.on_blocked)(StoreEvent::UpgradeBlocked);
            }
            _ => {
                event.prevent_default();
                self.settle(Err(self.cause.take().unwrap_or_else(|| self.error())));
            }
        }
    }

    fn error(&self) -> Fault {
        let thrown = self.request.error().ok().flatten();
        thrown.map_or(JsValue::UNDEFINED, JsValue::from).into()
    }

    /// The request has ended: nobody listens any more, and everybody lets go.
    fn settle(&self, end: Result<JsValue, Fault>) {
        self.request.set_onsuccess(None);
        self.request.set_onupgradeneeded(None);
        self.end(end);
    }

    fn end(&self, end: Result<JsValue, Fault>) {
        self.request.set_onblocked(None);
        self.request.set_onerror(None);
        drop(self.deadline.take());
        let listener = self.listener.take();
        if let Some(done) = self.done.take() {
            done(end);
        }
        drop(listener);
    }

    /// The browser still holds the request: what it does with it from now on is undone. These two functions belong to
    /// the request alone and go with it.
    fn give_up(&self) {
        let request =
            |event: JsValue| Some(event.unchecked_into::<Event>().target()?.unchecked_into::<IdbOpenDbRequest>());
        let close = once(Box::new(move |event| {
            let opened = request(event).and_then(|request| request.result().ok()?.dyn_into::<IdbDatabase>().ok());
            if let Some(opened) = opened {
                opened.close();
            }
        }));
        let abort = once(Box::new(move |event| {
            let running = request(event).and_then(|request| request.transaction());
            drop(running.map(|running| running.abort()));
        }));
        self.request.set_onsuccess(Some(&close));
        self.request.set_onupgradeneeded(Some(&abort));
        let (code, message) = if self.blocked.get() {
            (Code::DbUpgradeBlocked, "another tab holds the database")
        } else {
            (Code::DbOpenTimeout, "the browser did not open the database in time")
        };
        self.end(Err(Fault::new(code, message)));
    }
}

fn factory() -> Result<Factory, Fault> {
    Factory::new().map_err(|_| Fault::new(Code::StorageUnavailable, "this place has no IndexedDB"))
}

/// Opens the database, creating or upgrading it; one that is made now begins the given life.
pub(super) fn open(config: &Rc<StoreConfig>, told: &Told, life: String, done: Opened<Rc<Handle>>) {
    let request = factory().and_then(|factory| Ok(factory.open(&config.name, Some(number(config)))?.into()));
    let request = match request {
        Ok(request) => request,
        Err(fault) => return done(Err(fault)),
    };
    let (schema, own, told_too) = (config.clone(), config.clone(), told.clone());
    let opened = move |end: Result<JsValue, Fault>| match end {
        Ok(database) => check(Rc::new(Handle::new(database.unchecked_into(), told_too)), &own, done),
        Err(fault) => refuse(fault, &own, done),
    };
    let upgrade = move |asked: &Rc<Asked>, before| upgrade(asked, schema, life, before);
    ask(request, told.clone(), Box::new(upgrade), Box::new(opened));
}

/// IndexedDB's version of a database of this writer and this schema.
fn number(config: &StoreConfig) -> u32 {
    (config.writer - 1) * VERSIONS + config.version
}

/// Runs the upgrade. From its beginning on, its own transaction has the deadline; the request ends after it. A newer
/// writer does not take a schema down that is newer than its own.
fn upgrade(asked: &Rc<Asked>, config: Rc<StoreConfig>, life: String, before: u32) {
    let Some(running) = asked.request.transaction() else { return };
    let failed = asked.clone();
    let ended = move |end: Result<JsValue, Fault>| failed.cause.set(end.err());
    let tx = Tx::guard(running, Box::new(ended));
    let database = asked.request.result();
    let newer = before % VERSIONS > config.version;
    tx.step(|tx| {
        if newer {
            return Err(Fault::new(Code::DbVersionNewer, OUTDATED));
        }
        schema::upgrade(&database?.unchecked_into(), tx, config, life)
    });
}

/// The failure of a refused opening; a newer database says its version.
fn refuse(fault: Fault, config: &Rc<StoreConfig>, done: Opened<Rc<Handle>>) {
    if fault.failure.code != Code::DbVersionNewer {
        return done(Err(fault));
    }
    let own = config.clone();
    let found = move |found: Result<Option<Handle>, Fault>| {
        let found = found.ok().flatten().map_or(0, |handle| handle.database.version() as u32);
        let (what, found, own) = match found / VERSIONS {
            writer if writer >= own.writer => ("writer ", writer + 1, own.writer),
            _ => ("version ", found % VERSIONS, own.version),
        };
        let (found, own) = (found.to_string(), own.to_string());
        let message = ["the database has ", what, &found, ", this code supports ", what, &own, ": load the newer code"];
        done(Err(Failure::new(Code::DbVersionNewer, message.concat()).into()));
    };
    existing(&config.name, Box::new(found));
}

/// Looks whether the schema is as declared, what the name of this database's life is, and whether it has its reserve.
fn check(handle: Rc<Handle>, config: &Rc<StoreConfig>, done: Opened<Rc<Handle>>) {
    let own = [schema::PENDING, schema::META, schema::IDS, schema::CONFLICTS, schema::SETTINGS, schema::AUDIT];
    let stores: Vec<&str> = own.into_iter().chain(config.tables.iter().map(|table| &*table.name)).listed();
    let (opened, config) = (handle.clone(), config.clone());
    let lacks = Rc::new(Cell::new(false));
    let looked = lacks.clone();
    let ended = move |end: Result<JsValue, Fault>| {
        let id = match end {
            Ok(id) => id.as_string().unwrap_or_default(),
            Err(fault) if fault.failure.code == Code::StoreUnknown => {
                let message = "a collection was added: declare a higher version";
                return done(Err(Fault::new(Code::SchemaChanged, message)));
            }
            Err(fault) => return done(Err(fault)),
        };
        let handle = opened.clone();
        handle.store_id.get_or_init(|| id);
        let tried = move || {
            done(Ok(opened.clone()));
            if lacks.get() {
                reserve::lay(&opened);
            }
        };
        early::try_out(&handle, Box::new(tried));
    };
    let start = |tx: &Tx| {
        schema::check(tx, &config.tables)?;
        let meta = tx.store(schema::META)?;
        let known = vec![meta.get(&schema::STORE_ID.into())?, meta.get_key(&reserve::RESERVE.into())?];
        let looked = looked.clone();
        let then = move |tx: &Tx, mut known: Vec<JsValue>| {
            looked.set(known.pop().unwrap_or_default().is_undefined());
            tx.finish(known.pop().unwrap_or_default())
        };
        tx.ask(known, Box::new(then))
    };
    Tx::begin(&handle, &stores, Mode::Read, &start, Box::new(ended));
}

/// Looks for a database at whatever version it has: `None`, and still none, when there is no such database.
fn existing(name: &str, done: Opened<Option<Handle>>) {
    let request = match factory().and_then(|factory| Ok(factory.open(name, None)?.into())) {
        Ok(request) => request,
        Err(fault) => return done(Err(fault)),
    };
    let created = Rc::new(Cell::new(false));
    let is_new = created.clone();
    let opened = move |end: Result<JsValue, Fault>| {
        if created.get() {
            return done(Ok(None));
        }
        done(end.map(|database| Some(Handle::new(database.unchecked_into(), Rc::new(|_| ())))));
    };
    let upgrade = move |asked: &Rc<Asked>, _| {
        // It would have been created just now.
        is_new.set(true);
        drop(asked.request.transaction().map(|running| running.abort()));
    };
    ask(request, Rc::new(|_| ()), Box::new(upgrade), Box::new(opened));
}

/// Deletes a database; waits for other tabs to let go of it until the deadline.
pub(super) fn delete(name: &str, done: Opened<()>) {
    match factory().and_then(|factory| Ok(factory.delete(name)?.into())) {
        Ok(request) => ask(request, Rc::new(|_| ()), Box::new(|_, _| ()), Box::new(move |end| done(end.map(drop)))),
        Err(fault) => done(Err(fault)),
    }
}

/// Whether a database exists and has rows in its outbox.
pub(super) fn has_pending(name: &str, done: Opened<bool>) {
    let found = move |found: Result<Option<Handle>, Fault>| {
        let handle = match found {
            Ok(Some(handle)) if handle.database.object_store_names().contains(schema::PENDING) => handle,
            other => return done(other.map(|_| false)),
        };
        let start = |tx: &Tx| {
            let count = tx.store(schema::PENDING)?.count(&JsValue::NULL)?;
            tx.ask(vec![count], Box::new(|tx, mut count| tx.finish(count.pop().unwrap_or_default())))
        };
        // The connection is closed after its last transaction has ended.
        let ended = move |end: Result<JsValue, Fault>| done(end.map(|count| count.as_f64().unwrap_or(0.0) > 0.0));
        Tx::begin(&handle, &[schema::PENDING], Mode::Read, &start, Box::new(ended));
    };
    existing(name, Box::new(found));
}
