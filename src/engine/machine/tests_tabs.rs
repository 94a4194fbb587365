//! Several machines over one store: who leads when a leader dies, freezes, is hidden, or does not hear.
//!
//! The harness carries messages between tabs when it is told to; time moves only from alarm to alarm, and the alarms of a
//! throttled tab come once a minute.

use super::tests::put;
use super::Engine;
use crate::engine::config::Config;
use crate::engine::disk::Disk;
use crate::engine::input::{Command, Input, Message, Signal, Wish};
use crate::engine::output::{Event, Output};
use crate::engine::policy::lease::TERM;
use crate::model::{Document, Time};
use crate::native::Json;
use crate::protocol::{Body, HttpResponse};
use serde_json::json;

const START: Time = 1_700_000_000_000;

/// What a tab is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Runs,
    /// Its alarms come once a minute.
    Throttled,
    /// Nothing reaches it.
    Stopped,
}

struct Tab {
    engine: Engine<Json>,
    life: Life,
    next: Option<Time>,
    requests: Vec<u32>,
    leader_events: Vec<bool>,
}

/// Tabs of one database.
struct Bench {
    tabs: Vec<Tab>,
    disk: Disk<Json>,
    now: Time,
    hears: bool,
}

impl Bench {
    fn new(count: usize) -> Self {
        let config = json!({ "collections": [{ "name": "notes" }], "sync": { "url": "https://x.test", "pullInterval": 0, "startDelay": 86_000_000 } });
        let config = Config::from_document(&Json::from(config));
        let tab = |number: usize| Tab {
            engine: Engine::new(config.clone(), [number as u64 + 1; 4], START),
            life: Life::Runs,
            next: None,
            requests: Vec::new(),
            leader_events: Vec::new(),
        };
        let mut bench = Self { tabs: (0..count).map(tab).collect(), disk: Disk::default(), now: START, hears: false };
        (0..count).for_each(|tab| bench.give(tab, Input::Start));
        bench
    }

    fn give(&mut self, tab: usize, input: Input<Json>) {
        let mut said = Vec::new();
        let one = &mut self.tabs[tab];
        one.engine.handle_input(self.now, input);
        loop {
            match one.engine.poll_output() {
                Output::Commit { commit, plan } => {
                    let result = self.disk.run(&*plan);
                    one.engine.handle_input(self.now, Input::Committed { commit, result });
                }
                Output::Request { request, .. } => one.requests.push(request),
                Output::Broadcast(message) => said.push(message),
                Output::Event(Event::Sync { name: "leader", detail }) => one.leader_events.push(detail.flag("leader")),
                Output::Wait(next) => {
                    one.next = next.map(|(at, _)| at);
                    break;
                }
                _ => {}
            }
        }
        let carried = if self.hears { said } else { Vec::new() };
        for message in carried {
            for other in (0..self.tabs.len()).filter(|other| *other != tab).collect::<Vec<_>>() {
                if self.tabs[other].life != Life::Stopped {
                    self.give(other, Input::Message(message.clone()));
                }
            }
        }
    }

    fn write(&mut self, tab: usize, id: &str) {
        let op = put(id, json!({ "id": id }));
        self.give(tab, Input::Command { ticket: 1, command: Command::Write(vec![op]) });
    }

    /// Answers what a tab has asked.
    fn answer(&mut self, tab: usize) {
        for request in std::mem::take(&mut self.tabs[tab].requests) {
            let id = self.disk.pending_rows().next().map_or("a".into(), |row| row.id.to_string());
            let result = Ok(HttpResponse::new(200, Body::Json(json!({ "id": id }).into())));
            self.give(tab, Input::Responded { request, result });
        }
    }

    /// Lets time pass until then, alarm by alarm.
    fn pass(&mut self, until: Time) {
        loop {
            let due = |tab: &Tab| {
                let at = tab.next.filter(|_| tab.life != Life::Stopped)?.max(self.now);
                Some(if tab.life == Life::Throttled { (at - START).next_multiple_of(60_000) + START } else { at })
            };
            let next = self.tabs.iter().enumerate().filter_map(|(tab, one)| Some((due(one)?, tab))).min();
            let Some((at, tab)) = next.filter(|(at, _)| *at <= until) else { break };
            self.now = at;
            self.give(tab, Input::Tick);
        }
        self.now = self.now.max(until);
    }

