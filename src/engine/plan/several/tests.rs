//! Several plans together against the same plans one after another, on stores that real writes and dispatches made.

use super::*;
use crate::engine::config::Config;
use crate::engine::disk::Disk;
use crate::engine::lane::{Action, Operation};
use crate::engine::plan::{
    Acknowledge, Discard, DiscardMode, Dispatch, Expected, Fence, Group, LocalWrite, Rebase, Setting, Settle, TakeLease,
};
use crate::engine::policy::lease::Claim;
use crate::engine::store::MetaKey;
use crate::model::{Code, DocKey, Failure, Listed, Patch, Pending, PendingState, PullState, Record, Seq, Time, Wait};
use crate::native::Json;
use crate::protocol::{Accepted, Remote};
use proptest::prelude::*;
use serde_json::json;
use std::rc::Rc;

const NOW: Time = 1_700_000_000_000;
/// Documents by number: of these the even ones are lists, the odd ones cards; the first four have temporary ids.
const DOCUMENTS: usize = 8;

fn config() -> Rc<Config> {
    let references = json!([{ "field": "list", "collection": "lists" }, { "field": "parent", "collection": "cards" }]);
    let collections = json!([
        { "name": "lists" },
        { "name": "cards", "references": references, "conflict": "fields" },
    ]);
    Rc::new(Config::from_document(&Json::from(json!({ "collections": collections }))))
}

fn key(number: usize) -> DocKey {
    let (collection, number) = (if number % 2 == 0 { "lists" } else { "cards" }, number % DOCUMENTS);
    let id = if number < 4 { format!("pending-1-{number}") } else { format!("d{number}") };
    DocKey::new(&collection.into(), &id)
}

/// A write: which document, what of it, and which list and card it refers to.
type Written = (usize, u8, usize, usize);

fn operation((document, what, list, card): Written, number: usize) -> Operation<Json> {
    let key = key(document);
    let field = Json::from(json!(number));
    let mut doc = json!({ "id": &*key.id, "n": number, "list": &*self::key(list * 2).id });
    if what % 3 == 0 {
        doc["parent"] = json!(&*self::key(card * 2 + 1).id);
    }
    let action = match what % 8 {
        0 => Action::Remove,
        1 | 2 => Action::Patch(Patch { set: vec![("title".into(), field)], ..Patch::default() }),
        _ => Action::Put(doc.into()),
    };
    Operation::sample(key, action, number)
}

fn save(disk: &mut Disk<Json>, writes: &[Written], from: usize) {
    for (at, write) in writes.iter().enumerate() {
        let operation = operation(*write, from + at);
        let fresh = disk.main(&operation.key).is_none();
        let operations = vec![Operation { fresh, ..operation }];
        let groups = vec![Group { ticket: 1, operations, expected: Expected::default() }];
        let plan = LocalWrite { config: config(), groups, now: NOW, after: None, new: false, places: Vec::new() };
        disk.run(&plan).expect("a write");
    }
}

/// The heads of all lanes leave.
fn dispatch(disk: &mut Disk<Json>) -> (Fence, Vec<Pending<Json>>) {
    let claim = Claim { owner: "tab".into(), gone: Vec::new(), hidden: false, waits: None, grace: 0, now: NOW };
    let Ok(Report::Lease(Ok(lease))) = disk.run(&TakeLease { claim }) else { panic!("no lease") };
    let fence = Fence(lease);
    let changes = disk.pending_rows().map(|row| (row.seq, Rc::from(format!("fresh{}", row.seq)))).collect();
    let (config, mates) = (config(), Vec::new());
    let plan = Dispatch { config, fence: fence.clone(), changes, mates, atomic: false, guard: None, now: NOW };
    disk.run(&plan).expect("a dispatch");
    (fence, disk.pending_rows().filter(|row| row.state == PendingState::Sending).cloned().collect())
}

fn remote(what: u8, id: &str) -> Remote<Json> {
    let doc = json!({ "id": id, "n": -1, "title": "theirs", "list": "d4" }).into();
    if what % 3 == 0 {
        Remote::Deleted
    } else {
        Remote::Present { doc, revision: Some("r9".into()), at: Some(NOW + 9) }
    }
}

/// What became of a change: a plan.
fn outcome(change: &Pending<Json>, fence: &Fence, (what, detail): (u8, u8)) -> AnyPlan<Json> {
    let config = config();
    let key = DocKey { collection: change.collection.clone(), id: change.id.clone() };
    let (seq, mutation_id, now): (Seq, _, _) = (change.seq, change.mutation_id.clone(), NOW + 50);
    match what % 8 {
        0 => {
            let cause = Some(Code::Validation);
            Box::new(Discard { config, seq, mutation_id, key, mode: DiscardMode::RollBack, offset: 0, cause, now })
        }
        1 => {
            let remote = remote(detail, &key.id);
            Box::new(Rebase {
                config,
                fence: fence.clone(),
                seq,
                mutation_id,
                key,
                remote,
                doubtful: false,
                offset: 0,
                now,
            })
        }
        2 => {
            let failure = Some(Failure::new(Code::Server, "failed").at(now));
            let (state, wait) = match detail % 2 {
                0 => (PendingState::Parked, None),
                _ => (PendingState::Waiting, Some(Wait::new(now, 5))),
            };
            let setting = Setting {
                seq,
                mutation_id,
                state,
                counted: detail % 3 == 0,
                max_attempts: 2,
                wait,
                failure,
                refused: false,
                losses: 0,
            };
            Box::new(Settle { config, fence: fence.clone(), setting, now })
        }
        _ => {
            // Sometimes the server gives an id that a document has here already.
            let id = match detail % 6 {
                0 => "d6".to_owned(),
                _ if change.temp_id.is_some() => format!("s{seq}"),
                _ => key.id.to_string(),
            };
            let doc = (detail % 4 != 3).then(|| json!({ "id": id, "n": 7, "list": "d4" }).into());
            let (revision, at) = (Some("r1".into()), Some(NOW + u64::from(detail)));
            let accepted = Accepted { id: Some(id), revision, doc, at, repeated: detail % 5 == 0 };
            let doubtful = detail % 7 == 0;
            Box::new(Acknowledge { config, seq, mutation_id, key, accepted, offset: 0, doubtful, now })
        }
    }
}

