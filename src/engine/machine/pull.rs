//! Pulling: one collection at a time, page by page, each page with its checkpoint.
//!
//! Full the first time or when the server cannot continue, incremental after that, conditional when nothing moved.
//! The same checkpoint twice with more to come is an error, not a loop (pitfalls D32).

use super::commits::Purpose;
use super::push::Auth;
use super::{Engine, Timer};
use crate::engine::output::{Event, Output};
use crate::engine::plan::{Applied, ApplyPage, Effects, LoadPull, StartPull, Sweep};
use crate::model::{Code, Collection, Document, Failure, PullState, Time, Wanted};
use crate::protocol::{
    page_outcome, pull_request, single_outcome, single_request, HttpResponse, Item, NetworkFailure, Page, PullOutcome,
    Remote,
};
use std::rc::Rc;

/// Documents asked for in one page.
const PAGE: u32 = 200;
/// Pulls under way at once.
const AT_ONCE: usize = 2;
/// A collection pulled less than this ago is fresh enough for a page that became visible.
const FRESH: u64 = 5_000;

/// The pull of one collection.
#[derive(Debug)]
pub(super) struct Puller<D> {
    state: Option<PullState<D>>,
    due: bool,
    /// Due whatever the last pull's age.
    forced: bool,
    active: bool,
    restart: bool,
    more: bool,
    failures: u32,
    repeats: u32,
    changed: usize,
    deleted: usize,
    fetch: Vec<Wanted>,
    /// The one of them that is under way.
    fetching: Option<Wanted>,
    /// The generation its pages belong to: only their own end sweeps.
    generation: u64,
    /// Pages applied so far.
    pages: u64,
}

impl<D> Default for Puller<D> {
    fn default() -> Self {
        Self {
            state: None,
            due: false,
            forced: false,
            active: false,
            restart: false,
            more: false,
            failures: 0,
            repeats: 0,
            changed: 0,
            deleted: 0,
            fetch: Vec::new(),
            fetching: None,
            generation: 0,
            pages: 0,
        }
    }
}

/// A pull request under way.
#[derive(Debug)]
pub(super) struct PullFlight<D> {
    collection: Collection,
    what: Asked<D>,
    at: Time,
}

#[derive(Debug)]
enum Asked<D> {
    Page { from: PullState<D>, restarts: bool },
    Single(Wanted),
}

impl<D: Document> Engine<D> {
    pub(super) fn is_pulling(&self) -> bool {
        self.pulls.values().any(|puller| puller.active)
    }

