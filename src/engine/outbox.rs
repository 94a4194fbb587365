//! The outbox as the engine sees it: light entries, ordered by lane and by priority.
//!
//! The rows themselves stand in the store; this is an index over them, kept by the reports of commits. A lane is the
//! changes of one document in order: only its head may go, and a parked head holds its lane and nobody else (I-06,
//! I-20). A change that refers to a document waits for that one's create (I-07), unless both wait for each other.

use super::config::Config;
use super::mutant::Mutant;
use crate::model::{
    is_temporary, ChangeKind, DocKey, Document, Failure, Map, Pending, PendingState, Priority, Seq, Set, Time, Wait,
};
use std::rc::Rc;

/// What the engine remembers of one change.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Place in the outbox.
    pub seq: Seq,
    /// Identity of the change.
    pub mutation_id: Rc<str>,
    /// Its document.
    pub key: DocKey,
    /// The temporary id it was made with.
    pub temp_id: Option<Rc<str>>,
    /// What it does.
    pub kind: ChangeKind,
    /// Where it stands.
    pub state: PendingState,
    /// Counted failures.
    pub retry_count: u32,
    /// Pause before the next attempt.
    pub wait: Option<Wait>,
    /// Who goes first.
    pub priority: Priority,
    /// Why the last attempt failed.
    pub last_error: Option<Failure>,
    /// When it was made.
    pub created_at: Time,
    /// Other documents it refers to.
    pub refers: Vec<DocKey>,
}

impl Entry {
    /// The entry of a row.
    pub fn of<D: Document>(row: &Pending<D>, config: &Config) -> Self {
        Self {
            seq: row.seq,
            mutation_id: row.mutation_id.clone(),
            key: DocKey { collection: row.collection.clone(), id: row.id.clone() },
            temp_id: row.temp_id.clone(),
            kind: row.kind,
            state: row.state,
            retry_count: row.retry_count,
            wait: row.wait,
            priority: row.priority,
            last_error: row.last_error.clone(),
            created_at: row.created_at,
            refers: references(row, config),
        }
    }
}

/// Documents in the declared reference fields of what a change would send.
pub fn references<D: Document>(row: &Pending<D>, config: &Config) -> Vec<DocKey> {
    let Some(collection) = config.collection(&row.collection) else { return Vec::new() };
    let id_in = |field: &str| -> Option<String> {
        let set = row.changes.set.iter().find(|(name, _)| name == field);
        let value = set.map(|(_, value)| value.clone()).or_else(|| row.data.as_ref()?.get(field));
        value?.as_text()
    };
    let refers = collection
        .references
        .iter()
        .filter_map(|reference| id_in(&reference.field).map(|id| DocKey::new(&reference.collection, &id)));
    refers.filter(|key| key.collection != row.collection || key.id != row.id).collect()
}

/// Those of them that have only a temporary id yet.
pub fn temporary_references<D: Document>(row: &Pending<D>, config: &Config) -> Vec<DocKey> {
    references(row, config).into_iter().filter(|key| is_temporary(&key.id)).collect()
}

/// How far a chain of references is followed to see whether it comes back.
const MOST_LINKS: usize = 8;

/// Index over the outbox.
#[derive(Debug, Clone, Default)]
pub struct Outbox {
    entries: Map<Seq, Entry>,
    lanes: Map<DocKey, Set<Seq>>,
    /// Heads of lanes that are not parked, by who goes first.
    heads: Set<(Priority, Seq)>,
    by_mutation: Map<Rc<str>, Seq>,
    parked: usize,
    conflicted: usize,
}

impl Outbox {
    /// Inserts or replaces an entry.
    pub fn put(&mut self, entry: Entry) {
        self.remove(entry.seq);
        self.count(&entry, true);
        let key = entry.key.clone();
        self.by_mutation.insert(entry.mutation_id.clone(), entry.seq);
        self.lanes.get_or_insert_with(key.clone(), Set::new).insert(entry.seq);
        self.entries.insert(entry.seq, entry);
        self.settle_head(&key);
    }

    /// Removes an entry.
    pub fn remove(&mut self, seq: Seq) -> Option<Entry> {
        let entry = self.entries.remove(&seq)?;
        self.count(&entry, false);
        self.heads.remove(&(entry.priority, seq));
        self.by_mutation.remove(&entry.mutation_id);
        if let Some(lane) = self.lanes.get_mut(&entry.key) {
            lane.remove(&seq);
            if lane.is_empty() {
                self.lanes.remove(&entry.key);
            }
        }
        self.settle_head(&entry.key);
        Some(entry)
    }

