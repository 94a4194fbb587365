//! Sending: from ready lanes to settled outcomes.
//!
//! A change is marked in the store before its request leaves, is busy until its outcome is in the store, and leaves
//! the outbox only by an acknowledgement. What each outcome means for attempts, lanes and the endpoint follows the
//! HTTP table and design section 15.

use super::commits::Purpose;
use super::{Engine, Timer};
use crate::engine::mutant::Mutant;
use crate::engine::outbox::Entry;
use crate::engine::output::{Event, Output};
use crate::engine::plan::{Discard, DiscardMode, Dispatch, Dispatched, Setting};
use crate::model::{ChangeKind, Code, DocKey, Document, Failure, Pending, PendingState, Seq, Time, Wait};
use crate::protocol::{
    push_outcome, push_request, single_outcome, single_request, Accepted, HttpResponse, NetworkFailure, Outcome,
    PullOutcome, Remote,
};
use std::rc::Rc;

/// How often a login is asked for again.
const AUTH_PAUSE: u64 = 60_000;

/// Whether the server knows who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Auth {
    /// As far as we know.
    Fine,
    /// A 401 came: this change's place tries once more with new headers, all others wait.
    Trying(Seq),
    /// It came again: everything waits for a person.
    Needed,
}

/// One change on its way.
#[derive(Debug, Clone)]
pub(super) struct Flight<D> {
    pub(super) seq: Seq,
    pub(super) mutation_id: Rc<str>,
    pub(super) key: DocKey,
    pub(super) change: Box<Pending<D>>,
    /// Whether an earlier attempt may have been executed, so that its answer comes again.
    pub(super) again: bool,
    /// Requests made in this attempt.
    pub(super) requests: u32,
    pub(super) sent_at: Time,
    /// How far the pull of its collection had come when it left.
    pub(super) pulled: (u64, u64),
    /// Whether the request asks for the current document after a conflict.
    looks: bool,
}

impl<D: Document> Engine<D> {
    /// Whether anything could be done as leader.
    pub(super) fn has_work(&self) -> bool {
        let ready = self.outbox.ready(self.now, |entry| self.busy.contains(&entry.seq), 1);
        let pushes = !ready.is_empty() && self.pass.may_push();
        (self.may_send() && (pushes || !self.pulls_due().is_empty())) || self.must_ask()
    }

    pub(super) fn push_work(&mut self) {
        let Some(sync) = self.config.sync.as_ref() else { return };
        if !self.may_send() || self.auth != Auth::Fine || self.timers.is_set(&Timer::Spacing) || !self.pass.may_push() {
            return;
        }
        let one = self.reach.is_doubtful() || sync.delay_between > 0;
        let room = if one { 1 } else { sync.concurrency }.saturating_sub(self.busy.len());
        let ready = self.pick(room);
        if ready.is_empty() || room == 0 {
            return;
        }
        let Some(fence) = self.fence() else { return };
        self.busy.extend(ready.iter().copied());
        self.begin_pass("change");
        let changes = ready.iter().map(|seq| (*seq, Rc::from(self.rng.text(26)))).collect();
        let plan = Dispatch { config: self.config.clone(), fence, changes, now: self.now };
        self.commit(Purpose::Dispatch(ready), Box::new(plan));
    }

    /// Ready changes; the one the way to the server failed with last goes only when there is no other to try it with.
    fn pick(&self, room: usize) -> Vec<Seq> {
        let busy = |entry: &Entry| self.busy.contains(&entry.seq);
        let others = self.outbox.ready(self.now, |entry| busy(entry) || self.last_failed == Some(entry.seq), room);
        if others.is_empty() {
            self.outbox.ready(self.now, busy, room)
        } else {
            others
        }
    }

    pub(super) fn dispatched(&mut self, seqs: &[Seq], dispatched: Vec<Dispatched<D>>) {
        debug_assert_eq!(seqs.len(), dispatched.len(), "a dispatch answers for each of its changes");
        let mut moved = crate::engine::plan::Effects::default();
        for one in dispatched {
            match one {
                Dispatched::Send(change, again) => {
                    moved.entries.push(Entry::of(&change, &self.config));
                    let flight = Flight::new(change, again, self.now);
                    self.send(flight);
                }
                Dispatched::Parked(entry, failure) => {
                    self.free(entry.seq);
                    let (mutation_id, retries) = (entry.mutation_id.clone(), entry.retry_count);
                    self.tell_result("parked", &entry.key, &mutation_id, None, Some(&failure), retries);
                    moved.entries.push(*entry);
                    self.pass.parked += 1;
                    self.end_failed(&mutation_id, failure);
                }
                Dispatched::NotReady(seq) => {
                    self.pass.blocked.push(seq);
                    self.timers.set_by(Timer::Reload, self.now + 1_000);
                }
            }
        }
        self.deliver(true, moved);
    }

    /// Changes that could not go although they looked ready are looked at again after the outbox was read.
    pub(super) fn unblock(&mut self) {
        for seq in std::mem::take(&mut self.pass.blocked) {
            self.free(seq);
        }
    }

