//! Which stores and indexes a database has, and the upgrade to them.
//!
//! An upgrade adds what is missing and removes indexes that are no longer declared. It never removes a store: a
//! collection that is no longer declared keeps its rows. Documents that older code left as plain records are wrapped
//! as rows in the upgrade's own transaction, all or none: not seen on any server, last changed at the upgrade.

use super::fault::Fault;
use super::host::Place;
use super::range::after_key;
use super::tx::{Outcome, Tx};
use super::{StoreConfig, Table};
use crate::engine::query::IndexDef;
use crate::engine::store::MetaKey;
use crate::model::{Code, Document, Listed, Record, Row};
use crate::shell::document::JsDoc;
use idb::{IndexParams, KeyPath, ObjectStore, ObjectStoreParams};
use js_sys::Array;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbDatabase, IdbIndex, IdbObjectStore};

pub(super) const PENDING: &str = "pending";
pub(super) const META: &str = "meta";
pub(super) const IDS: &str = "ids";
pub(super) const CONFLICTS: &str = "conflicts";
pub(super) const SETTINGS: &str = "settings";
pub(super) const AUDIT: &str = "audit";
/// The stores that every database has, and their key paths.
const OWN: [(&str, Option<&str>); 6] = [
    (PENDING, Some("seq")),
    (META, None),
    (IDS, None),
    (CONFLICTS, Some("conflictId")),
    (SETTINGS, None),
    (AUDIT, Some("slot")),
];

/// Index of rows whose document is gone while its deletion waits; `gone` is set on no other row.
pub(super) const GONE: &str = "#gone";
/// The field behind [`GONE`].
pub(super) const GONE_FIELD: &str = "gone";
/// Key in `meta` of the random name of this database's life.
pub(super) const STORE_ID: &str = "storeId";
/// Key in `meta` of the collections whose records are rows.
const COLLECTIONS: &str = "collections";

/// How many records an upgrade wraps at a time.
const WRAP: usize = 500;

impl Table {
    /// Its indexes: those declared, and one for each reference field that has none.
    pub fn indexes(&self) -> Vec<IndexDef> {
        let mut all: Vec<IndexDef> = Vec::with_capacity(self.indexes.len() + self.references.len());
        let references = self.references.iter().map(|field| IndexDef::new(vec![(**field).into()], false, false));
        for index in self.indexes.iter().cloned().chain(references) {
            if all.iter().all(|known| known.name != index.name) {
                all.push(index);
            }
        }
        all
    }

    /// The same with all of its indexes in one list.
    pub(super) fn with_all_indexes(&self) -> Self {
        Self { name: self.name.clone(), indexes: self.indexes(), references: Vec::new() }
    }
}

/// The key path of an index in the stored row.
fn key_path(index: &IndexDef) -> KeyPath {
    let stored: Vec<String> = index.path.iter().map(|path| ["doc.", path].concat()).listed();
    match &stored[..] {
        [path] => KeyPath::new_single(path),
        paths => KeyPath::new_array(paths.iter().map(String::as_str)),
    }
}

/// Whether a store's index is the one declared.
fn is_same(store: &ObjectStore, index: &IndexDef) -> bool {
    let Ok(found) = store.index(&index.name) else {
        return false;
    };
    let found: IdbIndex = found.into();
    let path = found.key_path().unwrap_or_default();
    let wanted: JsValue = key_path(index).into();
    JsDoc(path).same(&JsDoc(wanted)) && found.unique() == index.unique && found.multi_entry() == index.multi
}

fn object_store(tx: &Tx, name: &str) -> Result<ObjectStore, Fault> {
    Ok(tx.store(name)?.unchecked_into::<IdbObjectStore>().into())
}

fn has_key_path(store: &ObjectStore, path: Option<&str>) -> bool {
    let found = store.key_path().ok().flatten().map_or(JsValue::NULL, JsValue::from);
    found.as_string().as_deref() == path
}

