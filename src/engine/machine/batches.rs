//! Batches: several changes in one request, and what becomes of each of them.
//!
//! A result goes the way of a single answer. What is missing is unknown: it goes again, alone, under its old key. A
//! batch that was refused as a whole is sent in halves, so that the one to blame ends alone and parks alone. In a
//! transaction the one at fault parks or is put on the server's state; the others wait for it.

use super::flight::{Cargo, Flight};
use super::Engine;
use crate::engine::mutant::Mutant;
use crate::engine::output::Event;
use crate::model::{Code, Document, Failure, Listed, Pending, Seq, Wait};
use crate::protocol::{
    batch_outcome, batch_request, Accepted, BatchOutcome, HttpResponse, Member, NetworkFailure, Outcome,
};

impl<D: Document> Engine<D> {
    /// Whether changes may go together: the app said that the server takes batches, and the server has not denied it.
    pub(super) fn is_batching(&self) -> bool {
        self.sends.takes_batches && self.config.sync.as_ref().is_some_and(|sync| sync.endpoint.batch.is_some())
    }

    /// Whether a change goes by itself: it failed by itself, or a batch left it without a result.
    pub(super) fn goes_alone(&self, seq: Seq) -> bool {
        self.sends.alone.contains(&seq) || self.outbox.get(seq).is_some_and(|entry| entry.retry_count > 0)
    }

    pub(super) fn send_batch(&mut self, mut members: Vec<Flight<D>>, atomic: bool) {
        if members.len() < 2 {
            return members.into_iter().for_each(|flight| self.send(flight));
        }
        if !self.may_leave() {
            return members.into_iter().for_each(|flight| self.held_back(flight));
        }
        let config = self.config.clone();
        let Some(sync) = config.sync.as_ref() else { return };
        members.iter_mut().for_each(|flight| self.embark(flight));
        let changes: Vec<(&str, &Pending<D>)> = members
            .iter()
            .filter_map(|flight| Some((config.collection(&flight.key.collection)?.path.as_str(), &*flight.change)))
            .listed();
        let http = batch_request(&sync.endpoint, &changes, atomic);
        self.request(Cargo::Batch(members, atomic), http);
    }

    pub(super) fn batch_responded(
        &mut self,
        members: Vec<Flight<D>>,
        atomic: bool,
        result: Result<HttpResponse<D>, NetworkFailure>,
    ) {
        let outcome = match result {
            Ok(response) => {
                let changes: Vec<&Pending<D>> = members.iter().map(|flight| &*flight.change).listed();
                batch_outcome(&changes, atomic, &response, self.now)
            }
            Err(failure) => return self.batch_unanswered(members, failure),
        };
        match outcome {
            BatchOutcome::Results(results, strangers) => self.results_came(members, atomic, results, strangers),
            BatchOutcome::Split(failure) => self.split(members, atomic, failure),
            BatchOutcome::NotOffered => {
                self.heard_well();
                self.sends.takes_batches = false;
                self.all_wait(members, None);
            }
            BatchOutcome::BackOff { failure, after } => self.batch_failing(members, atomic, failure, after),
            BatchOutcome::Endpoint { failure, after } => self.batch_held(members, failure, after),
            BatchOutcome::NeedsAuth(failure) => {
                self.heard_well();
                let mut rest = members.into_iter();
                let first = rest.next();
                self.all_wait(rest.listed(), None);
                first.into_iter().for_each(|flight| self.needs_auth(flight, failure.clone()));
            }
            BatchOutcome::NeedsUpdate(failure) => {
                self.require_update();
                self.all_wait(members, Some(&failure));
            }
        }
    }

    fn batch_unanswered(&mut self, members: Vec<Flight<D>>, failure: NetworkFailure) {
        if let NetworkFailure::AuthFailed(failure) = failure {
            let failure = failure.at(self.now);
            self.pause_for_auth(failure.clone());
            return self.all_wait(members, Some(&failure));
        }
        self.sends.strays += 1;
        self.sends.batch_limit = (members.len() / 2).max(1);
        self.batch_held(members, failure.into_failure().at(self.now), None);
    }

