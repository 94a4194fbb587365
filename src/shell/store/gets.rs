//! Reads by id, grouped: all that are asked for in one tick share one readonly transaction.
//!
//! Each caller gets its own answer. A miss by an id of the temporary shape is looked up once more under the server's id,
//! in the same transaction.

use super::connection::{Attempt, Connection};
use super::fault::Fault;
use super::run::alias_key;
use super::schema::IDS;
use super::tx::{Mode, Outcome, Then, Tx};
use super::Done;
use crate::model::{is_temporary, DocKey, Failure, Listed};
use crate::shell::later::later;
use crate::shell::names::{name, word};
use core::cell::RefCell;
use js_sys::Reflect;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use web_sys::IdbRequest;

type Wanted = Vec<(Vec<DocKey>, Done<Vec<JsValue>>)>;

/// The reads of this tick.
pub(super) struct Gets {
    connection: Rc<Connection>,
    queue: RefCell<Wanted>,
}

impl Gets {
    pub(super) fn new(connection: Rc<Connection>) -> Rc<Self> {
        Rc::new(Self { connection, queue: RefCell::default() })
    }

    /// The documents of these ids, `undefined` where there is none.
    pub(super) fn get(self: &Rc<Self>, keys: Vec<DocKey>, done: Done<Vec<JsValue>>) {
        let mut queue = self.queue.borrow_mut();
        queue.push((keys, done));
        if queue.len() == 1 {
            let gets = self.clone();
            later(Box::new(move || gets.drain()));
        }
    }

    fn drain(&self) {
        let wanted = self.queue.take();
        let keys: Vec<DocKey> = wanted.iter().flat_map(|(keys, _)| keys.iter().cloned()).listed();
        let stores = scope(&keys);
        let reading = Rc::new(Reading { keys, documents: RefCell::default() });
        let read = reading.clone();
        let done = Box::new(move |end: Result<JsValue, Failure>| {
            let mut documents = reading.documents.take().into_iter();
            for (keys, done) in wanted {
                done(end.as_ref().map(|_| documents.by_ref().take(keys.len()).listed()).map_err(Clone::clone));
            }
        });
        self.connection.attempt(Attempt::new(stores, Mode::Read, Rc::new(move |tx| read.clone().start(tx)), done));
    }
}

/// A group of reads on its way.
struct Reading {
    keys: Vec<DocKey>,
    documents: RefCell<Vec<JsValue>>,
}

impl Reading {
    fn start(self: Rc<Self>, tx: &Tx) -> Outcome {
        let reading = self.clone();
        let then: Then = Box::new(move |tx, records| {
            // `undefined` stands for a row that is not there and for one whose document is gone.
            reading.documents.replace(records.iter().map(document).listed());
            tx.finish(JsValue::UNDEFINED)
        });
        if self.keys.iter().any(|key| is_temporary(&key.id)) {
            return find(tx, self.keys.clone(), then);
        }
        tx.ask_last(requests(tx, self.keys.iter())?, then)
    }
}

/// The document inside a record.
pub(super) fn document(record: &JsValue) -> JsValue {
    Reflect::get(record, &name("doc")).unwrap_or_default()
}

/// Finds the stored records of these ids, `undefined` where there is none.
pub(super) fn find(tx: &Tx, keys: Vec<DocKey>, then: Then) -> Outcome {
    tx.ask(requests(tx, keys.iter())?, Box::new(move |tx, records| aliases(tx, &keys, records, then)))
}

/// Looks up the server's ids of those that were missed.
fn aliases(tx: &Tx, keys: &[DocKey], records: Vec<JsValue>, then: Then) -> Outcome {
    let missed = keys.iter().zip(&records).enumerate();
    let missed = missed.filter(|(_, (key, record))| record.is_undefined() && is_temporary(&key.id));
    let missed: Vec<(usize, DocKey)> = missed.map(|(at, (key, _))| (at, key.clone())).listed();
    if missed.is_empty() {
        return then(tx, records);
    }
    let ids = tx.store(IDS)?;
    let requests = missed.iter().map(|(_, key)| Ok(ids.get(&alias_key(key))?)).try_listed::<_, Fault>()?;
    tx.ask(requests, Box::new(move |tx, ids| renamed(tx, missed, ids, records, then)))
}

/// Reads under the server's ids.
fn renamed(tx: &Tx, missed: Vec<(usize, DocKey)>, ids: Vec<JsValue>, mut records: Vec<JsValue>, then: Then) -> Outcome {
    let known = missed.into_iter().zip(ids);
    let (places, keys): (Vec<usize>, Vec<DocKey>) =
        known.filter_map(|((at, key), id)| Some((at, DocKey::new(&key.collection, &id.as_string()?)))).unzip();
    let place = move |tx: &Tx, found: Vec<JsValue>| {
        places.into_iter().zip(found).for_each(|(at, record)| records[at] = record);
        then(tx, records)
    };
    tx.ask(requests(tx, keys.iter())?, Box::new(place))
}

fn requests<'k>(tx: &Tx, keys: impl Iterator<Item = &'k DocKey>) -> Result<Vec<IdbRequest>, Fault> {
    keys.map(|key| Ok(tx.store(&key.collection)?.get(&word(&key.id))?)).try_listed()
}

/// The stores these reads need: their collections, and `ids` when an id may have another name.
pub(super) fn scope(keys: &[DocKey]) -> Vec<Rc<str>> {
    let mut stores: Vec<Rc<str>> = Vec::new();
    for key in keys {
        if !stores.contains(&key.collection) {
            stores.push(key.collection.clone());
        }
    }
    if keys.iter().any(|key| is_temporary(&key.id)) {
        stores.push(IDS.into());
    }
    stores
}
