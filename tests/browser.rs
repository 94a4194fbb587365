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

use contract::{bodies, indexes, queries, Backend, NOTES};
use seakeep::engine::query::Query;
use seakeep::engine::store::Plan;
use seakeep::model::Failure;
use seakeep::shell::document::JsDoc;
use seakeep::shell::store::{Store, StoreConfig, StoreEvent, Table};
use std::cell::RefCell;
use std::rc::Rc;
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

            async fn run<R>(&self, plan: &dyn Plan<JsDoc, R>) -> Result<R, Failure> {
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
