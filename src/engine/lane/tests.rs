//! Folding against a naive model: the document is always what the writes made, and so is what the server ends up with.

mod cases;

use super::{overlay, Action, Lane, Operation};
use crate::model::Document;
use crate::model::{ChangeKind, DocKey, Patch, Pending, PendingState, Row};
use crate::native::Json;
use crate::protocol::payload;
use proptest::prelude::*;
use serde_json::{json, Map, Value};

#[derive(Debug, Clone)]
enum Step {
    Put(Vec<(String, i64)>),
    Patch(Vec<(String, Option<i64>)>),
    Inc(i64),
    Remove,
    /// The head leaves for the server: it is immutable from now on.
    Send,
    /// The server answers the head.
    Answer,
}

fn step() -> impl Strategy<Value = Step> {
    let fields = || prop::collection::vec(("[abc]", 0i64..5), 0..3);
    prop_oneof![
        fields().prop_map(Step::Put),
        prop::collection::vec(("[abc]", prop::option::of(0i64..5)), 1..3).prop_map(Step::Patch),
        (1i64..4).prop_map(Step::Inc),
        Just(Step::Remove),
        Just(Step::Send),
        Just(Step::Answer),
    ]
}

fn operation(action: Action<Json>, number: u64) -> Operation<Json> {
    Operation::sample(DocKey::new(&"notes".into(), "a"), action, number)
}

/// The lane, what the app should see, and what the server has.
struct Model {
    lane: Lane<Json>,
    doc: Option<Map<String, Value>>,
    server: Option<Value>,
    writes: u64,
}

impl Model {
    fn new(on_server: bool) -> Self {
        let doc = on_server.then(|| json!({"id": "a", "n": 1}));
        let row = doc.clone().map(|doc| Row {
            doc: Some(doc.into()),
            rev: Some("1".into()),
            synced_at: Some(1),
            ..Row::fresh("a", 1)
        });
        let lane = Lane::new(DocKey::new(&"notes".into(), "a"), row, Vec::new());
        Self { lane, doc: doc.as_ref().and_then(|doc| doc.as_object().cloned()), server: doc, writes: 0 }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Put(fields) => {
                let mut doc: Map<String, Value> =
                    fields.into_iter().map(|(field, value)| (field, value.into())).collect();
                doc.insert("id".into(), "a".into());
                self.write(Action::Put(Value::Object(doc.clone()).into()), Some(doc));
            }
            Step::Patch(fields) => {
                let Some(mut doc) = self.doc.clone() else { return };
                let mut patch = Patch::default();
                for (field, value) in fields {
                    let one = match value {
                        Some(value) => Patch { set: vec![(field.clone(), json!(value).into())], ..Patch::default() },
                        None => Patch { unset: vec![field.clone()], ..Patch::default() },
                    };
                    patch = patch.then(one);
                    match value {
                        Some(value) => drop(doc.insert(field, value.into())),
                        None => drop(doc.shift_remove(&field)),
                    }
                }
                self.write(Action::Patch(patch), Some(doc));
            }
            Step::Inc(by) => {
                let Some(mut doc) = self.doc.clone() else { return };
                let sum = doc.get("n").and_then(Value::as_i64).unwrap_or(0) + by;
                doc.insert("n".into(), sum.into());
                self.write(Action::Patch(Patch { inc: vec![("n".into(), by as f64)], ..Patch::default() }), Some(doc));
            }
            Step::Remove => self.write(Action::Remove, None),
            Step::Send => self.send(),
            Step::Answer => self.answer(),
        }
    }

    fn write(&mut self, action: Action<Json>, doc: Option<Map<String, Value>>) {
        self.writes += 1;
        let op = operation(action, self.writes);
        if self.lane.fold(&op, self.writes, 9).is_ok() {
            self.doc = doc;
        }
    }

    fn send(&mut self) {
        let Some(head) = self.lane.changes.first_mut().filter(|head| head.sent.is_none()) else { return };
        head.sent = Some(payload(head, head.base.as_ref()));
        head.state = PendingState::Sending;
    }

    fn answer(&mut self) {
        let Some(head) = self.lane.changes.first().filter(|head| head.sent.is_some()).cloned() else { return };
        self.server = execute(self.server.take(), &head);
        self.lane.changes.remove(0);
        let server = self.server.clone().map(Json::from);
        if let Some(row) = self.lane.row.as_mut() {
            row.synced_at = server.as_ref().map(|_| 9);
        }
        self.lane.rebase(server, None);
        if self.lane.changes.is_empty() && self.lane.doc().is_none() {
            self.lane.row = None;
        }
    }
}

/// What the payload makes of the server's document.
fn execute(server: Option<Value>, change: &Pending<Json>) -> Option<Value> {
    let sent = change.sent.as_ref().expect("it was sent");
    let body = sent.body.as_ref().map(Json::to_value);
    match (&*sent.method, change.kind) {
        ("DELETE", ChangeKind::Delete) => None,
        ("PUT", _) => body,
        ("PATCH", ChangeKind::Update) => {
            let mut doc = server.and_then(|doc| doc.as_object().cloned())?;
            for (field, value) in body?.as_object()? {
                match value {
                    Value::Null => drop(doc.shift_remove(field)),
                    value => drop(doc.insert(field.clone(), value.clone())),
                }
            }
            Some(Value::Object(doc))
        }
        (method, kind) => panic!("{method} for {kind:?}"),
    }
}

