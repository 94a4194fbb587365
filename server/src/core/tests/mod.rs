//! The profile's rules on tables in memory: the world that the tests of each section use.
//!
//! Goes through `MemoryTables::handle` only: what is refused, what is stored and what a page shows are
//! judged from outside.

use serde_json::Value;

use super::memory::MemoryTables;
use super::{CoreRequest, CoreResponse, Rules};

mod batches;
mod changes;
mod keys;
mod pulls;
mod refusals;

const T0: u64 = 1_700_000_000_000;

struct World {
    tables: MemoryTables,
    now: u64,
    made: u32,
}

impl World {
    fn new() -> Self {
        Self { tables: MemoryTables::new("e1"), now: T0, made: 0 }
    }

    fn send(&mut self, request: &CoreRequest) -> CoreResponse {
        self.made += 1;
        let id = format!("id{}", self.made);
        self.tables.handle(request, self.now, || id.clone())
    }

    fn get(&mut self, target: &str) -> CoreResponse {
        self.send(&CoreRequest::new("GET", target))
    }

    fn put_new(&mut self, id: &str, doc: &Value) -> CoreResponse {
        let target = format!("/notes/{id}");
        self.send(&CoreRequest::new("PUT", &target).header("if-none-match", "*").json(doc))
    }

    fn page(&mut self, target: &str) -> Value {
        let response = self.get(target);
        assert_eq!(response.status, 200, "{target}");
        response.json().expect("a page is JSON")
    }
}

fn code(response: &CoreResponse) -> String {
    let problem = response.json().unwrap_or_default();
    assert_eq!(problem["status"], response.status, "{problem}");
    assert_eq!(response.header_value("content-type"), Some("application/problem+json"));
    problem["code"].as_str().unwrap_or_default().to_owned()
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().expect("items").iter().filter_map(|item| item["id"].as_str()).collect()
}
