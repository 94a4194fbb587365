//! What became of the members of a batch: one transaction, bounded, behind the next dispatch; an abort settles nobody.

use super::batches::held;
use super::Bench;
use crate::engine::input::{Input, Message};
use crate::engine::machine::commits::Purpose;
use crate::model::PendingState;

const SIX: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

impl Bench {
    /// All members of the last batch are taken.
    fn take_all(&mut self) {
        let members = self.members();
        let results: Vec<(&str, u16)> = members.iter().map(|id| (id.as_str(), 201)).collect();
        self.results(&results);
    }

    fn acknowledged(&self) -> usize {
        self.told.iter().filter(|(_, name, _)| *name == "acknowledged").count()
    }

    /// Transactions under way, in order: how many outcomes each writes; 0 for a dispatch.
    fn under_way(&self) -> Vec<usize> {
        let outcomes = |purpose: &Purpose<_>| match purpose {
            Purpose::Several(purposes) => Some(purposes.len()),
            Purpose::Dispatch(_) => Some(0),
            purpose => purpose.is_outcome().then_some(1),
        };
        self.engine.commits.values().filter_map(outcomes).collect()
    }
}

#[test]
fn the_outcomes_of_a_batch_are_one_transaction() {
    let mut bench = held(50, &SIX);
    let before = bench.commits;
    bench.said.clear();
    bench.results(&[("a", 201), ("b", 422), ("c", 500), ("d", 201), ("e", 201)]);
    assert_eq!(bench.commits, before + 1, "acknowledged, parked, waiting and unknown ones");
    assert_eq!(bench.acknowledged(), 3);
    assert_eq!(bench.disk.audit().count(), 4, "three that are there, and one that is parked");
    let moved = bench.said.iter().filter(|message| matches!(message, Message::Changed(_) | Message::Outbox));
    assert_eq!(moved.count(), 2, "the other tabs hear of it once");
}

#[test]
fn the_next_batch_is_on_its_way_before_outcomes_are_written() {
    let mut bench = held(3, &SIX);
    bench.kept = Some(Vec::new());
    bench.take_all();
    assert_eq!(bench.under_way(), [0, 3]);
    assert_eq!(bench.disk.pending_rows().filter(|row| row.state == PendingState::Sending).count(), 3);
}

#[test]
fn a_small_batch_waits_for_the_outcomes_of_the_one_before() {
    let mut bench = held(4, &SIX);
    bench.kept = Some(Vec::new());
    bench.take_all();
    assert_eq!(bench.under_way(), [4], "two are left, and more may follow");
}

#[test]
fn a_transaction_has_so_many_outcomes_at_most() {
    let ids: Vec<String> = (0..120).map(|n| format!("n{n}")).collect();
    let mut bench = held(120, &ids.iter().map(String::as_str).collect::<Vec<_>>());
    bench.kept = Some(Vec::new());
    bench.take_all();
    assert_eq!(bench.under_way(), [50, 50, 20]);
}

#[test]
fn what_was_aborted_settles_nobody_and_each_is_tried_by_itself() {
    let mut bench = held(50, &SIX);
    bench.fails = true;
    bench.take_all();
    assert_eq!(bench.acknowledged(), 0);
    assert!(bench.disk.pending_rows().all(|row| row.state == PendingState::Sending), "nothing was written");
    assert_eq!(bench.requests.len(), 1, "nor does any go again");
    bench.fails = false;
    let before = bench.commits;
    bench.now += 1_000;
    bench.give(Input::Tick);
    assert_eq!(bench.acknowledged(), SIX.len());
    assert!(bench.commits >= before + SIX.len(), "one that cannot be stored holds up no other");
    assert_eq!(bench.disk.pending_rows().count(), 0);
}
