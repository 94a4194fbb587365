//! What an answer to a change means: the table's outcome becomes an acknowledgement, a pause, a conflict or a parking.
//!
//! What counts as an attempt is design section 15: the server's own failures for this change, and a timeout while
//! others get through. Everything else waits without counting.

use super::commits::Purpose;
use super::flight::Flight;
use super::push::{Auth, Trial};
use super::{Engine, Timer};
use crate::engine::mutant::Mutant;
use crate::engine::output::Event;
use crate::engine::plan::{Discard, DiscardMode, Setting};
use crate::model::{ChangeKind, Code, Document, Failure, PendingState, Seq, Time, Wait};
use crate::protocol::{
    push_outcome, single_outcome, Accepted, HttpResponse, NetworkFailure, Outcome, PullOutcome, Remote,
};

/// How often a login is asked for again.
const AUTH_PAUSE: u64 = 60_000;
/// Lost requests of one change or one collection, each while others got through, after which it is called blocked (pitfalls D3).
pub(super) const MOST_LOSSES: u32 = 5;

impl<D: Document> Engine<D> {
    pub(super) fn answered(&mut self, flight: Flight<D>, response: &HttpResponse<D>) {
        let outcome = self.outcome_of(&flight, response);
        self.weigh([(flight.seq, &outcome)].into_iter());
        self.settle_outcome(flight, outcome);
    }

    pub(super) fn outcome_of(&self, flight: &Flight<D>, response: &HttpResponse<D>) -> Outcome<D> {
        let kind = flight.change.kind;
        let temporary = kind == ChangeKind::Create && flight.change.temp_id.is_some();
        if Mutant::TrustAnySuccess.is_on() && response.status == 200 {
            return Outcome::Done(Accepted::bare());
        }
        push_outcome(kind, temporary, &flight.key.id, response, self.now)
    }

