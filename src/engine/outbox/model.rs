//! The index against a plain model: a map of rows that looks everything up by walking over all of them.

use super::{is_due, Entry, Outbox, Together, AGED};
use crate::model::{is_temporary, ChangeKind, DocKey, PendingState, Priority, Wait};
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

#[derive(Debug, Default)]
struct Plain(BTreeMap<u64, Entry>);

impl Plain {
    fn lane<'a>(&'a self, key: &'a DocKey) -> impl Iterator<Item = &'a Entry> {
        self.0.values().filter(move |entry| entry.key == *key)
    }

    fn members(&self, group: Option<&Rc<str>>) -> Vec<&Entry> {
        self.0.values().filter(|entry| group.is_some() && entry.group.as_ref() == group).collect()
    }

    fn create_of(&self, key: &DocKey) -> Option<&Entry> {
        self.0.values().find(|entry| entry.key == *key).filter(|first| first.kind == ChangeKind::Create)
    }

    fn heads(&self) -> impl Iterator<Item = &Entry> {
        let may_lead = |entry: &&Entry| matches!(entry.state, PendingState::Waiting | PendingState::Sending);
        let leads = |entry: &&Entry| self.lane(&entry.key).next().is_some_and(|first| first.seq == entry.seq);
        self.0.values().filter(leads).filter(may_lead)
    }

    /// Whom a change leads to over references; with `order` also over its lane and its transaction.
    fn reach(&self, from: &Entry, order: bool) -> BTreeSet<u64> {
        let (mut open, mut seen) = (vec![from.seq], BTreeSet::new());
        while let Some(entry) = open.pop().map(|seq| &self.0[&seq]) {
            let creates = entry.refers.iter().filter_map(|key| self.create_of(key));
            let before = self.lane(&entry.key).take(1).chain(self.members(entry.group.as_ref()));
            let next = creates.chain(before.filter(|one| order && one.seq < entry.seq));
            open.extend(next.map(|one| one.seq).filter(|seq| seen.insert(*seq)));
        }
        seen
    }

    fn held_by_group(&self, entry: &Entry) -> Vec<u64> {
        let helpless = |other: &Entry| matches!(other.state, PendingState::Parked | PendingState::Conflict);
        let earlier = |other: &Entry| other.seq < entry.seq && !self.reach(other, false).contains(&entry.seq);
        let others = self.members(entry.group.as_ref()).into_iter().filter(|other| other.seq != entry.seq);
        others.filter(|other| helpless(other) || earlier(other)).map(|other| other.seq).collect()
    }

    fn is_circular(&self, entry: &Entry) -> bool {
        let goes = |one: &Entry| matches!(one.state, PendingState::Waiting | PendingState::Sending);
        let (mut open, mut seen) = (vec![entry], BTreeSet::new());
        while let Some(one) = open.pop() {
            for key in &one.refers {
                let create = self.create_of(key).filter(|create| is_temporary(&key.id) || create.seq < one.seq);
                if create.is_some_and(|create| create.seq == entry.seq) {
                    return true;
                }
                open.extend(create.filter(|create| seen.insert(create.seq) && goes(create)));
            }
        }
        false
    }

    fn waits(&self, entry: &Entry) -> bool {
        let holds = |key: &DocKey, create: &Entry| {
            is_temporary(&key.id) || create.seq < entry.seq || !self.reach(create, true).contains(&entry.seq)
        };
        let mut creates = entry.refers.iter().filter_map(|key| Some((key, self.create_of(key)?)));
        let waits_for_create = creates.any(|(key, create)| holds(key, create)) && !self.is_circular(entry);
        waits_for_create || !self.held_by_group(entry).is_empty()
    }

    fn ready(&self, now: u64, limit: usize) -> Vec<u64> {
        let class = |entry: &Entry| match entry.priority {
            Priority::High => 0,
            Priority::Background if now.saturating_sub(entry.created_at) < AGED => 2,
            Priority::User | Priority::Background => 1,
        };
        let mut heads: Vec<&Entry> = self.heads().filter(|entry| is_due(entry, now) && !self.waits(entry)).collect();
        heads.sort_by_key(|entry| (class(entry), entry.seq));
        heads.into_iter().take(limit).map(|entry| entry.seq).collect()
    }

