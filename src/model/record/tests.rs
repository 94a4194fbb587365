//! Property tests of the stored forms: what is written is read again, through JSON text as a store would keep it.

use super::Record;
use crate::model::{
    ChangeKind, Code, Conflict, ConflictField, ConflictKind, ConflictLog, Discarded, Document, Failure, Lease, Mark,
    Patch, Pending, PendingState, Priority, PullState, Resolution, Row, Sent, Severity, Wait, Wanted,
};
use crate::native::Json;
use proptest::prelude::*;
use std::rc::Rc;

fn document() -> impl Strategy<Value = Json> {
    prop::collection::btree_map("[a-d]", any::<i32>(), 0..4)
        .prop_map(|map| Json::from(serde_json::Value::Object(map.into_iter().map(|(k, v)| (k, v.into())).collect())))
}

fn text() -> impl Strategy<Value = Rc<str>> {
    "[a-z0-9-]{1,12}".prop_map(Rc::from)
}

/// Whole numbers a JavaScript number holds exactly.
fn whole() -> impl Strategy<Value = u64> {
    0u64..9_007_199_254_740_992
}

fn patch() -> impl Strategy<Value = Patch<Json>> {
    let set = prop::collection::vec(("[a-d]", document()), 0..3);
    let inc = prop::collection::btree_map("[e-g]", -100i32..100, 0..3);
    (set, prop::collection::vec("[h-k]", 0..3), inc).prop_map(|(mut set, unset, inc)| {
        let mut seen = Vec::new();
        set.retain(|(field, _)| {
            !seen.contains(field) && {
                seen.push(field.clone());
                true
            }
        });
        Patch { set, unset, inc: inc.into_iter().map(|(field, by)| (field, f64::from(by))).collect() }
    })
}

fn again<R: Record<Json>>(value: &R) -> Option<R> {
    R::from_record(&Json::parse(&value.to_record().to_json())?)
}

fn is_kept<R: Record<Json>>(value: &R) -> bool {
    again(value).is_some_and(|read| read.to_record().same(&value.to_record()))
}

fn pending() -> impl Strategy<Value = Pending<Json>> {
    let ids = (whole(), text(), text(), text(), text(), prop::option::of(text()));
    let content = (
        0..3usize,
        prop::option::of(document()),
        patch(),
        prop::option::of(document()),
        prop::option::of("[a-z]{1,4}"),
        prop::option::of(document()),
        prop::option::of(text()),
    );
    let state = (whole(), 0u32..9, 0..4usize, prop::option::of((whole(), whole())), 0..3usize, 0u32..9);
    let sent = prop::option::of((prop::option::of(document()), prop::option::of("[a-z]{1,4}")));
    (ids, content, state, sent, any::<bool>()).prop_map(|(ids, content, state, sent, refused)| Pending {
        seq: ids.0,
        mutation_id: ids.1,
        idempotency_key: ids.2,
        collection: ids.3,
        id: ids.4,
        temp_id: ids.5,
        kind: [ChangeKind::Create, ChangeKind::Update, ChangeKind::Delete][content.0],
        data: content.1,
        changes: content.2,
        base: content.3,
        base_rev: content.4,
        created_at: state.0,
        skew: state.3.map(|(from, until)| from.cast_signed() - until.cast_signed()),
        retry_count: state.1,
        losses: state.5,
        last_error: refused.then(|| Failure::new(Code::Server, "busy").at(7)),
        state: [PendingState::Waiting, PendingState::Sending, PendingState::Parked, PendingState::Conflict][state.2],
        wait: state.3.map(|(from, until)| Wait { from, until }),
        priority: [Priority::High, Priority::User, Priority::Background][state.4],
        group: (state.1 > 4).then(|| "g1".into()),
        user: None,
        sent: sent.map(|(body, revision)| Sent { method: "PUT".into(), body, revision }),
        refused,
        rounds: state.5,
        writes: 1 + state.1,
        touched: Vec::from([("a".into(), state.0)]),
        origin: content.5,
        conflict: content.6,
        asks: refused,
    })
}

