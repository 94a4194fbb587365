//! The app's reads on IndexedDB, each one readonly transaction.

use super::connection::Connection;
use super::fault::Fault;
use super::fetch::{key_of, last_key, parse, PAGE};
use super::gets::{document, find, scope};
use super::open::Handle;
use super::out::{self, Changes};
use super::run::raw;
use super::schema::{CONFLICTS, META, PENDING, SETTINGS};
use super::select;
use super::tx::{Mode, Tx};
use crate::engine::query::{IndexDef, Query};
use crate::engine::store::MetaKey;
use crate::model::{Collection, DocKey, Document, Failure, Mark, Pending, PendingState, PullState, Record, Row, Seq};
use crate::shell::document::JsDoc;
use idb::KeyRange;
use js_sys::Array;
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

/// One collection to read from.
#[derive(Clone, Copy)]
pub(super) struct From<'c> {
    pub(super) connection: &'c Connection,
    pub(super) collection: &'c str,
    pub(super) indexes: &'c [IndexDef],
}

impl From<'_> {
    /// The documents that answer a query.
    pub(super) async fn query(self, query: &Query) -> Result<Array, Failure> {
        let run = async |handle: &Handle| {
            let tx = Tx::begin(handle, [self.collection], Mode::Read)?;
            let records = select::select(&tx, self.collection, self.indexes, query).await?;
            tx.finish();
            Ok(records.iter().map(document).collect())
        };
        self.connection.attempt(run).await
    }

    /// How many documents meet the conditions.
    pub(super) async fn count(self, query: &Query) -> Result<u32, Failure> {
        let run = async |handle: &Handle| {
            let tx = Tx::begin(handle, [self.collection], Mode::Read)?;
            let count = select::count(&tx, self.collection, self.indexes, query).await?;
            tx.finish();
            Ok(count)
        };
        self.connection.attempt(run).await
    }

    /// The rows that answer a query with their states, and whether the first pull has finished.
    pub(super) async fn rows(self, query: &Query) -> Result<(Array, bool), Failure> {
        let run = async |handle: &Handle| {
            let tx = Tx::begin(handle, [self.collection, PENDING, META], Mode::Read)?;
            let records = select::select(&tx, self.collection, self.indexes, query).await?;
            let rows = records.into_iter().map(parse).collect::<Result<Vec<Row<JsDoc>>, Fault>>()?;
            let changes = changes(&tx, &rows).await?;
            let pull = MetaKey::Pull(self.collection.into()).name();
            let pull = tx.answer(tx.store(META)?.get(JsValue::from_str(&pull))?).await?;
            tx.finish();
            Ok((out::rows(&rows, &changes), is_complete(&JsDoc(pull))))
        };
        self.connection.attempt(run).await
    }

    /// What is known of one row.
    pub(super) async fn meta(self, key: &DocKey) -> Result<Option<JsDoc>, Failure> {
        let run = async |handle: &Handle| {
            let tx = Tx::begin(handle, scope(&[key]).into_iter().chain([PENDING]), Mode::Read)?;
            let found = find(&tx, &[key]).await?.pop().and_then(JsDoc::some);
            let Some(record) = found else { return Ok(None) };
            let row = parse(record.0)?;
            let changes = changes(&tx, core::slice::from_ref(&row)).await?;
            tx.finish();
            Ok(Some(out::meta(&row, &changes)))
        };
        self.connection.attempt(run).await
    }
}

/// Whether a stored pull state says that the collection was caught up once.
pub(super) fn is_complete(pull: &JsDoc) -> bool {
    PullState::from_record(pull).is_some_and(|pull: PullState<JsDoc>| pull.completed_at.is_some())
}

/// The outbox rows of the lanes of these rows.
async fn changes(tx: &Tx, rows: &[Row<JsDoc>]) -> Result<Changes, Fault> {
    let seqs: Vec<Seq> = rows.iter().flat_map(|row| row.lane.iter().copied()).collect();
    let mut changes = Changes::new();
    for page in seqs.chunks(PAGE) {
        let pending = tx.store(PENDING)?;
        let gets = page.iter().map(|seq| Ok(raw(pending.get(JsValue::from_f64(*seq as f64))?)));
        for found in tx.answers(gets.collect::<Result<Vec<_>, Fault>>()?).await? {
            if let Some(found) = JsDoc::some(found) {
                let change: Pending<JsDoc> = parse(found.0)?;
                changes.insert(change.seq, change);
            }
        }
    }
    Ok(changes)
}

