//! Runs a plan: one transaction, rounds of reads, the writes, `complete`.
//!
//! All reads of a round go out together; the plan is asked in the very event that answers the last of them, and its
//! writes go out there. A guess that the store refuses left nothing behind; the plan is asked once more, in a transaction
//! of its own. The plan decides, the rows decide; nothing here does.

use super::connection::{Attempt, Connection};
use super::fault::Fault;
use super::fetch;
use super::range::between;
use super::reserve;
use super::schema::{AUDIT, CONFLICTS, GONE_FIELD, IDS, META, PENDING, SETTINGS};
use super::tx::{Mode, Outcome, Tx};
use super::{Done, Tables};
use crate::engine::store::{MetaKey, Rows, Scope, Step, Write};
use crate::model::{sort_by, Code, DocKey, Document, Failure, Record, Row, Seq};
use crate::shell::document::JsDoc;
use core::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::JsValue;

/// How many rounds of reads a plan may ask for before it counts as endless.
const MAX_ROUNDS: usize = 64;

/// A plan without its report: the report stays with the caller.
pub(super) type Ask = Box<dyn FnMut(&Rows<JsDoc>) -> Step<JsDoc, ()>>;

/// A plan on its way, through all its attempts.
struct Run {
    tables: Tables,
    ask: RefCell<Ask>,
    witness: RefCell<Option<Witness>>,
    /// Whether the plan has guessed, and whether that was refused.
    guessed: Cell<bool>,
    refused: Cell<bool>,
    /// Whether it may have the reserve, which happens once.
    spends: Cell<bool>,
}

/// What proves that a commit whose end was not seen has taken place: a new row of the outbox, or the mark that names a
/// write which took no place there.
struct Witness {
    store: &'static str,
    key: JsValue,
    field: &'static str,
    value: String,
}

impl Witness {
    fn of(write: &Write<JsDoc>) -> Option<Self> {
        match write {
            Write::AddPending(row) => {
                let key = JsValue::from_f64(row.seq as f64);
                Some(Self { store: PENDING, key, field: "mutationId", value: row.mutation_id.as_ref().into() })
            }
            Write::PutMeta(MetaKey::Mark, mark) => {
                let key = JsValue::from_str(&MetaKey::Mark.name());
                Some(Self { store: META, key, field: "by", value: mark.text_of("by")? })
            }
            _ => None,
        }
    }
}

/// Runs a plan of this scope; one that `spends` is run once more, on the reserve, where there is no space for it.
pub(super) fn run(
    connection: &Rc<Connection>,
    tables: &Tables,
    (scope, spends): (Scope, bool),
    ask: Ask,
    done: Done<JsValue>,
) {
    let mut stores: Vec<Rc<str>> = [PENDING, META, IDS, CONFLICTS, SETTINGS, AUDIT].map(Rc::from).into();
    stores.extend(scope.collections);
    let mode = match (scope.writes, scope.strict && connection.is_strict()) {
        (false, _) => Mode::Read,
        (true, false) => Mode::Relaxed,
        (true, true) => Mode::Strict,
    };
    let run = Rc::new(Run {
        tables: tables.clone(),
        ask: RefCell::new(ask),
        witness: RefCell::default(),
        guessed: Cell::default(),
        refused: Cell::default(),
        spends: Cell::new(spends),
    });
    run.attempt(connection, stores, mode, done);
}

impl Run {
    /// Makes the transaction, and another when its guess is refused.
    fn attempt(self: Rc<Self>, connection: &Rc<Connection>, stores: Vec<Rc<str>>, mode: Mode, done: Done<JsValue>) {
        let (run, again, scope) = (self.clone(), connection.clone(), stores.clone());
        let ended = move |end: Result<JsValue, Failure>| match end {
            Err(failure) if run.is_refused(&failure) => run.attempt(&again, scope, mode, done),
            Err(failure) if failure.code == Code::QuotaExceeded && run.spends.take() => {
                run.witness.take();
                let (next, meta) = (again.clone(), vec![META.into()]);
                let spent = Box::new(move |_| run.attempt(&next, scope, mode, done));
                again.attempt(Attempt::new(meta, Mode::Relaxed, Rc::new(reserve::spend), spent));
            }
            end => done(end),
        };
        connection.attempt(Attempt::new(stores, mode, Rc::new(move |tx| self.start(tx)), Box::new(ended)));
    }

    /// Whether a failure is the refusal of a guess, which happens once; its transaction was taken back.
    fn is_refused(&self, failure: &Failure) -> bool {
        let refuses = matches!(failure.code, Code::UniqueViolation | Code::TxAborted);
        let refused = refuses && self.guessed.take() && !self.refused.replace(true);
        if refused {
            self.witness.take();
        }
        refused
    }

