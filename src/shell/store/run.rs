//! Runs a plan: one transaction, rounds of reads, the writes, `complete`.
//!
//! All reads of a round go out together; the plan is asked in the very event that answers the last of them, and its
//! writes go out there. A guess that the store refuses left nothing behind; the plan is asked once more, in a transaction
//! of its own. The plan decides, the rows decide; nothing here does.

use super::connection::{Attempt, Connection};
use super::fault::Fault;
use super::fetch;
use super::host::Place;
use super::range::between;
use super::reserve;
use super::schema::{AUDIT, CONFLICTS, GONE_FIELD, IDS, META, PENDING, SETTINGS};
use super::tx::{Mode, Outcome, Tx};
use super::{Done, Tables};
use crate::engine::store::{MetaKey, Read, Rows, Scope, Step, Write};
use crate::model::{sort_by, Code, Collection, DocKey, Document, Failure, Listed, Record, Row, Seq};
use crate::shell::document::JsDoc;
use core::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::JsValue;
use web_sys::IdbRequest;

/// How many rounds of reads a plan may ask for before it counts as endless.
const MAX_ROUNDS: usize = 64;

/// A plan without its report: the report stays with the caller.
pub(super) type Ask = Box<dyn FnMut(&Rows<JsDoc>) -> Step<JsDoc, ()>>;

/// So many writes are made ready before their transaction begins: the browser then hears of it in one go. It works on the
/// first of many while the others are made.
const AHEAD: usize = 8;

/// A plan on its way, through all its attempts.
struct Run {
    tables: Tables,
    ask: RefCell<Ask>,
    /// What the plan said before its transaction began.
    first: RefCell<Option<Next>>,
    witness: RefCell<Option<Witness>>,
    /// Whether the plan has guessed, and whether that was refused.
    guessed: Cell<bool>,
    refused: Cell<bool>,
    /// Whether it may have the reserve, which happens once.
    spends: Cell<bool>,
}

/// What proves that a commit whose end was not seen has taken place: a new row of the outbox, or the mark that names a
/// write which took no place there.
#[derive(Clone)]
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

/// What a plan wants next.
enum Next {
    Read(Vec<Read>),
    Write { ready: Vec<Ready>, rest: Vec<Write<JsDoc>>, witness: Option<Witness> },
}

/// A write as the browser gets it.
struct Ready {
    store: Rc<str>,
    how: fn(&Place, &JsValue, &JsValue) -> Result<IdbRequest, JsValue>,
    value: JsValue,
    key: JsValue,
}

/// Runs a plan of this scope; one that `spends` is run once more, on the reserve, where there is no space for it.
pub(super) fn run(
    connection: &Rc<Connection>,
    tables: &Tables,
    (scope, spends): (Scope, bool),
    ask: Ask,
    done: Done<JsValue>,
) {
    let mode = match (scope.writes, scope.strict && connection.is_strict()) {
        (false, _) => Mode::Read,
        (true, false) => Mode::Relaxed,
        (true, true) => Mode::Strict,
    };
    let run = Rc::new(Run {
        tables: tables.clone(),
        ask: RefCell::new(ask),
        first: RefCell::default(),
        witness: RefCell::default(),
        guessed: Cell::default(),
        refused: Cell::default(),
        spends: Cell::new(spends),
    });
    let first = run.next(&Rows::new(false));
    let stores = match &first {
        Next::Write { ready, rest, .. } if rest.is_empty() && !ready.is_empty() => scope_of(ready),
        _ => whole(&scope.collections),
    };
    run.first.replace(Some(first));
    run.attempt(connection, stores, scope.collections, mode, done);
}

/// All stores that a plan may read and write.
fn whole(collections: &[Collection]) -> Vec<Rc<str>> {
    let own = [PENDING, META, IDS, CONFLICTS, SETTINGS, AUDIT].map(Rc::from);
    own.into_iter().chain(collections.iter().cloned()).listed()
}

/// The stores of a plan that reads nothing: where it writes, which is also where it is seen to have written.
fn scope_of(ready: &[Ready]) -> Vec<Rc<str>> {
    let mut stores: Vec<Rc<str>> = Vec::with_capacity(ready.len());
    for Ready { store, .. } in ready {
        if !stores.contains(store) {
            stores.push(store.clone());
        }
    }
    stores
}

