//! Puts a refused change on the server's current document: fields changed here stay, the rest follows the server.
//!
//! Nothing was executed, so a different payload may take the refused one's place under a new key. After at most
//! [`MAX_ROUNDS`] rounds the change is parked, so endless contention cannot become an endless loop (pitfalls D18).

use super::world::{moved_mark, Change, Effects, Fence, World};
use super::Report;
use crate::engine::config::Config;
use crate::engine::lane::Lane;
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step};
use crate::model::{ChangeKind, Code, DocKey, Document, Failure, Patch, PendingState, Seq, Time};
use crate::protocol::Remote;
use std::rc::Rc;

/// Rounds after which a change is parked.
const MAX_ROUNDS: u32 = 8;

/// The transaction after a conflict.
#[derive(Debug)]
pub struct Rebase<D> {
    /// Options.
    pub config: Rc<Config>,
    /// Proof of leadership.
    pub fence: Fence,
    /// The change's place.
    pub seq: Seq,
    /// Its identity.
    pub mutation_id: Rc<str>,
    /// Its document.
    pub key: DocKey,
    /// The server's current state.
    pub remote: Remote<D>,
    /// When it was asked for.
    pub asked_at: Time,
    /// When.
    pub now: Time,
}

/// What became of the change.
#[derive(Debug, Clone)]
pub struct Rebased<D> {
    /// Its place.
    pub seq: Seq,
    /// Why it was parked, if it was.
    pub parked: Option<Failure>,
    /// Whether the server already had all of it, so that it is done.
    pub done: bool,
    /// The document before both changed it.
    pub base: Option<D>,
    /// The document as it was here.
    pub local: Option<D>,
    /// The server's document.
    pub remote: Option<D>,
    /// What moved.
    pub effects: Effects<D>,
}

impl<D: Document> Plan<D, Report<D>> for Rebase<D> {
    fn scope(&self) -> Scope {
        Scope { collections: vec![self.key.collection.clone()], writes: true, strict: true }
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let pull = Read::Meta(MetaKey::Pull(self.key.collection.clone()));
        let missing = rows.missing([Fence::read(), Read::Meta(MetaKey::Mark), pull]);
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        if !self.fence.stands(rows) {
            return Step::Done(Vec::new(), Report::Fenced);
        }
        let mut world = match World::load(rows, [(self.key.clone(), false)]) {
            Ok(world) => world,
            Err(missing) => return Step::Need(missing),
        };
        let Some(lane) = world.lane(&self.key) else { return Step::Done(Vec::new(), Report::Nothing) };
        let head = lane.changes.first();
        if !head.is_some_and(|change| change.seq == self.seq && change.mutation_id == self.mutation_id) {
            return Step::Done(Vec::new(), Report::Nothing);
        }
        let mut report = self.apply(lane);
        if let Some(row) = lane.row.as_mut().filter(|row| row.is_on_server()) {
            row.seen = rows.pull_state(&self.key.collection).generation;
        }
        let change = Change {
            key: self.key.clone(),
            row_key: lane.row.as_ref().map_or_else(|| self.key.id.clone(), |row| row.key.clone()),
            previous: None,
            doc: lane.doc().cloned(),
        };
        let (mut writes, effects) = world.finish(&self.config);
        writes.push(moved_mark(rows));
        report.effects = Effects { changes: vec![change], ..effects };
        Step::Done(writes, Report::Rebased(report))
    }
}

