//! One open database as the face holds it (`Client` in `js/binding.ts`).
//!
//! Commands go to the driver's mailbox, reads to the store. After `close` both refuse.

use super::{config::store_config, crash};
use crate::engine::config::Config;
use crate::engine::input::{Command, Input, Wish, WriteOp};
use crate::engine::machine::Engine;
use crate::engine::outbox::Outbox;
use crate::engine::plan::Choice;
use crate::engine::plan::Expected;
use crate::engine::policy::rng::Rng;
use crate::model::{Code, DocKey, Document, Failure, Pending, PendingState, Record, Time};
use crate::shell::document::JsDoc;
use crate::shell::driver::{drive, Driver};
use crate::shell::error::to_js;
use crate::shell::mailbox::{Letter, Mailbox};
use crate::shell::net::Calls;
use crate::shell::store::{PendingQuery, Store, StoreEvent, Told};
use crate::shell::{clock, tell};
use core::future::Future;
use core::pin::Pin;
use js_sys::{Array, Function, Promise, Reflect};
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{future_to_promise, spawn_local, JsFuture};

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
    config: Rc<Config>,
    last_hold: Cell<u32>,
    closed: Rc<Cell<bool>>,
}

impl Client {
    pub(super) async fn open(config: JsDoc, hooks: &JsValue) -> Result<Self, Failure> {
        let seed = clock::seed()?;
        let mailbox = Rc::new(Mailbox::default());
        let entropy = Rng::new(seed).text(26);
        let store = Store::open(store_config(&config, entropy, clock::now()), told(&mailbox)).await?;
        let store = Rc::new(store);
        let number = LAST_NUMBER.get() + 1;
        LAST_NUMBER.set(number);
        if let Some(crashed) = hook(hooks, "crashed") {
            crash::remember(number, crashed);
        }
        let missing = || Failure::new(Code::TransportResult, "the face gave no hooks");
        let settings = Config::from_document(&config);
        let driver = Driver {
            name: config.text_of("name").unwrap_or_default(),
            engine: Engine::new(settings.clone(), seed.map(|word| word.rotate_left(17) ^ 0x5ea5_ea5e), clock::now()),
            store: store.clone(),
            calls: Rc::new(Calls {
                fetch: hook(hooks, "fetch").ok_or_else(missing)?,
                text: hook(hooks, "text").ok_or_else(missing)?,
                auth: hook(hooks, "auth"),
            }),
            events: hook(hooks, "events").ok_or_else(missing)?,
            lock: hook(hooks, "lock").ok_or_else(missing)?,
            mailbox: mailbox.clone(),
            persist: config.flag("persist"),
        };
        spawn_local(drive(driver));
        let (last_hold, closed) = (Cell::new(0), Rc::new(Cell::new(false)));
        Ok(Self { number, store, mailbox, config: Rc::new(settings), last_hold, closed })
    }

    /// A read of the store that is refused after `close`.
    fn read<F>(&self, work: impl FnOnce(Rc<Store>) -> F) -> Promise
    where
        F: Future<Output = Result<JsValue, Failure>> + 'static,
    {
        if self.closed.get() {
            return Promise::reject(&to_js(&Failure::new(Code::Closed, "this handle is closed")));
        }
        promised(Box::pin(work(self.store.clone())))
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
        let ops = list.iter().filter_map(WriteOp::from_document).collect();
        match JsDoc::some(expected).map(|from| self.expected(&from)) {
            None => self.mailbox.ask(Command::Write(ops)),
            Some(Ok(expected)) => self.mailbox.ask(Command::Transact(ops, expected)),
            Some(Err(failure)) => Promise::reject(&to_js(&failure)),
        }
    }

    /// Those of these documents that answer a query, in its order.
    pub fn sift(&self, collection: String, query: JsValue, docs: JsValue) -> Result<Array, JsValue> {
        let query = self.store.parse_query(&collection, &JsDoc(query)).map_err(|failure| to_js(&failure))?;
        let docs = JsDoc(docs).as_list().unwrap_or_default();
        self.store.sift(&query, &docs).map_err(|failure| to_js(&failure))
    }

    /// One document.
    pub fn get(&self, collection: String, id: String) -> Promise {
        self.read(move |store| async move { store.get(&collection, &id).await })
    }

    /// Several documents.
    #[wasm_bindgen(js_name = getMany)]
    pub fn get_many(&self, collection: String, ids: Vec<String>) -> Promise {
        self.read(move |store| async move { store.get_many(&collection, &ids).await.map(JsValue::from) })
    }