    fn send(&mut self, mut flight: Flight<D>) {
        let Some(sync) = self.config.sync.as_ref() else { return };
        if !self.reach.is_open(self.now) {
            return self.held_back(flight);
        }
        let Some(sent) = flight.change.sent.as_ref() else { return self.free(flight.seq) };
        let path = self.config.collection(&flight.key.collection).map_or("", |collection| &collection.path);
        let http = if flight.looks {
            single_request(&sync.endpoint, path, &flight.key.id)
        } else {
            push_request(&sync.endpoint, path, &flight.change, sent)
        };
        flight.requests += 1;
        flight.sent_at = self.now;
        flight.pulled = self.progress(&flight.key.collection);
        let deadline = self.now + sync.timeout;
        let request = self.number();
        self.timers.set(Timer::RequestDeadline(request), deadline);
        self.flights.insert(request, flight);
        self.outputs.push_back(Output::Request { request, http });
    }

    /// A pause of the whole endpoint began while this change was on its way to the network.
    fn held_back(&mut self, flight: Flight<D>) {
        self.end_trial(flight.seq);
        self.wait_again(flight, None, None);
    }

    pub(super) fn request_deadline(&mut self, request: u32) {
        self.outputs.push_back(Output::GiveUp { request });
        self.handle_responded(request, Err(NetworkFailure::TimedOut));
    }

    pub(super) fn handle_responded(&mut self, request: u32, result: Result<HttpResponse<D>, NetworkFailure>) {
        self.timers.stop(&Timer::RequestDeadline(request));
        if let Some(flight) = self.flights.remove(&request) {
            self.space_out();
            self.learn_clock(result.as_ref().ok().and_then(|response| response.date.as_deref()), flight.sent_at);
            let denied = matches!(&result, Ok(response) if response.status == 401);
            if !denied {
                self.end_trial(flight.seq);
            }
            return match result {
                Ok(response) if flight.looks => self.looked(flight, &response),
                Ok(response) => self.answered(flight, &response),
                Err(failure) => self.unanswered(flight, failure),
            };
        }
        self.pull_responded(request, result);
    }

    /// The change that tried new headers came to an end other than a refusal of them: the others may go again.
    fn end_trial(&mut self, seq: Seq) {
        if self.auth == Auth::Trying(seq) {
            self.auth = Auth::Fine;
        }
    }

    fn space_out(&mut self) {
        let pause = self.config.sync.as_ref().map_or(0, |sync| sync.delay_between);
        if pause > 0 {
            self.timers.set(Timer::Spacing, self.now + pause);
        }
    }

    fn answered(&mut self, flight: Flight<D>, response: &HttpResponse<D>) {
        let kind = flight.change.kind;
        let temporary = kind == ChangeKind::Create && flight.change.temp_id.is_some();
        let mut outcome = push_outcome(kind, temporary, &flight.key.id, response, self.now);
        if Mutant::TrustAnySuccess.is_on() && response.status == 200 {
            outcome = Outcome::Done(Accepted { id: None, revision: None, doc: None, at: None, repeated: false });
        }
        if !matches!(outcome, Outcome::Endpoint { .. }) {
            self.reach.answered(self.now);
            self.last_failed = None;
        }
        match outcome {
            Outcome::Done(accepted) => self.commit_acknowledge(Box::new(flight), accepted),
            Outcome::Conflict(Remote::Unknown) => self.look(flight),
            Outcome::Conflict(remote) => self.commit_rebase(Box::new(flight), remote),
            Outcome::InProgress => {
                let pause = 1_000 + self.rng.below(4_000);
                self.wait_again(flight, None, Some(Wait::new(self.now, pause)));
            }
            Outcome::BackOff { failure, counted, after } => self.back_off(flight, failure, counted, after),
            Outcome::Endpoint { failure, after } => self.endpoint_failed(flight, failure, after),
            Outcome::NeedsAuth(failure) => self.needs_auth(flight, failure),
            Outcome::NeedsUpdate(failure) => {
                self.require_update();
                self.wait_again(flight, Some(failure), None);
            }
            Outcome::Parked(failure) => self.refused(flight, failure),
        }
    }

    /// Asks for the current document, for the refusal did not bring it.
    fn look(&mut self, flight: Flight<D>) {
        self.send(Flight { looks: true, ..flight });
    }

    fn looked(&mut self, flight: Flight<D>, response: &HttpResponse<D>) {
        match single_outcome(response, self.now) {
            PullOutcome::News(Remote::Unknown) | PullOutcome::NotModified | PullOutcome::Resync => {
                self.wait_again(flight, None, Some(Wait::new(self.now, 1_000)));
            }
            PullOutcome::News(remote) => {
                self.reach.answered(self.now);
                self.commit_rebase(Box::new(flight), remote);
            }
            PullOutcome::Later { failure, after, .. } => self.endpoint_failed(flight, failure, after),
            PullOutcome::NeedsAuth(failure) => self.needs_auth(flight, failure),
            PullOutcome::NeedsUpdate(failure) => {
                self.require_update();
                self.wait_again(flight, Some(failure), None);
            }
        }
    }

