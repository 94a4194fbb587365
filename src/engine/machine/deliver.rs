//! From what a commit moved to what the app and the other tabs hear: documents, row states, the state of sync.

use super::{Engine, Phase, Reading};
use crate::engine::input::Message;
use crate::engine::mutant::Mutant;
use crate::engine::outbox::{Entry, Outbox};
use crate::engine::output::{Event, Output, Status};
use crate::engine::plan::{Effects, LoadOutbox, Loaded};
use crate::engine::policy::breaker::Gate;
use crate::model::{Code, Collection, Document, Failure, Listed, PendingState, Set};

use super::commits::Purpose;
use super::push::Auth;
use super::Timer;

impl<D: Document> Engine<D> {
    /// Takes a commit's effects into memory and tells everyone.
    pub(super) fn deliver(&mut self, own: bool, mut effects: Effects<D>) {
        self.absorb(&effects);
        self.tell_conflicts(&mut effects);
        let documents = documents(&effects);
        let states: Set<Collection> = effects.entries.iter().map(|entry| entry.key.collection.clone()).collect();
        let changes = std::mem::take(&mut effects.changes);
        if Mutant::TellsHalf.is_on() && own {
            let half = changes.len().div_ceil(2);
            self.tell(Event::Changes { own, changes: changes.into_iter().take(half).listed() });
        } else if !changes.is_empty() {
            self.tell(Event::Changes { own, changes });
        }
        let only_states: Vec<Collection> = states.iter().filter(|name| !documents.contains(name)).cloned().listed();
        if !only_states.is_empty() {
            self.tell(Event::States(only_states));
        }
        self.broadcast_moved(&documents, &effects);
    }

    /// The other tabs hear which collections moved, and whether the outbox did; once, also of what was written together.
    pub(super) fn broadcast_moved(&mut self, documents: &Set<Collection>, effects: &Effects<D>) {
        let said = |about: &dyn Fn(&Message<D>) -> bool| {
            self.outputs.iter().any(|output| matches!(output, Output::Broadcast(message) if about(message)))
        };
        let told =
            |name: &Collection| said(&|message| matches!(message, Message::Changed(names) if names.contains(name)));
        let names = documents.iter().filter(|name| !told(name)).cloned().listed();
        let moved = !effects.entries.is_empty() || !effects.removed.is_empty();
        let moved = moved && !said(&|message| matches!(message, Message::Outbox));
        if !names.is_empty() && !Mutant::TellsNobodyElse.is_on() {
            self.outputs.push_back(Output::Broadcast(Message::Changed(names)));
        }
        if moved {
            self.outputs.push_back(Output::Broadcast(Message::Outbox));
        }
    }

    /// Reads the outbox from the store, once at a time.
    pub(super) fn read_outbox(&mut self) {
        if self.reading.is_some() {
            self.read_again = true;
            return;
        }
        self.reading = Some(Reading { outbox: Outbox::read(), touched: Set::new() });
        self.timers.stop(&Timer::Reload);
        self.read_page(0);
    }

    fn read_page(&mut self, after: u64) {
        let plan = LoadOutbox { config: self.config.clone(), after };
        self.commit(Purpose::ReadOutbox, Box::new(plan));
    }

    pub(super) fn outbox_read(&mut self, loaded: Loaded) {
        self.numbers_read(loaded.stats.0, loaded.stats.1);
        self.clock.read(loaded.clock, self.now);
        let Some(reading) = self.reading.as_mut() else { return };
        loaded.entries.into_iter().for_each(|entry| reading.outbox.put(entry));
        match loaded.next {
            Some(after) => self.read_page(after),
            None => self.outbox_known(),
        }
    }

    /// The reading replaces what was known, but for what changed here while it ran.
    fn outbox_known(&mut self) {
        let Some(Reading { mut outbox, touched }) = self.reading.take() else { return };
        for seq in touched.iter() {
            match self.outbox.get(*seq) {
                Some(entry) => outbox.put(entry.clone()),
                None => outbox.remove(*seq),
            }
        }
        if Mutant::KeepsParkedEntries.is_on() {
            let rests = |entry: &Entry| matches!(entry.state, PendingState::Parked | PendingState::Conflict);
            let gone = |entry: &&Entry| rests(entry) && outbox.get(entry.seq).is_none();
            let kept = self.outbox.iter().filter(gone).cloned().listed();
            kept.into_iter().for_each(|entry| outbox.put(entry));
        }
        let moved = self.outbox.renew(outbox);
        if std::mem::take(&mut self.pass.hurries) {
            self.outbox.hurry();
        }
        if self.phase == Phase::Loading {
            self.phase = Phase::Running;
            self.space_start();
        }
        self.unblock();
        if !moved.is_empty() {
            self.tell(Event::States(moved.iter().cloned().listed()));
        }
        self.check_watches();
        self.do_deferred();
        let endless = Mutant::ReadsForEver.is_on() && self.outbox.pending() > 0;
        if std::mem::take(&mut self.read_again) || endless {
            self.read_outbox();
        }
    }

