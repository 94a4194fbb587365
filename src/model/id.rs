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

/// The longest id, in UTF-16 units.
const MAX_ID: usize = 1_024;

/// Whether text can name a document: what the face asks of the app's ids (js/ids.ts) holds for a server's as well. It has
/// to go unchanged into a path of a URL, where `.` and `..` are no names.
pub fn is_id(id: &str) -> bool {
    let fits = id.len() <= MAX_ID || id.encode_utf16().count() <= MAX_ID;
    fits && !matches!(id, "" | "." | "..") && !id.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_goes_unchanged_into_a_path() {
        for id in ["a", "...", "a/b", "\u{e9}\u{20ac}", &"\u{20ac}".repeat(1_024)] {
            assert!(is_id(id), "{id}");
        }
        for id in ["", ".", "..", "a\nb", "\u{0}", "\u{9f}", &"\u{20ac}".repeat(1_025), &"x".repeat(1_025)] {
            assert!(!is_id(id), "{id}");
        }
    }

    #[test]
    fn only_the_full_shape_is_temporary() {
        assert!(is_temporary("pending-1700000000000-k3j2"));
        for id in ["pending-", "pending-12", "pending-x-1", "pending--a", "xpending-1-a", "pending-1-"] {
            assert!(!is_temporary(id), "{id}");
        }
    }
}
