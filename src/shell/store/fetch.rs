//! Answers a plan's reads inside its transaction.
//!
//! A round is one wave of requests. Two kinds of read need a second wave: many rows by id, of which most may not exist
//! (one bounded list of keys tells which), and rows that refer to an id, when they are more than a page.

use super::fault::Fault;
use super::run::{alias_key, raw};
use super::schema::{CONFLICTS, IDS, META, PENDING};
use super::select;
use super::tx::Tx;
use super::Table;
use crate::engine::store::{Found, Read, Rows};
use crate::model::{sort_by, Code, Collection, DocKey, Failure, Record, Seq};
use crate::shell::document::JsDoc;
use core::mem::take;
use idb::{CursorDirection, KeyRange};
use js_sys::Array;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbCursor, IdbRequest};

/// No request asks for more rows.
pub(super) const PAGE: usize = 500;
/// More keys than this are not listed in one go.
pub(super) const MAX_KEYS: u32 = 100_000;
/// From so many rows of one collection on, their keys are listed first.
const MANY: usize = 32;

/// Reads all of `reads` and keeps what was found.
pub(super) async fn round(
    tx: &Tx,
    tables: &[Table],
    rows: &mut Rows<JsDoc>,
    mut reads: Vec<Read>,
) -> Result<(), Fault> {
    settle_absent(tx, rows, &mut reads).await?;
    settle_queries(tx, tables, rows, &mut reads).await?;
    for wave in reads.chunks(PAGE) {
        let requests = wave.iter().map(|read| request(tx, read)).collect::<Result<Vec<_>, Fault>>()?;
        let results = tx.answers(requests).await?;
        for (read, result) in wave.iter().zip(results) {
            let result = rest_of(tx, read, result).await?;
            rows.keep(read.clone(), found(read, result)?);
        }
    }
    Ok(())
}

fn request(tx: &Tx, read: &Read) -> Result<IdbRequest, Fault> {
    Ok(match read {
        Read::Main(key) => raw(tx.store(&key.collection)?.get(JsValue::from_str(&key.id))?),
        Read::Pending(seq) => raw(tx.store(PENDING)?.get(JsValue::from_f64(*seq as f64))?),
        Read::Meta(key) => raw(tx.store(META)?.get(JsValue::from_str(&key.name()))?),
        Read::Alias(key) => raw(tx.store(IDS)?.get(alias_key(key))?),
        Read::Conflict(id) => raw(tx.store(CONFLICTS)?.get(JsValue::from_str(id))?),
        Read::Referring { collection, field, id } => {
            let range = KeyRange::only(&JsValue::from_str(id))?;
            raw(tx.store(collection)?.index(field)?.get_all(Some(range.into()), Some(PAGE as u32))?)
        }
        Read::MainPage { collection, after, limit } => {
            let after =
                after.as_ref().map(|id| KeyRange::lower_bound(&JsValue::from_str(id), Some(true))).transpose()?;
            raw(tx.store(collection)?.get_all(after.map(Into::into), Some(*limit as u32))?)
        }
        Read::LastPending | Read::Query(_) => last_key(tx, PENDING)?,
        Read::PendingPage { after, limit } => {
            let after = KeyRange::lower_bound(&JsValue::from_f64(*after as f64), Some(true))?;
            raw(tx.store(PENDING)?.get_all(Some(after.into()), Some(*limit as u32))?)
        }
    })
}

fn found(read: &Read, result: JsValue) -> Result<Found<JsDoc>, Fault> {
    Ok(match read {
        Read::Main(_) => Found::Main(one(result)?),
        Read::Pending(_) => Found::Pending(one(result)?),
        Read::Meta(_) => Found::Meta(JsDoc::some(result)),
        Read::Alias(_) => Found::Alias(result.as_string().map(Rc::from)),
        Read::Conflict(_) => Found::Conflict(one(result)?.map(Box::new)),
        Read::LastPending => Found::Last(key_of(result).and_then(|key| key.as_f64()).map(|seq| seq as Seq)),
        Read::Referring { .. } | Read::MainPage { .. } | Read::Query(_) => Found::MainRows(all(result)?),
        Read::PendingPage { .. } => Found::PendingRows(all(result)?),
    })
}

/// Asks for a cursor on the last key of a store.
pub(super) fn last_key(tx: &Tx, store: &str) -> Result<IdbRequest, Fault> {
    Ok(raw(tx.store(store)?.open_key_cursor(None, Some(CursorDirection::Prev))?))
}

/// The key a cursor stands on; none when it found nothing.
pub(super) fn key_of(cursor: JsValue) -> Option<JsValue> {
    cursor.dyn_into::<IdbCursor>().ok()?.key().ok()
}

/// A stored record read back; one that cannot be read is an error, never a guess.
pub(super) fn parse<R: Record<JsDoc>>(record: JsValue) -> Result<R, Fault> {
    let damaged = || Failure::new(Code::IntegrityFailed, "a stored record is damaged").into();
    R::from_record(&JsDoc(record)).ok_or_else(damaged)
}

fn one<R: Record<JsDoc>>(result: JsValue) -> Result<Option<R>, Fault> {
    (!result.is_undefined()).then(|| parse(result)).transpose()
}

fn all<R: Record<JsDoc>>(result: JsValue) -> Result<Vec<R>, Fault> {
    result.unchecked_into::<Array>().iter().map(parse).collect()
}

