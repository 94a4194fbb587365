//! What the index of the outbox is made of: changes in the order of their places, and their places by name.
//!
//! A hundred thousand changes must cost each other nothing. New ones come at the end of a line, and where one goes a gap
//! stays until there are as many gaps as changes. Names come in any order: they stand on shelves, each a short sorted
//! list. Nothing is decided by a name: whoever looks one up compares what it stands for.

use super::Entry;
use crate::model::{Map, Seq, Time};
use std::ops::Bound;
use std::rc::Rc;

/// Gaps that are not worth closing.
const FEW: usize = 64;

/// Changes in the order of their places.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    /// Places, when their changes were made, and these; a gap where one went.
    rows: Vec<(Seq, Time, Option<Rc<Entry>>)>,
    /// Before this one there are gaps only.
    first: usize,
    count: usize,
    disorder: bool,
}

impl Line {
    fn find(&self, seq: Seq) -> Result<usize, usize> {
        self.rows.binary_search_by(|row| row.0.cmp(&seq))
    }

    /// The change at a place.
    pub(super) fn get(&self, seq: Seq) -> Option<&Rc<Entry>> {
        self.rows[self.find(seq).ok()?].2.as_ref()
    }

    /// Puts a change at its place, instead of the one there.
    pub(super) fn insert(&mut self, entry: Rc<Entry>) {
        let gap = |at: &usize| self.rows.get(*at).is_some_and(|row| row.2.is_none());
        let at = match self.find(entry.seq) {
            Ok(at) => at,
            Err(at) => at.checked_sub(1).filter(gap).unwrap_or_else(|| {
                self.rows.insert(at, (0, 0, None));
                at
            }),
        };
        let made = entry.created_at;
        let made_at = |at: usize| self.rows.get(at).map(|row| row.1);
        self.disorder |= made_at(at.wrapping_sub(1)) > Some(made) || made_at(at + 1).is_some_and(|next| next < made);
        self.first = self.first.min(at);
        let old = std::mem::replace(&mut self.rows[at], (entry.seq, made, Some(entry)));
        self.count += usize::from(old.2.is_none());
    }

    /// Takes the change at a place out.
    pub(super) fn remove(&mut self, seq: Seq) -> Option<Rc<Entry>> {
        let at = self.find(seq).ok()?;
        let entry = self.rows[at].2.take()?;
        self.count -= 1;
        while self.rows.get(self.first).is_some_and(|row| row.2.is_none()) {
            self.first += 1;
        }
        if self.count == 0 || self.rows.len() > 2 * self.count + FEW {
            self.rows.retain(|row| row.2.is_some());
            self.first = 0;
            self.disorder &= self.count > 0;
        }
        Some(entry)
    }

    /// Puts a change in, or takes it out.
    pub(super) fn set(&mut self, entry: &Rc<Entry>, stands: bool) {
        if stands {
            self.insert(entry.clone());
        } else {
            self.remove(entry.seq);
        }
    }

    /// Changes in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.rows[self.first..].iter().filter_map(|row| row.2.as_deref())
    }

    /// Whether no change is older than one before it.
    pub(super) fn is_by_age(&self) -> bool {
        !self.disorder
    }

    /// How many changes there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }
}

/// Shelves at most.
const SHELVES: u32 = 1_024;

/// Places by the names of what stands there, on shelves by a part of the name.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(Map<u16, Map<(u32, Seq), ()>>);

impl Names {
    /// Puts a place under a name, or takes it from there.
    pub(super) fn set(&mut self, name: u32, seq: Seq, stands: bool) {
        let shelf = self.0.get_or_insert_with((name % SHELVES) as u16, Map::new);
        if stands {
            shelf.insert((name, seq), ());
        } else {
            shelf.remove(&(name, seq));
        }
    }

