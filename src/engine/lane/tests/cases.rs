//! The cases of the fold that a walk of random writes seldom meets: what only this device has, what came from elsewhere, what
//! waits for help.

use super::{operation, Model};
use crate::engine::lane::{Action, Lane, Operation};
use crate::model::{ChangeKind, Code, DocKey, Patch, PendingState};
use crate::native::Json;
use serde_json::{json, Value};

/// A lane whose only change, made on `{ n: 1 }`, is the last of these actions that waits.
fn waiting(action: Action<Json>) -> Lane<Json> {
    let mut lane = Model::new(true).lane;
    lane.fold(&operation(action, 1), 1, 1).expect("a write");
    lane
}

fn set(field: &str, value: i64) -> Action<Json> {
    Action::Patch(Patch { set: vec![(field.into(), json!(value).into())], ..Patch::default() })
}

fn seen(lane: &Lane<Json>) -> Option<Value> {
    lane.doc().map(Json::to_value)
}

#[test]
fn a_new_confirmed_state_is_what_waits_on_top_of_it() {
    let newer = || Some(Json::from(json!({ "id": "a", "n": 7 })));
    let mut edited = waiting(set("m", 2));
    edited.rebase(newer(), Some("2".into()));
    assert_eq!(seen(&edited), Some(json!({ "id": "a", "n": 7, "m": 2 })));
    assert_eq!(edited.changes[0].base_rev.as_deref(), Some("2"));
    assert!(edited.dirty.contains(&1), "its base is another one now");
    edited.rebase(None, None);
    assert_eq!(seen(&edited), Some(json!({ "id": "a", "n": 7, "m": 2 })), "an edit of what is gone stays in sight");
    let mut removed = waiting(Action::Remove);
    if let Some(row) = removed.row.as_mut() {
        // A later create was taken back.
        row.doc = newer();
    }
    removed.rebase(None, None);
    assert_eq!(seen(&removed), None);
    let mut idle = Model::new(true).lane;
    idle.rebase(None, None);
    assert_eq!(seen(&idle), None, "nothing waits: what is gone is gone");
}

#[test]
fn an_edit_of_what_only_this_device_has_makes_it_on_the_server() {
    let mut lane: Lane<Json> = Lane::new(DocKey::new(&"notes".into(), "a"), None, Vec::new());
    let local = Operation { local: true, ..operation(Action::Put(json!({ "id": "a", "n": 1 }).into()), 1) };
    assert_eq!(lane.fold(&local, 1, 1).expect("a local write"), None);
    assert!(lane.changes.is_empty() && lane.row.as_ref().is_some_and(|row| row.local));
    lane.fold(&operation(set("m", 2), 2), 2, 2).expect("an edit");
    let made: Vec<ChangeKind> = lane.changes.iter().map(|change| change.kind).collect();
    assert_eq!(made, [ChangeKind::Create]);
    let data = lane.changes[0].data.as_ref().map(Json::to_value);
    assert_eq!(data, Some(json!({ "id": "a", "n": 1, "m": 2 })), "the whole document");
    assert!(lane.changes[0].base.is_none(), "the server has nothing below it");
    assert!(lane.row.as_ref().is_some_and(|row| !row.local));
}

#[test]
fn a_local_removal_takes_only_what_nothing_waits_for() {
    let removal = |number| Operation { local: true, ..operation(Action::Remove, number) };
    let mut idle = Model::new(true).lane;
    assert_eq!(idle.fold(&removal(1), 1, 1).expect("nothing waits"), None);
    assert!(idle.row.is_none() && idle.changes.is_empty());
    let mut edited = waiting(set("m", 2));
    assert_eq!(edited.fold(&removal(2), 2, 2).expect_err("an edit waits").code, Code::InFlight);
    assert!(edited.doc().is_some() && edited.changes.len() == 1, "nothing is lost");
}

#[test]
fn what_the_server_never_had_is_removed_without_a_request() {
    let mut lane: Lane<Json> = Lane::new(DocKey::new(&"notes".into(), "a"), None, Vec::new());
    let local = Operation { local: true, ..operation(Action::Put(json!({ "id": "a" }).into()), 1) };
    lane.fold(&local, 1, 1).expect("a local write");
    assert_eq!(lane.fold(&operation(Action::Remove, 2), 2, 2).expect("a removal"), None);
    assert!(lane.row.is_none() && lane.changes.is_empty());
}

