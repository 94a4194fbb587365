//! How far the running pass is, for people: told when it moved, at most ten times a second.
//!
//! Sending knows its whole (what is settled in this pass, and what waits); pulling does not, for servers do not say.

use super::Engine;
use crate::engine::mutant::Mutant;
use crate::engine::output::{Event, Progress};
use crate::engine::policy::pace::Pace;
use crate::model::{Document, Time};

/// Two steps closer together than this are told as one.
const BETWEEN: u64 = 100;

/// What was shown last.
#[derive(Debug, Default)]
pub(super) struct Meter {
    shown: Option<Progress>,
    told_at: Option<Time>,
    pace: Pace,
    /// Changes that came to an end in this pass.
    settled: usize,
}

impl Meter {
    /// A pass begins.
    pub(super) fn begin(&mut self, now: Time) {
        *self = Self { pace: Pace::start(now), ..Self::default() };
    }

    /// A change came to an end.
    pub(super) fn settle(&mut self) {
        self.settled += 1;
    }

    /// Whether it was told at this moment.
    pub(super) fn is_told_at(&self, now: Time) -> bool {
        self.told_at == Some(now)
    }

    /// What is shown.
    pub(super) fn shown(&self) -> Option<&Progress> {
        self.shown.as_ref()
    }
}

impl<D: Document> Engine<D> {
    /// Looks how far the pass is, and tells when that moved.
    pub(super) fn measure_progress(&mut self) {
        if !self.pass.is_running() {
            self.meter.shown = None;
            return;
        }
        let Some(mut next) = self.progress_now() else { return };
        let before = self.meter.shown.take();
        let same = before.as_ref().filter(|before| before.phase == next.phase);
        let moved = same.is_none_or(|before| before.done != next.done || before.total != next.total);
        if !moved {
            self.meter.shown = before;
            return;
        }
        match same {
            Some(before) => self.meter.pace.note(next.done.saturating_sub(before.done), self.now),
            None => self.meter.pace = Pace::start(self.now),
        }
        next.remaining = next.total.and_then(|total| self.meter.pace.remaining(total.saturating_sub(next.done)));
        let ends = next.total == Some(next.done);
        let early = self.meter.told_at.is_some_and(|at| at <= self.now && self.now < at + BETWEEN);
        if ends || same.is_none() || !early {
            self.meter.told_at = Some(self.now);
            self.tell(Event::Sync { name: "progress", detail: next.to_document() });
        }
        self.meter.shown = Some(next);
    }

    fn progress_now(&self) -> Option<Progress> {
        let shown = self.meter.shown.as_ref();
        let settled = shown.is_some_and(|shown| shown.phase == "pushing" && shown.done != self.meter.settled);
        if settled || !self.sends.busy.is_empty() {
            let done = self.meter.settled;
            let total = if Mutant::ForgetsWhatWaits.is_on() { 0 } else { done + self.outbox.pending() };
            let total = Some(total);
            return Some(Progress { phase: "pushing", collection: None, done, total, remaining: None });
        }
        let pulled = shown.is_some_and(|shown| shown.phase == "pulling" && shown.done != self.pass.pulled);
        if !pulled && !self.is_pulling() {
            return None;
        }
        let mut active = self.pulling.pullers.iter().filter(|(_, puller)| puller.active).map(|(name, _)| name.clone());
        let collection = active.next().filter(|_| active.next().is_none());
        Some(Progress { phase: "pulling", collection, done: self.pass.pulled, total: None, remaining: None })
    }
}
