//! Floor 1 of the engine: small pure machines, each with one rule.
//!
//! They are given times and randomness and give back decisions. None knows a document, a store or another policy.

pub mod backoff;
pub mod breaker;
pub mod budget;
pub mod holds;
pub mod lease;
pub mod network;
pub mod pace;
pub mod reach;
pub mod rng;
pub mod timers;
pub mod triggers;
