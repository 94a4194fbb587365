//! Sending: which changes go now, alone or together, and what their dispatch left.
//!
//! A change is marked in the store before its request leaves and is busy until its outcome is in the store. While the
//! way to the server is in doubt, or its breaker lets one request out to see, one change goes at a time, and another
//! one than the one it failed with last.

use super::commits::Purpose;
use super::flight::Flight;
use super::{Engine, Timer};
use crate::engine::mutant::Mutant;
use crate::engine::outbox::{Entry, Together};
use crate::engine::plan::{Dispatch, Dispatched, Fence};
use crate::engine::policy::breaker::Gate;
use crate::model::{Document, Listed, Seq};
use std::rc::Rc;

/// Whether the server knows who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Auth {
    /// As far as we know.
    Fine,
    /// A 401 came: this one tries once more with new headers, all others wait.
    Trying(Trial),
    /// It came again: everything waits for a person.
    Needed,
}

/// Who tries new headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trial {
    /// A change, with whatever it asks.
    Change(Seq),
    /// The read of this number.
    Read(u32),
}

/// How changes that were picked together travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Travel {
    /// Each in a request of its own.
    Alone,
    /// In one request, each with a result of its own.
    Batch,
    /// In one request, all or none.
    Atomic,
}

/// Changes that are dispatched by one transaction.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) seqs: Vec<Seq>,
    pub(super) travel: Travel,
}

impl<D: Document> Engine<D> {
    /// Whether anything could be done as leader.
    pub(super) fn has_work(&self) -> bool {
        let pushes = self.pass.may_push() && !self.pick(1).is_empty();
        (self.may_send() && (pushes || !self.pulls_due().is_empty())) || self.must_ask()
    }

    pub(super) fn push_work(&mut self) {
        if !self.may_send() || self.auth != Auth::Fine || self.timers.is_set(&Timer::Spacing) || !self.pass.may_push() {
            return;
        }
        let room = self.room();
        let loads = if room > 0 { self.pick(room) } else { Vec::new() };
        if loads.is_empty() || self.waits_for_more(&loads) {
            return;
        }
        let Some(fence) = self.ready_fence() else { return };
        if self.probes_first() {
            return self.probe();
        }
        for load in loads {
            self.dispatch(fence.clone(), load);
        }
    }

    /// Whether what could go would make a small batch while the outcomes of another one are being written.
    fn waits_for_more(&self, loads: &[Load]) -> bool {
        let count: usize = loads.iter().map(|load| load.seqs.len()).sum();
        let settles = !self.gathered.0.is_empty() || self.commits.values().any(Purpose::is_outcome);
        self.is_batching() && count < self.sends.batch_limit && settles
    }

    /// Requests that may still go out.
    fn room(&self) -> usize {
        let Some(sync) = self.config.sync.as_ref() else { return 0 };
        let most = if self.goes_singly() || sync.delay_between > 0 { 1 } else { sync.concurrency };
        if !self.is_batching() {
            return most.saturating_sub(self.sends.busy.len());
        }
        let dispatches = self.commits.values().filter(|purpose| matches!(purpose, Purpose::Dispatch(_))).count();
        // While what became of one batch is written the next one leaves.
        let full = self.sends.busy.len() > sync.concurrency * sync.batch_size;
        let out = self.sends.flights.len() + self.pass.steps.len() + dispatches;
        if full {
            0
        } else {
            most.saturating_sub(out)
        }
    }

    /// Whether one change goes at a time, to see.
    pub(super) fn goes_singly(&self) -> bool {
        self.reach.is_doubtful() || self.breaker.gate(self.now) == Gate::One
    }

    /// What may go now, in at most so many requests.
    fn pick(&self, room: usize) -> Vec<Load> {
        let size = if self.is_batching() && !self.goes_singly() { self.sends.batch_limit } else { 1 };
        let ready = self.pick_ready(room * size);
        if self.is_batching() {
            return self.pack(&ready, room, size);
        }
        if ready.is_empty() {
            Vec::new()
        } else {
            vec![Load { seqs: ready, travel: Travel::Alone }]
        }
    }

