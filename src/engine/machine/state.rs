//! What the machine remembers, by the errand it is for.
//!
//! Plain values without methods beside their beginnings: what is done with them stands in the file of the errand
//! (`commands.rs` and `commits.rs` for writes, `leader.rs` for the seat, `push.rs` and `batches.rs` for sends, `pull.rs` for
//! pulling). What belongs to no errand alone stays in [`Engine`](super::Engine).

use super::commits::Purpose;
use super::flight::Cargo;
use super::overheard::{Overheard, Said};
use super::pull::{PullFlight, Puller};
use crate::engine::plan::{AnyPlan, Group};
use crate::model::{Collection, Document, Lease, Map, Seq, Set, Time};
use std::collections::VecDeque;
use std::rc::Rc;

/// The app's writes on their way to the store.
#[derive(Debug)]
pub(super) struct Writes<D: Document> {
    /// Whether a group is being committed: what comes meanwhile goes into the next one.
    pub(super) under_way: bool,
    /// The next one.
    pub(super) queue: Vec<Group<D>>,
    /// Writes whose documents are not guessed to be new any more, and how many there were after the last wrong guess.
    pub(super) wary: (u8, u8),
    /// Groups whose common transaction failed: each gets one of its own.
    pub(super) alone: VecDeque<Group<D>>,
    /// Operations of all groups that were taken and are not answered yet.
    pub(super) open: usize,
}

/// This tab among the others: who leads, who waits for whom.
#[derive(Debug, Default)]
pub(super) struct Seat {
    /// The lease this tab holds.
    pub(super) lease: Option<Lease>,
    /// Whether it is being asked for.
    pub(super) asking: bool,
    /// Until when another tab has it, as far as is known.
    pub(super) refused_until: Option<Time>,
    /// The latest epoch another tab says it leads under.
    pub(super) heard_epoch: u64,
    /// When the leader last looked at the store for what others want done.
    pub(super) looked_at: Time,
    /// Since when work here waits for another tab.
    pub(super) waits: Option<(Time, Option<Seq>)>,
    /// Whether the lease was asked for nothing but a pull that its holder makes as well.
    pub(super) routine: bool,
    /// Whether the lock between tabs was asked for.
    pub(super) wants_lock: bool,
    /// Whether the page is hidden.
    pub(super) hidden: bool,
    /// Whether it turns so: it counts after a moment.
    pub(super) turns_hidden: bool,
    /// Tabs that said farewell: their leases need not run out.
    pub(super) gone: Vec<Rc<str>>,
    /// What the leader says it does.
    pub(super) overheard: Option<Overheard>,
    /// What this tab said when it led.
    pub(super) said: Option<Said>,
}

/// Changes on their way to the server.
#[derive(Debug)]
pub(super) struct Sends<D: Document> {
    /// Requests under way, and what each carries.
    pub(super) flights: Map<u32, Cargo<D>>,
    /// Changes between being picked and having settled: nobody picks them again.
    pub(super) busy: Set<Seq>,
    /// Whether batches are taken, as far as is known.
    pub(super) takes_batches: bool,
    /// Changes in one batch: fewer after one failed, more with each that did not.
    pub(super) batch_limit: usize,
    /// Changes that a batch left without a result.
    pub(super) alone: Set<Seq>,
    /// Requests lost so far that say nothing about one change.
    pub(super) strays: u64,
    /// How many those were when a change was lost last.
    pub(super) suspects: Map<Seq, u64>,
    /// The change at which the server failed last, since it last did its work.
    pub(super) culprit: Option<Seq>,
    /// The change with which the way to the server failed last.
    pub(super) last_failed: Option<Seq>,
}

/// Pages on their way from the server.
#[derive(Debug)]
pub(super) struct Pulling<D: Document> {
    /// How far each collection is.
    pub(super) pullers: Map<Collection, Puller<D>>,
    /// Requests under way.
    pub(super) flights: Map<u32, PullFlight<D>>,
    /// Parts of pages that wait for the one that is being written.
    pub(super) parts: VecDeque<(Purpose<D>, AnyPlan<D>)>,
    /// Whether the stored positions have been read.
    pub(super) loaded: bool,
}

impl<D: Document> Writes<D> {
    /// Nothing is written yet.
    pub(super) const fn new() -> Self {
        Self { under_way: false, queue: Vec::new(), wary: (0, 0), alone: VecDeque::new(), open: 0 }
    }
}

/// How many operations these groups have.
pub(super) fn operations<'g, D: 'g>(groups: impl IntoIterator<Item = &'g Group<D>>) -> usize {
    groups.into_iter().map(|group| group.operations.len()).sum()
}

impl<D: Document> Sends<D> {
    /// Nothing is sent yet; at most `batch_limit` changes go into the first batch.
    pub(super) const fn new(batch_limit: usize) -> Self {
        Self {
            flights: Map::new(),
            busy: Set::new(),
            takes_batches: true,
            batch_limit,
            alone: Set::new(),
            strays: 0,
            suspects: Map::new(),
            culprit: None,
            last_failed: None,
        }
    }
}

impl<D: Document> Pulling<D> {
    /// Nothing is pulled yet.
    pub(super) const fn new() -> Self {
        Self { pullers: Map::new(), flights: Map::new(), parts: VecDeque::new(), loaded: false }
    }
}
