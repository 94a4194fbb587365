//! The machine on a simulated clock: the table of states and events, and the timing of the presets.
//!
//! The harness is the smallest shell there is: commits run at once on the store in memory, requests wait to be
//! answered by the test, time moves only from one alarm to the next.

mod answers;
mod batches;
mod breaker;
mod clock;
mod full;
mod outdated;
mod pulls;
mod reads;
mod several;
mod start;
mod strangers;
mod told;
mod ways;

use super::Engine;
use crate::engine::config::Config;
use crate::engine::disk::Disk;
use crate::engine::input::{Command, Input, Message, Signal, Wish, WriteKind, WriteOp};
use crate::engine::output::{Event, Output, Reply};
use crate::model::{Code, Failure, PendingState, Priority, Time};
use crate::native::Json;
use crate::protocol::{Body, HttpResponse, NetworkFailure};
use serde_json::{json, Value};

const START: Time = 1_700_000_000_000;

/// A document put into `notes`.
pub(super) fn put(id: &str, doc: Value) -> WriteOp<Json> {
    let (collection, priority) = ("notes".into(), Priority::User);
    WriteOp { collection, id: id.into(), kind: WriteKind::Put(doc.into()), priority, local: false, fresh: false }
}

/// A tab over its own store.
struct Bench {
    engine: Engine<Json>,
    disk: Disk<Json>,
    now: Time,
    /// Requests made: when, number, method and path.
    requests: Vec<(Time, u32, String)>,
    /// Their bodies.
    bodies: Vec<Value>,
    /// Streams of news that were opened.
    listens: Vec<u32>,
    replies: Vec<(u32, Result<Reply<Json>, Failure>)>,
    /// Events of sync: when, name, detail.
    told: Vec<(Time, &'static str, Json)>,
    commits: usize,
    /// Commits that were not run: all of them, once there is a list.
    kept: Option<Vec<u32>>,
    /// Whether the store fails, and whether newer code has it.
    fails: bool,
    newer: bool,
    /// Messages to the other tabs.
    said: Vec<Message<Json>>,
    next: Option<(Time, &'static str)>,
}

impl Bench {
    fn new(sync: Value) -> Self {
        let config = json!({ "collections": [{ "name": "notes" }, { "name": "tags" }], "sync": sync });
        let engine = Engine::new(Config::from_document(&Json::from(config)), [7; 4], START);
        Self {
            engine,
            disk: Disk::default(),
            now: START,
            requests: Vec::new(),
            bodies: Vec::new(),
            listens: Vec::new(),
            replies: Vec::new(),
            told: Vec::new(),
            commits: 0,
            kept: None,
            fails: false,
            newer: false,
            said: Vec::new(),
            next: None,
        }
    }

    /// With one request at a time, three repeats at 1, 2 and 4 s, a loop of 30 s and five attempts.
    fn assistant(start_delay: u64) -> Self {
        let mut bench = Self::new(json!({
            "url": "https://x.test", "interval": 30_000, "pullInterval": 0, "startDelay": start_delay, "maxAttempts": 5,
            "backoff": { "base": 1_000, "factor": 2, "max": 60_000, "jitter": false },
            "requestRetries": 3, "retry": "interval", "concurrency": 1, "delayBetween": 1_000, "timeout": 30_000,
        }));
        bench.give(Input::Start);
        bench
    }

    fn give(&mut self, input: Input<Json>) {
        self.engine.handle_input(self.now, input);
        loop {
            match self.engine.poll_output() {
                Output::Commit { commit, .. } if self.kept.is_some() => {
                    self.kept.iter_mut().for_each(|kept| kept.push(commit));
                }
                Output::Commit { commit, plan } => {
                    self.commits += 1;
                    let code = if self.newer { Code::DbVersionNewer } else { Code::TxAborted };
                    let failure = || Failure::new(code, "no transaction");
                    let result = if self.fails || self.newer { Err(failure()) } else { self.disk.run(&*plan) };
                    self.engine.handle_input(self.now, Input::Committed { commit, result });
                }
                Output::Request { request, http } => {
                    self.bodies.push(http.body.map_or(Value::Null, |body| body.to_value()));
                    self.requests.push((self.now - START, request, format!("{} {}", http.method, http.url)));
                }
                Output::Listen { listen, .. } => self.listens.push(listen),
                Output::Reply { ticket, result } => self.replies.push((ticket, result)),
                Output::Broadcast(message) => self.said.push(message),
                Output::Wait(next) => return self.next = next,
                Output::Event(Event::Sync { name, detail }) => self.told.push((self.now - START, name, detail)),
                _ => {}
            }
        }
    }

    fn write(&mut self, id: &str) {
        let op = put(id, json!({ "id": id, "text": "x" }));
        self.give(Input::Command { ticket: 1, command: Command::Write(vec![op]) });
    }

    /// Lets time pass until something is requested, at most so long.
    fn until_request(&mut self, most: u64) -> Option<(Time, String)> {
        let (known, end) = (self.requests.len(), self.now + most);
        while self.requests.len() == known {
            let (at, _) = self.next.filter(|(at, _)| *at <= end)?;
            self.now = self.now.max(at);
            self.give(Input::Tick);
        }
        self.requests.last().map(|(at, _, what)| (*at, what.clone()))
    }

    fn answer(&mut self, status: u16, body: Value) {
        let (_, request, _) = *self.requests.last().expect("a request");
        let body = if body.is_null() { Body::Empty } else { Body::Json(body.into()) };
        self.give(Input::Responded { request, result: Ok(HttpResponse::new(status, body)) });
    }

    fn head(&self) -> (PendingState, u32) {
        self.disk.pending_rows().next().map(|row| (row.state, row.retry_count)).expect("a row")
    }
}

#[test]
fn requests_of_an_attempt_come_after_one_two_and_four_seconds_and_attempts_with_the_loop() {
    let mut bench = Bench::assistant(3_600_000);
    bench.write("a");
    let mut starts = Vec::new();
    for attempt in 1..=5u32 {
        let begin = if attempt == 1 { bench.requests[0].0 } else { bench.until_push().expect("the next attempt") };
        starts.push(begin);
        for pause in [1_000, 2_000, 4_000] {
            let last = bench.requests.last().expect("a request").0;
            bench.answer(500, Value::Null);
            let (at, what) = bench.until_request(10_000).expect("the next request of the attempt");
            assert!(what.starts_with("PUT"), "{what}");
            assert_eq!(at - last, pause, "attempt {attempt}");
        }
        bench.answer(500, Value::Null);
        let state = if attempt == 5 { PendingState::Parked } else { PendingState::Waiting };
        assert_eq!(bench.head(), (state, attempt));
    }
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] <= 37_000 && pair[1] - pair[0] >= 20_000), "{starts:?}");
    assert!(bench.until_push().is_none(), "a parked change is left alone");
}

