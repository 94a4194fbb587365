//! One open database as the face holds it (`Client` in `js/binding.ts`).
//!
//! Commands go to the driver's mailbox, reads to the store. After `close` both refuse.

use super::shapes::{choice, pending_objects, pending_query};
use super::told::told;
use super::values::{hook, states, text};
use super::{config::store_config, crash};
use crate::engine::config::{Config, SyncConfig};
use crate::engine::input::{Command, Input, Wish, WriteOp};
use crate::engine::machine::Engine;
use crate::engine::plan::Expected;
use crate::engine::policy::rng::Rng;
use crate::model::{Code, DocKey, Document, Failure, Listed, Pending, PendingState, Seq, Time};
use crate::shell::clock;
use crate::shell::document::JsDoc;
use crate::shell::driver::{drive, Driver};
use crate::shell::error::to_js;
use crate::shell::later::{later, promised, settled};
use crate::shell::mailbox::{Letter, Mailbox};
use crate::shell::net::Calls;
use crate::shell::news::Newsroom;
use crate::shell::store::{Done, Store};
use js_sys::{Array, Promise};
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

thread_local! {
    static LAST_NUMBER: Cell<u32> = const { Cell::new(0) };
}

/// An open database.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Client {
    number: u32,
    store: Rc<Store>,
    mailbox: Rc<Mailbox>,
    news: Rc<Newsroom>,
    config: Rc<Config>,
    last_hold: Cell<u32>,
    closed: Cell<bool>,
}

impl Client {
    pub(super) fn open(config: JsDoc, hooks: JsValue, done: Done<Self>) {
        let seed = match clock::seed() {
            Ok(seed) => seed,
            Err(failure) => return done(Err(failure)),
        };
        let mailbox = Rc::new(Mailbox::default());
        let entropy = Rng::new(seed).text(26);
        let (told, stored) = (told(&mailbox), store_config(&config, entropy, clock::now()));
        let opened = move |store: Result<Rc<Store>, Failure>| {
            done(store.and_then(|store| Self::make(&config, &hooks, seed, store, mailbox)));
        };
        Store::open(stored, told, Box::new(opened));
    }

    fn make(
        config: &JsDoc,
        hooks: &JsValue,
        seed: [u64; 4],
        store: Rc<Store>,
        mailbox: Rc<Mailbox>,
    ) -> Result<Self, Failure> {
        let number = LAST_NUMBER.get() + 1;
        LAST_NUMBER.set(number);
        if let Some(crashed) = hook(hooks, "crashed") {
            crash::remember(number, crashed);
        }
        let missing = || Failure::new(Code::TransportResult, "the face gave no hooks");
        let settings = Config::from_document(config);
        let news = Newsroom::new(hook(hooks, "events").ok_or_else(missing)?);
        let driver = Driver {
            name: config.text_of("name").unwrap_or_default(),
            engine: Engine::new(settings.clone(), seed.map(|word| word.rotate_left(17) ^ 0x5ea5_ea5e), clock::now()),
            store: store.clone(),
            calls: Rc::new(Calls {
                fetch: hook(hooks, "fetch").ok_or_else(missing)?,
                text: hook(hooks, "text").ok_or_else(missing)?,
                pieces: hook(hooks, "pieces").ok_or_else(missing)?,
                auth: hook(hooks, "auth"),
                patience: settings.sync.as_ref().map_or(0, SyncConfig::auth_patience) as u32,
            }),
            news: news.clone(),
            lock: hook(hooks, "lock").ok_or_else(missing)?,
            mailbox: mailbox.clone(),
            persist: config.flag("persist"),
        };
        // The face has its client before anything is told to it.
        later(Box::new(|| drive(driver)));
        Ok(Self {
            number,
            store,
            mailbox,
            news,
            config: Rc::new(settings),
            last_hold: Cell::new(0),
            closed: Cell::new(false),
        })
    }

