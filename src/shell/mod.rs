//! Floor 4: the browser adapters. They carry out what the engine orders and decide nothing.
pub mod document;
pub mod error;
mod names;
pub mod store;
