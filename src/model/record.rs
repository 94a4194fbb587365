//! The form a value takes in the store, and small readers for it.
//!
//! Every record is a plain object, readable in a browser's own inspector. Reading is tolerant of absent optional
//! fields and strict about the rest: what cannot be read is `None`, never a guess.

use super::{Document, Listed, Time};

/// A value with a stored form.
pub trait Record<D: Document>: Sized {
    /// The object to store.
    fn to_record(&self) -> D;
    /// Reads a stored object; `None` when it is damaged.
    fn from_record(record: &D) -> Option<Self>;
}

/// A time or another whole number, when it is there and not negative.
pub(super) fn whole<D: Document>(record: &D, field: &str) -> Option<Time> {
    record.number_of(field).filter(|number| *number >= 0.0).map(|number| number as Time)
}

/// A list of texts, empty when absent.
pub(super) fn texts<D: Document>(record: &D, field: &str) -> Vec<String> {
    let items = record.get(field).and_then(|list| list.as_list()).unwrap_or_default();
    items.iter().filter_map(Document::as_text).listed()
}

/// An optional whole number as a value to store.
pub(super) fn number<D: Document>(value: Option<u64>) -> Option<D> {
    value.map(|value| D::number(value as f64))
}

/// An optional text as a value to store.
pub(super) fn text<D: Document>(value: Option<&str>) -> Option<D> {
    value.map(D::text)
}

/// Builds an object of the fields that have a value.
pub(super) fn object<D: Document>(fields: &[(&str, Option<D>)]) -> D {
    D::of(fields)
}

#[cfg(test)]
mod tests;
