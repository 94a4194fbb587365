//! What pulls bring: answers, pages, single documents, and how a pull goes on or ends.
//!
//! A page is applied by one plan together with its checkpoint; what follows (the next page, a document by itself, the
//! sweep, the end) is decided from its report. A failed pull comes back by its own pause.

use super::commits::Purpose;
use super::pages::Rest;
use super::pull::{Asked, PullFlight, PAGE};
use super::push::Trial;
use super::{Engine, Timer};
use crate::engine::mutant::Mutant;
use crate::engine::output::Event;
use crate::engine::plan::{Applied, Effects, Sweep};
use crate::model::{want_also, Code, Collection, Document, Failure, PullState, Time, Wanted};
use crate::protocol::{
    page_outcome, single_outcome, Body, HttpResponse, Item, NetworkFailure, Page, PullOutcome, Remote,
};
use std::rc::Rc;

/// How often one pull begins anew before it counts as failed.
const MOST_RESTARTS: u32 = 2;

impl<D: Document> Engine<D> {
    pub(super) fn pull_responded(&mut self, request: u32, result: Result<HttpResponse<D>, NetworkFailure>) {
        let Some(flight) = self.pulling.flights.remove(&request) else { return };
        let denied = matches!(&result, Ok(response) if response.is_denied());
        if !denied {
            self.end_trial(Trial::Read(request));
        }
        if let Some(puller) = self.pulling.pullers.get_mut(&flight.collection).filter(|_| result.is_ok()) {
            puller.losses = 0;
        }
        match result {
            Ok(_) if denied => self.pull_denied(request, flight),
            Ok(response) => self.pull_answered(flight, response),
            Err(failure) => self.pull_unanswered(&flight, failure),
        }
    }

    fn pull_answered(&mut self, flight: PullFlight<D>, mut response: HttpResponse<D>) {
        let PullFlight { collection, what, at, .. } = flight;
        self.learn_clock(response.date.as_deref(), at);
        match what {
            Asked::Page { from, restarts } if matches!(response.body, Body::TooLarge) => {
                self.page_too_large(&collection, from, restarts, &response);
            }
            Asked::Page { from, restarts } => {
                self.weigh_page(&collection, at, &mut response);
                let outcome = page_outcome(&response, self.now);
                self.page_came(&collection, outcome, (from, restarts, at, response.length));
            }
            Asked::Single(single) => {
                let outcome = single_outcome(&single.id, &response, self.now);
                self.single_came(&collection, outcome, single, at);
            }
        }
    }

    fn page_came(
        &mut self,
        collection: &Collection,
        outcome: PullOutcome<Page<D>>,
        asked: (PullState<D>, bool, Time, usize),
    ) {
        let (from, restarts, at, length) = asked;
        match outcome {
            PullOutcome::News(page) => {
                self.heard_well();
                let foreign = page.epoch.is_some() && from.epoch.is_some() && page.epoch != from.epoch;
                if foreign && !restarts {
                    return self.restart_pull(collection);
                }
                if !self.makes_progress(collection, &page, &from) {
                    let text = "server repeated the same checkpoint with more to come";
                    return self.pull_failed(collection, &Failure::new(Code::PullNoProgress, text).at(self.now), None);
                }
                if let Some(puller) = self.pulling.pullers.get_mut(collection) {
                    puller.more = page.has_more;
                    puller.strange = 0;
                }
                self.apply_parts(collection, Rest { page, from, restarts, at, length });
            }
            PullOutcome::NotModified => {
                self.heard_well();
                self.not_modified(collection, from, restarts);
            }
            PullOutcome::Resync => {
                self.heard_well();
                self.restart_pull(collection);
            }
            other => self.pull_refused(collection, other),
        }
    }

