//! Oracles on what an app sees without asking the store: the documents as the engine told of them.
//!
//! A [`View`] is what a memory tier and live queries make of the engine's events: each told change is taken over, a
//! collection that another tab changed is forgotten, a tab that opens knows nothing. It must never go back, hold what
//! its own tab wrote when the write is answered, and at rest be the store.

use super::{list_of, tag_of};
use crate::tab::Asked;
use crate::world::World;
use seakeep::engine::output::Event as Told;
use seakeep::engine::plan::Change;
use seakeep::model::{Collection, DocKey, Document};
use seakeep::native::Json;
use std::collections::BTreeMap;

/// Documents as told; `None` for those that are gone.
#[derive(Debug, Default)]
pub(crate) struct View {
    docs: BTreeMap<DocKey, Option<Json>>,
    /// Whether a message did not reach it.
    pub(crate) misses: bool,
    /// The transaction that it was told of last (I-16).
    pub(super) told_at: u64,
    /// What the input that is being taken has told so far.
    pub(super) told: Vec<Vec<Change<Json>>>,
}

impl View {
    fn by_tag(&self, tag: &str) -> impl Iterator<Item = &Json> {
        let tag = tag.to_owned();
        self.docs.values().flatten().filter(move |doc| tag_of(doc).as_deref() == Some(&*tag))
    }

    /// A tab that opens knows nothing, and is told of nothing that was before; a deaf one misses what comes, too.
    pub(crate) fn from_now(told_at: u64, deaf: bool) -> Self {
        Self { told_at, misses: deaf, ..Self::default() }
    }

    /// Nothing that it was told holds any more.
    pub(crate) fn forget_all(&mut self) {
        self.docs.clear();
    }

    fn forget(&mut self, collections: &[Collection]) {
        self.docs.retain(|key, _| !collections.contains(&key.collection));
    }
}

impl World {
    /// What is told changes the view; I-15.
    pub(crate) fn see(&mut self, tab: usize, event: &Told<Json>) {
        match event {
            Told::Changes { changes, .. } => {
                self.tabs[tab].view.told.push(changes.clone());
                changes.iter().for_each(|change| self.see_change(tab, change));
            }
            Told::Stale(collections) => self.tabs[tab].view.forget(collections),
            _ => {}
        }
    }

    fn see_change(&mut self, tab: usize, change: &Change<Json>) {
        if let Some(tag) = change.doc.as_ref().and_then(tag_of) {
            self.check_secret(tab, &tag);
        }
        let view = &mut self.tabs[tab].view.docs;
        if let Some(id) = &change.previous {
            view.remove(&DocKey { collection: change.key.collection.clone(), id: id.clone() });
        }
        let before = view.insert(change.key.clone(), change.doc.clone()).flatten();
        let (Some(before), Some(after)) = (before, &change.doc) else { return };
        let Some(tag) = tag_of(after).filter(|tag| tag_of(&before).as_ref() == Some(tag)) else { return };
        let truth = self.oracle.truths.get(&tag);
        if self.server.restored > 0 || truth.is_none_or(|truth| truth.loose || truth.twin) {
            return;
        }
        let own = 2 * self.tabs[tab].profile;
        for list in [own, own + 1] {
            let (was, is) = (list_of(&before, list), list_of(after, list));
            if !is.starts_with(&was) {
                return self.broken("I-15", format!("tab {tab} saw {was:?} in {tag}, then {is:?}"));
            }
        }
    }

    /// I-14: an answered write is seen by its tab.
    pub(crate) fn check_own_writes(&mut self, tab: usize, asked: &Asked) {
        for claim in asked.claims.iter().filter(|claim| !claim.removes) {
            let truth = self.oracle.truths.get(&claim.tag);
            if truth.is_none_or(|truth| truth.loose || truth.twin) {
                continue;
            }
            let Some(list) = &claim.list else { continue };
            // Another tab's change made this one forget the collection: the next read asks the store.
            let seen: Vec<Vec<u64>> = self.tabs[tab].view.by_tag(&claim.tag).map(|doc| list_of(doc, tab)).collect();
            if !seen.is_empty() && !seen.iter().any(|seen| seen.starts_with(list)) {
                let text = format!("tab {tab} sees {seen:?} in {} after its own write {list:?}", claim.tag);
                return self.broken("I-14", text);
            }
        }
    }

    /// I-17 and I-37: at rest every document that was told is the one in the store, where every hint was given and
    /// arrived. (Where not, the face finds out by the store's mark, within a second.)
    pub(crate) fn check_views(&mut self) {
        for tab in 0..4 {
            if self.tabs[tab].view.misses || self.oracle.telling.crashes[self.tabs[tab].profile] > 0 {
                continue;
            }
            let disk = &self.profiles[self.tabs[tab].profile].disk;
            let differs = self.tabs[tab].view.docs.iter().find(|(key, seen)| {
                let stored = disk.main(key).and_then(|row| row.doc.as_ref());
                match (seen, stored) {
                    (Some(seen), Some(stored)) => !seen.same(stored),
                    (seen, stored) => seen.is_some() != stored.is_some(),
                }
            });
            if let Some((key, seen)) = differs {
                let text = format!("tab {tab} was told {:?} of {}/{}, the store differs", seen, key.collection, key.id);
                return self.broken("I-37", text);
            }
        }
    }
}
