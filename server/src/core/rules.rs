//! What a server may be configured to accept: limits, preconditions, schemas of collections.
//!
//! A collection without a schema takes any JSON object. A schema checks text fields only; it is a
//! reference server's idea of validation, not a schema language.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Limits and schemas, the same for every request.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Largest request body in bytes.
    pub body_limit: usize,
    /// Deepest nesting of a document.
    pub depth_limit: usize,
    /// Items in a page when the request names no limit.
    pub page_default: usize,
    /// Items in a page at most.
    pub page_max: usize,
    /// How long the result of an executed change is kept, in milliseconds.
    pub retention_ms: u64,
    /// Refuse changes of existing documents that carry no precondition (428).
    pub require_precondition: bool,
    /// Schemas by collection.
    pub schemas: BTreeMap<String, Schema>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            body_limit: 1 << 20,
            depth_limit: 100,
            page_default: 200,
            page_max: 1_000,
            retention_ms: 48 * 3_600_000,
            require_precondition: false,
            schemas: BTreeMap::from([("assistants".to_owned(), assistants())]),
        }
    }
}

/// Text fields by name; fields it does not name are free.
pub type Schema = BTreeMap<String, TextField>;

/// The rule for one text field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextField {
    /// The field must be present and not null.
    #[serde(default)]
    pub required: bool,
    /// Fewest characters.
    #[serde(default)]
    pub min: usize,
    /// Most characters.
    pub max: usize,
}

impl Rules {
    /// What is wrong with a whole document of that collection, by field; empty when nothing is.
    pub fn check(&self, collection: &str, document: &Map<String, Value>) -> BTreeMap<String, String> {
        let fields = self.schemas.get(collection).into_iter().flatten();
        fields.filter_map(|(name, field)| Some((name.clone(), field.fault(document.get(name))?))).collect()
    }
}

impl TextField {
    fn fault(&self, value: Option<&Value>) -> Option<String> {
        match value {
            None | Some(Value::Null) => self.required.then(|| "is required".to_owned()),
            Some(Value::String(text)) => self.length_fault(text.chars().count()),
            Some(_) => Some("must be text".to_owned()),
        }
    }

    fn length_fault(&self, length: usize) -> Option<String> {
        if length == 0 && self.min > 0 {
            Some("must not be empty".to_owned())
        } else if length < self.min {
            Some(format!("must have at least {} characters", self.min))
        } else if length > self.max {
            Some(format!("must have at most {} characters", self.max))
        } else {
            None
        }
    }
}

fn assistants() -> Schema {
    let text = |required, min, max| TextField { required, min, max };
    BTreeMap::from([
        ("name".to_owned(), text(true, 1, 100)),
        ("description".to_owned(), text(false, 0, 2_000)),
        ("category".to_owned(), text(false, 0, 50)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(document: &Value) -> Vec<String> {
        let Value::Object(map) = document else { panic!("an object") };
        Rules::default().check("assistants", map).into_keys().collect()
    }

    #[test]
    fn assistants_are_checked_by_field() {
        let long = |n: usize| "é".repeat(n);
        for (document, expected) in [
            (json!({ "name": "a" }), vec![]),
            (json!({ "name": long(100), "description": long(2_000), "category": long(50) }), vec![]),
            (json!({ "name": "a", "description": null, "other": 1 }), vec![]),
            (json!({}), vec!["name"]),
            (json!({ "name": null }), vec!["name"]),
            (json!({ "name": "" }), vec!["name"]),
            (json!({ "name": 7 }), vec!["name"]),
            (json!({ "name": long(101) }), vec!["name"]),
            (json!({ "description": long(2_001), "category": long(51) }), vec!["category", "description", "name"]),
        ] {
            assert_eq!(faults(&document), expected, "{document}");
        }
    }

    #[test]
    fn other_collections_are_free() {
        assert!(Rules::default().check("notes", &Map::new()).is_empty());
    }
}
