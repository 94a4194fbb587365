//! What may go wrong in one schedule, and how often: drawn from its seed (swarm testing).
//!
//! Half of the faults are absent from any one schedule, so that rare combinations of the others get room. Healing
//! sets everything to zero but what must not matter: lost messages, late timers, an `onLine` that lies.

use super::answers::Answers;
use super::chance::Chance;
use super::reads::Reads;

/// Rates in a thousand, and settings of the application.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    // The store.
    pub(crate) crash_before: u64,
    pub(crate) crash_after: u64,
    pub(crate) abort: u64,
    pub(crate) quota: u64,
    pub(crate) slow_commit: u64,
    // The network.
    pub(crate) lost_before: u64,
    pub(crate) lost_after: u64,
    pub(crate) duplicate: u64,
    pub(crate) slow: u64,
    pub(crate) broken: u64,
    pub(crate) html: u64,
    pub(crate) redirect: u64,
    pub(crate) stall: u64,
    // The server.
    pub(crate) failing: u64,
    pub(crate) failing_after: u64,
    pub(crate) limited: u64,
    pub(crate) refused: u64,
    pub(crate) in_progress: u64,
    pub(crate) stale_page: u64,
    pub(crate) strange: u64,
    /// Documents that fit into one answer.
    pub(crate) fits: usize,
    pub(crate) full: u64,
    pub(crate) outdated: u64,
    /// Phases in which the server fails whatever it is asked.
    pub(crate) down: u64,
    /// Results of batches that are lost, doubled, mixed and foreign.
    pub(crate) batch_mess: u64,
    /// Changes that fit into one batch.
    pub(crate) batch_fits: usize,
    /// Batches that are refused for their size, whatever that is.
    pub(crate) batch_full: u64,
    pub(crate) login: u64,
    pub(crate) restore: u64,
    pub(crate) forget: u64,
    pub(crate) stranger: u64,
    pub(crate) stranger_deletes: u64,
    // The browser.
    pub(crate) crash: u64,
    pub(crate) freeze: u64,
    pub(crate) close: u64,
    pub(crate) jump: u64,
    pub(crate) far_jumps: bool,
    pub(crate) flags: u64,
    pub(crate) message_loss: u64,
    /// Messages that come a minute late, in single runs.
    pub(crate) message_late: u64,
    pub(crate) throttle: u64,
    /// Timers of hidden tabs are up to a minute late.
    pub(crate) throttles_hidden: bool,
    pub(crate) hides: u64,
    pub(crate) deafens: u64,
    /// The connection turns slow or fast.
    pub(crate) slows: u64,
    /// Streams of news end.
    pub(crate) cut: u64,
    /// Whether the browser has locks between tabs.
    pub(crate) locks: bool,
    // The user.
    pub(crate) removes: u64,
    pub(crate) outbox_commands: u64,
    pub(crate) sync_commands: u64,
    pub(crate) transactions: u64,
    pub(crate) shared_ids: u64,
    /// Documents that come to refer to others later, also to themselves.
    pub(crate) circles: u64,
    pub(crate) long_waits: bool,
    /// Rarer answers of the server and what stands between.
    pub(crate) answers: Answers,
    /// What befalls reads.
    pub(crate) reads: Reads,
    /// Documents that the host cannot keep as they come.
    pub(crate) unfit: u64,
}

impl Faults {
    /// The faults of a seed.
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        Self {
            crash_before: chance.rate(30),
            crash_after: chance.rate(30),
            abort: chance.rate(80),
            quota: chance.rate(60),
            slow_commit: chance.rate(60),
            lost_before: chance.rate(200),
            lost_after: chance.rate(200),
            duplicate: chance.rate(150),
            slow: chance.rate(150),
            broken: chance.rate(60),
            html: chance.rate(60),
            redirect: chance.rate(15),
            stall: chance.rate(60),
            failing: chance.rate(120),
            failing_after: chance.rate(80),
            limited: chance.rate(80),
            refused: chance.rate(30),
            in_progress: chance.rate(60),
            stale_page: chance.rate(400),
            strange: chance.rate(200),
            fits: [usize::MAX, usize::MAX, 4, 1][chance.below(4) as usize],
            full: chance.rate(15),
            outdated: if chance.below(15) == 0 { 20 } else { 0 },
            down: chance.rate(60),
            batch_mess: chance.rate(400),
            batch_full: 0,
            batch_fits: [usize::MAX, usize::MAX, 3, 1][chance.below(4) as usize],
            login: chance.rate(60),
            restore: if chance.below(20) == 0 { 60 } else { 0 },
            forget: if chance.below(8) == 0 { 60 } else { 0 },
            stranger: chance.rate(500),
            stranger_deletes: if chance.below(4) == 0 { 100 } else { 0 },
            crash: chance.rate(60),
            freeze: chance.rate(100),
            close: chance.rate(40),
            jump: chance.rate(100),
            far_jumps: chance.below(3) == 0,
            flags: chance.rate(150),
            message_loss: [0, 0, 100, 500, 1_000][chance.below(5) as usize],
            message_late: 0,
            throttle: chance.rate(300),
            throttles_hidden: chance.below(2) == 0,
            hides: chance.rate(200),
            deafens: chance.rate(60),
            slows: chance.rate(100),
            cut: chance.rate(200),
            locks: chance.below(2) == 0,
            removes: chance.rate(120),
            outbox_commands: if chance.below(3) == 0 { 100 } else { 0 },
            sync_commands: chance.rate(150),
            shared_ids: chance.rate(300),
            circles: if chance.below(4) == 0 { 100 } else { 0 },
            long_waits: chance.below(64) == 0,
            answers: Answers::default(),
            reads: Reads::default(),
            unfit: 0,
            transactions: chance.rate(300),
        }
    }

    /// The rate of a fault at one point, by its name.
    pub(crate) fn rate_of(&mut self, name: &str) -> Option<&mut u64> {
        Some(match name {
            "crash_before" => &mut self.crash_before,
            "crash_after" => &mut self.crash_after,
            "abort" => &mut self.abort,
            "quota" => &mut self.quota,
            "slow_commit" => &mut self.slow_commit,
            "lost_before" => &mut self.lost_before,
            "lost_after" => &mut self.lost_after,
            "duplicate" => &mut self.duplicate,
            "slow" => &mut self.slow,
            "broken" => &mut self.broken,
            "html" => &mut self.html,
            "redirect" => &mut self.redirect,
            "stall" => &mut self.stall,
            "failing" => &mut self.failing,
            "failing_after" => &mut self.failing_after,
            "limited" => &mut self.limited,
            "refused" => &mut self.refused,
            "in_progress" => &mut self.in_progress,
            "stale_page" => &mut self.stale_page,
            "batch_mess" => &mut self.batch_mess,
            "batch_full" => &mut self.batch_full,
            "message_loss" => &mut self.message_loss,
            "message_late" => &mut self.message_late,
            "strange" => &mut self.strange,
            "odd" => &mut self.answers.odd,
            "bare" => &mut self.answers.bare,
            _ => return None,
        })
    }

    /// What is left when all faults stop: hints may still be lost and timers late.
    pub(crate) fn healed(&self) -> Self {
        Self {
            message_loss: self.message_loss,
            throttle: self.throttle.min(100),
            fits: self.fits,
            reads: self.reads.healed(),
            locks: self.locks,
            throttles_hidden: self.throttles_hidden,
            batch_fits: self.batch_fits,
            ..Self::default()
        }
    }
}
