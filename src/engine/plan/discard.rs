//! Takes a change out of the outbox because a person (or the collection's rule for refusals) says so.
//!
//! The document goes back to what the server has, with whatever else still waits on top. Changes that stand on a
//! create fall with it. The mutation ids are remembered, so that no tab takes this for an acknowledgement.

use super::audit::{audited, merged};
use super::meet::{ended, Meeting};
use super::resolve::confirmed;
use super::world::{note, Change, Effects, Noted, World};
use super::Report;
use crate::engine::config::Config;
use crate::engine::lane::Lane;
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step, Write};
use crate::model::{
    AuditEntry, ChangeKind, Code, DocKey, Document, Failure, Listed, Pending, PendingState, Record, Seq, Time,
};
use std::rc::Rc;

/// Who takes the change back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiscardMode {
    /// A person drops it, attempted or not.
    Drop,
    /// The app takes one write back, if no attempt was made and nothing was folded into it.
    Cancel,
    /// The server refused it and the collection rolls back.
    RollBack,
}

/// The transaction of a discard.
#[derive(Debug)]
pub struct Discard {
    /// Options.
    pub config: Rc<Config>,
    /// The change's place.
    pub seq: Seq,
    /// Its identity.
    pub mutation_id: Rc<str>,
    /// Its document.
    pub key: DocKey,
    /// Who takes it back.
    pub mode: DiscardMode,
    /// The server's clock less this device's.
    pub offset: i64,
    /// Why, when the server refused it.
    pub cause: Option<Code>,
    /// When.
    pub now: Time,
}

impl<D: Document> Plan<D, Report<D>> for Discard {
    fn scope(&self) -> Scope {
        Scope { collections: vec![self.key.collection.clone()], writes: true, strict: true }
    }

    fn may_spend(&self) -> bool {
        true
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let missing = rows.missing(vec![Read::Meta(MetaKey::Mark), Read::Meta(MetaKey::Discarded)]);
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        let mut world = match World::load(rows, [(self.key.clone(), false)]) {
            Ok(world) => world,
            Err(missing) => return Step::Need(missing),
        };
        let Some(lane) = world.lane(&self.key) else { return Step::Done(Vec::new(), Report::Nothing) };
        let at =
            lane.changes.iter().position(|change| change.seq == self.seq && change.mutation_id == self.mutation_id);
        let Some(at) = at else {
            return Step::Done(
                Vec::new(),
                Report::Refused(Failure::new(Code::MutationUnknown, "no such change in the outbox")),
            );
        };
        if let Some(refusal) = self.refusal(lane, at) {
            return Step::Done(Vec::new(), Report::Refused(refusal));
        }
        let (gone, noted) = self.take_out(lane, at, rows);
        let change = Change {
            key: self.key.clone(),
            row_key: lane.row.as_ref().map_or_else(|| self.key.id.clone(), |row| row.key.clone()),
            previous: None,
            doc: lane.doc().cloned(),
        };
        let met = gone.len();
        let outcome = match self.mode {
            DiscardMode::Drop => "discarded",
            DiscardMode::Cancel => "cancelled",
            DiscardMode::RollBack => "rejected",
        };
        let mut entries: Vec<_> =
            gone.iter().map(|change| AuditEntry::of(change, outcome, self.cause, self.now)).listed();
        let (mut writes, effects) = world.finish(&self.config);
        merged(rows, &effects.removed, &mut entries, self.now);
        writes.extend(audited(rows, entries));
        writes.push(remember(rows, &gone));
        if let Err(missing) = note(rows, &noted, &mut writes) {
            return Step::Need(missing);
        }
        Step::Done(writes, Report::Commanded(Effects { changes: vec![change], conflicts: noted, ..effects }, met))
    }
}

impl Discard {
    fn refusal<D: Document>(&self, lane: &Lane<D>, at: usize) -> Option<Failure> {
        let change = &lane.changes[at];
        if self.mode != DiscardMode::RollBack && change.state == PendingState::Sending {
            return Some(Failure::new(
                Code::InFlight,
                "a request with this change is out; try again when it has ended",
            ));
        }
        let fresh = !change.is_attempted() && change.writes == 1 && at + 1 == lane.changes.len();
        (self.mode == DiscardMode::Cancel && !fresh)
            .then(|| Failure::new(Code::InFlight, "an attempt was made, or another write was folded into this change"))
    }

    /// Takes the change at `at` out of its lane, with those that stand on it; gives them, and the
    /// conflicts that end with them.
    fn take_out<D: Document>(&self, lane: &mut Lane<D>, at: usize, rows: &Rows<D>) -> (Vec<Pending<D>>, Vec<Noted<D>>) {
        let (base, revision) = confirmed(lane);
        let falls = lane.changes[at].kind == ChangeKind::Create;
        let gone = if falls { lane.changes.split_off(at) } else { vec![lane.changes.remove(at)] };
        if let Some(row) = lane.row.as_mut() {
            row.at = self.now;
            row.doc.clone_from(&base);
        }
        lane.rebase(base.clone(), revision.clone());
        let new = if at == 0 { base.clone() } else { lane.below(at) };
        let known = gone.iter().filter_map(|change| rows.conflict(change.conflict.as_ref()?));
        let ends = known.map(|known| Noted {
            conflict: Box::new(ended(known.clone(), "discard", self.now, new.as_ref())),
            fresh: false,
        });
        let mut noted: Vec<Noted<D>> = ends.listed();
        // What queued behind it was never compared with the state it stands on now.
        let before = gone.first().and_then(|change| change.origin.clone());
        let before = before.or_else(|| noted.first().and_then(|known| known.conflict.base.clone()));
        if before.is_some() && !lane.changes.is_empty() {
            let (config, offset, now) = (&*self.config, self.offset, self.now);
            let remote_at = lane.row.as_ref().and_then(|row| row.server_at);
            let meeting = Meeting { config, rows, remote: base, revision, remote_at, offset, now };
            noted.extend(meeting.judge_from(lane, at, before, new, false));
        }
        if lane.changes.is_empty() && lane.doc().is_none() {
            lane.row = None;
        }
        (gone, noted)
    }
}

fn remember<D: Document>(rows: &Rows<D>, gone: &[Pending<D>]) -> Write<D> {
    let mut discarded = rows.discarded();
    gone.iter().for_each(|change| discarded.push(&change.mutation_id));
    Write::PutMeta(MetaKey::Discarded, discarded.to_record())
}
