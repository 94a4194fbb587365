//! Which stores and indexes a database has, and the upgrade to them.
//!
//! An upgrade adds what is missing and removes indexes that are no longer declared. It never removes a store: a
//! collection that is no longer declared keeps its rows. Documents that older code left as plain records are wrapped
//! as rows in the upgrade's own transaction, all or none: not seen on any server, last changed at the upgrade.

use super::fault::Fault;
use super::tx::Tx;
use super::{StoreConfig, Table};
use crate::engine::query::IndexDef;
use crate::model::{Code, Document, Record, Row};
use crate::shell::document::JsDoc;
use idb::{IndexParams, KeyPath, ObjectStore, ObjectStoreParams};
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbDatabase, IdbIndex, IdbRequest};

pub(super) const PENDING: &str = "pending";
pub(super) const META: &str = "meta";
pub(super) const IDS: &str = "ids";
pub(super) const CONFLICTS: &str = "conflicts";
pub(super) const SETTINGS: &str = "settings";
/// The stores that every database has, and their key paths.
const OWN: [(&str, Option<&str>); 5] =
    [(PENDING, Some("seq")), (META, None), (IDS, None), (CONFLICTS, Some("conflictId")), (SETTINGS, None)];

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
}

/// The key path of an index in the stored row.
fn key_path(index: &IndexDef) -> KeyPath {
    let stored: Vec<String> = index.path.iter().map(|path| ["doc.", path].concat()).collect();
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

fn has_key_path(store: &ObjectStore, path: Option<&str>) -> bool {
    let found = store.key_path().ok().flatten().map_or(JsValue::NULL, JsValue::from);
    found.as_string().as_deref() == path
}

/// Whether the database has exactly the declared indexes and all of the stores.
pub(super) fn check(tx: &Tx, tables: &[Table]) -> Result<(), Fault> {
    let changed = || Fault::new(Code::SchemaChanged, "collections or indexes changed: declare a higher version");
    for (name, path) in OWN {
        if !has_key_path(&tx.store(name).map_err(|_| changed())?, path) {
            return Err(changed());
        }
    }
    for table in tables {
        let store = tx.store(&table.name).map_err(|_| changed())?;
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
pub(super) async fn upgrade(database: &IdbDatabase, tx: &Tx, config: &StoreConfig, life: &str) -> Result<(), Fault> {
    let before: Vec<Rc<str>> = names(database);
    for (name, path) in OWN {
        ensure(database, tx, &before, name, path)?;
    }
    for table in &config.tables {
        let store = ensure(database, tx, &before, &table.name, Some("id"))?;
        declare(&store, table)?;
    }
    let ours = rows_of(tx).await?;
    let foreign = |table: &&Table| before.contains(&table.name) && !ours.contains(&table.name);
    for table in config.tables.iter().filter(foreign) {
        wrap(tx, &table.name, config.now).await?;
    }
    remember(tx, config, life, ours).await
}

fn names(database: &IdbDatabase) -> Vec<Rc<str>> {
    let list = database.object_store_names();
    (0..list.length()).filter_map(|at| list.get(at)).map(Rc::from).collect()
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
    let store = tx.store(name)?;
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

/// The collections whose records are rows already.
async fn rows_of(tx: &Tx) -> Result<Vec<Rc<str>>, Fault> {
    let list = tx.answer(tx.store(META)?.get(JsValue::from_str(COLLECTIONS))?).await?;
    let list = JsDoc(list).as_list().unwrap_or_default();
    Ok(list.iter().filter_map(Document::as_text).map(Rc::from).collect())
}

async fn remember(tx: &Tx, config: &StoreConfig, life: &str, mut ours: Vec<Rc<str>>) -> Result<(), Fault> {
    let meta = tx.store(META)?;
    let tables = config.tables.iter().map(|table| table.name.clone());
    ours.extend(tables.filter(|name| !ours.contains(name)).collect::<Vec<_>>());
    let list = JsDoc::list(ours.iter().map(|name| JsDoc::text(name)).collect());
    meta.put(&list.0, Some(&COLLECTIONS.into()))?;
    let known = tx.answer(meta.get_key(JsValue::from_str(STORE_ID))?).await?;
    if known.is_undefined() {
        tx.answer(meta.put(&JsValue::from_str(life), Some(&STORE_ID.into()))?).await?;
    }
    Ok(())
}

/// Makes rows of plain records, key by key as they were found.
async fn wrap(tx: &Tx, collection: &str, now: u64) -> Result<(), Fault> {
    let store = tx.store(collection)?;
    for key in keys_of(tx, &store).await?.chunks(WRAP) {
        let gets = key.iter().map(|key| Ok(JsValue::from(store.get(key.clone())?).unchecked_into()));
        let records = tx.answers(gets.collect::<Result<Vec<IdbRequest>, Fault>>()?).await?;
        tx.progress();
        for (key, record) in key.iter().zip(records) {
            wrap_one(&store, key, record, now)?;
        }
    }
    Ok(())
}

/// All keys of a store, read in pages.
async fn keys_of(tx: &Tx, store: &ObjectStore) -> Result<Vec<JsValue>, Fault> {
    const PAGE: u32 = 5_000;
    let mut keys: Vec<JsValue> = Vec::new();
    loop {
        let after = keys.last().map(|last| idb::KeyRange::lower_bound(last, Some(true))).transpose()?;
        let page = tx.answer(store.get_all_keys(after.map(Into::into), Some(PAGE))?).await?;
        let page: js_sys::Array = page.unchecked_into();
        keys.extend(page.iter());
        if page.length() < PAGE {
            return Ok(keys);
        }
    }
}

/// A key that is no text becomes its text, in the document too; where both exist the upgrade fails and nothing is lost.
fn wrap_one(store: &ObjectStore, key: &JsValue, record: JsValue, now: u64) -> Result<(), Fault> {
    let text = key.as_string();
    let decimal = |number: f64| js_sys::Number::from(number).to_string_with_radix(10).ok().map(String::from);
    let id = text.clone().or_else(|| key.as_f64().and_then(decimal));
    let id = id.ok_or_else(|| Fault::new(Code::SchemaChanged, "a document of older code has a key that is no text"))?;
    let doc = JsDoc(record).with(&[("id", Some(JsDoc::text(&id)))]);
    let row: JsDoc = Row { doc: Some(doc), ..Row::fresh(&id, now) }.to_record();
    if text.is_some() {
        store.put(&row.0, None)?;
    } else {
        store.add(&row.0, None)?;
        store.delete(key.clone())?;
    }
    Ok(())
}
