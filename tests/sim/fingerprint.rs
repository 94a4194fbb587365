//! The fingerprint of a schedule: a number that any difference between two runs of one seed would change.
//!
//! One schedule of a hundred runs twice and must have the same one; what a run prints of all is their sum.

use super::event::Event;
use super::world::World;

impl World {
    /// Mixes an event into the fingerprint.
    pub(crate) fn mix(&mut self, event: &Event) {
        let number = match event {
            Event::Wake { tab, .. } => 100 + *tab as u64,
            Event::Commit { profile } => 200 + *profile as u64,
            Event::Report { tab, .. } => 300 + *tab as u64,
            Event::Reach { wire, .. } => 400 + u64::from(wire.request),
            Event::Respond { wire, .. } => 500 + u64::from(wire.request),
            Event::Message { tab, .. } => 600 + *tab as u64,
            Event::Action => 1,
            Event::Turn => 2,
            Event::Stranger => 3,
            Event::Thaw { tab, .. } => 700 + *tab as u64,
            Event::Open { tab } => 800 + *tab as u64,
            Event::Breath => 6,
            Event::Calm => 4,
            Event::Verdict { tab, says, .. } => 900 + *tab as u64 * 10 + says,
            Event::Said { tab, .. } => 900 + *tab as u64,
            Event::News { tab, .. } => 910 + *tab as u64,
            Event::Mended => 5,
        };
        self.mix_number(number);
        self.mix_number(self.now);
    }

    /// Mixes a number into the fingerprint (FNV-1a over its bytes).
    pub(crate) fn mix_number(&mut self, number: u64) {
        for byte in number.to_le_bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