    /// How long it takes until a tab requests something.
    fn wait_for_request(&mut self, tab: usize, most: u64) -> Option<u64> {
        let start = self.now;
        while self.tabs[tab].requests.is_empty() && self.now < start + most {
            self.pass(self.now + 50);
        }
        (!self.tabs[tab].requests.is_empty()).then(|| self.now - start)
    }

    fn leads(&self, tab: usize) -> bool {
        self.tabs[tab].engine.status().leader
    }
}

#[test]
fn a_stopped_leader_is_replaced_within_two_terms() {
    let mut bench = Bench::new(2);
    bench.write(0, "a");
    assert!(bench.leads(0) && bench.tabs[0].requests.len() == 1);
    bench.tabs[0].life = Life::Stopped;
    bench.write(1, "b");
    let waited = bench.wait_for_request(1, 3 * TERM).expect("the other sends");
    assert!(waited <= 2 * TERM, "{waited}");
    bench.tabs[0].life = Life::Runs;
    bench.answer(0);
    bench.write(0, "c");
    assert!(!bench.leads(0) && bench.leads(1), "the old one finds out with its next work");
    assert_eq!(bench.tabs[0].leader_events, [true, false]);
}

#[test]
fn a_leader_that_does_not_hear_but_works_on_serves_or_hands_over_within_two_terms() {
    let mut bench = Bench::new(2);
    bench.write(0, "a");
    bench.answer(0);
    bench.write(1, "b");
    let start = bench.now;
    let mut number = 0;
    while bench.disk.pending_rows().any(|row| *row.id == *"b") && bench.now < start + 3 * TERM {
        number += 1;
        bench.write(0, &format!("own{number}"));
        bench.pass(bench.now + 300);
        (0..2).for_each(|tab| bench.answer(tab));
    }
    assert!(bench.now - start <= 2 * TERM, "{}", bench.now - start);
}

#[test]
fn a_pass_that_a_leader_does_not_hear_of_runs_within_two_terms_although_the_clock_jumps_back() {
    for jump in [0, 3_600_000] {
        let mut bench = Bench::new(2);
        bench.write(0, "a");
        bench.answer(0);
        bench.give(1, Input::Command { ticket: 1, command: Command::Now(Wish::all()) });
        bench.now -= jump;
        let start = bench.now;
        let mut number = 0;
        while !bench.leads(1) && bench.now < start + 3 * TERM {
            number += 1;
            bench.write(0, &format!("own{number}"));
            (0..2).for_each(|tab| bench.give(tab, Input::Tick));
            bench.pass(bench.now + 300);
            bench.answer(0);
        }
        assert!(bench.now - start <= 2 * TERM + 300, "{} after a jump of {jump}", bench.now - start);
    }
}

#[test]
fn a_visible_tab_sends_within_two_seconds_while_a_throttled_one_leads() {
    let mut bench = Bench::new(2);
    bench.write(0, "a");
    bench.give(0, Input::Signal(Signal::Hidden));
    bench.pass(bench.now + TERM - 1_000);
    bench.tabs[0].life = Life::Throttled;
    bench.write(0, "kept up");
    bench.pass(bench.now + 2_000);
    assert!(bench.leads(0));
    bench.write(1, "b");
    let waited = bench.wait_for_request(1, 3 * TERM).expect("the visible tab sends");
    assert!(waited < 2_000, "{waited}");
}

#[test]
fn two_tabs_with_steady_work_do_not_take_turns() {
    let mut bench = Bench::new(2);
    bench.hears = true;
    for number in 0..200 {
        bench.write(number % 2, &format!("n{number}"));
        bench.pass(bench.now + 500);
        (0..2).for_each(|tab| bench.answer(tab));
    }
    let changes: usize = bench.tabs.iter().map(|tab| tab.leader_events.len()).sum();
    assert_eq!(changes, 1, "one leads all the time");
}

#[test]
fn an_idle_leader_keeps_its_place_and_another_tab_that_takes_over_is_told_of() {
    let mut bench = Bench::new(2);
    bench.hears = true;
    bench.write(0, "a");
    bench.answer(0);
    bench.pass(bench.now + 4 * TERM);
    let idle = |tab: &Tab| tab.next.is_none_or(|at| at > START + 80_000_000);
    assert!(bench.leads(0) && bench.tabs.iter().all(idle), "no alarm but that of the first pull");
    bench.write(1, "b");
    assert!(bench.leads(1) && !bench.leads(0));
    bench.answer(1);
}