proptest! {
    #[test]
    fn outbox_rows_are_kept(row in pending()) {
        prop_assert!(is_kept(&row));
        let read = again(&row).expect("a row that was written");
        prop_assert_eq!((read.seq, read.state, read.kind, read.wait), (row.seq, row.state, row.kind, row.wait));
        prop_assert_eq!(&read.group, &row.group);
        prop_assert_eq!(read.sent.map(|sent| sent.revision), row.sent.map(|sent| sent.revision));
    }

    #[test]
    fn main_rows_are_kept(id in text(), key in text(), doc in prop::option::of(document()), times in prop::array::uniform3(prop::option::of(whole())), lane in prop::collection::vec(whole(), 0..4), seen in whole(), local: bool) {
        let row = Row { id, key, doc, rev: Some("1-a".into()), at: 5, synced_at: times[0], server_at: times[1], lane, seen, local };
        prop_assert!(is_kept(&row));
        prop_assert_eq!(again(&row).expect("a row that was written").lane, row.lane);
    }

    #[test]
    fn meta_rows_are_kept(owner in text(), epoch in whole(), at in whole(), flags: [bool; 2], ids in prop::collection::vec("[a-z]{3}", 0..300), checkpoint in prop::option::of(document())) {
        let lease = Lease { owner, epoch, expires_at: at, since: at / 2, hidden: at % 2 == 0 };
        prop_assert_eq!(again(&lease), Some(lease));
        let mark = Mark { applied: at, audited: at / 2 };
        prop_assert_eq!(again(&mark), Some(mark));
        let mut discarded = Discarded::default();
        ids.iter().for_each(|id| discarded.push(id));
        prop_assert!(discarded.mutation_ids.len() <= Discarded::CAPACITY);
        prop_assert_eq!(again(&discarded), Some(discarded));
        let state = PullState { checkpoint, epoch: Some("e".into()), etag: None, completed_at: Some(at), generation: epoch, sweeping: flags[0], rewinds: flags[1], wanted: ids.iter().map(|id| Wanted { id: id.clone(), known: None }).collect() };
        prop_assert!(is_kept(&state));
    }
}

proptest! {
    #[test]
    fn conflicts_are_kept(ids in prop::array::uniform4(text()), sides in prop::array::uniform3(prop::option::of(document())), times in prop::array::uniform3(whole()), open: bool, pick in 0..4usize) {
        let kinds = [ConflictKind::EditEdit, ConflictKind::EditDelete, ConflictKind::DeleteEdit, ConflictKind::CreateCreate];
        let [base, local, remote] = sides.clone();
        let field = ConflictField { path: "a".into(), base, local, remote, local_at: Some(times[0]), remote_at: None };
        let [base, local, remote] = sides.clone();
        let conflict = Conflict {
            conflict_id: ids[0].clone(), collection: ids[1].clone(), id: ids[2].clone(), seq: times[0], mutation_id: ids[3].clone(),
            kind: kinds[pick], severity: [Severity::Low, Severity::Medium, Severity::High][pick % 3],
            base, local, remote, fields: vec![field], detected_at: times[1],
            resolution: (!open).then(|| Resolution { strategy: "fields".into(), at: times[2], result: sides[0].clone() }),
        };
        prop_assert!(is_kept(&conflict));
        let read = again(&conflict).expect("a conflict that was written");
        prop_assert_eq!((read.kind, read.severity, read.resolution.is_none()), (conflict.kind, conflict.severity, open));
    }

    #[test]
    fn the_log_of_conflicts_is_kept_and_bounded(ids in prop::collection::vec("[a-z]{4}", 0..300)) {
        let mut log = ConflictLog::default();
        let gone: usize = ids.iter().map(|id| {
            log.found(ConflictKind::EditEdit);
            log.ended(id, "fields").len()
        }).sum();
        let unique: std::collections::BTreeSet<&String> = ids.iter().collect();
        prop_assert!(log.resolved.len() <= ConflictLog::CAPACITY);
        prop_assert!(gone + log.resolved.len() >= unique.len(), "what is not listed was named to go");
        prop_assert_eq!(log.types.first().map_or(0, |(_, count)| *count as usize), ids.len());
        prop_assert_eq!(again(&log), Some(log));
    }
}

#[test]
fn a_damaged_row_is_none() {
    let row = Json::parse(r#"{"seq": 1, "mutationId": "a", "state": "gone"}"#).expect("JSON");
    assert!(Pending::from_record(&row).is_none());
    assert!(Row::<Json>::from_record(&Json::object()).is_none());
    assert!(Lease::from_record(&Json::text("x")).is_none());
}