    fn comes_back(&self, from: &Entry, group: Option<&Rc<str>>) -> bool {
        let (mut open, mut seen) = (vec![from], BTreeSet::new());
        while let Some(entry) = open.pop() {
            if entry.group.as_ref() == group {
                return true;
            }
            let creates = entry.refers.iter().filter_map(|key| self.create_of(key));
            let next =
                self.members(entry.group.as_ref()).into_iter().chain(creates).chain(self.lane(&entry.key).take(1));
            open.extend(next.filter(|one| seen.insert(one.seq)));
        }
        false
    }

    fn together(&self, seq: u64, now: u64) -> Together {
        let group = self.0[&seq].group.as_ref();
        let members = self.members(group);
        let mut waits = false;
        for member in &members {
            let head = self.lane(&member.key).next().filter(|head| head.seq != member.seq);
            if head.is_some_and(|head| head.group.as_ref() == group) {
                return Together::No;
            }
            if head.is_some_and(|head| self.waits(head) && self.comes_back(head, group)) {
                return Together::No;
            }
            waits |= head.is_some() || !is_due(member, now);
            for (key, create) in member.refers.iter().filter_map(|key| Some((key, self.create_of(key)?))) {
                let inside = create.group.as_ref() == group;
                if inside && (is_temporary(&key.id) || create.seq >= member.seq) {
                    return Together::No;
                }
                if !inside && self.comes_back(create, group) {
                    return Together::No;
                }
                waits |= !inside;
            }
        }
        match members.len() {
            0 | 1 => Together::No,
            _ if waits => Together::Later,
            _ => Together::Now(members.into_iter().map(|member| member.seq).collect()),
        }
    }

    fn depends_on(&self, entry: &Entry) -> Vec<Rc<str>> {
        let before = self.lane(&entry.key).map(|one| one.seq).filter(|seq| *seq < entry.seq);
        let creates = entry.refers.iter().filter_map(|key| Some(self.create_of(key)?.seq));
        let all: BTreeSet<u64> = before.chain(creates).chain(self.held_by_group(entry)).collect();
        all.into_iter().map(|seq| self.0[&seq].mutation_id.clone()).collect()
    }
}

/// Documents are few, so that lanes, references and circles are common; one in three has a temporary id.
fn key() -> impl Strategy<Value = DocKey> {
    (0u8..9)
        .prop_map(|id| DocKey::new(&"notes".into(), &format!("{}{id}", if id % 3 == 0 { "pending-1-" } else { "d" })))
}

fn entry() -> impl Strategy<Value = Entry> {
    let states = [PendingState::Waiting, PendingState::Sending, PendingState::Parked, PendingState::Conflict];
    let state = prop_oneof![3 => Just(states[0]), 1 => prop::sample::select(states.to_vec())];
    let priority = prop::sample::select(vec![Priority::High, Priority::User, Priority::Background]);
    let wait =
        prop::option::weighted(0.3, (0u64..200_000, 0u64..100_000).prop_map(|(now, length)| Wait::new(now, length)));
    let names = (prop::option::weighted(0.4, 0u8..3), prop::option::weighted(0.2, 0u8..9), any::<bool>());
    let refers = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(key(), 1..3)];
    (1u64..30, key(), any::<bool>(), state, (0u32..3, wait), priority, (0u64..150_000, any::<bool>()), refers, names)
        .prop_map(|(seq, key, creates, state, (retry_count, wait), priority, (at, by_age), refers, names)| Entry {
            seq,
            mutation_id: format!("m{seq}").into(),
            refers: refers.into_iter().filter(|other| *other != key).collect(),
            key,
            temp_id: None,
            kind: if creates { ChangeKind::Create } else { ChangeKind::Update },
            state,
            retry_count,
            wait: Cell::new(wait),
            priority,
            last_error: None,
            created_at: if by_age { seq * 5_000 } else { at },
            group: names.0.map(|group| format!("g{group}").into()),
            conflict: names.1.map(|_| format!("c{seq}").into()),
            asks: names.1.is_some() && names.2,
        })
}

