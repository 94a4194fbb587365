//! Floors 1 to 3: every decision Seakeep makes.
#![forbid(unsafe_code)]
pub mod disk;
pub mod query;
pub mod store;
