//! What the browser and the other tabs say, and what conflicts leave to tell.
//!
//! All of it is hints: each may be false, late, doubled or missing, and none is needed for progress (I-26).

use super::push::{Auth, Flight};
use super::{Engine, Phase, Timer};
use crate::engine::input::{Message, Signal};
use crate::engine::output::Event;
use crate::engine::plan::Rebased;
use crate::model::{Document, Patch};

/// Messages of other tabs within this time lead to one reading of the outbox.
const GATHER: u64 = 40;

impl<D: Document> Engine<D> {
    pub(super) fn handle_signal(&mut self, signal: Signal) {
        match signal {
            Signal::Online | Signal::Offline => self.flag_online(signal == Signal::Online),
            Signal::Visible => {
                self.trigger("visible", None);
                self.look_around();
            }
            Signal::Frozen if self.phase != Phase::Closed => self.phase = Phase::Frozen,
            Signal::Resumed if self.phase == Phase::Frozen => {
                self.phase = Phase::Running;
                self.come_back();
                self.tell_all_stale();
                self.write();
                self.read_outbox();
                self.trigger("visible", None);
                self.look_around();
            }
            Signal::Frozen | Signal::Resumed => {}
        }
    }

    /// Messages that came while the page was frozen were left unread: any document may have changed.
    fn tell_all_stale(&mut self) {
        let names = self.config.collections.iter().map(|collection| collection.name.clone()).collect();
        self.tell(Event::Stale(names));
    }

    fn flag_online(&mut self, online: bool) {
        self.reach.flag(online, self.now);
        if online {
            self.trigger("online", None);
            self.look_around();
        }
    }

    /// Something may have happened while nobody looked.
    fn look_around(&mut self) {
        self.reach.hurry(self.now);
        if self.auth == Auth::Needed {
            self.auth = Auth::Fine;
        }
        if !self.outbox.is_empty() || !self.watches.is_empty() {
            self.timers.set_by(Timer::Reload, self.now + GATHER);
        }
        if !self.stopped && self.config.sync.as_ref().is_some_and(|sync| sync.pull_interval > 0) {
            self.freshen_pulls();
        }
    }

    pub(super) fn handle_message(&mut self, message: Message<D>) {
        if matches!(self.phase, Phase::Closed | Phase::Frozen) {
            return;
        }
        match message {
            Message::Changed(collections) => self.tell(Event::Stale(collections)),
            Message::Setting(key) => self.tell(Event::Setting(key)),
            Message::Gone(tab) => self.tab_gone(tab),
            Message::Back(tab) => self.tab_back(&tab),
            Message::Outbox => self.timers.set_by(Timer::Reload, self.now + GATHER),
            Message::Ask { id, wish } => self.asked(id, wish),
            Message::Report { id, report } => self.report_came(&id, &report),
        }
    }

    /// A conflict was met: it is announced, and what became of it.
    pub(super) fn rebased(&mut self, flight: &Flight<D>, rebased: Rebased<D>) {
        self.free(flight.seq);
        self.pass.conflicts += 1;
        let conflict_id = self.rng.text(16);
        let detail = self.conflict_document(flight, &rebased, &conflict_id);
        self.tell(Event::Sync { name: "conflict", detail: detail.clone() });
        self.watch_states(&rebased.effects);
        let mutation_id = flight.mutation_id.clone();
        if let Some(failure) = rebased.parked.clone() {
            self.pass.parked += 1;
            self.deliver(false, rebased.effects);
            self.tell_parked(flight, &failure);
            return self.end_failed(&mutation_id, failure);
        }
        let resolved = detail.with(&[
            ("status", Some(D::text("resolved"))),
            ("strategy", Some(D::text("fields"))),
            ("resolvedAt", Some(D::number(self.now as f64))),
        ]);
        self.tell(Event::Sync { name: "resolved", detail: resolved });
        self.deliver(false, rebased.effects);
        if rebased.done {
            self.timers.set_by(Timer::Reload, self.now + 1);
        }
    }

    fn conflict_document(&self, flight: &Flight<D>, rebased: &Rebased<D>, conflict_id: &str) -> D {
        let text = |text: &str| Some(D::text(text));
        let kind = if rebased.remote.is_none() { "edit-delete" } else { "edit-edit" };
        D::object().with(&[
            ("conflictId", text(conflict_id)),
            ("collection", text(&flight.key.collection)),
            ("id", text(&flight.key.id)),
            ("type", text(kind)),
            ("severity", text(if rebased.remote.is_none() { "high" } else { "low" })),
            ("detectedAt", Some(D::number(self.now as f64))),
            ("status", text("open")),
            ("base", rebased.base.clone()),
            ("local", rebased.local.clone()),
            ("remote", rebased.remote.clone()),
            ("fields", Some(D::list(differing_fields(rebased)))),
        ])
    }
}

/// Fields that both sides changed, with all three values.
fn differing_fields<D: Document>(rebased: &Rebased<D>) -> Vec<D> {
    let (Some(base), Some(local), Some(remote)) = (&rebased.base, &rebased.local, &rebased.remote) else {
        return Vec::new();
    };
    let here = Patch::between(base, local);
    let there = Patch::between(base, remote);
    let both = here.fields().filter(|field| there.touches(field));
    let field = |field: &str| {
        let value = |doc: &D| Some(doc.get(field).unwrap_or_else(D::null));
        D::object().with(&[
            ("path", Some(D::text(field))),
            ("base", value(base)),
            ("local", value(local)),
            ("remote", value(remote)),
        ])
    };
    both.map(field).collect()
}