    /// Collections to be pulled that are not being pulled.
    pub(super) fn pulls_due(&self) -> Vec<Collection> {
        let due = self.pulls.iter().filter(|(_, puller)| puller.due && !puller.active);
        due.map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn all_pulls_due(&mut self) {
        self.order_pulls(None, false);
    }

    /// Makes one collection or all due at once.
    pub(super) fn order_pulls(&mut self, collection: Option<&Collection>, full: bool) {
        for (name, puller) in self.pulls.iter_mut() {
            if collection.is_none_or(|wanted| wanted == name) {
                puller.due = true;
                puller.forced = true;
                puller.restart |= full;
            }
        }
    }

    /// Makes collections due that were not pulled a moment ago.
    pub(super) fn freshen_pulls(&mut self) {
        let now = self.now;
        for puller in self.pulls.values_mut() {
            let last = puller.state.as_ref().and_then(|state| state.completed_at);
            if last.is_none_or(|last| last + FRESH <= now || last > now) {
                puller.due = true;
                puller.forced = true;
            }
        }
    }

    /// How far the pull of a collection has come here: its generation, and pages applied.
    pub(super) fn progress(&self, collection: &Collection) -> (u64, u64) {
        let progress = |puller: &Puller<D>| (puller.state.as_ref().map_or(0, |state| state.generation), puller.pages);
        self.pulls.get(collection).map_or((0, 0), progress)
    }

    /// Makes one document be asked for by itself: what is known of it is old.
    pub(super) fn fetch(&mut self, collection: &Collection, id: &str) {
        if let Some(puller) = self.pulls.get_mut(collection) {
            puller.fetch.push(Wanted { id: id.into(), known: None });
            puller.due = true;
            puller.forced = true;
        }
    }

    /// Another tab did what was due here.
    pub(super) fn forget_pulls(&mut self) {
        for puller in self.pulls.values_mut() {
            puller.due = false;
        }
    }

    pub(super) fn pull_due(&mut self, collection: &Collection) {
        if let Some(puller) = self.pulls.get_mut(collection) {
            puller.due = true;
        }
    }

    pub(super) fn pull_work(&mut self) {
        let due = self.pulls_due();
        if due.is_empty() || !self.may_send() || self.auth != Auth::Fine {
            return;
        }
        if self.reach.is_doubtful() && !(self.busy.is_empty() && self.pull_flights.is_empty()) {
            return;
        }
        if self.fence().is_none() {
            return self.leave_to_leader();
        }
        if !self.pulls_loaded {
            return self.load_pulls();
        }
        let limit = if self.reach.is_doubtful() { 1 } else { AT_ONCE };
        for collection in due {
            if self.pulls.values().filter(|puller| puller.active).count() < limit {
                self.begin_pull(&collection);
            }
        }
    }

    /// Another tab leads: it pulls. This one looks again when the lease has run out.
    fn leave_to_leader(&mut self) {
        let Some(until) = self.refused_until.filter(|until| *until > self.now) else { return };
        for collection in self.pulls_due() {
            let Some(puller) = self.pulls.get_mut(&collection) else { continue };
            if !puller.forced {
                puller.due = false;
                self.timers.set(Timer::Pull(collection), until);
            }
        }
    }

    fn load_pulls(&mut self) {
        if !self.commits.values().any(|purpose| matches!(purpose, Purpose::LoadPull(_))) {
            let collections: Vec<Collection> = self.pulls.keys().cloned().collect();
            let plan = LoadPull { collections: collections.clone() };
            self.commit(Purpose::LoadPull(collections), Box::new(plan));
        }
    }

    pub(super) fn pulls_read(&mut self, names: &[Collection], states: Vec<PullState<D>>) {
        self.pulls_loaded = true;
        for (name, state) in names.iter().zip(states) {
            if let Some(puller) = self.pulls.get_mut(name) {
                let known: Vec<&str> = puller.fetch.iter().chain(&puller.fetching).map(|known| &*known.id).collect();
                let more = state.wanted.iter().filter(|wanted| !known.contains(&&*wanted.id)).cloned();
                let more: Vec<Wanted> = more.collect();
                puller.fetch.extend(more);
                puller.state = Some(state);
            }
        }
    }

    pub(super) fn pulls_unread(&mut self) {
        for collection in self.pulls_due() {
            self.postpone(&collection, 1_000);
        }
    }

    fn begin_pull(&mut self, collection: &Collection) {
        let now = self.now;
        let interval = self.config.sync.as_ref().map_or(0, |sync| sync.pull_interval);
        let Some(puller) = self.pulls.get_mut(collection) else { return };
        let last = puller.state.as_ref().and_then(|state| state.completed_at).filter(|last| *last <= now);
        let next = last.map(|last| last + interval).filter(|next| *next > now && !puller.forced);
        puller.due = false;
        if let Some(next) = next {
            return self.timers.set(Timer::Pull(collection.clone()), next);
        }
        puller.active = true;
        puller.forced = false;
        (puller.changed, puller.deleted, puller.repeats) = (0, 0, 0);
        self.begin_pass("pull");
        self.ask_page(collection);
    }

    /// Asks for the next page; where there is no position to go on from, a full pull is begun first.
    fn ask_page(&mut self, collection: &Collection) {
        let Some(puller) = self.pulls.get_mut(collection) else { return };
        let from = puller.state.clone().unwrap_or_default();
        if !std::mem::take(&mut puller.restart) && from.checkpoint.is_some() {
            return self.request_page(collection, from, false);
        }
        let Some(fence) = self.old_fence() else { return self.pull_interrupted(collection) };
        let plan = StartPull { fence, collection: collection.clone() };
        self.commit(Purpose::StartPull(collection.clone()), Box::new(plan));
    }

    /// A full pull has begun: its first page is asked for.
    pub(super) fn pull_started(&mut self, collection: &Collection, states: Vec<PullState<D>>) {
        let (Some(puller), Some(state)) = (self.pulls.get_mut(collection), states.into_iter().next()) else { return };
        puller.state = Some(state.clone());
        if !self.may_send() {
            return self.pull_interrupted(collection);
        }
        self.request_page(collection, state, true);
    }

    fn request_page(&mut self, collection: &Collection, from: PullState<D>, restarts: bool) {
        let Some(sync) = self.config.sync.clone() else { return };
        let path = self.config.collection(collection).map_or_else(String::new, |collection| collection.path.clone());
        let etag = from.etag.as_deref().filter(|_| from.checkpoint.is_some());
        let http = pull_request(&sync.endpoint, &path, from.checkpoint.as_ref(), PAGE, etag);
        if let Some(puller) = self.pulls.get_mut(collection) {
            puller.generation = from.generation;
        }
        let what = Asked::Page { from, restarts };
        self.ask(PullFlight { collection: collection.clone(), what, at: self.now }, http, sync.timeout);
    }

    fn ask_single(&mut self, collection: &Collection, single: Wanted) {
        let Some(sync) = self.config.sync.clone() else { return };
        let path = self.config.collection(collection).map_or_else(String::new, |collection| collection.path.clone());
        if let Some(puller) = self.pulls.get_mut(collection) {
            puller.fetching = Some(single.clone());
        }
        let http = single_request(&sync.endpoint, &path, &single.id);
        let flight = PullFlight { collection: collection.clone(), what: Asked::Single(single), at: self.now };
        self.ask(flight, http, sync.timeout);
    }

    fn ask(&mut self, flight: PullFlight<D>, http: crate::protocol::HttpRequest<D>, timeout: u64) {
        let request = self.number();
        self.timers.set(Timer::RequestDeadline(request), self.now + timeout);
        self.pull_flights.insert(request, flight);
        self.outputs.push_back(Output::Request { request, http });
    }

    pub(super) fn pull_responded(&mut self, request: u32, result: Result<HttpResponse<D>, NetworkFailure>) {
        let Some(flight) = self.pull_flights.remove(&request) else { return };
        let response = match result {
            Ok(response) => response,
            Err(NetworkFailure::AuthFailed(text)) => {
                self.pause_for_auth(Failure::new(Code::AuthFailed, text).at(self.now));
                return self.pull_interrupted(&flight.collection);
            }
            Err(failure) => {
                let code = if failure == NetworkFailure::TimedOut { Code::Timeout } else { Code::Network };
                let failure = Failure::new(code, "the server could not be reached").at(self.now);
                return self.pull_later(&flight.collection, failure, None, true);
            }
        };
        let PullFlight { collection, what, at } = flight;
        match what {
            Asked::Page { from, restarts } => {
                let outcome = page_outcome(&response, self.now);
                self.page_came(&collection, outcome, from, restarts, at);
            }
            Asked::Single(single) => {
                let outcome = single_outcome(&response, self.now);
                self.single_came(&collection, outcome, single, at);
            }
        }
    }

    fn page_came(
        &mut self,
        collection: &Collection,
        outcome: PullOutcome<Page<D>>,
        from: PullState<D>,
        restarts: bool,
        at: Time,
    ) {
        match outcome {
            PullOutcome::News(page) => {
                self.reach.answered(self.now);
                let foreign = page.epoch.is_some() && from.epoch.is_some() && page.epoch != from.epoch;
                if foreign && !restarts {
                    return self.restart_pull(collection);
                }
                if !self.makes_progress(collection, &page, &from) {
                    let text = "server repeated the same checkpoint with more to come";
                    return self.pull_failed(collection, &Failure::new(Code::PullNoProgress, text).at(self.now), None);
                }
                if let Some(puller) = self.pulls.get_mut(collection) {
                    puller.more = page.has_more;
                }
                self.apply_page(collection, page, from, restarts, None, at);
            }
            PullOutcome::NotModified => {
                self.reach.answered(self.now);
                self.pull_on(collection);
            }
            PullOutcome::Resync => {
                self.reach.answered(self.now);
                self.restart_pull(collection);
            }
            other => self.pull_refused(collection, other),
        }
    }

    fn single_came(&mut self, collection: &Collection, outcome: PullOutcome<Remote<D>>, single: Wanted, at: Time) {
        let id = single.id.clone();
        let item = match outcome {
            PullOutcome::News(Remote::Present { doc, revision, at }) => Item { id, revision, at, doc: Some(doc) },
            PullOutcome::News(_) => Item { id, revision: None, at: None, doc: None },
            other => return self.pull_refused(collection, other),
        };
        let page = Page { items: vec![item], checkpoint: None, has_more: false, epoch: None, etag: None };
        let from = self.pulls.get(collection).and_then(|puller| puller.state.clone()).unwrap_or_default();
        self.apply_page(collection, page, from, false, Some(single), at);
    }

    fn pull_refused<T>(&mut self, collection: &Collection, outcome: PullOutcome<T>) {
        match outcome {
            PullOutcome::Later { failure, after, endpoint } => self.pull_later(collection, failure, after, endpoint),
            PullOutcome::NeedsAuth(failure) => {
                self.pause_for_auth(failure);
                self.pull_interrupted(collection);
            }
            PullOutcome::NeedsUpdate(failure) => {
                self.needs_update = true;
                self.tell(Event::Sync { name: "update-required", detail: D::object() });
                self.pull_failed(collection, &failure, None);
            }
            PullOutcome::News(_) | PullOutcome::NotModified | PullOutcome::Resync => {
                self.pull_interrupted(collection);
            }
        }
    }

    fn pull_later(&mut self, collection: &Collection, failure: Failure, after: Option<u64>, endpoint: bool) {
        if endpoint {
            self.fail_endpoint(failure.clone(), after);
        } else {
            self.reach.answered(self.now);
        }
        self.pull_failed(collection, &failure, after);
    }

    fn makes_progress(&mut self, collection: &Collection, page: &Page<D>, from: &PullState<D>) -> bool {
        let Some(puller) = self.pulls.get_mut(collection) else { return false };
        let same = page.checkpoint.as_ref().zip(from.checkpoint.as_ref()).is_some_and(|(new, old)| new.same(old));
        puller.repeats = if page.has_more && same { puller.repeats + 1 } else { 0 };
        puller.repeats < 2
    }

    fn restart_pull(&mut self, collection: &Collection) {
        if let Some(puller) = self.pulls.get_mut(collection) {
            puller.restart = true;
        }
        if !self.may_send() {
            return self.pull_interrupted(collection);
        }
        self.ask_page(collection);
    }

    fn apply_page(
        &mut self,
        collection: &Collection,
        page: Page<D>,
        from: PullState<D>,
        restarts: bool,
        single: Option<Wanted>,
        at: Time,
    ) {
        let Some(fence) = self.old_fence() else { return self.pull_interrupted(collection) };
        let plan = ApplyPage {
            config: self.config.clone(),
            fence,
            collection: collection.clone(),
            page,
            from,
            restarts,
            single,
            asked_at: at,
            now: self.now,
        };
        self.commit(Purpose::Apply(collection.clone()), Box::new(plan));
    }

    pub(super) fn applied(&mut self, collection: &Collection, applied: Applied<D>) {
        let Some(puller) = self.pulls.get_mut(collection) else { return };
        if applied.stale {
            puller.state = Some(applied.state);
            return self.pull_complete(collection);
        }
        puller.changed += applied.changed;
        puller.deleted += applied.deleted;
        let first = puller.state.as_ref().is_none_or(|state| state.completed_at.is_none());
        let completes = first && applied.state.completed_at.is_some();
        puller.state = Some(applied.state);
        puller.pages += 1;
        puller.fetching = None;
        puller.fetch.extend(applied.fetch);
        self.pass.pulled += applied.changed + applied.deleted;
        self.watch_states(&applied.effects);
        self.deliver(false, applied.effects);
        if completes {
            self.tell(Event::Complete(collection.clone()));
        }
        self.pull_on(collection);
    }

    /// The next step of a pull: single documents, the next page, the sweep, or the end.
    fn pull_on(&mut self, collection: &Collection) {
        if !self.may_send() {
            return self.pull_interrupted(collection);
        }
        let Some(puller) = self.pulls.get_mut(collection) else { return };
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
        let plan = Sweep { fence, collection: collection.clone(), after };
        self.commit(Purpose::Sweep(collection.clone()), Box::new(plan));
    }

    pub(super) fn swept(&mut self, collection: &Collection, effects: Effects<D>, next: Option<Rc<str>>) {
        if let Some(puller) = self.pulls.get_mut(collection) {
            puller.deleted += effects.changes.len();
            if let Some(state) = puller.state.as_mut().filter(|_| next.is_none()) {
                state.sweeping = false;
                state.rewinds = false;
            }
        }
        self.deliver(false, effects);
        match next {
            Some(after) => self.sweep(collection, Some(after)),
            None => self.pull_complete(collection),
        }
    }

    fn pull_complete(&mut self, collection: &Collection) {
        let now = self.now;
        let Some(puller) = self.pulls.get_mut(collection) else { return };
        puller.active = false;
        puller.failures = 0;
        if let Some(state) = puller.state.as_mut() {
            state.completed_at = Some(now);
        }
        let (changed, deleted) = (puller.changed, puller.deleted);
        let count = |count: usize| Some(D::number(count as f64));
        let detail = D::object().with(&[
            ("collection", Some(D::text(collection))),
            ("changed", count(changed)),
            ("deleted", count(deleted)),
        ]);
        self.tell(Event::Sync { name: "pulled", detail });
        let interval = self.config.sync.as_ref().map_or(0, |sync| sync.pull_interval);
        if interval > 0 && !self.stopped {
            self.timers.set(Timer::Pull(collection.clone()), now + interval);
        }
    }

    /// A pull that failed comes back by its own pause.
    pub(super) fn pull_failed(&mut self, collection: &Collection, failure: &Failure, after: Option<u64>) {
        let Some(sync) = self.config.sync.clone() else { return };
        self.pass.note(failure);
        let Some(puller) = self.pulls.get_mut(collection) else { return };
        puller.failures += 1;
        let pause = after.unwrap_or_else(|| sync.backoff.pause(puller.failures, &mut self.rng));
        self.postpone(collection, pause);
    }

    /// A pull that was cut short through no fault of the server is due again.
    pub(super) fn pull_interrupted(&mut self, collection: &Collection) {
        self.pulls_loaded = false;
        self.postpone(collection, 1_000);
    }

    fn postpone(&mut self, collection: &Collection, pause: u64) {
        if let Some(puller) = self.pulls.get_mut(collection) {
            puller.active = false;
            puller.due = false;
            puller.forced = true;
            puller.fetch.extend(puller.fetching.take());
            self.timers.set(Timer::Pull(collection.clone()), self.now + pause);
        }
    }
}
