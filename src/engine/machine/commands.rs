//! What the app wants: each command becomes a commit, a wish for a pass, or a change of mind.
//!
//! Local writes go through the group commit: all that arrives while a transaction is in flight shares the next one;
//! a caller alone waits for nobody.

use super::commits::Purpose;
use super::state::operations;
use super::{Engine, Phase, Timer, NOBODY};
use crate::engine::input::{Command, WriteKind, WriteOp};
use crate::engine::lane::{Action, Operation};
use crate::engine::mutant::Mutant;
use crate::engine::output::{Output, Reply};
use crate::engine::plan::{Choice, Discard, DiscardMode, Edit, Expected, Group, LocalWrite, Report, Retry};
use crate::engine::store::{Plan, Read, Rows, Scope, Step, Write};
use crate::model::{
    is_temporary, Code, DocKey, Document, Failure, Listed, PendingState, Priority, Seq, TEMPORARY_PREFIX,
};
use std::rc::Rc;

/// Digits of a mutation id and of an idempotency key: 130 bits.
const ID_DIGITS: usize = 26;
/// Places that are read with the documents of a write.
const MOST_PLACES: usize = 64;

impl<D: Document> Engine<D> {
    pub(super) fn handle_command(&mut self, ticket: u32, command: Command<D>) {
        if self.phase == Phase::Closed {
            return self.refuse_ended(ticket, &command);
        }
        if self.must_wait(&command) {
            return self.deferred.push((ticket, command));
        }
        match command {
            Command::Write(ops) => self.enqueue(ticket, ops, None),
            Command::Transact(ops, expected) => self.enqueue(ticket, ops, Some(expected)),
            Command::Now(wish) => self.wish(ticket, wish),
            Command::Run => self.run(ticket),
            Command::Stop => self.stop(ticket),
            Command::Hold(number, reason) => {
                self.holds.hold(number, &reason);
                self.done(ticket);
            }
            Command::Release(number) => {
                self.holds.release(number);
                self.done(ticket);
            }
            Command::Retry(mutation_id) => self.retry(ticket, mutation_id.as_deref()),
            Command::Discard(mutation_id) => self.discard(ticket, &mutation_id, DiscardMode::Drop),
            Command::Cancel(mutation_id) => self.discard(ticket, &mutation_id, DiscardMode::Cancel),
            Command::Edit(mutation_id, doc) => self.edit(ticket, &mutation_id, doc),
            Command::Schedule(number, at) => {
                self.schedule(number, at);
                self.done(ticket);
            }
            Command::Unschedule(number) => {
                self.timers.stop(&Timer::Scheduled(number));
                self.done(ticket);
            }
            Command::Stats => self.tally(Some(ticket), false),
            Command::ResetStats => self.tally(Some(ticket), true),
            Command::Resolve(conflict_id, choice) => self.resolve(ticket, &conflict_id, choice, "person"),
            Command::Verdict(conflict_id, choice) => {
                self.verdict(&conflict_id, choice);
                self.done(ticket);
            }
            Command::Setting(key, value) => {
                self.commit(Purpose::Setting(ticket, key.clone()), Box::new(SetSetting { key, value }));
            }
            Command::Close => self.close(ticket),
        }
    }

    /// Whether a command waits: for a frozen page to thaw, or for one reading of the outbox when it names a change
    /// that another tab may have made a moment ago.
    fn must_wait(&mut self, command: &Command<D>) -> bool {
        let unknown = |mutation_id: &String| self.outbox.find(mutation_id).is_none();
        let (commits, unknown) = match command {
            Command::Retry(mutation_id) => (true, mutation_id.as_ref().is_some_and(unknown)),
            Command::Discard(id) | Command::Cancel(id) | Command::Edit(id, _) => (true, unknown(id)),
            Command::Resolve(id, _) => (true, self.outbox.find_conflict(id).is_none()),
            Command::Setting(..) | Command::Verdict(..) | Command::Stats | Command::ResetStats | Command::Now(_) => {
                (true, false)
            }
            _ => (false, false),
        };
        if commits && self.phase == Phase::Frozen {
            return true;
        }
        let waits = unknown && !self.deciding;
        if waits {
            self.read_outbox();
        }
        waits
    }

