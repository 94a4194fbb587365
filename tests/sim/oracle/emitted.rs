//! The oracle on what is told of documents: it is what the store had, at one moment, and later moments are told later.
//!
//! Each transaction of a device gets a number; every state of a document is remembered with the transaction that made it.
//! What is told at once of several documents has to be true at one such moment, which is not before the moment that the
//! same tab was told of last; and where that moment is a write of this tab's app to several documents, all of them are told.

use crate::store::Done;
use crate::world::{World, COLLECTIONS};
use seakeep::engine::plan::Change;
use seakeep::model::{DocKey, Document};
use seakeep::native::Json;
use std::collections::{BTreeMap, BTreeSet};

/// What a device's store had, transaction by transaction.
#[derive(Debug, Default)]
pub(crate) struct Chronicle {
    now: u64,
    states: BTreeMap<DocKey, Vec<(u64, Option<Json>)>>,
    /// Local writes of several documents: whose tab's, and which documents moved.
    together: BTreeMap<u64, (usize, Vec<DocKey>)>,
}

impl Chronicle {
    /// Another transaction begins.
    pub(crate) fn turn(&mut self) {
        self.now += 1;
    }

    fn note(&mut self, key: &DocKey, doc: Option<Json>) {
        let states = self.states.entry(key.clone()).or_default();
        states.push((self.now, doc));
    }

    /// The state of a document after a transaction, and the transaction that made it.
    fn at(&self, key: &DocKey, moment: u64) -> (u64, Option<&Json>) {
        let states = self.states.get(key).map_or(&[][..], Vec::as_slice);
        let last = states.partition_point(|(since, _)| *since <= moment).checked_sub(1).map(|at| &states[at]);
        last.map_or((0, None), |(since, doc)| (*since, doc.as_ref()))
    }

    /// Whether a document moved after a transaction.
    pub(crate) fn moved_since(&self, key: &DocKey, moment: u64) -> bool {
        self.at(key, u64::MAX).0 > moment
    }

    /// The last transaction.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    fn is_true(&self, change: &Change<Json>, moment: u64) -> bool {
        match (self.at(&change.key, moment).1, &change.doc) {
            (Some(stored), Some(told)) => stored.same(told),
            (stored, told) => stored.is_none() && told.is_none(),
        }
    }

    /// Whether all that a write of this tab moved is told, if that write made the newest of what is told. (What was told of
    /// it before may be told again alone.)
    fn is_whole(&self, tab: usize, changes: &BTreeMap<&DocKey, &Change<Json>>, since: u64, moment: u64) -> bool {
        let newest = changes.keys().map(|key| self.at(key, moment).0).max().filter(|newest| *newest > since);
        let write = newest.and_then(|newest| self.together.get(&newest)).filter(|(writer, _)| *writer == tab);
        write.is_none_or(|(_, keys)| keys.iter().all(|key| changes.contains_key(key)))
    }

    /// The first moment from `since` on at which all of it is true and whole.
    fn moment_of(&self, tab: usize, changes: &BTreeMap<&DocKey, &Change<Json>>, since: u64) -> Option<u64> {
        let later = changes.keys().filter_map(|key| self.states.get(*key)).flatten().map(|(at, _)| *at);
        let moments: BTreeSet<u64> = later.filter(|at| *at > since).chain([since]).collect();
        let fits = |moment: &u64| changes.values().all(|change| self.is_true(change, *moment));
        moments.into_iter().find(|moment| fits(moment) && self.is_whole(tab, changes, since, *moment))
    }
}

impl World {
    /// A transaction moved documents.
    pub(crate) fn chronicle(&mut self, done: &Done) {
        let disk = &self.profiles[done.profile].disk;
        let chronicle = &mut self.oracle.chronicles[done.profile];
        let mut moved = Vec::new();
        for (key, before) in &done.rows {
            let before = before.as_ref().and_then(|row| row.doc.as_ref());
            let after = disk.main(key).and_then(|row| row.doc.as_ref());
            if before != after {
                chronicle.note(key, after.cloned());
                moved.push(key.clone());
            }
        }
        if done.kind == "LocalWrite" && moved.len() > 1 {
            chronicle.together.insert(chronicle.now, (done.tab, moved));
        }
    }

    /// The store of a device is another one: wiped, or as it was before it lost its power.
    pub(crate) fn chronicle_anew(&mut self, profile: usize) {
        let disk = &self.profiles[profile].disk;
        let chronicle = &mut self.oracle.chronicles[profile];
        chronicle.turn();
        let rows =
            COLLECTIONS.iter().flat_map(|name| disk.main_rows(name).map(|row| DocKey::new(&(*name).into(), &row.id)));
        let keys: BTreeSet<DocKey> = chronicle.states.keys().cloned().chain(rows).collect();
        for key in keys {
            let doc = disk.main(&key).and_then(|row| row.doc.as_ref());
            if chronicle.at(&key, u64::MAX).1 != doc {
                chronicle.note(&key, doc.cloned());
            }
        }
    }

    /// I-16: what is told was in the store, all of it at one moment, and no moment before the last one. All that one input
    /// led to is one word to the app: the face wakes its live queries after the last event of it. Only where a page thaws
    /// what ended meanwhile comes all at once, with moments of other tabs between.
    pub(crate) fn check_emission(&mut self, tab: usize) {
        let told = std::mem::take(&mut self.tabs[tab].view.told);
        if told.is_empty() {
            return;
        }
        let since = self.tabs[tab].view.told_at;
        let chronicle = &self.oracle.chronicles[self.tabs[tab].profile];
        let together = chronicle.moment_of(tab, &by_key(told.iter().flatten()), since);
        let in_turn = |since: Option<u64>, one: &Vec<Change<Json>>| chronicle.moment_of(tab, &by_key(one), since?);
        if let Some(moment) = together.or_else(|| told.iter().fold(Some(since), in_turn)) {
            self.tabs[tab].view.told_at = moment;
            return;
        }
        let ever = chronicle.moment_of(tab, &by_key(told.iter().flatten()), 0);
        let lines = by_key(told.iter().flatten()).into_iter().map(|(key, change)| {
            let now = chronicle.at(key, u64::MAX);
            format!("{}/{}: {:?}, since {} it is {:?}", key.collection, key.id, change.doc, now.0, now.1)
        });
        let lines: Vec<String> = lines.collect();
        let text = format!("tab {tab} is told what never stood so after {since} (before: {ever:?}): {lines:?}");
        self.broken("I-16", text);
    }
}

/// What is told last of each document.
fn by_key<'c>(changes: impl IntoIterator<Item = &'c Change<Json>>) -> BTreeMap<&'c DocKey, &'c Change<Json>> {
    changes.into_iter().map(|change| (&change.key, change)).collect()
}