    /// Replaces everything.
    pub fn reset(&mut self, entries: impl IntoIterator<Item = Entry>) {
        *self = Self::default();
        entries.into_iter().for_each(|entry| self.put(entry));
    }

    /// One entry.
    pub fn get(&self, seq: Seq) -> Option<&Entry> {
        self.entries.get(&seq)
    }

    /// The entry of a mutation id.
    pub fn find(&self, mutation_id: &str) -> Option<&Entry> {
        self.entries.get(self.by_mutation.get(mutation_id)?)
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// How many changes there are in all.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
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
        self.entries.values().next().map(|entry| entry.created_at)
    }

    /// Changes that may go now, who goes first first; `busy` says which are under way.
    pub fn ready(&self, now: Time, busy: impl Fn(&Entry) -> bool, limit: usize) -> Vec<Seq> {
        let entries = self.heads.iter().filter_map(|(_, seq)| self.entries.get(seq));
        let may_go = entries.filter(|entry| !busy(entry) && is_due(entry, now) && !self.waits_for_create(entry));
        may_go.take(limit).map(|entry| entry.seq).collect()
    }

    /// When the next head is due, among those that are not yet.
    pub fn next_due(&self, now: Time) -> Option<Time> {
        let waits = self.heads.iter().filter_map(|(_, seq)| self.entries.get(seq)?.wait);
        waits.map(|wait| wait.ends(now)).filter(|at| *at > now).min()
    }

    /// Mutation ids that must be acknowledged before this change may go.
    pub fn depends_on(&self, entry: &Entry) -> Vec<Rc<str>> {
        let lane = self.lanes.get(&entry.key).into_iter().flat_map(Set::iter);
        let before = lane.take_while(|seq| **seq != entry.seq);
        let creates = entry.refers.iter().filter_map(|key| self.create_of(key));
        let seqs: Vec<Seq> = before.copied().chain(creates).collect();
        seqs.iter().filter_map(|seq| Some(self.entries.get(seq)?.mutation_id.clone())).collect()
    }

    /// Mutations that may still be heads: waiting ones with a pause, made due.
    pub fn hurry(&mut self) {
        for entry in self.entries.values_mut() {
            entry.wait = None;
        }
    }

    fn waits_for_create(&self, entry: &Entry) -> bool {
        let holds = |key: &DocKey| {
            let create = self.create_of(key)?;
            Some(is_temporary(&key.id) || create < entry.seq || !self.leads_to(create, entry.seq, MOST_LINKS))
        };
        entry.refers.iter().filter_map(holds).any(|holds| holds)
    }

    /// Whether a change refers, over other creates, to another one.
    fn leads_to(&self, from: Seq, to: Seq, links: usize) -> bool {
        let next =
            self.entries.get(&from).into_iter().flat_map(|entry| &entry.refers).filter_map(|key| self.create_of(key));
        links > 0 && next.into_iter().any(|next| next == to || self.leads_to(next, to, links - 1))
    }

    fn create_of(&self, key: &DocKey) -> Option<Seq> {
        let first = self.lanes.get(key)?.first()?;
        (self.entries.get(first)?.kind == ChangeKind::Create).then_some(*first)
    }

    fn settle_head(&mut self, key: &DocKey) {
        let Some(lane) = self.lanes.get(key) else { return };
        let mut first = true;
        for entry in lane.iter().filter_map(|seq| self.entries.get(seq)) {
            let may_lead = matches!(entry.state, PendingState::Waiting | PendingState::Sending);
            if first && may_lead {
                self.heads.insert((entry.priority, entry.seq));
            } else {
                self.heads.remove(&(entry.priority, entry.seq));
            }
            first = first && Mutant::SkipBlockedRowOfLane.is_on() && (!may_lead || entry.wait.is_some());
        }
    }

    fn count(&mut self, entry: &Entry, more: bool) {
        let counter = match entry.state {
            PendingState::Parked => &mut self.parked,
            PendingState::Conflict => &mut self.conflicted,
            PendingState::Waiting | PendingState::Sending => return,
        };
        *counter = if more { *counter + 1 } else { *counter - 1 };
    }
}

fn is_due(entry: &Entry, now: Time) -> bool {
    match entry.wait {
        Some(wait) if Mutant::NoClockClamp.is_on() => now >= wait.until,
        Some(wait) => wait.is_over(now),
        None => true,
    }
}