    /// Everything waits; another change than the first of these tries the way next.
    fn batch_held(&mut self, members: Vec<Flight<D>>, failure: Failure, after: Option<u64>) {
        self.fail_endpoint(failure.clone(), after);
        self.sends.last_failed = members.first().map(|flight| flight.seq);
        self.all_wait(members, Some(&failure));
    }

    /// The server failed the whole batch: nobody knows for whose sake. A transaction counts it, for it cannot be
    /// taken apart; others go in a smaller batch after a pause.
    fn batch_failing(&mut self, members: Vec<Flight<D>>, atomic: bool, failure: Failure, after: Option<u64>) {
        self.server_failed(members.first().map_or(0, |flight| flight.seq));
        if !atomic {
            self.sends.batch_limit = (members.len() / 2).max(1);
            return self.batch_held(members, failure, after);
        }
        self.blame_first(members, |engine, first| engine.back_off(first, failure, after.is_none(), after));
    }

    /// Refused as a whole: in halves; a transaction parks with its first change.
    fn split(&mut self, members: Vec<Flight<D>>, atomic: bool, failure: Failure) {
        self.heard_well();
        if atomic {
            return self.blame_first(members, |engine, first| engine.refused(first, failure));
        }
        self.sends.batch_limit = (members.len() / 2).max(1);
        self.all_wait(members, None);
    }

    fn blame_first(&mut self, members: Vec<Flight<D>>, blame: impl FnOnce(&mut Self, Flight<D>)) {
        let mut members = members.into_iter();
        let first = members.next();
        self.all_wait(members.listed(), None);
        if let Some(first) = first {
            blame(self, first);
        }
    }

    fn all_wait(&mut self, members: Vec<Flight<D>>, failure: Option<&Failure>) {
        for flight in members {
            self.wait_again(flight, failure.cloned(), None);
        }
    }

    fn results_came(&mut self, members: Vec<Flight<D>>, atomic: bool, results: Vec<Member<D>>, strangers: usize) {
        if strangers > 0 {
            let detail = D::of(&[("count", Some(D::number(strangers as f64)))]);
            self.tell(Event::Sync { name: "unknown-results", detail });
        }
        if atomic && results.iter().all(|result| matches!(result, Member::NotAtFault)) {
            let text = "the server refused a transaction and named none of its changes as the reason; retrying";
            let failure = Failure::new(Code::BadResponse, text).at(self.now);
            return self.batch_failing(members, atomic, failure, None);
        }
        let sync = self.config.sync.as_ref();
        self.sends.batch_limit = sync.map_or(1, |sync| sync.batch_size).min(self.sends.batch_limit + 1);
        let outcome = |(flight, result): (&Flight<D>, &Member<D>)| match result {
            Member::Answered(response) => Some(self.outcome_of(flight, response)),
            Member::Missing if Mutant::MissingIsDone.is_on() => Some(Outcome::Done(Accepted::bare())),
            Member::NotAtFault | Member::Missing => None,
        };
        let answers: Vec<Option<Outcome<D>>> = members.iter().zip(&results).map(outcome).listed();
        let seqs: Vec<Seq> = members.iter().map(|flight| flight.seq).listed();
        self.weigh(seqs.into_iter().zip(&answers).filter_map(|(seq, outcome)| Some((seq, outcome.as_ref()?))));
        let mut held = false;
        for ((flight, result), outcome) in members.into_iter().zip(results).zip(answers) {
            match outcome {
                Some(Outcome::Endpoint { failure, .. }) if held => self.wait_again(flight, Some(failure), None),
                Some(outcome) => {
                    held |= matches!(outcome, Outcome::Endpoint { .. });
                    self.settle_outcome(flight, outcome);
                }
                None if matches!(result, Member::NotAtFault) => self.wait_again(flight, None, None),
                None => self.missing(flight),
            }
        }
    }

    /// Whether it was executed is unknown: the same again, alone.
    fn missing(&mut self, flight: Flight<D>) {
        self.sends.alone.insert(flight.seq);
        let text = "the answer to the batch does not name this change; it is sent again";
        let failure = Failure::new(Code::BadResponse, text).at(self.now);
        let pause = self.config.sync.clone().map_or(0, |sync| sync.backoff.pause(1, &mut self.rng));
        self.wait_again(flight, Some(failure), Some(Wait::new(self.now, pause)));
    }
}
