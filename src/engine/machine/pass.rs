//! A pass: one stretch of syncing from the first request to nothing left to do.
//!
//! It has a report. Whoever asked for a sync waits for the pass that is running (calls made meanwhile share it); a
//! tab that does not send asks the leader, and takes over when no report comes. Stopped sync runs one ordered pass.

use super::flight::Flight;
use super::push::Auth;
use super::{Engine, Timer};
use crate::engine::input::{Message, Wish};
use crate::engine::mutant::Mutant;
use crate::engine::output::{Event, Output, Reply};
use crate::engine::policy::lease::term;
use crate::model::{Document, Failure, Listed, Seq, Time};

/// The running pass, and who waits for it.
#[derive(Debug)]
pub(super) struct Pass<D> {
    running: bool,
    started_at: Time,
    /// Commands to be answered with the report.
    waiting: Vec<u32>,
    /// Asks of other tabs to be answered with it.
    asked: Vec<String>,
    /// Our own ask to the leader.
    asking: Option<Asking>,
    /// What the running pass was ordered to do, when sync is stopped otherwise.
    ordered: Option<Wish>,
    wish: Option<Wish>,
    /// The last failure, until a pass ends without one.
    failure: Option<Failure>,
    failed_now: bool,
    pub(super) pushed: usize,
    pub(super) pulled: usize,
    pub(super) conflicts: usize,
    pub(super) parked: usize,
    pub(super) failed: usize,
    pub(super) results: Vec<D>,
    pub(super) answered_at: Option<Time>,
    /// Changes that could not go although they looked ready.
    pub(super) blocked: Vec<Seq>,
    /// Whether changes read next are due at once, whatever their pauses.
    pub(super) hurries: bool,
    /// Attempts between two requests.
    pub(super) steps: Vec<Flight<D>>,
}

#[derive(Debug)]
struct Asking {
    id: String,
    wish: Wish,
    tickets: Vec<u32>,
}

impl<D> Default for Pass<D> {
    fn default() -> Self {
        Self {
            running: false,
            started_at: 0,
            waiting: Vec::new(),
            asked: Vec::new(),
            asking: None,
            ordered: None,
            wish: None,
            failure: None,
            failed_now: false,
            pushed: 0,
            pulled: 0,
            conflicts: 0,
            parked: 0,
            failed: 0,
            results: Vec::new(),
            answered_at: None,
            blocked: Vec::new(),
            hurries: false,
            steps: Vec::new(),
        }
    }
}

impl<D> Pass<D> {
    /// Keeps why something failed.
    pub(super) fn note(&mut self, failure: &Failure) {
        self.failure = Some(failure.clone());
        self.failed_now = true;
    }

    /// The last failure.
    pub(super) fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Whether changes may be sent: an ordered pass may be for pulling only.
    pub(super) fn may_push(&self) -> bool {
        self.ordered.as_ref().is_none_or(|wish| wish.push)
    }

    /// Whether an ordered pass runs although sync is stopped.
    pub(super) fn is_ordered(&self) -> bool {
        self.ordered.is_some()
    }

    /// Sync runs again: nothing is ordered any more.
    pub(super) fn end_order(&mut self) {
        self.ordered = None;
    }

    /// Whether a pass runs.
    pub(super) fn is_running(&self) -> bool {
        self.running
    }

    /// Somebody waits for the report.
    pub(super) fn wait(&mut self, ticket: u32) {
        self.waiting.push(ticket);
    }

    pub(super) fn is_awaited(&self) -> bool {
        !self.waiting.is_empty() || !self.asked.is_empty()
    }

    /// Whether somebody waits for it, here or at the leader.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_awaited() || self.asking.is_some()
    }
}

impl<D: Document> Engine<D> {
    /// The app wants a pass now.
    pub(super) fn wish(&mut self, ticket: u32, wish: Wish) {
        if let Some(reason) = self.refusal() {
            let report = self.report_document(Some(reason));
            return self.reply(ticket, Reply::Report(report));
        }
        self.trigger("now", wish.collection.as_deref());
        self.pass.waiting.push(ticket);
        self.grant(wish);
    }

    /// Another tab asks for one.
    pub(super) fn asked(&mut self, id: String, wish: Wish) {
        if self.is_leader() && self.refusal().is_none() {
            self.trigger("tab", wish.collection.as_deref());
            self.pass.asked.push(id);
            self.grant(wish);
        }
    }

    pub(super) fn grant(&mut self, wish: Wish) {
        self.try_login();
        self.reach.hurry(self.now);
        if self.runs_by_order() {
            self.pass.ordered = Some(wish.clone());
        }
        if wish.push {
            self.outbox.hurry();
            self.pass.hurries = true;
            self.read_outbox();
        }
        if wish.pull {
            self.order_pulls(wish.collection.as_ref(), wish.full);
        }
        self.pass.wish = Some(wish);
    }

