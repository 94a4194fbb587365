//! Floor 1: the wire. A change becomes an HTTP request, a response becomes an outcome.
//!
//! Pure functions over plain values: nothing here sends, waits or remembers. What an outcome leads to is the engine's
//! decision; what a status means is decided in one place, [`table`].

#![forbid(unsafe_code)]

mod batch;
pub mod date;
mod events;
mod http;
mod merge_patch;
mod page;
mod push;
mod reason;
mod request;
pub mod table;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_batch;

pub use batch::{batch_outcome, batch_request, BatchOutcome, Member};
pub use events::{EventStream, News};
pub use http::{Body, HttpRequest, HttpResponse, NetworkFailure};
pub use merge_patch::merge_patch;
pub use page::{page_outcome, single_outcome, Item, Page, PullOutcome};
pub use push::{probe_outcome, push_outcome, Accepted, Outcome, Probe, Remote};
pub use request::{events_request, payload, probe_request, pull_request, push_request, single_request, Endpoint};
