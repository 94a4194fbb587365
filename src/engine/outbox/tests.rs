//! The index over the outbox: who may go, who waits for whom.

use super::{Entry, Outbox};
use crate::model::{ChangeKind, DocKey, PendingState, Priority};

fn entry(seq: u64, id: &str) -> Entry {
    Entry {
        seq,
        mutation_id: format!("m{seq}").into(),
        key: DocKey::new(&"notes".into(), id),
        temp_id: None,
        kind: ChangeKind::Create,
        state: PendingState::Waiting,
        retry_count: 0,
        wait: None,
        priority: Priority::User,
        last_error: None,
        created_at: 0,
        refers: Vec::new(),
        group: None,
        conflict: None,
        asks: false,
    }
}

fn member(seq: u64, id: &str) -> Entry {
    Entry { group: Some("g".into()), ..entry(seq, id) }
}

fn outbox(entries: impl IntoIterator<Item = Entry>) -> Outbox {
    let mut outbox = Outbox::default();
    outbox.reset(entries);
    outbox
}

fn ready(outbox: &Outbox) -> Vec<u64> {
    outbox.ready(0, |_| false, 10)
}

fn depends_on(outbox: &Outbox, seq: u64) -> Vec<String> {
    let entry = outbox.get(seq).expect("an entry");
    outbox.depends_on(entry).iter().map(ToString::to_string).collect()
}

#[test]
fn members_of_a_group_go_in_order() {
    let mut outbox = outbox([member(1, "a"), member(2, "b"), member(3, "c"), entry(4, "d")]);
    assert_eq!(ready(&outbox), [1, 4]);
    assert_eq!(depends_on(&outbox, 3), ["m1", "m2"]);
    outbox.remove(1);
    assert_eq!(ready(&outbox), [2, 4]);
    outbox.remove(2);
    outbox.remove(3);
    assert_eq!(ready(&outbox), [4]);
}

#[test]
fn a_parked_member_holds_the_others() {
    let outbox = outbox([member(1, "a"), Entry { state: PendingState::Parked, ..member(2, "b") }, entry(3, "c")]);
    assert_eq!(ready(&outbox), [3]);
    assert_eq!(depends_on(&outbox, 1), ["m2"]);
}

#[test]
fn a_create_goes_before_an_earlier_member_that_refers_to_it() {
    let refers = vec![DocKey::new(&"notes".into(), "pending-1-x")];
    let outbox = outbox([Entry { refers, ..member(1, "a") }, member(2, "pending-1-x")]);
    assert_eq!(ready(&outbox), [2]);
    assert_eq!(depends_on(&outbox, 2), Vec::<String>::new());
    assert_eq!(depends_on(&outbox, 1), ["m2"]);
}