    fn single_came(&mut self, collection: &Collection, outcome: PullOutcome<Remote<D>>, single: Wanted, at: Time) {
        let id = single.id.clone();
        let item = match outcome {
            PullOutcome::News(Remote::Present { doc, revision, at }) => {
                Item { id, revision, at, doc: Some(doc), unfit: false }
            }
            PullOutcome::News(_) => Item { id, revision: None, at: None, doc: None, unfit: false },
            other => return self.pull_refused(collection, other),
        };
        let page = Page { items: vec![item], checkpoint: None, has_more: false, epoch: None, etag: None };
        let from = self.pulling.pullers.get(collection).and_then(|puller| puller.state.clone()).unwrap_or_default();
        self.apply_page(collection, Rest { page, from, restarts: false, at, length: 0 }, true, Some(single));
    }

    fn pull_refused<T>(&mut self, collection: &Collection, outcome: PullOutcome<T>) {
        match outcome {
            PullOutcome::Later { failure, after, endpoint } => self.pull_later(collection, failure, after, endpoint),
            PullOutcome::NeedsUpdate(failure) => {
                self.require_update();
                self.pull_failed(collection, &failure, None);
            }
            PullOutcome::NeedsAuth(_) | PullOutcome::News(_) | PullOutcome::NotModified | PullOutcome::Resync => {
                self.pull_interrupted(collection);
            }
        }
    }

    fn pull_later(&mut self, collection: &Collection, failure: Failure, after: Option<u64>, endpoint: bool) {
        if endpoint {
            self.fail_endpoint(failure.clone(), after);
        } else {
            self.heard();
            if failure.status.is_some_and(|status| status >= 500) {
                self.server_failed(0);
            }
        }
        self.pull_failed(collection, &failure, after);
    }

    fn makes_progress(&mut self, collection: &Collection, page: &Page<D>, from: &PullState<D>) -> bool {
        let Some(puller) = self.pulling.pullers.get_mut(collection) else { return false };
        let same = page.checkpoint.as_ref().zip(from.checkpoint.as_ref()).is_some_and(|(new, old)| new.same(old));
        puller.repeats = if page.has_more && same { puller.repeats + 1 } else { 0 };
        puller.repeats < 2 || Mutant::BelievesInProgress.is_on()
    }

    /// Begins anew, but not for ever: a server may refuse its own positions, or have several histories.
    fn restart_pull(&mut self, collection: &Collection) {
        if let Some(puller) = self.pulling.pullers.get_mut(collection) {
            puller.restart = true;
            puller.restarts += 1;
            if puller.restarts > MOST_RESTARTS {
                let text = "server lost its place again and again; retrying";
                return self.pull_failed(collection, &Failure::new(Code::PullNoProgress, text).at(self.now), None);
            }
        }
        if !self.may_pull_on() {
            return self.pull_interrupted(collection);
        }
        self.ask_page(collection);
    }

    pub(super) fn applied(&mut self, collection: &Collection, applied: Applied<D>) {
        let Some(puller) = self.pulling.pullers.get_mut(collection) else { return };
        if applied.stale {
            // Another tab has pulled since, which may have been before this pull was wanted: it goes on from there.
            puller.state = Some(applied.state);
            puller.rest = None;
            puller.more = true;
            return self.pull_on(collection);
        }
        puller.changed += applied.changed;
        puller.deleted += applied.deleted;
        let first = puller.state.as_ref().is_none_or(|state| state.completed_at.is_none());
        let completes = first && applied.state.completed_at.is_some();
        puller.state = Some(applied.state);
        puller.pages += 1;
        puller.fetching = None;
        want_also(&mut puller.fetch, applied.fetch);
        self.pass.pulled += applied.changed + applied.deleted;
        self.watch_states(&applied.effects);
        self.deliver(false, applied.effects);
        if completes {
            self.tell(Event::Complete(collection.clone()));
        }
        match self.pulling.pullers.get_mut(collection).and_then(|puller| puller.rest.take()) {
            Some(rest) => self.apply_parts(collection, rest),
            None => self.pull_on(collection),
        }
    }

