//! Applies a page of the server's changes together with its checkpoint: both or neither (I-12). A large page comes in
//! parts, each a short transaction of its own, and the checkpoint with the last.
//!
//! A pulled document never overwrites a pending one: it becomes the new base and the changes are put on top (I-10).
//! One that is older than what was acknowledged is refused (I-11); where no time tells, and the page was asked for
//! before the acknowledgement, the document is named for fetching by itself; so is one that could not be read.

use super::audit::{audited, merged, settled};
use super::meet::Meeting;
use super::world::{note, Change, Effects, Fence, World};
use super::Report;
use crate::engine::config::Config;
use crate::engine::lane::Lane;
use crate::engine::mutant::Mutant;
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step, Write};
use crate::model::{want_also, Collection, DocKey, Document, PullState, Record, Row, Time, Wanted};
use crate::protocol::{Item, Page};
use std::rc::Rc;

/// The transaction of one page.
#[derive(Debug)]
pub struct ApplyPage<D> {
    /// Options.
    pub config: Rc<Config>,
    /// Proof of leadership.
    pub fence: Fence,
    /// The collection.
    pub collection: Collection,
    /// The page, or a part of it.
    pub page: Page<D>,
    /// Whether nothing of the page is left after this part: only then the checkpoint moves (I-12).
    pub last: bool,
    /// The state the request was made from; another one in the store makes the page stale.
    pub from: PullState<D>,
    /// Whether this page begins a full pull.
    pub restarts: bool,
    /// Whether it is a document asked for by itself, which moves no checkpoint.
    pub single: Option<Wanted>,
    /// When the page was asked for.
    pub asked_at: Time,
    /// The server's clock less this device's.
    pub offset: i64,
    /// When.
    pub now: Time,
}

/// The report of a page.
#[derive(Debug, Clone)]
pub struct Applied<D> {
    /// Whether another tab had moved the checkpoint meanwhile, so that nothing was applied.
    pub stale: bool,
    /// The state after it.
    pub state: PullState<D>,
    /// Documents to be fetched by themselves.
    pub fetch: Vec<Wanted>,
    /// Documents that changed.
    pub changed: usize,
    /// Documents that went.
    pub deleted: usize,
    /// What moved.
    pub effects: Effects<D>,
}

enum Verdict {
    Take,
    Known,
    Refuse,
    Fetch,
}

impl<D: Document> Plan<D, Report<D>> for ApplyPage<D> {
    fn scope(&self) -> Scope {
        Scope { collections: vec![self.collection.clone()], writes: true, strict: false }
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let pull = MetaKey::Pull(self.collection.clone());
        let missing = rows.missing(vec![Fence::read(), Read::Meta(MetaKey::Mark), Read::Meta(pull.clone())]);
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        if !self.fence.stands(rows) {
            return Step::Done(Vec::new(), Report::Fenced);
        }
        let stored = rows.pull_state(&self.collection);
        if self.single.is_none() && !same_position(&stored, &self.from) {
            return Step::Done(Vec::new(), Report::Applied(stale(stored)));
        }
        let stored_wanted = stored.wanted.len();
        let keys = self.page.items.iter().map(|item| (DocKey::new(&self.collection, &item.id), false));
        let mut world = match World::load(rows, keys) {
            Ok(world) => world,
            Err(missing) => return Step::Need(missing),
        };
        let judged = match &self.single {
            Some(single) => without(&stored, &single.id),
            None => self.next_state(&stored),
        };
        let moves = self.single.is_none() && (self.last || Mutant::CheckpointWithFirstPart.is_on());
        let mut applied = Applied { state: judged, ..stale(PullState::default()) };
        applied.stale = false;
        for (index, item) in self.page.items.iter().enumerate() {
            if !(Mutant::CheckpointBeforeData.is_on() && index + 1 == self.page.items.len()) {
                self.apply(&mut world, item, &mut applied, rows);
            }
        }
        let (mut writes, effects) = world.finish(&self.config);
        applied.effects.entries = effects.entries;
        applied.effects.removed = effects.removed;
        if !applied.effects.changes.is_empty() {
            let mut entries = settled(&applied.effects.conflicts, self.config.user.as_ref(), self.now);
            merged(rows, &applied.effects.removed, &mut entries, self.now);
            writes.extend(audited(rows, entries));
        }
        if let Err(missing) = note(rows, &applied.effects.conflicts, &mut writes) {
            return Step::Need(missing);
        }
        if self.single.is_none() && !moves {
            applied.state = stored;
        }
        want_also(&mut applied.state.wanted, applied.fetch.clone());
        if moves || !applied.fetch.is_empty() || applied.state.wanted.len() != stored_wanted {
            writes.push(Write::PutMeta(pull, applied.state.to_record()));
        }
        Step::Done(writes, Report::Applied(applied))
    }
}

impl<D: Document> ApplyPage<D> {
    fn next_state(&self, stored: &PullState<D>) -> PullState<D> {
        let ends = !self.page.has_more;
        let foreign = stored.epoch.is_some() && self.page.epoch != stored.epoch;
        let position = self.page.checkpoint.clone().or_else(|| stored.checkpoint.clone());
        let position = if Mutant::ForgetsThePosition.is_on() { Some(D::text("0.0")) } else { position };
        PullState {
            checkpoint: position,
            epoch: self.page.epoch.clone().or_else(|| stored.epoch.clone()),
            etag: self
                .page
                .etag
                .clone()
                .filter(|_| same_checkpoint(self.page.checkpoint.as_ref(), self.from.checkpoint.as_ref())),
            completed_at: if ends { Some(self.now) } else { stored.completed_at },
            generation: stored.generation,
            sweeping: stored.sweeping,
            rewinds: stored.rewinds || (self.restarts && foreign),
            wanted: stored.wanted.clone(),
        }
    }

