//! The laws of the merge, as properties, and its table, as examples.

use super::*;
use crate::native::Json;
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest, Just, Strategy as Generator};
use serde_json::{json, Value};
use std::collections::BTreeMap;

fn doc(value: Value) -> Json {
    value.into()
}

fn leaf() -> impl Generator<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..4i64).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from)
    ]
}

fn items() -> impl Generator<Value = Value> {
    prop::collection::btree_map("[xyz]", 0..3i64, 0..4)
        .prop_map(|map| map.into_iter().map(|(id, v)| json!({ "id": id, "v": v })).collect())
}

fn value() -> impl Generator<Value = Value> {
    leaf().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec((0..4i64).prop_map(Value::from), 0..4).prop_map(Value::from),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            items(),
            prop::collection::btree_map("[abc]|__proto__|constructor", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn object() -> impl Generator<Value = Json> {
    prop::collection::btree_map("[a-e]|__proto__|constructor", value(), 0..5)
        .prop_map(|map| doc(Value::Object(map.into_iter().collect())))
}

fn by_fields(base: &Json, local: &Json, remote: &Json, wins: bool) -> Merged<Json> {
    merge_fields(base, local, remote, &[], &|_| wins)
}

/// The same items, whatever their order.
fn unordered(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(unordered).collect();
            items.sort_by_key(ToString::to_string);
            items.into()
        }
        Value::Object(map) => {
            let mut fields: Vec<(String, Value)> = map.iter().map(|(k, v)| (k.clone(), unordered(v))).collect();
            fields.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(fields.into_iter().collect())
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn what_only_one_side_changed_is_taken(base in object(), other in object(), wins: bool) {
        for merge in [|b: &Json, l: &Json, r: &Json, w| by_fields(b, l, r, w), |b: &Json, l: &Json, r: &Json, _| merge_tree(b, l, r)] {
            let both = merge(&base, &other, &other, wins);
            prop_assert!(both.doc.same(&other) && both.fields.is_empty(), "merge(b, a, a) = a");
            let theirs = merge(&base, &base, &other, wins);
            prop_assert!(theirs.doc.same(&other) && theirs.fields.is_empty(), "merge(b, b, x) = x");
            let ours = merge(&base, &other, &base, wins);
            prop_assert!(ours.doc.same(&other) && ours.fields.is_empty(), "merge(b, x, b) = x");
        }
    }

    #[test]
    fn sides_may_be_swapped_up_to_the_declared_policy(base in object(), left in object(), right in object(), wins: bool) {
        let one = by_fields(&base, &left, &right, wins);
        let two = by_fields(&base, &right, &left, !wins);
        prop_assert!(one.doc.same(&two.doc), "fields: whoever is later is later from either side");
        let (one, two) = (merge_tree(&base, &left, &right), merge_tree(&base, &right, &left));
        let paths = |merged: &Merged<Json>| { let mut paths: Vec<String> = merged.fields.iter().map(|field| field.path.clone()).collect(); paths.sort(); paths };
        prop_assert_eq!(paths(&one), paths(&two));
        if one.fields.is_empty() {
            prop_assert_eq!(unordered(&one.doc.to_value()), unordered(&two.doc.to_value()), "merge: but for the order of lists, which is the server's");
        }
    }

    #[test]
    fn a_merge_is_done_once(base in object(), local in object(), remote in object(), wins: bool) {
        let merged = by_fields(&base, &local, &remote, wins).doc;
        prop_assert!(by_fields(&remote, &merged, &remote, wins).doc.same(&merged));
        let merged = merge_tree(&base, &local, &remote).doc;
        prop_assert!(merge_tree(&remote, &merged, &remote).doc.same(&merged));
    }

    #[test]
    fn no_field_vanishes_without_being_named(base in object(), local in object(), remote in object(), wins: bool) {
        let merged = by_fields(&base, &local, &remote, wins);
        for name in local.fields().into_iter().chain(base.fields()).chain(remote.fields()) {
            let (here, there, out) = (local.get(&name), remote.get(&name), merged.doc.get(&name));
            let named = merged.fields.iter().any(|field| field.path == name);
            let changed = |value: &Option<Json>| !same(base.get(&name).as_ref(), value.as_ref());
            if changed(&here) && !named {
                prop_assert!(same(out.as_ref(), here.as_ref()), "{name}: changed here, neither kept nor named");
            }
            if changed(&there) && !named {
                prop_assert!(same(out.as_ref(), there.as_ref()), "{name}: changed there, neither kept nor named");
            }
        }
    }

    #[test]
    fn items_of_a_list_are_never_lost(base in prop::collection::vec(0..9i64, 0..5), here in prop::collection::vec(10..19i64, 0..5), there in prop::collection::vec(20..29i64, 0..5)) {
        let list = |more: &[i64]| doc(json!({ "l": base.iter().chain(more).collect::<Vec<_>>() }));
        let merged = merge_tree(&list(&[]), &list(&here), &list(&there));
        prop_assert!(merged.fields.is_empty());
        let out: Vec<i64> = merged.doc.field("l").expect("a list").items().iter().filter_map(Document::as_number).map(|item| item as i64).collect();
        let wanted: Vec<i64> = base.iter().chain(&there).chain(&here).copied().collect();
        prop_assert_eq!(out, wanted, "the server's order, what was added here last");
    }

    #[test]
    fn groups_are_never_mixed(base in prop::array::uniform2(0..3i64), local in prop::array::uniform2(0..3i64), remote in prop::array::uniform2(0..3i64), wins: bool) {
        let interval = |pair: [i64; 2]| doc(json!({ "start": pair[0], "end": pair[1] }));
        let groups = [vec!["start".to_string(), "end".to_string()]];
        let merged = merge_fields(&interval(base), &interval(local), &interval(remote), &groups, &|_| wins).doc;
        let sides = [interval(local), interval(remote)];
        prop_assert!(sides.iter().any(|side| merged.same(side)), "{merged:?} is neither side's interval");
    }

    #[test]
    fn three_replicas_agree_in_every_order(base in object(), edits in prop::array::uniform3(object()), order in Just([0usize, 1, 2]).prop_shuffle()) {
        // Replica n edits at the time n, and merges its edit into what the server has by then.
        let run = |order: [usize; 3]| {
            let (mut server, mut times) = (base.clone(), BTreeMap::new());
            for replica in order {
                let edit = &edits[replica];
                let wins = |name: &str| times.get(name).is_none_or(|time| *time < replica);
                let merged = merge_fields(&base, edit, &server, &[], &wins).doc;
                let changed = edit.fields().into_iter().chain(base.fields());
                for name in changed.filter(|name| !same(base.get(name).as_ref(), edit.get(name).as_ref())) {
                    let time = times.entry(name).or_insert(replica);
                    *time = replica.max(*time);
                }
                server = merged;
            }
            server
        };
        prop_assert_eq!(unordered(&run([0, 1, 2]).to_value()), unordered(&run(order).to_value()));
    }

    #[test]
    fn edits_of_different_fields_and_sets_agree_whatever_the_order(base in prop::collection::btree_set(0..6i64, 0..5), adds in prop::array::uniform3(prop::collection::btree_set(10..16i64, 0..3)), removes in prop::array::uniform3(0..6i64), order in Just([0usize, 1, 2]).prop_shuffle()) {
        let begin = doc(json!({ "tags": base, "f0": 0, "f1": 0, "f2": 0 }));
        let edit = |replica: usize| {
            let mut tags: Vec<i64> = base.iter().copied().filter(|tag| *tag != removes[replica]).collect();
            tags.extend(&adds[replica]);
            let name = format!("f{replica}");
            begin.with(&[("tags", Some(doc(json!(tags)))), (&name, Some(doc(json!(1))))])
        };
        let run = |order: [usize; 3]| order.iter().fold(begin.clone(), |server, replica| merge_tree(&begin, &edit(*replica), &server).doc);
        prop_assert_eq!(unordered(&run([0, 1, 2]).to_value()), unordered(&run(order).to_value()));
    }
}

#[test]
fn the_table_of_the_deep_merge() {
    let merge = |base: Value, local: Value, remote: Value| {
        let merged = merge_tree(&doc(json!({ "x": base })), &doc(json!({ "x": local })), &doc(json!({ "x": remote })));
        let paths: Vec<String> = merged.fields.iter().map(|field| field.path.clone()).collect();
        (merged.doc.to_value()["x"].clone(), paths.join(","))
    };
    let fine = |value: Value| (value, String::new());
    assert_eq!(
        merge(json!({"a": 1, "b": 1}), json!({"a": 2, "b": 1}), json!({"a": 1, "b": 2})),
        fine(json!({"a": 2, "b": 2}))
    );
    assert_eq!(merge(json!({"a": 1}), json!({"a": 2}), json!({"a": 3})).1, "x.a", "a leaf changed twice");
    assert_eq!(merge(json!({"a": 1}), json!({}), json!({"a": 3})).1, "x.a", "removed here, changed there");
    assert_eq!(
        merge(json!(1), json!({"a": 1}), json!({"b": 1})),
        fine(json!({"a": 1, "b": 1})),
        "both made an object of it"
    );
    assert_eq!(merge(json!([1, 2]), json!([1, 2, 3]), json!([2, 4])), fine(json!([2, 4, 3])));
    assert_eq!(merge(json!([]), json!(["a"]), json!(["a"])), fine(json!(["a"])), "added on both sides is there once");
    assert_eq!(merge(json!([[1]]), json!([[1], [2]]), json!([[1], [3]])).1, "x", "a list of lists is one value");
    assert_eq!(merge(json!(1), json!({"a": 1}), json!([2])).1, "x", "an object here, a list there");
    assert_eq!(merge(json!(1), json!([2]), json!({"a": 1})).1, "x", "a list here, an object there");
    let item = |id: &str, v: i64| json!({ "id": id, "v": v });
    assert_eq!(
        merge(
            json!([item("p", 1), item("q", 1)]),
            json!([item("p", 2), item("q", 1), item("r", 1)]),
            json!([item("q", 3), item("p", 1)])
        ),
        fine(json!([item("q", 3), item("p", 2), item("r", 1)])),
        "items by id, on the server's order"
    );
    assert_eq!(
        merge(json!([item("p", 1)]), json!([]), json!([item("p", 2)])).1,
        "x.p",
        "an item removed here, changed there"
    );
    assert_eq!(
        merge(json!([item("p", 1)]), json!([item("p", 1)]), json!([])),
        fine(json!([])),
        "an item removed there"
    );
}

#[test]
fn equal_values_of_a_list_are_counted() {
    let merge = |base: Value, local: Value, remote: Value| {
        merge_tree(&doc(json!({ "x": base })), &doc(json!({ "x": local })), &doc(json!({ "x": remote }))).doc.to_value()
            ["x"]
            .clone()
    };
    assert_eq!(merge(json!([1, 1, 2]), json!([1, 2, 3]), json!([1, 2, 4])), json!([1, 2, 4, 3]), "both removed one");
    assert_eq!(merge(json!([1]), json!([1, 1, 1]), json!([1, 1])), json!([1, 1, 1]), "both added, and one more here");
    assert_eq!(merge(json!([1, 1]), json!([1]), json!([1, 1, 1])), json!([1, 1]), "one went here, one came there");
    assert_eq!(merge(json!([1, 1]), json!([1, 1, 1]), json!([1])), json!([1, 1]), "one came here, one went there");
}

#[test]
fn what_lies_too_deep_is_one_value() {
    let nested = |depth: usize, a: i64, b: i64| {
        doc((0..depth).fold(json!({ "a": a, "b": b }), |inner, _| json!({ "x": inner })))
    };
    let merge = |depth: usize| merge_tree(&nested(depth, 1, 1), &nested(depth, 2, 1), &nested(depth, 1, 2));
    let deepest = merge(99);
    assert!(deepest.fields.is_empty() && deepest.doc.same(&nested(99, 2, 2)));
    let paths: Vec<String> = merge(100).fields.into_iter().map(|field| field.path).collect();
    assert_eq!(paths, [["x"; 100].join(".")]);
}

#[test]
fn the_servers_own_fields_follow_it() {
    let (base, local, remote) = (
        json!({"id": "1", "updatedAt": 1, "a": 1}),
        json!({"id": "1", "updatedAt": 5, "a": 2}),
        json!({"id": "1", "updatedAt": 9, "a": 1}),
    );
    let (base, local, remote) = (doc(base), doc(local), doc(remote));
    assert!(!is_changed(&base, &remote));
    for merged in [by_fields(&base, &local, &remote, true), merge_tree(&base, &local, &remote)] {
        assert_eq!(merged.doc.to_value(), json!({"id": "1", "updatedAt": 9, "a": 2}));
        assert!(merged.fields.is_empty());
    }
}

#[test]
fn each_strategy_has_its_answer_to_each_type() {
    let (base, local, remote) = (doc(json!({"a": 1})), doc(json!({"a": 2})), doc(json!({"a": 3})));
    let ask = |strategy, base: Option<&Json>, local: Option<&Json>, remote: Option<&Json>, edited_at| {
        let question =
            Question { base, local, remote, groups: &[], local_at: &|_| edited_at, edited_at, remote_at: 10_000 };
        match decide(strategy, &question) {
            Answer::Open => "open".to_string(),
            Answer::Take(None) => "deleted".into(),
            Answer::Take(Some(doc)) => doc.to_value()["a"].to_string(),
        }
    };
    let row = |strategy, edited_at| {
        let (b, l, r) = (Some(&base), Some(&local), Some(&remote));
        [
            ask(strategy, b, l, r, edited_at),
            ask(strategy, b, l, None, edited_at),
            ask(strategy, b, None, r, edited_at),
            ask(strategy, None, l, r, edited_at),
        ]
    };
    let (early, just, late) = (9_000, 11_000, 11_001);
    assert_eq!(row(Strategy::Fields, early), ["3", "open", "open", "3"]);
    assert_eq!(row(Strategy::Fields, just), ["3", "open", "open", "3"], "within the uncertainty the server wins");
    assert_eq!(row(Strategy::Fields, late), ["2", "open", "open", "2"]);
    assert_eq!(row(Strategy::Merge, late), ["open", "open", "open", "open"]);
    assert_eq!(row(Strategy::Latest, early), ["3", "deleted", "3", "3"]);
    assert_eq!(row(Strategy::Latest, late), ["2", "2", "deleted", "2"]);
    assert_eq!(row(Strategy::Server, late), ["3", "deleted", "3", "3"]);
    assert_eq!(row(Strategy::Client, early), ["2", "2", "deleted", "2"]);
    assert_eq!(row(Strategy::Manual, late), ["open"; 4]);
    assert_eq!(row(Strategy::Function, late), ["open"; 4]);
}

#[test]
fn only_those_that_look_into_the_document_merge_it() {
    let whole = |name| Strategy::from_text(Some(name)).takes_whole();
    assert!(["latest", "server", "client", "manual", "function"].into_iter().all(whole));
    assert!(!["fields", "merge", "no such strategy"].into_iter().any(whole));
}

#[test]
fn what_the_server_sets_itself_is_no_change() {
    let one = doc(json!({ "id": "a", "updatedAt": 1, "n": 1 }));
    assert!(!is_changed(&one, &doc(json!({ "id": "b", "updatedAt": 2, "n": 1 }))));
    assert!(is_changed(&one, &doc(json!({ "id": "a", "updatedAt": 1, "n": 2 }))));
    assert!(is_changed(&one, &doc(json!({ "id": "a", "updatedAt": 1, "n": 1, "x": null }))));
}
