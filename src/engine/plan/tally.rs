//! Adds what a tab has counted to the stored numbers of sync, or begins them anew.
//!
//! Additive, so it needs no lease: a former leader adds what it counted while it led. What a tab counted before
//! somebody reset the numbers is dropped.

use super::Report;
use crate::engine::mutant::Mutant;
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step, Write};
use crate::model::{Document, Listed, Record, Stats, Time};
use std::rc::Rc;

/// Adds to the numbers, or resets them.
#[derive(Debug)]
pub struct Tally {
    /// What was counted since the last time.
    pub counted: Stats,
    /// Names this addition.
    pub name: Rc<str>,
    /// How often the numbers had been reset when the tab last looked, if it has.
    pub known: Option<u64>,
    /// Whether the numbers begin anew now.
    pub resets: bool,
    /// When.
    pub now: Time,
}

impl Tally {
    fn result(&self, stored: Option<Stats>) -> Stats {
        let mut stats = stored.unwrap_or_else(|| Stats { since: self.counted.since, ..Stats::default() });
        if stats.last.as_ref() == Some(&self.name) {
            return stats;
        }
        if self.resets {
            let (resets, synced_at) = (stats.resets + 1, stats.synced_at);
            stats = Stats { since: self.now, resets, synced_at, ..Stats::default() };
        } else if self.known.is_none_or(|known| known == stats.resets) || Mutant::TallyIgnoresResets.is_on() {
            stats.add(&self.counted);
        }
        stats.last = Some(self.name.clone());
        stats
    }
}

impl<D: Document> Plan<D, Report<D>> for Tally {
    fn scope(&self) -> Scope {
        let writes = self.resets || !self.counted.is_empty();
        Scope { collections: Vec::new(), writes, strict: false }
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let read = Read::Meta(MetaKey::Stats);
        if !rows.has(&read) {
            return Step::Need(vec![read]);
        }
        let stats = self.result(rows.stats());
        let changed = self.resets || !self.counted.is_empty();
        let write = changed.then(|| Write::PutMeta(MetaKey::Stats, stats.to_record()));
        Step::Done(write.into_iter().listed(), Report::Tallied(Box::new(stats)))
    }
}
