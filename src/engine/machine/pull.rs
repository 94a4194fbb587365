//! Pulling: one collection at a time, page by page, each page with its checkpoint.
//!
//! Full the first time or when the server cannot continue, incremental after that, conditional when nothing moved.
//! The same checkpoint twice with more to come is an error, not a loop (pitfalls D32).

use super::commits::Purpose;
use super::pages::Rest;
use super::push::Auth;
use super::{Engine, Timer};
use crate::engine::output::Output;
use crate::engine::plan::{LoadPull, StartPull};
use crate::model::{Collection, Document, Failure, Listed, PullState, Time, Wanted};
use crate::protocol::{pull_request, single_request, HttpRequest};

/// Documents asked for in one page.
pub(super) const PAGE: u32 = 200;
/// Pulls under way at once.
const AT_ONCE: usize = 2;
/// A collection pulled less than this ago is fresh enough for a page that became visible.
const FRESH: u64 = 5_000;

/// The pull of one collection.
#[derive(Debug)]
pub(super) struct Puller<D> {
    pub(super) state: Option<PullState<D>>,
    pub(super) due: bool,
    /// Due whatever the last pull's age.
    pub(super) forced: bool,
    /// Due because somebody asked for it.
    pub(super) ordered: bool,
    pub(super) active: bool,
    pub(super) restart: bool,
    pub(super) more: bool,
    pub(super) failures: u32,
    pub(super) repeats: u32,
    pub(super) changed: usize,
    pub(super) deleted: usize,
    pub(super) fetch: Vec<Wanted>,
    /// The one of them that is under way.
    pub(super) fetching: Option<Wanted>,
    /// The generation its pages belong to: only their own end sweeps.
    pub(super) generation: u64,
    /// Pages applied so far.
    pub(super) pages: u64,
    /// Documents asked for in one page: fewer once a page was too large or too slow, until a pull has come to its end.
    pub(super) limit: u32,
    /// Pages in a row that were short and came soon.
    pub(super) soon: u32,
    /// What of a page is still to be applied.
    pub(super) rest: Option<Rest<D>>,
    /// Answers in a row that said "nothing new" to a request that did not ask so.
    pub(super) strange: u32,
    /// How often this pull began anew.
    pub(super) restarts: u32,
    /// Lost requests in a row while the server answered others.
    pub(super) losses: u32,
    /// How many requests were lost, and how many answered, when one of it was lost last.
    pub(super) lost: (u64, u64),
    /// Why the last pull failed, until one does not.
    pub(super) failure: Option<Failure>,
}

impl<D> Default for Puller<D> {
    fn default() -> Self {
        Self {
            state: None,
            due: false,
            forced: false,
            ordered: false,
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
            limit: PAGE,
            soon: 0,
            rest: None,
            strange: 0,
            restarts: 0,
            losses: 0,
            lost: (0, 0),
            failure: None,
        }
    }
}

/// A pull request under way.
#[derive(Debug)]
pub(super) struct PullFlight<D> {
    pub(super) collection: Collection,
    pub(super) what: Asked<D>,
    pub(super) at: Time,
    /// How much the server had answered when it left.
    pub(super) answers: u64,
}

#[derive(Debug)]
pub(super) enum Asked<D> {
    Page { from: PullState<D>, restarts: bool },
    Single(Wanted),
}

impl<D: Document> Engine<D> {
    pub(super) fn is_pulling(&self) -> bool {
        self.pulling.pullers.values().any(|puller| puller.active)
    }

    /// Collections to be pulled that are not being pulled.
    pub(super) fn pulls_due(&self) -> Vec<Collection> {
        let due =
            self.pulling.pullers.iter().filter(|(_, puller)| puller.due && !puller.active && self.may_pull(puller));
        due.map(|(name, _)| name.clone()).listed()
    }

    /// Whether a due pull may run: on a slow connection only what was ordered, and what was never caught up.
    fn may_pull(&self, puller: &Puller<D>) -> bool {
        let first = puller.state.as_ref().is_none_or(|state| state.completed_at.is_none());
        puller.ordered || first || self.pulls_freely()
    }

