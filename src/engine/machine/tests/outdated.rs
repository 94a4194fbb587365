//! The older of two versions on one database: it says so, refuses, and rests.

use super::*;
use crate::model::Document;

fn skipped(reply: &Result<Reply<Json>, Failure>) -> Option<String> {
    match reply {
        Ok(Reply::Report(report)) => report.text_of("skipped"),
        _ => None,
    }
}

impl Bench {
    fn outdated() -> Self {
        let mut bench = Self::assistant(3_600_000);
        bench.write("a");
        assert_eq!(bench.requests.len(), 1, "a change is under way");
        bench.write("b");
        bench.told.clear();
        bench.replies.clear();
        bench
    }

    fn names(&self) -> Vec<&str> {
        self.told.iter().map(|(_, name, _)| *name).collect()
    }

    /// Stepped down: nothing is done any more, whatever is asked.
    fn rests(&mut self) {
        let status = self.engine.status();
        assert_eq!((status.state, status.leader, self.next), ("needs-update", false, None));
        let (commits, requests) = (self.commits, self.requests.len());
        self.replies.clear();
        self.write("late");
        let refused = self.replies.pop().and_then(|(_, reply)| reply.err());
        assert_eq!(refused.map(|failure| failure.code), Some(Code::DbVersionNewer));
        self.give(Input::Command { ticket: 2, command: Command::Now(Wish::all()) });
        assert_eq!(self.replies.pop().and_then(|(_, reply)| skipped(&reply)).as_deref(), Some("needs-update"));
        self.give(Input::Signal(Signal::Online));
        self.give(Input::Signal(Signal::Outdated));
        self.give(Input::Message(Message::Outbox));
        self.give(Input::Command { ticket: 3, command: Command::Close });
        assert!(matches!(self.replies.pop(), Some((3, Ok(Reply::Done)))));
        assert_eq!((self.commits, self.requests.len(), self.next), (commits, requests, None));
    }
}

#[test]
fn told_of_newer_code_it_steps_down_at_once() {
    let mut bench = Bench::outdated();
    bench.give(Input::Signal(Signal::Outdated));
    assert_eq!(bench.names(), ["leader", "update-required"]);
    assert!(bench.said.iter().any(|message| matches!(message, Message::Gone(_))), "its lease need not run out");
    let late = Ok(HttpResponse::new(201, Body::Json(json!({ "id": "a" }).into())));
    let request = bench.requests[0].1;
    bench.give(Input::Responded { request, result: late });
    bench.rests();
    assert_eq!(bench.disk.pending_rows().count(), 2, "the newer code sends both");
}

#[test]
fn a_transaction_that_the_store_refuses_tells_the_same() {
    let mut bench = Bench::outdated();
    bench.newer = true;
    bench.write("c");
    let refused: Vec<_> = bench.replies.iter().filter_map(|(_, reply)| reply.as_ref().err()).collect();
    assert_eq!(refused.iter().map(|failure| failure.code).collect::<Vec<_>>(), [Code::DbVersionNewer]);
    assert_eq!(bench.names(), ["leader", "update-required"]);
    bench.rests();
}

#[test]
fn a_frozen_page_takes_it_in_when_it_thaws() {
    let mut bench = Bench::outdated();
    bench.give(Input::Signal(Signal::Frozen));
    bench.give(Input::Signal(Signal::Outdated));
    assert!(bench.names().is_empty() && bench.engine.status().state != "needs-update");
    let commits = bench.commits;
    bench.give(Input::Signal(Signal::Resumed));
    assert_eq!(bench.commits, commits);
    bench.rests();
}

#[test]
fn closing_waits_for_the_write_that_was_on_its_way() {
    let mut bench = Bench::outdated();
    let write = Command::Write(vec![put("c", json!({ "id": "c", "text": "x" }))]);
    bench.engine.handle_input(bench.now, Input::Command { ticket: 4, command: write });
    let Output::Commit { commit, .. } = bench.engine.poll_output() else { panic!("a write goes to the store") };
    bench.give(Input::Signal(Signal::Outdated));
    bench.give(Input::Command { ticket: 5, command: Command::Close });
    assert!(bench.replies.is_empty(), "the write has no answer yet");
    bench.give(Input::Committed { commit, result: Err(Failure::new(Code::DbVersionNewer, "newer")) });
    let tickets: Vec<u32> = bench.replies.iter().map(|(ticket, _)| *ticket).collect();
    assert_eq!(tickets, [4, 5]);
    bench.rests();
}

#[test]
fn a_handle_that_closes_orders_nothing_more_either() {
    let mut bench = Bench::outdated();
    for ticket in [4, 5] {
        let write = Command::Write(vec![put("c", json!({ "id": "c", "text": "x" }))]);
        bench.engine.handle_input(bench.now, Input::Command { ticket, command: write });
    }
    let Output::Commit { commit, .. } = bench.engine.poll_output() else { panic!("a write goes to the store") };
    bench.kept = Some(Vec::new());
    bench.give(Input::Command { ticket: 6, command: Command::Close });
    bench.give(Input::Signal(Signal::Outdated));
    let ordered = bench.kept.clone();
    bench.give(Input::Committed { commit, result: Err(Failure::new(Code::DbVersionNewer, "newer")) });
    assert_eq!(bench.kept, ordered, "nothing is ordered any more");
    for commit in ordered.into_iter().flatten() {
        bench.give(Input::Committed { commit, result: Err(Failure::new(Code::DbVersionNewer, "newer")) });
    }
    let mut tickets: Vec<u32> = bench.replies.iter().map(|(ticket, _)| *ticket).collect();
    assert_eq!(tickets.pop(), Some(6), "closing is the last to be answered");
    tickets.sort_unstable();
    assert_eq!(tickets, [4, 5]);
}
