//! One call of the app is done whole or not at all; what it names is found under the id it has by now.

use super::{operation, places, put, wants, write, written};
use crate::engine::disk::Disk;
use crate::engine::lane::{Action, Operation};
use crate::engine::plan::local_write::{
    Expected, Group, LocalWrite, WriteOutcome, Written, LAST_TIME, MOST_GUESSED, PLACES,
};
use crate::engine::store::{Plan, Read, Write};
use crate::model::{Code, DocKey, Document, Listed, Patch, PendingState, Row};
use crate::native::Json;
use serde_json::{json, Value};

fn key(id: &str) -> DocKey {
    DocKey::new(&"notes".into(), id)
}

fn note(id: &str, number: usize) -> Operation<Json> {
    operation("notes", &json!({ "id": id, "n": number }), number)
}

fn add(id: &str, number: usize) -> Operation<Json> {
    let Operation { key, action, .. } = note(id, number);
    let Action::Put(doc) = action else { panic!("a put") };
    Operation::sample(key, Action::Add(doc), number)
}

fn patch(id: &str, number: usize) -> Operation<Json> {
    let set = vec![("n".to_string(), json!(number).into())];
    Operation::sample(key(id), Action::Patch(Patch { set, ..Patch::default() }), number)
}

/// How the only group of a plan ended.
fn ended(disk: &mut Disk<Json>, plan: &LocalWrite<Json>) -> Result<Vec<WriteOutcome<Json>>, Code> {
    let Written { groups, effects, .. } = written(disk, plan);
    let [group] = &groups[..] else { panic!("one group") };
    let told = group.result.as_ref().map_or(0, Vec::len);
    assert_eq!(effects.changes.len(), told, "what was done is told, and nothing else");
    group.result.clone().map_err(|failure| failure.code)
}

fn calls(disk: &mut Disk<Json>, operations: Vec<Operation<Json>>) -> Result<Vec<WriteOutcome<Json>>, Code> {
    ended(disk, &write(None, operations))
}

fn doc(disk: &Disk<Json>, id: &str) -> Option<Value> {
    disk.main(&key(id))?.doc.as_ref().map(Json::to_value)
}

/// A document of the server's that had a temporary id before.
fn renamed(former: &str, id: &str) -> Disk<Json> {
    let mut disk = Disk::default();
    let doc = Some(json!({ "id": id, "n": 0 }).into());
    let row = Row { key: former.into(), doc, synced_at: Some(1), ..Row::fresh(id, 1) };
    let alias = Write::PutAlias(key(former), id.into());
    disk.apply(vec![Write::PutMain("notes".into(), row), alias]).expect("an empty store");
    disk
}

#[test]
fn one_failure_undoes_its_call_and_no_other() {
    let mut disk = Disk::default();
    let group = |ticket, operations| Group { ticket, operations, expected: Expected::default() };
    let groups = vec![
        group(1, vec![note("a", 1), note("b", 2), add("a", 3), note("c", 4)]),
        group(2, vec![note("d", 5)]),
        group(3, vec![add("d", 6)]),
    ];
    let done = written(&mut disk, &LocalWrite { groups, ..put(None, "x", 9) });
    let ends: Vec<(u32, Result<usize, Code>)> = done
        .groups
        .iter()
        .map(|group| (group.ticket, group.result.as_ref().map(Vec::len).map_err(|failure| failure.code)))
        .listed();
    let exists = Err(Code::AlreadyExists);
    assert_eq!(ends, [(1, exists), (2, Ok(1)), (3, exists)]);
    assert_eq!(["a", "b", "c", "d"].map(|id| doc(&disk, id).is_some()), [false, false, false, true]);
    assert_eq!(disk.pending_rows().count(), 1);
    assert_eq!(done.groups[0].result.as_ref().err().map(|failure| failure.at), Some(1), "it says when");
    assert_eq!(doc(&disk, "d"), Some(json!({ "id": "d", "n": 5 })));
}