impl Bench {
    /// The next request that sends a change; pulls on the way are answered with nothing new.
    fn until_push(&mut self) -> Option<Time> {
        loop {
            let (at, what) = self.until_request(120_000)?;
            if !what.starts_with("GET") {
                return Some(at);
            }
            self.answer(304, Value::Null);
        }
    }
}

#[test]
fn a_second_passes_between_two_changes() {
    let mut bench = Bench::assistant(5_000);
    bench.write("a");
    bench.write("b");
    assert_eq!(bench.requests.len(), 1, "one at a time");
    bench.now += 300;
    bench.answer(200, json!({ "id": "a" }));
    assert_eq!(bench.requests.len(), 1);
    let (at, what) = bench.until_request(5_000).expect("the second change");
    assert_eq!((at, what.as_str()), (1_300, "PUT https://x.test/notes/b"));
}

#[test]
fn the_first_pull_comes_five_seconds_after_the_start() {
    let mut bench = Bench::assistant(5_000);
    let (at, what) = bench.until_request(60_000).expect("a pull");
    assert_eq!((at, what.as_str()), (5_000, "GET https://x.test/tags?limit=200"));
}

#[test]
fn a_create_answered_at_its_second_attempt_is_asked_for_by_itself() {
    let mut bench = Bench::new(json!({ "url": "https://x.test", "pullInterval": 0, "startDelay": 3_600_000 }));
    bench.give(Input::Start);
    let kind = WriteKind::Put(json!({ "text": "x" }).into());
    let op = WriteOp {
        collection: "notes".into(),
        id: String::new(),
        kind,
        priority: Priority::User,
        local: false,
        fresh: false,
    };
    bench.give(Input::Command { ticket: 1, command: Command::Write(vec![op]) });
    bench.answer(502, Value::Null);
    bench.until_push().expect("the same request again");
    bench.answer(201, json!({ "id": "n1", "text": "x" }));
    while bench.requests.last().is_none_or(|(.., what)| what != "GET https://x.test/notes/n1") {
        if bench.requests.last().is_some_and(|(.., what)| what.starts_with("GET")) {
            bench.answer(200, json!({ "items": [], "checkpoint": "3.e", "hasMore": false, "epoch": "e" }));
        }
        if bench.requests.last().is_some_and(|(.., what)| !what.ends_with("/n1")) {
            bench.until_request(10_000_000).expect("a pull may have shown its end before the answer came");
        }
    }
    bench.answer(404, Value::Null);
    assert_eq!(bench.disk.main_rows("notes").count(), 0, "it was deleted between its creation and the answer");
}