fn agree(outbox: &Outbox, plain: &Plain, now: u64) -> Result<(), TestCaseError> {
    let nobody = |_: &Entry| false;
    for limit in [1, 3, 100] {
        prop_assert_eq!(outbox.ready(now, nobody, limit), plain.ready(now, limit));
    }
    let heads = || plain.heads().filter_map(|entry| entry.wait.get());
    prop_assert_eq!(outbox.next_due(now), heads().map(|wait| wait.ends(now)).filter(|at| *at > now).min());
    let repeats = plain.ready(now, 100).iter().any(|seq| plain.0[seq].retry_count > 0);
    prop_assert_eq!(outbox.has_repeat(now, nobody), repeats);
    prop_assert!(outbox.iter().map(|entry| entry.seq).eq(plain.0.keys().copied()));
    let count = |state: PendingState| plain.0.values().filter(|entry| entry.state == state).count();
    let (parked, conflicted) = (count(PendingState::Parked), count(PendingState::Conflict));
    prop_assert_eq!((outbox.len(), outbox.parked(), outbox.conflicted()), (plain.0.len(), parked, conflicted));
    prop_assert!(outbox.asking().eq(plain.0.values().filter(|entry| entry.asks).map(|entry| entry.seq)));
    for entry in plain.0.values() {
        prop_assert_eq!(outbox.find(&entry.mutation_id).map(|found| found.seq), Some(entry.seq));
        let held = entry.conflict.as_ref().map(|conflict| outbox.find_conflict(conflict).map(|found| found.seq));
        prop_assert!(held.is_none_or(|found| found == Some(entry.seq)));
        prop_assert!(outbox.lane(&entry.key).map(|one| one.seq).eq(plain.lane(&entry.key).map(|one| one.seq)));
        prop_assert!(outbox.mates(entry.seq).eq(plain.members(entry.group.as_ref()).into_iter().map(|one| one.seq)));
        prop_assert_eq!(outbox.together(entry.seq, now, nobody), plain.together(entry.seq, now));
        prop_assert_eq!(outbox.depends_on(entry), plain.depends_on(entry));
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_index_says_what_a_walk_over_all_rows_says(
        steps in prop::collection::vec((entry(), 0u8..8, 0u64..250_000), 1..60),
    ) {
        let (mut outbox, mut plain) = (Outbox::read(), Plain::default());
        for (entry, what, now) in steps {
            match what {
                0 | 1 => {
                    outbox.remove(entry.seq);
                    plain.0.remove(&entry.seq);
                }
                2 if now < 25_000 => {
                    outbox.hurry();
                    plain.0.values_mut().for_each(|entry| entry.wait.set(None));
                }
                _ => {
                    outbox.put(entry.clone());
                    plain.0.insert(entry.seq, entry);
                }
            }
            agree(&outbox, &plain, now)?;
        }
    }

    /// References by temporary ids are left out: they may close circles, which the dispatch parks (SPEC section 7).
    #[test]
    fn something_may_always_go_where_transactions_go_as_one(entries in prop::collection::vec(entry(), 1..30)) {
        let mut outbox = Outbox::read();
        for mut entry in entries {
            // A transaction stands in one place; nothing pauses or waits for a person.
            entry.group = entry.group.map(|_| format!("g{}", entry.seq / 3).into());
            entry.refers.retain(|key| !is_temporary(&key.id));
            outbox.put(Entry { state: PendingState::Waiting, wait: Cell::new(None), ..entry });
        }
        let nobody = |_: &Entry| false;
        let mut ready = outbox.ready(0, nobody, usize::MAX).into_iter();
        prop_assert!(ready.any(|seq| outbox.together(seq, 0, nobody) != Together::Later), "nothing of {outbox:?}");
    }

    #[test]
    fn a_reading_tells_which_collections_moved(
        old in prop::collection::vec(entry(), 0..20),
        new in prop::collection::vec(entry(), 0..20),
    ) {
        let filled = |entries: Vec<Entry>| {
            let mut outbox = Outbox::read();
            entries.into_iter().for_each(|entry| outbox.put(entry));
            outbox
        };
        let states = |outbox: &Outbox| -> BTreeSet<(u64, String, u32)> {
            outbox.iter().map(|entry| (entry.seq, format!("{:?}", entry.state), entry.retry_count)).collect()
        };
        let (mut known, read) = (filled(old), filled(new));
        let (before, last) = (states(&known), known.last().max(read.last()));
        let moved = known.renew(read);
        prop_assert_eq!(!moved.is_empty(), before != states(&known));
        prop_assert_eq!(known.last(), last);
    }
}