    fn apply(&self, world: &mut World<D>, item: &Item<D>, applied: &mut Applied<D>, rows: &Rows<D>) {
        let key = DocKey::new(&self.collection, &item.id);
        let Some(lane) = world.lane(&key) else { return };
        match self.judge(lane, item, &applied.state) {
            Verdict::Refuse => return,
            Verdict::Fetch => {
                see(lane, applied.state.generation);
                // Outside a full pull an answer older than what is known does not count.
                let counts = applied.state.sweeping || !item.unfit;
                let known = lane.row.as_ref().filter(|_| counts).and_then(|row| row.rev.clone());
                return applied.fetch.push(Wanted { id: item.id.clone(), known });
            }
            Verdict::Known => return see(lane, applied.state.generation),
            Verdict::Take => {}
        }
        let row_key = lane.row.as_ref().map_or_else(|| Rc::from(&*item.id), |row| row.key.clone());
        let existed = lane.row.is_some();
        match &item.doc {
            Some(doc) => self.take(lane, doc, item, applied, rows),
            None if existed => {
                self.bury(lane, item, applied, rows);
                applied.deleted += 1;
            }
            None => return,
        }
        if item.doc.is_none() && Mutant::ForgetsToTellDeletions.is_on() {
            return;
        }
        let doc = if Mutant::TellsTheServersDocument.is_on() { item.doc.clone() } else { lane.doc().cloned() };
        applied.effects.changes.push(Change { key, row_key, previous: None, doc });
    }

    fn judge(&self, lane: &Lane<D>, item: &Item<D>, state: &PullState<D>) -> Verdict {
        if item.unfit {
            return if Mutant::SkipsTheUnfit.is_on() { Verdict::Known } else { Verdict::Fetch };
        }
        let Some(row) = lane.row.as_ref().filter(|_| !Mutant::StalePullAfterAcknowledge.is_on()) else {
            return Verdict::Take;
        };
        let rewound = state.rewinds && row.seen != state.generation;
        match (item.at, row.server_at) {
            (Some(pulled), Some(known)) if pulled < known && !rewound => return self.judge_older(row, state),
            _ if !row.is_on_server() => return Verdict::Take,
            (Some(_), Some(_)) => {}
            _ if self.single.is_none() && row.synced_at.is_some_and(|at| at >= self.asked_at) => return Verdict::Fetch,
            _ => {}
        }
        let same = item.doc.is_some() && item.revision.is_some() && item.revision == row.rev;
        if same {
            Verdict::Known
        } else {
            Verdict::Take
        }
    }

    /// An older state than the one known: a lagging replica, or a history that was lost. A full pull asks for the
    /// document by itself, and what that answer says counts, unless something was acknowledged meanwhile.
    fn judge_older(&self, row: &Row<D>, state: &PullState<D>) -> Verdict {
        match &self.single {
            Some(single) if single.known.is_some() && single.known == row.rev => Verdict::Take,
            None if state.sweeping => Verdict::Fetch,
            _ => Verdict::Refuse,
        }
    }

    fn take(&self, lane: &mut Lane<D>, doc: &D, item: &Item<D>, applied: &mut Applied<D>, rows: &Rows<D>) {
        let row = lane.row.get_or_insert_with(|| Row::fresh(&item.id, self.now));
        row.rev.clone_from(&item.revision);
        row.server_at = item.at;
        row.synced_at = Some(self.now);
        row.at = self.now;
        row.local = false;
        see(lane, applied.state.generation);
        applied.effects.conflicts.extend(self.meeting(rows, Some(doc.clone()), item).pulled(lane));
        if Mutant::PullOverwritesPending.is_on() {
            lane.row.iter_mut().for_each(|row| row.doc = Some(doc.clone()));
        }
        applied.changed += 1;
    }

    /// A document that is gone on the server: gone here too, unless something waits to be sent for it.
    fn bury(&self, lane: &mut Lane<D>, item: &Item<D>, applied: &mut Applied<D>, rows: &Rows<D>) {
        if lane.changes.is_empty() {
            lane.row = None;
            return;
        }
        if let Some(row) = lane.row.as_mut() {
            row.rev = None;
            row.server_at = item.at.or(row.server_at.map(|at| at + 1));
            row.synced_at = None;
            row.at = self.now;
        }
        applied.effects.conflicts.extend(self.meeting(rows, None, item).pulled(lane));
    }

    fn meeting<'a>(&'a self, rows: &'a Rows<D>, remote: Option<D>, item: &Item<D>) -> Meeting<'a, D> {
        let revision = item.revision.clone().filter(|_| remote.is_some());
        let (config, offset, now) = (&*self.config, self.offset, self.now);
        Meeting { config, rows, remote, revision, remote_at: item.at, offset, now }
    }
}

fn stale<D>(state: PullState<D>) -> Applied<D> {
    Applied { stale: true, state, fetch: Vec::new(), changed: 0, deleted: 0, effects: Effects::default() }
}

/// The state without a document that has been asked for.
fn without<D: Document>(state: &PullState<D>, id: &str) -> PullState<D> {
    let mut state = state.clone();
    state.wanted.retain(|wanted| wanted.id != id);
    state
}

fn see<D>(lane: &mut Lane<D>, generation: u64) {
    if let Some(row) = lane.row.as_mut() {
        row.seen = generation;
    }
}

fn same_position<D: Document>(stored: &PullState<D>, from: &PullState<D>) -> bool {
    same_checkpoint(stored.checkpoint.as_ref(), from.checkpoint.as_ref()) && stored.generation == from.generation
}

fn same_checkpoint<D: Document>(left: Option<&D>, right: Option<&D>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => left.same(right),
        (left, right) => left.is_none() && right.is_none(),
    }
}
