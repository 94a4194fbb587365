//! Ends an open conflict by somebody's choice: a person's, or the app's own function's.
//!
//! The chosen document becomes what the change leads to, under a new key when it is sent, and what queued behind it is
//! judged in turn. A verdict on a question that has changed meanwhile is ignored: the function is asked again.

use super::audit::{audited, merged, settled};
use super::meet::{ended, settle_on, Meeting};
use super::world::{note, Change, Effects, Fence, Noted, World};
use super::Report;
use crate::engine::config::Config;
use crate::engine::lane::Lane;
use crate::engine::mutant::Mutant;
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step};
use crate::model::{Code, Conflict, DocKey, Document, Failure, PendingState, Seq, Time};
use std::rc::Rc;

/// What is chosen.
#[derive(Debug, Clone)]
pub enum Choice<D> {
    /// The document as it is here.
    Local,
    /// The document as the server has it.
    Remote,
    /// This document; `None` deletes it.
    Doc(Option<D>),
    /// The function does not choose: a person has to. With the reason, when it failed.
    Person(Option<Failure>),
}

/// The transaction of a choice.
#[derive(Debug)]
pub struct Resolve<D> {
    /// Options.
    pub config: Rc<Config>,
    /// The change's place.
    pub seq: Seq,
    /// Its document.
    pub key: DocKey,
    /// The conflict that holds it.
    pub conflict_id: Rc<str>,
    /// What is chosen.
    pub choice: Choice<D>,
    /// Who chose, as it is recorded.
    pub by: &'static str,
    /// A function's verdict: the question it was given.
    pub asked: Option<Box<Conflict<D>>>,
    /// The server's clock less this device's.
    pub offset: i64,
    /// When.
    pub now: Time,
}

impl<D: Document> Plan<D, Report<D>> for Resolve<D> {
    fn scope(&self) -> Scope {
        Scope { collections: vec![self.key.collection.clone()], writes: true, strict: true }
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let missing = rows.missing(vec![Read::Meta(MetaKey::Mark)]);
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        let mut world = match World::load(rows, [(self.key.clone(), false)]) {
            Ok(world) => world,
            Err(missing) => return Step::Need(missing),
        };
        let Some(lane) = world.lane(&self.key) else { return Step::Done(Vec::new(), Report::Refused(unknown())) };
        let Some((at, known)) = self.find(lane, rows) else {
            return Step::Done(Vec::new(), Report::Refused(unknown()));
        };
        let row_key = lane.row.as_ref().map_or_else(|| self.key.id.clone(), |row| row.key.clone());
        let noted = self.choose(lane, at, &known, rows);
        let change = Change { key: self.key.clone(), row_key, previous: None, doc: lane.doc().cloned() };
        let (mut writes, effects) = world.finish(&self.config);
        let mut entries = settled(&noted, self.config.user.as_ref(), self.now);
        merged(rows, &effects.removed, &mut entries, self.now);
        writes.extend(audited(rows, entries));
        if let Err(missing) = note(rows, &noted, &mut writes) {
            return Step::Need(missing);
        }
        Step::Done(writes, Report::Commanded(Effects { changes: vec![change], conflicts: noted, ..effects }, 1))
    }
}

/// No open conflict has this id.
pub fn unknown() -> Failure {
    Failure::new(Code::NotFound, "no open conflict with this id")
}

impl<D: Document> Resolve<D> {
    fn find(&self, lane: &Lane<D>, rows: &Rows<D>) -> Option<(usize, Box<Conflict<D>>)> {
        let at = lane.changes.iter().position(|change| change.conflict.as_ref() == Some(&self.conflict_id))?;
        let known = rows.conflict(&self.conflict_id).filter(|known| known.resolution.is_none())?;
        let waits = |asked: &Conflict<D>| {
            let same = same(asked.remote.as_ref(), known.remote.as_ref()) || Mutant::OldVerdictCounts.is_on();
            lane.changes[at].asks && same
        };
        let stands = self.asked.as_ref().is_none_or(|asked| waits(asked));
        stands.then(|| (at, Box::new(known.clone())))
    }

    fn choose(&self, lane: &mut Lane<D>, at: usize, known: &Conflict<D>, rows: &Rows<D>) -> Vec<Noted<D>> {
        let mut new = lane.below(at);
        let target = match &self.choice {
            Choice::Local => known.local.clone(),
            Choice::Remote => new.clone(),
            Choice::Doc(doc) => doc.clone(),
            Choice::Person(failure) => {
                let change = &mut lane.changes[at];
                change.asks = false;
                change.last_error = failure.clone().or_else(|| change.last_error.take());
                lane.dirty.insert(change.seq);
                return Vec::new();
            }
        };
        free(lane, at);
        let (base, revision) = confirmed(lane);
        let kept = settle_on(lane, at, target, &mut new, &[]);
        let result = new.clone();
        let old = if matches!(self.choice, Choice::Remote) { &known.base } else { &known.local };
        let (config, offset, now) = (&*self.config, self.offset, self.now);
        let remote_at = lane.row.as_ref().and_then(|row| row.server_at);
        let meeting = Meeting { config, rows, remote: base, revision, remote_at, offset, now };
        let mut noted = meeting.judge_from(lane, at + usize::from(kept), old.clone(), new, false);
        let done = Box::new(ended(known.clone(), self.by, self.now, result.as_ref()));
        noted.insert(0, Noted { conflict: done, fresh: false });
        noted
    }
}

/// What a lane stands on, and its revision.
pub(super) fn confirmed<D: Document>(lane: &Lane<D>) -> (Option<D>, Option<String>) {
    lane.changes.first().map_or((None, None), |head| (head.base.clone(), head.base_rev.clone()))
}

/// The change waits again, with all its attempts.
fn free<D: Document>(lane: &mut Lane<D>, at: usize) {
    let change = &mut lane.changes[at];
    change.state = PendingState::Waiting;
    change.conflict = None;
    change.asks = false;
    change.retry_count = 0;
    change.losses = 0;
    change.rounds = 0;
    change.wait = None;
    change.last_error = None;
    lane.dirty.insert(change.seq);
}

fn same<D: Document>(left: Option<&D>, right: Option<&D>) -> bool {
    left.zip(right).map_or(left.is_none() && right.is_none(), |(left, right)| left.same(right))
}

/// Reads an open conflict for the app's function to be asked.
#[derive(Debug)]
pub struct Ask {
    /// Proof of leadership: one tab asks.
    pub fence: Fence,
    /// The change's place.
    pub seq: Seq,
}

impl<D: Document> Plan<D, Report<D>> for Ask {
    fn scope(&self) -> Scope {
        Scope { collections: Vec::new(), writes: false, strict: false }
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let missing = rows.missing(vec![Fence::read(), Read::Pending(self.seq)]);
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        if !self.fence.stands(rows) {
            return Step::Done(Vec::new(), Report::Fenced);
        }
        let held = rows.pending(self.seq).filter(|change| change.asks).and_then(|change| change.conflict.clone());
        let Some(id) = held else { return Step::Done(Vec::new(), Report::Asked(None)) };
        let missing = rows.missing(vec![Read::Conflict(id.clone())]);
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        Step::Done(Vec::new(), Report::Asked(rows.conflict(&id).cloned().map(Box::new)))
    }
}
