//! Who waits for whom: over references, within a transaction, and in circles of both.
//!
//! Everything is looked up in the index as it stands; nothing is kept here.

use super::{Entry, Outbox};
use crate::engine::mutant::Mutant;
use crate::model::{is_temporary, ChangeKind, DocKey, Listed, PendingState, Seq, Set, Time};
use std::rc::Rc;

/// Whether the changes of a transaction may go as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Together {
    /// All of them, now.
    Now(Vec<Seq>),
    /// Not all of them yet.
    Later,
    /// Never: there is only one, or one needs the server's id of another, or two are of one document, or something that
    /// goes before one of them waits for another; they go in order.
    No,
}

impl Outbox {
    /// Whether all changes of a change's transaction may go as one: each heads its lane, and what they refer to is
    /// there or made by an earlier one of them under its own id.
    pub fn together(&self, seq: Seq, now: Time, busy: impl Fn(&Entry) -> bool) -> Together {
        let group = self.get(seq).and_then(|entry| entry.group.as_ref());
        let members = self.members(group).listed();
        if members.len() < 2 {
            return Together::No;
        }
        let mut waits = false;
        for member in &members {
            let head = self.first(&member.key).filter(|head| head.seq != member.seq);
            // Two documents that an answer showed to be one: one request cannot hold both changes.
            if head.is_some_and(|head| head.group.as_ref() == group) {
                return Together::No;
            }
            if head.is_some_and(|head| self.waits(head) && self.comes_back(head, group)) {
                return Together::No;
            }
            waits |= head.is_some() || busy(member) || !is_due(member, now);
            for key in &member.refers {
                let Some(create) = self.create_of(key) else { continue };
                let inside = create.group.as_ref() == group;
                let in_order = !is_temporary(&key.id) && create.seq < member.seq;
                if (inside && !in_order) || (!inside && self.comes_back(create, group)) {
                    return Together::No;
                }
                waits |= !inside;
            }
        }
        if waits {
            return Together::Later;
        }
        Together::Now(members.into_iter().map(|member| member.seq).listed())
    }

    /// Mutation ids that must be acknowledged before this change may go.
    pub fn depends_on(&self, entry: &Entry) -> Vec<Rc<str>> {
        let before = self.lane(&entry.key).take_while(|earlier| earlier.seq != entry.seq);
        let creates = entry.refers.iter().filter_map(|key| self.create_of(key));
        let all = before.chain(creates).chain(self.held_by_group(entry));
        let all: Set<Seq> = all.map(|earlier| earlier.seq).collect();
        all.iter().filter_map(|seq| Some(self.get(*seq)?.mutation_id.clone())).listed()
    }

    pub(super) fn waits(&self, entry: &Entry) -> bool {
        let by_group = !Mutant::TransactionOutOfOrder.is_on() && self.held_by_group(entry).next().is_some();
        let by_others = Mutant::ParkedHoldsAll.is_on() && self.parked > 0;
        by_group || by_others || self.waits_for_create(entry)
    }

    /// Members of its transaction that hold a change: earlier ones, unless they wait for it, and parked ones.
    fn held_by_group<'a>(&'a self, entry: &'a Entry) -> impl Iterator<Item = &'a Entry> {
        let others = self.members(entry.group.as_ref()).filter(|other| other.seq != entry.seq);
        others.filter(|other| {
            let waits_for_help = matches!(other.state, PendingState::Parked | PendingState::Conflict);
            waits_for_help || (other.seq < entry.seq && !self.leads_to(other, entry.seq, false))
        })
    }

    /// Whether a change, or one of its own transaction, waits over references or its lane for one of another transaction.
    fn comes_back<'a>(&'a self, from: &'a Entry, group: Option<&Rc<str>>) -> bool {
        let (mut open, mut seen) = (vec![from], Set::new());
        while let Some(entry) = open.pop() {
            if entry.group.as_ref() == group {
                return true;
            }
            let creates = entry.refers.iter().filter_map(|key| self.create_of(key));
            for next in self.members(entry.group.as_ref()).chain(creates).chain(self.first(&entry.key)) {
                if seen.insert(next.seq) {
                    open.push(next);
                }
            }
        }
        false
    }

    fn waits_for_create(&self, entry: &Entry) -> bool {
        if Mutant::IgnoresReferences.is_on() {
            return false;
        }
        let holds = |key: &DocKey| {
            let create = self.create_of(key)?;
            Some(is_temporary(&key.id) || create.seq < entry.seq || !self.leads_to(create, entry.seq, true))
        };
        entry.refers.iter().filter_map(holds).any(|holds| holds) && !self.is_circular(entry)
    }

    /// Whether the creates that a change waits for wait for it: it goes as far as its dispatch, which parks one of them.
    fn is_circular(&self, entry: &Entry) -> bool {
        let (mut open, mut seen) = (vec![entry], Set::new());
        let goes = |one: &&Entry| matches!(one.state, PendingState::Waiting | PendingState::Sending);
        while let Some(one) = open.pop() {
            for key in &one.refers {
                let holds = |create: &&Entry| is_temporary(&key.id) || create.seq < one.seq;
                let Some(create) = self.create_of(key).filter(holds) else { continue };
                if create.seq == entry.seq {
                    return true;
                }
                if seen.insert(create.seq) {
                    open.extend(Some(create).filter(goes));
                }
            }
        }
        false
    }

    /// Whether a change refers, over other creates, to another one; or, where `order` counts as well, cannot go before it by
    /// its lane or its transaction.
    fn leads_to<'a>(&'a self, from: &'a Entry, to: Seq, order: bool) -> bool {
        let (mut open, mut seen) = (vec![from], Set::new());
        while let Some(entry) = open.pop() {
            let creates = entry.refers.iter().filter_map(|key| self.create_of(key));
            let before = self.first(&entry.key).into_iter().chain(self.members(entry.group.as_ref()));
            for next in creates.chain(before.filter(|one| order && one.seq < entry.seq)) {
                if next.seq == to {
                    return true;
                }
                if seen.insert(next.seq) {
                    open.push(next);
                }
            }
        }
        false
    }

    fn create_of(&self, key: &DocKey) -> Option<&Entry> {
        self.first(key).filter(|first| first.kind == ChangeKind::Create)
    }
}

/// Whether a change's pause is over.
pub(super) fn is_due(entry: &Entry, now: Time) -> bool {
    match entry.wait.get() {
        Some(wait) if Mutant::NoClockClamp.is_on() => now >= wait.until,
        Some(wait) => wait.is_over(now),
        None => true,
    }
}
