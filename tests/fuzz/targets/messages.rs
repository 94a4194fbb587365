//! What anybody may post on the channel between tabs: a hint at most, never an order, never a crash (pitfalls I17).

use super::answer::NOW;
use seakeep::engine::config::Config;
use seakeep::engine::disk::Disk;
use seakeep::engine::input::{Command, Input, Message, WriteOp};
use seakeep::engine::machine::Engine;
use seakeep::engine::output::Output;
use seakeep::model::Document;
use seakeep::native::Json;
use seakeep::protocol::{Body, HttpResponse};
use serde_json::json;

/// Enough for any answer to a message; what goes on is spinning.
const MOST_OUTPUTS: usize = 10_000;

/// Each line is a message; all are given to a tab that has one unsent change.
pub(super) fn messages(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let said: Vec<Message<Json>> =
        text.lines().take(50).filter_map(Json::parse).filter_map(|line| Message::from_document(&line)).collect();
    let mut tab = Tab::new();
    let before = tab.pending();
    for message in said {
        check_form(&message);
        tab.give(Input::Message(message));
    }
    for _ in 0..20 {
        tab.now += 1_000;
        tab.give(Input::Tick);
    }
    assert_eq!(tab.pending(), before, "no message adds or removes a change");
}

/// What is sent on says the same.
fn check_form(message: &Message<Json>) {
    let written = message.to_document();
    let again = Message::from_document(&written).map(|again| again.to_document());
    assert!(again.is_some_and(|again| again.same(&written)), "a message reads as it was written");
}

struct Tab {
    engine: Engine<Json>,
    disk: Disk<Json>,
    now: u64,
}

impl Tab {
    /// A tab with a change that the server never answers.
    fn new() -> Self {
        let sync = json!({ "url": "https://x.test", "interval": 30_000, "startDelay": 0, "pullInterval": 30_000 });
        let config = json!({ "collections": [{ "name": "notes" }], "sync": sync });
        let engine = Engine::new(Config::from_document(&Json::from(config)), [7; 4], NOW);
        let mut tab = Self { engine, disk: Disk::default(), now: NOW };
        tab.give(Input::Start);
        let write = json!({ "collection": "notes", "id": "a", "kind": "put", "doc": { "id": "a" } });
        let write = WriteOp::from_document(&Json::from(write)).expect("a write as the face sends it");
        tab.give(Input::Command { ticket: 1, command: Command::Write(vec![write]) });
        tab
    }

    fn give(&mut self, input: Input<Json>) {
        self.engine.handle_input(self.now, input);
        for _ in 0..MOST_OUTPUTS {
            match self.engine.poll_output() {
                Output::Commit { commit, plan } => {
                    let result = self.disk.run(&*plan);
                    self.engine.handle_input(self.now, Input::Committed { commit, result });
                }
                Output::Request { request, http } if http.method == "GET" => {
                    let answer = HttpResponse::new(503, Body::Empty);
                    self.engine.handle_input(self.now, Input::Responded { request, result: Ok(answer) });
                }
                Output::Wait(_) => return,
                _ => {}
            }
        }
        panic!("a message made the machine spin");
    }

    fn pending(&self) -> usize {
        self.disk.pending_rows().count()
    }
}