/// Outbox rows in order.
pub(super) async fn pending_list(
    connection: &Connection,
    query: &PendingQuery,
) -> Result<Vec<Pending<JsDoc>>, Failure> {
    connection.attempt(async |handle| list(handle, query).await).await
}

async fn list(handle: &Handle, query: &PendingQuery) -> Result<Vec<Pending<JsDoc>>, Fault> {
    let tx = Tx::begin(handle, [PENDING], Mode::Read)?;
    let pending = tx.store(PENDING)?;
    let (mut found, mut after) = (Vec::new(), query.after);
    while found.len() < query.limit {
        let range = KeyRange::lower_bound(&JsValue::from_f64(after as f64), Some(true))?;
        let page = tx.answer(pending.get_all(Some(range.into()), Some(PAGE as u32))?).await?;
        let page: Array = page.unchecked_into();
        for record in page.iter() {
            let row: Pending<JsDoc> = parse(record)?;
            after = row.seq;
            if query.takes(&row) && found.len() < query.limit {
                found.push(row);
            }
        }
        if (page.length() as usize) < PAGE {
            break;
        }
    }
    tx.finish();
    Ok(found)
}

/// How many outbox rows there are.
pub(super) async fn pending_count(connection: &Connection) -> Result<u32, Failure> {
    let run = async |handle: &Handle| {
        let count = one(handle, PENDING, |tx| Ok(raw(tx.store(PENDING)?.count(None)?))).await?;
        Ok(count.as_f64().unwrap_or(0.0) as u32)
    };
    connection.attempt(run).await
}

/// All stored conflicts as records, and the log of them.
pub(super) async fn conflicts(connection: &Connection) -> Result<(Array, Option<JsDoc>), Failure> {
    let run = async |handle: &Handle| {
        let tx = Tx::begin(handle, [CONFLICTS, META], Mode::Read)?;
        let (all, mut after) = (Array::new(), None);
        loop {
            let range = after.take().map(|last| KeyRange::lower_bound(&last, Some(true))).transpose()?;
            let page = tx.answer(tx.store(CONFLICTS)?.get_all(range.map(Into::into), Some(PAGE as u32))?).await?;
            let page: Array = page.unchecked_into();
            for record in page.iter() {
                after = JsDoc(record.clone()).get("conflictId").map(|id| id.0);
                all.push(&record);
            }
            if (page.length() as usize) < PAGE {
                break;
            }
        }
        let log = tx.answer(tx.store(META)?.get(JsValue::from_str(&MetaKey::Conflicts.name()))?).await?;
        tx.finish();
        Ok((all, JsDoc::some(log)))
    };
    connection.attempt(run).await
}

/// The value of a setting, `undefined` when it is not set.
pub(super) async fn setting(connection: &Connection, key: &str) -> Result<JsValue, Failure> {
    let ask = |tx: &Tx| Ok(raw(tx.store(SETTINGS)?.get(JsValue::from_str(key))?));
    connection.attempt(async |handle| one(handle, SETTINGS, ask).await).await
}

async fn one(handle: &Handle, store: &str, ask: impl Fn(&Tx) -> Result<IdbRequest, Fault>) -> Result<JsValue, Fault> {
    let tx = Tx::begin(handle, [store], Mode::Read)?;
    let request = ask(&tx)?;
    Ok(tx.last_answers(vec![request]).await?.pop().unwrap_or_default())
}

/// The last place of the outbox and the mark of change, read together.
pub(super) async fn mark(connection: &Connection) -> Result<String, Failure> {
    let run = async |handle: &Handle| {
        let tx = Tx::begin(handle, [PENDING, META], Mode::Read)?;
        let requests =
            vec![last_key(&tx, PENDING)?, raw(tx.store(META)?.get(JsValue::from_str(&MetaKey::Mark.name()))?)];
        let mut answers = tx.last_answers(requests).await?.into_iter();
        let last = answers.next().and_then(key_of).and_then(|key| key.as_f64()).unwrap_or(0.0);
        Ok(mark_text(last as Seq, &JsDoc(answers.next().unwrap_or_default())))
    };
    connection.attempt(run).await
}

/// One text for both parts of the mark.
pub(super) fn mark_text(last: Seq, record: &JsDoc) -> String {
    let applied = Mark::from_record(record).unwrap_or_default().applied;
    [last.to_string().as_str(), ":", applied.to_string().as_str()].concat()
}
