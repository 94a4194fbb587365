//! A JSON document for native builds: tests, property tests and the simulator.
//!
//! It stands in for the JavaScript value of the browser. The shipped module does not contain it.

use crate::model::{Document, Kind};
use serde_json::{Map, Number, Value};
use std::rc::Rc;

/// A shared JSON value.
#[derive(Debug, Clone, PartialEq)]
pub struct Json(pub Rc<Value>);

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self(Rc::new(value))
    }
}

impl Document for Json {
    fn object() -> Self {
        Value::Object(Map::new()).into()
    }

    fn null() -> Self {
        Value::Null.into()
    }

    fn text(value: &str) -> Self {
        Value::String(value.into()).into()
    }

    fn number(value: f64) -> Self {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if value.fract() == 0.0 && value.abs() < EXACT {
            return Value::Number(Number::from(value as i64)).into();
        }
        Number::from_f64(value).map_or(Value::Null, Value::Number).into()
    }

    fn boolean(value: bool) -> Self {
        Value::Bool(value).into()
    }

    fn list(items: Vec<Self>) -> Self {
        Value::Array(items.into_iter().map(|item| Rc::unwrap_or_clone(item.0)).collect()).into()
    }

    fn kind(&self) -> Kind {
        match *self.0 {
            Value::Null => Kind::Null,
            Value::Bool(_) => Kind::Bool,
            Value::Number(_) => Kind::Number,
            Value::String(_) => Kind::Text,
            Value::Array(_) => Kind::List,
            Value::Object(_) => Kind::Object,
        }
    }

    fn as_text(&self) -> Option<String> {
        self.0.as_str().map(String::from)
    }

    fn as_number(&self) -> Option<f64> {
        self.0.as_f64()
    }

    fn as_bool(&self) -> Option<bool> {
        self.0.as_bool()
    }

    fn as_list(&self) -> Option<Vec<Self>> {
        self.0.as_array().map(|items| items.iter().cloned().map(Self::from).collect())
    }

    fn get(&self, field: &str) -> Option<Self> {
        self.0.as_object()?.get(field).cloned().map(Self::from)
    }

    fn fields(&self) -> Vec<String> {
        self.0.as_object().map(|object| object.keys().cloned().collect()).unwrap_or_default()
    }

    fn with(&self, fields: &[(&str, Option<Self>)]) -> Self {
        let mut object = self.0.as_object().cloned().unwrap_or_default();
        for (field, value) in fields {
            match value {
                Some(value) => drop(object.insert((*field).into(), (*value.0).clone())),
                None => drop(object.shift_remove(*field)),
            }
        }
        Value::Object(object).into()
    }

    fn same(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }

    fn to_json(&self) -> String {
        self.0.to_string()
    }

    fn parse(json: &str) -> Option<Self> {
        serde_json::from_str::<Value>(json).ok().map(Self::from)
    }
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}
