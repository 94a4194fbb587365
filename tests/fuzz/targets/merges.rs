//! The three-way merge of any three documents: its laws (I-33), whatever stands in them.

use super::patches::documents;
use seakeep::engine::merge::{decide, merge_fields, merge_tree, Answer, Merged, Question, Strategy};
use seakeep::model::Document;
use seakeep::native::Json;

/// Three lines: base, local, remote. A fourth one may name a group of fields.
pub(super) fn merge(data: &[u8]) {
    let Some([base, local, remote]) = documents(data) else { return };
    let text = String::from_utf8_lossy(data);
    let groups: Vec<Vec<String>> =
        text.lines().nth(3).map(|line| vec![line.split(' ').map(String::from).collect()]).into_iter().collect();
    for wins in [false, true] {
        let fields = |base: &Json, local: &Json, remote: &Json| merge_fields(base, local, remote, &groups, &|_| wins);
        check_laws(&fields, &base, &local, &remote);
        check_origin(&fields(&base, &local, &remote), &local, &remote);
        check_strategies(&base, &local, &remote, &groups, wins);
    }
    check_laws(&merge_tree, &base, &local, &remote);
}

/// What only one side changed is taken, what both changed alike too, and the same question has the same answer.
fn check_laws(merge: &dyn Fn(&Json, &Json, &Json) -> Merged<Json>, base: &Json, local: &Json, remote: &Json) {
    for (what, merged, expected) in [
        ("merge(b, a, a) = a", merge(base, local, local), local),
        ("merge(b, b, x) = x", merge(base, base, remote), remote),
        ("merge(b, x, b) = x", merge(base, local, base), local),
    ] {
        assert!(same_but_owned(&merged.doc, expected) && merged.fields.is_empty(), "{what}");
    }
    let (one, two) = (merge(base, local, remote), merge(base, local, remote));
    assert!(one.doc.same(&two.doc) && one.fields.len() == two.fields.len(), "the same question, the same answer");
    let known = |name: &String| [base, local, remote].iter().any(|doc| doc.get(name).is_some());
    assert!(one.doc.fields().iter().all(known), "no field out of nowhere");
    assert!(owned(&one.doc).same(&owned(remote)), "what the server sets follows the server");
}

/// Each field of a merge by fields is one side's, whole; where the sides differ and none is chosen it is on record.
fn check_origin(merged: &Merged<Json>, local: &Json, remote: &Json) {
    let same = |one: Option<Json>, two: Option<Json>| match (one, two) {
        (Some(one), Some(two)) => one.same(&two),
        (one, two) => one.is_none() && two.is_none(),
    };
    for name in local.fields().into_iter().chain(remote.fields()) {
        let got = merged.doc.get(&name);
        let of_a_side = same(got.clone(), local.get(&name)) || same(got, remote.get(&name));
        assert!(of_a_side, "a field that neither side wrote");
    }
}

fn check_strategies(base: &Json, local: &Json, remote: &Json, groups: &[Vec<String>], wins: bool) {
    let at = if wins { 1_000_000 } else { 0 };
    for (local, remote) in [(Some(local), Some(remote)), (None, Some(remote)), (Some(local), None)] {
        let local_at = |_: &str| at;
        let (base, edited_at, remote_at) = (Some(base), at, 500_000);
        let question = Question { base, local, remote, groups, local_at: &local_at, edited_at, remote_at };
        check_side(&decide(Strategy::Server, &question), remote);
        check_side(&decide(Strategy::Client, &question), local);
        check_side(&decide(Strategy::Latest, &question), if wins { local } else { remote });
        for strategy in [Strategy::Fields, Strategy::Merge] {
            let open = matches!(decide(strategy, &question), Answer::Open);
            assert!(open || (local.is_some() && remote.is_some()), "a rule undid a removal or an edit");
        }
    }
}

/// One side, whole.
fn check_side(answer: &Answer<Json>, side: Option<&Json>) {
    match (answer, side) {
        (Answer::Take(Some(doc)), Some(side)) => assert!(doc.same(side)),
        (Answer::Take(None), None) => {}
        _ => panic!("this strategy takes a side"),
    }
}

fn same_but_owned(left: &Json, right: &Json) -> bool {
    let bare = |doc: &Json| doc.with(&[("id", None), ("updatedAt", None)]);
    bare(left).same(&bare(right))
}

fn owned(doc: &Json) -> Json {
    Json::object().with(&[("id", doc.get("id")), ("updatedAt", doc.get("updatedAt"))])
}