    pub(super) fn outbox_unread(&mut self) {
        self.reading = None;
        self.do_deferred();
        self.timers.set_by(Timer::Reload, self.now + 1_000);
        if self.phase == Phase::Loading {
            self.phase = Phase::Running;
        }
    }

    /// Keeps the last failure for the status, without an event of its own.
    pub(super) fn note_failure(&mut self, failure: &Failure) {
        self.pass.note(failure);
    }

    pub(super) fn publish_status(&mut self) {
        let status = self.current_status();
        self.say_doing(&status);
        if self.last_status.as_ref() == Some(&status) {
            return;
        }
        let last = self.last_status.replace(status.clone());
        let network = |status: &Status| (status.online, status.reachable, status.connection.clone());
        if last.is_some_and(|last| network(&last) != network(&status)) {
            let detail = status.to_document::<D>().get("network").unwrap_or_else(D::object);
            self.tell(Event::Sync { name: "network", detail });
        }
        self.tell(Event::Status(status));
    }

    /// The server wants a newer app: nothing is sent any more, and that is told once.
    pub(super) fn require_update(&mut self) {
        if !std::mem::replace(&mut self.needs_update, true) {
            self.tell(Event::Sync { name: "update-required", detail: D::object() });
        }
    }

    pub(super) fn current_status(&self) -> Status {
        let pushing = !self.sends.flights.is_empty() || !self.sends.busy.is_empty();
        let pulling = self.is_pulling();
        let mut holds: Vec<String> = self.holds.reasons().into_iter().map(String::from).listed();
        if self.stopped && self.config.sync.is_some() {
            holds.push("stopped".into());
        } else if self.runs_by_order() && self.config.sync.is_some() {
            holds.push("slow-network".into());
        }
        let mut status = Status {
            state: self.state_name(pushing || pulling),
            phase: if pushing {
                "pushing"
            } else if pulling {
                "pulling"
            } else {
                "idle"
            },
            online: self.reach.is_flagged_online() && self.reach.reachable() != Some(false),
            reachable: self.reach.reachable(),
            connection: self.connection.clone(),
            leader: self.led_last(),
            pending: self.outbox.pending(),
            parked: self.outbox.parked(),
            conflicts: self.outbox.conflicted(),
            oldest: self.outbox.oldest(),
            last_synced_at: self.last_synced_at,
            next_attempt_at: self.next_attempt_at(),
            holds,
            error: self.shown_failure(),
            progress: self.meter.shown().filter(|_| self.pass.is_running()).cloned(),
            triggers: self.triggers.clone(),
        };
        self.show_overheard(&mut status);
        status
    }

    /// The last failure; while the breaker is open, that: the last one alone would not tell why others wait.
    fn shown_failure(&self) -> Option<Failure> {
        let failure = self.pass.failure()?;
        if self.breaker.gate(self.now) != Gate::Shut {
            return Some(failure.clone());
        }
        let text = "the server failed several times in a row; sending pauses for a while";
        Some(Failure::new(Code::BreakerOpen, text).at(failure.at))
    }

    fn state_name(&self, works: bool) -> &'static str {
        let waits = self.outbox.pending() > 0;
        match () {
            () if self.config.sync.is_none() => "disabled",
            () if self.needs_update => "needs-update",
            () if self.runs_by_order() || self.holds.any() => "held",
            () if self.auth == Auth::Needed => "needs-auth",
            () if self.reach.is_rate_limited() && !self.reach.is_open(self.now) => "rate-limited",
            () if self.breaker.gate(self.now) == Gate::Shut => "breaker-open",
            () if !self.reach.is_flagged_online() || self.reach.reachable() == Some(false) => "offline",
            () if works => "syncing",
            () if waits => "waiting",
            () if self.pass.failure().is_some() => "error",
            () => "idle",
        }
    }

    fn next_attempt_at(&self) -> Option<u64> {
        if self.outbox.pending() == 0 || self.is_held() {
            return None;
        }
        let opens = self.reach.opens_at(self.now).max(self.breaker.opens_at(self.now));
        opens.or_else(|| self.outbox.next_due(self.now))
    }
}

/// The collections whose documents moved.
pub(super) fn documents<D>(effects: &Effects<D>) -> Set<Collection> {
    effects.changes.iter().map(|change| change.key.collection.clone()).collect()
}
