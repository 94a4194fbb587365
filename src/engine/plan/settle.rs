//! Settles a change whose attempt did not succeed: it waits again, or is parked. It never goes.
//!
//! What counts as an attempt was decided before; here the count is written together with the reason and the pause.
//! A collection that rolls refused changes back does that through [`super::Discard`] instead.

use super::audit::audited;
use super::world::Fence;
use super::Report;
use crate::engine::config::Config;
use crate::engine::mutant::Mutant;
use crate::engine::outbox::Entry;
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step, Write};
use crate::model::{AuditEntry, Document, Failure, Listed, Pending, PendingState, Seq, Time, Wait};
use std::rc::Rc;

/// What to write for one change.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Its place.
    pub seq: Seq,
    /// Its identity.
    pub mutation_id: Rc<str>,
    /// Where it stands now.
    pub state: PendingState,
    /// Whether the attempt counts.
    pub counted: bool,
    /// Counted attempts after which it is parked.
    pub max_attempts: u32,
    /// Pause before the next attempt.
    pub wait: Option<Wait>,
    /// Why.
    pub failure: Option<Failure>,
    /// Whether the server said that it did not execute the payload.
    pub refused: bool,
    /// Requests in a row that got no answer while others did.
    pub losses: u32,
}

/// The transaction after a failure.
#[derive(Debug)]
pub struct Settle {
    /// Options.
    pub config: Rc<Config>,
    /// Proof of leadership.
    pub fence: Fence,
    /// What to write.
    pub setting: Setting,
    /// When.
    pub now: Time,
}

/// The report.
#[derive(Debug, Clone)]
pub struct Settlement<D> {
    /// The entry after it; `None` when the row is gone.
    pub entry: Option<Entry>,
    /// The pending row, for the report to the app.
    pub row: Option<Box<Pending<D>>>,
}

impl<D: Document> Plan<D, Report<D>> for Settle {
    fn scope(&self) -> Scope {
        Scope { collections: Vec::new(), writes: true, strict: true }
    }

    fn may_spend(&self) -> bool {
        true
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let setting = &self.setting;
        let missing = rows.missing(vec![Read::Pending(setting.seq), Fence::read(), Read::Meta(MetaKey::Mark)]);
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        if !self.fence.stands(rows) {
            return Step::Done(Vec::new(), Report::Fenced);
        }
        let known = rows.pending(setting.seq).filter(|row| row.mutation_id == setting.mutation_id);
        let Some(mut row) = known.cloned() else {
            return Step::Done(Vec::new(), Report::Settled(Settlement { entry: None, row: None }));
        };
        // Another leader has settled it meanwhile: what it wrote stands.
        let settled = row.state != PendingState::Sending;
        if settled {
            let entry = Some(Entry::of(&row, &self.config));
            return Step::Done(Vec::new(), Report::Settled(Settlement { entry, row: Some(Box::new(row)) }));
        }
        apply(&mut row, setting);
        let settlement = Settlement { entry: Some(Entry::of(&row, &self.config)), row: Some(Box::new(row.clone())) };
        let parked = row.state == PendingState::Parked && !Mutant::AuditForgetsParked.is_on();
        let code = row.last_error.as_ref().map(|failure| failure.code);
        let entry = parked.then(|| AuditEntry::of(&row, "parked", code, self.now));
        let mut writes = audited(rows, entry.into_iter().listed());
        writes.push(Write::PutPending(row));
        Step::Done(writes, Report::Settled(settlement))
    }
}

fn apply<D>(row: &mut Pending<D>, setting: &Setting) {
    row.retry_count += u32::from(setting.counted);
    let most = if Mutant::GoesOnForEver.is_on() { u32::MAX } else { setting.max_attempts };
    let spent = setting.counted && row.retry_count >= most;
    row.state = if spent { PendingState::Parked } else { setting.state };
    row.wait = if row.state == PendingState::Waiting { setting.wait } else { None };
    row.refused |= setting.refused;
    row.losses = setting.losses;
    if setting.failure.is_some() {
        row.last_error.clone_from(&setting.failure);
    }
    if Mutant::ForgetsThePayload.is_on() {
        row.sent = None;
    }
    if Mutant::NoRetryAfterFailure.is_on() && setting.counted {
        row.state = PendingState::Conflict;
    }
}

/// Makes parked and waiting changes due now: one, or all.
#[derive(Debug)]
pub struct Retry {
    /// Options.
    pub config: Rc<Config>,
    /// The changes' places.
    pub seqs: Vec<Seq>,
    /// When.
    pub now: Time,
}

impl<D: Document> Plan<D, Report<D>> for Retry {
    fn scope(&self) -> Scope {
        Scope { collections: Vec::new(), writes: true, strict: true }
    }

    fn may_spend(&self) -> bool {
        true
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let reads = self.seqs.iter().map(|seq| Read::Pending(*seq));
        let missing = rows.missing(reads.chain([Read::Meta(MetaKey::Mark)]).listed());
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        let mut effects = super::Effects::default();
        let mut writes = Vec::new();
        let mut entries = Vec::new();
        let held = self.seqs.iter().filter_map(|seq| rows.pending(*seq));
        for row in held.filter(|row| matches!(row.state, PendingState::Waiting | PendingState::Parked)) {
            let row = Pending {
                state: PendingState::Waiting,
                retry_count: 0,
                losses: 0,
                rounds: 0,
                wait: None,
                ..row.clone()
            };
            effects.entries.push(Entry::of(&row, &self.config));
            entries.push(AuditEntry::of(&row, "retried", None, self.now));
            writes.push(Write::PutPending(row));
        }
        let met = effects.entries.len();
        if met > 0 {
            writes.extend(audited(rows, entries));
        }
        Step::Done(writes, Report::Commanded(effects, met))
    }
}