    /// Why no pass can run at all.
    fn refusal(&self) -> Option<&'static str> {
        match () {
            () if self.config.sync.is_none() => Some("disabled"),
            () if self.needs_update => Some("needs-update"),
            () if self.holds.any() => Some("held"),
            () => None,
        }
    }

    pub(super) fn begin_pass(&mut self, reason: &'static str) {
        if !self.pass.running || Mutant::TellsThePassTwice.is_on() {
            self.pass.running = true;
            self.pass.started_at = self.now;
            self.pass.failed_now = false;
            let reason = self.triggers.begin(reason, self.now);
            let detail = D::of(&[("reason", Some(D::text(&reason)))]);
            self.tell(Event::Sync { name: "started", detail });
        }
    }

    /// Ends the pass when nothing is under way and nothing more may be done now.
    pub(super) fn pass_work(&mut self) {
        let works =
            !self.sends.busy.is_empty() || !self.pass.steps.is_empty() || self.is_pulling() || self.reading.is_some();
        let open = self.pass.running || self.pass.is_awaited();
        if !open || works || self.seat.asking || self.timers.is_set(&Timer::Spacing) {
            return;
        }
        if self.has_work() {
            return self.ask_leader();
        }
        self.end_pass();
    }

    /// There is work but no lease: another tab leads, and those who wait here wait for its report.
    fn ask_leader(&mut self) {
        let led_elsewhere = self.seat.refused_until.is_some_and(|until| until > self.now);
        if !led_elsewhere || self.pass.waiting.is_empty() || self.pass.asking.is_some() {
            return;
        }
        let id = self.rng.text(12);
        let wish = self.pass.wish.clone().unwrap_or_else(Wish::all);
        let tickets = std::mem::take(&mut self.pass.waiting);
        self.outputs.push_back(Output::Broadcast(Message::Ask { id: id.clone(), wish: wish.clone() }));
        let until = self.seat.refused_until.unwrap_or(self.now).clamp(self.now + 1, self.now + 2 * term() + 1);
        self.timers.set(Timer::ReportDue, until);
        self.pass.asking = Some(Asking { id, wish, tickets });
    }

    /// The leader's report came.
    pub(super) fn report_came(&mut self, id: &str, report: &D) {
        if self.pass.asking.as_ref().is_some_and(|asking| asking.id == id) {
            let tickets = self.pass.asking.take().map(|asking| asking.tickets).unwrap_or_default();
            self.timers.stop(&Timer::ReportDue);
            self.seat.waits = None;
            self.forget_pulls();
            self.read_outbox();
            for ticket in tickets {
                self.reply(ticket, Reply::Report(report.clone()));
            }
        }
    }

    /// No report came: the leader is asked no more, the lease is tried, and the pass runs here.
    pub(super) fn report_due(&mut self) {
        if let Some(asking) = self.pass.asking.take() {
            self.pass.waiting.extend(asking.tickets);
            self.seat.refused_until = None;
            self.grant(asking.wish);
        }
    }

    fn end_pass(&mut self) {
        let done = self.pass.pushed + self.pass.pulled > 0;
        let failed = self.pass.failed_now || self.pass.failed > 0;
        let report = self.report_document(self.skip_reason(done));
        if self.pass.running {
            let failure = self.pass.failure.clone().filter(|_| failed && !done);
            match failure {
                Some(failure) => self.tell(Event::Sync { name: "failed", detail: failure.to_document() }),
                None => self.tell(Event::Sync { name: "completed", detail: report.clone() }),
            }
        }
        if self.pass.running && !failed {
            // What still fails of another pass is not forgotten.
            self.pass.failure = self.pulling.pullers.values().find_map(|puller| puller.failure.clone());
            self.last_synced_at = Some(self.now);
        }
        for ticket in std::mem::take(&mut self.pass.waiting) {
            self.reply(ticket, Reply::Report(report.clone()));
        }
        for id in std::mem::take(&mut self.pass.asked) {
            let message = Message::Report { id, report: report.clone() };
            self.outputs.push_back(Output::Broadcast(message));
        }
        let pass = std::mem::take(&mut self.pass);
        let Pass { failure, asking, answered_at, blocked, .. } = pass;
        self.pass = Pass { failure, asking, answered_at, blocked, ..Pass::default() };
        self.triggers.end();
    }

    /// Why nothing was done, when something stood in the way.
    fn skip_reason(&self, done: bool) -> Option<&'static str> {
        match () {
            () if done => None,
            () if self.auth == Auth::Needed => Some("needs-auth"),
            () if self.needs_update => Some("needs-update"),
            () if self.reach.is_open(self.now) && !self.is_way_open() => Some("breaker-open"),
            () if self.reach.is_open(self.now) => None,
            () if self.reach.is_rate_limited() => Some("rate-limited"),
            () => Some("offline"),
        }
    }

    fn report_document(&self, skipped: Option<&str>) -> D {
        let count = |count: usize| Some(D::number(count as f64));
        let length = if self.pass.running { self.now.saturating_sub(self.pass.started_at) } else { 0 };
        D::of(&[
            ("skipped", skipped.map(D::text)),
            ("pushed", count(self.pass.pushed)),
            ("pulled", count(self.pass.pulled)),
            ("conflicts", count(self.pass.conflicts)),
            ("parked", count(self.pass.parked)),
            ("failed", count(self.pass.failed)),
            ("durationMs", Some(D::number(length as f64))),
            ("results", Some(D::list(self.pass.results.clone()))),
        ])
    }

    pub(super) fn pass_closed(&mut self) {
        if Mutant::LeavesPassesOpen.is_on() {
            return;
        }
        let asking = self.pass.asking.take().map(|asking| asking.tickets).unwrap_or_default();
        let tickets = std::mem::take(&mut self.pass.waiting).into_iter().chain(asking);
        for ticket in tickets.listed() {
            let report = self.report_document(Some(if self.outdated { "needs-update" } else { "closed" }));
            self.reply(ticket, Reply::Report(report));
        }
    }
}
