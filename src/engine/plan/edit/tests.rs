//! What an edit makes of a change, by what the server may know of that one.

use super::*;
use crate::engine::disk::Disk;
use crate::engine::store::Write;
use crate::model::{Row, Sent, Wait};
use crate::native::Json;
use serde_json::{json, Value};

const SEQ: Seq = 7;

fn key() -> DocKey {
    DocKey::new(&"notes".into(), "a")
}

/// A document of the server's, `{ n: 1 }` in revision 1, and the one change of it that an action leaves.
fn changed(action: Action<Json>) -> Lane<Json> {
    let doc = Some(json!({ "id": "a", "n": 1 }).into());
    let row = Row { doc, rev: Some("1".into()), synced_at: Some(1), ..Row::fresh("a", 1) };
    let mut lane = Lane::new(key(), Some(row), Vec::new());
    lane.fold(&Operation::sample(key(), action, 1), SEQ, 1).expect("a write");
    lane
}

fn patched() -> Lane<Json> {
    changed(Action::Patch(Patch { set: vec![("n".into(), json!(2).into())], ..Patch::default() }))
}

fn created() -> Lane<Json> {
    let mut lane = Lane::new(key(), None, Vec::new());
    let doc = json!({ "id": "a", "n": 1 });
    lane.fold(&Operation::sample(key(), Action::Put(doc.into()), 1), SEQ, 1).expect("a write");
    lane
}

/// The same, with the change as it comes to stand after an attempt.
fn with(mut lane: Lane<Json>, change: impl Fn(&mut Pending<Json>)) -> Lane<Json> {
    lane.changes.iter_mut().for_each(change);
    lane
}

fn attempted(change: &mut Pending<Json>) {
    change.sent = Some(Sent { method: "PATCH".into(), body: None, revision: None });
}

fn edit(doc: &Value) -> Edit<Json> {
    let config = Rc::new(Config::from_document(&Json::from(json!({ "collections": [{ "name": "notes" }] }))));
    let given = doc["id"].as_str().map(Rc::from);
    let operation = Operation::sample(key(), Action::Put(doc.clone().into()), 2);
    Edit { config, seq: SEQ, operation, given, mutation_id: "m1".into(), now: 50 }
}

fn store(lane: &Lane<Json>) -> Disk<Json> {
    let mut disk = Disk::default();
    let row = lane.row.clone().map(|row| Write::PutMain(key().collection, row));
    let changes = lane.changes.iter().cloned().map(Write::PutPending);
    disk.apply(row.into_iter().chain(changes).collect()).expect("an empty store");
    disk
}

/// The code of the refusal, if it is refused.
fn run(disk: &mut Disk<Json>, edit: &Edit<Json>) -> Option<Code> {
    match disk.run(edit) {
        Ok(Report::Commanded(effects, 1)) => {
            let told: Vec<Option<Value>> =
                effects.changes.iter().map(|change| change.doc.as_ref().map(Json::to_value)).collect();
            assert_eq!(told, [seen(disk)], "what is told is what stands");
            None
        }
        Ok(Report::Refused(failure)) => Some(failure.code),
        other => panic!("{other:?}"),
    }
}

fn seen(disk: &Disk<Json>) -> Option<Value> {
    disk.main(&key())?.doc.as_ref().map(Json::to_value)
}

fn changes(disk: &Disk<Json>) -> Vec<Pending<Json>> {
    disk.pending_rows().cloned().collect()
}

/// The fields that a change sets and removes.
fn difference(change: &Pending<Json>) -> (Vec<(&str, Value)>, Vec<&str>) {
    let set = change.changes.set.iter().map(|(name, value)| (name.as_str(), value.to_value()));
    (set.collect(), change.changes.unset.iter().map(String::as_str).collect())
}

#[test]
fn a_create_that_was_not_sent_takes_the_new_document() {
    let mut disk = store(&created());
    let new = json!({ "id": "a", "n": 5 });
    assert_eq!(run(&mut disk, &edit(&new)), None);
    let [change] = &changes(&disk)[..] else { panic!("one change") };
    assert_eq!((change.seq, change.kind), (SEQ, ChangeKind::Create));
    assert_eq!(change.data.as_ref().map(Json::to_value), Some(new.clone()));
    assert_eq!(seen(&disk), Some(new));
    assert_eq!(disk.main(&key()).map(|row| row.at), Some(50));
    assert_eq!(disk.audit().map(|entry| entry.outcome.to_string()).collect::<Vec<_>>(), ["edited"]);
}

#[test]
fn an_update_becomes_the_difference_to_what_lies_below_it() {
    let mut disk = store(&patched());
    assert_eq!(run(&mut disk, &edit(&json!({ "id": "a", "m": 3 }))), None);
    let [change] = &changes(&disk)[..] else { panic!("one change") };
    assert_eq!(change.kind, ChangeKind::Update);
    assert_eq!(difference(change), (vec![("m", json!(3))], vec!["n"]));
}

#[test]
fn a_removal_that_is_given_a_document_changes_it_instead() {
    let mut disk = store(&changed(Action::Remove));
    assert_eq!(run(&mut disk, &edit(&json!({ "id": "a", "n": 4 }))), None);
    let [change] = &changes(&disk)[..] else { panic!("one change") };
    assert_eq!((change.kind, difference(change).0), (ChangeKind::Update, vec![("n", json!(4))]));
    assert_eq!(seen(&disk), Some(json!({ "id": "a", "n": 4 })));
}