fn prepared(before: &[Written], after: &[Written]) -> (Disk<Json>, Fence, Vec<Pending<Json>>) {
    let mut disk = Disk::default();
    let pull = PullState::<Json> { generation: 3, sweeping: true, ..PullState::default() };
    disk.apply(vec![Write::PutMeta(MetaKey::Pull("cards".into()), pull.to_record())]).expect("a pull state");
    save(&mut disk, before, 0);
    let (fence, sent) = dispatch(&mut disk);
    save(&mut disk, after, before.len());
    (disk, fence, sent)
}

fn writes(most: usize) -> impl Strategy<Value = Vec<Written>> {
    prop::collection::vec((0..DOCUMENTS, 0u8..24, 0..DOCUMENTS / 2, 0..DOCUMENTS / 2), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn together_is_one_after_another(
        before in writes(14),
        after in writes(10),
        fates in prop::collection::vec((0u8..8, 0u8..60), DOCUMENTS),
        order in prop::collection::vec(0usize..DOCUMENTS, DOCUMENTS),
    ) {
        let (disk, fence, mut sent) = prepared(&before, &after);
        for (at, with) in order.iter().enumerate().take(sent.len()) {
            let with = with % sent.len();
            sent.swap(at, with);
        }
        let plans = || sent.iter().zip(&fates).map(|(change, fate)| outcome(change, &fence, *fate)).listed();
        let (mut apart, mut together) = (disk.clone(), disk);
        let reports = plans().iter().map(|plan| apart.run(&**plan).expect("a report")).listed();
        let report = together.run(&Several::new(plans())).expect("a report");
        prop_assert_eq!(format!("{apart:#?}"), format!("{together:#?}"));
        prop_assert_eq!(format!("{:#?}", Report::Several(reports)), format!("{report:#?}"));
    }
}

/// A list and a card that refers to it, both made offline.
fn list_and_card() -> (Disk<Json>, Fence, Vec<Pending<Json>>) {
    prepared(&[(0, 4, 0, 0), (5, 4, 0, 0)], &[])
}

fn done(change: &Pending<Json>, fence: &Fence) -> AnyPlan<Json> {
    outcome(change, fence, (3, 1))
}

#[test]
fn all_rows_are_asked_for_in_one_round() {
    let (disk, fence, sent) = prepared(&[(4, 4, 2, 0), (6, 4, 2, 0)], &[]);
    let plan = Several::new(sent.iter().map(|change| done(change, &fence)).listed());
    let Step::Need(reads) = plan.step(&Rows::default()) else { panic!("it knows nothing yet") };
    assert_eq!(sent.len(), 2);
    assert_eq!(reads.len(), 4, "two changes, the mark and a pull state: {reads:?}");
    assert!(disk.decide(&plan).is_ok());
}

#[test]
fn the_mark_moves_for_each_and_is_written_once() {
    let (mut disk, fence, sent) = prepared(&[(4, 4, 2, 0), (6, 4, 2, 0)], &[]);
    let plan = Several::new(sent.iter().map(|change| done(change, &fence)).listed());
    let (writes, _) = disk.decide(&plan).expect("writes");
    let marks = writes.iter().filter(|write| matches!(write, Write::PutMeta(MetaKey::Mark, _))).count();
    assert_eq!(marks, 1);
    disk.apply(writes).expect("written");
    let mark = disk.meta("mark").and_then(crate::model::Mark::from_record).expect("a mark");
    assert_eq!((mark.audited, disk.audit().count()), (2, 2));
}

#[test]
fn a_member_sees_the_id_that_one_before_it_got() {
    let (mut disk, fence, sent) = list_and_card();
    assert_eq!(sent.len(), 1, "the card waits for its list");
    let plan = Several::new(vec![done(&sent[0], &fence), done(&sent[0], &fence)]);
    let Ok(Report::Several(reports)) = disk.run(&plan) else { panic!("no report") };
    assert!(matches!(&reports[0], Report::Acknowledged(Some(done)) if *done.id == *format!("s{}", sent[0].seq)));
    assert!(matches!(&reports[1], Report::Acknowledged(None)), "it has been acknowledged");
    let card = disk.main(&key(5)).and_then(|row| row.doc.clone()).expect("the card");
    assert_eq!(card.text_of("list"), Some(format!("s{}", sent[0].seq)));
}

#[test]
fn a_lost_lease_stops_what_needs_it_and_nothing_else() {
    let (mut disk, fence, sent) = prepared(&[(4, 4, 2, 0), (6, 4, 2, 0)], &[]);
    let other = Fence(crate::model::Lease { epoch: fence.0.epoch + 1, ..fence.0.clone() });
    let plan = Several::new(vec![outcome(&sent[0], &other, (2, 0)), done(&sent[1], &other)]);
    let Ok(Report::Several(reports)) = disk.run(&plan) else { panic!("no report") };
    assert!(matches!(reports[..], [Report::Fenced, Report::Acknowledged(Some(_))]));
    assert_eq!(disk.pending_rows().map(|row| row.seq).collect::<Vec<_>>(), [sent[0].seq]);
}
