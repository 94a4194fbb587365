//! Carries a query's access out: pages of rows from an index or from the store.
//!
//! No request asks for more than a page. An index cannot be read on from the middle of one key, so the rows that share
//! the last key of a full page are completed by their ids. Rows that wait for their deletion are in no index and are
//! passed over in the store.

use super::fault::Fault;
use super::fetch::{check_count, keys_at, MAX_KEYS, PAGE};
use super::gets::document;
use super::host::{last_records, Place};
use super::range::{query_of, value_of};
use super::schema::GONE;
use super::tx::{Outcome, Then, Tx};
use super::Table;
use crate::engine::query::{
    choose, index_keys, too_large, Access, Gather, IndexDef, Key, Place as Standing, Query, Range, MAX_ROWS,
};
use crate::model::{sort_by, Code, Document, Listed, Set};
use crate::shell::document::JsDoc;
use crate::shell::names::name;
use js_sys::{Array, Reflect};
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbCursorWithValue, IdbRequest};

/// What is wanted of the rows that answer a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    Records,
    Documents,
    /// One number.
    Count,
}

/// What was found so far.
enum Found {
    /// In the order asked for.
    Listed(Vec<JsValue>),
    /// In any order.
    Gathered(Gather<JsValue>),
    /// How many, and their ids when one may come twice.
    Counted(u32, Set<String>),
}

/// A query on its way through the store.
struct Scan {
    table: Rc<Table>,
    query: Rc<Query>,
    want: Want,
    access: Access,
    ranges: std::vec::IntoIter<Range>,
    place: Place,
    page: usize,
    found: Found,
    then: Then,
}

/// Finds what answers a query, in its order.
pub(super) fn select(tx: &Tx, table: Rc<Table>, query: Rc<Query>, want: Want, then: Then) -> Outcome {
    let store = tx.store(&table.name)?;
    if want == Want::Count && query.conditions.is_empty() {
        let requests = vec![store.count(&JsValue::NULL)?, store.index(&name(GONE))?.count(&JsValue::NULL)?];
        let all = move |tx: &Tx, counts: Vec<JsValue>| then(tx, vec![(number(&counts[0]) - number(&counts[1])).into()]);
        return tx.ask(requests, Box::new(all));
    }
    let access = choose(&query, &table.indexes);
    let place = place(&store, &table, &access)?;
    if want == Want::Count && access.index.is_some() && access.is_exact() && !access.repeats {
        let counts = access.ranges.iter().map(|keys| Ok(place.count(&query_of(keys)?)?));
        let sum = move |tx: &Tx, counts: Vec<JsValue>| then(tx, vec![counts.iter().map(number).sum::<f64>().into()]);
        return tx.ask(counts.try_listed::<_, Fault>()?, Box::new(sum));
    }
    scan(tx, table, query, want, access, place, then)
}

fn number(value: &JsValue) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

fn place(store: &Place, table: &Table, access: &Access) -> Result<Place, Fault> {
    Ok(match access.index {
        Some(at) => store.index(&name(&table.indexes[at].name))?,
        None => store.clone(),
    })
}

fn scan(
    tx: &Tx,
    table: Rc<Table>,
    query: Rc<Query>,
    want: Want,
    mut access: Access,
    place: Place,
    then: Then,
) -> Outcome {
    let found = match want {
        Want::Count => Found::Counted(0, Set::new()),
        _ if access.ordered => Found::Listed(Vec::new()),
        _ => Found::Gathered(Gather::new(&query)),
    };
    let mut ranges = core::mem::take(&mut access.ranges);
    let (mut page, mut backwards) = (PAGE, false);
    if matches!(found, Found::Listed(_)) {
        backwards = query.descending && query.limit.is_some();
        if access.is_exact() && !backwards {
            page = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
        }
    }
    if backwards {
        ranges.reverse();
    }
    let scan = Scan { table, query, want, access, ranges: ranges.into_iter(), place, page, found, then };
    Box::new(scan).next(tx, backwards)
}

impl Scan {
    fn next(mut self: Box<Self>, tx: &Tx, backwards: bool) -> Outcome {
        match self.ranges.next() {
            None => self.finish(tx),
            Some(keys) if backwards => self.from_end(tx, &keys),
            Some(keys) if self.access.repeats && keys.lower != keys.upper => self.each_once(tx, &keys),
            Some(keys) => self.page(tx, keys),
        }
    }

