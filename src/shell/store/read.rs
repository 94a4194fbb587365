//! The app's reads on IndexedDB, each one readonly transaction.

use super::connection::{Attempt, Connection};
use super::fault::Fault;
use super::fetch::{parse, PAGE};
use super::gets::{find, scope};
use super::out::{self, Changes};
use super::range::after_key;
use super::schema::{AUDIT, CONFLICTS, META, PENDING, SETTINGS};
use super::select::{select, Want};
use super::tx::{Mode, Outcome, Then, Tx};
use super::{Done, Known, Table};
use crate::engine::query::Query;
use crate::engine::store::MetaKey;
use crate::model::{
    AuditEntry, Collection, DocKey, Document, Failure, Listed, Mark, Pending, PendingState, PullState, Record, Row, Seq,
};
use crate::shell::document::JsDoc;
use core::cell::RefCell;
use js_sys::Array;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::IdbRequest;

/// Which outbox rows to list.
#[derive(Debug, Clone, Default)]
pub struct PendingQuery {
    /// Of this collection only.
    pub collection: Option<Collection>,
    /// In this state only.
    pub state: Option<PendingState>,
    /// After this place.
    pub after: Seq,
    /// How many at most.
    pub limit: usize,
}

impl PendingQuery {
    /// Whether a row is wanted.
    pub(super) fn takes(&self, row: &Pending<JsDoc>) -> bool {
        row.seq > self.after
            && self.collection.as_ref().is_none_or(|collection| *collection == row.collection)
            && self.state.is_none_or(|state| state == row.state)
    }
}

/// The documents that answer a query, or how many there are.
pub(super) fn query(connection: &Rc<Connection>, table: Rc<Table>, query: Rc<Query>, want: Want, done: Done<JsValue>) {
    let stores = vec![table.name.clone()];
    let start = move |tx: &Tx| {
        let end = move |tx: &Tx, mut found: Vec<JsValue>| match want {
            Want::Count => tx.finish(found.pop().unwrap_or_default()),
            _ => tx.finish(found.iter().collect::<Array>().into()),
        };
        select(tx, table.clone(), query.clone(), want, Box::new(end))
    };
    connection.attempt(Attempt::new(stores, Mode::Read, Rc::new(start), done));
}

/// The rows that answer a query with their states, and whether the first pull has finished. Of the changes only those are
/// read that are not known.
pub(super) fn rows(
    connection: &Rc<Connection>,
    table: Rc<Table>,
    query: Rc<Query>,
    pulled: bool,
    known: Known,
    done: Done<JsValue>,
) {
    let stores = vec![table.name.clone(), PENDING.into(), META.into()];
    let start = move |tx: &Tx| {
        let pull = tx.store(META)?.get(&JsValue::from_str(&MetaKey::Pull(table.name.clone()).name()))?;
        let known = known.clone();
        let end: Then = Box::new(move |tx, records| {
            let rows: Vec<Row<JsDoc>> = records.into_iter().map(parse).try_listed()?;
            let mut seqs = rows.iter().flat_map(|row| row.lane.iter().copied()).listed();
            let mut states = known(&seqs);
            seqs.retain(|seq| !states.contains_key(seq));
            // It was asked before the rows and is answered before them; where no row had to be asked for it may be open.
            let open = pull.result().is_err().then(|| pull.clone());
            let end = move |tx: &Tx, changes: Changes| {
                let complete = !pulled || is_complete(&JsDoc(pull.result()?));
                for (seq, change) in changes.iter() {
                    states.insert(*seq, change.state);
                }
                tx.finish(out::rows_object(&rows, &states, complete))
            };
            changes(tx, seqs, open, Box::new(end))
        });
        select(tx, table.clone(), query.clone(), Want::Records, end)
    };
    connection.attempt(Attempt::new(stores, Mode::Read, Rc::new(start), done));
}

