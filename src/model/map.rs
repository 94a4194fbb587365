//! Ordered maps and sets as sorted vectors.
//!
//! Small code is the point: a tree costs ten times as many bytes in the module for each pair of types, and the maps
//! here are small, or filled in order, or both. Iteration is in key order, so schedules replay. Not for maps that are
//! large and filled at random.

use core::cmp::Ordering;
use core::ops::Bound;

/// A map with its entries in key order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map<K, V>(Vec<(K, V)>);

/// A set in order.
#[derive(Debug, Clone)]
pub struct Set<K>(Map<K, ()>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> Map<K, V> {
    /// An empty map.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: core::borrow::Borrow<Q>,
    {
        self.0.binary_search_by(|(held, _)| held.borrow().cmp(key))
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: core::borrow::Borrow<Q>,
    {
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: core::borrow::Borrow<Q>,
    {
        self.find(key).ok().map(|at| &mut self.0[at].1)
    }

    /// Whether a key is there.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: core::borrow::Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// Sets the value of a key; gives the one it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => Some(core::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Removes a key; gives its value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: core::borrow::Borrow<Q>,
    {
        self.find(key).ok().map(|at| self.0.remove(at).1)
    }

    /// The value of a key, made if there is none.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let at = match self.find(&key) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, (key, make()));
                at
            }
        };
        &mut self.0[at].1
    }

    /// Entries with keys after the bound.
    pub fn after<'m, Q: Ord + ?Sized>(&'m self, bound: Bound<&Q>) -> &'m [(K, V)]
    where
        K: core::borrow::Borrow<Q>,
    {
        let start = match bound {
            Bound::Unbounded => 0,
            Bound::Included(key) => self.find(key).unwrap_or_else(|at| at),
            Bound::Excluded(key) => self.find(key).map_or_else(|at| at, |at| at + 1),
        };
        &self.0[start..]
    }
}

impl<K, V> Map<K, V> {
    /// Entries in key order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + Clone {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// Keys in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + Clone {
        self.0.iter().map(|(key, _)| key)
    }

    /// Values in key order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.0.iter().map(|(_, value)| value)
    }

    /// Values in key order, to be changed.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// Entries in key order, values to be changed.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// The entries, out of the map.
    pub fn into_entries(self) -> Vec<(K, V)> {
        self.0
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<K> Default for Set<K> {
    fn default() -> Self {
        Self(Map::default())
    }
}

impl<K: Ord> Set<K> {
    /// An empty set.
    pub const fn new() -> Self {
        Self(Map::new())
    }

    /// Adds a key; says whether it was new.
    pub fn insert(&mut self, key: K) -> bool {
        self.0.insert(key, ()).is_none()
    }

    /// Removes a key; says whether it was there.
    pub fn remove(&mut self, key: &K) -> bool {
        self.0.remove(key).is_some()
    }

    /// Whether a key is there.
    pub fn contains(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// The first key.
    pub fn first(&self) -> Option<&K> {
        self.iter().next()
    }
}

impl<K> Set<K> {
    /// Keys in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &K> + Clone {
        self.0.keys()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Ord> Extend<K> for Set<K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        for key in keys {
            self.insert(key);
        }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl<K: Ord> FromIterator<K> for Set<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut set = Self::new();
        set.extend(keys);
        set
    }
}

/// What an iterator gives, in a vector, in its order.
///
/// The library's own `collect` looks ahead, asks for sizes and has a path for each kind of iterator: three times the code
/// at every place that uses it.
pub trait Listed: Iterator + Sized {
    /// All of it.
    fn listed(self) -> Vec<Self::Item> {
        let mut items = Vec::new();
        for item in self {
            keep(&mut items, item);
        }
        items
    }

    /// All of it, when none is missing.
    fn all_listed<T>(self) -> Option<Vec<T>>
    where
        Self: Iterator<Item = Option<T>>,
    {
        let mut items = Vec::new();
        for item in self {
            keep(&mut items, item?);
        }
        Some(items)
    }

    /// All of it, or the first error.
    fn try_listed<T, E>(self) -> Result<Vec<T>, E>
    where
        Self: Iterator<Item = Result<T, E>>,
    {
        let mut items = Vec::new();
        for item in self {
            keep(&mut items, item?);
        }
        Ok(items)
    }
}

impl<I: Iterator> Listed for I {}

/// Not inlined: one way to add an item for each kind of item, not for each kind of iterator.
#[inline(never)]
fn keep<T>(items: &mut Vec<T>, item: T) {
    items.push(item);
}

/// Sorts in place (Shell's method, gaps of Ciura): not stable, a tenth of the code of the library's sorts.
pub fn sort_by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    let length = items.len();
    sort_places(length, &mut |left, right| {
        let wrong = compare(&items[left], &items[right]) == Ordering::Greater;
        if wrong {
            items.swap(left, right);
        }
        wrong
    });
}

/// The same for whatever is sorted: `mend` swaps what stands at two places when their order is wrong, and says so.
fn sort_places(length: usize, mend: &mut dyn FnMut(usize, usize) -> bool) {
    const GAPS: [usize; 14] = [301_051, 133_800, 59_467, 26_430, 11_746, 5_220, 2_321, 1_032, 459, 204, 91, 41, 18, 1];
    for gap in GAPS {
        for start in gap..length {
            let mut at = start;
            while at >= gap && mend(at - gap, at) {
                at -= gap;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn a_map_is_a_tree_map(steps in prop::collection::vec((0u8..30, any::<bool>(), any::<u16>()), 0..200)) {
            let (mut map, mut tree) = (Map::new(), BTreeMap::new());
            for (key, insert, value) in steps {
                if insert {
                    prop_assert_eq!(map.insert(key, value), tree.insert(key, value));
                } else {
                    prop_assert_eq!(map.remove(&key), tree.remove(&key));
                }
            }
            prop_assert!(map.iter().eq(tree.iter()));
            let after: Vec<u8> = map.after(Bound::Excluded(&10)).iter().map(|(key, _)| *key).collect();
            let wanted: Vec<u8> = tree.range((Bound::Excluded(10), Bound::Unbounded)).map(|(key, _)| *key).collect();
            prop_assert_eq!(after, wanted);
        }

        #[test]
        fn sorting_sorts(mut items in prop::collection::vec(any::<u16>(), 0..2_000)) {
            let mut wanted = items.clone();
            wanted.sort_unstable();
            sort_by(&mut items, Ord::cmp);
            prop_assert_eq!(items, wanted);
        }
    }
}
