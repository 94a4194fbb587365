//! RFC 7396 merge patches between two documents.
//!
//! A merge patch cannot say "set to null": where that would be needed there is no patch, and the whole document goes
//! out instead (design, section 15).

use crate::model::{Document, Kind, Listed};

/// The merge patch that turns `from` into `to`, or `None` where only the whole document can say it.
pub fn merge_patch<D: Document>(from: &D, to: &D) -> Option<D> {
    let kept = to.fields();
    let mut patch: Vec<(String, D)> = Vec::new();
    for field in &kept {
        let value = to.get(field)?;
        match from.get(field) {
            Some(old) if old.same(&value) => {}
            Some(old) if old.kind() == Kind::Object && value.kind() == Kind::Object => {
                patch.push((field.clone(), merge_patch(&old, &value)?));
            }
            _ => patch.push((field.clone(), sayable(value)?)),
        }
    }
    let gone = from.fields().into_iter().filter(|field| !kept.contains(field));
    patch.extend(gone.map(|field| (field, D::null())));
    let fields: Vec<(&str, Option<D>)> =
        patch.iter().map(|(field, value)| (field.as_str(), Some(value.clone()))).listed();
    Some(D::of(&fields))
}

/// The value, unless a null in it would be taken for a removal.
fn sayable<D: Document>(value: D) -> Option<D> {
    fn has_null<D: Document>(value: &D) -> bool {
        match value.kind() {
            Kind::Null => true,
            Kind::Object => value.fields().iter().any(|field| value.get(field).is_none_or(|inner| has_null(&inner))),
            _ => false,
        }
    }
    (!has_null(&value)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Json;
    use proptest::prelude::*;
    use serde_json::{json, Map, Value};

    fn patch(from: Value, to: Value) -> Option<Value> {
        merge_patch(&Json::from(from), &Json::from(to)).map(|patch| patch.to_value())
    }

    /// RFC 7396, section 2, as written there.
    fn apply(target: Value, patch: &Value) -> Value {
        let Value::Object(patch) = patch else { return patch.clone() };
        let mut target = if let Value::Object(target) = target { target } else { Map::new() };
        for (name, value) in patch {
            if value.is_null() {
                target.shift_remove(name);
            } else {
                let old = target.get(name).cloned().unwrap_or(Value::Null);
                target.insert(name.clone(), apply(old, value));
            }
        }
        Value::Object(target)
    }

    #[test]
    fn nested_removals_are_said_as_null() {
        assert_eq!(
            patch(json!({"a": {"x": 1, "z": 3}}), json!({"a": {"y": 2, "z": 3}})),
            Some(json!({"a": {"y": 2, "x": null}}))
        );
        assert_eq!(patch(json!({"a": 1, "b": 2}), json!({"a": 1})), Some(json!({"b": null})));
    }

    #[test]
    fn setting_null_cannot_be_said() {
        assert_eq!(patch(json!({"a": 1}), json!({"a": null})), None);
        assert_eq!(patch(json!({}), json!({"a": {"b": {"c": null}}})), None);
        assert_eq!(
            patch(json!({"a": null}), json!({"a": null, "b": 1})),
            Some(json!({"b": 1})),
            "an old null stays unsaid"
        );
        assert_eq!(
            patch(json!({}), json!({"a": [null]})),
            Some(json!({"a": [null]})),
            "inside an array null is a value"
        );
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..9i64).prop_map(Value::from),
            "[ab]{0,2}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[abc]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn object() -> impl Strategy<Value = Value> {
        prop::collection::btree_map("[abc]", value(), 0..4).prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn what_can_be_said_arrives(from in object(), to in object()) {
            if let Some(patch) = patch(from.clone(), to.clone()) {
                let arrived = Json::from(apply(from, &patch));
                prop_assert!(arrived.same(&Json::from(to)));
            }
        }
    }
}