/// What is known of one row; `undefined` when there is none.
pub(super) fn meta(connection: &Rc<Connection>, key: DocKey, done: Done<JsValue>) {
    let keys = vec![key];
    let mut stores = scope(&keys);
    stores.push(PENDING.into());
    let start = move |tx: &Tx| {
        let end: Then = Box::new(|tx, mut records| {
            let Some(record) = records.pop().and_then(JsDoc::some) else {
                return tx.finish(JsValue::UNDEFINED);
            };
            let row: Row<JsDoc> = parse(record.0)?;
            let seqs = row.lane.clone();
            changes(tx, seqs, None, Box::new(move |tx, changes| tx.finish(out::meta(&row, &changes).0)))
        });
        find(tx, keys.clone(), end)
    };
    connection.attempt(Attempt::new(stores, Mode::Read, Rc::new(start), done));
}

/// Whether a stored pull state says that the collection was caught up once.
pub(super) fn is_complete(pull: &JsDoc) -> bool {
    PullState::from_record(pull).is_some_and(|pull: PullState<JsDoc>| pull.completed_at.is_some())
}

/// What follows the outbox rows of some lanes.
type WithChanges = Box<dyn FnOnce(&Tx, Changes) -> Outcome>;

/// Reads the outbox rows at these places, when another request is answered as well.
fn changes(tx: &Tx, seqs: Vec<Seq>, other: Option<IdbRequest>, then: WithChanges) -> Outcome {
    let others = usize::from(other.is_some());
    let pending = tx.store(PENDING)?;
    let gets = seqs.iter().map(|seq| pending.get(&JsValue::from_f64(*seq as f64)));
    let requests = other.into_iter().map(Ok).chain(gets).try_listed()?;
    let end = move |tx: &Tx, found: Vec<JsValue>| {
        let mut changes = Changes::new();
        for found in found.into_iter().skip(others).filter_map(JsDoc::some) {
            let change: Pending<JsDoc> = parse(found.0)?;
            changes.insert(change.seq, change);
        }
        then(tx, changes)
    };
    tx.ask(requests, Box::new(end))
}

/// A list of outbox rows on its way.
struct List {
    query: PendingQuery,
    found: RefCell<Vec<Pending<JsDoc>>>,
}

/// Outbox rows in order.
pub(super) fn pending_list(connection: &Rc<Connection>, query: PendingQuery, done: Done<Vec<Pending<JsDoc>>>) {
    let list = Rc::new(List { query, found: RefCell::default() });
    let found = list.clone();
    let start = move |tx: &Tx| {
        list.found.take();
        list.clone().page(tx, list.query.after)
    };
    let done = Box::new(move |end: Result<JsValue, Failure>| done(end.map(|_| found.found.take())));
    connection.attempt(Attempt::new(vec![PENDING.into()], Mode::Read, Rc::new(start), done));
}

impl List {
    fn page(self: Rc<Self>, tx: &Tx, after: Seq) -> Outcome {
        let request = tx.store(PENDING)?.get_all(&after_key(&JsValue::from_f64(after as f64))?, PAGE as u32)?;
        let then = move |tx: &Tx, mut answers: Vec<JsValue>| {
            let page: Array = answers.pop().unwrap_or_default().unchecked_into();
            let mut last = after;
            for record in page.iter() {
                let row: Pending<JsDoc> = parse(record)?;
                last = row.seq;
                if self.query.takes(&row) && !self.is_full() {
                    self.found.borrow_mut().push(row);
                }
            }
            if self.is_full() || (page.length() as usize) < PAGE {
                return tx.finish(JsValue::UNDEFINED);
            }
            self.page(tx, last)
        };
        tx.ask(vec![request], Box::new(then))
    }

    fn is_full(&self) -> bool {
        self.found.borrow().len() >= self.query.limit
    }
}

