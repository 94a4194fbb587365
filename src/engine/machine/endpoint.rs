//! The server as a whole: whether it can be reached, whether it fails, whether it still wants this version of the app.
//!
//! While it cannot be reached, a probe goes first, so that no change is risked for the question. While it fails, the
//! breaker holds everything back but one request; its state and the retry budget are kept in the store.

use super::commits::Purpose;
use super::flight::Cargo;
use super::{Engine, Timer};
use crate::engine::config::SyncConfig;
use crate::engine::mutant::Mutant;
use crate::engine::outbox::Entry;
use crate::engine::output::Event;
use crate::engine::plan::{Fence, Guard, LoadGuard, StoreGuard};
use crate::engine::policy::breaker::{Breaker, Gate, State};
use crate::model::{Code, Document, Failure, PendingState, Seq};
use crate::protocol::{probe_outcome, probe_request, HttpResponse, NetworkFailure, Probe};

/// After the browser came back online one change goes at once, the others within this time (pitfalls D23).
const SPREAD: u64 = 2_000;
/// What an app that opens finds to do begins within so long: all of them may open when an outage ends (pitfalls D23).
const START_SPREAD: u64 = 5_000;
/// A change that was not sent in this time could not be sent.
const OLD: u64 = 60_000;

impl<D: Document> Engine<D> {
    /// The server answered, well or not.
    pub(super) fn heard(&mut self) {
        let returned = self.reach.answered(self.now);
        if returned {
            self.space(SPREAD);
        }
    }

    /// Lets the next change go only within a span, by chance: others who are let in at this moment draw another one.
    fn space(&mut self, span: u64) {
        let Some(sync) = self.config.sync.as_ref().filter(|_| !self.timers.is_set(&Timer::Spacing)) else { return };
        match sync.backoff.spread(span, &mut self.rng) {
            0 => {}
            pause => self.timers.set(Timer::Spacing, self.now + pause),
        }
    }

    /// How much of the wait after opening this client leaves out, by chance.
    pub(super) fn start_spread(&mut self) -> u64 {
        let spread = |sync: &SyncConfig| sync.backoff.spread(sync.start_delay.min(START_SPREAD), &mut self.rng);
        self.config.sync.as_ref().map_or(0, spread)
    }

    /// The outbox is known for the first time: a new change goes at once, but what failed before or has stood for long
    /// may have waited for the server together with everybody's.
    pub(super) fn space_start(&mut self) {
        let span = self.config.sync.as_ref().map_or(0, |sync| sync.start_delay.min(START_SPREAD));
        let old = |entry: &Entry| entry.last_error.is_some() || entry.created_at.saturating_add(OLD) <= self.now;
        if self.outbox.iter().any(|entry| entry.state == PendingState::Waiting && old(entry)) {
            self.space(span);
        }
    }

    /// The server did its work.
    pub(super) fn heard_well(&mut self) {
        self.heard();
        self.sends.last_failed = None;
        self.sends.culprit = None;
        if self.breaker.succeeded() {
            self.breaker_moved();
        }
    }

    /// The server failed at what it was asked. One change (or the pulls, 0) that fails again and again counts once: it
    /// may be the one to blame, and its own pauses are enough.
    pub(super) fn server_failed(&mut self, culprit: Seq) {
        let Some(rule) = self.config.sync.as_ref().and_then(|sync| sync.breaker) else { return };
        let again = self.sends.culprit.replace(culprit) == Some(culprit);
        if again && self.breaker.state() == State::Closed {
            return;
        }
        if self.breaker.failed(&rule, &mut self.rng, self.now) {
            self.breaker_moved();
        }
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
        if self.reach.ordered(self.now).is_some() {
            self.store_guard();
        }
    }

    /// Whether the next request is to be a probe: the last one did not get through.
    pub(super) fn probes_first(&self) -> bool {
        let has_probe = self.config.sync.as_ref().is_some_and(|sync| sync.endpoint.health.is_some());
        has_probe && self.reach.reachable() == Some(false)
    }

    /// Asks whether the server is there, when nothing else is under way.
    pub(super) fn probe(&mut self) {
        let Some(sync) = self.config.sync.as_ref() else { return };
        let Some(path) = sync.endpoint.health.as_deref() else { return };
        if self.sends.flights.is_empty() && self.pulling.flights.is_empty() && self.sends.busy.is_empty() {
            let http = probe_request(&sync.endpoint.at(path));
            self.request(Cargo::Probe, http);
        }
    }

    pub(super) fn probed(&mut self, result: Result<HttpResponse<D>, NetworkFailure>) {
        match result.map(|response| probe_outcome(&response, self.now)) {
            Ok(Probe::Reachable) => {
                self.reach.probed(self.now);
            }
            Ok(Probe::Paused { failure, after }) => self.fail_endpoint(failure, after),
            Err(NetworkFailure::AuthFailed(failure)) => self.pause_for_auth(failure.at(self.now)),
            Err(failure) => {
                self.sends.strays += 1;
                self.fail_endpoint(failure.into_failure().at(self.now), None);
            }
        }
    }

    /// A request leaves: behind an open breaker it is the one that sees whether the server is well again.
    pub(super) fn breaker_lets_out(&mut self) {
        let Some(sync) = self.config.sync.as_ref() else { return };
        if self.breaker.gate(self.now) == Gate::One {
            let window = sync.breaker.map_or(0, |rule| rule.cooldown).max(sync.timeout);
            self.breaker.probe(window, self.now);
            self.breaker_moved();
        }
    }

    fn breaker_moved(&mut self) {
        self.store_guard();
        let state = self.breaker.state();
        let until = match state {
            State::Open(wait) | State::HalfOpen(wait) => Some(D::number(wait.until as f64)),
            State::Closed => None,
        };
        let detail = D::of(&[("state", Some(D::text(state.name()))), ("until", until)]);
        self.tell(Event::Sync { name: "breaker", detail });
    }

    pub(super) fn store_guard(&mut self) {
        let Some(fence) = self.old_fence() else { return };
        self.commit(Purpose::StoreGuard, Box::new(StoreGuard { fence, guard: self.guard() }));
    }

    /// What is kept of the way to the server.
    pub(super) fn guard(&self) -> Guard {
        Guard { breaker: self.breaker.state(), budget: self.budget, pause: self.reach.ordered(self.now) }
    }

    /// Proof of leadership, once it is known what an earlier leader found out about the server.
    pub(super) fn ready_fence(&mut self) -> Option<Fence> {
        let fence = self.fence()?;
        // After a store that failed to tell it is asked again when sending goes on.
        let asks = !self.guard_known && !self.timers.is_set(&Timer::Spacing);
        if asks && !self.commits.values().any(|purpose| matches!(purpose, Purpose::LoadGuard)) {
            self.commit(Purpose::LoadGuard, Box::new(LoadGuard));
        }
        self.guard_known.then_some(fence)
    }

    pub(super) fn guard_read(&mut self, guard: Option<Guard>) {
        self.guard_known = true;
        let Some(guard) = guard else { return };
        self.budget = guard.budget;
        // One that was stored before the clock jumped back begins to fill now.
        self.budget.left(self.now);
        if let Some(pause) = guard.pause.filter(|_| !Mutant::ForgetsThePause.is_on()) {
            self.reach.restore(pause, self.now);
        }
        if self.config.sync.as_ref().is_some_and(|sync| sync.breaker.is_some()) {
            self.breaker = Breaker::stored(guard.breaker);
        }
    }
}
