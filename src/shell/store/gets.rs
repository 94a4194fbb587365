//! Reads by id, grouped: all that are asked for in one tick share one readonly transaction.
//!
//! Each caller gets its own answer. A miss by an id of the temporary shape is looked up once more under the server's id,
//! in the same transaction.

use super::connection::Connection;
use super::fault::Fault;
use super::open::Handle;
use super::run::{alias_key, raw};
use super::schema::IDS;
use super::signal::Signal;
use super::tx::{Mode, Tx};
use crate::model::{is_temporary, DocKey, Failure};
use crate::shell::names::name;
use core::cell::RefCell;
use js_sys::Reflect;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use web_sys::IdbRequest;

type Answer = Rc<Signal<Result<JsValue, Failure>>>;

/// The reads of this tick.
pub(super) struct Gets {
    connection: Rc<Connection>,
    queue: RefCell<Vec<(DocKey, Answer)>>,
}

impl Gets {
    pub(super) fn new(connection: Rc<Connection>) -> Rc<Self> {
        Rc::new(Self { connection, queue: RefCell::default() })
    }

    /// The document of an id, `undefined` when there is none.
    pub(super) fn get(self: &Rc<Self>, key: DocKey) -> impl core::future::Future<Output = Result<JsValue, Failure>> {
        let answer: Answer = Rc::default();
        let mut queue = self.queue.borrow_mut();
        queue.push((key, answer.clone()));
        if queue.len() == 1 {
            let gets = self.clone();
            wasm_bindgen_futures::spawn_local(async move { gets.drain().await });
        }
        async move { answer.wait().await }
    }

    async fn drain(&self) {
        let wanted = self.queue.take();
        let keys: Vec<&DocKey> = wanted.iter().map(|(key, _)| key).collect();
        let documents = self.connection.attempt(async |handle| read_all(handle, &keys).await).await;
        match documents {
            Ok(documents) => wanted.iter().zip(documents).for_each(|((_, answer), doc)| answer.set(Ok(doc))),
            Err(failure) => wanted.iter().for_each(|(_, answer)| answer.set(Err(failure.clone()))),
        }
    }
}

async fn read_all(handle: &Handle, keys: &[&DocKey]) -> Result<Vec<JsValue>, Fault> {
    let tx = Tx::begin(handle, scope(keys), Mode::Read)?;
    let records = if keys.iter().any(|key| is_temporary(&key.id)) {
        let records = find(&tx, keys).await?;
        tx.finish();
        records
    } else {
        let requests = requests(&tx, keys.iter().copied())?;
        tx.last_answers(requests).await?
    };
    // `undefined` stands for a row that is not there and for one whose document is gone.
    Ok(records.into_iter().map(|record| document(&record)).collect())
}

/// The document inside a record.
pub(super) fn document(record: &JsValue) -> JsValue {
    Reflect::get(record, &name("doc")).unwrap_or_default()
}

/// The stored records of these ids, `undefined` where there is none.
pub(super) async fn find(tx: &Tx, keys: &[&DocKey]) -> Result<Vec<JsValue>, Fault> {
    let mut records = tx.answers(requests(tx, keys.iter().copied())?).await?;
    let missed = |at: &usize| records[*at].is_undefined() && is_temporary(&keys[*at].id);
    let missed: Vec<usize> = (0..keys.len()).filter(missed).collect();
    if missed.is_empty() {
        return Ok(records);
    }
    let ids = tx.store(IDS)?;
    let aliases = missed.iter().map(|at| Ok(raw(ids.get(alias_key(keys[*at]))?)));
    let aliases = tx.answers(aliases.collect::<Result<Vec<_>, Fault>>()?).await?;
    let renamed = missed.iter().zip(aliases);
    let renamed: Vec<(usize, DocKey)> =
        renamed.filter_map(|(at, id)| Some((*at, DocKey::new(&keys[*at].collection, &id.as_string()?)))).collect();
    let found = tx.answers(requests(tx, renamed.iter().map(|(_, key)| key))?).await?;
    for ((at, _), record) in renamed.iter().zip(found) {
        records[*at] = record;
    }
    Ok(records)
}

fn requests<'k>(tx: &Tx, keys: impl Iterator<Item = &'k DocKey>) -> Result<Vec<IdbRequest>, Fault> {
    keys.map(|key| Ok(raw(tx.store(&key.collection)?.get(JsValue::from_str(&key.id))?))).collect()
}

/// The stores these reads need: their collections, and `ids` when an id may have another name.
pub(super) fn scope<'k>(keys: &[&'k DocKey]) -> Vec<&'k str> {
    let mut stores: Vec<&str> = Vec::new();
    let aliases = keys.iter().any(|key| is_temporary(&key.id)).then_some(IDS);
    for store in keys.iter().map(|key| &*key.collection).chain(aliases) {
        if !stores.contains(&store) {
            stores.push(store);
        }
    }
    stores
}