#[test]
fn a_create_above_what_a_pull_brought_is_removed_on_the_server() {
    let mut lane = Model::new(false).lane;
    lane.fold(&operation(Action::Put(json!({ "id": "a", "n": 1 }).into()), 1), 1, 1).expect("a create");
    if let Some(row) = lane.row.as_mut() {
        row.synced_at = Some(2);
    }
    lane.changes[0].base = Some(json!({ "id": "a", "n": 5 }).into());
    lane.fold(&operation(Action::Put(json!({ "id": "a", "n": 2 }).into()), 2), 2, 2).expect("a put");
    assert_eq!(lane.changes[0].kind, ChangeKind::Create, "it still makes the whole document");
    assert_eq!(lane.changes[0].data.as_ref().map(Json::to_value), Some(json!({ "id": "a", "n": 2 })));
    lane.fold(&operation(Action::Remove, 3), 3, 3).expect("a removal");
    let [change] = &lane.changes[..] else { panic!("one change") };
    assert_eq!(change.kind, ChangeKind::Delete);
    assert!(change.data.is_none() && change.changes.is_empty() && lane.row.is_some());
}

#[test]
fn what_waits_for_help_is_never_folded_into() {
    for state in [PendingState::Parked, PendingState::Conflict, PendingState::Sending] {
        let mut lane = waiting(set("m", 2));
        lane.changes[0].state = state;
        lane.fold(&operation(set("m", 3), 2), 2, 2).expect("an edit");
        assert_eq!(lane.changes.iter().map(|change| change.writes).collect::<Vec<_>>(), [1, 1], "{state:?}");
    }
}

#[test]
fn a_change_knows_when_each_of_its_fields_was_written_last() {
    let mut lane = waiting(set("m", 2));
    let mut write = |action, number, now| {
        lane.fold(&operation(action, number), number, now).expect("an edit");
        let change = &lane.changes[0];
        (change.writes, change.touched.iter().map(|(field, at)| (field.clone(), *at)).collect::<Vec<_>>())
    };
    let times = |of: &[(&str, u64)]| of.iter().map(|(field, at)| ((*field).to_string(), *at)).collect::<Vec<_>>();
    assert_eq!(write(set("m", 3), 2, 1), (2, Vec::new()), "at the time of the change itself");
    assert_eq!(write(set("m", 4), 3, 5), (3, times(&[("m", 5)])));
    assert_eq!(write(set("x", 4), 4, 6), (4, times(&[("m", 5), ("x", 6)])));
    assert_eq!(write(set("m", 5), 5, 7), (5, times(&[("x", 6), ("m", 7)])), "the last time counts");
    assert_eq!(lane.dirty.iter().copied().collect::<Vec<_>>(), [1]);
}

#[test]
fn data_from_elsewhere_goes_below_an_edit_and_never_below_what_hides_it() {
    let place = |lane: &mut Lane<Json>| {
        let doc = json!({ "id": "a", "n": 5 });
        lane.fold(&Operation { local: true, ..operation(Action::Put(doc.into()), 9) }, 9, 9).map(|_| seen(lane))
    };
    let mut edited = waiting(set("m", 2));
    assert_eq!(place(&mut edited).expect("an edit"), Some(json!({ "id": "a", "n": 5, "m": 2 })));
    assert!(edited.changes.len() == 1 && edited.row.as_ref().is_some_and(|row| !row.local && row.at == 9));
    let in_flight = Err(Code::InFlight);
    assert_eq!(place(&mut waiting(Action::Remove)).map_err(|failure| failure.code), in_flight);
    let mut made = Model::new(false).lane;
    made.fold(&operation(Action::Put(json!({ "id": "a" }).into()), 1), 1, 1).expect("a create");
    assert_eq!(place(&mut made).map_err(|failure| failure.code), in_flight);
}

#[test]
fn writing_what_stands_sends_nothing_unless_something_waits() {
    let put = |number| operation(Action::Put(json!({ "id": "a", "n": 1 }).into()), number);
    let mut lane = Model::new(true).lane;
    assert_eq!(lane.fold(&put(1), 1, 1).expect("a put"), None);
    assert!(lane.changes.is_empty());
    let mut sent = waiting(set("n", 2));
    sent.changes[0].state = PendingState::Sending;
    assert_eq!(sent.fold(&put(2), 2, 2).expect("a put").as_deref(), Some("m2"), "it goes back to what was");
    let bases: Vec<bool> = sent.changes.iter().map(|change| change.base.is_some()).collect();
    assert_eq!(bases, [true, false], "the first of a lane stands on the server's document");
}

#[test]
fn a_patch_needs_a_document_and_an_increase_a_number() {
    let by = |field: &str| Action::Patch(Patch { inc: vec![(field.into(), 2.0)], ..Patch::default() });
    let refused =
        |lane: &mut Lane<Json>, action| lane.fold(&operation(action, 1), 1, 1).map_err(|failure| failure.code);
    let mut none = Model::new(false).lane;
    assert_eq!(refused(&mut none, set("m", 1)), Err(Code::NotFound));
    assert_eq!(refused(&mut none, Action::Remove), Err(Code::NotFound));
    let mut lane = Model::new(true).lane;
    assert_eq!(refused(&mut lane, by("id")), Err(Code::PatchType));
    assert!(lane.changes.is_empty());
    refused(&mut lane, by("m")).expect("an absent field counts from 0");
    assert_eq!(seen(&lane), Some(json!({ "id": "a", "n": 1, "m": 2 })));
}