    /// The documents that answer a query.
    pub fn query(&self, collection: String, query: JsValue) -> Promise {
        self.read(move |store| async move {
            let query = store.parse_query(&collection, &JsDoc(query))?;
            store.query(&collection, &query).await.map(JsValue::from)
        })
    }

    /// The rows that answer a query, and whether the collection has been pulled once.
    pub fn rows(&self, collection: String, query: JsValue) -> Promise {
        let synced = self.config.is_synced(&collection) && self.config.sync.as_ref().is_some_and(|sync| sync.pulls);
        self.read(move |store| async move {
            let query = store.parse_query(&collection, &JsDoc(query))?;
            let (rows, complete) = store.rows(&collection, &query).await?;
            let complete = Some(JsDoc::boolean(complete || !synced));
            Ok(JsDoc::object().with(&[("rows", Some(JsDoc(rows.into()))), ("complete", complete)]).0)
        })
    }

    /// How many documents meet a query's conditions.
    pub fn count(&self, collection: String, query: JsValue) -> Promise {
        self.read(move |store| async move {
            let query = store.parse_query(&collection, &JsDoc(query))?;
            store.count(&collection, &query).await.map(JsValue::from)
        })
    }

    /// What is known of a document besides itself.
    pub fn meta(&self, collection: String, id: String) -> Promise {
        self.read(move |store| async move {
            Ok(store.meta_of(&collection, &id).await?.map_or(JsValue::UNDEFINED, JsValue::from))
        })
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
    pub fn hold(&self, reason: String) -> u32 {
        let number = self.last_hold.get() + 1;
        self.last_hold.set(number);
        self.tell(Command::Hold(number, reason));
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
        self.read(move |store| async move {
            let rows = store.pending_list(&query).await?;
            let depends = depends_on(&mailbox, &rows).await;
            Ok(rows
                .iter()
                .zip(depends.iter())
                .map(|(row, depends)| pending_object(row, &depends))
                .collect::<Array>()
                .into())
        })
    }

    /// How many changes wait.
    #[wasm_bindgen(js_name = pendingCount)]
    pub fn pending_count(&self, state: Option<String>) -> Promise {
        let state = state.as_deref().and_then(PendingState::try_from_text);
        self.read(move |store| async move { store.pending_count(state).await.map(JsValue::from) })
    }

    /// Makes one change due, or all.
    pub fn retry(&self, mutation_id: Option<String>) -> Promise {
        self.mailbox.ask(Command::Retry(mutation_id))
    }

    /// All stored conflicts, and how many there ever were.
    pub fn conflicts(&self) -> Promise {
        self.read(|store| async move {
            let (conflicts, log) = store.conflicts().await?;
            let log = log.unwrap_or_else(JsDoc::object);
            let counts = |field: &str| Some(log.get(field).unwrap_or_else(JsDoc::object));
            let fields = [
                ("conflicts", Some(JsDoc(conflicts.into()))),
                ("byType", counts("types")),
                ("byStrategy", counts("strategies")),
            ];
            Ok(JsDoc::object().with(&fields).0)
        })
    }

    /// A person's choice on an open conflict.
    pub fn resolve(&self, conflict_id: String, choice: JsValue) -> Promise {
        self.mailbox.ask(Command::Resolve(conflict_id, self::choice(&JsDoc(choice))))
    }

    /// What the app's function said about a conflict.
    pub fn verdict(&self, conflict_id: String, verdict: JsValue) -> Promise {
        self.mailbox.ask(Command::Verdict(conflict_id, choice(&JsDoc(verdict))))
    }

    /// Drops a change.
    pub fn discard(&self, mutation_id: String) -> Promise {
        self.mailbox.ask(Command::Discard(mutation_id))
    }

    /// Replaces the document of a change.
    pub fn edit(&self, mutation_id: String, doc: JsValue) -> Promise {
        self.mailbox.ask(Command::Edit(mutation_id, JsDoc(doc)))
    }

    /// Takes a change back if no attempt was made; gives how many it took.
    pub fn cancel(&self, mutation_id: String) -> Promise {
        self.mailbox.ask(Command::Cancel(mutation_id))
    }

    /// A setting.
    #[wasm_bindgen(js_name = settingGet)]
    pub fn setting_get(&self, key: String) -> Promise {
        self.read(move |store| async move { store.setting(&key).await })
    }

    /// Sets a setting.
    #[wasm_bindgen(js_name = settingSet)]
    pub fn setting_set(&self, key: String, value: JsValue) -> Promise {
        self.mailbox.ask(Command::Setting(key.into(), Some(JsDoc(value))))
    }

    /// Removes a setting.
    #[wasm_bindgen(js_name = settingRemove)]
    pub fn setting_remove(&self, key: String) -> Promise {
        self.mailbox.ask(Command::Setting(key.into(), None))
    }

    /// Moves whenever any tab commits anything.
    pub fn mark(&self) -> Promise {
        self.read(move |store| async move { store.mark().await.map(JsValue::from) })
    }

    /// Ends: accepted writes are finished, everything else is refused from now on.
    pub async fn close(&self) {
        if self.closed.replace(true) {
            return;
        }
        // It settles in any case: the driver answers, or the mailbox refuses.
        let _ = JsFuture::from(self.mailbox.ask(Command::Close)).await;
        self.mailbox.close();
        self.store.close();
        crash::forget(self.number);
    }
}

/// One place makes promises, so that its code is there once.
fn promised(work: Pin<Box<dyn Future<Output = Result<JsValue, Failure>>>>) -> Promise {
    future_to_promise(async move { work.await.map_err(|failure| to_js(&failure)) })
}

fn hook(hooks: &JsValue, name: &str) -> Option<Function> {
    Reflect::get(hooks, &name.into()).ok()?.dyn_into().ok()
}

/// What the store tells, as an event for the app.
fn told(mailbox: &Rc<Mailbox>) -> Told {
    let mailbox = mailbox.clone();
    Rc::new(move |event| {
        let (name, detail) = match event {
            StoreEvent::UpgradeBlocked => ("upgrade-blocked", JsDoc::object()),
            StoreEvent::ClosedForUpgrade => ("closed-for-upgrade", JsDoc::object()),
            StoreEvent::StorageLost => {
                ("storage-lost", JsDoc::object().with(&[("pendingLost", Some(JsDoc::number(0.0)))]))
            }
        };
        mailbox.post(Letter::Tell(tell::database_event(name, detail)));
    })
}

/// A choice as the face gives it (`VerdictOut`); anything else is left to a person.
fn choice(from: &JsDoc) -> Choice<JsDoc> {
    let failure = || {
        let code = Code::try_from_text(&from.text_of("code")?)?;
        Some(Failure::new(code, from.text_of("message").unwrap_or_default()).at(clock::now()))
    };
    match from.text_of("kind").as_deref() {
        Some("local") => Choice::Local,
        Some("remote") => Choice::Remote,
        Some("doc") => Choice::Doc(from.get("doc")),
        _ => Choice::Person(failure()),
    }
}

fn pending_query(from: &JsDoc) -> PendingQuery {
    PendingQuery {
        collection: from.text_of("collection").map(Rc::from),
        state: from.text_of("state").as_deref().and_then(PendingState::try_from_text),
        after: from.number_of("after").unwrap_or(0.0) as u64,
        limit: from.number_of("limit").unwrap_or(500.0) as usize,
    }
}

/// For each row, the mutation ids that must be acknowledged before it may go: the engine knows.
async fn depends_on(mailbox: &Rc<Mailbox>, rows: &[Pending<JsDoc>]) -> Array {
    let ids: Vec<Rc<str>> = rows.iter().map(|row| row.mutation_id.clone()).collect();
    let mailbox = mailbox.clone();
    let asked = Promise::new(&mut |resolve, _| {
        let ids = ids.clone();
        mailbox.post(Letter::Look(Box::new(move |engine| {
            let texts = |ids: Vec<Rc<str>>| ids.iter().map(|id| JsValue::from_str(id)).collect::<Array>();
            let depends = |outbox: &Outbox, id: &str| Some(outbox.depends_on(outbox.find(id)?));
            let known = |id: &Rc<str>| engine.and_then(|engine| depends(engine.outbox(), id));
            let one = |id: &Rc<str>| texts(known(id).unwrap_or_default());
            // A promise's own functions do not throw.
            let _ = resolve.call1(&JsValue::NULL, &ids.iter().map(one).collect::<Array>());
        })));
    });
    JsFuture::from(asked).await.map_or_else(|_| Array::new(), JsCast::unchecked_into)
}

/// A row as `PendingOut`: its record without what only the library needs.
fn pending_object(row: &Pending<JsDoc>, depends_on: &JsValue) -> JsValue {
    const INTERNAL: [&str; 12] = [
        "changes",
        "base",
        "baseRev",
        "waitingSince",
        "sent",
        "refused",
        "rounds",
        "writes",
        "user",
        "touched",
        "origin",
        "asks",
    ];
    let mut fields: Vec<(&str, Option<JsDoc>)> = INTERNAL.iter().map(|field| (*field, None)).collect();
    fields.push(("dependsOn", Some(JsDoc(depends_on.clone()))));
    row.to_record().with(&fields).0
}