    fn unanswered(&mut self, flight: Flight<D>, failure: NetworkFailure) {
        let heard_since = self.reach.reachable() == Some(true) && self.pass.answered_at >= Some(flight.sent_at);
        match failure {
            NetworkFailure::TimedOut if heard_since && !flight.looks => {
                let failure = Failure::new(Code::Timeout, "the server did not answer in time");
                self.back_off(flight, failure.at(self.now), true, None);
            }
            NetworkFailure::TimedOut => self.network_failed(flight, Code::Timeout, "the server did not answer in time"),
            NetworkFailure::Unreachable => {
                self.network_failed(flight, Code::Network, "the server could not be reached");
            }
            NetworkFailure::NotAResponse => {
                self.network_failed(flight, Code::TransportResult, "fetch hook must return a Response");
            }
            NetworkFailure::AuthFailed(text) => {
                let failure = Failure::new(Code::AuthFailed, text).at(self.now);
                self.pause_for_auth(failure.clone());
                self.wait_again(flight, Some(failure), None);
            }
        }
    }

    fn network_failed(&mut self, flight: Flight<D>, code: Code, text: &str) {
        self.endpoint_failed(flight, Failure::new(code, text).at(self.now), None);
    }

    /// Everything waits; another change than this one tries the way next.
    fn endpoint_failed(&mut self, flight: Flight<D>, failure: Failure, after: Option<u64>) {
        self.fail_endpoint(failure.clone(), after);
        self.last_failed = Some(flight.seq);
        self.wait_again(flight, Some(failure), None);
    }

    pub(super) fn fail_endpoint(&mut self, failure: Failure, after: Option<u64>) {
        let Some(sync) = self.config.sync.as_ref() else { return };
        let captive = failure.code == Code::CaptivePortal;
        let known = self.reach.failure().is_some_and(|failure| failure.code == Code::CaptivePortal);
        let after = after.filter(|_| !Mutant::IgnoresRetryAfter.is_on());
        self.reach.failed(failure.clone(), after, &sync.backoff, &mut self.rng, self.now);
        if captive && !known {
            self.tell(Event::Sync { name: "captive-portal", detail: D::object() });
        }
        self.pass.note(&failure);
    }

    /// One more request inside this attempt, or the end of the attempt.
    fn back_off(&mut self, flight: Flight<D>, failure: Failure, counted: bool, after: Option<u64>) {
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

    pub(super) fn request_step(&mut self, seq: Seq) {
        let Some(at) = self.pass.steps.iter().position(|flight| flight.seq == seq) else { return };
        let flight = self.pass.steps.remove(at);
        if self.is_held() || !self.is_leader() {
            return self.wait_again(flight, None, None);
        }
        self.send(flight);
    }

    /// The change waits again; nothing was counted.
    fn wait_again(&mut self, flight: Flight<D>, failure: Option<Failure>, wait: Option<Wait>) {
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
        Setting { seq, mutation_id, state, counted, max_attempts, wait, failure, refused }
    }

    fn needs_auth(&mut self, flight: Flight<D>, failure: Failure) {
        match self.auth {
            Auth::Fine => {
                self.auth = Auth::Trying(flight.seq);
                self.send(flight);
            }
            Auth::Trying(seq) if seq != flight.seq => self.wait_again(flight, None, None),
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
            self.timers.set(Timer::AuthDue, self.now + AUTH_PAUSE);
            self.tell(Event::Sync { name: "auth-required", detail: D::object() });
        }
        self.pass.note(&failure);
    }

    fn refused(&mut self, flight: Flight<D>, failure: Failure) {
        if self.config.collection(&flight.key.collection).is_some_and(|collection| collection.rolls_back) {
            return self.commit_roll_back(Box::new(flight), failure);
        }
        // A redirect is not the server's own word: an attempt before it may have been executed.
        let refused = failure.code != Code::UnexpectedRedirect;
        let setting = self.setting(&flight, PendingState::Parked, true, None, Some(failure), refused);
        self.commit_settle(Box::new(flight), setting);
    }

    pub(super) fn commit_roll_back(&mut self, flight: Box<Flight<D>>, failure: Failure) {
        let plan = Discard {
            config: self.config.clone(),
            seq: flight.seq,
            mutation_id: flight.mutation_id.clone(),
            key: flight.key.clone(),
            mode: DiscardMode::RollBack,
            offset: self.clock_offset,
            now: self.now,
        };
        self.commit(Purpose::RollBack(flight, failure), Box::new(plan));
    }
}

impl<D: Document> Flight<D> {
    fn new(change: Box<Pending<D>>, again: bool, now: Time) -> Self {
        Self {
            seq: change.seq,
            mutation_id: change.mutation_id.clone(),
            key: DocKey { collection: change.collection.clone(), id: change.id.clone() },
            change,
            again,
            requests: 0,
            sent_at: now,
            pulled: (0, 0),
            looks: false,
        }
    }
}