/// A full page of rows that refer to one id is completed by their keys.
async fn rest_of(tx: &Tx, read: &Read, page: JsValue) -> Result<JsValue, Fault> {
    let Read::Referring { collection, field, id } = read else {
        return Ok(page);
    };
    let rows: Array = page.unchecked_into();
    if rows.length() as usize == PAGE {
        let store = tx.store(collection)?;
        let keys = tx.answer(keys_at(&store.index(field)?, &JsValue::from_str(id))?).await?;
        let keys: Vec<JsValue> = keys.unchecked_into::<Array>().iter().skip(PAGE).collect();
        by_keys(tx, collection, &keys, &mut |row| {
            rows.push(&row);
            Ok(true)
        })
        .await?;
    }
    Ok(rows.into())
}

/// Asks for the ids of all rows that an index holds under one key.
pub(super) fn keys_at(index: &idb::Index, key: &JsValue) -> Result<IdbRequest, Fault> {
    Ok(raw(index.get_all_keys(Some(KeyRange::only(key)?.into()), Some(MAX_KEYS))?))
}

/// Gives rows one by one to `visit`, until it says `false`; says whether it went through all.
pub(super) type Visit<'v> = &'v mut dyn FnMut(JsValue) -> Result<bool, Fault>;

/// Visits the rows of these ids, a page at a time.
pub(super) async fn by_keys(tx: &Tx, collection: &str, keys: &[JsValue], visit: Visit<'_>) -> Result<bool, Fault> {
    if keys.len() >= MAX_KEYS as usize {
        return Err(Fault::new(Code::QueryTooLarge, "more rows than can be listed have one index key"));
    }
    let store = tx.store(collection)?;
    for page in keys.chunks(PAGE) {
        let gets = page.iter().map(|key| Ok(raw(store.get(key.clone())?)));
        for row in tx.answers(gets.collect::<Result<Vec<_>, Fault>>()?).await? {
            if !visit(row)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Answers the queries among the reads, and strikes them out: each takes requests of its own.
async fn settle_queries(tx: &Tx, tables: &[Table], rows: &mut Rows<JsDoc>, reads: &mut Vec<Read>) -> Result<(), Fault> {
    let (queries, others) = take(reads).into_iter().partition(|read| matches!(read, Read::Query(_)));
    *reads = others;
    let queries: Vec<Read> = queries;
    for read in queries {
        let Read::Query(asked) = &read else { continue };
        let indexes = tables.iter().find(|table| table.name == asked.collection).map(Table::indexes);
        let records = select::select(tx, &asked.collection, &indexes.unwrap_or_default(), &asked.query).await?;
        let found = records.into_iter().map(parse).collect::<Result<_, Fault>>()?;
        rows.keep(read, Found::MainRows(found));
    }
    Ok(())
}

/// Keeps `None` for those of many rows that one bounded list of keys shows to be absent, and strikes them out.
async fn settle_absent(tx: &Tx, rows: &mut Rows<JsDoc>, reads: &mut Vec<Read>) -> Result<(), Fault> {
    for collection in crowded(reads) {
        let mut ids: Vec<&str> = keys_of(reads, &collection).map(|key| &*key.id).collect();
        sort_by(&mut ids, |left, right| left.encode_utf16().cmp(right.encode_utf16()));
        let (first, last) = (JsValue::from_str(ids[0]), JsValue::from_str(ids[ids.len() - 1]));
        let count = (ids.len() * 2 + 1) as u32;
        let range = KeyRange::bound(&first, &last, None, None)?;
        let listed = tx.answer(tx.store(&collection)?.get_all_keys(Some(range.into()), Some(count))?).await?;
        let mut present: Vec<String> =
            listed.unchecked_into::<Array>().iter().filter_map(|key| key.as_string()).collect();
        let seen_to = (present.len() == count as usize).then(|| present[present.len() - 1].clone());
        sort_by(&mut present, Ord::cmp);
        let within = |id: &str| seen_to.as_ref().is_none_or(|end| id.encode_utf16().le(end.encode_utf16()));
        let is_absent = |key: &DocKey| {
            key.collection == collection
                && within(&key.id)
                && present.binary_search_by(|id| (**id).cmp(&*key.id)).is_err()
        };
        reads.retain(|read| match read {
            Read::Main(key) if is_absent(key) => {
                rows.keep(read.clone(), Found::Main(None));
                false
            }
            _ => true,
        });
    }
    Ok(())
}

fn keys_of<'r>(reads: &'r [Read], collection: &'r Collection) -> impl Iterator<Item = &'r DocKey> {
    reads.iter().filter_map(move |read| match read {
        Read::Main(key) if key.collection == *collection => Some(key),
        _ => None,
    })
}

/// Collections of which many rows are wanted.
fn crowded(reads: &[Read]) -> Vec<Collection> {
    let mut counts: Vec<(Collection, usize)> = Vec::new();
    for read in reads {
        let Read::Main(key) = read else { continue };
        match counts.iter_mut().find(|(collection, _)| *collection == key.collection) {
            Some((_, count)) => *count += 1,
            None => counts.push((key.collection.clone(), 1)),
        }
    }
    counts.into_iter().filter(|(_, count)| *count > MANY).map(|(collection, _)| collection).collect()
}
