//! Local writes: documents and their outgoing changes in one atomic step.
//!
//! All groups that arrived while a transaction was in flight share the next one (group commit). A group is one call
//! of the app: all of its operations or none, and none when what it stands on is no longer so; another group's failure
//! does not touch it. Folding happens here, inside
//! the write's own transaction; a journal would append the operations instead and fold them later.
//!
//! A read costs a way to the browser's process and back before anything is written. So what this tab can know is guessed:
//! the next place in the outbox, and that no document stands under an id that an app names for the first time. Each guess
//! is an insertion, which the store refuses when it is wrong; then the same is decided from rows that were read.

use super::expect::Expected;
use super::refer::{referred, refers, resolved};
use super::world::{signed_mark, Change, Effects, World};
use super::Report;
use crate::engine::config::Config;
use crate::engine::lane::{Action, Lane, Operation};
use crate::engine::mutant::Mutant;
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step, Write};
use crate::model::{is_temporary, Code, Collection, DocKey, Document, Failure, Listed, Map, Seq, Set, Time};
use std::rc::Rc;

/// Places in the outbox per millisecond: places follow the clock, and always rise.
const PLACES: u64 = 2_048;
/// The last time that gives places (the year 2100): a clock beyond it may not use up the numbers.
const LAST_TIME: Time = 4_102_444_800_000;

/// So many documents may be guessed to be new: where one is not, all are written again.
const MOST_GUESSED: usize = 16;

/// One call of the app.
#[derive(Debug, Clone)]
pub struct Group<D> {
    /// Whom to answer.
    pub ticket: u32,
    /// What it does.
    pub operations: Vec<Operation<D>>,
    /// What it stands on.
    pub expected: Expected<D>,
}

/// The transaction of one or more groups.
#[derive(Debug)]
pub struct LocalWrite<D> {
    /// Options.
    pub config: Rc<Config>,
    /// The groups, in the order they came.
    pub groups: Vec<Group<D>>,
    /// When.
    pub now: Time,
    /// The last place in the outbox that this tab knows of, if it may guess the next.
    pub after: Option<Seq>,
    /// Whether the documents are likely to be new.
    pub new: bool,
    /// Places of changes that are likely to wait in these documents' lanes; they are read with the documents.
    pub places: Vec<Seq>,
}

/// What one operation left.
#[derive(Debug, Clone)]
pub struct WriteOutcome<D> {
    /// The document's id by now.
    pub key: DocKey,
    /// Its stable key.
    pub row_key: Rc<str>,
    /// The document; `None` after a removal.
    pub doc: Option<D>,
    /// The change that will carry it.
    pub mutation_id: Option<Rc<str>>,
    /// That change's place.
    pub seq: Option<Seq>,
}

/// The end of one group.
#[derive(Debug, Clone)]
pub struct GroupDone<D> {
    /// Whom to answer.
    pub ticket: u32,
    /// What each operation left, or why none was done.
    pub result: Result<Vec<WriteOutcome<D>>, Failure>,
}

/// The report of local writes.
#[derive(Debug, Clone)]
pub struct Written<D> {
    /// Group by group.
    pub groups: Vec<GroupDone<D>>,
    /// What moved.
    pub effects: Effects<D>,
    /// Whether the documents were rightly guessed to be new, when they were.
    pub new: Option<bool>,
}

