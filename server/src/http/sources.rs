//! Where time and new names come from: the only place that reads a clock or draws at random.
//!
//! Tests put their own in, so that two servers can be compared answer by answer.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A clock and a maker of ids.
pub struct Sources {
    /// Milliseconds since 1970.
    pub now: Box<dyn Fn() -> u64 + Send + Sync>,
    /// An id nobody has had before.
    pub id: Box<dyn Fn() -> String + Send + Sync>,
}

impl Sources {
    /// The system's clock, and ids of 21 random letters.
    pub fn system() -> Self {
        Self { now: Box::new(system_now), id: Box::new(|| nanoid::nanoid!()) }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

#[allow(clippy::disallowed_methods)] // The one place where the server's clock enters.
fn system_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
