//! Alarms: what each one means when it is due, and which are set while something cannot be done yet.
//!
//! With nothing to do none is set, so an idle database costs no wake-up (B-14). What an alarm starts is decided where
//! its work is; nothing is decided here but when to look again.

use super::Engine;
use crate::engine::mutant::Mutant;
use crate::engine::policy::timers::Timer;
use crate::model::{Document, Time};

impl<D: Document> Engine<D> {
    pub(super) fn handle_due_timers(&mut self) {
        while let Some(timer) = self.timers.take_due(self.now) {
            self.trigger_by_timer(&timer);
            match timer {
                Timer::RequestDeadline(request) => self.request_deadline(request),
                Timer::RequestStep(seq) => self.request_step(seq),
                Timer::Lease => self.lease_due(),
                Timer::Interval | Timer::Reload => self.read_outbox(),
                Timer::Pull(collection) => self.pull_due(&collection),
                Timer::ReportDue => self.report_due(),
                Timer::AuthDue => self.try_login(),
                Timer::Verdict(seq) => self.verdict_due(seq),
                Timer::StoreRetry => self.retry_store(),
                Timer::Scheduled(_) => self.scheduled(),
                Timer::Tally => self.tally(None, false),
                Timer::Shown => self.shown(),
                Timer::Listen => self.listen_due(),
                Timer::Overheard => self.overhear(None),
                Timer::ChangeDue | Timer::Spacing | Timer::EndpointDue | Timer::BudgetDue => {}
            }
        }
    }

    /// Sets the alarms for what cannot be done yet. With nothing to do none is set (B-14).
    pub(super) fn arm_timers(&mut self) {
        let now = self.now;
        let sends = self.config.sync.is_some() && !self.is_held();
        self.arm(Timer::ChangeDue, if sends { self.outbox.next_due(now) } else { None });
        let waits = !self.outbox.is_empty() || !self.pulls_due().is_empty();
        let opens = self.reach.opens_at(now).max(self.breaker.opens_at(now));
        let opens = if Mutant::AlarmsRingAtOnce.is_on() { Some(now) } else { opens };
        self.arm(Timer::EndpointDue, opens.filter(|_| waits));
        let budget = self.budget_due().filter(|_| !self.is_held());
        self.arm(Timer::BudgetDue, budget);
        let pending = self.outbox.pending() > 0 && !self.is_held();
        match self.config.sync.as_ref().map(|sync| sync.interval).filter(|_| pending) {
            Some(interval) if !self.timers.is_set(&Timer::Interval) => self.timers.set(Timer::Interval, now + interval),
            Some(_) => {}
            None => self.timers.stop(&Timer::Interval),
        }
    }

    pub(super) fn arm(&mut self, timer: Timer, at: Option<Time>) {
        match at {
            Some(at) => self.timers.set(timer, at),
            None => self.timers.stop(&timer),
        }
    }
}
