//! The device's clock, as far as the machine minds that it jumps.
//!
//! Time comes with each input; none is read here. A jump ahead brings alarms and the end of the lease forward, no more.

use super::Engine;
use crate::model::{Document, Time};

impl<D: Document> Engine<D> {
    /// A clock that jumped back takes the alarms along, and the time since work waits for another tab, so that nothing
    /// waits longer than it was meant to (I-31). The lease must be looked at before anything more is sent: to the other
    /// tabs its end is so far ahead by now that they may take it. What is acknowledged from here on came after the pages
    /// that are out were asked for (I-11).
    pub(super) fn turn_clock(&mut self, now: Time) {
        if now < self.now {
            let by = self.now - now;
            self.timers.shift_back(by);
            self.seat.refused_until = None;
            self.seat.waits = self.seat.waits.map(|(since, first)| (since.saturating_sub(by), first));
            self.clock_offset = self.clock_offset.saturating_add_unsigned(by);
            if let Some(lease) = self.seat.lease.as_mut() {
                lease.expires_at = lease.expires_at.min(now);
            }
            self.budget.left(now);
            self.pulling.flights.values_mut().for_each(|flight| flight.at = flight.at.saturating_sub(by));
        }
        self.now = now;
    }
}
