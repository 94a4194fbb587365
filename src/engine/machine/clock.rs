//! The device's clock, as far as the machine minds that it jumps, and how far it stands from the server's.
//!
//! Time comes with each input; none is read here. A jump ahead brings alarms and the end of the lease forward, no more:
//! that it was one shows with the server's next answer. What is known of the server's clock is kept in the store, for
//! tabs that do not send and for writes before the first answer.

use super::commits::Purpose;
use super::Engine;
use crate::engine::plan::{ClockRow, StoreClock};
use crate::model::{Document, Time};
use crate::protocol::date::http_date;

/// A round trip longer than this says too little about the server's clock.
const LONGEST: u64 = 10_000;
/// A difference that is no more than this away from the one in the store is not stored.
const CLOSE: u64 = 2_000;

/// The server's clock less this device's.
#[derive(Debug, Default)]
pub(super) struct ServerClock {
    /// As the server's answers last showed it, here or in another tab; followed when the device's clock is set back.
    offset: Option<i64>,
    /// The row in the store, as last seen or written.
    stored: Option<ClockRow>,
}

impl ServerClock {
    /// The difference, when it is known.
    pub(super) fn offset(&self) -> Option<i64> {
        self.offset
    }

    /// The difference; while nothing is known the device's clock is taken for right.
    pub(super) fn guess(&self) -> i64 {
        self.offset.unwrap_or(0)
    }

    /// What the store says. It counts once, and not when it was written by a clock that has been set back since.
    pub(super) fn read(&mut self, row: Option<ClockRow>, now: Time) {
        let later = |row: &ClockRow| self.stored.is_none_or(|known| known.at < row.at || known.at > now);
        if let Some(row) = row.filter(|row| self.stored != Some(*row) && row.at <= now && later(row)) {
            (self.stored, self.offset) = (Some(row), Some(row.offset));
        } else if row.is_none() {
            self.stored = None;
        }
    }

    /// Whether what was learned is so far from what is stored that it has to be stored.
    fn is_news(&self, offset: i64) -> bool {
        self.stored.is_none_or(|row| row.offset.abs_diff(offset) > CLOSE)
    }

    /// The row could not be written: the next answer has it written again.
    pub(super) fn unstored(&mut self) {
        self.stored = None;
    }
}

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
            self.clock.offset = self.clock.offset.map(|offset| offset.saturating_add_unsigned(by));
            if let Some(lease) = self.seat.lease.as_mut() {
                lease.expires_at = lease.expires_at.min(now);
            }
            self.budget.left(now);
            self.pulling.flights.values_mut().for_each(|flight| flight.at = flight.at.saturating_sub(by));
        }
        self.now = now;
    }

    /// The server's `Date` says how far its clock is from this one, to the second.
    pub(super) fn learn_clock(&mut self, date: Option<&str>, asked_at: Time) {
        let trip = self.now.saturating_sub(asked_at);
        let date = date.and_then(|date| http_date(date, self.now)).filter(|_| asked_at <= self.now && trip <= LONGEST);
        let Some(date) = date else { return };
        // `Date` has no fraction: half a second is its middle.
        let there = i64::try_from(date + 500).unwrap_or(i64::MAX);
        let offset = there.saturating_sub_unsigned(asked_at + trip / 2);
        self.clock.offset = Some(offset);
        if self.clock.is_news(offset) {
            let row = ClockRow { offset, at: self.now };
            self.clock.stored = Some(row);
            self.commit(Purpose::StoreClock, Box::new(StoreClock { row }));
        }
    }
}
