//! What should be true: the oracles, each named by the number of its invariant (SPEC.md).
//!
//! Documents carry what makes a loss visible: `l0`..`l3`, lists of unique numbers appended by one tab each; `n`, a sum
//! of powers of four, each added once by an increment, so that a lost one leaves a hole and a doubled one an odd bit;
//! `tag`, the identity of the document across temporary and real ids. A [`Truth`] is what the app was promised.

mod batches;
mod conflicts;
mod drained;
mod emitted;
mod engine;
mod finale;
mod leader;
mod pulls;
mod repeats;
mod several;
mod stamps;
mod store;
mod told;
pub(crate) mod view;
mod ways;
mod wire;

use crate::reads::ReadsKnown;
use crate::transactions::Transaction;
use conflicts::Disputes;
use seakeep::model::{DocKey, Document, Pending};
use seakeep::native::Json;
use std::collections::{BTreeMap, BTreeSet};

/// Bits of `n` that only a doubled increment sets.
pub(crate) const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
/// Increments per document: a number holds 53 bits.
const MOST_BITS: u32 = 25;

/// What was promised about one document.
#[derive(Debug, Clone, Default)]
pub(crate) struct Truth {
    /// Nothing more is promised: somebody removed, replaced, edited or discarded something of it.
    pub(crate) loose: bool,
    /// Lists as last acknowledged to each tab's app.
    pub(crate) lists: [Vec<u64>; 4],
    /// Increments acknowledged to each profile, and those of strangers.
    pub(crate) bits: [u64; 3],
    /// How many bits were given out.
    pub(crate) given: u32,
    /// Whether it once stood twice on a device: as made there, and as pulled before the answer to that.
    pub(crate) twin: bool,
    /// Whether it was ever promised that it exists.
    pub(crate) promised: bool,
    /// The profiles whose users wrote it, and whether the server ever had it.
    pub(crate) makers: [bool; 2],
    pub(crate) published: bool,
}

/// A key as first seen on the wire.
#[derive(Debug, Clone)]
pub(crate) struct KeyInfo {
    pub(crate) profile: usize,
    pub(crate) mutation: String,
    pub(crate) payload: (String, String, String),
    /// Whether its payload was refused, so that another may take its place.
    pub(crate) refused: bool,
}

/// A document as the server last had it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) lists: [Vec<u64>; 4],
    pub(crate) bits: u64,
    pub(crate) tag: String,
}

/// Everything the oracles remember.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) truths: BTreeMap<String, Truth>,
    pub(crate) keys: BTreeMap<String, KeyInfo>,
    /// The key under which a mutation was last sent.
    pub(crate) current: BTreeMap<String, String>,
    pub(crate) executed: BTreeMap<String, u32>,
    pub(crate) executed_keys: BTreeSet<String>,
    /// Keys that were refused, when, and how.
    pub(crate) refused_at: BTreeMap<String, (u64, u16)>,
    /// When a mutation first stood in an outbox.
    pub(crate) born: BTreeMap<String, u64>,
    /// The last mutation of a profile executed on a document.
    pub(crate) last_born: BTreeMap<(usize, String, String), u64>,
    pub(crate) seen: BTreeMap<(String, String), Seen>,
    /// Answers that may count as an attempt, by mutation.
    pub(crate) countable: BTreeMap<String, u32>,
    pub(crate) next_write: u64,
    pub(crate) disputes: Disputes,
    /// Transactions under way, by tab and ticket.
    pub(crate) transactions: BTreeMap<(usize, u32), Transaction>,
    /// What a tab read last of a collection.
    pub(crate) read_before: BTreeMap<(usize, &'static str), (DocKey, Option<Json>)>,
    /// How the requests of each change fared.
    pub(crate) ways: BTreeMap<(usize, String), ways::Way>,
    /// How reads fared.
    pub(crate) reads: ReadsKnown,
    /// How far the checkpoint of a collection has come, by profile: epoch, generation and position.
    pub(crate) positions: BTreeMap<(usize, String), (String, u64, u64)>,
    /// Whether many documents were written at once.
    pub(crate) bulked: bool,
    /// What the store of each device had, and when.
    pub(crate) chronicles: [emitted::Chronicle; 2],
    /// The request that each device let out to see, and its repeats.
    pub(crate) seeing: [Option<repeats::Seeing>; 2],
    /// When the transaction that is being written was ordered.
    pub(crate) ordered_at: u64,
    pub(crate) allowances: [repeats::Allowance; 2],
    /// What the devices know of the server's clock, and when fields were written.
    pub(crate) stamps: stamps::Stamps,
    /// What apps were told.
    pub(crate) telling: told::Telling,
}

impl Oracle {
    /// A new number for a list.
    pub(crate) fn write_number(&mut self) -> u64 {
        self.next_write += 1;
        self.next_write
    }

    /// A new power of four for a document's `n`.
    pub(crate) fn bit(&mut self, tag: &str) -> Option<u64> {
        let truth = self.truths.get_mut(tag)?;
        (truth.given < MOST_BITS).then(|| {
            truth.given += 1;
            1 << (2 * (truth.given - 1))
        })
    }

    /// No more promises about a document.
    pub(crate) fn loosen(&mut self, doc: Option<&Json>) {
        if let Some(truth) = doc.and_then(tag_of).and_then(|tag| self.truths.get_mut(&tag)) {
            truth.loose = true;
        }
    }

    /// A device lost what it had stored: nothing that it had is promised any more, and what it finds it finds anew.
    pub(crate) fn store_wiped(&mut self, profile: usize) {
        self.truths.values_mut().for_each(|truth| truth.loose = true);
        self.positions.retain(|(of, _), _| *of != profile);
        self.ways.retain(|(of, _), _| *of != profile);
        self.disputes.forget(profile);
        self.telling.lose(profile);
        self.seeing[profile] = None;
        self.allowances[profile] = repeats::Allowance::default();
    }

    /// The server lost what it knew: what was executed may be executed again.
    pub(crate) fn server_restored(&mut self) {
        self.truths.values_mut().for_each(|truth| truth.loose = true);
        self.executed.clear();
        self.executed_keys.clear();
        self.last_born.clear();
        self.seen.clear();
    }
}

/// A document's identity in the simulation.
pub(crate) fn tag_of(doc: &Json) -> Option<String> {
    doc.text_of("tag")
}

/// A tab's list in a document.
pub(crate) fn list_of(doc: &Json, tab: usize) -> Vec<u64> {
    let numbers = doc.field(LISTS[tab]).map_or(&[][..], Json::items);
    numbers.iter().filter_map(Document::as_number).map(|number| number as u64).collect()
}

/// The sum of increments in a document.
pub(crate) fn bits_of(doc: &Json) -> u64 {
    doc.number_of("n").unwrap_or(0.0) as u64
}

/// Names of the tabs' lists.
pub(crate) const LISTS: [&str; 4] = ["l0", "l1", "l2", "l3"];

/// Whether a change may have been executed already, so that a pulled document may hold it as well.
pub(crate) fn any_attempted(changes: &[Pending<Json>]) -> bool {
    changes.iter().any(Pending::is_attempted)
}
