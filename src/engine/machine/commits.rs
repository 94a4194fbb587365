//! The end of every commit: what it was for, what it reports, what follows.
//!
//! A report that never comes is the shell's to turn into a failure. Bookkeeping that fails for the store's sake is
//! kept and tried again: the server has answered, and a local failure never counts as the server's (pitfalls D29).

use super::deliver::documents;
use super::flight::Flight;
use super::push::Load;
use super::{Engine, Phase, Timer};
use crate::engine::input::Message;
use crate::engine::outbox::Entry;
use crate::engine::output::{Event, Output, Reply};
use crate::engine::plan::{Acknowledge, DiscardMode, Effects, Group, Rebase, Report, Setting, Settle};
use crate::engine::policy::backoff::MIN_PAUSE;
use crate::model::{Code, Collection, Document, Failure, Seq, Stats};
use crate::protocol::{Accepted, Remote};
use std::rc::Rc;

/// Pause before bookkeeping is tried again after the store failed.
pub(super) const STORE_PAUSE: u64 = 1_000;

/// What a commit is for.
#[derive(Debug)]
pub(super) enum Purpose<D> {
    /// Local writes, for these tickets.
    Write(Vec<Group<D>>),
    /// A person's command on the outbox.
    Command(u32, Option<DiscardMode>),
    /// A setting.
    Setting(u32, Rc<str>),
    /// Marking changes as being sent.
    Dispatch(Load),
    /// Bookkeeping of a success.
    Acknowledge(Box<Flight<D>>, Accepted<D>),
    /// Bookkeeping of a failure.
    Settle(Box<Flight<D>>, Setting),
    /// Bookkeeping of a conflict.
    Rebase(Box<Flight<D>>, Remote<D>),
    /// Rolling a refused change back.
    RollBack(Box<Flight<D>>, Failure),
    /// Bookkeeping of several members of a batch.
    Several(Vec<Purpose<D>>),
    /// A page or a single document of a collection.
    Apply(Collection),
    /// The beginning of a full pull.
    StartPull(Collection),
    /// A part of a sweep.
    Sweep(Collection),
    /// Reading the pull states.
    LoadPull(Vec<Collection>),
    /// Reading the outbox.
    ReadOutbox,
    /// Taking the lease.
    Lease,
    /// Keeping breaker and retry budget.
    StoreGuard,
    /// Reading them.
    LoadGuard,
    /// Keeping what the server's clock shows.
    StoreClock,
    /// Asking how a watched change ended.
    Check(Rc<str>),
    /// Storing what was counted: who asked, and what was counted.
    Tally(Option<u32>, Box<Stats>),
    /// Reading a conflict for the app's function.
    Ask(Seq),
    /// That function's answer.
    Verdict(Seq),
    /// Nothing depends on it.
    Nothing,
    /// The last one.
    Closing(u32),
}

impl<D> Purpose<D> {
    /// Whether it writes a part of what a pull brought.
    pub(super) fn is_part(&self) -> bool {
        matches!(self, Self::Apply(_) | Self::Sweep(_))
    }

    /// Whether it writes what became of changes that were sent.
    pub(super) fn is_outcome(&self) -> bool {
        matches!(
            self,
            Self::Acknowledge(..) | Self::Settle(..) | Self::Rebase(..) | Self::RollBack(..) | Self::Several(_)
        )
    }
}

impl<D: Document> Engine<D> {
    /// A transaction ended; says whether it was the last one under way.
    pub(super) fn handle_committed(&mut self, commit: u32, result: Result<Report<D>, Failure>) -> bool {
        let Some(purpose) = self.commits.remove(&commit) else { return false };
        if purpose.is_part() && self.phase != Phase::Closed {
            self.next_part();
        }
        let last = self.commits.is_empty();
        if matches!(&result, Err(failure) if failure.code == Code::DbVersionNewer) {
            self.outdate();
        }
        self.ended(purpose, result);
        self.close_once_ended();
        last
    }

    pub(super) fn ended(&mut self, purpose: Purpose<D>, result: Result<Report<D>, Failure>) {
        match (purpose, result) {
            (Purpose::Several(purposes), result) => self.several_ended(purposes, result),
            (Purpose::Write(groups), result) => self.written(groups, result),
            (Purpose::Closing(ticket), _) => self.closing.push(ticket),
            (Purpose::Setting(ticket, key), Ok(_)) => {
                self.outputs.push_back(Output::Broadcast(Message::Setting(key.clone())));
                self.tell(Event::Setting(key));
                self.reply(ticket, Reply::Done);
            }
            (Purpose::Setting(ticket, _), Err(failure)) => self.refuse(ticket, failure),
            (Purpose::Command(ticket, mode), result) => self.commanded(ticket, mode, result),
            (Purpose::Tally(ticket, _), Ok(Report::Tallied(stats))) => self.tallied(ticket, &stats),
            (Purpose::Tally(ticket, counted), Err(failure)) => self.untallied(ticket, &counted, failure),
            (_, result) if self.phase == Phase::Closed => self.tell_others(result),
            (purpose, Ok(Report::Fenced)) => self.fenced(purpose),
            (purpose, Ok(report)) => self.reported(purpose, report),
            (purpose, Err(failure)) => self.failed(purpose, &failure.at(self.now)),
        }
    }

