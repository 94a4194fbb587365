//! The store contract on the memory disk, natively.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::expect_used, reason = "tests speak through their names")]

#[path = "contract/mod.rs"]
#[macro_use]
mod contract;

use contract::{bodies, indexes, queries, Backend, Script, NOTES};
use seakeep::engine::disk::Disk;
use seakeep::engine::query::{disk_count, disk_query, Query};
use seakeep::model::{DocKey, Failure, Row};
use seakeep::native::Json;
use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

struct Memory(RefCell<Disk<Json>>);

impl Backend for Memory {
    type Doc = Json;

    async fn open() -> Self {
        Self(RefCell::default())
    }

    async fn run<R: 'static>(&self, plan: Script<Json, R>) -> Result<R, Failure> {
        self.0.borrow_mut().run(&plan)
    }

    async fn get(&self, id: &str) -> Option<Json> {
        let disk = self.0.borrow();
        let key = DocKey::new(&NOTES.into(), id);
        let row: Option<&Row<Json>> =
            disk.main(&key).or_else(|| disk.main(&DocKey::new(&key.collection, disk.alias(&key)?)));
        row.and_then(|row| row.doc.clone())
    }

    async fn query(&self, query: &Query) -> Result<Vec<Json>, Failure> {
        let disk = self.0.borrow();
        Ok(disk_query(&disk, NOTES, query, &indexes())?.into_iter().filter_map(|row| row.doc.clone()).collect())
    }

    async fn count(&self, query: &Query) -> usize {
        disk_count(&self.0.borrow(), NOTES, query, &indexes())
    }
}

/// Nothing here ever waits, so one poll is the whole run.
fn block_on(future: impl Future<Output = ()>) {
    let polled = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, Poll::Ready(()), "the memory disk never waits");
}

macro_rules! natively {
    ($($file:ident: $body:ident,)*) => {
        $(#[test]
        fn $body() {
            block_on($file::$body::<Memory>());
        })*
    };
}

contract!(natively);