    /// What waited is done now, with what is known now.
    pub(super) fn do_deferred(&mut self) {
        self.deciding = true;
        for (ticket, command) in std::mem::take(&mut self.deferred) {
            self.handle_command(ticket, command);
        }
        self.deciding = false;
    }

    pub(super) fn reply(&mut self, ticket: u32, reply: Reply<D>) {
        if ticket == NOBODY {
            return;
        }
        if Mutant::AnswersTwice.is_on() {
            self.outputs.push_back(Output::Reply { ticket, result: Ok(reply.clone()) });
        }
        self.outputs.push_back(Output::Reply { ticket, result: Ok(reply) });
    }

    pub(super) fn refuse(&mut self, ticket: u32, failure: Failure) {
        let failure = if Mutant::SaysNothing.is_on() { Failure::new(failure.code, "") } else { failure };
        let code = match failure.code {
            Code::NotFound | Code::AlreadyExists if Mutant::LastingIsPassing.is_on() => Code::TxAborted,
            Code::TxAborted | Code::QuotaExceeded if Mutant::PassingIsLasting.is_on() => Code::Validation,
            code => code,
        };
        let failure = if code == failure.code { failure } else { Failure::new(code, &failure.message) };
        self.outputs.push_back(Output::Reply { ticket, result: Err(failure.at(self.now)) });
    }

    fn done(&mut self, ticket: u32) {
        self.reply(ticket, Reply::Done);
    }

    fn enqueue(&mut self, ticket: u32, ops: Vec<WriteOp<D>>, expected: Option<Expected<D>>) {
        if let Some(op) = ops.iter().find(|op| self.config.collection(&op.collection).is_none()) {
            let failure = Failure::new(Code::StoreUnknown, ["no collection \"", &op.collection, "\""].concat());
            return self.refuse(ticket, failure);
        }
        let limit = self.config.sync.as_ref().map_or(usize::MAX, |sync| sync.max_pending);
        let sends = ops.iter().filter(|op| !op.local && self.config.is_synced(&op.collection)).count();
        native_assert!(self.writes.open == self.queued(), "operations that are not answered are counted");
        if sends > 0 && self.outbox.len() + self.writes.open + sends > limit {
            let text = "too many changes wait to be sent; let them go out, or discard some";
            return self.refuse(ticket, Failure::new(Code::OutboxFull, text));
        }
        let group = (expected.is_some() && sends > 1).then(|| Rc::from(self.rng.text(ID_DIGITS)));
        let operation = |op| Operation { group: group.clone(), ..self.operation(op) };
        let operations: Vec<_> = ops.into_iter().map(operation).listed();
        self.writes.open += operations.len();
        self.writes.queue.push(Group { ticket, operations, expected: expected.unwrap_or_default() });
        self.write();
    }

    /// What `writes.open` must say: operations that wait for a transaction, or are in one.
    fn queued(&self) -> usize {
        let under_way = self.commits.values().filter_map(|purpose| match purpose {
            Purpose::Write(groups) => Some(groups),
            _ => None,
        });
        operations(self.writes.queue.iter().chain(&self.writes.alone).chain(under_way.flatten()))
    }

    /// Starts the next group commit, unless one is in flight.
    pub(super) fn write(&mut self) {
        if self.writes.under_way || self.suspended {
            return;
        }
        let groups = match self.writes.alone.pop_front() {
            Some(group) => vec![group],
            None => self.next_groups(),
        };
        if !groups.is_empty() {
            self.commit_write(groups);
        }
    }

    /// What goes into the next commit: a group that stands on queries begins one, so that the store's answer is its own.
    fn next_groups(&mut self) -> Vec<Group<D>> {
        let later = self.writes.queue.iter().skip(1).position(|group| group.expected.asks());
        let count = later.map_or(self.writes.queue.len(), |at| at + 1);
        self.writes.queue.drain(..count).listed()
    }

