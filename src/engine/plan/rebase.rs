//! Puts a refused change on the server's current document.
//!
//! Nothing was executed, so a different payload may take the refused one's place under a new key. What both sides did
//! is judged by [`super::meet`]. After at most [`MAX_ROUNDS`] rounds the change is parked, so endless contention cannot
//! become an endless loop (pitfalls D18).

use super::acknowledge::want;
use super::audit::{audited, merged, settled};
use super::meet::Meeting;
use super::world::{note, Change, Effects, Fence, Noted, World};
use super::Report;
use crate::engine::config::Config;
use crate::engine::lane::Lane;
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step};
use crate::model::{AuditEntry, ChangeKind, Code, DocKey, Document, Failure, Pending, PendingState, Seq, Time};
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
    /// Whether the answer may be older than what pulls have shown since.
    pub doubtful: bool,
    /// The server's clock less this device's.
    pub offset: i64,
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
    /// Whether it is done: the server has all of it, or the strategy gave it up.
    pub done: bool,
    /// Whether the document is to be asked for by itself, because the answer is in doubt.
    pub wanted: bool,
    /// What moved.
    pub effects: Effects<D>,
}

impl<D: Document> Plan<D, Report<D>> for Rebase<D> {
    fn scope(&self) -> Scope {
        Scope { collections: vec![self.key.collection.clone()], writes: true, strict: true }
    }

    fn may_spend(&self) -> bool {
        true
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let pull = Read::Meta(MetaKey::Pull(self.key.collection.clone()));
        let missing = rows.missing(vec![Fence::read(), Read::Meta(MetaKey::Mark), pull]);
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
        // Another leader, or this very transaction, has settled it meanwhile: what it wrote stands.
        let is_out = lane.changes.first().is_some_and(|change| self.is_refused(change));
        if !is_out {
            return Step::Done(Vec::new(), Report::Nothing);
        }
        let row_key = lane.row.as_ref().map_or_else(|| self.key.id.clone(), |row| row.key.clone());
        let before = lane.changes[0].clone();
        let (noted, parked) = self.apply(lane, rows);
        let done = lane.changes.first().is_none_or(|change| change.seq != self.seq);
        let pull = rows.pull_state(&self.key.collection);
        let told = lane.row.as_mut().filter(|row| row.is_on_server());
        let wanted = told.is_some() && (self.doubtful || (pull.sweeping && pull.checkpoint.is_none()));
        if let Some(row) = told {
            row.seen = pull.generation;
        }
        let change = Change { key: self.key.clone(), row_key, previous: None, doc: lane.doc().cloned() };
        let (mut writes, effects) = world.finish(&self.config);
        let mut entries = settled(&noted, self.config.user.as_ref(), self.now);
        if let Some(failure) = &parked {
            entries.push(AuditEntry::of(&before, "parked", Some(failure.code), self.now));
        }
        merged(rows, &effects.removed, &mut entries, self.now);
        writes.extend(audited(rows, entries));
        if wanted {
            writes.push(want(pull, &self.key));
        }
        if let Err(missing) = note(rows, &noted, &mut writes) {
            return Step::Need(missing);
        }
        let effects = Effects { changes: vec![change], conflicts: noted, ..effects };
        Step::Done(writes, Report::Rebased(Rebased { seq: self.seq, parked, done, wanted, effects }))
    }
}

impl<D: Document> Rebase<D> {
    fn is_refused(&self, change: &Pending<D>) -> bool {
        change.seq == self.seq && change.mutation_id == self.mutation_id && change.state == PendingState::Sending
    }

    fn apply(&self, lane: &mut Lane<D>, rows: &Rows<D>) -> (Vec<Noted<D>>, Option<Failure>) {
        lane.dirty.insert(self.seq);
        if let Some(change) = lane.changes.first_mut() {
            change.state = PendingState::Waiting;
            change.wait = None;
            change.refused = true;
            change.rounds += 1;
            change.losses = 0;
        }
        let meeting = |remote, revision, remote_at| {
            let (config, offset, now) = (&*self.config, self.offset, self.now);
            Meeting { config, rows, remote, revision, remote_at, offset, now }
        };
        let noted = match &self.remote {
            Remote::Present { at, .. } if deleted_since(lane, *at) => {
                let at = lane.row.as_ref().and_then(|row| row.server_at);
                meeting(None, None, at).judge_all(lane, true)
            }
            Remote::Present { doc, revision, at } => {
                let (doc, revision) = pulled_since(lane, *at).unwrap_or_else(|| {
                    confirm(lane, revision.clone(), *at, self.now);
                    (doc.clone(), revision.clone())
                });
                meeting(Some(doc), revision, *at).judge_all(lane, true)
            }
            Remote::Deleted | Remote::Unknown => {
                forget_server(lane);
                meeting(None, None, None).judge_all(lane, true)
            }
        };
        (noted, self.parked(lane))
    }

    /// Parks a change that has met another state too often.
    fn parked(&self, lane: &mut Lane<D>) -> Option<Failure> {
        let spent = |change: &&mut Pending<D>| {
            change.seq == self.seq && change.state == PendingState::Waiting && change.rounds > MAX_ROUNDS
        };
        let change = lane.changes.first_mut().filter(spent)?;
        let text = "the document kept changing on the server; retry or discard it";
        let failure = Failure::new(Code::Conflict, text).at(self.now);
        change.state = PendingState::Parked;
        change.last_error = Some(failure.clone());
        Some(failure)
    }
}

/// The server's state below the change, where a pull has put one there since the change was sent that is later than this
/// answer (I-11). What it was made from tells; the device's clock is not asked, for it may have jumped meanwhile.
fn pulled_since<D: Document>(lane: &Lane<D>, at: Option<Time>) -> Option<(D, Option<String>)> {
    let (row, head) = (lane.row.as_ref()?, lane.changes.first()?);
    let pulled = head.origin.is_some() || head.kind == ChangeKind::Create;
    at.zip(row.server_at).filter(|(at, known)| pulled && at < known)?;
    Some((head.base.clone()?, row.rev.clone()))
}

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
    if let Some(row) = lane.row.as_mut().filter(|row| row.is_on_server()) {
        row.rev = None;
        row.synced_at = None;
        row.server_at = row.server_at.map(|at| at + 1);
    }
}
