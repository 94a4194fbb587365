//! Reads a query from the plain object that the face has checked.
//!
//! What the face would never send is refused by its path alone; the value is not repeated.

use super::key::Key;
use super::{Condition, Query, Range, Scalar, Test};
use crate::model::{Code, Document, Failure, Listed};

impl Query {
    /// The query that an object of the border's shape describes.
    pub fn try_from_document<D: Document>(from: &D) -> Result<Self, Failure> {
        let conditions = list(from, "where").iter().map(condition).all_listed();
        let limit = from.number_of("limit").map(|limit| limit.max(0.0) as usize);
        Ok(Self {
            conditions: conditions.ok_or_else(|| Failure::new(Code::Validation, "a condition of the query"))?,
            order_by: list(from, "orderBy").iter().filter_map(Document::as_text).listed(),
            descending: from.flag("descending"),
            limit,
        })
    }
}

fn list<D: Document>(from: &D, field: &str) -> Vec<D> {
    from.get(field).and_then(|list| list.as_list()).unwrap_or_default()
}

fn condition<D: Document>(from: &D) -> Option<Condition> {
    let value = from.get("value")?;
    let test = match from.text_of("op")?.as_str() {
        "eq" => Test::In(vec![Scalar::of(&value)?]),
        "in" => Test::In(value.as_list()?.iter().map(Scalar::of).all_listed()?),
        "startsWith" => Test::StartsWith(value.as_text()?.into()),
        "gt" => above(&value, true),
        "gte" => above(&value, false),
        "lt" => below(&value, true),
        "lte" => below(&value, false),
        _ => return None,
    };
    Some(Condition { path: from.text_of("path")?, test, any: false })
}

/// Above a value, within its type. Nothing is above or below what has no order.
fn above<D: Document>(value: &D, open: bool) -> Test {
    scalar_key(value).map_or(Test::In(Vec::new()), |key| {
        let end = Range::of_type(&key);
        Test::Within(Range { lower: Some((key, open)), upper: end.upper })
    })
}

fn below<D: Document>(value: &D, open: bool) -> Test {
    scalar_key(value).map_or(Test::In(Vec::new()), |key| {
        let end = Range::of_type(&key);
        Test::Within(Range { lower: end.lower, upper: Some((key, open)) })
    })
}

fn scalar_key<D: Document>(value: &D) -> Option<Key> {
    Key::of(value).filter(|key| !matches!(key, Key::List(_)))
}
