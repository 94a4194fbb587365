//! The device's clock, as far as the machine minds that it jumps.
//!
//! Time comes with each input; none is read here. A jump ahead brings alarms and the end of the lease forward, no more.

use super::Engine;
use crate::model::{Document, Time};

impl<D: Document> Engine<D> {
    /// A clock that jumped back takes the alarms along, so that nothing waits longer than it was meant to (I-31).
    pub(super) fn turn_clock(&mut self, now: Time) {
        if now < self.now {
            self.timers.shift_back(self.now - now);
            self.refused_until = None;
            self.clock_offset = self.clock_offset.saturating_add_unsigned(self.now - now);
            self.shorten_lease();
        }
        self.now = now;
    }

    /// A lease must not last longer than it was given for.
    fn shorten_lease(&mut self) {
        if let Some(lease) = self.lease.as_mut() {
            lease.expires_at = lease.expires_at.min(self.now);
        }
    }
}
