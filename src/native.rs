//! A JSON document for native builds: tests, property tests and the simulator.
//!
//! It stands in for the JavaScript value of the browser, and is shared at every level as that is: a field is given out,
//! and a copy with another field is made, without copying what lies below. Numbers are doubles. The shipped module does
//! not contain it.

mod parse;

use crate::model::{Document, Kind};
use core::fmt::{self, Display, Formatter, Write};
use serde_json::{Number, Value};
use std::rc::Rc;

/// A shared JSON value.
#[derive(Debug, Clone)]
pub enum Json {
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// Text.
    Text(Rc<str>),
    /// An array.
    List(Rc<[Json]>),
    /// An object: its fields in the order of their insertion.
    Object(Rc<Vec<(Rc<str>, Json)>>),
}

impl Json {
    /// The same value as `serde_json` has it; whole numbers that a double holds exactly become integers.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(value) => number(*value).map_or(Value::Null, Value::Number),
            Self::Text(text) => Value::String((**text).into()),
            Self::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Self::Object(fields) => {
                Value::Object(fields.iter().map(|(field, value)| ((**field).into(), value.to_value())).collect())
            }
        }
    }

    /// A field of an object, by reference.
    pub fn field(&self, field: &str) -> Option<&Self> {
        let Self::Object(fields) = self else { return None };
        fields.iter().find(|(name, _)| **name == *field).map(|(_, value)| value)
    }

    /// The items of an array, by reference; none of anything else.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The text, by reference, when this is text.
    pub fn str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => number.as_f64().map_or(Self::Null, Self::Number),
            Value::String(text) => Self::Text(text.into()),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(fields) => {
                Self::Object(Rc::new(fields.into_iter().map(|(field, value)| (field.into(), value.into())).collect()))
            }
        }
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.same(other)
    }
}

impl PartialEq<Value> for Json {
    fn eq(&self, other: &Value) -> bool {
        self.same(&Self::from(other.clone()))
    }
}

impl Display for Json {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => out.write_str("null"),
            Self::Bool(value) => value.fmt(out),
            Self::Number(value) => match number(*value) {
                Some(number) => number.fmt(out),
                None => out.write_str("null"),
            },
            Self::Text(text) => quoted(text, out),
            Self::List(items) => {
                out.write_char('[')?;
                for (place, item) in items.iter().enumerate() {
                    separate(place, out)?;
                    item.fmt(out)?;
                }
                out.write_char(']')
            }
            Self::Object(fields) => {
                out.write_char('{')?;
                for (place, (field, value)) in fields.iter().enumerate() {
                    separate(place, out)?;
                    quoted(field, out)?;
                    out.write_char(':')?;
                    value.fmt(out)?;
                }
                out.write_char('}')
            }
        }
    }
}

fn separate(place: usize, out: &mut Formatter<'_>) -> fmt::Result {
    if place > 0 {
        out.write_char(',')?;
    }
    Ok(())
}

fn quoted(text: &str, out: &mut Formatter<'_>) -> fmt::Result {
    if text.bytes().any(|byte| byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        return Value::String(text.into()).fmt(out);
    }
    out.write_char('"')?;
    out.write_str(text)?;
    out.write_char('"')
}

/// A number as JSON text has it; `None` of what is not finite.
fn number(value: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

impl Document for Json {
    fn object() -> Self {
        Self::Object(Rc::default())
    }

    fn null() -> Self {
        Self::Null
    }

    fn text(value: &str) -> Self {
        Self::Text(value.into())
    }

    fn number(value: f64) -> Self {
        if value.is_finite() {
            Self::Number(value)
        } else {
            Self::Null
        }
    }

    fn boolean(value: bool) -> Self {
        Self::Bool(value)
    }

    fn list(items: Vec<Self>) -> Self {
        Self::List(items.into())
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Number(_) => Kind::Number,
            Self::Text(_) => Kind::Text,
            Self::List(_) => Kind::List,
            Self::Object(_) => Kind::Object,
        }
    }

    fn as_text(&self) -> Option<String> {
        self.str().map(String::from)
    }

    fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(value) => Some(*value),
            _ => None,
        }
    }

    fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    fn as_list(&self) -> Option<Vec<Self>> {
        match self {
            Self::List(items) => Some(items.to_vec()),
            _ => None,
        }
    }

    fn get(&self, field: &str) -> Option<Self> {
        self.field(field).cloned()
    }

    fn fields(&self) -> Vec<String> {
        match self {
            Self::Object(fields) => fields.iter().map(|(field, _)| (**field).into()).collect(),
            _ => Vec::new(),
        }
    }

    fn with(&self, fields: &[(&str, Option<Self>)]) -> Self {
        let held: &[(Rc<str>, Self)] = if let Self::Object(held) = self { held } else { &[] };
        let mut object = Vec::with_capacity(held.len() + fields.len());
        object.extend_from_slice(held);
        for (field, value) in fields {
            let at = object.iter().position(|(name, _)| **name == **field);
            match (at, value) {
                (Some(at), Some(value)) => object[at].1 = value.clone(),
                (None, Some(value)) => object.push(((*field).into(), value.clone())),
                (Some(at), None) => drop(object.remove(at)),
                (None, None) => {}
            }
        }
        Self::Object(Rc::new(object))
    }

    #[allow(clippy::float_cmp, reason = "the same number is the same number")]
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::Number(left), Self::Number(right)) => left == right,
            (Self::Text(left), Self::Text(right)) => left == right,
            (Self::List(left), Self::List(right)) => {
                left.len() == right.len() && left.iter().zip(&**right).all(|(left, right)| left.same(right))
            }
            (Self::Object(left), Self::Object(right)) => {
                Rc::ptr_eq(left, right)
                    || (left.len() == right.len()
                        && left.iter().all(|(field, value)| other.field(field).is_some_and(|other| value.same(other))))
            }
            _ => false,
        }
    }

    fn to_json(&self) -> String {
        self.to_string()
    }

    fn parse(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }
}
