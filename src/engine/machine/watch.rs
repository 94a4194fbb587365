//! Changes whose end this tab promised to tell: `write.synced`.
//!
//! A watch follows the outbox row that carries the change, also when the change was folded into an earlier one. It
//! ends from what this tab itself committed, or else from what the store says (I-41); messages only make it sooner.

use super::commits::{Purpose, STORE_PAUSE};
use super::outdated::outdated;
use super::{Engine, Timer};
use crate::engine::mutant::Mutant;
use crate::engine::output::{Event, Settled};
use crate::engine::plan::{Acknowledged, Check, Effects, Ending, GroupDone, Written};
use crate::model::{Code, DocKey, Document, Failure, Listed, Map, PendingState, Seq, Set};
use std::rc::Rc;

/// A watched row.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    seq: Seq,
    key: DocKey,
    asked: bool,
}

/// Watched rows in the order of their mutation ids, on shelves by the first two letters: many thousands may wait, and
/// the end of one moves its shelf only.
#[derive(Debug, Default)]
pub(super) struct Watches(Map<u16, Map<Rc<str>, Watch>>);

impl Watches {
    fn shelf(&mut self, mutation_id: &str) -> &mut Map<Rc<str>, Watch> {
        let first = mutation_id.as_bytes().first_chunk().map_or(0, |first| u16::from_be_bytes(*first));
        self.0.get_or_insert_with(first, Map::new)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Rc<str>, &Watch)> {
        self.0.values().flat_map(Map::iter)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    fn get_mut(&mut self, mutation_id: &str) -> Option<&mut Watch> {
        self.shelf(mutation_id).get_mut(mutation_id)
    }

    fn remove(&mut self, mutation_id: &str) -> Option<Watch> {
        self.shelf(mutation_id).remove(mutation_id)
    }
}

impl<D: Document> Engine<D> {
    /// Watches the rows that carry what was just written.
    pub(super) fn watch_writes(&mut self, groups: &[GroupDone<D>]) {
        let outcomes = groups.iter().filter_map(|group| group.result.as_ref().ok()).flatten();
        for outcome in outcomes {
            if let Some((mutation_id, seq)) = outcome.mutation_id.clone().zip(outcome.seq) {
                let watch = Watch { seq, key: outcome.key.clone(), asked: false };
                self.watches.shelf(&mutation_id).insert(mutation_id, watch);
            }
        }
    }

    /// Ends the watch of an acknowledged change.
    pub(super) fn end_acknowledged(&mut self, mutation_id: &Rc<str>, done: &Acknowledged<D>) {
        if self.watches.remove(mutation_id).is_some() {
            let settled = Settled { id: done.id.clone(), doc: done.doc.clone(), revision: done.revision.clone() };
            self.tell(Event::Settled { mutation_id: mutation_id.clone(), result: Ok(settled) });
        }
    }

    /// Ends the watch of a change that was parked, refused or discarded.
    pub(super) fn end_failed(&mut self, mutation_id: &Rc<str>, failure: Failure) {
        if self.watches.remove(mutation_id).is_some() {
            self.tell(Event::Settled { mutation_id: mutation_id.clone(), result: Err(failure) });
        }
    }

    /// Changes that this commit took out before the server heard of them, or that never reached the store.
    pub(super) fn unmade(&self, written: &Written<D>) -> Vec<(Rc<str>, Rc<str>)> {
        let removed = written.effects.removed.iter().filter_map(|seq| self.outbox.get(*seq));
        let removed = removed.map(|entry| (entry.mutation_id.clone(), entry.key.id.clone()));
        let held: Set<Seq> = written.effects.entries.iter().map(|entry| entry.seq).collect();
        let outcomes = written.groups.iter().filter_map(|group| group.result.as_ref().ok()).flatten();
        let lost = outcomes.filter_map(|outcome| {
            let seq = outcome.seq.filter(|seq| !held.contains(seq) && self.outbox.get(*seq).is_none())?;
            (seq > 0).then_some(())?;
            Some((outcome.mutation_id.clone()?, outcome.key.id.clone()))
        });
        removed.chain(lost).listed()
    }