    fn finish(self, tx: &Tx) -> Outcome {
        let Self { table, query, want, access, found, then, .. } = self;
        let mut found = match found {
            Found::Counted(count, _) => return then(tx, vec![count.into()]),
            Found::Gathered(gather) => return then(tx, gather.finish()),
            Found::Listed(found) => found,
        };
        if access.partial && query.limit != Some(found.len()) {
            let (place, all) = (tx.store(&table.name)?, Access { ordered: false, ..Access::scan(&query) });
            return scan(tx, table, query, want, all, place, then);
        }
        if query.limit.is_none() {
            if found.len() > MAX_ROWS {
                return Err(too_large().into());
            }
            if query.descending {
                found.reverse();
            }
        }
        then(tx, found)
    }

    /// Takes a record up when it meets the conditions that are left; says whether there is need of more.
    fn visit(&mut self, record: JsValue) -> Result<bool, Fault> {
        let doc = document(&record);
        if doc.is_undefined() {
            return Ok(true);
        }
        let doc = JsDoc(doc);
        if !self.access.residual.iter().all(|at| self.query.conditions[*at].holds(&doc)) {
            return Ok(true);
        }
        match &mut self.found {
            Found::Counted(count, seen) => {
                let again = self.access.repeats && !seen.insert(JsDoc(record).text_of("id").unwrap_or_default());
                *count += u32::from(!again);
            }
            Found::Listed(found) => {
                let enough = self.query.limit.unwrap_or(MAX_ROWS + 1);
                if found.len() < enough {
                    found.push(if self.want == Want::Documents { doc.0 } else { record });
                }
                return Ok(found.len() < enough);
            }
            Found::Gathered(gather) => {
                let id = JsDoc(record.clone()).text_of("id").unwrap_or_default();
                let standing = Standing::of(&self.query, id, &doc);
                gather.push(standing, if self.want == Want::Documents { doc.0 } else { record })?;
            }
        }
        Ok(true)
    }