    /// Ready changes; the one the way to the server failed with last goes only when there is no other to try it with.
    /// Repeats go as far as the budget for them allows.
    fn pick_ready(&self, most: usize) -> Vec<Seq> {
        let mut budget = self.budget;
        let mut tokens = if Mutant::RepeatsAreFree.is_on() { u32::MAX } else { budget.left(self.now) };
        let blocked = |entry: &Entry| {
            self.sends.busy.contains(&entry.seq)
                || (tokens == 0 && entry.retry_count > 0)
                || self.waits_for_its_group(entry)
        };
        let failed = self.sends.last_failed.filter(|_| !Mutant::SeesWithTheSame.is_on());
        let others = self.outbox.ready(self.now, |entry| blocked(entry) || failed == Some(entry.seq), most);
        let ready = if others.is_empty() { self.outbox.ready(self.now, blocked, most) } else { others };
        let repeats = |seq: &Seq| self.outbox.get(*seq).is_some_and(|entry| entry.retry_count > 0);
        let mut affordable = |seq: &Seq| {
            let costs = u32::from(repeats(seq));
            let fits = tokens >= costs;
            tokens = tokens.saturating_sub(costs);
            fits
        };
        ready.into_iter().filter(|seq| affordable(seq)).listed()
    }

    /// Whether the rest of its transaction is not ready to go with it.
    fn waits_for_its_group(&self, entry: &Entry) -> bool {
        self.is_batching() && self.together(entry.seq) == Together::Later
    }

    fn together(&self, seq: Seq) -> Together {
        self.outbox.together(seq, self.now, |entry| self.sends.busy.contains(&entry.seq))
    }

    /// Puts ready changes into requests: a transaction by itself, a change that failed before alone, others together.
    fn pack(&self, ready: &[Seq], room: usize, size: usize) -> Vec<Load> {
        let mut loads: Vec<Load> = Vec::new();
        let mut open: Option<usize> = None;
        for seq in ready {
            if let Together::Now(seqs) = self.together(*seq) {
                loads.push(Load { seqs, travel: Travel::Atomic });
            } else if self.goes_alone(*seq) {
                loads.push(Load { seqs: vec![*seq], travel: Travel::Alone });
            } else if let Some(load) = open.and_then(|at| loads.get_mut(at)).filter(|load| load.seqs.len() < size) {
                load.seqs.push(*seq);
            } else {
                open = Some(loads.len());
                loads.push(Load { seqs: vec![*seq], travel: Travel::Batch });
            }
        }
        loads.truncate(room);
        loads
    }

    fn dispatch(&mut self, fence: Fence, load: Load) {
        let repeats = load.seqs.iter().filter_map(|seq| self.outbox.get(*seq)).filter(|entry| entry.retry_count > 0);
        let repeats = repeats.count() as u32;
        self.budget.left(self.now);
        self.budget.take(repeats);
        let guard = (repeats > 0).then(|| self.guard());
        self.sends.busy.extend(load.seqs.iter().copied());
        self.begin_pass("change");
        let changes = load.seqs.iter().map(|seq| (*seq, Rc::from(self.rng.text(26)))).listed();
        let atomic = load.travel == Travel::Atomic;
        let mates = load.seqs.iter().flat_map(|seq| self.outbox.mates(*seq)).listed();
        let plan = Dispatch { config: self.config.clone(), fence, changes, mates, atomic, guard, now: self.now };
        self.commit(Purpose::Dispatch(load), Box::new(plan));
    }

    pub(super) fn dispatched(&mut self, load: &Load, dispatched: Vec<Dispatched<D>>) {
        native_assert!(load.seqs.len() == dispatched.len(), "a dispatch answers for each of its changes");
        let mut moved = crate::engine::plan::Effects::default();
        let mut flights = Vec::with_capacity(dispatched.len());
        for one in dispatched {
            match one {
                Dispatched::Send(change, again) => {
                    moved.entries.push(Entry::of(&change, &self.config));
                    flights.push(Flight::new(change, again, self.now));
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
        self.gathering = true;
        match load.travel {
            Travel::Alone => flights.into_iter().for_each(|flight| self.send(flight)),
            Travel::Batch | Travel::Atomic => self.send_batch(flights, load.travel == Travel::Atomic),
        }
        self.gathering = false;
        self.deliver(true, moved);
    }

    /// Changes that could not go although they looked ready are looked at again after the outbox was read.
    pub(super) fn unblock(&mut self) {
        for seq in std::mem::take(&mut self.pass.blocked) {
            self.free(seq);
        }
    }

    /// When a repeat that only waits for the budget may go.
    pub(super) fn budget_due(&self) -> Option<u64> {
        let mut budget = self.budget;
        let waits = budget.left(self.now) == 0 && self.config.sync.is_some();
        (waits && self.outbox.has_repeat(self.now, |entry| self.sends.busy.contains(&entry.seq))).then(|| budget.next())
    }
}