    fn commit_write(&mut self, mut groups: Vec<Group<D>>) {
        self.writes.under_way = true;
        // They are written now, however long they waited for the transaction before.
        let offset = self.clock.offset();
        groups.iter_mut().flat_map(|group| &mut group.operations).for_each(|op| op.skew = offset);
        let (config, after, places) = (self.config.clone(), self.outbox.last(), self.places_of(&groups));
        let new = places.is_empty() && self.dares();
        let plan = LocalWrite { config, groups: groups.clone(), now: self.now, after, new, places };
        self.commit(Purpose::Write(groups), Box::new(plan));
    }

    /// Places of changes of these documents that wait, as far as is known: as many as are read at once.
    fn places_of(&self, groups: &[Group<D>]) -> Vec<Seq> {
        let lanes = groups.iter().flat_map(|group| &group.operations).map(|op| self.outbox.lane(&op.key));
        lanes.flatten().map(|entry| entry.seq).take(MOST_PLACES).listed()
    }

    /// Whether documents of which no change waits are guessed to be new.
    fn dares(&mut self) -> bool {
        let (left, _) = &mut self.writes.wary;
        *left = left.saturating_sub(1);
        *left == 0
    }

    fn operation(&mut self, op: WriteOp<D>) -> Operation<D> {
        let nameless = op.id.is_empty();
        let fresh = nameless || op.fresh;
        let key = if nameless { DocKey::new(&op.collection, &self.temporary_id()) } else { op.key() };
        let named = |doc: D| if nameless { doc.with(&[("id", Some(D::text(&key.id)))]) } else { doc };
        let action = match op.kind {
            WriteKind::Put(doc) => Action::Put(named(doc)),
            WriteKind::Add(doc) => Action::Add(named(doc)),
            WriteKind::Patch(patch) => Action::Patch(patch),
            WriteKind::Remove => Action::Remove,
        };
        let local = op.local || !self.config.is_synced(&op.collection);
        self.with_ids(key, action, fresh, local, op.priority)
    }

    fn with_ids(
        &mut self,
        key: DocKey,
        action: Action<D>,
        fresh: bool,
        local: bool,
        priority: Priority,
    ) -> Operation<D> {
        let mut id = || Rc::from(if local { String::new() } else { self.rng.text(ID_DIGITS) });
        let (mutation_id, idempotency_key) = (id(), id());
        let user = self.config.user.clone().filter(|_| !Mutant::ForgetsTheUser.is_on());
        let skew = self.clock.offset();
        Operation { key, action, fresh, local, priority, mutation_id, idempotency_key, group: None, user, skew }
    }

    fn temporary_id(&mut self) -> String {
        [TEMPORARY_PREFIX, &self.now.to_string(), "-", &self.rng.text(12)].concat()
    }

    fn run(&mut self, ticket: u32) {
        self.stopped = self.config.sync.is_none();
        self.pass.end_order();
        self.all_pulls_due();
        self.done(ticket);
    }

    fn stop(&mut self, ticket: u32) {
        self.stopped = true;
        self.done(ticket);
    }

    fn retry(&mut self, ticket: u32, mutation_id: Option<&str>) {
        let wanted = |seq: &Seq| !self.sends.busy.contains(seq);
        let seqs: Vec<Seq> = match mutation_id {
            Some(mutation_id) => {
                self.outbox.find(mutation_id).map(|entry| entry.seq).into_iter().filter(wanted).listed()
            }
            None => self.outbox.iter().map(|entry| entry.seq).filter(wanted).listed(),
        };
        self.reach.hurry(self.now);
        self.commit(
            Purpose::Command(ticket, None),
            Box::new(Retry { config: self.config.clone(), seqs, now: self.now }),
        );
    }

    fn discard(&mut self, ticket: u32, mutation_id: &str, mode: DiscardMode) {
        let Some(entry) = self.outbox.find(mutation_id) else { return self.unknown_change(ticket, mode) };
        if self.is_out(entry.seq, entry.state) {
            return self.in_flight(ticket, mode);
        }
        let plan = Discard {
            config: self.config.clone(),
            seq: entry.seq,
            mutation_id: entry.mutation_id.clone(),
            key: entry.key.clone(),
            mode,
            offset: self.clock.guess(),
            cause: None,
            now: self.now,
        };
        self.commit(Purpose::Command(ticket, Some(mode)), Box::new(plan));
    }

