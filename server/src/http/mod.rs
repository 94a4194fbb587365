//! The server around the core: `SQLite` below, HTTP above, one process.
//!
//! `options` says how to run, `start` runs it. Nothing in here decides what a request means; that is
//! the core's. Imports point down: `start` → `app` → `faults`, `events` → `service` → `database`.

mod app;
mod database;
mod events;
mod faults;
mod options;
mod service;
mod sources;
mod start;
mod wire;

pub use options::Options;
pub use service::Service;
pub use sources::Sources;
pub use start::{start, Running, StartError};
