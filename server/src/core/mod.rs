//! The server without its surroundings: requests and rows in, writes and responses out.
//!
//! No clock, no randomness, no I/O, no async: time and new ids are arguments. A store parses a
//! `Command`, loads the rows of its `needs` in one transaction, calls `answer`, applies the writes,
//! commits, and only then lets the response go. `memory` is the smallest such store.

mod batch;
mod change;
mod command;
mod content;
mod decide;
pub mod memory;
mod problem;
mod pull;
mod request;
mod route;
mod rows;
mod rules;
mod stamp;
#[cfg(test)]
mod tests;

pub use batch::{Batch, Entry};
pub use command::{Action, Change, Command};
pub use decide::{decide, Circumstances};
pub use problem::{Problem, TYPE_BASE};
pub use request::{CoreRequest, CoreResponse};
pub use rows::{Decision, Document, DocumentKey, Needs, PageNeed, Rows, StoredResult, Writes};
pub use rules::{Rules, Schema, TextField};
pub use stamp::http_date;

/// Decides a command and dresses the response for the wire.
pub fn answer(request: &CoreRequest, command: &Command, rows: &Rows, at: Circumstances<'_>) -> Decision {
    let decision = decide(command, rows, at);
    Decision { writes: decision.writes, response: dress(request, decision.response, at.now) }
}

/// The response to a request that is refused before any row is read.
pub fn refuse(request: &CoreRequest, problem: Problem, now: u64) -> CoreResponse {
    dress(request, problem.into_response(), now)
}

fn dress(request: &CoreRequest, mut response: CoreResponse, now: u64) -> CoreResponse {
    if request.method == "HEAD" {
        response.body.clear();
    }
    response.header("cache-control", "no-cache").header("date", http_date(now))
}