    /// Closing has its answer when its own transaction has ended and so have all writes, which go one after another: one
    /// that fails is tried again before the next. Where newer code has the store there is no such transaction, and it waits
    /// for all that were on their way.
    pub(super) fn close_once_ended(&mut self) {
        let holds = |purpose: &Purpose<D>| self.outdated || matches!(purpose, Purpose::Write(_));
        let waits = !self.writes.queue.is_empty() || !self.writes.alone.is_empty();
        if waits || self.commits.values().any(holds) {
            return;
        }
        for ticket in std::mem::take(&mut self.closing) {
            self.reply(ticket, Reply::Done);
        }
    }

    /// What ended after the close is news to the other tabs only.
    fn tell_others(&mut self, result: Result<Report<D>, Failure>) {
        let effects = match result {
            Ok(Report::Acknowledged(Some(done))) => done.effects,
            Ok(Report::Rebased(rebased)) => rebased.effects,
            Ok(Report::Applied(applied)) => applied.effects,
            Ok(Report::Swept(effects, ..)) => effects,
            _ => return,
        };
        self.broadcast_moved(&documents(&effects), &effects);
    }

    fn reported(&mut self, purpose: Purpose<D>, report: Report<D>) {
        match (purpose, report) {
            (Purpose::Dispatch(load), Report::Dispatched(dispatched)) => self.dispatched(&load, dispatched),
            (Purpose::Acknowledge(flight, _), Report::Acknowledged(done)) => {
                if let Some(done) = done.as_ref().filter(|done| done.wanted || self.is_doubtful(&flight, &done.id)) {
                    self.fetch(&flight.key.collection, &done.id);
                }
                self.acknowledged(&flight, done);
            }
            (Purpose::Settle(flight, setting), Report::Settled(settled)) => self.settled(&flight, &setting, settled),
            (Purpose::Rebase(flight, _), Report::Rebased(rebased)) => self.rebased(&flight, rebased),
            (Purpose::RollBack(flight, failure), report) => self.rolled_back(&flight, &failure, report),
            (Purpose::Apply(collection), Report::Applied(applied)) => self.applied(&collection, applied),
            (Purpose::Sweep(collection), Report::Swept(effects, asked, next)) => {
                self.swept(&collection, effects, asked, next);
            }
            (Purpose::StartPull(collection), Report::Pulls(states)) => self.pull_started(&collection, states),
            (Purpose::LoadPull(names), Report::Pulls(states)) => self.pulls_read(&names, states),
            (Purpose::ReadOutbox, Report::Outbox(loaded)) => self.outbox_read(loaded),
            (Purpose::Lease, Report::Lease(result)) => self.handle_lease(result),
            (Purpose::LoadGuard, Report::Guard(guard)) => self.guard_read(guard),
            (Purpose::Check(mutation_id), Report::Ended(ending)) => self.checked(&mutation_id, ending),
            (Purpose::Rebase(flight, _), _) => {
                self.free(flight.seq);
                self.read_outbox();
            }
            (Purpose::Ask(seq), Report::Asked(conflict)) => self.ask_about(seq, conflict),
            (Purpose::Verdict(seq), report) => self.answered_question(seq, report),
            (purpose, report) => {
                native_assert!(matches!(report, Report::Nothing), "{purpose:?} reported {report:?}");
            }
        }
    }

    /// The lease is another tab's: what was owed is its business now.
    fn fenced(&mut self, purpose: Purpose<D>) {
        self.step_down();
        match purpose {
            Purpose::Dispatch(load) => load.seqs.into_iter().for_each(|seq| self.free(seq)),
            Purpose::Settle(flight, _) | Purpose::Rebase(flight, _) => self.free(flight.seq),
            Purpose::Ask(seq) => self.ask_later(seq),
            Purpose::Apply(collection) | Purpose::Sweep(collection) | Purpose::StartPull(collection) => {
                self.pull_interrupted(&collection);
            }
            _ => {}
        }
        self.timers.set_by(Timer::Reload, self.now + MIN_PAUSE);
    }

    fn failed(&mut self, purpose: Purpose<D>, failure: &Failure) {
        self.note_failure(failure);
        match purpose {
            Purpose::Dispatch(load) => {
                load.seqs.into_iter().for_each(|seq| self.free(seq));
                self.store_pause();
            }
            Purpose::Apply(collection) | Purpose::Sweep(collection) | Purpose::StartPull(collection) => {
                self.pull_failed(&collection, failure, None);
            }
            Purpose::LoadPull(_) => self.pulls_unread(),
            Purpose::ReadOutbox => self.outbox_unread(),
            Purpose::Lease => {
                self.seat.asking = false;
                self.seat.refused_until = Some(self.now + STORE_PAUSE);
                self.timers.set(Timer::Lease, self.now + STORE_PAUSE);
            }
            Purpose::Check(mutation_id) => self.unchecked(&mutation_id),
            Purpose::Ask(seq) | Purpose::Verdict(seq) => self.ask_later(seq),
            Purpose::LoadGuard => self.store_pause(),
            Purpose::StoreClock => self.clock.unstored(),
            Purpose::Nothing => {}
            owed => {
                self.store_trouble.push(owed);
                self.timers.set_by(Timer::StoreRetry, self.now + STORE_PAUSE);
            }
        }
    }

