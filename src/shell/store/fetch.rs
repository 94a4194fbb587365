//! Answers a plan's reads inside its transaction.
//!
//! A round is one wave of requests. Two kinds of read need lists of keys before it: many rows by id, of which most may
//! not exist (one bounded list tells which), and rows that refer to an id, of which there may be more than a page. Many
//! rows that stand side by side come in one request; what such a span did not bring the plan asks for again.

use super::fault::Fault;
use super::host::Place;
use super::range::{after_key, between};
use super::run::alias_key;
use super::schema::{CONFLICTS, IDS, META, PENDING};
use super::select::{select, Want};
use super::tx::{Outcome, Tx};
use super::{Table, Tables};
use crate::engine::store::{Asked, Found, Read, Rows};
use crate::model::{sort_by, Code, Collection, DocKey, Failure, Listed as _, Pending, Record, Row, Seq};
use crate::shell::document::JsDoc;
use crate::shell::names::name;
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
/// From so many rows of the outbox on, a plan's first round reads as many from the first of them on: mostly it is they.
const SOME: usize = 8;
/// The page of a wish whose rows are read as if each had been asked for by itself.
const SPAN: usize = usize::MAX;

/// What follows a round.
pub(super) type WithRows = Box<dyn FnOnce(&Tx, Rows<JsDoc>) -> Outcome>;

/// A request and the read it is for; `page` when its row is one of several that a read found.
struct Wish {
    read: Read,
    page: Option<usize>,
}

/// A round on its way: what is known, and what is still to be asked.
struct Round {
    tables: Tables,
    rows: Rows<JsDoc>,
    wishes: Vec<Wish>,
    pages: Vec<(Read, Vec<Row<JsDoc>>)>,
    queries: Vec<Asked>,
    then: WithRows,
}

/// Reads all of `reads` and keeps what was found; the `first` round of a plan leaves out what it does not find at once.
pub(super) fn round(
    tx: &Tx,
    tables: &Tables,
    rows: Rows<JsDoc>,
    first: bool,
    mut reads: Vec<Read>,
    then: WithRows,
) -> Outcome {
    let span = if first { span(&mut reads) } else { None };
    let crowds = crowded(&reads);
    let mut lists = crowds.iter().map(|crowd| list(tx, crowd, &reads)).try_listed()?;
    for read in reads.iter().filter(|read| matches!(read, Read::Referring { .. })) {
        lists.push(request(tx, read)?);
    }
    let (wishes, pages, queries) = (span.into_iter().listed(), Vec::new(), Vec::new());
    let round = Box::new(Round { tables: tables.clone(), rows, wishes, pages, queries, then });
    tx.ask(lists, Box::new(move |tx, lists| round.listed(tx, &crowds, reads, lists)))
}

/// Puts one request for as many rows of the outbox into the place of many for single ones.
fn span(reads: &mut Vec<Read>) -> Option<Wish> {
    let place = |read: &Read| if let Read::Pending(seq) = read { Some(*seq) } else { None };
    let limit = reads.iter().filter_map(place).count();
    let first = reads.iter().filter_map(place).min().filter(|_| (SOME..=PAGE).contains(&limit))?;
    reads.retain(|read| place(read).is_none());
    Some(Wish { read: Read::PendingPage { after: first.saturating_sub(1), limit }, page: Some(SPAN) })
}

impl Round {
    /// Strikes out what the lists show to be absent, and takes up what they show to be there.
    fn listed(mut self: Box<Self>, tx: &Tx, crowds: &[Collection], reads: Vec<Read>, lists: Vec<JsValue>) -> Outcome {
        let mut lists = lists.into_iter().map(JsCast::unchecked_into::<Array>);
        let crowds: Vec<(&Collection, Listed)> =
            crowds.iter().zip(&mut lists).map(|(crowd, keys)| (crowd, Listed::new(&keys, crowd, &reads))).listed();
        for read in reads.iter().cloned() {
            match &read {
                Read::Main(key)
                    if crowds.iter().any(|(crowd, listed)| **crowd == key.collection && listed.lacks(&key.id)) =>
                {
                    self.rows.keep(read, Found::Main(None));
                }
                Read::Referring { collection, .. } => {
                    let keys = lists.next().unwrap_or_default();
                    check_count(keys.length())?;
                    let page = Some(self.pages.len());
                    let ids = keys.iter().filter_map(|id| id.as_string());
                    let wish = |id: String| Wish { read: Read::Main(DocKey::new(collection, &id)), page };
                    self.wishes.extend(ids.map(wish));
                    self.pages.push((read, Vec::new()));
                }
                Read::Query(asked) => self.queries.push(asked.clone()),
                _ => self.wishes.push(Wish { read, page: None }),
            }
        }
        self.wave(tx)
    }

    /// Sends out as many requests as a page has; without any left, the round is over.
    fn wave(mut self: Box<Self>, tx: &Tx) -> Outcome {
        if self.wishes.is_empty() {
            if let Some(asked) = self.queries.pop() {
                return self.query(tx, asked);
            }
            let pages = core::mem::take(&mut self.pages);
            pages.into_iter().for_each(|(read, rows)| self.rows.keep(read, Found::MainRows(rows)));
            return (self.then)(tx, self.rows);
        }
        let rest = self.wishes.split_off(self.wishes.len().min(PAGE));
        let wishes = core::mem::replace(&mut self.wishes, rest);
        let requests = wishes.iter().map(|wish| request(tx, &wish.read)).try_listed()?;
        let then = move |tx: &Tx, results: Vec<JsValue>| {
            for (Wish { read, page }, result) in wishes.into_iter().zip(results) {
                match page {
                    Some(SPAN) => {
                        for row in all::<Pending<JsDoc>>(result)? {
                            self.rows.keep(Read::Pending(row.seq), Found::Pending(Some(row)));
                        }
                    }
                    Some(page) => self.pages[page].1.extend(one(result)?),
                    None => {
                        let found = found(&read, result)?;
                        self.rows.keep(read, found);
                    }
                }
            }
            self.wave(tx)
        };
        tx.ask(requests, Box::new(then))
    }

