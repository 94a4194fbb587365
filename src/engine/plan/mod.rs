//! Plans: every transaction of the product as pure code.
//!
//! Each file is one transaction: which rows it reads, what it decides from them as they are inside that transaction,
//! what it reports to the machine. The simulator's disk and IndexedDB run the same ones.

mod acknowledge;
mod apply_page;
mod audit;
mod breaker;
mod check;
mod clock;
mod discard;
mod dispatch;
mod edit;
mod expect;
mod lease;
mod load;
mod local_write;
mod meet;
mod rebase;
mod refer;
mod resolve;
mod settle;
mod several;
mod start_pull;
mod sweep;
mod tally;
mod world;

pub use acknowledge::Acknowledge;
pub use apply_page::{Applied, ApplyPage};
pub use breaker::{Guard, LoadGuard, StoreGuard};
pub use check::{Check, Ending};
pub use clock::{ClockRow, StoreClock};
pub use discard::{Discard, DiscardMode};
pub use dispatch::{Dispatch, Dispatched};
pub use edit::Edit;
pub use expect::Expected;
pub use lease::{ReleaseLease, TakeLease};
pub use load::{LoadOutbox, LoadPull, Loaded};
pub use local_write::{Group, GroupDone, LocalWrite, WriteOutcome, Written};
pub use meet::in_conflict;
pub use rebase::{Rebase, Rebased};
pub use resolve::{unknown as unknown_conflict, Ask, Choice, Resolve};
pub use settle::{Retry, Setting, Settle, Settlement};
pub use several::{Several, MOST as MOST_TOGETHER};
pub use start_pull::StartPull;
pub use sweep::Sweep;
pub use tally::Tally;
pub use world::{Change, Effects, Fence, Noted};

use super::store::Plan;
use crate::model::{Lease, PullState, Seq, Stats, Time, Wanted};
use std::rc::Rc;

/// A plan of the machine.
pub type AnyPlan<D> = Box<dyn Plan<D, Report<D>>>;

/// What a committed plan reports to the machine.
#[derive(Debug, Clone)]
pub enum Report<D> {
    /// Local writes, group by group.
    Written(Written<D>),
    /// Changes marked as being sent.
    Dispatched(Vec<Dispatched<D>>),
    /// A change acknowledged; `None` when it was acknowledged before.
    Acknowledged(Option<Acknowledged<D>>),
    /// A change's row settled after a failure.
    Settled(Settlement<D>),
    /// A change rebased after a conflict.
    Rebased(Rebased<D>),
    /// A page applied.
    Applied(Applied<D>),
    /// A part of a collection swept; what is to be asked for by itself; where to go on.
    Swept(Effects<D>, Vec<Wanted>, Option<Rc<str>>),
    /// Who holds the lease: ours, or when to ask again.
    Lease(Result<Lease, Time>),
    /// Breaker and budget as stored.
    Guard(Option<Guard>),
    /// A part of the outbox.
    Outbox(Loaded),
    /// How far the pulls came.
    Pulls(Vec<PullState<D>>),
    /// How a watched change ended.
    Ended(Ending<D>),
    /// A person's command on the outbox: effects, and how many changes it met.
    Commanded(Effects<D>, usize),
    /// An open conflict that waits for the app's function; `None` when it waits no more.
    Asked(Option<Box<crate::model::Conflict<D>>>),
    /// A person's command that the row refuses.
    Refused(crate::model::Failure),
    /// What several plans reported, in their order.
    Several(Vec<Report<D>>),
    /// What sync has done by now.
    Tallied(Box<Stats>),
    /// Nothing to report.
    Nothing,
    /// The lease belongs to another holder by now.
    Fenced,
}

/// An acknowledged change.
#[derive(Debug, Clone)]
pub struct Acknowledged<D> {
    /// Its place.
    pub seq: Seq,
    /// The document's id by now.
    pub id: Rc<str>,
    /// What the server has; `None` after a deletion.
    pub doc: Option<D>,
    /// Its revision.
    pub revision: Option<String>,
    /// Whether the document is to be asked for by itself, for the answer may be older than what the server has.
    pub wanted: bool,
    /// What moved.
    pub effects: Effects<D>,
}