    /// The promise of an answer, and what takes it; `None` after `close`.
    fn asked(&self) -> (Promise, Option<Done<JsValue>>) {
        let (promise, settle) = promised();
        let done: Done<JsValue> = Box::new(|found| settle(found.map_err(|failure| to_js(&failure))));
        if self.closed.get() {
            done(Err(Failure::new(Code::Closed, "this handle is closed")));
            return (promise, None);
        }
        (promise, Some(done))
    }

    /// A read of the store that is refused after `close`.
    fn read(&self, read: impl FnOnce(&Store, Done<JsValue>)) -> Promise {
        let (promise, done) = self.asked();
        if let Some(done) = done {
            read(&self.store, done);
        }
        promise
    }

    /// Reads `Expected` of the face.
    fn expected(&self, from: &JsDoc) -> Result<Expected<JsDoc>, Failure> {
        let list = |from: &JsDoc, name: &str| from.get(name).and_then(|list| list.as_list()).unwrap_or_default();
        let collection = |of: &JsDoc| of.text_of("collection").unwrap_or_default();
        let mut expected = Expected::default();
        for read in list(from, "docs") {
            let id = read.text_of("id").unwrap_or_default();
            expected.doc(DocKey::new(&collection(&read).into(), &id), read.get("doc"));
        }
        for answer in list(from, "answers") {
            let name = collection(&answer);
            let query = self.store.parse_query(&name, &answer.get("query").unwrap_or_else(JsDoc::object))?;
            expected.answer(name.into(), query, list(&answer, "docs"));
        }
        Ok(expected)
    }

    fn tell(&self, command: Command<JsDoc>) {
        self.mailbox.post(Letter::Input(Input::Command { ticket: 0, command }));
    }
}

#[wasm_bindgen]
impl Client {
    /// Writes operations as one atomic step; as a transaction when it is told what they stand on.
    pub fn write(&self, ops: JsValue, expected: JsValue) -> Promise {
        let list = JsDoc(ops).as_list().unwrap_or_default();
        let ops = list.iter().filter_map(WriteOp::from_document).listed();
        match JsDoc::some(expected).map(|from| self.expected(&from)) {
            None => self.mailbox.ask(Command::Write(ops)),
            Some(Ok(expected)) => self.mailbox.ask(Command::Transact(ops, expected)),
            Some(Err(failure)) => Promise::reject(&to_js(&failure)),
        }
    }

    /// Everything that was not told yet, in order.
    pub fn news(&self) -> Array {
        self.news.take()
    }

    /// Those of these documents that answer a query, in its order.
    pub fn sift(&self, collection: JsValue, query: JsValue, docs: JsValue) -> Result<Array, JsValue> {
        let query = self.store.parse_query(&text(&collection), &JsDoc(query)).map_err(|failure| to_js(&failure))?;
        let docs = JsDoc(docs).as_list().unwrap_or_default();
        self.store.sift(&query, &docs).map_err(|failure| to_js(&failure))
    }

    /// One document.
    pub fn get(&self, collection: JsValue, id: JsValue) -> Promise {
        self.read(|store, done| {
            let first = |found: Result<Vec<JsValue>, _>| done(found.map(|mut all| all.pop().unwrap_or_default()));
            store.get(&text(&collection), &[text(&id)], Box::new(first));
        })
    }

    /// Several documents.
    #[wasm_bindgen(js_name = getMany)]
    pub fn get_many(&self, collection: JsValue, ids: JsValue) -> Promise {
        self.read(|store, done| {
            let all = |found: Result<Vec<JsValue>, _>| done(found.map(|all| all.iter().collect::<Array>().into()));
            let ids: Vec<String> = ids.unchecked_into::<Array>().iter().map(|id| text(&id)).listed();
            store.get(&text(&collection), &ids, Box::new(all));
        })
    }

