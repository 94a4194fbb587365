//! Requests with changes: what they carry, how they leave, how they come to an end.
//!
//! Nothing leaves while the endpoint or its breaker is shut. What an answer means is decided in [`super::answers`] and
//! [`super::batches`]; here only its way back is found.

use super::push::{Auth, Trial};
use super::{Engine, Timer};
use crate::engine::mutant::Mutant;
use crate::engine::output::Output;
use crate::engine::policy::breaker::Gate;
use crate::model::{DocKey, Document, Pending, Seq, Time};
use crate::protocol::{push_request, single_request, HttpRequest, HttpResponse, NetworkFailure};
use std::rc::Rc;

/// What a request carries.
#[derive(Debug)]
pub(super) enum Cargo<D> {
    /// One change.
    Change(Flight<D>),
    /// Several; whether all or none of them are to be executed.
    Batch(Vec<Flight<D>>, bool),
    /// Nothing: it only asks whether the server is there.
    Probe,
}

impl<D> Cargo<D> {
    /// When its changes left.
    pub(super) fn sent_at(&self) -> Option<Time> {
        match self {
            Self::Change(flight) => Some(flight.sent_at),
            Self::Batch(members, _) => members.first().map(|flight| flight.sent_at),
            Self::Probe => None,
        }
    }
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
    pub(super) looks: bool,
}

impl<D: Document> Engine<D> {
    pub(super) fn send(&mut self, mut flight: Flight<D>) {
        let Some(sync) = self.config.sync.as_ref() else { return };
        if !self.may_leave() {
            return self.held_back(flight);
        }
        let Some(sent) = flight.change.sent.as_ref() else { return self.free(flight.seq) };
        let path = self.config.collection(&flight.key.collection).map_or("", |collection| &collection.path);
        let http = if flight.looks {
            single_request(&sync.endpoint, path, &flight.key.id)
        } else {
            push_request(&sync.endpoint, path, &flight.change, sent)
        };
        self.embark(&mut flight);
        self.request(Cargo::Change(flight), http);
    }

    /// Notes that a change leaves now.
    pub(super) fn embark(&mut self, flight: &mut Flight<D>) {
        flight.requests += 1;
        flight.sent_at = self.now;
        flight.pulled = self.progress(&flight.key.collection);
    }

    pub(super) fn request(&mut self, cargo: Cargo<D>, http: HttpRequest<D>) {
        let timeout = self.config.sync.as_ref().map_or(0, |sync| sync.timeout);
        if !matches!(cargo, Cargo::Probe) {
            self.breaker_lets_out();
        }
        let request = self.number();
        self.timers.set(Timer::RequestDeadline(request), self.now + timeout);
        self.sends.flights.insert(request, cargo);
        self.outputs.push_back(Output::Request { request, http });
    }

    /// Whether requests may leave, as far as the endpoint goes.
    pub(super) fn is_way_open(&self) -> bool {
        let holds = self.breaker.gate(self.now) == Gate::Shut && !Mutant::ForgetsTheBreaker.is_on();
        self.reach.is_open(self.now) && !holds
    }

    /// A pause of the whole endpoint began, or the lease ran out, while this change was on its way to the network.
    pub(super) fn held_back(&mut self, flight: Flight<D>) {
        self.end_trial(Trial::Change(flight.seq));
        self.wait_again(flight, None, None);
    }

    pub(super) fn request_deadline(&mut self, request: u32) {
        self.outputs.push_back(Output::GiveUp { request });
        self.handle_responded(request, Err(NetworkFailure::TimedOut));
    }

    pub(super) fn handle_responded(&mut self, request: u32, result: Result<HttpResponse<D>, NetworkFailure>) {
        self.timers.stop(&Timer::RequestDeadline(request));
        let cargo = self.sends.flights.remove(&request);
        if let Some(sent_at) = cargo.as_ref().and_then(Cargo::sent_at) {
            self.learn_clock(result.as_ref().ok().and_then(|response| response.date.as_deref()), sent_at);
        }
        match cargo {
            Some(Cargo::Change(flight)) => self.change_responded(flight, result),
            Some(Cargo::Batch(members, atomic)) => {
                self.space_out();
                self.gathering = true;
                self.batch_responded(members, atomic, result);
                self.gathering = false;
            }
            Some(Cargo::Probe) => self.probed(result),
            None => self.pull_responded(request, result),
        }
    }

    fn change_responded(&mut self, flight: Flight<D>, result: Result<HttpResponse<D>, NetworkFailure>) {
        self.space_out();
        let denied = matches!(&result, Ok(response) if response.is_denied());
        if !denied {
            self.end_trial(Trial::Change(flight.seq));
        }
        match result {
            Ok(response) if flight.looks => self.looked(flight, &response),
            Ok(response) => self.answered(flight, &response),
            Err(failure) => self.unanswered(flight, failure),
        }
    }

    /// Who tried new headers came to an end other than a refusal of them: the others may go again.
    pub(super) fn end_trial(&mut self, trial: Trial) {
        if self.auth == Auth::Trying(trial) {
            self.auth = Auth::Fine;
        }
    }

    fn space_out(&mut self) {
        let pause = self.config.sync.as_ref().map_or(0, |sync| sync.delay_between);
        if pause > 0 {
            self.timers.set(Timer::Spacing, self.now + pause);
        }
    }

    pub(super) fn request_step(&mut self, seq: Seq) {
        let Some(at) = self.pass.steps.iter().position(|flight| flight.seq == seq) else { return };
        let flight = self.pass.steps.remove(at);
        if self.is_held() || !self.is_leader() {
            return self.wait_again(flight, None, None);
        }
        self.send(flight);
    }
}

impl<D: Document> Flight<D> {
    pub(super) fn new(change: Box<Pending<D>>, again: bool, now: Time) -> Self {
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
