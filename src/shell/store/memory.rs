//! The store in memory: databases by name, shared by all handles of the page, kept until they are destroyed. Its handles
//! are told then, as those of IndexedDB are.
//!
//! Every document given out is the caller's own copy, as it would be out of IndexedDB.

use super::out::{self, Changes};
use super::read::{is_complete, mark_text, PendingQuery};
use super::{StoreEvent, Table, Told};
use crate::engine::disk::Disk;
use crate::engine::query::{disk_query, index_keys, IndexDef, Key, Query};
use crate::engine::store::{MetaKey, Plan};
use crate::model::{is_temporary, sort_by, AuditEntry, Code, DocKey, Failure, Listed, Map, Pending, Record, Row};
use crate::shell::document::JsDoc;
use core::cell::RefCell;
use js_sys::Array;
use std::rc::{Rc, Weak};
use wasm_bindgen::JsValue;

/// A database in memory.
pub(super) type Shared = Rc<RefCell<Disk<JsDoc>>>;

/// What hears of the end of a database: one for each open handle.
type Handles = Vec<Weak<dyn Fn(StoreEvent)>>;

/// A database, the random name of its life, and its handles.
type Life = (Shared, Rc<str>, Handles);

thread_local! {
    static DATABASES: RefCell<Map<String, Life>> = const { RefCell::new(Map::new()) };
}

/// The database of a name and the name of its life; made, and named by `entropy`, when there is none. `told` hears of its
/// end while somebody holds it.
pub(super) fn open(name: &str, entropy: &str, told: &Told) -> (Shared, Rc<str>) {
    DATABASES.with_borrow_mut(|all| {
        let made = || (Shared::default(), entropy.into(), Handles::new());
        let (disk, life, handles) = all.get_or_insert_with(name.into(), made);
        handles.retain(|handle| handle.strong_count() > 0);
        handles.push(Rc::downgrade(told));
        (disk.clone(), life.clone())
    })
}

/// The database of a name, when there is one.
pub(super) fn find(name: &str) -> Option<Shared> {
    DATABASES.with_borrow(|all| all.get(name).map(|(disk, ..)| disk.clone()))
}

/// Forgets a database, and closes its handles; says whether there was one.
pub(super) fn destroy(name: &str) -> bool {
    let former = DATABASES.with_borrow_mut(|all| all.remove(name));
    let former = former.inspect(|(disk, _, handles)| {
        drop(disk.take());
        handles.iter().filter_map(Weak::upgrade).for_each(|told| told(StoreEvent::Deleted));
    });
    former.is_some()
}

/// Runs a plan; unique indexes hold as they would in IndexedDB.
pub(super) fn run<R>(disk: &mut Disk<JsDoc>, tables: &[Rc<Table>], plan: &dyn Plan<JsDoc, R>) -> Result<R, Failure> {
    let (writes, report) = disk.decide(plan)?;
    let unique = |index: &&IndexDef| index.unique;
    if !tables.iter().flat_map(|table| &table.indexes).any(|index| unique(&index)) {
        disk.apply(writes)?;
        return Ok(report);
    }
    let mut after = disk.clone();
    after.apply(writes)?;
    for table in tables {
        if let Some(index) = table.indexes.iter().filter(unique).find(|index| is_violated(&after, &table.name, index)) {
            let message = ["another document has the same `", &*index.name, "`"].concat();
            return Err(Failure::new(Code::UniqueViolation, message));
        }
    }
    *disk = after;
    Ok(report)
}

fn is_violated(disk: &Disk<JsDoc>, collection: &str, index: &IndexDef) -> bool {
    let docs = disk.main_rows(collection).filter_map(|row| row.doc.as_ref());
    let mut keys: Vec<Key> = docs.flat_map(|doc| index_keys(doc, index)).listed();
    sort_by(&mut keys, Ord::cmp);
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

/// The row of an id or of its former temporary id.
fn row<'d>(disk: &'d Disk<JsDoc>, key: &DocKey) -> Option<&'d Row<JsDoc>> {
    disk.main(key).or_else(|| {
        let id = disk.alias(key).filter(|_| is_temporary(&key.id))?;
        disk.main(&DocKey::new(&key.collection, id))
    })
}

fn changes(disk: &Disk<JsDoc>, rows: &[Row<JsDoc>]) -> Changes {
    let seqs = rows.iter().flat_map(|row| row.lane.iter());
    seqs.filter_map(|seq| Some((*seq, disk.pending(*seq)?.clone()))).collect()
}

pub(super) fn get(disk: &Disk<JsDoc>, key: &DocKey) -> JsValue {
    row(disk, key).and_then(|row| row.doc.as_ref()).map_or(JsValue::UNDEFINED, |doc| doc.deep_copy().0)
}

pub(super) fn query(disk: &Disk<JsDoc>, table: &Table, query: &Query) -> Result<JsValue, Failure> {
    let rows = disk_query(disk, &table.name, query, &table.indexes)?;
    Ok(rows.iter().filter_map(|row| Some(row.doc.as_ref()?.deep_copy().0)).collect::<Array>().into())
}

pub(super) fn rows(disk: &Disk<JsDoc>, table: &Table, query: &Query, pulled: bool) -> Result<JsValue, Failure> {
    let copy = |row: &Row<JsDoc>| Row { doc: row.doc.as_ref().map(JsDoc::deep_copy), ..row.clone() };
    let rows: Vec<Row<JsDoc>> = disk_query(disk, &table.name, query, &table.indexes)?.into_iter().map(copy).listed();
    let complete = !pulled || disk.meta(&MetaKey::Pull(table.name.clone()).name()).is_some_and(is_complete);
    let states = changes(disk, &rows).iter().map(|(seq, change)| (*seq, change.state)).collect();
    Ok(out::rows_object(&rows, &states, complete))
}

pub(super) fn meta(disk: &Disk<JsDoc>, key: &DocKey) -> JsValue {
    let meta = |row: &Row<JsDoc>| out::meta(row, &changes(disk, core::slice::from_ref(row))).0;
    row(disk, key).map_or(JsValue::UNDEFINED, meta)
}

pub(super) fn pending_list(disk: &Disk<JsDoc>, query: &PendingQuery) -> Vec<Pending<JsDoc>> {
    disk.pending_rows().filter(|row| query.takes(row)).take(query.limit).cloned().listed()
}

pub(super) fn conflicts(disk: &Disk<JsDoc>) -> JsValue {
    let copies = disk.conflicts().map(|conflict| Record::<JsDoc>::to_record(conflict).deep_copy().0);
    out::conflicts(copies.collect(), disk.meta(&MetaKey::Conflicts.name()).map(JsDoc::deep_copy))
}

pub(super) fn setting(disk: &Disk<JsDoc>, key: &str) -> JsValue {
    disk.setting(key).map_or(JsValue::UNDEFINED, |value| value.deep_copy().0)
}

pub(super) fn audit(disk: &Disk<JsDoc>) -> JsValue {
    let record = |entry: &AuditEntry| Record::<JsDoc>::to_record(entry).0;
    disk.audit().map(record).collect::<Array>().into()
}

pub(super) fn mark(disk: &Disk<JsDoc>) -> JsValue {
    let record = disk.meta(&MetaKey::Mark.name()).cloned();
    mark_text(disk.pending_rows().count(), &record.unwrap_or(JsDoc(JsValue::UNDEFINED)))
}