impl Run {
    /// Makes the transaction, and another of the whole scope when its guess is refused or it may have the reserve.
    fn attempt(
        self: Rc<Self>,
        connection: &Rc<Connection>,
        stores: Vec<Rc<str>>,
        scope: Vec<Collection>,
        mode: Mode,
        done: Done<JsValue>,
    ) {
        let (run, again) = (self.clone(), connection.clone());
        let ended = move |end: Result<JsValue, Failure>| match end {
            Err(failure) if run.is_refused(&failure) => run.attempt(&again, whole(&scope), scope, mode, done),
            Err(failure) if failure.code == Code::QuotaExceeded && run.spends.take() => {
                run.witness.take();
                let (next, meta) = (again.clone(), vec![META.into()]);
                let spent = Box::new(move |_| run.attempt(&next, whole(&scope), scope, mode, done));
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
        let Some(Witness { store, key, field, value }) = self.witness.borrow().clone() else {
            return self.decide(tx, Rows::new(self.refused.get()), 0);
        };
        // What ends this attempt before the answer is no refusal of a guess.
        self.guessed.take();
        let run = self.clone();
        let then = move |tx: &Tx, mut found: Vec<JsValue>| {
            let row = found.pop().and_then(JsDoc::some);
            if row.and_then(|row| row.text_of(field)).is_some_and(|found| found == value) {
                return tx.finish(JsValue::UNDEFINED);
            }
            run.witness.take();
            run.decide(tx, Rows::new(run.refused.get()), 0)
        };
        tx.ask(vec![tx.store(store)?.get(&key)?], Box::new(then))
    }

    /// Asks the plan until it names its writes.
    fn decide(self: &Rc<Self>, tx: &Tx, rows: Rows<JsDoc>, round: usize) -> Outcome {
        if round == MAX_ROUNDS {
            return Err(Fault::new(Code::TxAborted, "a plan kept asking for rows"));
        }
        let first = self.first.take();
        match first.unwrap_or_else(|| self.next(&rows)) {
            Next::Read(reads) => {
                let run = self.clone();
                let then = Box::new(move |tx: &Tx, rows| run.decide(tx, rows, round + 1));
                fetch::round(tx, &self.tables, rows, round == 0, reads, then)
            }
            Next::Write { ready, rest, witness } => self.issue(tx, ready, rest, witness),
        }
    }

    /// Asks the plan, and makes its first writes ready.
    fn next(&self, rows: &Rows<JsDoc>) -> Next {
        let step = (self.ask.borrow_mut())(rows);
        self.guessed.set(matches!(step, Step::Guess(..)));
        match step {
            Step::Need(reads) => Next::Read(reads),
            Step::Done(mut writes, ()) | Step::Guess(mut writes, ()) => {
                let witness = writes.iter().find_map(Witness::of);
                let first = writes.iter().take(AHEAD).take_while(|write| !matches!(write, Write::DeletePending(_)));
                let rest = writes.split_off(first.count());
                Next::Write { ready: writes.into_iter().map(ready).listed(), rest, witness }
            }
        }
    }

    /// Sends the writes out, and commits when there are any.
    fn issue(&self, tx: &Tx, first: Vec<Ready>, rest: Vec<Write<JsDoc>>, witness: Option<Witness>) -> Outcome {
        if first.is_empty() && rest.is_empty() {
            return tx.finish(JsValue::UNDEFINED);
        }
        first.into_iter().try_for_each(|ready| ready.send(tx))?;
        let mut gone = Vec::new();
        for write in rest {
            match write {
                Write::DeletePending(seq) => gone.push(seq),
                write => ready(write).send(tx)?,
            }
        }
        delete(tx, &mut gone)?;
        self.witness.replace(witness);
        tx.commit()
    }
}

impl Ready {
    fn send(self, tx: &Tx) -> Outcome {
        (self.how)(&tx.store(&self.store)?, &self.value, &self.key)?;
        Ok(())
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

fn ready(write: Write<JsDoc>) -> Ready {
    const IN_LINE: JsValue = JsValue::UNDEFINED;
    let at = |store: &str| Rc::from(store);
    let put = |store, value, key| Ready { store, how: Place::put, value, key };
    let add = |store, value| Ready { store, how: Place::add, value, key: IN_LINE };
    let delete = |store, key| Ready { store, how: |place, _, key| place.delete(key), value: IN_LINE, key };
    match write {
        Write::PutMain(collection, row) => put(collection, record(&row), IN_LINE),
        Write::AddMain(collection, row) => add(collection, record(&row)),
        Write::DeleteMain(key) => delete(key.collection, JsValue::from_str(&key.id)),
        Write::AddPending(row) => add(at(PENDING), row.to_record().0),
        Write::PutPending(row) => put(at(PENDING), row.to_record().0, IN_LINE),
        Write::DeletePending(seq) => delete(at(PENDING), JsValue::from_f64(seq as f64)),
        Write::PutMeta(key, value) => put(at(META), value.0, JsValue::from_str(&key.name())),
        Write::PutAlias(key, id) => put(at(IDS), JsValue::from_str(&id), alias_key(&key)),
        Write::PutAudit(entry) => put(at(AUDIT), Record::<JsDoc>::to_record(&*entry).0, IN_LINE),
        Write::PutConflict(conflict) => put(at(CONFLICTS), conflict.to_record().0, IN_LINE),
        Write::DeleteConflict(id) => delete(at(CONFLICTS), JsValue::from_str(&id)),
        Write::Setting(key, Some(value)) => put(at(SETTINGS), value.0, JsValue::from_str(&key)),
        Write::Setting(key, None) => delete(at(SETTINGS), JsValue::from_str(&key)),
    }
}

/// The stored form of a row; one without a document is marked, so that it can be counted out.
fn record(row: &Row<JsDoc>) -> JsValue {
    let record: JsDoc = row.to_record();
    match row.doc {
        Some(_) => record.0,
        None => record.marked(GONE_FIELD, JsDoc::number(1.0)).0,
    }
}

/// The key of a temporary id in `ids`.
pub(super) fn alias_key(key: &DocKey) -> JsValue {
    JsValue::from_str(&[&*key.collection, "/", &*key.id].concat())
}