    /// Whether a request with this change is, or may be, under way.
    fn is_out(&self, seq: Seq, state: PendingState) -> bool {
        self.sends.busy.contains(&seq) || state == PendingState::Sending
    }

    fn unknown_change(&mut self, ticket: u32, mode: DiscardMode) {
        if mode == DiscardMode::Cancel {
            return self.reply(ticket, Reply::Count(0));
        }
        self.refuse(ticket, Failure::new(Code::MutationUnknown, "no such change in the outbox"));
    }

    fn in_flight(&mut self, ticket: u32, mode: DiscardMode) {
        if mode == DiscardMode::Cancel {
            return self.reply(ticket, Reply::Count(0));
        }
        self.refuse(
            ticket,
            Failure::new(Code::InFlight, "a request with this change is out; try again when it has ended"),
        );
    }

    fn edit(&mut self, ticket: u32, mutation_id: &str, doc: D) {
        let Some(entry) = self.outbox.find(mutation_id).cloned() else {
            return self.unknown_change(ticket, DiscardMode::Drop);
        };
        if self.is_out(entry.seq, entry.state) {
            return self.in_flight(ticket, DiscardMode::Drop);
        }
        let given: Option<Rc<str>> = doc.text_of("id").map(Rc::from);
        let foreign = |id: &Rc<str>| *id != entry.key.id && !is_temporary(id);
        if given.as_ref().is_some_and(foreign) {
            return self.refuse(ticket, Failure::new(Code::IdMismatch, "the document has another id than the change"));
        }
        if let Some(conflict_id) = &entry.conflict {
            return self.resolve(ticket, conflict_id, Choice::Doc(Some(doc)), "edit");
        }
        let doc = doc.with(&[("id", Some(D::text(&entry.key.id)))]);
        let operation = self.with_ids(entry.key, Action::Put(doc), false, false, entry.priority);
        let (config, now) = (self.config.clone(), self.now);
        let plan = Edit { config, seq: entry.seq, operation, given, mutation_id: entry.mutation_id, now };
        self.commit(Purpose::Command(ticket, None), Box::new(plan));
    }

    /// Ends: nothing new is taken, what was accepted is finished by the store, everything open is answered.
    fn close(&mut self, ticket: u32) {
        if self.phase == Phase::Frozen {
            self.thaw();
        }
        if self.outdated {
            return self.done(ticket);
        }
        self.write();
        self.release_lease();
        self.outputs.push_back(Output::Broadcast(self.farewell()));
        self.do_deferred();
        self.tally(None, false);
        self.end();
        self.commit(Purpose::Closing(ticket), Box::new(Nothing));
    }

    /// Nothing is done any more, and whoever waits is told so.
    pub(super) fn end(&mut self) {
        self.phase = Phase::Closed;
        self.listen_work();
        self.want_lock();
        self.timers.clear();
        let requests: Vec<u32> = self.sends.flights.keys().chain(self.pulling.flights.keys()).copied().listed();
        for request in requests {
            self.outputs.push_back(Output::GiveUp { request });
        }
        self.sends.flights.clear();
        self.pulling.flights.clear();
        self.close_waiters();
    }
}

/// Sets or removes a setting.
#[derive(Debug)]
struct SetSetting<D> {
    key: Rc<str>,
    value: Option<D>,
}

impl<D: Document> Plan<D, Report<D>> for SetSetting<D> {
    fn scope(&self) -> Scope {
        Scope { collections: Vec::new(), writes: true, strict: true }
    }

    fn step(&self, _: &Rows<D>) -> Step<D, Report<D>> {
        Step::Done(vec![Write::Setting(self.key.clone(), self.value.clone())], Report::Nothing)
    }
}

/// An empty transaction: it ends when all before it have ended.
#[derive(Debug)]
struct Nothing;

impl<D: Document> Plan<D, Report<D>> for Nothing {
    fn scope(&self) -> Scope {
        Scope { collections: Vec::new(), writes: true, strict: true }
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        // Only a transaction that reads waits for its turn.
        if rows.has(&Read::LastPending) {
            return Step::Done(Vec::new(), Report::Nothing);
        }
        Step::Need(vec![Read::LastPending])
    }
}