    /// The documents that answer a query.
    pub fn query(&self, collection: JsValue, query: JsValue) -> Promise {
        let collection = text(&collection);
        self.read(|store, done| store.query(&collection, store.parse_query(&collection, &JsDoc(query)), done))
    }

    /// The rows that answer a query, and whether the collection has been pulled once.
    pub fn rows(&self, collection: JsValue, query: JsValue) -> Promise {
        let collection = text(&collection);
        let synced = self.config.is_synced(&collection) && self.config.sync.as_ref().is_some_and(|sync| sync.pulls);
        let mailbox = self.mailbox.clone();
        let known = Rc::new(move |seqs: &[Seq]| states(&mailbox, seqs));
        let query = |store: &Store| store.parse_query(&collection, &JsDoc(query));
        self.read(|store, done| store.rows(&collection, query(store), synced, known, done))
    }

    /// How many documents meet a query's conditions.
    pub fn count(&self, collection: JsValue, query: JsValue) -> Promise {
        let collection = text(&collection);
        self.read(|store, done| store.count(&collection, store.parse_query(&collection, &JsDoc(query)), done))
    }

    /// What is known of a document besides itself.
    pub fn meta(&self, collection: JsValue, id: JsValue) -> Promise {
        self.read(|store, done| store.meta_of(&text(&collection), &text(&id), done))
    }

    /// Runs a pass, or joins the running one.
    pub fn now(&self, wish: JsValue) -> Promise {
        self.mailbox.ask(Command::Now(Wish::from_document(&JsDoc(wish))))
    }

    /// Lets syncing run.
    pub fn start(&self) {
        self.tell(Command::Run);
    }

    /// Stops syncing.
    pub fn stop(&self) {
        self.tell(Command::Stop);
    }

    /// Holds syncing; gives the number to release it with.
    pub fn hold(&self, reason: JsValue) -> u32 {
        let number = self.last_hold.get() + 1;
        self.last_hold.set(number);
        self.tell(Command::Hold(number, text(&reason)));
        number
    }

    /// Releases a hold.
    pub fn release(&self, hold: u32) {
        self.tell(Command::Release(hold));
    }

    /// Runs a pass at a time; gives the number to forget it with.
    pub fn schedule(&self, at: f64) -> u32 {
        let number = self.last_hold.get() + 1;
        self.last_hold.set(number);
        self.tell(Command::Schedule(number, at.max(0.0) as Time));
        number
    }

    /// Forgets a scheduled pass.
    pub fn unschedule(&self, number: u32) {
        self.tell(Command::Unschedule(number));
    }

    /// What sync has done.
    pub fn stats(&self) -> Promise {
        self.mailbox.ask(Command::Stats)
    }

    /// Counts anew.
    #[wasm_bindgen(js_name = resetStats)]
    pub fn reset_stats(&self) -> Promise {
        self.mailbox.ask(Command::ResetStats)
    }

    /// Changes that wait, in order.
    #[wasm_bindgen(js_name = pendingList)]
    pub fn pending_list(&self, query: JsValue) -> Promise {
        let (query, mailbox) = (pending_query(&JsDoc(query)), self.mailbox.clone());
        self.read(|store, done| {
            let listed = move |rows: Result<Vec<Pending<JsDoc>>, Failure>| match rows {
                Ok(rows) => {
                    mailbox.post(Letter::Look(Box::new(move |engine| done(Ok(pending_objects(&rows, engine))))));
                }
                Err(failure) => done(Err(failure)),
            };
            store.pending_list(query, Box::new(listed));
        })
    }

    /// How many changes wait.
    #[wasm_bindgen(js_name = pendingCount)]
    pub fn pending_count(&self, state: JsValue) -> Promise {
        let state = PendingState::try_from_text(&text(&state));
        self.read(|store, done| store.pending_count(state, done))
    }

    /// Makes one change due, or all.
    pub fn retry(&self, mutation_id: JsValue) -> Promise {
        self.mailbox.ask(Command::Retry(mutation_id.as_string()))
    }

