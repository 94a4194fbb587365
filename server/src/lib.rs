//! The reference server of Seakeep's REST profile.
//!
//! `core` is the profile itself, pure: requests and rows in, writes and responses out. With the
//! feature `http` (default) the crate is also a server: `SQLite` below the core, HTTP above it, and
//! faults on order for tests. It is a reference: one machine, no accounts, no tuning.

pub mod core;
#[cfg(feature = "http")]
pub mod http;