    /// Answers a query, which takes requests of its own; then what is left.
    fn query(mut self: Box<Self>, tx: &Tx, asked: Asked) -> Outcome {
        let none = || Rc::new(Table { name: asked.collection.clone(), indexes: Vec::new(), references: Vec::new() });
        let table = self.tables.iter().find(|table| table.name == asked.collection).cloned().unwrap_or_else(none);
        let then = {
            let asked = asked.clone();
            move |tx: &Tx, records: Vec<JsValue>| {
                let rows = records.into_iter().map(parse).try_listed()?;
                self.rows.keep(Read::Query(asked), Found::MainRows(rows));
                self.wave(tx)
            }
        };
        select(tx, table, asked.query, Want::Records, Box::new(then))
    }
}

fn request(tx: &Tx, read: &Read) -> Result<IdbRequest, Fault> {
    let number = |seq: Seq| JsValue::from_f64(seq as f64);
    Ok(match read {
        Read::Main(key) => tx.store(&key.collection)?.get(&JsValue::from_str(&key.id))?,
        Read::Pending(seq) => tx.store(PENDING)?.get(&number(*seq))?,
        Read::Meta(key) => tx.store(META)?.get(&JsValue::from_str(&key.name()))?,
        Read::Alias(key) => tx.store(IDS)?.get(&alias_key(key))?,
        Read::Conflict(id) => tx.store(CONFLICTS)?.get(&JsValue::from_str(id))?,
        Read::Referring { collection, field, id } => {
            keys_at(&tx.store(collection)?.index(&name(field))?, &JsValue::from_str(id))?
        }
        Read::MainPage { collection, after, limit } => {
            let after = after.as_ref().map(|id| after_key(&JsValue::from_str(id))).transpose()?;
            tx.store(collection)?.get_all(&after.unwrap_or_default(), *limit as u32)?
        }
        Read::LastPending | Read::Query(_) => last_key(tx, PENDING)?,
        Read::PendingPage { after, limit } => {
            tx.store(PENDING)?.get_all(&after_key(&number(*after))?, *limit as u32)?
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
    Ok(tx.store(store)?.open_key_cursor(&JsValue::NULL, &name("prev"))?)
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
    result.unchecked_into::<Array>().iter().map(parse).try_listed()
}

/// Asks for the ids of all rows that an index holds under one key.
pub(super) fn keys_at(index: &Place, key: &JsValue) -> Result<IdbRequest, Fault> {
    Ok(index.get_all_keys(key, MAX_KEYS)?)
}

/// Refuses a list of keys that may have been cut off.
pub(super) fn check_count(count: u32) -> Outcome {
    if count < MAX_KEYS {
        return Ok(());
    }
    Err(Fault::new(Code::QueryTooLarge, "more rows than can be listed have one index key"))
}

/// The keys that a bounded list has shown, and how far it went.
struct Listed {
    present: Vec<String>,
    seen_to: Option<String>,
}

/// The ids that are wanted of a collection, in the store's order.
fn wanted<'r>(reads: &'r [Read], crowd: &Collection) -> Vec<&'r str> {
    let id = |read: &'r Read| match read {
        Read::Main(key) if key.collection == *crowd => Some(&*key.id),
        _ => None,
    };
    let mut ids: Vec<&str> = reads.iter().filter_map(id).listed();
    sort_by(&mut ids, |left, right| left.encode_utf16().cmp(right.encode_utf16()));
    ids
}

/// How many keys are listed for so many ids.
fn most(ids: usize) -> u32 {
    (ids * 2 + 1) as u32
}

/// Asks for the keys between the first and the last of the ids that are wanted of a collection.
fn list(tx: &Tx, crowd: &Collection, reads: &[Read]) -> Result<IdbRequest, Fault> {
    let ids = wanted(reads, crowd);
    let (first, last) = (JsValue::from_str(ids[0]), JsValue::from_str(ids[ids.len() - 1]));
    Ok(tx.store(crowd)?.get_all_keys(&between(&first, &last)?, most(ids.len()))?)
}

impl Listed {
    fn new(keys: &Array, crowd: &Collection, reads: &[Read]) -> Self {
        let mut present: Vec<String> = keys.iter().filter_map(|key| key.as_string()).listed();
        let is_cut = keys.length() == most(wanted(reads, crowd).len());
        let seen_to = present.last().filter(|_| is_cut).cloned();
        sort_by(&mut present, Ord::cmp);
        Self { present, seen_to }
    }

    fn lacks(&self, id: &str) -> bool {
        let within = self.seen_to.as_ref().is_none_or(|end| id.encode_utf16().le(end.encode_utf16()));
        within && self.present.binary_search_by(|known| (**known).cmp(id)).is_err()
    }
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
    counts.into_iter().filter(|(_, count)| *count > MANY).map(|(collection, _)| collection).listed()
}