    /// All stored conflicts, and how many there ever were.
    pub fn conflicts(&self) -> Promise {
        self.read(Store::conflicts)
    }

    /// A person's choice on an open conflict.
    pub fn resolve(&self, conflict_id: JsValue, choice: JsValue) -> Promise {
        self.mailbox.ask(Command::Resolve(text(&conflict_id), super::shapes::choice(&JsDoc(choice))))
    }

    /// What the app's function said about a conflict.
    pub fn verdict(&self, conflict_id: JsValue, verdict: JsValue) -> Promise {
        self.mailbox.ask(Command::Verdict(text(&conflict_id), choice(&JsDoc(verdict))))
    }

    /// Drops a change.
    pub fn discard(&self, mutation_id: JsValue) -> Promise {
        self.mailbox.ask(Command::Discard(text(&mutation_id)))
    }

    /// Replaces the document of a change.
    pub fn edit(&self, mutation_id: JsValue, doc: JsValue) -> Promise {
        self.mailbox.ask(Command::Edit(text(&mutation_id), JsDoc(doc)))
    }

    /// Takes a change back if no attempt was made; gives how many it took.
    pub fn cancel(&self, mutation_id: JsValue) -> Promise {
        self.mailbox.ask(Command::Cancel(text(&mutation_id)))
    }

    /// A setting.
    #[wasm_bindgen(js_name = settingGet)]
    pub fn setting_get(&self, key: JsValue) -> Promise {
        self.read(|store, done| store.setting(&text(&key), done))
    }

    /// Sets a setting.
    #[wasm_bindgen(js_name = settingSet)]
    pub fn setting_set(&self, key: JsValue, value: JsValue) -> Promise {
        self.mailbox.ask(Command::Setting(text(&key).into(), Some(JsDoc(value))))
    }

    /// Removes a setting.
    #[wasm_bindgen(js_name = settingRemove)]
    pub fn setting_remove(&self, key: JsValue) -> Promise {
        self.mailbox.ask(Command::Setting(text(&key).into(), None))
    }

    /// The audit ring, in no order.
    #[wasm_bindgen(js_name = auditList)]
    pub fn audit_list(&self) -> Promise {
        self.read(Store::audit)
    }

    /// What a report on the database says that is told nowhere else: the name of the store's life, the server's clock.
    pub fn about(&self) -> JsValue {
        let offset = Rc::new(Cell::new(0));
        let found = offset.clone();
        self.mailbox.post(Letter::Look(Box::new(move |engine| found.set(engine.map_or(0, Engine::clock_offset)))));
        let clock = JsDoc::number(offset.get() as f64);
        JsDoc::of(&[("storeId", Some(JsDoc::text(&self.store.store_id()))), ("clockOffset", Some(clock))]).0
    }

    /// Moves whenever any tab commits anything.
    pub fn mark(&self) -> Promise {
        self.read(Store::mark)
    }

    /// Ends: accepted writes are finished, everything else is refused from now on.
    pub fn close(&self) -> Promise {
        if self.closed.replace(true) {
            return Promise::resolve(&JsValue::UNDEFINED);
        }
        let (promise, settle) = promised();
        let (number, mailbox, store) = (self.number, self.mailbox.clone(), self.store.clone());
        // It settles in any case: the driver answers, or the mailbox refuses.
        settled(&self.mailbox.ask(Command::Close), move |_| {
            end(number, &mailbox, &store);
            settle(Ok(JsValue::UNDEFINED));
        });
        promise
    }

    /// Ends as the client of a page that dies: nothing is finished, and the lease is not given back. For the test kit.
    pub fn abandon(&self) {
        if !self.closed.replace(true) {
            end(self.number, &self.mailbox, &self.store);
        }
    }
}

fn end(number: u32, mailbox: &Mailbox, store: &Store) {
    mailbox.close();
    store.close();
    crash::forget(number);
}
