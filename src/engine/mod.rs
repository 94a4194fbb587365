//! Floors 1 to 3: every decision Seakeep makes.
//!
//! No browser, no clock, no randomness, no I/O: times, seeds and reports come in, orders go out. [`policy`] are small
//! machines with one rule each; [`lane`], [`outbox`], [`query`] and the [`plan`]s are the parts; [`machine`] is the
//! one owner that takes [`input`]s and gives [`output`]s. [`disk`] is the store in memory that runs the same plans as
//! IndexedDB does. The simulator in `tests/sim` runs all of it through crashes, lying networks and jumping clocks.

#![forbid(unsafe_code)]
pub mod config;
pub mod disk;
pub mod input;
pub mod lane;
pub mod machine;
pub mod merge;
pub mod mutant;
pub mod outbox;
pub mod output;
pub mod plan;
pub mod policy;
pub mod query;
pub mod store;
