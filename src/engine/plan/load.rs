//! Reads what the machine keeps in memory: the outbox page by page, and how far the pulls came.

use super::{ClockRow, Report};
use crate::engine::config::Config;
use crate::engine::outbox::Entry;
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step};
use crate::model::{Collection, Document, Listed, Seq, Time};
use std::rc::Rc;

/// Rows read in one transaction.
const PAGE: usize = 500;

/// Reads a page of the outbox.
#[derive(Debug)]
pub struct LoadOutbox {
    /// Options.
    pub config: Rc<Config>,
    /// Start after this place.
    pub after: Seq,
}

/// The report: entries, and where to go on.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Entries of this page.
    pub entries: Vec<Entry>,
    /// Start of the next page, if there is one.
    pub next: Option<Seq>,
    /// How often the numbers of sync were reset, and when a pass last ended well, when they were read.
    pub stats: (u64, Option<Time>),
    /// What is known of the server's clock.
    pub clock: Option<ClockRow>,
}

impl<D: Document> Plan<D, Report<D>> for LoadOutbox {
    fn scope(&self) -> Scope {
        Scope { collections: Vec::new(), writes: false, strict: false }
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let page = Read::PendingPage { after: self.after, limit: PAGE };
        let missing = rows.missing(vec![page.clone(), Read::Meta(MetaKey::Stats), Read::Meta(MetaKey::Clock)]);
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        let found = rows.pending_rows(&page);
        let entries = found.iter().map(|row| Entry::of(row, &self.config)).listed();
        let next = (found.len() == PAGE).then(|| found.last().map(|row| row.seq)).flatten();
        let stats = rows.stats().map_or((0, None), |stats| (stats.resets, stats.synced_at));
        let clock = rows.meta(&MetaKey::Clock).and_then(ClockRow::from_record);
        Step::Done(Vec::new(), Report::Outbox(Loaded { entries, next, stats, clock }))
    }
}

/// Reads the pull states of collections.
#[derive(Debug)]
pub struct LoadPull {
    /// The collections; the report is in the same order.
    pub collections: Vec<Collection>,
}

impl<D: Document> Plan<D, Report<D>> for LoadPull {
    fn scope(&self) -> Scope {
        Scope { collections: Vec::new(), writes: false, strict: false }
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let missing =
            rows.missing(self.collections.iter().map(|name| Read::Meta(MetaKey::Pull(name.clone()))).listed());
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        Step::Done(Vec::new(), Report::Pulls(self.collections.iter().map(|name| rows.pull_state(name)).listed()))
    }
}