    /// Visits all of these; says whether there is need of more.
    fn visit_all(&mut self, records: impl IntoIterator<Item = JsValue>) -> Result<bool, Fault> {
        for record in records {
            if !self.visit(record)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Visits the rows of a range in order, page by page.
    fn page(mut self: Box<Self>, tx: &Tx, keys: Range) -> Outcome {
        let request = self.place.get_all(&query_of(&keys)?, self.page as u32)?;
        let then = move |tx: &Tx, mut answers: Vec<JsValue>| {
            let records: Array = answers.pop().unwrap_or_default().unchecked_into();
            if !self.visit_all(records.iter())? {
                return self.finish(tx);
            }
            if (records.length() as usize) < self.page {
                return self.next(tx, false);
            }
            self.complete(tx, keys, &records)
        };
        tx.ask(vec![request], Box::new(then))
    }

    /// Visits the rows under the last key of a full page that the page had no room for, then the next page.
    fn complete(self: Box<Self>, tx: &Tx, mut keys: Range, records: &Array) -> Outcome {
        let record = |back: u32| records.get(records.length() - 1 - back);
        let last = self.key_of(&keys, record(0))?;
        let mut seen = 0;
        if self.access.index.is_some() {
            while seen < records.length() && self.key_of(&keys, record(seen))? == last {
                seen += 1;
            }
        }
        let of_last = value_of(&last);
        keys.lower = Some((last, true));
        let after = (!keys.is_empty()).then_some(keys);
        if self.access.index.is_none() {
            return self.by_ids(tx, Vec::new().into_iter(), after);
        }
        let request = keys_at(&self.place, &of_last)?;
        let then = move |tx: &Tx, mut answers: Vec<JsValue>| {
            let ids = listed(answers.pop().unwrap_or_default())?;
            let rest: Vec<JsValue> = ids.iter().skip(seen as usize).listed();
            self.by_ids(tx, rest.into_iter(), after)
        };
        tx.ask(vec![request], Box::new(then))
    }

    /// The key under which this place holds a record it gave for a range.
    fn key_of(&self, keys: &Range, record: JsValue) -> Result<Key, Fault> {
        let record = JsDoc(record);
        let key = match (self.index(), &keys.lower, &keys.upper) {
            (None, ..) => record.get("id").and_then(|id| Key::of(&id)),
            (_, Some((lower, false)), Some((upper, false))) if lower == upper => Some(lower.clone()),
            (Some(index), ..) => record.get("doc").and_then(|doc| index_keys(&doc, index).pop()),
        };
        key.ok_or_else(|| Fault::new(Code::IntegrityFailed, "a row does not have the key it was found by"))
    }

    fn index(&self) -> Option<&IndexDef> {
        self.access.index.map(|at| &self.table.indexes[at])
    }

    /// Visits the rows of these ids a page at a time; then what comes after them in the range, or the next range.
    fn by_ids(mut self: Box<Self>, tx: &Tx, mut ids: std::vec::IntoIter<JsValue>, after: Option<Range>) -> Outcome {
        if ids.len() == 0 {
            return match after {
                Some(keys) => self.page(tx, keys),
                None => self.next(tx, false),
            };
        }
        let store = tx.store(&self.table.name)?;
        let gets = ids.by_ref().take(PAGE).map(|id| Ok(store.get(&id)?)).try_listed::<_, Fault>()?;
        let then = move |tx: &Tx, records: Vec<JsValue>| {
            if self.visit_all(records)? {
                return self.by_ids(tx, ids, after);
            }
            self.finish(tx)
        };
        tx.ask(gets, Box::new(then))
    }

    /// Visits the rows of a range of an index with several keys for a row, each once.
    fn each_once(self: Box<Self>, tx: &Tx, keys: &Range) -> Outcome {
        let request = self.place.get_all_keys(&query_of(keys)?, MAX_KEYS)?;
        let then = move |tx: &Tx, mut answers: Vec<JsValue>| {
            let ids = listed(answers.pop().unwrap_or_default())?;
            let mut ids: Vec<String> = ids.iter().filter_map(|id| id.as_string()).listed();
            sort_by(&mut ids, Ord::cmp);
            ids.dedup();
            let ids: Vec<JsValue> = ids.iter().map(|id| JsValue::from_str(id)).listed();
            self.by_ids(tx, ids.into_iter(), None)
        };
        tx.ask(vec![request], Box::new(then))
    }

    /// Visits the rows of a range from its end: at once where the host can, otherwise one by one.
    fn from_end(mut self: Box<Self>, tx: &Tx, keys: &Range) -> Outcome {
        let (keys, enough) = (query_of(keys)?, self.query.limit.unwrap_or(PAGE));
        let bulk = self.access.is_exact() && enough <= PAGE && self.access.index.is_some();
        let Some(request) = bulk.then(|| last_records(&self.place, &keys, enough as u32)).flatten() else {
            let request = self.place.open_cursor(&keys, &name("prev"))?;
            return self.step(tx, request);
        };
        let then = move |tx: &Tx, mut answers: Vec<JsValue>| {
            let records: Array = answers.pop().unwrap_or_default().unchecked_into();
            let value = |record: JsValue| Reflect::get(&record, &name("value")).unwrap_or_default();
            if self.visit_all(records.iter().map(value))? {
                return self.next(tx, true);
            }
            self.finish(tx)
        };
        tx.ask(vec![request?], Box::new(then))
    }

    fn step(mut self: Box<Self>, tx: &Tx, request: IdbRequest) -> Outcome {
        let same = request.clone();
        let then = move |tx: &Tx, mut answers: Vec<JsValue>| {
            let Ok(cursor) = answers.pop().unwrap_or_default().dyn_into::<IdbCursorWithValue>() else {
                return self.next(tx, true);
            };
            if !self.visit(cursor.value()?)? {
                return self.finish(tx);
            }
            cursor.continue_()?;
            self.step(tx, same)
        };
        tx.ask(vec![request], Box::new(then))
    }
}

/// A list of keys, unless it may have been cut off.
fn listed(keys: JsValue) -> Result<Array, Fault> {
    let keys: Array = keys.unchecked_into();
    check_count(keys.length())?;
    Ok(keys)
}