#[test]
fn a_parked_change_that_was_refused_is_made_anew_and_due() {
    let lane = with(patched(), |change| {
        attempted(change);
        change.state = PendingState::Parked;
        (change.refused, change.retry_count, change.losses, change.rounds) = (true, 3, 2, 1);
        change.wait = Some(Wait::new(1, 1_000));
        change.last_error = Some(Failure::new(Code::Validation, "no"));
    });
    let mut disk = store(&lane);
    assert_eq!(run(&mut disk, &edit(&json!({ "id": "a", "n": 9 }))), None);
    let [change] = &changes(&disk)[..] else { panic!("one change") };
    assert_eq!(difference(change).0, [("n", json!(9))]);
    assert_eq!((change.state, change.retry_count), (PendingState::Waiting, 0));
    assert_eq!((change.losses, change.rounds), (0, 0));
    assert!(change.wait.is_none() && change.last_error.is_none());
}

#[test]
fn what_the_server_may_have_done_stays_and_the_difference_queues_behind() {
    let mut disk = store(&with(patched(), |change| {
        attempted(change);
        change.wait = Some(Wait::new(1, 1_000));
    }));
    assert_eq!(run(&mut disk, &edit(&json!({ "id": "a", "n": 9 }))), None);
    let [sent, behind] = &changes(&disk)[..] else { panic!("two changes") };
    assert_eq!((difference(sent).0, sent.wait), (vec![("n", json!(2))], None), "unchanged, and due");
    assert_eq!((behind.seq, difference(behind).0), (SEQ + 1, vec![("n", json!(9))]));
    assert_eq!(seen(&disk), Some(json!({ "id": "a", "n": 9 })));
}

#[test]
fn a_change_with_another_behind_it_is_made_due_and_the_edit_goes_last() {
    let mut lane = with(patched(), |change| change.state = PendingState::Parked);
    let later = Patch { set: vec![("m".into(), json!(1).into())], ..Patch::default() };
    lane.fold(&Operation::sample(key(), Action::Patch(later), 3), 8, 2).expect("a write");
    assert_eq!(lane.changes.len(), 2, "nothing is folded into what is parked");
    let mut disk = store(&lane);
    assert_eq!(run(&mut disk, &edit(&json!({ "id": "a", "n": 9 }))), None);
    let [first, last] = &changes(&disk)[..] else { panic!("two changes") };
    assert_eq!((first.state, difference(first).0), (PendingState::Waiting, vec![("n", json!(2))]));
    assert_eq!(difference(last), (vec![("n", json!(9))], vec![]), "folded into the last, which was never sent");
    assert_eq!(seen(&disk), Some(json!({ "id": "a", "n": 9 })));
}

#[test]
fn a_change_whose_base_moved_on_is_compared_with_the_new_one() {
    let moved = |origin: Option<Json>| {
        let mut lane = with(patched(), |change| change.origin.clone_from(&origin));
        if let Some(row) = lane.row.as_mut() {
            row.rev = Some("2".into());
        }
        let mut disk = store(&lane);
        assert_eq!(run(&mut disk, &edit(&json!({ "id": "a", "n": 9 }))), None);
        let change = changes(&disk).remove(0);
        (change.base_rev, change.origin.is_some())
    };
    assert_eq!(moved(Some(json!({ "id": "a" }).into())), (Some("2".into()), false));
    assert_eq!(moved(None), (Some("1".into()), false));
}

#[test]
fn what_is_out_or_in_conflict_is_not_edited() {
    for state in [PendingState::Sending, PendingState::Conflict] {
        let mut disk = store(&with(patched(), |change| change.state = state));
        assert_eq!(run(&mut disk, &edit(&json!({ "id": "a", "n": 9 }))), Some(Code::InFlight));
        assert_eq!(seen(&disk), Some(json!({ "id": "a", "n": 2 })));
    }
}

#[test]
fn only_the_very_change_is_edited() {
    let mut disk = store(&patched());
    let right = || edit(&json!({ "id": "a", "n": 9 }));
    assert_eq!(run(&mut disk, &Edit { seq: 8, ..right() }), Some(Code::MutationUnknown));
    assert_eq!(run(&mut disk, &Edit { mutation_id: "m2".into(), ..right() }), Some(Code::MutationUnknown));
    assert_eq!(seen(&disk), Some(json!({ "id": "a", "n": 2 })));
    assert_eq!(run(&mut disk, &right()), None);
}

#[test]
fn a_document_names_its_own_id_or_its_former_temporary_one() {
    let former = "pending-1-x";
    let mut disk = store(&patched());
    disk.apply(vec![
        Write::PutAlias(DocKey::new(&"notes".into(), former), "a".into()),
        Write::PutAlias(DocKey::new(&"notes".into(), "pending-1-y"), "b".into()),
    ])
    .expect("aliases");
    let mut given = |id: &str| {
        let given = Some(Rc::from(id));
        run(&mut disk, &Edit { given, ..edit(&json!({ "id": "a", "n": 9 })) })
    };
    assert_eq!(given("a"), None);
    assert_eq!(given(former), None);
    assert_eq!(given("b"), Some(Code::IdMismatch));
    assert_eq!(given("pending-1-y"), Some(Code::IdMismatch), "it became another document");
    assert_eq!(given("pending-1-z"), Some(Code::IdMismatch), "nobody knows it");
    let mut made = store(&with(created(), |change| change.temp_id = Some(former.into())));
    assert_eq!(run(&mut made, &Edit { given: Some(former.into()), ..edit(&json!({ "id": "a", "n": 9 })) }), None);
}

#[test]
fn an_edit_is_one_strict_transaction_of_its_collection() {
    let scope = edit(&json!({ "id": "a" })).scope();
    assert_eq!((scope.collections, scope.writes, scope.strict), (vec!["notes".into()], true, true));
}