/// Whether the database has exactly the declared indexes and all of the stores.
pub(super) fn check(tx: &Tx, tables: &[Table]) -> Result<(), Fault> {
    let changed = || Fault::new(Code::SchemaChanged, "collections or indexes changed: declare a higher version");
    for (name, path) in OWN {
        if !has_key_path(&object_store(tx, name).map_err(|_| changed())?, path) {
            return Err(changed());
        }
    }
    for table in tables {
        let store = object_store(tx, &table.name).map_err(|_| changed())?;
        let indexes = table.indexes();
        let same = indexes.iter().all(|index| is_same(&store, index));
        // One more than declared: the index of rows that are gone.
        if !same || store.index_names().len() != indexes.len() + 1 || !has_key_path(&store, Some("id")) {
            return Err(changed());
        }
    }
    Ok(())
}

/// Brings a database to the declared schema inside the transaction of its upgrade.
pub(super) fn upgrade(database: &IdbDatabase, tx: &Tx, config: Rc<StoreConfig>, life: String) -> Outcome {
    let before: Vec<Rc<str>> = names(database);
    for (name, path) in OWN {
        ensure(database, tx, &before, name, path)?;
    }
    for table in &config.tables {
        let store = ensure(database, tx, &before, &table.name, Some("id"))?;
        declare(&store, table)?;
    }
    let meta = tx.store(META)?;
    let lease = MetaKey::Lease.name();
    let known = vec![meta.get(&COLLECTIONS.into())?, meta.get_key(&STORE_ID.into())?, meta.get(&(&*lease).into())?];
    let then = move |tx: &Tx, mut known: Vec<JsValue>| {
        if let Some(held) = known.pop().and_then(JsDoc::some) {
            // Nobody has the database open beside this upgrade: whoever led leads no more.
            let ended = held.with(&[("expiresAt", Some(JsDoc::number(0.0)))]);
            tx.store(META)?.put(&ended.0, &lease.into())?;
        }
        let is_new = known.pop().unwrap_or_default().is_undefined();
        let ours = JsDoc(known.pop().unwrap_or_default()).as_list().unwrap_or_default();
        let ours: Vec<Rc<str>> = ours.iter().filter_map(Document::as_text).map(Rc::from).listed();
        remember(tx, &config, is_new.then_some(&*life), &ours)?;
        let foreign = |name: &Rc<str>| before.contains(name) && !ours.contains(name);
        let foreign = config.tables.iter().map(|table| table.name.clone()).filter(foreign).listed();
        Box::new(Wrap { foreign, now: config.now, keys: Vec::new() }).next(tx)
    };
    tx.ask(known, Box::new(then))
}

fn names(database: &IdbDatabase) -> Vec<Rc<str>> {
    let list = database.object_store_names();
    (0..list.length()).filter_map(|at| list.get(at)).map(Rc::from).listed()
}

fn ensure(
    database: &IdbDatabase,
    tx: &Tx,
    before: &[Rc<str>],
    name: &str,
    path: Option<&str>,
) -> Result<ObjectStore, Fault> {
    if before.iter().all(|known| **known != *name) {
        let mut params = ObjectStoreParams::new();
        params.key_path(path.map(KeyPath::new_single));
        return Ok(database.create_object_store_with_optional_parameters(name, &params.into())?.into());
    }
    let store = object_store(tx, name)?;
    let message = ["the store `", name, "` of older code has another key: import its documents instead"].concat();
    has_key_path(&store, path).then_some(store).ok_or_else(|| Fault::new(Code::SchemaChanged, &message))
}

