//! Queries: what is asked, which index answers, and what is left to do in memory.
//!
//! Pure: the store adapter carries a plan of access out, the memory disk scans. Both give the same rows in the same
//! order, and the order is total: by the fields asked for, then by id. Descending turns all of it round, with one
//! exception: a document whose field has no place in IndexedDB's key order (absent, `null`, a boolean, an object)
//! comes last in both directions, so that no document is lost for want of a field. Conditions compare numbers with
//! numbers and texts with texts; `null` is found by `null` only, not by absence. On a path with a `multi` index a
//! condition on an array holds when it holds for one of its items. Refuses to read or sort more than it must.

mod access;
mod gather;
mod key;
mod parse;
mod state;

pub use access::{choose, Access, End, Range};
pub use gather::{disk_count, disk_query, disk_select, too_large, Gather, Place, MAX_ROWS};
pub use key::{index_keys, Key};
pub use state::row_state;

use crate::model::{Document, Kind};
use std::rc::Rc;

/// A scalar in a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// `null`; not the absence of the field.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number or a text: what has a place in an index.
    Key(Key),
}

/// What a condition asks of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// To be one of these; `eq` is one.
    In(Vec<Scalar>),
    /// To lie in a range of one type.
    Within(Range),
    /// To be a text that begins so.
    StartsWith(Rc<str>),
}

/// One condition on one path.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Dotted path of the field.
    pub path: String,
    /// What is asked of its value.
    pub test: Test,
    /// Whether one item of an array is enough (the path has a `multi` index).
    pub any: bool,
}

/// A query on one collection. All conditions must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// The conditions.
    pub conditions: Vec<Condition>,
    /// Paths to order by; by id when empty, and always by id in the end.
    pub order_by: Vec<String>,
    /// From the last to the first.
    pub descending: bool,
    /// How many at most.
    pub limit: Option<usize>,
}

/// An index that a collection has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexDef {
    /// Its name in the store.
    pub name: Rc<str>,
    /// Paths of document fields, in order; more than one is a compound index.
    pub path: Vec<String>,
    /// Whether a key may stand for one document only.
    pub unique: bool,
    /// Whether each item of an array is a key of its own; has one path.
    pub multi: bool,
}

impl IndexDef {
    /// An index with the name its paths give it.
    pub fn new(path: Vec<String>, unique: bool, multi: bool) -> Self {
        let name = path.join("+").into();
        Self { name, path, unique, multi }
    }
}

impl Query {
    /// The same query for a collection with these indexes: a `multi` index lets conditions look into arrays.
    #[must_use]
    pub fn for_indexes(mut self, indexes: &[IndexDef]) -> Self {
        for condition in &mut self.conditions {
            condition.any = indexes.iter().any(|index| index.multi && index.path[0] == condition.path);
        }
        self
    }

    /// Whether a document meets all conditions.
    pub fn matches<D: Document>(&self, doc: &D) -> bool {
        self.conditions.iter().all(|condition| condition.holds(doc))
    }
}

impl Condition {
    /// Whether it holds for a document.
    pub fn holds<D: Document>(&self, doc: &D) -> bool {
        let Some(value) = doc.at_path(&self.path) else {
            return false;
        };
        match value.as_list() {
            Some(items) => self.any && items.iter().any(|item| self.test.passes(item)),
            None => self.test.passes(&value),
        }
    }
}

impl Test {
    fn passes<D: Document>(&self, value: &D) -> bool {
        match self {
            Self::In(values) => Scalar::of(value).is_some_and(|scalar| values.contains(&scalar)),
            Self::Within(range) => Key::of(value).is_some_and(|key| range.contains(&key)),
            Self::StartsWith(prefix) => value.as_text().is_some_and(|text| text.starts_with(&**prefix)),
        }
    }
}

impl Scalar {
    /// The scalar a value is; `None` for arrays and objects.
    pub fn of<D: Document>(value: &D) -> Option<Self> {
        match value.kind() {
            Kind::Null => Some(Self::Null),
            Kind::Bool => value.as_bool().map(Self::Bool),
            Kind::Number | Kind::Text => Key::of(value).map(Self::Key),
            Kind::List | Kind::Object => None,
        }
    }
}

#[cfg(test)]
mod tests;