impl<D: Document> Plan<D, Report<D>> for LocalWrite<D> {
    fn scope(&self) -> Scope {
        let written = self.operations().map(|op| &op.key.collection);
        let read = self.groups.iter().flat_map(|group| group.expected.collections());
        let all = self.config.collections.iter().map(|collection| &collection.name);
        let all = all.filter(|_| Mutant::WritesRelaxed.is_on());
        let collections: Set<Collection> = written.chain(read).chain(all).cloned().collect();
        let strict = !Mutant::WritesRelaxed.is_on();
        Scope { collections: collections.iter().cloned().listed(), writes: true, strict }
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let after = self.after.filter(|_| !rows.is_refused() && !self.operations().any(|op| refers(op, &self.config)));
        let new = after.is_some() && self.new && self.may_be_new(rows);
        let aliases = self.operations().filter(|op| may_be_alias(op)).map(|op| Read::Alias(op.key.clone()));
        let referred = self.operations().flat_map(|op| referred(op, &self.config)).map(Read::Alias);
        let expected = self.groups.iter().flat_map(|group| group.expected.reads(rows));
        let last = after.is_none().then_some(Read::LastPending);
        let mains = self.mains(rows).chain(self.places.iter().map(|seq| Read::Pending(*seq))).filter(|_| !new);
        let first = aliases.chain(referred).chain(last).chain(mains).chain(expected);
        let first = rows.missing(first.listed());
        if !first.is_empty() {
            return Step::Need(first);
        }
        let keys = self.operations().map(|op| (current_key(op, rows), op.fresh || new));
        let mut world = match World::load(rows, keys) {
            Ok(world) => world,
            Err(missing) => return Step::Need(missing),
        };
        let last = after.map_or_else(|| rows.last_pending(), |after| after.max(world.last_place()));
        let mut place = Places { next: (last + 1).max(self.now.min(LAST_TIME) * PLACES) };
        let groups = self.groups.iter().map(|group| self.run(group, &mut world, rows, &mut place)).listed();
        let mark = Read::Meta(MetaKey::Mark);
        let moves = world.needs_mark();
        if moves && !rows.has(&mark) {
            return Step::Need(vec![mark]);
        }
        let (mut writes, mut effects) = world.finish(&self.config);
        if moves && !writes.is_empty() {
            writes.extend(self.operations().next().map(|op| signed_mark(rows, &op.mutation_id)));
        }
        effects.changes = changes(&groups);
        let wrong = rows.is_refused() && self.new && self.may_be_new(rows);
        let report = Report::Written(Written { groups, effects, new: (new || wrong).then_some(new) });
        if after.is_none() {
            return Step::Done(writes, report);
        }
        if new {
            writes = writes.into_iter().map(insert).listed();
        }
        if Mutant::GuessReplacesChange.is_on() {
            writes = writes.into_iter().map(replace).listed();
        }
        Step::Guess(writes, report)
    }
}

impl<D: Document> LocalWrite<D> {
    fn operations(&self) -> impl Iterator<Item = &Operation<D>> {
        self.groups.iter().flat_map(|group| &group.operations)
    }

    /// Main rows wanted in the first round; those behind an alias follow when the alias is known.
    fn mains<'a>(&'a self, rows: &'a Rows<D>) -> impl Iterator<Item = Read> + 'a {
        self.operations().filter(|op| !op.fresh).map(|op| Read::Main(current_key(op, rows)))
    }

    /// Whether all that is done is to make documents which nothing else has to be known of.
    fn may_be_new(&self, rows: &Rows<D>) -> bool {
        let few = self.operations().count() <= MOST_GUESSED;
        let makes = |op: &Operation<D>| {
            let writes = matches!(op.action, Action::Put(_) | Action::Add(_));
            writes && !op.local && (op.fresh || (few && !is_temporary(&op.key.id)))
        };
        self.operations().all(makes) && self.groups.iter().all(|group| group.expected.reads(rows).next().is_none())
    }