#[test]
fn each_change_has_its_place_and_places_follow_the_clock() {
    let mut disk = Disk::default();
    let at = |now, operations| LocalWrite { now, ..write(None, operations) };
    let first = ended(&mut disk, &at(1_000, vec![note("a", 1), note("b", 2), note("a", 3)])).expect("three writes");
    let begin = 1_000 * PLACES;
    let told: Vec<_> = first.iter().map(|one| (one.seq, one.mutation_id.as_deref().map(String::from))).collect();
    let one = |place, by: &str| (Some(place), Some(by.to_string()));
    assert_eq!(told, [one(begin, "m1"), one(begin + 1, "m2"), one(begin, "m1")], "the third went into the first");
    assert_eq!(places(&disk), [begin, begin + 1]);
    ended(&mut disk, &at(10, vec![note("c", 4)])).expect("a clock that jumped back");
    assert_eq!(places(&disk).last(), Some(&(begin + 2)));
    ended(&mut disk, &at(LAST_TIME * 3, vec![note("d", 5)])).expect("a clock in the far future");
    assert_eq!(places(&disk).last(), Some(&(LAST_TIME * PLACES)));
}

#[test]
fn only_the_library_makes_temporary_ids() {
    let mut disk = Disk::default();
    assert_eq!(calls(&mut disk, vec![note("pending-1-x", 1)]).err(), Some(Code::IdReserved));
    assert_eq!(calls(&mut disk, vec![add("pending-1-x", 1)]).err(), Some(Code::IdReserved));
    assert_eq!(calls(&mut disk, vec![patch("pending-1-x", 1)]).err(), Some(Code::NotFound), "a patch makes nothing");
    let minted = Operation { fresh: true, ..note("pending-1-x", 1) };
    calls(&mut disk, vec![minted]).expect("the library's own");
    calls(&mut disk, vec![note("pending-1-x", 2)]).expect("it stands now");
    assert_eq!(doc(&disk, "pending-1-x"), Some(json!({ "id": "pending-1-x", "n": 2 })));
}

#[test]
fn a_former_temporary_id_leads_to_the_document_under_its_own() {
    let mut disk = renamed("pending-1-x", "7");
    let outcome = calls(&mut disk, vec![note("pending-1-x", 2)]).expect("a put").remove(0);
    assert_eq!((outcome.key, &*outcome.row_key), (key("7"), "pending-1-x"));
    assert_eq!(doc(&disk, "7"), Some(json!({ "id": "7", "n": 2 })), "the document says its own id");
    assert!(disk.main(&key("pending-1-x")).is_none());
    calls(&mut disk, vec![patch("pending-1-x", 3)]).expect("a patch");
    assert_eq!(doc(&disk, "7"), Some(json!({ "id": "7", "n": 3 })));
    let gone = Operation { action: Action::Remove, ..note("pending-1-x", 4) };
    let outcome = calls(&mut disk, vec![gone]).expect("a removal").remove(0);
    assert!(outcome.doc.is_none() && outcome.mutation_id.is_some());
    // An alias is asked for only where the id can have one.
    let plain = wants(&LocalWrite { new: false, ..write(Some(1), vec![note("a", 1)]) });
    assert_eq!(plain, [Read::Main(key("a"))]);
    let minted = Operation { fresh: true, ..note("pending-1-y", 1) };
    assert!(wants(&LocalWrite { new: false, ..write(Some(1), vec![minted]) }).is_empty());
}

