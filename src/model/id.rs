//! Names of things: collections, documents, places in the outbox.
//!
//! Ids are opaque text. A temporary id is the one shape the library owns; users may not make one (`ID_RESERVED`).

use std::rc::Rc;

/// Name of a collection.
pub type Collection = Rc<str>;

/// Place of a change in the outbox: unique, and increasing within a lane.
pub type Seq = u64;

/// How every temporary id begins.
pub const TEMPORARY_PREFIX: &str = "pending-";

/// A document's address in the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DocKey {
    /// The collection.
    pub collection: Collection,
    /// The document's current id.
    pub id: Rc<str>,
}

impl DocKey {
    /// The address of `id` in `collection`.
    pub fn new(collection: &Collection, id: &str) -> Self {
        Self { collection: collection.clone(), id: id.into() }
    }
}

/// Whether an id has the shape `pending-{digits}-{rest}` of a temporary id.
pub fn is_temporary(id: &str) -> bool {
    let Some(rest) = id.strip_prefix(TEMPORARY_PREFIX) else { return false };
    let Some((stamp, tail)) = rest.split_once('-') else { return false };
    !stamp.is_empty() && !tail.is_empty() && stamp.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_full_shape_is_temporary() {
        assert!(is_temporary("pending-1700000000000-k3j2"));
        for id in ["pending-", "pending-12", "pending-x-1", "pending--a", "xpending-1-a", "pending-1-"] {
            assert!(!is_temporary(id), "{id}");
        }
    }
}
