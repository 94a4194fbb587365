//! The document trait: a JSON tree by reference.
//!
//! A document stays what the host made it (a JavaScript object, a JSON value). The engine looks into it only where
//! that is the point: a reference field, a changed field, an index condition. Values are immutable to the engine:
//! `with` makes a shallow copy. Nothing here serialises on the hot path.

use core::fmt::Debug;

/// What a JSON value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`, or absent.
    Null,
    /// A boolean.
    Bool,
    /// A number.
    Number,
    /// Text.
    Text,
    /// An array.
    List,
    /// An object.
    Object,
}

/// A JSON value owned by the host and shared by reference.
///
/// Cloning is cheap (a reference), and no method changes the value in place.
pub trait Document: Clone + Debug + 'static {
    /// An empty object.
    fn object() -> Self;
    /// `null`.
    fn null() -> Self;
    /// A text value.
    fn text(value: &str) -> Self;
    /// A number value.
    fn number(value: f64) -> Self;
    /// A boolean value.
    fn boolean(value: bool) -> Self;
    /// An object of the fields that have a value.
    fn of(fields: &[(&str, Option<Self>)]) -> Self {
        Self::object().with(fields)
    }
    /// An array.
    fn list(items: Vec<Self>) -> Self;

    /// What this value is.
    fn kind(&self) -> Kind;
    /// The text, when this is text.
    fn as_text(&self) -> Option<String>;
    /// The number, when this is a number.
    fn as_number(&self) -> Option<f64>;
    /// The boolean, when this is one.
    fn as_bool(&self) -> Option<bool>;
    /// The items, when this is an array.
    fn as_list(&self) -> Option<Vec<Self>>;

    /// An own field of an object; `None` when it is absent or this is no object.
    fn get(&self, field: &str) -> Option<Self>;
    /// Names of the own fields, in insertion order.
    fn fields(&self) -> Vec<String>;
    /// A shallow copy with fields set (`Some`) or removed (`None`).
    #[must_use]
    fn with(&self, fields: &[(&str, Option<Self>)]) -> Self;
    /// Deep equality of JSON values; the order of fields does not matter.
    fn same(&self, other: &Self) -> bool;

    /// JSON text, for a request body.
    fn to_json(&self) -> String;
    /// How long its JSON text is, in the host's own units.
    fn length(&self) -> usize {
        self.to_json().len()
    }
    /// Parses JSON text as `JSON.parse` does; `None` when it is not JSON.
    fn parse(json: &str) -> Option<Self>;

    /// The value at a dotted path of own fields.
    fn at_path(&self, path: &str) -> Option<Self> {
        let mut value = self.clone();
        for field in path.split('.') {
            value = value.get(field)?;
        }
        Some(value)
    }

    /// Text of a field, when it is text.
    fn text_of(&self, field: &str) -> Option<String> {
        self.get(field)?.as_text()
    }

    /// Number of a field, when it is a finite number.
    fn number_of(&self, field: &str) -> Option<f64> {
        self.get(field)?.as_number().filter(|number| number.is_finite())
    }

    /// A field that must be `true` to count.
    fn flag(&self, field: &str) -> bool {
        self.get(field).and_then(|value| value.as_bool()).unwrap_or(false)
    }
}
