//! Runs a plan: one transaction, rounds of reads, the writes, `complete`.
//!
//! All reads of a round go out together and are awaited by their last; writes go out without being awaited one by one.
//! The plan decides, the rows decide; nothing here does.

use super::fault::Fault;
use super::open::Handle;
use super::schema::{CONFLICTS, GONE_FIELD, IDS, META, PENDING, SETTINGS};
use super::tx::{Mode, Tx};
use super::{fetch, StoreConfig, Table};
use crate::engine::store::{Rows, Scope, Step, Write};
use crate::model::{Code, DocKey, Document, Record, Row, Seq};
use crate::shell::document::JsDoc;
use core::mem::take;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::IdbRequest;

/// How many rounds of reads a plan may ask for before it counts as endless.
const MAX_ROUNDS: usize = 64;

/// A plan without its report: the report stays with the caller.
pub(super) type Ask<'p> = &'p mut dyn FnMut(&Rows<JsDoc>) -> Step<JsDoc, ()>;

/// A row that proves that a commit whose end was not seen has taken place.
pub(super) type Witness = Option<(Seq, Rc<str>)>;

/// One attempt.
pub(super) async fn attempt(
    handle: &Handle,
    config: &StoreConfig,
    scope: &Scope,
    ask: Ask<'_>,
    witness: &mut Witness,
) -> Result<(), Fault> {
    let own = [PENDING, META, IDS, CONFLICTS, SETTINGS];
    let stores = own.into_iter().chain(scope.collections.iter().map(|collection| &**collection));
    let mode = match (scope.writes, scope.strict && config.strict) {
        (false, _) => Mode::Read,
        (true, false) => Mode::Relaxed,
        (true, true) => Mode::Strict,
    };
    let tx = Tx::begin(handle, stores, mode)?;
    if has_landed(&tx, witness).await? {
        tx.finish();
        return Ok(());
    }
    match decide(&tx, &config.tables, ask).await.and_then(|writes| issue(&tx, writes, witness)) {
        Ok(true) => tx.commit().await,
        Ok(false) => {
            tx.finish();
            Ok(())
        }
        // A request on a transaction that has just been aborted throws; the abort says why.
        Err(fault) => Err(tx.cause().unwrap_or(fault)),
    }
}

/// Asks the plan until it names its writes.
async fn decide(tx: &Tx, tables: &[Table], ask: Ask<'_>) -> Result<Vec<Write<JsDoc>>, Fault> {
    let mut rows = Rows::default();
    for _ in 0..MAX_ROUNDS {
        match ask(&rows) {
            Step::Need(reads) => fetch::round(tx, tables, &mut rows, reads).await?,
            Step::Done(writes, ()) => return Ok(writes),
        }
    }
    Err(Fault::new(Code::TxAborted, "a plan kept asking for rows"))
}

fn witness_of(writes: &[Write<JsDoc>]) -> Witness {
    writes.iter().find_map(|write| match write {
        Write::AddPending(row) => Some((row.seq, row.mutation_id.clone())),
        _ => None,
    })
}

/// Whether an earlier attempt of the same run was committed after all.
async fn has_landed(tx: &Tx, witness: &mut Witness) -> Result<bool, Fault> {
    let Some((seq, mutation_id)) = take(witness) else {
        return Ok(false);
    };
    let row = tx.answer(tx.store(PENDING)?.get(JsValue::from_f64(seq as f64))?).await?;
    Ok(JsDoc(row).text_of("mutationId").is_some_and(|found| found == *mutation_id))
}

/// Sends the writes out; says whether there are any.
fn issue(tx: &Tx, writes: Vec<Write<JsDoc>>, witness: &mut Witness) -> Result<bool, Fault> {
    let any = !writes.is_empty();
    let proof = witness_of(&writes);
    writes.into_iter().try_for_each(|write| self::write(tx, write))?;
    *witness = proof;
    Ok(any)
}

fn write(tx: &Tx, write: Write<JsDoc>) -> Result<(), Fault> {
    match write {
        Write::PutMain(collection, row) => drop(tx.store(&collection)?.put(&record(&row), None)?),
        Write::DeleteMain(key) => drop(tx.store(&key.collection)?.delete(JsValue::from_str(&key.id))?),
        Write::AddPending(row) => drop(tx.store(PENDING)?.add(&row.to_record().0, None)?),
        Write::PutPending(row) => drop(tx.store(PENDING)?.put(&row.to_record().0, None)?),
        Write::DeletePending(seq) => drop(tx.store(PENDING)?.delete(JsValue::from_f64(seq as f64))?),
        Write::PutMeta(key, value) => drop(tx.store(META)?.put(&value.0, Some(&key.name().into()))?),
        Write::PutAlias(key, id) => drop(tx.store(IDS)?.put(&JsValue::from_str(&id), Some(&alias_key(&key)))?),
        Write::PutConflict(conflict) => drop(tx.store(CONFLICTS)?.put(&conflict.to_record().0, None)?),
        Write::DeleteConflict(id) => drop(tx.store(CONFLICTS)?.delete(JsValue::from_str(&id))?),
        Write::Setting(key, Some(value)) => {
            drop(tx.store(SETTINGS)?.put(&value.0, Some(&JsValue::from_str(&key)))?);
        }
        Write::Setting(key, None) => drop(tx.store(SETTINGS)?.delete(JsValue::from_str(&key))?),
    }
    Ok(())
}

/// The stored form of a row; one without a document is marked, so that it can be counted out.
fn record(row: &Row<JsDoc>) -> JsValue {
    let record: JsDoc = row.to_record();
    match row.doc {
        Some(_) => record.0,
        None => record.with(&[(GONE_FIELD, Some(JsDoc::number(1.0)))]).0,
    }
}

/// The key of a temporary id in `ids`.
pub(super) fn alias_key(key: &DocKey) -> JsValue {
    JsValue::from_str(&[&*key.collection, "/", &*key.id].concat())
}

/// A request of the `idb` crate as the browser's own.
pub(super) fn raw(request: impl Into<JsValue>) -> IdbRequest {
    request.into().unchecked_into()
}
