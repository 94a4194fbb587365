//! Patches between any two documents: what a patch says arrives, and nothing else.

use seakeep::model::{Document, Kind, Patch};
use seakeep::native::Json;
use seakeep::protocol::merge_patch as between;
use serde_json::{Map, Value};

/// Three lines, three documents.
pub(super) fn merge_patch(data: &[u8]) {
    let Some([a, b, c]) = documents(data) else { return };
    check_wire(&a, &b);
    check_wire(&b, &c);
    let (first, second) = (Patch::between(&a, &b), Patch::between(&b, &c));
    assert!(same_but_id(&first.apply(&a), &b), "a patch turns one document into the other");
    let both = first.then(second);
    assert!(same_but_id(&both.apply(&a), &c), "two patches in one do what they do one after the other");
    assert!(Patch::between(&a, &a).is_empty());
}

/// Documents, one in each line.
pub(super) fn documents<const N: usize>(data: &[u8]) -> Option<[Json; N]> {
    let text = String::from_utf8_lossy(data);
    let read = |line: &str| Json::parse(line).filter(|doc| doc.kind() == Kind::Object);
    let all: Vec<Json> = text.lines().take(N).map(read).collect::<Option<_>>()?;
    all.try_into().ok()
}

fn check_wire(from: &Json, to: &Json) {
    if let Some(patch) = between(from, to) {
        let arrived = Json::from(applied(from.to_value(), &patch.to_value()));
        assert!(arrived.same(to), "what the server makes of the patch is the document");
    }
}

/// RFC 7396, section 2, as written there.
fn applied(target: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut target = if let Value::Object(target) = target { target } else { Map::new() };
    for (name, value) in patch {
        if value.is_null() {
            target.shift_remove(name);
        } else {
            let old = target.get(name).cloned().unwrap_or(Value::Null);
            target.insert(name.clone(), applied(old, value));
        }
    }
    Value::Object(target)
}

/// The id is no part of a patch.
fn same_but_id(left: &Json, right: &Json) -> bool {
    left.with(&[("id", None)]).same(&right.with(&[("id", None)]))
}
