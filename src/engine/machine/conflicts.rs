//! Conflicts as the app meets them: events, the app's own function, and people's choices.
//!
//! A conflict is judged in the transaction that finds it; here it is only told. Where the collection has a function,
//! the leader asks it, one question at a time for each change, from what the store holds: a crash, a lost answer or
//! another leader only means that it is asked again. An answer that comes late, twice or to an old question changes
//! nothing.

use super::commits::Purpose;
use super::flight::Flight;
use super::{Engine, Timer};
use crate::engine::mutant::Mutant;
use crate::engine::outbox::Entry;
use crate::engine::output::Event;
use crate::engine::plan::{in_conflict, unknown_conflict, Ask, Choice, Effects, Noted, Rebased, Report, Resolve};
use crate::model::{Code, Conflict, Document, Failure, Listed, Record, Seq};
use std::rc::Rc;

/// How long the app's function may think, in milliseconds.
const DEADLINE: u64 = 10_000;
/// Pause before a question that could not be put is put again.
const AGAIN: u64 = 1_000;

/// A question to the app's function: being read or answered, or out.
#[derive(Debug)]
pub(super) enum Question<D> {
    /// Its transaction is under way, or failed a moment ago.
    Busy,
    /// The function has it.
    Out(Box<Conflict<D>>),
}

impl<D: Document> Engine<D> {
    /// A change that was refused has been put on the server's state.
    pub(super) fn rebased(&mut self, flight: &Flight<D>, rebased: Rebased<D>) {
        self.free(flight.seq);
        self.watch_states(&rebased.effects);
        self.deliver(false, rebased.effects);
        if rebased.wanted {
            self.fetch(&flight.key.collection, &flight.key.id);
        }
        if let Some(failure) = rebased.parked {
            self.pass.parked += 1;
            self.tell_parked(flight, &failure);
            self.end_failed(&flight.mutation_id, failure);
        } else if rebased.done {
            self.timers.set_by(Timer::Reload, self.now + 1);
        }
    }

    /// Tells what a commit found and ended.
    pub(super) fn tell_conflicts(&mut self, effects: &mut Effects<D>) {
        if !effects.conflicts.is_empty() && !effects.removed.is_empty() {
            self.timers.set_by(Timer::Reload, self.now + 1);
        }
        for Noted { conflict, fresh } in std::mem::take(&mut effects.conflicts) {
            let detail = conflict.to_record();
            if fresh {
                self.pass.conflicts += 1;
                let ends = ["strategy", "resolvedAt", "result"].map(|name| (name, None));
                let found = detail.with(&ends).with(&[("status", Some(D::text("open")))]);
                self.tell(Event::Sync { name: "conflict", detail: found });
            }
            if conflict.resolution.is_some() {
                self.tell(Event::Sync { name: "resolved", detail });
            } else if self.outbox.get(conflict.seq).is_some_and(|entry| !entry.asks) {
                self.end_failed(&conflict.mutation_id, in_conflict(self.now));
            }
        }
    }

    /// Puts the questions that wait for the app's function.
    pub(super) fn ask_work(&mut self) {
        let due: Vec<Seq> = self.outbox.asking().filter(|seq| !self.questions.contains_key(seq)).listed();
        if due.is_empty() {
            return;
        }
        let Some(fence) = self.fence() else { return };
        for seq in due {
            self.questions.insert(seq, Question::Busy);
            self.commit(Purpose::Ask(seq), Box::new(Ask { fence: fence.clone(), seq }));
        }
    }

    /// Whether a question waits that only the leader may put.
    pub(super) fn must_ask(&self) -> bool {
        self.outbox.asking().any(|seq| !self.questions.contains_key(&seq))
    }

    pub(super) fn ask_about(&mut self, seq: Seq, conflict: Option<Box<Conflict<D>>>) {
        let Some(conflict) = conflict else {
            self.read_outbox();
            return self.ask_later(seq);
        };
        let mut detail = conflict.to_record();
        if Mutant::AsksWithoutName.is_on() {
            detail = detail.with(&[("conflictId", None)]);
        }
        self.questions.insert(seq, Question::Out(conflict));
        self.timers.set(Timer::Verdict(seq), self.now + DEADLINE);
        self.tell(Event::Question(detail));
    }

    /// The store failed, or the lease went: the question is put again in a moment.
    pub(super) fn ask_later(&mut self, seq: Seq) {
        self.questions.insert(seq, Question::Busy);
        self.timers.set(Timer::Verdict(seq), self.now + AGAIN);
    }

    /// The function has answered. Only the first answer to the question that is out counts.
    pub(super) fn verdict(&mut self, conflict_id: &str, choice: Choice<D>) {
        let Some(seq) = self.outbox.find_conflict(conflict_id).map(|entry| entry.seq) else { return };
        let is_out =
            |question: &Question<D>| matches!(question, Question::Out(asked) if *asked.conflict_id == *conflict_id);
        if self.questions.get(&seq).is_some_and(is_out) {
            self.answer(seq, choice);
        }
    }

    /// A question has had its time: it becomes a person's; one that could not be put is put again.
    pub(super) fn verdict_due(&mut self, seq: Seq) {
        if matches!(self.questions.get(&seq), Some(Question::Out(_))) {
            let failure = Failure::new(Code::ResolverTimeout, "the conflict function did not finish in 10 s");
            return self.answer(seq, Choice::Person(Some(failure.at(self.now))));
        }
        self.questions.remove(&seq);
    }

    fn answer(&mut self, seq: Seq, choice: Choice<D>) {
        self.timers.stop(&Timer::Verdict(seq));
        let question = self.questions.insert(seq, Question::Busy);
        let (Some(Question::Out(asked)), Some(entry)) = (question, self.outbox.get(seq).cloned()) else {
            return drop(self.questions.remove(&seq));
        };
        let plan = self.resolution(&entry, asked.conflict_id.clone(), choice, "function", Some(asked));
        self.commit(Purpose::Verdict(seq), Box::new(plan));
    }

    /// The answer is in the store, or was not taken: then the question is another one by now.
    pub(super) fn answered_question(&mut self, seq: Seq, report: Report<D>) {
        self.questions.remove(&seq);
        let Report::Commanded(effects, _) = report else { return self.ask_later(seq) };
        self.watch_states(&effects);
        let given_up = effects.conflicts.is_empty();
        let mutation_id = self.outbox.get(seq).map(|entry| entry.mutation_id.clone());
        self.deliver(false, effects);
        if let Some(mutation_id) = mutation_id.filter(|_| given_up) {
            self.end_failed(&mutation_id, in_conflict(self.now));
        }
    }

    /// A person's choice.
    pub(super) fn resolve(&mut self, ticket: u32, conflict_id: &str, choice: Choice<D>, by: &'static str) {
        let Some(entry) = self.outbox.find_conflict(conflict_id).cloned() else {
            return self.refuse(ticket, unknown_conflict());
        };
        let plan = self.resolution(&entry, conflict_id.into(), choice, by, None);
        self.commit(Purpose::Command(ticket, None), Box::new(plan));
    }

    fn resolution(
        &self,
        entry: &Entry,
        conflict_id: Rc<str>,
        choice: Choice<D>,
        by: &'static str,
        asked: Option<Box<Conflict<D>>>,
    ) -> Resolve<D> {
        let (seq, key, offset, now) = (entry.seq, entry.key.clone(), self.clock.guess(), self.now);
        Resolve { config: self.config.clone(), seq, key, conflict_id, choice, by, asked, offset, now }
    }
}
