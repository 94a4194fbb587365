//! Floor 0: plain values that every other floor speaks in.
//!
//! Nothing here decides anything, reads a clock or knows a browser. A document is any type with the [`Document`]
//! trait: a JavaScript value in the browser, a JSON value in the simulator.

#![forbid(unsafe_code)]

mod audit;
mod conflict;
mod document;
mod error;
mod id;
mod map;
mod meta;
mod patch;
mod pending;
mod record;
mod row;
mod stats;
mod time;

pub use audit::AuditEntry;
pub use conflict::{Conflict, ConflictField, ConflictKind, ConflictLog, Resolution, Severity};
pub use document::{Document, Kind};
pub use error::{Code, Failure, FailureBody};
pub use id::{is_id, is_temporary, Collection, DocKey, Seq, TEMPORARY_PREFIX};
pub use map::{sort_by, Listed, Map, Set};
pub use meta::{want_also, Discarded, Lease, Mark, PullState, Wanted};
pub use patch::Patch;
pub use pending::{ChangeKind, Pending, PendingState, Priority, Sent};
pub use record::Record;
pub use row::Row;
pub use stats::{Counts, Durations, Stats};
pub use time::{Time, Wait};
