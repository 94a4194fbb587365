//! How sends ended: what the app hears, and what the pass's report will say.
//!
//! Called with the reports of bookkeeping commits, so nothing is told that is not in the store.

use super::flight::Flight;
use super::Engine;
use crate::engine::mutant::Mutant;
use crate::engine::output::Event;
use crate::engine::plan::{Acknowledged, Report, Setting, Settlement};
use crate::model::{Code, DocKey, Document, Failure, PendingState, Time};
use std::rc::Rc;

impl<D: Document> Engine<D> {
    pub(super) fn acknowledged(&mut self, flight: &Flight<D>, done: Option<Acknowledged<D>>) {
        self.free(flight.seq);
        self.pass.answered_at = Some(self.now);
        self.pass.pushed += 1;
        // Another tab was told so too, and was first: what it left is read from the store.
        let Some(done) = done else { return self.read_outbox() };
        let attempts = flight.change.retry_count + 1;
        self.watch_states(&done.effects);
        let key = DocKey { collection: flight.key.collection.clone(), id: done.id.clone() };
        self.tell_result("acknowledged", &key, &flight.mutation_id, flight.change.temp_id.as_ref(), None, attempts);
        if Mutant::TellsAcknowledgedTwice.is_on() {
            self.tell_result("acknowledged", &key, &flight.mutation_id, None, None, attempts);
        }
        self.end_acknowledged(&flight.mutation_id, &done);
        self.deliver(false, done.effects);
    }

    /// Whether an answer that names this id may be older than what pulls have shown since.
    ///
    /// A deletion pulled before the answer to a create found no document under an id that only the answer brings.
    pub(super) fn is_doubtful(&self, flight: &Flight<D>, id: &str) -> bool {
        let (generation, pages) = self.progress(&flight.key.collection);
        let again = flight.again || flight.requests > 1 || pages != flight.pulled.1;
        generation != flight.pulled.0 || (again && *id != *flight.key.id)
    }

    pub(super) fn settled(&mut self, flight: &Flight<D>, setting: &Setting, settled: Settlement<D>) {
        self.free(flight.seq);
        let (Some(entry), Some(_)) = (settled.entry, settled.row) else { return self.read_outbox() };
        let failure = setting.failure.clone();
        if let Some(failure) = &failure {
            self.pass.note(failure);
        }
        let (parked, attempts, wait) = (entry.state == PendingState::Parked, entry.retry_count, entry.wait.get());
        let effects = crate::engine::plan::Effects { entries: vec![entry], ..Default::default() };
        self.deliver(true, effects);
        if parked {
            self.pass.parked += 1;
            let failure = failure.unwrap_or_else(|| Failure::new(Code::Server, "the change was not accepted"));
            self.tell_result(
                "parked",
                &flight.key,
                &flight.mutation_id,
                flight.change.temp_id.as_ref(),
                Some(&failure),
                attempts,
            );
            self.end_failed(&flight.mutation_id, failure);
        } else if let Some(failure) = failure {
            self.pass.failed += 1;
            let at = wait.map_or(self.now, |wait| wait.until).max(self.reach.opens_at(self.now).unwrap_or(0));
            self.tell_retrying(flight, &failure, attempts, at);
        }
    }

    pub(super) fn rolled_back(&mut self, flight: &Flight<D>, failure: &Failure, report: Report<D>) {
        self.free(flight.seq);
        if let Report::Commanded(effects, _) = report {
            self.pass.failed += 1;
            let attempts = flight.change.retry_count + 1;
            self.tell_result(
                "rejected",
                &flight.key,
                &flight.mutation_id,
                flight.change.temp_id.as_ref(),
                Some(failure),
                attempts,
            );
            self.end_failed(&flight.mutation_id, failure.clone());
            self.end_discarded(&effects);
            self.deliver(false, effects);
        }
    }

    pub(super) fn tell_parked(&mut self, flight: &Flight<D>, failure: &Failure) {
        let (key, mutation_id, temp_id) =
            (flight.key.clone(), flight.mutation_id.clone(), flight.change.temp_id.clone());
        self.tell_result("parked", &key, &mutation_id, temp_id.as_ref(), Some(failure), flight.change.retry_count);
    }

    pub(super) fn tell_retrying(&mut self, flight: &Flight<D>, failure: &Failure, attempts: u32, at: Time) {
        let detail: D =
            result_document(&flight.key, &flight.mutation_id, flight.change.temp_id.as_ref(), Some(failure), attempts);
        let detail = detail.with(&[("nextAttemptAt", Some(D::number(at as f64)))]);
        self.tell(Event::Sync { name: "retrying", detail });
    }

    pub(super) fn tell_result(
        &mut self,
        name: &'static str,
        key: &DocKey,
        mutation_id: &str,
        temp_id: Option<&Rc<str>>,
        failure: Option<&Failure>,
        attempts: u32,
    ) {
        let detail: D = result_document(key, mutation_id, temp_id, failure, attempts);
        self.pass.results.push(detail.clone());
        self.tell(Event::Sync { name, detail });
    }
}

fn result_document<D: Document>(
    key: &DocKey,
    mutation_id: &str,
    temp_id: Option<&Rc<str>>,
    failure: Option<&Failure>,
    attempts: u32,
) -> D {
    D::of(&[
        ("success", Some(D::boolean(failure.is_none()))),
        ("mutationId", Some(D::text(mutation_id))),
        ("collection", Some(D::text(&key.collection))),
        ("id", Some(D::text(&key.id))),
        ("tempId", temp_id.map(|id| D::text(id))),
        ("error", failure.map(Failure::to_document)),
        ("attempts", Some(D::number(f64::from(attempts)))),
    ])
}
