//! The store in a real browser: the contract on IndexedDB and in memory, and what only IndexedDB can do wrong.
#![cfg(target_arch = "wasm32")]
#![allow(missing_docs, clippy::expect_used, reason = "tests speak through their names")]

#[path = "contract/mod.rs"]
#[macro_use]
mod contract;
#[path = "contract/face.rs"]
mod face;
#[path = "contract/faults.rs"]
mod faults;
#[path = "contract/idb.rs"]
mod idb;

use contract::{bodies, indexes, queries, Backend, Script, NOTES};
use js_sys::Array;
use seakeep::engine::query::Query;
use seakeep::model::{Document, Failure, Map, Pending, PendingState};
use seakeep::shell::document::JsDoc;
use seakeep::shell::store::{Done, PendingQuery, StoreConfig, StoreEvent, Table, Told};
use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// A name that no other test has.
fn fresh_name() -> String {
    #[allow(clippy::disallowed_methods, reason = "each run needs databases of its own; nothing is decided by it")]
    let random = js_sys::Math::random();
    format!("test-{}", (random * 1e15) as u64)
}

fn config(name: &str, memory: bool) -> StoreConfig {
    StoreConfig {
        writer: 1,
        name: name.into(),
        version: 1,
        memory,
        strict: true,
        tables: vec![Table {
            name: NOTES.into(),
            indexes: indexes().into_iter().filter(|index| &*index.name != "owner").collect(),
            references: vec!["owner".into()],
        }],
        entropy: fresh_name(),
        now: 1_700_000_000_000,
    }
}

/// What a store told.
type Heard = Rc<RefCell<Vec<StoreEvent>>>;

/// Waits for an answer that is given to a function.
async fn answer<T: 'static>(ask: impl FnOnce(Done<T>)) -> Result<T, Failure> {
    let (slot, waker) = (Rc::new(RefCell::new(None)), Rc::new(RefCell::new(None::<Waker>)));
    let (given, woken) = (slot.clone(), waker.clone());
    ask(Box::new(move |answer| {
        given.replace(Some(answer));
        woken.take().into_iter().for_each(Waker::wake);
    }));
    poll_fn(move |context| {
        waker.replace(Some(context.waker().clone()));
        slot.take().map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// A store whose answers are awaited.
struct Store(Rc<seakeep::shell::store::Store>);

impl Store {
    async fn open(config: StoreConfig, told: Told) -> Result<Self, Failure> {
        answer(|done| seakeep::shell::store::Store::open(config, told, done)).await.map(Self)
    }

    fn close(&self) {
        self.0.close();
    }

    fn store_id(&self) -> String {
        self.0.store_id()
    }

    async fn run<R: 'static>(&self, plan: Script<JsDoc, R>) -> Result<R, Failure> {
        answer(|done| self.0.run(Box::new(plan), done)).await
    }

    async fn get(&self, collection: &str, id: &str) -> Result<JsValue, Failure> {
        self.get_many(collection, &[id.into()]).await.map(|found| found.get(0))
    }

    async fn get_many(&self, collection: &str, ids: &[String]) -> Result<Array, Failure> {
        answer(|done| self.0.get(collection, ids, done)).await.map(|found| found.iter().collect())
    }

    async fn query(&self, collection: &str, query: &Query) -> Result<Array, Failure> {
        answer(|done| self.0.query(collection, Ok(query.clone()), done)).await.map(JsCast::unchecked_into)
    }

    async fn rows(&self, collection: &str, query: &Query) -> Result<(Array, bool), Failure> {
        let found =
            answer(|done| self.0.rows(collection, Ok(query.clone()), true, Rc::new(|_: &[u64]| Map::new()), done))
                .await
                .map(JsDoc)?;
        Ok((found.get("rows").expect("rows").0.unchecked_into(), found.flag("complete")))
    }

    async fn count(&self, collection: &str, query: &Query) -> Result<u32, Failure> {
        answer(|done| self.0.count(collection, Ok(query.clone()), done)).await.map(number)
    }

    async fn meta_of(&self, collection: &str, id: &str) -> Result<Option<JsDoc>, Failure> {
        answer(|done| self.0.meta_of(collection, id, done)).await.map(JsDoc::some)
    }

    async fn pending_list(&self, query: &PendingQuery) -> Result<Vec<Pending<JsDoc>>, Failure> {
        answer(|done| self.0.pending_list(query.clone(), done)).await
    }

    async fn pending_count(&self, state: Option<PendingState>) -> Result<u32, Failure> {
        answer(|done| self.0.pending_count(state, done)).await.map(number)
    }

    async fn setting(&self, key: &str) -> Result<JsValue, Failure> {
        answer(|done| self.0.setting(key, done)).await
    }

    async fn mark(&self) -> Result<String, Failure> {
        answer(|done| self.0.mark(done)).await.map(|mark| mark.as_string().expect("a text"))
    }
}

fn number(value: JsValue) -> u32 {
    value.as_f64().expect("a number") as u32
}

async fn destroy(name: &str) -> Result<(), Failure> {
    answer(|done| seakeep::shell::store::destroy(name, done)).await
}

async fn pending_exists(name: &str) -> Result<bool, Failure> {
    answer(|done| seakeep::shell::store::pending_exists(name, done)).await
}

async fn open(config: StoreConfig) -> Result<(Store, Heard), Failure> {
    let heard: Heard = Rc::default();
    let told = heard.clone();
    let store = Store::open(config, Rc::new(move |event| told.borrow_mut().push(event))).await?;
    Ok((store, heard))
}

struct Idb(Store);
struct Memory(Store);

macro_rules! backend {
    ($name:ident, $memory:literal) => {
        impl Backend for $name {
            type Doc = JsDoc;

            async fn open() -> Self {
                Self(open(config(&fresh_name(), $memory)).await.expect("a fresh database opens").0)
            }

            async fn run<R: 'static>(&self, plan: Script<JsDoc, R>) -> Result<R, Failure> {
                self.0.run(plan).await
            }

            async fn get(&self, id: &str) -> Option<JsDoc> {
                JsDoc::some(self.0.get(NOTES, id).await.expect("reading"))
            }

            async fn query(&self, query: &Query) -> Result<Vec<JsDoc>, Failure> {
                Ok(self.0.query(NOTES, query).await?.iter().map(JsDoc).collect())
            }

            async fn count(&self, query: &Query) -> usize {
                self.0.count(NOTES, query).await.expect("counting") as usize
            }
        }
    };
}

backend!(Idb, false);
backend!(Memory, true);

macro_rules! on_indexed_db {
    ($($file:ident: $body:ident,)*) => {
        mod on_indexed_db {
            use super::*;
            $(#[wasm_bindgen_test]
            async fn $body() {
                $file::$body::<Idb>().await;
            })*
        }
    };
}

macro_rules! in_memory {
    ($($file:ident: $body:ident,)*) => {
        mod in_memory {
            use super::*;
            $(#[wasm_bindgen_test]
            async fn $body() {
                $file::$body::<Memory>().await;
            })*
        }
    };
}

contract!(on_indexed_db);
contract!(in_memory);
