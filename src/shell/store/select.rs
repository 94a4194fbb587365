//! Carries a query's access out: pages of rows from an index or from the store.
//!
//! No request asks for more than a page. An index cannot be read on from the middle of one key, so the rows that share
//! the last key of a full page are completed by their ids. Rows that wait for their deletion are in no index and are
//! passed over in the store.

use super::fault::Fault;
use super::fetch::{by_keys, keys_at, Visit, MAX_KEYS, PAGE};
use super::run::raw;
use super::schema::GONE;
use super::tx::Tx;
use super::{host, range};
use crate::engine::query::{
    choose, index_keys, too_large, Access, Gather, IndexDef, Key, Place, Query, Range, MAX_ROWS,
};
use crate::model::{sort_by, Code, Document, Set};
use crate::shell::document::JsDoc;
use crate::shell::names::name;
use idb::{CursorDirection, Index, ObjectStore};
use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbCursorWithValue, IdbRequest};

/// Where rows are read from.
struct Source<'s> {
    collection: &'s str,
    store: ObjectStore,
    index: Option<(Index, &'s IndexDef)>,
}

/// The stored records that answer a query, in its order.
pub(super) async fn select(
    tx: &Tx,
    collection: &str,
    indexes: &[IndexDef],
    query: &Query,
) -> Result<Vec<JsValue>, Fault> {
    let access = choose(query, indexes);
    let source = Source::new(tx, collection, indexes, &access)?;
    if !access.ordered {
        return gathered(tx, &source, query, &access).await;
    }
    let records = in_order(tx, &source, query, &access).await?;
    if !access.partial || query.limit == Some(records.len()) {
        return Ok(records);
    }
    let all = Access::scan(query);
    gathered(tx, &Source::new(tx, collection, indexes, &all)?, query, &all).await
}

/// How many documents meet the conditions of a query.
pub(super) async fn count(tx: &Tx, collection: &str, indexes: &[IndexDef], query: &Query) -> Result<u32, Fault> {
    let query = &Query { conditions: query.conditions.clone(), ..Query::default() };
    let store = tx.store(collection)?;
    if query.conditions.is_empty() {
        let requests = vec![raw(store.count(None)?), raw(store.index(GONE)?.count(None)?)];
        let counts = tx.answers(requests).await?;
        return Ok((number(&counts[0]) - number(&counts[1])) as u32);
    }
    let access = choose(query, indexes);
    let source = Source::new(tx, collection, indexes, &access)?;
    if let (Some((index, _)), true, false) = (&source.index, access.is_exact(), access.repeats) {
        let ranges = access.ranges.iter().map(|keys| Ok(raw(index.count(range::query_of(keys)?)?)));
        let counts = tx.answers(ranges.collect::<Result<Vec<_>, Fault>>()?).await?;
        return Ok(counts.iter().map(number).sum::<f64>() as u32);
    }
    let mut count = 0;
    let mut seen = Set::new();
    let mut visit = |record: JsValue| {
        let passed = passes(&record, query, &access);
        let again = passed && access.repeats && !seen.insert(JsDoc(record).text_of("id"));
        count += u32::from(passed && !again);
        Ok(true)
    };
    forwards(tx, &source, &access, PAGE, &mut visit).await?;
    Ok(count)
}

fn number(value: &JsValue) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

/// The document of a record, when it has one and meets the conditions that are left.
fn passes(record: &JsValue, query: &Query, access: &Access) -> bool {
    let Some(doc) = JsDoc(record.clone()).get("doc") else {
        return false;
    };
    access.residual.iter().all(|at| query.conditions[*at].holds(&doc))
}

/// Reading stops as soon as there is enough.
async fn in_order(tx: &Tx, source: &Source<'_>, query: &Query, access: &Access) -> Result<Vec<JsValue>, Fault> {
    let enough = query.limit.unwrap_or(MAX_ROWS + 1);
    let page = if access.is_exact() { enough.clamp(1, PAGE) } else { PAGE };
    let mut found = Vec::new();
    let mut visit = |record| {
        if found.len() < enough && passes(&record, query, access) {
            found.push(record);
        }
        Ok(found.len() < enough)
    };
    if query.descending && query.limit.is_some() {
        backwards(tx, source, access, enough, &mut visit).await?;
    } else {
        forwards(tx, source, access, page, &mut visit).await?;
    }
    if query.limit.is_none() && found.len() > MAX_ROWS {
        return Err(too_large().into());
    }
    if query.descending && query.limit.is_none() {
        found.reverse();
    }
    Ok(found)
}

/// Everything that matches is read and brought into order.
async fn gathered(tx: &Tx, source: &Source<'_>, query: &Query, access: &Access) -> Result<Vec<JsValue>, Fault> {
    let mut gather = Gather::new(query);
    let mut visit = |record: JsValue| {
        let row = JsDoc(record);
        if let Some(doc) = row.get("doc").filter(|_| passes(&row.0, query, access)) {
            let id = row.text_of("id").unwrap_or_default();
            gather.push(Place::of(query, id, &doc), row.0)?;
        }
        Ok(true)
    };
    forwards(tx, source, access, PAGE, &mut visit).await?;
    Ok(gather.finish())
}

async fn forwards(tx: &Tx, source: &Source<'_>, access: &Access, page: usize, visit: Visit<'_>) -> Result<(), Fault> {
    for keys in &access.ranges {
        let more = if access.repeats && keys.lower != keys.upper {
            source.each_once(tx, keys, visit).await?
        } else {
            source.pages(tx, keys.clone(), page, visit).await?
        };
        if !more {
            return Ok(());
        }
    }
    Ok(())
}

