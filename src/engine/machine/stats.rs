//! What sync has done: counted from the very events the app is told, stored in batches.
//!
//! Counts stand in memory for at most a few seconds after a change moved and then go to the store in one transaction
//! of their own, never one for each change; a crash loses what was not stored yet and doubles nothing. Looking in
//! vain (an idle poll) is counted, but stored only with the next change or at the end.

use super::commits::Purpose;
use super::Engine;
use crate::engine::mutant::Mutant;
use crate::engine::output::Reply;
use crate::engine::plan::Tally;
use crate::engine::policy::timers::Timer;
use crate::model::{Collection, Counts, Document, Failure, Stats, Time};
use std::rc::Rc;

/// How long counts may stand in memory.
const BATCH: u64 = 5_000;

/// What was counted and is not stored yet.
#[derive(Debug, Default)]
pub(super) struct Counting {
    counted: Stats,
    /// How often the stored numbers were reset when this tab last looked.
    known: Option<u64>,
}

impl<D: Document> Engine<D> {
    /// Counts what the app is told.
    pub(super) fn count(&mut self, name: &str, detail: &D) {
        let stats = self.counting_now();
        let (mut own, mut pulled) = (Counts::default(), 0);
        match name {
            "acknowledged" => own.pushed = 1,
            "retrying" | "parked" | "rejected" => own.failed = 1,
            "conflict" => stats.conflicts += 1,
            "completed" | "failed" => stats.passes += 1,
            "pulled" => pulled = whole(detail, "changed") + whole(detail, "deleted"),
            _ => {}
        }
        own.pulled = pulled;
        stats.pushed += own.pushed;
        stats.pulled += own.pulled;
        stats.failures += own.failed;
        stats.retried += u64::from(name == "retrying");
        stats.parked += u64::from(name == "parked");
        let collection: Option<Collection> = detail.text_of("collection").map(Rc::from);
        if let Some(name) = collection.filter(|_| own != Counts::default()) {
            stats.of(&name).add(own);
        }
        match name {
            "started" => self.meter.begin(self.now),
            "acknowledged" | "parked" | "rejected" => self.meter.settle(),
            _ => {}
        }
        if self.counting.counted.is_news() {
            self.timers.set_by(Timer::Tally, self.now + BATCH);
        }
    }

    /// The size of a request and of its answer.
    pub(super) fn handle_measured(&mut self, sent: u64, received: u64) {
        let stats = self.counting_now();
        stats.sent += sent;
        stats.received += received;
    }

    /// A request that left at `since` was answered.
    pub(super) fn count_request(&mut self, since: Time) {
        let took = self.now.saturating_sub(since);
        self.counting_now().requests.note(took);
    }

    fn counting_now(&mut self) -> &mut Stats {
        if self.counting.counted.is_empty() {
            self.counting.counted.since = self.now;
        }
        &mut self.counting.counted
    }

    /// Puts what was counted into the store; the ticket gets the sum.
    pub(super) fn tally(&mut self, ticket: Option<u32>, resets: bool) {
        self.timers.stop(&Timer::Tally);
        if ticket.is_none() && self.counting.counted.is_empty() {
            return;
        }
        // Before the stored numbers were read nothing can be added to them: they may have been reset.
        let known = self.counting.known.is_some();
        if ticket.is_none() && !known {
            return self.timers.set_by(Timer::Tally, self.now + BATCH);
        }
        let mut counted = if known { std::mem::take(&mut self.counting.counted) } else { Stats::default() };
        counted.synced_at = self.last_synced_at;
        counted.resets = self.counting.known.unwrap_or(0);
        if Mutant::TallyCountsTwice.is_on() {
            self.counting.counted = counted.clone();
        }
        let name = [&*self.tab, ":", &(self.last_number + 1).to_string()].concat().into();
        let plan = Tally { counted: counted.clone(), name, known: self.counting.known, resets, now: self.now };
        self.commit(Purpose::Tally(ticket, Box::new(counted)), Box::new(plan));
    }

    /// The numbers are in the store.
    pub(super) fn tallied(&mut self, ticket: Option<u32>, stats: &Stats) {
        self.numbers_read(stats.resets, stats.synced_at);
        if let Some(ticket) = ticket {
            self.reply(ticket, Reply::Report(stats.to_document()));
        }
    }

    /// They are not: what was counted goes with the next ones. So it does when a reset fails: if that one came through
    /// all the same, the store knows of one reset more and drops it.
    pub(super) fn untallied(&mut self, ticket: Option<u32>, counted: &Stats, failure: Failure) {
        let kept = self.counting.known.is_none_or(|known| known == counted.resets);
        if kept && !Mutant::TallyForgetsFailures.is_on() {
            self.counting_now().add(counted);
            self.timers.set_by(Timer::Tally, self.now + BATCH);
        }
        if let Some(ticket) = ticket {
            self.refuse(ticket, failure);
        }
    }

    /// The store said how often the numbers were reset: what was counted before another reset, or perhaps before one
    /// because nothing was known yet, is forgotten.
    pub(super) fn numbers_read(&mut self, resets: u64, synced_at: Option<Time>) {
        if self.counting.known.unwrap_or(0) != resets && !Mutant::TallyIgnoresResets.is_on() {
            self.counting.counted = Stats::default();
        }
        self.counting.known = Some(resets);
        self.last_synced_at = self.last_synced_at.max(synced_at);
    }
}

fn whole<D: Document>(detail: &D, field: &str) -> u64 {
    detail.number_of(field).map_or(0, |number| number as u64)
}