    /// What the outcomes of one request say about the server.
    pub(super) fn weigh<'o>(&mut self, outcomes: impl Iterator<Item = (Seq, &'o Outcome<D>)> + Clone)
    where
        D: 'o,
    {
        let fails = |outcome: &Outcome<D>| matches!(outcome, Outcome::BackOff { .. });
        let holds = |outcome: &Outcome<D>| matches!(outcome, Outcome::Endpoint { .. });
        if outcomes.clone().any(|(_, outcome)| !fails(outcome) && !holds(outcome)) {
            self.heard_well();
        } else if let Some((culprit, _)) = outcomes.clone().find(|(_, outcome)| fails(outcome)) {
            self.heard();
            self.server_failed(culprit);
        }
    }

    pub(super) fn settle_outcome(&mut self, mut flight: Flight<D>, outcome: Outcome<D>) {
        if !matches!(outcome, Outcome::Endpoint { .. }) {
            flight.change.losses = 0;
            self.sends.last_failed = None;
        }
        match outcome {
            Outcome::Done(accepted) => {
                self.budget.give();
                self.commit_acknowledge(Box::new(flight), accepted);
            }
            Outcome::Conflict(Remote::Unknown) => self.send(Flight { looks: true, ..flight }),
            Outcome::Conflict(remote) => self.commit_rebase(Box::new(flight), remote),
            Outcome::InProgress => {
                let pause = 1_000 + self.rng.below(4_000);
                self.wait_again(flight, None, Some(Wait::new(self.now, pause)));
            }
            Outcome::BackOff { failure, counted, after } => {
                self.sends.last_failed = Some(flight.seq);
                self.back_off(flight, failure, counted, after);
            }
            Outcome::Endpoint { failure, after } => self.endpoint_failed(flight, failure, after),
            Outcome::NeedsAuth(failure) => self.needs_auth(flight, failure),
            Outcome::NeedsUpdate(failure) => {
                self.require_update();
                if Mutant::CountsOldApps.is_on() {
                    return self.back_off(flight, failure, true, None);
                }
                self.wait_again(flight, Some(failure), None);
            }
            Outcome::Parked(failure) => self.refused(flight, failure),
        }
    }

    /// The current document came, asked for because the refusal did not bring it.
    pub(super) fn looked(&mut self, flight: Flight<D>, response: &HttpResponse<D>) {
        match single_outcome(&flight.key.id, response, self.now) {
            PullOutcome::News(Remote::Unknown) | PullOutcome::NotModified | PullOutcome::Resync => {
                self.wait_again(flight, None, Some(Wait::new(self.now, 1_000)));
            }
            PullOutcome::News(remote) => {
                self.heard_well();
                self.commit_rebase(Box::new(flight), remote);
            }
            PullOutcome::Later { failure, after, endpoint: false } => {
                self.heard();
                self.server_failed(flight.seq);
                self.back_off(flight, failure, false, after);
            }
            PullOutcome::Later { failure, after, .. } => self.endpoint_failed(flight, failure, after),
            PullOutcome::NeedsAuth(failure) => self.needs_auth(flight, failure),
            PullOutcome::NeedsUpdate(failure) => {
                self.require_update();
                self.wait_again(flight, Some(failure), None);
            }
        }
    }

    pub(super) fn unanswered(&mut self, mut flight: Flight<D>, failure: NetworkFailure) {
        let heard_since = self.reach.reachable() == Some(true) && self.pass.answered_at >= Some(flight.sent_at);
        match failure {
            NetworkFailure::TimedOut if heard_since && !flight.looks => {
                self.server_failed(flight.seq);
                self.back_off(flight, failure.into_failure().at(self.now), true, None);
            }
            NetworkFailure::Unreachable => {
                flight.change.losses = self.losses_of(&flight);
                if flight.change.losses >= MOST_LOSSES {
                    return self.blocked(flight);
                }
                self.endpoint_failed(flight, failure.into_failure().at(self.now), None);
            }
            NetworkFailure::AuthFailed(failure) => {
                let failure = failure.at(self.now);
                self.pause_for_auth(failure.clone());
                self.wait_again(flight, Some(failure), None);
            }
            failure => {
                self.sends.strays += u64::from(failure == NetworkFailure::TimedOut);
                self.endpoint_failed(flight, failure.into_failure().at(self.now), None);
            }
        }
    }

    /// Lost requests in a row of a change that alone does not get through. One counts on when the server answered
    /// something else since the one before, which only who met that one can know, and nothing was lost in between that has
    /// no such history: a network that loses now this and now that is not against this change.
    fn losses_of(&mut self, flight: &Flight<D>) -> u32 {
        let known = flight.change.losses;
        if known == 0 {
            self.sends.strays += 1;
        }
        let before = self.sends.suspects.insert(flight.seq, self.sends.strays);
        match () {
            () if Mutant::BlocksTooSoon.is_on() => known + 1,
            () if before.unwrap_or_default() != self.sends.strays => 1,
            () if before.is_some() && self.reach.reachable() == Some(true) => known + 1,
            () => known.max(1),
        }
    }

    fn blocked(&mut self, flight: Flight<D>) {
        let text = "this change does not get through while others do: an ad blocker, CORS or a firewall may stop it; \
                    retry or discard it";
        let failure = Failure::new(Code::NetworkBlocked, text).at(self.now);
        let setting = self.setting(&flight, PendingState::Parked, false, None, Some(failure), false);
        self.commit_settle(Box::new(flight), setting);
    }

    /// Everything waits; another change than this one tries the way next.
    fn endpoint_failed(&mut self, flight: Flight<D>, failure: Failure, after: Option<u64>) {
        self.fail_endpoint(failure.clone(), after);
        self.sends.last_failed = Some(flight.seq);
        self.wait_again(flight, Some(failure), None);
    }

    /// One more request inside this attempt, or the end of the attempt.
    pub(super) fn back_off(&mut self, flight: Flight<D>, failure: Failure, counted: bool, after: Option<u64>) {
        let Some(sync) = self.config.sync.clone() else { return };
        let steps = if sync.request_retries > 1 { sync.request_retries } else { 0 };
        if counted && flight.requests <= steps {
            let at = self.now + sync.backoff.step(flight.requests);
            self.timers.set(Timer::RequestStep(flight.seq), at);
            self.pass.steps.push(flight);
            return;
        }
        let after = after.filter(|_| !Mutant::IgnoresRetryAfter.is_on());
        let wait = match after {
            Some(after) => Wait::new(self.now, after),
            None if sync.retry_at_interval => Wait { from: self.now, until: self.next_period(sync.interval) },
            None => Wait::new(self.now, sync.backoff.pause(flight.change.retry_count + 1, &mut self.rng)),
        };
        let setting = self.setting(&flight, PendingState::Waiting, counted, Some(wait), Some(failure), false);
        self.commit_settle(Box::new(flight), setting);
    }

    fn next_period(&self, interval: u64) -> Time {
        self.timers.time_of(&Timer::Interval).unwrap_or(self.now + interval).max(self.now + 1)
    }

    /// The change waits again; nothing was counted.
    pub(super) fn wait_again(&mut self, flight: Flight<D>, failure: Option<Failure>, wait: Option<Wait>) {
        let setting = self.setting(&flight, PendingState::Waiting, false, wait, failure, false);
        self.commit_settle(Box::new(flight), setting);
    }

    fn setting(
        &self,
        flight: &Flight<D>,
        state: PendingState,
        counted: bool,
        wait: Option<Wait>,
        failure: Option<Failure>,
        refused: bool,
    ) -> Setting {
        let max_attempts = self.config.sync.as_ref().map_or(1, |sync| sync.max_attempts);
        let (seq, mutation_id) = (flight.seq, flight.mutation_id.clone());
        Setting { seq, mutation_id, state, counted, max_attempts, wait, failure, refused, losses: flight.change.losses }
    }

    pub(super) fn needs_auth(&mut self, flight: Flight<D>, failure: Failure) {
        match self.auth {
            Auth::Fine => {
                self.auth = Auth::Trying(Trial::Change(flight.seq));
                // What was refused for its sender's sake was not executed: it is as if it had not left.
                self.send(Flight { requests: flight.requests.saturating_sub(1), ..flight });
            }
            Auth::Trying(trial) if trial != Trial::Change(flight.seq) => self.wait_again(flight, None, None),
            Auth::Trying(_) | Auth::Needed => {
                self.pause_for_auth(failure.clone());
                if Mutant::CountsUnauthorized.is_on() {
                    return self.back_off(flight, failure, true, None);
                }
                self.wait_again(flight, Some(failure), None);
            }
        }
    }

    pub(super) fn pause_for_auth(&mut self, failure: Failure) {
        if self.auth != Auth::Needed {
            self.auth = Auth::Needed;
            self.listener.denied = false;
            self.timers.set(Timer::AuthDue, self.now + AUTH_PAUSE);
            self.tell(Event::Sync { name: "auth-required", detail: D::object() });
        }
        self.pass.note(&failure);
    }

    pub(super) fn refused(&mut self, flight: Flight<D>, failure: Failure) {
        // A part of a transaction is not rolled back by itself: it waits for a person, and the rest with it.
        let alone = flight.change.group.is_none();
        if alone && self.config.collection(&flight.key.collection).is_some_and(|collection| collection.rolls_back) {
            return self.commit_roll_back(Box::new(flight), failure);
        }
        // A redirect is not the server's own word: an attempt before it may have been executed.
        let refused = failure.code != Code::UnexpectedRedirect;
        // Nor does a size or a conflict say that the server failed at this change (design, section 15).
        let counted =
            refused && !matches!(failure.code, Code::TooLarge | Code::Conflict) || Mutant::CountsRedirects.is_on();
        let setting = self.setting(&flight, PendingState::Parked, counted, None, Some(failure), refused);
        self.commit_settle(Box::new(flight), setting);
    }

    pub(super) fn commit_roll_back(&mut self, flight: Box<Flight<D>>, failure: Failure) {
        let plan = Discard {
            config: self.config.clone(),
            seq: flight.seq,
            mutation_id: flight.mutation_id.clone(),
            key: flight.key.clone(),
            mode: DiscardMode::RollBack,
            cause: Some(failure.code),
            offset: self.clock.guess(),
            now: self.now,
        };
        self.commit(Purpose::RollBack(flight, failure), Box::new(plan));
    }
}
