//! What asks for a pass: the clock, the app, the browser, other tabs. Asked for by key, merged while one runs.
//!
//! Whether a pass follows is decided from the work there is (`advance`); here it is only written down why.

use super::flight::Cargo;
use super::{Engine, NOBODY};
use crate::engine::input::Wish;
use crate::engine::policy::timers::Timer;
use crate::model::{Document, Time};

/// No time is later: the last one that a date can hold.
const LAST: Time = 8_640_000_000_000_000;

impl<D: Document> Engine<D> {
    /// Something wants a pass.
    pub(super) fn trigger(&mut self, what: &str, of: Option<&str>) {
        if self.config.sync.is_some() {
            self.triggers.note(what, of, self.now);
        }
    }

    pub(super) fn trigger_by_timer(&mut self, timer: &Timer) {
        match timer {
            Timer::Interval => self.trigger("interval", None),
            Timer::Pull(collection) => self.trigger("pull", Some(collection)),
            Timer::ChangeDue => self.trigger("retry", None),
            Timer::Scheduled(_) => self.trigger("schedule", None),
            _ => {}
        }
    }

    /// Triggers that found nothing to do wait for nothing.
    pub(super) fn forget_triggers(&mut self) {
        let works = self.pass.is_running() || self.outbox.pending() > 0 || !self.pulls_due().is_empty();
        if !works && self.reading.is_none() {
            self.triggers.forget();
        }
    }

    /// The app wants a pass at a time; one in the past is due now.
    pub(super) fn schedule(&mut self, number: u32, at: Time) {
        if self.config.sync.is_some() {
            self.timers.set(Timer::Scheduled(number), at.clamp(self.now, LAST));
        }
    }

    /// A scheduled pass is due. While sync is held it waits for the last release.
    pub(super) fn scheduled(&mut self) {
        if !self.needs_update {
            self.pass.wait(NOBODY);
            self.grant(Wish::all());
        }
    }

    /// How long an answered request took.
    pub(super) fn time_request(&mut self, request: u32) {
        let push = self.sends.flights.get(&request).and_then(Cargo::sent_at);
        if let Some(since) = push.or_else(|| self.pulling.flights.get(&request).map(|flight| flight.at)) {
            self.count_request(since);
        }
    }
}