    /// After a failed dispatch nothing is picked for a moment, so a broken store cannot spin the loop.
    fn store_pause(&mut self) {
        self.timers.set_by(Timer::Spacing, self.now + STORE_PAUSE);
    }

    pub(super) fn retry_store(&mut self) {
        for owed in std::mem::take(&mut self.store_trouble) {
            match owed {
                Purpose::Acknowledge(flight, accepted) => self.commit_acknowledge(flight, accepted),
                Purpose::Settle(flight, setting) => self.commit_settle(flight, setting),
                Purpose::Rebase(flight, remote) => self.commit_rebase(flight, remote),
                Purpose::RollBack(flight, failure) => self.commit_roll_back(flight, failure),
                Purpose::StoreGuard => self.store_guard(),
                _ => {}
            }
        }
    }

    pub(super) fn commit_acknowledge(&mut self, flight: Box<Flight<D>>, accepted: Accepted<D>) {
        let plan = Acknowledge {
            config: self.config.clone(),
            seq: flight.seq,
            mutation_id: flight.mutation_id.clone(),
            key: flight.key.clone(),
            accepted: accepted.clone(),
            offset: self.clock.guess(),
            doubtful: self.is_doubtful(&flight, accepted.id.as_deref().unwrap_or(&flight.key.id)),
            now: self.now,
        };
        self.commit(Purpose::Acknowledge(flight, accepted), Box::new(plan));
    }

    pub(super) fn commit_settle(&mut self, flight: Box<Flight<D>>, setting: Setting) {
        let Some(fence) = self.old_fence() else { return self.free(flight.seq) };
        let plan = Settle { config: self.config.clone(), fence, setting: setting.clone(), now: self.now };
        self.commit(Purpose::Settle(flight, setting), Box::new(plan));
    }

    pub(super) fn commit_rebase(&mut self, flight: Box<Flight<D>>, remote: Remote<D>) {
        let Some(fence) = self.old_fence() else { return self.free(flight.seq) };
        let plan = Rebase {
            config: self.config.clone(),
            fence,
            seq: flight.seq,
            mutation_id: flight.mutation_id.clone(),
            key: flight.key.clone(),
            remote: remote.clone(),
            doubtful: self.is_doubtful(&flight, &flight.key.id),
            offset: self.clock.guess(),
            now: self.now,
        };
        self.commit(Purpose::Rebase(flight, remote), Box::new(plan));
    }

    fn commanded(&mut self, ticket: u32, mode: Option<DiscardMode>, result: Result<Report<D>, Failure>) {
        match result {
            Ok(Report::Commanded(effects, met)) => {
                if mode.is_some() {
                    self.end_discarded(&effects);
                }
                self.watch_states(&effects);
                self.deliver(true, effects);
                self.reply(ticket, Reply::Count(met));
            }
            Ok(Report::Refused(_)) if mode == Some(DiscardMode::Cancel) => self.reply(ticket, Reply::Count(0)),
            Ok(Report::Refused(failure)) => {
                // The store knows more than this tab.
                self.read_outbox();
                self.refuse(ticket, failure);
            }
            Err(failure) => self.refuse(ticket, failure),
            Ok(_) => self.refuse(ticket, Failure::new(Code::MutationUnknown, "no such change in the outbox")),
        }
    }

    /// What a commit moved, before anything else hears of it.
    ///
    /// A change of a transaction that another tab wrote is not taken alone: the outbox is read, to know those before it.
    pub(super) fn absorb(&mut self, effects: &Effects<D>) {
        for seq in &effects.removed {
            self.outbox.remove(*seq);
            self.sends.alone.remove(seq);
            self.sends.suspects.remove(seq);
        }
        let known = |entry: &&Entry| entry.group.is_none() || self.outbox.get(entry.seq).is_some();
        let (taken, strange): (Vec<&Entry>, Vec<&Entry>) = effects.entries.iter().partition(known);
        for entry in &taken {
            self.outbox.put((*entry).clone());
        }
        if let Some(reading) = self.reading.as_mut() {
            reading.touched.extend(effects.removed.iter().copied().chain(taken.iter().map(|entry| entry.seq)));
        }
        if !strange.is_empty() {
            self.read_outbox();
        }
    }

    /// A change may be picked again.
    pub(super) fn free(&mut self, seq: Seq) {
        self.sends.busy.remove(&seq);
    }
}