impl<D: Document> Rebase<D> {
    fn apply(&self, lane: &mut Lane<D>) -> Rebased<D> {
        let mut report = Rebased {
            seq: self.seq,
            parked: None,
            done: false,
            base: lane.changes.first().and_then(|change| change.base.clone()),
            local: lane.doc().cloned(),
            remote: None,
            effects: Effects::default(),
        };
        lane.dirty.insert(self.seq);
        match &self.remote {
            Remote::Present { at, .. } if deleted_since(lane, *at) => {
                report.parked = Some(park(lane, DELETED, self.now));
            }
            Remote::Present { doc, revision, at } => {
                let (doc, revision) = self.pulled_since(lane, *at).unwrap_or_else(|| {
                    confirm(lane, revision.clone(), *at, self.now);
                    (doc.clone(), revision.clone())
                });
                report.remote = Some(doc.clone());
                adapt(lane, &doc);
                report.done = is_done(lane, &doc);
                if report.done {
                    lane.changes.remove(0);
                } else {
                    report.parked = self.next_round(lane);
                }
                lane.rebase(Some(doc), revision);
            }
            Remote::Deleted if lane.changes.first().is_some_and(|change| change.kind == ChangeKind::Create) => {
                report.parked = self.next_round(lane);
                forget_server(lane);
            }
            Remote::Deleted | Remote::Unknown => {
                forget_server(lane);
                report.parked = Some(park(lane, DELETED, self.now));
            }
        }
        report
    }

    /// The server's state below the change, where a pull brought one meanwhile that is later than this answer (I-11).
    fn pulled_since(&self, lane: &Lane<D>, at: Option<Time>) -> Option<(D, Option<String>)> {
        let row = lane.row.as_ref().filter(|row| row.synced_at.is_some_and(|pulled| pulled >= self.asked_at))?;
        at.zip(row.server_at).filter(|(at, known)| at < known)?;
        Some((lane.changes.first()?.base.clone()?, row.rev.clone()))
    }

    fn next_round(&self, lane: &mut Lane<D>) -> Option<Failure> {
        let change = lane.changes.first_mut()?;
        change.state = PendingState::Waiting;
        change.wait = None;
        change.refused = true;
        change.rounds += 1;
        (change.rounds > MAX_ROUNDS)
            .then(|| park(lane, "the document kept changing on the server; retry or discard it", self.now))
    }
}

/// Whether the server's document already is what the change wants.
fn is_done<D: Document>(lane: &Lane<D>, remote: &D) -> bool {
    lane.changes.first().is_some_and(|change| {
        change.kind == ChangeKind::Update
            && change.changes.inc.is_empty()
            && change.apply(Some(remote)).is_some_and(|wanted| wanted.same(remote))
    })
}

const DELETED: &str = "changed here, deleted on the server; discard it or write the document anew";

/// Whether a pull brought the document's deletion, which is later than this answer (I-36).
fn deleted_since<D: Document>(lane: &Lane<D>, at: Option<Time>) -> bool {
    let deleted = lane.row.as_ref().filter(|row| !row.is_on_server()).and_then(|row| row.server_at);
    at.zip(deleted).is_some_and(|(at, deleted)| at < deleted)
}

fn confirm<D: Document>(lane: &mut Lane<D>, revision: Option<String>, at: Option<Time>, now: Time) {
    if let Some(row) = lane.row.as_mut() {
        row.rev = revision;
        row.server_at = at.or(row.server_at);
        row.synced_at = Some(now);
        row.at = now;
    }
}

fn forget_server<D: Document>(lane: &mut Lane<D>) {
    if let Some(row) = lane.row.as_mut() {
        row.rev = None;
        row.synced_at = None;
        row.server_at = row.server_at.map(|at| at + 1);
    }
    lane.rebase(None, None);
}

/// A create that met an existing document becomes an update of its own fields.
fn adapt<D: Document>(lane: &mut Lane<D>, remote: &D) {
    let Some(change) = lane.changes.first_mut().filter(|change| change.kind == ChangeKind::Create) else { return };
    let Some(data) = change.data.take() else { return };
    change.kind = ChangeKind::Update;
    change.changes = Patch { unset: Vec::new(), ..Patch::between(remote, &data) };
}

fn park<D: Document>(lane: &mut Lane<D>, text: &str, now: Time) -> Failure {
    let failure = Failure::new(Code::Conflict, text).at(now);
    if let Some(change) = lane.changes.first_mut() {
        change.state = PendingState::Parked;
        change.wait = None;
        change.refused = true;
        change.last_error = Some(failure.clone());
    }
    failure
}
