//! Oracles on what the app is told: events once each, numbers no higher than the events they count.

use crate::store::Done;
use crate::world::World;
use seakeep::engine::plan::Report;
use seakeep::model::{AuditEntry, Document, Mark, PendingState, Record, Stats};
use seakeep::native::Json;
use std::collections::BTreeSet;

/// What was told so far.
#[derive(Debug, Default)]
pub(crate) struct Telling {
    /// The life of each tab whose pass has begun and not ended.
    running: [Option<u32>; 4],
    /// Changes told as acknowledged, by profile.
    acknowledged: BTreeSet<(usize, String)>,
    /// Events by profile since its numbers were last reset.
    counts: [Counted; 2],
    /// How often the numbers of a profile were reset.
    resets: [u64; 2],
    /// Lives of tabs that ended by a crash, and losses of power, by profile: what was not stored is lost.
    pub(crate) crashes: [u32; 2],
}

impl Telling {
    /// A device lost its power, and with it perhaps a reset of its numbers: they may stand again as they were before.
    pub(crate) fn lose(&mut self, profile: usize) {
        self.crashes[profile] += 1;
        let many = u64::MAX / 2;
        self.counts[profile] = Counted {
            passes: many,
            pushed: many,
            pulled: many,
            failures: many,
            retried: many,
            parked: many,
            conflicts: many,
        };
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    passes: u64,
    pushed: u64,
    pulled: u64,
    failures: u64,
    retried: u64,
    parked: u64,
    conflicts: u64,
}

impl Counted {
    fn of(stats: &Stats) -> Self {
        let Stats { passes, pushed, pulled, failures, retried, parked, conflicts, .. } = *stats;
        Self { passes, pushed, pulled, failures, retried, parked, conflicts }
    }

    fn add(&mut self, name: &str, detail: &Json) {
        let number = |field: &str| detail.number_of(field).map_or(0, |number| number as u64);
        match name {
            "completed" | "failed" => self.passes += 1,
            "acknowledged" => self.pushed += 1,
            "pulled" => self.pulled += number("changed") + number("deleted"),
            "retrying" => (self.failures, self.retried) = (self.failures + 1, self.retried + 1),
            "parked" => (self.failures, self.parked) = (self.failures + 1, self.parked + 1),
            "rejected" => self.failures += 1,
            "conflict" => self.conflicts += 1,
            _ => {}
        }
    }

    fn all(self) -> [u64; 7] {
        [self.passes, self.pushed, self.pulled, self.failures, self.retried, self.parked, self.conflicts]
    }
}

impl World {
    /// I-47: a pass has one beginning and one end, an acknowledgement is told once, progress stays within its whole.
    pub(crate) fn told_event(&mut self, tab: usize, name: &str, detail: &Json) {
        let (profile, life) = (self.tabs[tab].profile, self.tabs[tab].life);
        let runs = self.oracle.telling.running[tab] == Some(life);
        let begins = name == "started";
        if matches!(name, "started" | "completed" | "failed") {
            if runs == begins {
                return self.broken("I-47", format!("tab {tab} tells {name} while a pass runs: {runs}"));
            }
            self.oracle.telling.running[tab] = begins.then_some(life);
        }
        if name == "breaker" {
            self.breaker_told(tab, detail);
        }
        if name == "auth-required" {
            self.check_login(tab);
        }
        if name == "acknowledged" {
            let mutation = detail.text_of("mutationId").unwrap_or_default();
            if !self.oracle.telling.acknowledged.insert((profile, mutation.clone())) {
                return self.broken("I-47", format!("tab {tab} tells {mutation} acknowledged again"));
            }
        }
        if name == "progress" {
            let whole = detail.number_of("total").unwrap_or(f64::INFINITY);
            if !(runs || self.tabs[tab].overhears) || detail.number_of("done").is_none_or(|done| done > whole) {
                return self.broken("I-47", format!("tab {tab} tells progress {detail:?}, a pass runs: {runs}"));
            }
        }
        self.oracle.telling.counts[profile].add(name, detail);
    }

    /// I-48: the stored numbers never exceed what was told since they were reset.
    pub(crate) fn check_numbers(&mut self, done: &Done) {
        let Report::Tallied(_) = done.report else { return };
        let Some(stats) = self.stored_numbers(done.profile) else { return };
        let telling = &mut self.oracle.telling;
        if stats.resets > telling.resets[done.profile] {
            telling.resets[done.profile] = stats.resets;
            telling.counts[done.profile] = Counted::default();
        }
        let (stored, told) = (Counted::of(&stats), telling.counts[done.profile]);
        if stored.all().iter().zip(told.all()).any(|(stored, told)| *stored > told) {
            self.broken("I-48", format!("profile {} counts {stored:?}, told was {told:?}", done.profile));
        }
    }

    /// I-49: what left the outbox or was parked is in the audit ring, from the same transaction; its places are used in turn.
    pub(crate) fn check_audit(&mut self, done: &Done) {
        let disk = &self.profiles[done.profile].disk;
        let told = |mutation: &str, outcome: &str| {
            disk.audit()
                .any(|entry| *entry.mutation_id == *mutation && (outcome.is_empty() || &*entry.outcome == outcome))
        };
        let mut missing = None;
        for (seq, before) in &done.pending {
            let Some(before) = before.as_ref().filter(|_| done.kind != "LocalWrite") else {
                continue;
            };
            let after = disk.pending(*seq);
            let parked = after.is_some_and(|after| after.state == PendingState::Parked);
            let outcome = if parked { "parked" } else { "" };
            let ended = after.is_none() || (parked && before.state != PendingState::Parked);
            if ended && !told(&before.mutation_id, outcome) {
                missing = Some(format!("{} of {} left no {outcome} entry", before.mutation_id, done.kind));
            }
        }
        let count = disk.audit().count() as u64;
        let wanted = disk.meta("mark").and_then(Mark::from_record).map_or(0, |mark| mark.audited);
        if count != wanted.min(AuditEntry::CAPACITY) {
            missing = Some(format!("{count} entries stand where {wanted} were written"));
        }
        if let Some(text) = missing {
            self.broken("I-49", text);
        }
    }

    /// I-48 at rest: where no tab died and nothing was reset they are equal, but for looks in vain.
    pub(crate) fn check_numbers_at_rest(&mut self) {
        for profile in 0..2 {
            let telling = &self.oracle.telling;
            let exact = telling.crashes[profile] == 0 && telling.resets[profile] == 0;
            let told = Counted { passes: 0, ..telling.counts[profile] };
            let stored = self.stored_numbers(profile).map_or_else(Counted::default, |stats| Counted::of(&stats));
            let stored = Counted { passes: 0, ..stored };
            if exact && stored != told {
                return self.broken("I-48", format!("profile {profile} counts {stored:?} at rest, told was {told:?}"));
            }
        }
    }

    fn stored_numbers(&self, profile: usize) -> Option<Stats> {
        Stats::from_record(self.profiles[profile].disk.meta("stats")?)
    }
}
