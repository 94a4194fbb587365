//! Every query through any index equals the naive scan, filter, sort and cut.

use super::*;
use crate::engine::disk::Disk;
use crate::engine::store::Write;
use crate::model::Row;
use crate::native::Json;
use proptest::prelude::*;
use serde_json::{json, Value};

/// Three fields of a document, each there or not.
type Fields = (Option<Value>, Option<Value>, Option<Value>);

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (0..4i32).prop_map(|number| json!(number)),
        2 => prop::sample::select(vec!["", "a", "ab", "b", "\u{ffff}", "\u{1f600}", "\u{d7ff}x"]).prop_map(|text| json!(text)),
        1 => Just(json!(1.5)),
        1 => Just(json!(null)),
        1 => any::<bool>().prop_map(|flag| json!(flag)),
        1 => Just(json!(["a", 1])),
        1 => Just(json!([null, "b", "a"])),
        1 => Just(json!({})),
    ]
}

fn docs() -> impl Strategy<Value = Vec<Json>> {
    let field = || prop::option::weighted(0.8, values());
    prop::collection::vec((field(), field(), field()), 0..24).prop_map(|rows| {
        let doc = |(at, (a, b, c)): (usize, Fields)| {
            let mut doc = json!({ "id": id(at) });
            for (name, value) in [("a", a), ("b", b), ("c", c)] {
                if let Some(value) = value {
                    doc[name] = value;
                }
            }
            Json::from(doc)
        };
        rows.into_iter().enumerate().map(doc).collect()
    })
}

fn id(at: usize) -> String {
    ["k", &((at * 7) % 24).to_string()].concat()
}

fn paths() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "id"]).prop_map(String::from)
}

fn conditions() -> impl Strategy<Value = Value> {
    let scalars = || {
        prop_oneof![
            3 => (0..4i32).prop_map(|number| json!(number)),
            2 => prop::sample::select(vec!["", "a", "ab", "b", "k1", "k2"]).prop_map(|text| json!(text)),
            1 => Just(json!(null)),
            1 => any::<bool>().prop_map(|flag| json!(flag)),
        ]
    };
    let one = (paths(), prop::sample::select(vec!["eq", "eq", "gt", "gte", "lt", "lte"]), scalars());
    let many = (paths(), prop::collection::vec(scalars(), 1..4));
    let prefix = (paths(), prop::sample::select(vec!["", "a", "k1", "\u{d7ff}", "\u{1f600}"]));
    prop_oneof![
        4 => one.prop_map(|(path, op, value)| json!({ "path": path, "op": op, "value": value })),
        1 => many.prop_map(|(path, value)| json!({ "path": path, "op": "in", "value": value })),
        1 => prefix.prop_map(|(path, value)| json!({ "path": path, "op": "startsWith", "value": value })),
    ]
}

fn queries() -> impl Strategy<Value = Query> {
    let parts = (prop::collection::vec(conditions(), 0..4), prop::collection::vec(paths(), 0..3));
    (parts, any::<bool>(), prop::option::of(0..8usize)).prop_map(|((conditions, order_by), descending, limit)| {
        let limit = limit.map_or(Value::Null, |limit| json!(limit));
        let query = json!({ "where": conditions, "orderBy": order_by, "descending": descending, "limit": limit });
        Query::try_from_document(&Json::from(query)).expect("the shape is right")
    })
}

fn index_sets() -> impl Strategy<Value = Vec<IndexDef>> {
    let all: Vec<(&[&str], bool)> = vec![
        (&["a"], false),
        (&["b"], false),
        (&["c"], true),
        (&["a"], true),
        (&["a", "b"], false),
        (&["b", "a"], false),
        (&["a", "b", "c"], false),
        (&["c", "id"], false),
    ];
    prop::sample::subsequence(all, 0..5).prop_map(|set| {
        let index = |(path, multi): (&[&str], bool)| {
            IndexDef::new(path.iter().map(|path| (*path).into()).collect(), false, multi)
        };
        set.into_iter().map(index).collect()
    })
}

fn disk_of(docs: &[Json]) -> Disk<Json> {
    let mut disk = Disk::default();
    let write = |doc: &Json| {
        let id = doc.text_of("id").expect("every document has an id");
        Write::PutMain("notes".into(), Row { doc: Some(doc.clone()), ..Row::fresh(&id, 0) })
    };
    disk.apply(docs.iter().map(write).collect()).expect("nothing is added to the outbox");
    disk
}

