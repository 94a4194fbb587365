//! The outbox as the engine sees it: light entries, ordered by lane and by priority.
//!
//! The rows themselves stand in the store; this is an index over them, kept by the reports of commits. A lane is the
//! changes of one document in order: only its head may go, and a parked head holds its lane and nobody else (I-06,
//! I-20). A change that refers to a document waits for that one's create (I-07), unless both wait for each other. The
//! changes of one transaction (a group) go in order, and one of them that is parked holds the others.

mod entry;
#[cfg(test)]
mod tests;

pub use entry::{awaited, references, temporary_references, Entry};

use super::mutant::Mutant;
use crate::model::{is_temporary, ChangeKind, DocKey, Listed, Map, PendingState, Seq, Set, Time};
use std::rc::Rc;

/// Age at which a background change takes its turn among the person's own (milliseconds).
pub const AGED: u64 = 60_000;

/// Whether the changes of a transaction may go as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Together {
    /// All of them, now.
    Now(Vec<Seq>),
    /// Not all of them yet.
    Later,
    /// Never: there is only one, or one needs the server's id of another, or two are of one document; they go in order.
    No,
}

/// Index over the outbox.
#[derive(Debug, Clone, Default)]
pub struct Outbox {
    entries: Map<Seq, Entry>,
    lanes: Map<DocKey, Set<Seq>>,
    groups: Map<Rc<str>, Set<Seq>>,
    /// Heads of lanes that are not parked, by priority.
    heads: [Set<Seq>; 3],
    by_mutation: Map<Rc<str>, Seq>,
    parked: usize,
    conflicted: usize,
    /// Changes held by a conflict, by its id.
    by_conflict: Map<Rc<str>, Seq>,
    /// Those of them that wait for the app's function.
    asking: Set<Seq>,
    /// The last place that was ever known here; `None` before the store was read.
    last: Option<Seq>,
}

impl Outbox {
    /// Inserts or replaces an entry.
    pub fn put(&mut self, entry: Entry) {
        self.remove(entry.seq);
        self.count(&entry, true);
        self.last = self.last.map(|last| last.max(entry.seq));
        let key = entry.key.clone();
        self.by_mutation.insert(entry.mutation_id.clone(), entry.seq);
        self.lanes.get_or_insert_with(key.clone(), Set::new).insert(entry.seq);
        if let Some(conflict) = &entry.conflict {
            self.by_conflict.insert(conflict.clone(), entry.seq);
        }
        if entry.asks {
            self.asking.insert(entry.seq);
        }
        if let Some(group) = &entry.group {
            self.groups.get_or_insert_with(group.clone(), Set::new).insert(entry.seq);
        }
        self.entries.insert(entry.seq, entry);
        self.settle_head(&key);
    }

    /// Removes an entry.
    pub fn remove(&mut self, seq: Seq) -> Option<Entry> {
        let entry = self.entries.remove(&seq)?;
        self.count(&entry, false);
        self.heads[entry.priority as usize].remove(&seq);
        self.by_mutation.remove(&entry.mutation_id);
        self.asking.remove(&seq);
        if let Some(conflict) = &entry.conflict {
            self.by_conflict.remove(conflict);
        }
        if let Some(lane) = self.lanes.get_mut(&entry.key) {
            lane.remove(&seq);
            if lane.is_empty() {
                self.lanes.remove(&entry.key);
            }
        }
        self.leave_group(&entry);
        self.settle_head(&entry.key);
        Some(entry)
    }

    /// Replaces everything by what the store holds.
    pub fn reset(&mut self, entries: impl IntoIterator<Item = Entry>) {
        *self = Self { last: self.last.or(Some(0)), ..Self::default() };
        entries.into_iter().for_each(|entry| self.put(entry));
    }

    /// The last place that was ever known here; `None` before the store was read.
    pub fn last(&self) -> Option<Seq> {
        self.last
    }