/// From the last row on. Only used with a limit: in bulk where the host can, else step by step.
async fn backwards(
    tx: &Tx,
    source: &Source<'_>,
    access: &Access,
    enough: usize,
    visit: Visit<'_>,
) -> Result<(), Fault> {
    for keys in access.ranges.iter().rev() {
        let bulk = if access.is_exact() && enough <= PAGE { source.last(keys, enough)? } else { None };
        let more = match bulk {
            Some(request) => visit_values(tx.answer(request).await?.unchecked_ref(), visit)?,
            None => source.steps(tx, keys, visit).await?,
        };
        if !more {
            return Ok(());
        }
    }
    Ok(())
}

fn visit_values(records: &Array, visit: Visit<'_>) -> Result<bool, Fault> {
    for record in records.iter() {
        let value = js_sys::Reflect::get(&record, &name("value"))?;
        if !visit(value)? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl<'s> Source<'s> {
    fn new(tx: &Tx, collection: &'s str, indexes: &'s [IndexDef], access: &Access) -> Result<Self, Fault> {
        let store = tx.store(collection)?;
        let index =
            access.index.map(|at| Ok::<_, Fault>((store.index(&indexes[at].name)?, &indexes[at]))).transpose()?;
        Ok(Self { collection, store, index })
    }

    fn page(&self, keys: &Range, count: usize) -> Result<IdbRequest, Fault> {
        let (keys, count) = (range::query_of(keys)?, Some(count as u32));
        Ok(match &self.index {
            Some((index, _)) => raw(index.get_all(keys, count)?),
            None => raw(self.store.get_all(keys, count)?),
        })
    }

    /// Visits all rows of a range in order, page by page.
    async fn pages(&self, tx: &Tx, mut keys: Range, size: usize, visit: Visit<'_>) -> Result<bool, Fault> {
        loop {
            let page: Array = tx.answer(self.page(&keys, size)?).await?.unchecked_into();
            for record in page.iter() {
                if !visit(record)? {
                    return Ok(false);
                }
            }
            if (page.length() as usize) < size {
                return Ok(true);
            }
            let last = self.key_of(&keys, page.get(page.length() - 1))?;
            if !self.complete(tx, &keys, &last, &page, visit).await? {
                return Ok(false);
            }
            keys.lower = Some((last, true));
            if keys.is_empty() {
                return Ok(true);
            }
        }
    }

    /// The key under which this source holds a record it gave for a range.
    fn key_of(&self, keys: &Range, record: JsValue) -> Result<Key, Fault> {
        let record = JsDoc(record);
        let key = match (&self.index, &keys.lower, &keys.upper) {
            (None, ..) => record.get("id").and_then(|id| Key::of(&id)),
            (_, Some((lower, false)), Some((upper, false))) if lower == upper => Some(lower.clone()),
            (Some((_, index)), ..) => record.get("doc").and_then(|doc| index_keys(&doc, index).pop()),
        };
        key.ok_or_else(|| Fault::new(Code::IntegrityFailed, "a row does not have the key it was found by"))
    }

    /// Visits the rows under the last key of a full page that the page had no room for.
    async fn complete(&self, tx: &Tx, keys: &Range, last: &Key, page: &Array, visit: Visit<'_>) -> Result<bool, Fault> {
        let Some((index, _)) = &self.index else { return Ok(true) };
        let mut seen = 0;
        while seen < page.length() && self.key_of(keys, page.get(page.length() - 1 - seen))? == *last {
            seen += 1;
        }
        let ids: Array = tx.answer(keys_at(index, &range::value_of(last))?).await?.unchecked_into();
        let rest: Vec<JsValue> = ids.iter().skip(seen as usize).collect();
        by_keys(tx, self.collection, &rest, visit).await
    }

    /// Visits the rows of a range of an index with several keys for a row, each once.
    async fn each_once(&self, tx: &Tx, keys: &Range, visit: Visit<'_>) -> Result<bool, Fault> {
        let Some((index, _)) = &self.index else { return Ok(true) };
        let ids = tx.answer(raw(index.get_all_keys(range::query_of(keys)?, Some(MAX_KEYS))?)).await?;
        let mut ids: Vec<(String, JsValue)> =
            ids.unchecked_into::<Array>().iter().filter_map(|id| Some((id.as_string()?, id))).collect();
        sort_by(&mut ids, |left, right| left.0.cmp(&right.0));
        ids.dedup_by(|left, right| left.0 == right.0);
        let ids: Vec<JsValue> = ids.into_iter().map(|(_, id)| id).collect();
        by_keys(tx, self.collection, &ids, visit).await
    }

    /// Asks for the last records of a range of an index; `None` where the host cannot.
    fn last(&self, keys: &Range, count: usize) -> Result<Option<IdbRequest>, Fault> {
        let Some((index, _)) = &self.index else { return Ok(None) };
        let keys = range::query_of(keys)?.map_or(JsValue::NULL, JsValue::from);
        Ok(host::last_records(&index.clone().into(), &keys, count as u32).transpose()?)
    }

    /// Visits the rows of a range from its end, one by one.
    async fn steps(&self, tx: &Tx, keys: &Range, visit: Visit<'_>) -> Result<bool, Fault> {
        let (keys, back) = (range::query_of(keys)?, Some(CursorDirection::Prev));
        let request = match &self.index {
            Some((index, _)) => raw(index.open_cursor(keys, back)?),
            None => raw(self.store.open_cursor(keys, back)?),
        };
        loop {
            let Ok(cursor) = tx.answer(request.clone()).await?.dyn_into::<IdbCursorWithValue>() else {
                return Ok(true);
            };
            if !visit(cursor.value()?)? {
                return Ok(false);
            }
            cursor.continue_()?;
        }
    }
}
