//! What a local write reads, what it guesses, and what it does when the guess was wrong.

mod cases;

use super::*;
use crate::engine::disk::Disk;
use crate::native::Json;
use serde_json::{json, Value};

fn config() -> Rc<Config> {
    let options = json!({ "collections": [
        { "name": "notes" },
        { "name": "links", "references": [{ "field": "note", "collection": "notes" }] },
    ] });
    Rc::new(Config::from_document(&Json::from(options)))
}

fn operation(collection: &str, doc: &Value, number: usize) -> Operation<Json> {
    let key = DocKey::new(&collection.into(), doc["id"].as_str().unwrap_or(""));
    Operation::sample(key, Action::Put(doc.clone().into()), number)
}

fn write(after: Option<Seq>, operations: Vec<Operation<Json>>) -> LocalWrite<Json> {
    let groups = vec![Group { ticket: 1, operations, expected: Expected::default() }];
    LocalWrite { config: config(), groups, now: 1, after, new: true, places: Vec::new() }
}

fn put(after: Option<Seq>, id: &str, number: usize) -> LocalWrite<Json> {
    write(after, vec![operation("notes", &json!({ "id": id, "n": number }), number)])
}

/// What the plan wants to read before anything else; nothing when it guesses.
fn wants(plan: &LocalWrite<Json>) -> Vec<Read> {
    match plan.step(&Rows::default()) {
        Step::Need(reads) => reads,
        Step::Guess(..) | Step::Done(..) => Vec::new(),
    }
}

fn written(disk: &mut Disk<Json>, plan: &LocalWrite<Json>) -> Written<Json> {
    match disk.run(plan) {
        Ok(Report::Written(written)) => written,
        other => panic!("{other:?}"),
    }
}

fn places(disk: &Disk<Json>) -> Vec<Seq> {
    disk.pending_rows().map(|row| row.seq).collect()
}

#[test]
fn a_new_document_is_written_without_a_read() {
    let mut disk = Disk::default();
    let plan = put(Some(9_000), "a", 1);
    assert!(wants(&plan).is_empty());
    assert_eq!(written(&mut disk, &plan).new, Some(true));
    assert_eq!(places(&disk), [9_001]);
    assert_eq!(disk.main_rows("notes").next().expect("a row").lane, [9_001]);
}

#[test]
fn a_document_that_stands_is_read_and_folded() {
    let mut disk = Disk::default();
    written(&mut disk, &put(Some(9_000), "a", 1));
    let again = written(&mut disk, &put(Some(9_001), "a", 2));
    assert_eq!(again.new, Some(false));
    assert_eq!(places(&disk), [9_001], "folded into the change that waits");
    let data = disk.pending(9_001).and_then(|row| row.data.clone()).expect("a create");
    assert_eq!(data.get("n").and_then(|n| n.as_number()), Some(2.0));
}

#[test]
fn a_place_that_another_tab_took_is_not_written_over() {
    let mut disk = Disk::default();
    written(&mut disk, &put(Some(9_000), "a", 1));
    written(&mut disk, &put(Some(9_000), "b", 2));
    assert_eq!(places(&disk), [9_001, 9_002]);
}

#[test]
fn a_change_comes_after_those_of_its_document_wherever_they_are() {
    let mut disk = Disk::default();
    written(&mut disk, &put(Some(9_000), "a", 1));
    let mut sent = disk.pending(9_001).cloned().expect("a change");
    sent.state = crate::model::PendingState::Sending;
    disk.apply(vec![Write::PutPending(sent)]).expect("marked as tried");
    // This tab has not heard of the other's change.
    written(&mut disk, &LocalWrite { new: false, ..put(Some(0), "a", 2) });
    assert_eq!(places(&disk), [9_001, 9_002]);
    assert_eq!(disk.main_rows("notes").next().expect("a row").lane, [9_001, 9_002]);
}

#[test]
fn what_cannot_be_known_is_read() {
    let main = |id: &str| Read::Main(DocKey::new(&"notes".into(), id));
    assert_eq!(wants(&put(None, "a", 1)), [main("a"), Read::LastPending]);
    assert_eq!(wants(&LocalWrite { new: false, ..put(Some(1), "a", 1) }), [main("a")]);
    let waiting = LocalWrite { new: false, places: vec![7], ..put(Some(1), "a", 1) };
    assert_eq!(wants(&waiting), [main("a"), Read::Pending(7)], "its changes with it");
    let link = operation("links", &json!({ "id": "l", "note": "a" }), 1);
    assert!(wants(&write(Some(1), vec![link])).contains(&Read::LastPending), "above what it refers to");
    let many = |count: usize| (0..count).map(|n| operation("notes", &json!({ "id": n.to_string() }), n)).collect();
    assert!(wants(&write(Some(1), many(MOST_GUESSED))).is_empty());
    assert_eq!(wants(&write(Some(1), many(MOST_GUESSED + 1))).len(), MOST_GUESSED + 1);
    let reserved = wants(&put(Some(1), "pending-1-x", 1));
    assert!(reserved.iter().any(|read| matches!(read, Read::Alias(_))), "{reserved:?}");
}

#[test]
fn a_commit_that_frees_a_place_moves_the_mark() {
    let mut disk = Disk::default();
    written(&mut disk, &put(Some(9_000), "a", 1));
    let gone = Operation { action: Action::Remove, ..operation("notes", &json!({ "id": "a" }), 2) };
    let plan = write(Some(9_001), vec![gone, operation("notes", &json!({ "id": "b" }), 3)]);
    written(&mut disk, &plan);
    assert_eq!(places(&disk).len(), 1);
    assert!(disk.meta("mark").is_some());
}