#[test]
fn nothing_runs_when_there_is_nothing_to_do() {
    let mut bench = Bench::assistant(5_000);
    while let Some((_, what)) = bench.until_request(600_000) {
        assert!(what.starts_with("GET"), "{what}");
        bench.requests.drain(..bench.requests.len() - 1);
        let pending: Vec<u32> = bench.requests.iter().map(|(_, request, _)| *request).collect();
        for request in pending {
            let page = json!({ "items": [], "checkpoint": "1", "hasMore": false });
            let result = Ok(HttpResponse::new(200, Body::Json(page.into())));
            bench.give(Input::Responded { request, result });
        }
        if bench.next.is_none() {
            break;
        }
    }
    while let Some((at, _)) = bench.next.filter(|(at, _)| *at < bench.now + 600_000) {
        bench.now = bench.now.max(at);
        let commits = bench.commits;
        bench.give(Input::Tick);
        assert!(bench.commits <= commits + 1);
    }
    assert!(bench.next.is_none_or(|(_, label)| label == "request deadline"), "{:?}", bench.next);
}

#[test]
fn a_pause_the_server_asked_for_outlives_another_answer() {
    let mut bench = Bench::new(json!({ "url": "https://x.test", "pullInterval": 0, "startDelay": 600_000 }));
    bench.give(Input::Start);
    bench.write("a");
    bench.write("b");
    let [(_, first, _), (_, second, _)] = bench.requests[..] else { panic!("two lanes, two requests") };
    let slower = HttpResponse { retry_after: Some("20".into()), ..HttpResponse::new(429, Body::Empty) };
    bench.give(Input::Responded { request: first, result: Ok(slower) });
    let done = HttpResponse::new(200, Body::Json(json!({ "id": "b" }).into()));
    bench.give(Input::Responded { request: second, result: Ok(done) });
    bench.give(Input::Signal(Signal::Online));
    let (at, _) = bench.until_request(120_000).expect("the change again");
    assert!(at >= 20_000, "{at}");
    assert_eq!(bench.head().1, 0, "a 429 counts nothing");
}

/// The states of a machine's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Loading,
    Running,
    Frozen,
    Closed,
}

const STATES: [State; 4] = [State::Loading, State::Running, State::Frozen, State::Closed];

