//! The outbox as the engine sees it: light entries, ordered by lane and by priority.
//!
//! The rows themselves stand in the store; this is an index over them, kept by the reports of commits. A lane is the
//! changes of one document in order: only its head may go, and a parked head holds its lane and nobody else (I-06,
//! I-20). A change that refers to a document waits for that one's create (I-07), unless both wait for each other. The
//! changes of one transaction (a group) go in order, and one of them that is parked holds the others.

mod entry;
mod line;
#[cfg(test)]
mod model;
mod order;
#[cfg(test)]
mod tests;

pub use entry::{awaited, references, temporary_references, Entry};
pub use order::Together;

use super::mutant::Mutant;
use crate::model::{Collection, DocKey, Listed, PendingState, Seq, Set, Time};
use line::{Line, Names};
use order::is_due;
use std::rc::Rc;

/// Age at which a background change takes its turn among the person's own (milliseconds).
pub const AGED: u64 = 60_000;

/// The line of heads that failed before or pause, after the three of the priorities.
const TRIED: usize = 3;

/// Index over the outbox.
#[derive(Debug, Clone, Default)]
pub struct Outbox {
    entries: Line,
    /// Changes by the names of their documents and transactions, and by their own.
    names: Names,
    /// Heads of lanes that are not parked, by priority; and once more those that failed before or pause.
    heads: [Line; 4],
    parked: usize,
    conflicted: usize,
    /// Changes held by a conflict.
    held: Set<Seq>,
    /// The last place that was ever known here; `None` before the store was read.
    last: Option<Seq>,
}

impl Outbox {
    /// An outbox that was read, so far without a row.
    pub fn read() -> Self {
        Self { last: Some(0), ..Self::default() }
    }

    /// Inserts or replaces an entry.
    pub fn put(&mut self, entry: Entry) {
        self.count(&entry, true);
        self.last = self.last.map(|last| last.max(entry.seq));
        let entry = Rc::new(entry);
        let old = self.take(entry.seq);
        let stays = old.as_ref().is_some_and(|old| names_of(old) == names_of(&entry));
        if !stays {
            self.name(old.as_ref(), false);
            self.name(Some(&entry), true);
        }
        if entry.conflict.is_some() {
            self.held.insert(entry.seq);
        }
        self.entries.insert(entry.clone());
        self.settle_head(&entry.key);
        if let Some(old) = old.filter(|_| !stays) {
            self.settle_head(&old.key);
        }
    }

    /// Removes an entry.
    pub fn remove(&mut self, seq: Seq) {
        if let Some(old) = self.take(seq) {
            self.name(Some(&old), false);
            self.settle_head(&old.key);
        }
    }

    /// Takes an entry out of all but its names.
    fn take(&mut self, seq: Seq) -> Option<Rc<Entry>> {
        let entry = self.entries.remove(seq)?;
        self.count(&entry, false);
        self.lead(&entry, false);
        self.held.remove(&seq);
        Some(entry)
    }

    /// Puts an entry under its names, or takes it from there.
    fn name(&mut self, entry: Option<&Rc<Entry>>, stands: bool) {
        let Some(entry) = entry else { return };
        for name in names_of(entry).into_iter().flatten() {
            self.names.set(name, entry.seq, stands);
        }
    }

    /// Takes what was read from the store in its place; says of which collections the states of changes are others now.
    pub fn renew(&mut self, read: Self) -> Set<Collection> {
        let last = self.last.max(read.last);
        let old = std::mem::replace(self, Self { last, ..read });
        let mut moved = Set::new();
        for entry in old.iter().chain(self.iter()) {
            if old.standing(entry.seq) != self.standing(entry.seq) {
                moved.insert(entry.key.collection.clone());
            }
        }
        moved
    }

    /// Where the change at a place stands.
    fn standing(&self, seq: Seq) -> Option<(&Collection, PendingState, u32)> {
        self.get(seq).map(|entry| (&entry.key.collection, entry.state, entry.retry_count))
    }

    /// The last place that was ever known here; `None` before the store was read.
    pub fn last(&self) -> Option<Seq> {
        self.last
    }

    /// The changes of a document, oldest first.
    pub fn lane<'a>(&'a self, key: &'a DocKey) -> impl Iterator<Item = &'a Entry> {
        self.named(name_of_lane(key)).filter(move |entry| entry.key == *key).map(|entry| &**entry)
    }

    /// One entry.
    pub fn get(&self, seq: Seq) -> Option<&Entry> {
        self.entries.get(seq).map(|entry| &**entry)
    }

    /// The entry of a mutation id.
    pub fn find(&self, mutation_id: &str) -> Option<&Entry> {
        self.named(name(OWN, mutation_id)).find(|entry| *entry.mutation_id == *mutation_id).map(|entry| &**entry)
    }

    /// The entry that an open conflict holds.
    pub fn find_conflict(&self, conflict_id: &str) -> Option<&Entry> {
        self.held().find(|entry| entry.conflict.as_deref() == Some(conflict_id))
    }