    /// The changes of a document, oldest first.
    pub fn lane(&self, key: &DocKey) -> impl Iterator<Item = Seq> + '_ {
        self.lanes.get(key).into_iter().flat_map(Set::iter).copied()
    }

    /// One entry.
    pub fn get(&self, seq: Seq) -> Option<&Entry> {
        self.entries.get(&seq)
    }

    /// The entry of a mutation id.
    pub fn find(&self, mutation_id: &str) -> Option<&Entry> {
        self.entries.get(self.by_mutation.get(mutation_id)?)
    }

    /// The entry that an open conflict holds.
    pub fn find_conflict(&self, conflict_id: &str) -> Option<&Entry> {
        self.entries.get(self.by_conflict.get(conflict_id)?)
    }

    /// Changes whose conflict waits for the app's function.
    pub fn asking(&self) -> impl Iterator<Item = Seq> + '_ {
        self.asking.iter().copied()
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
        let entries = self.in_turn(now);
        let may_go = entries.filter(|entry| !busy(entry) && is_due(entry, now) && !self.waits(entry));
        may_go.take(limit).map(|entry| entry.seq).listed()
    }

    /// Heads in the order of their turns: high, then the person's and aged background ones by age, then the rest.
    fn in_turn(&self, now: Time) -> impl Iterator<Item = &Entry> {
        let [high, user, background] =
            [0, 1, 2].map(|priority: usize| self.heads[priority].iter().filter_map(|seq| self.entries.get(seq)));
        let aged = move |entry: &&Entry| now.saturating_sub(entry.created_at) >= AGED;
        let (mut old, young) =
            (background.clone().filter(aged).peekable(), background.filter(move |entry| !aged(entry)));
        let mut user = user.peekable();
        let merged = std::iter::from_fn(move || match (old.peek(), user.peek()) {
            (Some(aged), Some(own)) if aged.seq < own.seq => old.next(),
            (Some(_), None) => old.next(),
            _ => user.next(),
        });
        high.chain(merged).chain(young)
    }

    /// Whether all changes of a change's transaction may go as one: each heads its lane, and what they refer to is
    /// there or made by an earlier one of them under its own id.
    pub fn together(&self, seq: Seq, now: Time, busy: impl Fn(&Entry) -> bool) -> Together {
        let group = self.entries.get(&seq).and_then(|entry| entry.group.as_ref());
        let Some(members) = group.and_then(|group| self.groups.get(group)).filter(|members| members.len() > 1) else {
            return Together::No;
        };
        let mut waits = false;
        for member in members.iter().filter_map(|seq| self.entries.get(seq)) {
            let head = self.lanes.get(&member.key).and_then(Set::first).filter(|head| **head != member.seq);
            // Two documents that an answer showed to be one: one request cannot hold both changes.
            if head.is_some_and(|head| members.contains(head)) {
                return Together::No;
            }
            waits |= head.is_some() || busy(member) || !is_due(member, now);
            for key in &member.refers {
                let Some(create) = self.create_of(key) else { continue };
                let inside = members.contains(&create);
                let in_order = !is_temporary(&key.id) && create < member.seq;
                if (inside && !in_order) || (!inside && self.comes_back(create, members)) {
                    return Together::No;
                }
                waits |= !inside;
            }
        }
        if waits {
            return Together::Later;
        }
        Together::Now(members.iter().copied().listed())
    }

    /// The changes of a change's transaction.
    pub fn mates(&self, seq: Seq) -> impl Iterator<Item = Seq> + '_ {
        let group = self.entries.get(&seq).and_then(|entry| self.groups.get(entry.group.as_ref()?));
        group.into_iter().flat_map(Set::iter).copied()
    }

    /// Whether a change, or one of its own transaction, waits over references for one of these.
    fn comes_back(&self, from: Seq, members: &Set<Seq>) -> bool {
        let mut seen = Set::new();
        let mut open = vec![from];
        while let Some(entry) = open.pop().and_then(|seq| self.entries.get(&seq)) {
            if members.contains(&entry.seq) {
                return true;
            }
            let mates = entry.group.as_ref().and_then(|own| self.groups.get(own)).into_iter().flat_map(Set::iter);
            let creates = entry.refers.iter().filter_map(|key| self.create_of(key));
            let next: Vec<Seq> = mates.copied().chain(creates).filter(|next| !seen.contains(next)).listed();
            seen.extend(next.iter().copied());
            open.extend(next);
        }
        false
    }

    /// When the next head is due, among those that are not yet.
    pub fn next_due(&self, now: Time) -> Option<Time> {
        let waits = self.heads.iter().flat_map(Set::iter).filter_map(|seq| self.entries.get(seq)?.wait);
        waits.map(|wait| wait.ends(now)).filter(|at| *at > now).min()
    }

    /// Mutation ids that must be acknowledged before this change may go.
    pub fn depends_on(&self, entry: &Entry) -> Vec<Rc<str>> {
        let lane = self.lanes.get(&entry.key).into_iter().flat_map(Set::iter);
        let before = lane.take_while(|seq| **seq != entry.seq);
        let creates = entry.refers.iter().filter_map(|key| self.create_of(key));
        let all: Set<Seq> = before.copied().chain(creates).chain(self.held_by_group(entry)).collect();
        all.iter().filter_map(|seq| Some(self.entries.get(seq)?.mutation_id.clone())).listed()
    }

    /// Mutations that may still be heads: waiting ones with a pause, made due.
    pub fn hurry(&mut self) {
        for entry in self.entries.values_mut() {
            entry.wait = None;
        }
    }

    fn waits(&self, entry: &Entry) -> bool {
        let by_group = !Mutant::TransactionOutOfOrder.is_on() && self.held_by_group(entry).next().is_some();
        let by_others = Mutant::ParkedHoldsAll.is_on() && self.parked > 0;
        by_group || by_others || self.waits_for_create(entry)
    }

    /// Members of its transaction that hold a change: earlier ones, unless they wait for it, and parked ones.
    fn held_by_group<'a>(&'a self, entry: &'a Entry) -> impl Iterator<Item = Seq> + 'a {
        let members = entry.group.as_ref().and_then(|group| self.groups.get(group)).into_iter().flat_map(Set::iter);
        let others = members.filter(|seq| **seq != entry.seq).filter_map(|seq| self.entries.get(seq));
        let holds = move |other: &&Entry| {
            let waits_for_help = matches!(other.state, PendingState::Parked | PendingState::Conflict);
            waits_for_help || (other.seq < entry.seq && !self.leads_to(other.seq, entry.seq, false))
        };
        others.filter(holds).map(|other| other.seq)
    }

    fn leave_group(&mut self, entry: &Entry) {
        let Some(group) = &entry.group else { return };
        let Some(members) = self.groups.get_mut(group) else { return };
        members.remove(&entry.seq);
        if members.is_empty() {
            self.groups.remove(group);
        }
    }

    fn waits_for_create(&self, entry: &Entry) -> bool {
        if Mutant::IgnoresReferences.is_on() {
            return false;
        }
        let holds = |key: &DocKey| {
            let create = self.create_of(key)?;
            Some(is_temporary(&key.id) || create < entry.seq || !self.leads_to(create, entry.seq, true))
        };
        entry.refers.iter().filter_map(holds).any(|holds| holds) && !self.is_circular(entry)
    }

    /// Whether the creates that a change waits for wait for it: it goes as far as its dispatch, which parks one of them.
    fn is_circular(&self, entry: &Entry) -> bool {
        let (mut open, mut seen) = (vec![entry], Set::new());
        let goes = |one: &&Entry| matches!(one.state, PendingState::Waiting | PendingState::Sending);
        while let Some(one) = open.pop() {
            for key in &one.refers {
                let holds = |create: &Seq| is_temporary(&key.id) || *create < one.seq;
                let Some(create) = self.create_of(key).filter(holds) else { continue };
                if create == entry.seq {
                    return true;
                }
                if seen.insert(create) {
                    open.extend(self.entries.get(&create).filter(goes));
                }
            }
        }
        false
    }

    /// Whether a change refers, over other creates, to another one; or, where `order` counts as well, cannot go before it by
    /// its lane or its transaction.
    fn leads_to(&self, from: Seq, to: Seq, order: bool) -> bool {
        let (mut open, mut seen) = (vec![from], Set::new());
        while let Some(entry) = open.pop().and_then(|seq| self.entries.get(&seq)) {
            let creates = entry.refers.iter().filter_map(|key| self.create_of(key));
            let head = self.lanes.get(&entry.key).and_then(Set::first);
            let mates = entry.group.as_ref().and_then(|group| self.groups.get(group)).into_iter().flat_map(Set::iter);
            let before = head.into_iter().chain(mates).copied().filter(|seq| order && *seq < entry.seq);
            for seq in creates.chain(before).listed() {
                if seq == to {
                    return true;
                }
                if seen.insert(seq) {
                    open.push(seq);
                }
            }
        }
        false
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
                self.heads[entry.priority as usize].insert(entry.seq);
            } else {
                self.heads[entry.priority as usize].remove(&entry.seq);
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
        let one = if Mutant::CountsParkedTwice.is_on() { 2 } else { 1 };
        *counter = if more { *counter + one } else { *counter - one };
    }
}

fn is_due(entry: &Entry, now: Time) -> bool {
    match entry.wait {
        Some(wait) if Mutant::NoClockClamp.is_on() => now >= wait.until,
        Some(wait) => wait.is_over(now),
        None => true,
    }
}