#[test]
fn one_document_twice_in_bulk_is_refused_where_one_is_its_former_id() {
    let both = || vec![note("pending-1-x", 1), note("7", 2)];
    assert_eq!(calls(&mut renamed("pending-1-x", "7"), both()).err(), Some(Code::BulkDuplicateId));
    let mut disk = renamed("pending-1-x", "7");
    calls(&mut disk, vec![note("pending-1-x", 1), note("8", 2)]).expect("two documents");
    calls(&mut disk, vec![note("9", 1), note("9", 2)]).expect("under one id twice: the later write counts");
    assert_eq!(doc(&disk, "9"), Some(json!({ "id": "9", "n": 2 })));
    let grouped = both().into_iter().map(|op| Operation { group: Some("g".into()), ..op }).collect();
    calls(&mut disk, grouped).expect("a transaction may write a document twice");
    assert_eq!(doc(&disk, "7"), Some(json!({ "id": "7", "n": 2 })));
}

#[test]
fn only_writes_that_make_a_document_guess_that_it_is_new() {
    let reads = |operation: Operation<Json>| !wants(&write(Some(1), vec![operation])).is_empty();
    assert!(!reads(note("a", 1)) && !reads(add("a", 1)));
    assert!(reads(patch("a", 1)));
    assert!(reads(Operation { action: Action::Remove, ..note("a", 1) }));
    assert!(reads(Operation { local: true, ..note("a", 1) }), "data from elsewhere goes below what waits");
    let minted = |n: usize| Operation { fresh: true, ..note(&format!("pending-1-{n}"), n) };
    assert!(wants(&write(Some(1), (0..=MOST_GUESSED).map(minted).collect())).is_empty(), "minted ids are no guess");
    let mut expected = Expected::default();
    expected.doc(key("b"), None);
    let groups = vec![Group { ticket: 1, operations: vec![note("a", 1)], expected }];
    assert!(wants(&LocalWrite { groups, ..put(Some(1), "a", 1) }).contains(&Read::Main(key("b"))));
}

#[test]
fn what_a_tab_heard_of_the_guess_is_whether_it_was_right() {
    let mut disk = Disk::default();
    assert_eq!(written(&mut disk, &put(None, "a", 1)).new, None, "no guess was made");
    assert_eq!(written(&mut disk, &LocalWrite { new: false, ..put(Some(9_000), "b", 2) }).new, None);
    let update = write(Some(9_000), vec![patch("a", 3)]);
    assert_eq!(written(&mut disk, &update).new, None, "a change of what stands is none");
}

#[test]
fn the_mark_moves_unless_there_are_only_more_changes() {
    let mut disk = Disk::default();
    written(&mut disk, &put(None, "a", 1));
    assert!(disk.meta("mark").is_none(), "the number of changes tells it");
    written(&mut disk, &put(None, "a", 2));
    let mark = disk.meta("mark").and_then(|mark| mark.get("by")).and_then(|by| by.as_text());
    assert_eq!(mark.as_deref(), Some("m2"), "folded in: the mark names the write");
    written(&mut disk, &put(None, "a", 5));
    let applied = disk.meta("mark").and_then(|mark| mark.get("applied")).and_then(|applied| applied.as_number());
    assert_eq!(applied, Some(2.0), "and moves with each");
    let before = disk.meta("mark").map(Json::to_value);
    assert_eq!(calls(&mut disk, vec![patch("b", 3)]).err(), Some(Code::NotFound));
    assert_eq!(disk.meta("mark").map(Json::to_value), before, "nothing was written");
    let mut sent = disk.pending_rows().next().cloned().expect("a change");
    sent.state = PendingState::Sending;
    disk.apply(vec![Write::PutPending(sent)]).expect("marked as tried");
    written(&mut disk, &put(None, "a", 4));
    assert_eq!(disk.meta("mark").map(Json::to_value), before, "one more behind what is being sent");
}

#[test]
fn a_write_touches_the_collections_it_names_and_survives_power_loss() {
    let operations = vec![note("a", 1), operation("links", &json!({ "id": "l" }), 2), note("b", 3)];
    let scope = write(None, operations).scope();
    assert_eq!(scope.collections, ["links".into(), "notes".into()]);
    assert!(scope.writes && scope.strict);
}
