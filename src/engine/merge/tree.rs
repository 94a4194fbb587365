//! The deep merge of JSON trees.
//!
//! Objects are merged field by field, down to the leaves. A list of objects with an `id` is merged item by item; a list
//! of plain values as what was added and removed, on the server's order; any other list is one value. Where both
//! sides changed one leaf differently, or one side removed what the other changed, nothing is decided: the place is
//! named, and a person has to choose.

use super::{field, same, Merged, OWNED};
use crate::model::{ConflictField, Document, Kind, Listed, Map, Set};

/// How deep a tree is looked into; what lies deeper is one value.
const MAX_DEPTH: usize = 100;

/// Merges two documents. Where `fields` is not empty the document is only what could be merged.
pub fn merge_tree<D: Document>(base: &D, local: &D, remote: &D) -> Merged<D> {
    let mut merge = TreeMerge { fields: Vec::new(), path: Vec::new() };
    let doc = merge.objects(Some(base), local, remote);
    Merged { doc, fields: merge.fields }
}

struct TreeMerge<D> {
    fields: Vec<ConflictField<D>>,
    path: Vec<String>,
}

impl<D: Document> TreeMerge<D> {
    fn value(&mut self, name: &str, base: Option<&D>, local: Option<&D>, remote: Option<&D>) -> Option<D> {
        if same(local, remote) || same(local, base) {
            return remote.cloned();
        }
        if same(remote, base) {
            return local.cloned();
        }
        self.path.push(name.into());
        let merged = self.changed(base, local, remote);
        self.path.pop();
        merged
    }

    /// What both changed.
    fn changed(&mut self, base: Option<&D>, local: Option<&D>, remote: Option<&D>) -> Option<D> {
        if let (Some(here), Some(there), true) = (local, remote, self.path.len() < MAX_DEPTH) {
            if here.kind() == Kind::Object && there.kind() == Kind::Object {
                return Some(self.objects(base, here, there));
            }
            let keys = (Keyed::of(base), Keyed::of(local), Keyed::of(remote));
            if let (Some(before), Some(here), Some(there)) = keys {
                if let Some(merged) = self.lists(&before, &here, &there) {
                    return Some(merged);
                }
            }
        }
        let path = self.path.join(".");
        self.fields.push(field(&path, base, local, remote));
        remote.or(local).cloned()
    }

    fn objects(&mut self, base: Option<&D>, local: &D, remote: &D) -> D {
        let base = base.filter(|base| base.kind() == Kind::Object).cloned().unwrap_or_else(D::object);
        let top = self.path.is_empty();
        let mut seen: Set<String> = Set::new();
        let mut taken: Vec<(String, Option<D>)> = Vec::new();
        for name in remote.fields().into_iter().chain(local.fields()).chain(base.fields()) {
            let owned = top && OWNED.contains(&name.as_str());
            if owned || !seen.insert(name.clone()) {
                continue;
            }
            let (before, here, there) = (base.get(&name), local.get(&name), remote.get(&name));
            let merged = self.value(&name, before.as_ref(), here.as_ref(), there.as_ref());
            if !same(merged.as_ref(), there.as_ref()) {
                taken.push((name, merged));
            }
        }
        let taken: Vec<(&str, Option<D>)> = taken.iter().map(|(name, value)| (name.as_str(), value.clone())).listed();
        remote.with(&taken)
    }

    /// Both lists' items by their keys; `None` where the lists are of different sorts.
    fn lists(&mut self, base: &Keyed<D>, local: &Keyed<D>, remote: &Keyed<D>) -> Option<D> {
        let by_id = [base, local, remote].iter().any(|list| list.by_id && !list.items.is_empty());
        if [base, local, remote].iter().any(|list| list.by_id != by_id && !list.items.is_empty()) {
            return None;
        }
        Some(if by_id { self.by_id(base, local, remote) } else { by_count(base, local, remote) })
    }

    fn by_id(&mut self, base: &Keyed<D>, local: &Keyed<D>, remote: &Keyed<D>) -> D {
        let added = local.items.iter().filter(|(key, _)| remote.get(key).is_none());
        let merged = remote.items.iter().chain(added).filter_map(|(key, item)| {
            let name = item.text_of("id").unwrap_or_else(|| key.clone());
            self.value(&name, base.get(key), local.get(key), remote.get(key))
        });
        D::list(merged.listed())
    }
}

/// A list whose items have keys: their `id`, or their value.
struct Keyed<D> {
    by_id: bool,
    items: Vec<(String, D)>,
    places: Map<String, usize>,
}

impl<D: Document> Keyed<D> {
    /// The keys of a list, an absent one counting as empty; `None` for what is no list of one sort.
    fn of(value: Option<&D>) -> Option<Self> {
        let items = value.map_or_else(|| Some(Vec::new()), D::as_list)?;
        let by_id = items.first().is_some_and(|item| item.kind() == Kind::Object);
        let key = |item: D| {
            let of = if by_id { item.get("id").filter(|id| is_plain(id)) } else { Some(item.clone()) };
            Some((of.filter(is_plain)?.to_json(), item))
        };
        let items: Vec<(String, D)> = items.into_iter().map(key).all_listed()?;
        let places: Map<String, usize> = items.iter().enumerate().map(|(at, (key, _))| (key.clone(), at)).collect();
        (!by_id || places.len() == items.len()).then_some(Self { by_id, items, places })
    }

    fn get(&self, key: &str) -> Option<&D> {
        self.places.get(key).map(|at| &self.items[*at].1)
    }

    fn counts(&self) -> Map<&str, i32> {
        let mut counts: Map<&str, i32> = Map::new();
        for (key, _) in &self.items {
            *counts.get_or_insert_with(key.as_str(), || 0) += 1;
        }
        counts
    }
}

fn is_plain<D: Document>(value: &D) -> bool {
    !matches!(value.kind(), Kind::Object | Kind::List)
}

/// Plain values: what either side added and removed, on the server's order, what was added here last.
fn by_count<D: Document>(base: &Keyed<D>, local: &Keyed<D>, remote: &Keyed<D>) -> D {
    let (before, here, there) = (base.counts(), local.counts(), remote.counts());
    let count = |counts: &Map<&str, i32>, key: &str| counts.get(key).copied().unwrap_or(0);
    let mut left: Map<&str, i32> = Map::new();
    let mut items = Vec::new();
    for (key, item) in remote.items.iter().chain(&local.items) {
        let (was, ours, theirs) = (count(&before, key), count(&here, key), count(&there, key));
        let wanted = if ours >= was && theirs >= was {
            ours.max(theirs)
        } else if ours <= was && theirs <= was {
            ours.min(theirs)
        } else {
            theirs + ours - was
        };
        let left = left.get_or_insert_with(key, || wanted);
        if *left > 0 {
            *left -= 1;
            items.push(item.clone());
        }
    }
    D::list(items)
}
