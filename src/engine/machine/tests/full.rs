//! What a change costs beside a thousand others, and beside a hundred thousand: time of the machine's own steps.
//!
//! The store is not a part of it: plans run outside of the measure, over the first rows only.

use super::{put, Bench, START};
use crate::engine::config::Config;
use crate::engine::disk::Disk;
use crate::engine::input::{Command, Input, WriteOp};
use crate::engine::machine::Engine;
use crate::engine::output::Output;
use crate::engine::store::{MetaKey, Write};
use crate::model::{DocKey, Priority};
use crate::native::Json;
use crate::protocol::{Body, HttpResponse};
use serde_json::json;
use std::time::{Duration, Instant};

/// Changes that go through it, in rounds of which the quickest counts.
const ROUNDS: usize = 10;
const CHANGES: usize = 100;

fn op(number: usize, priority: Priority) -> WriteOp<Json> {
    let id = format!("note-{number:07}");
    WriteOp { priority, ..put(&id, json!({ "id": id, "text": "x" })) }
}

impl Bench {
    /// An outbox of so many changes, the first of them on their way.
    fn full(rows: usize, priority: Priority) -> Self {
        let mut bench = Self::new(json!({}));
        let sync = json!({ "url": "https://x.test", "pullInterval": 0, "startDelay": 0, "maxPending": 1_000_000 });
        let config = json!({ "collections": [{ "name": "notes" }], "sync": sync });
        bench.engine = Engine::new(Config::from_document(&Json::from(config)), [7; 4], START);
        bench.give(Input::Command { ticket: 0, command: Command::Hold(1, "test".into()) });
        bench.give(Input::Start);
        for first in (0..rows).step_by(1_000) {
            let ops = (first..first + 1_000).map(|number| op(number, priority)).collect();
            bench.give(Input::Command { ticket: 0, command: Command::Write(ops) });
        }
        bench.give(Input::Command { ticket: 0, command: Command::Release(1) });
        assert_eq!(bench.engine.outbox().len(), rows);
        bench.disk = bench.first_rows();
        bench.requests.retain(|(_, _, what)| !what.starts_with("GET"));
        bench
    }

    /// The store without the rows that no plan will touch.
    fn first_rows(&self) -> Disk<Json> {
        let mut writes = Vec::new();
        for row in self.disk.pending_rows().take(CHANGES * ROUNDS + 100) {
            let main = self.disk.main(&DocKey::new(&row.collection, &row.id)).expect("its document").clone();
            writes.extend([Write::PutMain(row.collection.clone(), main), Write::AddPending(row.clone())]);
        }
        for key in [MetaKey::Lease, MetaKey::Mark, MetaKey::Guard] {
            writes.extend(self.disk.meta(&key.name()).cloned().map(|value| Write::PutMeta(key, value)));
        }
        let mut disk = Disk::default();
        disk.apply(writes).expect("an empty store takes all");
        disk
    }

    /// How long the machine takes for an input and all that follows at once.
    #[allow(clippy::disallowed_methods, reason = "it measures time")]
    fn time(&mut self, input: Input<Json>) -> Duration {
        let (mut spent, mut inputs) = (Duration::ZERO, vec![input]);
        while let Some(input) = inputs.pop() {
            let began = Instant::now();
            let outputs = self.machine_step(input);
            spent += began.elapsed();
            for output in outputs {
                match output {
                    Output::Commit { commit, plan } => {
                        inputs.push(Input::Committed { commit, result: self.disk.run(&*plan) });
                    }
                    Output::Request { request, http } => self.requests.push((0, request, http.url)),
                    _ => {}
                }
            }
        }
        spent
    }

    /// What is measured.
    #[inline(never)]
    fn machine_step(&mut self, input: Input<Json>) -> Vec<Output<Json>> {
        self.engine.handle_input(self.now, input);
        let mut outputs = Vec::new();
        loop {
            match self.engine.poll_output() {
                Output::Wait(_) => return outputs,
                output => outputs.push(output),
            }
        }
    }
}

/// Prints the time of an enqueue, and of a change's way from its answer to the departure of the next. For instructions:
/// `valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*machine_step*'`.
fn measure(rows: usize, priority: Priority) {
    let mut bench = Bench::full(rows, priority);
    let mut best = [u128::MAX; 2];
    for round in 0..ROUNDS {
        let first = rows + round * CHANGES;
        let enqueue = |number| Input::Command { ticket: 1, command: Command::Write(vec![op(number, Priority::User)]) };
        let enqueued: Duration = (first..first + CHANGES).map(|number| bench.time(enqueue(number))).sum();
        let sent: Duration = (0..CHANGES)
            .map(|_| {
                let (_, request, url) = bench.requests.remove(0);
                let id = url.rsplit('/').next();
                let answer = HttpResponse::new(200, Body::Json(json!({ "id": id }).into()));
                bench.time(Input::Responded { request, result: Ok(answer) })
            })
            .sum();
        for (best, spent) in best.iter_mut().zip([enqueued, sent]) {
            *best = (*best).min(spent.as_nanos() / CHANGES as u128);
        }
    }
    assert_eq!(bench.engine.outbox().len(), rows, "as many went as came");
    let [enqueue, send] = best;
    println!("{rows} rows, {priority:?}: enqueue {enqueue} ns, send and acknowledge {send} ns");
}

/// `cargo test --lib -- --ignored --nocapture full_outbox`: one after the other, on a quiet machine.
#[test]
#[ignore = "measures time"]
fn full_outbox_of_1_000() {
    measure(1_000, Priority::User);
}

#[test]
#[ignore = "measures time"]
fn full_outbox_of_100_000() {
    measure(100_000, Priority::User);
}

#[test]
#[ignore = "measures time"]
fn full_outbox_of_100_000_in_the_background() {
    measure(100_000, Priority::Background);
}
