//! The index over the outbox: who may go, who waits for whom.

use super::{Entry, Outbox, Together, AGED};
use crate::model::{ChangeKind, DocKey, PendingState, Priority};
use std::cell::Cell;

pub(super) fn entry(seq: u64, id: &str) -> Entry {
    Entry {
        seq,
        mutation_id: format!("m{seq}").into(),
        key: DocKey::new(&"notes".into(), id),
        temp_id: None,
        kind: ChangeKind::Create,
        state: PendingState::Waiting,
        retry_count: 0,
        wait: Cell::new(None),
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
    let mut outbox = Outbox::read();
    entries.into_iter().for_each(|entry| outbox.put(entry));
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

#[test]
fn who_goes_first_and_what_has_waited_long_enough() {
    let of =
        |seq: u64, priority: Priority, created_at: u64| Entry { priority, created_at, ..entry(seq, &seq.to_string()) };
    let outbox = outbox([
        of(1, Priority::Background, 0),
        of(2, Priority::User, 10),
        of(3, Priority::Background, 20),
        of(4, Priority::User, 30),
        of(5, Priority::High, 40),
    ]);
    let at = |now: u64| outbox.ready(now, |_| false, 10);
    assert_eq!(at(50), [5, 2, 4, 1, 3]);
    assert_eq!(at(AGED), [5, 1, 2, 4, 3], "the first has waited its minute");
    assert_eq!(at(AGED + 20), [5, 1, 2, 3, 4]);
}

#[test]
fn a_transaction_goes_as_one_when_all_of_it_can() {
    let now = |outbox: &Outbox, seq: u64| outbox.together(seq, 0, |entry| entry.seq == 9);
    let both = outbox([member(1, "a"), member(2, "b"), entry(3, "c")]);
    assert_eq!(now(&both, 1), Together::Now(vec![1, 2]));
    assert_eq!(now(&both, 3), Together::No);
    assert_eq!(now(&outbox([member(1, "a"), member(9, "b")]), 1), Together::Later, "one of them is under way");
    assert_eq!(
        now(&outbox([entry(1, "b"), member(2, "a"), member(3, "b")]), 2),
        Together::Later,
        "behind another change"
    );
    assert_eq!(now(&outbox([member(1, "a")]), 1), Together::No);
    let merged = outbox([member(1, "a"), member(2, "a"), member(3, "b")]);
    assert_eq!(now(&merged, 1), Together::No, "two documents turned out to be one");
    let refers =
        |seq: u64, id: &str, to: &str| Entry { refers: vec![DocKey::new(&"notes".into(), to)], ..member(seq, id) };
    assert_eq!(now(&outbox([member(1, "a"), refers(2, "b", "a")]), 1), Together::Now(vec![1, 2]));
    assert_eq!(now(&outbox([member(1, "pending-1-x"), refers(2, "b", "pending-1-x")]), 1), Together::No);
    assert_eq!(now(&outbox([entry(1, "c"), member(2, "a"), refers(3, "b", "c")]), 2), Together::Later);
    let back = Entry { refers: vec![DocKey::new(&"notes".into(), "a")], ..entry(1, "c") };
    assert_eq!(now(&outbox([back, member(2, "a"), refers(3, "b", "c")]), 2), Together::No, "it waits for us");
    let before = |seq: u64| Entry { refers: vec![DocKey::new(&"notes".into(), "a")], ..entry(seq, "b") };
    let held = outbox([before(1), member(2, "a"), member(3, "b")]);
    assert_eq!(
        (ready(&held), now(&held, 2)),
        (vec![2], Together::No),
        "what stands before one of us waits for another"
    );
    let first = outbox([before(1), member(2, "b"), member(3, "a")]);
    assert_eq!(
        (ready(&first), now(&first, 2)),
        (vec![1], Together::Later),
        "it does not wait: it goes, then all go as one"
    );
}

#[test]
fn counters_follow_the_states() {
    let of = |state, seq: u64| Entry { state, ..entry(seq, &seq.to_string()) };
    let states = [PendingState::Parked, PendingState::Parked, PendingState::Conflict, PendingState::Waiting];
    let mut outbox = outbox(states.into_iter().zip(1..).map(|(state, seq)| of(state, seq)));
    let counts = |outbox: &Outbox| (outbox.len(), outbox.pending(), outbox.parked(), outbox.conflicted());
    assert_eq!(counts(&outbox), (4, 1, 2, 1));
    outbox.remove(1);
    outbox.put(of(PendingState::Waiting, 3));
    assert_eq!(counts(&outbox), (3, 2, 1, 0));
}

#[test]
fn mates_are_the_changes_of_one_transaction() {
    let outbox = outbox([member(1, "a"), entry(2, "b"), member(3, "c")]);
    assert_eq!(outbox.mates(3).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(outbox.mates(2).count(), 0);
}

#[test]
fn a_change_that_waits_for_a_choice_is_found_by_its_conflict() {
    let held = Entry { state: PendingState::Conflict, conflict: Some("c1".into()), ..entry(2, "b") };
    let outbox = outbox([entry(1, "a"), held]);
    assert_eq!(outbox.find_conflict("c1").map(|entry| entry.seq), Some(2));
    assert!(outbox.find_conflict("c2").is_none());
}

#[test]
fn creates_that_wait_for_each_other_by_temporary_ids_get_as_far_as_their_dispatch() {
    let refers = |seq: u64, id: &str, to: &str| {
        let refers = vec![DocKey::new(&"notes".into(), to)];
        Entry { refers, ..entry(seq, id) }
    };
    let circle = [refers(1, "pending-1-x", "pending-1-y"), refers(2, "pending-1-y", "pending-1-x")];
    assert_eq!(ready(&outbox(circle.clone())), [1, 2], "the dispatch parks one of them");
    let [first, second] = circle;
    let parked = Entry { state: PendingState::Parked, ..first };
    assert!(ready(&outbox([parked, second])).is_empty(), "the other one waits for it");
    let one_way = [refers(1, "pending-1-x", "b"), refers(2, "b", "pending-1-x")];
    assert_eq!(ready(&outbox(one_way)), [1], "the earlier one goes first");
}

#[test]
fn the_last_place_is_remembered_and_the_oldest_change_is_the_first() {
    assert_eq!((Outbox::default().last(), Outbox::read().last()), (None, Some(0)), "unread, and read without a row");
    let made = |seq, created_at| Entry { created_at, ..entry(seq, &seq.to_string()) };
    let mut outbox = outbox([made(5, 30), made(9, 40)]);
    assert_eq!((outbox.last(), outbox.oldest()), (Some(9), Some(30)));
    outbox.remove(9);
    assert_eq!(outbox.last(), Some(9), "its place is not given again");
    outbox.remove(5);
    assert_eq!((outbox.oldest(), outbox.is_empty()), (None, true));
}

mod references {
    use crate::engine::config::Config;
    use crate::engine::lane::{Action, Lane, Operation};
    use crate::engine::outbox::{awaited, references, temporary_references, Entry};
    use crate::model::{DocKey, Patch, Pending};
    use crate::native::Json;
    use serde_json::{json, Value};

    fn config() -> Config {
        let references =
            json!([{ "field": "list", "collection": "lists" }, { "field": "parent", "collection": "cards" }]);
        let collections = json!([{ "name": "lists" }, { "name": "cards", "references": references }]);
        Config::from_document(&Json::from(json!({ "collections": collections })))
    }

    fn change(collection: &str, doc: &Value) -> Pending<Json> {
        let key = DocKey::new(&collection.into(), doc["id"].as_str().unwrap_or(""));
        let mut lane = Lane::new(key.clone(), None, Vec::new());
        lane.fold(&Operation::sample(key, Action::Put(doc.clone().into()), 1), 1, 1).expect("a put");
        lane.changes.remove(0)
    }

    fn names(keys: &[DocKey]) -> Vec<String> {
        keys.iter().map(|key| [&*key.collection, "/", &*key.id].concat()).collect()
    }

    #[test]
    fn a_change_refers_to_the_documents_that_its_declared_fields_name() {
        let config = config();
        let card = change("cards", &json!({ "id": "c", "list": "pending-1-l", "parent": "d", "other": "x" }));
        assert_eq!(names(&references(&card, &config)), ["lists/pending-1-l", "cards/d"]);
        assert_eq!(names(&temporary_references(&card, &config)), ["lists/pending-1-l"]);
        let entry = Entry::of(&card, &config);
        assert_eq!((names(&entry.refers).len(), &*entry.key.id, &*entry.mutation_id), (2, "c", "m1"));
        assert!(references(&change("lists", &json!({ "id": "l", "list": "z" })), &config).is_empty());
        assert!(references(&change("strangers", &json!({ "id": "l", "list": "z" })), &config).is_empty());
    }

    #[test]
    fn a_document_waits_for_others_and_not_for_itself() {
        let config = config();
        let own = change("cards", &json!({ "id": "c", "list": "c", "parent": "c" }));
        assert_eq!(names(&references(&own, &config)), ["lists/c"], "a list of the same id is another document");
        assert_eq!(names(&awaited(&own, &config)), ["lists/c", "cards/c"]);
    }

    #[test]
    fn a_field_that_a_change_sets_counts_before_the_document() {
        let mut card = change("cards", &json!({ "id": "c", "list": "l", "parent": "p" }));
        card.changes = Patch { set: vec![("list".into(), json!("new").into())], ..Patch::default() };
        assert_eq!(names(&references(&card, &config())), ["lists/new", "cards/p"]);
    }
}
