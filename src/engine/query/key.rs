//! Keys in the order of IndexedDB: numbers, then texts by UTF-16 unit, then arrays.
//!
//! What has no key here (absent, `null`, booleans, objects, arrays that hold one of these) stands in no index.

use super::IndexDef;
use crate::model::{sort_by, Document, Kind, Listed};
use core::cmp::Ordering;
use std::rc::Rc;

/// A value with a place in an index.
#[derive(Debug, Clone)]
pub enum Key {
    /// A number; `-0` is `0`.
    Number(f64),
    /// A text.
    Text(Rc<str>),
    /// An array of keys: the key of a compound index, or an array in a document.
    List(Vec<Key>),
}

impl Key {
    /// The key of a value, when it has one.
    pub fn of<D: Document>(value: &D) -> Option<Self> {
        match value.kind() {
            Kind::Number => value.as_number().map(|number| Self::Number(number + 0.0)),
            Kind::Text => value.as_text().map(|text| Self::Text(text.into())),
            Kind::List => value.as_list()?.iter().map(Self::of).all_listed().map(Self::List),
            _ => None,
        }
    }

    /// The smallest key that is greater.
    pub(super) fn successor(&self) -> Self {
        match self {
            Self::Number(number) if *number == f64::INFINITY => Self::Text("".into()),
            Self::Number(number) => Self::Number(next_up(*number)),
            Self::Text(text) => Self::Text([text, "\0"].concat().into()),
            Self::List(items) => Self::List(items.iter().cloned().chain([Self::Number(f64::NEG_INFINITY)]).listed()),
        }
    }

    /// The first of all keys.
    pub(super) fn first() -> Self {
        Self::Number(f64::NEG_INFINITY)
    }

    /// The first key after all texts.
    pub(super) fn after_texts() -> Self {
        Self::List(Vec::new())
    }
}

fn next_up(number: f64) -> f64 {
    match number {
        0.0 => f64::from_bits(1),
        number if number > 0.0 => f64::from_bits(number.to_bits() + 1),
        number => f64::from_bits(number.to_bits() - 1),
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => left.partial_cmp(right).unwrap_or(Ordering::Equal),
            (Self::Text(left), Self::Text(right)) => compare_text(left, right),
            (Self::List(left), Self::List(right)) => left.cmp(right),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl Key {
    fn rank(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Text(_) => 1,
            Self::List(_) => 2,
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

/// Order by UTF-16 unit, as JavaScript and IndexedDB have it.
pub(super) fn compare_text(left: &str, right: &str) -> Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}

/// The keys under which an index holds a document: none, one, or one per item of an array.
pub fn index_keys<D: Document>(doc: &D, index: &IndexDef) -> Vec<Key> {
    if let [path] = &index.path[..] {
        let Some(value) = doc.at_path(path) else {
            return Vec::new();
        };
        let items = if index.multi { value.as_list() } else { None };
        let mut keys: Vec<Key> = items.unwrap_or_else(|| vec![value]).iter().filter_map(Key::of).listed();
        sort_by(&mut keys, Ord::cmp);
        keys.dedup();
        return keys;
    }
    let parts = index.path.iter().map(|path| Key::of(&doc.at_path(path)?)).all_listed();
    parts.map(Key::List).into_iter().listed()
}