#[test]
fn what_ends_while_a_page_is_cached_waits_and_its_requests_are_made_again() {
    let mut bench = Bench::new(1);
    bench.write(0, "a");
    let request = bench.tabs[0].requests[0];
    bench.give(0, Input::Signal(Signal::Cached));
    let rows: Vec<_> = bench.disk.pending_rows().map(|row| (row.state, row.retry_count)).collect();
    let late = Ok(HttpResponse::new(200, Body::Json(json!({ "id": "a" }).into())));
    bench.give(0, Input::Responded { request, result: late });
    assert_eq!(bench.disk.pending_rows().map(|row| (row.state, row.retry_count)).collect::<Vec<_>>(), rows);
    bench.tabs[0].requests.clear();
    bench.give(0, Input::Signal(Signal::Resumed));
    assert!(bench.wait_for_request(0, 10_000).is_some());
    assert_eq!(bench.disk.pending_rows().next().map(|row| row.retry_count), Some(0), "nothing was counted");
    bench.answer(0);
    assert_eq!(bench.disk.pending_rows().count(), 0);
}

#[test]
fn a_page_shown_and_hidden_a_hundred_times_looks_around_once() {
    let mut bench = Bench::new(1);
    bench.write(0, "a");
    bench.pass(bench.now + 10_000);
    let before = bench.now;
    for _ in 0..50 {
        bench.give(0, Input::Signal(Signal::Hidden));
        bench.give(0, Input::Signal(Signal::Visible));
    }
    assert!(bench.tabs[0].next.is_some_and(|at| at <= before + 250));
    assert!(!bench.tabs[0].engine.seat.hidden);
    bench.pass(before + 300);
    assert!(!bench.tabs[0].engine.seat.hidden);
}

#[test]
fn a_tab_that_does_not_send_shows_what_the_leader_does_and_forgets_it_when_nothing_more_is_heard() {
    let mut bench = Bench::new(2);
    bench.hears = true;
    bench.write(0, "a");
    let shown = |bench: &Bench, tab: usize| {
        let status = bench.tabs[tab].engine.status();
        (status.state, status.phase, status.progress.map(|progress| (progress.done, progress.total)))
    };
    assert!(bench.leads(0) && !bench.leads(1));
    assert_eq!(shown(&bench, 1), ("syncing", "pushing", Some((0, Some(1)))));
    assert_eq!(shown(&bench, 1), shown(&bench, 0));
    bench.answer(0);
    bench.pass(bench.now + 1_000);
    assert_eq!(shown(&bench, 1).0, "idle");
    bench.write(0, "b");
    assert_eq!(shown(&bench, 1).0, "syncing");
    bench.hears = false;
    bench.answer(0);
    bench.pass(bench.now + 1_000);
    assert_eq!((shown(&bench, 0).0, shown(&bench, 1).0), ("idle", "syncing"), "the word was lost");
    bench.pass(bench.now + 70_000);
    assert_eq!(shown(&bench, 1), ("idle", "idle", None), "which only delays");
    assert!(bench.tabs[1].next.is_none_or(|at| at > START + 80_000_000), "and nothing wakes up any more");
}

#[test]
fn what_a_stranger_says_of_the_leader_is_shown_within_bounds_or_not_at_all() {
    let mut bench = Bench::new(2);
    let say = |bench: &mut Bench, status: serde_json::Value| {
        bench.give(1, Input::Message(Message::Doing(status.into())));
        bench.tabs[1].engine.status()
    };
    for status in [json!(null), json!({ "state": "__proto__", "phase": "idle" }), json!({ "state": "syncing" })] {
        assert_eq!(say(&mut bench, status).state, "idle");
    }
    let far = json!({ "state": "waiting", "phase": "idle", "nextAttemptAt": 9e15, "lastSyncedAt": 9e15 });
    let status = say(&mut bench, far);
    assert_eq!((status.state, status.next_attempt_at, status.last_synced_at), ("waiting", None, None));
    let mad =
        json!({ "state": "syncing", "phase": "pushing", "progress": { "phase": "pushing", "done": 9, "total": 2 } });
    assert_eq!(say(&mut bench, mad).progress.map(|progress| progress.done), Some(2));
    bench.pass(bench.now + 70_000);
    assert_eq!(bench.tabs[1].engine.status().state, "idle");
}