    /// There is nothing on the server, as wanted.
    pub(super) fn end_unmade(&mut self, unmade: Vec<(Rc<str>, Rc<str>)>) {
        for (mutation_id, id) in unmade {
            if self.watches.remove(&mutation_id).is_some() {
                let settled = Settled { id, doc: None, revision: None };
                self.tell(Event::Settled { mutation_id, result: Ok(settled) });
            }
        }
    }

    pub(super) fn end_discarded(&mut self, effects: &Effects<D>) {
        let gone: Vec<Rc<str>> =
            effects.removed.iter().filter_map(|seq| Some(self.outbox.get(*seq)?.mutation_id.clone())).listed();
        for mutation_id in gone {
            self.end_failed(&mutation_id, Failure::new(Code::Discarded, "this change was discarded").at(self.now));
        }
    }

    /// Rows whose document got another id are followed under it.
    pub(super) fn watch_states(&mut self, effects: &Effects<D>) {
        for entry in &effects.entries {
            if let Some(watch) = self.watches.get_mut(&entry.mutation_id) {
                watch.key = entry.key.clone();
            }
        }
    }

    /// After the outbox was read: watched rows that are gone or parked are asked for.
    pub(super) fn check_watches(&mut self) {
        let ended = |watch: &Watch, mutation_id: &Rc<str>| match self.outbox.get(watch.seq) {
            Some(entry) if entry.mutation_id == *mutation_id => {
                entry.state == PendingState::Parked || (entry.state == PendingState::Conflict && !entry.asks)
            }
            _ => !self.sends.busy.contains(&watch.seq),
        };
        let wanted = self.watches.iter().filter(|(mutation_id, watch)| !watch.asked && ended(watch, mutation_id));
        let wanted: Vec<Rc<str>> = wanted.map(|(mutation_id, _)| mutation_id.clone()).listed();
        for mutation_id in wanted.into_iter().filter(|_| !Mutant::ChecksNoWatches.is_on()) {
            let Some(watch) = self.watches.get_mut(&mutation_id) else { continue };
            watch.asked = true;
            let plan = Check { seq: watch.seq, mutation_id: mutation_id.clone(), key: watch.key.clone() };
            self.commit(Purpose::Check(mutation_id), Box::new(plan));
        }
    }

    pub(super) fn checked(&mut self, mutation_id: &Rc<str>, ending: Ending<D>) {
        match ending {
            Ending::Open => {
                if let Some(watch) = self.watches.get_mut(mutation_id) {
                    watch.asked = false;
                }
            }
            Ending::Acknowledged { id, doc, revision } => {
                self.watches.remove(mutation_id);
                let settled = Settled { id, doc, revision };
                self.tell(Event::Settled { mutation_id: mutation_id.clone(), result: Ok(settled) });
            }
            Ending::Discarded => {
                self.end_failed(mutation_id, Failure::new(Code::Discarded, "this change was discarded").at(self.now));
            }
            Ending::Parked(failure) => self.end_failed(mutation_id, failure),
        }
    }

    /// The store could not say: it is asked again.
    pub(super) fn unchecked(&mut self, mutation_id: &Rc<str>) {
        if let Some(watch) = self.watches.get_mut(mutation_id) {
            watch.asked = false;
            self.timers.set_by(Timer::Reload, self.now + STORE_PAUSE);
        }
    }

    pub(super) fn close_waiters(&mut self) {
        if self.outdated && Mutant::OutdatedKeepsWaiting.is_on() {
            return;
        }
        let open: Vec<Rc<str>> = self.watches.iter().map(|(mutation_id, _)| mutation_id.clone()).listed();
        for mutation_id in open.into_iter().skip(usize::from(Mutant::LeavesWaitersOpen.is_on())) {
            let text = "the database was closed; the change is kept and will be sent";
            let failure = if self.outdated { outdated() } else { Failure::new(Code::Closed, text) };
            self.end_failed(&mutation_id, failure.at(self.now));
        }
        self.pass_closed();
    }
}