/// What a store that has only ordered indexes makes of an access.
fn by_access(docs: &[Json], query: &Query, indexes: &[IndexDef]) -> Vec<Json> {
    let access = choose(query, indexes);
    let by_id = IndexDef::new(vec!["id".into()], true, false);
    let index = access.index.map_or(&by_id, |at| &indexes[at]);
    let mut entries: Vec<(Key, Key, &Json)> = Vec::new();
    for doc in docs {
        let id = Key::of(&doc.get("id").expect("every document has an id")).expect("a text is a key");
        entries.extend(index_keys(doc, index).into_iter().map(|key| (key, id.clone(), doc)));
    }
    entries.sort_by(|left, right| left.0.cmp(&right.0).then(left.1.cmp(&right.1)));
    let inside = |range: &Range| {
        let entries = entries.iter().filter(|entry| range.contains(&entry.0)).map(|entry| entry.2.clone());
        entries.collect::<Vec<Json>>()
    };
    let mut rows: Vec<Json> = access.ranges.iter().flat_map(inside).collect();
    rows.retain(|doc| access.residual.iter().all(|at| query.conditions[*at].holds(doc)));
    if !access.repeats {
        let ids: std::collections::BTreeSet<String> = rows.iter().map(Document::to_json).collect();
        assert_eq!(ids.len(), rows.len(), "no row comes twice unless the access says so");
    }
    if access.ordered {
        if query.descending {
            rows.reverse();
        }
        rows.truncate(query.limit.unwrap_or(usize::MAX));
        if !access.partial || query.limit == Some(rows.len()) {
            return rows;
        }
        rows = docs.iter().filter(|doc| query.matches(*doc)).cloned().collect();
    }
    let mut gather = Gather::new(query);
    for doc in rows {
        let id = doc.text_of("id").expect("every document has an id");
        gather.push(Place::of(query, id, &doc), doc).expect("few rows");
    }
    gather.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]
    #[test]
    fn any_index_gives_what_the_scan_gives(docs in docs(), query in queries(), indexes in index_sets()) {
        let disk = disk_of(&docs);
        let naive = disk_query(&disk, "notes", &query, &indexes).expect("few rows");
        let naive: Vec<Json> = naive.into_iter().filter_map(|row| row.doc.clone()).collect();
        let query = query.for_indexes(&indexes);
        prop_assert_eq!(by_access(&docs, &query, &indexes), naive, "{:?}", choose(&query, &indexes));
    }

    #[test]
    fn keys_are_in_one_order(left in values(), right in values()) {
        let pair = Key::of(&Json::from(left)).zip(Key::of(&Json::from(right)));
        if let Some((left, right)) = pair {
            prop_assert_eq!(left.cmp(&right), right.cmp(&left).reverse());
            prop_assert!(left < left.successor());
            prop_assert!(right <= left || left.successor() <= right, "nothing lies between");
        }
    }
}

fn query(json: Value) -> Query {
    Query::try_from_document(&Json::from(json)).expect("the shape is right")
}

fn index(paths: &[&str]) -> IndexDef {
    IndexDef::new(paths.iter().map(|path| (*path).into()).collect(), false, false)
}

#[test]
fn equality_on_an_index_is_exact_and_in_id_order() {
    let query = query(json!({ "where": [{ "path": "a", "op": "eq", "value": "x" }] }));
    let access = choose(&query, &[index(&["b"]), index(&["a"])]);
    assert_eq!(access.index, Some(1));
    assert!(access.is_exact() && access.ordered && !access.partial);
    assert_eq!(access.ranges, [Range::only(Key::Text("x".into()))]);
}

#[test]
fn a_compound_index_gives_prefix_range_and_order() {
    let query = query(json!({
        "where": [{ "path": "a", "op": "eq", "value": 1 }, { "path": "b", "op": "gte", "value": 5 }],
        "orderBy": ["b"], "limit": 10,
    }));
    let access = choose(&query, &[index(&["a"]), index(&["a", "b"])]);
    assert_eq!(access.index, Some(1));
    assert!(access.is_exact() && access.ordered && !access.partial);
}

#[test]
fn the_first_of_an_order_come_from_its_index_when_they_are_enough() {
    let query = query(json!({ "orderBy": ["a"], "descending": true, "limit": 3 }));
    let access = choose(&query, &[index(&["a"])]);
    assert!(access.index == Some(0) && access.partial && access.ordered);
    assert_eq!(choose(&Query { limit: None, ..query }, &[index(&["a"])]).index, None, "all of them need the scan");
}

#[test]
fn contradictions_read_nothing() {
    let query = query(json!({ "where": [
        { "path": "a", "op": "gt", "value": 5 }, { "path": "a", "op": "lt", "value": "x" },
    ] }));
    assert!(choose(&query, &[index(&["a"])]).ranges.is_empty());
}

#[test]
fn more_rows_than_an_answer_may_have_are_refused_without_a_limit() {
    let docs: Vec<Json> = (0..=MAX_ROWS).map(|at| Json::from(json!({ "id": at.to_string() }))).collect();
    let disk = disk_of(&docs);
    let refused = disk_query(&disk, "notes", &Query::default(), &[]).expect_err("too many");
    assert_eq!(refused.code, crate::model::Code::QueryTooLarge);
    let some = Query { limit: Some(MAX_ROWS), ..Query::default() };
    assert_eq!(disk_query(&disk, "notes", &some, &[]).expect("a limit").len(), MAX_ROWS);
    assert_eq!(disk_count(&disk, "notes", &Query::default(), &[]), MAX_ROWS + 1);
}
