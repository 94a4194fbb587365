//! Brings matching rows into the order asked for, with no more of them in memory than the answer needs.
//!
//! The memory disk is queried by a straight scan: it is small, and it must be obviously right.

use super::key::{compare_text, Key};
use super::{IndexDef, Query};
use crate::engine::disk::Disk;
use crate::model::{sort_by, Code, Document, Failure, Listed, Row};
use core::cmp::Ordering;

/// How many rows an answer without a limit may have.
pub const MAX_ROWS: usize = 10_000;

/// Where a row stands in the order of a query.
#[derive(Debug)]
pub struct Place {
    keys: Vec<Option<Key>>,
    id: String,
}

impl Place {
    /// The place of a document.
    pub fn of<D: Document>(query: &Query, id: String, doc: &D) -> Self {
        let key = |path: &String| Key::of(&doc.at_path(path)?);
        Self { keys: query.order_by.iter().map(key).listed(), id }
    }

    /// Order for a direction; what has no key comes last in both.
    fn compare(&self, other: &Self, descending: bool) -> Ordering {
        let turn = |order: Ordering| if descending { order.reverse() } else { order };
        let key = |(left, right): (&Option<Key>, &Option<Key>)| match (left, right) {
            (Some(left), Some(right)) => turn(left.cmp(right)),
            (left, right) => left.is_none().cmp(&right.is_none()),
        };
        let keys = self.keys.iter().zip(&other.keys).map(key).find(|order| order.is_ne());
        keys.unwrap_or_else(|| turn(compare_text(&self.id, &other.id)))
    }
}

/// Rows of an answer that come in any order.
#[derive(Debug)]
pub struct Gather<T> {
    limit: Option<usize>,
    descending: bool,
    rows: Vec<(Place, T)>,
}

impl<T> Gather<T> {
    /// An empty answer.
    pub fn new(query: &Query) -> Self {
        Self { limit: query.limit, descending: query.descending, rows: Vec::new() }
    }

    /// Adds a matching row; without a limit there may be no more than [`MAX_ROWS`].
    pub fn push(&mut self, place: Place, item: T) -> Result<(), Failure> {
        self.rows.push((place, item));
        match self.limit {
            None if self.rows.len() > MAX_ROWS => Err(too_large()),
            Some(limit) if self.rows.len() >= limit.saturating_mul(2).max(1_000) => {
                self.sort();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The rows in order, as many as asked for.
    pub fn finish(mut self) -> Vec<T> {
        self.sort();
        self.rows.into_iter().map(|(_, item)| item).listed()
    }

    fn sort(&mut self) {
        let descending = self.descending;
        sort_by(&mut self.rows, |left, right| left.0.compare(&right.0, descending));
        // The same row twice (two items of one array) stands side by side now.
        self.rows.dedup_by(|left, right| left.0.id == right.0.id);
        self.rows.truncate(self.limit.unwrap_or(usize::MAX));
    }
}

/// The failure for an answer that is too long to be given without a limit.
pub fn too_large() -> Failure {
    Failure::new(Code::QueryTooLarge, "more than 10 000 rows match: give a limit, or read in pages")
}

/// A query on the memory disk.
pub fn disk_query<'d, D: Document>(
    disk: &'d Disk<D>,
    collection: &str,
    query: &Query,
    indexes: &[IndexDef],
) -> Result<Vec<&'d Row<D>>, Failure> {
    disk_select(disk, collection, &query.clone().for_indexes(indexes))
}

/// The same for a query that knows the collection's indexes.
pub fn disk_select<'d, D: Document>(
    disk: &'d Disk<D>,
    collection: &str,
    query: &Query,
) -> Result<Vec<&'d Row<D>>, Failure> {
    let mut gather = Gather::new(query);
    for row in disk.main_rows(collection) {
        if let Some(doc) = row.doc.as_ref().filter(|doc| query.matches(*doc)) {
            gather.push(Place::of(query, (*row.id).into(), doc), row)?;
        }
    }
    Ok(gather.finish())
}

/// How many documents of the memory disk meet the conditions; order and limit play no part.
pub fn disk_count<D: Document>(disk: &Disk<D>, collection: &str, query: &Query, indexes: &[IndexDef]) -> usize {
    let query = &query.clone().for_indexes(indexes);
    let matches = |row: &&Row<D>| row.doc.as_ref().is_some_and(|doc| query.matches(doc));
    disk.main_rows(collection).filter(matches).count()
}