fn declare(store: &ObjectStore, table: &Table) -> Result<(), Fault> {
    let indexes = table.indexes();
    let gone =
        |name: &String| name == GONE || indexes.iter().any(|index| *index.name == **name && is_same(store, index));
    for name in store.index_names().iter().filter(|name| !gone(name)) {
        store.delete_index(name)?;
    }
    let there = store.index_names();
    for index in indexes.iter().filter(|index| there.iter().all(|name| **name != *index.name)) {
        let mut params = IndexParams::new();
        params.unique(index.unique).multi_entry(index.multi);
        store.create_index(&index.name, key_path(index), Some(params))?;
    }
    if !there.iter().any(|name| name == GONE) {
        store.create_index(GONE, KeyPath::new_single(GONE_FIELD), None)?;
    }
    Ok(())
}

fn remember(tx: &Tx, config: &StoreConfig, life: Option<&str>, ours: &[Rc<str>]) -> Outcome {
    let meta = tx.store(META)?;
    let tables = config.tables.iter().map(|table| &table.name);
    let all = ours.iter().chain(tables.filter(|name| !ours.contains(name)));
    let list = JsDoc::list(all.map(|name| JsDoc::text(name)).listed());
    meta.put(&list.0, &COLLECTIONS.into())?;
    if let Some(life) = life {
        meta.put(&life.into(), &STORE_ID.into())?;
    }
    Ok(())
}

/// Makes rows of plain records, store by store.
struct Wrap {
    foreign: Vec<Rc<str>>,
    now: u64,
    keys: Vec<JsValue>,
}

impl Wrap {
    /// The next store; without any left the upgrade comes to its end.
    fn next(self: Box<Self>, tx: &Tx) -> Outcome {
        let Some(name) = self.foreign.last() else {
            tx.wait();
            return Ok(());
        };
        let store = tx.store(name)?;
        self.list(tx, store)
    }

    /// Lists all keys of a store as they were found, in pages.
    fn list(mut self: Box<Self>, tx: &Tx, store: Place) -> Outcome {
        const PAGE: u32 = 5_000;
        let after = self.keys.last().map(after_key).transpose()?.unwrap_or_default();
        let request = store.get_all_keys(&after, PAGE)?;
        let then = move |tx: &Tx, mut page: Vec<JsValue>| {
            let page: Array = page.pop().unwrap_or_default().unchecked_into();
            self.keys.extend(page.iter());
            if page.length() == PAGE {
                return self.list(tx, store);
            }
            self.keys.reverse();
            self.wrap(tx, store)
        };
        tx.ask(vec![request], Box::new(then))
    }

    /// Makes rows of the records of the next keys.
    fn wrap(mut self: Box<Self>, tx: &Tx, store: Place) -> Outcome {
        if self.keys.is_empty() {
            self.foreign.pop();
            return self.next(tx);
        }
        let keys = self.keys.split_off(self.keys.len().saturating_sub(WRAP));
        let gets = keys.iter().map(|key| store.get(key)).try_listed()?;
        let then = move |tx: &Tx, records: Vec<JsValue>| {
            tx.progress();
            for (key, record) in keys.iter().zip(records) {
                wrap_one(&store, key, record, self.now)?;
            }
            self.wrap(tx, store)
        };
        tx.ask(gets, Box::new(then))
    }
}

/// A key that is no text becomes its text, in the document too; where both exist the upgrade fails and nothing is lost.
fn wrap_one(store: &Place, key: &JsValue, record: JsValue, now: u64) -> Outcome {
    let text = key.as_string();
    let decimal = |number: f64| js_sys::Number::from(number).to_string_with_radix(10).ok().map(String::from);
    let id = text.clone().or_else(|| key.as_f64().and_then(decimal));
    let id = id.ok_or_else(|| Fault::new(Code::SchemaChanged, "a document of older code has a key that is no text"))?;
    let doc = JsDoc(record).with(&[("id", Some(JsDoc::text(&id)))]);
    let row: JsDoc = Row { doc: Some(doc), ..Row::fresh(&id, now) }.to_record();
    if text.is_some() {
        store.put(&row.0, &JsValue::UNDEFINED)?;
    } else {
        store.add(&row.0, &JsValue::UNDEFINED)?;
        store.delete(key)?;
    }
    Ok(())
}