    /// Changes whose conflict waits for the app's function.
    pub fn asking(&self) -> impl Iterator<Item = Seq> + '_ {
        self.held().filter(|entry| entry.asks).map(|entry| entry.seq)
    }

    fn held(&self) -> impl Iterator<Item = &Entry> {
        self.held.iter().filter_map(|seq| self.get(*seq))
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// How many changes there are in all.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waiting and sending changes.
    pub fn pending(&self) -> usize {
        self.entries.len() - self.parked - self.conflicted
    }

    /// Parked changes.
    pub fn parked(&self) -> usize {
        self.parked
    }

    /// Changes that wait for a person's choice.
    pub fn conflicted(&self) -> usize {
        self.conflicted
    }

    /// When the oldest change was made.
    pub fn oldest(&self) -> Option<Time> {
        self.iter().next().map(|entry| entry.created_at)
    }

    /// Changes that may go now, who goes first first; `busy` says which are under way.
    pub fn ready(&self, now: Time, busy: impl Fn(&Entry) -> bool, limit: usize) -> Vec<Seq> {
        let entries = self.in_turn(now);
        // What goes as one with others is looked for last: that walks through all that they wait for.
        let may_go = entries.filter(|entry| is_due(entry, now) && !self.waits(entry) && !busy(entry));
        may_go.take(limit).map(|entry| entry.seq).listed()
    }

    /// Whether a change that failed before may go now.
    pub fn has_repeat(&self, now: Time, busy: impl Fn(&Entry) -> bool) -> bool {
        let repeats = |entry: &Entry| entry.retry_count > 0 && !busy(entry) && is_due(entry, now);
        self.heads[TRIED].iter().any(|entry| repeats(entry) && !self.waits(entry))
    }

    /// Heads in the order of their turns: high, then the person's and aged background ones by age, then the rest.
    fn in_turn(&self, now: Time) -> impl Iterator<Item = &Entry> {
        let [high, user, background, _] = &self.heads;
        let aged = move |entry: &&Entry| now.saturating_sub(entry.created_at) >= AGED;
        // Where the first are the oldest, none behind a young one is looked at.
        let by_age = background.is_by_age();
        let mut old = background.iter().take_while(move |entry| !by_age || aged(entry)).filter(aged).peekable();
        let young = background.iter().skip_while(move |entry| by_age && aged(entry)).filter(move |entry| !aged(entry));
        let mut user = user.iter().peekable();
        let merged = std::iter::from_fn(move || match (old.peek(), user.peek()) {
            (Some(aged), Some(own)) if aged.seq < own.seq => old.next(),
            (Some(_), None) => old.next(),
            _ => user.next(),
        });
        high.iter().chain(merged).chain(young)
    }

    /// The changes of a change's transaction.
    pub fn mates(&self, seq: Seq) -> impl Iterator<Item = Seq> + '_ {
        let group = self.get(seq).and_then(|entry| entry.group.as_ref());
        self.members(group).map(|member| member.seq)
    }

    /// When the next head is due, among those that are not yet.
    pub fn next_due(&self, now: Time) -> Option<Time> {
        let waits = self.heads[TRIED].iter().filter_map(|entry| entry.wait.get());
        waits.map(|wait| wait.ends(now)).filter(|at| *at > now).min()
    }

    /// Mutations that may still be heads: waiting ones with a pause, made due.
    pub fn hurry(&mut self) {
        self.iter().for_each(|entry| entry.wait.set(None));
    }

    /// The changes of a transaction, in order.
    fn members<'a>(&'a self, group: Option<&'a Rc<str>>) -> impl Iterator<Item = &'a Entry> {
        let named = group.map(|group| self.named(name(GROUP, group)));
        named.into_iter().flatten().map(|entry| &**entry).filter(move |entry| entry.group.as_ref() == group)
    }

    /// The first change of a document.
    fn first(&self, key: &DocKey) -> Option<&Entry> {
        self.named(name_of_lane(key)).find(|entry| entry.key == *key).map(|entry| &**entry)
    }

    /// Changes under a name, in order: what they are called is to be compared.
    fn named(&self, name: u32) -> impl Iterator<Item = &Rc<Entry>> {
        self.names.of(name).filter_map(|seq| self.entries.get(seq))
    }

    /// Only the first of a lane may lead; the one behind it may have, until now.
    fn settle_head(&mut self, key: &DocKey) {
        let two = if Mutant::SkipBlockedRowOfLane.is_on() { usize::MAX } else { 2 };
        let lane = self.named(name_of_lane(key)).filter(|entry| entry.key == *key).take(two).cloned().listed();
        let mut first = true;
        for entry in lane {
            let may_lead = matches!(entry.state, PendingState::Waiting | PendingState::Sending);
            self.lead(&entry, first && may_lead);
            first = first && Mutant::SkipBlockedRowOfLane.is_on() && (!may_lead || entry.wait.get().is_some());
        }
    }

    /// Puts a change among the heads, or takes it from there.
    fn lead(&mut self, entry: &Rc<Entry>, leads: bool) {
        let tried = entry.retry_count > 0 || entry.wait.get().is_some();
        self.heads[entry.priority as usize].set(entry, leads);
        self.heads[TRIED].set(entry, leads && tried);
    }

    fn count(&mut self, entry: &Entry, more: bool) {
        let counter = match entry.state {
            PendingState::Parked => &mut self.parked,
            PendingState::Conflict => &mut self.conflicted,
            PendingState::Waiting | PendingState::Sending => return,
        };
        let one = if Mutant::CountsParkedTwice.is_on() { 2 } else { 1 };
        *counter = if more { *counter + one } else { *counter - one };
    }
}

/// What a name is of, besides documents.
const OWN: u32 = 1;
const GROUP: u32 = 2;

/// All names of a change.
fn names_of(entry: &Entry) -> [Option<u32>; 3] {
    let group = entry.group.as_ref().map(|group| name(GROUP, group));
    [Some(name_of_lane(&entry.key)), Some(name(OWN, &entry.mutation_id)), group]
}

fn name_of_lane(key: &DocKey) -> u32 {
    name(name(0, &key.collection), &key.id)
}

/// A number for a text (the hash of Fowler, Noll and Vo): few texts share one.
fn name(of: u32, text: &str) -> u32 {
    text.bytes().fold(of ^ 0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