    /// One attempt; the first thing is to see whether an earlier one was committed after all.
    fn start(self: &Rc<Self>, tx: &Tx) -> Outcome {
        let Some(Witness { store, key, field, value }) = self.witness.take() else {
            return self.decide(tx, Rows::new(self.refused.get()), 0);
        };
        let run = self.clone();
        let then = move |tx: &Tx, mut found: Vec<JsValue>| {
            let row = found.pop().and_then(JsDoc::some);
            if row.and_then(|row| row.text_of(field)).is_some_and(|found| found == value) {
                return tx.finish(JsValue::UNDEFINED);
            }
            run.decide(tx, Rows::new(run.refused.get()), 0)
        };
        tx.ask(vec![tx.store(store)?.get(&key)?], Box::new(then))
    }

    /// Asks the plan until it names its writes.
    fn decide(self: &Rc<Self>, tx: &Tx, rows: Rows<JsDoc>, round: usize) -> Outcome {
        if round == MAX_ROUNDS {
            return Err(Fault::new(Code::TxAborted, "a plan kept asking for rows"));
        }
        let step = (self.ask.borrow_mut())(&rows);
        match step {
            Step::Need(reads) => {
                let run = self.clone();
                fetch::round(tx, &self.tables, rows, reads, Box::new(move |tx, rows| run.decide(tx, rows, round + 1)))
            }
            Step::Done(writes, ()) => self.issue(tx, writes),
            Step::Guess(writes, ()) => {
                self.guessed.set(true);
                self.issue(tx, writes)
            }
        }
    }

    /// Sends the writes out, and commits when there are any.
    fn issue(&self, tx: &Tx, writes: Vec<Write<JsDoc>>) -> Outcome {
        if writes.is_empty() {
            return tx.finish(JsValue::UNDEFINED);
        }
        let witness = writes.iter().find_map(Witness::of);
        let mut gone = Vec::new();
        for write in writes {
            match write {
                Write::DeletePending(seq) => gone.push(seq),
                write => self::write(tx, write)?,
            }
        }
        delete(tx, &mut gone)?;
        self.witness.replace(witness);
        tx.commit()
    }
}

/// Removes rows of the outbox; those whose places follow each other go in one request. No plan writes a row that it
/// removes.
fn delete(tx: &Tx, gone: &mut [Seq]) -> Outcome {
    sort_by(gone, Ord::cmp);
    let number = |seq: Seq| JsValue::from_f64(seq as f64);
    for run in gone.chunk_by(|place, next| place + 1 == *next) {
        if let [first, .., last] = run {
            tx.store(PENDING)?.delete(&between(&number(*first), &number(*last))?)?;
        } else {
            tx.store(PENDING)?.delete(&number(run[0]))?;
        }
    }
    Ok(())
}

fn write(tx: &Tx, write: Write<JsDoc>) -> Outcome {
    const IN_LINE: JsValue = JsValue::UNDEFINED;
    match write {
        Write::PutMain(collection, row) => tx.store(&collection)?.put(&record(&row), &IN_LINE),
        Write::AddMain(collection, row) => tx.store(&collection)?.add(&record(&row), &IN_LINE),
        Write::DeleteMain(key) => tx.store(&key.collection)?.delete(&JsValue::from_str(&key.id)),
        Write::AddPending(row) => tx.store(PENDING)?.add(&row.to_record().0, &IN_LINE),
        Write::PutPending(row) => tx.store(PENDING)?.put(&row.to_record().0, &IN_LINE),
        Write::DeletePending(_) => return Ok(()),
        Write::PutMeta(key, value) => tx.store(META)?.put(&value.0, &JsValue::from_str(&key.name())),
        Write::PutAlias(key, id) => tx.store(IDS)?.put(&JsValue::from_str(&id), &alias_key(&key)),
        Write::PutAudit(entry) => tx.store(AUDIT)?.put(&Record::<JsDoc>::to_record(&*entry).0, &IN_LINE),
        Write::PutConflict(conflict) => tx.store(CONFLICTS)?.put(&conflict.to_record().0, &IN_LINE),
        Write::DeleteConflict(id) => tx.store(CONFLICTS)?.delete(&JsValue::from_str(&id)),
        Write::Setting(key, Some(value)) => tx.store(SETTINGS)?.put(&value.0, &JsValue::from_str(&key)),
        Write::Setting(key, None) => tx.store(SETTINGS)?.delete(&JsValue::from_str(&key)),
    }?;
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