    /// The next step of a pull: single documents, the next page, the sweep, or the end.
    pub(super) fn pull_on(&mut self, collection: &Collection) {
        if !self.may_pull_on() {
            return self.pull_interrupted(collection);
        }
        let Some(puller) = self.pulling.pullers.get_mut(collection) else { return };
        if let Some(single) = puller.fetch.pop() {
            return self.ask_single(collection, single);
        }
        if std::mem::take(&mut puller.more) {
            return self.ask_page(collection);
        }
        match puller.state.as_ref().filter(|state| state.sweeping).map(|state| state.generation) {
            Some(generation) if generation == puller.generation => self.sweep(collection, None),
            Some(_) => self.pull_interrupted(collection),
            None => self.pull_complete(collection),
        }
    }

    fn sweep(&mut self, collection: &Collection, after: Option<Rc<str>>) {
        let Some(fence) = self.old_fence() else { return self.pull_interrupted(collection) };
        let most = self.config.sync.as_ref().map_or(usize::MAX, |sync| sync.part);
        let plan = Sweep { fence, collection: collection.clone(), after, most };
        self.commit_part(Purpose::Sweep(collection.clone()), Box::new(plan));
    }

    pub(super) fn swept(
        &mut self,
        collection: &Collection,
        effects: Effects<D>,
        asked: Vec<Wanted>,
        next: Option<Rc<str>>,
    ) {
        if let Some(puller) = self.pulling.pullers.get_mut(collection) {
            want_also(&mut puller.fetch, asked);
            puller.deleted += effects.changes.len();
            if let Some(state) = puller.state.as_mut().filter(|_| next.is_none()) {
                state.sweeping = false;
                state.rewinds = false;
            }
        }
        self.deliver(false, effects);
        match next {
            Some(after) => self.sweep(collection, Some(after)),
            None => self.pull_on(collection),
        }
    }

    fn pull_complete(&mut self, collection: &Collection) {
        let now = self.now;
        let Some(puller) = self.pulling.pullers.get_mut(collection) else { return };
        puller.active = false;
        puller.failures = 0;
        puller.failure = None;
        puller.limit = PAGE;
        if let Some(state) = puller.state.as_mut() {
            state.completed_at = Some(now);
        }
        self.tell_pulled(collection);
        let interval = self.config.sync.as_ref().map_or(0, |sync| sync.pull_interval);
        if interval > 0 && !self.stopped {
            self.timers.set(Timer::Pull(collection.clone()), now + interval);
        }
    }

    fn tell_pulled(&mut self, collection: &Collection) {
        let Some(puller) = self.pulling.pullers.get_mut(collection) else { return };
        let count = |count: usize| Some(D::number(count as f64));
        let (changed, deleted) = (std::mem::take(&mut puller.changed), std::mem::take(&mut puller.deleted));
        let name = ("collection", Some(D::text(collection)));
        let detail = D::of(&[name, ("changed", count(changed)), ("deleted", count(deleted))]);
        self.tell(Event::Sync { name: "pulled", detail });
    }

    /// A pull that failed comes back by its own pause.
    pub(super) fn pull_failed(&mut self, collection: &Collection, failure: &Failure, after: Option<u64>) {
        let Some(sync) = self.config.sync.clone() else { return };
        self.pass.note(failure);
        let Some(puller) = self.pulling.pullers.get_mut(collection) else { return };
        puller.failures += 1;
        puller.failure = Some(failure.clone());
        let pause = after.unwrap_or_else(|| sync.backoff.pause(puller.failures, &mut self.rng));
        self.postpone(collection, pause);
    }

    /// A pull that was cut short through no fault of the server is due again.
    pub(super) fn pull_interrupted(&mut self, collection: &Collection) {
        self.pulling.loaded = false;
        self.postpone(collection, 1_000);
    }

    pub(super) fn postpone(&mut self, collection: &Collection, pause: u64) {
        if let Some(puller) = self.pulling.pullers.get_mut(collection) {
            puller.active = false;
            puller.due = false;
            puller.forced = true;
            puller.rest = None;
            // The others come first: what cannot be had must not hold them up.
            if let Some(single) = puller.fetching.take() {
                puller.fetch.insert(0, single);
            }
            let came = puller.changed + puller.deleted > 0;
            self.timers.set(Timer::Pull(collection.clone()), self.now + pause);
            if came {
                self.tell_pulled(collection);
            }
        }
    }
}
