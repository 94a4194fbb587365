//! Everything the engine orders and tells.

use super::input::Message;
use super::plan::{AnyPlan, Change};
use super::policy::network::Connection;
use super::policy::triggers::Triggers;
use crate::model::{Collection, Document, Failure, Listed, Time};
use crate::protocol::HttpRequest;
use std::rc::Rc;

/// One order. Drained after each input until [`Output::Wait`].
#[derive(Debug)]
pub enum Output<D> {
    /// Run this plan as one transaction and report its end.
    Commit {
        /// To be named in the report.
        commit: u32,
        /// The transaction.
        plan: AnyPlan<D>,
    },
    /// Make this request and report its end.
    Request {
        /// To be named in the report.
        request: u32,
        /// The request.
        http: HttpRequest<D>,
    },
    /// Give a request up; its end, if one still comes, is ignored.
    GiveUp {
        /// Which.
        request: u32,
    },
    /// Tell the other tabs.
    Broadcast(Message<D>),
    /// Open the server's stream of news and tell each piece of it.
    Listen {
        /// To be named with each piece.
        listen: u32,
        /// The request.
        http: HttpRequest<D>,
    },
    /// Close a stream; what still comes of it is ignored.
    StopListen {
        /// Which.
        listen: u32,
    },
    /// Ask for the lock between tabs (and keep it), or give it up. A host without such locks does nothing.
    Lock(bool),
    /// Close what keeps a page out of the back/forward cache (connection, channel), or open it again.
    Suspend(bool),
    /// Tell the app.
    Event(Event<D>),
    /// Answer a command.
    Reply {
        /// Whom.
        ticket: u32,
        /// The answer.
        result: Result<Reply<D>, Failure>,
    },
    /// Nothing more to do before this time (or at all). With the reason, so that a timer names itself.
    Wait(Option<(Time, &'static str)>),
}

/// The answer to a command.
#[derive(Debug, Clone)]
pub enum Reply<D> {
    /// What each operation of a write left.
    Written(Vec<D>),
    /// A pass's report.
    Report(D),
    /// How many changes it met.
    Count(usize),
    /// Done.
    Done,
}

/// Something the app may want to know.
#[derive(Debug, Clone)]
pub enum Event<D> {
    /// The state of sync.
    Status(Status),
    /// Documents changed by this tab.
    Changes {
        /// Whether the app did it, rather than the server.
        own: bool,
        /// The documents.
        changes: Vec<Change<D>>,
    },
    /// Documents of these collections changed in another tab.
    Stale(Vec<Collection>),
    /// States of rows of these collections moved.
    States(Vec<Collection>),
    /// A collection has been caught up for the first time.
    Complete(Collection),
    /// A watched change has ended.
    Settled {
        /// Which.
        mutation_id: Rc<str>,
        /// What the server has, or why not.
        result: Result<Settled<D>, Failure>,
    },
    /// An event of sync, by its public name.
    Sync {
        /// The name.
        name: &'static str,
        /// Its detail.
        detail: D,
    },
    /// A conflict for the app's own function.
    Question(D),
    /// A setting changed.
    Setting(Rc<str>),
}

/// What the server has after a change.
#[derive(Debug, Clone)]
pub struct Settled<D> {
    /// The document's id.
    pub id: Rc<str>,
    /// The document; `None` when it is deleted.
    pub doc: Option<D>,
    /// Its revision.
    pub revision: Option<String>,
}

/// The state of sync as the app sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of SyncStatus and NetworkState and are documented there")]
pub struct Status {
    pub state: &'static str,
    pub phase: &'static str,
    pub online: bool,
    pub reachable: Option<bool>,
    pub connection: Connection,
    pub leader: bool,
    pub pending: usize,
    pub parked: usize,
    pub conflicts: usize,
    pub oldest: Option<Time>,
    pub last_synced_at: Option<Time>,
    pub next_attempt_at: Option<Time>,
    pub holds: Vec<String>,
    pub error: Option<Failure>,
    pub progress: Option<Progress>,
    pub triggers: Triggers,
}

/// How far the running pass is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of Progress and are documented there")]
pub struct Progress {
    pub phase: &'static str,
    pub collection: Option<Collection>,
    pub done: usize,
    pub total: Option<usize>,
    pub remaining: Option<u64>,
}

impl Progress {
    /// As the app gets it.
    pub fn to_document<D: Document>(&self) -> D {
        let count = |count: usize| D::number(count as f64);
        let fraction = self.total.map(|total| self.done as f64 / total.max(1) as f64);
        D::of(&[
            ("phase", Some(D::text(self.phase))),
            ("done", Some(count(self.done))),
            ("total", self.total.map(count)),
            ("fraction", fraction.map(|fraction| D::number(fraction.min(1.0)))),
            ("remainingMs", self.remaining.map(|ms| D::number(ms as f64))),
            ("collection", self.collection.as_deref().map(D::text)),
        ])
    }
}

impl Status {
    /// As the face gets it: the status and the state of the network.
    pub fn to_document<D: Document>(&self) -> D {
        let time = |at: Option<Time>| at.map(|at| D::number(at as f64));
        let count = |count: usize| Some(D::number(count as f64));
        let hint = |hint: &Option<String>| hint.as_deref().map(D::text);
        let network = D::of(&[
            ("online", Some(D::boolean(self.online))),
            ("reachable", self.reachable.map(D::boolean)),
            ("type", hint(&self.connection.kind)),
            ("effectiveType", hint(&self.connection.effective)),
            ("saveData", Some(D::boolean(self.connection.saves))),
            ("good", Some(D::boolean(self.online && !self.connection.is_slow()))),
        ]);
        let status = D::of(&[
            ("state", Some(D::text(self.state))),
            ("phase", Some(D::text(self.phase))),
            ("online", Some(D::boolean(self.online))),
            ("leader", Some(D::boolean(self.leader))),
            ("pending", count(self.pending)),
            ("parked", count(self.parked)),
            ("conflicts", count(self.conflicts)),
            ("holds", Some(D::list(self.holds.iter().map(|hold| D::text(hold)).listed()))),
            ("lastSyncedAt", time(self.last_synced_at)),
            ("nextAttemptAt", time(self.next_attempt_at)),
            ("error", self.error.as_ref().map(Failure::to_document)),
            ("progress", self.progress.as_ref().map(Progress::to_document)),
        ]);
        D::of(&[
            ("status", Some(status)),
            ("network", Some(network)),
            ("oldest", time(self.oldest)),
            ("triggers", Some(self.triggers.to_document())),
        ])
    }
}