    /// Makes one collection due because the server has news of it, or all.
    pub(super) fn want_pulls(&mut self, collection: Option<&str>) {
        for (name, puller) in self.pulling.pullers.iter_mut() {
            if collection.is_none_or(|wanted| *wanted == **name) {
                puller.due = true;
                puller.forced = true;
            }
        }
    }

    pub(super) fn all_pulls_due(&mut self) {
        self.order_pulls(None, false);
    }

    /// Makes one collection or all due at once.
    pub(super) fn order_pulls(&mut self, collection: Option<&Collection>, full: bool) {
        for (name, puller) in self.pulling.pullers.iter_mut() {
            if collection.is_none_or(|wanted| wanted == name) {
                puller.due = true;
                puller.forced = true;
                puller.ordered = true;
                puller.restart |= full;
            }
        }
    }

    /// Makes collections due that were not pulled a moment ago.
    pub(super) fn freshen_pulls(&mut self) {
        let now = self.now;
        for puller in self.pulling.pullers.values_mut() {
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
        self.pulling.pullers.get(collection).map_or((0, 0), progress)
    }

    /// Makes one document be asked for by itself: what is known of it is old.
    pub(super) fn fetch(&mut self, collection: &Collection, id: &str) {
        if let Some(puller) = self.pulling.pullers.get_mut(collection) {
            puller.fetch.push(Wanted { id: id.into(), known: None });
            puller.due = true;
            puller.forced = true;
        }
    }

    /// Another tab did what was due here.
    pub(super) fn forget_pulls(&mut self) {
        for puller in self.pulling.pullers.values_mut() {
            puller.due = false;
        }
    }

    pub(super) fn pull_due(&mut self, collection: &Collection) {
        if let Some(puller) = self.pulling.pullers.get_mut(collection) {
            puller.due = true;
        }
    }

    pub(super) fn pull_work(&mut self) {
        let due = self.pulls_due();
        if due.is_empty() || !self.may_send() || self.auth != Auth::Fine {
            return;
        }
        if self.goes_singly() && !(self.sends.busy.is_empty() && self.pulling.flights.is_empty()) {
            return;
        }
        if self.ready_fence().is_none() {
            return self.leave_to_leader();
        }
        if self.probes_first() {
            return self.probe();
        }
        if !self.pulling.loaded {
            return self.load_pulls();
        }
        let limit = if self.goes_singly() { 1 } else { AT_ONCE };
        for collection in due {
            if self.pulling.pullers.values().filter(|puller| puller.active).count() < limit {
                self.begin_pull(&collection);
            }
        }
    }

    /// Whether a pull is due that cannot wait for the leader's own.
    pub(super) fn pulls_urgently(&self) -> bool {
        self.pulling
            .pullers
            .values()
            .any(|puller| puller.due && puller.forced && !puller.active && self.may_pull(puller))
    }

    /// Another tab leads: it pulls. This one looks again when the lease has run out.
    fn leave_to_leader(&mut self) {
        if let Some(until) = self.seat.refused_until.filter(|until| *until > self.now) {
            self.leave_pulls(until);
        }
    }

    /// Leaves the routine pulls to another tab until then.
    pub(super) fn leave_pulls(&mut self, until: Time) {
        for collection in self.pulls_due() {
            let Some(puller) = self.pulling.pullers.get_mut(&collection) else { continue };
            if !puller.forced {
                puller.due = false;
                self.timers.set(Timer::Pull(collection), until);
            }
        }
    }

    pub(super) fn load_pulls(&mut self) {
        if !self.commits.values().any(|purpose| matches!(purpose, Purpose::LoadPull(_))) {
            let collections: Vec<Collection> = self.pulling.pullers.keys().cloned().listed();
            let plan = LoadPull { collections: collections.clone() };
            self.commit(Purpose::LoadPull(collections), Box::new(plan));
        }
    }

    pub(super) fn pulls_read(&mut self, names: &[Collection], states: Vec<PullState<D>>) {
        self.pulling.loaded = true;
        for (name, state) in names.iter().zip(states) {
            if let Some(puller) = self.pulling.pullers.get_mut(name) {
                let known: Vec<&str> = puller.fetch.iter().chain(&puller.fetching).map(|known| &*known.id).listed();
                let more = state.wanted.iter().filter(|wanted| !known.contains(&&*wanted.id)).cloned();
                let more: Vec<Wanted> = more.listed();
                puller.fetch.extend(more);
                if !puller.active {
                    puller.due |= !puller.fetch.is_empty();
                    puller.state = Some(state);
                }
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
        let Some(puller) = self.pulling.pullers.get_mut(collection) else { return };
        let last = puller.state.as_ref().and_then(|state| state.completed_at).filter(|last| *last <= now);
        let next = last.map(|last| last + interval).filter(|next| *next > now && !puller.forced);
        puller.due = false;
        if let Some(next) = next {
            return self.timers.set(Timer::Pull(collection.clone()), next);
        }
        puller.active = true;
        puller.forced = false;
        puller.ordered = false;
        (puller.changed, puller.deleted, puller.repeats) = (0, 0, 0);
        (puller.strange, puller.restarts) = (0, 0);
        self.begin_pass("pull");
        self.ask_page(collection);
    }

    /// Asks for the next page; where there is no position to go on from, a full pull is begun first.
    pub(super) fn ask_page(&mut self, collection: &Collection) {
        let Some(puller) = self.pulling.pullers.get_mut(collection) else { return };
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
        let (Some(puller), Some(state)) = (self.pulling.pullers.get_mut(collection), states.into_iter().next()) else {
            return;
        };
        puller.state = Some(state.clone());
        if !self.may_pull_on() {
            return self.pull_interrupted(collection);
        }
        self.request_page(collection, state, true);
    }

    pub(super) fn request_page(&mut self, collection: &Collection, from: PullState<D>, restarts: bool) {
        let Some(sync) = self.config.sync.clone() else { return };
        let path = self.config.collection(collection).map_or_else(String::new, |collection| collection.path.clone());
        let Some(puller) = self.pulling.pullers.get_mut(collection) else { return };
        puller.generation = from.generation;
        let etag = from.etag.as_deref().filter(|_| puller.is_conditional(&from));
        let http = pull_request(&sync.endpoint, &path, from.checkpoint.as_ref(), puller.limit, etag);
        self.ask(collection, Asked::Page { from, restarts }, http, sync.timeout);
    }

    pub(super) fn ask_single(&mut self, collection: &Collection, single: Wanted) {
        let Some(sync) = self.config.sync.clone() else { return };
        let path = self.config.collection(collection).map_or_else(String::new, |collection| collection.path.clone());
        if let Some(puller) = self.pulling.pullers.get_mut(collection) {
            puller.fetching = Some(single.clone());
        }
        let http = single_request(&sync.endpoint, &path, &single.id);
        self.ask(collection, Asked::Single(single), http, sync.timeout);
    }

    /// Asks once more for what was asked for.
    pub(super) fn ask_again(&mut self, collection: &Collection, what: Asked<D>) {
        if !self.may_pull_on() {
            return self.pull_interrupted(collection);
        }
        match what {
            Asked::Page { from, restarts } => self.request_page(collection, from, restarts),
            Asked::Single(single) => self.ask_single(collection, single),
        }
    }

    fn ask(&mut self, collection: &Collection, what: Asked<D>, http: HttpRequest<D>, timeout: u64) {
        self.breaker_lets_out();
        let request = self.number();
        self.timers.set(Timer::RequestDeadline(request), self.now + timeout);
        let flight = PullFlight { collection: collection.clone(), what, at: self.now, answers: self.reach.answers() };
        self.pulling.flights.insert(request, flight);
        self.outputs.push_back(Output::Request { request, http });
    }
}