    fn run(&self, group: &Group<D>, world: &mut World<D>, rows: &Rows<D>, place: &mut Places) -> GroupDone<D> {
        let mut undo: Map<DocKey, Lane<D>> = Map::new();
        let mut outcomes = Vec::with_capacity(group.operations.len());
        let mut failure = group.expected.failure(world, rows).or_else(|| twice(group, rows));
        let operations = if failure.is_none() { &group.operations[..] } else { &[] };
        for op in operations {
            let key = current_key(op, rows);
            let Some(lane) = world.lane(&key) else { continue };
            if group.operations.len() > 1 {
                undo.get_or_insert_with(key.clone(), || lane.clone());
            }
            match fold(lane, &resolved(op, &self.config, rows), &key, place, self.now) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        if failure.is_some() && !Mutant::TransactionKeepsHalf.is_on() {
            undo.into_entries().into_iter().for_each(|(_, lane)| world.put(lane));
        }
        GroupDone { ticket: group.ticket, result: failure.map_or(Ok(outcomes), |error| Err(error.at(self.now))) }
    }
}

/// Makes a document's row one that must find its place free.
fn insert<D: Document>(write: Write<D>) -> Write<D> {
    match write {
        Write::PutMain(collection, row) if !Mutant::GuessReplacesDocument.is_on() => Write::AddMain(collection, row),
        other => other,
    }
}

/// The seeded bug: a place that is taken is written over.
fn replace<D>(write: Write<D>) -> Write<D> {
    match write {
        Write::AddPending(row) => Write::PutPending(row),
        other => other,
    }
}

/// The same document twice in one bulk write, under its id and under the temporary one it had before.
fn twice<D: Document>(group: &Group<D>, rows: &Rows<D>) -> Option<Failure> {
    let bulk = || group.operations.iter().filter(|op| op.group.is_none() && !op.fresh);
    let mut seen = Set::new();
    let moved = bulk().any(|op| current_key(op, rows) != op.key);
    let again = moved && bulk().any(|op| !seen.insert(current_key(op, rows)));
    let text = "two items are the same document, one of them under its former temporary id";
    again.then(|| Failure::new(Code::BulkDuplicateId, text))
}

/// The next free place in the outbox.
struct Places {
    next: Seq,
}

fn fold<D: Document>(
    lane: &mut Lane<D>,
    op: &Operation<D>,
    key: &DocKey,
    place: &mut Places,
    now: Time,
) -> Result<WriteOutcome<D>, Failure> {
    let op = moved(op, key);
    if is_temporary(&key.id)
        && !op.fresh
        && lane.doc().is_none()
        && matches!(op.action, Action::Put(_) | Action::Add(_))
    {
        return Err(Failure::new(Code::IdReserved, "ids of the form pending-<digits>-<rest> are made by the library"));
    }
    let mutation_id = lane.fold(&op, place.next, now)?;
    if lane.changes.last().is_some_and(|change| change.seq == place.next) {
        place.next += 1;
    }
    let row_key = lane.row.as_ref().map_or_else(|| key.id.clone(), |row| row.key.clone());
    let seq = lane.changes.last().filter(|_| mutation_id.is_some()).map(|change| change.seq);
    Ok(WriteOutcome { key: key.clone(), row_key, doc: lane.doc().cloned(), mutation_id, seq })
}

/// The operation on the id the server has given meanwhile.
fn moved<D: Document>(op: &Operation<D>, key: &DocKey) -> Operation<D> {
    let mut op = op.clone();
    if op.key != *key {
        op.key = key.clone();
        if let Action::Put(doc) | Action::Add(doc) = &mut op.action {
            *doc = doc.with(&[("id", Some(D::text(&key.id)))]);
        }
    }
    op
}

fn may_be_alias<D>(op: &Operation<D>) -> bool {
    !op.fresh && is_temporary(&op.key.id)
}

fn current_key<D: Document>(op: &Operation<D>, rows: &Rows<D>) -> DocKey {
    match rows.alias(&op.key) {
        Some(id) if may_be_alias(op) => DocKey { collection: op.key.collection.clone(), id: id.clone() },
        _ => op.key.clone(),
    }
}

fn changes<D: Document>(groups: &[GroupDone<D>]) -> Vec<Change<D>> {
    let done = groups.iter().filter_map(|group| group.result.as_ref().ok()).flatten();
    done.map(|outcome| Change {
        key: outcome.key.clone(),
        row_key: outcome.row_key.clone(),
        previous: None,
        doc: outcome.doc.clone(),
    })
    .listed()
}

#[cfg(test)]
mod tests;