/// All stored conflicts, and the log of them.
pub(super) fn conflicts(connection: &Rc<Connection>, done: Done<JsValue>) {
    let start = |tx: &Tx| {
        let log = tx.store(META)?.get(&JsValue::from_str(&MetaKey::Conflicts.name()))?;
        tx.ask(vec![log], Box::new(|tx, mut log| conflict_page(tx, Array::new(), None, log.pop().unwrap_or_default())))
    };
    connection.attempt(Attempt::new(vec![CONFLICTS.into(), META.into()], Mode::Read, Rc::new(start), done));
}

fn conflict_page(tx: &Tx, all: Array, after: Option<JsValue>, log: JsValue) -> Outcome {
    let after = after.as_ref().map(after_key).transpose()?.unwrap_or_default();
    let request = tx.store(CONFLICTS)?.get_all(&after, PAGE as u32)?;
    let then = move |tx: &Tx, mut page: Vec<JsValue>| {
        let page: Array = page.pop().unwrap_or_default().unchecked_into();
        for record in page.iter() {
            all.push(&record);
        }
        if (page.length() as usize) < PAGE {
            return tx.finish(out::conflicts(all, JsDoc::some(log)));
        }
        let last = JsDoc(all.get(all.length() - 1)).get("conflictId").map(|id| id.0);
        conflict_page(tx, all, last, log)
    };
    tx.ask(vec![request], Box::new(then))
}

/// How many outbox rows there are.
pub(super) fn pending_count(connection: &Rc<Connection>, done: Done<JsValue>) {
    one(connection, PENDING, |tx| Ok(tx.store(PENDING)?.count(&JsValue::NULL)?), done);
}

/// The value of a setting, `undefined` when it is not set.
pub(super) fn setting(connection: &Rc<Connection>, key: &str, done: Done<JsValue>) {
    let key = JsValue::from_str(key);
    one(connection, SETTINGS, move |tx| Ok(tx.store(SETTINGS)?.get(&key)?), done);
}

/// The audit ring: at most as many records as it has places.
pub(super) fn audit(connection: &Rc<Connection>, done: Done<JsValue>) {
    let most = AuditEntry::CAPACITY as u32;
    one(connection, AUDIT, move |tx| Ok(tx.store(AUDIT)?.get_all(&JsValue::UNDEFINED, most)?), done);
}

/// Reads the answer of one request.
fn one(
    connection: &Rc<Connection>,
    store: &str,
    ask: impl Fn(&Tx) -> Result<IdbRequest, Fault> + 'static,
    done: Done<JsValue>,
) {
    let start = move |tx: &Tx| {
        tx.ask_last(vec![ask(tx)?], Box::new(|tx, mut found| tx.finish(found.pop().unwrap_or_default())))
    };
    connection.attempt(Attempt::new(vec![store.into()], Mode::Read, Rc::new(start), done));
}

/// How many rows the outbox has and the mark of change, read together.
pub(super) fn mark(connection: &Rc<Connection>, done: Done<JsValue>) {
    let start = |tx: &Tx| {
        let count = tx.store(PENDING)?.count(&JsValue::UNDEFINED)?;
        let mark = tx.store(META)?.get(&JsValue::from_str(&MetaKey::Mark.name()))?;
        let end: Then = Box::new(|tx, found| {
            let [count, mark] = <[JsValue; 2]>::try_from(found).unwrap_or_default();
            tx.finish(mark_text(count.as_f64().unwrap_or(0.0) as usize, &JsDoc(mark)))
        });
        tx.ask_last(vec![count, mark], end)
    };
    connection.attempt(Attempt::new(vec![PENDING.into(), META.into()], Mode::Read, Rc::new(start), done));
}

/// One text for both parts of the mark.
pub(super) fn mark_text(count: usize, record: &JsDoc) -> JsValue {
    let applied = Mark::from_record(record).unwrap_or_default().applied;
    [count.to_string().as_str(), ":", applied.to_string().as_str()].concat().into()
}