fn machine(state: State) -> Bench {
    let mut bench = Bench::new(json!({ "url": "https://x.test", "pullInterval": 0, "startDelay": 60_000 }));
    match state {
        State::Loading => {}
        State::Running => bench.give(Input::Start),
        State::Frozen => {
            bench.give(Input::Start);
            bench.give(Input::Signal(Signal::Frozen));
        }
        State::Closed => {
            bench.give(Input::Start);
            bench.give(Input::Command { ticket: 9, command: Command::Close });
            bench.replies.clear();
        }
    }
    bench.commits = 0;
    bench
}

fn events() -> Vec<(&'static str, Input<Json>)> {
    let command = |command| Input::Command { ticket: 1, command };
    let op = WriteOp {
        collection: "notes".into(),
        id: "a".into(),
        kind: WriteKind::Put(json!({ "id": "a" }).into()),
        priority: Priority::User,
        local: false,
        fresh: false,
    };
    let missing = || "no such change".to_owned();
    vec![
        ("write", command(Command::Write(vec![op]))),
        ("now", command(Command::Now(Wish::all()))),
        ("run", command(Command::Run)),
        ("stop", command(Command::Stop)),
        ("hold", command(Command::Hold(1, "typing".into()))),
        ("release", command(Command::Release(1))),
        ("retry", command(Command::Retry(None))),
        ("discard", command(Command::Discard(missing()))),
        ("edit", command(Command::Edit(missing(), json!({}).into()))),
        ("cancel", command(Command::Cancel(missing()))),
        ("setting", command(Command::Setting("theme".into(), Some(Json::from(json!("dark")))))),
        ("commit of nobody", Input::Committed { commit: 99, result: Err(Failure::new(Code::TxAborted, "aborted")) }),
        ("answer to nobody", Input::Responded { request: 99, result: Err(NetworkFailure::Unreachable) }),
        ("online", Input::Signal(Signal::Online)),
        ("offline", Input::Signal(Signal::Offline)),
        ("visible", Input::Signal(Signal::Visible)),
        ("frozen", Input::Signal(Signal::Frozen)),
        ("wiped", Input::Signal(Signal::Wiped)),
        ("changed", Input::Message(Message::Changed(vec!["notes".into()]))),
        ("outbox", Input::Message(Message::Outbox)),
        ("ask", Input::Message(Message::Ask { id: "x".into(), wish: Wish::all() })),
        ("report", Input::Message(Message::Report { id: "x".into(), report: json!({}).into() })),
        ("tick", Input::Tick),
    ]
}

/// SPEC, states and events: what each event may do in each state.
#[test]
fn the_table_of_states_and_events() {
    for state in STATES {
        for (name, event) in events() {
            let mut bench = machine(state);
            let is_command = matches!(event, Input::Command { .. });
            bench.give(event);
            let at = format!("{name} while {state:?}");
            match state {
                State::Closed => {
                    assert_eq!((bench.commits, bench.requests.len()), (0, 0), "{at}");
                    let closed = |(_, result): &(u32, Result<Reply<Json>, Failure>)| matches!(result, Err(failure) if failure.code == Code::Closed);
                    assert_eq!(bench.replies.len(), usize::from(is_command), "{at}");
                    assert!(bench.replies.iter().all(closed) && bench.next.is_none(), "{at}");
                }
                State::Frozen => {
                    assert!(bench.requests.is_empty() && bench.next.is_none(), "{at}");
                    assert!(is_command || bench.commits == 0, "{at}");
                }
                State::Loading => assert!(bench.requests.is_empty() && bench.next.is_none(), "{at}"),
                State::Running => {
                    let answered = bench.replies.len() == usize::from(is_command);
                    assert!(answered || name == "now", "{at}");
                }
            }
        }
    }
}

#[test]
fn a_thawed_machine_looks_around_and_writes_what_waited() {
    let mut bench = machine(State::Frozen);
    bench.write("a");
    assert_eq!((bench.commits, bench.replies.len()), (0, 0), "nothing is touched while frozen");
    bench.give(Input::Signal(Signal::Resumed));
    assert_eq!(bench.replies.len(), 1);
    assert_eq!(bench.requests.len(), 1);
}