    /// The places under a name, in order.
    pub(super) fn of(&self, name: u32) -> impl Iterator<Item = Seq> + '_ {
        let shelf =
            self.0.get(&((name % SHELVES) as u16)).map_or(&[][..], |shelf| shelf.after(Bound::Included(&(name, 0))));
        shelf.iter().map(|(held, ())| *held).take_while(move |held| held.0 == name).map(|held| held.1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::entry;
    use super::*;

    fn line(made: &[(Seq, Time)]) -> Line {
        let mut line = Line::default();
        for (seq, created_at) in made {
            line.insert(Rc::new(Entry { created_at: *created_at, ..entry(*seq, "a") }));
        }
        line
    }

    fn seqs(line: &Line) -> Vec<Seq> {
        line.iter().map(|entry| entry.seq).collect()
    }

    #[test]
    fn gaps_stay_until_there_are_more_of_them_than_changes_and_some() {
        let count = 2 * FEW;
        let mut line = line(&(1..=count as u64).map(|seq| (seq, 0)).collect::<Vec<_>>());
        for seq in 1..=FEW as u64 {
            line.remove(seq);
            assert_eq!(line.rows.len(), count, "a removal moves nothing");
        }
        assert_eq!((line.len(), line.first), (FEW, FEW), "the gaps at the beginning are not walked over");
        (FEW as u64 + 1..=FEW as u64 + 32).for_each(|seq| drop(line.remove(seq)));
        assert_eq!((line.rows.len(), line.len()), (count, 32), "twice as many and some: not yet");
        line.remove(FEW as u64 + 33);
        assert_eq!((line.rows.len(), line.len(), line.first), (31, 31, 0), "closed");
        assert_eq!(seqs(&line), (FEW as u64 + 34..=count as u64).collect::<Vec<_>>());
    }

    #[test]
    fn a_new_change_takes_the_gap_before_it() {
        let mut line = line(&[(1, 0), (3, 0), (5, 0)]);
        line.remove(3);
        line.insert(Rc::new(entry(4, "a")));
        assert_eq!((line.rows.len(), seqs(&line)), (3, vec![1, 4, 5]));
        line.insert(Rc::new(entry(2, "a")));
        assert_eq!((line.rows.len(), seqs(&line)), (4, vec![1, 2, 4, 5]));
        line.insert(Rc::new(entry(2, "b")));
        assert_eq!((line.rows.len(), line.len()), (4, 4), "one at its own place replaces it");
        line.remove(1);
        line.insert(Rc::new(entry(1, "a")));
        assert_eq!(seqs(&line), [1, 2, 4, 5], "also before all others");
        assert!(line.remove(9).is_none() && line.get(3).is_none() && line.get(4).is_some());
    }

    #[test]
    fn a_line_knows_whether_its_changes_stand_by_age() {
        assert!(line(&[(1, 10), (2, 10), (3, 20)]).is_by_age(), "at one time is in order");
        assert!(line(&[(3, 20), (1, 10), (2, 15)]).is_by_age(), "whatever came first");
        assert!(!line(&[(1, 10), (2, 9)]).is_by_age());
        assert!(!line(&[(2, 9), (1, 10)]).is_by_age(), "an older one behind the new one");
        let mut mixed = line(&[(1, 10), (2, 9)]);
        mixed.remove(2);
        assert!(!mixed.is_by_age(), "it is not looked for again");
        mixed.remove(1);
        mixed.insert(Rc::new(entry(3, "a")));
        assert!(mixed.is_by_age(), "an empty line begins anew");
    }

    #[test]
    fn names_keep_their_places_in_order_and_apart() {
        let mut names = Names::default();
        let same_shelf = 7 + SHELVES;
        for (name, seq) in [(7, 5), (same_shelf, 4), (7, 2), (8, 3)] {
            names.set(name, seq, true);
        }
        assert_eq!(names.of(7).collect::<Vec<_>>(), [2, 5]);
        assert_eq!(names.of(same_shelf).collect::<Vec<_>>(), [4]);
        names.set(7, 2, false);
        assert_eq!((names.of(7).collect::<Vec<_>>(), names.of(9).count()), (vec![5], 0));
        assert_eq!(names.0.len(), 2, "two shelves for three names");
    }
}