fn same(left: Option<&Json>, right: Option<&Json>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => left.same(right),
        (left, right) => left.is_none() && right.is_none(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_document_and_the_server_are_what_the_writes_made(on_server: bool, steps in prop::collection::vec(step(), 0..14)) {
        let mut model = Model::new(on_server);
        for step in steps {
            let told = format!("{step:?}");
            model.take(step);
            let wanted = model.doc.clone().map(|doc| Json::from(Value::Object(doc)));
            prop_assert!(same(model.lane.doc(), wanted.as_ref()), "after {told}: {:?} is not {wanted:?}", model.lane.doc());
            if let Some(first) = model.lane.changes.first() {
                let top = overlay(first.base.as_ref(), &model.lane.changes);
                prop_assert!(same(top.as_ref(), wanted.as_ref()), "after {told}: the changes make {top:?}");
            }
        }
        while !model.lane.changes.is_empty() {
            model.send();
            model.answer();
        }
        let (server, wanted) = (model.server.clone().map(Json::from), model.doc.map(|doc| Json::from(Value::Object(doc))));
        prop_assert!(same(server.as_ref(), wanted.as_ref()), "the server has {server:?}, written was {wanted:?}");
    }
}

#[test]
fn what_was_sent_is_never_folded_into() {
    let mut model = Model::new(false);
    model.take(Step::Put(vec![("a".into(), 1)]));
    model.take(Step::Put(vec![("a".into(), 2)]));
    assert_eq!(model.lane.changes.len(), 1, "unsent writes are one change");
    model.take(Step::Send);
    model.take(Step::Put(vec![("a".into(), 3)]));
    assert_eq!(model.lane.changes.len(), 2);
    model.take(Step::Remove);
    assert_eq!(model.lane.changes.last().map(|change| change.kind), Some(ChangeKind::Delete));
}

#[test]
fn a_create_taken_back_before_it_was_sent_leaves_nothing() {
    let mut model = Model::new(false);
    model.take(Step::Put(vec![("a".into(), 1)]));
    model.take(Step::Remove);
    assert!(model.lane.changes.is_empty() && model.lane.row.is_none());
}

#[test]
fn changes_of_a_transaction_and_others_are_never_folded_into_one() {
    let mut lane: Lane<Json> = Lane::new(DocKey::new(&"notes".into(), "a"), None, Vec::new());
    let doc = |n: u64| Action::Put(json!({ "id": "a", "n": n }).into());
    let groups = [None, None, Some("g1"), Some("g1"), Some("g2"), None];
    for (number, group) in (1..).zip(groups) {
        let op = Operation { group: group.map(Into::into), ..operation(doc(number), number) };
        lane.fold(&op, number, number).expect("a put");
    }
    let made: Vec<(u64, u32)> = lane.changes.iter().map(|change| (change.seq, change.writes)).collect();
    assert_eq!(made, [(1, 2), (3, 2), (5, 1), (6, 1)]);
    lane.fold(&operation(Action::Remove, 7), 7, 7).expect("a removal");
    assert_eq!(lane.changes.last().map(|change| change.kind), Some(ChangeKind::Delete));
    assert_eq!(lane.changes.len(), 4);
}

#[test]
fn a_removal_waits_behind_a_create_that_was_sent() {
    let mut model = Model::new(false);
    model.take(Step::Put(vec![("a".into(), 1)]));
    model.take(Step::Send);
    model.take(Step::Remove);
    let row = model.lane.row.as_ref().expect("the row stays until the server has answered");
    assert!(row.doc.is_none() && model.lane.changes.len() == 2);
}

#[test]
fn adding_is_refused_only_where_a_document_is() {
    let add = |number| operation(Action::Add(json!({ "id": "a", "n": 1 }).into()), number);
    let mut lane = Model::new(true).lane;
    let refused = lane.fold(&add(1), 1, 1).expect_err("there is one");
    assert_eq!(refused.code, crate::model::Code::AlreadyExists);
    lane.fold(&operation(Action::Remove, 2), 2, 2).expect("a removal");
    lane.fold(&add(3), 3, 3).expect("there is none");
}

#[test]
fn an_increase_stays_within_the_numbers_that_are_exact() {
    let by = |by: f64| Action::Patch(Patch { inc: vec![("n".into(), by)], ..Patch::default() });
    let fold = |by_first: f64| {
        let mut lane = Model::new(true).lane;
        lane.fold(&operation(by(by_first), 1), 1, 1).map(|_| lane.doc().and_then(|doc| doc.number_of("n")))
    };
    assert_eq!(fold(9_007_199_254_740_990.0).expect("exact"), Some(9_007_199_254_740_991.0));
    assert_eq!(fold(0.5).expect("a fraction"), Some(1.5));
    assert_eq!(fold(9_007_199_254_740_991.0).expect_err("too far").code, crate::model::Code::PatchType);
}
